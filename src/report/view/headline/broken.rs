//! What is broken: the worst objectives that are not met, in the user's words.

use crate::metrics::{Measure, MetricName, Stream, Timing, Unit};
use crate::report::number;
use crate::report::prose::Prose;
use crate::report::view::known::{self, Known};
use crate::slo::{Bound, Judgement, Limit, Verdict};

/// The worst broken objective and the one after it.
pub(super) fn told(known: &Known<'_>) -> Prose {
    let all = worst_first(known);
    let Some(first) = all.first() else {
        return Prose::new();
    };
    let out = accusation(known, first);
    match all.get(1) {
        Some(second) => out.text(", and ").then(addition(known, second)),
        None => out,
    }
}

/// Broken objectives that fail the run, by how far they are from their limit; plain limits before ratios.
pub(super) fn worst_first<'a>(known: &Known<'a>) -> Vec<&'a Judgement> {
    let mut all: Vec<&Judgement> = known
        .result
        .assessment
        .judgements
        .iter()
        .filter(|judgement| judgement.verdict == Verdict::NotMet && !judgement.objective.warn)
        .collect();
    let rank = |judgement: &Judgement| {
        let (relative, limit) = match judgement.objective.limit {
            Limit::Value(limit) => (false, limit),
            Limit::TimesBaseline(limit) => (true, limit),
        };
        let value = judgement.value.unwrap_or(limit);
        let excess = match judgement.objective.bound {
            Bound::AtMost => value / limit,
            Bound::AtLeast => limit / value,
        };
        (relative, if excess.is_nan() { 0.0 } else { excess })
    };
    all.sort_by(|a, b| {
        let ((relative_a, a), (relative_b, b)) = (rank(a), rank(b));
        relative_a.cmp(&relative_b).then(b.total_cmp(&a))
    });
    all
}

fn limit_of(judgement: &Judgement) -> (f64, bool, Unit) {
    match judgement.objective.limit {
        Limit::Value(limit) => (limit, false, judgement.objective.unit()),
        Limit::TimesBaseline(limit) => (limit, true, Unit::Plain),
    }
}

/// `is 312 ms, the limit is 250 ms`.
fn excess(judgement: &Judgement) -> String {
    let (limit, relative, unit) = limit_of(judgement);
    let value = judgement.value.unwrap_or(f64::NAN);
    let least = match judgement.objective.bound {
        Bound::AtMost => "",
        Bound::AtLeast => "at least ",
    };
    if relative {
        return format!(
            "is {} the baseline, the limit is {least}{}×",
            number::ratio(value, Some(limit)),
            number::limit(limit, unit)
        );
    }
    format!(
        "is {}, the limit is {least}{}",
        number::against(value, limit, unit),
        number::limit(limit, unit)
    )
}

/// Who is meant: the endpoint, and the version where there are several under test.
fn subject(known: &Known<'_>, stream: &Stream, version: &str) -> Prose {
    match (&stream.endpoint, known.several_tested()) {
        (Some(endpoint), false) => Prose::new().code(endpoint.as_str()),
        (Some(endpoint), true) => Prose::new().code(endpoint.as_str()).text(" of ").code(version),
        (None, true) => Prose::new().text("version ").code(version),
        (None, false) => "the target".into(),
    }
}

fn accusation(known: &Known<'_>, judgement: &Judgement) -> Prose {
    let MetricName::Load(stream, measure) = &judgement.objective.metric else {
        return addition(known, judgement);
    };
    let relative = matches!(judgement.objective.limit, Limit::TimesBaseline(_));
    let complaint = match (measure, relative) {
        (Measure::Time(..) | Measure::ColdStart, _) if judgement.objective.bound == Bound::AtLeast => {
            "answers faster than the objective allows"
        }
        (Measure::Time(..) | Measure::ColdStart, false) => "answers slower than promised",
        (Measure::Time(..) | Measure::ColdStart, true) => "answers slower than the baseline",
        (
            Measure::ErrorRate
            | Measure::ErrorCount
            | Measure::Timeouts
            | Measure::StatusClass(_)
            | Measure::StatusCode(_),
            _,
        ) => "fails more often than promised",
        (Measure::Throughput, _) => "answers fewer requests than promised",
        (
            Measure::RequestCount
            | Measure::Unsent
            | Measure::BytesReceived
            | Measure::MessagesSent
            | Measure::MessagesReceived,
            _,
        ) => "is not as promised",
    };
    subject(known, stream, &judgement.version).text(format!(
        " {complaint}: {} {}",
        short_name(*measure),
        excess(judgement)
    ))
}

/// `p95` instead of `latency p95`, after a sentence that speaks of latency.
fn short_name(measure: Measure) -> String {
    if let Measure::Time(Timing::Latency, statistic) = measure {
        return statistic.to_string();
    }
    known::measure_name(measure)
}

fn addition(known: &Known<'_>, judgement: &Judgement) -> Prose {
    let name = known::metric_name(&judgement.objective.metric);
    let name = if known.several_tested() {
        name.text(" of ").code(judgement.version.as_str())
    } else {
        name
    };
    name.text(format!(" {}", excess(judgement)))
}
