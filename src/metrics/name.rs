//! [`MetricName`]: `http/latency-p95`, `http-checkout/error-rate`, `grpc/latency/p99`, `istio/request-count`.
//!
//! `/` and `-` between a timing and its statistic are equal, and percentiles are compared as numbers, so that
//! `http/latency/p95.0` is `http/latency-p95`.

use std::collections::BTreeMap;
use std::fmt;
use std::str::FromStr;

use super::code::Code;
use super::{Timing, Unit};
use crate::diagnostic::did_you_mean;

/// What generated the load.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Protocol {
    /// HTTP/1.1 and HTTP/2.
    Http,
    /// gRPC.
    Grpc,
}

impl fmt::Display for Protocol {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Http => "http",
            Self::Grpc => "grpc",
        })
    }
}

/// Whose measurements: those of one endpoint, or of all endpoints of a protocol together.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Stream {
    /// What generated the load.
    pub protocol: Protocol,
    /// An endpoint's name; `None` is the whole load.
    pub endpoint: Option<String>,
}

impl fmt::Display for Stream {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.endpoint {
            Some(endpoint) => write!(f, "{}-{endpoint}", self.protocol),
            None => write!(f, "{}", self.protocol),
        }
    }
}

/// How a distribution of times becomes one number.
#[derive(Debug, Clone, Copy, PartialEq, PartialOrd)]
pub enum Statistic {
    /// Arithmetic mean.
    Mean,
    /// Standard deviation of the population.
    Stddev,
    /// Smallest value.
    Min,
    /// Largest value.
    Max,
    /// Percentile, above 0 and at most 100.
    Percentile(f64),
}

impl fmt::Display for Statistic {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Mean => f.write_str("mean"),
            Self::Stddev => f.write_str("stddev"),
            Self::Min => f.write_str("min"),
            Self::Max => f.write_str("max"),
            Self::Percentile(p) => write!(f, "p{p}"),
        }
    }
}

impl Statistic {
    fn parse(text: &str) -> Option<Self> {
        match text {
            "mean" => Some(Self::Mean),
            "stddev" => Some(Self::Stddev),
            "min" => Some(Self::Min),
            "max" => Some(Self::Max),
            _ => {
                let digits = text.strip_prefix('p')?;
                let plain = !digits.is_empty() && digits.chars().all(|c| c.is_ascii_digit() || c == '.');
                let percent: f64 = digits.parse().ok().filter(|_| plain)?;
                (percent > 0.0 && percent <= 100.0).then_some(Self::Percentile(percent))
            }
        }
    }
}

/// What is known about a load.
#[derive(Debug, Clone, Copy, PartialEq, PartialOrd)]
pub enum Measure {
    /// Requests sent.
    RequestCount,
    /// Requests that failed or whose status counts as an error.
    ErrorCount,
    /// Errors ÷ requests, 0 to 1.
    ErrorRate,
    /// Answered requests in a second.
    Throughput,
    /// Requests that ran into their time-out.
    Timeouts,
    /// Requests that were due and never sent.
    Unsent,
    /// Bytes of bodies received.
    BytesReceived,
    /// Answers with a status of this class, 1 to 5.
    StatusClass(u8),
    /// Calls that ended with this status code of gRPC.
    StatusCode(Code),
    /// Messages sent in calls of gRPC.
    MessagesSent,
    /// Messages received in calls of gRPC.
    MessagesReceived,
    /// Latency of the first request.
    ColdStart,
    /// A statistic of a timing.
    Time(Timing, Statistic),
}

const PLAIN: &[(&str, Measure)] = &[
    ("request-count", Measure::RequestCount),
    ("error-count", Measure::ErrorCount),
    ("error-rate", Measure::ErrorRate),
    ("throughput", Measure::Throughput),
    ("timeouts", Measure::Timeouts),
    ("unsent", Measure::Unsent),
    ("bytes-received", Measure::BytesReceived),
    ("status-1xx", Measure::StatusClass(1)),
    ("status-2xx", Measure::StatusClass(2)),
    ("status-3xx", Measure::StatusClass(3)),
    ("status-4xx", Measure::StatusClass(4)),
    ("status-5xx", Measure::StatusClass(5)),
    ("messages-sent", Measure::MessagesSent),
    ("messages-received", Measure::MessagesReceived),
    ("cold-start", Measure::ColdStart),
];

/// What the names of [`Measure::StatusCode`] begin with.
const STATUS: &str = "status-";

/// `resource-exhausted`.
fn code_in_names(code: Code) -> String {
    code.to_string().to_ascii_lowercase().replace('_', "-")
}

