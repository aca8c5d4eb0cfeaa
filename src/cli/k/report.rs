//! `iter8 k report`: renders the result of a group, as `iter8 report` does one that is stored here, and says where it is that of
//! an earlier run.

use serde_json::Value;

use super::args::ReportOf;
use super::gather::gather;
use super::scene::{NAMELESS, Run, runs};
use super::{ANSWER, store};
use crate::cli::args::LogLevel;
use crate::cli::commands::render;
use crate::cli::console::Console;
use crate::cli::exit::Exit;
use crate::cluster::manifests::{Group, kinds};
use crate::cluster::{Cluster, ClusterError, JobEnd, job_end};
use crate::diagnostic::Diagnostic;
use crate::platform::Env;

/// Prints the report; the exit code says only whether that worked.
pub(super) async fn report(args: ReportOf, console: &Console, env: &Env) -> Result<Exit, Exit> {
    let format = args.format.read(console)?;
    let (cluster, group) = args.group.open(env, console).await?;
    let stored = store::read(&cluster, &group, ANSWER).await;
    let stored = stored.map_err(|error| super::unstored(&error, console))?;
    let revision = stored.revision;
    if let Some(ours) = args.revision.filter(|ours| *ours != revision) {
        let name = &group.name;
        let message = format!("revision {revision} of the group {name} is the current one, not {ours}");
        let hint = "the group was launched anew; its former result is gone";
        console.diagnostics(&[Diagnostic::error(message).hint(hint)]);
        return Err(Exit::Error);
    }
    let mut result = stored.result;
    let mut lost = None;
    if result.is_some() {
        let by = stored.job.as_deref();
        if by.is_none() && !stored.by_hand {
            console.say(LogLevel::Warning, NAMELESS);
        } else {
            whose(&cluster, &group, (revision, by), console).await;
        }
    } else if let Some(count) = stored.shards {
        let jobs = jobs(&cluster, &group).await;
        let jobs = jobs.map_err(|error| super::failed(&error, console))?;
        let job = group.job(revision);
        let job = jobs.iter().find(|known| known["metadata"]["name"] == job);
        if job.is_none_or(|job| job_end(job).is_some()) {
            lost = Some(count);
            let job = job.and_then(|job| job["metadata"]["uid"].as_str());
            let gathered = gather((&cluster, &group), (revision, count, job), ANSWER, console).await;
            result = gathered.map_err(|error| error.tell(console))?;
        }
    }
    let Some(result) = result else {
        let missing = match lost {
            Some(count) => {
                let message = format!("none of the {count} shards of revision {revision} left a result");
                Diagnostic::error(message).hint("`iter8 k log` shows what their pods said")
            }
            None => missing(&cluster, &group, (revision, stored.by_hand), console).await,
        };
        console.diagnostics(&[missing]);
        return Err(Exit::Usage);
    };
    render(&result, format, console, env)
}

/// Why there is no result, and whether one will come. Who may not list Jobs is told that there is none yet.
async fn missing(
    cluster: &Cluster,
    group: &Group,
    (revision, by_hand): (u32, bool),
    console: &Console,
) -> Diagnostic {
    let known = jobs(cluster, group).await.unwrap_or_else(|error| {
        let text = format!("whether a Job is to leave a result is not known: {error}");
        console.say(LogLevel::Debug, &text);
        Vec::new()
    });
    let runs = runs(known.iter(), group, revision);
    let none = format!(
        "the group {} has no result of its revision {revision}",
        group.name
    );
    let ended = runs.first().and_then(|run| Some((run, run.end()?)));
    let Some((run, end)) = ended else {
        let hint = if by_hand && runs.is_empty() {
            "it was launched with runner=none: `iter8 k run` runs it"
        } else {
            "`iter8 k assert` waits for it, and `iter8 k log` shows what the run says"
        };
        return Diagnostic::error(format!("{none} yet")).hint(hint);
    };
    let how = match end {
        JobEnd::Complete => "came to its end and left none".to_owned(),
        JobEnd::Failed(why) => format!("failed and left none: {why}"),
    };
    let hint = if run.again {
        "the next run of its CronJob may leave one; `iter8 k assert` says more of why, and `iter8 k log` shows what the run said"
    } else {
        "none will come; `iter8 k assert` says more of why, and `iter8 k log` shows what the run said"
    };
    Diagnostic::error(format!("{none}: its Job {} {how}", run.name)).hint(hint)
}

