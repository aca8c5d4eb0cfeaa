//! [`Pipeline`]: the steps of an experiment, everything about them checked before the first request.

use serde_json::json;

use super::repetition::Repetition;
use super::run::RunKind;
use super::{Ahead, TASKS, Task, TaskKind, kind_of};
use crate::metrics::{MetricName, Protocol, Stream};
use crate::spec::condition::Condition;
use crate::spec::{At, Decoder, Entry, Experiment, Node, Value, Work};

/// One task and its condition.
pub struct Step {
    /// Position, from 1.
    pub index: usize,
    /// Its name.
    pub name: &'static str,
    /// Its `if:`.
    pub condition: Option<Condition>,
    /// What it does.
    pub task: Box<dyn Task>,
}

impl Step {
    /// Whether it gives a verdict.
    pub(super) fn judges(&self) -> bool {
        !self.task.objectives().is_empty() || !self.task.rewards().is_empty()
    }
}

/// The steps, in order.
pub struct Pipeline {
    /// At least one.
    pub steps: Vec<Step>,
    /// How often they run, if not once.
    pub repetition: Option<Repetition>,
}

impl Pipeline {
    /// Reads and checks every task; all that is wrong goes to the decoder.
    pub fn build(experiment: &Experiment, decoder: &mut Decoder<'_>) -> Option<Self> {
        let mut steps = Vec::new();
        let mut places = Vec::new();
        let mut whole = experiment.whole;
        let mut loads_known = experiment.whole;
        let mut provided_known = true;
        for (index, entry) in experiment.entries.iter().enumerate() {
            if let Some(step) = step(index + 1, entry, decoder) {
                steps.push(step);
                places.push(entry.at.clone());
            } else {
                whole = false;
                loads_known &= !may_load(entry);
                provided_known &= !may_provide(entry);
            }
            if matches!(entry.work, Work::Run(_)) {
                decoder.expect_files();
            }
        }
        let repeat = experiment
            .repeat
            .as_ref()
            .filter(|node| node.value != Value::Null);
        let repetition = repeat.map(|node| Repetition::read(node, decoder));
        whole &= !matches!(repetition, Some(None));
        let pipeline = Self {
            steps,
            repetition: repetition.flatten(),
        };
        // What an unreadable load would have measured is not known: no guesses then.
        if loads_known {
            pipeline.check_metrics(provided_known, decoder);
            pipeline.check_versions(provided_known, decoder);
            pipeline.check_replaced(&places, decoder);
            pipeline.check_baselines(&places, decoder);
        }
        if whole {
            pipeline.check_gates(&places, decoder);
            pipeline.check_changes(&places, decoder);
            pipeline.check_early_ends(decoder);
        }
        (whole && !decoder.has_errors()).then_some(pipeline)
    }

    /// `SLOs()` is true where nothing was judged, as in Iter8: a gate that nothing closes.
    fn check_gates(&self, places: &[At], decoder: &mut Decoder<'_>) {
        let asks = |step: &Step| {
            let text = step.condition.as_ref().map(Condition::text).unwrap_or_default();
            text.replace(' ', "").contains("SLOs()")
        };
        let judged = self
            .steps
            .iter()
            .position(|step| !step.task.objectives().is_empty());
        for (at, (step, place)) in self.steps.iter().zip(places).enumerate() {
            if asks(step) && judged.is_none_or(|judged| judged >= at) {
                let message =
                    "no `assess` task comes before this one: `SLOs()` is true where nothing was judged";
                decoder.warning(
                    place,
                    message,
                    Some("put an `assess` task with objectives before it".to_owned()),
                );
            }
        }
    }

