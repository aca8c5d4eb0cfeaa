//! [`drive`]: one worker, one thread. It releases its share of the schedule when it is due, has the lanes of every part
//! send it, and ends when all is answered or time is up.
//!
//! # Why
//! A slow target must not slow the schedule down: requests that it holds up would be counted from when they were sent,
//! not from when they were due, and the stall would not be seen. So the dispatcher only releases; the lanes send.

use std::rc::Rc;
use std::sync::Arc;
use std::time::Duration;

use futures_util::future::join_all;
use tokio::sync::Semaphore;
use tokio::task::JoinSet;
use tokio::time::{Instant, MissedTickBehavior, interval_at, sleep_until, timeout};
use tokio_util::sync::CancellationToken;

use super::lane::{self, Start};
use super::lanes::{Lanes, Released, Source};
use super::pacer::Pacer;
use super::schedule::Schedule;
use super::seats::Seats;
use super::tally::{Recent, Tally};
use super::warm_up::{Warm, warm_up};
use super::{Target, UnderWay, health::Monitor};
use crate::metrics::{GeneratorHealth, Histogram};

/// How often progress is reported.
const REPORT_EVERY: Duration = Duration::from_millis(500);
/// How long an interrupted load waits for answers.
const PATIENCE: Duration = Duration::from_millis(1500);
/// How late a release may be and still count as on time: timers are no more precise on some systems.
const ON_TIME: Duration = Duration::from_millis(5);
/// Connections of one worker that are opened at the same time, where nothing waits for them.
pub(super) const OPENING: usize = 128;
/// Requests that are released without a look at anything else: a rate that cannot be sent must not stop the answers.
const AT_ONCE: usize = 256;
/// Later than any load lasts.
pub(super) const NEVER: Duration = Duration::from_hours(24 * 365 * 30);

/// What one worker has to do.
#[derive(Debug)]
pub(super) struct Work {
    /// Its share; `None` for a closed loop.
    pub(super) schedule: Option<Schedule>,
    /// Of each part: its share of the lanes, and where its requests come from.
    pub(super) parts: Vec<(Seats, Source)>,
    /// So many requests of each part are sent first and not counted.
    pub(super) skip: u64,
    /// When it does what.
    pub(super) ends: Ends,
}

/// When a worker does what.
#[derive(Debug, Clone, Copy)]
pub(super) struct Ends {
    /// Requests that fall due within this time are released together, at the last of their instants: above some rate a
    /// wake-up for each costs more than it is worth.
    pub(super) close: Duration,
    /// How long after the last due instant requests may still be sent.
    pub(super) grace: Duration,
    /// When everything is ended, whatever is under way, and what becomes of that.
    pub(super) cut: Option<(Duration, UnderWay)>,
}

/// What a worker counted.
#[derive(Debug)]
pub(super) struct Counted {
    /// Of each part; and of its long latencies, the part that is surely the target's.
    pub(super) parts: Vec<(Tally, Histogram)>,
    /// How the worker itself fared.
    pub(super) health: GeneratorHealth,
}

impl Counted {
    /// Adds what another worker of the same load counted.
    pub(super) fn merge(&mut self, other: &Self) {
        for ((tally, target_time), other) in self.parts.iter_mut().zip(&other.parts) {
            tally.merge(&other.0);
            target_time.merge(&other.1);
        }
        self.health.merge(&other.health);
    }
}

/// What ends a load before its time.
#[derive(Debug, Clone)]
pub(super) struct Signals {
    /// No more requests; cancelled by `shutdown`, too.
    pub(super) stop: CancellationToken,
    /// The run is over.
    pub(super) shutdown: CancellationToken,
}

/// When the load begins: all workers at the same time, when the last is warm.
pub(super) trait Begin {
    /// Waits for the others.
    async fn begin(&self) -> Instant;
}

/// Who is told how a worker is getting on.
pub(super) trait Report {
    /// About twice a second.
    fn recent(&self, start: Instant, parts: &[Recent]);

