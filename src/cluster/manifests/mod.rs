//! [`manifests`]: the objects that an experiment is in a cluster.
//!
//! | Object | Name | For |
//! | --- | --- | --- |
//! | Secret | `GROUP` | the experiment and files that it refers to: they may hold tokens |
//! | ConfigMap | `GROUP-result` | the result, empty at first: RBAC cannot allow to create one object by its name |
//! | ServiceAccount, Role, RoleBinding | `GROUP-iter8-sa`, `GROUP` | reading the first, reading and updating the second |
//! | Role, RoleBinding | `GROUP-ready` | reading the objects that are waited for, in their namespaces |
//! | Job or CronJob | `GROUP-REVISION-job`, `GROUP-REVISION-cronjob` | running it |
//!
//! Names, labels and annotations are Iter8's where it had them.

mod job;
mod rights;

#[cfg(test)]
mod tests;

use serde_json::{Map, Value, json};

use super::object::ObjectName;

/// Longest name of a group: that of a CronJob has 52 characters at most, of which `-9999-cronjob` takes the last.
const LONGEST: usize = 39;

/// What runs an experiment.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Runner {
    /// Nothing: everything is there but a Job.
    Nothing,
    /// A Job, once.
    Job,
    /// A CronJob, again and again.
    CronJob {
        /// When, as in a crontab.
        schedule: String,
    },
}

/// An experiment that is to run in a cluster.
#[derive(Debug, Clone)]
pub struct Launch {
    /// Name of the group.
    pub group: String,
    /// Namespace of all but the rights to read objects elsewhere.
    pub namespace: String,
    /// How often the group was launched, this time included.
    pub revision: u32,
    /// Keys of the Secret and their texts; the experiment is one of them.
    pub files: Vec<(String, String)>,
    /// What runs it.
    pub runner: Runner,
    /// The image; its entry point is this program.
    pub image: String,
    /// The program's log level.
    pub log_level: String,
    /// Requests and limits, put over the default ones.
    pub resources: Value,
    /// An account that has all rights already; `None` for one of its own.
    pub account: Option<String>,
    /// A run that takes longer is ended, in seconds.
    pub deadline: u64,
    /// The objects that the experiment waits for.
    pub reads: Vec<ObjectName>,
}

impl Launch {
    /// Whether a group can be called so, or why not: its name is that of objects, and part of longer names.
    pub fn check_group(name: &str) -> Result<(), String> {
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

    /// The name of the account that runs it.
    fn account(&self) -> String {
        self.account
            .clone()
            .unwrap_or_else(|| format!("{}-iter8-sa", self.group))
    }

    /// The name of the object with the result.
    pub fn result(&self) -> String {
        format!("{}-result", self.group)
    }

    /// What is said of every object.
    fn meta(&self, name: &str, namespace: &str) -> Value {
        json!({
            "name": name,
            "namespace": namespace,
            "labels": self.labels(),
            "annotations": { "iter8.tools/group": self.group, "iter8.tools/revision": self.revision.to_string() },
        })
    }

    fn labels(&self) -> Value {
        json!({
            "app.kubernetes.io/name": "iter8",
            "app.kubernetes.io/instance": self.group,
            "app.kubernetes.io/managed-by": "iter8",
            "iter8.tools/group": self.group,
        })
    }

    fn experiment(&self) -> Value {
        let files: Map<String, Value> = self
            .files
            .iter()
            .map(|(name, text)| (name.clone(), text.clone().into()))
            .collect();
        json!({
            "apiVersion": "v1",
            "kind": "Secret",
            "metadata": self.meta(&self.group, &self.namespace),
            "stringData": files,
        })
    }

    fn empty_result(&self) -> Value {
        json!({
            "apiVersion": "v1",
            "kind": "ConfigMap",
            "metadata": self.meta(&self.result(), &self.namespace),
        })
    }
}

/// The objects, in the order in which they can be created.
pub fn manifests(launch: &Launch) -> Vec<Value> {
    let mut objects = Vec::new();
    if launch.account.is_none() {
        objects.push(rights::account(launch));
    }
    objects.extend([launch.experiment(), launch.empty_result()]);
    if launch.account.is_none() {
        objects.extend(rights::roles(launch));
    }
    objects.extend(job::of(launch));
    objects
}
