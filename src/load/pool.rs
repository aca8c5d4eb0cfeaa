//! [`Pool`]: over how many connections requests go, and [`AtOnce`]: how many are under way at the same time.

use std::num::{NonZeroI32, NonZeroU32};
use std::time::Duration;

use super::Pace;

/// The most requests that are ever under way at once where no lower number is given: each takes a few kilobytes.
pub const MOST_AT_ONCE: NonZeroU32 = NonZeroU32::new(100_000).expect("not zero");

/// The connections of one part of a load.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Pool {
    /// They are opened when they are needed.
    pub connections: NonZeroU32,
    /// Paced only, and only with [`AtOnce::Streams`]: more are opened, up to this many, when a due request finds none
    /// free. Less than `connections` means the same as `connections`.
    pub max_connections: NonZeroU32,
    /// Requests under way on one connection at a time; more than one takes HTTP/2. Only with [`AtOnce::Streams`].
    pub streams: NonZeroU32,
    /// Requests under way at a time in all.
    pub at_once: AtOnce,
    /// For one request, from its actual send to the end of its answer, a new connection included.
    pub timeout: Duration,
    /// Requests sent on each connection of the pool before the load; they are counted nowhere.
    pub connection_warmup: u32,
}

/// How many requests of a part may be under way at once.
///
/// Each has a lane. A closed loop keeps all lanes busy; a paced load starts a lane when a due request finds none free,
/// and requests wait when there may be no more lanes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum AtOnce {
    /// As many as the connections have streams.
    Streams,
    /// So many on all connections, which take them in turn: lane `n` uses connection `n` modulo their number. More
    /// connections than lanes are not opened. With [`MOST_AT_ONCE`], the requests of a paced load wait for nothing.
    Lanes(NonZeroU32),
    /// The same with a number that changes.
    Steps(Steps),
}

/// A number of lanes that rises or falls in steps to where it stays.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Steps {
    from: NonZeroU32,
    to: NonZeroU32,
    step: NonZeroU32,
    every: Duration,
    /// Steps until it stays at `to`.
    count: u64,
}

impl Steps {
    /// Begins with `from` lanes and goes `step` up or down `every` so long, to exactly `to` lanes or, without it, to one
    /// or [`MOST_AT_ONCE`]. With `within`, the first step at or after that time goes all the rest of the way to `to`;
    /// without `to` the number stays as it is then.
    ///
    /// `None` when `every` is zero or `to` lies in the other direction.
    pub fn new(
        from: NonZeroU32,
        to: Option<NonZeroU32>,
        step: NonZeroI32,
        every: Duration,
        within: Option<Duration>,
    ) -> Option<Self> {
        let up = step.get() > 0;
        let farthest = if up {
            MOST_AT_ONCE.max(from)
        } else {
            NonZeroU32::MIN
        };
        let end = to.unwrap_or(farthest);
        if every.is_zero() || (if up { end < from } else { end > from }) {
            return None;
        }
        let step = step.unsigned_abs();
        let all = u64::from(from.get().abs_diff(end.get())).div_ceil(u64::from(step.get()));
        let free = Self {
            from,
            to: end,
            step,
            every,
            count: all,
        };
        let Some(last) = within.map(|within| within.as_nanos().div_ceil(every.as_nanos()).max(1)) else {
            return Some(free);
        };
        let last = u64::try_from(last).unwrap_or(u64::MAX);
        Some(match to {
            Some(_) => Self {
                count: all.min(last),
                ..free
            },
            None => Self {
                to: free.after(last - 1),
                count: all.min(last - 1),
                ..free
            },
        })
    }

    /// How many lanes there are at a time since the start.
    pub fn at(&self, time: Duration) -> NonZeroU32 {
        let steps = time.as_nanos() / self.every.as_nanos();
        self.after(u64::try_from(steps).unwrap_or(u64::MAX))
    }

    /// When the number changes next.
    pub(super) fn next_change(&self, time: Duration) -> Option<Duration> {
        let next = time.as_nanos() / self.every.as_nanos() + 1;
        let next = u32::try_from(next)
            .ok()
            .filter(|next| u64::from(*next) <= self.count)?;
        self.every.checked_mul(next)
    }

    /// The highest number there is.
    pub fn most(&self) -> NonZeroU32 {
        self.from.max(self.to)
    }

    /// The lowest number there is.
    pub fn fewest(&self) -> NonZeroU32 {
        self.from.min(self.to)
    }

