//! Experiments that real binaries of Iter8 ran, of every era: this program runs the same files against the same kinds of
//! servers, and sends, counts and judges the same.
//!
//! The recordings are data kept beside the repository (`../shared/oracle`); a part of them is in `tests/oracle/experiments`,
//! so that this test means something without. What differs on purpose stands in `tests/oracle/experiments.accepted`.

#![expect(
    clippy::print_stdout,
    reason = "a test says what it compares and what it skips"
)]

#[expect(dead_code, unused_imports, reason = "other tests use the rest")]
#[path = "it/support/mod.rs"]
mod support;

#[path = "oracle/accepted.rs"]
mod accepted;
#[path = "oracle/case.rs"]
mod case;
#[path = "oracle/servers.rs"]
mod servers;

use std::collections::BTreeMap;
use std::sync::Mutex;
use std::sync::atomic::{AtomicUsize, Ordering};

use accepted::Accepted;
use case::{Case, Side};
use iter8::metrics::MetricName;
use iter8::results::{self, ExperimentResult};
use iter8::slo::{Bound, Limit, Verdict};
use servers::Servers;
use support::App;

/// Cases that run at the same time.
const AT_ONCE: usize = 4;

/// Files that lay beside the experiments that name them.
const BESIDE: &[(&str, &str)] = &[
    ("shop.proto", include_str!("it/support/grpc/sample.proto")),
    ("payload.json", include_str!("oracle/inputs/payload.json")),
    ("data.json", include_str!("oracle/inputs/data.json")),
    ("meta.json", include_str!("oracle/inputs/meta.json")),
];

