//! `iter8 k launch`: makes the objects of an experiment, so that nothing is made where one of them would be refused, and no two
//! runs of a group go on at once.

use std::collections::BTreeSet;

use serde_json::{Value, json};
use url::Url;

use super::delete::{Found, find, remove, shown};
use super::{ANSWER, failed};
use crate::cli::args::LogLevel;
use crate::cli::console::Console;
use crate::cli::exit::Exit;
use crate::cli::launch::{InCluster, Planned, in_cluster, planned};
use crate::cli::run::DEFAULT_FILE;
use crate::cluster::manifests::{Group, Launch, Runner, manifests, name_of, revision};
use crate::cluster::{Cluster, ClusterError, Deletion, Manner, ObjectName, Propagation};
use crate::diagnostic::Diagnostic;
use crate::net::is_loopback;
use crate::platform::Env;
use crate::tasks::quoted;

const REHEARSAL: Manner = Manner {
    force: true,
    dry_run: true,
};
/// What is ours is ours, whoever touched it.
const MINE: Manner = Manner {
    force: true,
    dry_run: false,
};

/// How often a run that goes on may be faster than its successor.
const WRITERS: usize = 20;

/// Launches an experiment, or with `--dry` writes its objects down.
pub(super) async fn launch(args: InCluster, console: &Console, env: &Env) -> Result<Exit, Exit> {
    if args.dry {
        let Planned { launch, judges, .. } = in_cluster(&args, console, env).await?;
        warn_of_itself(&launch, console);
        let text = format!("this is revision {}; once it is applied", launch.revision);
        console.say(LogLevel::Info, &text);
        next(&launch, judges, &args, console);
        return Ok(Exit::Pass);
    }
    let Planned { launch, judges, .. } = planned(&args, console, env).await?;
    warn_of_itself(&launch, console);
    let complain = |error: ClusterError| failed(&error, console);
    let access = args.cluster.access(env, &console.mask);
    let cluster = access.connect().await.map_err(complain)?;
    super::volume::check(&cluster, &launch, console).await?;
    let plan = Plan::make(&cluster, launch)
        .await
        .map_err(|why| why.tell(console, "nothing was launched"))?;
    plan.rehearse(&cluster)
        .await
        .map_err(|why| why.tell(console, "nothing was launched"))?;
    plan.perform(&cluster, console).await.map_err(|why| {
        why.tell(
            console,
            "not all was launched: launch again, or remove what is there by iter8 k delete",
        )
    })?;
    let Launch { group, revision, .. } = &plan.launch;
    let Group { name, namespace } = group;
    let text =
        format!("experiment launched: group {name}, revision {revision}, in the namespace {namespace}");
    console.say(LogLevel::Info, &text);
    next(&plan.launch, judges, &args, console);
    Ok(Exit::Pass)
}

/// Warns of addresses that mean another machine in a pod than here: the pod itself, in which nothing but this program runs.
fn warn_of_itself(launch: &Launch, console: &Console) {
    if launch.runner == Runner::Nothing {
        return;
    }
    let mut found = BTreeSet::new();
    for (_, bytes) in launch.files.iter().filter(|(name, _)| name == DEFAULT_FILE) {
        own_addresses(&serde_yaml::from_slice(bytes).unwrap_or_default(), &mut found);
    }
    for (address, is_url) in found {
        let message =
            format!("`{address}` is the pod itself where this runs in a pod, in which nothing else runs");
        let namespace = &launch.group.namespace;
        let hint = if is_url {
            format!("name the Service: http://NAME.{namespace}.svc")
        } else {
            format!("name the Service: NAME.{namespace}.svc:PORT")
        };
        console.diagnostics(&[Diagnostic::warning(message).hint(hint)]);
    }
}

/// Hosts, with their ports, of URLs and targets in an experiment that are of the machine it runs on; whether that is a URL.
fn own_addresses(value: &Value, found: &mut BTreeSet<(String, bool)>) {
    if let Value::Array(items) = value {
        items.iter().for_each(|item| own_addresses(item, found));
    }
    for (key, value) in value.as_object().into_iter().flatten() {
        // What is sent along is no address.
        if !["headers", "metadata", "params"].contains(&key.as_str()) {
            own_addresses(value, found);
        }
        let is_address = key == "host" || key.to_ascii_lowercase().ends_with("url");
        let Some(text) = value.as_str().filter(|_| is_address) else {
            continue;
        };
        let is_url = text.contains("://");
        let url = if is_url {
            Url::parse(text)
        } else {
            Url::parse(&format!("http://{text}"))
        };
        if let Some(url) = url.ok().filter(is_loopback) {
            let port = url.port().map_or_else(String::new, |port| format!(":{port}"));
            let address = format!("{}{port}", url.host_str().unwrap_or_default());
            found.insert((address, is_url));
        }
    }
}

