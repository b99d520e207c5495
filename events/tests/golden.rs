//! Every event type ever recorded has a golden file with its canonical bytes. A golden file is added, never changed.
//!
//! `golden/<type>.json` holds `{"record": ..., "text": ...}`; each value stands on one line and is RFC 8785 byte for byte.

mod schema;

use convenio_events::{
    Event, LedgerId, RecordedEvent, Sequence, Timestamp, canonical, cloud_event,
    commitment::{Salt, command_digest, record_commitment, text_commitment, token_digest},
    entry::{Audience, Entry},
    record::{RawRecord, Record},
    recorded::Placement,
    schemas::{EVENT_DATA_SCHEMAS, SchemaLocation},
    types::{Facts, convening, split_type_name},
};
use serde_json::{Value, value::RawValue};
use std::{collections::BTreeMap, fs, path::PathBuf};

/// Types that are read for ever and written no more, and the type that they are read as.
const OLD_TYPES: [(&str, &str); 1] =
    [("org.convenio.convening.visit-recorded.v1", "org.convenio.convening.visit-recorded.v2")];

struct Golden {
    record: String,
    text: Option<String>,
}

fn goldens() -> BTreeMap<String, Golden> {
    #[derive(serde::Deserialize)]
    struct File<'a> {
        #[serde(borrow)]
        record: &'a RawValue,
        #[serde(borrow)]
        text: Option<&'a RawValue>,
    }
    let folder = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("tests/golden");
    let files = fs::read_dir(folder).expect("the folder is there").map(|file| file.expect("is listed").path());
    files
        .map(|path| {
            let json = fs::read_to_string(&path).expect("is text");
            let file: File<'_> = serde_json::from_str(&json).unwrap_or_else(|error| panic!("{path:?}: {error}"));
            let golden = Golden { record: file.record.get().into(), text: file.text.map(|text| text.get().into()) };
            (path.file_stem().expect("has a name").to_string_lossy().into_owned(), golden)
        })
        .collect()
}

