//! [`check`]: whether the claim that whole results go to can take them, before anything is made.

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
    let refuse = |message: String, hint: &str| {
        let found = Diagnostic::error(message).at(Place::named("resultVolume"));
        console.diagnostics(&[found.hint(hint)]);
        console.say(LogLevel::Error, "nothing was launched");
        Err(Exit::Usage)
    };
    let warn = |message: String| {
        let found = Diagnostic::warning(message).at(Place::named("resultVolume"));
        console.diagnostics(&[found]);
        Ok(())
    };
    let object = match cluster.read(&name, ANSWER).await {
        Ok(object) => object,
        Err(ClusterError::Absent { .. }) => {
            let message = format!("there is no PersistentVolumeClaim `{claim}` in the namespace {namespace}");
            return refuse(message, "make it before; it is never made or deleted by iter8");
        }
        Err(ClusterError::Forbidden(why)) => {
            return warn(format!("whether there is such a claim is not known: {why}"));
        }
        Err(error) => {
            let exit = super::failed(&error, console);
            console.say(LogLevel::Error, "nothing was launched");
            return Err(exit);
        }
    };
    let modes = object["spec"]["accessModes"]
        .as_array()
        .cloned()
        .unwrap_or_default();
    let many = modes.iter().any(|mode| *mode == "ReadWriteMany");
    if object["status"]["phase"] == "Lost" || object["metadata"]["deletionTimestamp"].is_string() {
        let message = format!("the PersistentVolumeClaim `{claim}` has lost its volume, or is being deleted");
        refuse(message, "name another one")
    } else if modes.iter().all(|mode| *mode == "ReadOnlyMany") && !modes.is_empty() {
        let message = format!("the PersistentVolumeClaim `{claim}` takes no files: it is ReadOnlyMany");
        refuse(
            message,
            "name one that is ReadWriteOnce, or for shards ReadWriteMany",
        )
    } else if matches!(launch.runner, Runner::Shards(_)) && !many {
        warn(format!(
            "the PersistentVolumeClaim `{claim}` is not ReadWriteMany: shards on other nodes than the first do not begin"
        ))
    } else {
        Ok(())
    }
}
