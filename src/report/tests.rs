//! Every format on the same results: expected files, hostile text, sizes, and values that nobody thought of.

use std::path::PathBuf;

use proptest::prelude::*;

use super::fixture::{self, EVIL};
use super::{FORMATS, Sign, Text, View, format, render_within};
use crate::metrics::{Histogram, Protocol, Timing};
use crate::results::{ExperimentResult, Outcome, TaskStatus};
use crate::slo::Verdict;

pub(super) fn rendered(name: &str, result: &ExperimentResult) -> String {
    let mut out = Vec::new();
    format(name)
        .expect(name)
        .render(&View::of(result), &mut out)
        .expect("memory does not fail");
    String::from_utf8(out).expect("reports are UTF-8")
}

/// Compares with `tests/snapshots/`; `UPDATE_SNAPSHOTS=1` writes what is found instead.
fn matches_snapshot(file: &str, found: &str) {
    let path = PathBuf::from(env!("CARGO_MANIFEST_DIR"))
        .join("tests/snapshots")
        .join(file);
    #[expect(
        clippy::disallowed_methods,
        reason = "a switch for developers, not a setting of the product"
    )]
    let update = std::env::var_os("UPDATE_SNAPSHOTS").is_some();
    if update {
        std::fs::write(&path, found).expect("the snapshot can be written");
    }
    let expected = std::fs::read_to_string(&path).unwrap_or_default();
    assert!(
        expected == found,
        "{file} differs; look at it with UPDATE_SNAPSHOTS=1 and git diff"
    );
}

#[test]
fn every_format_shows_the_hostile_result_as_recorded() {
    let whole = fixture::hostile();
    // One load shows how programs are told; more would only make the files long.
    let mut small = whole.clone();
    small.insights.versions.truncate(1);
    small.insights.versions[0].loads.truncate(1);
    for format in FORMATS {
        let result = match format.name() {
            "json" | "csv" | "openmetrics" => &small,
            _ => &whole,
        };
        matches_snapshot(
            &format!("hostile-{}", format.file()),
            &rendered(format.name(), result),
        );
    }
}

#[test]
fn calls_of_grpc_are_told_in_the_words_of_grpc() {
    let mut result = fixture::broken();
    for load in result
        .insights
        .versions
        .iter_mut()
        .flat_map(|version| &mut version.loads)
    {
        load.stream.protocol = Protocol::Grpc;
        let measured = &mut load.measurement;
        measured.statuses = [(0, 1198), (14, 2)].into();
        (measured.messages_sent, measured.messages_received) = (1200, 99_000);
        let mut times = Histogram::default();
        times.record(std::time::Duration::from_millis(7));
        measured.timings.insert(Timing::FirstMessage, times.clone());
        measured.timings.insert(Timing::BetweenMessages, times);
    }
    for format in ["text", "markdown", "html"] {
        let found = rendered(format, &result);
        for words in [
            "status OK",
            "UNAVAILABLE (14)",
            "first message",
            "between messages",
            "calls in ",
        ] {
            assert!(found.contains(words), "{format} lacks `{words}`:\n{found}");
        }
        assert!(!found.contains("status 14"), "{format}");
    }
    for format in ["markdown", "html"] {
        let told = "messages sent: 2,400, received: 198,000";
        assert!(rendered(format, &result).contains(told), "{format}");
    }
    let json = rendered("json", &result);
    for member in [
        "\"messagesReceived\": 99000",
        "grpc/status-unavailable",
        "grpc/messages-sent",
        "grpc/first-message/p95",
    ] {
        assert!(json.contains(member), "{member}");
    }
    assert!(!json.contains("status-2xx"));
    let metrics = rendered("openmetrics", &result);
    assert!(metrics.contains("status=\"UNAVAILABLE\""), "{metrics}");
    assert!(metrics.contains("iter8_messages_received_total"));
}

#[test]
fn reports_for_people_look_as_recorded() {
    for (name, result) in [
        ("broken", fixture::broken()),
        ("kept", fixture::kept()),
        ("failed", fixture::failed()),
    ] {
        for format in ["text", "markdown", "html"] {
            let file = super::format(format).expect(format).file();
            matches_snapshot(&format!("{name}-{file}"), &rendered(format, &result));
        }
    }
}