/// Why nothing is launched.
enum Refusal {
    /// The cluster says so.
    Cluster(ClusterError),
    /// An object of this name is there, and is somebody else's.
    Foreign(String),
    /// Somebody else launches the group at this moment.
    Together(String),
    /// Nobody can be given the right to read this in a namespace.
    Homeless(String),
    /// What ran before does not end; this was said.
    Running,
}

impl From<ClusterError> for Refusal {
    fn from(error: ClusterError) -> Self {
        Self::Cluster(error)
    }
}

impl Refusal {
    /// Says so, and what came of it.
    fn tell(self, console: &Console, result: &str) -> Exit {
        let exit = match self {
            Self::Cluster(error) => failed(&error, console),
            Self::Foreign(object) => {
                let message = format!("{object} is there already, and was not made for this group");
                let hint =
                    "choose another name for the group by -g, or remove it: helm uninstall, kubectl delete";
                console.diagnostics(&[Diagnostic::error(message).hint(hint)]);
                Exit::Usage
            }
            Self::Together(object) => {
                let message = format!("{object} changed meanwhile: somebody else launches the same group");
                console.diagnostics(&[Diagnostic::error(message).hint("launch one after the other")]);
                Exit::Error
            }
            Self::Homeless(object) => {
                let message = format!(
                    "{object} has no namespace: the account that is made for the experiment may not read it"
                );
                let hint = "give one that may, by a ClusterRole: --set serviceAccountName=NAME";
                console.diagnostics(&[Diagnostic::error(message).hint(hint)]);
                Exit::Usage
            }
            Self::Running => Exit::Error,
        };
        console.say(LogLevel::Error, result);
        exit
    }
}

/// An object that is to be made.
struct Step {
    name: ObjectName,
    manifest: Value,
    /// The one of its name that is there.
    former: Option<Value>,
}

/// Everything that is to be done.
struct Plan {
    launch: Launch,
    /// The Secret first: it owns the others.
    steps: Vec<Step>,
    /// What a former launch made and this one does not.
    surplus: Vec<Found>,
}

impl Plan {
    /// Looks at what there is: a group that was launched before gets another revision.
    async fn make(cluster: &Cluster, mut launch: Launch) -> Result<Self, Refusal> {
        let found = find(cluster, &launch.group).await?;
        let former = found.iter().filter_map(|one| revision(&one.object)).max();
        launch.revision = former.map_or(1, |former| former.saturating_add(1));
        let mut objects = manifests(&launch);
        objects.sort_by_key(|object| object["kind"] != "Secret");
        let mut steps = Vec::new();
        for manifest in objects {
            // Every kind of manifests is a known one.
            let Some(name) = name_of(&manifest) else { continue };
            let former = match cluster.read(&name, ANSWER).await {
                Ok(object) => Some(object),
                Err(ClusterError::Absent { .. }) => None,
                Err(error) => return Err(error.into()),
            };
            if former.as_ref().is_some_and(|object| !launch.group.owns(object)) {
                return Err(Refusal::Foreign(shown(&name, &launch.group)));
            }
            steps.push(Step {
                name,
                manifest,
                former,
            });
        }
        let mut plan = Self {
            launch,
            steps,
            surplus: Vec::new(),
        };
        plan.surplus = plan.surplus_of(found);
        Ok(plan)
    }

    /// Has the API server check everything, rights included, and change nothing.
    async fn rehearse(&self, cluster: &Cluster) -> Result<(), Refusal> {
        let reads = self.launch.reads.iter().filter(|_| self.launch.account.is_none());
        for object in reads {
            match cluster.has_namespace(&object.resource, ANSWER).await {
                // What defines it may come while the experiment waits.
                Ok(true) | Err(ClusterError::NoSuchResource { .. }) => {}
                Ok(false) => return Err(Refusal::Homeless(object.to_string())),
                Err(error) => return Err(error.into()),
            }
        }
        for step in &self.steps {
            match step.put(cluster, &step.manifest, REHEARSAL).await {
                // Who may not give every right may bind a role with theirs only, which is looked at, and is not there yet.
                Err(ClusterError::Absent { .. }) if step.former.is_none() => {}
                answer => drop(answer.map_err(|error| together(error, step, &self.launch.group))?),
            }
        }
        for one in &self.surplus {
            let deletion = Deletion {
                propagation: Propagation::Foreground,
                uid: None,
                dry_run: true,
            };
            match cluster.delete(&one.name, deletion, ANSWER).await {
                Ok(()) | Err(ClusterError::Absent { .. }) => {}
                Err(error) => return Err(error.into()),
            }
        }
        Ok(())
    }

