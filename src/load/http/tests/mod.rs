//! HTTP load against real servers on this machine.

mod answers;
mod secure;
mod server;

use std::num::{NonZeroU32, NonZeroU64};
use std::time::Duration;

use url::Url;

use super::*;
use crate::load::{Pace, Rate, Stop};
use crate::metrics::{FailureClass, Statistic};

fn ms(n: u64) -> Duration {
    Duration::from_millis(n)
}

/// As many requests as fast as possible on some connections.
fn burst(requests: u64, connections: u32) -> Plan {
    let connections = NonZeroU32::new(connections).expect("not zero");
    Plan {
        stop: Stop::After(NonZeroU64::new(requests).expect("not zero")),
        pace: Pace::Free,
        connections,
        max_connections: connections,
        timeout: ms(5000),
        grace: ms(5000),
        connection_warmup: 0,
    }
}

fn get(url: &str) -> RequestSpec {
    RequestSpec::get(url.parse::<Url>().expect(url))
}

async fn load_with(plan: &Plan, spec: &RequestSpec, net: &NetSettings) -> LoadMeasurement {
    run(plan, spec, net, &CancellationToken::new(), |_| {})
        .await
        .expect("a load that can run")
}

async fn load(plan: &Plan, spec: &RequestSpec) -> LoadMeasurement {
    load_with(plan, spec, &NetSettings::default()).await
}

/// The only class of failure, its count and its example.
fn only_failure(load: &LoadMeasurement) -> (FailureClass, u64, &str) {
    assert_eq!(load.failures.len(), 1, "{:?}", load.failures);
    let (class, failure) = load.failures.iter().next().expect("one");
    (*class, failure.count, &failure.example)
}
