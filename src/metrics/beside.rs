//! Measurements of one load by several generators, each on a machine of its own: put together, nothing is estimated.
//!
//! Counts add up and histograms merge exactly. Times are compared by the clocks of the machines: slices and exemplars of
//! a generator that began later are moved by as much, slices by whole ones.

use std::time::Duration;

use jiff::Timestamp;

use super::slices::MOST;
use super::{Exemplar, GeneratorHealth, LoadMeasurement, Slice, Slices, Throttled};

/// From one instant to a later one; nothing if it is earlier.
fn until(from: Timestamp, to: Timestamp) -> Duration {
    Duration::try_from(to.duration_since(from)).unwrap_or_default()
}

impl LoadMeasurement {
    /// Adds what another generator measured of the same load at the same time. Where a start is not known, both began
    /// together. The cold start is that of this one, if it has any.
    pub fn beside(&mut self, other: &Self) {
        let starts = self.began.zip(other.began);
        let delay = |(mine, other): (Timestamp, Timestamp)| [until(other, mine), until(mine, other)];
        let [mine, others] = starts.map_or([Duration::ZERO; 2], delay);
        let seconds = [mine, others].map(|delay| delay.as_secs_f64());
        let elapsed = (self.elapsed + seconds[0]).max(other.elapsed + seconds[1]);
        let mut slices = std::mem::take(&mut self.slices);
        slices.delay(mine);
        let mut later = other.slices.clone();
        later.delay(others);
        slices.join(&later);
        while slices.slices.len() > MOST {
            slices.widen();
        }
        let mut health = self.health.take();
        match (&mut health, &other.health) {
            (Some(mine), Some(other)) => mine.beside(other),
            (mine @ None, other) => mine.clone_from(other),
            (Some(_), None) => {}
        }
        let mut exemplars = std::mem::take(&mut self.exemplars);
        exemplars.iter_mut().for_each(|one| one.due += seconds[0]);
        exemplars.extend(other.exemplars.iter().cloned().map(|one| Exemplar {
            due: one.due + seconds[1],
            ..one
        }));
        Exemplar::keep_slowest(&mut exemplars);
        self.append(&Self {
            slices: Slices::default(),
            health: None,
            exemplars: Vec::new(),
            ..other.clone()
        });
        self.began = starts.map_or(self.began.or(other.began), |(mine, other)| Some(mine.min(other)));
        (self.slices, self.health, self.exemplars, self.elapsed) = (slices, health, exemplars, elapsed);
    }
}

impl Slices {
    /// Moves them to a later time, by whole slices; they are widened until the way there fits.
    fn delay(&mut self, by: Duration) {
        if by.is_zero() || self.slices.is_empty() {
            return;
        }
        let steps = loop {
            let (width, by) = (u128::from(self.width_ns.max(1)), by.as_nanos());
            let steps = usize::try_from((by + width / 2) / width).unwrap_or(usize::MAX);
            if steps.saturating_add(self.slices.len()) <= MOST || self.width_ns > u64::MAX / 2 {
                break steps.min(MOST);
            }
            self.widen();
        };
        self.slices
            .splice(0..0, std::iter::repeat_n(Slice::default(), steps));
    }
}

