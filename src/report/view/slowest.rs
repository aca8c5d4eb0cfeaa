//! [`SlowRow`]: the slowest requests, one by one; and [`RequestRow`]: the commands that send requests again.

use std::cmp::Ordering;

use serde::Serialize;

use super::known::{Known, status_name, stream_name};
use crate::metrics::{Exemplar, Load, Unit, VersionInsights};
use crate::report::number;
use crate::report::prose::Prose;
use crate::report::table::{Align, Section, Table, Topic};

/// How the name of the program begins each command.
const CURL: &str = "curl ";
/// Longest trace context that is passed on to a shell; the standard's has 55 characters.
const LONGEST_TRACE: usize = 100;

/// One of the slowest requests. Times are in milliseconds unless said otherwise.
#[derive(Debug, Clone, PartialEq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct SlowRow {
    /// Version.
    pub version: String,
    /// Endpoint; nothing for a load without endpoints.
    pub endpoint: Option<String>,
    /// When it was due, in seconds from the start of the load.
    pub due: f64,
    /// From the instant it was due to the end of its answer, or until it was given up.
    pub latency: f64,
    /// Of this: waiting before it was sent, without the handshakes of a connection that was opened for it.
    pub waiting: f64,
    /// TCP handshake of a connection that was opened for it.
    pub connect: Option<f64>,
    /// TLS handshake of that connection.
    pub tls: Option<f64>,
    /// From the actual send to the first byte of the answer.
    pub ttfb: Option<f64>,
    /// From the first byte of the answer to its end.
    pub body: Option<f64>,
    /// Status of the answer.
    pub status: Option<u16>,
    /// The same in words.
    #[serde(skip)]
    pub status_name: Option<String>,
    /// Number of the connection in its load.
    pub connection: u64,
    /// Whether the connection was opened for it.
    pub opened: bool,
    /// The trace context it was sent with.
    pub traceparent: Option<String>,
    /// All of this in words.
    pub words: Prose,
    /// A command that sends it again with its trace context, if it had one.
    pub reproduce: Option<String>,
}

/// A command that sends one request of a load again.
#[derive(Debug, Clone, PartialEq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct RequestRow {
    /// Endpoint and version.
    pub title: Prose,
    /// The command; a comment at its end says what was left out.
    pub command: String,
}

/// All that were kept: those of tested versions first, then by latency, slowest first.
pub(super) fn rows(known: &Known<'_>) -> Vec<SlowRow> {
    let mut rows = Vec::new();
    for version in &known.versions {
        let from = rows.len();
        for load in &version.insights.loads {
            let exemplars = load.measurement.exemplars.iter();
            rows.extend(exemplars.map(|exemplar| row(known, version.insights, load, exemplar)));
        }
        rows[from..].sort_by(slower);
    }
    rows
}

fn slower(a: &SlowRow, b: &SlowRow) -> Ordering {
    b.latency.total_cmp(&a.latency).then(a.due.total_cmp(&b.due))
}

fn row(known: &Known<'_>, version: &VersionInsights, load: &Load, exemplar: &Exemplar) -> SlowRow {
    let handshakes = exemplar.connect.unwrap_or(0.0) + exemplar.tls.unwrap_or(0.0);
    let mut row = SlowRow {
        version: version.name.clone(),
        endpoint: load.stream.endpoint.clone(),
        due: exemplar.due,
        latency: exemplar.latency,
        waiting: (exemplar.send_delay - handshakes).max(0.0),
        connect: exemplar.connect,
        tls: exemplar.tls,
        ttfb: exemplar.ttfb,
        body: exemplar.body,
        status: exemplar.status,
        status_name: exemplar
            .status
            .map(|status| status_name(status, load.stream.protocol)),
        connection: exemplar.connection,
        opened: exemplar.connect.is_some(),
        traceparent: exemplar.traceparent.clone(),
        words: Prose::new(),
        reproduce: None,
    };
    row.words = words(known, load, &row);
    row.reproduce = exemplar
        .traceparent
        .as_deref()
        .and_then(|trace| traced(load.reproduce.as_deref()?, trace));
    row
}

/// The command with the header of a trace; nothing for what is no trace context, since it goes to a shell.
fn traced(command: &str, trace: &str) -> Option<String> {
    let rest = command.strip_prefix(CURL)?;
    let valid = trace.len() <= LONGEST_TRACE && trace.chars().all(|c| c.is_ascii_hexdigit() || c == '-');
    valid.then(|| format!("{CURL}-H 'traceparent: {trace}' {rest}"))
}

fn ms(milliseconds: f64) -> String {
    number::measured(milliseconds, Unit::Milliseconds)
}

/// The parts of its time that it had, in their order.
fn parts(row: &SlowRow) -> Vec<(&'static str, f64)> {
    [
        ("waiting", Some(row.waiting)),
        ("connect", row.connect),
        ("TLS", row.tls),
        ("first byte", row.ttfb),
        ("body", row.body),
    ]
    .into_iter()
    .filter_map(|(name, part)| Some((name, part.filter(|part| *part > 0.0)?)))
    .collect()
}

