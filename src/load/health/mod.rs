//! The load generator watches itself: [`Monitor`].
//!
//! # Why
//! A latency has a part that is ours: a request is sent late, or its answer is there and our thread does not look at it.
//! Two gauges see that part from two sides.
//! - Of each latency, the time in which our thread was idle is surely the target's. The rest may be ours.
//! - A timer at evenly spread instants: how late the event loop comes to it is what any event at that instant waits,
//!   whatever holds the loop up (other work, a quota, a hypervisor, our own queue of events).

mod gauge;
mod system;
mod timeline;

use std::time::Duration;

use tokio::time::{Instant, sleep_until};

use crate::metrics::{GeneratorHealth, Histogram, Usage};
use system::{Account, Cgroups};

pub(super) use gauge::{sleeps, target_part, wakes};

/// Mean distance of the timers that measure how late the event loop of a paced load is.
const TICK: Duration = Duration::from_millis(10);
/// The same of a closed loop, which keeps its thread busy by intention: every timer makes its waits dearer.
const RARE: Duration = Duration::from_millis(500);
/// Files and ports are looked at about so often.
const USAGE_EVERY: Duration = RARE;
/// A longer wait is a stall. Beside other work, waits of a scheduler's turn (about 4 ms) are ordinary, to send and again
/// to receive.
pub(super) const STALL: Duration = Duration::from_millis(10);

/// Watches the thread that drives a load, from its start to its end.
#[derive(Debug)]
pub(super) struct Monitor {
    tick: Duration,
    start: Instant,
    account: Account,
    cgroups: Cgroups,
    ticks: u32,
    loop_lag: Histogram,
    stalls: u64,
    files: Option<Usage>,
    ports: Option<Usage>,
}

impl Monitor {
    /// To be called on the thread of the load, when the load starts.
    pub(super) fn start(paced: bool) -> Self {
        gauge::start(paced);
        Self {
            tick: if paced { TICK } else { RARE },
            start: Instant::now(),
            account: Account::read(),
            cgroups: Cgroups::of_this_process(),
            ticks: 0,
            loop_lag: Histogram::new(),
            stalls: 0,
            files: system::files(),
            ports: system::ports(),
        }
    }

    /// Measures until it is dropped; to be polled by the event loop of the load.
    pub(super) async fn watch(&mut self) {
        loop {
            let due = self.start + tick_after(self.tick, self.start.elapsed(), self.ticks);
            sleep_until(due).await;
            self.ticked(due.elapsed());
        }
    }

    fn ticked(&mut self, late: Duration) {
        self.ticks = self.ticks.wrapping_add(1);
        self.stalls += u64::from(late > STALL);
        // The ticks that were due meanwhile waited, too.
        let mut lag = late;
        self.loop_lag.record(lag);
        while lag > self.tick {
            lag -= self.tick;
            self.loop_lag.record(lag);
        }
        let every = USAGE_EVERY.as_nanos() / self.tick.as_nanos();
        if u128::from(self.ticks).is_multiple_of(every) {
            self.look_at_usage();
        }
    }

    fn look_at_usage(&mut self) {
        self.files = fuller(self.files, system::files());
        self.ports = fuller(self.ports, system::ports());
    }

    /// What was noticed; to be called on the thread of the load, when the load has ended.
    pub(super) fn finish(mut self) -> GeneratorHealth {
        let wall = self.start.elapsed().as_secs_f64();
        self.look_at_usage();
        let now = Account::read();
        let seconds = |before: Option<Duration>, after: Option<Duration>| {
            Some(after?.saturating_sub(before?).as_secs_f64())
        };
        let cpu = seconds(self.account.cpu, now.cpu);
        let waited = seconds(self.account.waited, now.waited);
        let reading = gauge::finish();
        GeneratorHealth {
            threads: 1,
            wall_seconds: wall,
            cpu_seconds: cpu,
            run_queue_seconds: waited,
            busiest: (wall > 0.0).then(|| (1.0 - reading.idle.as_secs_f64() / wall).clamp(0.0, 1.0)),
            involuntary_switches: self
                .account
                .involuntary
                .zip(now.involuntary)
                .map(|(before, after)| after.saturating_sub(before)),
            loop_lag: self.loop_lag,
            target_time: Histogram::new(),
            stalls: self.stalls.max(reading.stalls),
            throttled: self.cgroups.throttled(),
            files: self.files,
            ports: self.ports,
        }
    }
}

/// When the next tick is due: once in every period, but at another phase of it, or ticks and requests would keep step.
fn tick_after(tick: Duration, elapsed: Duration, ticks: u32) -> Duration {
    let whole = u32::try_from(elapsed.as_nanos() / tick.as_nanos() + 1).unwrap_or(u32::MAX);
    // Multiples of the golden ratio, without their whole part, are spread evenly.
    let part = (f64::from(ticks) * 0.618_033_988_75).fract();
    tick * whole + tick.mul_f64(part)
}

fn fuller(before: Option<Usage>, now: Option<Usage>) -> Option<Usage> {
    before.into_iter().chain(now).max_by_key(|usage| usage.most)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::metrics::Statistic;

    #[test]
    fn ticks_come_at_all_phases_of_their_period() {
        let mut phases = [0; 10];
        let mut now = Duration::ZERO;
        for ticks in 0..100 {
            let due = tick_after(TICK, now, ticks);
            assert!(due > now && due < now + 2 * TICK);
            let phase = due.as_nanos() % TICK.as_nanos();
            phases[usize::try_from(phase * 10 / TICK.as_nanos()).expect("below ten")] += 1;
            now = due;
        }
        assert!(phases.iter().all(|count| (8..=12).contains(count)), "{phases:?}");
    }

    #[tokio::test]
    async fn what_was_due_in_a_stall_waited_for_the_rest_of_it() {
        let mut monitor = Monitor::start(true);
        monitor.ticked(Duration::from_millis(35));
        monitor.ticked(Duration::from_millis(1));
        let health = monitor.finish();
        assert_eq!(health.stalls, 1);
        let lags: Vec<String> = health
            .loop_lag
            .points()
            .map(|(lag, _)| format!("{lag:.0}"))
            .collect();
        assert_eq!(lags, ["1", "5", "15", "25", "35"]);
    }

    #[tokio::test]
    async fn a_loop_that_is_held_up_is_late_and_a_thread_that_works_uses_its_processor() {
        let mut monitor = Monitor::start(true);
        let work = async {
            // Longer than the timer's coarseness, and busy all the time.
            for _ in 0..5 {
                sleep_until(Instant::now() + Duration::from_millis(15)).await;
                let until = std::time::Instant::now() + Duration::from_millis(60);
                while std::time::Instant::now() < until {}
            }
        };
        tokio::select! {
            () = work => {}
            () = monitor.watch() => {}
        }
        let health = monitor.finish();
        assert!(health.stalls >= 4, "{health:?}");
        let worst = health.loop_lag.statistic(Statistic::Max).expect("ticks");
        assert!(worst > 10.0, "{worst}");
        #[cfg(target_os = "linux")]
        {
            assert!(health.cpu_seconds.expect("known") > 0.0, "{health:?}");
            assert!(health.files.expect("known").limit > 0);
        }
    }
}
