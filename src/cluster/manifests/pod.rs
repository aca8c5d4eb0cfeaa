//! The pod that runs an experiment, and [`PodExtras`]: what is added to it.

use serde_json::{Map, Value, json};

use super::Launch;

/// The user that a pod runs as: Iter8's. Its image names none, and none of them is root.
const USER: u64 = 1_001_040_000;
/// Where the program keeps what it writes; the rest of its file system is read-only.
const WORK: &str = "/work";
/// Where the volume for whole results is.
pub const RESULTS: &str = "/results";

/// Variable of the pod with the identity of its Job.
pub const JOB: &str = "ITER8_JOB";

/// What is added to the pod, as Kubernetes has it.
#[derive(Debug, Clone, Default)]
pub struct PodExtras {
    /// Variables.
    pub env: Vec<Value>,
    /// Objects whose entries are variables.
    pub env_from: Vec<Value>,
    /// Secrets by which the image is pulled.
    pub pull_secrets: Vec<Value>,
    /// Labels of the nodes that it may run on.
    pub node_selector: Map<String, Value>,
    /// Taints of nodes that do not keep it away.
    pub tolerations: Vec<Value>,
    /// Annotations, put over those that it has.
    pub annotations: Map<String, Value>,
    /// Labels beside those of the group.
    pub labels: Map<String, Value>,
}

impl PodExtras {
    fn add_to(&self, pod: &mut Value) {
        let lists = [
            ("imagePullSecrets", &self.pull_secrets),
            ("tolerations", &self.tolerations),
        ];
        for (name, list) in lists.into_iter().filter(|(_, list)| !list.is_empty()) {
            pod[name] = list.clone().into();
        }
        if !self.node_selector.is_empty() {
            pod["nodeSelector"] = self.node_selector.clone().into();
        }
        let container = &mut pod["containers"][0];
        if let Some(env) = container["env"].as_array_mut() {
            env.extend(self.env.iter().cloned());
        }
        if !self.env_from.is_empty() {
            container["envFrom"] = self.env_from.clone().into();
        }
    }
}

/// What pods are made from.
pub(super) fn template(launch: &Launch, arguments: &[String]) -> Value {
    let extras = &launch.pod;
    // What says whose pod it is goes over what is added.
    let labels = merged(extras.labels.clone().into(), &launch.group.labels());
    // A proxy in the pod would be measured, too, and would outlive the program.
    let alone = json!({ "sidecar.istio.io/inject": "false" });
    let annotations = merged(alone, &extras.annotations.clone().into());
    let mut pod = pod(launch, arguments);
    extras.add_to(&mut pod);
    json!({ "metadata": { "labels": labels, "annotations": annotations }, "spec": pod })
}

fn pod(launch: &Launch, arguments: &[String]) -> Value {
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
            "args": arguments,
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
