//! What is read of stored results, what is refused, and what hostile files do: nothing.

use super::*;
use crate::results::Outcome;
use crate::slo::Verdict;

fn read(text: &str) -> Result<ExperimentResult, Diagnostic> {
    let source = SourceFile::new("experiment.yaml", text);
    from_experiment(&source).map(|found| found.expect("a result"))
}

fn with_insights(insights: &str) -> String {
    format!(
        "spec:\n- task: http\nresult:\n  numCompletedTasks: 1\n  insights: {{numVersions: 1, {insights}}}\n"
    )
}

#[test]
fn an_experiment_without_a_result_has_none() {
    let source = SourceFile::new("e.yaml", "spec:\n- task: http\n  with: {url: '${URL}'}\n");
    assert_eq!(from_experiment(&source).expect("YAML"), None);
}

#[test]
fn a_run_that_is_not_over_is_no_verdict() {
    let going_on =
        read("spec: [{task: http}, {task: assess}]\nresult: {numCompletedTasks: 1}").expect("a result");
    assert_eq!(going_on.outcome, Outcome::Interrupted);
    let failed = "spec: [{task: http}, {run: x}]\nresult: {numCompletedTasks: 1, failure: true}";
    let failed = read(failed).expect("a result");
    assert_eq!(failed.outcome, Outcome::Error);
    assert!(
        failed.because[0].starts_with("task 2 (run)"),
        "{:?}",
        failed.because
    );
    let unknown = "spec: [{task: http}]\nresult: {numCompletedTasks: 1, failure: true}";
    let unknown = read(unknown).expect("a result");
    assert!(unknown.completed() && !unknown.no_failure());
    assert_eq!(unknown.outcome, Outcome::Error);
}

#[test]
fn of_an_upper_and_a_lower_limit_the_one_that_is_kept_is_met() {
    let experiment = SourceFile::new("experiment.yaml", "- task: assess-app-versions\n");
    let text = "numCompletedTasks: 1\ninsights:\n  numVersions: 1\n  metricsInfo: {built-in/p95.0: {type: Gauge}}\n  nonHistMetricValues: [{built-in/p95.0: [3, 7]}]\n  SLOs: [{metric: built-in/p95.0, upperLimit: 5, lowerLimit: 1}]\n  SLOsSatisfied: [[false]]\n";
    let result = from_result(&SourceFile::new("result.yaml", text), &experiment).expect("a result");
    let judged: Vec<_> = result
        .assessment
        .judgements
        .iter()
        .map(|one| (one.objective.to_string(), one.verdict))
        .collect();
    let wanted = [
        ("http/latency-p95 <= 5ms".to_owned(), Verdict::NotMet),
        ("http/latency-p95 >= 1ms".to_owned(), Verdict::Met),
    ];
    assert_eq!(judged, wanted);
    assert!(!result.slos_hold());
}

#[test]
fn an_answer_that_the_value_denies_stands_for_both_limits() {
    let experiment = SourceFile::new("experiment.yaml", "- task: assess-app-versions\n");
    let text = "numCompletedTasks: 1\ninsights:\n  numVersions: 1\n  metricsInfo: {built-in/p95.0: {type: Gauge}}\n  nonHistMetricValues: [{built-in/p95.0: [3]}]\n  SLOs: [{metric: built-in/p95.0, upperLimit: 5, lowerLimit: 1}]\n  SLOsSatisfied: [[false]]\n";
    let result = from_result(&SourceFile::new("result.yaml", text), &experiment).expect("a result");
    assert_eq!(result.assessment.judgements.len(), 2);
    for one in &result.assessment.judgements {
        assert_eq!(one.verdict, Verdict::NotMet);
        let note = one.note.as_deref().unwrap_or_default();
        assert!(note.contains("says otherwise"), "{note}");
    }
    assert_eq!(result.outcome, Outcome::Fail);
    assert!(!result.slos_hold());
}

#[test]
fn a_version_without_a_name_is_called_as_today_where_it_is_the_only_one() {
    let names = |insights: &str| {
        let result = read(&with_insights(insights)).expect("a result");
        let versions = result.insights.versions.into_iter();
        versions.map(|version| version.name).collect::<Vec<_>>()
    };
    assert_eq!(names("histMetricValues: [{}]"), ["default"]);
    assert_eq!(names("histMetricValues: [{}, {}]"), ["version 0", "version 1"]);
    assert_eq!(
        names(
            "versionNames: [{version: a}, {version: a}, {version: 'a [1]'}], histMetricValues: [{}, {}, {}]"
        ),
        ["a", "a [1]", "a [1] [2]"]
    );
}