impl Measure {
    /// Unit of the value.
    pub fn unit(self) -> Unit {
        match self {
            Self::ErrorRate => Unit::Fraction,
            Self::Throughput => Unit::PerSecond,
            Self::BytesReceived => Unit::Bytes,
            Self::ColdStart | Self::Time(..) => Unit::Milliseconds,
            Self::RequestCount
            | Self::ErrorCount
            | Self::Timeouts
            | Self::Unsent
            | Self::StatusClass(_)
            | Self::StatusCode(_)
            | Self::MessagesSent
            | Self::MessagesReceived => Unit::Count,
        }
    }

    /// Whether loads of a protocol have it.
    pub fn is_of(self, protocol: Protocol) -> bool {
        match self {
            Self::StatusClass(_) => protocol == Protocol::Http,
            Self::StatusCode(_) | Self::MessagesSent | Self::MessagesReceived => protocol == Protocol::Grpc,
            Self::Time(timing, _) => protocol == Protocol::Grpc || !timing.is_of_messages(),
            Self::RequestCount
            | Self::ErrorCount
            | Self::ErrorRate
            | Self::Throughput
            | Self::Timeouts
            | Self::Unsent
            | Self::BytesReceived
            | Self::ColdStart => true,
        }
    }

    fn parse(text: &str) -> Option<Self> {
        if let Some(name) = text.strip_prefix(STATUS)
            && let Some(code) = Code::all().find(|code| code_in_names(*code) == name)
        {
            return Some(Self::StatusCode(code));
        }
        if let Some((_, measure)) = PLAIN.iter().find(|(name, _)| *name == text) {
            return Some(*measure);
        }
        Timing::ALL.iter().find_map(|timing| {
            let rest = text.strip_prefix(timing.name())?.strip_prefix(['-', '/'])?;
            Some(Self::Time(*timing, Statistic::parse(rest)?))
        })
    }

    /// What stands between a timing and its statistic.
    fn separator(protocol: Protocol, timing: Timing) -> char {
        if protocol == Protocol::Grpc && (timing == Timing::Latency || timing.is_of_messages()) {
            '/'
        } else {
            '-'
        }
    }

    fn write(self, protocol: Protocol, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if let Self::Time(timing, statistic) = self {
            let separator = Self::separator(protocol, timing);
            return write!(f, "{}{separator}{statistic}", timing.name());
        }
        if let Self::StatusCode(code) = self {
            return write!(f, "{STATUS}{}", code_in_names(code));
        }
        match PLAIN.iter().find(|(_, measure)| *measure == self) {
            Some((name, _)) => f.write_str(name),
            None => Err(fmt::Error),
        }
    }
}

/// A metric of a version.
#[derive(Debug, Clone, PartialEq, PartialOrd)]
pub enum MetricName {
    /// Measured by a load task.
    Load(Stream, Measure),
    /// Read from a provider.
    Custom {
        /// Key under `templates` in the task.
        provider: String,
        /// Name inside the provider's answer.
        name: String,
    },
}

impl MetricName {
    /// A name that a result holds: what this version cannot compute is taken as it is, for other versions knew it.
    pub fn stored(text: &str) -> Self {
        text.parse().unwrap_or_else(|_| Self::foreign(text))
    }

    /// A name that nothing is known of but its letters.
    pub fn foreign(text: &str) -> Self {
        let (provider, name) = text.split_once('/').unwrap_or(("", text));
        Self::Custom {
            provider: provider.to_owned(),
            name: name.to_owned(),
        }
    }

    /// Its other name: `http/latency/p95` is `http/latency-p95`, too.
    pub fn other(&self) -> Option<String> {
        let Self::Load(stream, Measure::Time(timing, statistic)) = self else {
            return None;
        };
        let (name, separator) = (timing.name(), Measure::separator(stream.protocol, *timing));
        let other = if separator == '/' { '-' } else { '/' };
        Some(format!("{stream}/{name}{other}{statistic}"))
    }

    /// Its name as people write it, a time always with `-`: `grpc/latency-p95`.
    pub fn usual(&self) -> String {
        match self {
            Self::Load(stream, Measure::Time(timing, statistic)) => {
                format!("{stream}/{}-{statistic}", timing.name())
            }
            Self::Load(..) | Self::Custom { .. } => self.to_string(),
        }
    }

    /// Values by name under all names, for whoever looks one up.
    pub fn under_all_names(values: BTreeMap<String, f64>) -> BTreeMap<String, f64> {
        let others = values.iter().filter_map(|(name, value)| {
            let other = name.parse::<Self>().ok()?.other()?;
            Some((other, *value))
        });
        let mut all: BTreeMap<String, f64> = others.collect();
        all.extend(values);
        all
    }

    /// Unit of the value.
    pub fn unit(&self) -> Unit {
        match self {
            Self::Load(_, measure) => measure.unit(),
            Self::Custom { .. } => Unit::Plain,
        }
    }
}

