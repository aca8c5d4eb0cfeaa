//! [`warm_up`]: the uncounted requests before a load, a few connections at a time.

use futures_util::StreamExt as _;
use futures_util::stream;
use tokio::time::{Instant, timeout};
use tokio_util::sync::CancellationToken;

use super::worker::OPENING;
use super::{Messages, Pool, Target};

/// Opens every connection of the pool and sends the uncounted requests on it. Connections that lanes share stay with the
/// target, where each lane finds its own.
pub(super) async fn warm_up<T: Target>(
    pool: &Pool,
    target: &T,
    shutdown: &CancellationToken,
) -> Vec<T::Conn> {
    if pool.connection_warmup == 0 {
        return Vec::new();
    }
    let streams = pool.streams.get();
    let one = async |connection: u32| {
        let lane = connection.saturating_mul(streams);
        let Ok(Ok((mut conn, _))) = timeout(pool.timeout, target.connect(lane)).await else {
            return None;
        };
        for n in 0..pool.connection_warmup {
            match timeout(pool.timeout, target.send(&mut conn, u64::from(n), Instant::now())).await {
                Ok(sample) if sample.reusable => {}
                _ => return None,
            }
        }
        if let Some(messages) = T::messages(&mut conn) {
            *messages = Messages::default();
        }
        (streams == 1).then_some(conn)
    };
    let all = stream::iter(0..pool.connections.get())
        .map(one)
        .buffered(OPENING)
        .filter_map(async |warm| warm)
        .collect();
    tokio::select! {
        warm = all => warm,
        () = shutdown.cancelled() => Vec::new(),
    }
}