    /// Does it. From the first steps on a former run knows that its result does not count. It keeps its rights until it has
    /// ended, for it takes back what it changed. The Job is the last.
    async fn perform(&self, cluster: &Cluster, console: &Console) -> Result<(), Refusal> {
        let group = &self.launch.group;
        let (first, others) = self.steps.split_first().expect("an experiment has a Secret");
        let answer = first.put(cluster, &first.manifest, MINE).await;
        let secret = answer.map_err(|error| together(error, first, group))?;
        first.say(group, console);
        let owner = json!([{
            "apiVersion": "v1",
            "kind": "Secret",
            "name": group.name,
            "uid": secret["metadata"]["uid"],
        }]);
        let (results, others): (Vec<&Step>, Vec<&Step>) = others
            .iter()
            .partition(|step| step.name.resource.plural == "configmaps");
        let (last, others): (Vec<&Step>, Vec<&Step>) = others
            .into_iter()
            .partition(|step| step.name.resource.group == "batch");
        for step in results {
            self.put(step, &owner, cluster, console).await?;
        }
        let mut former = self.surplus_now(cluster).await?;
        former.retain(Found::runs);
        if !remove(cluster, group, &former, console).await? {
            return Err(Refusal::Running);
        }
        self.is_current(cluster).await?;
        for step in others {
            self.put(step, &owner, cluster, console).await?;
        }
        let surplus = self.surplus_now(cluster).await?;
        if !remove(cluster, group, &surplus, console).await? {
            return Err(Refusal::Running);
        }
        self.is_current(cluster).await?;
        for step in last {
            self.put(step, &owner, cluster, console).await?;
        }
        Ok(())
    }

    /// Whether nobody launched the group since: what ran before may have taken its time to end.
    async fn is_current(&self, cluster: &Cluster) -> Result<(), Refusal> {
        let name = self.launch.group.experiment();
        match cluster.read(&name, ANSWER).await {
            Ok(secret) if revision(&secret) == Some(self.launch.revision) => Ok(()),
            Ok(_) | Err(ClusterError::Absent { .. }) => Err(Refusal::Together(name.to_string())),
            Err(error) => Err(error.into()),
        }
    }

    /// What a former launch made, and one that went on beside this; a later one is left its way.
    async fn surplus_now(&self, cluster: &Cluster) -> Result<Vec<Found>, Refusal> {
        let Launch {
            group,
            revision: ours,
            ..
        } = &self.launch;
        let found = find(cluster, group).await?;
        if found.iter().filter_map(|one| revision(&one.object)).max() > Some(*ours) {
            return Err(Refusal::Together(group.experiment().to_string()));
        }
        Ok(self.surplus_of(found))
    }

    fn surplus_of(&self, found: Vec<Found>) -> Vec<Found> {
        let is_new = |one: &Found| self.steps.iter().any(|step| step.name == one.name);
        found.into_iter().filter(|one| !is_new(one)).collect()
    }

    async fn put(
        &self,
        step: &Step,
        owner: &Value,
        cluster: &Cluster,
        console: &Console,
    ) -> Result<(), Refusal> {
        let group = &self.launch.group;
        let mut manifest = step.manifest.clone();
        // Owners and what they own are in one namespace.
        if step.name.namespace.as_deref() == Some(group.namespace.as_str()) {
            manifest["metadata"]["ownerReferences"] = owner.clone();
        }
        let answer = step.put(cluster, &manifest, MINE).await;
        answer.map_err(|error| together(error, step, group))?;
        step.say(group, console);
        Ok(())
    }
}

