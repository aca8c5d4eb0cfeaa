//! From fields to a plan: defaults are applied here and nowhere else.

use std::num::{NonZeroU32, NonZeroU64};
use std::ops::RangeInclusive;
use std::time::Duration;

use bytes::Bytes;
use http::Method;
use http::header::{CONTENT_TYPE, HeaderName, HeaderValue};

use super::input::{EndpointInput, Expect, RequestInput, given};
use super::{Body, Endpoint, stream};
use crate::load::http::{self as wire, RequestSpec};
use crate::load::{self, Pace, Plan, Rate as PerSecond, Stop};
use crate::spec::{Decoder, Node, Period};
use crate::tasks::inputs::{Count, Rate, Source};

const NUM_REQUESTS: NonZeroU64 = NonZeroU64::new(100).expect("100 is not 0");
const QPS: f64 = 8.0;
const CONNECTIONS: NonZeroU32 = NonZeroU32::new(4).expect("4 is not 0");
const TIMEOUT: Duration = Duration::from_secs(3);
const REDIRECTS: u8 = 10;
const AS_LONG_AS_IT_TAKES: Duration = Duration::from_hours(24);
/// Status from which an answer is an error.
const FIRST_ERROR: u16 = 400;

/// Checks what only shows when the fields are seen together.
pub(super) fn endpoint(
    name: Option<String>,
    input: &EndpointInput,
    decoder: &mut Decoder<'_>,
) -> Option<Endpoint> {
    let node = &input.node;
    let sender = input.net.check(node, decoder);
    if let Some(name) = name.as_ref().filter(|name| name.is_empty() || name.contains('/')) {
        decoder.error(
            &node.at,
            format!("`{name}` cannot be the name of an endpoint: metrics are called http-NAME/…"),
            None,
        );
        return None;
    }
    let request = &input.request;
    let Some(url) = &request.url else {
        // A URL that was there but wrong has been reported.
        if !given(node, "url") && !decoder.has_errors() {
            let what = name.map_or_else(
                || "an `http` task".to_owned(),
                |name| format!("the endpoint `{name}`"),
            );
            decoder.error(&node.at, format!("{what} needs `url`"), None);
        }
        return None;
    };
    let plan = plan(request, node, decoder)?;
    let (content, body) = body(request);
    let mut sender = sender?;
    let content_type = content_type(request, &body, &content, node, decoder)?;
    if let Some(value) = content_type {
        sender.headers.insert(CONTENT_TYPE, value);
    }
    let sends_body = request.content_type.is_some() || !content.is_empty() || !matches!(body, Body::Ready);
    let method = match &request.method {
        Some(method) => method.0.clone(),
        None if sends_body => Method::POST,
        None => Method::GET,
    };
    let spec = RequestSpec {
        url: url.0.clone(),
        method,
        headers: sender.headers.clone(),
        body: content,
        error_ranges: error_ranges(request),
        expect: expectation(request.expect.as_ref(), node, decoder)?,
        max_redirects: if request.follow_redirects == Some(true) {
            REDIRECTS
        } else {
            0
        },
    };
    Some(Endpoint {
        stream: stream(name),
        plan,
        spec,
        sender,
        body,
    })
}

fn plan(request: &RequestInput, node: &Node, decoder: &mut Decoder<'_>) -> Option<Plan> {
    let count = |count: Count| count.0;
    let stop = match (request.num_requests.map(count), request.duration) {
        (_, Some(Period(Duration::ZERO))) => {
            decoder.error(&node.at, "a `duration` of 0 sends nothing", None);
            return None;
        }
        (Some(number), Some(Period(duration))) => {
            decoder.warning(
                &node.at,
                "`numRequests` and `duration` are both given: whichever comes first ends the load",
                None,
            );
            Stop::Either(number, duration)
        }
        (Some(number), None) => Stop::After(number),
        (None, Some(Period(duration))) => Stop::For(duration),
        (None, None) => Stop::After(NUM_REQUESTS),
    };
    let (connections, max_connections) = connections(request, node, decoder)?;
    let timeout = request.timeout.map_or(TIMEOUT, |timeout| timeout.0);
    if timeout.is_zero() {
        decoder.error(&node.at, "a `timeout` of 0 lets no request succeed", None);
        return None;
    }
    let pace = match request.qps.unwrap_or(Rate::PerSecond(QPS)) {
        Rate::Max => Pace::Free,
        // Zero and infinity were refused when the field was read.
        Rate::PerSecond(rate) => Pace::PerSecond(PerSecond::per_second(rate)?),
    };
    let connection_warmup = u32::try_from(request.connection_warmup.unwrap_or(0)).unwrap_or(u32::MAX);
    Some(Plan {
        stop,
        pace,
        connections,
        max_connections,
        timeout,
        grace: grace(stop, timeout),
        connection_warmup,
    })
}

