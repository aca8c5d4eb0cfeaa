//! [`Headline`] and the sentence below it: the verdict with counts, and what to do about it.

use serde::Serialize;
use std::fmt::Write as _;

use super::known::Known;
use super::objectives::{ObjectiveRow, Sign};
use super::rewards::{self, RewardRow};
use crate::metrics::{Measure, Statistic, Timing, Unit};
use crate::report::number;
use crate::report::prose::Prose;
use crate::results::{Outcome, TaskStatus};
use crate::slo::{Confidence, Verdict};

mod broken;
mod cause;

/// The verdict.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Headline {
    /// Symbol.
    pub sign: Sign,
    /// Verdict with counts, without the symbol: `iter8: 2 of 5 objectives not met`.
    pub title: String,
}

impl Headline {
    /// The whole line with its symbol.
    pub fn line(&self) -> String {
        format!("{} {}", self.sign.emoji(), self.title)
    }
}

/// What the top of a report says.
pub(super) struct Told {
    pub(super) headline: Headline,
    pub(super) summary: Prose,
    pub(super) reason: String,
}

/// Tells the outcome.
pub(super) fn tell(known: &Known<'_>, rows: &[ObjectiveRow], awarded: &[RewardRow]) -> Told {
    let (sign, title) = title(known, rows);
    let finding = finding(known, rows, awarded);
    let reason = match finding.plain() {
        finding if finding.is_empty() => format!("{title}."),
        // Advice may be a question.
        finding if finding.ends_with('?') => format!("{title}: {finding}"),
        finding => format!("{title}: {finding}."),
    };
    let finding = finding.capitalised();
    let mut summary = if finding.is_empty() {
        Prose::new()
    } else {
        let end = if finding.plain().ends_with('?') { "" } else { "." };
        if known.result.outcome == Outcome::Pass {
            finding.text(end)
        } else {
            finding.strong().text(end)
        }
    };
    let cause = (known.result.outcome == Outcome::Fail)
        .then(|| cause::of(known))
        .flatten();
    for more in [cause, doubts(known, rows)].into_iter().flatten() {
        summary = if summary.is_empty() {
            more
        } else {
            summary.text(" ").then(more)
        };
    }
    Told {
        headline: Headline {
            sign,
            title: format!("iter8: {title}"),
        },
        summary,
        // It goes into outputs and statuses, where typography only gets in the way.
        reason: reason.replace('\u{a0}', " ").replace('\u{2060}', ""),
    }
}

fn objectives(n: usize) -> String {
    number::counted(n as u64, "objective")
}

fn title(known: &Known<'_>, rows: &[ObjectiveRow]) -> (Sign, String) {
    let result = known.result;
    let enforced: Vec<&ObjectiveRow> = rows.iter().filter(|row| !row.warn).collect();
    let all = enforced.len();
    let with = |wanted: &[Verdict]| enforced.iter().filter(|row| wanted.contains(&row.judged)).count();
    match result.outcome {
        Outcome::Pass if rows.is_empty() && result.assessment.awards.is_empty() => unjudged(known),
        Outcome::Pass => {
            let met = with(&[Verdict::Met]);
            let mut awards = result.assessment.awards.iter();
            // Whoever asked not to be failed for it still wants to see it.
            let kept = met == all && awards.all(|award| award.confidence != Confidence::NoData);
            let sign = if kept { Sign::Met } else { Sign::Unsure };
            (sign, passed(known, rows, all, met))
        }
        Outcome::Measured => (
            Sign::Skipped,
            "a shard was measured; iter8 merge judges".to_owned(),
        ),
        Outcome::Fail => (
            Sign::NotMet,
            format!("{} of {} not met", with(&[Verdict::NotMet]), objectives(all)),
        ),
        Outcome::Inconclusive => (
            Sign::Unsure,
            format!("{} of {} undecided", with(&[Verdict::Undecided]), objectives(all)),
        ),
        Outcome::Invalid if !result.distrust.is_empty() => (
            Sign::NoData,
            "invalid, the measurement cannot be trusted".to_owned(),
        ),
        Outcome::Invalid if with(&[Verdict::NoData, Verdict::NotAssessed]) == 0 => {
            let unanswered = result.unanswered().map(|_| "invalid, no request was answered");
            let unserved = || result.unserved().map(|_| "invalid, much was never sent");
            let why = unanswered.or_else(unserved);
            let why = why.unwrap_or("invalid, no data for a reward");
            (Sign::NoData, why.to_owned())
        }
        Outcome::Invalid => {
            let without = with(&[Verdict::NoData, Verdict::NotAssessed]);
            let why = if with(&[Verdict::NoData]) > 0 {
                format!("invalid, no data for {without} of {}", objectives(all))
            } else {
                format!("invalid, {without} of {} not assessed", objectives(all))
            };
            // What is missing does not mend what is broken.
            let broken = match with(&[Verdict::NotMet]) {
                0 => String::new(),
                n => format!("; {} not met", number::count(n as u64)),
            };
            (Sign::NoData, why + &broken)
        }
        Outcome::Error => {
            let failed = result
                .tasks
                .iter()
                .find(|task| matches!(task.status, TaskStatus::Failed { .. }));
            let which = failed.map_or_else(String::new, |task| {
                format!("task {} of {} ", task.index, result.tasks.len())
            });
            (Sign::NoData, format!("error, {which}could not run"))
        }
        Outcome::Interrupted => {
            if !result.ended && result.interrupted.is_none() {
                return (
                    Sign::NoData,
                    "not ended, the run still goes on or was killed".to_owned(),
                );
            }
            let signal = result.interrupted.as_deref().unwrap_or("a signal");
            let after = number::duration(result.seconds);
            (Sign::NoData, format!("interrupted by {signal} after {after}"))
        }
    }
}

