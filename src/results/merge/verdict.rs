//! What is judged of a merged result: its objectives once, and whether all of the load is there.

use std::collections::BTreeMap;

use super::tasks::named;
use super::{Merger, Starts};
use crate::metrics::Insights;
use crate::results::{Environment, ExperimentResult, Shards, TaskStatus};
use crate::slo::Judgement;
use crate::spec::condition::Condition;

/// From this share of its time on, a load of which one shard began later than another was never that of the experiment.
const APART: f64 = 0.1;
/// So far apart, in seconds, may the parts of the shortest load begin.
const TOGETHER: f64 = 0.1;
/// Most doubts of shards that are told.
const MOST_DOUBTS: usize = 20;

/// Where the shards ran, and where they are merged.
pub(super) fn environment(shards: &Environment, here: Environment) -> Environment {
    Environment {
        iter8_version: here.iter8_version,
        platform: here.platform,
        commit_url: here.commit_url.or_else(|| shards.commit_url.clone()),
        pull_request: here.pull_request.or(shards.pull_request),
        run_url: here.run_url.or_else(|| shards.run_url.clone()),
        ..shards.clone()
    }
}

/// Why the numbers are not those of the whole load.
pub(super) fn doubts(merger: &Merger, shards: &Shards) -> Vec<String> {
    let percent = |share: f64| format!("{} %", (share * 1000.0).round() / 10.0);
    let all = shards.count;
    let mut told = Vec::new();
    if !shards.lost.is_empty() {
        told.push(format!(
            "{} of {all} shards gave no result ({}): {} of the load is missing",
            shards.lost.len(),
            named(&shards.lost),
            percent(shards.lost_share())
        ));
    }
    for (how, which) in &merger.cut {
        let share = which.len() as f64 / f64::from(all.max(1));
        told.push(format!(
            "{} did not come to the end ({how}): up to {} of the load is missing",
            named(which),
            percent(share)
        ));
    }
    told.extend(apart(&merger.starts, shards.divided));
    let more = merger.doubts.len().saturating_sub(MOST_DOUBTS);
    let of_shards = merger.doubts.iter().take(MOST_DOUBTS);
    told.extend(of_shards.map(|(why, which)| format!("{}: {why}", named(which))));
    if more > 0 {
        told.push(format!("{more} more doubts are in the results of the shards"));
    }
    told
}

/// Loads of which no shard counted anything: each may leave that to the others.
pub(super) fn uncounted(insights: &Insights) -> Vec<String> {
    let loads = insights.versions.iter().flat_map(|version| &version.loads);
    loads
        .filter(|load| load.measurement.requests + load.measurement.unsent == 0)
        .map(|load| {
            let stream = &load.stream;
            format!(
                "no shard counted a request to `{stream}`: nothing is known of it; send more, or for longer"
            )
        })
        .collect()
}

/// A load whose parts were not sent together.
fn apart<K>(starts: &BTreeMap<K, Starts>, divided: bool) -> Option<String> {
    let too_far = |one: &&Starts| one.apart() > (one.lasted * APART).max(TOGETHER);
    let worst = starts
        .values()
        .filter(too_far)
        .max_by(|one, other| (one.apart() * other.lasted).total_cmp(&(other.apart() * one.lasted)))?;
    divided.then(|| {
        format!(
            "the shards began up to {:.1} s apart with a load of {:.1} s: together they never sent what the experiment \
             says; give all of them the same --startAt, late enough for the last",
            worst.apart(),
            worst.lasted
        )
    })
}

/// Judges every objective once, unless a task error stopped a shard before that.
pub(super) fn judge(result: &mut ExperimentResult) {
    for terms in result.terms.clone() {
        let Some(position) = result.tasks.iter().position(|task| task.index == terms.task) else {
            continue;
        };
        let failed = result
            .tasks
            .iter()
            .find(|task| matches!(task.status, TaskStatus::Failed { .. }));
        let status = match failed {
            Some(failed) => Err((
                result.tasks[position].status.clone(),
                format!("task {} failed", failed.index),
            )),
            None => due(result, terms.condition.as_deref()),
        };
        let status = match status {
            Ok(()) => {
                let judged = terms.judge(&result.insights, &result.assessment);
                result.assessment.merge(judged);
                TaskStatus::Completed
            }
            Err((status, note)) => {
                let open = terms.objectives.iter().cloned();
                let open = open.map(|objective| Judgement::not_assessed(terms.task, objective, &note));
                result.assessment.judgements.extend(open);
                status
            }
        };
        result.tasks[position].status = status;
    }
}

/// Whether a task with a condition is due; else what becomes of it, and why.
fn due(result: &ExperimentResult, condition: Option<&str>) -> Result<(), (TaskStatus, String)> {
    let Some(text) = condition else { return Ok(()) };
    let met = Condition::parse(text).and_then(|condition| condition.evaluate(&result.facts()));
    match met {
        Ok(true) => Ok(()),
        Ok(false) => {
            let condition = text.to_owned();
            let note = format!("its task was skipped: `{text}` is false");
            Err((TaskStatus::Skipped { condition }, note))
        }
        Err(error) => {
            let error = format!("if: {text}: {}", error.message);
            Err((TaskStatus::Failed { error: error.clone() }, error))
        }
    }
}
