//! What pictures show: distributions, latency and errors over time, phases. Numbers only; drawing is the formats' work.

use std::time::Duration;

use serde::Serialize;

use super::known::{Known, Version, stream_name};
use crate::metrics::{
    Histogram, Load, LoadMeasurement, Measure, MetricName, Slices, Statistic, Stream, Timing, Unit,
};
use crate::report::number;
use crate::report::prose::Prose;
use crate::slo::{Limit, Verdict};

/// Bars of a distribution.
const BARS: usize = 48;
/// Points over time in a large picture.
const POINTS: usize = 120;
/// Points in a small one.
const FEW_POINTS: usize = 20;
/// Most edges of a small distribution.
const MOST_EDGES: usize = 14;
/// Most streams with pictures of their own.
const MOST_SETS: usize = 6;
/// Most bars of phases.
const MOST_PHASE_BARS: usize = 12;
/// Steps of a decade on axes.
const COARSE: &[f64] = &[1.0, 2.0, 5.0];
const FINE: &[f64] = &[1.0, 1.5, 2.0, 3.0, 4.0, 5.0, 7.5];

/// The pictures of one endpoint, or of the whole load.
#[derive(Debug, Clone, PartialEq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct ChartSet {
    /// Whose.
    pub title: Prose,
    /// Distribution of latencies.
    pub distribution: Distribution,
    /// Latency and errors over time, tested version first.
    pub timelines: Vec<Timeline>,
}

/// Latencies of one or two versions on a common axis.
#[derive(Debug, Clone, PartialEq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Distribution {
    /// Tested version first, then the baseline.
    pub spreads: Vec<Spread>,
    /// Round values on the axis.
    pub ticks: Vec<Mark>,
    /// Round values at which `reached` is given.
    pub edges: Vec<Mark>,
    /// Limits set on these latencies.
    pub limits: Vec<Mark>,
}

/// A value on an axis.
#[derive(Debug, Clone, PartialEq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Mark {
    /// Where.
    pub milliseconds: f64,
    /// What to write there.
    pub label: String,
    /// Whether the objective behind a limit was not met.
    pub broken: bool,
}

/// How the latencies of one version are spread.
#[derive(Debug, Clone, PartialEq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Spread {
    /// Version.
    pub version: String,
    /// Consecutive ranges, from the smallest latency to the largest.
    pub shares: Vec<Share>,
    /// Percent of requests answered within each edge.
    pub reached: Vec<f64>,
}

/// The requests whose latency lies in a range.
#[derive(Debug, Clone, PartialEq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Share {
    /// Start of the range in milliseconds.
    pub low: f64,
    /// End of the range in milliseconds.
    pub high: f64,
    /// How many.
    pub count: u64,
    /// Percent of all.
    pub percent: f64,
    /// Percent of all that took no longer than `high`.
    pub cumulative: f64,
    /// All of this in words.
    pub words: String,
}

/// Latency and errors over time.
#[derive(Debug, Clone, PartialEq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Timeline {
    /// Version.
    pub version: String,
    /// Points in time, evenly spaced.
    pub points: Vec<TimePoint>,
    /// The same with fewer points, for small pictures.
    pub few: Vec<TimePoint>,
    /// Width of a point in seconds.
    pub step: f64,
    /// Limits set on these latencies.
    pub limits: Vec<Mark>,
}

/// What happened to the requests that were due in a span of time.
#[derive(Debug, Clone, PartialEq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct TimePoint {
    /// Start of the span, from the start of the load.
    pub seconds: f64,
    /// Requests.
    pub requests: u64,
    /// Those that failed.
    pub errors: u64,
    /// Median latency in milliseconds.
    pub p50: Option<f64>,
    /// 95th percentile of latency in milliseconds.
    pub p95: Option<f64>,
    /// All of this in words.
    pub words: String,
}