impl fmt::Display for MetricName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Load(stream, measure) => {
                write!(f, "{stream}/")?;
                measure.write(stream.protocol, f)
            }
            Self::Custom { provider, name } if provider.is_empty() => f.write_str(name),
            Self::Custom { provider, name } => write!(f, "{provider}/{name}"),
        }
    }
}

/// Why a text is no metric.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum MetricNameError {
    /// There is no `/` with something on both sides.
    #[error("`{0}` is not a metric: expected PROTOCOL/NAME, for example http/latency-p95")]
    Shape(String),
    /// A load has no such metric.
    #[error("`{name}` is not a metric of a load")]
    Unknown {
        /// The whole name.
        name: String,
        /// A metric that is probably meant.
        suggestion: Option<String>,
    },
}

impl MetricNameError {
    /// What to try.
    pub fn hint(&self) -> Option<String> {
        match self {
            Self::Shape(_) => None,
            Self::Unknown { suggestion, .. } => Some(match suggestion {
                Some(suggestion) => format!("did you mean `{suggestion}`?"),
                None => "known are request-count, error-count, error-rate, throughput, timeouts, unsent, bytes-received, \
                         status-2xx … status-5xx, cold-start, and latency-, service-time-, ttfb-, dns-, connect-, tls- \
                         with mean, stddev, min, max or a percentile such as p95"
                    .to_owned(),
            }),
        }
    }
}

impl FromStr for MetricName {
    type Err = MetricNameError;

    fn from_str(text: &str) -> Result<Self, MetricNameError> {
        let text = text.trim();
        let (prefix, rest) = text
            .split_once('/')
            .filter(|(prefix, rest)| !prefix.is_empty() && !rest.is_empty())
            .ok_or_else(|| MetricNameError::Shape(text.to_owned()))?;
        let (protocol, endpoint) = match prefix.split_once('-') {
            Some((protocol, endpoint)) if !endpoint.is_empty() => (protocol, Some(endpoint.to_owned())),
            _ => (prefix, None),
        };
        let protocol = match protocol {
            "http" => Protocol::Http,
            "grpc" => Protocol::Grpc,
            _ => {
                return Ok(Self::Custom {
                    provider: prefix.to_owned(),
                    name: rest.to_owned(),
                });
            }
        };
        match Measure::parse(rest).filter(|measure| measure.is_of(protocol)) {
            Some(measure) => Ok(Self::Load(Stream { protocol, endpoint }, measure)),
            None => Err(MetricNameError::Unknown {
                name: text.to_owned(),
                suggestion: suggest(prefix, protocol, rest),
            }),
        }
    }
}

fn suggest(prefix: &str, protocol: Protocol, rest: &str) -> Option<String> {
    let plain = PLAIN.iter().filter(|(_, measure)| measure.is_of(protocol));
    let mut known: Vec<String> = plain.map(|(name, _)| (*name).to_owned()).collect();
    if protocol == Protocol::Grpc {
        known.extend(Code::all().map(|code| format!("{STATUS}{}", code_in_names(code))));
    }
    for timing in Timing::ALL {
        for statistic in [
            "mean", "stddev", "min", "max", "p50", "p75", "p90", "p95", "p99", "p99.9",
        ] {
            known.push(format!("{}-{statistic}", timing.name()));
        }
    }
    // The spellings of 2021: mean-latency, p95.
    if let Some(turned) = rest
        .strip_suffix("-latency")
        .map(|statistic| format!("latency-{statistic}"))
        && known.contains(&turned)
    {
        return Some(format!("{prefix}/{turned}"));
    }
    if Statistic::parse(rest).is_some() {
        return Some(format!("{prefix}/latency-{rest}"));
    }
    if Timing::ALL.iter().any(|timing| timing.name() == rest) {
        return Some(format!("{prefix}/{rest}-p95"));
    }
    did_you_mean(rest, known.iter().map(String::as_str)).map(|name| format!("{prefix}/{name}"))
}

crate::serde_as_text!(
    MetricName,
    "A metric's name, for example http/latency-p95.",
    MetricName::stored
);
crate::serde_as_text!(Stream, "`http`, `grpc`, or with an endpoint `http-NAME`.");

impl FromStr for Stream {
    type Err = MetricNameError;

    fn from_str(text: &str) -> Result<Self, MetricNameError> {
        match format!("{text}/request-count").parse() {
            Ok(MetricName::Load(stream, _)) => Ok(stream),
            Ok(MetricName::Custom { .. }) | Err(_) => Err(MetricNameError::Shape(text.to_owned())),
        }
    }
}

#[cfg(test)]
#[path = "name_tests.rs"]
mod tests;
