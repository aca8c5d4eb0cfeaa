//! [`run`]: runs the steps one after the other. It alone writes the result, and stores it after every task.

use std::time::Duration;

use jiff::Timestamp;
use tokio::time::Instant;

use super::{Event, Pipeline, RunContext, Step, TaskOutput};
use crate::results::{ExperimentResult, TaskRecord, TaskStatus};
use crate::slo::{Judgement, Terms, Verdict};

/// Stores a result; called after every task.
pub type Persist<'a> = &'a mut dyn FnMut(&mut ExperimentResult);

/// Runs all steps of a pipeline, again and again if it says so, and completes the result, its outcome included.
pub async fn run(
    pipeline: &Pipeline,
    context: &RunContext,
    result: &mut ExperimentResult,
    persist: Persist<'_>,
) {
    let mut number = 1;
    loop {
        let begun = Instant::now();
        once(pipeline, context, result, persist).await;
        match &pipeline.repetition {
            Some(repetition) if repetition.goes_on(number, begun, result, context).await => number += 1,
            Some(_) | None => break,
        }
    }
    result.ended = true;
    result.conclude();
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
    finish(pipeline, result, started.elapsed());
    persist(result);
    let mut stopped = false;
    for step in &pipeline.steps {
        if stopped || context.shutdown.is_cancelled() {
            break;
        }
        context.emit(Event::Started {
            index: step.index,
            total: pipeline.steps.len(),
            name: step.name.to_owned(),
            about: context.mask.apply(&pipeline.about(step)),
        });
        let begun = (Timestamp::now(), Instant::now());
        let context = &RunContext {
            ahead: pipeline.ahead(step),
            ..context.clone()
        };
        let left = pipeline.left(step).filter(|_| context.is_shard);
        let status = match left {
            Some(why) => TaskStatus::Left { why: why.to_owned() },
            None => perform(step, context, result).await,
        };
        let took = begun.1.elapsed();
        stopped = matches!(status, TaskStatus::Failed { .. });
        context.emit(Event::Ended {
            index: step.index,
            name: step.name.to_owned(),
            status: status.clone(),
            took,
        });
        let task = &mut result.tasks[step.index - 1];
        task.started = Some(begun.0);
        task.seconds = Some(took.as_secs_f64());
        task.status = status;
        finish(pipeline, result, started.elapsed());
        persist(result);
    }
    context.groups.end().await;
    finish(pipeline, result, started.elapsed());
    result.end_loop();
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
        Ok(output) => {
            merge(output, step, context, result);
            TaskStatus::Completed
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
fn finish(pipeline: &Pipeline, result: &mut ExperimentResult, elapsed: Duration) {
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
