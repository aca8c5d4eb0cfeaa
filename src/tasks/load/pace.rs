//! When requests are sent: what every protocol's fields come to, and a plan in words.

use std::num::NonZeroU64;
use std::time::Duration;

use super::Words;
use crate::load::{Arrivals, Pace, Plan, Rate as PerSecond, Stage, Stop};
use crate::spec::{Decoder, Period};
use crate::tasks::inputs::{Count, Places};

const AS_LONG_AS_IT_TAKES: Duration = Duration::from_hours(24);
/// Stages told one by one.
const TOLD: usize = 4;

/// When a load ends; `default` is the number of requests of one that does not say.
pub(in crate::tasks) fn stop(
    count: Option<Count>,
    duration: Option<Period>,
    default: NonZeroU64,
    words: &Words,
    places: Places<'_>,
    decoder: &mut Decoder<'_>,
) -> Option<Stop> {
    let at = places.at("duration");
    Some(match (count.map(|count| count.0), duration) {
        (_, Some(Period(Duration::ZERO))) => {
            decoder.error(at, "a `duration` of 0 sends nothing", None);
            return None;
        }
        (Some(number), Some(Period(duration))) => {
            let message = format!(
                "`{}` and `duration` are both given: whichever comes first ends the load",
                words.count
            );
            decoder.warning(at, message, None);
            Stop::Either(number, duration)
        }
        (Some(number), None) => Stop::After(number),
        (None, Some(Period(duration))) => Stop::For(duration),
        (None, None) => Stop::After(default),
    })
}

/// How long requests that are due may still be sent: a number of them is exact, however slow the target; a duration ends.
pub(in crate::tasks) fn grace(stop: Stop, timeout: Duration) -> Duration {
    match stop {
        Stop::After(_) => AS_LONG_AS_IT_TAKES,
        Stop::For(_) | Stop::Either(..) => timeout,
    }
}

/// A plan without its connections, in words: `100 requests at 8/s`, `stages: 30s at 50/s, 1m from 50/s to 200/s`.
pub(in crate::tasks) fn requests(plan: &Plan, words: &Words) -> String {
    let what = words.request;
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
                Some(number) => format!("at most {number} {what}s in "),
                None => String::new(),
            };
            return format!("{cap}stages: {}{random}", told(stages));
        }
    };
    let stop = match plan.stop {
        Stop::After(number) => format!("{number} {what}s"),
        Stop::For(duration) => format!("{what}s for {}", period(duration)),
        Stop::Either(number, duration) => format!("at most {number} {what}s within {}", period(duration)),
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
