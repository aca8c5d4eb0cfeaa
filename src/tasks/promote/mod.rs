//! `promote`: makes what has passed, or won, what stands: in a cluster, or by a pull request. Never otherwise.

mod field;
mod input;
mod patch;

use futures_util::future::BoxFuture;

use super::inputs::Places;
use super::publish::Ask;
use super::verdict::{passed, winner};
use super::{RunContext, Task, TaskError, TaskKind, TaskOutput, Tested};
use crate::cluster::ObjectName;
use crate::results::ExperimentResult;
use crate::spec::{Decode, Decoder, Field, Node};
use input::{PromoteInput, Way};

/// The kind `promote`.
pub(super) struct PromoteKind;

impl TaskKind for PromoteKind {
    fn name(&self) -> &'static str {
        "promote"
    }

    fn about(&self) -> &'static str {
        "Makes the version that has passed or won the one that stands: changes a field of an object in Kubernetes, or opens a pull request. Never unless the verdict is a pass; a change in a cluster is taken back if the run does not end with one."
    }

    fn fields(&self) -> Vec<&'static Field> {
        PromoteInput::FIELDS.iter().collect()
    }

    fn schema(&self) -> serde_json::Value {
        let required = |field: &str| serde_json::json!({ "required": [field] });
        let mut schema = PromoteInput::schema();
        schema["oneOf"] = ["deploy", "ksvc", "isvc", "resource", "pullRequest"]
            .map(required)
            .to_vec()
            .into();
        schema
    }

    fn parse(&self, with: &Node, decoder: &mut Decoder<'_>) -> Option<Box<dyn Task>> {
        let before = decoder.errors();
        let input = PromoteInput::decode(with, decoder)?;
        let way = input.way(Places::of(with), decoder);
        if decoder.errors() > before {
            return None;
        }
        Some(match way? {
            Way::Patch(patch) => Box::new(PatchTask(*patch)),
            Way::PullRequest(request) => Box::new(RequestTask {
                files: request.changes.files().join(", "),
                names_winner: request.changes.name_winner(),
                ask: Ask::PullRequest(request),
            }),
        })
    }
}

fn noted(note: String) -> TaskOutput {
    TaskOutput {
        notes: vec![note],
        ..TaskOutput::default()
    }
}

fn not_promoted(why: &str) -> TaskOutput {
    TaskOutput::left(format!("nothing was promoted: {why}"))
}

/// Why nothing is promoted, if that is so. A text with the winner in it needs one.
fn refusal(so_far: &ExperimentResult, names_winner: bool) -> Option<String> {
    if names_winner {
        winner(so_far).err()
    } else {
        passed(so_far).err()
    }
}

/// A field that will be changed.
struct PatchTask(input::Patch);

impl PatchTask {
    async fn perform(
        &self,
        context: &RunContext,
        so_far: &ExperimentResult,
    ) -> Result<TaskOutput, TaskError> {
        let wording = &self.0.value;
        if let Some(why) = refusal(so_far, wording.source().contains(".winner")) {
            return Ok(not_promoted(&why));
        }
        let value = wording.render(so_far).map_err(TaskError::new)?;
        patch::set(&self.0, &value, context).await.map(noted)
    }
}

impl Task for PatchTask {
    fn about(&self) -> String {
        let tried = if self.0.dry_run { ", only tried" } else { "" };
        format!(
            "{}: {} = {}{tried}",
            self.0.object,
            self.0.path,
            self.0.value.source()
        )
    }

    fn changes(&self) -> Option<&ObjectName> {
        Some(&self.0.object)
    }

    fn follows_verdict(&self) -> bool {
        true
    }

    fn rehearse<'a>(
        &'a self,
        context: &'a RunContext,
        _: &'a [Tested],
    ) -> BoxFuture<'a, Result<(), TaskError>> {
        Box::pin(patch::rehearse(&self.0, context))
    }

    fn run<'a>(
        &'a self,
        context: &'a RunContext,
        so_far: &'a ExperimentResult,
    ) -> BoxFuture<'a, Result<TaskOutput, TaskError>> {
        // A signal is heard in it: what is on its way to the API must not be dropped.
        Box::pin(self.perform(context, so_far))
    }
}

/// A pull request that will be opened.
struct RequestTask {
    ask: Ask,
    files: String,
    names_winner: bool,
}

impl Task for RequestTask {
    fn about(&self) -> String {
        format!("pull request that edits {}", self.files)
    }

    fn tells(&self) -> bool {
        true
    }

    fn follows_verdict(&self) -> bool {
        true
    }

    fn run<'a>(
        &'a self,
        context: &'a RunContext,
        so_far: &'a ExperimentResult,
    ) -> BoxFuture<'a, Result<TaskOutput, TaskError>> {
        Box::pin(async move {
            if let Some(why) = refusal(so_far, self.names_winner) {
                return Ok(not_promoted(&why));
            }
            tokio::select! {
                note = context.publisher.publish(&self.ask, so_far) => Ok(noted(note)),
                () = context.shutdown.cancelled() => Ok(not_promoted("the run was stopped before")),
            }
        })
    }
}