/// Mean time of a request, split.
#[derive(Debug, Clone, PartialEq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct PhaseBar {
    /// Endpoint and version.
    pub title: Prose,
    /// Sum of the parts in milliseconds.
    pub milliseconds: f64,
    /// The same, for people.
    pub total: String,
    /// Its parts in the order of time.
    pub parts: Vec<PhasePart>,
}

/// One part of a request's time.
#[derive(Debug, Clone, PartialEq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct PhasePart {
    /// `waiting`, `name resolution`, `connect`, `TLS`, `first byte` or `body`.
    pub name: &'static str,
    /// Mean in milliseconds.
    pub milliseconds: f64,
    /// The same, for people.
    pub text: String,
}

/// The pictures: broken streams first, then whole loads, then the slowest endpoints.
pub(super) fn all(known: &Known<'_>) -> Vec<ChartSet> {
    let Some(tested) = known.tested() else {
        return Vec::new();
    };
    let mut streams: Vec<(&Stream, bool)> = Vec::new();
    for (whole, _) in &tested.wholes {
        let mut parts: Vec<&Load> = tested
            .insights
            .loads
            .iter()
            .filter(|load| load.stream.protocol == whole.protocol && load.stream != *whole)
            .collect();
        parts.sort_by_cached_key(|load| std::cmp::Reverse(p95(&load.measurement)));
        // Endpoints that ran side by side have no common course of time; only a single load has one.
        streams.push((whole, parts.len() < 2));
        if parts.len() > 1 {
            streams.extend(parts.into_iter().map(|load| (&load.stream, true)));
        }
    }
    streams.sort_by_key(|(stream, _)| !limits(known, stream).iter().any(|limit| limit.broken));
    streams
        .into_iter()
        .filter_map(|(stream, timed)| set(known, stream, timed))
        .take(MOST_SETS)
        .collect()
}

/// In nanoseconds, which can be sorted.
fn p95(load: &LoadMeasurement) -> Duration {
    let milliseconds = load.value(Measure::Time(Timing::Latency, Statistic::Percentile(95.0)));
    Duration::try_from_secs_f64(milliseconds.unwrap_or_default() / 1e3).unwrap_or_default()
}

