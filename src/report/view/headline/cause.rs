//! Where to look: the phase in which the time goes, or the failures that were seen most.

use super::broken::worst_first;
use crate::metrics::code::Code;
use crate::metrics::{FailureClass, LoadMeasurement, Measure, MetricName, Protocol, Statistic, Timing, Unit};
use crate::report::number;
use crate::report::prose::{Prose, clipped};
use crate::report::view::known::{Known, status_name};
use std::fmt::Write as _;

/// Ratios between which a phase is "as in the baseline".
const ALIKE: std::ops::RangeInclusive<f64> = 0.8..=1.25;

/// A part of a request's time.
struct Phase {
    /// `waiting for the first byte`.
    doing: &'static str,
    /// As a subject: `connecting`.
    name: &'static str,
    milliseconds: f64,
    /// Enough requests had it that it can be where their time goes: a connection's set-up is part of its first only.
    of_requests: bool,
}

/// One request in so many must have a phase for it to explain a percentile.
const ONE_IN: u64 = 20;

/// The cause of the worst broken objective, as far as the data show one.
pub(super) fn of(known: &Known<'_>) -> Option<Prose> {
    let judgement = *worst_first(known).first()?;
    let MetricName::Load(stream, measure) = &judgement.objective.metric else {
        return None;
    };
    let measurement = known.version(&judgement.version)?.measurement(stream)?;
    match measure {
        // The time of what failed is no phase's: that of a time-out is the limit that was set.
        Measure::Time(..) if measurement.errors * 2 > measurement.requests => {
            failing(measurement, stream.protocol)
        }
        Measure::Time(_, statistic) => {
            let before = known
                .baseline()
                .filter(|baseline| baseline.insights.name != judgement.version)
                .and_then(|baseline| baseline.measurement(stream));
            slow(measurement, before, *statistic)
        }
        Measure::ErrorRate
        | Measure::ErrorCount
        | Measure::StatusClass(_)
        | Measure::StatusCode(_)
        | Measure::Timeouts => failing(measurement, stream.protocol),
        Measure::RequestCount
        | Measure::Throughput
        | Measure::Unsent
        | Measure::BytesReceived
        | Measure::MessagesSent
        | Measure::MessagesReceived
        | Measure::ColdStart => None,
    }
}

fn slow(now: &LoadMeasurement, before: Option<&LoadMeasurement>, statistic: Statistic) -> Option<Prose> {
    let phases = phases(now, statistic);
    let slowest = phases
        .iter()
        .filter(|phase| phase.of_requests)
        .max_by(|a, b| a.milliseconds.total_cmp(&b.milliseconds))
        .filter(|phase| phase.milliseconds > 0.0)?;
    let mut told = format!(
        "The time is spent {} ({} {})",
        slowest.doing,
        statistic,
        number::measured(slowest.milliseconds, Unit::Milliseconds)
    );
    if let Some(before) = before {
        let earlier = self::phases(before, statistic);
        let alike: Vec<Prose> = phases
            .iter()
            .filter(|phase| phase.name != slowest.name && phase.name != "waiting")
            .filter(|phase| {
                earlier.iter().any(|old| {
                    old.name == phase.name && ALIKE.contains(&(phase.milliseconds / old.milliseconds))
                })
            })
            .map(|phase| phase.name.into())
            .collect();
        if !alike.is_empty() {
            let verb = if alike.len() == 1 { "is" } else { "are" };
            let _ = write!(told, "; {} {verb} as in the baseline", Prose::list(alike).plain());
        }
    }
    Some(Prose::from(told + "."))
}

/// The parts of a request's time at one statistic. Waiting is what latency has and service time has not.
fn phases(load: &LoadMeasurement, statistic: Statistic) -> Vec<Phase> {
    let at = |timing| load.value(Measure::Time(timing, statistic));
    let mut phases: Vec<Phase> = [
        (Timing::Ttfb, "waiting for the first byte", "the first byte"),
        (Timing::Body, "receiving the body", "the body"),
        (Timing::Connect, "connecting", "connecting"),
        (Timing::Tls, "in the TLS handshake", "TLS"),
        (Timing::Dns, "resolving the name", "name resolution"),
    ]
    .into_iter()
    .filter_map(|(timing, doing, name)| {
        Some(Phase {
            doing,
            name,
            milliseconds: at(timing)?,
            of_requests: load
                .timings
                .get(&timing)
                .is_some_and(|times| times.count() * ONE_IN >= load.requests),
        })
    })
    .collect();
    if let (Some(latency), Some(service)) = (at(Timing::Latency), at(Timing::ServiceTime)) {
        // Released late is the generator's own fault.
        let own = load.send_delay.statistic(statistic).unwrap_or(0.0);
        phases.push(Phase {
            doing: if load.waited > 0 && own * 2.0 < latency - service {
                "waiting for a free connection"
            } else {
                "before it was sent, in iter8 itself"
            },
            name: "waiting",
            milliseconds: latency - service,
            of_requests: true,
        });
    }
    phases
}

fn failing(load: &LoadMeasurement, protocol: Protocol) -> Option<Prose> {
    let (class, failure) = load.failures.iter().max_by_key(|(_, failure)| failure.count)?;
    let (count, all) = (
        number::count(failure.count),
        number::counted(load.errors, "error"),
    );
    let told = format!("Most frequent, {count} of {all}: {}", class.describe());
    let statuses: Vec<String> = load
        .statuses
        .iter()
        .filter(|(status, _)| match protocol {
            Protocol::Http => **status >= 400,
            Protocol::Grpc => **status != Code::OK.0,
        })
        .map(|(status, n)| format!("{} ({})", status_name(*status, protocol), number::count(*n)))
        .collect();
    let told = Prose::from(told);
    Some(if *class == FailureClass::Status && !statuses.is_empty() {
        told.text(format!(", {}.", statuses.join(", ")))
    } else if failure.example.is_empty() {
        told.text(".")
    } else {
        told.text(", for example ")
            .code(clipped(&failure.example, 200))
            .text(".")
    })
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;

    /// Of 100 requests, ten came late by `own` and waited half a second all the same.
    fn late_by(own: u64) -> LoadMeasurement {
        let mut load = LoadMeasurement {
            requests: 100,
            waited: 10,
            ..LoadMeasurement::default()
        };
        for n in 0..100 {
            let (own, waited) = if n < 10 { (own, 500) } else { (0, 0) };
            load.send_delay.record(Duration::from_millis(own));
            for (timing, milliseconds) in [(Timing::Latency, waited + 2), (Timing::ServiceTime, 2)] {
                let times = load.timings.entry(timing).or_default();
                times.record(Duration::from_millis(milliseconds));
            }
        }
        load
    }

    #[test]
    fn a_delay_of_our_own_is_not_put_down_to_busy_connections() {
        let told = |own| slow(&late_by(own), None, Statistic::Percentile(95.0)).map(|told| told.plain());
        assert!(told(0).is_some_and(|told| told.contains("waiting for a free connection")));
        assert!(told(480).is_some_and(|told| told.contains("in iter8 itself")));
    }
}