/// The Jobs of a group.
async fn jobs(cluster: &Cluster, group: &Group) -> Result<Vec<Value>, ClusterError> {
    let Some((_, jobs)) = kinds().find(|(kind, _)| *kind == "Job") else {
        return Ok(Vec::new());
    };
    let namespace = Some(group.namespace.as_str());
    cluster.list(&jobs, namespace, &group.selector(), ANSWER).await
}

/// Says so where a result is not that of the newest run. Who may not list Jobs is shown it all the same.
async fn whose(cluster: &Cluster, group: &Group, (revision, job): (u32, Option<&str>), console: &Console) {
    match jobs(cluster, group).await {
        Ok(jobs) => {
            let told = doubt(job, &runs(jobs.iter(), group, revision));
            told.iter().for_each(|told| console.say(LogLevel::Warning, told));
        }
        Err(error) => {
            let text = format!("whether the result is that of the newest run is not known: {error}");
            console.say(LogLevel::Debug, &text);
        }
    }
}

/// Why a result, which a Job left, is not that of the newest run, if that is so. Nobody knows of runs whose Job is gone.
fn doubt(job: Option<&str>, runs: &[Run<'_>]) -> Option<String> {
    let newest = runs.first()?;
    let name = newest.name;
    match job {
        Some(job) if job == newest.uid() => None,
        Some(_) if newest.end().is_none() => Some(format!(
            "warning: the Job {name} has not ended: this is the result of an earlier run"
        )),
        Some(_) => Some(format!(
            "warning: this is the result of an earlier run: the Job {name}, which is over, left none"
        )),
        None => Some(NAMELESS.to_owned()),
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn the_result_of_an_earlier_run_is_told_as_such() {
        let job = |uid: &str, again: bool, over: bool| {
            let status = if over { "True" } else { "False" };
            let (name, owners) = if again {
                (
                    format!("g-1-cronjob-{uid}"),
                    json!([{"kind": "CronJob", "name": "g-1-cronjob"}]),
                )
            } else {
                ("g-1-job".to_owned(), json!([]))
            };
            json!({
                "metadata": {"uid": uid, "name": name, "ownerReferences": owners, "creationTimestamp": uid},
                "status": {"conditions": [{"type": "Failed", "status": status}]},
            })
        };
        let group = Group {
            name: "g".into(),
            namespace: "n".into(),
        };
        let told = |by: Option<&str>, jobs: &[Value]| doubt(by, &runs(jobs.iter(), &group, 1));
        for again in [false, true] {
            let (old, new, going) = (
                job("1", again, true),
                job("2", again, true),
                job("2", again, false),
            );
            let name = new["metadata"]["name"].as_str().expect("a name");
            assert_eq!(told(Some("2"), &[old.clone(), new.clone()]), None);
            assert_eq!(told(Some("2"), std::slice::from_ref(&going)), None);
            let ended = told(Some("1"), &[old.clone(), new.clone()]).expect("a doubt");
            assert!(
                ended.contains(&format!("an earlier run: the Job {name}, which is over")),
                "{ended}"
            );
            let goes_on = told(Some("1"), &[old.clone(), going]).expect("a doubt");
            assert!(
                goes_on.contains(&format!("the Job {name} has not ended")),
                "{goes_on}"
            );
            assert_eq!(told(None, &[new]).as_deref(), Some(NAMELESS));
            // Of a Job that is gone nothing is known, and those of other revisions say nothing.
            assert_eq!(told(Some("1"), &[]), None);
            let mut other = old;
            other["metadata"]["name"] = "g-2-job".into();
            other["metadata"]["ownerReferences"] = json!([]);
            assert_eq!(told(Some("3"), &[other]), None);
        }
    }
}
