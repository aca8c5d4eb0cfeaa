//! Calls on which one side streams, or both.

use std::sync::Arc;
use std::sync::atomic::Ordering;

use super::*;
use crate::metrics::Statistic;

fn at_least(load: &LoadMeasurement, timing: Timing, least: f64) {
    let mean = load.timings[&timing].statistic(Statistic::Mean).expect("times");
    assert!(mean >= least, "{timing:?}: {mean}");
}

#[tokio::test]
async fn all_messages_of_a_server_are_counted_and_timed() {
    let server = Server::start().await;
    let spec = streaming(&server, CallKind::ServerStreaming, "Hundred", &[b"go"]);
    let load = burst(&spec, 10, pool(1, 2, ms(5000))).await;
    assert_eq!((load.requests, load.errors), (10, 0), "{:?}", load.failures);
    assert_eq!((load.messages_sent, load.messages_received), (10, 1000));
    assert_eq!(load.timings[&Timing::FirstMessage].count(), 10);
    assert_eq!(load.timings[&Timing::BetweenMessages].count(), 990);
    let load = once(&streaming(&server, CallKind::ServerStreaming, "Ticks", &[b"go"])).await;
    assert_eq!(load.messages_received, 4);
    at_least(&load, Timing::FirstMessage, 29.0);
    at_least(&load, Timing::BetweenMessages, 10.0);
    at_least(&load, Timing::Latency, 119.0);
}

#[tokio::test]
async fn a_client_sends_each_message_at_its_interval() {
    let server = Server::start().await;
    let mut spec = streaming(&server, CallKind::ClientStreaming, "Hello", &[b"a", b"b", b"c"]);
    spec.stream.interval = ms(40);
    let load = once(&spec).await;
    assert_eq!(load.errors, 0, "{:?}", load.failures);
    assert_eq!((load.messages_sent, load.messages_received), (3, 1));
    assert_eq!(server.seen.message(2), "c");
    at_least(&load, Timing::Latency, 79.0);
    assert!(!load.timings.contains_key(&Timing::BetweenMessages));
}

#[tokio::test]
async fn a_client_sends_as_many_messages_as_are_wanted() {
    let server = Server::start().await;
    let mut spec = streaming(&server, CallKind::ClientStreaming, "Hello", &[b"a", b"b"]);
    spec.stream.call_count = NonZeroU64::new(5);
    let load = burst(&spec, 2, pool(1, 1, ms(5000))).await;
    assert_eq!((load.errors, load.messages_sent), (0, 10));
    assert_eq!(server.seen.message(4), "a");
}

#[tokio::test]
async fn a_client_stops_to_send_after_its_time() {
    let server = Server::start().await;
    let mut spec = streaming(&server, CallKind::Bidirectional, "Each", &[b"a".as_slice(); 100]);
    spec.stream.interval = ms(20);
    spec.stream.call_duration = Some(ms(90));
    let load = once(&spec).await;
    assert_eq!(
        (load.errors, &load.statuses),
        (0, &[(0, 1)].into()),
        "{:?}",
        load.failures
    );
    assert!((2..=6).contains(&load.messages_sent), "{}", load.messages_sent);
    assert_eq!(load.messages_sent, load.messages_received);
}

#[tokio::test]
async fn both_sides_stream_at_the_same_time() {
    let server = Server::start().await;
    let mut spec = streaming(&server, CallKind::Bidirectional, "Each", &[b"ping", b"pong"]);
    spec.stream.call_count = NonZeroU64::new(300);
    let load = burst(&spec, 4, pool(1, 2, ms(10_000))).await;
    assert_eq!(load.errors, 0, "{:?}", load.failures);
    assert_eq!((load.messages_sent, load.messages_received), (1200, 1200));
    assert_eq!(load.timings[&Timing::FirstMessage].count(), 4);
}

#[tokio::test]
async fn more_than_the_server_has_room_for_is_sent_when_there_is_room() {
    static LARGE: [u8; 50_000] = [1; 50_000];
    let server = Server::start().await;
    let mut spec = streaming(&server, CallKind::ClientStreaming, "Hello", &[&LARGE]);
    spec.stream.call_count = NonZeroU64::new(40);
    let load = once(&spec).await;
    assert_eq!((load.errors, load.messages_sent), (0, 40), "{:?}", load.failures);
    assert_eq!(server.seen.messages(), 40);
}

