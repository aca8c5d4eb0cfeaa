//! The tables of a report: versions, endpoints, phases, answers, values from providers.

use std::collections::BTreeMap;

use super::known::{Known, Version, status_name, stream_name, timing_name};
use super::rewards::RewardRow;
use super::slowest::SlowRow;
use super::tasks::{self, TaskRow};
use super::{changes, generator, history, loops, provided, rewards, shards, slowest};
use crate::metrics::{
    FailureClass, Load, LoadMeasurement, Measure, Protocol, Statistic, Stream, Timing, Unit,
};
use crate::report::number;
use crate::report::prose::Prose;
use crate::report::table::{Align, Section, Table, Topic};

const P50: Statistic = Statistic::Percentile(50.0);
const P95: Statistic = Statistic::Percentile(95.0);
const P99: Statistic = Statistic::Percentile(99.0);

/// All sections that have something to say.
pub(super) fn all(
    known: &Known<'_>,
    awarded: &[RewardRow],
    slow: &[SlowRow],
    tasks: &[TaskRow],
) -> Vec<Section> {
    [
        rewards::table(known, awarded),
        changes::section(known.result),
        versions(known),
        history::section(known),
        loops::section(known),
        endpoints(known),
        phases(known),
        slowest::section(known, slow),
        answers(known),
        provided::values(known),
        provided::distributions(known),
        generator::section(known),
        shards::section(known),
        tasks::section(tasks),
    ]
    .into_iter()
    .filter(|section| !section.table.rows.is_empty())
    .collect()
}

/// A section without notes.
pub(super) fn section(topic: Topic, title: impl Into<String>, table: Table) -> Section {
    Section {
        topic,
        title: title.into(),
        table: table.without_empty_columns(),
        notes: Vec::new(),
    }
}

fn milliseconds(load: &LoadMeasurement, timing: Timing, statistic: Statistic) -> String {
    load.value(Measure::Time(timing, statistic)).map_or_else(
        || number::NONE.to_owned(),
        |value| number::measured(value, Unit::Milliseconds),
    )
}

/// A latency cell, strong when it broke an objective.
fn latency(
    known: &Known<'_>,
    version: &str,
    stream: &Stream,
    load: &LoadMeasurement,
    of: Statistic,
) -> Prose {
    let measure = Measure::Time(Timing::Latency, of);
    let shown = Prose::from(milliseconds(load, Timing::Latency, of));
    if known.broke(version, stream, &[measure]) {
        shown.strong()
    } else {
        shown
    }
}

/// An error cell: count and share, strong when it broke an objective.
fn errors(known: &Known<'_>, version: &str, stream: &Stream, load: &LoadMeasurement) -> Prose {
    let text = match load.errors {
        0 => "0".to_owned(),
        n => format!("{}\u{a0}({})", number::count(n), number::share(n, load.requests)),
    };
    let shown = Prose::from(text);
    if known.broke(version, stream, &[Measure::ErrorRate, Measure::ErrorCount]) {
        shown.strong()
    } else {
        shown
    }
}

/// The version that a row is about, where there are several.
pub(super) fn version_cell(known: &Known<'_>, version: &Version<'_>) -> Prose {
    if !known.several() {
        return Prose::new();
    }
    let name = Prose::new().code(version.insights.name.as_str());
    if version.insights.baseline && version.insights.name != "baseline" {
        name.text(" (baseline)")
    } else {
        name
    }
}

/// What a load speaks, where there are loads that speak something else.
fn protocol_cell(known: &Known<'_>, stream: &Stream) -> Prose {
    if known.protocols().len() < 2 {
        return Prose::new();
    }
    match stream.protocol {
        Protocol::Http => "HTTP".into(),
        Protocol::Grpc => "gRPC".into(),
    }
}

fn versions(known: &Known<'_>) -> Section {
    let mut table = Table::new(&[
        ("Version", Align::Left),
        ("Protocol", Align::Left),
        ("Target", Align::Left),
        ("Requests", Align::Right),
        ("per s", Align::Right),
        ("p50", Align::Right),
        ("p95", Align::Right),
        ("p99", Align::Right),
        ("max", Align::Right),
        ("Errors", Align::Right),
    ]);
    for version in &known.versions {
        let name = version.insights.name.as_str();
        for (stream, load) in &version.wholes {
            let target = version.target(stream.protocol);
            let at = |statistic| latency(known, name, stream, load, statistic);
            let rate = load.value(Measure::Throughput);
            table.rows.push(vec![
                version_cell(known, version),
                protocol_cell(known, stream),
                if target.is_empty() {
                    Prose::new()
                } else {
                    Prose::new().code(target)
                },
                number::count(load.requests).into(),
                rate.map_or_else(
                    || number::NONE.to_owned(),
                    |rate| number::measured(rate, Unit::Plain),
                )
                .into(),
                at(P50),
                at(P95),
                at(P99),
                at(Statistic::Max),
                errors(known, name, stream, load),
            ]);
        }
    }
    let title = if known.several() {
        "Latency, side by side"
    } else {
        "Latency"
    };
    section(Topic::Versions, title, table)
}