fn set(known: &Known<'_>, stream: &Stream, timed: bool) -> Option<ChartSet> {
    let shown: Vec<(&Version<'_>, &LoadMeasurement)> = [known.tested(), known.baseline()]
        .into_iter()
        .flatten()
        .filter_map(|version| Some((version, version.measurement(stream)?)))
        .filter(|(_, load)| latencies(load).is_some())
        .collect();
    if shown.is_empty() {
        return None;
    }
    let limits = limits(known, stream);
    let timelines = if timed {
        shown
            .iter()
            .filter_map(|(version, load)| timeline(&version.insights.name, &load.slices, &limits))
            .collect()
    } else {
        Vec::new()
    };
    Some(ChartSet {
        title: stream_name(stream),
        distribution: distribution(&shown, &limits)?,
        timelines,
    })
}

fn latencies(load: &LoadMeasurement) -> Option<&Histogram> {
    load.timings
        .get(&Timing::Latency)
        .filter(|times| times.count() > 0)
}

/// Absolute limits on the latency of a stream, each value once.
fn limits(known: &Known<'_>, stream: &Stream) -> Vec<Mark> {
    let mut marks: Vec<Mark> = Vec::new();
    for judgement in &known.judgements {
        let (MetricName::Load(of, Measure::Time(Timing::Latency, statistic)), Limit::Value(limit)) =
            (&judgement.objective.metric, judgement.objective.limit)
        else {
            continue;
        };
        if of == stream && limit.is_finite() && limit > 0.0 {
            marks.push(Mark {
                milliseconds: limit,
                label: format!("{statistic} limit {}", number::limit(limit, Unit::Milliseconds)),
                broken: judgement.verdict == Verdict::NotMet,
            });
        }
    }
    marks.sort_by(|a, b| {
        let key = |mark: &Mark| (mark.milliseconds, !mark.broken);
        let ((a, a_whole), (b, b_whole)) = (key(a), key(b));
        a.total_cmp(&b).then(a_whole.cmp(&b_whole))
    });
    marks.dedup_by(|a, b| a.label == b.label);
    marks
}

fn distribution(shown: &[(&Version<'_>, &LoadMeasurement)], limits: &[Mark]) -> Option<Distribution> {
    let times: Vec<&Histogram> = shown.iter().filter_map(|(_, load)| latencies(load)).collect();
    let extreme = |statistic| times.iter().filter_map(move |times| times.statistic(statistic));
    let low = extreme(Statistic::Min).fold(f64::INFINITY, f64::min).max(1e-6) * 0.95;
    let high = extreme(Statistic::Max).fold(0.0, f64::max) * 1.05;
    if !(low.is_finite() && high > low) {
        return None;
    }
    // Limits belong into the picture unless they are far outside of it.
    let near = |mark: &&Mark| (low / 3.0..=high * 3.0).contains(&mark.milliseconds);
    let limits: Vec<Mark> = limits.iter().filter(near).cloned().collect();
    let low = limits
        .iter()
        .map(|mark| mark.milliseconds * 0.9)
        .fold(low, f64::min);
    let high = limits
        .iter()
        .map(|mark| mark.milliseconds * 1.1)
        .fold(high, f64::max);
    let edges = edges(low, high);
    let spreads = shown
        .iter()
        .zip(&times)
        .map(|((version, _), times)| Spread {
            version: version.insights.name.clone(),
            shares: shares(times, low, high),
            reached: edges
                .iter()
                .map(|edge| reached(times, edge.milliseconds))
                .collect(),
        })
        .collect();
    Some(Distribution {
        spreads,
        ticks: marks(low, high, COARSE),
        edges,
        limits,
    })
}

/// Percent of values that are at most `milliseconds`.
fn reached(times: &Histogram, milliseconds: f64) -> f64 {
    percent(times.count() - times.count_above(milliseconds), times.count())
}

fn percent(part: u64, whole: u64) -> f64 {
    if whole == 0 {
        0.0
    } else {
        part as f64 / whole as f64 * 100.0
    }
}

/// Ranges of equal ratio, because latencies differ by factors.
fn shares(times: &Histogram, low: f64, high: f64) -> Vec<Share> {
    let ratio = (high / low).powf(1.0 / BARS as f64);
    let all = times.count();
    let mut above = all;
    let mut start = low;
    (0..BARS)
        .map(|bar| {
            let end = if bar + 1 == BARS { high } else { start * ratio };
            let above_end = times.count_above(end);
            let count = above.saturating_sub(above_end);
            let cumulative = percent(all - above_end, all);
            let ms = |value| number::measured(value, Unit::Milliseconds);
            let share = Share {
                low: start,
                high: end,
                count,
                percent: percent(count, all),
                cumulative,
                words: format!(
                    "{} to {}: {} ({}); within {}: {}",
                    ms(start),
                    ms(end),
                    number::counted(count, "request"),
                    number::share(count, all),
                    ms(end),
                    number::share(all - above_end, all),
                ),
            };
            above = above_end;
            start = end;
            share
        })
        .collect()
}

/// Round values between `low` and `high`.
fn marks(low: f64, high: f64, steps: &[f64]) -> Vec<Mark> {
    let mut out = Vec::new();
    let mut decade = 1e-6;
    while decade <= high && out.len() < 100 {
        for step in steps {
            let value = decade * step;
            if (low..=high).contains(&value) {
                out.push(Mark {
                    milliseconds: value,
                    label: number::measured(value, Unit::Milliseconds),
                    broken: false,
                });
            }
        }
        decade *= 10.0;
    }
    out
}

/// As many round values as a small picture can hold, the last one above everything.
fn edges(low: f64, high: f64) -> Vec<Mark> {
    let fine = marks(low, high * 1.5, FINE);
    let mut edges = if fine.len() <= MOST_EDGES {
        fine
    } else {
        marks(low, high * 2.5, COARSE)
    };
    let step = edges.len().div_ceil(MOST_EDGES).max(1);
    let mut index = 0;
    edges.retain(|_| {
        index += 1;
        (index - 1) % step == 0
    });
    edges
}

fn timeline(version: &str, slices: &Slices, limits: &[Mark]) -> Option<Timeline> {
    let points = time_points(slices, POINTS);
    let answered = points.1.iter().filter(|point| point.p95.is_some()).count();
    (answered > 1).then(|| Timeline {
        version: version.to_owned(),
        points: points.1,
        few: time_points(slices, FEW_POINTS).1,
        step: points.0,
        limits: limits.to_vec(),
    })
}

/// Width of a point in seconds, and the points.
fn time_points(slices: &Slices, most: usize) -> (f64, Vec<TimePoint>) {
    let (width, groups) = slices.grouped(most);
    let step = width.as_secs_f64();
    let points = groups.iter().enumerate().map(|(index, slice)| {
        let seconds = index as f64 * step;
        let (p50, p95) = (slice.latency_quantile(0.5), slice.latency_quantile(0.95));
        let ms = |value: Option<f64>| {
            value.map_or_else(
                || number::NONE.to_owned(),
                |value| number::measured(value, Unit::Milliseconds),
            )
        };
        TimePoint {
            seconds,
            requests: slice.requests,
            errors: slice.errors,
            p50,
            p95,
            words: format!(
                "{} to {}: p50 {}, p95 {}, {}, {}",
                number::duration(seconds),
                number::duration(seconds + step),
                ms(p50),
                ms(p95),
                number::counted(slice.requests, "request"),
                number::counted(slice.errors, "error"),
            ),
        }
    });
    (step, points.collect())
}

/// Mean time per request of each load, split into phases; the slowest first.
pub(super) fn phases(known: &Known<'_>) -> Vec<PhaseBar> {
    let mut bars: Vec<PhaseBar> = Vec::new();
    for version in &known.versions {
        for load in &version.insights.loads {
            let title = stream_name(&load.stream);
            let title = if known.several() {
                title.text(" · ").code(version.insights.name.as_str())
            } else {
                title
            };
            bars.extend(phase_bar(title, &load.measurement));
        }
    }
    bars.sort_by(|a, b| b.milliseconds.total_cmp(&a.milliseconds));
    bars.truncate(MOST_PHASE_BARS);
    bars
}

fn phase_bar(title: Prose, load: &LoadMeasurement) -> Option<PhaseBar> {
    let all = latencies(load)?;
    let sum = |timing| load.timings.get(&timing).map_or(0.0, Histogram::sum_seconds);
    let service = sum(Timing::ServiceTime);
    if service <= 0.0 {
        return None;
    }
    let (dns, connect, tls) = (sum(Timing::Dns), sum(Timing::Connect), sum(Timing::Tls));
    let waiting = all.sum_seconds() - service - dns - connect - tls;
    let parts: Vec<PhasePart> = [
        ("waiting", waiting),
        ("name resolution", dns),
        ("connect", connect),
        ("TLS", tls),
        ("first byte", sum(Timing::Ttfb)),
        ("body", sum(Timing::Body)),
    ]
    .into_iter()
    .filter(|(_, seconds)| *seconds > 0.0)
    .map(|(name, seconds)| {
        let milliseconds = seconds / all.count() as f64 * 1e3;
        PhasePart {
            name,
            milliseconds,
            text: number::measured(milliseconds, Unit::Milliseconds),
        }
    })
    .collect();
    let milliseconds: f64 = parts.iter().map(|part| part.milliseconds).sum();
    (milliseconds > 0.0).then(|| PhaseBar {
        title,
        milliseconds,
        total: number::measured(milliseconds, Unit::Milliseconds),
        parts,
    })
}
