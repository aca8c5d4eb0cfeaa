//! [`ExperimentResult`]: everything a run leaves behind.

use jiff::Timestamp;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::loops::Before;
use super::{Environment, History, ObjectChange, Outcome, OutcomeReason, PastLoop, Shard, Shards};
use crate::metrics::{Insights, Protocol, Stream};
use crate::slo::{Assessment, Judgement, Terms, Verdict};

/// What became of a task.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", tag = "status")]
pub enum TaskStatus {
    /// Not reached: an earlier task failed, or the run was interrupted.
    NotRun,
    /// It did its work.
    Completed,
    /// It left everything as it was: the verdict forbids what it would do; or a shard left it, for `iter8 merge` judges, and
    /// nothing that follows from a verdict happens before.
    Left {
        /// Why, in words.
        why: String,
    },
    /// Its `if:` was false.
    Skipped {
        /// The condition.
        condition: String,
    },
    /// It could not do its work.
    Failed {
        /// What went wrong, in words.
        error: String,
    },
}

impl TaskStatus {
    /// Whether nothing is left to do of it here.
    pub fn is_done(&self) -> bool {
        match self {
            Self::Completed | Self::Skipped { .. } | Self::Left { .. } => true,
            Self::NotRun | Self::Failed { .. } => false,
        }
    }
}

/// One task of the experiment and what became of it.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct TaskRecord {
    /// Position, from 1.
    pub index: usize,
    /// `ready`, `http`, …
    pub name: String,
    /// What it was asked to do, in a few words.
    pub about: String,
    /// What became of it.
    #[serde(flatten)]
    pub status: TaskStatus,
    /// Start.
    #[schemars(with = "Option<String>")]
    pub started: Option<Timestamp>,
    /// Duration in seconds.
    pub seconds: Option<f64>,
    /// What a reader should know: redirects seen, warnings, the end of a script's output.
    pub notes: Vec<String>,
}

/// What Iter8 0.8 to 0.15 stored of a run as a whole; its gates answer by it.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct Imported {
    /// Its version, such as `v0.13`; 0.8 stored none.
    pub version: Option<String>,
    /// Start of the run, where one was stored.
    #[schemars(with = "Option<String>")]
    pub started: Option<Timestamp>,
    /// Tasks that it counted as completed, perhaps over several runs.
    pub completed_tasks: u64,
    /// Whether as many tasks were completed as there are.
    pub completed: bool,
    /// Whether a task failed.
    pub failure: bool,
    /// Whether there were insights, and no version missed an objective.
    pub slos: bool,
}

/// Where the experiment came from.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct SourceInfo {
    /// A file's path, `flags` or `inputs`.
    pub name: String,
    /// Its text as the user wrote it (`${NAME}` not replaced), or the experiment made of flags, secrets masked.
    pub text: String,
    /// A checksum of it with what flags and inputs put over it, but for how much is sent: only runs with the same one can be
    /// merged.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub fingerprint: Option<String>,
}

/// The result of an experiment.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct ExperimentResult {
    /// Version of this format, semver; other majors are not read.
    pub schema_version: String,
    /// Where the experiment came from.
    pub experiment: SourceInfo,
    /// Start of the run.
    #[schemars(with = "String")]
    pub started: Timestamp,
    /// Duration of the run in seconds, so far.
    pub seconds: f64,
    /// Runs that this result has seen, itself included.
    pub loops: u64,
    /// All tasks.
    pub tasks: Vec<TaskRecord>,
    /// What was measured.
    pub insights: Insights,
    /// What was judged.
    pub assessment: Assessment,
    /// Whether broken objectives fail the run (`validateSLOs`).
    pub validate_slos: bool,
    /// What is judged, by task.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub terms: Vec<Terms>,
    /// The part of the experiment that this is the result of, if it is not all of it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub shard: Option<Shard>,
    /// What it was merged from, if it was.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub shards: Option<Shards>,
    /// What was changed in a cluster, in order.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub changes: Vec<ObjectChange>,
    /// Why the measurement cannot be trusted; empty when it can.
    pub distrust: Vec<String>,
    /// Whether the run came to its end; a result without it is of a run that goes on, or was killed.
    #[serde(default)]
    pub ended: bool,
    /// The signal that stopped the run, if one did.
    pub interrupted: Option<String>,
    /// The outcome of everything above.
    pub outcome: Outcome,
    /// What made it so; empty for a pass.
    pub because: Vec<String>,
    /// Where it ran.
    pub environment: Environment,
    /// What Iter8 stored of itself, where it made this result.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub imported: Option<Imported>,
    /// An earlier result, if one was given to be shown beside this one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub history: Option<History>,
    /// Revision of the experiment; a loop goes on only with a result of the same.
    #[serde(default, skip_serializing_if = "is_zero")]
    pub revision: u64,
    /// Start of the first loop, if this is another; of a CronJob's, its launch. What is asked of providers begins then.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(with = "Option<String>")]
    pub first_started: Option<Timestamp>,
    /// The loops before this one, oldest first; at most 50.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub past: Vec<PastLoop>,
    /// What the loop before left to conditions, while this one runs.
    #[serde(skip)]
    pub(crate) before: Option<Box<Before>>,
}

