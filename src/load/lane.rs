//! One lane: takes one request after the other and sends each on its own connection, which it opens when it is needed.

use std::pin::pin;
use std::rc::Rc;

use tokio::sync::OwnedSemaphorePermit;
use tokio::time::Instant;

use super::deadline::Deadline;
use super::lanes::{Lanes, Lost, Slot};
use super::tally::{Messages, Sent, Tally};
use super::{ConnectTimes, Failed, Sample, Seat, Target, UnderWay, Way};
use crate::metrics::FailureClass;

/// What a lane begins with.
#[derive(Debug)]
pub(super) struct Start<C> {
    /// Its number on this worker, from 0.
    pub(super) number: u32,
    /// Its place among all lanes of the part.
    pub(super) seat: Seat,
    /// A connection that is open already.
    pub(super) conn: Option<C>,
    /// Held until the first connection is open.
    pub(super) opening: Option<OwnedSemaphorePermit>,
}

/// Sends requests until there are none.
pub(super) async fn run<T: Target>(lanes: Rc<Lanes<T>>, start: Start<T::Conn>) {
    let slot = Rc::new(Slot::of(start.number));
    let mut lane = Lane {
        lanes: &lanes,
        deadline: Deadline::new(),
        seat: start.seat,
        conn: start.conn,
        opening: start.opening,
        connection: 0,
        lost: Lost::default(),
        last: 0,
    };
    while let Some(turn) = lanes.next(&slot, &mut lane.conn, &mut lane.lost).await {
        let at = if lanes.paced() {
            Instant::now()
        } else {
            // A closed loop sends when it takes.
            lanes.start + turn.at
        };
        let sent = Sent {
            n: turn.n,
            due: turn.at,
            at: at.saturating_duration_since(lanes.start),
            connection: lane.connection,
            opened: None,
        };
        let mut in_flight = InFlight {
            lanes: &lanes,
            sent,
            way: Way::default(),
            ended: false,
        };
        lane.request(sent, at, &mut in_flight.way).await;
        in_flight.ended = true;
        lane.opening = None;
        if lane.conn.is_none() {
            // A refused connection may not have waited for anything.
            tokio::task::yield_now().await;
        }
        tokio::task::consume_budget().await;
    }
}

struct Lane<'a, T: Target> {
    lanes: &'a Lanes<T>,
    deadline: Deadline,
    seat: Seat,
    conn: Option<T::Conn>,
    opening: Option<OwnedSemaphorePermit>,
    /// The number of the connection; 0 when there is none, or when the warm-up opened it.
    connection: u64,
    /// What became of the last one while it was not used.
    lost: Lost,
    /// The number of the last request.
    last: u64,
}

