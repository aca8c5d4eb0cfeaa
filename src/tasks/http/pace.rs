//! When requests are sent: from fields to a [`Plan`], and the plan in words.

use std::num::NonZeroU64;
use std::time::Duration;

use super::input::RequestInput;
use crate::load::{Arrivals, Pace, Plan, Pool, Rate as PerSecond, Stage, Stop, UnderWay};
use crate::spec::{Decoder, Period};
use crate::tasks::inputs::{Places, Rate, StageInput};

const NUM_REQUESTS: NonZeroU64 = NonZeroU64::new(100).expect("100 is not 0");
const QPS: f64 = 8.0;
const AS_LONG_AS_IT_TAKES: Duration = Duration::from_hours(24);
/// Most stages of a load.
const MOST_STAGES: usize = 1000;
/// Stages told one by one.
const TOLD: usize = 4;

/// Fields that say when requests are sent: those of one load have them in common.
pub(super) const FIELDS: [&str; 5] = ["numRequests", "duration", "qps", "stages", "arrivals"];

/// Those of these fields that differ.
pub(super) fn differences(one: &RequestInput, other: &RequestInput) -> Vec<&'static str> {
    let differs = [
        one.num_requests != other.num_requests,
        one.duration != other.duration,
        one.qps != other.qps,
        one.stages != other.stages,
        one.arrivals != other.arrivals,
    ];
    let fields = FIELDS.into_iter().zip(differs);
    fields
        .filter_map(|(field, differs)| differs.then_some(field))
        .collect()
}

/// Checks the fields. `timeout` is that of a request: a load that ends by the clock waits as long for its last ones.
pub(super) fn plan(
    request: &RequestInput,
    timeout: Duration,
    places: Places<'_>,
    decoder: &mut Decoder<'_>,
) -> Option<Plan> {
    let (stop, pace) = match &request.stages {
        Some(stages) => staged(stages, request, places, decoder)?,
        // Stages that were given and are wrong have been reported.
        None if places.given("stages") && request.qps.is_none() && request.duration.is_none() => return None,
        None => steady(request, places, decoder)?,
    };
    let arrivals = request.arrivals.unwrap_or(Arrivals::Constant);
    if arrivals == Arrivals::Poisson && pace == Pace::Free {
        let message = "with `qps: max` requests follow their answers, not `arrivals: poisson`";
        decoder.error(
            places.at("arrivals"),
            message,
            Some("give `qps` a number, or leave `arrivals` out".to_owned()),
        );
        return None;
    }
    Some(Plan {
        stop,
        pace,
        arrivals,
        grace: grace(stop, timeout),
        under_way: UnderWay::Finish,
        skip: 0,
    })
}

fn steady(request: &RequestInput, places: Places<'_>, decoder: &mut Decoder<'_>) -> Option<(Stop, Pace)> {
    let stop = stop(request, places, decoder)?;
    let pace = match request.qps.unwrap_or(Rate::PerSecond(QPS)) {
        Rate::Max => Pace::Free,
        // Zero and infinity were refused when the field was read.
        Rate::PerSecond(rate) => Pace::PerSecond(PerSecond::per_second(rate)?),
    };
    Some((stop, pace))
}

fn staged(
    stages: &[StageInput],
    request: &RequestInput,
    places: Places<'_>,
    decoder: &mut Decoder<'_>,
) -> Option<(Stop, Pace)> {
    let mut valid = true;
    for (given, field) in [
        (request.qps.is_some(), "qps"),
        (request.duration.is_some(), "duration"),
    ] {
        if given {
            let message = format!("`{field}` and `stages` are both given");
            let hint = if places.is_own(field) && !places.is_own("stages") {
                "the `stages` are inherited: give both `qps` and `duration`, or `stages`".to_owned()
            } else {
                format!("each stage has its own `{field}`: leave one of them out")
            };
            decoder.error(places.at(field), message, Some(hint));
            valid = false;
        }
    }
    if stages.is_empty() {
        let hint = "give at least one, such as `{duration: 30s, qps: 50}`";
        decoder.error(
            places.at("stages"),
            "no stages: nothing would be sent",
            Some(hint.into()),
        );
        return None;
    }
    if stages.len() > MOST_STAGES {
        let message = format!("{} stages; a load has at most {MOST_STAGES}", stages.len());
        decoder.error(places.at("stages"), message, None);
        return None;
    }
    let stages: Vec<Stage> = stages.iter().map(|stage| stage.0).collect();
    let time = stages.iter().map(|stage| stage.time).sum();
    let stop = match request.num_requests {
        Some(count) => Stop::Either(count.0, time),
        None => Stop::For(time),
    };
    valid.then_some((stop, Pace::Stages(stages)))
}

