//! [`Known`]: a result with what every part of the view asks it, computed once.

use std::borrow::Cow;
use std::collections::BTreeSet;

use crate::metrics::code::Code;
use crate::metrics::{LoadMeasurement, Measure, MetricName, Protocol, Stream, VersionInsights};
use crate::report::prose::Prose;
use crate::results::ExperimentResult;
use crate::slo::{Judgement, Limit, Verdict};

/// A version with the union of its endpoints.
pub(super) struct Version<'a> {
    /// What is known about it.
    pub(super) insights: &'a VersionInsights,
    /// The whole load of each protocol.
    pub(super) wholes: Vec<(Stream, Cow<'a, LoadMeasurement>)>,
}

impl Version<'_> {
    /// The measurement behind a stream.
    pub(super) fn measurement(&self, stream: &Stream) -> Option<&LoadMeasurement> {
        let whole = self.wholes.iter().find(|(known, _)| known == stream);
        whole.map(|(_, measurement)| measurement.as_ref()).or_else(|| {
            let load = self.insights.loads.iter().find(|load| load.stream == *stream)?;
            Some(&load.measurement)
        })
    }

    /// Where the requests of a protocol went: with several targets what they have in common, to a whole part of the path.
    pub(super) fn target(&self, protocol: Protocol) -> &str {
        let loads = self.insights.loads.iter();
        let mut targets = loads
            .filter(|load| load.stream.protocol == protocol)
            .map(|load| load.target.as_str());
        let first = targets.next().unwrap_or_default();
        let common = targets.fold(first, |common, other| {
            let same = common.char_indices().zip(other.chars());
            let end = same
                .take_while(|((_, a), b)| a == b)
                .last()
                .map_or(0, |((at, c), _)| at + c.len_utf8());
            if end == common.len() && end == other.len() {
                return common;
            }
            let whole = common[..end].rfind('/').map_or(0, |slash| slash + 1);
            // Different hosts have nothing in common but their scheme.
            if common[..whole].ends_with("//") {
                ""
            } else {
                &common[..whole]
            }
        });
        // Of methods, what they have in common is their service or their host, and no path.
        match protocol {
            Protocol::Http => common,
            Protocol::Grpc => common.trim_end_matches('/'),
        }
    }

    /// Requests of all loads.
    pub(super) fn requests(&self) -> u64 {
        self.wholes.iter().map(|(_, whole)| whole.requests).sum()
    }

    /// Requests of all loads that were due and never sent.
    pub(super) fn unsent(&self) -> u64 {
        self.wholes.iter().map(|(_, whole)| whole.unsent).sum()
    }
}

/// A result and its versions.
pub(super) struct Known<'a> {
    /// The result.
    pub(super) result: &'a ExperimentResult,
    /// All versions, tested ones before the baseline.
    pub(super) versions: Vec<Version<'a>>,
    /// What was judged of the measurements that are shown.
    pub(super) judgements: Vec<&'a Judgement>,
    /// What was judged before a later load took the place of what it was about.
    pub(super) replaced: Vec<&'a Judgement>,
}

impl<'a> Known<'a> {
    /// Gathers.
    pub(super) fn of(result: &'a ExperimentResult) -> Self {
        let mut versions: Vec<Version<'a>> = result
            .insights
            .versions
            .iter()
            .map(|insights| Version {
                insights,
                wholes: [Protocol::Http, Protocol::Grpc]
                    .into_iter()
                    .filter_map(|protocol| {
                        let stream = Stream {
                            protocol,
                            endpoint: None,
                        };
                        let whole = insights.measurement(&stream)?;
                        Some((stream, whole))
                    })
                    .collect(),
            })
            .collect();
        versions.sort_by_key(|version| version.insights.baseline);
        let mut known = Self {
            result,
            versions,
            judgements: Vec::new(),
            replaced: Vec::new(),
        };
        let all = result.assessment.judgements.iter();
        (known.replaced, known.judgements) = all.partition(|judgement| known.is_replaced(judgement));
        known
    }

    /// The version that outputs and pictures are about.
    pub(super) fn tested(&self) -> Option<&Version<'a>> {
        self.versions.first()
    }

    /// The declared baseline, if there is another version beside it.
    pub(super) fn baseline(&self) -> Option<&Version<'a>> {
        self.versions
            .iter()
            .skip(1)
            .find(|version| version.insights.baseline)
    }

    /// A version by its name.
    pub(super) fn version(&self, name: &str) -> Option<&Version<'a>> {
        self.versions.iter().find(|version| version.insights.name == name)
    }

    /// Whether readers must be told which version is meant.
    pub(super) fn several(&self) -> bool {
        self.versions.len() > 1
    }

    /// What is sent, in the singular.
    pub(super) fn request(&self) -> &'static str {
        let mut streams = self
            .versions
            .iter()
            .flat_map(|version| &version.wholes)
            .peekable();
        if streams.peek().is_some() && streams.all(|(stream, _)| stream.protocol == Protocol::Grpc) {
            "call"
        } else {
            "request"
        }
    }

    /// What the loads speak.
    pub(super) fn protocols(&self) -> BTreeSet<Protocol> {
        let wholes = self.versions.iter().flat_map(|version| &version.wholes);
        wholes.map(|(stream, _)| stream.protocol).collect()
    }

    /// Whether more than one version is judged.
    pub(super) fn several_tested(&self) -> bool {
        let tested = self.versions.iter().filter(|version| !version.insights.baseline);
        tested.count() > 1
    }

    /// Whether what was judged is not what is shown: a later load took its place.
    fn is_replaced(&self, judgement: &Judgement) -> bool {
        let MetricName::Load(stream, _) = &judgement.objective.metric else {
            return false;
        };
        let mut tasks = self.result.tasks.iter();
        let judged = tasks.find(|task| task.index == judgement.task);
        let judged = judged.and_then(|task| task.started);
        let mut loads = self
            .version(&judgement.version)
            .into_iter()
            .flat_map(|version| &version.insights.loads)
            .filter(|load| load.stream.protocol == stream.protocol);
        loads.any(|load| {
            judged
                .zip(load.measurement.began)
                .is_some_and(|(judged, began)| judged < began)
        })
    }

    /// Whether this number of this version broke an objective.
    pub(super) fn broke(&self, version: &str, stream: &Stream, measures: &[Measure]) -> bool {
        self.judgements.iter().any(|judgement| {
            judgement.verdict == Verdict::NotMet
                && judgement.version == version
                && matches!(judgement.objective.limit, Limit::Value(_))
                && matches!(&judgement.objective.metric, MetricName::Load(of, measure)
                    if of == stream && measures.contains(measure))
        })
    }
}

