//! [`Schedule`]: when each request of a load is due, and to which part it goes. One for the whole load, never a rate
//! divided by connections.
//!
//! A load is a sequence of turns; a turn is one request to each version of one endpoint. Three things make it, each in a
//! file of its own: the [`Starts`] of the turns as amounts of load, the [`Curve`] of the rate that turns amounts into
//! instants, and the [`Deal`] of turns to endpoints and of the places in a turn to versions. All are repeated from a
//! seed, so cursors need nothing but their position to agree.

use std::f64::consts::FRAC_PI_2;
use std::time::Duration;

use self::curve::Curve;
use self::deal::{Deal, Dealt};
use self::starts::Starts;
use super::random::Random;
use super::{Arrivals, Mix, Pace, Plan};

mod curve;
mod deal;
mod extent;
mod starts;

pub use extent::Extent;

/// One request of a load.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Due {
    /// Its number in the whole load, from 0, in the order of due instants.
    pub(super) n: u64,
    /// Its number within its part, from 0.
    pub(super) of_part: u64,
    /// Index of its part: the versions of the first endpoint, then those of the second, and so on.
    pub(super) part: usize,
    /// When it is due, since the start of the load.
    pub(super) at: Duration,
}

/// A cursor over the requests of a load, in the order of their due instants. Clones go over the same requests. Its size
/// does not depend on their number.
///
/// # Constant arrivals
///
/// Turn `s` begins where the integral of the rate is `s`: at `s ÷ rate`, where the rate is constant. Its `j`-th request
/// of `v` is due where the integral is `s + j/v`. A load of a time has the turns that begin in it.
///
/// # Poisson arrivals
///
/// Turns begin after independent, exponential gaps of the integral. A turn's requests are due at the fractions
/// sin²(π/2 · (j + u)/v) of the gap until the next turn begins, where `u` is uniform in [0, 1) and new for each turn.
/// That makes the arrivals of each version a Poisson process too, although every turn has every version once, in random
/// order: a version's place in a turn has the arcsine distribution, Beta(½, ½), which splits an exponential gap into two
/// independent Gamma(½) variables, and the sum of two of those, one from each of two turns, is exponential again.
/// (Dealing the arrivals of one Poisson process to the versions, turn by turn, would give more even arrivals: for two
/// versions, gaps of 5/8 of the variance.) With one version, a turn's request is due when the turn begins.
///
/// # The last turn
///
/// Every turn is complete: the versions get the same number of requests. The last turn of a load that ends by time is
/// spread over what is left of it.
#[derive(Debug, Clone)]
pub(super) struct Schedule {
    course: Course,
    starts: Starts,
    deal: Deal,
    /// This cursor goes over every `workers`-th turn of the load, beginning with `worker`.
    worker: u64,
    workers: u64,
    /// Only this part.
    part: Option<usize>,
    /// Turns that have begun.
    begun: u64,
    /// Where the next turn begins.
    next: f64,
    turn: Turn,
}

/// What is the same for all cursors of a load.
#[derive(Debug, Clone)]
struct Course {
    curve: Curve,
    arrivals: Arrivals,
    /// Of the first turn.
    starts: Starts,
    versions: usize,
    /// The most turns there can be.
    turns: u64,
    /// Nothing is due from then on.
    cut: Option<Duration>,
    /// The instant before.
    latest: Duration,
    /// The amount of load until then.
    amount: f64,
    end: Duration,
}

/// The turn that a cursor is at.
#[derive(Debug, Clone)]
struct Turn {
    number: u64,
    dealt: Dealt,
    /// The amount at which it begins.
    begin: f64,
    /// The amount that it is spread over.
    width: f64,
    /// Where its requests are within their share of the turn.
    offset: f64,
    /// Requests that this cursor has passed; the number of versions when it is over.
    passed: usize,
}

