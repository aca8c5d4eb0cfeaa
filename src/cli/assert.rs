//! `iter8 assert`: Iter8's gate on a stored result; [`Demand`] is what it and `iter8 k assert` ask of one.

use std::collections::BTreeSet;
use std::time::Duration;

use tokio::time::{Instant, sleep};

use super::args::{Asked, Assert, LogLevel};
use super::console::Console;
use super::exit::Exit;
use super::stored::Unread;
use crate::diagnostic::did_you_mean;
use crate::report::{Prose, View, clipped, visible};
use crate::results::{ExperimentResult, MergedShard, Outcome, TaskStatus};
use crate::slo::{Confidence, Verdict};
use crate::spec::{Period, PeriodError};

/// Shards that are named.
const NAMED: usize = 8;
/// Warnings that are told.
const WARNINGS: usize = 10;
/// Characters of one.
const LONGEST: usize = 500;
const POLL: Duration = Duration::from_millis(500);

/// What may be asked of a result.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Condition {
    Completed,
    NoFailure,
    Slos,
}

const NAMES: &[(&str, Condition)] = &[
    ("completed", Condition::Completed),
    ("nofailure", Condition::NoFailure),
    ("slos", Condition::Slos),
];

impl Condition {
    fn parse(text: &str) -> Result<Self, String> {
        let name = text.trim().to_ascii_lowercase();
        NAMES
            .iter()
            .find(|(known, _)| *known == name)
            .map(|(_, condition)| *condition)
            .ok_or_else(|| {
                let names: Vec<&str> = NAMES.iter().map(|(name, _)| *name).collect();
                let hint = did_you_mean(&name, names.iter().copied()).map_or_else(
                    || format!("known are {}", names.join(", ")),
                    |near| format!("did you mean `{near}`?"),
                );
                format!("unsupported condition `{text}`; {hint}")
            })
    }

    /// Nothing holds of a run that has not ended or was cut short.
    fn holds(self, result: &ExperimentResult) -> bool {
        if let Some(imported) = &result.imported {
            // Iter8's own answers: without objectives `slos` holds as soon as there are metrics.
            return match self {
                Self::Completed => imported.completed,
                Self::NoFailure => !imported.failure,
                Self::Slos => imported.slos,
            };
        }
        partial(result).is_none()
            && match self {
                Self::Completed => result.completed(),
                Self::NoFailure => result.no_failure(),
                // Of what is no pass none can be told, whatever is judged met: nobody may have answered.
                Self::Slos => {
                    let trusted = result.no_failure() && result.distrust.is_empty();
                    trusted && unkept(result).is_none() && result.outcome == Outcome::Pass
                }
            }
    }

    /// Whether it holds, in words, and what tells why it does not.
    fn describe(self, result: &ExperimentResult) -> (String, Option<String>) {
        let holds = self.holds(result);
        let cause = || partial(result).or_else(|| failure(result));
        let (words, why) = match (self, holds) {
            (Self::Completed, true) => ("experiment completed", None),
            (Self::Completed, false) => ("experiment did not complete", cause()),
            (Self::NoFailure, true) => ("experiment has no failure", None),
            (Self::NoFailure, false) => ("experiment failed", cause()),
            (Self::Slos, true) => return (kept(result), None),
            (Self::Slos, false) => ("SLOs are not satisfied", Some(why(result))),
        };
        (words.to_owned(), why)
    }
}

/// Why a result of our own is not of the whole run, if it is not.
fn partial(result: &ExperimentResult) -> Option<String> {
    if result.imported.is_some() {
        return None;
    }
    if !result.ended || result.interrupted.is_some() {
        return Some("the run did not come to its end".to_owned());
    }
    let shards = result.shards.as_ref()?;
    let (count, there) = (shards.count as usize, shards.merged.len());
    if there < count || !shards.lost.is_empty() {
        let lost: Vec<String> = shards.lost.iter().take(NAMED).map(u32::to_string).collect();
        let lost = match (lost.len(), shards.lost.len()) {
            (0, _) => String::new(),
            (1, 1) => format!("; shard {} gave none", lost[0]),
            (named, all) if named < all => {
                format!("; shards {} and {} more gave none", lost.join(", "), all - named)
            }
            _ => format!("; shards {} gave none", lost.join(", ")),
        };
        return Some(format!("{there} of {count} shards gave a result{lost}"));
    }
    let cut = |shard: &&MergedShard| shard.outcome == Outcome::Interrupted;
    let cut = shards.merged.iter().find(cut)?;
    Some(format!("shard {} did not come to its end", cut.index))
}

