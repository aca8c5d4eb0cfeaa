//! `traffic`: moves the traffic of an object in a cluster, at once or step by step, and back where that did no good.

mod input;
mod kind;
mod mark;
mod moved;
mod observed;
mod site;
mod split;
mod weights;

use std::collections::BTreeMap;
use std::time::Duration;

use futures_util::future::BoxFuture;

use super::alter::Patience;
use super::inputs::Places;
use super::verdict::{not_broken, passed, winner};
use super::{Event, RunContext, Task, TaskError, TaskKind, TaskOutput, Tested};
use crate::cluster::ObjectName;
use crate::results::ExperimentResult;
use crate::spec::{At, Decode, Decoder, Field, Node, Period};
use input::{By, Plan, TrafficInput};
use observed::LONGEST;
use site::{Came, Connected, Site};
use split::Split;
use weights::{WHOLE, Weights};

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
    fn wrong(&self, why: &str) -> TaskError {
        TaskError::new(format!("{}: {why}", self.site.named()))
    }

    /// What is asked for, before an object is seen: percent by destination, or by version. An error says why traffic stays as
    /// it is.
    fn asked(&self, so_far: &ExperimentResult) -> Result<Vec<(String, u64)>, String> {
        match &self.plan {
            Plan::Fixed(weights) => not_broken(so_far).map(|()| weights.clone()),
            Plan::Steps(..) => not_broken(so_far).map(|()| Vec::new()),
            Plan::Assessed(By::Winner, _) => winner(so_far).map(|winner| vec![(winner.to_owned(), WHOLE)]),
            Plan::Assessed(By::Shares, _) => {
                passed(so_far)?;
                let shares = so_far.assessment.weights.iter();
                let shares: Vec<(String, u64)> = shares
                    .map(|share| (share.version.clone(), u64::from(share.percent)))
                    .collect();
                if shares.is_empty() {
                    return Err("the assessment gives no shares".to_owned());
                }
                Ok(shares)
            }
        }
    }

    /// The weights that are wanted of an object as it is.
    fn wanted(&self, split: &Split, step: usize, asked: &[(String, u64)]) -> Result<Weights, TaskError> {
        if let Plan::Steps(to, steps) = &self.plan {
            let percent = steps.get(step).copied().unwrap_or(WHOLE);
            return self.stepped(split, &split.shares(), to, percent);
        }
        let mut wanted = BTreeMap::new();
        for (name, weight) in asked {
            if wanted
                .insert(self.resolve(split, self.destination(name))?, Some(*weight))
                .is_some()
            {
                return Err(self.wrong(&format!("{name} has two weights")));
            }
        }
        if let Plan::Assessed(..) = &self.plan {
            for (name, _) in split.shares().0 {
                wanted.entry(name).or_insert(Some(0));
            }
        }
        let wanted = Weights(wanted);
        split.check(&wanted).map_err(|why| self.wrong(&why))?;
        Ok(wanted)
    }

    fn resolve(&self, split: &Split, name: &str) -> Result<String, TaskError> {
        split.resolve(name).map_err(|why| self.wrong(&why))
    }

    /// The weights of a step, from those before it.
    fn stepped(&self, split: &Split, before: &Weights, to: &str, percent: u64) -> Result<Weights, TaskError> {
        let to = self.resolve(split, to)?;
        let wanted = before.step(&to, percent);
        wanted.ok_or_else(|| self.wrong(&format!("all of its traffic goes to {to} already")))
    }

    /// The weights of all steps, one after the other; or those of versions of which each may win, or all that is asked for.
    fn possible(&self, split: &Split, tested: &[Tested]) -> Result<Vec<Weights>, TaskError> {
        let mut all: Vec<Weights> = Vec::new();
        match &self.plan {
            Plan::Fixed(weights) => all.push(self.wanted(split, 0, weights)?),
            Plan::Steps(to, steps) => {
                let mut before = split.shares();
                for percent in steps {
                    before = self.stepped(split, &before, to, *percent)?;
                    all.push(before.clone());
                }
            }
            Plan::Assessed(..) => {
                all.push(split.weights());
                for version in tested {
                    let wins = [(version.name.clone(), WHOLE)];
                    all.push(self.wanted(split, 0, &wins)?);
                }
            }
        }
        Ok(all)
    }

    /// What a version is called in the object.
    fn destination<'a>(&'a self, version: &'a str) -> &'a str {
        let versions = match &self.plan {
            Plan::Assessed(_, versions) => versions.as_slice(),
            Plan::Fixed(_) | Plan::Steps(..) => &[],
        };
        let named = versions.iter().find(|(own, _)| own == version);
        named.map_or(version, |(_, name)| name)
    }

    async fn rehearse(&self, context: &RunContext, tested: &[Tested]) -> Result<(), TaskError> {
        let connected = self.site.connect(context).await?;
        let patience = Patience::of_change(&context.shutdown);
        let split = connected.look(&patience).await?;
        for wanted in self.possible(&split, tested)? {
            connected.rehearse(&wanted, &patience).await?;
        }
        Ok(())
    }

    async fn perform(
        &self,
        context: &RunContext,
        so_far: &ExperimentResult,
    ) -> Result<TaskOutput, TaskError> {
        let object = self.site.named();
        let asked = match self.asked(so_far) {
            Ok(asked) => asked,
            Err(why) => {
                let why = format!("the traffic of {object} stays as it is: {why}");
                return Ok(TaskOutput::left(why));
            }
        };
        let connected = tokio::select! {
            connected = self.site.connect(context) => connected?,
            () = context.shutdown.cancelled() => return Err(stopped()),
        };
        let patience = Patience::of_change(&context.shutdown);
        let split = connected.look(&patience).await?;
        if self.site.dry_run {
            return self.attempt(&connected, &split, &asked, &patience).await;
        }
        let wanted = self.wanted(&split, context.step, &asked)?;
        let steps = self.steps().map(|(steps, _)| steps);
        if let Some(steps) = steps {
            let text = format!("step {} of {steps}: {wanted}", context.step + 1);
            context.emit(Event::Note(text));
        }
        let came = connected.set(&wanted, &patience).await?;
        let note = match &came {
            Came::Set(_) => format!("{object}: {} → {wanted}", split.weights()),
            Came::Nothing => format!("{object}: its traffic was divided so already: {wanted}"),
        };
        if let Came::Set(Some(observer)) = &came {
            let patience = Patience::for_so_long(LONGEST, &context.shutdown);
            connected.observe(observer, &wanted, &patience).await?;
        }
        if steps.is_some() || matches!(came, Came::Set(_)) {
            context.ledger.has_moved();
        }
        tokio::select! {
            () = tokio::time::sleep(self.holds()) => Ok(noted(note)),
            () = context.shutdown.cancelled() => Err(stopped()),
        }
    }

    /// Lets the API check everything that is to be set, and sets nothing.
    async fn attempt(
        &self,
        connected: &Connected,
        split: &Split,
        asked: &[(String, u64)],
        patience: &Patience,
    ) -> Result<TaskOutput, TaskError> {
        let all = match &self.plan {
            Plan::Steps(..) => self.possible(split, &[])?,
            Plan::Fixed(_) | Plan::Assessed(..) => vec![self.wanted(split, 0, asked)?],
        };
        let object = self.site.named();
        let mut notes = Vec::new();
        let mut now = split.weights();
        for wanted in all {
            if wanted == now {
                notes.push(format!("{object}: its traffic was divided so already: {wanted}"));
                continue;
            }
            connected.rehearse(&wanted, patience).await?;
            connected.tried(split, &now, &wanted);
            notes.push(format!("{object}: {now} → {wanted} (only tried: dryRun)"));
            now = wanted;
        }
        Ok(TaskOutput {
            notes,
            ..TaskOutput::default()
        })
    }
}

fn stopped() -> TaskError {
    TaskError::new("stopped while traffic was moved")
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
            Plan::Assessed(By::Winner, _) => format!("{object}: all to the winner{tried}"),
            Plan::Assessed(By::Shares, _) => format!("{object}: to each version its share{tried}"),
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
            Plan::Steps(..) | Plan::Fixed(_) | Plan::Assessed(..) => None,
        }
    }

    fn holds(&self) -> Duration {
        self.hold.map_or(Duration::ZERO, |hold| hold.0)
    }

    fn follows_verdict(&self) -> bool {
        matches!(self.plan, Plan::Assessed(..))
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
        // A signal is heard in it: what is on its way to the API must not be dropped.
        Box::pin(self.perform(context, so_far))
    }
}
