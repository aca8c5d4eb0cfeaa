//! What an experiment can do: one folder per kind of task, one line to register it.

mod alter;
mod assess;
mod climb;
mod context;
mod custommetrics;
mod divide;
mod event;
mod grpc;
mod http;
mod inputs;
mod ledger;
mod load;
mod measured;
mod notify;
mod pipeline;
mod planned;
mod promote;
mod publish;
mod ready;
mod repetition;
mod run;
mod runner;
mod shell;
mod traffic;
mod verdict;

use std::time::Duration;

use futures_util::future::BoxFuture;

use crate::cluster::ObjectName;
use crate::load::Undivided;
use crate::metrics::{Insights, MetricName, Stream};
use crate::results::{ExperimentResult, ShardNumber};
use crate::slo::{Assessment, Objective, Policy, Reward, Terms};
use crate::spec::{At, Decoder, Field, Node};

pub use assess::AssessKind;
pub use context::{Appointment, Reach, RunContext};
pub use event::{Event, Progress};
pub use grpc::{Fit, GHZ, GrpcKind};
pub use http::HttpKind;
pub use ledger::Ledger;
pub(crate) use load::command::is_harmless;
pub use load::{Watch, Watched};
pub use notify::data as notify_data;
pub use pipeline::{Pipeline, Step, experiment_schema};
pub use planned::Planned;
pub use publish::{Ask, Changes, Publisher, PullRequest, Rendered, When, Wording};
pub use ready::{ReadyKind, SHORTCUTS, Shortcut, is_of_object};
pub use repetition::Repetition;
pub use run::Groups;
pub use runner::{Persist, run};
pub(crate) use shell::quoted;

/// Every kind of task. The schema, the reference pages, `validate` and several tests iterate over it.
pub static TASKS: &[&dyn TaskKind] = &[
    &ready::ReadyKind,
    &http::HttpKind,
    &grpc::GrpcKind,
    &assess::AssessKind,
    &run::RunKind,
    &custommetrics::CustomMetricsKind,
    &notify::NotifyKind,
    &notify::SlackKind,
    &notify::GithubKind,
    &publish::CommentKind,
    &publish::StatusKind,
    &publish::PullRequestKind,
    &traffic::TrafficKind,
    &promote::PromoteKind,
];

/// A kind of task: how it is named, documented and read.
pub trait TaskKind: Sync {
    /// As after `task:`.
    fn name(&self) -> &'static str;
    /// One sentence.
    fn about(&self) -> &'static str;
    /// Whether its tasks measure loads, so that objectives may depend on what one that cannot be read would have measured.
    fn loads(&self) -> bool {
        false
    }
    /// The fields of its `with:`.
    fn fields(&self) -> Vec<&'static Field>;
    /// The JSON Schema of its `with:`.
    fn schema(&self) -> serde_json::Value;
    /// Reads its `with:`; what is wrong has been reported when this is `None`.
    fn parse(&self, with: &Node, decoder: &mut Decoder<'_>) -> Option<Box<dyn Task>>;
}

/// A task, ready to run.
pub trait Task: Send + Sync {
    /// What it will do, in a few words.
    fn about(&self) -> String;

    /// The loads it measures.
    fn produces(&self) -> Vec<Stream> {
        Vec::new()
    }

    /// The versions whose loads it measures.
    fn tests(&self) -> &[Tested] {
        &[]
    }

    /// Names of metrics from providers that it surely reads.
    fn provides(&self) -> Vec<String> {
        Vec::new()
    }

    /// The unit that a provider states for a metric, empty if it states none; `None` where that is not known before the run.
    fn provided_unit(&self, _: &MetricName) -> Option<&str> {
        None
    }

    /// The loads it will send and count, in order.
    fn planned(&self) -> Vec<Planned> {
        Vec::new()
    }

    /// The objectives it judges, with their places.
    fn objectives(&self) -> &[Placed<Objective>] {
        &[]
    }

    /// The rewards it compares versions by, with their places.
    fn rewards(&self) -> &[Placed<Reward>] {
        &[]
    }

    /// Where it asks to be ended early, once an objective ahead is certain to fail; `None` if it does not.
    fn ends_early(&self) -> Option<&At> {
        None
    }

    /// The object of a Kubernetes cluster that it reads, if it does.
    fn reads(&self) -> Option<&ObjectName> {
        None
    }

    /// The object of a Kubernetes cluster that it changes, if it does.
    fn changes(&self) -> Option<&ObjectName> {
        None
    }

    /// Of how many changes, one after the other, each is judged by what is behind it up to the last verdict; and where that
    /// is asked. `None` if it is done once.
    fn steps(&self) -> Option<(usize, &At)> {
        None
    }

