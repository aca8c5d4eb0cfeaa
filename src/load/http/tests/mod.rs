//! HTTP load against real servers on this machine.

mod answers;
mod chosen;
mod kept;
mod secure;
mod server;
mod told;
mod unasked;

use std::num::{NonZeroU32, NonZeroU64};
use std::time::Duration;

use url::Url;

use super::*;
use crate::load::{Arrivals, AtOnce, Pace, Progress, Rate, Stop, UnderWay};
use crate::metrics::{FailureClass, LoadMeasurement, Statistic};

fn ms(n: u64) -> Duration {
    Duration::from_millis(n)
}

/// As many requests as fast as possible on some connections.
fn burst(requests: u64, connections: u32) -> Asked {
    let connections = NonZeroU32::new(connections).expect("not zero");
    Asked {
        plan: Plan {
            stop: Stop::After(NonZeroU64::new(requests).expect("not zero")),
            pace: Pace::Free,
            arrivals: Arrivals::Constant,
            grace: ms(5000),
            under_way: UnderWay::Finish,
            skip: 0,
            shard: None,
        },
        pool: Pool {
            connections,
            max_connections: connections,
            streams: NonZeroU32::MIN,
            at_once: AtOnce::Streams,
            timeout: ms(5000),
            connection_warmup: 0,
        },
    }
}

/// What a test asks for.
struct Asked {
    plan: Plan,
    pool: Pool,
}

fn get(url: &str) -> RequestSpec {
    RequestSpec::get(url.parse::<Url>().expect(url))
}

/// Runs a load of one part.
async fn run_one(
    asked: &Asked,
    spec: &RequestSpec,
    net: &NetSettings,
    shutdown: &CancellationToken,
    progress: impl Fn(Progress) + Send + Sync + 'static,
) -> Result<LoadMeasurement, LoadError> {
    let part = Part {
        spec: spec.clone(),
        net: net.clone(),
        pool: asked.pool.clone(),
    };
    let onlooker = Onlooker {
        progress: Box::new(progress),
        enough: None,
    };
    let mut ran = run(&asked.plan, &Mix::single(), &[part], shutdown, onlooker).await?;
    Ok(ran.parts.swap_remove(0))
}

async fn load_with(asked: &Asked, spec: &RequestSpec, net: &NetSettings) -> LoadMeasurement {
    run_one(asked, spec, net, &CancellationToken::new(), |_| {})
        .await
        .expect("a load that can run")
}

async fn load(plan: &Asked, spec: &RequestSpec) -> LoadMeasurement {
    load_with(plan, spec, &NetSettings::default()).await
}

/// The only class of failure, its count and its example.
fn only_failure(load: &LoadMeasurement) -> (FailureClass, u64, &str) {
    assert_eq!(load.failures.len(), 1, "{:?}", load.failures);
    let (class, failure) = load.failures.iter().next().expect("one");
    (*class, failure.count, &failure.example)
}
