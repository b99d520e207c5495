//! Headers that a request may have once, and the one that it must have. What stands in them is read where it is needed.

use crate::{
    command::{ACTING_FOR, CORRELATION_ID, IDEMPOTENCY_KEY},
    problem::{Code, Problem},
};
use axum::{
    extract::Request,
    http::{HeaderMap, HeaderName, Version, header, uri::Authority},
};

/// Two of one of these say two things, and whoever stands between may have acted on the other (RFC 9110 5.3).
const ONCE: [HeaderName; 9] = [
    header::HOST,
    header::AUTHORIZATION,
    header::CONTENT_TYPE,
    header::CONTENT_LENGTH,
    header::IF_MATCH,
    HeaderName::from_static("last-event-id"),
    HeaderName::from_static(IDEMPOTENCY_KEY),
    HeaderName::from_static(ACTING_FOR),
    HeaderName::from_static(CORRELATION_ID),
];

/// Refuses a request that says one thing twice, or does not say which host it asks (RFC 9112 3.2).
///
/// # Errors
/// 400 `header-invalid`, naming the header.
pub(crate) fn check(request: &Request) -> Result<(), Problem> {
    let headers = request.headers();
    for name in &ONCE {
        if headers.get_all(name).iter().nth(1).is_some() {
            return Err(invalid(name, "it is there twice: send it once"));
        }
    }
    host(request.version(), headers)
}

fn host(version: Version, headers: &HeaderMap) -> Result<(), Problem> {
    let Some(host) = headers.get(header::HOST) else {
        let must = version == Version::HTTP_11;
        return if must {
            Err(invalid(&header::HOST, "it is missing: it names the host that is asked"))
        } else {
            Ok(())
        };
    };
    let plain = |authority: &Authority| !authority.as_str().contains('@');
    let named = host.to_str().ok().and_then(|host| host.parse::<Authority>().ok()).filter(plain);
    named.map(|_| ()).ok_or_else(|| invalid(&header::HOST, "it is not of the form host or host:port"))
}

fn invalid(name: &HeaderName, why: &str) -> Problem {
    Problem::from(Code::HeaderInvalid).field(name.as_str()).detail(why)
}
