//! [`GeneratorHealth`]: what the load generator noticed about itself while it ran.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::Histogram;

/// How the threads that send requests and receive answers fared. What the system does not tell is absent.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(default, rename_all = "camelCase")]
pub struct GeneratorHealth {
    /// Threads that sent and received.
    pub threads: u32,
    /// How long they ran, in seconds.
    pub wall_seconds: f64,
    /// CPU time of all of them, in seconds.
    pub cpu_seconds: Option<f64>,
    /// Time in which they could have run and waited for a processor, in seconds: all of them together. Time in which
    /// their cgroup was throttled is part of it.
    pub run_queue_seconds: Option<f64>,
    /// The share of the time in which the busiest thread was not idle, 0 … 1: it ran, or waited for a processor.
    pub busiest: Option<f64>,
    /// How often the system took the processor from them.
    pub involuntary_switches: Option<u64>,
    /// How late the event loop came to a timer that was due at any instant: what an event at that instant would have waited.
    pub loop_lag: Histogram,
    /// Of each latency, the part in which the thread had nothing to do: it is surely the target's. In the rest an
    /// answer may have lain in the socket. A latency of up to 10 ms is too short to tell and counts whole.
    pub target_time: Histogram,
    /// How many separate times the event loop was held up for longer than 10 ms.
    pub stalls: u64,
    /// How much the CPU quota of a cgroup held back the processes in it.
    pub throttled: Option<Throttled>,
    /// Open files, connections among them.
    pub files: Option<Usage>,
    /// Local ports of outgoing TCP connections, including those of closed ones that still linger.
    pub ports: Option<Usage>,
}

/// What a CPU quota did.
#[derive(Debug, Clone, Copy, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(default, rename_all = "camelCase")]
pub struct Throttled {
    /// Periods in which the quota was in force.
    pub periods: u64,
    /// Of these, the ones in which it was used up.
    pub throttled_periods: u64,
    /// How long processes were held back, in seconds: the sum over processors.
    pub seconds: f64,
}

/// How much of something limited was used.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(default, rename_all = "camelCase")]
pub struct Usage {
    /// Most that was seen at once.
    pub most: u64,
    /// How many there can be.
    pub limit: u64,
}

impl GeneratorHealth {
    /// Adds another thread of the same load.
    pub fn merge(&mut self, other: &Self) {
        self.threads += other.threads;
        self.add(other);
        self.wall_seconds = self.wall_seconds.max(other.wall_seconds);
        // Every thread saw the same cgroup.
        self.throttled = longer(self.throttled, other.throttled);
    }

    /// Adds a load that ran after this one.
    pub fn append(&mut self, later: &Self) {
        self.threads = self.threads.max(later.threads);
        self.add(later);
        self.wall_seconds += later.wall_seconds;
        self.throttled = both(self.throttled, later.throttled, |a, b| Throttled {
            periods: a.periods + b.periods,
            throttled_periods: a.throttled_periods + b.throttled_periods,
            seconds: a.seconds + b.seconds,
        });
    }

    /// What adds up the same way, beside each other and one after the other.
    fn add(&mut self, other: &Self) {
        self.cpu_seconds = both(self.cpu_seconds, other.cpu_seconds, |a, b| a + b);
        self.run_queue_seconds = both(self.run_queue_seconds, other.run_queue_seconds, |a, b| a + b);
        self.busiest = both(self.busiest, other.busiest, f64::max);
        self.involuntary_switches = both(self.involuntary_switches, other.involuntary_switches, |a, b| {
            a + b
        });
        self.loop_lag.merge(&other.loop_lag);
        self.target_time.merge(&other.target_time);
        self.stalls += other.stalls;
        self.files = both(self.files, other.files, fuller);
        self.ports = both(self.ports, other.ports, fuller);
    }
}

/// Both if both are known, else the known one.
fn both<T>(mine: Option<T>, other: Option<T>, join: impl Fn(T, T) -> T) -> Option<T> {
    match (mine, other) {
        (Some(mine), Some(other)) => Some(join(mine, other)),
        (mine, other) => mine.or(other),
    }
}

fn longer(mine: Option<Throttled>, other: Option<Throttled>) -> Option<Throttled> {
    both(mine, other, |a, b| if b.seconds > a.seconds { b } else { a })
}

fn fuller(mine: Usage, other: Usage) -> Usage {
    if other.most > mine.most { other } else { mine }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;
    use crate::metrics::Statistic;

    fn thread(lag: u64, busy: f64) -> GeneratorHealth {
        let mut health = GeneratorHealth {
            threads: 1,
            wall_seconds: 2.0,
            cpu_seconds: Some(0.5),
            busiest: Some(busy),
            stalls: 1,
            throttled: Some(Throttled {
                periods: 20,
                throttled_periods: 2,
                seconds: 0.1,
            }),
            ..GeneratorHealth::default()
        };
        health.loop_lag.record(Duration::from_millis(lag));
        health
    }

    #[test]
    fn threads_beside_each_other_share_the_time_and_the_cgroup() {
        let mut both = thread(1, 0.2);
        both.merge(&thread(7, 0.9));
        assert_eq!((both.threads, both.stalls), (2, 2));
        assert_eq!((both.wall_seconds, both.cpu_seconds), (2.0, Some(1.0)));
        assert_eq!(both.busiest, Some(0.9));
        assert_eq!(both.throttled.map(|throttled| throttled.periods), Some(20));
        assert_eq!(both.loop_lag.statistic(Statistic::Max), Some(7.0));
    }

    #[test]
    fn loads_after_each_other_add_up() {
        let mut both = thread(1, 0.2);
        both.append(&thread(7, 0.1));
        assert_eq!((both.threads, both.wall_seconds), (1, 4.0));
        assert_eq!(both.busiest, Some(0.2));
        assert_eq!(both.throttled.map(|throttled| throttled.periods), Some(40));
    }

    #[test]
    fn what_one_side_does_not_know_is_taken_from_the_other() {
        let mut mine = GeneratorHealth::default();
        let mut other = thread(1, 0.2);
        other.files = Some(Usage { most: 9, limit: 10 });
        mine.merge(&other);
        assert_eq!(mine.files, other.files);
        assert_eq!((mine.cpu_seconds, mine.run_queue_seconds), (Some(0.5), None));
    }

    #[test]
    fn a_result_without_details_is_read() {
        let health: GeneratorHealth = serde_json::from_str("{\"threads\":1}").expect("readable");
        assert_eq!(health.threads, 1);
        assert_eq!(health.loop_lag.count(), 0);
    }
}
