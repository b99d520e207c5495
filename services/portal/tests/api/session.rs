//! Nobody is shown less than before: pages carry what their visitor has seen.

use crate::{
    app::{App, User, listing, request},
    reads::shell_on,
};
use axum::{
    body::Body,
    http::{Method, StatusCode},
};
use std::time::Duration;

fn page(cookie: &str) -> axum::http::Request<Body> {
    request(Method::GET, "/en/", User::Anonymous, &[("cookie", cookie)], Body::empty())
}

/// Name and value of the cookie that an answer sets.
fn cookie(answer: &crate::app::Answer) -> String {
    answer.header("set-cookie").split(';').next().unwrap_or_default().to_owned()
}

#[tokio::test(flavor = "multi_thread")]
async fn a_page_waits_for_what_its_visitor_was_shown_before() {
    let app = App::with_cast().await;
    let first = app.send(page("")).await;
    let seen = cookie(&first);
    assert!(seen.starts_with("convenio-seen=") && seen.ends_with(&format!(".{}", app.head())), "{seen}");
    assert_eq!(cookie(&app.send(page(&seen)).await), "", "it is set where there is more to see");
    // The board stands, and another page has shown the offer already.
    let shell = shell_on(&app, "board");
    app.accept(User::Socios, "publish-offer", listing(1, "Seen before")).await;
    let (before, _) = seen.rsplit_once('.').expect("a dot");
    let later = format!("{before}.{}", app.head());
    let release = async {
        tokio::time::sleep(Duration::from_millis(300)).await;
        drop(shell);
    };
    let (answer, ()) = tokio::join!(app.send(page(&format!("other=1; {later}"))), release);
    assert!(answer.body.contains("Seen before"), "{}", answer.body);
}

#[tokio::test(flavor = "multi_thread")]
async fn what_will_never_come_is_waited_for_once_and_other_ledgers_are_not() {
    let app = App::new().await;
    let first = app.send(page("")).await;
    let (ledger, _) =
        cookie(&first).rsplit_once('.').map(|(ledger, at)| (ledger.to_owned(), at.to_owned())).expect("a dot");
    let late = app.send(page(&format!("{ledger}.999"))).await;
    assert_eq!(late.status, StatusCode::GATEWAY_TIMEOUT);
    assert!(
        late.header("set-cookie").starts_with("convenio-seen=; ") && late.header("set-cookie").contains("Max-Age=0")
    );
    for strange in ["convenio-seen=1f0e.999", "convenio-seen=", "convenio-seen=.", "convenio-seen"] {
        assert_eq!(app.send(page(strange)).await.status, StatusCode::OK, "{strange}");
    }
}
