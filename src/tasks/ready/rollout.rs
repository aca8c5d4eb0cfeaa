//! [`Rollout`]: whether the pods of an object are those of its latest template, all of them, and are available.
//!
//! The condition `Available` of a Deployment stays true while its pods are replaced: those of before answer. So a rollout is
//! over when its numbers say so, by the rules of `kubectl rollout status`.

use serde_json::Value;

use crate::cluster::{Resource, unready};

/// A kind of objects whose pods are replaced one after the other.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Rollout {
    Deployment,
    StatefulSet,
    DaemonSet,
}

impl Rollout {
    /// That of a kind of objects, if it has one.
    pub(super) fn of(kind: &Resource) -> Option<Self> {
        match (kind.group.as_str(), kind.plural.as_str()) {
            ("apps", "deployments") => Some(Self::Deployment),
            ("apps", "statefulsets") => Some(Self::StatefulSet),
            ("apps", "daemonsets") => Some(Self::DaemonSet),
            _ => None,
        }
    }

    /// Why the rollout of an object is not over, if it is not.
    pub(super) fn unfinished(self, object: &Value) -> Option<String> {
        let (generation, seen) = (
            object["metadata"]["generation"].as_i64().unwrap_or_default(),
            object["status"]["observedGeneration"]
                .as_i64()
                .unwrap_or_default(),
        );
        if seen < generation || seen == 0 {
            return Some(format!(
                "its controller has not seen its latest change yet (generation {generation}, seen is {seen})"
            ));
        }
        match self {
            Self::Deployment => of_deployment(object),
            Self::StatefulSet => of_stateful_set(object),
            Self::DaemonSet => of_daemon_set(object),
        }
    }
}

/// A number of the status; the API leaves zeros out.
fn count(object: &Value, name: &str) -> u64 {
    object["status"][name].as_u64().unwrap_or_default()
}

/// How many pods are wanted.
fn wanted(object: &Value) -> u64 {
    object["spec"]["replicas"].as_u64().unwrap_or(1)
}

fn of_deployment(object: &Value) -> Option<String> {
    let wanted = wanted(object);
    let [all, updated, available] =
        ["replicas", "updatedReplicas", "availableReplicas"].map(|name| count(object, name));
    let why = if updated < wanted {
        format!("{updated} of {wanted} pods are of its latest template")
    } else if all > updated {
        format!("{} pods of before have not ended yet", all - updated)
    } else if available < updated {
        format!("{available} of {updated} pods of its latest template are available")
    } else {
        return None;
    };
    let paused = if object["spec"]["paused"] == true {
        "; its rollout is paused"
    } else {
        ""
    };
    // It says what holds it up.
    let progress = match unready(object, &["Progressing".to_owned()]) {
        Some(held) if object["status"]["conditions"].is_array() => format!("; {held}"),
        Some(_) | None => String::new(),
    };
    Some(format!("{why}{paused}{progress}"))
}

/// Whether pods are replaced when somebody deletes them: then nothing says when all are.
fn is_by_hand(object: &Value) -> bool {
    object["spec"]["updateStrategy"]["type"] == "OnDelete"
}

fn of_stateful_set(object: &Value) -> Option<String> {
    let wanted = wanted(object);
    let [ready, updated] = ["readyReplicas", "updatedReplicas"].map(|name| count(object, name));
    if ready < wanted {
        return Some(format!("{ready} of {wanted} pods are ready"));
    }
    if is_by_hand(object) {
        return None;
    }
    let partition = &object["spec"]["updateStrategy"]["rollingUpdate"]["partition"];
    let partition = partition.as_u64().unwrap_or_default();
    let meant = wanted.saturating_sub(partition);
    let status = &object["status"];
    let is_over = if partition == 0 {
        status["updateRevision"] == status["currentRevision"]
    } else {
        updated >= meant
    };
    (!is_over).then(|| format!("{updated} of {meant} pods are of its latest template"))
}

