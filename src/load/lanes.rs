//! [`Lanes`]: the connections of one part of a load on one worker. It knows which requests are due and not yet taken,
//! which lanes are free, and what was counted.

use std::cell::{Cell, RefCell};
use std::collections::VecDeque;
use std::future::poll_fn;
use std::pin::pin;
use std::rc::Rc;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::task::{Poll, Waker};
use std::time::Duration;

use tokio::time::Instant;

use super::schedule::Schedule;
use super::tally::{Recent, Sent, Tally};
use super::{Failed, Target, UnderWay, health};
use crate::metrics::Histogram;

/// A request that a lane has taken.
#[derive(Debug, Clone, Copy)]
pub(super) struct Turn {
    /// Its number in the part, from 0.
    pub(super) n: u64,
    /// When it was due, from the start.
    pub(super) at: Duration,
}

/// Where requests come from.
#[derive(Debug)]
pub(super) enum Source {
    /// A schedule: the requests that were released and not yet taken.
    Paced(Box<Schedule>),
    /// As many as the lanes can send; all workers count together.
    Free(Free),
}

/// The requests of a closed loop.
#[derive(Debug, Clone)]
pub(super) struct Free {
    /// When the load ends.
    pub(super) until: Option<Duration>,
    /// How many there are here.
    pub(super) count: u64,
    /// Of the numbers of the whole load these are every `stride`-th, from `first` on.
    pub(super) first: u64,
    /// See `first`.
    pub(super) stride: u64,
    /// How many were taken by the lanes of all workers.
    pub(super) taken: Arc<AtomicU64>,
}

/// Where a free lane waits for its next request.
#[derive(Debug, Default)]
pub(super) struct Slot {
    /// The number of the lane on this worker.
    lane: u32,
    called: Cell<bool>,
    waker: RefCell<Option<Waker>>,
}

impl Slot {
    /// That of the lane of a number.
    pub(super) fn of(lane: u32) -> Self {
        Self {
            lane,
            ..Self::default()
        }
    }

    fn call(&self) {
        self.called.set(true);
        if let Some(waker) = self.waker.take() {
            waker.wake();
        }
    }
}

/// What became of the connection of a lane while it was not used.
#[derive(Debug, Default)]
pub(super) struct Lost {
    /// The server closed it, and the next one takes its place.
    pub(super) broke: bool,
    /// The server sent what nobody had asked for. It is what the next answer would have begun with.
    pub(super) unasked: Option<Failed>,
}

#[derive(Debug)]
struct State {
    source: Source,
    /// Requests that were released and not yet taken.
    due: u64,
    /// Nothing more will be released.
    finished: bool,
    /// Lanes from this number on end.
    most: u32,
    idle: VecDeque<Rc<Slot>>,
}

/// What became of the release of a request.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Released {
    /// A free lane was called.
    Taken,
    /// No lane is free.
    Waiting,
}

/// The lanes of one part on one worker.
#[derive(Debug)]
pub(super) struct Lanes<T> {
    pub(super) target: T,
    pub(super) timeout: Duration,
    /// When the load began.
    pub(super) start: Instant,
    state: RefCell<State>,
    pub(super) tally: RefCell<Tally>,
    /// Of long latencies, the part that is surely the target's.
    pub(super) target_time: RefCell<Histogram>,
    /// Requests of a lower number are counted nowhere.
    skip: u64,
    /// Set when lanes are ended because the time of the load is over: what becomes of their requests.
    pub(super) time_is_over: Cell<Option<UnderWay>>,
}

enum Next {
    Turn(Turn),
    Over,
    Nothing,
}

impl<T: Target> Lanes<T> {
    pub(super) fn new(target: T, timeout: Duration, source: Source, start: Instant, skip: u64) -> Self {
        Self {
            target,
            timeout,
            start,
            state: RefCell::new(State {
                source,
                due: 0,
                finished: false,
                most: u32::MAX,
                idle: VecDeque::new(),
            }),
            tally: RefCell::new(Tally::new(start).skipping(skip)),
            target_time: RefCell::default(),
            skip,
            time_is_over: Cell::default(),
        }
    }

    /// A request has its latency, whatever became of it.
    pub(super) fn ended(&self, n: u64, latency: Duration) {
        // A closed loop keeps its thread busy by intention.
        if self.paced()
            && n >= self.skip
            && let Some(part) = health::target_part(latency)
        {
            self.target_time.borrow_mut().record(part);
        }
    }

    /// A request has failed at `end`. Its latency, where it has one, is counted wherever latencies are.
    pub(super) fn failed(&self, tally: &mut Tally, sent: Sent, end: Instant, failed: &Failed) {
        if failed.has_latency() {
            let ended = end.saturating_duration_since(self.start);
            self.ended(sent.n, ended.saturating_sub(sent.due));
        }
        tally.failed(sent, end, failed);
    }

    /// Whether requests are due at instants of their own.
    pub(super) fn paced(&self) -> bool {
        matches!(self.state.borrow().source, Source::Paced(_))
    }

    /// Since the start.
    pub(super) fn now(&self) -> Duration {
        self.start.elapsed()
    }

