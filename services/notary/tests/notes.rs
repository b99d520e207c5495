//! Signed notes, their keys and checkpoints against the known answers of C2SP and Go's note package.
//! Does not test what a checkpoint is signed for.
#![allow(clippy::unwrap_used)]

use convenio_notary::checkpoint::{Checkpoint, OpenCheckpointError, SignedCheckpoint};
use convenio_notary::note::{MAX_SIGNATURES, Note, ParseNoteError, VerifyNoteError};
use convenio_notary::note_key::{ParseKeyError, SignerKey, VerifierKey};
use convenio_notary::{KeyName, TreeHead};

const C2SP_VKEY: &str = "example.com/foo+530d903a+AekyeRrm56hApGFkyQR4ZCbV54Id2LKaANYcrnKv3U2k";
const C2SP_NOTE: &str = "This is an example message.\n\n\
    \u{2014} example.com/foo Uw2QOkn8srV1yJGh2VYRlL1Tnagv1YEq6TfXppzi2ONncAlTgK7Ztg1ERYNZXsYjOBH3mFXmRKuwHjG1Yu72IneyaQM=\n";

const GO_VKEY: &str = "PeterNeumann+c74f20a3+ARpc2QcUPDhMQegwxbzhKqiBfsVkmqq/LDE4izWy10TW";
const GO_SKEY: &str = "PRIVATE+KEY+PeterNeumann+c74f20a3+AYEKFALVFGyNhPJEMzD1QIDr+Y7hfZx09iUvxdXHKDFz";
const GO_TEXT: &str = "If you think cryptography is the answer to your problem,\n\
    then you don't know what your problem is.\n";
const GO_SIGNATURE: &str = "\u{2014} PeterNeumann \
    x08go/ZJkuBS9UG/SffcvIAQxVBtiFupLLr8pAcElZInNIuGUgYN1FFYC2pZSNXgKvqfqdngotpRZb6KE6RyyBwJnAM=\n";

fn vkey(text: &str) -> VerifierKey {
    text.parse().unwrap()
}

fn key(name: &str, seed: u8) -> SignerKey {
    SignerKey::from_seed(name.parse().unwrap(), &[seed; 32])
}

fn note(text: &str) -> Note {
    Note::parse(text.as_bytes()).unwrap()
}

#[test]
fn the_known_answer_of_c2sp_verifies() {
    let keys = [vkey(C2SP_VKEY)];
    let note = note(C2SP_NOTE);
    assert_eq!(note.verify(&keys).unwrap(), [&keys[0]]);
    assert_eq!(note.text(), "This is an example message.\n");
    assert_eq!(note.to_string(), C2SP_NOTE);
    assert_eq!(keys[0].to_string(), C2SP_VKEY);
    assert_eq!(keys[0].id().to_string(), "530d903a");
}

#[test]
fn a_key_of_go_signs_as_go_does() {
    let key = SignerKey::from_skey(GO_SKEY).unwrap();
    assert_eq!(key.to_skey(), GO_SKEY);
    assert_eq!(key.verifier().to_string(), GO_VKEY);
    let mut note = Note::new(GO_TEXT.to_owned()).unwrap();
    note.sign(&key);
    assert_eq!(note.to_string(), format!("{GO_TEXT}\n{GO_SIGNATURE}"));
    note.sign(&key);
    assert_eq!(note.signatures().len(), 1, "a key's second signature replaces its first");
}

#[test]
fn no_part_and_no_changed_character_of_a_key_is_a_key() {
    let vkey = |text: &str| text.parse::<VerifierKey>().is_ok();
    let skey = |text: &str| SignerKey::from_skey(text).is_ok();
    let check = |whole: &str, accepts: &dyn Fn(&str) -> bool| {
        assert!(accepts(whole));
        for start in 0..=whole.len() {
            for end in start..=whole.len() {
                let part = &whole[start..end];
                assert!(part == whole || !accepts(part), "{part}");
            }
        }
        for at in 0..whole.len() {
            let mut bytes = whole.as_bytes().to_vec();
            bytes[at] += 1;
            let changed = String::from_utf8(bytes).unwrap();
            assert!(!accepts(&changed), "{changed}");
        }
    };
    check(GO_VKEY, &vkey);
    check(GO_SKEY, &skey);
    assert!(!vkey(&GO_VKEY.replace("c74f20a3", "C74F20A3")));
    // Of another length and of another type, each with the id that follows from it.
    let long = "PeterNeumann+cc469956+ARpc2QcUPDhMQegwxbzhKqiBfsVkmqq/LDE4izWy10TWBADKEY==";
    let other = "PeterNeumann+173116ae+ZRpc2QcUPDhMQegwxbzhKqiBfsVkmqq/LDE4izWy10TW";
    assert!(long.parse::<VerifierKey>().is_err());
    let unsupported = Err(ParseKeyError::UnsupportedType(0x65));
    assert_eq!(other.parse::<VerifierKey>(), unsupported);
}

