//! What is judged and not measured, or not in its unit, is found before anything is sent.

use crate::tasks::pipeline::tests::{RELATIVE, SIDE_BY_SIDE, check};

#[test]
fn an_objective_against_a_baseline_needs_one_that_is_measured() {
    let found = |tasks: &str| check(&format!("spec:\n{tasks}{RELATIVE}"));
    assert_eq!(found(SIDE_BY_SIDE), Vec::<String>::new());
    let versions = "- {task: http, with: {url: http://a, versions: [{name: a}, {name: b}]}}\n";
    assert_eq!(found(versions), Vec::<String>::new());
    assert_eq!(
        found("- {task: http, with: {url: http://a}}\n"),
        ["3:38: there is no baseline to compare with"]
    );
    let warm = "- {task: http, with: {url: http://a, baselineURL: http://b, warmup: true}}\n";
    let found = found(&format!("{warm}- {{task: http, with: {{url: http://a}}}}\n"));
    assert_eq!(found, ["4:38: there is no baseline to compare with"]);
}

#[test]
fn a_reward_that_the_load_decides_is_doubted() {
    let found = |load: &str, reward: &str| {
        check(&format!(
            "spec:\n- {{task: http, with: {{url: http://a, baselineURL: http://b{load}}}}}\n- {{task: assess, with: {{rewards: {{max: [{reward}]}}}}}}\n"
        ))
    };
    for load in [
        "",
        ", duration: 10s",
        ", qps: 50, numRequests: 10",
        ", stages: [{duration: 1s, qps: 5}]",
    ] {
        let found = found(load, "http/throughput");
        assert!(
            found.len() == 1 && found[0].contains("http/throughput is what the load says"),
            "{load}: {found:?}"
        );
    }
    let doubted = |found: Vec<String>| found.iter().any(|one| one.contains("is what the load says"));
    assert!(doubted(found("", "http/request-count")));
    for (load, reward) in [
        (", qps: max, duration: 1s", "http/throughput"),
        (", qps: max, duration: 1s", "http/request-count"),
        ("", "http/latency-p95"),
    ] {
        assert!(!doubted(found(load, reward)), "{load} {reward}");
    }
}

/// A task that asks a provider, with more fields.
fn asking(more: &str) -> String {
    format!(
        "- task: custommetrics\n  with: {{{more}prometheus: {{url: http://p, provider: shop, queries: {{ok: {{query: up, unit: percent}}, wait: {{query: up, unit: s}}, plain: up}}}}}}\n"
    )
}

#[test]
fn a_provider_is_asked_of_the_baseline_too() {
    let found = |more: &str, metric: &str| {
        let judge = format!("- {{task: assess, with: {{objectives: [{metric} <= 1.1x base]}}}}\n");
        check(&format!("spec:\n{SIDE_BY_SIDE}{}{judge}", asking(more)))
    };
    let error = ["5:38: there is no baseline to compare with"];
    assert_eq!(found("", "shop/wait"), error);
    assert_eq!(found("versions: [{name: default}], ", "shop/wait"), error);
    let both = "versions: [{name: baseline, baseline: true}, {name: default}], ";
    assert_eq!(found(both, "shop/wait"), Vec::<String>::new());
    assert_eq!(found("", "http/latency-p95"), Vec::<String>::new());
}

#[test]
fn a_limit_with_a_unit_is_of_the_kind_of_the_metric() {
    for (objective, says) in [
        ("shop/ok >= 99%", None),
        ("shop/ok >= 99", None),
        ("shop/wait <= 250ms", None),
        ("shop/plain <= 1%", None),
        ("shop/plain <= 1", None),
        ("shop/ok <= 250ms", Some("which is `percent`")),
        ("shop/wait <= 1%", Some("which is `s`")),
        ("shop/plain <= 250ms", Some("the metric has none")),
    ] {
        let judge = format!("- {{task: assess, with: {{objectives: ['{objective}']}}}}\n");
        let found = check(&format!("spec:\n{}{judge}", asking("")));
        match says {
            None => assert_eq!(found, Vec::<String>::new(), "{objective}"),
            Some(says) => assert!(
                found.len() == 1 && found[0].starts_with("4:") && found[0].contains(says),
                "{objective}: {found:?}"
            ),
        }
    }
}

#[test]
fn a_baseline_counts_only_for_versions_measured_beside_it() {
    let alone = |version: &str| format!("- {{task: http, with: {{url: http://a, version: {version}}}}}\n");
    let judged = "- {task: assess, with: {objectives: [http/error-rate <= 1%]}}\n";
    let error = |line: u32| [format!("{line}:38: there is no baseline to compare with")];
    // Measured later than the baseline: another version, and the same one again.
    let later = check(&format!("spec:\n{SIDE_BY_SIDE}{}{RELATIVE}", alone("other")));
    assert_eq!(later, error(4));
    let versions = "- {task: http, with: {url: http://a, versions: [{name: a}, {name: b}]}}\n";
    let again = check(&format!("spec:\n{versions}{judged}{}{RELATIVE}", alone("b")));
    assert_eq!(again, error(5));
    // Judged before the other load, or measured together once more, they are comparable.
    let before = check(&format!("spec:\n{versions}{RELATIVE}{}{judged}", alone("b")));
    assert_eq!(before, Vec::<String>::new());
    let twice = check(&format!("spec:\n{versions}{judged}{versions}{RELATIVE}"));
    assert_eq!(twice, Vec::<String>::new());
}
