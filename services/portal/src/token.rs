//! Bearer tokens: 32 random bytes, written base64url without padding (43 characters). The ledger knows only their
//! digests.

use crate::problem::{Code, Problem};
use axum::http::{HeaderMap, header};
use base64::{Engine as _, engine::general_purpose::URL_SAFE_NO_PAD};
use convenio_events::commitment::{Digest, token_digest};
use std::{fmt, str::FromStr};

/// A bearer token. Whoever has it may act under its grant: it is shown once and never logged.
#[derive(Clone, PartialEq, Eq)]
pub struct Token([u8; 32]);

/// A text that is not 43 characters of base64url without padding.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("not a token: 43 characters of base64url without padding")]
pub struct TokenError;

impl Token {
    /// A new one, from the system's random numbers.
    pub fn random() -> Self {
        Self(rand::random())
    }

    /// What the ledger knows it by: SHA-256("convenio-token/v1\n" || token).
    pub fn digest(&self) -> Digest {
        token_digest(&self.0)
    }

    /// Its 43 characters, to be shown once.
    pub fn reveal(&self) -> String {
        URL_SAFE_NO_PAD.encode(self.0)
    }
}

impl FromStr for Token {
    type Err = TokenError;
    fn from_str(text: &str) -> Result<Self, TokenError> {
        let mut bytes = [0; 33];
        let length = URL_SAFE_NO_PAD.decode_slice(text, &mut bytes).map_err(|_| TokenError)?;
        bytes[..length].try_into().map(Self).map_err(|_| TokenError)
    }
}

impl fmt::Debug for Token {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Token(..)")
    }
}

/// The digest of the bearer token of a request; `None` without an `Authorization` header.
///
/// # Errors
/// 401 `token-invalid` when there is one of another form.
pub fn bearer(headers: &HeaderMap) -> Result<Option<Digest>, Problem> {
    let Some(value) = headers.get(header::AUTHORIZATION) else { return Ok(None) };
    let text = value.to_str().ok().and_then(|text| text.split_once(' '));
    let token = text
        .filter(|(scheme, _)| scheme.eq_ignore_ascii_case("bearer"))
        .and_then(|(_, token)| token.trim().parse().ok());
    token.map(|token: Token| Some(token.digest())).ok_or_else(|| Code::TokenInvalid.into())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_token_comes_back_from_its_one_spelling() {
        let token = Token::random();
        assert_eq!(token.reveal().len(), 43);
        assert_eq!(token.reveal().parse(), Ok(token.clone()));
        for wrong in ["", "short", &format!("{}=", token.reveal()), &"+".repeat(43), &"A".repeat(44), &"z".repeat(43)] {
            assert_eq!(wrong.parse::<Token>(), Err(TokenError), "{wrong}");
        }
        assert_eq!(format!("{token:?}"), "Token(..)");
    }
}
