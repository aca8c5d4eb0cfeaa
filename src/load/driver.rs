//! The one loop: a schedule, a [`Target`] and a tally, on a thread of its own.
//!
//! Paced loads are an open loop. A dispatcher releases requests when they are due; idle lanes (one per connection)
//! take them. What is due while every lane is busy waits, and its latency counts from the due instant. The queue is
//! two counters, `taken` and `released`, because the schedule knows when each number was due.

use std::cell::RefCell;
use std::rc::Rc;
use std::sync::Arc;
use std::time::Duration;

use tokio::sync::{Notify, OwnedSemaphorePermit, Semaphore, oneshot};
use tokio::task::JoinSet;
use tokio::time::{Instant, MissedTickBehavior, interval_at, sleep_until, timeout, timeout_at};
use tokio_util::sync::CancellationToken;

use super::files::raise_limit;
use super::pacer::{Pacer, SystemPacer};
use super::tally::{Sent, Tally};
use super::warm_up::warm_up;
use super::{Failed, LoadError, Pace, Plan, Progress, Schedule, Target};
use crate::metrics::{FailureClass, LoadMeasurement};

/// How often progress is reported.
const REPORT_EVERY: Duration = Duration::from_millis(500);
/// How long an interrupted load waits for answers.
const PATIENCE: Duration = Duration::from_millis(1500);
/// How late a release may be and still count as on time: timers are no more precise on some systems.
const ON_TIME: Duration = Duration::from_millis(5);
/// Connections that are opened at the same time, where nothing waits for them.
pub(super) const OPENING: usize = 128;
/// Later than any load lasts.
const NEVER: Duration = Duration::from_hours(24 * 365 * 30);

/// Runs a load on a thread of its own. When the returned future is dropped, the load stops.
pub(super) async fn run<T: Target + Send>(
    plan: Plan,
    target: T,
    shutdown: &CancellationToken,
    progress: impl Fn(Progress) + Send + 'static,
) -> Result<LoadMeasurement, LoadError> {
    raise_limit();
    let stop = shutdown.child_token();
    let _stop_when_dropped = stop.clone().drop_guard();
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .map_err(LoadError::Start)?;
    let (done, outcome) = oneshot::channel();
    std::thread::Builder::new()
        .name("load".to_owned())
        .spawn(move || {
            let local = tokio::task::LocalSet::new();
            let load = async {
                let mut pacer = SystemPacer::new();
                drive(plan, target, &mut pacer, &stop, &progress).await
            };
            // Nobody listens any more when the caller has gone: there is nobody to tell.
            let _ = done.send(local.block_on(&runtime, load));
        })
        .map_err(LoadError::Start)?;
    outcome.await.map_err(LoadError::Stopped)
}

/// Where requests come from.
#[derive(Debug, Clone, Copy)]
enum Source {
    Paced(Schedule),
    Free { until: Option<Duration> },
}

/// A request that a lane has taken.
#[derive(Debug, Clone, Copy)]
struct Due {
    n: u64,
    at: Duration,
}

#[derive(Debug)]
struct State {
    /// Requests that have become due; for a free pace, all there may be.
    released: u64,
    /// Of these, those that a lane has taken.
    taken: u64,
    /// Nothing more will be released.
    finished: bool,
    /// Lanes that wait for a request and have not been promised one.
    idle: u32,
    tally: Tally,
}

/// What the dispatcher and the lanes share.
struct Work<T> {
    target: T,
    timeout: Duration,
    source: Source,
    start: Instant,
    state: RefCell<State>,
    wake: Notify,
}

impl<T: Target> Work<T> {
    fn now(&self) -> Duration {
        self.start.elapsed()
    }

    /// The next request, as soon as there is one; `None` when there will be none.
    async fn next(&self) -> Option<Due> {
        loop {
            {
                let mut state = self.state.borrow_mut();
                match self.source {
                    _ if state.taken >= state.released => {
                        if state.finished {
                            return None;
                        }
                        state.idle += 1;
                    }
                    Source::Paced(schedule) => {
                        let n = state.taken;
                        state.taken += 1;
                        return Some(Due {
                            n,
                            at: schedule.due(n),
                        });
                    }
                    Source::Free { until } => {
                        let at = self.now();
                        if until.is_some_and(|until| at >= until) {
                            return None;
                        }
                        let n = state.taken;
                        state.taken += 1;
                        return Some(Due { n, at });
                    }
                }
            }
            self.wake.notified().await;
        }
    }

    /// Whether a free pace has no request left for another lane.
    fn is_over(&self) -> bool {
        let state = self.state.borrow();
        let late = matches!(self.source, Source::Free { until: Some(until) } if self.now() >= until);
        late || state.taken >= state.released
    }

    /// No more will be released; the lanes finish what is due and end.
    fn finish(&self) {
        self.state.borrow_mut().finished = true;
        self.wake.notify_waiters();
    }

