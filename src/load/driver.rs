//! [`run`]: the load on threads of its own, as many as it needs, and what they counted put together.

use std::num::{NonZeroU32, NonZeroUsize};
use std::sync::atomic::AtomicU64;
use std::sync::{Arc, Mutex, MutexGuard, OnceLock, PoisonError};
use std::time::Duration;

use futures_util::future::try_join_all;
use jiff::Timestamp;
use tokio::sync::{Barrier, oneshot};
use tokio::task::JoinError;
use tokio::time::{Instant, sleep_until};
use tokio_util::sync::CancellationToken;

use super::files;
use super::health::{self, STALL};
use super::lanes::{Free, Source};
use super::pacer::SystemPacer;
use super::random::Random;
use super::schedule::Schedule;
use super::seats::Seats;
use super::tally::{Recent, Tally};
use super::teller::Teller;
use super::worker::{Begin, Counted, Ends, NEVER, Report, Signals, Work, drive};
use super::{LoadError, Mix, Pace, Plan, Pool, Progress, Target};
use crate::metrics::{Histogram, LoadMeasurement, Timing};

/// Requests per second that one thread sends without being late.
const RATE_PER_WORKER: f64 = 20_000.0;
/// Requests per second of one thread from which a wake-up for each is too dear: a processor would do little else.
const DEAR: f64 = 15_000.0;
/// As much later may requests be released then.
const CLOSE: Duration = Duration::from_micros(50);
/// How long before an agreed start workers of a paced load go ahead: more than a tick of the timer that they wait by.
const AHEAD: Duration = Duration::from_millis(5);
/// Connections that keep one thread busy in a closed loop.
const CONNECTIONS_PER_WORKER: u32 = 32;

/// Runs a load; `targets` makes those of one worker, in the order of the parts. When the returned future is dropped, the
/// load stops. The onlooker is asked about twice a second, and once more at the end.
pub(super) async fn run<T: Target>(
    plan: &Plan,
    mix: &Mix,
    pools: &[Pool],
    targets: impl Fn() -> Vec<T> + Send + Sync + 'static,
    shutdown: &CancellationToken,
    mut onlooker: Onlooker,
) -> Result<Ran, LoadError> {
    let teller = Teller::of(&mut onlooker).map_err(LoadError::Start)?;
    let connections = pools
        .iter()
        .map(|pool| u64::from(pool.most_connections(&plan.pace)));
    let _raised = files::prepare(connections.sum());
    let over = shutdown.child_token();
    let _over_when_dropped = over.clone().drop_guard();
    let stop = over.child_token();
    let schedule = schedule(plan, mix);
    let count = workers(plan, mix, pools);
    let total = match (&schedule, plan.stop.time()) {
        (Some(schedule), _) => schedule.total(),
        (None, None) => plan
            .stop
            .count()
            .map(|count| share(plan, count).saturating_mul(pools.len() as u64)),
        (None, Some(_)) => None,
    };
    let skipped = share(plan, plan.skip).saturating_mul(pools.len() as u64);
    let total = total.map(|total| total.saturating_sub(skipped));
    let shared = Arc::new(Shared {
        targets,
        stop: stop.clone(),
        versions: mix.versions,
        schedule: schedule.clone(),
        board: Mutex::new(Board::new(count, total, onlooker)),
    });
    let gate = Arc::new(Gate::new(plan, count, stop.clone()));
    let signals = Signals {
        stop: stop.clone(),
        shutdown: over,
    };
    let mut ends = Vec::new();
    for (worker, work) in shares(plan, mix, pools, schedule.as_ref(), count)
        .into_iter()
        .enumerate()
    {
        let (done, end) = oneshot::channel();
        let (shared, signals, gate) = (Arc::clone(&shared), signals.clone(), Arc::clone(&gate));
        let runtime = tokio::runtime::Builder::new_current_thread()
            .enable_all()
            .on_thread_park(health::sleeps)
            .on_thread_unpark(health::wakes)
            .build()
            .map_err(LoadError::Start)?;
        let body = move || {
            let load = async move {
                let (targets, mut pacer) = ((shared.targets)(), SystemPacer::new());
                let desk = Desk { worker, shared };
                drive(work, targets, &mut pacer, &*gate, &signals, &desk).await
            };
            let set = tokio::task::LocalSet::new();
            // As a task, it is polled when it is woken, not with every lane.
            let load = set.spawn_local(load);
            let tallies = set.block_on(&runtime, load);
            // Nobody listens any more when the caller has gone: there is nobody to tell.
            let _ = done.send(tallies);
        };
        let name = format!("load {worker}");
        std::thread::Builder::new()
            .name(name)
            .spawn(body)
            .map_err(LoadError::Start)?;
        ends.push(end);
    }
    // The first that is lost ends the wait: the others may be waiting for it.
    let counted = try_join_all(ends.into_iter().map(ended)).await?;
    let counted = counted.into_iter().reduce(|mut all, other| {
        all.merge(&other);
        all
    });
    let mut counted = counted.expect("there is at least one worker");
    let (enough, last) = {
        let mut board = shared.board();
        board.onlooker.progress = Box::new(drop);
        (board.enough.take(), board.progress())
    };
    teller.finish(last).await;
    let began = gate.start.get().map(|(_, began)| *began);
    counted
        .parts
        .iter_mut()
        .for_each(|(tally, _)| tally.began = began);
    Ok(Ran {
        began,
        parts: measured(counted, mix, schedule.as_ref(), stop.is_cancelled()),
        enough,
        unmade: None,
    })
}

