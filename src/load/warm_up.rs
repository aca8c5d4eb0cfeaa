//! [`warm_up`]: what is opened and sent before a load, a few connections at a time.

use futures_util::StreamExt as _;
use futures_util::stream;
use tokio::time::{Instant, timeout};
use tokio_util::sync::CancellationToken;

use super::seats::Seats;
use super::worker::OPENING;
use super::{ConnectTimes, Messages, Target, Way};

/// What is there when a load begins.
#[derive(Debug)]
pub(super) struct Warm<C> {
    /// Connections, in order; a failed one leaves its place empty. Those that lanes share stay with the target, where each
    /// lane finds its own.
    pub(super) conns: Vec<Option<C>>,
    /// What opening them took, where it belongs to the load.
    pub(super) times: Vec<ConnectTimes>,
}

impl<C> Default for Warm<C> {
    fn default() -> Self {
        Self {
            conns: Vec::new(),
            times: Vec::new(),
        }
    }
}

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
    let one = async |index: u32| {
        let seat = seats.seat(seats.first_of(index));
        let Ok(Ok((mut conn, times))) = timeout(pool.timeout, target.connect(seat)).await else {
            return (None, None);
        };
        for n in 0..pool.connection_warmup {
            match timeout(
                pool.timeout,
                target.send(&mut conn, u64::from(n), Instant::now(), &mut Way::default()),
            )
            .await
            {
                Ok(sample) if sample.reusable => {}
                _ => return (None, None),
            }
        }
        if let Some(messages) = T::messages(&mut conn) {
            *messages = Messages::default();
        }
        ((!seats.are_shared()).then_some(conn), times.filter(|_| counts))
    };
    let all = stream::iter(0..seats.first_connections())
        .map(one)
        .buffered(OPENING)
        .collect::<Vec<_>>();
    let opened = tokio::select! {
        opened = all => opened,
        () = shutdown.cancelled() => Vec::new(),
    };
    let (conns, times): (_, Vec<_>) = opened.into_iter().unzip();
    Warm {
        conns,
        times: times.into_iter().flatten().collect(),
    }
}