#[test]
fn the_verdict_is_first_and_in_the_terminal_also_last() {
    let text = rendered("text", &fixture::broken());
    let verdict = "❌ iter8: 2 of 5\u{a0}objectives not met";
    assert!(text.starts_with(verdict), "{text}");
    assert!(text.ends_with(&format!("{verdict}\n")), "{text}");
    let markdown = rendered("markdown", &fixture::kept());
    assert!(
        markdown.starts_with("## ✅ iter8: all 2\u{a0}objectives met"),
        "{markdown}"
    );
}

#[test]
fn a_failure_names_endpoint_number_limit_and_phase() {
    let view = View::of(&fixture::broken());
    let summary = view.summary.plain().replace('\u{a0}', " ");
    assert!(
        summary.starts_with("checkout answers slower than promised: p95 is "),
        "{summary}"
    );
    assert!(summary.contains("the limit is 250 ms"), "{summary}");
    assert!(
        summary.contains("The time is spent waiting for the first byte"),
        "{summary}"
    );
    assert!(summary.contains("as in the baseline"), "{summary}");
    assert!(view.reason.contains("checkout"), "{}", view.reason);
    assert!(!view.reason.contains('\n'), "{}", view.reason);
}

#[test]
fn a_pass_says_what_was_shown_and_an_error_which_task_failed() {
    let pass = View::of(&fixture::kept()).reason.replace('\u{a0}', " ");
    assert_eq!(
        pass,
        "all 2 objectives met: latency p95 is 45.6 ms, limit 250 ms; error rate is below 0.31 %."
    );
    let error = View::of(&fixture::failed()).reason.replace('\u{a0}', " ");
    assert!(
        error.starts_with("error, task 1 of 2 could not run: task 1 (ready): https://"),
        "{error}"
    );
}

#[test]
fn a_pass_without_judging_is_no_green_one_and_names_what_is_broken() {
    let mut result = fixture::broken();
    result.validate_slos = false;
    result.outcome = Outcome::Pass;
    let view = View::of(&result);
    assert_eq!(view.headline.sign, Sign::Unsure);
    let reason = view.reason.replace('\u{a0}', " ");
    assert!(
        reason.starts_with(
            "passed without judging, 3 of 5 objectives met: checkout answers slower than promised"
        ),
        "{reason}"
    );
    for judgement in &mut result.assessment.judgements {
        judgement.verdict = Verdict::NoData;
    }
    let view = View::of(&result);
    assert_eq!(view.headline.sign, Sign::Unsure);
    assert!(
        view.reason.contains("there is nothing to judge"),
        "{}",
        view.reason
    );
}

#[test]
fn a_question_ends_with_its_mark_alone() {
    let mut result = fixture::failed();
    result.tasks[0].status = TaskStatus::Failed {
        error: "no provider `isto`; did you mean `istio`?".to_owned(),
    };
    let view = View::of(&result);
    assert!(view.reason.ends_with("did you mean `istio`?"), "{}", view.reason);
    assert!(view.summary.plain().contains("did you mean `istio`?"));
    assert!(!view.summary.plain().contains("?."), "{}", view.summary.plain());
}

#[test]
fn every_outcome_has_a_verdict_in_words() {
    let mut result = fixture::kept();
    for (outcome, word) in [
        (Outcome::Pass, "met"),
        (Outcome::Inconclusive, "undecided"),
        (Outcome::Fail, "not met"),
        (Outcome::Invalid, "invalid"),
        (Outcome::Error, "error"),
        (Outcome::Interrupted, "interrupted"),
    ] {
        result.outcome = outcome;
        let title = View::of(&result).headline.title;
        assert!(title.contains(word), "{title}");
    }
    result.outcome = Outcome::Pass;
    result.assessment.judgements.clear();
    assert!(View::of(&result).headline.title.contains("no objectives"));
}

#[test]
fn many_errors_without_an_objective_are_a_warning() {
    let mut result = fixture::hostile();
    result
        .assessment
        .judgements
        .retain(|judgement| !judgement.objective.to_string().contains("error"));
    let warnings: Vec<String> = View::of(&result)
        .warnings
        .iter()
        .map(super::Prose::plain)
        .collect();
    assert!(
        warnings
            .iter()
            .any(|warning| warning.contains("No objective limits errors")),
        "{warnings:?}"
    );
    assert!(View::of(&fixture::hostile()).warnings.is_empty());
}