    /// At the end.
    fn ended(&self, start: Instant, parts: &[Recent]);

    /// Whether somebody wants to know all that was counted, from time to time.
    fn looks(&self) -> bool;

    /// All that was counted so far of each part.
    fn counted(&self, parts: Vec<Tally>);
}

/// The lanes of all parts on this worker.
struct Crew<T: Target> {
    parts: Vec<Part<T>>,
    running: JoinSet<()>,
}

struct Part<T: Target> {
    lanes: Rc<Lanes<T>>,
    seats: Seats,
    /// Numbers of lanes that were passed over.
    left: Vec<u32>,
    /// The number of the next lane.
    next: u32,
    /// Lanes there may be now.
    most: u32,
    /// When that changes.
    change: Option<Duration>,
}

impl<T: Target> Part<T> {
    /// The number of a lane that may be started.
    fn vacancy(&mut self) -> Option<u32> {
        if let Some(number) = self.left.pop() {
            return Some(number);
        }
        let number = self.next;
        (number < self.most).then(|| {
            self.next += 1;
            number
        })
    }

    fn has_vacancy(&self) -> bool {
        !self.left.is_empty() || self.next < self.most
    }
}

impl<T: Target> Crew<T> {
    fn start_lane(
        &mut self,
        index: usize,
        number: u32,
        conn: Option<T::Conn>,
        opening: Option<tokio::sync::OwnedSemaphorePermit>,
    ) {
        let part = &self.parts[index];
        let start = Start {
            number,
            seat: part.seats.seat(number),
            conn,
            opening,
        };
        self.running.spawn_local(lane::run(Rc::clone(&part.lanes), start));
    }

    /// Starts the lanes whose connections are open. The others start when they are needed.
    fn start_warm(&mut self, index: usize, warm: Warm<T::Conn>) {
        let Warm { conns, times, counts } = warm;
        for times in times {
            let mut tally = self.parts[index].lanes.tally.borrow_mut();
            if counts {
                tally.connected(times);
            } else {
                tally.opened(&times);
            }
        }
        let most = self.parts[index].most;
        for (number, conn) in (0..most).zip(conns) {
            self.parts[index].next = number + 1;
            match conn {
                Some(conn) => self.start_lane(index, number, Some(conn), None),
                None => self.parts[index].left.push(number),
            }
        }
        self.parts[index].left.reverse();
    }

    /// When the number of lanes changes next, from the start.
    fn next_change(&self) -> Option<Duration> {
        self.parts.iter().filter_map(|part| part.change).min()
    }

    /// The number of lanes changes now.
    fn change(&mut self) {
        let now = self.next_change();
        for index in 0..self.parts.len() {
            let part = &mut self.parts[index];
            if part.change != now {
                continue;
            }
            let time = now.unwrap_or_default();
            part.most = part.seats.at(time);
            part.change = part.seats.next_change(time);
            part.left.retain(|number| *number < part.most);
            let mut waiting = part.lanes.allow(part.most);
            while waiting > 0
                && let Some(number) = self.parts[index].vacancy()
            {
                self.start_lane(index, number, None, None);
                waiting -= 1;
            }
        }
    }

    fn each(&self, act: impl Fn(&Lanes<T>)) {
        self.parts.iter().for_each(|part| act(&part.lanes));
    }

    /// When the load began.
    fn start(&self) -> Instant {
        self.parts
            .first()
            .map_or_else(Instant::now, |part| part.lanes.start)
    }

    /// Request `n` of a part is due, or was so long ago.
    fn release(&mut self, index: usize, n: u64, lag: Duration) {
        let part = &mut self.parts[index];
        part.lanes.tally.borrow_mut().released(n, lag);
        if part.lanes.release() == Released::Taken {
            return;
        }
        if let Some(number) = part.vacancy() {
            self.start_lane(index, number, None, None);
        } else if lag <= ON_TIME {
            // One that was released late waits because of us, not because of the target.
            part.lanes.tally.borrow_mut().waited(n);
        }
    }

