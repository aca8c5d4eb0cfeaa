//! [`run`]: runs the steps one after the other. It alone writes the result, and stores it after every task.

use std::time::Duration;

use jiff::Timestamp;
use tokio::time::Instant;

use super::climb::Climb;
use super::ledger::Astray;
use super::{Event, Pipeline, RunContext, Step, TaskOutput};
use crate::results::{ExperimentResult, Outcome, OutcomeReason, TaskRecord, TaskStatus};
use crate::slo::{Judgement, Terms, Verdict};

/// Stores a result; called after every task.
pub type Persist<'a> = &'a mut dyn FnMut(&mut ExperimentResult);

/// Runs all steps of a pipeline, again and again if it says so, and completes the result, its outcome included. Says whether
/// a signal ended it: one that comes when it is decided what becomes of changes does not.
pub async fn run(
    pipeline: &Pipeline,
    context: &RunContext,
    result: &mut ExperimentResult,
    persist: Persist<'_>,
) -> bool {
    let mut number = 1;
    loop {
        let begun = Instant::now();
        Box::pin(once(pipeline, context, result, persist)).await;
        match &pipeline.repetition {
            Some(repetition) if repetition.goes_on(number, begun, result, context).await => number += 1,
            Some(_) | None => break,
        }
    }
    result.ended = true;
    let stopped = Box::pin(settle(pipeline, context, result)).await;
    result.conclude();
    stopped
}

/// What was changed in clusters stays only if the run passes, and if it is still there. Says whether a signal came before
/// that was decided.
async fn settle(pipeline: &Pipeline, context: &RunContext, result: &mut ExperimentResult) -> bool {
    if undone_for(result).is_none() {
        let astray = context.ledger.check(&context.shutdown).await;
        blame(pipeline, context, result, astray);
    }
    let stopped = context.shutdown.is_cancelled();
    let why = if stopped {
        Some("the run was stopped".to_owned())
    } else {
        undone_for(result)
    };
    if context.ledger.has_open() {
        let astray = context.ledger.settle(why.as_deref(), &context.shutdown).await;
        blame(pipeline, context, result, astray);
        tell_undone(context);
    }
    result.changes = context.ledger.changes();
    stopped
}

/// Tasks whose changes did not stay have failed.
fn blame(
    pipeline: &Pipeline,
    context: &RunContext,
    result: &mut ExperimentResult,
    astray: impl IntoIterator<Item = Astray>,
) {
    for Astray { task, why } in astray {
        if let Some(step) = pipeline.steps.get(task.saturating_sub(1)) {
            fail(step, &why, context, result);
        }
    }
}

/// A task has failed that is not running.
fn fail(step: &Step, why: &str, context: &RunContext, result: &mut ExperimentResult) {
    let status = TaskStatus::Failed {
        error: context.mask.apply(why),
    };
    context.emit(Event::Ended {
        index: step.index,
        name: step.name.to_owned(),
        status: status.clone(),
        took: Duration::ZERO,
    });
    result.tasks[step.index - 1].status = status;
}

/// Why changes are undone, if they are.
fn undone_for(result: &ExperimentResult) -> Option<String> {
    let outcome = OutcomeReason::so_far(result).outcome;
    (outcome != Outcome::Pass).then(|| format!("the outcome is {}", outcome.name()))
}

fn tell_undone(context: &RunContext) {
    for change in context.ledger.changes() {
        let told = match (&change.rolled_back, &change.error) {
            (Some(back), _) => format!("{}: rolled back to {}: {}", change.object, back.to, back.why),
            (None, Some(error)) => format!("{}: {error}", change.object),
            (None, None) => continue,
        };
        context.emit(Event::Note(context.mask.apply(&told)));
    }
}