#[test]
fn a_weak_key_under_which_anybody_signs_is_refused() {
    // The neutral point of the curve (y = 1), which lets one signature fit many texts.
    let weak = "weak+e0b1d7e1+AQEAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA";
    assert_eq!(weak.parse::<VerifierKey>(), Err(ParseKeyError::NotAKey));
}

#[test]
fn a_private_key_is_not_shown_by_debug() {
    let shown = format!("{:?}", SignerKey::from_skey(GO_SKEY).unwrap());
    assert_eq!(shown, "SignerKey(PeterNeumann+c74f20a3, secret)");
}

#[test]
fn generated_keys_differ_and_read_back() {
    let name: KeyName = "ledger.invalid/x".parse().unwrap();
    let [one, two] = [(); 2].map(|()| SignerKey::generate(name.clone()).unwrap());
    assert_ne!(one.to_skey(), two.to_skey());
    let read = SignerKey::from_skey(&one.to_skey()).unwrap();
    assert_eq!(read.verifier(), one.verifier());
}

#[test]
fn names_without_spaces_pluses_and_control_characters_are_key_names() {
    for name in ["a", "example.com/log", "127.0.0.1:8080/log", "[::1]:8080/log", "\u{e9}.example"] {
        assert!(name.parse::<KeyName>().is_ok(), "{name}");
    }
    let long = "a".repeat(1025);
    for name in ["", "a b", "a+b", "a\nb", "a\u{a0}b", "a\u{2028}b", "a\u{7f}", &long] {
        assert!(name.parse::<KeyName>().is_err(), "{name}");
    }
}

#[test]
fn one_known_key_suffices_and_unknown_ones_are_ignored() {
    let [known, other] = [key("known.example", 1), key("other.example", 2)];
    let mut note = Note::new("text\n\nwith a blank line\n".to_owned()).unwrap();
    note.sign(&other);
    let keys = [known.verifier().clone()];
    assert_eq!(note.verify(&keys), Err(VerifyNoteError::UnknownKeys));
    note.sign(&known);
    assert_eq!(note.verify(&keys).unwrap(), [&keys[0]]);
    assert_eq!(Note::parse(note.to_string().as_bytes()).unwrap(), note);
}

#[test]
fn a_bad_signature_by_a_known_key_spoils_the_note_whatever_else_signed() {
    let [known, other] = [key("known.example", 1), key("other.example", 2)];
    let mut note = Note::new("text\n".to_owned()).unwrap();
    note.sign(&other);
    let note = note.with_signatures([known.sign("another text\n")]);
    let keys = [known, other].map(|key| key.verifier().clone());
    let verified = note.verify(&keys);
    assert!(matches!(verified, Err(VerifyNoteError::BadSignature { .. })), "{verified:?}");
    assert!(note.verify(&keys[1..]).is_ok());
}

#[test]
fn a_key_of_the_same_bytes_and_another_name_is_another_key() {
    let mut note = Note::new("text\n".to_owned()).unwrap();
    note.sign(&key("one.example", 1));
    let namesake = [key("two.example", 1).verifier().clone()];
    assert_eq!(note.verify(&namesake), Err(VerifyNoteError::UnknownKeys));
}