impl Schedule {
    /// The schedule of a load; `None` for one that is not paced. The same seed gives the same schedule.
    pub(super) fn new(plan: &Plan, mix: &Mix, seed: u64) -> Option<Self> {
        let curve = match &plan.pace {
            Pace::Free => return None,
            Pace::PerSecond(rate) => Curve::constant(*rate),
            Pace::Stages(stages) => Curve::stages(stages),
        };
        let mut seeds = Random::seeded(seed);
        let mut starts = Starts::new(plan.arrivals, Random::seeded(seeds.bits()));
        let deal = Deal::new(mix, Random::seeded(seeds.bits()));
        let course = Course::new(plan, mix, curve, starts.clone());
        Some(Self {
            next: starts.next(),
            turn: Turn {
                number: 0,
                dealt: Dealt {
                    endpoint: 0,
                    before: 0,
                },
                begin: 0.0,
                width: 0.0,
                offset: 0.0,
                passed: course.versions,
            },
            course,
            starts,
            deal,
            worker: 0,
            workers: 1,
            part: None,
            begun: 0,
        })
    }

    /// Only every `workers`-th of its turns, beginning with `worker`: the share of one worker, or of one shard, of
    /// several; that of a worker of a shard is a share of a share. Numbers stay those of the whole load.
    #[must_use]
    pub(super) fn share(self, worker: usize, workers: usize) -> Self {
        let workers = workers.max(1);
        let earlier = self.workers.saturating_mul((worker % workers) as u64);
        Self {
            worker: self.worker.saturating_add(earlier),
            workers: self.workers.saturating_mul(workers as u64),
            ..self
        }
    }

    /// Only the requests of one part.
    #[must_use]
    pub(super) fn only(self, part: usize) -> Self {
        // Nothing is due to a part that there is not.
        let begun = if part < self.deal.parts() {
            self.begun
        } else {
            u64::MAX
        };
        let part = Some(part);
        Self { part, begun, ..self }
    }

    /// How many requests there are in the whole share, for all parts; `None` when that is left to chance.
    pub(super) fn total(&self) -> Option<u64> {
        let by_chance = match self.course.arrivals {
            Arrivals::Constant => false,
            Arrivals::Poisson => self.course.cut.is_some(),
        };
        let turns = self
            .course
            .turns
            .saturating_sub(self.worker)
            .div_ceil(self.workers);
        (!by_chance).then(|| turns.saturating_mul(self.course.versions as u64))
    }

    /// From when on nothing more is due: the last due instant of a load that ends by count (with more than a million
    /// Poisson arrivals, about then), or the end of its time or of its stages.
    pub(super) fn end(&self) -> Duration {
        self.course.end
    }

    /// The time that the first `turns` turns of this share are the load of: until its next one begins, and no more than
    /// was asked for. With constant arrivals these are as many intervals as turns; the last of them begins one interval
    /// before.
    pub(super) fn covers(&self, turns: u64) -> Duration {
        if turns == 0 {
            return Duration::ZERO;
        }
        let next = self.worker.saturating_add(self.workers.saturating_mul(turns));
        let all = self.course.turns;
        self.course.within(self.course.starts.clone().nth(next.min(all)))
    }

    /// Passes over the turns of other shares at once where nothing random hangs on them: a shard of a thousand would
    /// otherwise go over a thousand turns for each of its own.
    fn pass(&mut self) {
        let ahead = (self.worker + self.workers - self.begun % self.workers) % self.workers;
        // The next start has been drawn already.
        if ahead > 0 && self.deal.can_pass() && self.starts.pass(ahead - 1) {
            self.begun = self.begun.saturating_add(ahead);
            self.next = self.starts.next();
            self.deal.pass(ahead);
        }
    }

    /// Goes on to the next turn of this share that has requests of this part; `None` after the last.
    fn next_turn(&mut self) -> Option<()> {
        self.pass();
        loop {
            let number = self.begun;
            if self.course.is_over(number, self.next) {
                return None;
            }
            self.begun += 1;
            let begin = self.next;
            self.next = self.starts.next();
            let dealt = self.deal.turn();
            let offset = match self.course.arrivals {
                Arrivals::Poisson if self.course.versions > 1 => self.deal.fraction(),
                Arrivals::Poisson | Arrivals::Constant => 0.0,
            };
            let mine = self.workers == 1 || number % self.workers == self.worker;
            let versions = self.course.versions;
            if mine && self.part.is_none_or(|part| part / versions == dealt.endpoint) {
                let width = (self.next.min(self.course.amount) - begin).max(0.0);
                let passed = 0;
                self.turn = Turn {
                    number,
                    dealt,
                    begin,
                    width,
                    offset,
                    passed,
                };
                return Some(());
            }
        }
    }
}

