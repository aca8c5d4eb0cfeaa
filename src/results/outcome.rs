//! [`Outcome`]: the one word that a run ends with, computed in one pure function.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::{ExperimentResult, TaskStatus};
use crate::slo::{Confidence, Verdict};

/// How a run ended; later ones are worse.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub enum Outcome {
    /// Every objective met, or none given.
    Pass,
    /// A shard did its part, and judged nothing: `iter8 merge` does.
    Measured,
    /// The data cannot tell, and that was to fail.
    Inconclusive,
    /// At least one objective not met.
    Fail,
    /// No data for an objective, or the measurement cannot be trusted.
    Invalid,
    /// A task could not run.
    Error,
    /// Stopped by a signal; what was measured is kept.
    Interrupted,
}

impl Outcome {
    /// In outputs and reports.
    pub fn name(self) -> &'static str {
        match self {
            Self::Pass => "pass",
            Self::Measured => "measured",
            Self::Inconclusive => "inconclusive",
            Self::Fail => "fail",
            Self::Invalid => "invalid",
            Self::Error => "error",
            Self::Interrupted => "interrupted",
        }
    }
}

/// An outcome with the facts behind it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct OutcomeReason {
    /// The outcome.
    pub outcome: Outcome,
    /// What made it so; empty for a pass.
    pub because: Vec<String>,
}

impl OutcomeReason {
    /// The outcome of what is in a result: error, invalid, fail, inconclusive, pass; the worst wins.
    pub fn of(result: &ExperimentResult) -> Self {
        if let Some(signal) = &result.interrupted {
            let stopped = format!("stopped by {signal}");
            return Self {
                outcome: Outcome::Interrupted,
                because: std::iter::once(stopped).chain(unsettled(result)).collect(),
            };
        }
        if !result.ended {
            let why = "the run has not ended: it still goes on, or it was killed";
            return Self {
                outcome: Outcome::Interrupted,
                because: vec![why.to_owned()],
            };
        }
        Self::judged(result, result.validate_slos, &|_| true)
    }

    /// The outcome of what was done so far, for those who act on it: broken objectives count, whether they fail the run or not.
    pub fn so_far(result: &ExperimentResult) -> Self {
        let is_over = |task: usize| {
            let record = result.tasks.iter().find(|record| record.index == task);
            record.is_none_or(|record| record.status != TaskStatus::NotRun)
        };
        Self::judged(result, true, &is_over)
    }

    /// Of the tasks that count.
    fn judged(result: &ExperimentResult, validate_slos: bool, counts: &dyn Fn(usize) -> bool) -> Self {
        let mut reasons: Vec<(Outcome, String)> = Vec::new();
        for task in &result.tasks {
            if let TaskStatus::Failed { error } = &task.status {
                reasons.push((
                    Outcome::Error,
                    format!("task {} ({}): {error}", task.index, task.name),
                ));
            }
        }
        if reasons.is_empty() && !result.no_failure() {
            let why = "a task failed; which one and why was not stored";
            reasons.push((Outcome::Error, why.to_owned()));
        }
        let stopped = !reasons.is_empty();
        reasons.extend(unsettled(result).map(|why| (Outcome::Error, why)));
        reasons.extend(result.distrust.iter().map(|why| (Outcome::Invalid, why.clone())));
        if validate_slos {
            for award in &result.assessment.awards {
                if award.confidence == Confidence::NoData {
                    let why = award.note.as_deref().unwrap_or("it has no value");
                    reasons.push((Outcome::Invalid, format!("reward {}: {why}", award.reward)));
                }
            }
            for judgement in &result.assessment.judgements {
                let outcome = match judgement.verdict {
                    Verdict::Met => continue,
                    Verdict::NotMet => Outcome::Fail,
                    Verdict::Undecided => Outcome::Inconclusive,
                    // After a task error, "not assessed" is a consequence and no finding of its own.
                    Verdict::NotAssessed if stopped || result.shard.is_some() => continue,
                    Verdict::NotAssessed if !counts(judgement.task) => continue,
                    Verdict::NoData | Verdict::NotAssessed => Outcome::Invalid,
                };
                if judgement.objective.warn {
                    continue;
                }
                let why = judgement
                    .note
                    .as_ref()
                    .map(|note| format!(": {note}"))
                    .unwrap_or_default();
                reasons.push((outcome, format!("{}{why}", judgement.objective)));
            }
        }
        let worst = |reasons: &[(Outcome, String)]| reasons.iter().map(|(outcome, _)| *outcome).max();
        // What is broken says more; nothing says less.
        if worst(&reasons) < Some(Outcome::Fail) && result.shard.is_none() {
            let unproven = if validate_slos {
                result.unproven()
            } else {
                result.unanswered()
            };
            reasons.extend(unproven.map(|why| (Outcome::Invalid, why)));
        }
        let outcome = worst(&reasons).unwrap_or(match result.shard {
            Some(_) => Outcome::Measured,
            None => Outcome::Pass,
        });
        let because = reasons
            .into_iter()
            .filter(|(kind, _)| *kind == outcome)
            .map(|(_, why)| why)
            .collect();
        Self { outcome, because }
    }
}

/// What is not as it should be in a cluster.
fn unsettled(result: &ExperimentResult) -> impl Iterator<Item = String> {
    let changes = result.changes.iter();
    changes.filter_map(|change| Some(format!("{}: {}", change.object, change.error.as_ref()?)))
}