fn facts_of(raw: &RawRecord<'_>) -> Facts {
    let (kind, suffix) = split_type_name(raw.r#type).expect("a type of ours");
    Facts::decode(kind, suffix, raw.facts.get())
        .expect("a known type")
        .unwrap_or_else(|e| panic!("{}: {e}", raw.r#type))
}

fn reencoded(raw: &RawRecord<'_>) -> Record {
    Record {
        actor: raw.actor,
        causation_id: raw.causationid,
        command_digest: raw.commanddigest,
        command_id: raw.commandid,
        correlation_id: raw.correlationid,
        facts: facts_of(raw),
        grant: raw.grant.map(|grant| convenio_events::AccessId::new(grant.id)),
        id: raw.id,
        stream_version: raw.streamversion,
        subject: raw.subject,
    }
}

fn placement() -> Placement {
    Placement {
        ledger: "018f4e2a-0000-7000-8000-000000000001".parse::<LedgerId>().expect("an id"),
        sequence: Sequence(17),
        time: "2026-11-21T09:30:00.123456Z".parse::<Timestamp>().expect("a time"),
        audience: Audience::Public,
        record_salt: Salt([0x11; 32]),
        text_salt: Salt(std::array::from_fn(|at| at as u8)),
    }
}

fn recorded(golden: &Golden) -> RecordedEvent {
    let raw = RawRecord::parse(&golden.record).expect("a record");
    RecordedEvent::encode(&reencoded(&raw), golden.text.clone().map(Into::into), &placement())
}

#[test]
fn every_type_has_a_golden_file_and_every_golden_file_a_type() {
    let files: Vec<String> = goldens().into_keys().collect();
    let mut types: Vec<String> = EVENT_DATA_SCHEMAS.keys().cloned().collect();
    types.extend(OLD_TYPES.map(|(old, _)| old.to_owned()));
    types.sort();
    assert_eq!(files, types, "left: files of tests/golden, right: types that were ever recorded");
}

#[test]
fn every_golden_file_is_read_and_written_byte_for_byte() {
    for (name, golden) in goldens() {
        let raw = RawRecord::parse(&golden.record).unwrap_or_else(|error| panic!("{name}: {error}"));
        assert_eq!(raw.r#type, name, "a golden file is named after its type");
        assert!(canonical::is_canonical(&golden.record), "{name}: the record is not RFC 8785");
        assert!(golden.text.as_deref().is_none_or(canonical::is_canonical), "{name}: the text is not RFC 8785");
        if OLD_TYPES.iter().all(|(old, _)| *old != name) {
            assert_eq!(reencoded(&raw).to_canonical(), golden.record, "{name}");
        }
    }
}

#[test]
fn every_golden_file_fits_the_schema_that_is_served() {
    let of_today: BTreeMap<_, _> = goldens().into_iter().filter(|(n, _)| EVENT_DATA_SCHEMAS.contains_key(n)).collect();
    for (name, golden) in of_today {
        let raw = RawRecord::parse(&golden.record).expect("a record");
        let facts: Value = serde_json::from_str(raw.facts.get()).expect("facts");
        let text: Value = golden.text.as_deref().map_or(Value::Null, |text| serde_json::from_str(text).expect("text"));
        let data = serde_json::json!({"facts": facts, "text": text});
        assert_eq!(schema::complaint(&EVENT_DATA_SCHEMAS[&name], &data, "data"), None, "{name}");
    }
}

#[test]
fn what_a_schema_requires_is_what_the_program_requires() {
    for (name, golden) in goldens() {
        let Some(schema) = EVENT_DATA_SCHEMAS.get(&name) else { continue };
        let raw = RawRecord::parse(&golden.record).expect("a record");
        let (kind, suffix) = split_type_name(raw.r#type).expect("a type of ours");
        let facts: serde_json::Map<String, Value> = serde_json::from_str(raw.facts.get()).expect("facts");
        for member in facts.keys() {
            let mut without = facts.clone();
            without.remove(member);
            let readable = Facts::decode(kind, suffix, &Value::Object(without).to_string()).expect("known").is_ok();
            let required = schema.pointer("/properties/facts/required").and_then(Value::as_array);
            let required = required.is_some_and(|required| required.iter().any(|name| name == member));
            assert_eq!(readable, !required, "{name}: {member}");
        }
    }
}

#[test]
fn an_old_visit_is_read_as_a_visit_of_today() {
    for (old, new) in OLD_TYPES {
        let goldens = goldens();
        let (old, new) = (&goldens[old].record, &goldens[new].record);
        let (old, new) = (RawRecord::parse(old).expect("a record"), RawRecord::parse(new).expect("a record"));
        let (
            Facts::Convening(convening::Facts::VisitRecorded(old)),
            Facts::Convening(convening::Facts::VisitRecorded(new)),
        ) = (facts_of(&old), facts_of(&new))
        else {
            panic!("both are visits");
        };
        let first = new.facilities[..1].to_vec();
        assert_eq!(old, convening::VisitRecorded { facilities: first, ..new }, "one facility became a list of one");
    }
}

/// Computed with Python's `hashlib`, and the record's once more with
/// `{ printf 'convenio-record/v1\n'; cat salt record; } | openssl dgst -sha256 -binary | base64`,
/// where `salt` is 32 bytes 0x11 and `record` the second line of the golden file without its last comma.
#[test]
fn commitments_are_those_that_others_compute() {
    let golden = &goldens()["org.convenio.offer.published.v1"];
    let Placement { record_salt, text_salt, .. } = placement();
    let record = record_commitment(&record_salt, golden.record.as_bytes());
    let text = text_commitment(&text_salt, golden.text.as_deref().expect("has a text").as_bytes());
    assert_eq!(record.to_string(), "Y6qi6pxc2a7SDSMdcVikMdaZ4lY+PcQifrgSJYxyiTw=");
    assert_eq!(text.to_string(), "2ESyoJGKYoNa1tCyjJm9k06gEPgiqvRg71AdRwRf1Vg=");
    assert_eq!(text_commitment(&text_salt, b"").to_string(), "C2ziegb6tz3wBGYD1wF4oPGCHpYDL2MBPSZeXpRc1YY=");
    let command =
        br#"{"command":"pause-offer","data":{"id":"018f4e2a-0000-7000-8000-000000000002"},"expected_version":null}"#;
    assert_eq!(command_digest(&text_salt, command).to_string(), "60eebmI+YnaIKOFsnqokkEzh0gLRNLb10DyqdXXu6vQ=");
    assert_eq!(token_digest(&record_salt.0).to_string(), "ftmgaHHjUF5xlLWzu2RO/V4gQoZWvuz6i5pi94jzOUY=");
}

/// The entry as Python writes it, and the RFC 6962 leaf hash of its bytes.
#[test]
fn an_entry_and_its_leaf_are_those_that_others_compute() {
    use sha2::{Digest, Sha256};
    let golden = &goldens()["org.convenio.offer.published.v1"];
    let raw = RawRecord::parse(&golden.record).expect("a record");
    let recorded = RecordedEvent::encode(&reencoded(&raw), golden.text.clone().map(Into::into), &placement());
    assert_eq!(
        &*recorded.entry,
        r#"{"audience":"public","record":"Y6qi6pxc2a7SDSMdcVikMdaZ4lY+PcQifrgSJYxyiTw=","sequence":"17","source":"urn:convenio:018f4e2a-0000-7000-8000-000000000001","text":"2ESyoJGKYoNa1tCyjJm9k06gEPgiqvRg71AdRwRf1Vg=","time":"2026-11-21T09:30:00.123456Z","v":1}"#
    );
    let leaf = Sha256::new_with_prefix([0]).chain_update(recorded.entry.as_bytes()).finalize();
    assert_eq!(hex::encode(leaf), "c93ab6c740cb0bc32d259b0d816b31f04f3885f19458ef888102fc17547a85e4");
    assert!(Entry::parse(&recorded.entry).is_ok());
}

#[test]
fn a_recorded_golden_file_is_decoded_and_opens_its_entry() {
    for (name, golden) in goldens().into_iter().filter(|(name, _)| EVENT_DATA_SCHEMAS.contains_key(name)) {
        let raw = RawRecord::parse(&golden.record).expect("a record");
        let recorded = recorded(&golden);
        let event = Event::decode(&recorded).unwrap_or_else(|error| panic!("{name}: {error}"));
        assert_eq!(
            (event.type_name(), event.facts, event.text.as_deref()),
            (name, facts_of(&raw), golden.text.as_deref())
        );
        assert_eq!((event.command_id, event.grant.map(Into::into)), (raw.commandid, raw.grant));
        Event::check_commitments(&recorded).expect("opens");
    }
}

#[test]
fn whatever_is_beside_the_data_of_an_event_is_an_attribute_of_it() {
    let schemas = SchemaLocation::below("https://convenio.example");
    for (name, golden) in goldens() {
        let recorded = recorded(&golden);
        let entry = Entry::parse(&recorded.entry).expect("an entry");
        let shown = || cloud_event::shown(&recorded, &schemas).expect("it is readable");
        let elsewhere = shown().with_text_at(|id| format!("https://convenio.example/api/v1/events/{id}/data"));
        for event in [shown(), elsewhere, cloud_event::withheld(&entry)] {
            let Value::Object(mut members) = serde_json::to_value(&event).expect("JSON") else { panic!("no object") };
            members.remove("data");
            members.remove("datacontenttype");
            let text = |value: &Value| value.as_str().map_or_else(|| value.to_string(), str::to_owned);
            let members: BTreeMap<_, _> = members.iter().map(|(name, value)| (name.as_str(), text(value))).collect();
            assert_eq!(event.attributes().into_iter().collect::<BTreeMap<_, _>>(), members, "{name}");
        }
    }
}
