//! `traffic`: moves the traffic of an object in a cluster, at once or step by step, and back where that did no good.

mod input;
mod kind;
mod mark;
mod site;
mod split;
mod weights;

use std::collections::BTreeMap;
use std::time::Duration;

use futures_util::future::BoxFuture;

use super::inputs::Places;
use super::verdict::{not_broken, winner};
use super::{Event, RunContext, Task, TaskError, TaskKind, TaskOutput, Tested};
use crate::cluster::ObjectName;
use crate::results::ExperimentResult;
use crate::spec::{At, Decode, Decoder, Field, Node, Period};
use input::{Plan, TrafficInput};
use site::Site;
use split::Split;
use weights::Weights;

/// The kind `traffic`.
pub(super) struct TrafficKind;

impl TaskKind for TrafficKind {
    fn name(&self) -> &'static str {
        "traffic"
    }

    fn about(&self) -> &'static str {
        "Divides the traffic of a route or a service in Kubernetes: as told, all to the winner, or step by step with a verdict at each. Unless the run passes, the weights from before are set again."
    }

    fn fields(&self) -> Vec<&'static Field> {
        TrafficInput::FIELDS.iter().collect()
    }

    fn schema(&self) -> serde_json::Value {
        let required = |field: &str| serde_json::json!({ "required": [field] });
        let mut schema = TrafficInput::schema();
        let kinds = kind::Kind::ALL.iter().map(|kind| required(kind.field()));
        schema["allOf"] = serde_json::json!([
            { "oneOf": kinds.collect::<Vec<_>>() },
            { "oneOf": [required("weights"), { "required": ["to", "steps"] }] },
        ]);
        schema
    }

    fn parse(&self, with: &Node, decoder: &mut Decoder<'_>) -> Option<Box<dyn Task>> {
        let before = decoder.errors();
        let input = TrafficInput::decode(with, decoder)?;
        let places = Places::of(with);
        let site = input.site(places, decoder)?;
        let plan = input.plan(site.kind, places, decoder);
        if decoder.errors() > before {
            return None;
        }
        Some(Box::new(TrafficTask {
            at: places.at("steps").clone(),
            site,
            plan: plan?,
            hold: input.hold,
        }))
    }
}

/// Traffic that will be moved.
struct TrafficTask {
    site: Site,
    plan: Plan,
    hold: Option<Period>,
    at: At,
}

impl TrafficTask {
    /// The weights that are wanted of an object as it is.
    fn wanted(
        &self,
        split: &Split,
        before: &Weights,
        step: usize,
        winner: Option<&str>,
    ) -> Result<Weights, TaskError> {
        let resolve = |name: &str| {
            let found = split.resolve(name);
            found.map_err(|why| TaskError::new(format!("{}: {why}", self.site.named())))
        };
        match &self.plan {
            Plan::Fixed(weights) => {
                let mut wanted = BTreeMap::new();
                for (name, weight) in weights {
                    if wanted.insert(resolve(name)?, Some(*weight)).is_some() {
                        return Err(TaskError::new(format!(
                            "{}: {name} has two weights",
                            self.site.named()
                        )));
                    }
                }
                let wanted = Weights(wanted);
                let complete = split.check(&wanted);
                complete.map_err(|why| TaskError::new(format!("{}: {why}", self.site.named())))?;
                Ok(wanted)
            }
            Plan::Steps(to, steps) => {
                let to = resolve(to)?;
                let percent = steps.get(step).copied().unwrap_or(weights::WHOLE);
                before.step(&to, percent).ok_or_else(|| {
                    TaskError::new(format!(
                        "{}: all of its traffic goes to {to} already",
                        self.site.named()
                    ))
                })
            }
            Plan::Winner(_) => match winner {
                Some(winner) => Ok(split.shares().all_to(&resolve(&self.destination(winner))?)),
                None => Ok(split.weights()),
            },
        }
    }

    /// What a version is called in the object.
    fn destination(&self, version: &str) -> String {
        let versions = match &self.plan {
            Plan::Winner(versions) => versions.as_slice(),
            Plan::Fixed(_) | Plan::Steps(..) => &[],
        };
        let named = versions.iter().find(|(own, _)| own == version);
        named.map_or(version, |(_, name)| name).to_owned()
    }

