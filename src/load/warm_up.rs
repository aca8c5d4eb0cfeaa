//! [`warm_up`]: the uncounted requests before a load, a few connections at a time.

use futures_util::StreamExt as _;
use futures_util::stream;
use tokio::time::timeout;
use tokio_util::sync::CancellationToken;

use super::driver::OPENING;
use super::{Plan, Target};

/// Opens every connection of the pool and sends the uncounted requests on it.
pub(super) async fn warm_up<T: Target>(
    plan: &Plan,
    target: &T,
    shutdown: &CancellationToken,
) -> Vec<T::Conn> {
    if plan.connection_warmup == 0 {
        return Vec::new();
    }
    let one = async |_: u32| {
        let Ok(Ok((mut conn, _))) = timeout(plan.timeout, target.connect()).await else {
            return None;
        };
        for n in 0..plan.connection_warmup {
            match timeout(plan.timeout, target.send(&mut conn, u64::from(n))).await {
                Ok(sample) if sample.reusable => {}
                _ => return None,
            }
        }
        Some(conn)
    };
    let all = stream::iter(0..plan.connections.get())
        .map(one)
        .buffer_unordered(OPENING)
        .filter_map(async |warm| warm)
        .collect();
    tokio::select! {
        warm = all => warm,
        () = shutdown.cancelled() => Vec::new(),
    }
}
