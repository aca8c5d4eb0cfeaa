//! [`Deadline`]: a time-out for one request after the other that costs next to nothing per request.
//!
//! # Why
//! A timer per request is set and taken away again a hundred thousand times a second, and almost none ever fires. A
//! lane has one timer: it stays where it was set, and when it fires too early for the request that is then under way,
//! it is set anew. Later deadlines are never missed, for each lies behind the one before.

use std::future::{Future, poll_fn};
use std::pin::{Pin, pin};
use std::task::Poll;

use tokio::task::unconstrained;
use tokio::time::{Instant, Sleep, sleep_until};

/// The timer of a lane.
#[derive(Debug)]
pub(super) struct Deadline {
    timer: Pin<Box<Sleep>>,
    /// Whether the timer wakes the lane when it fires.
    armed: bool,
    /// When.
    fires: Instant,
}

impl Deadline {
    /// A timer that has not been set.
    pub(super) fn new() -> Self {
        let now = Instant::now();
        Self {
            timer: Box::pin(sleep_until(now)),
            armed: false,
            fires: now,
        }
    }

    /// What the future comes to, or `None` when it has not by `at`. Each `at` must not lie before the last one; `now` is
    /// about the present.
    pub(super) async fn within<F: Future>(
        &mut self,
        now: Instant,
        at: Instant,
        mut future: Pin<&mut F>,
    ) -> Option<F::Output> {
        // As long as the timer cannot have fired, it need not be looked at: it lies elsewhere in memory.
        let mut asleep = self.armed && now < self.fires;
        poll_fn(|context| {
            if let Poll::Ready(output) = future.as_mut().poll(context) {
                return Poll::Ready(Some(output));
            }
            if std::mem::take(&mut asleep) {
                return Poll::Pending;
            }
            while !self.armed || self.timer.is_elapsed() {
                if Instant::now() >= at {
                    self.armed = false;
                    return Poll::Ready(None);
                }
                self.fires = at;
                self.timer.as_mut().reset(at);
                // Out of budget, it would say that it is pending without having been set.
                let timer = pin!(unconstrained(self.timer.as_mut()));
                self.armed = timer.poll(context).is_pending();
            }
            Poll::Pending
        })
        .await
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use tokio::time::sleep;

    use super::*;

    fn ms(n: u64) -> Duration {
        Duration::from_millis(n)
    }

    #[tokio::test]
    async fn every_request_has_its_own_time_on_one_timer() {
        let mut deadline = Deadline::new();
        let start = Instant::now();
        for n in 0..10 {
            let at = Instant::now() + ms(60);
            assert_eq!(
                deadline
                    .within(
                        Instant::now(),
                        at,
                        pin!(async {
                            sleep(ms(10)).await;
                            n
                        })
                    )
                    .await,
                Some(n)
            );
        }
        let at = Instant::now() + ms(60);
        assert_eq!(
            deadline
                .within(Instant::now(), at, pin!(std::future::pending::<()>()))
                .await,
            None
        );
        assert!(Instant::now() >= at);
        assert!(start.elapsed() >= ms(160));
    }

    #[tokio::test]
    async fn a_future_that_spends_the_budget_does_not_keep_the_timer_from_being_set() {
        let mut deadline = Deadline::new();
        let greedy = poll_fn(|context| {
            while let Poll::Ready(spent) = tokio::task::coop::poll_proceed(context) {
                spent.made_progress();
            }
            Poll::<()>::Pending
        });
        // It wakes itself once, when the budget is spent, and never again.
        let at = Instant::now() + ms(50);
        let mut once = Some(greedy);
        let greedy = poll_fn(move |context| match once.take() {
            Some(greedy) => pin!(greedy).poll(context),
            None => Poll::Pending,
        });
        let mut greedy = pin!(greedy);
        let ended = deadline.within(Instant::now(), at, greedy.as_mut());
        assert_eq!(tokio::time::timeout(ms(5000), ended).await, Ok(None));
    }

    #[tokio::test]
    async fn a_deadline_that_has_passed_still_lets_a_ready_future_win() {
        let mut deadline = Deadline::new();
        let past = Instant::now();
        assert_eq!(deadline.within(past, past, pin!(async { 1 })).await, Some(1));
        assert_eq!(
            deadline
                .within(past, past, pin!(std::future::pending::<u8>()))
                .await,
            None
        );
    }
}
