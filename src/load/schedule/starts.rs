//! [`Starts`]: where on a [`Curve`](super::curve::Curve) the turns of a load begin, as amounts of load.

use super::super::Arrivals;
use super::super::random::Random;

/// Random turns that are counted one by one; how long more of them take is estimated by their mean.
const COUNTED: u64 = 1 << 20;

/// The amounts at which turn 0, 1, 2 … begin.
#[derive(Debug, Clone)]
pub(super) enum Starts {
    /// At whole numbers.
    Even { turn: u64 },
    /// After independent, exponentially distributed gaps of mean one: a Poisson process at any rate.
    Random { random: Random, amount: f64 },
}

impl Starts {
    pub(super) fn new(arrivals: Arrivals, random: Random) -> Self {
        match arrivals {
            Arrivals::Constant => Self::Even { turn: 0 },
            Arrivals::Poisson => Self::Random { random, amount: 0.0 },
        }
    }

    /// The amount at which the next turn begins.
    pub(super) fn next(&mut self) -> f64 {
        match self {
            Self::Even { turn } => {
                let amount = *turn as f64;
                *turn = turn.saturating_add(1);
                amount
            }
            Self::Random { random, amount } => {
                *amount += random.exponential();
                *amount
            }
        }
    }

    /// Passes over so many turns, if that can be done without going over each: whether it was.
    pub(super) fn pass(&mut self, turns: u64) -> bool {
        match self {
            Self::Even { turn } => {
                *turn = turn.saturating_add(turns);
                true
            }
            Self::Random { .. } => false,
        }
    }

    /// The amount at which the `turn`-th of the turns to come begins, from 0.
    pub(super) fn nth(mut self, turn: u64) -> f64 {
        match &mut self {
            Self::Even { turn: begun } => begun.saturating_add(turn) as f64,
            Self::Random { .. } => {
                let counted = turn.min(COUNTED);
                for _ in 0..counted {
                    self.next();
                }
                self.next() + (turn - counted) as f64
            }
        }
    }
}
