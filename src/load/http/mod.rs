//! HTTP/1.1 under load: [`RequestSpec`] says what to send and what is a good answer, [`run`] sends it.

mod connect;
mod exchange;
mod failure;
mod h2;
mod route;
mod search;
mod spec;
mod target;
mod template;
mod wire;

pub use spec::{Expect, RequestSpec};

use tokio_util::sync::CancellationToken;

use self::target::HttpTarget;
use super::{LoadError, Mix, Plan, Pool, Progress, driver};
use crate::metrics::{LoadMeasurement, Timing};
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

/// Sends the load to all parts (in the order of [`Mix`]) at the same time and measures each. `progress` is called about
/// twice a second, and once at the end, from another thread.
pub async fn run(
    plan: &Plan,
    mix: &Mix,
    parts: &[Part],
    shutdown: &CancellationToken,
    progress: impl Fn(Progress) + Clone + Send + 'static,
) -> Result<Vec<LoadMeasurement>, LoadError> {
    debug_assert_eq!(
        mix.parts(),
        parts.len(),
        "a part for each version of each endpoint"
    );
    let mut all = Vec::new();
    for part in parts {
        let (target, dns) = HttpTarget::new(&part.spec, &part.net).await?;
        let pool = part.pool.clone();
        let mut measured = driver::run(plan.clone(), pool, target, shutdown, progress.clone()).await?;
        if !dns.is_zero() {
            measured.timings.entry(Timing::Dns).or_default().record(dns);
        }
        all.push(measured);
    }
    Ok(all)
}

#[cfg(test)]
mod tests;
