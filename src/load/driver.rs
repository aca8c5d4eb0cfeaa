//! [`run`]: the load on threads of its own, as many as it needs, and what they counted put together.

use std::num::NonZeroU32;
use std::sync::atomic::AtomicU64;
use std::sync::{Arc, Mutex, OnceLock, PoisonError};
use std::time::Duration;

use tokio::sync::{Barrier, oneshot};
use tokio::time::Instant;
use tokio_util::sync::CancellationToken;

use super::files::raise_limit;
use super::health::{self, STALL};
use super::lanes::{Free, Source};
use super::pacer::SystemPacer;
use super::random::Random;
use super::schedule::Schedule;
use super::tally::{Recent, Tally};
use super::worker::{Begin, Counted, NEVER, Work, drive};
use super::{LoadError, Mix, Pace, Plan, Pool, Progress, Target};
use crate::metrics::{Histogram, LoadMeasurement, Timing};

/// Requests per second that one thread sends without being late.
const RATE_PER_WORKER: f64 = 20_000.0;
/// Requests per second of one thread from which a wake-up for each is too dear: a processor would do little else.
const DEAR: f64 = 15_000.0;
/// As much later may requests be released then.
const CLOSE: Duration = Duration::from_micros(50);
/// Connections that keep one thread busy in a closed loop.
const CONNECTIONS_PER_WORKER: u32 = 32;

