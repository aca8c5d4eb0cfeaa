//! The Job or CronJob that runs an experiment, and its pod.

use serde_json::{Value, json};

use super::{Launch, Runner};

/// The user that a pod runs as: Iter8's. Its image names none, and none of them is root.
const USER: u64 = 1_001_040_000;
/// Where the program keeps what it writes; the rest of its file system is read-only.
const WORK: &str = "/work";
/// Where the volume for whole results is.
pub const RESULTS: &str = "/results";

/// Variable of the pod with the identity of its Job.
pub const JOB: &str = "ITER8_JOB";

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
        "template": {
            "metadata": {
                "labels": launch.group.labels(),
                // A proxy in the pod would be measured, too, and would outlive the program.
                "annotations": { "sidecar.istio.io/inject": "false" },
            },
            "spec": pod(launch),
        },
    });
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

fn pod(launch: &Launch) -> Value {
    let mut pod = json!({
        "serviceAccountName": launch.account(),
        "restartPolicy": "Never",
        "securityContext": {
            "runAsNonRoot": true,
            "runAsUser": USER,
            "seccompProfile": { "type": "RuntimeDefault" },
        },
        "containers": [{
            "name": "iter8",
            "image": launch.image,
            "args": arguments(launch),
            // Which run left a result is told by the identity of its Job: another one may have its name by now.
            "env": [{ "name": JOB, "valueFrom": { "fieldRef": { "fieldPath": "metadata.labels['batch.kubernetes.io/controller-uid']" } } }],
            "workingDir": WORK,
            "resources": merged(default_resources(), &launch.resources),
            "securityContext": {
                "allowPrivilegeEscalation": false,
                "capabilities": { "drop": ["ALL"] },
                "readOnlyRootFilesystem": true,
            },
            "volumeMounts": [
                { "name": "work", "mountPath": WORK },
                { "name": "temporary", "mountPath": "/tmp" },
            ],
        }],
        "volumes": [{ "name": "work", "emptyDir": {} }, { "name": "temporary", "emptyDir": {} }],
    });
    if let Some(claim) = &launch.result_claim {
        mount(&mut pod, claim);
    }
    pod
}

/// Gives a pod the volume of a claim, which its user may write to.
fn mount(pod: &mut Value, claim: &str) {
    pod["securityContext"]["fsGroup"] = USER.into();
    // Of a volume with many files not all are looked at each time.
    pod["securityContext"]["fsGroupChangePolicy"] = "OnRootMismatch".into();
    let mut add = |list: &str, entry: Value| {
        if let Some(list) = pod.pointer_mut(list).and_then(Value::as_array_mut) {
            list.push(entry);
        }
    };
    let claim = json!({ "claimName": claim });
    add(
        "/volumes",
        json!({ "name": "results", "persistentVolumeClaim": claim }),
    );
    add(
        "/containers/0/volumeMounts",
        json!({ "name": "results", "mountPath": RESULTS }),
    );
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

/// Iter8's, but for its limit of half a processor: the load generator would be throttled, and measure itself.
fn default_resources() -> Value {
    json!({ "requests": { "cpu": "250m", "memory": "64Mi" }, "limits": { "memory": "128Mi" } })
}

/// `over` put over `base`, as Helm merges: maps entry by entry, anything else is replaced; `null` removes.
fn merged(base: Value, over: &Value) -> Value {
    match (base, over) {
        (Value::Object(mut base), Value::Object(over)) => {
            for (key, value) in over {
                let old = base.remove(key).unwrap_or(Value::Null);
                let new = merged(old, value);
                if !new.is_null() {
                    base.insert(key.clone(), new);
                }
            }
            Value::Object(base)
        }
        (_, over) => over.clone(),
    }
}
