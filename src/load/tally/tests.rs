//! What a tally counts, shown on single requests.

use super::asides::NAMED;
use super::*;
use crate::load::Aside;
use crate::metrics::{Exemplar, Statistic};

fn ms(n: u64) -> Duration {
    Duration::from_millis(n)
}

fn sent(n: u64) -> Sent {
    Sent {
        n,
        due: ms(10 * n),
        at: ms(10 * n + 1),
        connection: 1 + n % 3,
        opened: None,
    }
}

/// Counts request `n`, whose fate follows from its number.
fn count(tally: &mut Tally, n: u64) {
    let end = tally.start + ms(10 * n + 5 + n % 13);
    tally.released(n, ms(n % 3));
    match n % 7 {
        0 => tally.failed(
            sent(n),
            end,
            &Failed::new(FailureClass::Reset, format!("reset {n}")),
        ),
        1 => tally.failed(
            sent(n),
            end,
            &Failed::new(FailureClass::Timeout, format!("late {n}")),
        ),
        2 => tally.unsent(n, ms(10 * n), ms(10 * n + 500)),
        _ => tally.answered(
            sent(n),
            &Answer {
                status: Some(if n % 7 == 3 { 503 } else { 200 }),
                first_byte: end - ms(2),
                end,
                bytes: n,
                failure: (n % 7 == 3).then(|| Failed::new(FailureClass::Status, format!("status {n}"))),
                aside: (n % 7 == 4).then(|| Aside::Wall("a log-in".to_owned())),
            },
        ),
    }
}

fn of(start: Instant, numbers: impl IntoIterator<Item = u64>) -> Tally {
    let mut tally = Tally::new(start);
    numbers.into_iter().for_each(|n| count(&mut tally, n));
    tally
}

#[test]
fn latency_counts_from_the_due_instant_and_only_of_what_was_answered() {
    let start = Instant::now();
    let answered = of(start, [5]).finish(Duration::ZERO);
    let value = |timing| answered.timings[&timing].statistic(Statistic::Max);
    assert_eq!(value(Timing::Latency), Some(10.0));
    assert_eq!(value(Timing::ServiceTime), Some(9.0));
    assert_eq!(value(Timing::Ttfb), Some(7.0));
    assert_eq!(value(Timing::Body), Some(2.0));

    let reset = of(start, [7]).finish(Duration::ZERO);
    assert_eq!((reset.requests, reset.errors, reset.answered), (1, 1, 0));
    assert!(reset.timings.is_empty());

    let late = of(start, [8]).finish(Duration::ZERO);
    assert_eq!((late.requests, late.errors, late.answered), (1, 1, 0));
    assert_eq!(late.timings[&Timing::Latency].count(), 1);

    let unsent = of(start, [2]).finish(Duration::ZERO);
    assert_eq!((unsent.requests, unsent.errors, unsent.unsent), (0, 0, 1));
    assert_eq!(
        unsent.timings[&Timing::Latency].statistic(Statistic::Max),
        Some(500.0)
    );
}

#[test]
fn the_shortest_body_is_one_that_was() {
    let start = Instant::now();
    // Its answer takes two reads, 2 ms apart.
    let body = of(start, [5]).finish(Duration::ZERO).timings[&Timing::Body].statistic(Statistic::Min);
    assert_eq!(body, Some(2.0));
}

#[test]
fn our_own_delay_is_counted_of_every_request() {
    let measured = of(Instant::now(), 0..70).finish(Duration::ZERO);
    assert_eq!(measured.send_delay.count(), 70);
    assert_eq!(measured.send_delay.statistic(Statistic::Max), Some(2.0));
}

#[test]
fn walls_and_redirects_without_end_take_no_memory_without_end() {
    let mut asides = Asides::default();
    for n in 0..1000 {
        asides.count(&Aside::Wall(format!("wall {n}")));
        asides.count(&Aside::Redirect(format!("http://127.0.0.1/{n}")));
    }
    let mut all = asides.clone();
    all.merge(&asides);
    for (names, count) in [(all.walls, 2000), (all.redirects, 2000)] {
        assert_eq!(names.len(), NAMED + 1);
        assert_eq!(names.values().sum::<u64>(), count);
    }
}