/// Nothing was promised: that is a pass, and no green one where requests failed.
fn unjudged(known: &Known<'_>) -> (Sign, String) {
    let (requests, errors) = known.result.sent();
    let sent = number::counted(requests, known.request());
    match (requests, errors) {
        // How requests went is not known of Iter8's results as a whole.
        (0, _) if known.result.imported.is_some() => {
            (Sign::Unsure, "completed, and no objective was judged".to_owned())
        }
        (0, _) => (Sign::Met, "completed, no objectives to judge".to_owned()),
        (_, 0) => (Sign::Met, format!("{sent} sent, no objectives to judge")),
        (_, errors) => {
            let share = number::share(errors, requests);
            let told = format!("{share} of {sent} failed, and no objective was judged");
            (Sign::Unsure, told)
        }
    }
}

fn passed(known: &Known<'_>, rows: &[ObjectiveRow], all: usize, met: usize) -> String {
    let warned = rows
        .iter()
        .filter(|row| row.warn && row.judged != Verdict::Met)
        .count();
    if rows.is_empty() {
        return match known.result.winner() {
            Some(_) => "one version wins every reward".to_owned(),
            None => "no version wins every reward".to_owned(),
        };
    }
    let mut title = match (all, met) {
        (0, _) => "passed, no objective can fail this run".to_owned(),
        (1, 1) => "the objective is met".to_owned(),
        (all, met) if all == met => format!("all {} met", objectives(all)),
        // Only `validateSLOs: false` passes with broken objectives.
        (all, met) => format!("passed without judging, {met} of {} met", objectives(all)),
    };
    if warned > 0 {
        title.push_str("; of those that only warn, ");
        let _ = write!(title, "{} not met", number::count(warned as u64));
    }
    title
}

/// The fact behind the verdict, without a full stop.
fn finding(known: &Known<'_>, rows: &[ObjectiveRow], awarded: &[RewardRow]) -> Prose {
    let result = known.result;
    match result.outcome {
        Outcome::Fail => broken::told(known),
        Outcome::Pass if rows.is_empty() && !awarded.is_empty() => rewards::told(awarded),
        Outcome::Pass if rows.is_empty() => overview(known),
        // Of a pass, `validateSLOs: false` alone leaves anything to tell here.
        Outcome::Pass => match broken::told(known) {
            told if !told.is_empty() => told,
            _ if rows.iter().any(lacks_data) => without_data(rows),
            _ => shown(rows),
        },
        Outcome::Measured => overview(known),
        Outcome::Inconclusive => undecided(rows),
        Outcome::Error => failed_task(known),
        Outcome::Invalid => match result.distrust.first() {
            Some(why) => Prose::from(sentence_part(why)),
            None if rows.iter().any(lacks_data) => without_data(rows),
            None => result
                .unproven()
                .map_or_else(|| rewards::without_data(known), Prose::from),
        },
        Outcome::Interrupted => interrupted(known),
    }
}

/// What there was before a run was stopped.
fn interrupted(known: &Known<'_>) -> Prose {
    let tested = known.tested();
    let requests = tested.map_or(0, super::known::Version::requests);
    let unsent = tested.map_or(0, super::known::Version::unsent);
    match (requests, unsent) {
        (0, 0) => "nothing was measured before".into(),
        (0, n) => format!(
            "{} due before, none was sent",
            number::counted(n, known.request())
        )
        .into(),
        (n, _) => format!("what {} showed is kept", number::counted(n, known.request())).into(),
    }
}

fn sentence_part(text: &str) -> String {
    text.trim().trim_end_matches('.').to_owned()
}