/// A stream in a reader's words: the endpoint's name, `all requests`, or `all calls` for gRPC.
pub(super) fn stream_name(stream: &Stream) -> Prose {
    match (&stream.endpoint, stream.protocol) {
        (Some(endpoint), _) => Prose::new().code(endpoint.as_str()),
        (None, Protocol::Http) => "all requests".into(),
        (None, Protocol::Grpc) => "all gRPC calls".into(),
    }
}

/// A measure in a reader's words: `latency p95`, `error rate`.
pub(super) fn measure_name(measure: Measure) -> String {
    match measure {
        Measure::RequestCount => "requests".to_owned(),
        Measure::ErrorCount => "errors".to_owned(),
        Measure::ErrorRate => "error rate".to_owned(),
        Measure::Throughput => "throughput".to_owned(),
        Measure::Timeouts => "time-outs".to_owned(),
        Measure::Unsent => "requests never sent".to_owned(),
        Measure::BytesReceived => "bytes received".to_owned(),
        Measure::StatusClass(class) => format!("answers with status {class}xx"),
        Measure::StatusCode(code) => format!("calls that ended with {code}"),
        Measure::MessagesSent => "messages sent".to_owned(),
        Measure::MessagesReceived => "messages received".to_owned(),
        Measure::ColdStart => "latency of the first request".to_owned(),
        Measure::Time(timing, statistic) => format!("{} {statistic}", timing_name(timing)),
    }
}

/// A status as it is known to those who use the protocol: `503`, `UNAVAILABLE (14)`.
pub(super) fn status_name(status: u16, protocol: Protocol) -> String {
    match (protocol, Code(status)) {
        (Protocol::Http, _) => status.to_string(),
        (Protocol::Grpc, Code::OK) => Code::OK.to_string(),
        (Protocol::Grpc, code) => format!("{code} ({status})"),
    }
}

/// A timing in a reader's words.
pub(super) fn timing_name(timing: crate::metrics::Timing) -> &'static str {
    use crate::metrics::Timing;
    match timing {
        Timing::Latency => "latency",
        Timing::ServiceTime => "service time",
        Timing::Ttfb => "first byte",
        Timing::Body => "body",
        Timing::Dns => "name resolution",
        Timing::Connect => "connect",
        Timing::Tls => "TLS handshake",
        Timing::FirstMessage => "first message",
        Timing::BetweenMessages => "between messages",
    }
}

/// A metric in a reader's words.
pub(super) fn metric_name(metric: &MetricName) -> Prose {
    match metric {
        MetricName::Load(stream, measure) => {
            let name = Prose::new();
            let name = match (&stream.endpoint, stream.protocol) {
                (Some(endpoint), _) => name.code(endpoint.as_str()).text(" "),
                (None, Protocol::Grpc) => name.text("gRPC "),
                (None, Protocol::Http) => name,
            };
            name.text(measure_name(*measure))
        }
        MetricName::Custom { .. } => Prose::new().code(metric.to_string()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::report::fixture;

    #[test]
    fn several_targets_are_shown_by_what_they_have_in_common() {
        let of = |protocol: Protocol, targets: &[&str]| {
            let mut result = fixture::broken();
            let loads = &mut result.insights.versions[0].loads;
            let template = loads[0].clone();
            *loads = targets
                .iter()
                .map(|target| crate::metrics::Load {
                    target: (*target).to_owned(),
                    stream: Stream {
                        protocol,
                        endpoint: None,
                    },
                    ..template.clone()
                })
                .collect();
            let known = Known::of(&result);
            known.versions[0].target(protocol).to_owned()
        };
        let common = |targets: &[&str]| of(Protocol::Http, targets);
        assert_eq!(
            common(&["http://a.example/x", "http://a.example/x"]),
            "http://a.example/x"
        );
        assert_eq!(
            common(&["http://a.example/shop/x", "http://a.example/shop/y"]),
            "http://a.example/shop/"
        );
        assert_eq!(
            common(&["http://a.example/x", "http://a.example/xy"]),
            "http://a.example/"
        );
        assert_eq!(common(&["http://a.example/x", "http://b.example/x"]), "");
        assert_eq!(
            common(&["http://ä.example/x", "http://ö.example/x", "http://ä.example/x"]),
            ""
        );
        assert_eq!(common(&[""]), "");
        let methods = |targets: &[&str]| of(Protocol::Grpc, targets);
        assert_eq!(methods(&["a:1/s.A/X", "a:1/s.A/Y"]), "a:1/s.A");
        assert_eq!(methods(&["a:1/s.A/X", "a:1/s.B/X"]), "a:1");
        assert_eq!(methods(&["a:1/s.A/X", "b:1/s.A/X"]), "");
    }
}
