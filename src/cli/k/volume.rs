//! [`check`]: whether the claim that whole results go to can take them, before anything is made.

use serde_json::Value;

use super::ANSWER;
use crate::cli::args::LogLevel;
use crate::cli::console::Console;
use crate::cli::exit::Exit;
use crate::cluster::manifests::{Launch, Runner};
use crate::cluster::{Cluster, ClusterError, ObjectName, Resource};
use crate::diagnostic::{Diagnostic, Place};

/// Says what is wrong with the claim of a launch; who may not see it learns that nobody knows.
pub(super) async fn check(cluster: &Cluster, launch: &Launch, console: &Console) -> Result<(), Exit> {
    let Some(claim) = &launch.result_claim else {
        return Ok(());
    };
    let namespace = &launch.group.namespace;
    let name = ObjectName {
        resource: Resource {
            group: String::new(),
            version: "v1".to_owned(),
            plural: "persistentvolumeclaims".to_owned(),
        },
        namespace: Some(namespace.clone()),
        name: claim.clone(),
    };
    let found = match cluster.read(&name, ANSWER).await {
        Ok(object) => wrong(claim, &object, &launch.runner),
        Err(ClusterError::Absent { .. }) => {
            let message = format!("there is no PersistentVolumeClaim `{claim}` in the namespace {namespace}");
            Some(Diagnostic::error(message).hint("make it before; it is never made or deleted by iter8"))
        }
        Err(ClusterError::Forbidden(why)) => {
            let message = format!("whether there is such a claim is not known: {why}");
            Some(Diagnostic::warning(message))
        }
        Err(error) => {
            let exit = super::failed(&error, console);
            console.say(LogLevel::Error, "nothing was launched");
            return Err(exit);
        }
    };
    let Some(found) = found.map(|found| found.at(Place::named("resultVolume"))) else {
        return Ok(());
    };
    let is_refused = found.is_error();
    console.diagnostics(&[found]);
    if is_refused {
        console.say(LogLevel::Error, "nothing was launched");
        return Err(Exit::Usage);
    }
    Ok(())
}

/// What is wrong with a claim that is there, if something is.
fn wrong(claim: &str, object: &Value, runner: &Runner) -> Option<Diagnostic> {
    let modes = object["spec"]["accessModes"].as_array();
    let modes = modes.map(Vec::as_slice).unwrap_or_default();
    let many = modes.iter().any(|mode| *mode == "ReadWriteMany");
    if object["status"]["phase"] == "Lost" || object["metadata"]["deletionTimestamp"].is_string() {
        let message = format!("the PersistentVolumeClaim `{claim}` has lost its volume, or is being deleted");
        Some(Diagnostic::error(message).hint("name another one"))
    } else if modes.iter().all(|mode| *mode == "ReadOnlyMany") && !modes.is_empty() {
        let message = format!("the PersistentVolumeClaim `{claim}` takes no files: it is ReadOnlyMany");
        let hint = "name one that is ReadWriteOnce, or for shards ReadWriteMany";
        Some(Diagnostic::error(message).hint(hint))
    } else if matches!(runner, Runner::Shards(_)) && !many {
        Some(Diagnostic::warning(format!(
            "the PersistentVolumeClaim `{claim}` is not ReadWriteMany: shards on other nodes than the first do not begin"
        )))
    } else {
        None
    }
}
