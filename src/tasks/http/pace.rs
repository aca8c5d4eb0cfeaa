//! When requests are sent: from fields to a [`Plan`].

use std::num::NonZeroU64;
use std::time::Duration;

use super::HttpKind;
use super::input::RequestInput;
use crate::load::{Arrivals, Pace, Plan, Pool, Rate as PerSecond, Stage, Stop, UnderWay};
use crate::spec::Decoder;
use crate::tasks::inputs::{Places, Rate, StageInput};
use crate::tasks::load::LoadKind as _;
use crate::tasks::load::pace::{grace, stop};

const NUM_REQUESTS: NonZeroU64 = NonZeroU64::new(100).expect("100 is not 0");
const QPS: f64 = 8.0;
/// Most stages of a load.
const MOST_STAGES: usize = 1000;

/// Fields that say when requests are sent: those of one load have them in common.
pub(super) const FIELDS: &[&str] = &["numRequests", "duration", "qps", "stages", "arrivals"];

/// Those of these fields that differ.
pub(super) fn differences(one: &RequestInput, other: &RequestInput) -> Vec<&'static str> {
    let differs = [
        one.num_requests != other.num_requests,
        one.duration != other.duration,
        one.qps != other.qps,
        one.stages != other.stages,
        one.arrivals != other.arrivals,
    ];
    let fields = FIELDS.iter().zip(differs);
    fields
        .filter_map(|(field, differs)| differs.then_some(*field))
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
        shard: None,
    })
}

fn steady(request: &RequestInput, places: Places<'_>, decoder: &mut Decoder<'_>) -> Option<(Stop, Pace)> {
    let words = &HttpKind::WORDS;
    let stop = stop(
        request.num_requests,
        request.duration,
        NUM_REQUESTS,
        words,
        places,
        decoder,
    )?;
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

/// The connections of a plan in words: `4 connections of 8 streams`.
pub(super) fn connections(plan: &Plan, pool: &Pool) -> String {
    let connections = match (pool.connections.get(), pool.most_connections(&plan.pace)) {
        (1, 1) => "1 connection".to_owned(),
        (few, most) if most > few => format!("{few} to {most} connections"),
        (few, _) => format!("{few} connections"),
    };
    match pool.streams.get() {
        1 => connections,
        streams => format!("{connections} of {streams} streams"),
    }
}