#[test]
fn ten_thousand_endpoints_fit_a_summary_and_a_comment() {
    let view = View::of(&fixture::crowded(10_000));
    for limit in [1024 * 1024, 65_536] {
        let text = render_within(&view, limit);
        assert!(text.len() <= limit, "{} > {limit}", text.len());
        assert!(text.contains("more\n"), "rows were left out and counted");
    }
}

#[test]
fn the_slowest_requests_are_the_first_to_be_left_out() {
    let view = View::of(&fixture::broken());
    let whole = render_within(&view, usize::MAX);
    assert!(whole.contains("Slowest requests"), "{whole}");
    let shorter = render_within(&view, whole.len() - 1);
    assert!(!shorter.contains("Slowest requests"), "{shorter}");
    assert!(shorter.contains("```mermaid"), "{shorter}");
    let sections = whole.matches("<summary>").count();
    assert_eq!(shorter.matches("<summary>").count(), sections - 1);
}

#[test]
fn commands_of_requests_are_one_line_of_text_whatever_is_in_them() {
    let result = fixture::hostile();
    let view = View::of(&result);
    assert_eq!(view.requests.len(), 4);
    let traced = view.slowest.iter().filter(|row| row.reproduce.is_some()).count();
    assert!(traced > 0, "the fixture has a valid trace");
    assert!(
        traced
            < view
                .slowest
                .iter()
                .filter(|row| row.traceparent.is_some())
                .count()
    );
    let page = rendered("html", &result);
    let commands =
        regex::Regex::new("(?s)<pre class=\"command\"><code>(curl.*?)</code></pre>").expect("a pattern");
    let found: Vec<&str> = commands
        .captures_iter(&page)
        .map(|found| found.get(1).expect("a group").as_str())
        .collect();
    assert_eq!(found.len(), view.requests.len() + traced);
    for command in found {
        assert!(!command.contains(['\n', '<', '\u{1b}', '\u{202e}']), "{command}");
    }
}

#[test]
fn any_limit_is_kept_without_breaking_a_character() {
    let view = View::of(&fixture::hostile());
    let whole = render_within(&view, usize::MAX).len();
    for limit in (0..whole + 100).step_by(997) {
        assert!(render_within(&view, limit).len() <= limit);
    }
}

#[test]
fn log_lines_are_never_runner_commands_and_fit_80_columns() {
    for result in [fixture::hostile(), fixture::broken()] {
        for line in rendered("text", &result).lines() {
            assert!(!line.trim_start().starts_with("::"), "{line}");
            assert!(!line.contains("##["), "{line}");
            assert!(!line.chars().any(char::is_control), "{line:?}");
            let width = unicode_width::UnicodeWidthStr::width(line);
            assert!(width <= 80 || line.starts_with("$ "), "{width}: {line}");
        }
    }
}

#[test]
fn colour_is_only_there_when_asked_for() {
    let view = View::of(&fixture::broken());
    let render = |colour| {
        let mut out = Vec::new();
        super::Format::render(&Text { colour }, &view, &mut out).expect("memory does not fail");
        String::from_utf8(out).expect("UTF-8")
    };
    assert!(!render(false).contains('\u{1b}'));
    let coloured = render(true);
    assert!(coloured.contains("\u{1b}[31m✗"), "{coloured}");
    let plain: String = regex::Regex::new("\u{1b}\\[[0-9;]*m")
        .expect("a pattern")
        .replace_all(&coloured, "")
        .into();
    assert_eq!(plain, render(false));
}

#[test]
fn the_page_is_alone_and_nothing_in_it_runs() {
    let page = rendered("html", &fixture::hostile());
    assert!(!page.contains("<script"), "scripts are text");
    assert!(page.contains("&lt;script&gt;"));
    assert!(!page.contains("javascript:alert"), "foreign links are not links");
    for reference in ["src=", "@import", "url(", "<link", "<iframe", "onload"] {
        assert!(!page.contains(reference), "{reference}");
    }
}