/// Runs a load; `targets` makes those of one worker, in the order of the parts. When the returned future is dropped, the
/// load stops. `progress` is called about twice a second and once at the end.
pub(super) async fn run<T: Target>(
    plan: &Plan,
    mix: &Mix,
    pools: &[Pool],
    targets: impl Fn() -> Vec<T> + Send + Sync + 'static,
    shutdown: &CancellationToken,
    progress: impl Fn(Progress) + Send + Sync + 'static,
) -> Result<Vec<LoadMeasurement>, LoadError> {
    raise_limit();
    let stop = shutdown.child_token();
    let _stop_when_dropped = stop.clone().drop_guard();
    let schedule = Schedule::new(plan, mix, Random::new().bits());
    let count = workers(plan, mix, pools);
    let total = match (&schedule, plan.stop.time()) {
        (Some(schedule), _) => schedule.total(),
        (None, None) => plan
            .stop
            .count()
            .map(|count| count.saturating_mul(pools.len() as u64)),
        (None, Some(_)) => None,
    };
    let shared = Arc::new(Shared {
        targets,
        progress,
        board: Mutex::new(Board::new(count, total)),
    });
    let gate = Arc::new(Gate::new(count));
    let mut ends = Vec::new();
    for (worker, work) in shares(plan, mix, pools, schedule.as_ref(), count)
        .into_iter()
        .enumerate()
    {
        let (done, end) = oneshot::channel();
        let (shared, stop, gate) = (Arc::clone(&shared), stop.clone(), Arc::clone(&gate));
        let runtime = tokio::runtime::Builder::new_current_thread()
            .enable_all()
            .on_thread_park(health::sleeps)
            .on_thread_unpark(health::wakes)
            .build()
            .map_err(LoadError::Start)?;
        let body = move || {
            let load = async move {
                let report = |start, recent: &[Recent]| shared.report(worker, start, recent);
                let (targets, mut pacer) = ((shared.targets)(), SystemPacer::new());
                drive(work, targets, &mut pacer, &*gate, &stop, &report).await
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
    let mut all: Option<Counted> = None;
    for end in ends {
        let counted = end
            .await
            .map_err(LoadError::Stopped)?
            .map_err(LoadError::Panicked)?;
        match &mut all {
            Some(all) => all.merge(&counted),
            None => all = Some(counted),
        }
    }
    let counted = all.expect("there is at least one worker");
    Ok(measured(counted, mix, schedule.as_ref(), shutdown.is_cancelled()))
}

/// What the threads of a load share.
struct Shared<F, P> {
    targets: F,
    progress: P,
    board: Mutex<Board>,
}

impl<F, P: Fn(Progress)> Shared<F, P> {
    /// Takes in how one worker is getting on; the first one tells how all are.
    fn report(&self, worker: usize, start: Instant, recent: &[Recent]) {
        // A thread that panicked in here has left nothing half done.
        let mut board = self.board.lock().unwrap_or_else(PoisonError::into_inner);
        board.post(worker, start, recent);
        if worker == 0 {
            let progress = board.progress();
            drop(board);
            (self.progress)(progress);
        }
    }
}

/// Lets all workers begin at the same instant.
struct Gate {
    all: Barrier,
    start: OnceLock<Instant>,
}

impl Gate {
    fn new(workers: usize) -> Self {
        Self {
            all: Barrier::new(workers),
            start: OnceLock::new(),
        }
    }
}

impl Begin for Gate {
    async fn begin(&self) -> Instant {
        self.all.wait().await;
        *self.start.get_or_init(Instant::now)
    }
}

/// How many threads the load needs: no more than there are processors, and a connection of every part for each.
fn workers(plan: &Plan, mix: &Mix, pools: &[Pool]) -> usize {
    let processors = std::thread::available_parallelism().map_or(1, usize::from);
    let fewest = pools.iter().map(|pool| pool.connections.get()).min().unwrap_or(1);
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

/// The highest rate of a paced load, over all versions.
fn top_rate(plan: &Plan, mix: &Mix) -> f64 {
    let rate = match &plan.pace {
        Pace::Free => 0.0,
        Pace::PerSecond(rate) => rate.get(),
        Pace::Stages(stages) => {
            let rates = stages.iter().flat_map(|stage| [stage.from, stage.to]).flatten();
            rates.map(super::Rate::get).fold(0.0, f64::max)
        }
    };
    rate * mix.versions.get() as f64
}

/// What each worker has to do.
fn shares(plan: &Plan, mix: &Mix, pools: &[Pool], schedule: Option<&Schedule>, workers: usize) -> Vec<Work> {
    let free: Vec<Free> = pools
        .iter()
        .map(|_| Free {
            until: plan.stop.time(),
            count: plan.stop.count().unwrap_or(u64::MAX),
            taken: Arc::new(AtomicU64::new(0)),
        })
        .collect();
    let close = if top_rate(plan, mix) / workers as f64 > DEAR {
        CLOSE
    } else {
        Duration::ZERO
    };
    let share = |worker| {
        let schedule = schedule.map(|schedule| schedule.clone().share(worker, workers));
        let source = |part: usize| match &schedule {
            Some(schedule) => Source::Paced(Box::new(schedule.clone().only(part))),
            None => Source::Free(free[part].clone()),
        };
        Work {
            parts: pools
                .iter()
                .enumerate()
                .map(|(part, pool)| (share_of_pool(pool, worker, workers), source(part)))
                .collect(),
            schedule: schedule.clone(),
            close,
            grace: plan.grace,
        }
    };
    (0..workers).map(share).collect()
}

/// A worker's connections; the first ones get what cannot be divided.
fn share_of_pool(pool: &Pool, worker: usize, workers: usize) -> Pool {
    let share = |all: NonZeroU32| {
        let (worker, workers) = (to_u32(worker), to_u32(workers));
        let rest = u32::from(worker < all.get() % workers);
        NonZeroU32::new(all.get() / workers + rest).unwrap_or(NonZeroU32::MIN)
    };
    Pool {
        connections: share(pool.connections),
        max_connections: share(pool.max_connections.max(pool.connections)),
        ..pool.clone()
    }
}

fn to_u32(n: usize) -> u32 {
    u32::try_from(n).unwrap_or(u32::MAX)
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
#[derive(Debug)]
struct Board {
    start: Option<Instant>,
    workers: Vec<Recent>,
    total: Option<u64>,
}

impl Board {
    fn new(workers: usize, total: Option<u64>) -> Self {
        Self {
            start: None,
            workers: vec![Recent::default(); workers],
            total,
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

fn together(all: &[Recent]) -> Recent {
    let mut sum = Recent::default();
    all.iter().for_each(|one| sum.merge(one));
    sum
}

#[cfg(test)]
#[path = "driver_tests.rs"]
mod tests;
