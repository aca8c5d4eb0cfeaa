//! `assess`: judges objectives on what was measured before.

mod input;

use futures_util::future::BoxFuture;

use super::{Placed, RunContext, Task, TaskError, TaskKind, TaskOutput};
use crate::results::ExperimentResult;
use crate::slo::{Objective, OnInconclusive, Policy, assess};
use crate::spec::{Decode, Decoder, Field, Node};
use input::AssessInput;

/// Most objectives of one task.
const MOST: usize = 1000;

/// The kind `assess`.
pub struct AssessKind;

impl TaskKind for AssessKind {
    fn name(&self) -> &'static str {
        "assess"
    }

    fn about(&self) -> &'static str {
        "Judges service-level objectives on what was measured before it."
    }

    fn fields(&self) -> Vec<&'static Field> {
        AssessInput::FIELDS.iter().collect()
    }

    fn schema(&self) -> serde_json::Value {
        AssessInput::schema()
    }

    fn parse(&self, with: &Node, decoder: &mut Decoder<'_>) -> Option<Box<dyn Task>> {
        let input = AssessInput::decode(with, decoder)?;
        let objectives = input.objectives();
        if objectives.is_empty() {
            if !input.is_unreadable(with) {
                let hint = "add `SLOs:` with `upper:` or `lower:`, or `objectives:` with texts such as http/latency-p95 <= 200ms";
                decoder.error(
                    &with.at,
                    "this `assess` task has no objectives: it would judge nothing",
                    Some(hint.into()),
                );
            }
            return None;
        }
        if objectives.len() > MOST {
            let message = format!("{} objectives; a task judges at most {MOST}", objectives.len());
            decoder.error(
                &with.at,
                message,
                Some("make several `assess` tasks of it".into()),
            );
            return None;
        }
        Some(Box::new(AssessTask {
            plain: objectives
                .iter()
                .map(|objective| objective.value.clone())
                .collect(),
            objectives,
            on_inconclusive: input.on_inconclusive,
            min_requests: input.min_requests.map(|count| count.0.get()),
        }))
    }
}

/// Objectives that will be judged.
struct AssessTask {
    objectives: Vec<Placed<Objective>>,
    plain: Vec<Objective>,
    on_inconclusive: Option<OnInconclusive>,
    min_requests: Option<u64>,
}

impl Task for AssessTask {
    fn about(&self) -> String {
        match self.plain.as_slice() {
            [only] => only.to_string(),
            all => format!("{} objectives", all.len()),
        }
    }

    fn objectives(&self) -> &[Placed<Objective>] {
        &self.objectives
    }

    fn min_requests(&self) -> Option<u64> {
        self.min_requests
    }

    fn run<'a>(
        &'a self,
        context: &'a RunContext,
        so_far: &'a ExperimentResult,
    ) -> BoxFuture<'a, Result<TaskOutput, TaskError>> {
        let policy = Policy {
            on_inconclusive: self.on_inconclusive.unwrap_or(context.policy.on_inconclusive),
            min_requests: self.min_requests.unwrap_or(context.policy.min_requests),
        };
        let assessment = assess(&self.plain, &so_far.insights, policy);
        Box::pin(std::future::ready(Ok(TaskOutput {
            assessment,
            ..TaskOutput::default()
        })))
    }
}
