//! What shows that a node of the same ledger sent a request: HMAC-SHA256 (RFC 2104) under a secret that all its nodes hold.
//! The head of a request says what its body must be, so that a stranger's is refused before a byte of it is read; an answer is
//! signed over the request that it answers. It hides nothing: that is TLS's business.

use super::wire::AnswerSignature;
use anyhow::{Context as _, ensure};
use base64::{Engine as _, engine::general_purpose::STANDARD};
use hmac::{Hmac, KeyInit as _, Mac as _};
use sha2::{Digest as _, Sha256};
use std::{
    fs::{File, OpenOptions},
    io::{ErrorKind, Write as _},
    os::unix::fs::OpenOptionsExt as _,
    path::Path,
    time::{Duration, SystemTime, UNIX_EPOCH},
};

/// The header of a request between nodes: `<unix seconds at which it expires> <base64 of the code>`.
pub(super) const HEADER: &str = "convenio-cluster-signature";
/// The header with the body's SHA-256 in base64, over which the request is signed.
pub(super) const DIGEST_HEADER: &str = "convenio-cluster-digest";
/// The header of a refusal: the time at which it was given, in milliseconds since 1970, and base64 of its code.
pub(super) const ANSWER_HEADER: &str = "convenio-cluster-answer";
/// How long a request is good for: as long as nodes' clocks may differ.
const GOOD_FOR: Duration = Duration::from_secs(30);
/// The file in the identity directory, where no other is named.
const FILE: &str = "cluster-secret";
/// The status of an answer that is signed in its last line.
const ANSWERED: u16 = 200;
/// The least characters of a secret.
const LEAST: usize = 32;

/// What all nodes of a ledger hold, and nobody else.
#[derive(Clone)]
pub(crate) struct Secret(Box<[u8]>);

impl std::fmt::Debug for Secret {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Secret(..)")
    }
}

/// Why a request is not taken for another node's.
#[derive(Clone, Copy, PartialEq, Eq, Debug, thiserror::Error)]
pub(super) enum SignatureError {
    #[error("the request is not signed: its head must hold {HEADER} and {DIGEST_HEADER}")]
    Missing,
    #[error("the body is not the one that the request's head is signed for")]
    Body,
    #[error(
        "the request was signed with another secret, or changed on its way: all nodes must hold the same cluster secret"
    )]
    Wrong,
    #[error("the request has expired, or its node's clock differs by more than {} s", GOOD_FOR.as_secs())]
    Expired,
}

impl Secret {
    /// From a file, or from the identity directory, which the nodes of a ledger share; made there where it is missing.
    ///
    /// # Errors
    /// When it cannot be read or made, or is too short to be one.
    pub(crate) fn open(file: Option<&Path>, identity: &Path) -> anyhow::Result<Self> {
        let path = file.map_or_else(|| identity.join(FILE), Path::to_owned);
        if file.is_none() {
            create(&path).with_context(|| format!("making the cluster secret {}", path.display()))?;
        }
        Self::read(&path)
    }

    fn read(path: &Path) -> anyhow::Result<Self> {
        let text = std::fs::read_to_string(path)
            .with_context(|| format!("reading the cluster secret from {}", path.display()))?;
        let text = text.trim();
        ensure!(text.len() >= LEAST, "the cluster secret in {} has less than {LEAST} characters", path.display());
        Ok(Self(text.as_bytes().into()))
    }

    /// The one that is there, with which what is said in the log's topic is signed; nothing is made.
    ///
    /// # Errors
    /// Where it cannot be read, or is too short to be one.
    pub(crate) fn existing(file: Option<&Path>, identity: &Path) -> anyhow::Result<Option<Self>> {
        let is_there = file.is_some() || identity.join(FILE).try_exists()?;
        is_there.then(|| Self::read(&file.map_or_else(|| identity.join(FILE), Path::to_owned))).transpose()
    }

    /// Its bytes.
    pub(crate) fn bytes(&self) -> &[u8] {
        &self.0
    }

    /// The head of a request that is sent now.
    pub(super) fn sign(&self, path: &str, body: &[u8]) -> SignedHead {
        let (expires, digest) = (seconds() + GOOD_FOR.as_secs(), digest(body));
        let code = STANDARD.encode(self.code(path, &digest, expires).finalize().into_bytes());
        SignedHead { signature: format!("{expires} {code}"), digest }
    }

    /// The last line of an answer that is given now: what shows that a node of the ledger gave all lines before it.
    pub(super) fn seal_answer(&self, request: &SignedHead, mut body: Vec<u8>) -> Vec<u8> {
        let time_ms = millis();
        let signature = self.sign_answer(request, ANSWERED, &timed(&body, time_ms));
        serde_json::to_writer(&mut body, &AnswerSignature { time_ms, signature }).expect("our types have string keys");
        body.push(b'\n');
        body
    }

