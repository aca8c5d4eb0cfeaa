//! When the load generator, not the target, made the numbers: [`distrust`] refuses a paced load for it, [`notes`] says
//! what remains to be said.
//!
//! # Why
//! iter8 shares its machine with other work and may have a CPU quota. Where it sends late, or receives late, the delay
//! looks like the target's, and a verdict on it would be one on the wrong thing. A measurement is refused when two facts
//! come together: the generator was held up again and again, or for long; and at a percentile that objectives are about,
//! its part can be most of the latency. A slow target has long latencies in which the generator is idle.
//!
//! | Rule | Evidence |
//! | --- | --- |
//! | [`short_of`] | the system refused a connection for want of ports, files or memory |
//! | [`sent_late`] | of a percentile of the latency, half or more is the delay of the release, which is in every latency |
//! | [`held_up`] | of a percentile of the latency, the generator was idle in hardly any: nobody can tell where an answer was |
//!
//! As fast as possible, the generator is busy by intention: there all of this is a note.

use super::Words;
use crate::load::Pace;
use crate::metrics::{
    FailureClass, GeneratorHealth, LoadMeasurement, Measure, Statistic, Stream, Timing, Usage,
};

/// Delays up to this, in milliseconds, are the ordinary jitter of a machine that has other work, too, when they are
/// rare: measured with two busy loops per processor.
const JITTER: f64 = 50.0;
/// Delays up to this, in milliseconds, are ordinary even when they come often: beside any other work, a thread waits for
/// a scheduler's turn (about 4 ms) before it sends, and again before it receives.
const FLOOR: f64 = 10.0;
/// Fewer late requests, or fewer separate stalls, than this tell nothing.
const FEW: u64 = 5;
/// In a load of less than this, in seconds, one hiccup of the scheduler looks like a bottleneck: it is noted only.
const SHORTEST: f64 = 1.0;
/// Percentiles at which delay and latency are compared.
const PERCENTILES: [f64; 2] = [95.0, 99.0];
/// Up to this idle part of a latency, the generator vouches for nothing. A generator that is busy for 80 % of the time is
/// at its limit by the rule of thumb of load testing; with hogs on its processor, true latencies of 4 to 10 ms were
/// reported as 40 to 400 ms, with idle parts of 0.03 to 0.2.
const HARDLY_IDLE: f64 = 0.2;
/// The same where a latency is mostly the wait for a connection. Connections that we hold up serve fewer requests, which
/// makes a small delay of ours a long queue: without us, they would serve twice as many or more.
const HALF_IDLE: f64 = 0.5;
/// Shares of the time from which on a cause is named.
const THROTTLED: f64 = 0.05;
const STARVED: f64 = 0.1;
const BUSY: f64 = 0.8;

/// The load that was measured.
#[derive(Debug, Clone, Copy)]
pub(super) struct Sent<'a> {
    /// Whose it is.
    pub(super) stream: &'a Stream,
    /// How fast it was to be.
    pub(super) pace: &'a Pace,
    /// How its fields are called.
    pub(super) words: &'a Words,
}

/// Why a paced load cannot be trusted: its numbers are iter8's own.
pub(super) fn distrust(sent: Sent<'_>, measurement: &LoadMeasurement) -> Option<String> {
    match sent.pace {
        Pace::Free => None,
        Pace::PerSecond(_) | Pace::Stages(_) => reason(sent, measurement),
    }
}

/// What there is to say about a load whose numbers are trusted, or were not to be distrusted. `busy` says why requests
/// waited, if they did.
pub(super) fn notes(sent: Sent<'_>, measurement: &LoadMeasurement, busy: &str) -> Vec<String> {
    let own = match sent.pace {
        Pace::Free => reason(sent, measurement).or_else(|| at_its_limit(sent.words, measurement)),
        Pace::PerSecond(_) | Pace::Stages(_) => late(sent.words, measurement),
    };
    waited(sent.words, measurement, busy)
        .into_iter()
        .chain(own)
        .collect()
}

fn reason(sent: Sent<'_>, measurement: &LoadMeasurement) -> Option<String> {
    let of_time = || {
        (measurement.elapsed >= SHORTEST)
            .then(|| sent_late(sent, measurement).or_else(|| held_up(sent, measurement)))
            .flatten()
    };
    short_of(sent, measurement).or_else(of_time)
}

/// A single such failure is enough: it would count as the target's.
fn short_of(sent: Sent<'_>, measurement: &LoadMeasurement) -> Option<String> {
    let failure = measurement.failures.get(&FailureClass::Local)?;
    let Sent { stream, words, .. } = sent;
    let health = measurement.health.as_ref();
    let limit = |what: &str, usage: Option<Usage>| usage.map(|usage| format!("{what} {}", usage.limit));
    let limits: Vec<String> = [
        limit("open files", health.and_then(|health| health.files)),
        limit("ports", health.and_then(|health| health.ports)),
    ]
    .into_iter()
    .flatten()
    .collect();
    let limits = if limits.is_empty() {
        String::new()
    } else {
        format!(" ({})", limits.join(", "))
    };
    Some(format!(
        "{} of {} {}s to `{stream}` failed on the machine that sent them, not at the target: {}; use fewer \
         `connections`, lower `{}`, or raise its limits{limits}",
        failure.count, measurement.requests, words.request, failure.example, words.rate
    ))
}

