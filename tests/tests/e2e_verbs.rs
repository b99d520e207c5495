//! The verbs of the real program, as scripts use them: what they print, how they exit, and that running them again is safe.

use convenio_tests::{
    Audit, Ledger, Server, User,
    audit::views_agree_with_a_fresh_rebuild,
    folder,
    server::{self, Start, convenio},
    users::listing,
};
use serde_json::{Value, json};
use std::{
    io::{BufRead as _, BufReader, Write as _},
    path::{Path, PathBuf},
    process::{Output, Stdio},
    sync::mpsc::{Receiver, channel},
    time::Duration,
};
use uuid::Uuid;

/// How long a verb may take to print the next line.
const PATIENCE: Duration = Duration::from_secs(60);

/// Runs a verb against a node, as somebody.
fn verb(user: &User, node: &Server, words: &[&str]) -> Output {
    let mut command = convenio(words);
    command.args(["--node", &node.url]).env("CONVENIO_TOKEN", user.token.as_deref().unwrap_or_default());
    command.stdin(Stdio::null()).output().expect("the program can be run")
}

fn printed(output: &Output) -> String {
    String::from_utf8(output.stdout.clone()).expect("it prints UTF-8")
}

#[track_caller]
fn succeeded(output: &Output) -> String {
    assert_eq!(output.status.code(), Some(0), "{}", String::from_utf8_lossy(&output.stderr));
    printed(output)
}

fn write(folder: &Path, name: &str, lines: &[Value]) -> PathBuf {
    let path = folder.join(name);
    let text: String = lines.iter().map(|line| format!("{line}\n")).collect();
    std::fs::write(&path, text).expect("written");
    path
}

fn offer(title: &str) -> Value {
    let mut data = listing(Uuid::nil(), title);
    data.as_object_mut().expect("an object").remove("id");
    json!({"command": "publish-offer", "data": data})
}

