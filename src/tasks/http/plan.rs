//! From fields to a load of one version of one endpoint: defaults are applied here and in [`pace`] and nowhere else.

use std::num::NonZeroU32;
use std::ops::RangeInclusive;
use std::time::Duration;

use bytes::Bytes;
use http::Method;
use http::header::{ACCEPT_ENCODING, CONTENT_TYPE, HeaderName, HeaderValue};

use super::input::{Expect, HttpFields, RequestInput};
use super::{Body, HttpCall, HttpKind, pace};
use crate::load::http::{self as wire, HttpVersion, RequestSpec, sent_literally, uses_rows};
use crate::load::{self, AtOnce, Pace, Pool};
use crate::spec::Decoder;
use crate::tasks::inputs::{Count, Data, Places, Source, check_placeholders};
use crate::tasks::load::{Checked, Whose};

const CONNECTIONS: NonZeroU32 = NonZeroU32::new(4).expect("4 is not 0");
const TIMEOUT: Duration = Duration::from_secs(3);
const REDIRECTS: u8 = 10;
/// Most connections of a load, and most warm-up requests of a connection.
const MOST: u32 = 1_000_000;
/// Status from which an answer is an error.
const FIRST_ERROR: u16 = 400;
const TRACEPARENT: &str = "traceparent";

/// Checks what only shows when the fields are seen together. All of it is looked at, so that every mistake is listed.
pub(super) fn check(
    whose: Whose<'_>,
    input: &HttpFields,
    places: Places<'_>,
    decoder: &mut Decoder<'_>,
) -> Option<Checked<HttpKind>> {
    let request = &input.request;
    let sender = input.net.check(places, decoder);
    let timeout = request.timeout.map_or(TIMEOUT, |timeout| timeout.0);
    let plan = pace::plan(request, timeout, places, decoder);
    let pool = pool(request, timeout, places, decoder);
    let protocol = protocol(request, places, decoder);
    let (content, body) = body(request);
    let content_type = content_type(request, &body, &content, places, decoder);
    let expect = expectation(request.expect.as_ref(), places, decoder);
    let Some(url) = &request.url else {
        // One that was there but wrong has been reported.
        if let Some(called) = whose.called.filter(|_| !places.given("url")) {
            decoder.error(places.own(), format!("{called} needs `url`"), None);
        }
        return None;
    };
    let (mut sender, plan, pool) = (sender?, plan?, pool?);
    if pool.max_connections > pool.connections && plan.pace == Pace::Free {
        let message = format!(
            "`maxConnections` changes nothing with `qps: max`: a closed loop opens `connections`, {}",
            pool.connections
        );
        let hint = "raise `connections`, or give `qps` a number";
        decoder.warning(places.at("maxConnections"), message, Some(hint.to_owned()));
    }
    if !places.given("data") {
        warn_of_words(&sent_literally(&url.0), places, decoder);
    }
    check_own_headers(request, &sender.headers, places, decoder)?;
    // A header of the user says better what the body is than a default does.
    let own = request.content_type.is_none() && sender.headers.contains_key(CONTENT_TYPE);
    if let Some(value) = content_type?.filter(|_| !own) {
        sender.headers.insert(CONTENT_TYPE, value);
    }
    let spec = RequestSpec {
        url: url.0.clone(),
        method: method(request, &content, &body),
        headers: sender.headers.clone(),
        body: content,
        error_ranges: error_ranges(request),
        expect: expect?,
        max_redirects: if request.follow_redirects == Some(true) {
            REDIRECTS
        } else {
            0
        },
        data: request.data.as_ref().and_then(Data::known),
        http_version: protocol?,
        compression: request.compression == Some(true),
        traceparent: request.traceparent == Some(true),
    };
    // Data that could not be read has been reported.
    if places.given("data") == request.data.is_some() {
        check_placeholders(&spec, places, decoder)?;
        warn_of_unused(request, &spec, &body, places, decoder);
    }
    let percentiles = request.percentiles.iter().flatten();
    Some(Checked {
        plan,
        pool,
        percentiles: percentiles.map(|percentile| percentile.0).collect(),
        call: HttpCall {
            spec,
            sender,
            body,
            data: request.data.clone(),
        },
    })
}

/// Words in braces look like placeholders, and without data they are none.
fn warn_of_words(words: &[String], places: Places<'_>, decoder: &mut Decoder<'_>) {
    for word in words {
        let message = format!("`{{{word}}}` is sent literally: there is no `data` with such a column");
        let hint = "give `data`, or write `%7B` and `%7D`";
        decoder.warning(places.at("url"), message, Some(hint.to_owned()));
    }
}

