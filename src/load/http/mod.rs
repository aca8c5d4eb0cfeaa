//! HTTP/1.1 under load: [`RequestSpec`] says what to send and what is a good answer, [`run`] sends it.

mod answer;
pub(crate) mod codec;
mod exchange;
mod failure;
mod fast;
mod gzip;
mod http2;
mod ids;
mod judge;
mod link;
mod look;
mod placeholders;
mod prepared;
mod redirects;
pub(crate) mod replay;
mod request;
mod rows;
mod search;
mod sessions;
mod spec;
mod target;
mod template;
mod wire;

pub use placeholders::{Mistake, Place, Problem, check, sent_literally, uses_rows};
pub use rows::{Rows, RowsError};
pub use spec::{Expect, HttpVersion, RequestSpec};

use std::sync::Arc;

use tokio_util::sync::CancellationToken;

use self::prepared::Prepared;
use self::target::HttpTarget;
use super::{LoadError, Mix, Onlooker, Plan, Pool, Ran, driver};
use crate::metrics::Timing;
use crate::net::NetSettings;

/// One version of one endpoint: what it is sent, and over which connections.
#[derive(Debug, Clone)]
pub struct Part {
    /// The request.
    pub spec: RequestSpec,
    /// How the server is reached.
    pub net: NetSettings,
    /// The connections.
    pub pool: Pool,
}

/// Sends the load to all parts (in the order of [`Mix`]) at the same time and measures each.
pub async fn run(
    plan: &Plan,
    mix: &Mix,
    parts: &[Part],
    shutdown: &CancellationToken,
    onlooker: Onlooker,
) -> Result<Ran, LoadError> {
    debug_assert_eq!(
        mix.parts(),
        parts.len(),
        "a part for each version of each endpoint"
    );
    let mut plans = Vec::new();
    let mut dns = Vec::new();
    for part in parts {
        let (prepared, took) = Prepared::new(&part.spec, &part.net).await?;
        plans.push(Arc::new(prepared));
        dns.push(took);
    }
    let pools: Vec<Pool> = parts.iter().map(|part| part.pool.clone()).collect();
    let runs: Vec<_> = plans.iter().map(|prepared| prepared.run).collect();
    let targets = move || plans.iter().map(HttpTarget::new).collect();
    let mut ran = driver::run(plan, mix, &pools, targets, shutdown, onlooker).await?;
    for ((measured, dns), run) in ran.parts.iter_mut().zip(dns).zip(runs) {
        for exemplar in &mut measured.exemplars {
            exemplar.traceparent = run.map(|run| run.traceparent(exemplar.n));
        }
        if !dns.is_zero() {
            measured.timings.entry(Timing::Dns).or_default().record(dns);
        }
    }
    Ok(ran)
}

#[cfg(test)]
mod tests;