fn of_daemon_set(object: &Value) -> Option<String> {
    let [wanted, updated, available] = [
        "desiredNumberScheduled",
        "updatedNumberScheduled",
        "numberAvailable",
    ]
    .map(|name| count(object, name));
    if updated < wanted && !is_by_hand(object) {
        return Some(format!("{updated} of {wanted} pods are of its latest template"));
    }
    (available < wanted).then(|| format!("{available} of {wanted} pods are available"))
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn judged(rollout: Rollout, spec: &Value, mut status: Value) -> Option<String> {
        status["observedGeneration"] = json!(2);
        rollout.unfinished(&json!({"metadata": {"generation": 2}, "spec": spec, "status": status}))
    }

    #[test]
    fn a_deployment_is_ready_when_all_pods_are_of_the_latest_template() {
        let status = |all: u64, updated: u64, available: u64| json!({"replicas": all, "updatedReplicas": updated, "availableReplicas": available});
        for (now, why) in [
            (status(3, 0, 3), Some("0 of 3 pods are of its latest template")),
            (status(4, 3, 4), Some("1 pods of before have not ended yet")),
            (
                status(3, 3, 2),
                Some("2 of 3 pods of its latest template are available"),
            ),
            (status(3, 3, 3), None),
        ] {
            let judged = judged(Rollout::Deployment, &json!({"replicas": 3}), now);
            assert_eq!(judged.as_deref(), why);
        }
        assert_eq!(
            judged(Rollout::Deployment, &json!({"replicas": 0}), json!({})),
            None
        );
        let held = json!({"updatedReplicas": 0, "conditions": [
            {"type": "Progressing", "status": "False", "reason": "ProgressDeadlineExceeded", "message": "it hangs"}]});
        let why = judged(Rollout::Deployment, &json!({"replicas": 1, "paused": true}), held);
        let why = why.expect("a reason");
        assert!(
            why.contains("paused") && why.contains("(ProgressDeadlineExceeded): it hangs"),
            "{why}"
        );
    }

    #[test]
    fn what_was_said_before_the_latest_change_does_not_count() {
        let object = json!({"metadata": {"generation": 3}, "spec": {"replicas": 0}, "status": {"observedGeneration": 2}});
        for rollout in [Rollout::Deployment, Rollout::StatefulSet, Rollout::DaemonSet] {
            let why = rollout.unfinished(&object).expect("a reason");
            assert!(why.contains("generation 3, seen is 2"), "{why}");
        }
    }

    #[test]
    fn a_stateful_set_is_ready_when_its_revision_is_that_of_all() {
        let status = |ready: u64, updated: u64, current: &str| json!({"readyReplicas": ready, "updatedReplicas": updated, "updateRevision": "b", "currentRevision": current});
        let spec = json!({"replicas": 2});
        let set = |spec: &Value, status| judged(Rollout::StatefulSet, spec, status);
        assert_eq!(
            set(&spec, status(1, 2, "b")).as_deref(),
            Some("1 of 2 pods are ready")
        );
        assert_eq!(
            set(&spec, status(2, 1, "a")).as_deref(),
            Some("1 of 2 pods are of its latest template")
        );
        assert_eq!(set(&spec, status(2, 2, "b")), None);
        let partly = json!({"replicas": 2, "updateStrategy": {"type": "RollingUpdate", "rollingUpdate": {"partition": 1}}});
        assert!(set(&partly, status(2, 0, "a")).is_some());
        assert_eq!(set(&partly, status(2, 1, "a")), None);
        let by_hand = json!({"replicas": 2, "updateStrategy": {"type": "OnDelete"}});
        assert_eq!(set(&by_hand, status(2, 0, "a")), None);
    }

    #[test]
    fn a_daemon_set_is_ready_on_all_nodes() {
        let status = |updated: u64, available: u64| json!({"desiredNumberScheduled": 2, "updatedNumberScheduled": updated, "numberAvailable": available});
        let set = |status| judged(Rollout::DaemonSet, &json!({}), status);
        assert_eq!(
            set(status(1, 2)).as_deref(),
            Some("1 of 2 pods are of its latest template")
        );
        assert_eq!(set(status(2, 1)).as_deref(), Some("1 of 2 pods are available"));
        assert_eq!(set(status(2, 2)), None);
    }
}
