//! [`Group`]: what an experiment is called in a cluster, and how its objects are known again.

use jiff::Timestamp;
use serde_json::{Value, json};

use super::Runner;
use crate::cluster::{ObjectName, Resource};

/// Label with the name of the group.
const GROUP: &str = "iter8.tools/group";
/// Label with the namespace of the group: some of its objects may be elsewhere.
const HOME: &str = "iter8.tools/namespace";
/// Annotation with the revision.
const REVISION: &str = "iter8.tools/revision";
/// Annotation of a result: the identity of the Job that left it.
const JOB: &str = "iter8.tools/job";
/// Annotation of the result: how many shards send the load together, if several do.
const SHARDS: &str = "iter8.tools/shards";
/// Annotation of the result: what runs the experiment in the cluster.
const RUNNER: &str = "iter8.tools/runner";
/// Its value where nothing does.
const NOTHING: &str = "none";
/// Annotation of the Secret: the other namespaces in which the group has objects, with commas between them.
const ELSEWHERE: &str = "iter8.tools/elsewhere";
/// Who made an object.
const MANAGED: &str = "app.kubernetes.io/managed-by";
const OURS: &str = "iter8";

/// Longest name of a group: that of a CronJob has 52 characters at most, of which `-`, ten digits and `-cronjob` are the last.
const LONGEST: usize = 33;

/// API version, kind, and its name in the plural, of everything that a group has, in the order in which it is deleted.
const KINDS: [(&str, &str, &str); 7] = [
    ("batch/v1", "CronJob", "cronjobs"),
    ("batch/v1", "Job", "jobs"),
    ("rbac.authorization.k8s.io/v1", "RoleBinding", "rolebindings"),
    ("rbac.authorization.k8s.io/v1", "Role", "roles"),
    ("v1", "ServiceAccount", "serviceaccounts"),
    ("v1", "ConfigMap", "configmaps"),
    // Last: it says where the others are.
    ("v1", "Secret", "secrets"),
];

/// An experiment in a cluster.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Group {
    /// Its name.
    pub name: String,
    /// The namespace of all but the rights to read objects elsewhere.
    pub namespace: String,
}

impl Group {
    /// Whether a group can be called so, or why not: its name is that of objects, and part of longer names.
    pub fn check_name(name: &str) -> Result<(), String> {
        let is_fine = |letter: u8| letter.is_ascii_lowercase() || letter.is_ascii_digit() || letter == b'-';
        let bytes = name.as_bytes();
        if name.is_empty() || !bytes.iter().all(|letter| is_fine(*letter)) {
            return Err(format!(
                "`{name}` is no name of a group: lower-case letters, digits and `-` are"
            ));
        }
        if bytes[0] == b'-' || bytes[bytes.len() - 1] == b'-' {
            return Err(format!(
                "`{name}` is no name of a group: it begins and ends with a letter or a digit"
            ));
        }
        if name.len() > LONGEST {
            return Err(format!(
                "`{name}` is too long for the name of a group: {LONGEST} characters is the most"
            ));
        }
        Ok(())
    }

    /// The Secret with the experiment.
    pub fn experiment(&self) -> ObjectName {
        self.of_core("secrets", self.name.clone())
    }

    /// The ConfigMap with the result.
    pub fn result(&self) -> ObjectName {
        self.of_core("configmaps", format!("{}-result", self.name))
    }

    /// The ConfigMap with the result of a shard.
    pub fn shard(&self, index: u32) -> ObjectName {
        self.of_core("configmaps", format!("{}-shard-{index}", self.name))
    }

    /// The name of the Job that runs a revision once.
    pub fn job(&self, revision: u32) -> String {
        format!("{}-{revision}-job", self.name)
    }

    /// The name of the CronJob that runs a revision again and again.
    pub fn cronjob(&self, revision: u32) -> String {
        format!("{}-{revision}-cronjob", self.name)
    }

    fn of_core(&self, plural: &str, name: String) -> ObjectName {
        ObjectName {
            resource: Resource {
                group: String::new(),
                version: "v1".to_owned(),
                plural: plural.to_owned(),
            },
            namespace: Some(self.namespace.clone()),
            name,
        }
    }

    /// The labels of everything that is made for it.
    pub fn labels(&self) -> Value {
        json!({
            "app.kubernetes.io/name": OURS,
            "app.kubernetes.io/instance": self.name,
            MANAGED: OURS,
            GROUP: self.name,
            HOME: self.namespace,
        })
    }

    /// What is said of an object of this group.
    pub fn meta(&self, name: &str, namespace: &str, revision: u32) -> Value {
        json!({
            "name": name,
            "namespace": namespace,
            "labels": self.labels(),
            "annotations": { GROUP: self.name, REVISION: revision.to_string() },
        })
    }

    /// Selects its objects by their labels.
    pub fn selector(&self) -> String {
        format!("{MANAGED}={OURS},{GROUP}={},{HOME}={}", self.name, self.namespace)
    }

    /// Whether an object was made for this group.
    pub fn owns(&self, object: &Value) -> bool {
        let labels = &object["metadata"]["labels"];
        labels[MANAGED] == OURS
            && labels[GROUP] == self.name.as_str()
            && labels[HOME] == self.namespace.as_str()
    }
}

