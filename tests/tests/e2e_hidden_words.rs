//! Hidden words: records of every kind, each text with a word of its own, and every answer that the program gives to every kind of
//! reader is looked through for words that are not that reader's. Who may read which word stands in a table here, written by hand:
//! it shares nothing with what the program judges by. It knows nothing of how answers are made.

mod hidden_words;

use convenio_events::{Sequence, cloud_event, log::EventLog as _, schemas::SchemaLocation};
use convenio_journal::{Access, Journal};
use convenio_tests::{
    Ledger, Server, User, folder,
    users::{listing, text},
};
use reqwest::Method;
use serde_json::{Value, json};
use std::{
    cell::RefCell,
    collections::{BTreeMap, BTreeSet},
};
use uuid::Uuid;

/// Pages of the portal, which no document lists; `{id}` stands for a record.
const PAGES: [&str; 11] = [
    "",
    "offers",
    "demands",
    "agreements",
    "learnings",
    "convenings",
    "organisations",
    "search",
    "activity",
    "audit",
    "about",
];
const COLLECTIONS: [&str; 6] = ["organisations", "offers", "demands", "agreements", "learnings", "convenings"];

/// Who reads, by name.
const READERS: [&str; 8] = ["anonymous", "stranger", "owner", "party", "left-out", "reviewer", "auditor", "admin"];
const ALL: [&str; 8] = READERS;
const MEMBERS: [&str; 7] = ["stranger", "owner", "party", "left-out", "reviewer", "auditor", "admin"];

/// A word, and who may ever be told it.
struct Canary {
    word: &'static str,
    readers: Vec<&'static str>,
}

/// The words that are in the ledger, and whose they are. The auditor's grant names the owner's organisation: it reads as the owner.
#[derive(Default)]
struct Canaries(Vec<Canary>);

impl Canaries {
    /// For these readers alone.
    fn of(&mut self, word: &'static str, readers: &[&'static str]) -> &'static str {
        assert!(self.0.iter().all(|known| known.word != word), "{word} is told twice");
        self.0.push(Canary { word, readers: readers.to_vec() });
        word
    }

    /// From now on for these.
    fn becomes(&mut self, word: &str, readers: &[&'static str]) {
        let canary = self.0.iter_mut().find(|known| known.word == word).expect("a word that is there");
        canary.readers = readers.to_vec();
    }
}

/// Commands that take no words.
const WITHOUT_WORDS: [&str; 6] = [
    "change-settings",
    "confirm-clock",
    "confirm-affiliation",
    "confirm-agreement",
    "accept-authorship",
    "confirm-participation",
];

struct Scene {
    ledger: Ledger,
    users: BTreeMap<&'static str, User>,
    /// What can be asked for by id: its collection and its id.
    records: Vec<(&'static str, Uuid)>,
    canaries: Canaries,
    /// The commands that were sent.
    sent: RefCell<BTreeSet<String>>,
}

/// Those who see what is the owner's alone.
const OWN: [&str; 3] = ["owner", "auditor", "admin"];

impl Scene {
    async fn open(server: Server) -> Self {
        let ledger = Ledger::new(server);
        let mut users =
            BTreeMap::from([("anonymous", User::anonymous(&ledger.server)), ("admin", ledger.admin.clone())]);
        for name in ["stranger", "owner", "party", "left-out", "reviewer"] {
            users.insert(name, ledger.organisation(&format!("Organisation {name}"), "PE").await);
        }
        let (owner, reviewer) = (users["owner"].organisation, users["reviewer"].organisation);
        users.insert("auditor", ledger.grant(owner, "auditor").await);
        users.insert("reviewer", ledger.grant(reviewer, "reviewer").await);
        // What stands before the records here has been sent already.
        let sent = ["register-organisation", "verify-organisation", "grant-access"].map(str::to_owned).into();
        Self { ledger, users, records: Vec::new(), canaries: Canaries::default(), sent: RefCell::new(sent) }
    }

    fn id(&mut self, collection: &'static str) -> Uuid {
        let id = Uuid::new_v4();
        self.records.push((collection, id));
        id
    }