#[test]
fn the_form_of_0_8_0_holds_only_where_versions_are_listed() {
    let experiment = SourceFile::new("experiment.yaml", "- task: assess-app-versions\n");
    let read = |listed: &str| {
        let text = format!(
            "numCompletedTasks: 1\ninsights: {{insightTypes: [Metrics, SLOs], numAppVersions: 1, metricsInfo: {{built-in/error-count: {{type: Counter}}}}, metricValues: [{{built-in/error-count: [2]}}], SLOs: [{{metric: built-in/error-count, upperLimit: 5}}], SLOsSatisfied: [[true]]{listed}}}\n"
        );
        from_result(&SourceFile::new("result.yaml", text), &experiment).expect("a result")
    };
    assert!(read(", SLOsSatisfiedBy: [0]").slos_hold());
    let unsure = read("");
    assert!(!unsure.slos_hold());
    let value = unsure.insights.versions[0].values["http/error-count"].value;
    assert!((value - 2.0).abs() < 1e-9, "{value}");
}

#[test]
fn a_result_can_be_stored_in_todays_form() {
    let text = with_insights(
        "SLOs: {upper: [{metric: http/latency-pxx, limit: 1}]}, SLOsSatisfied: {upper: [[false]]}, histMetricValues: [{http/latency: [{lower: 1, upper: 2, count: 3}]}]",
    );
    let result = read(&text).expect("a result");
    let json = serde_json::to_string(&result).expect("JSON");
    assert_eq!(
        serde_json::from_str::<ExperimentResult>(&json).expect("a result"),
        result
    );
}

#[test]
fn what_is_wrong_is_said_with_its_place() {
    for (text, place, why) in [
        (
            with_insights("SLOs: {upper: 5}"),
            "experiment.yaml:5:44",
            "expected a list",
        ),
        (
            with_insights("nonHistMetricValues: [{a/b: [.nan]}]"),
            "experiment.yaml:5:",
            "`.nan` is no number",
        ),
        (
            with_insights("nonHistMetricValues: [{a/b: [many]}]"),
            "experiment.yaml:5:",
            "expected a number",
        ),
        (
            with_insights("SummaryMetricValues: [{a/b: [1]}]"),
            "experiment.yaml:5:",
            "five numbers",
        ),
        (
            with_insights("numVersions: 999999999"),
            "experiment.yaml:5:",
            "at most 1000",
        ),
        (
            with_insights("taskData: {http: {}}"),
            "experiment.yaml:5:",
            "0.16 and later",
        ),
        (
            "spec: [{task: htpp}]\nresult: {}".into(),
            "experiment.yaml:1:15",
            "unknown task",
        ),
        (
            "spec: [{}]\nresult: {}".into(),
            "experiment.yaml:1:8",
            "neither a name nor a script",
        ),
        (
            "spec: [{task: http, with: {qps: many}}]\nresult: {}".into(),
            "experiment.yaml:1:33",
            "a number",
        ),
        (
            "spec: 7\nresult: {}".into(),
            "experiment.yaml:1:7",
            "expected a list",
        ),
        (
            "result: {numCompletedTasks: -1}".into(),
            "experiment.yaml:1:29",
            "from 0",
        ),
        (
            "result: {startTime: soon}".into(),
            "experiment.yaml:1:21",
            "not a time",
        ),
        ("result: [1".into(), "experiment.yaml:", "not usable YAML"),
    ] {
        let error = read(&text).expect_err(&text);
        let found = error.place.as_ref().map(ToString::to_string).unwrap_or_default();
        assert!(found.starts_with(place), "{text}: {found}");
        assert!(error.message.contains(why), "{text}: {}", error.message);
    }
}

#[test]
fn hostile_files_are_refused_and_do_not_crash() {
    let bomb = "a: &a [1,1,1,1,1,1,1,1,1,1]\nb: &b [*a,*a,*a,*a,*a,*a,*a,*a,*a,*a]\nc: &c [*b,*b,*b,*b,*b,*b,*b,*b,*b,*b]\nd: &d [*c,*c,*c,*c,*c,*c,*c,*c,*c,*c]\ne: &e [*d,*d,*d,*d,*d,*d,*d,*d,*d,*d]\nf: [*e,*e,*e,*e,*e,*e,*e,*e,*e,*e]\nresult: {}\n";
    let metrics: Vec<String> = (0..1001).map(|n| format!("a/{n}: {{}}")).collect();
    let metrics = metrics.join(", ");
    let many = format!("result: {{insights: {{numVersions: 1000, metricsInfo: {{{metrics}}}}}}}");
    for text in [
        bomb.to_owned(),
        format!("result: {}", "[".repeat(20_000)),
        format!("result: {{a: {}", "{a: ".repeat(20_000)),
        many,
        with_insights(&format!("nonHistMetricValues: [{}]", "{}, ".repeat(20_000))),
    ] {
        let error = read(&text).expect_err("hostile");
        assert!(error.is_error() && error.place.is_some(), "{error:?}");
    }
}