/// The pool, and the most there may be: no more than the system lets this process open.
fn connections(
    request: &RequestInput,
    node: &Node,
    decoder: &mut Decoder<'_>,
) -> Option<(NonZeroU32, NonZeroU32)> {
    let narrow = |count: Count| NonZeroU32::try_from(count.0).unwrap_or(NonZeroU32::MAX);
    let connections = request.connections.map_or(CONNECTIONS, narrow);
    let max_connections = request.max_connections.map_or(connections, narrow);
    if max_connections < connections {
        decoder.error(&node.at, "`maxConnections` is below `connections`", None);
        return None;
    }
    if let Some(most) = load::most_connections().filter(|most| u64::from(max_connections.get()) > *most) {
        let key = request
            .max_connections
            .map_or("connections", |_| "maxConnections");
        let hint = "each connection is an open file: raise the hard limit (`ulimit -Hn`), or share the load between machines";
        decoder.error(
            &node.at,
            format!("`{key}` is {max_connections}, but this system allows {most} at once"),
            Some(hint.to_owned()),
        );
        return None;
    }
    Some((connections, max_connections))
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
    node: &Node,
    decoder: &mut Decoder<'_>,
) -> Option<Option<HeaderValue>> {
    match &request.content_type {
        Some(text) => {
            if let Ok(value) = HeaderValue::from_str(text) {
                Some(Some(value))
            } else {
                decoder.error(
                    &node.at,
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

/// A number of requests is exact, however slow the target; a duration ends.
fn grace(stop: Stop, timeout: Duration) -> Duration {
    match stop {
        Stop::After(_) => AS_LONG_AS_IT_TAKES,
        Stop::For(_) | Stop::Either(..) => timeout,
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

fn expectation(expect: Option<&Expect>, node: &Node, decoder: &mut Decoder<'_>) -> Option<wire::Expect> {
    let Some(expect) = expect else {
        return Some(wire::Expect::default());
    };
    let mut headers = Vec::new();
    for (name, value) in expect.header.iter().flat_map(|map| &map.0) {
        match (name.parse::<HeaderName>(), HeaderValue::from_str(value)) {
            (Ok(name), Ok(value)) => headers.push((name, value)),
            (Err(_), _) | (_, Err(_)) => {
                decoder.error(&node.at, format!("`{name}: {value}` is no header"), None);
                return None;
            }
        }
    }
    let statuses = expect.status.iter().flat_map(|statuses| &statuses.0);
    Some(wire::Expect {
        status: statuses.map(|range| range.lower..=range.upper).collect(),
        body: expect.body.clone().map(Bytes::from),
        headers,
    })
}

/// A plan in words: `40 requests/s for 30 s on 10 connections`.
pub(super) fn describe(plan: &Plan) -> String {
    let period = |duration: Duration| Period(duration).to_string();
    let stop = match plan.stop {
        Stop::After(number) => format!("{number} requests"),
        Stop::For(duration) => format!("requests for {}", period(duration)),
        Stop::Either(number, duration) => format!("at most {number} requests within {}", period(duration)),
    };
    let pace = match plan.pace {
        Pace::Free => "as fast as possible".to_owned(),
        Pace::PerSecond(rate) => format!("at {rate}"),
    };
    let connections = match (plan.connections.get(), plan.max_connections.get()) {
        (1, 1) => "1 connection".to_owned(),
        (few, most) if most > few => format!("{few} to {most} connections"),
        (few, _) => format!("{few} connections"),
    };
    format!("{stop} {pace} on {connections}")
}

#[cfg(test)]
mod tests {
    use std::path::Path;

    use super::*;
    use crate::secret::Mask;
    use crate::spec::SourceFile;
    use crate::tasks::TaskKind as _;

    /// What is wrong with the fields of a task.
    fn wrong(fields: &str) -> Vec<String> {
        let source = SourceFile::new("test", format!("url: http://localhost\n{fields}\n"));
        let node = Node::parse(&source).expect("YAML");
        let mut decoder = Decoder::new(&source, Path::new("."), &|_| None, Mask::default());
        let parsed = super::super::HttpKind.parse(&node, &mut decoder);
        assert_eq!(parsed.is_none(), decoder.has_errors());
        let told = decoder.into_diagnostics();
        told.into_iter().map(|diagnostic| diagnostic.message).collect()
    }

    #[test]
    fn more_connections_than_files_are_refused_before_anything_is_sent() {
        let Some(most) = load::most_connections().filter(|most| *most < u64::from(u32::MAX)) else {
            return;
        };
        assert_eq!(wrong(&format!("connections: {most}")), Vec::<String>::new());
        for key in ["connections", "maxConnections"] {
            let told = wrong(&format!("{key}: {}", most + 1));
            assert_eq!(told.len(), 1, "{told:?}");
            let expected = format!("`{key}` is {}, but this system allows {most} at once", most + 1);
            assert_eq!(told[0], expected);
        }
    }
}