    fn organisation(&self, name: &str) -> Uuid {
        self.users[name].organisation
    }

    async fn tell(&self, name: &str, command: &str, data: Value) {
        self.sent.borrow_mut().insert(command.to_owned());
        let reply = self.users[name].send(command, &data).await;
        assert!(reply.status.is_success(), "{name} {command}: {}", reply.text);
    }

    async fn listing(&mut self, kind: &'static str, visibility: &str, word: &'static str) -> Uuid {
        let id = self.id(if kind == "offer" { "offers" } else { "demands" });
        let mut data = listing(id, word);
        data["visibility"] = json!(visibility);
        self.tell("owner", &format!("publish-{kind}"), data).await;
        id
    }

    async fn show_to(&self, kind: &str, id: Uuid, visibility: &str, reason: &str) {
        let data = json!({"subject": format!("{kind}/{id}"), "visibility": visibility, "reason": reason});
        self.tell("owner", "set-visibility", data).await;
    }
}

fn learning(id: Uuid, author: Uuid, title: &str) -> Value {
    json!({
        "id": id,
        "content": {"kind": "lesson", "authors": [author], "themes": ["sdg:3.8"], "licence": "CC-BY-4.0"},
        "text": {"title": text("en", title), "lessons": text("en", "Meet in person.")},
    })
}

fn draft(id: Uuid, parties: &[Uuid], title: &str) -> Value {
    let role = |at: usize| if at == 0 { "offering" } else { "requesting" };
    let party = |(at, organisation): (usize, &Uuid)| json!({"organisation": organisation, "roles": [role(at)], "side": format!("S{at}"), "signs": true});
    json!({
        "id": id,
        "terms": {
            "instrument": "mou", "modality": "regional", "direction": "south-south",
            "parties": parties.iter().enumerate().map(party).collect::<Vec<_>>(),
        },
        "text": {"title": text("en", title), "objectives": text("en", "To learn from each other.")},
    })
}

/// A draft of two, who both sign.
fn two(id: Uuid, owner: Uuid, party: Uuid, title: &str) -> Value {
    let mut data = draft(id, &[owner, party], title);
    data["terms"]["modality"] = json!("bilateral");
    data
}

/// One record of each kind and visibility, with a word in each text.
async fn record_everything(scene: &mut Scene) -> Changing {
    for (kind, words) in
        [("offer", ["zqofferpub", "zqoffermem", "zqofferpar"]), ("demand", ["zqdempub", "zqdemmem", "zqdempar"])]
    {
        for (visibility, word) in ["public", "members", "parties"].into_iter().zip(words) {
            let readers: &[&'static str] = match visibility {
                "public" => &ALL,
                "members" => &MEMBERS,
                _ => &OWN,
            };
            scene.canaries.of(word, readers);
            scene.listing(kind, visibility, word).await;
        }
    }
    for (visibility, word, readers) in [("members", "zqorgmem", &MEMBERS[..]), ("parties", "zqorgpar", &OWN)] {
        let id = scene.id("organisations");
        scene.canaries.of(word, readers);
        let profile = json!({"kind": "ngo", "place": "PE"});
        let data = json!({"id": id, "standing": "profile", "profile": profile, "visibility": visibility, "text": {"name": text("en", word)}});
        scene.tell("owner", "register-organisation", data).await;
    }
    let (owner, party, left) =
        (scene.organisation("owner"), scene.organisation("party"), scene.organisation("left-out"));
    let both = ["owner", "party", "auditor", "admin"];
    let convening = scene.id("convenings");
    let plan = json!({"format": "online", "starts_on": "2025-03-01", "organisers": [owner], "participants": [party], "themes": ["sdg:3.8"]});
    let title = scene.canaries.of("zqconvpar", &both);
    let data = json!({"id": convening, "plan": plan, "visibility": "parties", "text": {"title": text("en", title)}});
    scene.tell("owner", "register-convening", data).await;

    let title = scene.canaries.of("zqsession", &both);
    let session =
        json!({"id": convening, "kind": "meeting", "organisations": [party], "text": {"title": text("en", title)}});
    scene.tell("owner", "record-session", session).await;

    let agreement = scene.id("agreements");
    let three = ["owner", "party", "left-out", "auditor", "admin"];
    let word = scene.canaries.of("zqfirstterms", &three);
    scene.tell("owner", "draft-agreement", draft(agreement, &[owner, party, left], word)).await;
    let word = scene.canaries.of("zqlaterterms", &both);
    let mut revised = draft(agreement, &[owner, party], word);
    revised["terms"]["modality"] = json!("bilateral");
    scene.tell("owner", "revise-agreement", revised).await;
    scene.tell("owner", "propose-agreement", json!({"id": agreement})).await;
    let reason = scene.canaries.of("zqrefused", &both);
    scene.tell("party", "refuse-agreement", json!({"id": agreement, "reason": reason})).await;

    let working = ["owner", "reviewer", "auditor", "admin"];
    let published = scene.id("learnings");
    let word = scene.canaries.of("zqdraftlesson", &working);
    scene.tell("owner", "submit-learning", learning(published, owner, word)).await;
    let word = scene.canaries.of("zqremark", &working);
    let screening = json!({"id": published, "outcome": "revision-requested", "remarks": text("en", word)});
    scene.tell("reviewer", "screen-learning", screening).await;
    let word = scene.canaries.of("zqfinallesson", &working);
    scene.tell("owner", "revise-learning", learning(published, owner, word)).await;
    let withdrawn = scene.id("learnings");
    let word = scene.canaries.of("zqnever", &working);
    scene.tell("owner", "submit-learning", learning(withdrawn, owner, word)).await;

    scene.canaries.of("zqoncepublic", &ALL);
    let hidden = scene.listing("offer", "public", "zqoncepublic").await;
    scene.canaries.of("zqbefore", &OWN);
    let opened = scene.listing("offer", "parties", "zqbefore").await;
    let word = scene.canaries.of("zqopened", &OWN);
    scene.tell("owner", "revise-offer", listing(opened, word)).await;
    let office = scene.canaries.of("zqoffice", &OWN);
    let data = json!({"organisations": [owner], "role": "recorder", "may_sign": false, "office": office});
    scene.tell("admin", "grant-access", data).await;
    Changing { published, withdrawn, hidden, opened }
}

/// Whatever has words is sent: a new command is sent here too, or stands in the list of those that have none.
async fn every_command_was_sent(scene: &Scene) {
    let contract = scene.users["anonymous"].get("/openapi.json").await.body;
    let paths = contract["paths"].as_object().expect("paths").keys();
    let commands = paths.filter_map(|path| path.strip_prefix("/api/v1/commands/"));
    let sent = scene.sent.borrow();
    let left: Vec<_> = commands.filter(|name| !sent.contains(*name) && !WITHOUT_WORDS.contains(name)).collect();
    assert!(left.is_empty(), "nobody looks for the words of {left:?}");
}

/// Records that are shown to others later.
struct Changing {
    published: Uuid,
    withdrawn: Uuid,
    hidden: Uuid,
    opened: Uuid,
}

/// What was hidden is shown, and what was shown is hidden.
async fn change_what_is_seen(scene: &mut Scene, changing: &Changing) {
    scene.tell("reviewer", "screen-learning", json!({"id": changing.published, "outcome": "passed"})).await;
    scene.tell("owner", "publish-learning", json!({"id": changing.published})).await;
    scene.canaries.becomes("zqfinallesson", &ALL);
    let reason = scene.canaries.of("zqtakenback", &OWN);
    scene.tell("owner", "retract-learning", json!({"id": changing.withdrawn, "reason": reason})).await;
    // Whoever reviews saw it while it waited; nobody but its author does now.
    scene.canaries.becomes("zqnever", &OWN);

    let reason = scene.canaries.of("zqwhyhidden", &OWN);
    scene.show_to("offer", changing.hidden, "parties", reason).await;
    let word = scene.canaries.of("zqafterhiding", &OWN);
    scene.tell("owner", "revise-offer", listing(changing.hidden, word)).await;
    let reason = scene.canaries.of("zqwhyopened", &ALL);
    scene.show_to("offer", changing.opened, "public", reason).await;
    scene.canaries.becomes("zqopened", &ALL);
}

/// What one reader was answered, by what it asked.
type Answers = Vec<(String, String)>;

/// Everything that a reader can ask for.
async fn ask_everything(scene: &Scene, reader: &User, head: u64) -> Answers {
    let mut answers = Answers::new();
    for path in paths(scene, reader, head).await {
        let reply = reader.get(&path).await;
        assert!(reply.status.as_u16() < 500, "{path}: {} {}", reply.status, reply.text);
        answers.push((path, reply.text));
    }
    answers.push(("the stream".to_owned(), stream(reader).await));
    answers
}

/// Every reading route of the contract, filled with every record and event; lists in every form; every page.
async fn paths(scene: &Scene, reader: &User, head: u64) -> Vec<String> {
    let contract = reader.get("/openapi.json").await.body;
    let routes: Vec<String> = contract["paths"]
        .as_object()
        .expect("paths")
        .iter()
        .filter(|(_, methods)| !methods["get"].is_null())
        .map(|(path, _)| path.clone())
        .collect();
    assert!(routes.len() > 30, "{routes:?}");
    let mut paths = Vec::new();
    for route in &routes {
        let collection = COLLECTIONS.into_iter().find(|name| route.starts_with(&format!("/api/v1/{name}")));
        match route {
            _ if route.contains("{event}") => {
                paths.extend((0..=head).map(|sequence| route.replace("{event}", &sequence.to_string())))
            }
            _ if route.contains("{id}") => {
                let own = scene.records.iter().filter(|(kind, _)| Some(*kind) == collection);
                for path in own.map(|(_, id)| route.replace("{id}", &id.to_string())) {
                    if route.ends_with("{id}") {
                        paths.extend((0..=head).step_by(3).map(|sequence| format!("{path}?as_of_sequence={sequence}")));
                    }
                    paths.extend(lists_of(&contract, route).map(|list| format!("{path}?list={list}")));
                    paths.push(path);
                }
            }
            _ if route.contains('{') => {
                paths.push(route.replace("{file}", "org.convenio.withheld.v1.json").replace("{view}", "board"))
            }
            _ => paths.push(route.clone()),
        }
        if let Some(name) = collection.filter(|name| *route == format!("/api/v1/{name}")) {
            for query in [
                "facets=true&total=true",
                "updated_since_sequence=0",
                "sort=title&total=true",
                "limit=1",
                "state=retracted",
            ] {
                if name != "organisations" || !query.starts_with("state") {
                    paths.push(format!("/api/v1/{name}?{query}"));
                }
            }
            paths.extend((0..=head).step_by(7).map(|sequence| format!("/api/v1/{name}?as_of_sequence={sequence}")));
        }
    }
    paths.push("/api/v1/events?limit=1000".to_owned());
    paths.push("/api/v1/events?type=org.convenio.offer.visibility-changed.v1".to_owned());
    paths.extend(["/api/v1/activity?limit=200", "/api/v1/audit?limit=200"].map(str::to_owned));
    for user in scene.users.values() {
        paths.push(format!("/api/v1/activity?organisation={}", user.organisation));
        paths.push(format!("/api/v1/partnerships?organisation={}", user.organisation));
        paths.push(format!("/en/organisations/{}", user.organisation));
    }
    paths.extend(PAGES.map(|page| format!("/en/{page}")));
    for (collection, id) in &scene.records {
        paths.push(format!("/es/{collection}/{id}"));
        paths.extend((0..=head).step_by(9).map(|sequence| format!("/en/{collection}/{id}?as_of_sequence={sequence}")));
    }
    paths
}

/// The lists that a route of parts takes.
fn lists_of(contract: &Value, route: &str) -> impl Iterator<Item = String> {
    let parameters = contract["paths"][route]["get"]["parameters"].as_array().cloned().unwrap_or_default();
    let list = parameters.into_iter().find(|parameter| parameter["name"] == "list").unwrap_or_default();
    let words = list["schema"]["enum"].as_array().cloned().unwrap_or_default();
    words.into_iter().filter_map(|word| word.as_str().map(str::to_owned))
}

/// The stream up to where it has caught up.
async fn stream(reader: &User) -> String {
    let request = reader.request(Method::GET, "/api/v1/events?from=0").header("accept", "text/event-stream");
    let mut response = request.send().await.expect("the server answers");
    let mut told = String::new();
    while let Some(chunk) = response.chunk().await.expect("it goes on") {
        told.push_str(&String::from_utf8_lossy(&chunk));
        if told.contains("event: caught-up") {
            break;
        }
    }
    told
}

/// Looks for words that are not the reader's, and for its own: a search that finds nothing anywhere would pass for a safe one.
fn look_through(name: &str, canaries: &Canaries, answers: &Answers, faults: &mut BTreeSet<String>) {
    for Canary { word, readers } in &canaries.0 {
        let told: Vec<&str> =
            answers.iter().filter(|(_, text)| text.contains(word)).map(|(path, _)| path.as_str()).collect();
        match (readers.contains(&name), told.first()) {
            (false, Some(path)) => {
                faults.insert(format!("{name} reads {word} in {path} and {} more", told.len() - 1));
            }
            (true, None) => {
                faults.insert(format!("{name} reads {word} nowhere"));
            }
            (true, Some(_)) | (false, None) => {}
        }
    }
}

async fn check(scene: &Scene, when: &str) {
    let head = scene.users["admin"].get("/api/v1/events?limit=1").await.body["head_sequence"].as_u64().expect("a head");
    let mut faults = BTreeSet::new();
    for name in READERS {
        let reader = &scene.users[name];
        let answers = ask_everything(scene, reader, head).await;
        look_through(name, &scene.canaries, &answers, &mut faults);
        for canary in scene.canaries.0.iter().filter(|canary| !canary.readers.contains(&name)) {
            for collection in COLLECTIONS {
                for q in [canary.word, &canary.word[..canary.word.len() - 1]] {
                    let page = reader.get(&format!("/api/v1/{collection}?q={q}&total=true&facets=true")).await.body;
                    if page["total"] != 0 || page["facets"] != json!({}) {
                        faults.insert(format!("{name} finds something by {q} among {collection}: {page}"));
                    }
                }
            }
        }
    }
    assert!(faults.is_empty(), "{when}:\n{}", faults.into_iter().collect::<Vec<_>>().join("\n"));
}

/// The messages of the topic for everybody, as their maker makes them.
async fn topic(journal: &Journal) -> Answers {
    let mut messages = Answers::new();
    for event in journal.read(Sequence(0), 10_000).await.expect("the journal reads") {
        let message = cloud_event::for_everybody(&event, &SchemaLocation::default()).expect("our own event");
        let value = String::from_utf8(message.data().unwrap_or_default()).expect("JSON");
        messages
            .push((format!("the message of event {}", event.sequence), format!("{:?} {value}", message.attributes())));
    }
    messages
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn nobody_is_told_a_word_that_is_not_theirs() {
    let folder = folder();
    let data = folder.path().join("data");
    let mut scene = Scene::open(Server::start(&data)).await;
    let changing = record_everything(&mut scene).await;
    hidden_words::do_everything(&mut scene).await;
    check(&scene, "before anything is shown or hidden").await;
    change_what_is_seen(&mut scene, &changing).await;
    check(&scene, "after what was hidden is shown, and what was shown is hidden").await;
    every_command_was_sent(&scene).await;
    let Scene { ledger, canaries, .. } = scene;
    assert!(ledger.server.stop().success());
    let journal = Journal::open(&data, Access::ReadOnly).expect("the journal opens");
    let mut faults = BTreeSet::new();
    // What became public later is on the topic as it was recorded: for some.
    let later = ["zqfinallesson", "zqopened"];
    let canaries = Canaries(canaries.0.into_iter().filter(|canary| !later.contains(&canary.word)).collect());
    let messages = topic(&journal).await;
    look_through("anonymous", &canaries, &messages, &mut faults);
    faults.extend(
        messages.iter().filter(|(_, text)| later.iter().any(|word| text.contains(word))).map(|(what, _)| what.clone()),
    );
    assert!(faults.is_empty(), "the topic: {faults:?}");
}
