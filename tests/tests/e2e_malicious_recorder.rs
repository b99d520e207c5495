//! A recorder who means harm: it adds, with every command that adds to something, as much as it may, to its own records and to
//! others'. The node stays within 512 MiB, starts again, and makes its views anew within that. So it does on a ledger that was
//! flooded when nothing was limited yet. `CONVENIO_FLOOD=20 tests/run malicious` floods twenty times as much.

mod malicious_recorder;

use convenio_events::{
    AccessId, Actor, CommandId, EventId, LedgerId, OrganisationId, RecordedEvent, Sequence, StreamVersion, Subject,
    Timestamp,
    codes::AffiliationKind,
    commitment::Salt,
    entry::Audience,
    ids::AffiliationId,
    log::EventLog as _,
    record::Record,
    recorded::Placement,
    types::{
        EventType,
        organisation::{AffiliationClaimed, AffiliationConfirmed},
    },
};
use convenio_journal::{Access, Journal};
use convenio_tests::{
    Ledger, Server, User, folder,
    memory::MemoryWatch,
    server::run,
    users::{agreement, listing, text},
};
use serde_json::{Value, json};
use std::{path::Path, sync::Arc};
use uuid::Uuid;

/// What the node may have, in MiB.
const MEMORY_MIB: u64 = 512;
/// The most bytes that one answer may have: a record with the first page of each of its lists, or a page.
const RECORD_BYTES_LIMIT: usize = 8 << 20;

/// Commands with which a recorder adds nothing to what is there, and why.
const NOT_TRIED: [(&str, &str); 25] = [
    ("change-settings", "an admin's"),
    ("confirm-clock", "an admin's"),
    ("verify-organisation", "an admin's"),
    ("revoke-verification", "an admin's"),
    ("suspend-organisation", "an admin's"),
    ("reinstate-organisation", "an admin's"),
    ("withdraw-offer", "once for each offer"),
    ("withdraw-demand", "once for each demand"),
    ("fulfil-offer", "once for each offer"),
    ("fulfil-demand", "once for each demand"),
    ("resume-offer", "as often as it is paused"),
    ("resume-demand", "as often as it is paused"),
    ("sign-agreement", "once for each proposal"),
    ("refuse-agreement", "once for each proposal"),
    ("complete-agreement", "once for each agreement"),
    ("terminate-agreement", "once for each agreement"),
    ("cancel-agreement", "once for each agreement"),
    ("leave-agreement", "once for each party"),
    ("publish-learning", "once for each learning"),
    ("accept-authorship", "once for each version, beside its revision"),
    ("retract-learning", "once for each learning"),
    ("confirm-participation", "once for each who took part"),
    ("announce-convening", "as register-convening"),
    ("hold-convening", "once for each convening"),
    ("cancel-convening", "once for each convening"),
];

/// How much is done: 1, or what the long form asks for.
fn flood() -> usize {
    std::env::var("CONVENIO_FLOOD").ok().and_then(|times| times.parse().ok()).unwrap_or(1)
}

