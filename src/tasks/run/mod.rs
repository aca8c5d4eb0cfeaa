//! `run`: a shell script.
//!
//! What a script puts into the background (`my-server & sleep 1`) lives on for the tasks after it: the task is complete
//! when its shell has ended, the pipes are read and shown until the end of the run, and the run ends the script's process
//! group then ([`Groups`] in [`RunContext`]). A process that leaves the group (`setsid`, a container) is not ours.
//! A time-out and an interruption end the whole group at once.

mod group;
mod output;
mod shell;
#[cfg(test)]
mod tests;

pub use group::Groups;

use std::time::Duration;

use futures_util::future::BoxFuture;
use serde_json::json;

use super::{RunContext, Task, TaskError, TaskKind, TaskOutput};
use crate::results::ExperimentResult;
use crate::spec::{Decode, Decoder, Field, Node, Period, Value};

/// The kind `run`.
pub(super) struct RunKind;

crate::fields! {
    /// What may be said about a script.
    pub(super) struct RunInput in "a `run` task" {
        /// Time after which the script is ended; default 10m.
        timeout: Period = ["timeout"],
    }
}

const TIMEOUT: Period = Period(Duration::from_mins(10));

impl TaskKind for RunKind {
    fn name(&self) -> &'static str {
        "run"
    }

    fn about(&self) -> &'static str {
        "Runs a shell script; a status other than 0 is an error. What it starts in the background lives until the end of the run."
    }

    fn fields(&self) -> Vec<&'static Field> {
        RunInput::FIELDS.iter().collect()
    }

    fn schema(&self) -> serde_json::Value {
        let mut schema = RunInput::schema();
        schema["type"] = json!(["object", "null"]);
        schema
    }

    fn parse(&self, with: &Node, decoder: &mut Decoder<'_>) -> Option<Box<dyn Task>> {
        // Scripts stand beside `with`; see `RunKind::script`.
        decoder.mismatch(with, "`run: SCRIPT`");
        None
    }
}

impl RunKind {
    /// Reads `run: SCRIPT` and the `with:` beside it. The shell expands `${NAME}` in scripts, not we.
    pub(super) fn script(script: &Node, with: &Node, decoder: &mut Decoder<'_>) -> Option<Box<dyn Task>> {
        let input = RunInput::decode(with, decoder)?;
        let (Value::String(text) | Value::Text(text)) = &script.value else {
            decoder.mismatch(script, "a shell script");
            return None;
        };
        if text.trim().is_empty() {
            decoder.error(&script.at, "the script is empty", None);
            return None;
        }
        Some(Box::new(RunTask {
            script: text.clone(),
            timeout: input.timeout.unwrap_or(TIMEOUT),
        }))
    }
}

/// A script that will be run.
struct RunTask {
    script: String,
    timeout: Period,
}

impl Task for RunTask {
    fn about(&self) -> String {
        let first = self
            .script
            .lines()
            .map(str::trim)
            .find(|line| !line.is_empty())
            .unwrap_or_default();
        first.chars().take(60).collect()
    }

    fn run<'a>(
        &'a self,
        context: &'a RunContext,
        _: &'a ExperimentResult,
    ) -> BoxFuture<'a, Result<TaskOutput, TaskError>> {
        Box::pin(async move {
            let tail = shell::run(&self.script, self.timeout.0, context)
                .await
                .map_err(|error| TaskError::from_error(&error))?;
            Ok(TaskOutput {
                notes: tail,
                ..TaskOutput::default()
            })
        })
    }
}
