//! [`Scene`]: what there is of a group that runs, as it is now: its result, its Jobs and their pods.

use serde_json::Value;

use super::ANSWER;
use crate::cluster::manifests::Group;
use crate::cluster::{
    Access, Cluster, ClusterError, JobEnd, ObjectName, Resource, Selection, Watch, job_end,
};

/// What is said of a result that is nobody's.
pub(super) const NAMELESS: &str = "warning: the result that is stored was left by none of the Jobs: `iter8 k run` did, or Kubernetes is older than 1.27";

/// What there is of a group, as it is now.
pub(super) struct Scene {
    access: Access,
    pub(super) cluster: Cluster,
    pub(super) group: Group,
    result: Watch,
    jobs: Watch,
    pods: Watch,
    /// Why pods cannot be seen.
    blind: Option<ClusterError>,
}

/// A Job that runs, or ran, an experiment.
#[derive(Debug, Clone, Copy)]
pub(super) struct Run<'a> {
    /// The Job.
    pub(super) job: &'a Value,
    /// Its name.
    pub(super) name: &'a str,
    /// Whether a CronJob made it.
    pub(super) again: bool,
}

impl<'a> Run<'a> {
    /// How it ended, if it did.
    pub(super) fn end(&self) -> Option<JobEnd> {
        job_end(self.job)
    }

    /// Whether one of its pods runs, or has ended.
    pub(super) fn has_begun(&self) -> bool {
        let count = |field: &str| self.job["status"][field].as_u64().unwrap_or_default();
        count("ready") + count("succeeded") + count("failed") > 0
    }

    /// What it is known by: another one may have its name later.
    pub(super) fn uid(&self) -> &'a str {
        text(self.job, "uid")
    }

    /// What is later is greater.
    pub(super) fn age(&self) -> (&'a str, &'a str) {
        (text(self.job, "creationTimestamp"), self.name)
    }
}

/// The name of an object.
pub(super) fn name(object: &Value) -> &str {
    text(object, "name")
}

fn text<'a>(object: &'a Value, field: &str) -> &'a str {
    object["metadata"][field].as_str().unwrap_or_default()
}

fn kind(group: &str, plural: &str) -> Resource {
    Resource {
        group: group.to_owned(),
        version: "v1".to_owned(),
        plural: plural.to_owned(),
    }
}

impl Scene {
    /// Asks nothing yet.
    pub(super) fn new(access: Access, cluster: Cluster, group: Group) -> Self {
        let selection = |resource: Resource, name: Option<String>| Selection {
            selector: name.is_none().then(|| group.selector()),
            namespace: group.namespace.clone(),
            resource,
            name,
        };
        let result = group.result();
        let watch = |selection| Watch::new(cluster.clone(), selection);
        Self {
            result: watch(selection(result.resource, Some(result.name))),
            jobs: watch(selection(kind("batch", "jobs"), None)),
            pods: watch(selection(kind("", "pods"), None)),
            blind: None,
            access,
            cluster,
            group,
        }
    }

    /// Waits for something to see. The error is one that waiting does not mend.
    pub(super) async fn next(&mut self) -> Result<(), ClusterError> {
        let seen = tokio::select! {
            seen = self.result.next() => seen,
            seen = self.jobs.next() => seen,
            seen = self.pods.next(), if self.blind.is_none() => match seen {
                // They tell why something fails; whether it does is told without them.
                Err(error @ ClusterError::Forbidden(_)) => {
                    self.blind = Some(error);
                    Ok(())
                }
                seen => seen,
            },
        };
        seen?;
        if self.cluster.is_renewable() && matches!(self.trouble(), Some(ClusterError::Unauthorized { .. })) {
            self.renew().await?;
        }
        Ok(())
    }

    /// A program gives new credentials where those that it gave have ended.
    async fn renew(&mut self) -> Result<(), ClusterError> {
        self.cluster = self.access.connect().await?;
        for watch in [&mut self.result, &mut self.jobs, &mut self.pods] {
            watch.go_on_with(self.cluster.clone());
        }
        Ok(())
    }

    /// What the API has of an object now.
    pub(super) async fn read(&mut self, object: &ObjectName) -> Result<Value, ClusterError> {
        match self.cluster.read(object, ANSWER).await {
            Err(ClusterError::Unauthorized { .. }) if self.cluster.is_renewable() => {
                self.renew().await?;
                self.cluster.read(object, ANSWER).await
            }
            answer => answer,
        }
    }

    /// Whether everything was seen once.
    pub(super) fn is_known(&self) -> bool {
        let pods = self.blind.is_some() || self.pods.is_known();
        self.result.is_known() && self.jobs.is_known() && pods
    }

    /// Why it may be otherwise by now, if that is so.
    pub(super) fn trouble(&self) -> Option<&ClusterError> {
        [&self.result, &self.jobs, &self.pods]
            .into_iter()
            .find_map(Watch::trouble)
    }

    /// Why pods cannot be seen, if they cannot.
    pub(super) fn blind(&self) -> Option<&ClusterError> {
        self.blind.as_ref()
    }

    /// The object of the result.
    pub(super) fn result(&self) -> Option<&Value> {
        self.result.objects().get(&self.group.result().name)
    }