async fn ended(end: oneshot::Receiver<Result<Counted, JoinError>>) -> Result<Counted, LoadError> {
    end.await
        .map_err(LoadError::Stopped)?
        .map_err(LoadError::Panicked)
}

/// Who looks at a load while it goes on.
pub struct Onlooker {
    /// Is told how it is getting on, about twice a second and once at the end, from another thread.
    pub progress: Box<dyn Fn(Progress) + Send + Sync>,
    /// Says why the load may as well end, from what each part has measured so far. Asked about twice a second.
    pub enough: Option<Enough>,
}

/// Says why a load may as well end.
pub type Enough = Box<dyn FnMut(&[LoadMeasurement]) -> Option<String> + Send>;

/// A load that ran.
#[derive(Debug)]
pub struct Ran {
    /// When it began to send, whatever of that is counted.
    pub began: Option<Timestamp>,
    /// What was measured of each part.
    pub parts: Vec<LoadMeasurement>,
    /// Why it ended early, if the onlooker wanted that.
    pub enough: Option<String>,
    /// Why a request could not be made, which ended it.
    pub unmade: Option<String>,
}

/// What the threads of a load share.
struct Shared<F> {
    targets: F,
    stop: CancellationToken,
    versions: NonZeroUsize,
    schedule: Option<Schedule>,
    board: Mutex<Board>,
}

impl<F> Shared<F> {
    /// A thread that panicked in here has left nothing half done.
    fn board(&self) -> MutexGuard<'_, Board> {
        self.board.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Where one worker reports. The first one passes on how all are; at the end, that is left to who waits for them.
struct Desk<F> {
    worker: usize,
    shared: Arc<Shared<F>>,
}

impl<F: Send + Sync + 'static> Report for Desk<F> {
    fn recent(&self, start: Instant, parts: &[Recent]) {
        let mut board = self.shared.board();
        board.post(self.worker, start, parts);
        if self.worker == 0 {
            let progress = board.progress();
            (board.onlooker.progress)(progress);
        }
    }

    fn ended(&self, start: Instant, parts: &[Recent]) {
        self.shared.board().post(self.worker, start, parts);
    }

    fn looks(&self) -> bool {
        self.shared.board().onlooker.enough.is_some()
    }

    fn counted(&self, parts: Vec<Tally>) {
        self.shared.board().counted[self.worker] = parts;
        if self.worker == 0 {
            // On a thread of its own: to look takes longer than a request may wait.
            let shared = Arc::clone(&self.shared);
            tokio::task::spawn_blocking(move || shared.look());
        }
    }
}

impl<F> Shared<F> {
    /// Shows the onlooker what was measured so far, and stops the load if that is enough.
    fn look(&self) {
        let (counted, enough) = {
            let mut board = self.board();
            // Somebody else is still looking, or there is nothing more to see.
            let enough = board.onlooker.enough.take();
            let counted = board.counted.clone();
            (counted, enough)
        };
        let Some(mut enough) = enough else { return };
        let why = all_counted(counted)
            .map(|tallies| self.so_far(&tallies))
            .and_then(|so_far| enough(&so_far));
        let mut board = self.board();
        if why.is_some() && board.enough.is_none() {
            board.enough = why;
            self.stop.cancel();
        }
        board.onlooker.enough = Some(enough);
    }

