//! Changes that are made step by step: which tasks each step repeats, and what must be true of them.
//!
//! # Why no tasks within tasks
//! What measures and judges a step are tasks as everywhere, behind the one that makes the change: flags put values over
//! them, plans count them, reports list them, as if there were no steps.

use std::ops::RangeInclusive;

use super::{Pipeline, Step, Tested};
use crate::metrics::MetricName;
use crate::spec::{At, Decoder};

/// Where a run is in a change that is made step by step.
pub(super) struct Climb {
    /// Positions of the tasks that are repeated, from 0.
    pub(super) range: RangeInclusive<usize>,
    /// Number of steps.
    pub(super) steps: usize,
    /// The one it is at, from 0.
    pub(super) step: usize,
}

impl Climb {
    /// The tasks of it, from 1.
    pub(super) fn tasks(&self) -> RangeInclusive<usize> {
        self.range.start() + 1..=self.range.end() + 1
    }
}

impl Pipeline {
    /// What the steps of the task at a position repeat, if it has some: the tasks from it to the last that judges before
    /// another change.
    pub(super) fn climb(&self, position: usize) -> Option<Climb> {
        let (steps, _) = self.steps.get(position)?.task.steps()?;
        let behind = self.steps.get(position + 1..)?;
        let acts = |step: &Step| step.task.changes().is_some() || step.task.follows_verdict();
        let end = behind.iter().position(acts).unwrap_or(behind.len());
        let last = behind[..end].iter().rposition(Step::judges)?;
        Some(Climb {
            range: position..=position + 1 + last,
            steps,
            step: 0,
        })
    }

    /// How often each task is done, by position.
    pub fn rounds(&self) -> Vec<usize> {
        let mut rounds = vec![1; self.steps.len()];
        for climb in (0..self.steps.len()).filter_map(|position| self.climb(position)) {
            for position in climb.range {
                rounds[position] = climb.steps;
            }
        }
        rounds
    }

    /// All versions that loads measure.
    pub(super) fn tested(&self) -> Vec<Tested> {
        let mut all: Vec<Tested> = Vec::new();
        for version in self.steps.iter().flat_map(|step| step.task.tests()) {
            if !all.iter().any(|known| known.name == version.name) {
                all.push(version.clone());
            }
        }
        all
    }

    /// Steps are judged, each by what is measured for it; and nothing acts on a verdict that there is not.
    pub(super) fn check_changes(&self, places: &[At], decoder: &mut Decoder<'_>) {
        for (position, (step, at)) in self.steps.iter().zip(places).enumerate() {
            if step.task.follows_verdict() && !self.steps[..position].iter().any(Step::judges) {
                let message = format!(
                    "nothing is judged before this task, and `{}` acts on the verdict",
                    step.name
                );
                decoder.error(at, message, Some("put an `assess` task before it".to_owned()));
            }
            let Some((_, at)) = step.task.steps() else {
                continue;
            };
            if self.repetition.is_some() {
                let message = "`steps` and `loop` do not go together: another loop would begin with the first step again";
                decoder.error(at, message, Some("leave one of them out".to_owned()));
            }
            if let Some(climb) = self.climb(position) {
                self.check_climb(&climb, places, decoder);
            } else {
                let hint = "put what measures and an `assess` task behind it".to_owned();
                decoder.error(at, "nothing behind this task judges its steps", Some(hint));
            }
        }
    }

    fn check_climb(&self, climb: &Climb, places: &[At], decoder: &mut Decoder<'_>) {
        let first = climb.range.start() + 1;
        let repeated = &self.steps[first..=*climb.range.end()];
        for (index, step) in repeated.iter().enumerate() {
            let at = &places[first + index];
            if step.condition.is_some() {
                let hint =
                    "leave `if` out: a step that is not measured anew would be judged by the one before"
                        .to_owned();
                decoder.error(at, "a task that `steps` repeat cannot have an `if`", Some(hint));
            }
            let objectives = step
                .task
                .objectives()
                .iter()
                .map(|objective| (&objective.value.metric, &objective.at));
            let rewards = step
                .task
                .rewards()
                .iter()
                .map(|reward| (&reward.value.metric, &reward.at));
            for (metric, at) in objectives.chain(rewards) {
                if !repeated[..index].iter().any(|step| may_measure(step, metric)) {
                    let message = format!(
                        "nothing that the steps repeat measures {metric}: each would be judged by what was measured before"
                    );
                    decoder.error(
                        at,
                        message,
                        Some("put what measures it behind the `traffic` task".to_owned()),
                    );
                }
            }
        }
    }
}

/// Whether a metric may be of a task; what providers give is known only when they are asked.
fn may_measure(step: &Step, metric: &MetricName) -> bool {
    match metric {
        MetricName::Load(..) => step.task.measures(metric),
        MetricName::Custom { .. } => step.name == "custommetrics",
    }
}
