//! [`RequestSpec`]: one HTTP request and what counts as a good answer to it.

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
