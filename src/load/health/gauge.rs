//! Which part of a latency is surely the target's: the time in which the thread of the load was idle.
//!
//! A thread that sleeps has handled everything that was there for it: whatever is still under way is with the target.
//! While it runs, or is ready and waits for a processor, an answer may already lie in the socket. So the idle time
//! between the instant a request was due and the end of its answer is a lower bound of the target's part.
//!
//! The event loop tells when it goes to sleep and when it wakes. That it was ready before it woke, the kernel knows:
//! it keeps the sum of a thread's waits. Reading that costs a system call, so that it is done every 2 ms at most.
//! The hooks of the event loop are plain functions, hence a value of the thread.

use std::cell::RefCell;
use std::time::{Duration, Instant};

use super::STALL;
use super::system::RunQueue;
use super::timeline::Timeline;

/// Waits are read no more often than this; shorter ones are seen at the next reading.
const RESOLUTION: Duration = Duration::from_millis(2);
/// The same in a closed loop, of which only the sum is told.
const COARSE: Duration = Duration::from_millis(100);

thread_local! {
    static GAUGE: RefCell<Option<Gauge>> = const { RefCell::new(None) };
}

/// Starts to measure this thread.
pub(super) fn start(paced: bool) {
    let queue = RunQueue::of_this_thread();
    let waited = queue.as_ref().and_then(RunQueue::waited).unwrap_or_default();
    let mut gauge = Gauge::new(queue, Instant::now(), waited);
    gauge.resolution = if paced { RESOLUTION } else { COARSE };
    GAUGE.set(Some(gauge));
}

/// The event loop of this thread goes to sleep.
pub(in crate::load) fn sleeps() {
    let _ = with(|gauge, now| {
        let waited = gauge.read(now);
        gauge.sleeps(now, waited);
    });
}

/// The event loop of this thread woke up.
pub(in crate::load) fn wakes() {
    let _ = with(|gauge, now| {
        let waited = gauge.read(now);
        gauge.wakes(now, waited);
    });
}

/// The part of a latency that is surely the target's, of a request that has just ended; `None` when the latency is too
/// short to tell. Nothing is asked of the clock then: most latencies are.
pub(in crate::load) fn target_part(latency: Duration) -> Option<Duration> {
    if latency <= STALL {
        return None;
    }
    with(|gauge, now| gauge.target_part(now, latency))
}

fn with<R>(act: impl FnOnce(&mut Gauge, Instant) -> R) -> Option<R> {
    GAUGE.with_borrow_mut(|gauge| gauge.as_mut().map(|gauge| act(gauge, Instant::now())))
}

/// What the gauge showed.
#[derive(Debug, Default)]
pub(super) struct Reading {
    /// All the time in which the thread was idle.
    pub(super) idle: Duration,
    /// Waits for a processor that were stalls.
    pub(super) stalls: u64,
}

/// Ends the measurement of this thread.
pub(super) fn finish() -> Reading {
    GAUGE.take().map(|gauge| gauge.reading).unwrap_or_default()
}

#[derive(Debug)]
struct Gauge {
    resolution: Duration,
    queue: Option<RunQueue>,
    start: Instant,
    asleep_since: Option<Instant>,
    read_at: Instant,
    /// All waits of the thread, when they were read.
    waited: Duration,
    timeline: Timeline,
    drawn_at: Instant,
    reading: Reading,
}

impl Gauge {
    fn new(queue: Option<RunQueue>, now: Instant, waited: Duration) -> Self {
        Self {
            resolution: RESOLUTION,
            queue,
            start: now,
            asleep_since: None,
            read_at: now,
            waited,
            timeline: Timeline::default(),
            drawn_at: now,
            reading: Reading::default(),
        }
    }

    /// How long the thread waited since the last reading, if it is time for one.
    fn read(&mut self, now: Instant) -> Duration {
        if now.saturating_duration_since(self.read_at) < self.resolution {
            return Duration::ZERO;
        }
        self.read_at = now;
        let waited = self.queue.as_ref().and_then(RunQueue::waited);
        let waited = waited.unwrap_or(self.waited);
        let more = waited.saturating_sub(self.waited);
        self.waited = waited;
        more
    }

