//! Loads whose numbers are the target's, and loads whose numbers are not.

use std::sync::LazyLock;
use std::time::Duration;

use super::*;
use crate::load::Rate;
use crate::metrics::{Failure, Histogram, Throttled};
use crate::tasks::ready::Form;

fn paced() -> Pace {
    Pace::PerSecond(Rate::per_second(200.0).expect("a rate"))
}

static WORDS: Words = Words {
    request: "request",
    target: "url",
    form: Form::Url,
    count: "numRequests",
    rate: "qps",
    free: "qps: max",
    pace: &[],
};

fn sent(pace: &Pace) -> Sent<'_> {
    static HTTP: LazyLock<Stream> = LazyLock::new(|| "http".parse().expect("a stream"));
    Sent {
        stream: &HTTP,
        pace,
        words: &WORDS,
    }
}

/// A load of 800 requests, with the delay and the service time of each in milliseconds.
fn load(each: impl Fn(u64) -> (u64, u64)) -> LoadMeasurement {
    let mut load = LoadMeasurement {
        elapsed: 4.0,
        ..LoadMeasurement::default()
    };
    for n in 0..800 {
        let (delay, service) = each(n);
        load.requests += 1;
        load.send_delay.record(Duration::from_millis(delay));
        let latency = load.timings.entry(Timing::Latency).or_default();
        latency.record(Duration::from_millis(delay + service));
    }
    load
}

/// The same, with the idle part of each latency and a number of stalls.
fn watched(stalls: u64, each: impl Fn(u64) -> (u64, u64), idle: impl Fn(u64) -> u64) -> LoadMeasurement {
    let mut target_time = Histogram::new();
    (0..800).for_each(|n| target_time.record(Duration::from_millis(idle(n))));
    LoadMeasurement {
        health: Some(GeneratorHealth {
            threads: 1,
            wall_seconds: 4.0,
            busiest: Some(0.3),
            stalls,
            target_time,
            ..GeneratorHealth::default()
        }),
        ..load(each)
    }
}

fn refused(load: &LoadMeasurement) -> Option<String> {
    distrust(sent(&paced()), load)
}

fn why(each: impl Fn(u64) -> (u64, u64)) -> Option<String> {
    refused(&load(each))
}

/// The delays of a stall of `long` ms at 200 requests per second.
fn stall(n: u64, long: u64) -> u64 {
    long.saturating_sub(5 * n)
}

#[test]
fn a_stall_of_our_own_spoils_the_measurement_of_a_healthy_target() {
    let told = why(|n| (stall(n, 1500), 1)).expect("distrust");
    assert!(
        told.starts_with("iter8 itself sent 290 of 800 requests"),
        "{told}"
    );
    assert!(
        told.contains("lower `qps`") && told.contains("more CPU"),
        "{told}"
    );
    // Enough for p99 alone.
    assert!(why(|n| (stall(n, 150), 1)).is_some());
    assert!(late(&WORDS, &load(|n| (stall(n, 1500), 1))).is_some());
}

#[test]
fn a_slow_target_is_not_excused_by_our_delay() {
    assert_eq!(why(|n| (0, 100 + n % 3000)), None);
    assert_eq!(why(|n| (n % 25, 300)), None);
    assert_eq!(why(|n| (stall(n, 150), 1 + 600 * u64::from(n % 10 == 0))), None);
    // It was slow while iter8 was held up now and then.
    assert_eq!(refused(&watched(90, |n| (n % 25, 300), |_| 220)), None);
}

#[test]
fn jitter_and_single_hiccups_spoil_nothing() {
    assert_eq!(why(|n| (n % 50, 0)), None);
    assert_eq!(why(|n| (90 * u64::from(n % 150 == 0), 0)), None);
    assert_eq!(why(|n| (900 * u64::from(n < 4), 0)), None);
    assert_eq!(late(&WORDS, &load(|n| (n % 50, 0))), None);
    // A stall of 40 ms makes a p99 of 400 requests, and is only one.
    assert_eq!(refused(&watched(1, |n| (stall(n, 40), 1), |_| 1)), None);
    assert_eq!(refused(&watched(1, |n| (0, 1 + stall(n, 400)), |_| 1)), None);
}

#[test]
fn delays_of_a_few_milliseconds_count_when_they_come_again_and_again() {
    let often = |stalls| refused(&watched(stalls, |n| (20 * u64::from(n % 30 == 0), 1), |_| 1));
    assert!(often(26).is_some_and(|told| told.contains("27 of 800 requests")));
    assert_eq!(often(4), None);
}

