//! How to send requests at a pace and measure what comes back.
//!
//! A [`Plan`] says how many, how fast and over how many connections; a schedule says when each request is due; a
//! [`Target`] knows one protocol. The driver joins them, and its tally becomes a
//! [`LoadMeasurement`](crate::metrics::LoadMeasurement). It never judges.

mod bytes;
mod deadline;
mod driver;
mod files;
pub mod grpc;
pub(crate) mod h2;
mod health;
pub mod http;
mod lane;
mod lanes;
mod pacer;
mod plan;
mod pool;
mod random;
mod schedule;
mod seats;
mod shard;
mod tally;
mod target;
mod teller;
mod warm_up;
mod worker;

pub use driver::{Enough, Onlooker, Ran};
pub use files::{make_room, most_connections};
pub use plan::{Arrivals, Mix, Pace, Plan, Rate, Stage, Stop, UnderWay};
pub use pool::{AtOnce, MOST_AT_ONCE, Pool, Steps};
pub use schedule::Extent;
pub use seats::Seat;
pub use shard::{Shard, Undivided};
pub use tally::{Messages, OTHER_WALLS, Progress, Recent, Sent, Tally};
pub use target::{Answer, Aside, ConnectTimes, Failed, Sample, Target, Way};

use crate::net::proxy::ProxyError;
use crate::net::resolve::ResolveError;
use crate::net::route::RouteError;
use crate::net::tls::TlsError;

/// Why a load could not run at all. What happens to single requests is data, not an error.
#[derive(Debug, thiserror::Error)]
pub enum LoadError {
    /// Not http or https, or without a host.
    #[error("{0} is not an http:// or https:// URL")]
    Url(String),
    /// The name of the target or of its proxy has no address.
    #[error(transparent)]
    Resolve(#[from] ResolveError),
    /// Placeholders of the request cannot be filled.
    #[error("{}", .0.iter().map(ToString::to_string).collect::<Vec<_>>().join("; "))]
    Placeholders(Vec<http::Mistake>),
    /// The TLS settings cannot be used.
    #[error(transparent)]
    Tls(#[from] TlsError),
    /// The proxy cannot be used.
    #[error(transparent)]
    Proxy(#[from] ProxyError),
    /// A forwarding proxy takes requests of HTTP/1.1 only.
    #[error(
        "`httpVersion: h2c` cannot go through a proxy: it forwards http:// requests by HTTP/1.1; leave one of them out, or name the host in NO_PROXY"
    )]
    ForwardedHttp2,
    /// What is no host with a port.
    #[error("`{0}` cannot be the authority of a call: it is a host, with a port if need be")]
    Authority(String),
    /// No thread or no event loop for the load.
    #[error("the load generator could not be started")]
    Start(#[source] std::io::Error),
    /// Its thread is gone: a mistake in iter8.
    #[error("the load generator stopped unexpectedly")]
    Stopped(#[source] tokio::sync::oneshot::error::RecvError),
    /// The same.
    #[error("the load generator stopped unexpectedly")]
    Panicked(#[source] tokio::task::JoinError),
}

impl From<RouteError> for LoadError {
    fn from(error: RouteError) -> Self {
        match error {
            RouteError::Url(url) => Self::Url(url),
            RouteError::Resolve(error) => Self::Resolve(error),
            RouteError::Proxy(error) => Self::Proxy(error),
        }
    }
}
