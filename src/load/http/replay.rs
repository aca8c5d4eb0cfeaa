//! [`unfold`] and [`render`]: bodies through their decoder and templates through theirs, for tests and fuzzers outside of
//! this crate.

use std::ops::ControlFlow;

use bytes::Bytes;
use http::header::{CONTENT_ENCODING, HOST};
use http::{HeaderMap, HeaderValue, Request, Uri};

use super::gzip::Decoded;
use super::placeholders::check;
use super::prepared::authority;
use super::request::Rendering;
use super::spec::RequestSpec;
use crate::load::random::Random;

/// What a body unfolded to.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Unfolded {
    /// As far as it was unfolded.
    pub body: Vec<u8>,
    /// Bytes of the largest piece that was handed on.
    pub largest: usize,
    /// Whether an empty piece was handed on, which is a mistake in iter8.
    pub idle: bool,
    /// Why it is not complete.
    pub failure: Option<String>,
}

/// Decodes the pieces of a body with this Content-Encoding, of which at most some `most` bytes are to come out. `None`
/// for an encoding that is not known.
pub fn unfold<'a>(
    coding: &HeaderValue,
    pieces: impl IntoIterator<Item = &'a [u8]>,
    most: usize,
) -> Option<Unfolded> {
    let headers = HeaderMap::from_iter([(CONTENT_ENCODING, coding.clone())]);
    let mut decoded = Decoded::new(&headers).ok()?;
    decoded.left = decoded.left.min(most);
    let mut unfolded = Unfolded {
        body: Vec::new(),
        largest: 0,
        idle: false,
        failure: None,
    };
    let mut take = |piece: &[u8]| {
        unfolded.body.extend_from_slice(piece);
        unfolded.largest = unfolded.largest.max(piece.len());
        unfolded.idle |= piece.is_empty();
        ControlFlow::Continue(())
    };
    let fed = pieces
        .into_iter()
        .try_for_each(|piece| decoded.feed(piece, &mut take));
    let ended = fed.and_then(|()| decoded.finish());
    unfolded.failure = ended.err().map(|failed| failed.example.into_owned());
    Some(unfolded)
}

/// A request, as it is sent.
#[derive(Debug)]
pub struct Rendered {
    /// What HTTP/1.1 writes.
    pub bytes: Vec<u8>,
    /// The same for a protocol that frames it itself, or why there is none.
    pub framed: Result<Request<Bytes>, String>,
}

/// Fills a request for each of the first turns of a load. `None` for one that is refused before anything is sent.
///
/// # Panics
///
/// If a request without mistakes cannot be prepared, or one with mistakes can.
pub fn render(spec: &RequestSpec, turns: u64) -> Option<Vec<Rendered>> {
    let query = spec
        .url
        .query()
        .map(|query| format!("?{query}"))
        .unwrap_or_default();
    let target = format!("{}{query}", spec.url.path());
    Uri::try_from(target.as_str()).ok()?;
    let mut headers = spec.headers.clone();
    let host = HeaderValue::try_from(authority(&spec.url)).ok()?;
    headers.entry(HOST).or_insert(host);
    let rendering = Rendering::new(spec, &target.into(), &headers, None);
    assert_eq!(
        rendering.is_ok(),
        check(spec).is_empty(),
        "what is checked is not what is sent"
    );
    let rendering = rendering.ok()?;
    let mut scratch = Vec::new();
    let rendered = (0..turns).map(|n| {
        let bytes = rendering.bytes(n, &mut Random::seeded(n), &mut scratch).concat();
        let framed = rendering.outgoing(n, &mut Random::seeded(n));
        let framed = framed.map(|outgoing| {
            let mut request = Request::new(outgoing.body);
            *request.method_mut() = outgoing.method;
            *request.uri_mut() = outgoing.uri;
            *request.headers_mut() = outgoing.headers;
            request
        });
        let framed = framed.map_err(|failed| failed.example.into_owned());
        Rendered { bytes, framed }
    });
    Some(rendered.collect())
}