/// Which task failed, and why, where that is stored.
fn failure(result: &ExperimentResult) -> Option<String> {
    result.tasks.iter().find_map(|task| match &task.status {
        TaskStatus::Failed { error } => Some(format!("task {} ({}) failed: {error}", task.index, task.name)),
        TaskStatus::NotRun | TaskStatus::Completed | TaskStatus::Left { .. } | TaskStatus::Skipped { .. } => {
            None
        }
    })
}

/// What holds where the SLOs do: objectives that only warn are none that can fail a run.
fn kept(result: &ExperimentResult) -> String {
    let judgements = &result.assessment.judgements;
    let (warning, failing): (Vec<_>, Vec<_>) =
        judgements.iter().partition(|judgement| judgement.objective.warn);
    let words = match (failing.len(), warning.len()) {
        // Only Iter8's gate was open then, and is for its results.
        (0, 0) => "no SLO was judged, which Iter8 took for satisfied",
        (0, _) => "no objective can fail this run",
        (_, _) => "SLOs are satisfied",
    };
    let unmet = warning.iter().filter(|one| one.verdict != Verdict::Met).count();
    if unmet == 0 {
        return words.to_owned();
    }
    format!("{words}; of those that only warn, {unmet} not met")
}

/// What of the SLOs and rewards does not hold.
fn unkept(result: &ExperimentResult) -> Option<String> {
    let assessment = &result.assessment;
    if assessment.judgements.is_empty() {
        return Some("no objective was judged".to_owned());
    }
    let broken = assessment
        .judgements
        .iter()
        .filter(|one| !one.objective.warn && one.verdict != Verdict::Met)
        .map(|one| match one.verdict {
            Verdict::NoData => format!("{} has no data", one.objective),
            Verdict::NotAssessed => format!("{} was not judged", one.objective),
            Verdict::Undecided => format!("{} is undecided", one.objective),
            Verdict::Met | Verdict::NotMet => format!("{} is not met", one.objective),
        });
    let without = assessment
        .awards
        .iter()
        .filter(|award| award.confidence == Confidence::NoData)
        .map(|award| format!("the reward {} has no data", award.reward));
    let all: BTreeSet<String> = broken.chain(without).collect();
    let all: Vec<String> = all.into_iter().collect();
    (!all.is_empty()).then(|| all.join(", "))
}

fn why(result: &ExperimentResult) -> String {
    if let Some(partial) = partial(result) {
        return partial;
    }
    if !result.no_failure() {
        return failure(result).unwrap_or_else(|| "a task failed".to_owned());
    }
    let distrust = result.distrust.first().cloned();
    let found = distrust.or_else(|| unkept(result));
    let found = found.or_else(|| result.because.first().cloned());
    found.unwrap_or_else(|| "no metric was stored".to_owned())
}

/// What must hold, and how long that is waited for.
pub(super) struct Demand {
    conditions: Vec<Condition>,
    /// Zero asks once.
    pub(super) patience: Duration,
}

impl Demand {
    /// What flags ask for; or why that asks for nothing.
    pub(super) fn read(asked: &Asked) -> Result<Self, String> {
        let conditions: Result<Vec<Condition>, String> = asked
            .conditions
            .iter()
            .filter(|text| !text.trim().is_empty())
            .map(|text| Condition::parse(text))
            .collect();
        let conditions = conditions?;
        if conditions.is_empty() {
            return Err(
                "no condition: nothing would be checked; give -c completed,nofailure,slos".to_owned(),
            );
        }
        let timeout: Result<Period, PeriodError> = asked.timeout.parse();
        let timeout = timeout.map_err(|cause| format!("--timeout: {cause}; {}", cause.hint()))?;
        Ok(Self {
            conditions,
            patience: timeout.0,
        })
    }