    /// Waits until all lanes have ended, while their number goes on to change.
    async fn done(&mut self) {
        while let Some(at) = self.next_change() {
            let change = sleep_until(self.start() + at.min(NEVER));
            tokio::select! {
                () = self.ended() => return,
                () = change => self.change(),
            }
        }
        self.ended().await;
    }

    /// All lanes that there are have ended.
    async fn ended(&mut self) {
        while let Some(ended) = self.running.join_next().await {
            // A mistake in iter8 must not look like one of the target.
            if let Err(error) = ended
                && let Ok(panic) = error.try_into_panic()
            {
                std::panic::resume_unwind(panic);
            }
        }
    }
}

/// Sends the load of one worker, inside a `LocalSet`, and returns what it counted of each part. `report` is called about
/// twice a second.
pub(super) async fn drive<T: Target>(
    work: Work,
    targets: Vec<T>,
    pacer: &mut impl Pacer,
    begin: &impl Begin,
    signals: &Signals,
    report: &impl Report,
) -> Counted {
    let warm = targets
        .iter()
        .zip(&work.parts)
        .map(|(target, (seats, _))| warm_up(seats, target, &signals.stop));
    let warm = join_all(warm).await;
    let start = begin.begin().await;
    let has_schedule = work.schedule.is_some();
    let parts = targets
        .into_iter()
        .zip(work.parts)
        .map(|(target, (seats, source))| Part {
            lanes: Rc::new(Lanes::new(target, seats.pool().timeout, source, start, work.skip)),
            left: Vec::new(),
            next: 0,
            most: seats.at(Duration::ZERO),
            change: seats.next_change(Duration::ZERO),
            seats,
        });
    let mut crew = Crew {
        parts: parts.collect(),
        running: JoinSet::new(),
    };
    for (index, warm) in warm.into_iter().enumerate() {
        crew.start_warm(index, warm);
    }
    // The lanes of warm connections are free before the first request is due.
    tokio::task::yield_now().await;
    let lanes: Vec<_> = crew.parts.iter().map(|part| Rc::clone(&part.lanes)).collect();
    let recent = || -> Vec<Recent> { lanes.iter().map(|lanes| lanes.recent()).collect() };
    let tell = async {
        let mut ticks = interval_at(start + REPORT_EVERY, REPORT_EVERY);
        ticks.set_missed_tick_behavior(MissedTickBehavior::Skip);
        loop {
            ticks.tick().await;
            report.recent(start, &recent());
            if report.looks() {
                report.counted(lanes.iter().map(|lanes| lanes.tally.borrow().clone()).collect());
            }
        }
    };
    let mut monitor = Monitor::start(has_schedule);
    tokio::select! {
        () = dispatch(&mut crew, work.schedule, work.ends, pacer, signals) => {}
        () = tell => {}
        () = monitor.watch() => {}
    }
    // Lanes that are ended here count what they were doing.
    crew.running.shutdown().await;
    report.ended(start, &recent());
    let counted = |lanes: &Rc<Lanes<T>>| (lanes.tally.replace(Tally::new(start)), lanes.target_time.take());
    Counted {
        parts: lanes.iter().map(counted).collect(),
        health: monitor.finish(),
    }
}