fn endpoints(known: &Known<'_>) -> Section {
    let mut table = Table::new(&[
        ("Endpoint", Align::Left),
        ("Protocol", Align::Left),
        ("Version", Align::Left),
        ("Requests", Align::Right),
        ("p50", Align::Right),
        ("p95", Align::Right),
        ("Errors", Align::Right),
        ("Slowest part, p95", Align::Left),
    ]);
    // Broken endpoints first, then in the order of the experiment; the versions of an endpoint side by side.
    let mut order: BTreeMap<&Stream, (bool, usize)> = BTreeMap::new();
    let mut rows: Vec<(&Stream, Vec<Prose>)> = Vec::new();
    for version in &known.versions {
        let loads = version.insights.loads.iter();
        for load in loads.filter(|load| load.stream.endpoint.is_some()) {
            let row = endpoint_row(known, version, load);
            let fine = !row.iter().flat_map(|cell| &cell.0).any(|piece| piece.strong);
            let place = order.len();
            let known_as = order.entry(&load.stream).or_insert((true, place));
            known_as.0 &= fine;
            rows.push((&load.stream, row));
        }
    }
    rows.sort_by_key(|(stream, _)| order.get(stream).copied());
    table.rows = rows.into_iter().map(|(_, row)| row).collect();
    section(Topic::Endpoints, "Endpoints", table)
}

fn endpoint_row(known: &Known<'_>, version: &Version<'_>, load: &Load) -> Vec<Prose> {
    let name = version.insights.name.as_str();
    let at = |statistic| latency(known, name, &load.stream, &load.measurement, statistic);
    vec![
        stream_name(&load.stream),
        protocol_cell(known, &load.stream),
        version_cell(known, version),
        number::count(load.measurement.requests).into(),
        at(P50),
        at(P95),
        errors(known, name, &load.stream, &load.measurement),
        slowest_part(&load.measurement).into(),
    ]
}

/// `first byte 301 ms`: the largest phase of a request.
fn slowest_part(load: &LoadMeasurement) -> String {
    let at = |timing| load.value(Measure::Time(timing, P95));
    let waiting = at(Timing::Latency)
        .zip(at(Timing::ServiceTime))
        .map(|(a, b)| a - b);
    [
        ("first byte", at(Timing::Ttfb)),
        ("body", at(Timing::Body)),
        ("connect", at(Timing::Connect)),
        ("TLS", at(Timing::Tls)),
        ("waiting", waiting),
    ]
    .into_iter()
    .filter_map(|(name, value)| Some((name, value.filter(|value| *value > 0.0)?)))
    .max_by(|a, b| a.1.total_cmp(&b.1))
    .map(|(name, value)| format!("{name} {}", number::measured(value, Unit::Milliseconds)))
    .unwrap_or_default()
}

fn phases(known: &Known<'_>) -> Section {
    let mut table = Table::new(&[
        ("Phase", Align::Left),
        ("Protocol", Align::Left),
        ("Version", Align::Left),
        ("Times", Align::Right),
        ("mean", Align::Right),
        ("p50", Align::Right),
        ("p95", Align::Right),
        ("max", Align::Right),
    ]);
    for timing in Timing::ALL {
        for version in &known.versions {
            for (stream, load) in &version.wholes {
                let Some(times) = load.timings.get(timing).filter(|times| times.count() > 0) else {
                    continue;
                };
                let at = |statistic| Prose::from(milliseconds(load, *timing, statistic));
                table.rows.push(vec![
                    timing_name(*timing).into(),
                    protocol_cell(known, stream),
                    version_cell(known, version),
                    number::count(times.count()).into(),
                    at(Statistic::Mean),
                    at(P50),
                    at(P95),
                    at(Statistic::Max),
                ]);
            }
        }
    }
    section(Topic::Phases, "Where the time goes", table)
}

fn answers(known: &Known<'_>) -> Section {
    let mut table = Table::new(&[
        ("Answer", Align::Left),
        ("Protocol", Align::Left),
        ("Version", Align::Left),
        ("Count", Align::Right),
        ("Share", Align::Right),
        ("First example", Align::Left),
    ]);
    for version in &known.versions {
        for (stream, load) in &version.wholes {
            let mut push = |what: Prose, count: u64, example: &str| {
                table.rows.push(vec![
                    what,
                    protocol_cell(known, stream),
                    version_cell(known, version),
                    number::count(count).into(),
                    number::share(count, load.requests).into(),
                    if example.is_empty() {
                        Prose::new()
                    } else {
                        Prose::new().code(example)
                    },
                ]);
            };
            for (status, count) in &load.statuses {
                let name = status_name(*status, stream.protocol);
                push(format!("status {name}").into(), *count, "");
            }
            for (class, failure) in &load.failures {
                let what = if *class == FailureClass::Status {
                    "of these statuses, counted as errors"
                } else {
                    class.describe()
                };
                push(what.into(), failure.count, &failure.example);
            }
            for (wall, count) in &load.walls {
                push(wall.as_str().into(), *count, "");
            }
        }
    }
    section(Topic::Answers, "Statuses and failures", table)
}
