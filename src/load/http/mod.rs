//! HTTP/1.1 under load: [`RequestSpec`] says what to send and what is a good answer, [`run`] sends it.

pub(crate) mod codec;
mod connect;
mod exchange;
mod failure;
mod route;
mod search;
mod spec;
mod target;
mod template;
mod wire;

pub use spec::{Expect, RequestSpec};

use tokio_util::sync::CancellationToken;

use self::target::HttpTarget;
use super::{LoadError, Plan, Progress, driver};
use crate::metrics::{LoadMeasurement, Timing};
use crate::net::NetSettings;

/// Sends the load and measures it. `progress` is called about twice a second, and once at the end, from another thread.
pub async fn run(
    plan: &Plan,
    spec: &RequestSpec,
    net: &NetSettings,
    shutdown: &CancellationToken,
    progress: impl Fn(Progress) + Send + 'static,
) -> Result<LoadMeasurement, LoadError> {
    let (target, dns) = HttpTarget::new(spec, net).await?;
    let mut measured = driver::run(plan.clone(), target, shutdown, progress).await?;
    if !dns.is_zero() {
        measured.timings.entry(Timing::Dns).or_default().record(dns);
    }
    Ok(measured)
}

#[cfg(test)]
mod tests;
