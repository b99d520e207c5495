//! The usual readers, a ledger with two organisations, and its views.

use super::{
    By, Ledger, by, id, settle, start,
    story::{organisation_facts, organisation_text, text},
};
use convenio_events::{
    OrganisationId,
    codes::{OrganisationKind, Visibility},
    entry::Audience,
    types::organisation,
};
use convenio_projections::{ReaderIdentity, Views};

/// Nobody, a member, another party, the owner, an admin.
pub fn readers() -> [ReaderIdentity; 5] {
    let of = |number| ReaderIdentity { organisations: vec![id(number)], member: true, ..Default::default() };
    let admin = ReaderIdentity { admin_or_auditor: true, member: true, ..Default::default() };
    [ReaderIdentity::default(), of(99), of(2), of(1), admin]
}

pub fn register(ledger: &mut Ledger, number: u128, by: By) {
    let facts = organisation_facts(OrganisationKind::Ngo, organisation::Standing::Holder, Visibility::Public);
    let new: OrganisationId = id(number);
    ledger.put(
        new,
        by,
        Audience::Public,
        facts,
        Some(organisation_text(text("en", &format!("Organisation {number}")))),
    );
}

pub async fn opened() -> Ledger {
    let mut ledger = Ledger::open(1).await;
    for number in [1, 2] {
        register(&mut ledger, number, by(id(number)));
    }
    ledger
}

pub async fn views_of(ledger: &mut Ledger) -> (tempfile::TempDir, Views) {
    ledger.commit().await;
    let folder = tempfile::tempdir().expect("folder");
    let views = start(folder.path(), &ledger.log, 100).await;
    settle(&views, ledger.head()).await;
    (folder, views)
}