/// The release of requests was late. Every latency contains that delay whole.
fn sent_late(sent: Sent<'_>, measurement: &LoadMeasurement) -> Option<String> {
    let often = stalls(measurement) >= FEW;
    let jitter = if often { FLOOR } else { JITTER };
    let late = measurement.send_delay.count_above(jitter);
    if late < FEW {
        return None;
    }
    PERCENTILES.iter().find_map(|percent| {
        let statistic = Statistic::Percentile(*percent);
        let delay = measurement.send_delay.statistic(statistic)?;
        let latency = measurement.value(Measure::Time(Timing::Latency, statistic))?;
        (delay > jitter && delay * 2.0 >= latency).then(|| {
            format!(
                "iter8 itself sent {late} of {} {}s to `{}` late (p{percent} of the delay {delay:.0} ms, \
                 of the latency {latency:.0} ms){}",
                measurement.send_delay.count(),
                sent.words.request,
                sent.stream,
                bottleneck(sent.words, measurement)
            )
        })
    })
}

/// While slow requests were under way, iter8 ran or waited for a processor nearly all the time: their answers may have
/// been there long before, and the connections they held kept others waiting.
fn held_up(sent: Sent<'_>, measurement: &LoadMeasurement) -> Option<String> {
    let health = measurement.health.as_ref()?;
    let latencies = measurement.timings.get(&Timing::Latency)?;
    let often = health.stalls >= FEW || busy(health) >= BUSY;
    if !often || latencies.count_above(FLOOR) < FEW {
        return None;
    }
    PERCENTILES.iter().find_map(|percent| {
        let statistic = Statistic::Percentile(*percent);
        let latency = latencies.statistic(statistic)?;
        let idle = health.target_time.statistic(statistic)?;
        let service = measurement.value(Measure::Time(Timing::ServiceTime, statistic));
        let queued = service.is_some_and(|service| service * 2.0 < latency);
        let enough = if queued { HALF_IDLE } else { HARDLY_IDLE };
        (latency > FLOOR && idle <= latency * enough).then(|| {
            format!(
                "of the latency p{percent} of {latency:.0} ms to `{}`, only {idle:.0} ms were surely the target's: \
                 for the rest iter8 was not ready to receive{}",
                sent.stream,
                bottleneck(sent.words, measurement)
            )
        })
    })
}

/// What held the generator up, and what to do: the end of a sentence.
fn bottleneck(words: &Words, measurement: &LoadMeasurement) -> String {
    let cause = measurement.health.as_ref().and_then(cause);
    let cause = cause.map_or(String::new(), |cause| format!(" ({cause})"));
    format!(
        ": the generator was the bottleneck{cause}; lower `{}`, or give it more CPU",
        words.rate
    )
}

fn cause(health: &GeneratorHealth) -> Option<String> {
    let wall = health.wall_seconds;
    if wall <= 0.0 {
        return None;
    }
    let percent = |share: f64| format!("{:.0} %", share.min(1.0) * 100.0);
    let throttled = health
        .throttled
        .filter(|throttled| throttled.seconds >= wall * THROTTLED);
    if let Some(throttled) = throttled {
        return Some(format!(
            "a CPU quota stopped it in {} of {} periods",
            throttled.throttled_periods, throttled.periods
        ));
    }
    let queued = health.run_queue_seconds.unwrap_or(0.0) / (wall * f64::from(health.threads.max(1)));
    if queued >= STARVED {
        return Some(format!(
            "other work had its processor while it waited, {} of the time",
            percent(queued)
        ));
    }
    (busy(health) >= BUSY).then(|| format!("it was busy {} of the time", percent(busy(health))))
}

/// Not idle, as a share of the time.
fn busy(health: &GeneratorHealth) -> f64 {
    health.busiest.unwrap_or(0.0)
}

fn stalls(measurement: &LoadMeasurement) -> u64 {
    measurement.health.as_ref().map_or(0, |health| health.stalls)
}

/// As fast as possible, but iter8 could go no faster.
fn at_its_limit(words: &Words, measurement: &LoadMeasurement) -> Option<String> {
    let busy = busy(measurement.health.as_ref()?);
    (busy >= BUSY && measurement.elapsed >= SHORTEST).then(|| {
        format!(
            "iter8 itself was busy {:.0} % of the time: the target might take more {}s per second than these",
            busy * 100.0,
            words.request
        )
    })
}

/// Late requests of a load that is trusted.
fn late(words: &Words, measurement: &LoadMeasurement) -> Option<String> {
    let (late, all) = (
        measurement.send_delay.count_above(JITTER),
        measurement.send_delay.count(),
    );
    (late >= FEW && late * 100 > all).then(|| {
        format!(
            "iter8 itself sent {late} of {all} {}s more than {JITTER} ms late; that delay is part of the latency",
            words.request
        )
    })
}

/// How many requests waited, of all that were due, sent or not.
fn waited(words: &Words, measurement: &LoadMeasurement, busy: &str) -> Option<String> {
    let (waited, due) = (measurement.waited, measurement.requests + measurement.unsent);
    (waited > 0).then(|| {
        format!(
            "{waited} of {due} {}s waited because {busy}; their wait is part of the latency",
            words.request
        )
    })
}

#[cfg(test)]
#[path = "trust_tests.rs"]
mod tests;
