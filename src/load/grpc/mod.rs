//! gRPC under load: [`CallSpec`] says what is called and what each call sends, [`run`] calls it.
//!
//! # Why
//!
//! Messages are framed once where they do not vary, and heads are made once; a call queues head and message before it
//! yields, so that both leave in one write; of an answer the messages are counted and the trailers read, nothing else.

mod frame;
mod halt;
mod outbox;
mod prepared;
mod reader;
mod spec;
mod status;
mod stream;
mod target;

pub use outbox::is_reserved;
pub use spec::{
    CallKind, CallNumber, CallSpec, Calls, MAX_RECEIVED, Messages, Render, RenderedCall, StreamSpec,
};

use std::sync::Arc;

use tokio_util::sync::CancellationToken;

use self::halt::Halt;
use self::prepared::Prepared;
use self::target::GrpcTarget;
use super::{LoadError, Mix, Onlooker, Plan, Pool, Ran, driver};
use crate::metrics::Timing;
use crate::net::NetSettings;

/// One version of one endpoint: what is called, and over which connections.
#[derive(Debug, Clone)]
pub struct Part {
    /// The call.
    pub spec: CallSpec,
    /// How the server is reached.
    pub net: NetSettings,
    /// The connections. The time for one call is sent to the server, too; a year or more is no limit at all.
    pub pool: Pool,
}

/// Sends the load to all parts (in the order of [`Mix`]) at the same time and measures each. Statuses are counted under
/// the numbers of gRPC, those of calls without an answer included: every call ends with one. A call that cannot be made ends the
/// load and is counted nowhere; [`Ran::unmade`] says why.
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
        let (prepared, took) = Prepared::new(&part.spec, &part.net, part.pool.timeout).await?;
        plans.push(Arc::new(prepared));
        dns.push(took);
    }
    let pools: Vec<Pool> = parts.iter().map(|part| part.pool.clone()).collect();
    let halt = Halt::new(shutdown);
    let of_all = halt.clone();
    let target = move |prepared: &Arc<Prepared>| GrpcTarget::new(prepared, of_all.clone());
    let targets = move || plans.iter().map(&target).collect();
    let mut ran = driver::run(plan, mix, &pools, targets, halt.token(), onlooker).await?;
    ran.unmade = halt.reason().map(ToString::to_string);
    for (measured, dns) in ran.parts.iter_mut().zip(dns) {
        if !dns.is_zero() {
            measured.timings.entry(Timing::Dns).or_default().record(dns);
        }
    }
    Ok(ran)
}

#[cfg(test)]
mod tests;
