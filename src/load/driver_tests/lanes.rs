//! How many requests are under way at once, on which connections, and which of them count.

use std::collections::BTreeSet;
use std::num::NonZeroI32;

use super::*;
use crate::load::{MOST_AT_ONCE, Steps};

fn lanes(n: u32) -> NonZeroU32 {
    NonZeroU32::new(n).expect("not zero")
}

/// The most requests under way at once among those sent in a time.
fn busiest(ran: &Ran, from: u64, until: u64) -> u32 {
    let sends = ran.sends.iter();
    let within = sends.filter(|send| (ms(from)..ms(until)).contains(&send.at));
    within.map(|send| send.busy).max().unwrap_or_default()
}

async fn on_workers(
    asked: Asked,
    workers: usize,
    react: impl Fn(u64, Duration) -> Reaction + 'static,
) -> Ran {
    let pacers = (0..workers).map(|_| Sleep).collect();
    run_paced(asked, false, &CancellationToken::new(), pacers, react).await
}

#[tokio::test]
async fn a_number_of_lanes_is_kept_exactly_however_few_the_connections() {
    for workers in [1, 2, 3] {
        for rate in [0.0, 2000.0] {
            let mut asked = plan(after(200), rate, 3);
            asked.pool.at_once = AtOnce::Lanes(lanes(11));
            let ran = on_workers(asked, workers, |_, _| Reaction::Answer(ms(20))).await;
            assert_eq!((ran.load.requests, ran.load.errors), (200, 0));
            assert_eq!(busiest(&ran, 0, 60_000), 11, "{workers} workers at {rate}/s");
            let seats: BTreeSet<_> = ran.sends.iter().map(|send| send.seat.lane).collect();
            assert_eq!(seats, (0..11).collect());
            assert!(
                ran.sends
                    .iter()
                    .all(|send| send.seat.connection == send.seat.lane % 3)
            );
        }
    }
}

#[tokio::test]
async fn with_lanes_without_end_nothing_that_is_due_waits() {
    let mut asked = plan(Stop::For(ms(1000)), 200.0, 2);
    asked.pool.at_once = AtOnce::Lanes(MOST_AT_ONCE);
    let ran = run_on(asked, |_, _| Reaction::Answer(ms(400))).await;
    assert_eq!((ran.load.requests, ran.load.waited, ran.load.unsent), (200, 0, 0));
    assert!(busiest(&ran, 0, 60_000) >= 70);
    assert!(ran.sends.iter().all(|send| send.seat.connection < 2));
}

#[tokio::test]
async fn lanes_come_and_go_in_steps_on_all_workers_together() {
    for (from, to, step) in [(2, 6, 2), (6, 2, -2)] {
        for (rate, workers) in [(0.0, 1), (0.0, 2), (400.0, 1), (400.0, 2)] {
            let mut asked = plan(Stop::For(ms(900)), rate, 2);
            asked.plan.under_way = UnderWay::Ignore;
            let step = NonZeroI32::new(step).expect("not zero");
            let steps = Steps::new(lanes(from), Some(lanes(to)), step, ms(300), None);
            asked.pool.at_once = AtOnce::Steps(steps.expect("steps"));
            let ran = on_workers(asked, workers, |_, _| Reaction::Answer(ms(20))).await;
            // Around a step, timers are late and requests under way finish.
            let seen = [(100, 290), (400, 590), (700, 890)].map(|(from, until)| busiest(&ran, from, until));
            assert_eq!(seen, [from, 4, to], "{workers} workers at {rate}/s");
            assert_eq!(ran.load.errors, 0);
        }
    }
}

#[tokio::test]
async fn what_waits_is_sent_when_there_are_more_lanes() {
    // One lane until 600 ms, when all is long due.
    let mut asked = plan(after(6), 100.0, 6);
    let step = NonZeroI32::new(5).expect("not zero");
    let steps = Steps::new(lanes(1), Some(lanes(6)), step, ms(600), None);
    asked.pool.at_once = AtOnce::Steps(steps.expect("steps"));
    let ran = run_on(asked, |_, _| Reaction::Answer(ms(1000))).await;
    assert_eq!((ran.load.requests, ran.load.unsent), (6, 0));
    assert_eq!(busiest(&ran, 600, 900), 6);
    assert!(ran.load.elapsed < 3.0, "{}", ran.load.elapsed);
}

