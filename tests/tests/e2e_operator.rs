//! What an operator does at the machine for a ledger that nobody can reach any more: without a node, under the data lock, and
//! for everybody to see afterwards.

use convenio_tests::{
    Audit, Ledger, Server, User, folder,
    server::{self, Start, convenio},
    users::listing,
};
use serde_json::Value;
use std::{path::Path, process::Output};
use uuid::Uuid;

/// Runs a verb on a data directory.
fn at_the_machine(data: &Path, words: &[&str]) -> Output {
    server::run(words.iter().copied().chain(["--data", data.to_str().expect("plain")]))
}

#[track_caller]
fn succeeded(output: &Output) -> String {
    assert_eq!(output.status.code(), Some(0), "{}", String::from_utf8_lossy(&output.stderr));
    String::from_utf8(output.stdout.clone()).expect("it prints UTF-8")
}

#[track_caller]
fn failed(output: &Output, saying: &str) {
    let said = String::from_utf8_lossy(&output.stderr);
    assert_eq!(output.status.code(), Some(1), "{said}");
    assert!(said.contains(saying), "{said}");
}

const REGISTER: [&str; 11] = [
    "grant",
    "--register",
    "Ministerio de Salud",
    "--language",
    "es",
    "--kind",
    "ministry",
    "--role",
    "admin",
    "--place",
    "PE",
];

/// A ledger that was opened two years ago, in which nothing was done since.
fn forgotten(data: &Path) -> String {
    let clock = data.with_extension("clock");
    std::fs::write(&clock, "2024-01-01T12:00:00Z").expect("written");
    let start = Start::on(data).with("--purpose").with("test");
    let server = start.variable("CONVENIO_CLOCK", &format!("file:{}", clock.display())).run().expect("it starts");
    let token = server.admin_token();
    assert!(server.stop().success());
    token
}

#[tokio::test(flavor = "multi_thread")]
async fn a_ledger_without_any_admin_is_opened_again_at_the_machine() {
    let folder = folder();
    let data = folder.path().join("data");
    let first_token = forgotten(&data);

    // The first token is over, nobody else has one, and the clock is not believed.
    let server = Server::start(&data);
    let status = User::anonymous(&server).get("/api/v1/status").await.accepted();
    assert_eq!(status["clock_jumped"], true);
    let told = succeeded(&server::run(["clock", "--node", &server.url]));
    assert!(told.contains("refused until it is confirmed"), "{told}");
    let first = User::with_token(&server, &first_token);
    assert!(!first.send("confirm-clock", &serde_json::json!({})).await.status.is_success());
    // Not while a node runs on the data.
    assert_eq!(at_the_machine(&data, &["clock", "--confirm"]).status.code(), Some(1));
    assert!(server.stop().success());

    failed(&at_the_machine(&data, &REGISTER), "clock-jumped");
    failed(&at_the_machine(&data, &["clock"]), "--confirm");
    assert!(succeeded(&at_the_machine(&data, &["clock", "--confirm"])).starts_with("The clock is confirmed"));
    let mut nonsense = REGISTER;
    nonsense[6] = "nonsense";
    failed(&at_the_machine(&data, &nonsense), "profile.kind");
    let mut with_json = REGISTER.to_vec();
    with_json.push("--json");
    let answer: Value = serde_json::from_str(&succeeded(&at_the_machine(&data, &with_json))).expect("JSON");
    let organisation = answer["organisation"].as_str().expect("says whom it registered").to_owned();

    let server = Server::start(&data);
    let admin = User::with_token(&server, answer["token"].as_str().expect("it is shown once"));
    let status = admin.get("/api/v1/status").await.accepted();
    assert_eq!(status["clock_jumped"], false);
    admin.send("publish-offer", &listing(Uuid::new_v4(), "Oferta")).await.accepted();
    let read =
        User::anonymous(&server).get(&format!("/api/v1/organisations/{organisation}?wait_for=4")).await.accepted();
    assert_eq!(read["text"]["name"]["texts"]["es"], "Ministerio de Salud");

    // Whoever may read the trail sees who did it: the operator, under no grant.
    let trail = admin.get("/api/v1/audit?limit=100&wait_for=5").await.accepted();
    let told: Vec<String> = trail["items"]
        .as_array()
        .expect("items")
        .iter()
        .filter(|event| event["actor"] == "system/operator" && event["grant"].is_null())
        .map(|event| event["type"].as_str().expect("a type").to_owned())
        .collect();
    for kind in ["ledger.clock-confirmed", "organisation.registered", "access.granted"] {
        assert!(told.iter().any(|name| name == &format!("org.convenio.{kind}.v1")), "{kind}: {told:?} {trail}");
    }
    assert!(server.stop().success());
    let by_operator = |event: &&convenio_tests::audit::Stored| event.record["actor"] == "system/operator";
    assert_eq!(Audit::of(&data).events.iter().filter(by_operator).count(), 5, "the opening, its grant, and these");
}

#[tokio::test(flavor = "multi_thread")]
async fn an_admin_confirms_the_clock_of_a_running_node() {
    let folder = folder();
    let ledger = Ledger::new(Server::start(&folder.path().join("data")));
    let institute = ledger.organisation("Instituto", "PE").await;
    let clock = |user: &User, words: &[&str]| {
        let mut command = convenio(["clock", "--node", &ledger.server.url]);
        command.args(words).env("CONVENIO_TOKEN", user.token.as_deref().unwrap_or_default());
        command.output().expect("it runs")
    };
    assert_eq!(succeeded(&clock(&institute, &[])), "The ledger believes its clock.\n");
    let said: Value = serde_json::from_str(&succeeded(&clock(&institute, &["--json"]))).expect("JSON");
    assert_eq!(said, serde_json::json!({"clock_jumped": false, "timers_held": false}));
    failed(&clock(&institute, &["--confirm"]), "role-required");
    assert!(succeeded(&clock(&ledger.admin, &["--confirm"])).starts_with("The clock is confirmed (event "));
    let wrong = server::run(["grant", "--register", "Instituto", "--kind", "ngo", "--role", "admin"]);
    assert_eq!(wrong.status.code(), Some(2), "only at the machine");
}

#[tokio::test(flavor = "multi_thread")]
async fn whoever_opens_a_ledger_is_told_what_comes_next() {
    let folder = folder();
    let data = folder.path().join("data");
    let server = Server::start(&data);
    assert!(server.wait_for_line("/docs has every command"), "{:?}", server.printed());
    let printed = server.printed();
    let line = |part: &str| printed.iter().find(|line| line.contains(part)).expect("it was printed").clone();
    // What is told can be done as it is told.
    let command = line("convenio record FILE --node ");
    let words: Vec<&str> = command.split_whitespace().skip(1).collect();
    let file = folder.path().join("first.ndjson");
    std::fs::write(&file, line("A line of FILE is ").replace("A line of FILE is ", "")).expect("written");
    let file = file.to_str().expect("plain");
    let words = words.into_iter().map(|word| if word == "FILE" { file } else { word });
    assert!(succeeded(&server::run(words)).starts_with("1: recorded: organisation/"));
    assert!(server.stop().success());
    // Nobody is told so again.
    let server = Server::start(&data);
    assert!(!server.printed().iter().any(|line| line.contains("Nothing is recorded yet")));
    assert!(server.stop().success());
}
