//! Salts and salted SHA-256 commitments. It says what is hashed; which bytes are committed is the record's business.

use base64::{Engine as _, engine::general_purpose::STANDARD};
use schemars::JsonSchema;
use serde::{Deserialize, Deserializer, Serialize, Serializer};
use sha2::{Digest as _, Sha256};
use std::{borrow::Cow, fmt, str::FromStr};

/// A SHA-256 digest; standard padded base64 in JSON.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Digest(pub [u8; 32]);

/// 32 random bytes that travel beside what they salt; standard padded base64 in JSON.
#[derive(Clone, Copy, PartialEq, Eq, Hash)]
pub struct Salt(pub [u8; 32]);

/// A text that is not 32 bytes in standard padded base64.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("not 32 bytes in standard padded base64")]
pub struct Base64Error;

/// Commitment to the bytes of a record: SHA-256("convenio-record/v1\n" || salt || bytes).
pub fn record_commitment(salt: &Salt, bytes: &[u8]) -> Digest {
    salted(b"convenio-record/v1\n", salt, bytes)
}
/// Commitment to the bytes of a text, empty where there is none: SHA-256("convenio-text/v1\n" || salt || bytes).
pub fn text_commitment(salt: &Salt, bytes: &[u8]) -> Digest {
    salted(b"convenio-text/v1\n", salt, bytes)
}
/// Digest of a command under the text salt of its first event: SHA-256("convenio-command/v1\n" || salt || bytes).
pub fn command_digest(salt: &Salt, bytes: &[u8]) -> Digest {
    salted(b"convenio-command/v1\n", salt, bytes)
}
/// Digest of an agreement's whole terms: SHA-256("convenio-terms/v1\n" || salt || bytes).
pub fn terms_digest(salt: &Salt, bytes: &[u8]) -> Digest {
    salted(b"convenio-terms/v1\n", salt, bytes)
}
/// Digest by which a bearer token is known: SHA-256("convenio-token/v1\n" || token).
pub fn token_digest(token: &[u8; 32]) -> Digest {
    let mut hash = Sha256::new_with_prefix(b"convenio-token/v1\n");
    hash.update(token);
    Digest(hash.finalize().into())
}

fn salted(domain: &[u8], salt: &Salt, bytes: &[u8]) -> Digest {
    let mut hash = Sha256::new_with_prefix(domain);
    hash.update(salt.0);
    hash.update(bytes);
    Digest(hash.finalize().into())
}

macro_rules! base64_32 {
    ($($type:ident $what:literal;)*) => { $(
        impl fmt::Display for $type {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                let mut buffer = [0; 44];
                let length = STANDARD.encode_slice(self.0, &mut buffer).expect("32 bytes are 44 characters");
                f.write_str(std::str::from_utf8(&buffer[..length]).expect("base64 is ASCII"))
            }
        }
        impl fmt::Debug for $type {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                fmt::Display::fmt(self, f)
            }
        }
        impl FromStr for $type {
            type Err = Base64Error;
            fn from_str(text: &str) -> Result<Self, Base64Error> {
                let mut buffer = [0; 33];
                let length = STANDARD.decode_slice(text, &mut buffer).map_err(|_| Base64Error)?;
                buffer[..length].try_into().map(Self).map_err(|_| Base64Error)
            }
        }
        impl Serialize for $type {
            fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
                serializer.collect_str(self)
            }
        }
        impl<'de> Deserialize<'de> for $type {
            fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
                crate::ids::deserialize_from_str(deserializer)
            }
        }
        impl JsonSchema for $type {
            fn inline_schema() -> bool { true }
            fn schema_name() -> Cow<'static, str> { stringify!($type).into() }
            fn json_schema(_: &mut schemars::SchemaGenerator) -> schemars::Schema {
                schemars::json_schema!({"type": "string", "pattern": "^[A-Za-z0-9+/]{43}=$", "maxLength": 44, "description": $what})
            }
        }
    )* };
}
base64_32! {
    Digest "a SHA-256 digest in standard padded base64";
    Salt "32 random bytes in standard padded base64";
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_domains_keep_equal_bytes_apart() {
        let salt = Salt([7; 32]);
        let digests = [
            record_commitment(&salt, b"x"),
            text_commitment(&salt, b"x"),
            command_digest(&salt, b"x"),
            terms_digest(&salt, b"x"),
        ];
        for (i, a) in digests.iter().enumerate() {
            assert!(digests.iter().skip(i + 1).all(|b| a != b));
        }
    }

    #[test]
    fn base64_is_strict() {
        let digest = Digest([255; 32]);
        assert_eq!(digest.to_string().parse(), Ok(digest));
        assert!(digest.to_string().trim_end_matches('=').parse::<Digest>().is_err());
        assert!("AAAA".parse::<Digest>().is_err());
    }
}