    /// It waited meanwhile for so long, while it ran.
    fn sleeps(&mut self, now: Instant, waited: Duration) {
        self.reading.stalls += u64::from(waited > STALL);
        self.asleep_since = Some(now);
        self.draw(now);
    }

    /// It waited for so long, after it slept.
    fn wakes(&mut self, now: Instant, waited: Duration) {
        self.reading.stalls += u64::from(waited > STALL);
        let Some(since) = self.asleep_since.take() else {
            return;
        };
        let asleep = now.saturating_duration_since(since);
        let idle = asleep.saturating_sub(waited);
        if asleep > self.resolution {
            let asleep_at = since.saturating_duration_since(self.start);
            self.timeline.push(asleep_at, self.reading.idle);
            // First it sleeps, then it waits.
            self.timeline.push(asleep_at + idle, self.reading.idle + idle);
            self.drawn_at = since;
        }
        self.reading.idle += idle;
        self.draw(now);
    }

    fn draw(&mut self, now: Instant) {
        if now.saturating_duration_since(self.drawn_at) >= self.resolution {
            self.drawn_at = now;
            self.timeline
                .push(now.saturating_duration_since(self.start), self.reading.idle);
        }
    }

    fn target_part(&self, now: Instant, latency: Duration) -> Duration {
        let due = now.saturating_duration_since(self.start).saturating_sub(latency);
        let idle = self.reading.idle.saturating_sub(self.timeline.idle_at(due));
        idle.min(latency)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn ms(n: u64) -> Duration {
        Duration::from_millis(n)
    }

    struct Thread(Gauge);

    impl Thread {
        fn new() -> Self {
            Self(Gauge::new(None, Instant::now(), Duration::ZERO))
        }

        fn at(&self, at: u64) -> Instant {
            self.0.start + ms(at)
        }

        fn sleeps(&mut self, from: u64, to: u64, then_waited: u64) {
            self.0.sleeps(self.at(from), Duration::ZERO);
            self.0.wakes(self.at(to), ms(then_waited));
        }

        /// The part of the target, in milliseconds.
        fn ended(&mut self, due: u64, end: u64) -> Duration {
            let micros = self.0.target_part(self.at(end), ms(end - due)).as_micros();
            ms(u64::try_from((micros + 500) / 1000).expect("short"))
        }
    }

    #[test]
    fn a_latency_in_which_the_thread_slept_is_the_targets() {
        let mut thread = Thread::new();
        thread.sleeps(1, 301, 0);
        assert_eq!(thread.ended(1, 301), ms(300));
        assert_eq!(thread.ended(101, 301), ms(200));
    }

    #[test]
    fn a_wait_for_a_processor_before_an_answer_is_ours() {
        let mut thread = Thread::new();
        thread.sleeps(0, 40, 38);
        assert_eq!(thread.ended(0, 40), ms(2));
        // It was due when the thread had long been ready.
        assert_eq!(thread.ended(10, 40), ms(0));
        assert_eq!(thread.0.reading.stalls, 1);
    }

    #[test]
    fn a_thread_that_never_sleeps_vouches_for_nothing() {
        let mut thread = Thread::new();
        thread.sleeps(0, 10, 0);
        assert_eq!(thread.ended(20, 900), ms(0));
    }

    #[test]
    fn short_sleeps_add_up() {
        let mut thread = Thread::new();
        for n in 0..100 {
            thread.sleeps(2 * n, 2 * n + 1, 0);
        }
        assert!((ms(9)..=ms(11)).contains(&thread.ended(180, 200)));
        assert_eq!(thread.0.reading.idle, ms(100));
    }

    #[test]
    fn waits_are_read_no_more_often_than_needed() {
        let mut thread = Thread::new();
        for n in 0..50 {
            let at = thread.at(n);
            thread.0.read(at);
        }
        assert_eq!(thread.0.read_at, thread.at(48));
    }
}