#[test]
fn junit_counts_add_up_and_holds_only_xml_characters() {
    let xml = rendered("junit", &fixture::hostile());
    assert!(!xml.contains(['\0', '\u{1b}', '\u{fffe}']));
    let times = regex::Regex::new("time=\"([^\"]*)\"").expect("a pattern");
    let plain = regex::Regex::new("^[0-9]+\\.[0-9]{3}$").expect("a pattern");
    for time in times.captures_iter(&xml) {
        assert!(plain.is_match(&time[1]), "{}", &time[1]);
    }
    let report = quick_junit::Report::deserialize_from_str(&xml).expect("well-formed");
    let view = View::of(&fixture::hostile());
    assert_eq!(
        report.tests,
        view.objectives.len() + 2,
        "objectives, a skipped task, one not run"
    );
    let broken = view
        .objectives
        .iter()
        .filter(|row| row.judged == Verdict::NotMet && !row.warn)
        .count();
    assert_eq!(report.failures, broken);
}

#[test]
fn open_metrics_end_and_keep_families_together() {
    let text = rendered("openmetrics", &fixture::hostile());
    assert!(text.ends_with("\n# EOF\n"));
    let mut families = std::collections::BTreeSet::new();
    let mut current = String::new();
    for line in text.lines().take_while(|line| *line != "# EOF") {
        if let Some(name) = line
            .strip_prefix("# TYPE ")
            .and_then(|rest| rest.split(' ').next())
        {
            assert!(families.insert(name.to_owned()), "{name} comes twice");
            name.clone_into(&mut current);
        }
        if !line.starts_with('#') {
            assert!(line.starts_with(&current), "{line} is not of {current}");
            let value = line.rsplit(' ').next().unwrap_or_default();
            assert!(value.parse::<f64>().is_ok(), "{line}");
        }
    }
}

#[test]
fn json_is_versioned_and_csv_has_five_columns() {
    let json: serde_json::Value = serde_json::from_str(&rendered("json", &fixture::hostile())).expect("JSON");
    assert_eq!(json["schemaVersion"], "1.0.0");
    assert_eq!(json["outcome"], "invalid");
    let csv = rendered("csv", &fixture::kept());
    assert!(csv.lines().all(|line| line.split(',').count() == 5), "{csv}");
    assert!(csv.contains("http/latency-p95"), "{csv}");
}

#[test]
fn foreign_text_is_no_markdown() {
    let text = rendered("markdown", &fixture::hostile());
    let outside_code: String = regex::Regex::new("(?s)``[^`].*?[^`]``|`[^`\n]*`")
        .expect("a pattern")
        .replace_all(&text, "")
        .into();
    for forbidden in ["<script", "@octocat", "[l](http", "\u{1b}"] {
        assert!(!outside_code.contains(forbidden), "{forbidden}");
    }
    assert!(EVIL.contains("<script"), "the fixture tries");
}

#[test]
fn an_interrupted_run_says_what_there_was() {
    for (requests, unsent, said) in [
        (0, 0, "Nothing was measured before."),
        (0, 7, "7 requests due before, none was sent."),
        (3, 7, "What 3 requests showed is kept."),
    ] {
        let mut result = fixture::kept();
        result.outcome = Outcome::Interrupted;
        for load in result
            .insights
            .versions
            .iter_mut()
            .flat_map(|version| &mut version.loads)
        {
            load.measurement.requests = requests;
            load.measurement.unsent = unsent;
        }
        let summary = View::of(&result).summary.plain().replace('\u{a0}', " ");
        assert_eq!(summary, said);
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(12))]
    #[test]
    fn no_format_panics_on_any_value(
        values in proptest::collection::vec((any::<f64>(), any::<Option<f64>>(), any::<Option<f64>>()), 14),
        name in any::<String>(),
        outcome in 0..6_usize,
        seconds in any::<f64>(),
    ) {
        let mut result = fixture::hostile();
        for (judgement, (value, low, high)) in result.assessment.judgements.iter_mut().zip(values) {
            judgement.value = Some(value);
            judgement.interval = Some(crate::slo::interval::Interval { low, high });
            judgement.version.clone_from(&name);
        }
        for version in &mut result.insights.versions {
            for load in &mut version.loads {
                load.stream.endpoint = Some(name.clone());
                load.measurement.elapsed = seconds;
            }
        }
        result.seconds = seconds;
        result.outcome = [Outcome::Pass, Outcome::Inconclusive, Outcome::Fail, Outcome::Invalid, Outcome::Error, Outcome::Interrupted][outcome];
        let view = View::of(&result);
        for format in FORMATS {
            format.render(&view, &mut std::io::sink()).expect("nothing to fail");
        }
    }
}