    /// What is due and not sent stays unsent; the lanes end with the requests they have.
    fn close(&self) {
        let mut state = self.state.borrow_mut();
        let now = self.now();
        if let Source::Paced(schedule) = self.source {
            for n in state.taken..state.released {
                state.tally.unsent(schedule.due(n), now);
            }
        }
        state.released = state.taken;
        drop(state);
        self.finish();
    }
}

/// Counts a request as cut off when its lane is ended in the middle of it.
struct InFlight<'a, T: Target> {
    work: &'a Work<T>,
    sent: Sent,
    ended: bool,
}

impl<T: Target> Drop for InFlight<'_, T> {
    fn drop(&mut self) {
        if !self.ended {
            let cut_off = Failed::new(FailureClass::CutOff, "no answer yet when the run was stopped");
            let mut state = self.work.state.borrow_mut();
            state.tally.failed(self.sent, Instant::now(), &cut_off);
        }
    }
}

/// What a lane has.
struct Lane<C> {
    /// Opened when it is needed and replaced when it breaks.
    conn: Option<C>,
    /// The number of the connection; 0 when there is none, or when the warm-up opened it.
    number: u64,
    /// Held until the first connection is open.
    opening: Option<OwnedSemaphorePermit>,
}

impl<C> Lane<C> {
    fn new(conn: Option<C>) -> Self {
        Self {
            conn,
            number: 0,
            opening: None,
        }
    }
}

/// Takes one request after the other, each on the lane's one connection.
async fn run_lane<T: Target>(work: Rc<Work<T>>, mut lane: Lane<T::Conn>) {
    while let Some(due) = work.next().await {
        let sent_at = Instant::now();
        let sent = Sent {
            n: due.n,
            due: due.at,
            at: sent_at.saturating_duration_since(work.start),
            connection: lane.number,
            opened: None,
        };
        let mut in_flight = InFlight {
            work: &work,
            sent,
            ended: false,
        };
        request(&work, &mut lane, sent, sent_at).await;
        in_flight.ended = true;
        lane.opening = None;
        if lane.conn.is_none() {
            // A refused connection may not have waited for anything.
            tokio::task::yield_now().await;
        }
        tokio::task::consume_budget().await;
    }
}

/// Sends one request and counts what becomes of it.
async fn request<T: Target>(work: &Work<T>, lane: &mut Lane<T::Conn>, mut sent: Sent, sent_at: Instant) {
    let Lane {
        conn,
        number,
        opening,
    } = lane;
    let deadline = sent_at + work.timeout;
    let attempt = async {
        if conn.is_none() {
            let (opened, times) = work.target.connect().await?;
            *number = work.state.borrow_mut().tally.connected(times);
            (sent.connection, sent.opened) = (*number, Some(times));
            *conn = Some(opened);
            *opening = None;
        }
        let open = conn.as_mut().expect("opened above, if it was not open");
        Ok(work.target.send(open, sent.n).await)
    };
    let outcome: Result<_, Failed> = match timeout_at(deadline, attempt).await {
        Ok(outcome) => outcome,
        Err(_elapsed) => {
            let what = if conn.is_some() {
                "complete answer"
            } else {
                "connection"
            };
            let example = format!("no {what} within {:?}", work.timeout);
            Err(Failed::new(FailureClass::Timeout, example))
        }
    };
    let mut state = work.state.borrow_mut();
    let tally = &mut state.tally;
    let keep = match outcome {
        Ok(sample) => {
            for times in &sample.connects {
                *number = tally.connected(*times);
                (sent.connection, sent.opened) = (*number, Some(*times));
            }
            tally.reconnected(sample.reconnects);
            match sample.result {
                Ok(answer) => tally.answered(sent, &answer),
                Err(failed) => tally.failed(sent, Instant::now(), &failed),
            }
            sample.reusable
        }
        Err(failed) => {
            let now = Instant::now();
            let timed_out = failed.class == FailureClass::Timeout;
            // However the timer rounds, a time-out lasts at least as long as the time-out.
            tally.failed(sent, if timed_out { now.max(deadline) } else { now }, &failed);
            false
        }
    };
    if !keep {
        (*conn, *number) = (None, 0);
    }
}