impl<T: Target> Lane<'_, T> {
    /// Sends one request and counts what becomes of it.
    async fn request(&mut self, mut sent: Sent, at: Instant, way: &mut Way) {
        self.last = sent.n;
        let Self {
            lanes,
            deadline,
            conn,
            opening,
            connection,
            lost,
            ..
        } = self;
        let place = self.seat;
        let ends = at + lanes.timeout;
        let outcome = {
            // Pinned here: a future that is handed on is copied.
            let attempt = pin!(async {
                let open = if let Some(open) = conn {
                    open
                } else {
                    if let Some(unasked) = lost.unasked.take() {
                        return Err(unasked);
                    }
                    // Boxed, for a lane is small as long as it needs nothing else.
                    let (opened, times) = Box::pin(lanes.target.connect(place)).await?;
                    let mut tally = lanes.tally.borrow_mut();
                    let broke = std::mem::take(&mut lost.broke);
                    if let Some(times) = times {
                        *connection = tally.connected(times);
                        tally.reconnected(u32::from(broke));
                    }
                    (sent.connection, sent.opened) = (*connection, times);
                    *opening = None;
                    conn.insert(opened)
                };
                Ok(lanes.target.send(open, sent.n, at, way).await)
            });
            deadline.within(at, ends, attempt).await
        };
        let outcome: Result<_, Failed> = match outcome {
            Some(outcome) => outcome,
            None => Err(timed_out(conn.is_some(), lanes.timeout)),
        };
        let mut tally = lanes.tally.borrow_mut();
        if let Some(messages) = conn.as_mut().and_then(T::messages) {
            if way.unmade {
                *messages = Messages::default();
            }
            tally.messages(sent.n, messages);
        }
        if let Some((number, times)) = count(way, &mut tally, sent.n) {
            *connection = number;
            (sent.connection, sent.opened) = (number, Some(times));
        }
        if way.unmade {
            return tally.skipped();
        }
        let keep = match outcome {
            Ok(Sample {
                result: Ok(answer),
                reusable,
            }) => {
                lanes.ended(sent.n, (answer.end - lanes.start).saturating_sub(sent.due));
                tally.answered(sent, &answer);
                reusable
            }
            Ok(Sample {
                result: Err(failed),
                reusable,
            }) => {
                lanes.failed(&mut tally, sent, Instant::now(), &with_status::<T>(failed));
                reusable
            }
            Err(failed) => {
                let now = Instant::now();
                // However the timer rounds, a time-out lasts at least as long as the time-out.
                let timed_out = failed.class == FailureClass::Timeout;
                let end = if timed_out { now.max(ends) } else { now };
                lanes.failed(&mut tally, sent, end, &with_status::<T>(failed));
                false
            }
        };
        if !keep {
            (*conn, *connection) = (None, 0);
        }
    }
}

/// A failure under the status that it has in the protocol.
fn with_status<T: Target>(failed: Failed) -> Failed {
    Failed {
        status: failed.status.or_else(|| T::status_of(failed.class)),
        ..failed
    }
}

/// Counts what happened on the way of request `n`. The last connection that was opened, and its number.
fn count(way: &mut Way, tally: &mut Tally, n: u64) -> Option<(u64, ConnectTimes)> {
    if way.waited {
        tally.waited(n);
    }
    tally.reconnected(way.reconnects);
    let opened = way.connects.drain(..);
    opened.map(|times| (tally.connected(times), times)).last()
}

fn timed_out(connected: bool, timeout: std::time::Duration) -> Failed {
    let what = if connected {
        "complete answer"
    } else {
        "connection"
    };
    Failed::new(FailureClass::Timeout, format!("no {what} within {timeout:?}"))
}

/// What the messages of a request were counts, even when the lane is ended in the middle of it.
impl<T: Target> Drop for Lane<'_, T> {
    fn drop(&mut self) {
        if self.lanes.time_is_over.get() == Some(UnderWay::Ignore) {
            return;
        }
        if let Some(messages) = self.conn.as_mut().and_then(T::messages) {
            self.lanes.tally.borrow_mut().messages(self.last, messages);
        }
    }
}

/// Counts a request when its lane is ended in the middle of it.
struct InFlight<'a, T: Target> {
    lanes: &'a Lanes<T>,
    sent: Sent,
    way: Way,
    ended: bool,
}

impl<T: Target> Drop for InFlight<'_, T> {
    fn drop(&mut self) {
        if self.ended {
            return;
        }
        let lanes = self.lanes;
        let mut tally = lanes.tally.borrow_mut();
        let tally = &mut *tally;
        count(&mut self.way, tally, self.sent.n);
        let why = match lanes.time_is_over.get() {
            Some(UnderWay::Ignore) => return tally.ignored(self.sent.n),
            Some(UnderWay::CutOff | UnderWay::Finish) => "no answer yet when the time was over",
            None => "no answer yet when the run was stopped",
        };
        let cut_off = with_status::<T>(Failed::new(FailureClass::CutOff, why));
        lanes.failed(tally, self.sent, Instant::now(), &cut_off);
    }
}