#[tokio::test]
async fn a_lane_that_ends_leaves_what_it_was_called_for_to_another() {
    // Warm lanes are idle when their number falls, and requests go on to be due.
    let mut asked = plan(Stop::For(ms(400)), 500.0, 8);
    asked.pool.connection_warmup = 1;
    let step = NonZeroI32::new(-7).expect("not zero");
    let steps = Steps::new(lanes(8), Some(lanes(1)), step, ms(100), None);
    asked.pool.at_once = AtOnce::Steps(steps.expect("steps"));
    let ran = run_on(asked, |_, _| Reaction::Answer(Duration::ZERO)).await;
    assert_eq!((ran.load.requests, ran.load.unsent), (200, 0));
    assert!(
        ran.sends
            .iter()
            .all(|send| send.seat.lane == 0 || send.at < ms(250))
    );
}

#[tokio::test]
async fn the_first_requests_are_sent_and_not_counted() {
    for rate in [0.0, 20.0] {
        let mut asked = plan(after(10), rate, 1);
        asked.plan.skip = 4;
        let ran = run_on(asked, |n, _| {
            if n == 3 {
                Reaction::Reset
            } else {
                Reaction::Answer(ms(20))
            }
        })
        .await;
        assert_eq!((ran.served, ran.load.requests, ran.load.errors), (10, 6, 0));
        assert_eq!((ran.latency().count(), ran.load.cold_start), (6, None));
        assert_eq!(ran.load.slices.iter().map(|slice| slice.requests).sum::<u64>(), 6);
        assert!(
            ran.load
                .slices
                .iter()
                .next()
                .is_some_and(|first| first.requests > 0)
        );
        assert!(ran.load.exemplars.iter().any(|slow| slow.due.abs() < 0.01));
        if rate > 0.0 {
            // Those 200 ms of them are no part of the time.
            assert!((0.299..0.302).contains(&ran.load.elapsed), "{}", ran.load.elapsed);
            assert_eq!(ran.load.send_delay.count(), 6);
        } else {
            assert!((0.12..1.0).contains(&ran.load.elapsed), "{}", ran.load.elapsed);
        }
    }
}

#[tokio::test]
async fn a_load_that_skips_all_measures_nothing() {
    let mut asked = plan(after(3), 100.0, 1);
    asked.plan.skip = 9;
    let ran = run_on(asked, |_, _| Reaction::Answer(ms(1))).await;
    assert_eq!((ran.served, ran.load.requests), (3, 0));
    assert!(ran.load.elapsed.abs() < f64::EPSILON);
}

#[tokio::test]
async fn when_the_time_is_over_what_is_under_way_is_cut_off_or_ignored() {
    for (rate, under_way) in [
        (0.0, UnderWay::CutOff),
        (0.0, UnderWay::Ignore),
        (50.0, UnderWay::CutOff),
        (50.0, UnderWay::Ignore),
    ] {
        let mut asked = plan(Stop::For(ms(400)), rate, 4);
        asked.plan.under_way = under_way;
        let ran = run_on(asked, |n, _| {
            if n < 8 {
                Reaction::Answer(ms(5))
            } else {
                Reaction::Never
            }
        })
        .await;
        let cut = if under_way == UnderWay::CutOff { 4 } else { 0 };
        assert_eq!((ran.load.answered, ran.served), (8, 12));
        assert_eq!((ran.load.requests, ran.load.errors), (8 + cut, cut));
        assert_eq!(ran.load.unsent, if rate > 0.0 { 8 } else { 0 });
        assert!(ran.load.elapsed < 1.5, "{}", ran.load.elapsed);
        let cut_off = ran.load.failures.get(&FailureClass::CutOff);
        assert_eq!(
            cut_off.map(|failure| (failure.count, failure.example.as_str())),
            (cut > 0).then_some((4, "no answer yet when the time was over"))
        );
    }
}

#[tokio::test]
async fn what_is_answered_before_the_time_is_over_ends_the_load() {
    let both = Stop::Either(NonZeroU64::new(5).expect("not zero"), ms(30_000));
    let mut asked = plan(both, 0.0, 2);
    asked.plan.under_way = UnderWay::CutOff;
    let ran = run_on(asked, |_, _| Reaction::Answer(ms(10))).await;
    assert_eq!((ran.load.requests, ran.load.errors), (5, 0));
    assert!(ran.load.elapsed < 20.0);
}