/// What was given and is not sent.
fn warn_of_unused(
    request: &RequestInput,
    spec: &RequestSpec,
    body: &Body,
    places: Places<'_>,
    decoder: &mut Decoder<'_>,
) {
    let is_known = matches!(body, Body::Ready);
    if is_known && spec.data.is_some() && places.is_own("data") && !uses_rows(spec) {
        let message = "`data` changes nothing: none of its columns stands in the request";
        let hint = "write `{column}` in the path, query, a header or the body, or leave `data` out";
        decoder.warning(places.at("data"), message, Some(hint.to_owned()));
    }
    let payloads = [
        ("payloadFile", request.payload_file.is_some()),
        ("payloadStr", request.payload_str.is_some()),
    ];
    let payloads = payloads.into_iter().filter(|(_, is_read)| *is_read);
    let payload = payloads
        .map(|(field, _)| field)
        .find(|field| places.is_own(field));
    if let Some(field) = payload.filter(|_| is_known && spec.body.is_empty() && request.method.is_none()) {
        let message = format!("`{field}` is empty: a {} without a body is sent", spec.method);
        let hint = "say `method` if an empty body is meant, or leave it out".to_owned();
        decoder.warning(places.at(field), message, Some(hint));
    }
}

fn method(request: &RequestInput, content: &Bytes, body: &Body) -> Method {
    let sends_body = request.content_type.is_some() || !content.is_empty() || !matches!(body, Body::Ready);
    match &request.method {
        Some(method) => method.0.clone(),
        None if sends_body => Method::POST,
        None => Method::GET,
    }
}

fn pool(
    request: &RequestInput,
    timeout: Duration,
    places: Places<'_>,
    decoder: &mut Decoder<'_>,
) -> Option<Pool> {
    let connections = connections(request, places, decoder);
    let streams = streams(request, places, decoder);
    let warmup = request.connection_warmup.unwrap_or(0);
    let connection_warmup = capped(warmup, "connectionWarmup", places, decoder);
    if timeout.is_zero() {
        let message = "a `timeout` of 0 lets no request succeed";
        decoder.error(places.at("timeout"), message, None);
        return None;
    }
    let ((connections, max_connections), streams) = (connections?, streams?);
    if u64::from(max_connections.get()) * u64::from(streams.get()) > u64::from(MOST) {
        let message = format!(
            "{max_connections} connections of {streams} streams are more than {MOST} requests at a time"
        );
        decoder.error(places.at("streams"), message, None);
        return None;
    }
    Some(Pool {
        connections,
        max_connections,
        streams,
        at_once: AtOnce::Streams,
        timeout,
        connection_warmup: connection_warmup?,
    })
}

/// Requests under way on a connection at a time.
fn streams(request: &RequestInput, places: Places<'_>, decoder: &mut Decoder<'_>) -> Option<NonZeroU32> {
    let Some(count) = request.streams else {
        return Some(NonZeroU32::MIN);
    };
    let streams = capped(count.0.get(), "streams", places, decoder).and_then(NonZeroU32::new)?;
    let version = request.http_version.unwrap_or_default();
    // A version that cannot be read has been reported.
    let unread = request.http_version.is_none() && places.given("httpVersion");
    if streams > NonZeroU32::MIN && !version.multiplexes() && !unread {
        let message = format!("`streams: {streams}` needs HTTP/2");
        let hint = "add `httpVersion: 2`, or `httpVersion: h2c` for a http:// URL";
        decoder.error(places.at("streams"), message, Some(hint.to_owned()));
        return None;
    }
    Some(streams)
}

/// HTTP/2 is agreed on in the TLS handshake; without TLS it must be known.
fn protocol(request: &RequestInput, places: Places<'_>, decoder: &mut Decoder<'_>) -> Option<HttpVersion> {
    let version = request.http_version.unwrap_or_default();
    let Some(url) = &request.url else {
        return Some(version);
    };
    if version.multiplexes() && request.follow_redirects == Some(true) {
        let message = "redirects are followed by HTTP/1.1, and `httpVersion` asks for HTTP/2";
        let hint = "leave `httpVersion` out, or give the URL that the redirects lead to";
        decoder.error(places.at("httpVersion"), message, Some(hint.to_owned()));
        return None;
    }
    let (message, hint) = match (version, url.0.scheme()) {
        (HttpVersion::Http2, "http") => (
            "`httpVersion: 2` is agreed on over TLS, and the URL is http://",
            "write `h2c` if the server speaks HTTP/2 without TLS",
        ),
        (HttpVersion::PriorKnowledge, "https") => (
            "`httpVersion: h2c` is HTTP/2 without TLS, and the URL is https://",
            "write `2`",
        ),
        (HttpVersion::Auto | HttpVersion::Http1 | HttpVersion::Http2 | HttpVersion::PriorKnowledge, _) => {
            return Some(version);
        }
    };
    decoder.error(places.at("httpVersion"), message, Some(hint.to_owned()));
    None
}

/// A header that a field sends is not given a second time.
fn check_own_headers(
    request: &RequestInput,
    headers: &http::HeaderMap,
    places: Places<'_>,
    decoder: &mut Decoder<'_>,
) -> Option<()> {
    let sent = [
        (request.compression, "compression", ACCEPT_ENCODING.as_str()),
        (request.traceparent, "traceparent", TRACEPARENT),
    ];
    for (on, field, header) in sent {
        if on == Some(true) && headers.contains_key(header) {
            let message = format!("`{field}: true` sends the header `{header}`, which `headers` has, too");
            decoder.error(
                places.at(field),
                message,
                Some("leave one of them out".to_owned()),
            );
            return None;
        }
    }
    Some(())
}

