//! [`Timeline`]: for how long a thread had been idle, at any instant since its start.

use std::collections::VecDeque;
use std::time::Duration;

/// Points that are kept: half a megabyte, and at least ten seconds.
const MOST: usize = 32_768;

/// A growing line through points (time, idle time so far), straight between them. The oldest points are forgotten;
/// from the start to the oldest known one the line is straight, too.
#[derive(Debug, Default)]
pub(super) struct Timeline {
    /// Nanoseconds; neither coordinate ever falls.
    points: VecDeque<(u64, u64)>,
}

impl Timeline {
    /// Until `at`, the thread has been idle for `idle`.
    pub(super) fn push(&mut self, at: Duration, idle: Duration) {
        if self.points.len() == MOST {
            self.points.pop_front();
        }
        let (last_at, last_idle) = self.last();
        self.points
            .push_back((nanos(at).max(last_at), nanos(idle).max(last_idle)));
    }

    /// For how long the thread had been idle at an instant.
    pub(super) fn idle_at(&self, at: Duration) -> Duration {
        let at = nanos(at);
        let after = self.points.partition_point(|(known, _)| *known <= at);
        let Some(&(later_at, later_idle)) = self.points.get(after) else {
            // It has not been idle since the last point, or that would be known.
            return Duration::from_nanos(self.last().1);
        };
        let (earlier_at, earlier_idle) = after
            .checked_sub(1)
            .and_then(|before| self.points.get(before))
            .copied()
            .unwrap_or_default();
        let part = (at - earlier_at) as f64 / (later_at - earlier_at) as f64;
        let between = Duration::from_nanos(later_idle - earlier_idle).mul_f64(part);
        Duration::from_nanos(earlier_idle) + between
    }

    fn last(&self) -> (u64, u64) {
        self.points.back().copied().unwrap_or_default()
    }
}

fn nanos(time: Duration) -> u64 {
    u64::try_from(time.as_nanos()).unwrap_or(u64::MAX)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn ms(n: u64) -> Duration {
        Duration::from_millis(n)
    }

    #[test]
    fn between_two_points_idleness_grows_evenly() {
        let mut line = Timeline::default();
        assert_eq!(line.idle_at(ms(9)), Duration::ZERO);
        line.push(ms(10), ms(10));
        line.push(ms(30), ms(10));
        line.push(ms(40), ms(18));
        let seen: Vec<_> = [0, 5, 10, 20, 30, 35, 40, 99]
            .map(|at| line.idle_at(ms(at)))
            .into();
        assert_eq!(seen, [0, 5, 10, 10, 10, 14, 18, 18].map(ms));
    }

    #[test]
    fn what_is_forgotten_is_taken_to_have_been_even() {
        let mut line = Timeline::default();
        let most = MOST as u64;
        (1..=most + 1000).for_each(|n| line.push(ms(n), ms(n / 2)));
        assert_eq!(line.points.len(), MOST);
        assert_eq!(line.idle_at(ms(most)), ms(most / 2));
        let forgotten = line.idle_at(ms(500));
        assert!(forgotten.abs_diff(ms(250)) < ms(1), "{forgotten:?}");
    }

    #[test]
    fn the_line_never_falls() {
        let mut line = Timeline::default();
        line.push(ms(10), ms(10));
        line.push(ms(5), ms(3));
        assert_eq!(line.idle_at(ms(20)), ms(10));
    }
}