    /// A load replaces an earlier one of the same protocol and version: what was not judged before would be lost without
    /// a word. And where one is judged, a later one that is not would stand beside a verdict that says nothing of it.
    fn check_replaced(&self, places: &[At], decoder: &mut Decoder<'_>) {
        let judges = |step: &Step, protocol: Protocol| {
            let objectives = step.task.objectives().iter().map(|one| &one.value.metric);
            let rewards = step.task.rewards().iter().map(|one| &one.value.metric);
            objectives.chain(rewards).any(|metric| match metric {
                MetricName::Load(stream, _) => stream.protocol == protocol,
                MetricName::Custom { .. } => false,
            })
        };
        let mut open: Vec<(&Step, &At, Protocol)> = Vec::new();
        let mut verdicts: Vec<&Step> = Vec::new();
        for (step, at) in self.steps.iter().zip(places) {
            let before = open.len();
            open.retain(|(_, _, protocol)| !judges(step, *protocol));
            if open.len() < before {
                verdicts.push(step);
            }
            let Some(stream) = step.task.produces().into_iter().next() else {
                continue;
            };
            let same_version = |earlier: &Step| {
                let mut versions = step.task.tests().iter();
                versions.any(|version| {
                    earlier
                        .task
                        .tests()
                        .iter()
                        .any(|known| known.name == version.name)
                })
            };
            let lost = open
                .iter()
                .find(|(earlier, _, protocol)| *protocol == stream.protocol && same_version(earlier));
            if let Some((earlier, ..)) = lost {
                let message = format!(
                    "this load replaces the measurements of task {}, which nothing has judged",
                    earlier.index
                );
                let hint = "put an `assess` task between them, name both as `endpoints:` of one task, or mark the first `warmup: true`";
                decoder.stray(at, message, Some(hint.to_owned()));
            }
            open.push((step, at, stream.protocol));
        }
        let is_judged = |protocol: Protocol| verdicts.iter().any(|step| judges(step, protocol));
        for (step, at, protocol) in open {
            // One that is sent under a condition may be there to look closer.
            if is_judged(protocol) && step.condition.is_none() {
                let message =
                    "no `assess` task judges what this load measures, as one judges an earlier load";
                let hint = "put an `assess` task with objectives behind it, or mark it `warmup: true`";
                decoder.stray(at, message, Some(hint.to_owned()));
            }
        }
    }

    /// Versions are compared with one baseline, and a version is it or is not.
    fn check_baselines(&self, places: &[At], decoder: &mut Decoder<'_>) {
        let all = || {
            let steps = self.steps.iter().zip(places);
            steps.flat_map(|(step, at)| {
                step.task
                    .tests()
                    .iter()
                    .map(move |version| (step.index, at, version))
            })
        };
        let Some((task, _, baseline)) = all().find(|(.., version)| version.baseline) else {
            return;
        };
        let name = &baseline.name;
        for (_, at, version) in all() {
            let message = match (version.baseline, version.name == *name) {
                (true, false) => format!(
                    "the baseline is `{}` here, and `{name}` in task {task}",
                    version.name
                ),
                (false, true) => format!("`{name}` is to be judged here, and is the baseline in task {task}"),
                (true, true) | (false, false) => continue,
            };
            let hint = "an experiment has one baseline: it has the same name everywhere, and says `baseline: true` where nothing else makes it that, \
                in `versions` (instead of `versionValues`: `versions: [{name: v1, baseline: true, values: {…}}]`)";
            decoder.error(at, message, Some(hint.to_owned()));
        }
    }

    /// The objectives that are sure to be judged on what a step measures: those of the `assess` tasks behind it, up to a
    /// load that takes its place.
    pub fn ahead(&self, step: &Step) -> Vec<Ahead> {
        let stream = step.task.produces().into_iter().next();
        let is_load = stream.is_some();
        let replaces = |later: &&Step| {
            let same = |other: &Stream| {
                stream
                    .as_ref()
                    .is_some_and(|stream| other.protocol == stream.protocol)
            };
            later.task.produces().iter().any(same)
        };
        let behind = self.steps.iter().skip_while(|known| known.index <= step.index);
        behind
            .take_while(|later| !replaces(later))
            // One with a condition may be skipped.
            .filter(|later| later.condition.is_none())
            .flat_map(|later| {
                let min_requests = later.task.min_requests();
                later.task.objectives().iter().map(move |objective| Ahead {
                    objective: objective.value.clone(),
                    min_requests,
                })
            })
            // Of a load any may depend on it; of anything else those on what it reads.
            .filter(|ahead| is_load || step.task.measures(&ahead.objective.metric))
            .collect()
    }

    /// Whether an objective ahead can end the load of a step.
    fn is_watched(&self, step: &Step) -> bool {
        let mut ahead = self.ahead(step).into_iter();
        ahead.any(|ahead| !ahead.objective.warn && step.task.measures(&ahead.objective.metric))
    }

    /// What a step will do, in a few words.
    pub fn about(&self, step: &Step) -> String {
        let about = step.task.about();
        if step.task.ends_early().is_some() && self.is_watched(step) {
            format!("{about}, ended early if an objective is certain to fail")
        } else {
            about
        }
    }

    /// Who asks for an early end expects one.
    fn check_early_ends(&self, decoder: &mut Decoder<'_>) {
        for step in &self.steps {
            let Some(at) = step.task.ends_early().filter(|_| !self.is_watched(step)) else {
                continue;
            };
            let (message, hint) = if step.task.produces().is_empty() {
                (
                    "`abort` changes nothing: a warm-up is not judged",
                    "leave one of `abort` and `warmup` out",
                )
            } else {
                (
                    "`abort` changes nothing: no objective behind this load is sure to fail the run",
                    "put an `assess` task without `if:` behind it, or leave `abort` out",
                )
            };
            decoder.warning(at, message, Some(hint.to_owned()));
        }
    }
}