    fn after(&self, steps: u64) -> NonZeroU32 {
        if steps >= self.count {
            return self.to;
        }
        let way = steps.saturating_mul(u64::from(self.step.get()));
        // As there are steps to come, this is not the whole way.
        let way = u32::try_from(way).unwrap_or(u32::MAX);
        if self.from < self.to {
            self.from.saturating_add(way).min(self.to)
        } else {
            NonZeroU32::new(self.from.get().saturating_sub(way)).map_or(self.to, |lanes| lanes.max(self.to))
        }
    }
}

impl AtOnce {
    /// The most lanes there are at any time, and the fewest that there may be, where the number is given.
    pub(super) fn bounds(&self) -> Option<(NonZeroU32, NonZeroU32)> {
        match self {
            Self::Streams => None,
            Self::Lanes(lanes) => Some((*lanes, *lanes)),
            Self::Steps(steps) => Some((steps.most(), steps.fewest())),
        }
    }
}

impl Pool {
    /// How many connections there can be at once.
    pub fn most_connections(&self, pace: &Pace) -> u32 {
        self.connections_of(pace.is_paced()).get()
    }

    pub(super) fn connections_of(&self, paced: bool) -> NonZeroU32 {
        match self.at_once.bounds() {
            Some((most, _)) => self.connections.min(most),
            None if paced => self.connections.max(self.max_connections),
            None => self.connections,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn lanes(n: u32) -> NonZeroU32 {
        NonZeroU32::new(n).expect("not zero")
    }

    fn secs(n: u64) -> Duration {
        Duration::from_secs(n)
    }

    fn steps(from: u32, to: Option<u32>, step: i32, every: u64, within: Option<u64>) -> Steps {
        let step = NonZeroI32::new(step).expect("not zero");
        Steps::new(lanes(from), to.map(lanes), step, secs(every), within.map(secs)).expect("steps")
    }

    fn seen(steps: &Steps, until: u64) -> Vec<u32> {
        (0..until).map(|at| steps.at(secs(at)).get()).collect()
    }

    fn changes(steps: &Steps) -> Vec<u64> {
        std::iter::successors(steps.next_change(Duration::ZERO), |at| steps.next_change(*at))
            .map(|at| at.as_secs())
            .collect()
    }

    #[test]
    fn lanes_rise_and_fall_in_steps_to_exactly_the_end() {
        let up = steps(5, Some(20), 10, 2, None);
        assert_eq!(seen(&up, 7), [5, 5, 15, 15, 20, 20, 20]);
        assert_eq!(changes(&up), [2, 4]);
        let down = steps(10, Some(3), -4, 1, None);
        assert_eq!(seen(&down, 4), [10, 6, 3, 3]);
        assert_eq!((down.most(), down.fewest()), (lanes(10), lanes(3)));
        assert_eq!(changes(&steps(7, Some(7), 1, 1, None)), [0; 0]);
    }

    #[test]
    fn when_its_time_is_over_the_number_goes_all_the_way_or_stays() {
        let far = steps(1, Some(100), 1, 1, Some(3));
        assert_eq!(seen(&far, 6), [1, 2, 3, 100, 100, 100]);
        assert_eq!(changes(&far), [1, 2, 3]);
        // Between two steps, the next one is the last.
        assert_eq!(seen(&steps(10, Some(1), -2, 2, Some(3)), 6), [10, 10, 8, 8, 1, 1]);
        let open = steps(1, None, 2, 1, Some(3));
        assert_eq!(seen(&open, 6), [1, 3, 5, 5, 5, 5]);
        assert_eq!((open.most(), changes(&open)), (lanes(5), vec![1, 2]));
        let near = steps(1, Some(3), 2, 1, Some(9));
        assert_eq!((seen(&near, 4), changes(&near)), (vec![1, 3, 3, 3], vec![1]));
    }

    #[test]
    fn without_an_end_there_is_still_a_most_and_a_fewest() {
        let up = steps(1, None, i32::MAX, 1, None);
        assert_eq!(seen(&up, 2), [1, MOST_AT_ONCE.get()]);
        assert_eq!(seen(&steps(5, None, i32::MIN, 1, None), 2), [5, 1]);
        let wide = steps(2 * MOST_AT_ONCE.get(), None, 1, 1, None);
        assert_eq!(wide.at(Duration::MAX), wide.most());
        assert_eq!(wide.next_change(Duration::MAX), None);
    }

    #[test]
    fn steps_that_lead_elsewhere_are_none() {
        let one = NonZeroI32::MIN;
        let up = NonZeroI32::new(1).expect("not zero");
        assert_eq!(Steps::new(lanes(5), Some(lanes(6)), one, secs(1), None), None);
        assert_eq!(Steps::new(lanes(5), Some(lanes(4)), up, secs(1), None), None);
        assert_eq!(Steps::new(lanes(5), None, up, Duration::ZERO, None), None);
    }
}