#[tokio::test(flavor = "multi_thread")]
async fn recording_a_file_again_records_nothing_again() {
    let folder = folder();
    let ledger = Ledger::new(Server::start(&folder.path().join("data")));
    let institute = ledger.organisation("Instituto", "PE").await;
    // Two equal lines are two offers.
    let file = write(folder.path(), "commands.ndjson", &[offer("Una"), offer("Otra"), offer("Una")]);
    let words = ["record", file.to_str().expect("plain"), "--json"];
    let first = succeeded(&verb(&institute, &ledger.server, &words));
    let results: Vec<Value> = first.lines().map(|line| serde_json::from_str(line).expect("NDJSON")).collect();
    assert_eq!(results.iter().map(|result| result["status"].as_u64()).collect::<Vec<_>>(), [Some(201); 3]);
    let again = succeeded(&verb(&institute, &ledger.server, &words));
    let replays: Vec<Value> = again.lines().map(|line| serde_json::from_str(line).expect("NDJSON")).collect();
    for (first, replay) in results.iter().zip(&replays) {
        assert_eq!((&replay["status"], &replay["events"]), (&json!(200), &first["events"]));
    }
    let list = institute.get("/api/v1/offers?wait_for=0").await.accepted();
    assert_eq!(list["items"].as_array().map(Vec::len), Some(3));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_refused_line_is_told_with_its_number_and_the_exit_code() {
    let folder = folder();
    let ledger = Ledger::new(Server::start(&folder.path().join("data")));
    let institute = ledger.organisation("Instituto", "PE").await;
    let mut bad = offer("Sin tema");
    bad["data"]["terms"]["themes"] = json!([]);
    let lines = [offer("Una"), bad, offer("Otra"), json!({"command": "publish-\u{9b}31m", "data": {}})];
    let file = write(folder.path(), "commands.ndjson", &lines);
    let output = verb(&institute, &ledger.server, &["record", file.to_str().expect("plain")]);
    assert_eq!(output.status.code(), Some(1));
    let text = printed(&output);
    let told: Vec<_> = text.lines().collect();
    assert_eq!(told.len(), 4, "{text}");
    assert!(told[0].starts_with("1: recorded: offer/") && told[2].starts_with("3: recorded: offer/"), "{text}");
    assert!(told[1].starts_with("2: refused: 422 theme-required: terms.themes:"), "{text}");
    assert!(!text.chars().any(|c| c.is_control() && c != '\n'), "nothing reaches a terminal: {text:?}");
    let nobody = User::anonymous(&ledger.server);
    let output = verb(&nobody, &ledger.server, &["record", file.to_str().expect("plain")]);
    assert_eq!(output.status.code(), Some(1));
    assert!(String::from_utf8_lossy(&output.stderr).contains("--token-file"));
    let wrong = server::run(["record"]);
    assert_eq!(wrong.status.code(), Some(2), "wrong usage");
}

#[tokio::test(flavor = "multi_thread")]
async fn lines_that_come_through_a_pipe_are_recorded_as_they_come() {
    let folder = folder();
    let ledger = Ledger::new(Server::start(&folder.path().join("data")));
    let institute = ledger.organisation("Instituto", "PE").await;
    let mut command = convenio(["record", "-", "--node", &ledger.server.url]);
    command.env("CONVENIO_TOKEN", institute.token.as_deref().expect("a token"));
    let mut child = command.stdin(Stdio::piped()).stdout(Stdio::piped()).spawn().expect("it runs");
    let mut input = child.stdin.take().expect("piped");
    let lines = lines(child.stdout.take().expect("piped"));
    for number in 1..=3 {
        writeln!(input, "{}", offer("Una")).expect("it reads");
        let told = lines.recv_timeout(PATIENCE).expect("a result before the end of the input");
        assert!(told.starts_with(&format!("{number}: recorded")), "{told}");
    }
    drop(input);
    assert!(child.wait().expect("it ends").success());
}

fn lines(output: impl std::io::Read + Send + 'static) -> Receiver<String> {
    let (sender, receiver) = channel();
    std::thread::spawn(move || {
        for line in BufReader::new(output).lines().map_while(Result::ok) {
            if sender.send(line).is_err() {
                break;
            }
        }
    });
    receiver
}

#[tokio::test(flavor = "multi_thread")]
async fn a_follower_goes_on_over_a_restart_and_prints_each_event_once() {
    let folder = folder();
    let data = folder.path().join("data");
    let ledger = Ledger::new(Server::start(&data));
    let institute = ledger.organisation("Instituto", "PE").await;
    let (url, address) = (ledger.server.url.clone(), ledger.server.url.replace("http://", ""));
    let words = ["events", "--follow", "--from", "1", "--node", &url];
    let mut child = convenio(words).stdin(Stdio::null()).stdout(Stdio::piped()).spawn().expect("it runs");
    let printed = lines(child.stdout.take().expect("piped"));
    let first: Value = serde_json::from_str(&printed.recv_timeout(PATIENCE).expect("it is there")).expect("JSON");
    assert_eq!(first["ledgersequence"], "1");
    let mut server = ledger.server;
    for _ in 0..3 {
        let user = institute.at(&server);
        for _ in 0..20 {
            user.send("publish-offer", &listing(Uuid::new_v4(), "Oferta")).await.accepted();
        }
        server.kill();
        server = Start::on(&data).with("--listen").with(&address).run().expect("the address is free again");
    }
    let head = institute.at(&server).get("/api/v1/status").await.accepted()["head_sequence"].as_u64().expect("a head");
    for expected in 2..=head {
        let line = printed.recv_timeout(PATIENCE).expect("the next event");
        let event: Value = serde_json::from_str(&line).expect("an event is JSON");
        assert_eq!(event["ledgersequence"], expected.to_string());
    }
    child.kill().expect("it runs until it is stopped");
    child.wait().expect("it ends");
    let words = ["events", "--type", "org.convenio.offer.published.v1"];
    let filtered = succeeded(&verb(&User::anonymous(&server), &server, &words));
    assert_eq!(filtered.lines().count(), 60);
    let subject =
        serde_json::from_str::<Value>(filtered.lines().next().expect("a line")).expect("JSON")["subject"].clone();
    let words = ["events", "--subject", subject.as_str().expect("a subject")];
    assert_eq!(succeeded(&verb(&User::anonymous(&server), &server, &words)).lines().count(), 1);
    let all = succeeded(&verb(&User::anonymous(&server), &server, &["events", "--from", "0"]));
    assert_eq!(all.lines().count() as u64, head + 1);
}

#[tokio::test(flavor = "multi_thread")]
async fn grants_are_given_listed_and_revoked_and_an_operator_without_a_token_gets_one() {
    let folder = folder();
    let data = folder.path().join("data");
    let ledger = Ledger::new(Server::start(&data));
    let institute = ledger.organisation("Instituto", "PE").await;
    let organisation = institute.organisation.to_string();
    let file = folder.path().join("token");
    let words = ["grant", "--organisation", &organisation, "--role", "recorder", "--office", "Registro", "--json"];
    let mut given = words.to_vec();
    given.extend(["--write-token", file.to_str().expect("plain")]);
    // A try that is refused is in the way of no other.
    assert_eq!(verb(&institute, &ledger.server, &given).status.code(), Some(1));
    let answer: Value = serde_json::from_str(&succeeded(&verb(&ledger.admin, &ledger.server, &given))).expect("JSON");
    assert!(answer.get("token").is_none(), "the token is in the file only");
    let token = std::fs::read_to_string(&file).expect("the token's file");
    let recorder = User::with_token(&ledger.server, token.trim());
    recorder.send("publish-offer", &listing(Uuid::new_v4(), "Oferta")).await.accepted();
    let grant = answer["subject"].as_str().and_then(|subject| subject.split_once('/')).expect("a grant").1;
    // Lists come from views, which follow.
    ledger.admin.get(&format!("/api/v1/grants?wait_for={}", answer["sequence"])).await.accepted();
    let listed = succeeded(&verb(&ledger.admin, &ledger.server, &["grants"]));
    assert!(
        listed.lines().any(|line| line.starts_with(grant) && line.contains("recorder") && line.contains("Registro")),
        "{listed}"
    );
    succeeded(&verb(&ledger.admin, &ledger.server, &["revoke", grant, "--reason", "Se cerró"]));
    recorder.send("publish-offer", &listing(Uuid::new_v4(), "Oferta")).await.refused(401, "token-invalid");
    let refused = verb(&institute, &ledger.server, &words);
    assert_eq!(refused.status.code(), Some(1));
    assert!(String::from_utf8_lossy(&refused.stderr).contains("role-required"));

    // At the machine, while no node runs.
    assert!(ledger.server.stop().success());
    let offline = ["grant", "--organisation", &organisation, "--role", "admin", "--json", "--data"];
    let output = server::run(offline.iter().copied().chain([data.to_str().expect("plain")]));
    let answer: Value = serde_json::from_str(&succeeded(&output)).expect("JSON");
    let nowhere = folder.path().join("nowhere");
    let output = server::run(offline.iter().copied().chain([nowhere.to_str().expect("plain")]));
    assert_eq!(output.status.code(), Some(1));
    assert!(!nowhere.exists(), "a wrong name opens no ledger");
    let server = Server::start(&data);
    let admin = User::with_token(&server, answer["token"].as_str().expect("it is shown once"));
    admin.send("publish-offer", &listing(Uuid::new_v4(), "Oferta")).await.accepted();
    assert!(server.stop().success());
    let audit = Audit::of(&data);
    let by_operator = audit
        .events
        .iter()
        .filter(|event| event.record["actor"] == "system/operator" && event.record["grant"].is_null());
    let subjects: Vec<_> = by_operator.map(|event| event.record["subject"].clone()).collect();
    assert!(subjects.contains(&answer["subject"]), "{subjects:?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn views_are_rebuilt_beside_the_live_ones_by_an_admin() {
    let folder = folder();
    let data = folder.path().join("data");
    let ledger = Ledger::new(Start::on(&data).with("--sample").run().expect("it starts"));
    assert!(ledger.server.wait_for_line("The sample is recorded"));
    let head = ledger.admin.get("/api/v1/status").await.accepted()["head_sequence"].clone();
    let whole = format!("/api/v1/offers?limit=200&wait_for={head}");
    let board = || ledger.admin.get(&whole);
    let before = board().await.accepted();
    let output = verb(&ledger.admin, &ledger.server, &["rebuild", "--json"]);
    let ended: Vec<Value> = serde_json::from_str(&succeeded(&output)).expect("JSON");
    assert_eq!(ended.len(), 8);
    assert!(ended.iter().all(|end| end["state"] == "done"), "{ended:?}");
    assert_eq!(board().await.accepted()["items"], before["items"]);
    let output = verb(&ledger.admin, &ledger.server, &["rebuild", "board"]);
    assert!(succeeded(&output).starts_with("board: rebuilt from"));
    let output = verb(&ledger.admin, &ledger.server, &["rebuild", "nonsense"]);
    assert_eq!(output.status.code(), Some(1));
    let output = verb(&User::anonymous(&ledger.server), &ledger.server, &["rebuild", "board"]);
    assert_eq!(output.status.code(), Some(1));
    let status = succeeded(&verb(&User::anonymous(&ledger.server), &ledger.server, &["status"]));
    assert!(status.contains("writer") && status.contains("root") && status.contains("board"), "{status}");
    assert!(ledger.server.stop().success());
    views_agree_with_a_fresh_rebuild(&data).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn the_doctor_looks_beside_a_running_node_and_says_what_to_do() {
    use std::os::unix::fs::PermissionsExt as _;
    let folder = folder();
    let data = folder.path().join("data");
    let server = Server::start(&data);
    let words = ["doctor", "--listen", "127.0.0.1:0", "--json", "--data", data.to_str().expect("plain")];
    let findings: Vec<Value> = serde_json::from_str(&succeeded(&server::run(words))).expect("JSON");
    assert!(
        findings.iter().any(|finding| finding["check"] == "journal-pages" && finding["level"] == "ok"),
        "{findings:?}"
    );
    std::fs::set_permissions(server.identity().join("key"), std::fs::Permissions::from_mode(0o644)).expect("set");
    let output = convenio(words).env("CONVENIO_CLOCK", "file:/nowhere").output().expect("it runs");
    assert_eq!(output.status.code(), Some(1));
    let findings: Vec<Value> = serde_json::from_slice(&output.stdout).expect("JSON");
    let errors: Vec<_> = findings.iter().filter(|finding| finding["level"] == "error").collect();
    let checks: Vec<_> = errors.iter().map(|finding| finding["check"].as_str().expect("a name")).collect();
    assert_eq!(checks, ["identity", "clock-set"]);
    assert!(errors.iter().all(|finding| finding["advice"].is_string()), "{errors:?}");
    let taken = server.url.replace("http://", "");
    let other = folder.path().join("other");
    let output = server::run(["doctor", "--listen", &taken, "--data", other.to_str().expect("plain")]);
    assert_eq!(output.status.code(), Some(1), "{}", printed(&output));
    assert!(!other.exists(), "it makes nothing");
}

#[test]
fn every_verb_shows_an_example() {
    for verb in
        ["serve", "record", "events", "grant", "revoke", "grants", "clock", "status", "rebuild", "doctor", "bench"]
    {
        let help = succeeded(&server::run([verb, "--help"]));
        assert!(help.contains("Example:") && help.contains(&format!("convenio {verb}")), "{verb}: {help}");
        let wrong = server::run([verb, "--no-such-flag"]);
        assert_eq!(wrong.status.code(), Some(2), "{verb}");
    }
}