impl Step {
    /// Makes the object. What holds content is replaced as a whole, so that nothing of the old one stays; of the rest what
    /// others added stays.
    async fn put(&self, cluster: &Cluster, manifest: &Value, manner: Manner) -> Result<Value, ClusterError> {
        let Some(former) = &self.former else {
            return cluster.create(&self.name, manifest, manner, ANSWER).await;
        };
        if !["Secret", "ConfigMap"].contains(&manifest["kind"].as_str().unwrap_or_default()) {
            return cluster.apply(&self.name, manifest, manner, ANSWER).await;
        }
        let ours = revision(manifest);
        let mut manifest = manifest.clone();
        manifest["metadata"]["resourceVersion"] = former["metadata"]["resourceVersion"].clone();
        for _ in 0..WRITERS {
            let error = match cluster.replace(&self.name, &manifest, manner, ANSWER).await {
                Err(error @ ClusterError::Conflict(_)) if self.name.resource.plural == "configmaps" => error,
                answer => return answer,
            };
            // A run that still goes on left something; who launches at the same time has a revision that is no earlier one.
            let now = cluster.read(&self.name, ANSWER).await?;
            if revision(&now) >= ours {
                return Err(error);
            }
            manifest["metadata"]["resourceVersion"] = now["metadata"]["resourceVersion"].clone();
        }
        cluster.replace(&self.name, &manifest, manner, ANSWER).await
    }

    fn say(&self, group: &Group, console: &Console) {
        let done = if self.former.is_some() { "replaced" } else { "made" };
        console.say(LogLevel::Info, &format!("{done} {}", shown(&self.name, group)));
    }
}

#[expect(clippy::wildcard_enum_match_arm, reason = "all others are what they are")]
fn together(error: ClusterError, step: &Step, group: &Group) -> Refusal {
    match error {
        ClusterError::Conflict(_) | ClusterError::Exists { .. } => {
            Refusal::Together(shown(&step.name, group))
        }
        other => Refusal::Cluster(other),
    }
}

/// Says what to do next. Where nothing is judged, there are no objectives to ask for.
fn next(launch: &Launch, judges: bool, args: &InCluster, console: &Console) {
    let mut flags = String::new();
    let mut flag = |flag: &str, value: Option<&str>| {
        if let Some(value) = value {
            flags.push_str(&format!(" {flag} {}", quoted(value)));
        }
    };
    let (name, cluster) = (launch.group.name.as_str(), &args.cluster);
    flag("-g", Some(name).filter(|name| *name != "default"));
    flag("-n", cluster.namespace.as_deref());
    flag("--kube-context", cluster.kube_context.as_deref());
    let next = match launch.runner {
        Runner::Job | Runner::Shards(_) => {
            let revision = launch.revision;
            let slos = if judges { ",slos" } else { "" };
            format!("iter8 k assert -c completed,nofailure{slos} --timeout 10m{flags} --revision {revision}")
        }
        Runner::CronJob { .. } => format!("iter8 k report{flags}"),
        Runner::Nothing => {
            let text = "runner is none: nothing runs the experiment until somebody does";
            console.say(LogLevel::Info, text);
            format!("iter8 k run{flags}")
        }
    };
    console.say(LogLevel::Info, &format!("next: {next}"));
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn addresses_of_the_pod_itself_are_found() {
        let found = |experiment: &str| {
            let mut found = BTreeSet::new();
            own_addresses(&serde_yaml::from_str(experiment).expect("YAML"), &mut found);
            found.into_iter().collect::<Vec<_>>()
        };
        for (address, shown) in [
            ("url: http://localhost:8080/a", "localhost:8080"),
            ("url: http://me:secret@127.0.0.1/?token=secret", "127.0.0.1"),
            ("url: 'https://[::1]:8443'", "[::1]:8443"),
            ("url: 'http://[::ffff:127.0.0.1]/'", "[::ffff:7f00:1]"),
            ("baselineURL: http://App.localhost", "app.localhost"),
            ("host: 127.0.0.1:50051", "127.0.0.1:50051"),
            (
                "versions: [{name: a}, {url: 'http://127.0.0.2:1'}]",
                "127.0.0.2:1",
            ),
        ] {
            let text = format!("spec:\n- task: http\n  with:\n    {address}\n");
            let expected = [(shown.to_owned(), address.contains("://"))];
            assert_eq!(found(&text), expected, "{address}");
        }
        for address in [
            "url: http://shop.default.svc/localhost",
            "url: http://localhost.example.com/?at=127.0.0.1",
            "host: 10.0.0.1:80",
            "payloadStr: http://localhost/",
            "headers: {host: localhost}",
            "url: [1]",
        ] {
            let text = format!("spec:\n- task: http\n  with:\n    {address}\n");
            assert_eq!(found(&text), [], "{address}");
        }
    }
}