fn failed_task(known: &Known<'_>) -> Prose {
    let mut failed = known.result.tasks.iter().filter_map(|task| match &task.status {
        TaskStatus::Failed { error } => Some((task, error)),
        TaskStatus::NotRun | TaskStatus::Completed | TaskStatus::Left { .. } | TaskStatus::Skipped { .. } => {
            None
        }
    });
    match failed.next() {
        Some((task, error)) => Prose::new()
            .text(format!("task {} (", task.index))
            .code(task.name.as_str())
            .text(format!("): {}", sentence_part(error))),
        None => Prose::new(),
    }
}

/// A row that makes a run invalid.
fn lacks_data(row: &ObjectiveRow) -> bool {
    !row.warn && matches!(row.judged, Verdict::NoData | Verdict::NotAssessed)
}

fn without_data(rows: &[ObjectiveRow]) -> Prose {
    let Some(row) = rows.iter().find(|row| lacks_data(row)) else {
        return Prose::new();
    };
    let why = row.note.as_deref().unwrap_or("nothing measured it");
    Prose::from("there is nothing to judge ")
        .then(row.name.clone())
        .text(format!(" by: {}", sentence_part(why)))
}

fn undecided(rows: &[ObjectiveRow]) -> Prose {
    let Some(row) = rows.iter().find(|row| row.judged == Verdict::Undecided) else {
        return Prose::new();
    };
    let told = row
        .name
        .clone()
        .text(format!(" is {}, limit {}", row.measured, row.limit_text));
    let told = if row.interval.is_empty() {
        told
    } else {
        told.text(format!(", but its 95 % interval is {}", row.interval))
    };
    match row.more_requests {
        Some(more) => told.text(format!(
            "; about {} would tell",
            number::counted(more, "more request")
        )),
        None => told,
    }
}

/// For a pass: what was shown, at most three objectives.
fn shown(rows: &[ObjectiveRow]) -> Prose {
    let met = rows.iter().filter(|row| row.judged == Verdict::Met);
    let clause = |row: &ObjectiveRow| {
        let name = row.name.clone();
        match (row.value, row.high) {
            // Nothing seen in n requests shows a bound, not zero.
            (Some(value), Some(high))
                if value == 0.0 && row.unit == Unit::Fraction && row.sign == Sign::Met =>
            {
                name.text(format!(
                    " is below {}",
                    number::against(high, row.limit, row.unit)
                ))
            }
            _ => name.text(format!(" is {}, limit {}", row.measured, row.limit_text)),
        }
    };
    let mut out = Prose::new();
    for (index, row) in met.take(3).enumerate() {
        out = if index == 0 {
            clause(row)
        } else {
            out.text("; ").then(clause(row))
        };
    }
    out
}

/// Without objectives: what a reader would want to know first.
fn overview(known: &Known<'_>) -> Prose {
    let Some((_, whole)) = known.tested().and_then(|version| version.wholes.first()) else {
        return Prose::new();
    };
    let p95 = whole.value(Measure::Time(Timing::Latency, Statistic::Percentile(95.0)));
    let errors = format!(
        "{} of {} failed",
        number::count(whole.errors),
        number::counted(whole.requests, known.request())
    );
    match p95 {
        Some(p95) => format!(
            "latency p95 is {}, {errors}",
            number::measured(p95, Unit::Milliseconds)
        )
        .into(),
        None => errors.into(),
    }
}

/// What the verdict does not cover: unsure ones in a pass.
fn doubts(known: &Known<'_>, rows: &[ObjectiveRow]) -> Option<Prose> {
    let unjudged = rows.is_empty() && known.result.assessment.awards.is_empty();
    if known.result.outcome == Outcome::Pass && unjudged && known.tested().is_some() {
        let advice = Prose::from("Add an objective such as ").code(if known.request() == "call" {
            "grpc/latency-p95 <= 250ms"
        } else {
            "http/latency-p95 <= 250ms"
        });
        return Some(advice.text(" to have it judged."));
    }
    let unsure: Vec<&ObjectiveRow> = rows
        .iter()
        .filter(|row| row.judged == Verdict::Met && row.sign == Sign::Unsure)
        .collect();
    let first = unsure.first().filter(|_| known.result.outcome == Outcome::Pass)?;
    let told = Prose::from("Not sure yet: ").then(first.name.clone());
    let told = match first.more_requests {
        Some(more) => told.text(format!(
            " (about {} would tell)",
            number::counted(more, "more request")
        )),
        None => told,
    };
    Some(match unsure.len() - 1 {
        0 => told.text("."),
        others => told.text(format!("; {others} more are not sure either.")),
    })
}