/// One loop.
async fn once(
    pipeline: &Pipeline,
    context: &RunContext,
    result: &mut ExperimentResult,
    persist: &mut dyn FnMut(&mut ExperimentResult),
) {
    let started = Instant::now();
    result.tasks = pipeline.steps.iter().map(|step| record(pipeline, step)).collect();
    result.terms = terms(pipeline, context);
    finish(pipeline, context, result, started.elapsed());
    persist(result);
    let mut climb: Option<Climb> = None;
    let mut rehearsed = false;
    let mut position = 0;
    while let Some(step) = pipeline.steps.get(position) {
        if context.shutdown.is_cancelled() {
            break;
        }
        // These may make what later tasks change.
        if !rehearsed && !["ready", "run"].contains(&step.name) {
            rehearsed = true;
            if !rehearse(pipeline, context, result).await {
                break;
            }
        }
        let context = &RunContext {
            ahead: pipeline.ahead(step),
            task: step.index,
            step: climb.as_ref().map_or(0, |climb| climb.step),
            ..context.clone()
        };
        one(pipeline, step, context, result).await;
        finish(pipeline, context, result, started.elapsed());
        persist(result);
        let status = &result.tasks[position].status;
        if matches!(status, TaskStatus::Failed { .. }) {
            break;
        }
        if climb.is_none() && *status == TaskStatus::Completed {
            climb = pipeline.climb(position);
        }
        position = next(pipeline, position, &mut climb, context, result).await;
    }
    context.groups.end().await;
    finish(pipeline, context, result, started.elapsed());
    result.end_loop();
}

/// Runs one task, and writes down what became of it.
async fn one(pipeline: &Pipeline, step: &Step, context: &RunContext, result: &mut ExperimentResult) {
    context.emit(Event::Started {
        index: step.index,
        total: pipeline.steps.len(),
        name: step.name.to_owned(),
        about: context.mask.apply(&pipeline.about(step)),
    });
    let begun = (Timestamp::now(), Instant::now());
    let left = pipeline.left(step).filter(|_| context.is_shard);
    let status = match left {
        Some(why) => TaskStatus::Left { why: why.to_owned() },
        None => perform(step, context, result).await,
    };
    let took = begun.1.elapsed();
    context.emit(Event::Ended {
        index: step.index,
        name: step.name.to_owned(),
        status: status.clone(),
        took,
    });
    let task = &mut result.tasks[step.index - 1];
    // One that is repeated has begun before.
    task.started.get_or_insert(begun.0);
    task.seconds = Some(task.seconds.unwrap_or(0.0) + took.as_secs_f64());
    task.status = status;
}

/// Whether all tasks can change what they will change; one that cannot has failed.
async fn rehearse(pipeline: &Pipeline, context: &RunContext, result: &mut ExperimentResult) -> bool {
    let tested = pipeline.tested();
    for step in &pipeline.steps {
        let context = &RunContext {
            task: step.index,
            ..context.clone()
        };
        let rehearsal = tokio::select! {
            rehearsal = step.task.rehearse(context, &tested) => rehearsal,
            () = context.shutdown.cancelled() => return false,
        };
        let Err(error) = rehearsal else { continue };
        fail(step, &error.message, context, result);
        return false;
    }
    true
}

/// The position of the next task. Behind the last of those that steps repeat it is the first of them again, as long as the
/// verdict is good, the change is still there, and there is another step; when not, what was changed is undone at once.
async fn next(
    pipeline: &Pipeline,
    position: usize,
    climb: &mut Option<Climb>,
    context: &RunContext,
    result: &mut ExperimentResult,
) -> usize {
    let Some(now) = climb.as_mut().filter(|climb| *climb.range.end() == position) else {
        return position + 1;
    };
    let astray = context.ledger.check(&context.shutdown).await;
    let is_lost = astray.is_some();
    blame(pipeline, context, result, astray);
    let outcome = OutcomeReason::so_far(result).outcome;
    context.ledger.judge(*now.tasks().start(), outcome);
    if context.shutdown.is_cancelled() {
        return position + 1;
    }
    if outcome == Outcome::Pass && now.step + 1 < now.steps {
        now.step += 1;
        result.assessment.forget(now.tasks());
        for task in &mut result.tasks[now.range.clone()] {
            task.status = TaskStatus::NotRun;
            task.notes.clear();
        }
        return *now.range.start();
    }
    if let Some(why) = undone_for(result) {
        let at = format!("step {} of {}: {why}", now.step + 1, now.steps);
        let astray = context.ledger.settle(Some(&at), &context.shutdown).await;
        blame(pipeline, context, result, astray);
        tell_undone(context);
    }
    *climb = None;
    // A task has failed: none follows.
    if is_lost {
        pipeline.steps.len()
    } else {
        position + 1
    }
}