    async fn rehearse(&self, context: &RunContext, tested: &[Tested]) -> Result<(), TaskError> {
        let connected = self
            .site
            .connect(&context.cluster, &context.ledger, context.task)
            .await?;
        let split = connected.look().await?;
        let shares = split.shares();
        let wanted = match &self.plan {
            Plan::Fixed(_) | Plan::Steps(..) => self.wanted(&split, &shares, 0, None)?,
            // Any of them may win.
            Plan::Winner(_) => {
                let mut wanted = split.weights();
                for version in tested {
                    let each = self.wanted(&split, &shares, 0, Some(&version.name))?;
                    if each != split.weights() {
                        wanted = each;
                    }
                }
                wanted
            }
        };
        connected.rehearse(&wanted).await
    }

    async fn perform(
        &self,
        context: &RunContext,
        so_far: &ExperimentResult,
    ) -> Result<TaskOutput, TaskError> {
        let winner = match &self.plan {
            Plan::Winner(_) => match winner(so_far) {
                Ok(winner) => Some(winner),
                Err(why) => {
                    return Ok(noted(format!(
                        "the traffic of {} stays as it is: {why}",
                        self.site.named()
                    )));
                }
            },
            Plan::Fixed(_) | Plan::Steps(..) => None,
        };
        if let Err(why) = not_broken(so_far) {
            return Ok(noted(format!(
                "the traffic of {} stays as it is: {why}",
                self.site.named()
            )));
        }
        let connected = self
            .site
            .connect(&context.cluster, &context.ledger, context.task)
            .await?;
        let split = connected.look().await?;
        let wanted = self.wanted(&split, &split.shares(), context.step, winner)?;
        if let Plan::Steps(_, steps) = &self.plan {
            let text = format!("step {} of {}: {wanted}", context.step + 1, steps.len());
            context.emit(Event::Note(text));
        }
        let moved = connected.set(&wanted).await?;
        let tried = if self.site.dry_run {
            " (only tried: dryRun)"
        } else {
            ""
        };
        let note = if moved {
            format!("{}: {} → {wanted}{tried}", self.site.named(), split.weights())
        } else {
            format!(
                "{}: its traffic was divided so already: {wanted}",
                self.site.named()
            )
        };
        if let Some(hold) = self.hold {
            tokio::select! {
                () = tokio::time::sleep(hold.0) => {}
                () = context.shutdown.cancelled() => return Err(TaskError::new("stopped while the weights were to stand")),
            }
        }
        Ok(noted(note))
    }
}

fn noted(note: String) -> TaskOutput {
    TaskOutput {
        notes: vec![note],
        ..TaskOutput::default()
    }
}

impl Task for TrafficTask {
    fn about(&self) -> String {
        let object = self.site.named();
        let tried = if self.site.dry_run { ", only tried" } else { "" };
        match &self.plan {
            Plan::Fixed(weights) => {
                let weights: Vec<String> = weights
                    .iter()
                    .map(|(name, weight)| format!("{name} {weight}"))
                    .collect();
                format!("{object}: {}{tried}", weights.join(", "))
            }
            Plan::Winner(_) => format!("{object}: all to the winner{tried}"),
            Plan::Steps(to, steps) => {
                let steps: Vec<String> = steps.iter().map(u64::to_string).collect();
                format!("{object}: {to} {} %{tried}", steps.join(", "))
            }
        }
    }

    fn changes(&self) -> Option<&ObjectName> {
        Some(&self.site.object)
    }

    fn steps(&self) -> Option<(usize, &At)> {
        match &self.plan {
            Plan::Steps(_, steps) if !self.site.dry_run => Some((steps.len(), &self.at)),
            Plan::Steps(..) | Plan::Fixed(_) | Plan::Winner(_) => None,
        }
    }

    fn holds(&self) -> Duration {
        self.hold.map_or(Duration::ZERO, |hold| hold.0)
    }

    fn follows_verdict(&self) -> bool {
        matches!(self.plan, Plan::Winner(_))
    }

    fn rehearse<'a>(
        &'a self,
        context: &'a RunContext,
        tested: &'a [Tested],
    ) -> BoxFuture<'a, Result<(), TaskError>> {
        Box::pin(self.rehearse(context, tested))
    }

    fn run<'a>(
        &'a self,
        context: &'a RunContext,
        so_far: &'a ExperimentResult,
    ) -> BoxFuture<'a, Result<TaskOutput, TaskError>> {
        Box::pin(async move {
            tokio::select! {
                ended = self.perform(context, so_far) => ended,
                () = context.shutdown.cancelled() => Err(TaskError::new("stopped while traffic was moved")),
            }
        })
    }
}
