//! [`Plan`]: how much load, how fast, over how many connections. What cannot be, cannot be written.

use std::fmt;
use std::num::{NonZeroU32, NonZeroU64};
use std::time::Duration;

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

/// How fast.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum Pace {
    /// Each connection sends the next request as soon as it is free (a closed loop).
    Free,
    /// Requests are due at equal intervals, whether or not earlier ones were answered (an open loop).
    PerSecond(Rate),
}

/// How to send a load.
#[derive(Debug, Clone, PartialEq)]
pub struct Plan {
    /// When it ends.
    pub stop: Stop,
    /// How fast.
    pub pace: Pace,
    /// Connections of the pool; they are opened when they are needed.
    pub connections: NonZeroU32,
    /// Paced only: more are opened, up to this many, when a due request finds none free. Less than `connections`
    /// means the same as `connections`.
    pub max_connections: NonZeroU32,
    /// For one request, from its actual send to the end of its answer, a new connection included.
    pub timeout: Duration,
    /// How long after the last due instant requests that are due may still be sent; those that cannot are unsent.
    pub grace: Duration,
    /// Requests sent on each connection of the pool before the load; they are counted nowhere.
    pub connection_warmup: u32,
}

impl Plan {
    /// How many connections there can be at once.
    pub fn most_connections(&self) -> u32 {
        match self.pace {
            Pace::Free => self.connections.get(),
            Pace::PerSecond(_) => self.connections.max(self.max_connections).get(),
        }
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
