//! The driver with a server in memory: counts are exact, times have wide bounds.

mod ends;
mod lanes;

use std::cell::{Cell, RefCell};
use std::num::{NonZeroU32, NonZeroU64};
use std::rc::Rc;

use tokio::task::LocalSet;
use tokio::time::{sleep, timeout};

use super::*;
use crate::load::pacer::Pacer;
use crate::load::pacer::Sleep;
use crate::load::worker::OPENING;
use crate::load::{Answer, Arrivals, AtOnce, ConnectTimes, Failed, Rate, Sample, Seat, Stop, UnderWay, Way};
use crate::metrics::{FailureClass, Histogram, Statistic, Timing};

type Behaviour = Rc<dyn Fn(u64, Duration) -> Reaction>;

/// What the server does with a request.
#[derive(Clone, Copy)]
enum Reaction {
    Answer(Duration),
    AnswerAndClose,
    Reset,
    /// The server says that the time is over.
    TimeOut(Duration),
    Never,
    /// The connection is opened anew, and no answer comes there either.
    ReopenForNothing,
}

const TIMES: ConnectTimes = ConnectTimes {
    connect: Duration::from_millis(1),
    tls: None,
    resumed: false,
    address: None,
    http2: false,
};

/// A server in memory that reacts to a request by its number and the time.
#[derive(Clone)]
struct Fake {
    refuse: bool,
    /// Only this attempt to connect is refused, from 1.
    refuse_attempt: Option<u32>,
    attempts: Rc<Cell<u32>>,
    react: Behaviour,
    busy: Rc<Cell<u32>>,
    sends: Rc<RefCell<Vec<Send>>>,
    open: Rc<Cell<u32>>,
    most: Rc<Cell<u32>>,
    /// Connections being opened now, and at most.
    opening: Rc<Cell<(u32, u32)>>,
    served: Rc<Cell<u64>>,
    start: Instant,
}

/// One of several of which there are so many.
struct OneMore(Rc<Cell<u32>>);

impl OneMore {
    fn of(all: &Rc<Cell<u32>>) -> Self {
        all.set(all.get() + 1);
        Self(Rc::clone(all))
    }
}

impl Drop for OneMore {
    fn drop(&mut self) {
        self.0.set(self.0.get() - 1);
    }
}

/// When a request was sent, by whom, and how many were under way then.
#[derive(Clone, Copy)]
struct Send {
    at: Duration,
    seat: Seat,
    busy: u32,
}

impl Target for Fake {
    type Conn = (Seat, OneMore);

    async fn connect(&self, seat: Seat) -> Result<(Self::Conn, Option<ConnectTimes>), Failed> {
        self.attempts.set(self.attempts.get() + 1);
        if self.refuse || self.refuse_attempt == Some(self.attempts.get()) {
            return Err(Failed::new(FailureClass::Connect, "refused"));
        }
        let (now, most) = self.opening.get();
        self.opening.set((now + 1, most.max(now + 1)));
        sleep(ms(1)).await;
        let (now, most) = self.opening.get();
        self.opening.set((now - 1, most));
        let conn = (seat, OneMore::of(&self.open));
        self.most.set(self.most.get().max(self.open.get()));
        Ok((conn, Some(TIMES)))
    }

    async fn broken(&self, _: &mut Self::Conn) -> Option<Failed> {
        std::future::pending().await
    }

    async fn send(&self, (seat, _): &mut Self::Conn, n: u64, _: Instant, way: &mut Way) -> Sample {
        self.served.set(self.served.get() + 1);
        let _busy = OneMore::of(&self.busy);
        self.sends.borrow_mut().push(Send {
            at: self.start.elapsed(),
            seat: *seat,
            busy: self.busy.get(),
        });
        let (result, reusable) = match (self.react)(n, self.start.elapsed()) {
            Reaction::Answer(after) => {
                sleep(after).await;
                (Ok(answer()), true)
            }
            Reaction::AnswerAndClose => (Ok(answer()), false),
            Reaction::Reset => (Err(Failed::new(FailureClass::Reset, "reset")), false),
            Reaction::TimeOut(after) => {
                sleep(after).await;
                (Err(Failed::new(FailureClass::Timeout, "too late")), true)
            }
            Reaction::ReopenForNothing => {
                way.connects.push(TIMES);
                way.reconnects += 1;
                std::future::pending().await
            }
            Reaction::Never => {
                std::future::pending::<()>().await;
                (Ok(answer()), true)
            }
        };
        Sample { result, reusable }
    }
}

