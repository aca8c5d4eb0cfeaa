//! What every schedule keeps to, and what single ones look like.

use std::collections::BTreeMap;
use std::num::{NonZeroU32, NonZeroU64, NonZeroUsize};

use proptest::prelude::*;

use super::*;
use crate::load::{Rate, Stage, Stop, UnderWay};

const NANO: Duration = Duration::from_nanos(1);

pub(super) fn secs(seconds: f64) -> Duration {
    Duration::from_secs_f64(seconds)
}

pub(super) fn count(n: u64) -> NonZeroU64 {
    NonZeroU64::new(n).expect("not zero")
}

pub(super) fn rate(rate: f64) -> Pace {
    Pace::PerSecond(Rate::per_second(rate).expect("a rate"))
}

pub(super) fn stage(from: f64, to: f64, seconds: f64) -> Stage {
    Stage {
        from: Rate::per_second(from),
        to: Rate::per_second(to),
        time: secs(seconds),
    }
}

pub(super) fn mix(weights: &[u32], versions: usize) -> Mix {
    Mix {
        weights: weights
            .iter()
            .filter_map(|weight| NonZeroU32::new(*weight))
            .collect(),
        versions: NonZeroUsize::new(versions).expect("a version"),
    }
}

pub(super) fn plan(pace: Pace, stop: Stop) -> Plan {
    Plan {
        stop,
        pace,
        arrivals: Arrivals::Constant,
        grace: Duration::ZERO,
        under_way: UnderWay::Finish,
        skip: 0,
        shard: None,
    }
}

pub(super) fn poisson(pace: Pace, stop: Stop) -> Plan {
    Plan {
        arrivals: Arrivals::Poisson,
        ..plan(pace, stop)
    }
}

/// One endpoint of one version, at equal intervals.
fn plain(pace: Pace, stop: Stop) -> Schedule {
    Schedule::new(&plan(pace, stop), &Mix::single(), 1).expect("a pace")
}

fn instants(schedule: Schedule) -> Vec<Duration> {
    schedule.map(|due| due.at).collect()
}

#[test]
fn a_free_pace_has_no_schedule() {
    let free = plan(Pace::Free, Stop::After(count(1)));
    assert!(Schedule::new(&free, &Mix::single(), 1).is_none());
}

#[test]
fn a_time_holds_the_instants_before_its_end() {
    for (per_second, seconds, expected) in [
        (8.0, 12.5, 100),
        (3.0, 1.0, 3),
        (0.3, 10.0, 3),
        (0.1, 30.0, 3),
        (1.0, 0.1, 1),
        (200.0, 3.0, 600),
        (7.0, 1.5, 11),
    ] {
        let what = format!("{per_second}/s for {seconds} s");
        let time = secs(seconds);
        let schedule = plain(rate(per_second), Stop::For(time));
        assert_eq!(schedule.total(), Some(expected), "{what}");
        assert_eq!(schedule.end(), time, "{what}");
        let level = Pace::Stages(vec![stage(per_second, per_second, seconds)]);
        let staged = plain(level, Stop::For(Duration::MAX));
        assert_eq!(staged.total(), Some(expected), "{what}");
        assert_eq!(staged.end(), time, "{what}");
        let instants = instants(schedule);
        assert_eq!(instants.len() as u64, expected, "{what}");
        assert!(instants.iter().all(|at| *at < time), "{what}");
        assert_eq!(staged.map(|due| due.at).collect::<Vec<_>>(), instants, "{what}");
    }
    assert_eq!(plain(rate(5.0), Stop::For(Duration::ZERO)).next(), None);
}

#[test]
fn a_count_is_exact_and_the_earlier_end_wins() {
    let after = plain(rate(8.0), Stop::After(count(100)));
    assert_eq!(after.total(), Some(100));
    assert_eq!(after.end(), secs(99.0 / 8.0));
    assert_eq!(
        after.last().map(|due| (due.n, due.at)),
        Some((99, secs(99.0 / 8.0)))
    );
    let first = plain(rate(10.0), Stop::Either(count(5), secs(3.0)));
    assert_eq!((first.total(), first.end()), (Some(5), secs(0.4)));
    let first = plain(rate(10.0), Stop::Either(count(50), secs(3.0)));
    assert_eq!((first.total(), first.end()), (Some(30), secs(3.0)));
    assert_eq!(first.count(), 30);
}