/// Runs a load on the current thread, inside a `LocalSet`.
pub(super) async fn drive<T: Target>(
    plan: Plan,
    target: T,
    pacer: &mut impl Pacer,
    shutdown: &CancellationToken,
    progress: &impl Fn(Progress),
) -> LoadMeasurement {
    let warm = warm_up(&plan, &target, shutdown).await;
    let start = Instant::now();
    let (source, released) = match plan.pace {
        Pace::PerSecond(rate) => (Source::Paced(Schedule::new(rate, plan.stop)), 0),
        Pace::Free => {
            let until = plan.stop.time();
            (Source::Free { until }, plan.stop.count().unwrap_or(u64::MAX))
        }
    };
    let total = match source {
        Source::Paced(schedule) => Some(schedule.len()),
        Source::Free { until: Some(_) } => None,
        Source::Free { until: None } => plan.stop.count(),
    };
    let work = Rc::new(Work {
        target,
        timeout: plan.timeout,
        source,
        start,
        state: RefCell::new(State {
            released,
            taken: 0,
            finished: false,
            idle: 0,
            tally: Tally::new(start),
        }),
        wake: Notify::new(),
    });
    let report = async {
        let mut ticks = interval_at(start + REPORT_EVERY, REPORT_EVERY);
        ticks.set_missed_tick_behavior(MissedTickBehavior::Skip);
        loop {
            ticks.tick().await;
            let snapshot = work.state.borrow_mut().tally.progress(Instant::now(), total);
            progress(snapshot);
        }
    };
    let mut lanes = JoinSet::new();
    for conn in warm {
        lanes.spawn_local(run_lane(Rc::clone(&work), Lane::new(Some(conn))));
    }
    tokio::select! {
        () = dispatch(&plan, &work, &mut lanes, pacer, shutdown) => {}
        () = report => {}
    }
    // Lanes that are ended here count what they were doing.
    lanes.shutdown().await;
    let mut state = work.state.borrow_mut();
    progress(state.tally.progress(Instant::now(), total));
    let tally = std::mem::replace(&mut state.tally, Tally::new(start));
    let scheduled = match source {
        // What was cut short has lasted as long as it has.
        Source::Paced(schedule) if shutdown.is_cancelled() => schedule.covers(tally.seen()).min(work.now()),
        Source::Paced(schedule) => schedule.covers(tally.seen()).min(NEVER),
        Source::Free { .. } => Duration::ZERO,
    };
    tally.finish(scheduled)
}

/// Releases every request when it is due, then waits for what is under way.
async fn dispatch<T: Target>(
    plan: &Plan,
    work: &Rc<Work<T>>,
    lanes: &mut JoinSet<()>,
    pacer: &mut impl Pacer,
    shutdown: &CancellationToken,
) {
    let (interrupted, give_up) = match work.source {
        Source::Paced(schedule) => {
            let interrupted = release(plan, work, schedule, lanes, pacer, shutdown).await;
            let give_up = schedule.end().saturating_add(plan.grace).min(NEVER);
            (interrupted, work.start + give_up)
        }
        Source::Free { .. } => {
            let interrupted = open_lanes(plan, work, lanes, shutdown).await;
            (interrupted, work.start + NEVER)
        }
    };
    work.finish();
    if !interrupted {
        tokio::select! {
            () = ended(lanes) => return,
            () = sleep_until(give_up) => {
                work.close();
                tokio::select! {
                    () = ended(lanes) => return,
                    () = shutdown.cancelled() => {}
                }
            }
            () = shutdown.cancelled() => {}
        }
    }
    work.close();
    // Those that take longer are cut off.
    let _ = timeout(PATIENCE, ended(lanes)).await;
}

/// Starts the lanes of a free pace, each as soon as few enough are still opening their connection, until there is
/// nothing left for another one. Whether it was interrupted.
async fn open_lanes<T: Target>(
    plan: &Plan,
    work: &Rc<Work<T>>,
    lanes: &mut JoinSet<()>,
    shutdown: &CancellationToken,
) -> bool {
    let mut interrupted = std::pin::pin!(shutdown.cancelled());
    let opening = Arc::new(Semaphore::new(OPENING));
    while lanes.len() < plan.connections.get() as usize {
        let permit = tokio::select! {
            biased;
            () = &mut interrupted => return true,
            permit = Arc::clone(&opening).acquire_owned() => permit.ok(),
        };
        if work.is_over() {
            break;
        }
        let lane = Lane {
            opening: permit,
            ..Lane::new(None)
        };
        lanes.spawn_local(run_lane(Rc::clone(work), lane));
        // It takes its request before the next one is started.
        tokio::task::yield_now().await;
    }
    false
}

async fn ended(lanes: &mut JoinSet<()>) {
    while lanes.join_next().await.is_some() {}
}

/// Whether it was interrupted.
async fn release<T: Target>(
    plan: &Plan,
    work: &Rc<Work<T>>,
    schedule: Schedule,
    lanes: &mut JoinSet<()>,
    pacer: &mut impl Pacer,
    shutdown: &CancellationToken,
) -> bool {
    let mut interrupted = std::pin::pin!(shutdown.cancelled());
    for n in 0..schedule.len() {
        let at = work.start + schedule.due(n).min(NEVER);
        tokio::select! {
            biased;
            () = &mut interrupted => return true,
            () = pacer.wait_until(at) => {}
        }
        let lag = at.elapsed();
        let mut state = work.state.borrow_mut();
        state.released += 1;
        state.tally.released(lag);
        if state.idle > 0 {
            state.idle -= 1;
            work.wake.notify_one();
        } else if lanes.len() < plan.most_connections() as usize {
            lanes.spawn_local(run_lane(Rc::clone(work), Lane::new(None)));
        } else if lag <= ON_TIME {
            // One that was released late waits because of us, not because of the target.
            state.tally.waited();
        }
    }
    false
}

#[cfg(test)]
#[path = "driver_tests.rs"]
mod tests;
