//! [`RequestSpec`]: one HTTP request, how it is sent, and what counts as a good answer to it.

use std::ops::RangeInclusive;
use std::sync::Arc;

use bytes::Bytes;
use http::{HeaderMap, HeaderName, HeaderValue, Method};
use url::Url;

use super::rows::Rows;

/// A request. The text `{uuid}` in path, query, the value of a header or body stands for a fresh random UUID in every
/// request, and the name of a column of `data` for its value.
#[derive(Debug, Clone)]
pub struct RequestSpec {
    /// With http or https. User information becomes basic authentication, unless `headers` has its own.
    pub url: Url,
    /// Method.
    pub method: Method,
    /// Sent as they are; `Host` and `User-Agent` replace ours.
    pub headers: HeaderMap,
    /// May be empty.
    pub body: Bytes,
    /// Statuses that count as errors.
    pub error_ranges: Vec<RangeInclusive<u16>>,
    /// What else an answer must be.
    pub expect: Expect,
    /// Redirects that are followed inside the time of one request; with 0 the redirect is the answer.
    pub max_redirects: u8,
    /// What placeholders stand for, a row for each request in turn.
    pub data: Option<Arc<Rows>>,
    /// Which HTTP is spoken.
    pub http_version: HttpVersion,
    /// Ask for gzip. Bodies are counted as they come over the wire.
    pub compression: bool,
    /// Send a fresh `traceparent` header with each request (<https://www.w3.org/TR/trace-context/>), not sampled.
    pub traceparent: bool,
}

/// Which HTTP is spoken.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub enum HttpVersion {
    /// What ALPN decides over TLS, else HTTP/1.1.
    #[default]
    Auto,
    /// HTTP/1.1.
    Http1,
    /// HTTP/2 over TLS.
    Http2,
    /// HTTP/2 without TLS, which the server is known to speak.
    PriorKnowledge,
}

impl HttpVersion {
    /// Whether a connection is sure to carry several requests at a time.
    pub fn multiplexes(self) -> bool {
        matches!(self, Self::Http2 | Self::PriorKnowledge)
    }
}

impl RequestSpec {
    /// A GET for which statuses from 400 are errors.
    pub fn get(url: Url) -> Self {
        Self {
            url,
            method: Method::GET,
            headers: HeaderMap::new(),
            body: Bytes::new(),
            error_ranges: vec![400..=u16::MAX],
            expect: Expect::default(),
            max_redirects: 0,
            data: None,
            http_version: HttpVersion::default(),
            compression: false,
            traceparent: false,
        }
    }
}

/// What an answer must be, beside not having a status in `error_ranges`. Nothing, by default.
#[derive(Debug, Clone, Default)]
pub struct Expect {
    /// One of these, if there are any.
    pub status: Vec<RangeInclusive<u16>>,
    /// The body contains this.
    pub body: Option<Bytes>,
    /// Each is there with this value.
    pub headers: Vec<(HeaderName, HeaderValue)>,
}