#[test]
fn requests_cover_as_many_intervals() {
    let covered = |per_second, stop| {
        let schedule = plain(rate(per_second), stop);
        schedule.covers(schedule.total().expect("a number"))
    };
    assert_eq!(covered(8.0, Stop::For(secs(1.0))), secs(1.0));
    assert_eq!(covered(0.3, Stop::For(secs(10.0))), secs(10.0));
    assert_eq!(covered(8.0, Stop::After(count(4))), secs(0.5));
    assert_eq!(covered(10.0, Stop::Either(count(5), secs(3.0))), secs(0.5));
    assert_eq!(covered(10.0, Stop::Either(count(50), secs(3.0))), secs(3.0));
    let ramp = Pace::Stages(vec![stage(0.0, 10.0, 10.0)]);
    let ramp = plain(ramp, Stop::For(Duration::MAX));
    assert_eq!(ramp.covers(0), Duration::ZERO);
    assert!(ramp.covers(20).abs_diff(secs(40.0_f64.sqrt())) <= NANO);
    assert_eq!(ramp.covers(50), secs(10.0));
}

#[test]
fn a_cursor_does_not_forget_what_its_first_requests_cover() {
    for plan in [plan, poisson].map(|plan| plan(rate(10.0), Stop::After(count(100)))) {
        let mut schedule = Schedule::new(&plan, &Mix::single(), 9).expect("a pace");
        let third = schedule.clone().nth(3).expect("a third").at;
        let before = schedule.covers(3);
        schedule.by_ref().take(50).for_each(drop);
        assert_eq!((before, schedule.covers(3)), (third, third));
    }
}

#[test]
fn requests_of_a_turn_are_spread_evenly_over_it() {
    let two = Schedule::new(&plan(rate(10.0), Stop::For(secs(0.3))), &mix(&[1], 2), 1);
    let at: Vec<f64> = two.expect("a pace").map(|due| due.at.as_secs_f64()).collect();
    for (at, expected) in at.iter().zip([0.0, 0.05, 0.1, 0.15, 0.2, 0.25]) {
        assert!((at - expected).abs() < 2e-9, "{at}, not {expected}");
    }
    assert_eq!(at.len(), 6);
    // The last turn begins at 2 s and has a quarter of an interval left.
    let cut = Schedule::new(&plan(rate(1.0), Stop::For(secs(2.25))), &mix(&[1], 5), 1);
    let cut = instants(cut.expect("a pace"));
    assert_eq!(cut.len(), 15);
    assert!(cut[14].abs_diff(secs(2.2)) <= NANO, "{:?}", cut[14]);
}

#[test]
fn stages_are_joined_without_a_gap_or_a_double() {
    let stages = vec![
        stage(0.0, 0.0, 1.0),
        stage(10.0, 10.0, 1.0),
        stage(10.0, 20.0, 2.0),
        stage(0.0, 0.0, 3.0),
        stage(20.0, 20.0, 0.5),
        stage(20.0, 0.0, 1.0),
        stage(0.0, 0.0, 1.0),
    ];
    let schedule = plain(Pace::Stages(stages.clone()), Stop::For(Duration::MAX));
    assert_eq!((schedule.total(), schedule.end()), (Some(60), secs(9.5)));
    let at = instants(schedule);
    assert_eq!(
        (at[0], at[10], at[40], at[50]),
        (secs(1.0), secs(2.0), secs(7.0), secs(7.5))
    );
    assert!(at[39] < secs(4.0) && at[9] == secs(1.9) && at[59] < secs(8.5));
    assert!(
        at.windows(2).all(|pair| pair[1] + NANO >= pair[0] + secs(0.05)),
        "{at:?}"
    );

    let capped = plain(Pace::Stages(stages.clone()), Stop::After(count(41)));
    assert_eq!((capped.total(), capped.end()), (Some(41), secs(7.0)));
    let cut = plain(Pace::Stages(stages), Stop::For(secs(7.0)));
    assert_eq!((cut.total(), cut.end()), (Some(40), secs(7.0)));
    let idle = plain(Pace::Stages(vec![stage(0.0, 0.0, 9.0)]), Stop::After(count(3)));
    assert_eq!((idle.total(), idle.end(), idle.count()), (Some(0), secs(9.0), 0));
}