    /// Whether a result has all of it.
    pub(super) fn is_met(&self, result: &ExperimentResult) -> bool {
        self.conditions.iter().all(|condition| condition.holds(result))
    }

    /// Each condition in words; what is the reason of several is told of the first.
    fn lines(&self, result: &ExperimentResult) -> Vec<String> {
        let mut told = BTreeSet::new();
        let describe = |condition: &Condition| {
            let (words, why) = condition.describe(result);
            match why.filter(|why| told.insert(why.clone())) {
                Some(why) => format!("{words}: {why}"),
                None => words,
            }
        };
        self.conditions.iter().map(describe).collect()
    }

    /// Says what a reader should doubt, of each condition whether it holds, and how the process ends because of it.
    pub(super) fn verdict(&self, result: &ExperimentResult, console: &Console) -> Exit {
        let lines = self.lines(result);
        for doubt in doubts(result, &lines) {
            console.say(LogLevel::Warning, &format!("warning: {doubt}"));
        }
        for line in &lines {
            console.say(LogLevel::Info, line);
        }
        if result.assessment.judgements.is_empty() && !self.conditions.contains(&Condition::Slos) {
            let text = "no objective was judged: the result says nothing of SLOs";
            console.say(LogLevel::Info, text);
        }
        if self.is_met(result) {
            console.say(LogLevel::Info, "all conditions were satisfied");
            Exit::Pass
        } else {
            refuse(console)
        }
    }
}

/// What a reader of a result should doubt, as its report says it, and why it is no result if no line tells that already.
fn doubts(result: &ExperimentResult, lines: &[String]) -> Vec<String> {
    let unusable = [Outcome::Invalid, Outcome::Error].contains(&result.outcome);
    let because = result.because.first().filter(|_| unusable && result.no_failure());
    let untold = because.filter(|why| !lines.iter().any(|line| line.contains(why.as_str())));
    let outcome = untold.map(|why| format!("the outcome is {}: {why}", result.outcome.name()));
    let warnings = View::of(result).warnings;
    let all = outcome.into_iter().chain(warnings.iter().map(Prose::plain));
    let mut all: Vec<String> = all.map(|text| told(&text)).collect();
    let more = all.len().saturating_sub(WARNINGS);
    if more > 0 {
        all.truncate(WARNINGS);
        all.push(format!("and {more} more, which the report shows"));
    }
    all
}

/// A sentence of a report on a line of talk, where typography only gets in the way.
fn told(text: &str) -> String {
    let plain = text.replace('\u{a0}', " ").replace('\u{2060}', "");
    clipped(&visible(&plain), LONGEST)
}

/// Says that not everything holds.
pub(super) fn refuse(console: &Console) -> Exit {
    console.say(LogLevel::Info, "not all conditions were satisfied");
    console.say(LogLevel::Error, "assert conditions failed");
    Exit::Fail
}

/// Checks, waiting up to the time-out while the experiment may still go on.
pub(super) async fn assert(args: &Assert, console: &Console) -> Result<Exit, Exit> {
    let demand = Demand::read(&args.asked).map_err(|message| {
        console.say(LogLevel::Error, &format!("error: {message}"));
        Exit::Usage
    })?;
    let deadline = Instant::now() + demand.patience;
    loop {
        let read = args.stored.read();
        let late = Instant::now() >= deadline;
        match read {
            Ok(result) => {
                // Iter8 may still run, whatever its result says: it does so once more for each loop.
                let over = result.ended && result.imported.is_none();
                if late || over || demand.is_met(&result) {
                    return Ok(demand.verdict(&result, console));
                }
            }
            Err(unread) if late => return Err(unreadable(unread, console)),
            // It may not be written yet.
            Err(_) => {}
        }
        sleep(POLL.min(deadline.saturating_duration_since(Instant::now()))).await;
    }
}

/// What cannot be read of Iter8's failed its gate, too.
fn unreadable(unread: Unread, console: &Console) -> Exit {
    let exit = match &unread {
        Unread::Missing(_) | Unread::Ours(_) => Exit::Usage,
        Unread::Iter8(_) => Exit::Fail,
    };
    console.diagnostics(&[unread.diagnostic()]);
    exit
}
