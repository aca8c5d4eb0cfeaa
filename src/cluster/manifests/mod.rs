//! [`manifests`]: the objects that an experiment is in a cluster.
//!
//! | Object | Name | For |
//! | --- | --- | --- |
//! | Secret | `GROUP` | the experiment and files that it refers to: they may hold tokens |
//! | ConfigMap | `GROUP-result` | the result, empty at first: RBAC cannot allow to create one object by its name |
//! | ConfigMap | `GROUP-shard-INDEX` | the result of a shard |
//! | ServiceAccount, Role, RoleBinding | `GROUP-iter8-sa`, `GROUP` | reading the first, reading and updating the second |
//! | Role, RoleBinding | `GROUP-ready` | reading the objects that are waited for, and patching those that are changed, in their namespaces |
//! | Job or CronJob | `GROUP-REVISION-job`, `GROUP-REVISION-cronjob` | running it |
//!
//! Names, labels and annotations are Iter8's where it had them.

mod group;
mod job;
mod pod;
mod rights;
mod secret;

#[cfg(test)]
mod tests;

use std::collections::BTreeSet;

use serde_json::{Value, json};

use super::object::ObjectName;
use crate::secret::Secret;
pub use group::{
    Group, elsewhere, is_run_by_hand, job_of, kinds, launched, name_of, revision, set_job, shards,
};
use group::{set_elsewhere, set_runner, set_shards};
pub use pod::{JOB, PodExtras, RESULTS};
pub use secret::{RESULT_URL, key_of, path_of};

/// What runs an experiment.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Runner {
    /// Nothing: everything is there but a Job.
    Nothing,
    /// A Job, once.
    Job,
    /// A Job, once, in so many pods that share the load.
    Shards(u32),
    /// A CronJob, again and again.
    CronJob {
        /// When, as in a crontab.
        schedule: String,
    },
}

/// An experiment that is to run in a cluster.
#[derive(Debug, Clone)]
pub struct Launch {
    /// The group.
    pub group: Group,
    /// Which launch of the group it is: every later one has a greater number.
    pub revision: u32,
    /// Keys of the Secret and what is in them; the experiment is one of them.
    pub files: Vec<(String, Vec<u8>)>,
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
    /// A Job that has ended is removed after so many seconds, if that is said.
    pub ttl: Option<u64>,
    /// What the pod has beside what it needs.
    pub pod: PodExtras,
    /// The claim of a volume that whole results go to.
    pub result_claim: Option<String>,
    /// Where whole results are sent.
    pub result_url: Option<Secret>,
    /// The objects that the experiment waits for.
    pub reads: Vec<ObjectName>,
    /// The objects that the experiment changes.
    pub changes: Vec<ObjectName>,
}

impl Launch {
    /// The name of the account that runs it.
    fn account(&self) -> String {
        self.account
            .clone()
            .unwrap_or_else(|| format!("{}-iter8-sa", self.group.name))
    }

    /// What is said of an object of it in its own namespace.
    fn meta(&self, name: &str) -> Value {
        self.group.meta(name, &self.group.namespace, self.revision)
    }

    fn experiment(&self) -> Value {
        let mut secret = json!({
            "apiVersion": "v1",
            "kind": "Secret",
            "metadata": self.meta(&self.group.name),
        });
        secret::fill(&mut secret, &self.files, self.result_url.as_ref());
        let namespaces = self
            .reads
            .iter()
            .chain(&self.changes)
            .filter_map(|object| object.namespace.as_deref());
        let elsewhere: BTreeSet<&str> = namespaces
            .filter(|namespace| *namespace != self.group.namespace)
            .collect();
        set_elsewhere(&mut secret, &elsewhere.into_iter().collect::<Vec<_>>());
        secret
    }

    /// The objects that results go to: that of each shard, and that of the experiment.
    fn results(&self) -> Vec<ObjectName> {
        let shards = match self.runner {
            Runner::Shards(count) => count,
            Runner::Nothing | Runner::Job | Runner::CronJob { .. } => 0,
        };
        let shards = (0..shards).map(|index| self.group.shard(index));
        std::iter::once(self.group.result()).chain(shards).collect()
    }

    fn empty(&self, result: &ObjectName) -> Value {
        let mut object = json!({
            "apiVersion": "v1",
            "kind": "ConfigMap",
            "metadata": self.meta(&result.name),
        });
        if *result == self.group.result() {
            set_runner(&mut object, &self.runner);
            if let Runner::Shards(count) = self.runner {
                set_shards(&mut object, count);
            }
        }
        object
    }
}

/// The objects, in the order in which they can be created.
pub fn manifests(launch: &Launch) -> Vec<Value> {
    let mut objects = Vec::new();
    if launch.account.is_none() {
        objects.push(rights::account(launch));
    }
    objects.push(launch.experiment());
    objects.extend(launch.results().iter().map(|result| launch.empty(result)));
    if launch.account.is_none() {
        objects.extend(rights::roles(launch));
    }
    objects.extend(job::of(launch));
    objects
}
