//! Waiting for an instant, precisely: [`Pacer`].
//!
//! # Why
//! Tokio's timer wheel has ticks of 1 ms, which would put every send half a millisecond late. On Linux a `timerfd`
//! wakes the same event loop within tens of microseconds.

use tokio::time::Instant;

/// Waits for instants, one after the other.
pub(super) trait Pacer {
    /// Returns at `at`, or at once when it has passed.
    async fn wait_until(&mut self, at: Instant);
}

/// Tokio's own timer: precise to a millisecond, and follows paused time in tests.
#[derive(Debug)]
pub(super) struct Sleep;

impl Pacer for Sleep {
    async fn wait_until(&mut self, at: Instant) {
        if at > Instant::now() {
            tokio::time::sleep_until(at).await;
        } else {
            tokio::task::consume_budget().await;
        }
    }
}

/// The most precise pacer of this system.
#[derive(Debug)]
pub(super) enum SystemPacer {
    /// Microseconds.
    #[cfg(target_os = "linux")]
    Timerfd(timerfd::Timerfd),
    /// Milliseconds.
    Sleep(Sleep),
}

impl SystemPacer {
    /// Must be called inside a Tokio runtime.
    pub(super) fn new() -> Self {
        #[cfg(target_os = "linux")]
        if let Ok(timer) = timerfd::Timerfd::new() {
            return Self::Timerfd(timer);
        }
        Self::Sleep(Sleep)
    }
}

impl Pacer for SystemPacer {
    async fn wait_until(&mut self, at: Instant) {
        match self {
            #[cfg(target_os = "linux")]
            Self::Timerfd(timer) => timer.wait_until(at).await,
            Self::Sleep(sleep) => sleep.wait_until(at).await,
        }
    }
}

#[cfg(target_os = "linux")]
mod timerfd {
    use std::io;
    use std::os::fd::OwnedFd;

    use rustix::time::{
        Itimerspec, TimerfdClockId, TimerfdFlags, TimerfdTimerFlags, Timespec, timerfd_create,
        timerfd_settime,
    };
    use tokio::io::Interest;
    use tokio::io::unix::AsyncFd;
    use tokio::time::Instant;

    use super::{Pacer, Sleep};

    /// A kernel timer in the event loop.
    #[derive(Debug)]
    pub(in crate::load) struct Timerfd(AsyncFd<OwnedFd>);

    impl Timerfd {
        pub(super) fn new() -> io::Result<Self> {
            let flags = TimerfdFlags::NONBLOCK | TimerfdFlags::CLOEXEC;
            let timer = timerfd_create(TimerfdClockId::Monotonic, flags)?;
            #[expect(
                deprecated,
                reason = "its successor is unsafe, and asks for what an OwnedFd is: open and the same for its life"
            )]
            let timer = AsyncFd::with_interest(timer, Interest::READABLE)?;
            Ok(Self(timer))
        }

        async fn sleep(&self, at: Instant) -> io::Result<()> {
            let left = at.saturating_duration_since(Instant::now());
            let once = Itimerspec {
                it_interval: Timespec {
                    tv_sec: 0,
                    tv_nsec: 0,
                },
                it_value: Timespec {
                    tv_sec: i64::try_from(left.as_secs()).unwrap_or(i64::MAX),
                    // Zero would disarm the timer.
                    tv_nsec: i64::from(left.subsec_nanos()).max(1),
                },
            };
            timerfd_settime(self.0.get_ref(), TimerfdTimerFlags::empty(), &once)?;
            // Setting the timer forgets its expirations, and each wakes the loop anew (epoll(7), edge-triggered): it
            // never has to be read. An event that comes too early is that of an earlier wait.
            while Instant::now() < at {
                self.0.readable().await?.clear_ready();
            }
            Ok(())
        }
    }

    impl Pacer for Timerfd {
        async fn wait_until(&mut self, at: Instant) {
            if at <= Instant::now() {
                tokio::task::consume_budget().await;
            } else if self.sleep(at).await.is_err() {
                Sleep.wait_until(at).await;
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;

    #[tokio::test]
    async fn the_pacer_never_returns_early_and_takes_the_past_lightly() {
        let mut pacer = SystemPacer::new();
        for step in [0, 1, 3000, 250] {
            let at = Instant::now() + Duration::from_micros(step);
            pacer.wait_until(at).await;
            assert!(Instant::now() >= at);
        }
        let past = Instant::now();
        for _ in 0..1000 {
            pacer.wait_until(past).await;
        }
    }

    #[tokio::test]
    async fn an_abandoned_wait_does_not_end_the_next_one() {
        let mut pacer = SystemPacer::new();
        let soon = Instant::now() + Duration::from_millis(40);
        let given_up = tokio::time::timeout(Duration::ZERO, pacer.wait_until(soon)).await;
        assert!(given_up.is_err());
        tokio::time::sleep(Duration::from_millis(60)).await;
        let later = Instant::now() + Duration::from_millis(5);
        pacer.wait_until(later).await;
        assert!(Instant::now() >= later);
    }
}
