//! `iter8 k delete`: removes exactly what was made for a group, wherever it is.

use std::time::Duration;

use serde_json::Value;
use tokio::time::{Instant, sleep};

use super::args::GroupFlags;
use super::{ANSWER, failed};
use crate::cli::args::LogLevel;
use crate::cli::console::Console;
use crate::cli::exit::Exit;
use crate::cluster::manifests::{Group, elsewhere, kinds};
use crate::cluster::{Cluster, ClusterError, Deletion, ObjectName, Propagation, Resource};
use crate::diagnostic::Diagnostic;
use crate::platform::Env;

/// Longest wait for pods to end: twice the time that they are given to end by themselves.
const ENDING: Duration = Duration::from_mins(1);
const POLL: Duration = Duration::from_millis(250);

/// An object that was made for a group.
#[derive(Debug, Clone)]
pub(super) struct Found {
    /// Which it is.
    pub(super) name: ObjectName,
    /// The object itself.
    pub(super) object: Value,
}

impl Found {
    /// Whether it has pods, which take their time to end.
    pub(super) fn runs(&self) -> bool {
        self.name.resource.group == "batch"
    }

    fn uid(&self) -> Option<&str> {
        self.object["metadata"]["uid"].as_str()
    }

    /// Its name, with its namespace where that is not the group's.
    pub(super) fn shown(&self, group: &Group) -> String {
        shown(&self.name, group)
    }
}

/// The name of an object, with its namespace where that is not the group's.
pub(super) fn shown(name: &ObjectName, group: &Group) -> String {
    match name.namespace.as_deref() {
        Some(namespace) if namespace != group.namespace => format!("{name} in the namespace {namespace}"),
        Some(_) | None => name.to_string(),
    }
}

/// Removes everything of a group.
pub(super) async fn delete(args: GroupFlags, console: &Console, env: &Env) -> Result<Exit, Exit> {
    let (cluster, group) = args.open(env, console).await?;
    let Group { name, namespace } = &group;
    let complain = |error: ClusterError| failed(&error, console);
    let nothing = |why: &str| {
        let text = format!("warning: there is nothing to delete: {why}");
        console.say(LogLevel::Warning, &text);
        Ok(Exit::Pass)
    };
    let found = match find(&cluster, &group).await {
        // It went with its namespace.
        Err(error @ ClusterError::NoNamespace(_)) => return nothing(&error.to_string()),
        found => found.map_err(complain)?,
    };
    if found.is_empty() {
        return nothing(&format!("no group {name} in the namespace {namespace}"));
    }
    let (running, rest): (Vec<Found>, Vec<Found>) = found.into_iter().partition(Found::runs);
    let ended = remove(&cluster, &group, &running, console)
        .await
        .map_err(complain)?;
    // What a run that does not end needs is not needed any more.
    let gone = remove(&cluster, &group, &rest, console).await.map_err(complain)?;
    if ended && gone {
        console.say(LogLevel::Info, &format!("group {name} deleted"));
        Ok(Exit::Pass)
    } else {
        Ok(Exit::Error)
    }
}

/// What there is of a group, in the order in which it is to be deleted.
pub(super) async fn find(cluster: &Cluster, group: &Group) -> Result<Vec<Found>, ClusterError> {
    let mut places = vec![group.namespace.clone()];
    match cluster.read(&group.experiment(), ANSWER).await {
        Ok(secret) if group.owns(&secret) => places.extend(elsewhere(&secret)),
        // Parts of it may be left.
        Ok(_) | Err(ClusterError::Absent { .. } | ClusterError::Terminating(_)) => {}
        Err(error) => return Err(error),
    }
    let mut found = Vec::new();
    for (_, resource) in kinds() {
        let is_anywhere = resource.group == "rbac.authorization.k8s.io";
        if is_anywhere {
            found.extend(anywhere(cluster, group, &resource, &places).await?);
        } else {
            found.extend(within(cluster, group, &resource, &group.namespace).await?);
        }
    }
    Ok(found)
}

/// Those of a kind that may be in several namespaces. Who may look into all of them finds even what nobody remembers.
async fn anywhere(
    cluster: &Cluster,
    group: &Group,
    resource: &Resource,
    places: &[String],
) -> Result<Vec<Found>, ClusterError> {
    match cluster.list(resource, None, &group.selector(), ANSWER).await {
        Ok(objects) => Ok(of(resource, objects, &group.namespace)),
        Err(ClusterError::Forbidden(_)) => {
            let mut found = Vec::new();
            for namespace in places {
                found.extend(within(cluster, group, resource, namespace).await?);
            }
            Ok(found)
        }
        Err(error) => Err(error),
    }
}

async fn within(
    cluster: &Cluster,
    group: &Group,
    resource: &Resource,
    namespace: &str,
) -> Result<Vec<Found>, ClusterError> {
    let objects = cluster
        .list(resource, Some(namespace), &group.selector(), ANSWER)
        .await?;
    Ok(of(resource, objects, namespace))
}

fn of(resource: &Resource, objects: Vec<Value>, namespace: &str) -> Vec<Found> {
    let found = |object: Value| {
        let text = |field: &str| object["metadata"][field].as_str().map(str::to_owned);
        let name = ObjectName {
            resource: resource.clone(),
            namespace: text("namespace").or_else(|| Some(namespace.to_owned())),
            name: text("name")?,
        };
        Some(Found { name, object })
    };
    objects.into_iter().filter_map(found).collect()
}

/// Removes objects, and waits until those that have pods are gone with them. Whether all of them are.
pub(super) async fn remove(
    cluster: &Cluster,
    group: &Group,
    found: &[Found],
    console: &Console,
) -> Result<bool, ClusterError> {
    for one in found {
        let deletion = Deletion {
            propagation: if one.runs() {
                Propagation::Foreground
            } else {
                Propagation::Background
            },
            uid: one.uid(),
            dry_run: false,
        };
        match cluster.delete(&one.name, deletion, ANSWER).await {
            // Gone meanwhile, by another hand or with what owned it.
            Ok(()) | Err(ClusterError::Absent { .. }) => {}
            Err(error) => return Err(error),
        }
        if !one.runs() {
            console.say(LogLevel::Info, &format!("removed {}", one.shown(group)));
        }
    }
    let deadline = Instant::now() + ENDING;
    let mut all = true;
    for one in found.iter().filter(|one| one.runs()) {
        if is_gone(cluster, one, deadline).await? {
            console.say(LogLevel::Info, &format!("removed {}", one.shown(group)));
            continue;
        }
        all = false;
        let message = format!(
            "{} is still there after {} s: its pod does not end",
            one.shown(group),
            ENDING.as_secs()
        );
        let hint = "its node may be away: look at it with kubectl describe pods";
        console.diagnostics(&[Diagnostic::error(message).hint(hint)]);
    }
    Ok(all)
}

/// Waits until an object is gone.
async fn is_gone(cluster: &Cluster, one: &Found, deadline: Instant) -> Result<bool, ClusterError> {
    loop {
        match cluster.read(&one.name, ANSWER).await {
            // While its namespace is being deleted, that is said of what is gone.
            Err(
                ClusterError::Absent { .. } | ClusterError::NoNamespace(_) | ClusterError::Terminating(_),
            ) => return Ok(true),
            // Another one has its name by now.
            Ok(object) if object["metadata"]["uid"].as_str() != one.uid() => return Ok(true),
            Err(error) if !error.may_pass() => return Err(error),
            Ok(_) | Err(_) => {}
        }
        if Instant::now() >= deadline {
            return Ok(false);
        }
        sleep(POLL).await;
    }
}
