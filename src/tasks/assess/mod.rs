//! `assess`: judges objectives on what was measured before.

mod input;

use std::collections::BTreeSet;

use futures_util::future::BoxFuture;

use super::{Placed, RunContext, Task, TaskError, TaskKind, TaskOutput};
use crate::results::ExperimentResult;
use crate::slo::{Objective, OnInconclusive, Policy, Reward, Terms};
use crate::spec::compat::renamed_metric;
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
        // A limit that is misspelt would be lost in a warning, and charts left nothing here.
        let input = decoder.strictly(|decoder| AssessInput::decode(with, decoder))?;
        let (objectives, rewards) = (input.objectives(), input.rewards());
        if objectives.is_empty() && rewards.is_empty() {
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
        if refuse_old_names(&objectives, decoder) {
            return None;
        }
        if objectives.len() + rewards.len() > MOST {
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
            rewards,
            on_inconclusive: input.on_inconclusive,
            min_requests: input.min_requests.map(|count| count.0.get()),
        }))
    }
}

/// Whether an objective names a metric as 0.8 did, beside tasks that measure it under another name; that is reported.
fn refuse_old_names(objectives: &[Placed<Objective>], decoder: &mut Decoder<'_>) -> bool {
    let mut found = false;
    for objective in objectives {
        let old = objective.value.metric.to_string();
        let Some(new) = renamed_metric(&old) else { continue };
        let message = format!("no task measures {old}, a name of Iter8 0.8 or before");
        decoder.misshapen(&objective.at, message, Some(format!("write `{new}`")));
        found = true;
    }
    found
}

/// Objectives that will be judged.
struct AssessTask {
    objectives: Vec<Placed<Objective>>,
    plain: Vec<Objective>,
    rewards: Vec<Placed<Reward>>,
    on_inconclusive: Option<OnInconclusive>,
    min_requests: Option<u64>,
}

impl Task for AssessTask {
    fn about(&self) -> String {
        let counted = |n: usize, what: &str| format!("{n} {what}{}", if n == 1 { "" } else { "s" });
        match (self.plain.as_slice(), self.rewards.len()) {
            ([only], 0) => only.to_string(),
            (all, 0) => format!("{} objectives", all.len()),
            ([], rewards) => counted(rewards, "reward"),
            (all, rewards) => format!(
                "{}, {}",
                counted(all.len(), "objective"),
                counted(rewards, "reward")
            ),
        }
    }

    fn objectives(&self) -> &[Placed<Objective>] {
        &self.objectives
    }

    fn rewards(&self) -> &[Placed<Reward>] {
        &self.rewards
    }

    fn min_requests(&self) -> Option<u64> {
        self.min_requests
    }

    fn terms(&self, policy: Policy) -> Option<Terms> {
        Some(self.asked(policy))
    }

    fn run<'a>(
        &'a self,
        context: &'a RunContext,
        so_far: &'a ExperimentResult,
    ) -> BoxFuture<'a, Result<TaskOutput, TaskError>> {
        let terms = self.asked(context.policy);
        Box::pin(std::future::ready(Ok(TaskOutput {
            assessment: terms.judge(&so_far.insights, &so_far.assessment),
            notes: self.former(so_far).into_iter().collect(),
            ..TaskOutput::default()
        })))
    }
}

impl AssessTask {
    /// What it asks; `policy` decides what it does not say itself.
    fn asked(&self, policy: Policy) -> Terms {
        Terms {
            task: 0,
            condition: None,
            objectives: self.plain.clone(),
            rewards: self.rewards.iter().map(|reward| reward.value.clone()).collect(),
            policy: Policy {
                on_inconclusive: self.on_inconclusive.unwrap_or(policy.on_inconclusive),
                min_requests: self.min_requests.unwrap_or(policy.min_requests),
            },
        }
    }

    /// What is judged though this loop has not measured it.
    fn former(&self, so_far: &ExperimentResult) -> Option<String> {
        let objectives = self.plain.iter().map(|objective| &objective.metric);
        let metrics = objectives.chain(self.rewards.iter().map(|reward| &reward.value.metric));
        let versions = &so_far.insights.versions;
        let former = metrics.filter(|metric| versions.iter().any(|version| version.is_former(metric)));
        let names: BTreeSet<String> = former.map(ToString::to_string).collect();
        let names: Vec<String> = names.into_iter().collect();
        (!names.is_empty())
            .then(|| format!("measured by a loop before, not by this one: {}", names.join(", ")))
    }
}