/// `checkout on preview: 655 ms at 18.2 s (waiting 600 ms, first byte 52 ms), status 200, connection 3`.
fn words(known: &Known<'_>, load: &Load, row: &SlowRow) -> Prose {
    let mut told = Prose::new();
    if load.stream.endpoint.is_some() {
        told = told.then(stream_name(&load.stream));
    }
    if known.several() {
        let on = if told.is_empty() { "" } else { " on " };
        told = told.text(on).code(row.version.as_str());
    }
    if !told.is_empty() {
        told = told.text(": ");
    }
    told = told.text(format!("{} at {}", ms(row.latency), number::duration(row.due)));
    let parts: Vec<String> = parts(row)
        .into_iter()
        .map(|(name, part)| format!("{name} {}", ms(part)))
        .collect();
    if !parts.is_empty() {
        told = told.text(format!(" ({})", parts.join(", ")));
    }
    told = told.text(match &row.status_name {
        Some(status) => format!(", status {status}"),
        None if row.ttfb.is_some() => String::new(),
        None => ", no complete answer".to_owned(),
    });
    told = told.text(connection(row).map_or_else(String::new, |connection| format!(", {connection}")));
    match &row.traceparent {
        Some(trace) => told.text(", ").code(format!("traceparent {trace}")),
        None => told,
    }
}

/// `connection 3, opened for it`.
fn connection(row: &SlowRow) -> Option<String> {
    let new = if row.opened { ", opened for it" } else { "" };
    (row.connection > 0).then(|| format!("connection {}{new}", number::count(row.connection)))
}

/// The rows as a table.
pub(super) fn section(known: &Known<'_>, rows: &[SlowRow]) -> Section {
    let mut table = Table::new(&[
        ("Endpoint", Align::Left),
        ("Version", Align::Left),
        ("Due at", Align::Right),
        ("Latency", Align::Right),
        ("Waiting", Align::Right),
        ("Connect", Align::Right),
        ("TLS", Align::Right),
        ("First byte", Align::Right),
        ("Body", Align::Right),
        ("Status", Align::Right),
        ("Connection", Align::Right),
        ("traceparent", Align::Left),
    ]);
    let code = |text: Option<&str>| text.map_or_else(Prose::new, |text| Prose::new().code(text));
    let time = |time: Option<f64>| Prose::from(time.map(ms).unwrap_or_default());
    for row in rows {
        let status = match &row.status_name {
            Some(status) => status.clone(),
            None if row.ttfb.is_some() => String::new(),
            None => "none".to_owned(),
        };
        let new = if row.opened { " (new)" } else { "" };
        table.rows.push(vec![
            code(row.endpoint.as_deref()),
            code(Some(row.version.as_str()).filter(|_| known.several())),
            number::duration(row.due).into(),
            ms(row.latency).into(),
            time(Some(row.waiting).filter(|waiting| *waiting > 0.0)),
            time(row.connect),
            time(row.tls),
            time(row.ttfb),
            time(row.body),
            status.into(),
            match row.connection {
                0 => Prose::new(),
                n => format!("{}{new}", number::count(n)).into(),
            },
            code(row.traceparent.as_deref()),
        ]);
    }
    Section {
        topic: Topic::Slowest,
        title: "Slowest requests".to_owned(),
        table: table.without_empty_columns(),
        notes: Vec::new(),
    }
}

/// The commands of all loads.
pub(super) fn requests(known: &Known<'_>) -> Vec<RequestRow> {
    let mut rows = Vec::new();
    for version in &known.versions {
        for load in &version.insights.loads {
            let Some(command) = &load.reproduce else {
                continue;
            };
            let title = stream_name(&load.stream);
            rows.push(RequestRow {
                title: if known.several() {
                    title.text(" · ").code(version.insights.name.as_str())
                } else {
                    title
                },
                command: command.clone(),
            });
        }
    }
    rows
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::report::fixture;

    #[test]
    fn a_trace_goes_to_the_shell_only_if_it_is_one() {
        let command = "curl http://x.example/  # left out: the body";
        assert_eq!(
            traced(command, "00-4bf9-00f0-01").as_deref(),
            Some("curl -H 'traceparent: 00-4bf9-00f0-01' http://x.example/  # left out: the body")
        );
        assert_eq!(traced(command, "00'; id"), None);
        assert_eq!(traced("rm -rf /", "00"), None);
    }

    #[test]
    fn the_slowest_request_of_the_tested_version_is_first_and_its_time_adds_up() {
        let result = fixture::broken();
        let known = Known::of(&result);
        let rows = rows(&known);
        let first = &rows[0];
        assert_eq!(first.version, "preview");
        let tested = rows.iter().filter(|row| row.version == "preview");
        assert!(tested.clone().all(|row| row.latency <= first.latency));
        for row in tested {
            let sum: f64 = parts(row).iter().map(|(_, part)| part).sum();
            assert!((sum - row.latency).abs() < 0.01 * row.latency, "{row:?}");
        }
    }

    #[test]
    fn a_request_without_an_answer_says_so() {
        let mut result = fixture::kept();
        let load = &mut result.insights.versions[0].loads[0];
        load.measurement.exemplars = vec![Exemplar {
            due: 1.5,
            send_delay: 30.0,
            connect: Some(20.0),
            latency: 3030.0,
            connection: 4,
            ..Exemplar::default()
        }];
        let rows = rows(&Known::of(&result));
        assert_eq!(
            rows[0].words.plain().replace('\u{a0}', " "),
            "3.03 s at 1.5 s (waiting 10 ms, connect 20 ms), no complete answer, connection 4, opened for it"
        );
    }
}
