//! When a value proves nothing although there is one: most of the requests behind it failed, and nothing that was
//! promised says so.
//!
//! Times, throughput and contents are those of answers. Where more than half of the requests failed they say nothing of
//! the target: a refusal is quick, and an error page is small. The same holds for what a baseline is worth in a comparison.

use super::assessment::{Judgement, Verdict};
use super::objective::{Bound, Limit, Objective};
use crate::metrics::{LoadMeasurement, Measure, MetricName, Stream, VersionInsights};

/// How many of these requests failed, in words, when it was more than half of them.
pub(super) fn mostly_failed(load: &LoadMeasurement) -> Option<String> {
    let LoadMeasurement { requests, errors, .. } = load;
    // Widened: a result that was read may hold any count.
    if u128::from(*errors) * 2 <= u128::from(*requests) {
        return None;
    }
    Some(match requests {
        1 => "its only request failed".to_owned(),
        all if errors >= all => format!("each of {all} requests failed"),
        all => format!("{errors} of {all} requests failed"),
    })
}

/// Whether a measure is one of answers, which failures make worthless.
pub(super) fn is_of_answers(measure: Measure) -> bool {
    match measure {
        Measure::Time(..)
        | Measure::ColdStart
        | Measure::Throughput
        | Measure::BytesReceived
        | Measure::MessagesReceived => true,
        Measure::RequestCount
        | Measure::ErrorCount
        | Measure::ErrorRate
        | Measure::Timeouts
        | Measure::Unsent
        | Measure::StatusClass(_)
        | Measure::StatusCode(_)
        | Measure::MessagesSent => false,
    }
}

/// Why a promise that looks kept is not: most of the requests behind it failed, no objective limits the errors of just
/// these requests, and none that was broken tells of them. `all` are the judgements of the same version.
pub(super) fn vain(judgement: &Judgement, version: &VersionInsights, all: &[Judgement]) -> Option<String> {
    let MetricName::Load(stream, measure) = &judgement.objective.metric else {
        return None;
    };
    if !is_of_answers(*measure) || !matches!(judgement.verdict, Verdict::Met | Verdict::Undecided) {
        return None;
    }
    let failed = mostly_failed(&*version.measurement(stream)?)?;
    let told = |one: &Judgement| {
        limits_errors(&one.objective, stream)
            || one.verdict == Verdict::NotMet
                && !one.objective.warn
                && errors_of(&one.objective).is_some_and(|of| overlaps(of, stream))
    };
    let of = match &stream.endpoint {
        Some(endpoint) => format!(" of `{endpoint}`"),
        None => String::new(),
    };
    (!all.iter().any(told)).then(|| format!("{failed}, and no objective limits errors{of}"))
}

/// Whether an objective limits all errors of just the requests of a load: a limit on a whole may hold though every request
/// of one endpoint fails, errors of one kind (time-outs, one status) may be none where every request fails otherwise, and
/// a limit of 100 % holds whatever happens.
pub fn limits_errors(objective: &Objective, stream: &Stream) -> bool {
    let MetricName::Load(of, measure) = &objective.metric else {
        return false;
    };
    let limits = match objective.bound {
        Bound::AtMost if matches!(measure, Measure::ErrorRate) => {
            !matches!(objective.limit, Limit::Value(limit) if limit >= 1.0)
        }
        Bound::AtMost => matches!(measure, Measure::ErrorCount),
        Bound::AtLeast => matches!(measure, Measure::StatusClass(_) | Measure::StatusCode(_)),
    };
    limits && of == stream
}

/// The requests whose errors, or some of them, an objective is about.
fn errors_of(objective: &Objective) -> Option<&Stream> {
    match &objective.metric {
        MetricName::Load(
            of,
            Measure::ErrorRate
            | Measure::ErrorCount
            | Measure::Timeouts
            | Measure::StatusClass(_)
            | Measure::StatusCode(_),
        ) => Some(of),
        MetricName::Load(..) | MetricName::Custom { .. } => None,
    }
}

/// Whether two sets of requests have some in common: a whole is the union of its endpoints.
fn overlaps(one: &Stream, other: &Stream) -> bool {
    one.protocol == other.protocol
        && (one.endpoint.is_none() || other.endpoint.is_none() || one.endpoint == other.endpoint)
}