    /// How long it waits by itself, each time.
    fn holds(&self) -> Duration {
        Duration::ZERO
    }

    /// Whether it acts on what was judged before it.
    fn follows_verdict(&self) -> bool {
        false
    }

    /// Sees that it can do what it will do, before anything is sent. `tested` are all versions that loads measure.
    fn rehearse<'a>(
        &'a self,
        _context: &'a RunContext,
        _tested: &'a [Tested],
    ) -> BoxFuture<'a, Result<(), TaskError>> {
        Box::pin(std::future::ready(Ok(())))
    }

    /// Fewest requests that its verdicts rest on, if it says so.
    fn min_requests(&self) -> Option<u64> {
        None
    }

    /// What it judges by, if it judges; `policy` decides what it does not say itself.
    fn terms(&self, _policy: Policy) -> Option<Terms> {
        None
    }

    /// Whether it tells others what has come of the run: of several shards, none does.
    fn tells(&self) -> bool {
        false
    }

    /// Leaves of what it sends the part of one shard.
    fn divide(&mut self, _shard: ShardNumber) -> Result<(), Undivided> {
        Ok(())
    }

    /// What else it would have measured had it been asked: used for hints.
    fn measures(&self, metric: &MetricName) -> bool {
        match metric {
            MetricName::Load(stream, _) => self.produces().iter().any(|known| {
                known == stream || (stream.endpoint.is_none() && known.protocol == stream.protocol)
            }),
            MetricName::Custom { .. } => false,
        }
    }

    /// Does the work. It reads the result so far and returns what it found; only the runner writes.
    fn run<'a>(
        &'a self,
        context: &'a RunContext,
        so_far: &'a ExperimentResult,
    ) -> BoxFuture<'a, Result<TaskOutput, TaskError>>;
}

/// A version that a task measures.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Tested {
    /// Its name.
    pub name: String,
    /// Whether the others are compared with it: it is shown, not judged.
    pub baseline: bool,
}

/// An objective that a later task will judge.
#[derive(Debug, Clone, PartialEq)]
pub struct Ahead {
    /// The objective.
    pub objective: Objective,
    /// Fewest requests that its verdict rests on, if its task says so.
    pub min_requests: Option<u64>,
}

/// What a task found.
#[derive(Debug, Default)]
pub struct TaskOutput {
    /// What it measured.
    pub insights: Insights,
    /// What it judged.
    pub assessment: Assessment,
    /// What a reader should know.
    pub notes: Vec<String>,
    /// Why what it measured cannot be trusted.
    pub distrust: Vec<String>,
    /// Why it left everything as it was, if it did.
    pub left: Option<String>,
}

impl TaskOutput {
    /// That of a task which did nothing, and why.
    pub(crate) fn left(why: String) -> Self {
        Self {
            left: Some(why),
            ..Self::default()
        }
    }
}

/// A task that could not do its work.
#[derive(Debug, thiserror::Error)]
#[error("{message}")]
pub struct TaskError {
    /// What was being done, with what, and what went wrong.
    pub message: String,
    /// What it found nevertheless.
    pub output: Box<TaskOutput>,
}

impl TaskError {
    /// An error of a task that found nothing.
    pub fn new(message: impl Into<String>) -> Self {
        Self {
            message: message.into(),
            output: Box::default(),
        }
    }

    /// An error with its chain of causes, as one text.
    pub fn from_error(error: &(dyn std::error::Error + 'static)) -> Self {
        let mut message = error.to_string();
        let mut source = error.source();
        while let Some(cause) = source {
            let text = cause.to_string();
            if !message.contains(&text) {
                message = format!("{message}: {text}");
            }
            source = cause.source();
        }
        Self::new(message)
    }

    /// The same with advice.
    #[must_use]
    pub fn hint(mut self, hint: &str) -> Self {
        self.message = format!("{}; {hint}", self.message);
        self
    }
}

/// The kind of a name, or the name that is probably meant.
pub fn kind_of(name: &str) -> Result<&'static dyn TaskKind, Option<&'static str>> {
    match TASKS.iter().find(|kind| kind.name() == name) {
        // `run` is a key of its own.
        Some(kind) if kind.name() != "run" => Ok(*kind),
        _ => Err(crate::diagnostic::did_you_mean(
            name,
            TASKS.iter().map(|kind| kind.name()).filter(|name| *name != "run"),
        )),
    }
}

/// Something and where it was written.
#[derive(Debug, Clone, PartialEq)]
pub struct Placed<T> {
    /// The thing.
    pub value: T,
    /// Its place.
    pub at: At,
}