#[expect(clippy::trivially_copy_pass_by_ref, reason = "as serde asks")]
fn is_zero(number: &u64) -> bool {
    *number == 0
}

impl ExperimentResult {
    /// A result before its first task.
    pub fn new(experiment: SourceInfo, environment: Environment, started: Timestamp) -> Self {
        Self {
            schema_version: super::wire::SCHEMA_VERSION.to_owned(),
            experiment,
            started,
            seconds: 0.0,
            loops: 1,
            tasks: Vec::new(),
            insights: Insights::default(),
            assessment: Assessment::default(),
            validate_slos: true,
            terms: Vec::new(),
            shard: None,
            shards: None,
            changes: Vec::new(),
            distrust: Vec::new(),
            ended: false,
            interrupted: None,
            outcome: Outcome::Pass,
            because: Vec::new(),
            environment,
            imported: None,
            history: None,
            revision: 0,
            first_started: None,
            past: Vec::new(),
            before: None,
        }
    }

    /// Computes the outcome anew.
    pub fn conclude(&mut self) {
        let OutcomeReason { outcome, because } = OutcomeReason::of(self);
        self.outcome = outcome;
        self.because = because;
    }

    /// Requests and calls of all loads, and how many of them failed.
    pub fn sent(&self) -> (u64, u64) {
        let whole = |protocol| Stream {
            protocol,
            endpoint: None,
        };
        let streams = [Protocol::Http, Protocol::Grpc].map(whole);
        let versions = self.insights.versions.iter();
        let loads = versions.flat_map(|version| streams.iter().filter_map(|one| version.measurement(one)));
        loads.fold((0, 0), |(requests, errors), load| {
            (
                u64::saturating_add(requests, load.requests),
                u64::saturating_add(errors, load.errors),
            )
        })
    }

    /// Whether every task completed or was skipped, and nothing cut the run short.
    pub fn completed(&self) -> bool {
        if let Some(imported) = &self.imported {
            return imported.completed;
        }
        self.interrupted.is_none() && self.tasks.iter().all(|task| task.status.is_done())
    }

    /// The version that won: the one that has won every reward, or without rewards the only one that met all of its
    /// objectives where versions were compared.
    pub fn winner(&self) -> Option<&str> {
        // Nobody has won by numbers that are not to be trusted.
        if !self.distrust.is_empty() {
            return None;
        }
        if !self.assessment.awards.is_empty() {
            return self.assessment.unanimous();
        }
        let versions = &self.insights.versions;
        let judged = |name: &str| {
            let own = |judgement: &&Judgement| judgement.version == name && !judgement.objective.warn;
            self.assessment.judgements.iter().filter(own).collect::<Vec<_>>()
        };
        let kept = |name: &str| {
            let judged = judged(name);
            !judged.is_empty() && judged.iter().all(|judgement| judgement.verdict == Verdict::Met)
        };
        let mut winners = versions
            .iter()
            .filter(|version| versions.len() > 1 && !version.baseline && kept(&version.name));
        let first = winners.next()?;
        winners.next().is_none().then_some(first.name.as_str())
    }

    /// Whether no task failed.
    pub fn no_failure(&self) -> bool {
        if let Some(imported) = &self.imported {
            return !imported.failure;
        }
        !self
            .tasks
            .iter()
            .any(|task| matches!(task.status, TaskStatus::Failed { .. }))
    }
}