#[test]
fn answers_that_nobody_was_ready_to_receive_spoil_the_measurement() {
    let mut load = watched(
        60,
        |n| (0, if n % 15 == 0 { 40 } else { 1 }),
        |n| 1 + 5 * u64::from(n % 15 == 0),
    );
    let told = refused(&load).expect("distrust");
    assert!(
        told.starts_with("of the latency p95 of 40 ms to `http`, only 6 ms were surely the target's"),
        "{told}"
    );
    assert!(
        told.ends_with("the generator was the bottleneck; lower `qps`, or give it more CPU"),
        "{told}"
    );
    let health = load.health.as_mut().expect("watched");
    health.run_queue_seconds = Some(1.0);
    assert!(
        refused(&load)
            .is_some_and(|told| told.contains("other work had its processor while it waited, 25 %"))
    );
    let health = load.health.as_mut().expect("watched");
    health.throttled = Some(Throttled {
        periods: 40,
        throttled_periods: 33,
        seconds: 0.9,
    });
    assert!(refused(&load).is_some_and(|told| told.contains("a CPU quota stopped it in 33 of 40 periods")));
}

#[test]
fn a_generator_that_works_without_a_pause_vouches_for_nothing() {
    let saturated = |busy| {
        let mut load = watched(0, |n| (0, 10 * n), |n| n);
        load.health.as_mut().expect("watched").busiest = Some(busy);
        refused(&load)
    };
    assert!(saturated(0.97).is_some_and(|told| told.contains("(it was busy 97 % of the time)")));
    assert_eq!(saturated(0.6), None);
}

#[test]
fn a_queue_for_connections_is_ours_when_we_hold_them_up() {
    let queue = |idle_percent: u64| {
        let mut load = watched(60, |n| (0, 5 * n), |n| 5 * n * idle_percent / 100);
        let service = load.timings.entry(Timing::ServiceTime).or_default();
        (0..800).for_each(|_| service.record(Duration::from_millis(9)));
        refused(&load)
    };
    assert!(queue(30).is_some());
    assert_eq!(queue(70), None);
}

#[test]
fn latencies_below_what_can_be_told_apart_are_believed() {
    assert_eq!(refused(&watched(200, |n| (n % 3, 2), |_| 0)), None);
}

#[test]
fn a_machine_that_cannot_open_connections_is_not_the_targets_failure() {
    let mut load = watched(0, |_| (0, 1), |_| 1);
    let failure = Failure {
        count: 1,
        example: "this machine ran out of open files".to_owned(),
    };
    load.failures.insert(FailureClass::Local, failure);
    load.elapsed = 0.2;
    load.health.as_mut().expect("watched").files = Some(Usage { most: 60, limit: 60 });
    let told = refused(&load).expect("distrust");
    assert!(
        told.starts_with("1 of 800 requests to `http` failed on the machine that sent them"),
        "{told}"
    );
    assert!(
        told.contains("ran out of open files") && told.ends_with("its limits (open files 60)"),
        "{told}"
    );
    assert_eq!(notes(sent(&Pace::Free), &load, "all were busy"), [told]);
}

#[test]
fn as_fast_as_possible_nothing_is_refused_but_said() {
    let mut load = watched(60, |_| (0, 40), |_| 2);
    load.send_delay = Histogram::new();
    assert_eq!(distrust(sent(&Pace::Free), &load), None);
    let told = notes(sent(&Pace::Free), &load, "all were busy");
    assert!(told[0].contains("only 2 ms were surely the target's"), "{told:?}");
    let mut busy = watched(0, |_| (0, 3), |_| 3);
    assert!(notes(sent(&Pace::Free), &busy, "all were busy").is_empty());
    busy.health.as_mut().expect("watched").busiest = Some(0.99);
    assert!(notes(sent(&Pace::Free), &busy, "all were busy")[0].starts_with("iter8 itself was busy 99 %"));
    assert!(notes(sent(&paced()), &busy, "all were busy").is_empty());
}

#[test]
fn requests_that_waited_are_a_part_of_those_that_were_due() {
    let load = LoadMeasurement {
        requests: 40,
        unsent: 80,
        waited: 98,
        ..LoadMeasurement::default()
    };
    let told = waited(&WORDS, &load, "all 4 connections were busy").expect("some waited");
    assert!(
        told.starts_with("98 of 120 requests waited because all 4 connections"),
        "{told}"
    );
    assert_eq!(waited(&WORDS, &LoadMeasurement::default(), "all were busy"), None);
}

#[test]
fn a_load_of_a_moment_is_not_refused_for_one_hiccup() {
    let mut short = load(|n| (if n % 2 == 0 { 100 } else { 0 }, 1));
    assert!(refused(&short).is_some());
    short.elapsed = 0.1;
    assert_eq!(refused(&short), None);
    assert!(late(&WORDS, &short).is_some());
}

#[test]
fn nothing_is_said_of_a_load_without_due_instants() {
    let mut free = load(|_| (0, 900));
    free.send_delay = Histogram::new();
    assert_eq!(refused(&free), None);
    assert_eq!(late(&WORDS, &free), None);
}