    fn take(&self, lane: u32) -> Next {
        let mut state = self.state.borrow_mut();
        if lane >= state.most {
            return Next::Over;
        }
        let State {
            source,
            due,
            finished,
            ..
        } = &mut *state;
        match source {
            Source::Paced(schedule) if *due > 0 => {
                *due -= 1;
                // The cursor has as many requests as were released.
                schedule.next().map_or(Next::Over, |due| {
                    Next::Turn(Turn {
                        n: due.of_part,
                        at: due.at,
                    })
                })
            }
            Source::Paced(_) | Source::Free(_) if *finished => Next::Over,
            Source::Paced(_) => Next::Nothing,
            Source::Free(free) => {
                let at = self.start.elapsed();
                if free.until.is_some_and(|until| at >= until) {
                    return Next::Over;
                }
                let n = free.taken.fetch_add(1, Ordering::Relaxed);
                if n < free.count {
                    let n = n.saturating_mul(free.stride).saturating_add(free.first);
                    Next::Turn(Turn { n, at })
                } else {
                    Next::Over
                }
            }
        }
    }

    /// The next request, as soon as there is one; `None` when there will be none. A connection that breaks meanwhile is
    /// dropped.
    pub(super) async fn next(
        &self,
        slot: &Rc<Slot>,
        conn: &mut Option<T::Conn>,
        lost: &mut Lost,
    ) -> Option<Turn> {
        loop {
            match self.take(slot.lane) {
                Next::Turn(turn) => return Some(turn),
                Next::Over => return None,
                Next::Nothing => {}
            }
            self.state.borrow_mut().idle.push_back(Rc::clone(slot));
            while let Woken::Broken(unasked) = self.wait(slot, conn.as_mut()).await {
                *conn = None;
                *lost = Lost {
                    broke: unasked.is_none(),
                    unasked,
                };
            }
        }
    }

    async fn wait(&self, slot: &Slot, conn: Option<&mut T::Conn>) -> Woken {
        let mut broken = pin!(async {
            match conn {
                Some(conn) => self.target.broken(conn).await,
                None => std::future::pending().await,
            }
        });
        poll_fn(|context| {
            if let Poll::Ready(unasked) = broken.as_mut().poll(context) {
                return Poll::Ready(Woken::Broken(unasked));
            }
            if slot.called.replace(false) {
                return Poll::Ready(Woken::Called);
            }
            let mut waker = slot.waker.borrow_mut();
            if waker
                .as_ref()
                .is_none_or(|known| !known.will_wake(context.waker()))
            {
                *waker = Some(context.waker().clone());
            }
            Poll::Pending
        })
        .await
    }

    /// A request has become due.
    pub(super) fn release(&self) -> Released {
        let mut state = self.state.borrow_mut();
        state.due += 1;
        match state.idle.pop_front() {
            Some(slot) => {
                slot.call();
                Released::Taken
            }
            None => Released::Waiting,
        }
    }

    /// There may be only so many lanes from now on: the others end when they have answered what they have. How many
    /// requests are due for which there is no lane.
    pub(super) fn allow(&self, most: u32) -> u64 {
        let mut state = self.state.borrow_mut();
        state.most = most;
        // Each of them sees for itself; one that was called and ends now leaves its request to another.
        let idle = std::mem::take(&mut state.idle);
        idle.iter().for_each(|slot| slot.call());
        state.due.saturating_sub(idle.len() as u64)
    }

    /// Whether a closed loop has no request left for another lane.
    pub(super) fn is_over(&self) -> bool {
        let state = self.state.borrow();
        match &state.source {
            Source::Paced(_) => state.finished,
            Source::Free(free) => {
                state.finished
                    || free.until.is_some_and(|until| self.now() >= until)
                    || free.taken.load(Ordering::Relaxed) >= free.count
            }
        }
    }

    /// Nothing more will be released; the lanes send what is due and end.
    pub(super) fn finish(&self) {
        let mut state = self.state.borrow_mut();
        state.finished = !matches!(state.source, Source::Free(_)) || state.finished;
        for slot in state.idle.drain(..) {
            slot.call();
        }
    }

    /// What is due and not sent stays unsent; the lanes end with the requests they have.
    pub(super) fn close(&self) {
        let mut state = self.state.borrow_mut();
        let State { source, due, .. } = &mut *state;
        if let Source::Paced(schedule) = source {
            let (mut tally, now) = (self.tally.borrow_mut(), self.now());
            let mut target_time = self.target_time.borrow_mut();
            for unsent in schedule.take(usize::try_from(*due).unwrap_or(usize::MAX)) {
                tally.unsent(unsent.of_part, unsent.at, now);
                if unsent.of_part >= self.skip
                    && let Some(part) = health::target_part(now.saturating_sub(unsent.at))
                {
                    target_time.record(part);
                }
            }
        }
        *due = 0;
        state.finished = true;
        drop(state);
        self.finish();
    }

    /// How the load of these lanes is getting on.
    pub(super) fn recent(&self) -> Recent {
        self.tally.borrow_mut().recent()
    }
}

#[derive(Debug)]
enum Woken {
    Called,
    Broken(Option<Failed>),
}
