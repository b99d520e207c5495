//! Commands that are sent to a node which does not write: answered as if it did. On one real broker.

use convenio_tests::{
    Ledger, Server, User, folder,
    kafka::Brokers,
    nodes::{copy_identity, free_ports, node, until},
    server::{Start, convenio},
    tls::TlsProxy,
    users::listing,
};
use serde_json::{Value, json};
use std::{
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering::Relaxed},
    },
    time::{Duration, Instant},
};
use uuid::Uuid;

async fn forwards(server: &Server) {
    until(server, "the way to the writer", |status| status["log"]["forwards"] == true).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_command_sent_to_any_node_is_answered_as_if_it_were_the_writer() {
    let folder = folder();
    let brokers = Brokers::start(&folder.path().join("broker"), &[]);
    let [one, two, three] = free_ports();
    let first = node(&folder.path().join("a"), &brokers, "a", one, &[two]).run().expect("the first node");
    let ledger = Ledger::new(first);
    copy_identity(&ledger.server.identity(), &folder.path().join("b"));
    let giver = ledger.organisation("Ministerio de Ejemplo", "PE").await;
    let second = node(&folder.path().join("b"), &brokers, "b", two, &[one]).run().expect("the second node");
    forwards(&second).await;
    let ready = User::anonymous(&second).get("/readyz?for=commands").await;
    assert_eq!(ready.status, 200, "it takes commands: {}", ready.text);

    // Accepted, replayed, reused, refused: one id, one outcome, wherever it is asked.
    let (here, there) = (giver.at(&second), &giver);
    let (id, offer) = (Uuid::new_v4(), Uuid::new_v4());
    let accepted = here.send_as(id, "publish-offer", &listing(offer, "Oferta")).await;
    assert_eq!(accepted.status, 201);
    let replayed = there.send_as(id, "publish-offer", &listing(offer, "Oferta")).await;
    assert_eq!((replayed.status.as_u16(), &replayed.body), (200, &accepted.body));
    let replayed = here.send_as(id, "publish-offer", &listing(offer, "Oferta")).await;
    assert_eq!((replayed.status.as_u16(), &replayed.body), (200, &accepted.body));
    assert_eq!(replayed.headers["idempotent-replay"], "true");
    here.send_as(id, "publish-offer", &listing(offer, "Otra")).await.refused(422, "command-id-reused");
    let mut wrong = listing(Uuid::new_v4(), "Oferta");
    wrong["terms"]["themes"] = json!([]);
    let (at_follower, at_writer) =
        (here.send("publish-offer", &wrong).await, there.send("publish-offer", &wrong).await);
    at_follower.refused(422, "theme-required");
    let without_id = |reply: &convenio_tests::users::Reply| {
        let mut body = reply.body.clone();
        body.as_object_mut().expect("a problem").remove("command_id");
        body
    };
    assert_eq!(without_id(&at_follower), without_id(&at_writer), "told in the same words");
    let malformed = here.ask(here.command(Uuid::new_v4(), "publish-offer").body("{")).await;
    malformed.refused(400, "malformed-json");
    let stranger = User::with_token(&second, &"A".repeat(43));
    stranger.send("publish-offer", &listing(Uuid::new_v4(), "Oferta")).await.refused(401, "token-invalid");
    let stale = here.command(Uuid::new_v4(), "revise-offer").header("If-Match", "\"7\"");
    here.ask(stale.json(&listing(offer, "Oferta"))).await.refused(409, "stale-version");

    // What was told can be waited for where it was told.
    let sequence = &accepted.body["sequence"];
    let read = here.get(&format!("/api/v1/offers/{offer}?wait_for={sequence}")).await;
    assert_eq!(read.status, 200, "{}", read.text);

    // Nor does anything that looks it up lag behind: whoever goes on from there would never see it.
    for _ in 0..20 {
        let accepted = here.send("publish-offer", &listing(Uuid::new_v4(), "Oferta")).await.accepted();
        let (sequence, event) = (&accepted["sequence"], accepted["events"][0]["id"].as_str().expect("an id"));
        let subject = accepted["subject"].as_str().expect("a subject");
        // Who heard that it was accepted finds it there, without waiting.
        let read = loop {
            let read = here.get(&format!("/api/v1/events/{event}")).await;
            // Its view of grants may be behind for a moment, and says so.
            if read.status != 503 {
                break read;
            }
        };
        assert_eq!(read.status, 200, "{}", read.text);
        let read = here.get(&format!("/api/v1/events?subject={subject}&wait_for={sequence}")).await;
        assert_eq!(read.body["events"].as_array().map(Vec::len), Some(1), "{}", read.text);
        let offer = subject.trim_start_matches("offer/");
        let past = here.get(&format!("/api/v1/offers/{offer}?as_of_sequence={sequence}")).await;
        assert_eq!(past.status, 200, "{}", past.text);
    }

    // A token that is given through one node is good at the other at once, and shown once.
    let admin = ledger.admin.at(&second);
    let grant = json!({"organisations": [giver.organisation], "role": "recorder", "office": "Oficina"});
    let id = Uuid::new_v4();
    let shown = admin.send_as(id, "grant-access", &grant).await.accepted();
    assert_eq!(admin.send_as(id, "grant-access", &grant).await.accepted()["token"], "already-shown");
    let token = shown["token"].as_str().expect("shown");
    let recorder = User::with_token(&second, token);
    recorder.send("publish-offer", &listing(Uuid::new_v4(), "Otra")).await.accepted();

    // A batch whose lines need each other keeps its order, over more than one request.
    let offers: Vec<_> = (0..1_500).map(|_| Uuid::new_v4()).collect();
    let line = |command: &str, data: Value| json!({"command": command, "id": Uuid::new_v4(), "data": data});
    let mut lines: Vec<_> = offers
        .iter()
        .flat_map(|id| [line("publish-offer", listing(*id, "Oferta")), line("revise-offer", listing(*id, "Mejor"))])
        .collect();
    lines.push(line("revise-offer", listing(Uuid::new_v4(), "De nadie")));
    let results = here.batch(&lines).await;
    assert_eq!(results.last(), Some(&json!({"done": true, "accepted": 3_000, "refused": 1})));
    assert_eq!(results[3_000]["code"], "record-unknown");
    let sequences: Vec<_> = results[..3_000].iter().map(|line| line["sequence"].as_u64().expect("accepted")).collect();
    assert!(sequences.is_sorted(), "in the order of the lines");

    // The writer goes: nothing is decided, and the other one takes over.
    ledger.server.kill();
    let gone = here.send("publish-offer", &listing(Uuid::new_v4(), "Oferta")).await;
    gone.refused(503, "no-writer");
    assert!(gone.headers.contains_key("retry-after"));
    until(&second, "the other one writes", |status| status["role"] == "writer").await;
    here.send("publish-offer", &listing(Uuid::new_v4(), "Oferta")).await.accepted();

    // A writer that is no peer is an alarm, and nothing is sent there.
    copy_identity(&second.identity(), &folder.path().join("c"));
    let third = node(&folder.path().join("c"), &brokers, "c", three, &[one]).run().expect("the third node");
    let status = until(&third, "the alarm", |status| status["log"]["alarm"].is_string()).await;
    assert!(status["log"]["alarm"].as_str().is_some_and(|alarm| alarm.contains(&two.to_string())), "{status:#}");
    giver.at(&third).send("publish-offer", &listing(Uuid::new_v4(), "Oferta")).await.refused(503, "no-writer");
    third.stop();

    // Nor is anything taken from a node that does not hold the secret: it says so before anybody sends it a command.
    std::fs::write(folder.path().join("c-identity/cluster-secret"), "x".repeat(40)).expect("written");
    let third = node(&folder.path().join("c"), &brokers, "c", three, &[two]).run().expect("the third node");
    let status = until(&third, "the alarm", |status| status["log"]["alarm"].is_string()).await;
    assert!(status["log"]["alarm"].as_str().is_some_and(|alarm| alarm.contains("cluster secret")), "{status:#}");
    assert_eq!(status["log"]["forwards"], false, "{status:#}");
    User::anonymous(&third).get("/readyz?for=commands").await.refused(503, "no-writer");
    giver.at(&third).send("publish-offer", &listing(Uuid::new_v4(), "Oferta")).await.refused(503, "no-writer");
    let unsigned = reqwest::Client::new().post(format!("{}/cluster/v1/commands", second.url)).body("{}\n");
    assert_eq!(unsigned.send().await.expect("an answer").status(), 401);
    // Its head is enough: a body of any size is neither waited for nor kept.
    for length in [1, 4 << 20, 1 << 40] {
        let refused = tokio::task::block_in_place(|| answer_to_head(two, length));
        assert!(refused.starts_with("HTTP/1.1 401"), "{length} bytes to come: {refused}");
    }
}

/// What a node answers to the head of an unsigned request whose body never comes.
fn answer_to_head(port: u16, length: u64) -> String {
    use std::io::{Read as _, Write as _};
    let mut stream = std::net::TcpStream::connect(("127.0.0.1", port)).expect("it listens");
    stream.set_read_timeout(Some(Duration::from_secs(10))).expect("set");
    let head = format!("POST /cluster/v1/commands HTTP/1.1\r\nhost: a\r\ncontent-length: {length}\r\n\r\n");
    stream.write_all(head.as_bytes()).expect("sent");
    let mut answer = vec![0; 1 << 12];
    let read = stream.read(&mut answer).expect("it answers before the body has come");
    String::from_utf8_lossy(&answer[..read]).into_owned()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn nodes_on_several_machines_speak_https() {
    let folder = folder();
    let brokers = Brokers::start(&folder.path().join("broker"), &[]);
    let [one, two] = free_ports();
    let proxy = TlsProxy::start(folder.path(), one).await;
    let first = node(&folder.path().join("a"), &brokers, "a", one, &[]).with("--advertise").with(&proxy.url);
    let ledger = Ledger::new(first.run().expect("the first node"));
    let giver = ledger.organisation("Ministerio de Ejemplo", "PE").await;
    copy_identity(&ledger.server.identity(), &folder.path().join("b"));
    let second = node(&folder.path().join("b"), &brokers, "b", two, &[]).with("--peer").with(&proxy.url);

    let doubting = second.run().expect("the second node");
    let refused = giver.at(&doubting).send("publish-offer", &listing(Uuid::new_v4(), "Oferta")).await;
    refused.refused(503, "no-writer");
    assert!(doubting.stop().success());

    let authority = proxy.authority.display().to_string();
    let trusting = second.variable("SSL_CERT_FILE", &authority).run().expect("the second node");
    forwards(&trusting).await;
    giver.at(&trusting).send("publish-offer", &listing(Uuid::new_v4(), "Oferta")).await.accepted();

    let mut status = convenio(["status", "--node", &proxy.url]);
    let status = status.env("SSL_CERT_FILE", &authority).output().expect("it runs");
    assert!(status.status.success(), "{}", String::from_utf8_lossy(&status.stderr));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_writer_that_hangs_is_waited_for_until_it_has_a_successor_and_no_longer() {
    let folder = folder();
    let brokers = Brokers::start(&folder.path().join("broker"), &["--set", "group.min.session.timeout.ms=1000"]);
    let [one, two] = free_ports();
    let session = |start: Start| start.with("--kafka").with("session.timeout.ms=2000");
    let first = session(node(&folder.path().join("a"), &brokers, "a", one, &[two])).run().expect("the first node");
    let ledger = Ledger::new(first);
    let giver = ledger.organisation("Ministerio de Ejemplo", "PE").await;
    copy_identity(&ledger.server.identity(), &folder.path().join("b"));
    let second = session(node(&folder.path().join("b"), &brokers, "b", two, &[one])).run().expect("the second node");
    forwards(&second).await;

    ledger.server.signal("STOP");
    let (asked, id, data) = (Instant::now(), Uuid::new_v4(), listing(Uuid::new_v4(), "Oferta"));
    let here = giver.at(&second);
    let unknown = here.send_as(id, "publish-offer", &data).await;
    assert_eq!(unknown.status, 503, "{}", unknown.text);
    // A command that nobody answers is given up after 25 s.
    assert!(asked.elapsed() < Duration::from_secs(20), "it took {:?}", asked.elapsed());
    until(&second, "the other one writes", |status| status["role"] == "writer").await;
    here.send_as(id, "publish-offer", &data).await.accepted();
}

/// Something before a node that answers every request by itself, once it is told to, and passes it on before.
fn before(node: u16, status_line: &'static str) -> (u16, Arc<AtomicBool>) {
    use std::io::{Read as _, Write as _};
    let listener = std::net::TcpListener::bind("127.0.0.1:0").expect("a free port");
    let port = listener.local_addr().expect("it is bound").port();
    let by_itself = Arc::<AtomicBool>::default();
    let told = by_itself.clone();
    std::thread::spawn(move || {
        for mut stream in listener.incoming().filter_map(Result::ok) {
            let told = told.clone();
            std::thread::spawn(move || {
                let mut request = vec![0; 1 << 16];
                // One request a connection: what comes next is decided anew.
                let Ok(read @ 1..) = stream.read(&mut request) else { return };
                if told.load(Relaxed) {
                    let _ = write!(stream, "HTTP/1.1 {status_line}\r\ncontent-length: 0\r\nconnection: close\r\n\r\n");
                    return;
                }
                let Ok(mut behind) = std::net::TcpStream::connect(("127.0.0.1", node)) else { return };
                let asked = String::from_utf8_lossy(&request[..read]).replacen("\r\n", "\r\nconnection: close\r\n", 1);
                let _ = behind.write_all(asked.as_bytes());
                let _ = std::io::copy(&mut behind, &mut stream);
            });
        }
    });
    (port, by_itself)
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_something_else_than_a_node_answers_is_believed_in_nothing() {
    let folder = folder();
    let brokers = Brokers::start(&folder.path().join("broker"), &[]);
    let [one, two, three] = free_ports();
    let (proxy, by_itself) = before(one, "503 Service Unavailable");
    let advertised = format!("http://127.0.0.1:{proxy}");
    let first = node(&folder.path().join("a"), &brokers, "a", one, &[two]).with("--advertise").with(&advertised);
    let ledger = Ledger::new(first.run().expect("the first node"));
    let giver = ledger.organisation("Ministerio de Ejemplo", "PE").await;
    copy_identity(&ledger.server.identity(), &folder.path().join("b"));
    let second = node(&folder.path().join("b"), &brokers, "b", two, &[proxy]).run().expect("the second node");
    forwards(&second).await;
    // Nothing shows that what is there is a node of this ledger: no command is sent there, whatever it answers.
    by_itself.store(true, Relaxed);
    let status = until(&second, "no way to the writer", |status| status["log"]["forwards"] == false).await;
    assert_eq!(status["log"]["alarm"], Value::Null, "a proxy says 503 too: {status:#}");
    let here = giver.at(&second);
    here.send("publish-offer", &listing(Uuid::new_v4(), "Oferta")).await.refused(503, "no-writer");

    // One that answers as if all were well is no node either.
    let (pretending, answers) = before(one, "200 OK");
    answers.store(true, Relaxed);
    let advertised = format!("http://127.0.0.1:{pretending}");
    let data = ledger.server.data().to_owned();
    assert!(ledger.server.stop().success());
    let first =
        node(&data, &brokers, "a", one, &[two]).with("--advertise").with(&advertised).run().expect("it is back");
    second.stop();
    until(&first, "it writes", |status| status["role"] == "writer").await;
    copy_identity(&first.identity(), &folder.path().join("c"));
    let third = node(&folder.path().join("c"), &brokers, "c", three, &[pretending]).run().expect("the third node");
    let status = until(&third, "the alarm", |status| status["log"]["alarm"].is_string()).await;
    assert_eq!(status["log"]["forwards"], false, "{status:#}");
    giver.at(&third).send("publish-offer", &listing(Uuid::new_v4(), "Oferta")).await.refused(503, "no-writer");
}