fn answer() -> Answer {
    Answer {
        status: Some(200),
        first_byte: Instant::now(),
        end: Instant::now(),
        bytes: 2,
        failure: None,
        aside: None,
    }
}

fn ms(n: u64) -> Duration {
    Duration::from_millis(n)
}

fn after(n: u64) -> Stop {
    Stop::After(NonZeroU64::new(n).expect("not zero"))
}

/// What a test asks for.
struct Asked {
    plan: Plan,
    pool: Pool,
    refuse_attempt: Option<u32>,
}

fn plan(stop: Stop, rate: f64, connections: u32) -> Asked {
    let connections = NonZeroU32::new(connections).expect("not zero");
    Asked {
        plan: Plan {
            stop,
            pace: Rate::per_second(rate).map_or(Pace::Free, Pace::PerSecond),
            arrivals: Arrivals::Constant,
            grace: ms(10_000),
            under_way: UnderWay::Finish,
            skip: 0,
            shard: None,
        },
        pool: Pool {
            connections,
            max_connections: connections,
            streams: NonZeroU32::MIN,
            at_once: AtOnce::Streams,
            timeout: ms(3000),
            connection_warmup: 0,
        },
        refuse_attempt: None,
    }
}

/// Nobody who is told anything.
struct Silent;

impl Report for Silent {
    fn recent(&self, _: Instant, _: &[Recent]) {}

    fn ended(&self, _: Instant, _: &[Recent]) {}

    fn looks(&self) -> bool {
        false
    }

    fn counted(&self, _: Vec<Tally>) {}
}

fn silent() -> Onlooker {
    Onlooker {
        progress: Box::new(|_| {}),
        enough: None,
    }
}

/// The measurement, the most connections open at once, and how many requests were served.
struct Ran {
    load: LoadMeasurement,
    most: u32,
    opening: u32,
    served: u64,
    sends: Vec<Send>,
}

impl Ran {
    fn latency(&self) -> &Histogram {
        &self.load.timings[&Timing::Latency]
    }

    fn percentile(&self, p: f64) -> f64 {
        self.latency()
            .statistic(Statistic::Percentile(p))
            .expect("latencies")
    }
}

async fn run_until(
    asked: Asked,
    refuse: bool,
    shutdown: &CancellationToken,
    react: impl Fn(u64, Duration) -> Reaction + 'static,
) -> Ran {
    run_paced(asked, refuse, shutdown, vec![Sleep], react).await
}

async fn run_paced(
    asked: Asked,
    refuse: bool,
    shutdown: &CancellationToken,
    mut pacers: Vec<impl Pacer>,
    react: impl Fn(u64, Duration) -> Reaction + 'static,
) -> Ran {
    let target = Fake {
        refuse,
        refuse_attempt: asked.refuse_attempt,
        attempts: Rc::default(),
        react: Rc::new(react),
        busy: Rc::default(),
        sends: Rc::default(),
        open: Rc::default(),
        most: Rc::default(),
        opening: Rc::default(),
        served: Rc::default(),
        start: Instant::now(),
    };
    let schedule = Schedule::new(&asked.plan, &Mix::single(), 1);
    let workers = pacers.len();
    let works = shares(
        &asked.plan,
        &Mix::single(),
        &[asked.pool],
        schedule.as_ref(),
        workers,
    );
    let gate = Gate::new(&asked.plan, workers, shutdown.clone());
    let signals = Signals {
        stop: shutdown.clone(),
        shutdown: shutdown.clone(),
    };
    let loads = works
        .into_iter()
        .zip(&mut pacers)
        .map(|(work, pacer)| drive(work, vec![target.clone()], pacer, &gate, &signals, &Silent));
    let counted = LocalSet::new()
        .run_until(futures_util::future::join_all(loads))
        .await;
    let counted = counted.into_iter().reduce(|mut all, other| {
        all.merge(&other);
        all
    });
    let load = measured(
        counted.expect("a worker"),
        &Mix::single(),
        schedule.as_ref(),
        shutdown.is_cancelled(),
    )
    .remove(0);
    Ran {
        load,
        most: target.most.get(),
        opening: target.opening.get().1,
        served: target.served.get(),
        sends: target.sends.take(),
    }
}

