//! Laws that hold for any event: decoding undoes encoding, and commitments open if and only if nothing was touched.

use convenio_events::{
    AccessId, Actor, CommandId, Event, EventId, LedgerId, OrganisationId, RecordKind, RecordedEvent, Sequence,
    StreamVersion, Subject, Timestamp,
    canonical::is_canonical,
    code_list,
    codes::{AccessRole, CostBearer, CostItem, FacilityKind, Mechanism, Modality, Urgency, Visibility},
    commitment::{Digest, Salt},
    entry::Audience,
    record::Record,
    recorded::Placement,
    time::{Date, PartialDate},
    types::{
        EventType, Facts,
        access::{Granted, Scope},
        convening::VisitRecorded,
        listing::{Published, Reserved, Terms},
    },
    values::{Amount, CostShare, Quantity, Theme, Unit},
};
use proptest::{collection::vec, option, prelude::*, sample::select};
use std::fmt::Debug;
use uuid::Uuid;

fn id<K: convenio_events::ids::Kind>() -> impl Strategy<Value = convenio_events::Id<K>> {
    any::<u128>().prop_map(|bits| convenio_events::Id::new(Uuid::from_u128(bits)))
}
fn one_of<T: Copy + Debug + 'static>(all: &'static [T]) -> impl Strategy<Value = T> {
    select(all)
}
fn date() -> impl Strategy<Value = Date> {
    (1..=9999, 1_u32..=12, 1_u32..=31)
        .prop_filter_map("a date that exists", |(y, m, d)| format!("{y:04}-{m:02}-{d:02}").parse().ok())
}
fn partial_date() -> impl Strategy<Value = PartialDate> {
    prop_oneof![
        (1..=9999).prop_map(PartialDate::Year),
        ((1..=9999), (1_u32..=12)).prop_map(|(year, month)| PartialDate::Month(year, month)),
        date().prop_map(|date| PartialDate::Day(date.0)),
    ]
}
fn quantity() -> impl Strategy<Value = Quantity> {
    let amount = (0..10_u64.pow(18), 0_u32..1_000_000)
        .prop_filter_map("more than zero", |(w, p)| format!("{w}.{p:06}").parse().ok().filter(|a| *a > Amount::ZERO));
    let unit = select(vec!["expert-days", "places", "visits", "units", "hours", "PEN", "USD", "EUR"]);
    (amount, unit).prop_map(|(amount, unit)| Quantity { amount, unit: unit.parse::<Unit>().expect("listed") })
}
fn themes() -> impl Strategy<Value = Vec<Theme>> {
    let listed: Vec<String> =
        code_list::sdg_targets().items().iter().map(|code| format!("sdg:{}", code.code)).collect();
    let theme = prop_oneof![select(listed), "(decs|mesh):D[0-9]{6}"];
    vec(theme.prop_map(|theme| theme.parse().expect("has the form")), 0..5)
}

prop_compose! {
    fn terms()(
        themes in themes(),
        mechanisms in vec(one_of(Mechanism::ALL), 0..4),
        modalities in vec(one_of(Modality::ALL), 0..3),
        places in vec(select(vec!["PE", "US-AZ", "HT", "MX-CHP"]), 0..3),
        languages in vec(select(vec!["es", "pt-BR", "zh-Hant", "qu"]), 0..3),
        quantity in option::of(quantity()),
        costs in vec((one_of(CostItem::ALL), one_of(CostBearer::ALL)), 0..3),
        urgency in option::of(one_of(Urgency::ALL)),
        (valid_from, valid_through) in (option::of(date()), option::of(date())),
        time_zone in option::of(select(vec!["America/Lima", "America/Argentina/Buenos_Aires", "UTC"])),
        (site, evidence) in (option::of(id()), vec(id(), 0..3)),
    ) -> Terms {
        Terms {
            site, themes, mechanisms, modalities, quantity, urgency, valid_from, valid_through, evidence,
            places: places.into_iter().map(|place| place.parse().expect("a place")).collect(),
            languages: languages.into_iter().map(|tag| tag.parse().expect("a tag")).collect(),
            costs: costs.into_iter().map(|(item, bearer)| CostShare { item, bearer }).collect(),
            time_zone: time_zone.map(|zone| zone.parse().expect("a zone")),
        }
    }
}