#[test]
fn requests_of_a_ramp_are_due_where_its_integral_is_whole() {
    let stages = [stage(1.0, 30.0, 20.0), stage(30.0, 2.0, 7.0)];
    let schedule = plain(Pace::Stages(stages.to_vec()), Stop::For(Duration::MAX));
    let at = instants(schedule);
    let step = 1e-4;
    let (mut time, mut integral, mut seen) = (step / 2.0, 0.0, 0);
    while time < 27.0 {
        let rate = if time < 20.0 {
            1.0 + 29.0 * time / 20.0
        } else {
            30.0 - 28.0 * (time - 20.0) / 7.0
        };
        integral += rate * step;
        if integral >= f64::from(seen + 1) + 1e-9 {
            seen += 1;
            let due = at[usize::try_from(seen).expect("small")].as_secs_f64();
            assert!((due - time).abs() < 2.0 * step, "{seen}: {due}, not {time}");
        }
        time += step;
    }
    assert_eq!(at.len(), 422);
    assert_eq!(seen, 421);
}

#[test]
fn absurd_numbers_do_not_panic() {
    let slow = plain(rate(1e-300), Stop::After(count(2)));
    assert_eq!(slow.end(), Duration::MAX);
    assert_eq!(instants(slow), [Duration::ZERO, Duration::MAX]);
    let fast = plain(rate(1e9), Stop::For(Duration::from_hours(1)));
    assert_eq!(fast.total(), Some(3_600_000_000_000));
    let long = [stage(1.0, 1e-300, 1.0), stage(0.0, 1e300, 0.0)].map(|stage| Stage {
        time: Duration::MAX,
        ..stage
    });
    let rates = [1e-300, 1e-9, 1.0, 1e9, 1e18, 1e19, 1e300, f64::MAX].map(rate);
    let stages = [Pace::Stages(vec![]), Pace::Stages(long.to_vec())];
    let stops = [
        Stop::After(count(u64::MAX)),
        Stop::For(Duration::MAX),
        Stop::For(NANO),
        Stop::Either(count(1), Duration::MAX),
    ];
    for pace in rates.into_iter().chain(stages) {
        for stop in stops {
            for plan in [plan, poisson].map(|plan| plan(pace.clone(), stop)) {
                let schedule = Schedule::new(&plan, &mix(&[u32::MAX, 1], 3), 4).expect("a pace");
                let end = schedule.end();
                assert!(schedule.clone().take(100).all(|due| due.at <= end), "{plan:?}");
                assert!(schedule.clone().share(9, 4).only(2).take(3).count() <= 3);
                assert!(schedule.clone().share(0, 0).only(6).next().is_none());
                assert!(schedule.covers(u64::MAX) >= schedule.covers(0));
            }
        }
    }
    let nobody = Mix {
        weights: vec![],
        ..Mix::single()
    };
    let schedule = Schedule::new(&plan(rate(1.0), Stop::After(count(3))), &nobody, 4).expect("a pace");
    assert_eq!((schedule.total(), schedule.count()), (Some(0), 0));
}

/// Mean and variance of the gaps, and the correlation of neighbours, in the mean gap.
fn gaps(at: &[Duration]) -> (f64, f64, f64) {
    let gaps: Vec<f64> = at
        .windows(2)
        .map(|pair| pair[1].abs_diff(pair[0]).as_secs_f64())
        .collect();
    let n = gaps.len() as f64;
    let mean = gaps.iter().sum::<f64>() / n;
    let variance = gaps.iter().map(|gap| (gap - mean).powi(2)).sum::<f64>() / n;
    let together: f64 = gaps
        .windows(2)
        .map(|pair| (pair[0] - mean) * (pair[1] - mean))
        .sum();
    (mean, variance / mean.powi(2), together / n / variance)
}