/// Releases every request when it is due, then waits for what is under way.
async fn dispatch<T: Target>(
    crew: &mut Crew<T>,
    schedule: Option<Schedule>,
    ends: Ends,
    pacer: &mut impl Pacer,
    signals: &Signals,
) {
    let start = crew.start();
    let Signals { stop, shutdown } = signals;
    let Ends { close, grace, cut } = ends;
    let over = cut.map(|(time, _)| time.min(NEVER));
    let (stopped, give_up) = if let Some(schedule) = schedule {
        let end = schedule.end().saturating_add(grace).min(NEVER);
        (
            release(crew, schedule, close, pacer, stop).await,
            over.unwrap_or(end),
        )
    } else {
        let over = over.unwrap_or(NEVER);
        let stopped = tokio::select! {
            stopped = keep_busy(crew, stop) => stopped,
            () = sleep_until(start + over) => false,
        };
        (stopped, over)
    };
    crew.each(Lanes::finish);
    if !stopped {
        tokio::select! {
            biased;
            () = stop.cancelled() => {}
            () = crew.done() => return,
            () = sleep_until(start + give_up) => if let Some((_, under_way)) = cut {
                crew.each(Lanes::close);
                return crew.each(|lanes| lanes.time_is_over.set(Some(under_way)));
            }
        }
    }
    crew.each(Lanes::close);
    // What is under way may finish, or take the time that it has; when the run itself is stopped, only a moment.
    tokio::select! {
        () = crew.ended() => return,
        () = shutdown.cancelled() => {}
    }
    // Those that take longer are cut off.
    let _ = timeout(PATIENCE, crew.ended()).await;
}

/// Starts the lanes of a closed loop, and more whenever there may be more. Whether it was interrupted.
async fn keep_busy<T: Target>(crew: &mut Crew<T>, shutdown: &CancellationToken) -> bool {
    loop {
        if open_lanes(crew, shutdown).await {
            return true;
        }
        let Some(at) = crew.next_change() else {
            return false;
        };
        let change = sleep_until(crew.start() + at.min(NEVER));
        tokio::select! {
            biased;
            () = shutdown.cancelled() => return true,
            () = crew.ended() => return false,
            () = change => crew.change(),
        }
    }
}

/// Starts the lanes of a closed loop, each as soon as few enough are still opening their connection, until there is
/// nothing left for another one. The parts take turns. Whether it was interrupted.
async fn open_lanes<T: Target>(crew: &mut Crew<T>, shutdown: &CancellationToken) -> bool {
    let mut interrupted = std::pin::pin!(shutdown.cancelled());
    let opening = Arc::new(Semaphore::new(OPENING));
    loop {
        let mut opened = false;
        for index in 0..crew.parts.len() {
            let part = &crew.parts[index];
            if !part.has_vacancy() || part.lanes.is_over() {
                continue;
            }
            let permit = tokio::select! {
                biased;
                () = &mut interrupted => return true,
                permit = Arc::clone(&opening).acquire_owned() => permit.ok(),
            };
            let Some(number) = crew.parts[index].vacancy() else {
                continue;
            };
            crew.start_lane(index, number, None, permit);
            opened = true;
            // It takes its request before the next one is started.
            tokio::task::yield_now().await;
        }
        if !opened {
            return false;
        }
    }
}

/// Releases the requests of a schedule. Whether it was interrupted.
async fn release<T: Target>(
    crew: &mut Crew<T>,
    schedule: Schedule,
    close: Duration,
    pacer: &mut impl Pacer,
    shutdown: &CancellationToken,
) -> bool {
    let mut interrupted = std::pin::pin!(shutdown.cancelled());
    let start = crew.start();
    let mut dues = schedule.peekable();
    let mut together = Vec::with_capacity(AT_ONCE);
    while let Some(first) = dues.next() {
        together.push(first);
        while together.len() < AT_ONCE
            && let Some(next) = dues.next_if(|next| next.at <= first.at.saturating_add(close))
        {
            together.push(next);
        }
        let last = together.last().map_or(first.at, |last| last.at);
        while let Some(at) = crew.next_change().filter(|at| *at <= last) {
            tokio::select! {
                biased;
                () = &mut interrupted => return true,
                () = pacer.wait_until(start + at.min(NEVER)) => crew.change(),
            }
        }
        tokio::select! {
            biased;
            () = &mut interrupted => return true,
            () = pacer.wait_until(start + last.min(NEVER)) => {}
        }
        let now = Instant::now();
        for due in together.drain(..) {
            crew.release(
                due.part,
                due.of_part,
                now.saturating_duration_since(start + due.at.min(NEVER)),
            );
        }
    }
    false
}