    fn so_far(&self, tallies: &[Tally]) -> Vec<LoadMeasurement> {
        let seen: u64 = tallies.iter().map(Tally::seen).sum();
        let turns = seen.div_ceil(self.versions.get() as u64);
        let covered = self.schedule.as_ref().map(|schedule| schedule.covers(turns));
        let covered = covered.unwrap_or_default();
        // What is due later is no part of the time.
        let of_part = |tally: &Tally| tally.measured_so_far(covered.min(tally.lasted()));
        tallies.iter().map(of_part).collect()
    }
}

/// The schedule of what is sent from here, if it is paced.
fn schedule(plan: &Plan, mix: &Mix) -> Option<Schedule> {
    let Some(shard) = plan.shard else {
        return Schedule::new(plan, mix, Random::new().bits());
    };
    let to_usize = |n| usize::try_from(n).unwrap_or(usize::MAX);
    let whole = Schedule::new(plan, mix, shard.seed)?;
    Some(whole.share(to_usize(shard.index), to_usize(shard.of.get())))
}

/// Of so many requests of the whole load, those that are sent from here.
fn share(plan: &Plan, all: u64) -> u64 {
    plan.shard.map_or(all, |shard| shard.share(all))
}

/// Lets all workers begin at the same instant.
struct Gate {
    all: Barrier,
    /// Ends the wait for workers that will never come.
    stop: CancellationToken,
    /// The instant that was agreed on, and how long before it workers go ahead: the pacer waits more precisely.
    agreed: Option<(Instant, Duration)>,
    /// By both clocks.
    start: OnceLock<(Instant, Timestamp)>,
}

impl Gate {
    fn new(plan: &Plan, workers: usize, stop: CancellationToken) -> Self {
        let ahead = if plan.pace.is_paced() {
            AHEAD
        } else {
            Duration::ZERO
        };
        let agreed = plan.shard.and_then(|shard| shard.start);
        Self {
            all: Barrier::new(workers),
            stop,
            agreed: agreed.map(|at| (at, ahead)),
            start: OnceLock::new(),
        }
    }
}

impl Begin for Gate {
    async fn begin(&self) -> Instant {
        let all = async {
            self.all.wait().await;
            if let Some((at, ahead)) = self.agreed {
                sleep_until(at.checked_sub(ahead).unwrap_or(at)).await;
            }
        };
        tokio::select! {
            () = all => {}
            () = self.stop.cancelled() => {}
        }
        let now = || {
            let now = Instant::now();
            // Within the last moments before it.
            let at = self
                .agreed
                .map(|(at, _)| at)
                .filter(|at| now < *at && *at < now + 2 * AHEAD);
            let start = at.unwrap_or(now);
            (start, Timestamp::now() + (start - now))
        };
        self.start.get_or_init(now).0
    }
}

/// How many threads the load needs: no more than there are processors, and a connection and a lane of every part for each.
fn workers(plan: &Plan, mix: &Mix, pools: &[Pool]) -> usize {
    let processors = std::thread::available_parallelism().map_or(1, usize::from);
    let fewest = pools.iter().map(Seats::most_workers).min();
    let fewest = fewest.map_or(1, NonZeroU32::get);
    let connections: u32 = pools.iter().map(|pool| pool.connections.get()).sum();
    let wanted = if plan.pace.is_paced() {
        #[expect(
            clippy::cast_possible_truncation,
            clippy::cast_sign_loss,
            reason = "saturates, and a rate is not negative"
        )]
        let workers = (top_rate(plan, mix) / RATE_PER_WORKER).ceil() as u32;
        workers
    } else {
        connections / CONNECTIONS_PER_WORKER
    };
    processors.min(wanted.clamp(1, fewest) as usize)
}

/// The highest rate that is sent from here of a paced load, over all versions.
fn top_rate(plan: &Plan, mix: &Mix) -> f64 {
    let rate = match &plan.pace {
        Pace::Free => 0.0,
        Pace::PerSecond(rate) => rate.get(),
        Pace::Stages(stages) => {
            let rates = stages.iter().flat_map(|stage| [stage.from, stage.to]).flatten();
            rates.map(super::Rate::get).fold(0.0, f64::max)
        }
    };
    let shards = plan.shard.map_or(1, |shard| shard.of.get());
    rate * mix.versions.get() as f64 / f64::from(shards)
}