/// The revision that an object is of, if it says so.
pub fn revision(object: &Value) -> Option<u32> {
    object["metadata"]["annotations"][REVISION].as_str()?.parse().ok()
}

/// When the revision that an object is of was launched: when that was written on it, else when it was made.
pub fn launched(object: &Value) -> Option<Timestamp> {
    let says =
        |entry: &&Value| !entry["fieldsV1"]["f:metadata"]["f:annotations"][format!("f:{REVISION}")].is_null();
    let entries = object["metadata"]["managedFields"]
        .as_array()
        .into_iter()
        .flatten();
    let time = |value: &Value| value.as_str()?.parse::<Timestamp>().ok();
    let written = entries
        .filter(says)
        .filter_map(|entry| time(&entry["time"]))
        .max();
    written.or_else(|| time(&object["metadata"]["creationTimestamp"]))
}

/// Says which Job, by its identity, left what an object holds.
pub fn set_job(object: &mut Value, job: Option<&str>) {
    annotate(object, JOB, job.unwrap_or_default().to_owned());
}

fn annotate(object: &mut Value, name: &str, value: String) {
    let annotations = &mut object["metadata"]["annotations"];
    if !annotations.is_object() {
        *annotations = json!({});
    }
    annotations[name] = value.into();
}

/// The identity of the Job that left what an object holds, if it says so.
pub fn job_of(object: &Value) -> Option<&str> {
    let job = object["metadata"]["annotations"][JOB].as_str();
    job.filter(|job| !job.is_empty())
}

/// How many shards leave a part of the result that an object is for, if several do.
pub fn shards(object: &Value) -> Option<u32> {
    object["metadata"]["annotations"][SHARDS].as_str()?.parse().ok()
}

/// Says so.
pub(super) fn set_shards(object: &mut Value, count: u32) {
    annotate(object, SHARDS, count.to_string());
}

/// Whether nothing in the cluster runs the experiment whose result an object is for, but whoever types `iter8 k run`. One that
/// does not say so may be run by a Job.
pub fn is_run_by_hand(object: &Value) -> bool {
    object["metadata"]["annotations"][RUNNER] == NOTHING
}

/// Says what runs it.
pub(super) fn set_runner(object: &mut Value, runner: &Runner) {
    let name = match runner {
        Runner::Nothing => NOTHING,
        Runner::Job | Runner::Shards(_) => "job",
        Runner::CronJob { .. } => "cronjob",
    };
    annotate(object, RUNNER, name.to_owned());
}

/// The other namespaces in which the group of a Secret has objects.
pub fn elsewhere(secret: &Value) -> Vec<String> {
    let list = secret["metadata"]["annotations"][ELSEWHERE]
        .as_str()
        .unwrap_or_default();
    let names = list.split(',').filter(|name| ObjectName::is_name(name));
    names.map(str::to_owned).collect()
}

/// Says so.
pub(super) fn set_elsewhere(secret: &mut Value, namespaces: &[&str]) {
    if !namespaces.is_empty() {
        secret["metadata"]["annotations"][ELSEWHERE] = namespaces.join(",").into();
    }
}

/// The kinds of objects that a group may have, by the names that manifests have for them, in the order in which they are
/// deleted.
pub fn kinds() -> impl Iterator<Item = (&'static str, Resource)> {
    KINDS.iter().map(|(version, kind, plural)| {
        let (group, version) = version.split_once('/').unwrap_or(("", version));
        let resource = Resource {
            group: group.to_owned(),
            version: version.to_owned(),
            plural: (*plural).to_owned(),
        };
        (*kind, resource)
    })
}

/// Which object a manifest is; `None` for kinds that no experiment has.
pub fn name_of(manifest: &Value) -> Option<ObjectName> {
    let kind = manifest["kind"].as_str()?;
    let (_, resource) = kinds().find(|(known, _)| *known == kind)?;
    let text = |field: &str| manifest["metadata"][field].as_str().map(str::to_owned);
    Some(ObjectName {
        resource,
        namespace: text("namespace"),
        name: text("name")?,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_revision_was_launched_when_it_was_written_last() {
        let entry = |field: &str, time: &str| json!({"time": time, "fieldsV1": {"f:metadata": {"f:annotations": {field: {}}}}});
        let of = |entries: &[Value]| {
            let secret =
                json!({"metadata": {"creationTimestamp": "2026-05-01T10:00:00Z", "managedFields": entries}});
            launched(&secret).map(|time| time.to_string())
        };
        let ours = format!("f:{REVISION}");
        let first = entry(&ours, "2026-05-01T10:00:01Z");
        let (again, other) = (
            entry(&ours, "2026-05-01T11:00:00Z"),
            entry("f:a", "2026-05-01T12:00:00Z"),
        );
        assert_eq!(
            of(&[first.clone(), again, other.clone()]).as_deref(),
            Some("2026-05-01T11:00:00Z")
        );
        assert_eq!(of(&[other, first]).as_deref(), Some("2026-05-01T10:00:01Z"));
        assert_eq!(of(&[]).as_deref(), Some("2026-05-01T10:00:00Z"));
        assert_eq!(launched(&json!({})), None);
    }
}