#[test]
fn malformed_notes_are_refused() {
    let check = |bytes: &[u8], expected: ParseNoteError| {
        assert_eq!(Note::parse(bytes), Err(expected), "{}", String::from_utf8_lossy(bytes));
    };
    let with = |before: &str, after: &str| format!("{before}{GO_TEXT}\n{GO_SIGNATURE}{after}");
    let line = |line| ParseNoteError::Signature { line };
    check(b"", ParseNoteError::NoSignatures);
    check(GO_TEXT.as_bytes(), ParseNoteError::NoSignatures);
    check(format!("{GO_TEXT}\n").as_bytes(), ParseNoteError::NoSignatures);
    check(with("", "").trim_end().as_bytes(), ParseNoteError::NoSignatures);
    check(with("\u{1}", "").as_bytes(), ParseNoteError::NotText);
    check(with("\r", "").as_bytes(), ParseNoteError::NotText);
    check(b"\xfftext\n\n", ParseNoteError::NotText);
    check(with("", "Unexpected line.\n").as_bytes(), line(2));
    check(with("", "\n").as_bytes(), ParseNoteError::NoSignatures);
    check(with("", "").replace("x08g", "x08 ").as_bytes(), line(1));
    check(with("", "").replace("nAM=", "nAM").as_bytes(), line(1));
    check(with("", "").replace("nAM=", "nAN=").as_bytes(), line(1));
    check("text\n\n\u{2014} a AAAA\n".as_bytes(), line(1));
    check("text\n\n\u{2014} a+b AAAAAAAA\n".as_bytes(), line(1));
    check(&vec![b'\n'; (1 << 20) + 1], ParseNoteError::TooLarge);
    let many = |count: usize| format!("{GO_TEXT}\n{}", GO_SIGNATURE.repeat(count));
    assert!(Note::parse(many(MAX_SIGNATURES).as_bytes()).is_ok());
    check(many(MAX_SIGNATURES + 1).as_bytes(), ParseNoteError::TooManySignatures);
    assert_eq!(Note::new("no newline".to_owned()), Err(ParseNoteError::UnendedText));
}

#[test]
fn changing_any_byte_of_a_note_breaks_it() {
    let keys = [vkey(C2SP_VKEY)];
    for at in 0..C2SP_NOTE.len() {
        for bit in 0..8 {
            let mut bytes = C2SP_NOTE.as_bytes().to_vec();
            bytes[at] ^= 1 << bit;
            let verified = Note::parse(&bytes).is_ok_and(|note| note.verify(&keys).is_ok());
            assert!(!verified, "bit {bit} of byte {at}");
        }
    }
}

const CHECKPOINT: &str = "example.com/behind-the-sofa\n20852163\nCsUYapGGPo4dkMgIAUqom/Xajj7h2fB2MPA3j2jxq2I=\n";

#[test]
fn a_checkpoint_reads_and_writes_the_same_text() {
    let checkpoint: Checkpoint = CHECKPOINT.parse().unwrap();
    assert_eq!(checkpoint.head().size(), 20_852_163);
    assert_eq!(checkpoint.to_string(), CHECKPOINT);
    let empty = Checkpoint::new("a.example".parse().unwrap(), TreeHead::empty());
    let text = "a.example\n0\n47DEQpj8HBSa+/TImW+5JCeuQeRkm5NMpJWZG3hSuFU=\n";
    assert_eq!(empty.to_string(), text);
    assert_eq!(text.parse::<Checkpoint>().unwrap(), empty);
}

#[test]
fn texts_that_are_almost_checkpoints_are_refused() {
    let almost = [
        String::new(),
        CHECKPOINT.trim_end().to_owned(),
        format!("{CHECKPOINT}\n"),
        format!("{CHECKPOINT}extension\n"),
        format!("\n{CHECKPOINT}"),
        CHECKPOINT.replace('\n', "\r\n"),
        CHECKPOINT.replace("20852163", "020852163"),
        CHECKPOINT.replace("20852163", "+20852163"),
        CHECKPOINT.replace("20852163", "-1"),
        CHECKPOINT.replace("20852163", "0x1"),
        CHECKPOINT.replace("20852163", ""),
        CHECKPOINT.replace("20852163", "18446744073709551616"),
        CHECKPOINT.replace("20852163", "18446744073709551615"),
        CHECKPOINT.replace("20852163", "0"),
        CHECKPOINT.replace("q2I=", "q2I"),
        CHECKPOINT.replace("q2I=", "q2J="),
        CHECKPOINT.replace("CsUY", ""),
        CHECKPOINT.replace("example.com", "example com"),
        CHECKPOINT.replace("example.com/behind-the-sofa", ""),
    ];
    for text in almost {
        assert!(text.parse::<Checkpoint>().is_err(), "{text:?}");
    }
}

#[test]
fn a_checkpoint_counts_only_when_a_key_with_the_log_s_name_signed_it() {
    let [log, witness] = [key("example.com/behind-the-sofa", 1), key("witness.example", 2)];
    let keys = [&log, &witness].map(|key| key.verifier().clone());
    let mut note = Note::new(CHECKPOINT.to_owned()).unwrap();
    note.sign(&witness);
    let open = |note: &Note| SignedCheckpoint::open(note.to_string().as_bytes(), &keys);
    let refused = open(&note);
    assert!(matches!(refused, Err(OpenCheckpointError::NotByOrigin { .. })), "{refused:?}");
    note.sign(&log);
    let opened = open(&note).unwrap();
    assert_eq!(opened.checkpoint().to_string(), CHECKPOINT);
    assert_eq!(opened.to_string(), note.to_string());
}