fn facts() -> impl Strategy<Value = (RecordKind, Facts)> {
    let listing = select(vec![RecordKind::Offer, RecordKind::Demand]);
    let published = (listing.clone(), id(), terms(), one_of(Visibility::ALL)).prop_map(
        |(kind, organisation, terms, visibility)| (kind, Published { organisation, terms, visibility }.into_facts()),
    );
    let reserved = (listing, id(), option::of(quantity())).prop_map(|(kind, agreement, quantity)| {
        (kind, Reserved { agreement, quantity, further: Vec::new() }.into_facts())
    });
    let visit = (id(), id(), option::of(id()), vec(one_of(FacilityKind::ALL), 1..4), option::of(partial_date()))
        .prop_map(|(visit, host, site, facilities, occurred_on)| {
            (RecordKind::Convening, VisitRecorded { visit, host, site, facilities, occurred_on }.into_facts())
        });
    let scope = prop_oneof![
        Just(Scope::Operator),
        Just(Scope::Sample),
        vec(id(), 1..4).prop_map(|organisations| Scope::Organisations { organisations }),
    ];
    let flags = (any::<bool>(), any::<bool>(), option::of(any::<[u8; 32]>()), option::of(any::<[u8; 32]>()));
    let granted = (scope, one_of(AccessRole::ALL), flags, time(), option::of(time())).prop_map(
        |(scope, role, (may_sign, on_behalf, mandate, token), valid_from, valid_through)| {
            let (mandate, token_digest) = (mandate.map(Digest), token.map(Digest));
            let granted =
                Granted { scope, role, may_sign, on_behalf, mandate, valid_from, valid_through, token_digest };
            (RecordKind::Access, granted.into_facts())
        },
    );
    prop_oneof![published, reserved, visit, granted]
}

/// Any instant of the years that a timestamp can hold.
fn time() -> impl Strategy<Value = Timestamp> {
    any::<i64>().prop_map(Timestamp::from_micros)
}

fn actor() -> impl Strategy<Value = Actor> {
    prop_oneof![id().prop_map(|id: OrganisationId| Actor::Organisation(id)), Just(Actor::Clock), Just(Actor::Operator)]
}

prop_compose! {
    fn recorded()(
        (kind, facts) in facts(),
        actor in actor(),
        (subject, command, own, ledger) in any::<(u128, u128, u128, u128)>(),
        (causation, correlation, grant) in any::<(Option<u128>, Option<u128>, Option<u128>)>(),
        (record_salt, text_salt) in any::<([u8; 32], [u8; 32])>(),
        (digest, public) in any::<(Option<[u8; 32]>, bool)>(),
        (sequence, version) in (any::<u64>(), 0_u64..(1 << 53)),
        time in time(),
        text in option::of("\\PC{0,80}"),
    ) -> (Record, Placement, Option<Box<str>>) {
        let record = Record {
            actor, facts,
            causation_id: causation.map(|bits| EventId::new(Uuid::from_u128(bits))),
            command_digest: digest.map(Digest),
            command_id: CommandId::new(Uuid::from_u128(command)),
            correlation_id: correlation.map(|bits| CommandId::new(Uuid::from_u128(bits))),
            grant: grant.map(|bits| AccessId::new(Uuid::from_u128(bits))),
            id: EventId::new(Uuid::from_u128(own)),
            stream_version: StreamVersion(version),
            subject: Subject::new(kind, Uuid::from_u128(subject)),
        };
        let placement = Placement {
            time,
            ledger: LedgerId::new(Uuid::from_u128(ledger)),
            sequence: Sequence(sequence),
            audience: if public { Audience::Public } else { Audience::Restricted },
            record_salt: Salt(record_salt),
            text_salt: Salt(text_salt),
        };
        let text = text.map(|text| convenio_events::canonical::to_string(&serde_json::json!({"reason": text})).into());
        (record, placement, text)
    }
}

