//! When calls are made and how many at a time: from fields to a [`Plan`] and a [`Pool`], and the pool in words.

use std::num::{NonZeroU32, NonZeroU64};
use std::time::Duration;

use super::GrpcKind;
use super::input::PaceInput;
use super::schedule;
use crate::load::{self, Arrivals, AtOnce, MOST_AT_ONCE, Pace, Plan, Pool, Rate, Stop, UnderWay};
use crate::spec::{Decoder, Period};
use crate::tasks::inputs::{Count, Places};
use crate::tasks::load::LoadKind as _;
use crate::tasks::load::pace::{grace, requests, stop};

const TOTAL: NonZeroU64 = NonZeroU64::new(200).expect("200 is not 0");
const CONCURRENCY: NonZeroU32 = NonZeroU32::new(50).expect("50 is not 0");
const TIMEOUT: Duration = Duration::from_secs(20);
/// A time-out of 0 is none.
const NO_TIMEOUT: Duration = Duration::from_hours(10_000);

/// Fields that say when calls are made: those of one load have them in common.
pub(super) const FIELDS: &[&str] = &[
    "total",
    "duration",
    "max-duration",
    "duration-stop",
    "rps",
    "load-schedule",
    "load-start",
    "load-step",
    "load-step-duration",
    "load-end",
    "load-max-duration",
    "skipFirst",
];

/// Those of these fields that differ.
pub(super) fn differences(one: &PaceInput, other: &PaceInput) -> Vec<&'static str> {
    let differs = [
        one.total != other.total,
        one.duration != other.duration,
        one.max_duration != other.max_duration,
        one.duration_stop != other.duration_stop,
        one.rps != other.rps,
        one.load_schedule != other.load_schedule,
        one.load_start != other.load_start,
        one.load_step != other.load_step,
        one.load_step_duration != other.load_step_duration,
        one.load_end != other.load_end,
        one.load_max_duration != other.load_max_duration,
        one.skip_first != other.skip_first,
    ];
    let fields = FIELDS.iter().zip(differs);
    fields
        .filter_map(|(field, differs)| differs.then_some(*field))
        .collect()
}

/// How long a call may take.
pub(super) fn timeout(input: &PaceInput) -> Duration {
    match input.timeout {
        None => TIMEOUT,
        Some(Period(Duration::ZERO)) => NO_TIMEOUT,
        Some(Period(timeout)) => timeout,
    }
}

/// Checks when calls are made.
pub(super) fn plan(input: &PaceInput, places: Places<'_>, decoder: &mut Decoder<'_>) -> Option<Plan> {
    let end = end(input, places, decoder)?;
    let stages = schedule::load(input, end.count(), end.time(), places, decoder).ok()?;
    let (stop, pace) = match (stages, input.rps) {
        (Some(stages), _) => {
            let time = stages.iter().map(|stage| stage.time).sum();
            let stop = end.count().and_then(NonZeroU64::new);
            (
                stop.map_or(Stop::For(time), |count| Stop::Either(count, time)),
                Pace::Stages(stages),
            )
        }
        (None, rps) => {
            let rate = rps.and_then(|rps| Rate::per_second(rps.0));
            (end, rate.map_or(Pace::Free, Pace::PerSecond))
        }
    };
    let skip = input.skip_first.unwrap_or(0);
    if let Some(count) = end.count().filter(|count| skip >= *count) {
        let message = format!("`skipFirst` leaves nothing to count of {count} calls");
        decoder.error(places.at("skipFirst"), message, None);
        return None;
    }
    Some(Plan {
        stop,
        pace,
        arrivals: Arrivals::Constant,
        // What ends with a number waits for all of them, whatever its schedule.
        grace: grace(end, timeout(input)),
        // The end of a schedule is no `duration`.
        under_way: match (end.time(), input.duration_stop) {
            (Some(_), Some(ending)) => ending.0,
            _ => UnderWay::Finish,
        },
        skip,
        shard: None,
    })
}

/// When the load ends.
fn end(input: &PaceInput, places: Places<'_>, decoder: &mut Decoder<'_>) -> Option<Stop> {
    let words = &GrpcKind::WORDS;
    let Some(most) = input.max_duration else {
        return stop(input.total, input.duration, TOTAL, words, places, decoder);
    };
    if input.duration.is_none() {
        let total = input.total.map_or(TOTAL, |total| total.0);
        return Some(Stop::Either(total, most.0));
    }
    let message = "`duration` and `max-duration` are both given: the shorter one ends the load";
    decoder.warning(places.at("max-duration"), message, None);
    let shorter = input.duration.map(|duration| duration.min(most));
    stop(input.total, shorter, TOTAL, words, places, decoder)
}

