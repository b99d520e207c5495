//! Files of views that somebody writes nonsense into while they are read: it is never shown, and soon gone.

use crate::{
    app::{App, DEADLINE, User, listing, uuid},
    reads::shell_on,
};
use axum::http::StatusCode;

const OFFER: u128 = 0x0ff;

#[tokio::test(flavor = "multi_thread")]
async fn a_view_in_which_nonsense_is_read_is_made_anew() {
    let app = App::with_cast().await;
    app.accept(User::Socios, "publish-offer", listing(OFFER, "Training in diagnosis")).await;
    app.settle().await;
    let path = format!("/api/v1/offers/{}", uuid(OFFER));
    let before = app.get(User::Socios, &path).await;
    let shell = shell_on(&app, "board");
    shell
        .execute_batch("UPDATE document SET shown = 'nonsense', full = 'nonsense'; COMMIT")
        .expect("anybody can write it");
    drop(shell);
    for path in [&*path, "/api/v1/offers", "/en/offers"] {
        assert_eq!(app.get(User::Socios, path).await.status, StatusCode::SERVICE_UNAVAILABLE, "{path}");
    }
    let deadline = std::time::Instant::now() + DEADLINE;
    loop {
        let now = app.get(User::Socios, &path).await;
        if now.status == StatusCode::OK {
            assert_eq!(now.body, before.body);
            break;
        }
        assert_eq!(now.said(), "503 not-ready");
        assert!(std::time::Instant::now() < deadline, "it is made anew");
        tokio::time::sleep(std::time::Duration::from_millis(20)).await;
    }
}
