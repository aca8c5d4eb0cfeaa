//! From fields to a plan: defaults are applied here and nowhere else.

use std::num::{NonZeroU32, NonZeroU64};
use std::ops::RangeInclusive;
use std::time::Duration;

use bytes::Bytes;
use http::Method;
use http::header::{CONTENT_TYPE, HeaderName, HeaderValue};

use super::input::{EndpointInput, Expect, RequestInput};
use super::{Body, Endpoint, stream};
use crate::load::http::{self as wire, RequestSpec};
use crate::load::{self, Arrivals, Pace, Plan, Pool, Rate as PerSecond, Stop};
use crate::spec::{Decoder, Period, Value};
use crate::tasks::inputs::{Count, Data, Places, Rate, Source, check_placeholders};

const NUM_REQUESTS: NonZeroU64 = NonZeroU64::new(100).expect("100 is not 0");
const QPS: f64 = 8.0;
const CONNECTIONS: NonZeroU32 = NonZeroU32::new(4).expect("4 is not 0");
const TIMEOUT: Duration = Duration::from_secs(3);
const REDIRECTS: u8 = 10;
/// Most connections of a load, and most warm-up requests of a connection.
const MOST: u32 = 1_000_000;
const AS_LONG_AS_IT_TAKES: Duration = Duration::from_hours(24);
/// Status from which an answer is an error.
const FIRST_ERROR: u16 = 400;

/// Checks what only shows when the fields are seen together. All of it is looked at, so that every mistake is listed.
pub(super) fn endpoint(
    name: Option<String>,
    input: &EndpointInput,
    places: Places<'_>,
    decoder: &mut Decoder<'_>,
) -> Option<Endpoint> {
    let request = &input.request;
    let named = check_name(name.as_deref(), places, decoder);
    let sender = input.net.check(places, decoder);
    let plan = plan(request, places, decoder);
    let pool = pool(request, places, decoder);
    let (content, body) = body(request);
    let content_type = content_type(request, &body, &content, places, decoder);
    let expect = expectation(request.expect.as_ref(), places, decoder);
    let Some(url) = &request.url else {
        // A URL that was there but wrong has been reported, and so have endpoints.
        let elsewhere = name.is_none() && has_endpoints(places);
        if !places.given("url") && !elsewhere {
            let what = name.map_or_else(
                || "an `http` task".to_owned(),
                |name| format!("the endpoint `{name}`"),
            );
            decoder.error(places.own(), format!("{what} needs `url`"), None);
        }
        return None;
    };
    named?;
    let (mut sender, plan, pool) = (sender?, plan?, pool?);
    if let Some(value) = content_type? {
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
        expect: expect?,
        max_redirects: if request.follow_redirects == Some(true) {
            REDIRECTS
        } else {
            0
        },
        data: request.data.as_ref().and_then(Data::known),
    };
    // Data that could not be read has been reported.
    if places.given("data") == request.data.is_some() {
        check_placeholders(&spec, places, decoder)?;
    }
    Some(Endpoint {
        stream: stream(name),
        plan,
        pool,
        spec,
        sender,
        body,
        data: request.data.clone(),
        percentiles: request
            .percentiles
            .iter()
            .flatten()
            .map(|percentile| percentile.0)
            .collect(),
    })
}

fn has_endpoints(places: Places<'_>) -> bool {
    let none = Value::Map(Vec::new());
    places.node("endpoints").is_some_and(|node| node.value != none)
}

fn check_name(name: Option<&str>, places: Places<'_>, decoder: &mut Decoder<'_>) -> Option<()> {
    match name {
        Some(name) if name.is_empty() || name.contains('/') => {
            let message =
                format!("`{name}` cannot be the name of an endpoint: metrics are called http-NAME/…");
            decoder.error(places.own(), message, None);
            None
        }
        _ => Some(()),
    }
}

fn plan(request: &RequestInput, places: Places<'_>, decoder: &mut Decoder<'_>) -> Option<Plan> {
    let stop = stop(request, places, decoder)?;
    let pace = match request.qps.unwrap_or(Rate::PerSecond(QPS)) {
        Rate::Max => Pace::Free,
        // Zero and infinity were refused when the field was read.
        Rate::PerSecond(rate) => Pace::PerSecond(PerSecond::per_second(rate)?),
    };
    let timeout = request.timeout.map_or(TIMEOUT, |timeout| timeout.0);
    Some(Plan {
        stop,
        pace,
        arrivals: Arrivals::Constant,
        grace: grace(stop, timeout),
    })
}

fn pool(request: &RequestInput, places: Places<'_>, decoder: &mut Decoder<'_>) -> Option<Pool> {
    let connections = connections(request, places, decoder);
    let warmup = request.connection_warmup.unwrap_or(0);
    let connection_warmup = capped(warmup, "connectionWarmup", places, decoder);
    let timeout = request.timeout.map_or(TIMEOUT, |timeout| timeout.0);
    if timeout.is_zero() {
        let message = "a `timeout` of 0 lets no request succeed";
        decoder.error(places.at("timeout"), message, None);
        return None;
    }
    let (connections, max_connections) = connections?;
    Some(Pool {
        connections,
        max_connections,
        streams: NonZeroU32::MIN,
        timeout,
        connection_warmup: connection_warmup?,
    })
}

fn stop(request: &RequestInput, places: Places<'_>, decoder: &mut Decoder<'_>) -> Option<Stop> {
    let at = places.at("duration");
    Some(
        match (request.num_requests.map(|count| count.0), request.duration) {
            (_, Some(Period(Duration::ZERO))) => {
                decoder.error(at, "a `duration` of 0 sends nothing", None);
                return None;
            }
            (Some(number), Some(Period(duration))) => {
                let message =
                    "`numRequests` and `duration` are both given: whichever comes first ends the load";
                decoder.warning(at, message, None);
                Stop::Either(number, duration)
            }
            (Some(number), None) => Stop::After(number),
            (None, Some(Period(duration))) => Stop::For(duration),
            (None, None) => Stop::After(NUM_REQUESTS),
        },
    )
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

/// A plan in words: `40 requests/s for 30 s on 10 connections`.
pub(super) fn describe(plan: &Plan, pool: &Pool) -> String {
    let period = |duration: Duration| Period(duration).to_string();
    let stop = match plan.stop {
        Stop::After(number) => format!("{number} requests"),
        Stop::For(duration) => format!("requests for {}", period(duration)),
        Stop::Either(number, duration) => format!("at most {number} requests within {}", period(duration)),
    };
    let pace = match &plan.pace {
        Pace::Free => "as fast as possible".to_owned(),
        Pace::PerSecond(rate) => format!("at {rate}"),
        Pace::Stages(stages) => format!("in {} stages", stages.len()),
    };
    let connections = match (pool.connections.get(), pool.max_connections.get()) {
        (1, 1) => "1 connection".to_owned(),
        (few, most) if most > few => format!("{few} to {most} connections"),
        (few, _) => format!("{few} connections"),
    };
    format!("{stop} {pace} on {connections}")
}