impl GeneratorHealth {
    /// Adds a generator on another machine.
    fn beside(&mut self, other: &Self) {
        let throttled = match (self.throttled, other.throttled) {
            (Some(mine), Some(other)) => Some(Throttled {
                periods: mine.periods.saturating_add(other.periods),
                throttled_periods: mine.throttled_periods.saturating_add(other.throttled_periods),
                seconds: mine.seconds + other.seconds,
            }),
            (mine, other) => mine.or(other),
        };
        self.merge(other);
        self.throttled = throttled;
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::metrics::{Histogram, SliceRecorder, Statistic, Timing, nanos};

    /// `requests` in so many seconds, from a second on, each of which took as many milliseconds.
    fn load(began: f64, seconds: f64, requests: u64, latency: u64) -> LoadMeasurement {
        let began = Timestamp::UNIX_EPOCH + Duration::from_secs_f64(1000.0 + began);
        let mut load = LoadMeasurement {
            began: Some(began),
            requests,
            answered: requests,
            elapsed: seconds,
            cold_start: Some(latency as f64),
            ..LoadMeasurement::default()
        };
        let mut slices = SliceRecorder::default();
        let latency = Duration::from_millis(latency);
        for n in 0..requests {
            let due = nanos(Duration::from_secs_f64(seconds * n as f64 / requests as f64));
            slices.request(due, false);
            slices.latency(due, nanos(latency));
            load.timings.entry(Timing::Latency).or_default().record(latency);
        }
        load.slices = slices.finish();
        load.exemplars = vec![Exemplar {
            latency: latency.as_secs_f64() * 1e3,
            due: 1.0,
            ..Exemplar::default()
        }];
        load
    }

    fn per_slice(load: &LoadMeasurement) -> Vec<u64> {
        load.slices.iter().map(|slice| slice.requests).collect()
    }

    #[test]
    fn generators_that_began_together_share_their_slices() {
        let mut both = load(0.0, 3.0, 300, 5);
        both.beside(&load(0.004, 3.0, 600, 9));
        assert_eq!((both.requests, both.slices.iter().count()), (900, 30));
        assert!(
            per_slice(&both).iter().all(|n| *n == 30),
            "{:?}",
            per_slice(&both)
        );
        assert!((both.elapsed - 3.004).abs() < 1e-9, "{}", both.elapsed);
        let all: &Histogram = &both.timings[&Timing::Latency];
        assert_eq!(all.count(), 900);
        assert_eq!(all.statistic(Statistic::Min), Some(5.0));
        assert_eq!(both.cold_start, Some(5.0));
    }

    #[test]
    fn what_began_later_stands_later_whichever_is_added() {
        let (early, late) = (load(0.0, 2.0, 200, 5), load(1.0, 2.0, 200, 9));
        let mut one = early.clone();
        one.beside(&late);
        let mut other = late;
        other.beside(&early);
        for both in [&one, &other] {
            let expected = [vec![10; 10], vec![20; 10], vec![10; 10]].concat();
            assert_eq!(per_slice(both), expected);
            assert!((both.elapsed - 3.0).abs() < 1e-9, "{}", both.elapsed);
            assert_eq!(both.began, early.began);
            let kept: Vec<_> = both.exemplars.iter().map(|one| (one.latency, one.due)).collect();
            assert_eq!(kept, [(9.0, 2.0), (5.0, 1.0)]);
        }
    }

    #[test]
    fn days_between_two_starts_take_no_memory() {
        let mut both = load(0.0, 2.0, 200, 5);
        both.beside(&load(86_400.0 * 365.0, 2.0, 100, 5));
        assert!(both.slices.iter().count() <= MOST);
        assert_eq!(per_slice(&both).iter().sum::<u64>(), 300);
        let mut end = load(0.0, 2.0, 200, 5);
        end.began = Some(Timestamp::MIN);
        end.beside(&LoadMeasurement {
            began: Some(Timestamp::MAX),
            ..load(0.0, 2.0, 100, 5)
        });
        assert!(end.slices.iter().count() <= MOST);
    }

    #[test]
    fn quotas_of_two_machines_add_up() {
        let health = |seconds| GeneratorHealth {
            threads: 1,
            wall_seconds: 5.0,
            throttled: Some(Throttled {
                periods: 10,
                throttled_periods: 1,
                seconds,
            }),
            ..GeneratorHealth::default()
        };
        let mut both = health(0.5);
        both.beside(&health(2.0));
        assert_eq!((both.threads, both.wall_seconds), (2, 5.0));
        assert_eq!(
            both.throttled.map(|all| (all.periods, all.seconds)),
            Some((20, 2.5))
        );
    }
}
