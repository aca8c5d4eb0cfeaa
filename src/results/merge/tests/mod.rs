//! What two shards come to, and what is refused.

use std::collections::BTreeMap;
use std::time::Duration;

use jiff::Timestamp;

use super::*;
use crate::metrics::{Histogram, LoadMeasurement, SliceRecorder, Timing, nanos};
use crate::results::{Outcome, SourceInfo, TaskRecord, TaskStatus};
use crate::slo::{Assessment, Policy, Terms, Verdict};

mod readings;

/// What a shard sent: so many requests in ten seconds, of that many milliseconds each.
fn load(requests: u64, milliseconds: u64, began: Timestamp) -> LoadMeasurement {
    let mut load = LoadMeasurement {
        began: Some(began),
        late: Some(began.duration_since(start()).as_secs_f64()),
        requests,
        answered: requests,
        elapsed: 10.0,
        cold_start: Some(milliseconds as f64),
        ..LoadMeasurement::default()
    };
    load.statuses.insert(200, requests);
    let latency = Duration::from_millis(milliseconds);
    let mut slices = SliceRecorder::default();
    for n in 0..requests {
        let due = nanos(Duration::from_secs_f64(10.0 * n as f64 / requests as f64));
        slices.request(due, false);
        slices.latency(due, nanos(latency));
        load.timings.entry(Timing::Latency).or_default().record(latency);
    }
    load.slices = slices.finish();
    load
}

fn task(index: usize, name: &str, status: TaskStatus) -> TaskRecord {
    TaskRecord {
        index,
        name: name.to_owned(),
        about: name.to_owned(),
        status,
        started: None,
        seconds: Some(10.0),
        notes: Vec::new(),
    }
}

fn start() -> Timestamp {
    "2026-03-01T12:00:00Z".parse().expect("an instant")
}

fn left() -> TaskStatus {
    TaskStatus::Left { why: "later".into() }
}

/// A shard of a load, judged by an objective on its p95.
fn shard(number: &str, milliseconds: u64) -> ExperimentResult {
    let source = SourceInfo {
        name: "experiment.yaml".into(),
        text: "spec: []".into(),
        fingerprint: Some("one".into()),
    };
    let mut result = ExperimentResult::new(source, Environment::default(), start());
    result.shard = Some(Shard {
        number: number.parse().expect(number),
        start_at: Some(start()),
    });
    result.seconds = 11.0;
    result.tasks = vec![task(1, "http", TaskStatus::Completed), task(2, "assess", left())];
    result.terms = vec![Terms {
        task: 2,
        condition: None,
        objectives: vec!["http/latency-p95 <= 50ms".parse().expect("an objective")],
        rewards: Vec::new(),
        policy: Policy::default(),
    }];
    result.insights.versions = vec![VersionInsights {
        name: "default".into(),
        loads: vec![Load {
            target: "http://example.com/".into(),
            plan: "100 requests/s".into(),
            ..Load::bare(
                "http".parse().expect("a stream"),
                load(1000, milliseconds, start()),
            )
        }],
        ..VersionInsights::default()
    }];
    result.ended = true;
    result.conclude();
    assert_eq!(result.outcome, Outcome::Measured);
    result
}

fn try_merge(results: Vec<ExperimentResult>) -> Result<ExperimentResult, MergeError> {
    let mut all = Merger::new(None);
    for (n, result) in results.into_iter().enumerate() {
        all.add(&format!("{n}.json"), result)?;
    }
    all.finish(Environment::default())
}

fn merge(results: Vec<ExperimentResult>) -> ExperimentResult {
    try_merge(results).expect("merged")
}

#[test]
fn the_quantiles_are_those_of_all_requests() {
    let merged = merge(vec![shard("1/2", 90), shard("0/2", 10)]);
    let load = &merged.insights.versions[0].loads[0].measurement;
    assert_eq!(
        (load.requests, load.statuses[&200], load.elapsed),
        (2000, 2000, 10.0)
    );
    let mut union = Histogram::new();
    union.record_many(Duration::from_millis(10), 1000);
    union.record_many(Duration::from_millis(90), 1000);
    assert_eq!(load.timings[&Timing::Latency], union);
    assert_eq!(load.cold_start, Some(10.0), "that of shard 0");
    // 10 alone would have passed, and so would a mean of the two.
    assert_eq!(
        (merged.outcome, merged.tasks[1].status.clone()),
        (Outcome::Fail, TaskStatus::Completed)
    );
    let judgement = &merged.assessment.judgements[0];
    assert_eq!(
        (judgement.verdict, judgement.requests),
        (Verdict::NotMet, Some(2000))
    );
    assert_eq!(merged.assessment.judgements.len(), 1, "judged once");
    let shards = merged.shards.expect("shards");
    assert_eq!(
        (shards.count, shards.lost.len(), shards.skew_seconds),
        (2, 0, 0.0)
    );
    assert_eq!(shards.merged[0].late_seconds, Some(0.0));
    assert_eq!(
        merge(vec![shard("0/2", 10), shard("1/2", 10)]).outcome,
        Outcome::Pass
    );
}

