//! [`Patience`]: how long the calls of an API may take, one by one and all of a client together.

use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use tokio::time::Instant;

/// All calls of a client together, and of those that share its time.
const ALL: Duration = Duration::from_mins(1);
/// One call.
const ONE: Duration = Duration::from_secs(10);
/// The first wait after a failure; it doubles.
const FIRST: Duration = Duration::from_millis(500);
/// How often a request is sent.
pub(super) const TRIES: u32 = 4;

/// What is left of the time for calls.
#[derive(Debug)]
pub(super) struct Patience(Mutex<Duration>);

impl Patience {
    /// All of it.
    pub(super) fn new() -> Self {
        Self(Mutex::new(ALL))
    }

    /// Leaves no more than this for the calls that follow.
    pub(super) fn hurry(&self, left: Duration) {
        let mut known = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        *known = left.min(*known);
    }

    fn left(&self) -> Duration {
        *self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn spend(&self, took: Duration) {
        let mut left = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        *left = left.saturating_sub(took);
    }

    /// Waits before the next try; false, at once, when there is no time to.
    pub(super) async fn pause(&self, wait: Duration) -> bool {
        if wait >= self.left() {
            return false;
        }
        tokio::time::sleep(wait).await;
        self.spend(wait);
        true
    }

    /// Makes a call that is told how long it may take; `None` when no time is left.
    pub(super) async fn call<T>(&self, call: impl AsyncFnOnce(Duration) -> T) -> Option<T> {
        let left = self.left();
        if left.is_zero() {
            return None;
        }
        let started = Instant::now();
        let answer = call(left.min(ONE)).await;
        self.spend(started.elapsed());
        Some(answer)
    }
}

/// How long to wait after `tries` failures: what the server asks for, or twice as long each time.
pub(super) fn wait(asked: Option<Duration>, tries: u32) -> Duration {
    asked.map_or_else(
        || FIRST * 2_u32.saturating_pow(tries.saturating_sub(1)),
        |asked| asked.max(FIRST),
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test(start_paused = true)]
    async fn all_calls_together_have_a_minute() {
        let patience = Patience::new();
        let mut calls = 0;
        while let Some(within) = patience
            .call(async |within| {
                tokio::time::sleep(within).await;
                within
            })
            .await
        {
            assert!(within <= ONE);
            calls += 1;
        }
        assert_eq!(calls, 6);
        assert!(!patience.pause(FIRST).await, "there is no time to wait either");
    }

    #[tokio::test(start_paused = true)]
    async fn a_wait_that_is_too_long_is_not_begun() {
        let patience = Patience::new();
        let started = Instant::now();
        assert!(!patience.pause(Duration::from_mins(10)).await);
        assert_eq!(started.elapsed(), Duration::ZERO);
        assert!(patience.pause(Duration::from_secs(50)).await);
        patience.hurry(Duration::from_secs(3));
        assert!(!patience.pause(Duration::from_secs(4)).await);
    }

    #[test]
    fn waits_double_and_what_is_asked_for_is_kept() {
        let waits: Vec<_> = (1..4).map(|tries| wait(None, tries).as_millis()).collect();
        assert_eq!(waits, [500, 1000, 2000]);
        assert_eq!(wait(Some(Duration::from_secs(9)), 3).as_secs(), 9);
        assert_eq!(wait(Some(Duration::ZERO), 1), FIRST);
    }
}
