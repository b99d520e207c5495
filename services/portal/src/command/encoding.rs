//! How a body comes: as it is, or gzipped (RFC 1952), which may be several members one after the other. It bounds nothing: whoever
//! reads the body counts what comes out.

use crate::problem::{Code, Problem};
use async_compression::tokio::bufread::GzipDecoder;
use axum::{
    body::Body,
    http::{HeaderMap, header},
};
use futures::TryStreamExt as _;
use std::io;
use tokio_util::io::{ReaderStream, StreamReader};

/// Bytes that come out of gzip at a time.
const CHUNK_BYTES: usize = 16 << 10;

/// What `Content-Encoding` says (RFC 9110 8.4).
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum Encoding {
    /// As it is.
    Identity,
    /// `gzip`, also called `x-gzip`.
    Gzip,
}

impl Encoding {
    /// Reads the header; names of codings have no case.
    ///
    /// # Errors
    /// 415 `encoding-unsupported`.
    pub(super) fn of(headers: &HeaderMap) -> Result<Self, Problem> {
        let mut encoding = Self::Identity;
        for value in headers.get_all(header::CONTENT_ENCODING) {
            let text = value.to_str().map_err(|_| Code::EncodingUnsupported)?;
            let codings = text.split(',').map(str::trim).filter(|coding| !coding.is_empty());
            for coding in codings.filter(|coding| !coding.eq_ignore_ascii_case("identity")) {
                let gzip = ["gzip", "x-gzip"].iter().any(|name| coding.eq_ignore_ascii_case(name));
                // Gzip within gzip is nothing that anybody sends but to fill a memory.
                if !gzip || encoding == Self::Gzip {
                    return Err(Code::EncodingUnsupported.into());
                }
                encoding = Self::Gzip;
            }
        }
        Ok(encoding)
    }

    /// How long the body says that it is, where that is what is read of it.
    pub(super) fn length(self, headers: &HeaderMap) -> Option<usize> {
        match self {
            Self::Identity => headers.get(header::CONTENT_LENGTH)?.to_str().ok()?.parse().ok(),
            Self::Gzip => None,
        }
    }

    /// What the body says. It fails where the body ends within a member, or goes on with what is none: what stands there would be
    /// lost in silence.
    pub(super) fn undo(self, body: Body) -> Body {
        match self {
            Self::Identity => body,
            Self::Gzip => {
                let bytes = StreamReader::new(body.into_data_stream().map_err(io::Error::other));
                let mut members = GzipDecoder::new(bytes);
                members.multiple_members(true);
                Body::from_stream(ReaderStream::with_capacity(members, CHUNK_BYTES))
            }
        }
    }
}