fn record(pipeline: &Pipeline, step: &Step) -> TaskRecord {
    TaskRecord {
        index: step.index,
        name: step.name.to_owned(),
        about: pipeline.about(step),
        status: TaskStatus::NotRun,
        started: None,
        seconds: None,
        notes: Vec::new(),
    }
}

/// What is judged.
fn terms(pipeline: &Pipeline, context: &RunContext) -> Vec<Terms> {
    let of = |step: &Step| {
        let condition = step
            .condition
            .as_ref()
            .map(|condition| condition.text().to_owned());
        step.task.terms(context.policy).map(|terms| Terms {
            task: step.index,
            condition,
            ..terms
        })
    };
    pipeline.steps.iter().filter_map(of).collect()
}

async fn perform(step: &Step, context: &RunContext, result: &mut ExperimentResult) -> TaskStatus {
    if let Some(condition) = &step.condition {
        match condition.evaluate(&result.facts()) {
            Ok(true) => {}
            Ok(false) => {
                return TaskStatus::Skipped {
                    condition: condition.text().to_owned(),
                };
            }
            Err(error) => {
                return TaskStatus::Failed {
                    error: format!("if: {}: {}", condition.text(), error.message),
                };
            }
        }
    }
    match step.task.run(context, result).await {
        Ok(mut output) => {
            let left = output.left.take();
            merge(output, step, context, result);
            left.map_or(TaskStatus::Completed, |why| TaskStatus::Left {
                why: context.mask.apply(&why),
            })
        }
        Err(error) => {
            merge(*error.output, step, context, result);
            TaskStatus::Failed {
                error: context.mask.apply(&error.message),
            }
        }
    }
}

fn merge(output: TaskOutput, step: &Step, context: &RunContext, result: &mut ExperimentResult) {
    result.insights.merge(output.insights);
    let mut assessment = output.assessment;
    assessment
        .judgements
        .iter_mut()
        .for_each(|judgement| judgement.task = step.index);
    assessment
        .awards
        .iter_mut()
        .for_each(|award| award.task = step.index);
    result.assessment.merge(assessment);
    let masked = |texts: Vec<String>| {
        texts
            .into_iter()
            .map(|text| context.mask.apply(&text))
            .collect::<Vec<_>>()
    };
    result.tasks[step.index - 1].notes.extend(masked(output.notes));
    result.distrust.extend(masked(output.distrust));
}

/// Objectives that were not judged are said to be so, and the outcome is computed.
fn finish(pipeline: &Pipeline, context: &RunContext, result: &mut ExperimentResult, elapsed: Duration) {
    result.changes = context.ledger.changes();
    result.seconds = elapsed.as_secs_f64();
    result
        .assessment
        .judgements
        .retain(|judgement| judgement.verdict != Verdict::NotAssessed);
    for step in &pipeline.steps {
        let note = match &result.tasks[step.index - 1].status {
            TaskStatus::Completed => continue,
            TaskStatus::Left { why } => format!("task {} was left: {why}", step.index),
            TaskStatus::Skipped { condition } => {
                format!("task {} was skipped: `{condition}` is false", step.index)
            }
            TaskStatus::NotRun => format!("task {} was not reached", step.index),
            TaskStatus::Failed { .. } => format!("task {} failed", step.index),
        };
        for objective in step.task.objectives() {
            let judgement = Judgement::not_assessed(step.index, objective.value.clone(), &note);
            result.assessment.judgements.push(judgement);
        }
    }
    result.conclude();
}