async fn run_on(asked: Asked, react: impl Fn(u64, Duration) -> Reaction + 'static) -> Ran {
    run_until(asked, false, &CancellationToken::new(), react).await
}

#[tokio::test]
async fn a_count_is_sent_exactly_whatever_the_connections() {
    for (n, rate, connections) in [(1, 8.0, 4), (3, 0.0, 10), (100, 1000.0, 1), (101, 0.0, 7)] {
        let ran = run_on(plan(after(n), rate, connections), |_, _| Reaction::Answer(ms(3))).await;
        assert_eq!((ran.load.requests, ran.served), (n, n));
        assert_eq!((ran.load.answered, ran.load.errors, ran.load.unsent), (n, 0, 0));
        assert_eq!(ran.latency().count(), n);
        assert!(ran.most <= connections);
    }
}

#[tokio::test]
async fn a_time_holds_exactly_its_due_instants() {
    let ran = run_on(plan(Stop::For(ms(500)), 200.0, 4), |_, _| Reaction::Answer(ms(2))).await;
    assert_eq!(ran.load.requests, 100);
    let both = Stop::Either(NonZeroU64::new(5).expect("not zero"), ms(3000));
    let ran = run_on(plan(both, 100.0, 1), |_, _| Reaction::Answer(ms(2))).await;
    assert_eq!(ran.load.requests, 5);
}

#[tokio::test]
async fn the_throughput_of_a_paced_load_is_not_above_its_rate() {
    for stop in [Stop::For(ms(500)), after(4)] {
        let ran = run_on(plan(stop, 8.0, 2), |_, _| Reaction::Answer(ms(2))).await;
        assert_eq!((ran.load.requests, ran.load.elapsed), (4, 0.5));
    }
    let slow = run_on(plan(after(2), 20.0, 2), |_, _| Reaction::Answer(ms(200))).await;
    assert!(slow.load.elapsed >= 0.25, "{}", slow.load.elapsed);
}

#[tokio::test]
async fn connections_are_opened_when_needed_and_not_before() {
    let ran = run_on(plan(after(10), 10.0, 8), |_, _| Reaction::Answer(ms(1))).await;
    assert!(ran.most <= 3, "{}", ran.most);
    assert_eq!(ran.load.waited, 0);

    let mut wide = plan(after(30), 100.0, 1);
    wide.pool.max_connections = NonZeroU32::new(40).expect("not zero");
    let ran = run_on(wide, |_, _| Reaction::Answer(ms(95))).await;
    assert!((5..=30).contains(&ran.most), "{}", ran.most);
    assert_eq!(ran.load.waited, 0);
}

#[tokio::test]
async fn a_stall_is_seen_by_every_request_that_was_due_in_it() {
    // 200/s for 3 s; nothing is answered between 1000 and 1500 ms.
    let stall = |_, now: Duration| {
        let left = ms(1500).saturating_sub(now);
        Reaction::Answer(if now >= ms(1000) { left.max(ms(1)) } else { ms(1) })
    };
    let ran = run_on(plan(Stop::For(ms(3000)), 200.0, 10), stall).await;
    assert_eq!((ran.load.requests, ran.load.unsent), (600, 0));
    // 100 of 600 were due in the stall, evenly: the worst 1 % waited 470 ms or more, 10 % at least 200 ms.
    let (p99, p90) = (ran.percentile(99.0), ran.percentile(90.0));
    assert!((460.0..700.0).contains(&p99), "{p99}");
    assert!((190.0..500.0).contains(&p90), "{p90}");
    assert!(ran.load.waited >= 40, "{}", ran.load.waited);
    // Only ten of them were under way; measured from the send, the stall would have been nothing.
    let service = ran.load.timings[&Timing::ServiceTime].statistic(Statistic::Percentile(90.0));
    assert!(service < Some(p90 / 2.0), "{service:?}");
}

/// A pacer that once does not come back for a while, like a process that was stopped.
struct Stalls {
    at: Instant,
    until: Instant,
}

