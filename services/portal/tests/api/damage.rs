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

#[tokio::test(flavor = "multi_thread")]
async fn of_a_log_that_cannot_be_believed_nothing_is_shown() {
    let app = App::with_cast().await;
    app.accept(User::Socios, "publish-offer", listing(OFFER, "Training in diagnosis")).await;
    app.settle().await;
    app.in_doubt.store(true, std::sync::atomic::Ordering::Relaxed);
    let record = format!("/api/v1/offers/{}", uuid(OFFER));
    for path in [
        &*record,
        "/api/v1/offers",
        "/api/v1/events",
        "/api/v1/export/offers",
        "/api/v1/activity",
        "/es/offers",
        "/en/",
    ] {
        for user in [User::Anonymous, User::Socios, User::Operator] {
            assert_eq!(app.get(user, path).await.said(), "503 not-ready", "{path}");
        }
    }
    let command = app.command(User::Socios, "pause-offer", serde_json::json!({"id": uuid(OFFER)})).await;
    assert_eq!(command.said(), "503 not-ready");
    for path in ["/healthz", "/metrics", "/api/v1/codes", "/docs"] {
        assert_eq!(app.get(User::Anonymous, path).await.said(), "200", "{path}");
    }
    assert_eq!(app.get(User::Anonymous, "/api/v1/status").await.status, StatusCode::OK);
}
