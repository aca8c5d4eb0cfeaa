//! [`Plan`]: how much load and how fast; [`Mix`]: to whom. What cannot be, cannot be written.

use std::fmt;
use std::num::{NonZeroU32, NonZeroU64, NonZeroUsize};
use std::time::Duration;

use super::Shard;

/// When no more requests are sent.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Stop {
    /// After exactly this many.
    After(NonZeroU64),
    /// After this time.
    For(Duration),
    /// Whichever comes first.
    Either(NonZeroU64, Duration),
}

impl Stop {
    /// The most requests there can be.
    pub fn count(self) -> Option<u64> {
        match self {
            Self::After(n) | Self::Either(n, _) => Some(n.get()),
            Self::For(_) => None,
        }
    }

    /// The time after which nothing is due.
    pub fn time(self) -> Option<Duration> {
        match self {
            Self::For(time) | Self::Either(_, time) => Some(time),
            Self::After(_) => None,
        }
    }
}

/// Requests per second: finite and above zero.
#[derive(Debug, Clone, Copy, PartialEq, PartialOrd)]
pub struct Rate(f64);

impl Rate {
    /// `None` for zero, negative numbers, infinity and NaN.
    pub fn per_second(rate: f64) -> Option<Self> {
        (rate.is_finite() && rate > 0.0).then_some(Self(rate))
    }

    /// Requests per second.
    pub fn get(self) -> f64 {
        self.0
    }
}

impl fmt::Display for Rate {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}/s", self.0)
    }
}

/// A part of a load whose rate is constant or changes evenly.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Stage {
    /// Rate at its beginning; `None` begins with a rate of zero.
    pub from: Option<Rate>,
    /// Rate at its end; `None` ends with a rate of zero.
    pub to: Option<Rate>,
    /// How long it lasts.
    pub time: Duration,
}

impl Stage {
    /// The requests that are due in it, on average.
    pub fn requests(&self) -> f64 {
        let rate = |rate: Option<Rate>| rate.map_or(0.0, Rate::get);
        f64::midpoint(rate(self.from), rate(self.to)) * self.time.as_secs_f64()
    }
}

/// How fast.
#[derive(Debug, Clone, PartialEq)]
pub enum Pace {
    /// Each connection sends the next request as soon as it is free (a closed loop).
    Free,
    /// Requests are due whether or not earlier ones were answered (an open loop).
    PerSecond(Rate),
    /// The same, at rates that change; the load ends with the last stage.
    Stages(Vec<Stage>),
}

impl Pace {
    /// Whether requests have due instants.
    pub fn is_paced(&self) -> bool {
        !matches!(self, Self::Free)
    }
}

/// How requests of a paced load follow each other.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Arrivals {
    /// At equal intervals.
    Constant,
    /// At random, independent intervals (exponentially distributed), as those of many independent users.
    Poisson,
}

/// What becomes of requests that are under way when the time of a load is over. Those of a load that ends by its count
/// always finish.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum UnderWay {
    /// They take the time that they have, and requests that are due may still be sent within the grace.
    Finish,
    /// They are ended at once, and count as cut off: as errors. What is due and was not sent is unsent.
    CutOff,
    /// They are ended at once and counted nowhere. What is due and was not sent is unsent.
    Ignore,
}

/// When requests are sent.
#[derive(Debug, Clone, PartialEq)]
pub struct Plan {
    /// When it ends, for each version.
    pub stop: Stop,
    /// How fast, for each version.
    pub pace: Pace,
    /// At equal or random intervals.
    pub arrivals: Arrivals,
    /// How long after the last due instant requests that are due may still be sent; those that cannot are unsent.
    pub grace: Duration,
    /// How a load ends that ends by time.
    pub under_way: UnderWay,
    /// So many requests of each part are sent first and not counted. The time that they take is no part of the load's.
    pub skip: u64,
    /// The part of it that is sent here; without it, all.
    pub shard: Option<Shard>,
}

impl Plan {
    /// When all that is still under way is ended, from the start, and how.
    pub(super) fn cut(&self) -> Option<(Duration, UnderWay)> {
        let time = self.stop.time()?;
        (self.under_way != UnderWay::Finish).then_some((time, self.under_way))
    }
}

/// Which part of a load each request goes to.
///
/// The parts are the versions of the first endpoint, then those of the second, and so on. Every turn chooses one
/// endpoint by its weight and sends one request to each of its versions, in random order, spread evenly over the turn:
/// slow moments of the machine hit all versions alike.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Mix {
    /// Of each endpoint.
    pub weights: Vec<NonZeroU32>,
    /// How many versions each endpoint has.
    pub versions: NonZeroUsize,
}

impl Mix {
    /// One endpoint of one version.
    pub fn single() -> Self {
        Self {
            weights: vec![NonZeroU32::MIN],
            versions: NonZeroUsize::MIN,
        }
    }

    /// Number of parts.
    pub fn parts(&self) -> usize {
        self.weights.len() * self.versions.get()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_rate_is_finite_and_above_zero() {
        for bad in [0.0, -1.0, f64::NAN, f64::INFINITY] {
            assert_eq!(Rate::per_second(bad), None);
        }
        assert_eq!(Rate::per_second(0.5).map(Rate::get), Some(0.5));
    }
}