#[test]
fn each_version_has_poisson_arrivals() {
    for versions in [1, 2, 3, 5] {
        let plan = poisson(rate(50.0), Stop::After(count(100_000)));
        let schedule = Schedule::new(&plan, &mix(&[1], versions), 42).expect("a pace");
        for part in 0..versions {
            let at = instants(schedule.clone().only(part));
            assert_eq!(at.len(), 100_000);
            let (mean, variance, correlation) = gaps(&at);
            assert!((mean * 50.0 - 1.0).abs() < 0.02, "{versions}: mean {mean}");
            assert!((variance - 1.0).abs() < 0.05, "{versions}: variance {variance}");
            assert!(correlation.abs() < 0.02, "{versions}: correlation {correlation}");
            // Of exponential gaps, as many are longer than the mean as e says.
            let long = at
                .windows(2)
                .filter(|pair| pair[1] > pair[0] + secs(0.02))
                .count();
            assert!((36_000..37_600).contains(&long), "{versions}: {long}");
        }
        let last = schedule.clone().last().expect("a last").at;
        assert!(last <= schedule.end() && schedule.end() < last + secs(0.3));
        assert_eq!(schedule.total(), Some(100_000 * versions as u64));
    }
}

#[test]
fn numbers_of_poisson_arrivals_vary_as_they_should() {
    let ramp = Pace::Stages(vec![stage(0.0, 40.0, 5.0)]);
    for pace in [rate(10.0), ramp] {
        let plan = poisson(pace, Stop::For(secs(10.0)));
        let counts: Vec<f64> = (0..2000)
            .map(|seed| {
                let schedule = Schedule::new(&plan, &Mix::single(), seed).expect("a pace");
                assert_eq!(schedule.total(), None);
                schedule.count() as f64
            })
            .collect();
        let mean = counts.iter().sum::<f64>() / 2000.0;
        let variance = counts.iter().map(|n| (n - mean).powi(2)).sum::<f64>() / 2000.0;
        assert!((mean - 100.0).abs() < 1.2, "{mean}");
        assert!((85.0..115.0).contains(&variance), "{variance}");
    }
}

#[test]
fn poisson_arrivals_follow_a_ramp() {
    let ramp = Pace::Stages(vec![stage(0.0, 2000.0, 10.0)]);
    let plan = poisson(ramp, Stop::For(secs(10.0)));
    let at = instants(Schedule::new(&plan, &mix(&[1], 2), 8).expect("a pace"));
    // 2500 in the first half and 7500 in the second, for each version.
    let early = at.iter().filter(|at| **at < secs(5.0)).count();
    assert!((4700..5300).contains(&early), "{early}");
    assert!((14_500..15_500).contains(&(at.len() - early)), "{}", at.len());
}

fn paces() -> impl Strategy<Value = Pace> {
    let stages = prop::collection::vec((0.0..200.0_f64, 0.0..200.0_f64, 0.0..2.0_f64, 0..4_u8), 0..5);
    let stages = stages.prop_map(|stages| {
        let stages = stages.into_iter().map(|(from, to, time, kind)| match kind {
            0 => stage(0.0, 0.0, time),
            1 => stage(from, from, time),
            _ => stage(from, to, time),
        });
        Pace::Stages(stages.collect())
    });
    prop_oneof![(0.01..500.0_f64).prop_map(rate), stages]
}

fn stops() -> impl Strategy<Value = Stop> {
    let both = (1..400_u64, 0.0..3.0_f64).prop_map(|(n, time)| (count(n), secs(time)));
    prop_oneof![
        (1..400_u64).prop_map(|n| Stop::After(count(n))),
        (0.0..3.0_f64).prop_map(|time| Stop::For(secs(time))),
        both.prop_map(|(n, time)| Stop::Either(n, time)),
    ]
}

fn plans() -> impl Strategy<Value = Plan> {
    let arrivals = prop_oneof![Just(Arrivals::Constant), Just(Arrivals::Poisson)];
    (paces(), stops(), arrivals).prop_map(|(pace, stop, arrivals)| Plan {
        arrivals,
        ..plan(pace, stop)
    })
}

fn mixes() -> impl Strategy<Value = Mix> {
    (prop::collection::vec(1..9_u32, 1..4), 1..4_usize)
        .prop_map(|(weights, versions)| mix(&weights, versions))
}