impl Iterator for Schedule {
    type Item = Due;

    fn next(&mut self) -> Option<Due> {
        let versions = self.course.versions;
        loop {
            if self.turn.passed >= versions {
                self.next_turn()?;
            }
            let position = self.turn.passed;
            self.turn.passed += 1;
            let part = self.turn.dealt.endpoint * versions + self.deal.version(position);
            if self.part.is_none_or(|only| only == part) {
                let first = self.turn.number.saturating_mul(versions as u64);
                return Some(Due {
                    n: first.saturating_add(position as u64),
                    of_part: self.turn.dealt.before,
                    part,
                    at: self.course.due(&self.turn, position),
                });
            }
        }
    }
}

impl Course {
    fn new(plan: &Plan, mix: &Mix, curve: Curve, starts: Starts) -> Self {
        let cut = [plan.stop.time(), curve.end()].into_iter().flatten().min();
        let amount = cut.map_or(f64::INFINITY, |cut| curve.amount(cut));
        let count = plan.stop.count();
        let most = count.unwrap_or(u64::MAX);
        let versions = mix.versions.get();
        let turns = match (plan.arrivals, cut) {
            _ if mix.weights.is_empty() => 0,
            (Arrivals::Constant, Some(cut)) => begin_before(&curve, cut, most),
            (Arrivals::Constant, None) | (Arrivals::Poisson, _) => most,
        };
        let course = Self {
            curve,
            arrivals: plan.arrivals,
            starts,
            versions,
            turns,
            cut,
            latest: cut.map_or(Duration::MAX, |cut| cut.saturating_sub(Duration::from_nanos(1))),
            amount,
            end: Duration::ZERO,
        };
        let end = course.last(count);
        Self { end, ..course }
    }

    /// From when on nothing more is due.
    fn last(&self, count: Option<u64>) -> Duration {
        let by_time = match self.arrivals {
            _ if count.is_none() => self.cut,
            // As many turns as there is time for: a count is not what ended it.
            Arrivals::Constant => self.cut.filter(|cut| self.curve.time(self.turns as f64) >= *cut),
            Arrivals::Poisson => None,
        };
        if let Some(cut) = by_time {
            return cut;
        }
        let amount = match self.arrivals {
            Arrivals::Constant => self.turns as f64 - 1.0 / self.versions as f64,
            Arrivals::Poisson if self.versions == 1 => self.starts.clone().nth(self.turns.saturating_sub(1)),
            Arrivals::Poisson => self.starts.clone().nth(self.turns),
        };
        self.within(amount.max(0.0))
    }

    /// When an amount has been made, within the time of the load.
    fn within(&self, amount: f64) -> Duration {
        self.curve.time(amount).min(self.cut.unwrap_or(Duration::MAX))
    }

    /// Whether there is no such turn, which would begin at `amount`.
    fn is_over(&self, turn: u64, amount: f64) -> bool {
        let too_late = match self.arrivals {
            // Their number says it, and to the nanosecond.
            Arrivals::Constant => false,
            Arrivals::Poisson => amount >= self.amount,
        };
        turn >= self.turns || too_late
    }

    /// When the request at a position of a turn is due.
    fn due(&self, turn: &Turn, position: usize) -> Duration {
        let share = (position as f64 + turn.offset) / self.versions as f64;
        let place = match self.arrivals {
            Arrivals::Poisson if self.versions > 1 => (FRAC_PI_2 * share).sin().powi(2),
            Arrivals::Poisson | Arrivals::Constant => share,
        };
        let at = self.curve.time(turn.begin + turn.width * place);
        // Rounding to nanoseconds moves nothing past the end.
        at.min(self.latest)
    }
}

/// How many turns, of at most `most` at whole amounts, begin before a time.
fn begin_before(curve: &Curve, time: Duration, most: u64) -> u64 {
    let (mut before, mut at_or_after) = (0, most);
    while before < at_or_after {
        let turn = before + (at_or_after - before) / 2;
        if curve.time(turn as f64) < time {
            before = turn + 1;
        } else {
            at_or_after = turn;
        }
    }
    before
}

#[cfg(test)]
mod shard_tests;
#[cfg(test)]
mod tests;