/// What each worker has to do.
fn shares(plan: &Plan, mix: &Mix, pools: &[Pool], schedule: Option<&Schedule>, workers: usize) -> Vec<Work> {
    let free: Vec<Free> = pools
        .iter()
        .map(|_| Free {
            until: plan.stop.time(),
            count: plan.stop.count().map_or(u64::MAX, |count| share(plan, count)),
            first: plan.shard.map_or(0, |shard| u64::from(shard.index)),
            stride: plan.shard.map_or(1, |shard| u64::from(shard.of.get())),
            taken: Arc::new(AtomicU64::new(0)),
        })
        .collect();
    let close = if top_rate(plan, mix) / workers as f64 > DEAR {
        CLOSE
    } else {
        Duration::ZERO
    };
    let work = |worker| {
        let schedule = schedule.map(|schedule| schedule.clone().share(worker, workers));
        let source = |part: usize| match &schedule {
            Some(schedule) => Source::Paced(Box::new(schedule.clone().only(part))),
            None => Source::Free(free[part].clone()),
        };
        Work {
            parts: pools
                .iter()
                .enumerate()
                .map(|(part, pool)| {
                    (
                        Seats::new(pool, schedule.is_some(), worker, workers),
                        source(part),
                    )
                })
                .collect(),
            schedule: schedule.clone(),
            skip: plan.skip,
            ends: Ends {
                close,
                grace: plan.grace,
                cut: plan.cut(),
            },
        }
    };
    (0..workers).map(work).collect()
}

/// What all workers counted, of each part.
fn measured(
    counted: Counted,
    mix: &Mix,
    schedule: Option<&Schedule>,
    cut_short: bool,
) -> Vec<LoadMeasurement> {
    let Counted { parts, health } = counted;
    let seen: u64 = parts.iter().map(|(tally, _)| tally.seen()).sum();
    let covered = schedule.map(|schedule| schedule.covers(seen.div_ceil(mix.versions.get() as u64)));
    let finish = |(tally, target_time): (Tally, Histogram)| {
        let at_least = match covered {
            // What was cut short has lasted as long as it has.
            Some(covered) if cut_short => covered.min(tally.lasted()),
            Some(covered) => covered.min(NEVER),
            None => Duration::ZERO,
        };
        let mut measured = tally.finish(at_least);
        let mut health = health.clone();
        if schedule.is_some() {
            health.target_time = with_short(target_time, measured.timings.get(&Timing::Latency));
        }
        measured.health = Some(health);
        measured
    };
    parts.into_iter().map(finish).collect()
}

/// Latencies that are too short to tell count whole as the target's.
fn with_short(mut target_time: Histogram, latency: Option<&Histogram>) -> Histogram {
    for (milliseconds, count) in latency.iter().flat_map(|latency| latency.points()) {
        let latency = Duration::from_secs_f64(milliseconds / 1e3);
        if latency > STALL {
            break;
        }
        target_time.record_many(latency, count);
    }
    target_time
}

/// How all workers are getting on.
struct Board {
    start: Option<Instant>,
    workers: Vec<Recent>,
    /// By worker and part, when somebody looks.
    counted: Vec<Vec<Tally>>,
    total: Option<u64>,
    onlooker: Onlooker,
    enough: Option<String>,
}

impl Board {
    fn new(workers: usize, total: Option<u64>, onlooker: Onlooker) -> Self {
        Self {
            start: None,
            workers: vec![Recent::default(); workers],
            counted: vec![Vec::new(); workers],
            total,
            onlooker,
            enough: None,
        }
    }

    fn post(&mut self, worker: usize, start: Instant, parts: &[Recent]) {
        self.start = Some(start);
        self.workers[worker] = together(parts);
    }

    fn progress(&self) -> Progress {
        let elapsed = self.start.map_or(Duration::ZERO, |start| start.elapsed());
        together(&self.workers).progress(elapsed, self.total)
    }
}

/// What all workers counted of each part, once all have said so.
fn all_counted(counted: Vec<Vec<Tally>>) -> Option<Vec<Tally>> {
    if counted.iter().any(Vec::is_empty) {
        return None;
    }
    counted.into_iter().reduce(|mut all, other| {
        all.iter_mut()
            .zip(&other)
            .for_each(|(mine, other)| mine.merge(other));
        all
    })
}

fn together(all: &[Recent]) -> Recent {
    let mut sum = Recent::default();
    all.iter().for_each(|one| sum.merge(one));
    sum
}

#[cfg(test)]
#[path = "driver_tests/mod.rs"]
mod tests;