#[tokio::test]
async fn a_call_that_the_server_ends_at_its_deadline_has_timed_out() {
    let server = Server::start().await;
    let mut spec = streaming(&server, CallKind::ServerStreaming, "Endless", &[b"go"]);
    spec.stream.call_count = None;
    let load = burst(&spec, 4, pool(1, 4, ms(100))).await;
    assert_eq!(load.statuses, [(4, 4)].into(), "{:?}", load.failures);
    assert_eq!(load.failures[&FailureClass::Timeout].count, 4);
    at_least(&load, Timing::Latency, 100.0);
}

#[tokio::test]
async fn an_endless_stream_is_cancelled_as_it_was_wanted() {
    let server = Server::start().await;
    let endless = streaming(&server, CallKind::ServerStreaming, "Endless", &[b"go"]);
    let mut counted = endless.clone();
    counted.stream.call_count = NonZeroU64::new(5);
    let load = burst(&counted, 2, pool(1, 1, ms(5000))).await;
    assert_eq!((load.requests, load.errors), (2, 0), "{:?}", load.failures);
    assert_eq!(load.statuses, [(0, 2)].into());
    assert!(load.messages_received >= 10);
    let mut timed = endless.clone();
    timed.stream.call_duration = Some(ms(60));
    let load = once(&timed).await;
    assert_eq!((load.errors, &load.statuses), (0, &[(1, 1)].into()));
    at_least(&load, Timing::ServiceTime, 30.0);
    let resets = || server.seen.resets.load(Ordering::Relaxed);
    for _ in 0..100 {
        if resets() == 3 {
            return;
        }
        tokio::time::sleep(ms(20)).await;
    }
    panic!("{} streams were reset", resets());
}

#[tokio::test]
async fn messages_of_a_stream_that_ran_out_of_time_are_counted() {
    let server = Server::start().await;
    let spec = streaming(&server, CallKind::ServerStreaming, "Endless", &[b"go"]);
    let load = burst(&spec, 1, pool(1, 1, ms(100))).await;
    assert_eq!(failure(&load).0, FailureClass::Timeout);
    assert!(load.messages_received > 1, "{}", load.messages_received);
}

#[tokio::test]
async fn a_server_that_ends_early_ends_the_call() {
    let server = Server::start().await;
    let mut spec = streaming(
        &server,
        CallKind::Bidirectional,
        "EndsEarly",
        &[b"a".as_slice(); 1000],
    );
    spec.stream.interval = ms(20);
    let load = burst(&spec, 2, pool(1, 1, ms(5000))).await;
    assert_eq!(load.statuses, [(9, 2)].into());
    assert_eq!(
        failure(&load),
        (FailureClass::Status, "FAILED_PRECONDITION: no more, please")
    );
    assert!(load.messages_sent < 100, "{}", load.messages_sent);
    assert_eq!(load.connections, 1);
}

#[tokio::test]
async fn a_stream_that_is_reset_keeps_its_messages() {
    let server = Server::start().await;
    let spec = streaming(&server, CallKind::ServerStreaming, "OneThenReset", &[b"go"]);
    let load = burst(&spec, 3, pool(1, 3, ms(5000))).await;
    assert_eq!((load.errors, load.messages_received), (3, 3));
    assert_eq!(load.statuses, [(13, 3)].into());
    assert_eq!(load.connections, 1);
}

#[derive(Debug)]
struct Parts;

#[derive(Debug)]
struct OfCall(u64, http::HeaderMap);

impl Render for Parts {
    fn begin(&self, call: CallNumber) -> Result<Box<dyn RenderedCall + '_>, String> {
        Ok(Box::new(OfCall(call.n, http::HeaderMap::new())))
    }
}

impl RenderedCall for OfCall {
    fn metadata(&self) -> &http::HeaderMap {
        &self.1
    }

    fn message(&mut self, index: usize) -> Result<Option<Bytes>, String> {
        Ok((index < 3).then(|| format!("{}.{index}", self.0).into()))
    }
}

#[tokio::test]
async fn messages_of_a_stream_are_rendered_one_by_one() {
    let server = Server::start().await;
    let mut spec = streaming(&server, CallKind::Bidirectional, "Each", &[]);
    spec.calls = Calls::Rendered(Arc::new(Parts));
    let load = burst(&spec, 2, pool(1, 1, ms(5000))).await;
    assert_eq!(
        (load.errors, load.messages_received),
        (0, 6),
        "{:?}",
        load.failures
    );
    assert_eq!(server.seen.message(4), "1.1");
}
