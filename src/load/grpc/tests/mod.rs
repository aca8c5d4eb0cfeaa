//! Calls of real servers on this machine.

mod faults;
mod server;
mod streams;
mod unary;

use std::num::{NonZeroU32, NonZeroU64};
use std::time::Duration;

use bytes::Bytes;
use http::uri::PathAndQuery;

use self::server::Server;
use super::*;
use crate::load::{Arrivals, AtOnce, Pace, Stop, UnderWay};
use crate::metrics::{FailureClass, LoadMeasurement};

fn ms(n: u64) -> Duration {
    Duration::from_millis(n)
}

/// A unary call of a method of the server.
fn call(server: &Server, method: &str) -> CallSpec {
    call_at(&format!("http://{}", server.address), method)
}

fn call_at(url: &str, method: &str) -> CallSpec {
    let path = PathAndQuery::try_from(format!("/test.Service/{method}")).expect("a path");
    CallSpec::unary(url.parse().expect("a URL"), path, Bytes::from_static(b"name"))
}

fn streaming(server: &Server, kind: CallKind, method: &str, messages: &[&'static [u8]]) -> CallSpec {
    CallSpec {
        kind,
        calls: fixed(messages),
        ..call(server, method)
    }
}

fn fixed(messages: &[&'static [u8]]) -> Calls {
    let messages = messages.iter().map(|message| Bytes::from_static(message));
    Calls::Fixed {
        metadata: http::HeaderMap::new(),
        messages: Messages::Same(messages.collect()),
    }
}

fn pool(connections: u32, streams: u32, timeout: Duration) -> Pool {
    let number = |n| NonZeroU32::new(n).expect("not zero");
    Pool {
        connections: number(connections),
        max_connections: number(connections),
        streams: NonZeroU32::MIN,
        at_once: AtOnce::Lanes(number(connections * streams)),
        timeout,
        connection_warmup: 0,
    }
}

/// As many calls as fast as possible.
async fn burst(spec: &CallSpec, calls: u64, pool: Pool) -> LoadMeasurement {
    let ran = run_burst(spec, calls, pool).await;
    ran.expect("a load").parts.remove(0)
}

/// The same, if it can be sent.
async fn run_burst(spec: &CallSpec, calls: u64, pool: Pool) -> Result<Ran, LoadError> {
    let plan = Plan {
        stop: Stop::After(NonZeroU64::new(calls).expect("not zero")),
        pace: Pace::Free,
        arrivals: Arrivals::Constant,
        grace: ms(5000),
        under_way: UnderWay::Finish,
        skip: 0,
        shard: None,
    };
    let part = Part {
        spec: spec.clone(),
        net: NetSettings::default(),
        pool,
    };
    let onlooker = Onlooker {
        progress: Box::new(|_| {}),
        enough: None,
    };
    let shutdown = CancellationToken::new();
    run(&plan, &Mix::single(), &[part], &shutdown, onlooker).await
}

/// One call.
async fn once(spec: &CallSpec) -> LoadMeasurement {
    burst(spec, 1, pool(1, 1, ms(10_000))).await
}

/// The only failure of a load.
fn failure(load: &LoadMeasurement) -> (FailureClass, &str) {
    assert_eq!(load.failures.len(), 1, "{:?}", load.failures);
    let (class, failure) = load.failures.first_key_value().expect("a failure");
    (*class, failure.example.as_str())
}