proptest! {
    #[test]
    fn every_turn_is_complete_and_nothing_is_late(plan in plans(), mix in mixes(), seed: u64) {
        let schedule = Schedule::new(&plan, &mix, seed).expect("a pace");
        let (total, end, all) = (schedule.total(), schedule.end(), schedule.clone().collect::<Vec<_>>());
        let versions = mix.versions.get();
        prop_assert_eq!(all.len() % versions, 0);
        prop_assert_eq!(total.unwrap_or(all.len() as u64), all.len() as u64);
        prop_assert!(all.is_sorted_by_key(|due| due.at));
        prop_assert!(all.iter().zip(0..).all(|(due, n)| due.n == n));
        prop_assert!(all.iter().all(|due| due.at <= end), "{:?} after {:?}", all.last(), end);
        if let Some(time) = plan.stop.time() {
            prop_assert!(end <= time && all.iter().all(|due| due.at < time));
        }
        let mut seen: BTreeMap<usize, u64> = BTreeMap::new();
        for turn in all.chunks(versions) {
            let mut parts: Vec<_> = turn.iter().map(|due| due.part).collect();
            parts.sort_unstable();
            let first = parts[0];
            prop_assert_eq!(first % versions, 0);
            prop_assert_eq!(parts, (first..first + versions).collect::<Vec<_>>());
            let before = seen.entry(first).or_default();
            prop_assert!(turn.iter().all(|due| due.of_part == *before));
            *before += 1;
        }
    }

    #[test]
    fn clones_shares_and_parts_are_of_the_same_load(
        plan in plans(), mix in mixes(), seed: u64, workers in 1..5_usize, skip in 0..50_usize,
    ) {
        let mut schedule = Schedule::new(&plan, &mix, seed).expect("a pace");
        let all: Vec<_> = schedule.clone().collect();
        let merged = |cursors: Vec<Schedule>| {
            let mut merged: Vec<_> = cursors.into_iter().flatten().collect();
            merged.sort_by_key(|due| due.n);
            merged
        };
        let shares: Vec<_> = (0..workers).map(|worker| schedule.clone().share(worker, workers)).collect();
        for share in &shares {
            prop_assert_eq!(share.total().unwrap_or_else(|| share.clone().count() as u64), share.clone().count() as u64);
            prop_assert!(share.clone().is_sorted_by_key(|due| due.n));
        }
        let parts = |of: &Schedule| (0..mix.parts()).map(|part| of.clone().only(part)).collect::<Vec<_>>();
        prop_assert_eq!(&merged(shares.iter().flat_map(parts).collect()), &all);
        prop_assert_eq!(&merged(shares), &all);
        for (part, cursor) in parts(&schedule).into_iter().enumerate() {
            prop_assert!(cursor.clone().all(|due| due.part == part));
            prop_assert!(cursor.zip(0..).all(|(due, n)| due.of_part == n));
        }
        prop_assert_eq!(&merged(parts(&schedule)), &all);
        schedule.by_ref().take(skip).for_each(drop);
        prop_assert_eq!(schedule.clone().collect::<Vec<_>>(), schedule.collect::<Vec<_>>());
    }

    #[test]
    fn a_schedule_is_never_ahead_of_the_rate(
        per_second in 0.01..50_000.0_f64, seconds in 0.001..3600.0_f64, fraction in 0.0..1.0_f64,
    ) {
        let time = secs(seconds);
        let schedule = plain(rate(per_second), Stop::For(time));
        let total = schedule.total().expect("a number");
        #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "a fraction of a count")]
        let n = (total as f64 * fraction) as u64;
        // The n-th request (from 0) is due when n intervals have passed: no earlier, and not later than a nanosecond.
        let due = |n| schedule.course.due(&Turn { begin: n as f64, width: 1.0, ..schedule.turn.clone() }, 0);
        let exact = n as f64 / per_second;
        prop_assert!((due(n).as_secs_f64() - exact).abs() <= 2e-9 * exact.max(1.0));
        prop_assert!(due(n) <= due(n + 1));
        prop_assert!(due(total - 1) < time);
        prop_assert!(schedule.course.curve.time(total as f64) >= time);
    }

    #[test]
    fn no_version_is_ahead_of_the_rate(
        per_second in 0.1..500.0_f64, seconds in 0.001..2.0_f64, versions in 1..5_usize, seed: u64,
    ) {
        let schedule = Schedule::new(&plan(rate(per_second), Stop::For(secs(seconds))), &mix(&[1], versions), seed);
        for due in schedule.expect("a pace") {
            let earliest = due.of_part as f64 / per_second;
            prop_assert!(due.at.as_secs_f64() >= earliest - 2e-9, "{due:?} before {earliest}");
            prop_assert!(due.at.as_secs_f64() <= earliest + 1.0 / per_second + 2e-9, "{due:?} after {earliest}");
        }
    }
}
