//! [`warm_up`]: what is opened and sent before a load, a few connections at a time.

use std::cell::RefCell;
use std::future::ready;
use std::time::Duration;

use futures_util::StreamExt as _;
use futures_util::stream;
use tokio::time::{Instant, sleep, timeout};
use tokio_util::sync::CancellationToken;

use super::seats::Seats;
use super::worker::{NEVER, OPENING};
use super::{ConnectTimes, Messages, Target, Way};

/// What is there when a load begins.
#[derive(Debug)]
pub(super) struct Warm<C> {
    /// Connections, in order; a failed one leaves its place empty. Those that lanes share stay with the target, where each
    /// lane finds its own.
    pub(super) conns: Vec<Option<C>>,
    /// What opening them took.
    pub(super) times: Vec<ConnectTimes>,
    /// Whether that belongs to the load.
    pub(super) counts: bool,
}

impl<C> Default for Warm<C> {
    fn default() -> Self {
        Self {
            conns: Vec::new(),
            times: Vec::new(),
            counts: false,
        }
    }
}

/// How long connections without uncounted requests are waited for. What is not open by then is opened by the first
/// request on it, whose time has that in it.
const OPEN_WITHIN: Duration = Duration::from_secs(10);

/// Opens every connection of the pool and sends the uncounted requests on it. Without such requests, only connections are
/// opened that lanes take in turn: a stall of the server must not find one that still waits for its first word.
pub(super) async fn warm_up<T: Target>(
    seats: &Seats,
    target: &T,
    shutdown: &CancellationToken,
) -> Warm<T::Conn> {
    let pool = seats.pool();
    let counts = pool.connection_warmup == 0;
    if counts && !seats.are_in_turn() {
        return Warm::default();
    }
    let (within, each) = if counts {
        (OPEN_WITHIN, OPEN_WITHIN)
    } else {
        (NEVER, pool.timeout)
    };
    let one = async |index: u32| {
        let seat = seats.seat(seats.first_of(index));
        let (mut conn, times) = timeout(each, target.connect(seat)).await.ok()?.ok()?;
        for n in 0..pool.connection_warmup {
            let mut way = Way::default();
            let request = target.send(&mut conn, u64::from(n), Instant::now(), &mut way);
            let sample = timeout(pool.timeout, request).await.ok()?;
            sample.reusable.then_some(())?;
        }
        if let Some(messages) = T::messages(&mut conn) {
            *messages = Messages::default();
        }
        Some((conn, times))
    };
    let count = seats.first_connections();
    let opened = RefCell::new(Vec::new());
    let all = stream::iter(0..count)
        .map(async |index| (index, one(index).await))
        .buffer_unordered(OPENING)
        .for_each(|(index, open)| {
            opened.borrow_mut().extend(open.map(|open| (index, open)));
            ready(())
        });
    tokio::select! {
        () = all => {}
        () = sleep(within) => {}
        () = shutdown.cancelled() => {}
    }
    let mut warm = Warm {
        conns: (0..count).map(|_| None).collect(),
        times: Vec::new(),
        counts,
    };
    for (index, (conn, times)) in opened.into_inner() {
        warm.times.extend(times);
        if !seats.are_shared()
            && let Some(place) = usize::try_from(index)
                .ok()
                .and_then(|index| warm.conns.get_mut(index))
        {
            *place = Some(conn);
        }
    }
    warm
}
