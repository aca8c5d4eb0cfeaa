//! [`warm_up`]: the uncounted requests before a load, a few connections at a time.

use futures_util::StreamExt as _;
use futures_util::stream;
use tokio::time::{Instant, timeout};
use tokio_util::sync::CancellationToken;

use super::seats::Seats;
use super::worker::OPENING;
use super::{Messages, Target, Way};

/// Opens every connection of the pool and sends the uncounted requests on it. What becomes of them, in order: a failed
/// one leaves its place empty. Connections that lanes share stay with the target, where each lane finds its own.
pub(super) async fn warm_up<T: Target>(
    seats: &Seats,
    target: &T,
    shutdown: &CancellationToken,
) -> Vec<Option<T::Conn>> {
    let pool = seats.pool();
    if pool.connection_warmup == 0 {
        return Vec::new();
    }
    let one = async |index: u32| {
        let seat = seats.seat(seats.first_of(index));
        let Ok(Ok((mut conn, _))) = timeout(pool.timeout, target.connect(seat)).await else {
            return None;
        };
        for n in 0..pool.connection_warmup {
            match timeout(
                pool.timeout,
                target.send(&mut conn, u64::from(n), Instant::now(), &mut Way::default()),
            )
            .await
            {
                Ok(sample) if sample.reusable => {}
                _ => return None,
            }
        }
        if let Some(messages) = T::messages(&mut conn) {
            *messages = Messages::default();
        }
        (!seats.are_shared()).then_some(conn)
    };
    let all = stream::iter(0..seats.first_connections())
        .map(one)
        .buffered(OPENING)
        .collect();
    tokio::select! {
        warm = all => warm,
        () = shutdown.cancelled() => Vec::new(),
    }
}