/// Connections in the pool, and at most.
fn connections(
    request: &RequestInput,
    places: Places<'_>,
    decoder: &mut Decoder<'_>,
) -> Option<(NonZeroU32, NonZeroU32)> {
    let mut read = |count: Option<Count>, field: &str| {
        let count = count.map(|count| capped(count.0.get(), field, places, decoder));
        count.map(|count| count.and_then(NonZeroU32::new)) // a count is from 1
    };
    let few = read(request.connections, "connections");
    let most = read(request.max_connections, "maxConnections");
    // With a `connections` that cannot be read there is nothing to compare with.
    if few.is_none() && places.given("connections") {
        return None;
    }
    let few = few.unwrap_or(Some(CONNECTIONS))?;
    let most = most.unwrap_or(Some(few))?;
    if most < few {
        let message = format!("`maxConnections` is below `connections`, which is {few}");
        decoder.error(places.at("maxConnections"), message, None);
        return None;
    }
    if let Some(allowed) = load::most_connections().filter(|allowed| u64::from(most.get()) > *allowed) {
        let field = if request.max_connections.is_some() {
            "maxConnections"
        } else {
            "connections"
        };
        let message = format!("`{field}` is {most}, but this system allows {allowed} at once");
        let hint = "each connection is an open file: raise the hard limit (`ulimit -Hn`), or share the load between machines";
        decoder.error(places.at(field), message, Some(hint.to_owned()));
        return None;
    }
    Some((few, most))
}

/// A number of connections or warm-up requests that a machine can have.
fn capped(number: u64, field: &str, places: Places<'_>, decoder: &mut Decoder<'_>) -> Option<u32> {
    let fits = u32::try_from(number).ok().filter(|number| *number <= MOST);
    if fits.is_none() {
        let message = format!("`{field}: {number}` is more than {MOST}");
        decoder.error(places.at(field), message, None);
    }
    fits
}

fn body(request: &RequestInput) -> (Bytes, Body) {
    let text = || request.payload_str.clone().map(Bytes::from).unwrap_or_default();
    match (&request.payload_url, &request.payload_file) {
        (Some(url), _) => (Bytes::new(), Body::Download(url.clone())),
        (None, Some(Source::Content(content))) => (content.clone(), Body::Ready),
        (None, Some(later)) => (Bytes::new(), Body::File(later.clone())),
        (None, None) => (text(), Body::Ready),
    }
}

#[expect(clippy::option_option, reason = "no header, or a mistake that was reported")]
fn content_type(
    request: &RequestInput,
    body: &Body,
    content: &Bytes,
    places: Places<'_>,
    decoder: &mut Decoder<'_>,
) -> Option<Option<HeaderValue>> {
    match &request.content_type {
        Some(text) => {
            if let Ok(value) = HeaderValue::from_str(text) {
                Some(Some(value))
            } else {
                decoder.error(
                    places.at("contentType"),
                    "`contentType` holds characters that HTTP does not allow",
                    None,
                );
                None
            }
        }
        None if content.is_empty() && matches!(body, Body::Ready) => Some(None),
        None => Some(Some(HeaderValue::from_static("application/octet-stream"))),
    }
}

fn error_ranges(request: &RequestInput) -> Vec<RangeInclusive<u16>> {
    let expected = request
        .expect
        .as_ref()
        .is_some_and(|expect| expect.status.is_some());
    match &request.error_ranges {
        Some(ranges) => ranges.iter().map(|range| range.lower..=range.upper).collect(),
        // A status that is expected is no error, whatever it is.
        None if expected => Vec::new(),
        None => vec![FIRST_ERROR..=u16::MAX],
    }
}

fn expectation(
    expect: Option<&Expect>,
    places: Places<'_>,
    decoder: &mut Decoder<'_>,
) -> Option<wire::Expect> {
    let Some(expect) = expect else {
        return Some(wire::Expect::default());
    };
    let mut headers = Vec::new();
    let mut valid = true;
    for (name, value) in expect.header.iter().flat_map(|map| &map.0) {
        match (name.parse::<HeaderName>(), HeaderValue::from_str(value)) {
            (Ok(name), Ok(value)) => headers.push((name, value)),
            (Err(_), _) | (_, Err(_)) => {
                let given = places.inside("expect", "header");
                let given = given.and_then(|headers| headers.field(name));
                let at = given.map_or(places.at("expect"), |(key, _)| &key.at);
                decoder.error(at, format!("`{name}: {value}` is no header"), None);
                valid = false;
            }
        }
    }
    if !valid {
        return None;
    }
    let statuses = expect.status.iter().flat_map(|statuses| &statuses.0);
    Some(wire::Expect {
        status: statuses.map(|range| range.lower..=range.upper).collect(),
        body: expect.body.clone().map(Bytes::from),
        headers,
    })
}