    /// The Jobs of a revision, the newest first.
    pub(super) fn runs(&self, revision: u32) -> Vec<Run<'_>> {
        runs(self.jobs.objects().values(), &self.group, revision)
    }

    /// The pods of a run, by name.
    pub(super) fn pods(&self, run: &Run<'_>) -> Vec<&Value> {
        let pods = self.pods.objects().values();
        pods.filter(|pod| owners(pod).iter().any(|owner| owner["uid"] == run.uid()))
            .collect()
    }

    /// The CronJob of a revision, if there is one.
    pub(super) async fn cronjob(&mut self, revision: u32) -> Result<Option<Value>, ClusterError> {
        let name = self.name_of_cronjob(revision);
        match self.read(&name).await {
            Ok(object) => Ok(Some(object)),
            Err(ClusterError::Absent { .. }) => Ok(None),
            Err(error) => Err(error),
        }
    }

    /// Whether a CronJob will run again; one that cannot be asked may.
    pub(super) async fn comes_again(&self, revision: u32) -> bool {
        match self.cluster.read(&self.name_of_cronjob(revision), ANSWER).await {
            Ok(cronjob) => cronjob["spec"]["suspend"] != true,
            Err(error) => !matches!(error, ClusterError::Absent { .. }),
        }
    }

    fn name_of_cronjob(&self, revision: u32) -> ObjectName {
        ObjectName {
            resource: kind("batch", "cronjobs"),
            namespace: Some(self.group.namespace.clone()),
            name: self.group.cronjob(revision),
        }
    }
}

fn owners(object: &Value) -> &[Value] {
    object["metadata"]["ownerReferences"]
        .as_array()
        .map(Vec::as_slice)
        .unwrap_or_default()
}

/// Why there is no run of a CronJob.
pub(super) fn without_runs(cronjob: &Value, has_result: bool) -> &'static str {
    // What somebody makes of it by hand is no time that it came to.
    if has_result || cronjob["status"]["lastScheduleTime"].is_string() {
        "has run before, and none of its Jobs is there any more"
    } else {
        "has not run yet"
    }
}

/// Those of some Jobs that run, or ran, a revision of a group, the newest first.
pub(super) fn runs<'a>(jobs: impl Iterator<Item = &'a Value>, group: &Group, revision: u32) -> Vec<Run<'a>> {
    let (once, cron) = (group.job(revision), group.cronjob(revision));
    let run = |job| {
        let name = name(job);
        let again = owners(job)
            .iter()
            .any(|owner| owner["kind"] == "CronJob" && owner["name"] == cron.as_str());
        (again || name == once).then_some(Run { job, name, again })
    };
    let mut runs: Vec<Run<'_>> = jobs.filter_map(run).collect();
    runs.sort_by_key(|run| std::cmp::Reverse(run.age()));
    runs
}

/// Whether a result is that of the last run that came to its end: by its Job, which is known by its identity.
pub(super) fn is_last(job: Option<&str>, runs: &[Run<'_>]) -> bool {
    let Some(by) = runs.iter().position(|run| Some(run.uid()) == job) else {
        return false;
    };
    // A CronJob's verdict is that of its last run until the next has ended; of anything else the newest Job counts alone.
    runs[..by]
        .iter()
        .all(|later| later.again && later.end().is_none())
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn a_cronjob_whose_jobs_are_gone_has_run() {
        let told = |status: &Value, has_result| without_runs(&json!({ "status": status }), has_result);
        let scheduled = json!({"lastScheduleTime": "2026-05-01T10:00:00Z"});
        assert_eq!(told(&json!({}), false), "has not run yet");
        for (status, has_result) in [(json!({}), true), (scheduled.clone(), false), (scheduled, true)] {
            let told = told(&status, has_result);
            assert!(told.contains("none of its Jobs is there any more"), "{told}");
        }
    }

    #[test]
    fn a_result_is_that_of_the_newest_job_or_of_the_last_run_that_ended() {
        let job = |uid: &str, over: bool| {
            let status = if over { "True" } else { "False" };
            json!({"metadata": {"uid": uid}, "status": {"conditions": [{"type": "Complete", "status": status}]}})
        };
        let (new, old, going) = (job("new", true), job("old", true), job("new", false));
        let run = |job, again| Run {
            job,
            name: "a",
            again,
        };
        // Of a Job the newest alone, whoever had its name.
        assert!(is_last(Some("new"), &[run(&new, false)]));
        assert!(is_last(Some("new"), &[run(&going, false)]));
        assert!(!is_last(Some("old"), &[run(&new, false)]));
        assert!(!is_last(Some("old"), &[run(&going, false), run(&old, false)]));
        assert!(!is_last(None, &[run(&new, false)]));
        // Of a CronJob the last until the next has ended.
        assert!(is_last(Some("old"), &[run(&going, true), run(&old, true)]));
        assert!(!is_last(Some("old"), &[run(&new, true), run(&old, true)]));
        assert!(!is_last(Some("gone"), &[run(&going, true), run(&old, true)]));
        assert!(!is_last(None, &[run(&going, true)]));
    }
}