/// Sends lines in batches of about a MiB, and says how many were accepted.
async fn send(user: &User, lines: impl Iterator<Item = (&'static str, Value)>) -> usize {
    let (mut body, mut accepted) = (String::new(), 0);
    let mut lines = lines.peekable();
    while let Some((command, data)) = lines.next() {
        let line = json!({"command": command, "id": Uuid::new_v4(), "data": data});
        body.push_str(&format!("{line}\n"));
        if body.len() > 1 << 20 || lines.peek().is_none() {
            let answers = user.batch_of(std::mem::take(&mut body)).await;
            accepted += answers.iter().filter(|answer| answer["sequence"].is_number()).count();
        }
    }
    accepted
}

/// A text of about so many KiB, in as many languages as that takes.
fn long_text(kib: usize) -> Value {
    let tags = ["es", "en", "fr", "pt", "de", "it", "nl", "qu", "ay", "gn", "nv", "ht"];
    // A text has at most 20,000 characters.
    let languages = kib.div_ceil(78).clamp(1, tags.len());
    let texts: serde_json::Map<_, _> =
        tags[..languages].iter().map(|tag| ((*tag).to_owned(), "𐍈".repeat(kib * 256 / languages).into())).collect();
    json!({"original": "es", "texts": texts})
}

/// A node that is killed where it takes too much.
struct Watched {
    ledger: Ledger,
    watch: MemoryWatch,
}

impl Watched {
    fn start(data: &Path) -> Self {
        let server = Server::start(data);
        let watch = MemoryWatch::kill_beyond(server.process(), MEMORY_MIB);
        Self { ledger: Ledger::new(server), watch }
    }

    /// Waits until the views have all that was recorded.
    async fn settle(&self) {
        // Asked as nobody: where the view of grants is made anew, no token is known yet.
        let status = User::anonymous(&self.ledger.server).get("/api/v1/status").await.accepted();
        let head = &status["head_sequence"];
        let head = head.as_u64().expect("a sequence");
        for path in ["organisations", "offers", "agreements", "learnings", "convenings", "activity"] {
            let path = format!("/api/v1/{path}?limit=1&wait_for={head}");
            let mut tries = 0;
            while self.ledger.admin.get(&path).await.status == 504 {
                tries += 1;
                assert!(tries < 60, "the views do not follow");
            }
        }
    }

    fn within_memory(&mut self, what: &str) {
        let most = self.watch.most_mib();
        assert!(self.ledger.server.is_running(), "{what}: killed at {most} MiB");
        eprintln!("{what}: at most {most} MiB");
    }

    /// The node is killed, starts again, and all of its views are made anew.
    async fn again(mut self, data: &Path, derived_too: bool) -> Self {
        self.within_memory("before it is killed");
        self.ledger.server.kill();
        if derived_too {
            std::fs::remove_dir_all(data.join("views")).expect("views can be deleted");
            for file in ["state.db", "index.db"] {
                std::fs::remove_file(data.join(file)).expect("it is there");
            }
        }
        let mut again = Self::start(data);
        again.settle().await;
        again.within_memory("started again");
        let token = again.ledger.server.identity().join("admin-token");
        let rebuilt = run(["rebuild", "--node", &again.ledger.server.url, "--token-file", &token.to_string_lossy()]);
        assert!(rebuilt.status.success(), "{}", String::from_utf8_lossy(&rebuilt.stderr));
        again.settle().await;
        again.within_memory("all views made anew");
        again
    }
}

/// Adds whatever may be added, and says what was accepted of each command.
async fn attack(node: &Watched, recorder: &User, victim: &User) -> Vec<(&'static str, usize)> {
    let times = flood();
    let own = recorder.organisation;
    let profiles: Vec<Uuid> = (0..220 * times).map(|_| Uuid::new_v4()).collect();
    let mut done = Vec::new();
    let register = |id: &Uuid| {
        let profile = json!({"kind": "ngo", "place": "PE", "languages": ["es"]});
        (
            "register-organisation",
            json!({"id": id, "standing": "profile", "profile": profile, "text": {"name": text("es", "Perfil")}}),
        )
    };
    done.push(("register-organisation", send(recorder, profiles.iter().map(register)).await));
    // On what it registered, on its own, and what belongs to it of somebody else's.
    let affiliate =
        |(with, id): (&Uuid, Uuid)| ("affiliate-organisation", json!({"id": id, "with": with, "kind": "member"}));
    for whose in [profiles[0], own] {
        let others = profiles.iter().skip(1).map(|with| (with, whose));
        done.push(("affiliate-organisation", send(recorder, others.map(affiliate)).await));
    }
    let theirs = (0..300 * times).map(|_| (&own, victim.organisation));
    done.push(("affiliate-organisation", send(recorder, theirs.map(affiliate)).await));
    let site = |_| ("add-site", json!({"id": own, "place": "PE", "text": {"name": text("es", "Sede")}}));
    done.push(("add-site", send(recorder, (0..220 * times).map(site)).await));
    let identifier = |n| ("add-identifier", json!({"id": own, "identifier": format!("PE-RUC-{n}")}));
    done.push(("add-identifier", send(recorder, (20_000_000_000_u64..).take(60).map(identifier)).await));
    attack_convening(recorder, &profiles, &mut done).await;
    attack_listing(node, recorder, victim, &mut done).await;
    let learning = |_| {
        let content = json!({"kind": "experience", "authors": [own], "themes": ["sdg:3.3"], "places": ["PE"], "languages": ["es"], "licence": "CC-BY-4.0"});
        let words = json!({"title": text("es", "Larga"), "context": long_text(800), "lessons": text("es", "Una")});
        ("submit-learning", json!({"content": content, "text": words}))
    };
    done.push(("submit-learning", send(recorder, (0..24 * times).map(learning)).await));
    attack_versions(node, recorder, victim, &mut done).await;
    malicious_recorder::do_and_undo(node, recorder, victim, &mut done).await;
    done
}

/// Makes version after version, each with as much in words as it may have.
async fn attack_versions(node: &Watched, recorder: &User, victim: &User, done: &mut Vec<(&'static str, usize)>) {
    let (times, own) = (flood(), recorder.organisation);
    let (draft, lesson, offer, meeting) = (Uuid::new_v4(), Uuid::new_v4(), Uuid::new_v4(), Uuid::new_v4());
    let mut terms = agreement(draft, own, victim.organisation, offer, "0.01");
    terms["text"]["objectives"] = long_text(400);
    recorder.send("publish-offer", &listing(offer, "Ida y vuelta")).await.accepted();
    recorder.send("draft-agreement", &terms).await.accepted();
    let revised = || ("revise-agreement", json!({"id": draft, "terms": terms["terms"], "text": terms["text"]}));
    done.push(("revise-agreement", send(recorder, (0..10 * times).map(|_| revised())).await));
    let registered = |_| {
        let mut data = agreement(Uuid::new_v4(), own, victim.organisation, offer, "0.01");
        data["terms"]["commitments"] = json!([]);
        for party in data["terms"]["parties"].as_array_mut().into_iter().flatten() {
            party.as_object_mut().expect("a party").remove("signs");
        }
        (data["text"]["objectives"], data["concluded_on"]) = (long_text(400), json!("2021"));
        ("register-agreement", data)
    };
    done.push(("register-agreement", send(recorder, (0..10 * times).map(registered)).await));
    let profile = json!({"kind": "ngo", "place": "PE", "languages": ["es"]});
    let renamed = |n| {
        (
            "revise-organisation",
            json!({"id": own, "profile": profile, "text": {"name": text("es", &format!("Grabador {n}"))}}),
        )
    };
    done.push(("revise-organisation", send(recorder, (0..100 * times).map(renamed)).await));
    let to_and_fro = |n: usize| {
        let visibility = if n.is_multiple_of(2) { "members" } else { "public" };
        ("set-visibility", json!({"subject": format!("offer/{offer}"), "visibility": visibility}))
    };
    done.push(("set-visibility", send(recorder, (0..200 * times).map(to_and_fro)).await));
    let plan = json!({"format": "in-person", "organisers": [own], "starts_on": "2031-03-01", "place": "PE", "languages": ["es"]});
    recorder
        .send("announce-convening", &json!({"id": meeting, "plan": plan, "text": {"title": text("es", "Después")}}))
        .await
        .accepted();
    let later = |n: usize| {
        let starts = format!("{}-04-01", 2032 + n % 50);
        ("postpone-convening", json!({"id": meeting, "starts_on": starts, "reason": "Más tarde."}))
    };
    done.push(("postpone-convening", send(recorder, (0..100 * times).map(later)).await));
    // A reviewer and an author, who work together on it.
    let content = json!({"kind": "lesson", "authors": [own], "themes": ["sdg:3.3"], "places": ["PE"], "languages": ["es"], "licence": "CC-BY-4.0"});
    let words = json!({"title": text("es", "Discutida"), "lessons": long_text(400)});
    let data = json!({"id": lesson, "content": content, "text": words});
    recorder.send("submit-learning", &data).await.accepted();
    let reviewer = node.ledger.grant(victim.organisation, "reviewer").await;
    let (mut screened, mut revised) = (0, 0);
    for _ in 0..8 * times {
        let look = json!({"id": lesson, "outcome": "revision-requested", "remarks": long_text(400)});
        screened += send(&reviewer, [("screen-learning", look)].into_iter()).await;
        revised += send(recorder, [("revise-learning", data.clone())].into_iter()).await;
    }
    done.extend([("screen-learning", screened), ("revise-learning", revised)]);
    let lessons = (0..10 * times).map(|_| {
        let words = json!({"title": text("es", "De otra parte"), "lessons": long_text(800), "citation": "Una revista"});
        ("register-learning", json!({"content": content, "text": words}))
    });
    done.push(("register-learning", send(recorder, lessons).await));
}

async fn attack_convening(recorder: &User, profiles: &[Uuid], done: &mut Vec<(&'static str, usize)>) {
    let (times, own, id) = (flood(), recorder.organisation, Uuid::new_v4());
    let plan = json!({"format": "in-person", "organisers": [own], "starts_on": "2025-03-01", "place": "PE", "languages": ["es"]});
    let convening = json!({"id": id, "plan": plan, "text": {"title": text("es", "Encuentro")}});
    done.push(("register-convening", send(recorder, [("register-convening", convening)].into_iter()).await));
    let session = |(n, who): (usize, &Uuid)| {
        let kib = if n % 25 == 0 { 600 } else { 2 };
        (
            "record-session",
            json!({"id": id, "kind": "plenary", "organisations": [who], "text": {"title": text("es", "Sesión"), "summary": long_text(kib)}}),
        )
    };
    done.push(("record-session", send(recorder, profiles.iter().enumerate().map(session)).await));
    let visit = |host: &Uuid| {
        (
            "record-visit",
            json!({"id": id, "host": host, "facilities": ["hospital"], "text": {"title": text("es", "Visita"), "summary": long_text(4)}}),
        )
    };
    done.push(("record-visit", send(recorder, profiles.iter().take(210 * times).map(visit)).await));
}

async fn attack_listing(node: &Watched, recorder: &User, victim: &User, done: &mut Vec<(&'static str, usize)>) {
    let (times, own) = (flood(), recorder.organisation);
    let (offer, theirs) = (Uuid::new_v4(), Uuid::new_v4());
    let mut large = listing(offer, "Oferta");
    large["text"]["summary"] = long_text(400);
    recorder.send("publish-offer", &large).await.accepted();
    victim.send("publish-offer", &listing(theirs, "Otra")).await.accepted();
    let pause = |n: usize| (if n.is_multiple_of(2) { "pause-offer" } else { "resume-offer" }, json!({"id": offer}));
    done.push(("pause-offer", send(recorder, (0..150 * times).map(pause)).await));
    done.push(("revise-offer", send(recorder, (0..10 * times).map(|_| ("revise-offer", large.clone()))).await));
    let ids: Vec<Uuid> = (0..210 * times).map(|_| Uuid::new_v4()).collect();
    let draft = |id: &Uuid| ("draft-agreement", agreement(*id, own, victim.organisation, offer, "0.01"));
    done.push(("draft-agreement", send(recorder, ids.iter().map(draft)).await));
    let propose = |id: &Uuid| ("propose-agreement", json!({"id": id}));
    done.push(("propose-agreement", send(recorder, ids.iter().map(propose)).await));
    let others = Uuid::new_v4();
    send(recorder, [("draft-agreement", agreement(others, victim.organisation, own, theirs, "0.01"))].into_iter())
        .await;
    let to_and_fro = (0..120 * times)
        .map(|n| (if n.is_multiple_of(2) { "propose-agreement" } else { "withdraw-proposal" }, json!({"id": others})));
    done.push(("withdraw-proposal", send(recorder, to_and_fro).await));
    node.settle().await;
}

/// What a reader sees of a record.
async fn seen(user: &User, path: &str) -> String {
    let reply = user.get(path).await;
    assert_eq!(reply.status, 200, "{path}: {}", &reply.text[..reply.text.len().min(300)]);
    assert!(reply.text.len() <= RECORD_BYTES_LIMIT, "{path} answers with {} bytes", reply.text.len());
    reply.text
}

#[tokio::test(flavor = "multi_thread")]
async fn a_malicious_recorder_hurts_no_node() {
    let folder = folder();
    let data = folder.path().join("data");
    let mut node = Watched::start(&data);
    let recorder = node.ledger.organisation("Grabador", "PE").await;
    let victim = node.ledger.organisation("Víctima", "BO").await;
    let done = attack(&node, &recorder, &victim).await;
    println!("{done:?}");
    for (command, _) in &done {
        let accepted: usize = done.iter().filter(|(name, _)| name == command).map(|(_, accepted)| accepted).sum();
        assert!(accepted > 0, "nothing of {command} was accepted: it floods nothing");
    }
    let contract = recorder.get("/openapi.json").await.body;
    let paths = contract["paths"].as_object().expect("paths").keys();
    let commands = paths.filter_map(|path| path.strip_prefix("/api/v1/commands/"));
    let tried = |name: &&str| done.iter().any(|(done, _)| done == name) || NOT_TRIED.iter().any(|(not, _)| not == name);
    let left: Vec<_> = commands.filter(|name| !tried(name)).collect();
    assert!(left.is_empty(), "nobody tries what {left:?} adds");
    node.settle().await;
    node.within_memory("flooded");
    let paths = [
        format!("/api/v1/organisations/{}", victim.organisation),
        format!("/api/v1/organisations/{}", recorder.organisation),
        "/api/v1/convenings?limit=200".to_owned(),
        "/api/v1/offers?limit=200".to_owned(),
        "/api/v1/agreements?limit=200".to_owned(),
        "/api/v1/learnings?limit=200".to_owned(),
        "/api/v1/activity?limit=200".to_owned(),
        format!("/api/v1/partnerships?organisation={}", recorder.organisation),
        format!("/api/v1/organisations/{}/history?limit=1000", recorder.organisation),
    ];
    let mut before = Vec::new();
    for path in &paths {
        before.push(seen(&recorder, path).await);
    }
    let node = node.again(&data, false).await;
    let mut node = node.again(&data, true).await;
    let recorder = recorder.at(&node.ledger.server);
    for (path, before) in paths.iter().zip(before) {
        assert_eq!(seen(&recorder, path).await, before, "{path}");
    }
    node.within_memory("read again");
}

/// Appends events to a journal as a version that limited nothing would have recorded them.
struct OldVersion {
    journal: Journal,
    ledger: LedgerId,
    next: Sequence,
    time: Timestamp,
    waiting: Vec<RecordedEvent>,
}

impl OldVersion {
    fn open(data: &Path) -> (Self, Vec<RecordedEvent>) {
        let journal = Journal::open(data, Access::ReadWrite).expect("it opens");
        let known = journal.read_sync(Sequence::ZERO, 10_000).expect("it reads");
        let opened: Value = serde_json::from_str(&known[0].record).expect("a record");
        let ledger = opened["facts"]["ledger"].as_str().and_then(|id| id.parse().ok()).expect("a ledger");
        let last: Value = serde_json::from_str(&known.last().expect("it was opened").entry).expect("an entry");
        let time = last["time"].as_str().and_then(|time| time.parse().ok()).expect("a time");
        let next = Sequence(known.len() as u64);
        (Self { journal, ledger: LedgerId::new(ledger), next, time, waiting: Vec::new() }, known)
    }

    fn put<T: EventType>(&mut self, subject: Subject, version: u64, by: (OrganisationId, AccessId), facts: T) {
        let id = Uuid::new_v4();
        let record = Record {
            actor: Actor::Organisation(by.0),
            causation_id: None,
            command_digest: None,
            command_id: CommandId::new(Uuid::new_v4()),
            correlation_id: None,
            facts: facts.into_facts(),
            grant: Some(by.1),
            id: EventId::new(id),
            stream_version: StreamVersion(version),
            subject,
        };
        let placement = Placement {
            ledger: self.ledger,
            sequence: self.next,
            time: self.time,
            audience: Audience::Public,
            record_salt: Salt([1; 32]),
            text_salt: Salt([2; 32]),
        };
        self.waiting.push(RecordedEvent::encode(&record, None, &placement));
        self.next = self.next.next();
    }

    async fn commit(self) {
        let mut writer = self.journal.open_writer().await.expect("nobody else writes").writer;
        for batch in self.waiting.chunks(5_000) {
            writer.append(Arc::new(batch.to_vec())).await.expect("it is written");
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn what_a_malicious_recorder_did_when_nothing_was_limited_is_started_and_rebuilt_within_the_memory() {
    let folder = folder();
    let data = folder.path().join("data");
    let ledger = Ledger::new(Server::start(&data));
    let recorder = ledger.organisation("Grabador", "PE").await;
    let victim = ledger.organisation("Víctima", "BO").await;
    ledger.server.stop();
    let (mut old, known) = OldVersion::open(&data);
    let subject = Subject::from(OrganisationId::new(victim.organisation));
    let versions = known.iter().filter(|event| event.record.contains(&format!("\"subject\":\"{subject}\""))).count();
    let by = (OrganisationId::new(recorder.organisation), AccessId::new(recorder.grant));
    let claims = 2_500 * flood();
    for claim in 0..claims {
        let version = (versions + 2 * claim) as u64;
        let affiliation = AffiliationId::new(Uuid::new_v4());
        let facts = AffiliationClaimed { affiliation, with: by.0, kind: AffiliationKind::Member };
        old.put(subject, version, by, facts);
        old.put(subject, version + 1, by, AffiliationConfirmed { affiliation, by: by.0 });
    }
    old.commit().await;
    let node = Watched::start(&data);
    node.settle().await;
    let mut node = node.again(&data, false).await;
    let victim = victim.at(&node.ledger.server);
    let path = format!("/api/v1/organisations/{}", victim.organisation);
    let record: Value = serde_json::from_str(&seen(&victim, &path).await).expect("JSON");
    assert_eq!(record["affiliations"].as_array().map(Vec::len), Some(200), "the first page");
    assert_eq!(record["affiliations_count"], claims, "how many there are");
    let (mut next, mut listed) = (String::new(), 0);
    loop {
        let page = victim.get(&format!("{path}/parts?list=affiliations{next}")).await.accepted();
        listed += page["items"].as_array().map_or(0, Vec::len);
        let Some(cursor) = page["next_cursor"].as_str() else { break };
        next = format!("&cursor={cursor}");
    }
    assert_eq!(listed, claims, "the other pages");
    node.within_memory("read");
}
