//! stand-in
use super::{Mix, Pace, Plan, Stop};
use std::time::Duration;
#[derive(Debug, Clone, Copy)]
pub(super) struct Due {
    pub(super) of_part: u64,
    pub(super) part: usize,
    pub(super) at: Duration,
}
#[derive(Debug, Clone)]
pub(super) struct Schedule {
    rate: f64,
    len: u64,
    end: Duration,
    time: Duration,
    n: u64,
    parts: u64,
    worker: u64,
    workers: u64,
    only: Option<usize>,
}
impl Schedule {
    pub(super) fn new(plan: &Plan, mix: &Mix, _seed: u64) -> Option<Self> {
        let Pace::PerSecond(rate) = &plan.pace else {
            return None;
        };
        let rate = rate.get();
        let by_time = plan.stop.time().map(|t| (rate * t.as_secs_f64()).ceil() as u64);
        let len = match (plan.stop.count(), by_time) {
            (Some(a), Some(b)) => a.min(b),
            (Some(a), None) => a,
            (None, b) => b.unwrap_or(0),
        };
        let end = match plan.stop {
            Stop::For(t) => t,
            Stop::After(_) | Stop::Either(..) => due(rate, len.saturating_sub(1)),
        };
        Some(Self {
            rate,
            len: len * mix.parts() as u64,
            end,
            time: plan.stop.time().unwrap_or(Duration::MAX),
            n: 0,
            parts: mix.parts() as u64,
            worker: 0,
            workers: 1,
            only: None,
        })
    }
    pub(super) fn share(mut self, worker: usize, workers: usize) -> Self {
        self.worker = worker as u64;
        self.workers = workers as u64;
        self
    }
    pub(super) fn only(mut self, part: usize) -> Self {
        self.only = Some(part);
        self
    }
    pub(super) fn total(&self) -> Option<u64> {
        Some(self.len)
    }
    pub(super) fn end(&self) -> Duration {
        self.end
    }
    pub(super) fn covers(&self, n: u64) -> Duration {
        due(self.rate, n).min(self.time)
    }
}
fn due(rate: f64, n: u64) -> Duration {
    Duration::try_from_secs_f64(n as f64 / rate).unwrap_or(Duration::MAX)
}
impl Iterator for Schedule {
    type Item = Due;
    fn next(&mut self) -> Option<Due> {
        while self.n < self.len {
            let n = self.n;
            self.n += 1;
            let (turn, part) = (n / self.parts, (n % self.parts) as usize);
            if turn % self.workers != self.worker || self.only.is_some_and(|only| only != part) {
                continue;
            }
            return Some(Due {
                of_part: turn,
                part,
                at: due(self.rate * self.parts as f64, n),
            });
        }
        None
    }
}
