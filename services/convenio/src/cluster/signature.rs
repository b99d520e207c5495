//! What shows that a node of the same ledger sent a request: HMAC-SHA256 (RFC 2104) under a secret that all its nodes hold.
//! It hides nothing: that is TLS's business.

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
/// How long a request is good for: as long as nodes' clocks may differ.
const GOOD_FOR: Duration = Duration::from_secs(30);
/// The file in the identity directory, where no other is named.
const FILE: &str = "cluster-secret";
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
    #[error("the request is not signed")]
    Missing,
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
        let text = std::fs::read_to_string(&path)
            .with_context(|| format!("reading the cluster secret from {}", path.display()))?;
        let text = text.trim();
        ensure!(text.len() >= LEAST, "the cluster secret in {} has less than {LEAST} characters", path.display());
        Ok(Self(text.as_bytes().into()))
    }

    /// The header's value for a request that is sent now.
    pub(super) fn sign(&self, path: &str, body: &[u8]) -> String {
        let expires = seconds() + GOOD_FOR.as_secs();
        format!("{expires} {}", STANDARD.encode(self.code(path, body, expires).finalize().into_bytes()))
    }

    pub(super) fn verify(&self, header: Option<&str>, path: &str, body: &[u8]) -> Result<(), SignatureError> {
        let (expires, code) = header.and_then(|header| header.split_once(' ')).ok_or(SignatureError::Missing)?;
        let expires: u64 = expires.parse().map_err(|_| SignatureError::Missing)?;
        let code = STANDARD.decode(code).map_err(|_| SignatureError::Missing)?;
        self.code(path, body, expires).verify_slice(&code).map_err(|_| SignatureError::Wrong)?;
        let now = seconds();
        let good = (now..=now + 2 * GOOD_FOR.as_secs()).contains(&expires);
        if good { Ok(()) } else { Err(SignatureError::Expired) }
    }

    /// Over `convenio-cluster/v1`, method, path, expiry and the body's SHA-256, a line each.
    fn code(&self, path: &str, body: &[u8], expires: u64) -> Hmac<Sha256> {
        let mut code = Hmac::<Sha256>::new_from_slice(&self.0).expect("HMAC takes keys of every length");
        let digest = STANDARD.encode(Sha256::digest(body));
        code.update(format!("convenio-cluster/v1\nPOST\n{path}\n{expires}\n{digest}\n").as_bytes());
        code
    }
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
        let header = secret.sign("/a", b"body");
        assert_eq!(same.verify(Some(&header), "/a", b"body"), Ok(()));
        assert_eq!(same.verify(None, "/a", b"body"), Err(SignatureError::Missing));
        assert_eq!(same.verify(Some("x"), "/a", b"body"), Err(SignatureError::Missing));
        for (path, body) in [("/b", &b"body"[..]), ("/a", b"other")] {
            assert_eq!(same.verify(Some(&header), path, body), Err(SignatureError::Wrong));
        }
        for expires in [seconds() - 1, seconds() + 100] {
            let code = STANDARD.encode(secret.code("/a", b"body", expires).finalize().into_bytes());
            assert_eq!(same.verify(Some(&format!("{expires} {code}")), "/a", b"body"), Err(SignatureError::Expired));
        }
        let other = tempfile::tempdir().expect("a folder");
        let other = Secret::open(None, other.path()).expect("made");
        assert_eq!(other.verify(Some(&header), "/a", b"body"), Err(SignatureError::Wrong));
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
