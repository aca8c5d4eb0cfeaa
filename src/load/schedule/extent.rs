//! [`Extent`]: how much a plan comes to.

use std::time::Duration;

use super::Schedule;
use crate::load::{Mix, Plan};

/// How many requests a plan sends to each version, from here, and how long that takes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Extent {
    /// At most; `None` where it depends on how fast the target answers. Of random arrivals the mean.
    pub requests: Option<u64>,
    /// If the target keeps up; `None` where it depends on that.
    pub time: Option<Duration>,
}

impl Plan {
    /// What it comes to for one version.
    pub fn extent(&self) -> Extent {
        let share = |all: u64| self.shard.map_or(all, |shard| shard.share(all));
        let Some(schedule) = Schedule::new(self, &Mix::single(), 0) else {
            return Extent {
                requests: self.stop.count().map(share),
                time: self.stop.time(),
            };
        };
        let mean = || {
            #[expect(
                clippy::cast_possible_truncation,
                clippy::cast_sign_loss,
                reason = "rounded, at least zero, far below 2^52"
            )]
            let due = schedule.course.amount.round() as u64;
            self.stop.count().map_or(due, |most| most.min(due))
        };
        Extent {
            requests: Some(share(schedule.total().unwrap_or_else(mean))),
            time: Some(schedule.end()),
        }
    }
}

#[cfg(test)]
mod tests {
    use std::num::NonZeroU64;

    use super::*;
    use crate::load::{Arrivals, Pace, Rate, Stage, Stop, UnderWay};

    fn plan(stop: Stop, pace: Pace, arrivals: Arrivals) -> Plan {
        Plan {
            stop,
            pace,
            arrivals,
            grace: Duration::ZERO,
            under_way: UnderWay::Finish,
            skip: 0,
            shard: None,
        }
    }

    fn extent(stop: Stop, pace: Pace) -> (Option<u64>, Option<f64>) {
        let Extent { requests, time } = plan(stop, pace, Arrivals::Constant).extent();
        (requests, time.map(|time| time.as_secs_f64().round()))
    }

    #[test]
    fn whichever_comes_first_ends_it() {
        let rate = || Pace::PerSecond(Rate::per_second(10.0).expect("above zero"));
        let hundred = NonZeroU64::new(100).expect("above zero");
        let seconds = Duration::from_secs;
        assert_eq!(extent(Stop::After(hundred), rate()), (Some(100), Some(10.0)));
        assert_eq!(extent(Stop::For(seconds(3)), rate()), (Some(30), Some(3.0)));
        assert_eq!(
            extent(Stop::Either(hundred, seconds(3)), rate()),
            (Some(30), Some(3.0))
        );
        assert_eq!(
            extent(Stop::Either(hundred, seconds(30)), rate()),
            (Some(100), Some(10.0))
        );
        assert_eq!(extent(Stop::After(hundred), Pace::Free), (Some(100), None));
        assert_eq!(extent(Stop::For(seconds(3)), Pace::Free), (None, Some(3.0)));
    }

    #[test]
    fn a_ramp_sends_half_of_what_its_end_would() {
        let ramp = Stage {
            from: None,
            to: Rate::per_second(100.0),
            time: Duration::from_secs(10),
        };
        let stop = Stop::For(Duration::from_secs(10));
        assert_eq!(extent(stop, Pace::Stages(vec![ramp])), (Some(500), Some(10.0)));
        let random = plan(stop, Pace::Stages(vec![ramp]), Arrivals::Poisson).extent();
        assert_eq!(random.requests, Some(500), "on average");
    }
}