#[test]
fn shards_that_all_counted_nothing_are_no_pass() {
    let of = |number, requests| {
        let mut shard = shard(number, 10);
        // Nothing is promised that would miss its data.
        shard.terms.clear();
        shard.tasks.truncate(1);
        shard.insights.versions[0].loads[0].measurement = load(requests, 10, start());
        shard
    };
    let merged = merge(vec![of("0/2", 0), of("1/2", 0)]);
    assert_eq!(merged.outcome, Outcome::Invalid);
    assert!(
        merged.distrust[0].contains("no shard counted a request to `http`"),
        "{:?}",
        merged.distrust
    );
    let merged = merge(vec![of("0/2", 0), of("1/2", 5)]);
    assert_eq!((merged.outcome, merged.distrust), (Outcome::Pass, Vec::new()));
}

#[test]
fn a_lost_shard_is_never_green() {
    let merged = merge(vec![shard("0/8", 10), shard("5/8", 10)]);
    assert_eq!(merged.outcome, Outcome::Invalid);
    assert_eq!(merged.assessment.judgements[0].verdict, Verdict::Met);
    let why = &merged.because[0];
    assert!(
        why.contains(
            "6 of 8 shards gave no result (shards 1, 2, 3, 4, 6 and 7): 75 % of the load is missing"
        ),
        "{why}"
    );
    let mut killed = shard("1/2", 10);
    killed.ended = false;
    killed.conclude();
    let merged = merge(vec![shard("0/2", 10), killed]);
    assert_eq!(merged.outcome, Outcome::Invalid);
    assert!(
        merged.because[0].contains("shard 1 did not come to the end"),
        "{:?}",
        merged.because
    );
    let mut stopped = shard("1/2", 10);
    stopped.interrupted = Some("SIGTERM".into());
    stopped.conclude();
    let merged = merge(vec![stopped, shard("0/2", 10)]);
    assert_eq!(merged.outcome, Outcome::Invalid);
    assert!(
        merged.because[0].contains("SIGTERM): up to 50 % of the load"),
        "{:?}",
        merged.because
    );
}

#[test]
fn an_error_or_a_doubt_of_one_shard_is_one_of_all() {
    let mut failed = shard("1/2", 10);
    failed.tasks[0].status = TaskStatus::Failed {
        error: "no connection".into(),
    };
    failed.insights.versions.clear();
    failed.conclude();
    for pair in [[failed.clone(), shard("0/2", 10)], [shard("0/2", 10), failed]] {
        let merged = merge(pair.to_vec());
        assert_eq!(merged.outcome, Outcome::Error);
        assert!(
            merged.because[0].contains("shard 1: no connection"),
            "{:?}",
            merged.because
        );
        assert_eq!(merged.assessment.judgements[0].verdict, Verdict::NotAssessed);
    }
    let mut doubted = shard("1/2", 10);
    doubted.distrust.push("the generator was the bottleneck".into());
    doubted.conclude();
    let merged = merge(vec![doubted, shard("0/2", 10)]);
    assert_eq!(merged.outcome, Outcome::Invalid);
    assert_eq!(merged.because, ["shard 1: the generator was the bottleneck"]);
}

#[test]
fn shards_that_did_not_send_together_are_doubted() {
    let late = |seconds: f64| {
        let mut late = shard("1/2", 10);
        let measurement = &mut late.insights.versions[0].loads[0].measurement;
        // Its first requests were not counted.
        measurement.began = Some(start() + Duration::from_secs_f64(seconds));
        measurement.late = Some(0.2);
        merge(vec![shard("0/2", 10), late])
    };
    let merged = late(0.9);
    assert_eq!(merged.outcome, Outcome::Pass);
    let shards = merged.shards.expect("shards");
    assert!((shards.skew_seconds - 0.9).abs() < 1e-9);
    assert_eq!(shards.merged[1].late_seconds, Some(0.2));
    let merged = late(1.1);
    assert_eq!(merged.outcome, Outcome::Invalid);
    assert!(
        merged.because[0].contains("began up to 1.1 s apart"),
        "{:?}",
        merged.because
    );
}

