//! Every command that takes words, on records that few see, each text with a word of its own. Who may read which is said beside it.

use super::{OWN, Scene, learning, two};
use convenio_tests::{
    User,
    users::{listing, text},
};
use serde_json::{Value, json};
use uuid::Uuid;

/// The digest and the version of the terms that a party is shown.
async fn shown(user: &User, agreement: Uuid) -> Value {
    user.get(&format!("/api/v1/agreements/{agreement}")).await.accepted()["terms_digest"].clone()
}

/// What an organisation is told to do with a record that few see, with a word in each text that a command takes.
pub(super) async fn do_everything(scene: &mut Scene) {
    let (owner, party) = (scene.organisation("owner"), scene.organisation("party"));
    let both = ["owner", "party", "auditor", "admin"];
    // A profile that only whoever registered it sees.
    let profile = scene.id("organisations");
    let word = scene.canaries.of("zqprofile", &OWN);
    let kind = json!({"kind": "ngo", "place": "PE"});
    let data = json!({"id": profile, "standing": "profile", "profile": kind, "visibility": "parties", "text": {"name": text("en", word)}});
    scene.tell("owner", "register-organisation", data).await;
    let word = scene.canaries.of("zqdescribed", &OWN);
    let words = json!({"name": text("en", "Profile"), "description": text("en", word)});
    scene.tell("owner", "revise-organisation", json!({"id": profile, "profile": kind, "text": words})).await;
    scene.tell("owner", "add-identifier", json!({"id": profile, "identifier": "PE-RUC-20999999999"})).await;
    scene.tell("owner", "withdraw-identifier", json!({"id": profile, "identifier": "PE-RUC-20999999999"})).await;
    let (site, word) = (Uuid::new_v4(), scene.canaries.of("zqsite", &OWN));
    scene
        .tell(
            "owner",
            "add-site",
            json!({"id": profile, "site": site, "place": "PE", "text": {"name": text("en", word)}}),
        )
        .await;
    let reason = scene.canaries.of("zqclosedsite", &OWN);
    scene.tell("owner", "close-site", json!({"id": profile, "site": site, "reason": reason})).await;
    let affiliation = Uuid::new_v4();
    let data = json!({"id": profile, "affiliation": affiliation, "with": owner, "kind": "member"});
    scene.tell("owner", "affiliate-organisation", data).await;
    let reason = scene.canaries.of("zqendedtie", &OWN);
    scene.tell("owner", "end-affiliation", json!({"id": profile, "affiliation": affiliation, "reason": reason})).await;
    let reason = scene.canaries.of("zqunverified", &OWN);
    scene.tell("admin", "verify-organisation", json!({"id": profile, "method": "operator"})).await;
    scene.tell("admin", "revoke-verification", json!({"id": profile, "reason": reason})).await;
    let reason = scene.canaries.of("zqsuspendedorg", &OWN);
    scene.tell("admin", "suspend-organisation", json!({"id": profile, "reason": reason})).await;
    let reason = scene.canaries.of("zqreinstatedorg", &OWN);
    scene.tell("admin", "reinstate-organisation", json!({"id": profile, "reason": reason})).await;
    for (kind, [paused, withdrawn, title]) in
        [("offer", ["zqpausedo", "zqwithdrawno", "zqlisto"]), ("demand", ["zqpausedd", "zqwithdrawnd", "zqlistd"])]
    {
        scene.canaries.of(title, &OWN);
        let id = scene.listing(kind, "parties", title).await;
        let (paused, withdrawn) = (scene.canaries.of(paused, &OWN), scene.canaries.of(withdrawn, &OWN));
        scene.tell("owner", &format!("pause-{kind}"), json!({"id": id, "reason": paused})).await;
        scene.tell("owner", &format!("resume-{kind}"), json!({"id": id})).await;
        scene.tell("owner", &format!("revise-{kind}"), listing(id, "Revised")).await;
        scene.tell("owner", &format!("withdraw-{kind}"), json!({"id": id, "reason": withdrawn})).await;
        let met = scene.listing(kind, "parties", "Met").await;
        scene.tell("owner", &format!("fulfil-{kind}"), json!({"id": met})).await;
    }
    // An agreement of two that goes its whole way, one that is denied, one that is left, one that is given up.
    let signed = scene.id("agreements");
    let word = scene.canaries.of("zqagreed", &both);
    scene.tell("owner", "draft-agreement", two(signed, owner, party, word)).await;
    scene.tell("owner", "propose-agreement", json!({"id": signed})).await;
    let reason = scene.canaries.of("zqproposalback", &both);
    scene.tell("owner", "withdraw-proposal", json!({"id": signed, "reason": reason})).await;
    scene.tell("owner", "propose-agreement", json!({"id": signed})).await;
    for (name, office) in [("owner", "zqsignerone"), ("party", "zqsignertwo")] {
        scene.canaries.of(office, &both);
        let digest = shown(&scene.users[name], signed).await;
        scene.tell(name, "sign-agreement", json!({"id": signed, "terms_digest": digest, "office": office})).await;
    }
    for (command, word) in
        [("suspend-agreement", "zqsuspended"), ("resume-agreement", "zqresumed"), ("complete-agreement", "zqcompleted")]
    {
        scene.canaries.of(word, &both);
        scene.tell("owner", command, json!({"id": signed, "reason": word})).await;
    }
    for (command, by, word, readers) in [
        ("deny-agreement", "party", "zqdenied", &both[..]),
        // Whoever leaves is told what the agreement was until then.
        ("leave-agreement", "party", "zqleft", &OWN),
        ("cancel-agreement", "owner", "zqcancelled", &both),
    ] {
        let id = scene.id("agreements");
        scene.canaries.of(word, readers);
        scene.tell("owner", "draft-agreement", two(id, owner, party, "Of two")).await;
        scene.tell(by, command, json!({"id": id, "reason": word})).await;
    }
    let ended = scene.id("agreements");
    scene.tell("owner", "draft-agreement", two(ended, owner, party, "Of two")).await;
    scene.tell("owner", "propose-agreement", json!({"id": ended})).await;
    for name in ["owner", "party"] {
        let digest = shown(&scene.users[name], ended).await;
        scene.tell(name, "sign-agreement", json!({"id": ended, "terms_digest": digest})).await;
    }
    let reason = scene.canaries.of("zqterminated", &both);
    scene.tell("party", "terminate-agreement", json!({"id": ended, "reason": reason})).await;
    let elsewhere = scene.id("agreements");
    let (word, citation) = (scene.canaries.of("zqelsewhere", &both), scene.canaries.of("zqcitedterms", &both));
    let mut registered = two(elsewhere, owner, party, word);
    (registered["citation"], registered["concluded_on"]) = (json!(citation), json!("2020"));
    scene.tell("owner", "register-agreement", registered).await;
    // A convening that is announced, moved and called off, and a visit.
    let meeting = scene.id("convenings");
    let (word, venue) = (scene.canaries.of("zqmeeting", &both), scene.canaries.of("zqvenue", &both));
    let plan = json!({"format": "in-person", "starts_on": "2031-03-01", "organisers": [owner], "participants": [party], "themes": ["sdg:3.8"]});
    let data = json!({"id": meeting, "plan": plan, "visibility": "parties", "text": {"title": text("en", word), "venue": text("en", venue)}});
    scene.tell("owner", "announce-convening", data).await;
    let reason = scene.canaries.of("zqpostponed", &both);
    scene
        .tell("owner", "postpone-convening", json!({"id": meeting, "starts_on": "2031-04-01", "reason": reason}))
        .await;
    let reason = scene.canaries.of("zqcalledoff", &both);
    scene.tell("owner", "cancel-convening", json!({"id": meeting, "reason": reason})).await;
    let held = scene.id("convenings");
    let plan = json!({"format": "in-person", "starts_on": "2025-03-01", "organisers": [owner], "participants": [party], "themes": ["sdg:3.8"]});
    let data = json!({"id": held, "plan": plan, "visibility": "parties", "text": {"title": text("en", "Held")}});
    scene.tell("owner", "announce-convening", data).await;
    scene.tell("owner", "hold-convening", json!({"id": held})).await;
    let word = scene.canaries.of("zqvisit", &both);
    let visit = json!({"id": held, "host": party, "facilities": ["hospital"], "text": {"title": text("en", word)}});
    scene.tell("owner", "record-visit", visit).await;
    // A learning from elsewhere, of its author alone.
    let lesson = scene.id("learnings");
    let (word, citation) = (scene.canaries.of("zqfromelsewhere", &OWN), scene.canaries.of("zqcitedlesson", &OWN));
    let mut registered = learning(lesson, owner, word);
    (registered["visibility"], registered["text"]["citation"]) = (json!("parties"), json!(citation));
    scene.tell("owner", "register-learning", registered).await;
    let (grant, office) = (Uuid::new_v4(), scene.canaries.of("zqformeroffice", &OWN));
    let data = json!({"id": grant, "organisations": [owner], "role": "recorder", "may_sign": false, "office": office});
    scene.tell("admin", "grant-access", data).await;
    let reason = scene.canaries.of("zqrevoked", &OWN);
    scene.tell("admin", "revoke-access", json!({"id": grant, "reason": reason})).await;
}