    /// The lines of such an answer without the last one, and what that says of the time; `None` where no node gave it.
    pub(super) fn open_answer(&self, request: &SignedHead, mut body: Vec<u8>) -> Option<(Vec<u8>, u64)> {
        let last = body.strip_suffix(b"\n")?.iter().rposition(|byte| *byte == b'\n').map_or(0, |at| at + 1);
        let AnswerSignature { time_ms, signature } = serde_json::from_slice(body.get(last..)?).ok()?;
        body.truncate(last);
        self.is_answer(request, ANSWERED, &timed(&body, time_ms), &signature).then_some((body, time_ms))
    }

    /// The header of a refusal that is given now.
    pub(super) fn seal_refusal(&self, request: &SignedHead, status: u16, body: &[u8]) -> String {
        let time_ms = millis();
        format!("{time_ms} {}", self.sign_answer(request, status, &timed(body, time_ms)))
    }

    /// What such a header says of the time; `None` where no node of this ledger gave this refusal.
    pub(super) fn open_refusal(&self, request: &SignedHead, status: u16, body: &[u8], header: &str) -> Option<u64> {
        let (time, code) = header.split_once(' ')?;
        let time_ms = time.parse().ok()?;
        self.is_answer(request, status, &timed(body, time_ms), code).then_some(time_ms)
    }

    /// Whether the head of a request is a node's of this ledger. Nothing of its body has been read. A node whose request has
    /// expired is told so as a node: its clock is wrong, or the other.
    pub(super) fn verify(
        &self,
        signature: Option<&str>,
        digest: Option<&str>,
        path: &str,
    ) -> Result<SignedHead, (SignatureError, Option<SignedHead>)> {
        let missing = || (SignatureError::Missing, None);
        let (signature, digest) = signature.zip(digest).ok_or_else(missing)?;
        let (expires, code) = signature.split_once(' ').ok_or_else(missing)?;
        let expires: u64 = expires.parse().map_err(|_| missing())?;
        let code = STANDARD.decode(code).map_err(|_| missing())?;
        let is_ours = self.code(path, digest, expires).verify_slice(&code);
        is_ours.map_err(|_| (SignatureError::Wrong, None))?;
        let (now, head) = (seconds(), SignedHead { signature: signature.to_owned(), digest: digest.to_owned() });
        let good = (now..=now + 2 * GOOD_FOR.as_secs()).contains(&expires);
        if good { Ok(head) } else { Err((SignatureError::Expired, Some(head))) }
    }

    /// The code of an answer to a request.
    pub(super) fn sign_answer(&self, request: &SignedHead, status: u16, body: &[u8]) -> String {
        STANDARD.encode(self.answer_code(request, status, body).finalize().into_bytes())
    }

    /// Whether a node of this ledger gave this answer to this request.
    pub(super) fn is_answer(&self, request: &SignedHead, status: u16, body: &[u8], code: &str) -> bool {
        let code = STANDARD.decode(code).unwrap_or_default();
        self.answer_code(request, status, body).verify_slice(&code).is_ok()
    }

    /// Over `convenio-cluster/v1`, method, path, expiry and the body's SHA-256, a line each.
    fn code(&self, path: &str, digest: &str, expires: u64) -> Hmac<Sha256> {
        self.over(&format!("convenio-cluster/v1\nPOST\n{path}\n{expires}\n{digest}\n"))
    }

    /// Over `convenio-cluster-answer/v1`, the request's signature, the status and the body's SHA-256, a line each.
    fn answer_code(&self, request: &SignedHead, status: u16, body: &[u8]) -> Hmac<Sha256> {
        self.over(&format!("convenio-cluster-answer/v1\n{}\n{status}\n{}\n", request.signature, digest(body)))
    }

    fn over(&self, text: &str) -> Hmac<Sha256> {
        let mut code = Hmac::<Sha256>::new_from_slice(&self.0).expect("HMAC takes keys of every length");
        code.update(text.as_bytes());
        code
    }
}

/// What the head of a request says: who sent it, and what its body is.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(super) struct SignedHead {
    /// The value of [`HEADER`].
    pub(super) signature: String,
    /// The value of [`DIGEST_HEADER`].
    pub(super) digest: String,
}

impl SignedHead {
    /// Whether this is the body that was signed for.
    pub(super) fn check(&self, body: &[u8]) -> Result<(), SignatureError> {
        if digest(body) == self.digest { Ok(()) } else { Err(SignatureError::Body) }
    }
}

fn digest(body: &[u8]) -> String {
    STANDARD.encode(Sha256::digest(body))
}

/// An answer with the time at which it was given.
fn timed(body: &[u8], time_ms: u64) -> Vec<u8> {
    [body, time_ms.to_string().as_bytes()].concat()
}

fn millis() -> u64 {
    let since = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
    u64::try_from(since.as_millis()).unwrap_or(u64::MAX)
}

fn seconds() -> u64 {
    SystemTime::now().duration_since(UNIX_EPOCH).map_or(0, |since| since.as_secs())
}