#[test]
fn progress_shows_totals_and_recent_latency() {
    let start = Instant::now();
    let mut tally = of(start, [4, 5, 7]);
    let first = tally.recent().progress(ms(500), Some(9));
    assert_eq!(
        (first.sent, first.answered, first.errors, first.total),
        (3, 2, 1, Some(9))
    );
    assert_eq!(first.p95, Some(10.0));
    assert_eq!(tally.recent().progress(ms(900), None).p50, None);
}

#[test]
fn the_slowest_requests_are_kept_in_full() {
    let start = Instant::now();
    let mut tally = Tally::new(start);
    for n in 0..3 * BATCH as u64 {
        let latency = if n % 100 == 0 { 1000 + n } else { n % 7 };
        let opened = (n == 600).then_some(ConnectTimes {
            connect: ms(3),
            tls: Some(ms(4)),
            resumed: true,
            address: None,
            http2: false,
        });
        let end = start + sent(n).due + ms(latency);
        let answer = Answer {
            status: Some(200),
            first_byte: end - ms(latency / 2),
            end,
            bytes: 0,
            failure: None,
            aside: None,
        };
        tally.answered(Sent { opened, ..sent(n) }, &answer);
    }
    tally.failed(
        sent(1),
        start + ms(9010),
        &Failed::new(FailureClass::Timeout, "late"),
    );
    tally.failed(
        sent(2),
        start + ms(9020),
        &Failed::new(FailureClass::Reset, "reset"),
    );
    let exemplars = tally.finish(Duration::ZERO).exemplars;
    let numbers: Vec<u64> = exemplars.iter().map(|kept| kept.n).collect();
    assert_eq!(numbers, [1, 700, 600, 500, 400]);
    assert_eq!((exemplars[0].latency, exemplars[0].ttfb), (9000.0, None));
    let opened = Exemplar {
        n: 600,
        due: 6.0,
        send_delay: 1.0,
        connect: Some(3.0),
        tls: Some(4.0),
        ttfb: Some(799.0),
        body: Some(800.0),
        latency: 1600.0,
        connection: 1,
        status: Some(200),
        traceparent: None,
    };
    assert_eq!(exemplars[2], opened);
}

#[test]
fn of_equally_slow_requests_the_first_are_kept() {
    let tally = of(Instant::now(), (3..80).rev().filter(|n| n % 13 == 4));
    let kept = tally.finish(Duration::ZERO).exemplars;
    assert!(
        kept.iter().all(|kept| kept.latency.to_bits() == 9_f64.to_bits()),
        "{kept:?}"
    );
    assert_eq!(
        kept.iter().map(|kept| kept.n).collect::<Vec<_>>(),
        [4, 17, 43, 69]
    );
}

#[test]
fn connections_are_numbered_and_counted_per_address() {
    let mut tally = Tally::new(Instant::now());
    let times = |n: u8| ConnectTimes {
        connect: ms(1),
        tls: Some(ms(2)),
        resumed: n > 0,
        address: Some(([192, 0, 2, n % 2], 80).into()),
        http2: n < 10,
    };
    assert_eq!(tally.connected(times(0)), 1);
    assert_eq!(tally.connected(times(1)), 2);
    (2..100).for_each(|n| {
        tally.connected(times(n));
    });
    let measured = tally.finish(Duration::ZERO);
    assert_eq!((measured.connections, measured.resumed), (100, 99));
    assert_eq!(measured.addresses["192.0.2.1:80"], 50);
    let spoken = [("HTTP/1.1 over TLS", 90), ("HTTP/2 over TLS", 10)];
    assert_eq!(
        measured.spoken,
        spoken.map(|(name, n)| (name.to_owned(), n)).into()
    );
    assert_eq!(measured.timings[&Timing::Tls].count(), 100);
}

#[test]
fn a_load_of_which_nothing_was_counted_begins_at_its_start() {
    let mut tally = Tally::new(Instant::now()).skipping(5);
    tally.began = Some(Timestamp::UNIX_EPOCH);
    tally.skipped();
    let measured = tally.finish(Duration::from_secs(2));
    assert_eq!(measured.began, Some(Timestamp::UNIX_EPOCH));
    assert!(measured.elapsed.abs() < 1e-9, "{}", measured.elapsed);
}