/// Checks how many calls there may be at a time, and over which connections.
pub(super) fn pool(
    input: &PaceInput,
    plan: Option<&Plan>,
    places: Places<'_>,
    decoder: &mut Decoder<'_>,
) -> Option<Pool> {
    let steps = schedule::concurrency(input, places, decoder);
    let connections = number(input.connections, NonZeroU32::MIN, "connections", places, decoder);
    let concurrency = number(input.concurrency, CONCURRENCY, "concurrency", places, decoder);
    let (steps, connections, concurrency) = (steps.ok()?, connections?, concurrency?);
    let most = steps.map_or(concurrency, |steps| steps.most());
    if connections > most {
        let message = format!(
            "the number of connections cannot be greater than concurrency: `connections` is {connections}, `concurrency` {most}"
        );
        decoder.error(places.at("connections"), message, None);
        return None;
    }
    if let Some(allowed) = load::most_connections().filter(|allowed| u64::from(connections.get()) > *allowed)
    {
        let message = format!("`connections` is {connections}, but this system allows {allowed} at once");
        let hint = "each connection is an open file: raise the hard limit (`ulimit -Hn`), or share the load between machines";
        decoder.error(places.at("connections"), message, Some(hint.to_owned()));
        return None;
    }
    let at_once = match steps {
        _ if input.r#async == Some(true) => AtOnce::Lanes(at_once(plan?, places, decoder)?),
        Some(steps) => AtOnce::Steps(steps),
        None => AtOnce::Lanes(concurrency),
    };
    Some(Pool {
        connections,
        max_connections: connections,
        streams: NonZeroU32::MIN,
        at_once,
        timeout: timeout(input),
        connection_warmup: 0,
    })
}

/// Of calls that do not wait for each other, the most at a time.
fn at_once(plan: &Plan, places: Places<'_>, decoder: &mut Decoder<'_>) -> Option<NonZeroU32> {
    if plan.pace.is_paced() {
        return Some(MOST_AT_ONCE);
    }
    // Without a rate all calls are due at once.
    let all = plan.stop.count().and_then(|count| u32::try_from(count).ok());
    let all = all.and_then(NonZeroU32::new).filter(|all| *all <= MOST_AT_ONCE);
    if all.is_none() {
        let message = "with `async: true` and no `rps`, calls without end would be made at once";
        decoder.error(
            places.at("async"),
            message,
            Some("give `rps` a number".to_owned()),
        );
    }
    all
}

fn number(
    given: Option<Count>,
    default: NonZeroU32,
    field: &str,
    places: Places<'_>,
    decoder: &mut Decoder<'_>,
) -> Option<NonZeroU32> {
    let Some(count) = given else {
        // With one that cannot be read there is nothing to compare with.
        return (!places.given(field)).then_some(default);
    };
    let read = u32::try_from(count.0.get()).ok().and_then(NonZeroU32::new);
    let read = read.filter(|read| *read <= MOST_AT_ONCE);
    if read.is_none() {
        let message = format!("`{field}: {}` is more than {MOST_AT_ONCE}", count.0);
        decoder.error(places.at(field), message, None);
    }
    read
}

/// A plan and its pool in words: `200 calls as fast as possible, 50 at a time on 1 connection`.
pub(super) fn describe(plan: &Plan, pool: &Pool) -> String {
    let connections = match pool.connections.get() {
        1 => "1 connection".to_owned(),
        several => format!("{several} connections"),
    };
    let at_once = match &pool.at_once {
        AtOnce::Streams => String::new(),
        AtOnce::Lanes(lanes) if *lanes == MOST_AT_ONCE => String::new(),
        AtOnce::Lanes(lanes) if plan.pace.is_paced() => format!(", at most {lanes} at a time"),
        AtOnce::Lanes(lanes) => format!(", {lanes} at a time"),
        AtOnce::Steps(steps) => {
            format!(
                ", {} to {} at a time",
                steps.at(Duration::ZERO),
                steps.at(Duration::MAX)
            )
        }
    };
    let skipped = match plan.skip {
        0 => String::new(),
        skip => format!(", the first {skip} not counted"),
    };
    format!(
        "{}{at_once} on {connections}{skipped}",
        requests(plan, &GrpcKind::WORDS)
    )
}

/// Why a call that is due has to wait.
pub(super) fn busy(pool: &Pool) -> String {
    match &pool.at_once {
        AtOnce::Lanes(lanes) if lanes.get() == 1 => {
            "another one was under way (`concurrency` is 1)".to_owned()
        }
        AtOnce::Lanes(lanes) => format!("{lanes} were under way (`concurrency`)"),
        AtOnce::Streams | AtOnce::Steps(_) => "as many were under way as `concurrency` allows".to_owned(),
    }
}