fn stop(request: &RequestInput, places: Places<'_>, decoder: &mut Decoder<'_>) -> Option<Stop> {
    let at = places.at("duration");
    Some(
        match (request.num_requests.map(|count| count.0), request.duration) {
            (_, Some(Period(Duration::ZERO))) => {
                decoder.error(at, "a `duration` of 0 sends nothing", None);
                return None;
            }
            (Some(number), Some(Period(duration))) => {
                let message =
                    "`numRequests` and `duration` are both given: whichever comes first ends the load";
                decoder.warning(at, message, None);
                Stop::Either(number, duration)
            }
            (Some(number), None) => Stop::After(number),
            (None, Some(Period(duration))) => Stop::For(duration),
            (None, None) => Stop::After(NUM_REQUESTS),
        },
    )
}

/// A number of requests is exact, however slow the target; a duration ends.
fn grace(stop: Stop, timeout: Duration) -> Duration {
    match stop {
        Stop::After(_) => AS_LONG_AS_IT_TAKES,
        Stop::For(_) | Stop::Either(..) => timeout,
    }
}

/// A plan in words: `100 requests at 8/s on 4 connections`, `stages: 30s at 50/s, 1m from 50/s to 200/s on 10 connections`.
pub(super) fn describe(plan: &Plan, pool: &Pool) -> String {
    let connections = match (pool.connections.get(), pool.most_connections(&plan.pace)) {
        (1, 1) => "1 connection".to_owned(),
        (few, most) if most > few => format!("{few} to {most} connections"),
        (few, _) => format!("{few} connections"),
    };
    let streams = match pool.streams.get() {
        1 => String::new(),
        streams => format!(" of {streams} streams"),
    };
    format!("{} on {connections}{streams}", requests(plan))
}

/// A plan without its connections, in words.
pub(super) fn requests(plan: &Plan) -> String {
    let period = |duration: Duration| Period(duration).to_string();
    let random = match plan.arrivals {
        Arrivals::Constant => "",
        Arrivals::Poisson => " at random intervals",
    };
    let pace = match &plan.pace {
        Pace::Free => "as fast as possible".to_owned(),
        Pace::PerSecond(rate) => format!("at {rate}"),
        Pace::Stages(stages) => {
            let cap = match plan.stop.count() {
                Some(number) => format!("at most {number} requests in "),
                None => String::new(),
            };
            return format!("{cap}stages: {}{random}", told(stages));
        }
    };
    let stop = match plan.stop {
        Stop::After(number) => format!("{number} requests"),
        Stop::For(duration) => format!("requests for {}", period(duration)),
        Stop::Either(number, duration) => format!("at most {number} requests within {}", period(duration)),
    };
    format!("{stop} {pace}{random}")
}

fn told(stages: &[Stage]) -> String {
    let rate = |rate: Option<PerSecond>| rate.map_or_else(|| "0/s".to_owned(), |rate| rate.to_string());
    let stage = |stage: &Stage| {
        let time = Period(stage.time);
        if stage.from == stage.to {
            format!("{time} at {}", rate(stage.to))
        } else {
            format!("{time} from {} to {}", rate(stage.from), rate(stage.to))
        }
    };
    let mut told: Vec<String> = stages.iter().take(TOLD).map(stage).collect();
    if stages.len() > TOLD {
        told.push(format!("and {} more", stages.len() - TOLD));
    }
    told.join(", ")
}