/// A difference: in what, and how.
type Difference = (&'static str, String);

enum End {
    Equal,
    Differs(Vec<Difference>),
}

#[test]
fn experiments_of_every_era_run_as_they_did() {
    let cases = case::all();
    let accepted = Accepted::read();
    let next = AtomicUsize::new(0);
    let ends = Mutex::new(BTreeMap::new());
    let mut skipped = 0;
    let cases: Vec<Case> = cases
        .into_iter()
        .filter(|case| {
            let why = case.not_here();
            if let Some(why) = &why {
                println!("skipped: {}: {why}", case.name);
                skipped += 1;
            }
            why.is_none()
        })
        .collect();
    std::thread::scope(|scope| {
        for _ in 0..AT_ONCE {
            scope.spawn(|| {
                while let Some(case) = cases.get(next.fetch_add(1, Ordering::Relaxed)) {
                    let end = run(case);
                    let mut ends = ends.lock().expect("no panic here");
                    ends.insert(case.name.clone(), end);
                }
            });
        }
    });
    let (mut equal, mut on_purpose, mut wrong) = (0, 0, Vec::new());
    for case in &cases {
        let mut end = ends.lock().expect("no panic here").remove(&case.name);
        // What others disturbed is tried again alone.
        if open(case, end.as_ref(), &accepted).is_some() {
            end = Some(run(case));
        }
        match (open(case, end.as_ref(), &accepted), end) {
            (Some(open), _) => wrong.push(open),
            (None, Some(End::Equal)) => equal += 1,
            (None, _) => on_purpose += 1,
        }
    }
    println!(
        "{equal} equal, {on_purpose} differ on purpose, {} fail, {skipped} skipped",
        wrong.len()
    );
    assert!(equal >= 20, "only {equal} cases were compared and equal");
    assert!(
        wrong.is_empty(),
        "{} cases fail:\n{}",
        wrong.len(),
        wrong.join("\n")
    );
}

/// The differences of a case that nobody meant.
fn open(case: &Case, end: Option<&End>, accepted: &Accepted) -> Option<String> {
    let Some(End::Differs(differences)) = end else {
        return None;
    };
    let open = differences
        .iter()
        .filter(|(aspect, _)| !accepted.has(&case.name, aspect));
    let open: Vec<String> = open.map(|(aspect, how)| format!("{aspect}: {how}")).collect();
    (!open.is_empty()).then(|| format!("{}\n    {}", case.name, open.join("\n    ")))
}

/// Runs the steps of a case and compares what can be compared.
fn run(case: &Case) -> End {
    let servers = Servers::of(case);
    let mut app = App::new();
    for (name, text) in &case.files {
        app = app.file(name, servers.rewrite(text));
    }
    for (name, text) in BESIDE {
        let asked = case.files.values().any(|file| file.contains(name));
        if asked && !case.files.contains_key(*name) {
            app = app.file(name, text);
        }
    }
    let mut found: Vec<Difference> = Vec::new();
    let mut refused = false;
    for step in &case.steps {
        let args: Vec<String> = step.args.iter().map(|arg| servers.rewrite(arg)).collect();
        let args: Vec<&str> = args.iter().map(String::as_str).collect();
        let output = app.run(&args);
        let code = output.code.unwrap_or(-1);
        match args[0] {
            "run" | "launch" => {
                refused |= code == 2;
                let failed = step.exit != 0 || case.failed_silently(step);
                let difference = match (failed, code) {
                    (false, 2) => Some("refused"),
                    (false, 3) => Some("error"),
                    (false, 0 | 1 | 4 | 5) | (true, 2 | 3) => None,
                    _ => Some("run"),
                };
                let how = || {
                    format!(
                        "Iter8 ended with {}, this with {code}: {}",
                        step.exit,
                        output.stderr.trim()
                    )
                };
                found.extend(difference.map(|aspect| (aspect, how())));
            }
            "assert" if (code == 0) != (step.exit == 0) => {
                let aspect = if case.slos.is_empty() {
                    "assert-unjudged"
                } else {
                    "assert"
                };
                found.push((
                    aspect,
                    format!("Iter8 ended with {}, this with {code}", step.exit),
                ));
            }
            _ => {}
        }
    }
    // A refused file has no result, and its first difference is that.
    if refused {
        found.retain(|(aspect, _)| *aspect == "refused");
    } else {
        found.extend(servers.compare(case));
        match results::read(&app.path("iter8-results/result.json")) {
            Ok(result) => compare(case, &result, &mut found),
            Err(error) => found.push(("result", error.to_string())),
        }
    }
    if found.is_empty() {
        End::Equal
    } else {
        End::Differs(found)
    }
}

fn compare(case: &Case, result: &ExperimentResult, found: &mut Vec<Difference>) {
    let versions = &result.insights.versions;
    for (index, metrics) in case.metrics.iter().enumerate() {
        for (name, expected) in metrics {
            let metric: MetricName = name.parse().unwrap_or_else(|error| panic!("{name}: {error}"));
            let value = versions.get(index).and_then(|version| version.value(&metric));
            if value.is_none_or(|value| (value - expected).abs() > 1e-9) {
                let how = format!("{name} of version {index}: Iter8 {expected}, this {value:?}");
                found.push(("metrics", how));
            }
        }
    }
    for slo in &case.slos {
        let bound = match slo.side {
            Side::Upper => Bound::AtMost,
            Side::Lower => Bound::AtLeast,
        };
        let Ok(metric) = slo.metric.parse::<MetricName>() else {
            continue;
        };
        for (index, satisfied) in slo.satisfied.iter().enumerate() {
            let version = versions.get(index).map(|version| version.name.as_str());
            let judgement = result.assessment.judgements.iter().find(|judgement| {
                let objective = &judgement.objective;
                objective.metric == metric
                    && objective.bound == bound
                    && objective.limit == Limit::Value(slo.limit)
                    && version.is_none_or(|version| judgement.version == version)
            });
            let met = judgement.map(|judgement| judgement.verdict == Verdict::Met);
            if met != Some(*satisfied) {
                let how = format!(
                    "{} {} of version {index}: Iter8 {satisfied}, this {met:?}",
                    slo.metric, slo.limit
                );
                found.push(("slos", how));
            }
        }
    }
}
