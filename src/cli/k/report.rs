//! `iter8 k report`: renders the result of a group, as `iter8 report` does one that is stored here.

use serde_json::Value;

use super::args::ReportOf;
use super::gather::gather;
use super::{ANSWER, store};
use crate::cli::commands::render;
use crate::cli::console::Console;
use crate::cli::exit::Exit;
use crate::cluster::manifests::{Group, kinds};
use crate::cluster::{Cluster, job_end};
use crate::diagnostic::Diagnostic;
use crate::platform::Env;

/// Prints the report; the exit code says only whether that worked.
pub(super) async fn report(args: ReportOf, console: &Console, env: &Env) -> Result<Exit, Exit> {
    let format = args.format.read(console)?;
    let (cluster, group) = args.group.open(env, console).await?;
    let stored = store::read(&cluster, &group, ANSWER).await;
    let stored = stored.map_err(|error| super::unstored(&error, console))?;
    let (name, revision) = (&group.name, stored.revision);
    if let Some(ours) = args.revision.filter(|ours| *ours != revision) {
        let message = format!("revision {revision} of the group {name} is the current one, not {ours}");
        let hint = "the group was launched anew; its former result is gone";
        console.diagnostics(&[Diagnostic::error(message).hint(hint)]);
        return Err(Exit::Error);
    }
    let mut result = stored.result;
    let mut lost = None;
    if let Some(count) = stored.shards.filter(|_| result.is_none()) {
        let job = job(&cluster, &group.job(revision), &group, console).await?;
        if job.as_ref().is_none_or(|job| job_end(job).is_some()) {
            lost = Some(count);
            let job = job.as_ref().and_then(|job| job["metadata"]["uid"].as_str());
            let gathered = gather((&cluster, &group), (revision, count, job), ANSWER, console).await;
            result = gathered.map_err(|error| error.tell(console))?;
        }
    }
    let Some(result) = result else {
        let message = match lost {
            Some(count) => format!("none of the {count} shards of revision {revision} left a result"),
            None => format!("the group {name} has no result of its revision {revision} yet"),
        };
        let hint = if lost.is_some() {
            "`iter8 k log` shows what their pods said"
        } else {
            "`iter8 k assert` waits for it, and `iter8 k log` shows what the run says"
        };
        console.diagnostics(&[Diagnostic::error(message).hint(hint)]);
        return Err(Exit::Usage);
    };
    render(&result, format, console, env)
}

/// The Job of the group that has this name, if it is there.
async fn job(cluster: &Cluster, name: &str, group: &Group, console: &Console) -> Result<Option<Value>, Exit> {
    let Some((_, jobs)) = kinds().find(|(kind, _)| *kind == "Job") else {
        return Ok(None);
    };
    let found = cluster
        .list(&jobs, Some(&group.namespace), &group.selector(), ANSWER)
        .await
        .map_err(|error| super::failed(&error, console))?;
    Ok(found.into_iter().find(|job| job["metadata"]["name"] == name))
}