#[test]
fn results_of_different_experiments_are_refused() {
    type Change = fn(&mut ExperimentResult);
    let version = |result: &mut ExperimentResult| result.insights.versions[0].name = "other".into();
    let changes: [(Change, &str); 11] = [
        (
            |one| one.experiment.fingerprint = Some("other".into()),
            "flags or inputs made different",
        ),
        (|one| one.experiment.text = "spec: [1]".into(), "the text"),
        (|one| one.terms[0].objectives.clear(), "objectives"),
        (|one| one.tasks[0].name = "grpc".into(), "tasks"),
        (|one| one.validate_slos = false, "broken objectives"),
        (|one| one.revision = 7, "revisions"),
        (version, "versions of one are default, of the other other"),
        (
            |one| one.insights.versions[0].loads[0].target = "http://b/".into(),
            "the other http://b/",
        ),
        (
            |one| one.insights.versions[0].loads[0].plan = "9/s".into(),
            "loads differ",
        ),
        (|one| one.shard = None, "a run of its own"),
        (
            |one| {
                one.shard = Some(Shard {
                    number: "1/3".parse().expect("one"),
                    start_at: None,
                });
            },
            "of 3",
        ),
    ];
    for (change, says) in changes {
        let mut other = shard("1/2", 10);
        change(&mut other);
        let error = try_merge(vec![shard("0/2", 10), other])
            .expect_err(says)
            .to_string();
        assert!(error.contains("0.json") && error.contains(says), "{error}");
    }
    let twice = try_merge(vec![shard("0/2", 10), shard("0/2", 10)]).expect_err("twice");
    assert!(twice.to_string().contains("the same shard, 0"), "{twice}");
    let mut all = Merger::new(Some(3));
    let asked = all.add("a", shard("0/2", 10)).expect_err("another number");
    assert_eq!(asked, MergeError::Count { of: 2, asked: 3 });
    assert_eq!(try_merge(vec![]), Err(MergeError::Nothing));
    let merged = merge(vec![shard("0/1", 10)]);
    assert!(matches!(try_merge(vec![merged]), Err(MergeError::Merged(_))));
    let mut old = shard("0/1", 10);
    old.insights.versions[0].loads[0].measurement.began = None;
    assert!(matches!(try_merge(vec![old]), Err(MergeError::Old(_))));
    let mut nothing = shard("0/1", 10);
    nothing.insights.versions.clear();
    assert!(matches!(try_merge(vec![nothing]), Err(MergeError::NoLoad(_))));
}

/// A run that judged itself.
fn alone(qps: u64, seconds: i64) -> ExperimentResult {
    let mut result = shard("0/1", 10);
    result.shard = None;
    result.experiment.text = format!("spec:\n- task: http\n  with: {{qps: {qps}, url: a}}\n");
    result.insights.versions[0].loads[0].plan = format!("{qps} requests/s");
    result.started = start() + Duration::from_secs(seconds.unsigned_abs());
    result.insights.versions[0].loads[0].measurement.began = Some(result.started);
    result.tasks[1].status = TaskStatus::Completed;
    result.assessment = result.terms[0].judge(&result.insights, &Assessment::default());
    result.conclude();
    result
}

#[test]
fn independent_loads_may_differ_in_how_much_they_send_and_are_judged_once() {
    let merged = merge(vec![alone(100, 0), alone(50, 60)]);
    assert_eq!(
        (merged.outcome, merged.assessment.judgements.len()),
        (Outcome::Pass, 1)
    );
    let load = &merged.insights.versions[0].loads[0];
    assert_eq!(load.plan, "1 × 100 requests/s; 1 × 50 requests/s");
    assert!((load.measurement.elapsed - 70.0).abs() < 1e-9);
    let twice = try_merge(vec![alone(100, 0), alone(100, 0)]);
    assert!(matches!(twice, Err(MergeError::Twice { number: None, .. })));
    let mut other = alone(50, 1);
    other.experiment.text = other.experiment.text.replace("url: a", "url: b");
    assert!(try_merge(vec![alone(50, 0), other]).is_err());
    let mut all = Merger::new(Some(3));
    all.add("a", alone(1, 0)).expect("one");
    all.add("b", alone(1, 1)).expect("another");
    let merged = all.finish(Environment::default()).expect("merged");
    assert!(
        merged.because[0].contains("1 of 3 shards gave no result"),
        "{:?}",
        merged.because
    );
}

