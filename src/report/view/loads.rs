//! [`MetricRow`] and [`LoadRow`]: bare numbers for programs that read reports.

use serde::Serialize;

use super::known::{Known, Version};
use crate::metrics::code::Code;
use crate::metrics::{Load, LoadMeasurement, Measure, MetricName, Protocol, Statistic, Stream, Unit};

/// One metric of one version.
#[derive(Debug, Clone, PartialEq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct MetricRow {
    /// Version.
    pub version: String,
    /// Endpoint; nothing for the whole load and for providers.
    pub endpoint: Option<String>,
    /// Canonical name.
    pub metric: String,
    /// Value in the unit.
    pub value: f64,
    /// Unit.
    pub unit: Unit,
    /// Unit in the words of a provider.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub provider_unit: Option<String>,
    /// What a provider says that it is.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub description: Option<String>,
}

/// Counts and times of one stream of one version.
#[derive(Debug, Clone, PartialEq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct LoadRow {
    /// Version.
    pub version: String,
    /// `http` or `grpc`.
    pub protocol: &'static str,
    /// Endpoint; nothing for a whole load without endpoints.
    pub endpoint: Option<String>,
    /// Where the requests went.
    pub target: String,
    /// Requests sent.
    pub requests: u64,
    /// Requests that count as errors.
    pub errors: u64,
    /// Requests due and never sent.
    pub unsent: u64,
    /// Bytes of bodies received.
    pub bytes_received: u64,
    /// Messages sent, in calls of gRPC.
    #[serde(skip_serializing_if = "is_none")]
    pub messages_sent: u64,
    /// Messages received, in calls of gRPC.
    #[serde(skip_serializing_if = "is_none")]
    pub messages_received: u64,
    /// Answers per status; calls per status code of gRPC.
    pub statuses: Vec<(u16, u64)>,
    /// Its times.
    pub timings: Vec<TimingRow>,
}

#[expect(clippy::trivially_copy_pass_by_ref, reason = "serde passes references")]
fn is_none(count: &u64) -> bool {
    *count == 0
}

/// A distribution of times.
#[derive(Debug, Clone, PartialEq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct TimingRow {
    /// As in metric names.
    pub timing: &'static str,
    /// How many.
    pub count: u64,
    /// Their sum in seconds.
    pub sum_seconds: f64,
    /// Quantile (0 to 1) and value in seconds.
    pub quantiles: Vec<(f64, f64)>,
}

const PERCENTILES: &[f64] = &[50.0, 75.0, 90.0, 95.0, 99.0, 99.9];

const COUNTS: &[Measure] = &[
    Measure::RequestCount,
    Measure::ErrorCount,
    Measure::ErrorRate,
    Measure::Throughput,
    Measure::Timeouts,
    Measure::Unsent,
    Measure::BytesReceived,
    Measure::StatusClass(1),
    Measure::StatusClass(2),
    Measure::StatusClass(3),
    Measure::StatusClass(4),
    Measure::StatusClass(5),
    Measure::MessagesSent,
    Measure::MessagesReceived,
    Measure::ColdStart,
];

/// Whole loads, then endpoints.
fn streams<'a>(version: &'a Version<'_>) -> impl Iterator<Item = (&'a Stream, &'a LoadMeasurement)> {
    let wholes = version
        .wholes
        .iter()
        .map(|(stream, whole)| (stream, whole.as_ref()));
    let parts = version
        .insights
        .loads
        .iter()
        .filter(|load| load.stream.endpoint.is_some());
    wholes.chain(parts.map(|load| (&load.stream, &load.measurement)))
}