fn create(path: &Path) -> std::io::Result<()> {
    let mut file = match OpenOptions::new().write(true).create_new(true).mode(0o600).open(path) {
        Ok(file) => file,
        Err(error) if error.kind() == ErrorKind::AlreadyExists => return Ok(()),
        Err(error) => return Err(error),
    };
    writeln!(file, "{}", STANDARD.encode(rand::random::<[u8; 32]>()))?;
    file.sync_all()?;
    path.parent().map_or(Ok(()), |folder| File::open(folder)?.sync_all())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_request_is_taken_once_signed_with_the_same_secret_and_in_time() {
        let folder = tempfile::tempdir().expect("a folder");
        let secret = Secret::open(None, folder.path()).expect("made");
        let same = Secret::open(None, folder.path()).expect("read again");
        let head = secret.sign("/a", b"body");
        let SignedHead { signature, digest: of_body } = &head;
        assert_eq!(same.verify(Some(signature), Some(of_body), "/a"), Ok(head.clone()));
        assert_eq!(head.check(b"body"), Ok(()));
        assert_eq!(head.check(b"other"), Err(SignatureError::Body));
        let missing = Err((SignatureError::Missing, None));
        assert_eq!(same.verify(None, Some(of_body), "/a"), missing);
        assert_eq!(same.verify(Some(signature), None, "/a"), missing);
        assert_eq!(same.verify(Some("x"), Some(of_body), "/a"), missing);
        for (path, digest) in [("/b", of_body.clone()), ("/a", digest(b"other"))] {
            assert_eq!(same.verify(Some(signature), Some(&digest), path), Err((SignatureError::Wrong, None)));
        }
        for expires in [seconds() - 1, seconds() + 100] {
            let code = STANDARD.encode(secret.code("/a", of_body, expires).finalize().into_bytes());
            let late = format!("{expires} {code}");
            let head = SignedHead { signature: late.clone(), digest: of_body.clone() };
            assert_eq!(same.verify(Some(&late), Some(of_body), "/a"), Err((SignatureError::Expired, Some(head))));
        }
        let other = tempfile::tempdir().expect("a folder");
        let other = Secret::open(None, other.path()).expect("made");
        assert_eq!(other.verify(Some(signature), Some(of_body), "/a"), Err((SignatureError::Wrong, None)));
    }

    #[test]
    fn an_answer_is_good_for_its_request_alone() {
        let folder = tempfile::tempdir().expect("a folder");
        let secret = Secret::open(None, folder.path()).expect("made");
        let (request, other) = (secret.sign("/a", b"one"), secret.sign("/a", b"two"));
        let code = secret.sign_answer(&request, 200, b"done");
        assert!(secret.is_answer(&request, 200, b"done", &code));
        assert!(!secret.is_answer(&other, 200, b"done", &code), "of another request");
        assert!(!secret.is_answer(&request, 503, b"done", &code), "another status");
        assert!(!secret.is_answer(&request, 200, b"", &code), "another body");
        assert!(!secret.is_answer(&request, 200, b"done", "x"), "no code");

        let refusal = secret.seal_refusal(&request, 503, b"no writer");
        let time_ms = secret.open_refusal(&request, 503, b"no writer", &refusal).expect("a node gave it");
        assert!(millis().abs_diff(time_ms) < 10_000, "{time_ms}");
        assert_eq!(secret.open_refusal(&request, 401, b"no writer", &refusal), None, "another status");
        assert_eq!(secret.open_refusal(&other, 503, b"no writer", &refusal), None, "of another request");
        let later = refusal.replace(&time_ms.to_string(), &(time_ms + 1).to_string());
        assert_eq!(secret.open_refusal(&request, 503, b"no writer", &later), None, "another time");

        let whole = secret.seal_answer(&request, b"one\ntwo\n".to_vec());
        let (lines, time_ms) = secret.open_answer(&request, whole.clone()).expect("a node gave it");
        assert!(lines == b"one\ntwo\n" && millis().abs_diff(time_ms) < 10_000, "{time_ms}");
        assert_eq!(secret.open_answer(&other, whole.clone()), None, "of another request");
        for end in 0..whole.len() {
            assert_eq!(secret.open_answer(&request, whole[..end].to_vec()), None, "cut off after {end} bytes");
        }
        let later = String::from_utf8(whole).expect("text").replace(&time_ms.to_string(), &(time_ms + 1).to_string());
        assert_eq!(secret.open_answer(&request, later.into_bytes()), None, "another time");
    }

    #[test]
    fn a_secret_is_nobody_elses_to_read_and_not_too_short() {
        use std::os::unix::fs::PermissionsExt as _;
        let folder = tempfile::tempdir().expect("a folder");
        let secret = Secret::open(None, folder.path()).expect("made");
        let mode = std::fs::metadata(folder.path().join(FILE)).expect("it is there").permissions().mode();
        assert_eq!(mode & 0o777, 0o600);
        assert_eq!(format!("{secret:?}"), "Secret(..)");
        let short = folder.path().join("short");
        std::fs::write(&short, "too short").expect("written");
        assert!(Secret::open(Some(&short), folder.path()).is_err());
    }
}
