//! [`warm_up`]: the uncounted requests before a load, a few connections at a time.

use futures_util::StreamExt as _;
use futures_util::stream;
use tokio::time::{Instant, timeout};
use tokio_util::sync::CancellationToken;

use super::worker::OPENING;
use super::{Pool, Target};

/// Opens every connection of the pool and sends the uncounted requests on it.
pub(super) async fn warm_up<T: Target>(
    pool: &Pool,
    target: &T,
    shutdown: &CancellationToken,
) -> Vec<T::Conn> {
    if pool.connection_warmup == 0 {
        return Vec::new();
    }
    let one = async |_: u32| {
        let Ok(Ok((mut conn, _))) = timeout(pool.timeout, target.connect(0)).await else {
            return None;
        };
        for n in 0..pool.connection_warmup {
            match timeout(pool.timeout, target.send(&mut conn, u64::from(n), Instant::now())).await {
                Ok(sample) if sample.reusable => {}
                _ => return None,
            }
        }
        Some(conn)
    };
    let all = stream::iter(0..pool.connections.get())
        .map(one)
        .buffer_unordered(OPENING)
        .filter_map(async |warm| warm)
        .collect();
    tokio::select! {
        warm = all => warm,
        () = shutdown.cancelled() => Vec::new(),
    }
}