/// Everything that can be asked of a load by name, with its value.
fn measures(load: &LoadMeasurement, protocol: Protocol, asked: &[f64]) -> Vec<(Measure, f64)> {
    let codes = load.statuses.keys().map(|code| Code(*code));
    let codes = codes.filter(|code| code.name().is_some());
    let mut found: Vec<(Measure, f64)> = COUNTS
        .iter()
        .copied()
        .chain(codes.map(Measure::StatusCode))
        .filter(|measure| measure.is_of(protocol))
        .filter_map(|measure| Some((measure, load.value(measure)?)))
        .collect();
    for (timing, histogram) in &load.timings {
        let plain = [Statistic::Mean, Statistic::Stddev, Statistic::Min, Statistic::Max];
        let plain = plain
            .into_iter()
            .filter_map(|statistic| Some((statistic, histogram.statistic(statistic)?)));
        let mut wanted = [PERCENTILES, asked].concat();
        wanted.sort_by(f64::total_cmp);
        wanted.dedup();
        let values = histogram.percentiles(&wanted);
        let percentiles = wanted.into_iter().map(Statistic::Percentile).zip(values);
        found.extend(
            plain
                .chain(percentiles)
                .map(|(statistic, value)| (Measure::Time(*timing, statistic), value)),
        );
    }
    found.retain(|(_, value)| value.is_finite());
    found
}

/// Every metric that has a value.
pub(super) fn metrics(known: &Known<'_>) -> Vec<MetricRow> {
    let mut rows = Vec::new();
    for version in &known.versions {
        for (stream, load) in streams(version) {
            let of_stream = |load: &&Load| stream.endpoint.is_none() || load.stream == *stream;
            let loads = version.insights.loads.iter().filter(of_stream);
            let asked: Vec<f64> = loads.flat_map(|load| load.percentiles.iter().copied()).collect();
            rows.extend(
                measures(load, stream.protocol, &asked)
                    .into_iter()
                    .map(|(measure, value)| MetricRow {
                        version: version.insights.name.clone(),
                        endpoint: stream.endpoint.clone(),
                        metric: MetricName::Load(stream.clone(), measure).to_string(),
                        value,
                        unit: measure.unit(),
                        provider_unit: None,
                        description: None,
                    }),
            );
        }
        rows.extend(version.insights.values.iter().map(|(name, known)| MetricRow {
            version: version.insights.name.clone(),
            endpoint: None,
            metric: name.clone(),
            value: known.value,
            unit: Unit::Plain,
            provider_unit: known.unit.clone(),
            description: known.description.clone(),
        }));
    }
    rows
}

/// Every load, endpoints apart.
pub(super) fn rows(known: &Known<'_>) -> Vec<LoadRow> {
    let mut rows = Vec::new();
    for version in &known.versions {
        rows.extend(version.insights.loads.iter().map(|load| {
            let measurement = &load.measurement;
            LoadRow {
                version: version.insights.name.clone(),
                protocol: match load.stream.protocol {
                    Protocol::Http => "http",
                    Protocol::Grpc => "grpc",
                },
                endpoint: load.stream.endpoint.clone(),
                target: load.target.clone(),
                requests: measurement.requests,
                errors: measurement.errors,
                unsent: measurement.unsent,
                bytes_received: measurement.bytes_received,
                messages_sent: measurement.messages_sent,
                messages_received: measurement.messages_received,
                statuses: measurement
                    .statuses
                    .iter()
                    .map(|(status, n)| (*status, *n))
                    .collect(),
                timings: measurement
                    .timings
                    .iter()
                    .filter(|(_, histogram)| histogram.count() > 0)
                    .map(|(timing, histogram)| TimingRow {
                        timing: timing.name(),
                        count: histogram.count(),
                        sum_seconds: histogram.sum_seconds(),
                        quantiles: PERCENTILES
                            .iter()
                            .zip(histogram.percentiles(PERCENTILES))
                            // Through whole thousandths: 99.9 / 100 is 0.9990000000000001.
                            .map(|(percent, milliseconds)| {
                                ((percent * 1e3).round() / 1e5, milliseconds / 1e3)
                            })
                            .collect(),
                    })
                    .collect(),
            }
        }));
    }
    rows
}
