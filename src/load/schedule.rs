//! [`Schedule`]: when each request of a load is due. One for the whole load, never a rate divided by connections.

use std::time::Duration;

use super::{Rate, Stop};

/// Due instants as a function of a request's number. Constant arrivals: request `i` is due at `i ÷ rate`.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Schedule {
    rate: Rate,
    len: u64,
    end: Duration,
    /// The time that was asked for.
    time: Duration,
}

impl Schedule {
    /// The schedule of a load. With a time `d`, it holds the due instants in [0, d).
    pub fn new(rate: Rate, stop: Stop) -> Self {
        let by_time = stop.time().map(|time| due_before(rate, time));
        let len = match (stop.count(), by_time) {
            (Some(count), Some(by_time)) => count.min(by_time),
            (Some(count), None) => count,
            (None, by_time) => by_time.unwrap_or(0),
        };
        let last = due(rate, len.saturating_sub(1));
        let end = match stop {
            Stop::For(time) => time,
            Stop::After(_) | Stop::Either(..) => last,
        };
        let time = stop.time().unwrap_or(Duration::MAX);
        Self { rate, len, end, time }
    }

    /// When request `n` (from 0) is due, from the start of the load.
    pub fn due(&self, n: u64) -> Duration {
        due(self.rate, n)
    }

    /// How many requests there are.
    pub fn len(&self) -> u64 {
        self.len
    }

    /// Whether nothing is ever due.
    pub fn is_empty(&self) -> bool {
        self.len == 0
    }

    /// The time that the first `n` requests are the load of: as many intervals as requests, and no more than was asked
    /// for. The last of them is due one interval before.
    pub fn covers(&self, n: u64) -> Duration {
        due(self.rate, n).min(self.time)
    }

    /// From when on nothing more is due.
    pub fn end(&self) -> Duration {
        self.end
    }
}

fn due(rate: Rate, n: u64) -> Duration {
    Duration::try_from_secs_f64(n as f64 / rate.get()).unwrap_or(Duration::MAX)
}

/// How many requests are due in [0, time): ⌈rate × time⌉, exactly as [`due`] rounds.
fn due_before(rate: Rate, time: Duration) -> u64 {
    #[expect(
        clippy::cast_possible_truncation,
        clippy::cast_sign_loss,
        reason = "saturates, and neither factor is negative"
    )]
    let mut len = (rate.get() * time.as_secs_f64()).ceil() as u64;
    while len > 0 && due(rate, len - 1) >= time {
        len -= 1;
    }
    while len < u64::MAX && due(rate, len) < time {
        len += 1;
    }
    len
}

#[cfg(test)]
mod tests {
    use std::num::NonZeroU64;

    use proptest::prelude::*;

    use super::*;

    fn rate(rate: f64) -> Rate {
        Rate::per_second(rate).expect("a rate")
    }

    fn secs(seconds: f64) -> Duration {
        Duration::from_secs_f64(seconds)
    }

    fn count(n: u64) -> NonZeroU64 {
        NonZeroU64::new(n).expect("not zero")
    }

    #[test]
    fn a_time_holds_the_instants_before_its_end() {
        for (per_second, seconds, expected) in [
            (8.0, 12.5, 100),
            (3.0, 1.0, 3),
            (0.3, 10.0, 3),
            (0.1, 30.0, 3),
            (1.0, 0.1, 1),
            (200.0, 3.0, 600),
            (7.0, 1.5, 11),
        ] {
            let schedule = Schedule::new(rate(per_second), Stop::For(secs(seconds)));
            assert_eq!(schedule.len(), expected, "{per_second}/s for {seconds} s");
            assert_eq!(schedule.end(), secs(seconds));
        }
        assert!(Schedule::new(rate(5.0), Stop::For(Duration::ZERO)).is_empty());
    }

    #[test]
    fn a_count_is_exact_and_the_earlier_end_wins() {
        let after = Schedule::new(rate(8.0), Stop::After(count(100)));
        assert_eq!(after.len(), 100);
        assert_eq!(after.end(), secs(99.0 / 8.0));
        assert_eq!(
            Schedule::new(rate(10.0), Stop::Either(count(5), secs(3.0))).len(),
            5
        );
        assert_eq!(
            Schedule::new(rate(10.0), Stop::Either(count(50), secs(3.0))).len(),
            30
        );
    }

    #[test]
    fn requests_cover_as_many_intervals() {
        let covered = |per_second, stop| {
            let schedule = Schedule::new(rate(per_second), stop);
            schedule.covers(schedule.len())
        };
        assert_eq!(covered(8.0, Stop::For(secs(1.0))), secs(1.0));
        assert_eq!(covered(0.3, Stop::For(secs(10.0))), secs(10.0));
        assert_eq!(covered(8.0, Stop::After(count(4))), secs(0.5));
        assert_eq!(covered(10.0, Stop::Either(count(5), secs(3.0))), secs(0.5));
        assert_eq!(covered(10.0, Stop::Either(count(50), secs(3.0))), secs(3.0));
    }

    #[test]
    fn absurd_numbers_do_not_panic() {
        let slow = Schedule::new(rate(1e-300), Stop::After(count(2)));
        assert_eq!(slow.due(1), Duration::MAX);
        let fast = Schedule::new(rate(1e9), Stop::For(Duration::from_hours(1)));
        assert_eq!(fast.len(), 3_600_000_000_000);
    }

    proptest! {
        #[test]
        fn a_schedule_is_never_ahead_of_the_rate(
            per_second in 0.01..50_000.0_f64, seconds in 0.001..3600.0_f64, fraction in 0.0..1.0_f64,
        ) {
            let time = secs(seconds);
            let schedule = Schedule::new(rate(per_second), Stop::For(time));
            #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "a fraction of a count")]
            let n = (schedule.len() as f64 * fraction) as u64;
            // The n-th request (from 0) is due when n intervals have passed: no earlier, and not later than a nanosecond.
            let exact = n as f64 / per_second;
            prop_assert!((schedule.due(n).as_secs_f64() - exact).abs() <= 2e-9 * exact.max(1.0));
            prop_assert!(schedule.due(n) <= schedule.due(n + 1));
            prop_assert!(schedule.due(schedule.len() - 1) < time);
            prop_assert!(schedule.due(schedule.len()) >= time);
        }
    }
}
