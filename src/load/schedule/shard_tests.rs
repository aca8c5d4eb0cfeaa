//! Shards of a load are the load, to the nanosecond.

use super::tests::{count, mix, plan, poisson, rate, secs, stage};
use super::*;
use crate::load::Stop;

/// The requests of every shard, put together in the order of their numbers.
fn of_shards(plan: &Plan, mix: &Mix, shards: usize) -> Vec<Due> {
    let whole = Schedule::new(plan, mix, 77).expect("a pace");
    let parts = (0..shards).flat_map(|shard| {
        let part = whole.clone().share(shard, shards);
        [part.clone().share(0, 2), part.share(1, 2)]
    });
    let mut all: Vec<Due> = parts.flatten().collect();
    all.sort_by_key(|due| due.n);
    all
}

#[test]
fn eight_shards_of_two_thousand_a_second_are_the_schedule_of_sixteen_thousand() {
    let ramp = vec![stage(0.0, 16_000.0, 2.0), stage(16_000.0, 4_000.0, 2.0)];
    let steps = vec![stage(8_000.0, 8_000.0, 1.0), stage(16_000.0, 16_000.0, 1.0)];
    for pace in [rate(16_000.0), Pace::Stages(ramp), Pace::Stages(steps)] {
        for plan in [plan, poisson].map(|plan| plan(pace.clone(), Stop::For(secs(4.0)))) {
            for mix in [mix(&[1], 1), mix(&[1], 3), mix(&[5, 2, 1], 2)] {
                let whole: Vec<Due> = Schedule::new(&plan, &mix, 77).expect("a pace").collect();
                assert!(whole.len() > 10_000);
                assert_eq!(of_shards(&plan, &mix, 8), whole);
            }
        }
    }
}

#[test]
fn a_shard_sends_every_nth_turn_whole_and_lasts_as_long_as_the_load() {
    let versions = mix(&[1], 2);
    let plan = plan(rate(100.0), Stop::After(count(101)));
    let whole = Schedule::new(&plan, &versions, 5).expect("a pace");
    for shard in 0..4 {
        let part = whole.clone().share(shard, 4);
        let turns: Vec<u64> = part
            .clone()
            .map(|due| due.of_part)
            .filter(|turn| turn % 4 == shard as u64)
            .collect();
        let sent = part.clone().count();
        assert_eq!(turns.len(), sent, "only its own");
        assert_eq!(part.total(), Some(sent as u64));
        assert_eq!(
            (sent, part.end()),
            (if shard == 0 { 52 } else { 50 }, whole.end())
        );
        assert_eq!(part.covers(sent as u64 / 2), whole.covers(101));
        assert!(part.covers(1) < whole.covers(9));
    }
}

#[test]
fn a_shard_of_many_passes_over_the_turns_of_the_others() {
    // A hundred thousand million turns: nobody goes over each of them.
    let plan = plan(rate(1e9), Stop::For(secs(100.0)));
    let whole = Schedule::new(&plan, &mix(&[1], 2), 3).expect("a pace");
    let part = whole.share(5, 1_000_000_000);
    let dues: Vec<Due> = part.collect();
    assert_eq!(dues.len(), 200);
    for (turn, pair) in (0..).zip(dues.chunks(2)) {
        let number = 5 + 1_000_000_000 * turn;
        assert!(pair.iter().all(|due| due.of_part == number));
        assert_eq!(pair[0].part + pair[1].part, 1);
    }
}
