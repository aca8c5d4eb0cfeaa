//! [`Prepared`]: a request as HTTP/2 wants it.

use bytes::Bytes;
use http::header::{CONNECTION, CONTENT_LENGTH, HOST, TE, TRANSFER_ENCODING, UPGRADE};
use http::uri::{Authority, PathAndQuery, Scheme};
use http::{HeaderMap, HeaderName, HeaderValue, Method, Request, Uri, Version};

use super::super::exchange::Outgoing;
use crate::load::Failed;
use crate::load::h2::HeadId;
use crate::metrics::FailureClass;

/// Fields of HTTP/1.1 that say something about the connection (RFC 9113, section 8.2.2), without those that have a name
/// in the `http` crate.
const OF_THE_CONNECTION: [HeaderName; 3] = [
    HeaderName::from_static("keep-alive"),
    HeaderName::from_static("proxy-connection"),
    HeaderName::from_static("http2-settings"),
];

/// A request that can be sent on any session to its server, any number of times.
#[derive(Debug, Clone)]
pub(in super::super) struct Prepared {
    pub(super) head: Request<()>,
    pub(super) id: HeadId,
    pub(super) body: Bytes,
}

impl Prepared {
    /// Turns a request of HTTP/1.1 into one of HTTP/2. `authority` is the host of the URL, with its port unless it is
    /// the default; a `Host` field takes its place. Only path and query of the URI count.
    pub(in super::super) fn new(
        mut outgoing: Outgoing,
        https: bool,
        authority: &str,
    ) -> Result<Self, Failed> {
        let host = outgoing.headers.remove(HOST);
        let authority = host.as_ref().map_or(authority.as_bytes(), HeaderValue::as_bytes);
        let host = Authority::try_from(authority).map_err(|error| {
            let host = String::from_utf8_lossy(authority);
            let example = format!("`{host}` cannot be the host of an HTTP/2 request: {error}");
            Failed::new(FailureClass::Protocol, example)
        })?;
        let mut parts = std::mem::take(&mut outgoing.uri).into_parts();
        parts.scheme = Some(if https { Scheme::HTTPS } else { Scheme::HTTP });
        parts.authority = Some(host);
        parts.path_and_query.get_or_insert(PathAndQuery::from_static("/"));
        strip(&mut outgoing.headers);
        measure(&mut outgoing);
        let mut head = Request::new(());
        *head.version_mut() = Version::HTTP_2;
        *head.method_mut() = outgoing.method;
        *head.uri_mut() = Uri::from_parts(parts).unwrap_or_default();
        *head.headers_mut() = outgoing.headers;
        Ok(Self {
            head,
            id: HeadId::new(),
            body: outgoing.body,
        })
    }
}

impl Prepared {
    /// What is requested.
    pub(in super::super) fn uri(&self) -> &Uri {
        self.head.uri()
    }
}

/// Writes the length of the body into the head (RFC 9110, section 8.6).
fn measure(outgoing: &mut Outgoing) {
    let Outgoing {
        method,
        headers,
        body,
        ..
    } = outgoing;
    if !body.is_empty() || *method == Method::POST || *method == Method::PUT || *method == Method::PATCH {
        headers.insert(CONTENT_LENGTH, HeaderValue::from(body.len()));
    } else {
        headers.remove(CONTENT_LENGTH);
    }
}

/// Removes what HTTP/2 forbids.
fn strip(headers: &mut HeaderMap) {
    let named: Vec<HeaderName> = headers
        .get_all(CONNECTION)
        .iter()
        .filter_map(|value| value.to_str().ok())
        .flat_map(|names| names.split(','))
        .filter_map(|name| HeaderName::try_from(name.trim()).ok())
        .collect();
    let trailers = headers
        .get_all(TE)
        .iter()
        .filter_map(|value| value.to_str().ok())
        .flat_map(|codings| codings.split(','))
        .any(|coding| coding.trim().eq_ignore_ascii_case("trailers"));
    for name in named.into_iter().chain(OF_THE_CONNECTION) {
        headers.remove(name);
    }
    for name in [CONNECTION, TRANSFER_ENCODING, UPGRADE, TE] {
        headers.remove(name);
    }
    if trailers {
        headers.insert(TE, HeaderValue::from_static("trailers"));
    }
}
