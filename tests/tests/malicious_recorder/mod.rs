//! What can be done and undone without end: each time is an event, and a version of the record.

use super::{Watched, flood, long_text, send};
use convenio_tests::{
    User,
    users::{agreement, listing, text},
};
use serde_json::{Value, json};
use uuid::Uuid;

/// So often each is done and undone.
const TIMES: usize = 60;

/// Sends two commands in turn, and says how many were accepted of both.
async fn in_turn(
    user: &User,
    one: &'static str,
    other: &'static str,
    data: impl Fn(usize, &'static str) -> Value,
) -> usize {
    let lines = (0..TIMES * flood()).flat_map(|n| [one, other].map(|command| (command, data(n, command))));
    send(user, lines.collect::<Vec<_>>().into_iter()).await
}

/// Whatever a recorder may do and undo.
pub(super) async fn do_and_undo(node: &Watched, recorder: &User, victim: &User, done: &mut Vec<(&'static str, usize)>) {
    let own = recorder.organisation;
    let (profile, offer, demand) = (Uuid::new_v4(), Uuid::new_v4(), Uuid::new_v4());
    let kind = json!({"kind": "ngo", "place": "PE", "languages": ["es"]});
    let data =
        json!({"id": profile, "standing": "profile", "profile": kind, "text": {"name": text("es", "Ida y vuelta")}});
    recorder.send("register-organisation", &data).await.accepted();
    let identifier = |_, _| json!({"id": profile, "identifier": "PE-RUC-20888888888"});
    done.push(("withdraw-identifier", in_turn(recorder, "add-identifier", "withdraw-identifier", identifier).await));
    let site = |n: usize, command: &str| {
        let id = Uuid::from_u128(0x517e_0000 + n as u128);
        match command {
            "add-site" => json!({"id": profile, "site": id, "place": "PE", "text": {"name": text("es", "Sede")}}),
            _ => json!({"id": profile, "site": id, "reason": "Se cierra."}),
        }
    };
    done.push(("close-site", in_turn(recorder, "add-site", "close-site", site).await));
    // The recorder's own claims are used up: one of its friends goes on.
    let friend = node.ledger.organisation("Amiga", "PE").await;
    let tie = |n: usize, command: &str| {
        let (own, id) = (friend.organisation, Uuid::from_u128(0x71e_0000 + n as u128));
        match command {
            "affiliate-organisation" => json!({"id": own, "affiliation": id, "with": profile, "kind": "sister"}),
            _ => json!({"id": own, "affiliation": id, "reason": "Se acabó."}),
        }
    };
    done.push(("end-affiliation", in_turn(&friend, "affiliate-organisation", "end-affiliation", tie).await));
    let admin = node.ledger.grant(own, "organisation-admin").await;
    let access = |n: usize, command: &str| {
        let id = Uuid::from_u128(0xacce_0000 + n as u128);
        match command {
            "grant-access" => {
                json!({"id": id, "organisations": [own], "role": "recorder", "may_sign": false, "office": "Oficina"})
            }
            _ => json!({"id": id, "reason": "Se fue."}),
        }
    };
    let accesses = in_turn(&admin, "grant-access", "revoke-access", access).await;
    done.extend([("grant-access", accesses), ("revoke-access", accesses)]);
    // Demands, as large as they may be, and as many as anybody sends.
    let mut large = listing(demand, "Demanda");
    large["text"]["summary"] = long_text(400);
    recorder.send("publish-demand", &large).await.accepted();
    done.push(("revise-demand", send(recorder, (0..10 * flood()).map(|_| ("revise-demand", large.clone()))).await));
    done.push(("pause-demand", in_turn(recorder, "pause-demand", "resume-demand", |_, _| json!({"id": demand})).await));
    for publish in ["publish-offer", "publish-demand"] {
        let lines = (0..200 * flood()).map(|_| (publish, listing(Uuid::new_v4(), "Una más")));
        done.push((publish, send(recorder, lines).await));
    }
    // An agreement in force that is held and goes on; one that is confirmed and denied; and a tie that is confirmed by both.
    recorder.send("publish-offer", &listing(offer, "Para acordar")).await.accepted();
    let (active, said) = (Uuid::new_v4(), Uuid::new_v4());
    recorder.send("draft-agreement", &agreement(active, own, victim.organisation, offer, "0.01")).await.accepted();
    recorder.send("propose-agreement", &json!({"id": active})).await.accepted();
    for party in [victim, recorder] {
        let shown = party.get(&format!("/api/v1/agreements/{active}")).await.accepted();
        let signature = json!({"id": active, "terms_digest": shown["terms_digest"]});
        party.send("sign-agreement", &signature).await.accepted();
    }
    let held = in_turn(recorder, "suspend-agreement", "resume-agreement", |_, _| json!({"id": active})).await;
    done.extend([("suspend-agreement", held), ("resume-agreement", held)]);
    let mut data = agreement(said, own, victim.organisation, offer, "0.01");
    data["terms"]["commitments"] = json!([]);
    for party in data["terms"]["parties"].as_array_mut().into_iter().flatten() {
        party.as_object_mut().expect("a party").remove("signs");
    }
    (data["concluded_on"], data["citation"]) = (json!("2021"), json!("Una gaceta"));
    recorder.send("register-agreement", &data).await.accepted();
    let (mut confirmed, mut denied) = (0, 0);
    for _ in 0..20 * flood() {
        denied += usize::from(recorder.send("deny-agreement", &json!({"id": said})).await.status.is_success());
        let now = recorder.get(&format!("/api/v1/agreements/{said}")).await.accepted();
        let line = json!({"command": "confirm-agreement", "id": Uuid::new_v4(), "data": {"id": said}, "expected_version": now["streamversion"]});
        confirmed +=
            recorder.batch_of(format!("{line}\n")).await.iter().filter(|one| one["sequence"].is_number()).count();
    }
    done.extend([("deny-agreement", denied), ("confirm-agreement", confirmed)]);
    let (mut lines, mut ties) = (String::new(), Vec::new());
    for n in 0..3_u128 {
        let id = Uuid::from_u128(0xc0f_0000 + n);
        let kinds = ["member", "sister", "subsidiary"];
        let kind = kinds[usize::try_from(n).expect("few") % kinds.len()];
        let data = json!({"id": victim.organisation, "affiliation": id, "with": friend.organisation, "kind": kind});
        if friend.send("affiliate-organisation", &data).await.status.is_success() {
            ties.push(id);
        }
    }
    for id in &ties {
        let now = victim.get(&format!("/api/v1/organisations/{}", victim.organisation)).await.accepted();
        let data = json!({"id": victim.organisation, "affiliation": id});
        let line = json!({"command": "confirm-affiliation", "id": Uuid::new_v4(), "data": data, "expected_version": now["streamversion"]});
        lines.clear();
        lines.push_str(&format!("{line}\n"));
        done.push((
            "confirm-affiliation",
            victim.batch_of(lines.clone()).await.iter().filter(|one| one["sequence"].is_number()).count(),
        ));
    }
    node.settle().await;
}