/// Whether a task that cannot be read may have been meant to measure a load.
fn may_load(entry: &Entry) -> bool {
    match &entry.work {
        Work::Run(_) => false,
        Work::Task { name, .. } => kind_of(name).map_or(true, TaskKind::loads),
    }
}

/// Whether a task that cannot be read was meant to read metrics of providers.
fn may_provide(entry: &Entry) -> bool {
    match &entry.work {
        Work::Run(_) => false,
        Work::Task { name, .. } => kind_of(name).is_ok_and(|kind| kind.name() == "custommetrics"),
    }
}

fn step(index: usize, entry: &Entry, decoder: &mut Decoder<'_>) -> Option<Step> {
    let condition = entry.condition.as_ref().map(|node| condition(node, decoder));
    let (name, task) = match &entry.work {
        Work::Run(script) => ("run", RunKind::script(script, &entry.with, decoder)),
        Work::Task { name, at } => match kind_of(name) {
            Ok(kind) => {
                let expected = format!("the fields of `{}`", kind.name());
                let task = decoder.insist(&entry.with, &expected, |decoder| kind.parse(&entry.with, decoder));
                (kind.name(), task)
            }
            Err(near) => {
                let known: Vec<_> = TASKS
                    .iter()
                    .map(|kind| kind.name())
                    .filter(|name| *name != "run")
                    .collect();
                let hint = match near {
                    _ if name == "run" => "a script is written `- run: SCRIPT`".to_owned(),
                    Some(near) => format!("did you mean `{near}`?"),
                    None => format!("known are {}", known.join(", ")),
                };
                decoder.error(at, format!("unknown task `{name}`"), Some(hint));
                return None;
            }
        },
    };
    // A condition that is wrong is a wrong gate: the step does not exist then.
    let condition = match condition {
        Some(None) => return None,
        Some(parsed) => parsed,
        None => None,
    };
    Some(Step {
        index,
        name,
        condition,
        task: task?,
    })
}

/// Reads the text of a condition.
pub(super) fn condition(node: &Node, decoder: &mut Decoder<'_>) -> Option<Condition> {
    let text = match &node.value {
        Value::String(text) | Value::Text(text) => text.clone(),
        Value::Bool(value) => value.to_string(),
        Value::Null | Value::Int(_) | Value::Float(_) | Value::List(_) | Value::Map(_) => {
            decoder.mismatch(node, "a condition");
            return None;
        }
    };
    match Condition::parse(&text) {
        Ok(condition) => Some(condition),
        Err(error) => {
            let before: String = text
                .chars()
                .take(text[..text.floor_char_boundary(error.offset)].chars().count())
                .collect();
            let at = if before.is_empty() {
                String::new()
            } else {
                format!(" after `{}`", before.trim_end())
            };
            decoder.error(&node.at, format!("condition: {}{at}", error.message), error.hint);
            None
        }
    }
}

/// The JSON Schema of experiment files.
pub fn experiment_schema() -> serde_json::Value {
    let condition = json!({ "type": ["string", "boolean"], "description": "Run this task only if the expression is true." });
    let named = TASKS.iter().filter(|kind| kind.name() != "run").map(|kind| {
        let with = kind.schema();
        let may_be_absent = with["type"]
            .as_array()
            .is_some_and(|types| types.contains(&json!("null")));
        let required = if may_be_absent {
            json!(["task"])
        } else {
            json!(["task", "with"])
        };
        json!({
            "type": "object",
            "description": kind.about(),
            "properties": { "task": { "const": kind.name() }, "if": condition, "with": with },
            "required": required,
            "additionalProperties": false,
        })
    });
    let script = json!({
        "type": "object",
        "description": RunKind.about(),
        "properties": { "run": { "type": "string" }, "if": condition, "with": RunKind.schema() },
        "required": ["run"],
        "additionalProperties": false,
    });
    let tasks: Vec<_> = named.chain(std::iter::once(script)).collect();
    json!({
        "$schema": "https://json-schema.org/draft/2020-12/schema",
        "$id": "https://iter8.tools/schemas/experiment/v1.json",
        "title": "iter8 experiment",
        "type": "object",
        "properties": {
            "spec": { "type": "array", "minItems": 1, "items": { "anyOf": tasks } },
            "loop": Repetition::schema(),
            "result": { "description": "Iter8 kept its result here; it is ignored." },
        },
        "required": ["spec"],
        "additionalProperties": false,
    })
}

#[cfg(test)]
#[path = "pipeline_tests.rs"]
pub(super) mod tests;