#[test]
fn a_condition_of_a_verdict_is_asked_of_what_was_merged() {
    let with = |number: &str, condition: &str| {
        let mut result = shard(number, 10);
        result.terms[0].condition = Some(condition.to_owned());
        result
    };
    let merged = |condition: &str| merge(vec![with("0/2", condition), with("1/2", condition)]);
    assert_eq!(merged("Completed()").outcome, Outcome::Pass);
    let skipped = merged("not Completed()");
    assert!(matches!(skipped.tasks[1].status, TaskStatus::Skipped { .. }));
    assert_eq!(skipped.outcome, Outcome::Invalid, "nothing was judged");
    assert_eq!(merged("nonsense(").outcome, Outcome::Error);
}

#[test]
fn a_task_that_only_some_shards_did_is_doubted() {
    let mut skipped = shard("1/2", 10);
    skipped.tasks[0].status = TaskStatus::Skipped {
        condition: "false".into(),
    };
    let merged = merge(vec![shard("0/2", 10), skipped]);
    assert_eq!(merged.outcome, Outcome::Invalid);
    assert!(
        merged.because[0].contains("was skipped in shard 1"),
        "{:?}",
        merged.because
    );
}

/// A load of an endpoint, one of whose parts began later.
fn endpoint(name: &str, lasted: f64, late: f64) -> [Load; 2] {
    [0.0, late].map(|late| {
        let measurement = LoadMeasurement {
            elapsed: lasted,
            ..load(10, 10, start() + Duration::from_secs_f64(late))
        };
        Load {
            target: format!("http://example.com/{name}"),
            plan: "100 requests/s".into(),
            ..Load::bare(format!("http-{name}").parse().expect("a stream"), measurement)
        }
    })
}

#[test]
fn a_short_load_hides_no_long_one_that_was_not_sent_together() {
    let mut pair = [shard("0/2", 10), shard("1/2", 10)];
    for loads in [endpoint("short", 0.2, 0.09), endpoint("long", 40.0, 5.0)] {
        for (result, load) in pair.iter_mut().zip(loads) {
            result.insights.versions[0].loads.push(load);
        }
    }
    let merged = merge(pair.to_vec());
    assert_eq!(merged.outcome, Outcome::Invalid);
    assert!(
        merged.because[0].contains("5.0 s apart with a load of 40.0 s"),
        "{:?}",
        merged.because
    );
}

#[test]
fn results_are_of_one_commit_that_of_who_merges_them_included() {
    let of = |number: &str, commit: Option<&str>| {
        let mut result = shard(number, 10);
        result.environment.commit = commit.map(str::to_owned);
        result
    };
    let merge_at = |commits: [Option<&str>; 3], here: Option<&str>| {
        let mut all = Merger::new(None);
        for (number, commit) in ["0/3", "1/3", "2/3"].into_iter().zip(commits) {
            all.add(number, of(number, commit))?;
        }
        let environment = Environment {
            commit: here.map(str::to_owned),
            ..Environment::default()
        };
        all.finish(environment).map(|merged| merged.environment.commit)
    };
    let (a, b) = (Some("a"), Some("b"));
    assert_eq!(merge_at([a, a, None], None), Ok(Some("a".to_owned())));
    assert_eq!(merge_at([None, None, a], a), Ok(Some("a".to_owned())));
    assert_eq!(merge_at([None; 3], a), Ok(Some("a".to_owned())));
    assert!(matches!(
        merge_at([None, a, b], None),
        Err(MergeError::Different { .. })
    ));
    let stale = merge_at([a, a, a], b).expect_err("another commit").to_string();
    assert_eq!(stale, "0/3 is of commit a, and what merges it of b");
}

#[test]
fn what_an_earlier_loop_measured_is_not_merged() {
    let mut former = alone(100, 0);
    former.insights.versions[0].former.insert("http".into());
    assert!(matches!(try_merge(vec![former]), Err(MergeError::Loop(_))));
    let mut later = alone(100, 0);
    later.loops = 2;
    assert!(matches!(try_merge(vec![later]), Err(MergeError::Loop(_))));
}

#[test]
fn a_report_says_that_nobody_knows_how_many_there_were() {
    let told = |asked: Option<u32>| {
        let mut all = Merger::new(asked);
        all.add("a", alone(1, 0)).expect("one");
        all.add("b", alone(1, 1)).expect("another");
        let merged = all.finish(Environment::default()).expect("merged");
        assert_eq!(merged.outcome, Outcome::Pass);
        merged.shards.expect("shards").counted
    };
    assert!(!told(None));
    assert!(told(Some(2)));
    assert!(merge(vec![shard("0/1", 10)]).shards.expect("shards").counted);
}
