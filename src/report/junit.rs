//! JUnit XML as Jenkins' `junit-10.xsd` and GitLab read it: a suite of objectives, a test case for each objective
//! and version, and an error case for a task that could not run.
//!
//! A broken objective is a failure, one that could not be judged an error, one that only warns passes and says so. Those
//! of a shard are skipped: merged, they are judged. An outcome that none of them tells of is an error case of its own.

use std::io::{self, Write};
use std::time::Duration;

use quick_junit::{NonSuccessKind, Report, TestCase, TestCaseStatus, TestSuite};

use super::prose::visible;
use super::{Format, ObjectiveRow, Sign, TaskRow, View};
use crate::results::Outcome;
use crate::slo::Verdict;

/// JUnit XML.
#[derive(Debug, Clone, Copy)]
pub struct Junit;

impl Format for Junit {
    fn name(&self) -> &'static str {
        "junit"
    }

    fn file(&self) -> &'static str {
        "junit.xml"
    }

    fn render(&self, view: &View, out: &mut dyn Write) -> io::Result<()> {
        let mut suite = TestSuite::new("iter8");
        suite.add_test_cases(view.objectives.iter().map(|row| objective(row, view.outcome)));
        suite.add_test_cases(view.tasks.iter().filter_map(task));
        suite.add_test_cases(untold(view, &suite.test_cases));
        let mut report = Report::new("iter8");
        if let Ok(time) = Duration::try_from_secs_f64(view.seconds) {
            suite.set_time(time);
            report.set_time(time);
        }
        suite.set_system_out(allowed(&view.reason));
        report.add_test_suite(suite);
        let xml = report.to_string().map_err(io::Error::other)?;
        out.write_all(without_total_of_skipped(&xml).as_bytes())
    }
}

/// Jenkins' schema allows `skipped` on a suite, not on all of them together, where the library writes it, too.
fn without_total_of_skipped(xml: &str) -> String {
    let Some(start) = xml.find("<testsuites") else {
        return xml.to_owned();
    };
    let end = xml[start..].find('>').map_or(xml.len(), |length| start + length);
    let tag = &xml[start..end];
    let Some(attribute) = tag.find(" skipped=\"") else {
        return xml.to_owned();
    };
    let value = attribute + " skipped=\"".len();
    let length = tag[value..].find('"').map_or(0, |quote| quote + 1);
    format!(
        "{}{}{}",
        &xml[..start + attribute],
        &tag[value + length..],
        &xml[end..]
    )
}

fn objective(row: &ObjectiveRow, outcome: Outcome) -> TestCase {
    let message = allowed(&format!(
        "{} {}: measured {}, limit {}{}",
        row.name.plain(),
        row.words,
        row.measured,
        row.limit_text,
        if row.interval.is_empty() {
            String::new()
        } else {
            format!(", 95 % interval {}", row.interval)
        }
    ));
    let failed = |kind, what: &str| {
        let mut status = TestCaseStatus::non_success(kind);
        status.set_message(message.as_str()).set_type(what);
        status
    };
    let status = match row.judged {
        _ if row.warn => TestCaseStatus::success(),
        Verdict::Met => TestCaseStatus::success(),
        Verdict::NotMet => failed(NonSuccessKind::Failure, "not met"),
        Verdict::NotAssessed if outcome == Outcome::Measured => {
            let mut skipped = TestCaseStatus::skipped();
            skipped.set_message("a shard judges nothing: iter8 merge does");
            skipped
        }
        Verdict::Undecided | Verdict::NoData | Verdict::NotAssessed => {
            failed(NonSuccessKind::Error, row.verdict)
        }
    };
    let task = row
        .task
        .map_or_else(String::new, |task| format!(" (task {task})"));
    let mut case = TestCase::new(named(&row.objective) + &task, status);
    case.set_classname(if row.version.is_empty() {
        "iter8".to_owned()
    } else {
        format!("iter8.{}", named(&row.version))
    });
    case.set_time(Duration::ZERO);
    case.set_system_out(message);
    case
}

/// Tasks that failed, were skipped or not done; the others are no tests.
fn task(row: &TaskRow) -> Option<TestCase> {
    let detail = allowed(row.detail.as_deref().unwrap_or_default());
    let status = match (row.sign, row.status) {
        (Sign::NoData, _) => {
            let mut status = TestCaseStatus::non_success(NonSuccessKind::Error);
            status.set_message(detail.as_str()).set_type("task failed");
            status
        }
        (Sign::Skipped, status) => {
            let mut skipped = TestCaseStatus::skipped();
            skipped.set_message(match (detail.as_str(), status) {
                ("", status) => status.to_owned(),
                (condition, "skipped") => format!("condition is false: {condition}"),
                (why, status) => format!("{status}: {why}"),
            });
            skipped
        }
        (Sign::Met | Sign::NotMet | Sign::Unsure, _) => return None,
    };
    let mut case = TestCase::new(format!("task {}: {}", row.index, named(&row.name)), status);
    case.set_classname("iter8.tasks");
    let time = row
        .seconds
        .and_then(|seconds| Duration::try_from_secs_f64(seconds).ok());
    case.set_time(time.unwrap_or_default());
    Some(case)
}

/// An outcome that no objective and no task tells of: green cases would be all that is seen.
fn untold(view: &View, told: &[TestCase]) -> Option<TestCase> {
    let is_told = |case: &TestCase| matches!(case.status, TestCaseStatus::NonSuccess { .. });
    if matches!(view.outcome, Outcome::Pass | Outcome::Measured) || told.iter().any(is_told) {
        return None;
    }
    let mut status = TestCaseStatus::non_success(NonSuccessKind::Error);
    status
        .set_message(allowed(&view.reason))
        .set_type(view.outcome.name());
    let mut case = TestCase::new("measurement", status);
    case.set_classname("iter8");
    case.set_time(Duration::ZERO);
    Some(case)
}

/// A name on one line.
fn named(text: &str) -> String {
    allowed(&visible(text))
}

/// Only characters that XML 1.0 knows (<https://www.w3.org/TR/xml/#charsets>).
fn allowed(text: &str) -> String {
    text.chars()
        .filter(
            |c| matches!(c, '\t' | '\n' | '\r' | ' '..='\u{d7ff}' | '\u{e000}'..='\u{fffd}' | '\u{10000}'..),
        )
        .filter(|c| !matches!(c, '\u{7f}' | '\u{2060}'))
        .collect()
}

#[cfg(test)]
mod tests {
    use super::allowed;

    #[test]
    fn characters_that_xml_forbids_are_left_out() {
        assert_eq!(allowed("a\0b\u{1b}[c\u{fffe}d\u{ffff}e\tf😀"), "ab[cde\tf😀");
    }
}