fn json() -> impl Strategy<Value = serde_json::Value> {
    let number = prop_oneof![
        any::<i64>().prop_map(serde_json::Value::from),
        any::<u64>().prop_map(serde_json::Value::from),
        any::<f64>().prop_map(serde_json::Value::from),
        (-9i64..9).prop_map(|near| serde_json::Value::from((1i64 << 53) + near)),
    ];
    let leaf = prop_oneof![
        Just(serde_json::Value::Null),
        any::<bool>().prop_map(serde_json::Value::from),
        number,
        any::<String>().prop_map(serde_json::Value::from),
    ];
    let name = prop_oneof!["[a-z\"\\\\\u{1}]{0,3}", any::<String>()];
    leaf.prop_recursive(3, 24, 4, move |inner| {
        prop_oneof![
            prop::collection::vec(inner.clone(), 0..4).prop_map(serde_json::Value::from),
            prop::collection::hash_map(name.clone(), inner, 0..4)
                .prop_map(|members| serde_json::Value::Object(members.into_iter().collect())),
        ]
    })
}

proptest! {
    #[test]
    fn what_is_called_ordered_is_canonical_as_it_is_written(value in json()) {
        if convenio_events::canonical::is_ordered(&value) {
            let written = serde_json::to_string(&value).expect("a value can be written");
            prop_assert_eq!(written, convenio_events::canonical::to_string(&value));
        }
    }

    #[test]
    fn decoding_undoes_encoding((record, placement, text) in recorded()) {
        let stored = RecordedEvent::encode(&record, text.clone(), &placement);
        prop_assert!(is_canonical(&stored.record) && is_canonical(&stored.entry));
        let event = Event::decode(&stored).expect("what was written can be read");
        let again = Record {
            actor: event.actor,
            causation_id: event.causation_id,
            command_digest: event.command_digest,
            command_id: event.command_id,
            correlation_id: event.correlation_id,
            facts: event.facts,
            grant: event.grant,
            id: event.id,
            stream_version: event.stream_version,
            subject: event.subject,
        };
        prop_assert_eq!(&again, &record);
        prop_assert_eq!((event.sequence, event.time, event.audience), (placement.sequence, placement.time, placement.audience));
        prop_assert_eq!((event.ledger, event.text, event.erased), (placement.ledger, text.clone(), false));
        prop_assert_eq!(RecordedEvent::encode(&again, text, &placement), stored);
    }

    #[test]
    fn commitments_open_if_and_only_if_nothing_was_touched(
        (record, placement, text) in recorded(), part in 0..4, at in any::<prop::sample::Index>(), bit in 0..8_u32,
    ) {
        let stored = RecordedEvent::encode(&record, text, &placement);
        prop_assert!(Event::check_commitments(&stored).is_ok());
        let mut touched = stored.clone();
        match part {
            0 => touched.record = with_another_letter(&stored.record, at),
            1 => touched.text = Some(with_another_letter(stored.text.as_deref().unwrap_or_default(), at)),
            2 => touched.record_salt.0[at.index(32)] ^= 1_u8 << bit,
            _ => touched.text_salt.as_mut().expect("has a salt").0[at.index(32)] ^= 1_u8 << bit,
        }
        prop_assert!(Event::check_commitments(&touched).is_err());
        let erased = RecordedEvent { text: None, text_salt: None, ..stored };
        prop_assert!(Event::check_commitments(&erased).is_ok(), "an erased text is passed over");
        prop_assert!(Event::decode(&erased).expect("still folds").erased);
    }
}

/// The text with one character replaced, or with one more where it is empty.
fn with_another_letter(text: &str, at: prop::sample::Index) -> Box<str> {
    let mut letters: Vec<char> = text.chars().collect();
    match letters.len() {
        0 => letters.push('x'),
        length => {
            let letter = &mut letters[at.index(length)];
            *letter = if *letter == 'x' { 'y' } else { 'x' };
        }
    }
    letters.into_iter().collect::<String>().into()
}