impl Pacer for Stalls {
    async fn wait_until(&mut self, at: Instant) {
        let stalled = (self.at..self.until).contains(&at);
        Sleep.wait_until(if stalled { self.until } else { at }).await;
    }
}

#[tokio::test]
async fn a_stall_of_our_own_is_not_waiting_for_a_connection() {
    // 200/s for 2 s; nothing is released between 500 and 1000 ms.
    let start = Instant::now();
    let pacer = Stalls {
        at: start + ms(500),
        until: start + ms(1000),
    };
    let plan = plan(Stop::For(ms(2000)), 200.0, 4);
    let shutdown = CancellationToken::new();
    let ran = run_paced(plan, false, &shutdown, vec![pacer], |_, _| {
        Reaction::Answer(ms(1))
    })
    .await;
    assert_eq!((ran.load.requests, ran.load.send_delay.count()), (400, 400));
    // 100 requests were due in the stall, evenly.
    let late = ran.load.send_delay.count_above(20.0);
    assert!(late >= 85, "{late}");
    let p95 = ran.load.send_delay.statistic(Statistic::Percentile(95.0));
    assert!(p95 >= Some(350.0), "{p95:?}");
    assert!(ran.load.waited <= 40, "{}", ran.load.waited);
}

#[tokio::test]
async fn a_slow_target_is_not_a_delay_of_our_own() {
    let ran = run_on(plan(Stop::For(ms(1000)), 100.0, 2), |_, _| {
        Reaction::Answer(ms(50))
    })
    .await;
    assert_eq!(ran.load.requests, 100);
    assert!(ran.load.waited >= 50, "{}", ran.load.waited);
    assert!(ran.percentile(50.0) >= 200.0);
    let delay = ran.load.send_delay.statistic(Statistic::Percentile(50.0));
    assert!(delay <= Some(10.0), "{delay:?}");
}

#[tokio::test]
async fn a_free_pace_keeps_every_connection_busy() {
    let ran = run_on(plan(Stop::For(ms(1000)), 0.0, 5), |_, _| Reaction::Answer(ms(10))).await;
    assert!(
        (100..=5 * 100).contains(&ran.load.requests),
        "{}",
        ran.load.requests
    );
    assert_eq!((ran.most, ran.load.connections), (5, 5));
    assert_eq!((ran.load.waited, ran.load.unsent), (0, 0));
}

#[tokio::test]
async fn a_refused_connection_is_an_error_without_latency_and_the_load_goes_on() {
    for rate in [0.0, 50.0] {
        let ran = run_until(
            plan(after(20), rate, 4),
            true,
            &CancellationToken::new(),
            |_, _| Reaction::Never,
        )
        .await;
        assert_eq!(
            (ran.load.requests, ran.load.errors, ran.load.connections),
            (20, 20, 0)
        );
        assert_eq!(ran.load.failures[&FailureClass::Connect].count, 20);
        assert!(ran.load.timings.is_empty());
    }
}

#[tokio::test]
async fn a_time_out_counts_as_at_least_the_time_out_and_costs_the_connection() {
    let mut plan = plan(after(4), 20.0, 1);
    plan.pool.timeout = ms(400);
    let ran = run_on(plan, |n, _| {
        if n == 1 {
            Reaction::Never
        } else {
            Reaction::Answer(ms(5))
        }
    })
    .await;
    assert_eq!(
        (ran.load.errors, ran.load.answered, ran.load.connections),
        (1, 3, 2)
    );
    assert_eq!(
        ran.load.failures[&FailureClass::Timeout].example,
        "no complete answer within 400ms"
    );
    assert!(ran.latency().statistic(Statistic::Max) >= Some(400.0));
    assert_eq!(ran.latency().count(), 4);
}

#[tokio::test]
async fn broken_connections_are_replaced_inside_the_latency() {
    let ran = run_on(plan(after(10), 100.0, 1), |n, _| {
        if n % 2 == 0 {
            Reaction::Reset
        } else {
            Reaction::AnswerAndClose
        }
    })
    .await;
    assert_eq!((ran.load.connections, ran.load.errors), (10, 5));
    assert!(ran.latency().statistic(Statistic::Min) >= Some(1.0));
    assert_eq!(ran.load.cold_start, None);
}
