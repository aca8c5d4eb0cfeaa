//! The Job or CronJob that runs an experiment.

use serde_json::{Value, json};

use super::{Launch, Runner, pod};

/// What runs the experiment, if anything does.
pub(super) fn of(launch: &Launch) -> Option<Value> {
    match &launch.runner {
        Runner::Nothing => None,
        Runner::Job | Runner::Shards(_) => Some(json!({
            "apiVersion": "batch/v1",
            "kind": "Job",
            "metadata": launch.meta(&launch.group.job(launch.revision)),
            "spec": spec(launch),
        })),
        Runner::CronJob { schedule } => Some(json!({
            "apiVersion": "batch/v1",
            "kind": "CronJob",
            "metadata": launch.meta(&launch.group.cronjob(launch.revision)),
            "spec": {
                "schedule": schedule,
                // Two runs at once would measure each other.
                "concurrencyPolicy": "Forbid",
                "jobTemplate": { "metadata": { "labels": launch.group.labels() }, "spec": spec(launch) },
            },
        })),
    }
}

fn spec(launch: &Launch) -> Value {
    let mut spec = json!({
        "activeDeadlineSeconds": launch.deadline,
        "template": pod::template(launch, &arguments(launch)),
    });
    if let Some(seconds) = launch.ttl {
        spec["ttlSecondsAfterFinished"] = seconds.into();
    }
    // A load that failed half-way is not repeated: it says so.
    match launch.runner {
        Runner::Shards(count) => {
            spec["completionMode"] = "Indexed".into();
            spec["completions"] = count.into();
            spec["parallelism"] = count.into();
            // The others go on, and tell what is missing.
            spec["backoffLimitPerIndex"] = 0.into();
        }
        Runner::Nothing | Runner::Job | Runner::CronJob { .. } => spec["backoffLimit"] = 0.into(),
    }
    spec
}

fn arguments(launch: &Launch) -> Vec<String> {
    let mut words = vec![
        "k".to_owned(),
        "run".to_owned(),
        "--namespace".to_owned(),
        launch.group.namespace.clone(),
        "--group".to_owned(),
        launch.group.name.clone(),
        "--revision".to_owned(),
        launch.revision.to_string(),
        "--logLevel".to_owned(),
        launch.log_level.clone(),
    ];
    match launch.runner {
        Runner::CronJob { .. } => words.push("--reuseResult".to_owned()),
        Runner::Shards(count) => words.push(format!("--shard=$(JOB_COMPLETION_INDEX)/{count}")),
        Runner::Nothing | Runner::Job => {}
    }
    words.extend(
        launch
            .result_claim
            .iter()
            .map(|claim| format!("--resultVolume={claim}")),
    );
    words
}
