//! [`ObjectOf`]: an object of a Kubernetes cluster and the conditions that must be true; [`ObjectProbe`] asks for it.

use std::fmt;
use std::time::Duration;

use serde_json::Value;
use tokio::sync::Mutex;
use tokio::time::Instant;
use url::Url;

use super::ReadyInput;
use super::rollout::Rollout;
use super::wait::{Probe, Refusal};
use crate::cluster::{Access, Cluster, ClusterError, ObjectName, Resource, unready};
use crate::secret::Mask;
use crate::spec::{At, Decoder};
use crate::tasks::inputs::Places;

/// How long a right or a definition that was given this moment may take to be known everywhere.
const SPREADING: Duration = Duration::from_secs(10);

/// A kind of object that has a field of its own, whose value is the object's name.
#[derive(Debug, Clone, Copy)]
pub struct Shortcut {
    /// The field.
    pub field: &'static str,
    /// API group; empty for the core.
    pub group: &'static str,
    /// Version of the group.
    pub version: &'static str,
    /// Name of the kind, in the plural.
    pub resource: &'static str,
    /// The condition that must be true; without one it is enough that the object exists.
    pub condition: Option<&'static str>,
}

impl Shortcut {
    /// The kind of object.
    fn kind(&self) -> Resource {
        Resource {
            group: self.group.to_owned(),
            version: self.version.to_owned(),
            plural: self.resource.to_owned(),
        }
    }
}

const fn shortcut(
    field: &'static str,
    (group, version, resource): (&'static str, &'static str, &'static str),
    condition: Option<&'static str>,
) -> Shortcut {
    Shortcut {
        field,
        group,
        version,
        resource,
        condition,
    }
}

/// Those of all releases of Iter8, in the order in which its chart waits for them.
#[rustfmt::skip] // a table
pub static SHORTCUTS: &[Shortcut] = &[
    shortcut("service", ("", "v1", "services"), None),
    shortcut("svc", ("", "v1", "services"), None),
    shortcut("cm", ("", "v1", "configmaps"), None),
    shortcut("deploy", ("apps", "v1", "deployments"), Some("Available")),
    shortcut("ksvc", ("serving.knative.dev", "v1", "services"), Some("Ready")),
    shortcut("isvc", ("serving.kserve.io", "v1beta1", "inferenceservices"), Some("Ready")),
    shortcut("chaosengine", ("litmuschaos.io", "v1alpha1", "chaosengines"), None),
    shortcut("vs", ("networking.istio.io", "v1beta1", "virtualservices"), None),
];

/// Fields that say which object of any kind is meant.
pub(super) const PARTS: [&str; 4] = ["resource", "name", "group", "version"];
/// Fields that say more of an object.
pub(super) const MORE: [&str; 3] = ["namespace", "condition", "conditions"];

/// Whether a field of `ready` is about an object in Kubernetes, and about nothing else.
pub fn is_of_object(field: &str) -> bool {
    let shortcuts = SHORTCUTS.iter().map(|shortcut| shortcut.field);
    let shortcuts = shortcuts.filter(|shortcut| *shortcut != "service");
    let mut fields = PARTS.into_iter().chain(MORE).chain(shortcuts);
    fields.any(|known| known.eq_ignore_ascii_case(field))
}

/// The field that says that an object is waited for. `service` is also a field of other targets.
pub(super) fn field(places: Places<'_>) -> Option<&'static str> {
    let other = ["url", "grpc"].iter().any(|field| places.given(field));
    let shortcuts = SHORTCUTS
        .iter()
        .map(|shortcut| shortcut.field)
        .filter(|field| !(other && *field == "service"));
    let mut fields = PARTS.into_iter().chain(shortcuts);
    fields.find(|field| places.given(field))
}

/// An object that is waited for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct ObjectOf {
    pub(super) object: ObjectName,
    /// All must be true.
    conditions: Vec<String>,
    /// Must be over; who names conditions means these alone.
    rollout: Option<Rollout>,
}

impl ObjectOf {
    pub(super) fn read(input: ReadyInput, places: Places<'_>, decoder: &mut Decoder<'_>) -> Option<Self> {
        let (resource, name, condition) = if let Some((field, name)) = shortcuts(&input, places).next() {
            let others = shortcuts(&input, places).skip(1).map(|(other, _)| other);
            let parts = PARTS.into_iter().filter(|part| places.given(part));
            if let Some(other) = others.chain(parts).last() {
                let message = format!("`{field}` says which object is meant, and so does `{other}`");
                let hint = "write a `ready` task for each object";
                decoder.error(places.at(other), message, Some(hint.into()));
                return None;
            }
            let shortcut = SHORTCUTS.iter().find(|shortcut| shortcut.field == field)?;
            let name = is_name(name?, places.at(field), decoder)?;
            (shortcut.kind(), name, shortcut.condition)
        } else {
            let (resource, name) = of_parts(&input, places, decoder)?;
            (resource, name, None)
        };
        if places.given("condition") && places.given("conditions") {
            let message = "give either `condition` or `conditions`";
            decoder.error(places.at("conditions"), message, None);
            return None;
        }
        let given = input
            .conditions
            .or_else(|| input.condition.map(|only| vec![only]));
        let rollout = given.is_none().then(|| Rollout::of(&resource)).flatten();
        let conditions = given.unwrap_or_else(|| condition.map(str::to_owned).into_iter().collect());
        if let Some(namespace) = &input.namespace {
            is_name(namespace, places.at("namespace"), decoder)?;
        }
        Some(Self {
            object: ObjectName {
                resource,
                namespace: input.namespace,
                name,
            },
            conditions,
            rollout,
        })
    }
}

/// The shortcuts that are given, each with its value if that is one.
fn shortcuts<'a>(
    input: &'a ReadyInput,
    places: Places<'a>,
) -> impl Iterator<Item = (&'static str, Option<&'a str>)> {
    let all = [
        ("service", &input.service),
        ("svc", &input.svc),
        ("cm", &input.cm),
        ("deploy", &input.deploy),
        ("ksvc", &input.ksvc),
        ("isvc", &input.isvc),
        ("chaosengine", &input.chaosengine),
        ("vs", &input.vs),
    ];
    let given = all.into_iter().filter(move |(field, _)| places.given(field));
    given.map(|(field, name)| (field, name.as_deref()))
}

/// The object that `resource`, `name`, `group` and `version` name.
fn of_parts(input: &ReadyInput, places: Places<'_>, decoder: &mut Decoder<'_>) -> Option<(Resource, String)> {
    let mut needed = |field: &str, given: Option<&String>, about: &str| {
        let empty = given.map_or(!places.given(field), String::is_empty);
        if empty {
            let message = format!("an object needs `{field}`, {about}");
            decoder.error(places.at(field), message, None);
        }
        given.filter(|_| !empty).cloned()
    };
    let plural = needed(
        "resource",
        input.resource.as_ref(),
        "its kind in the plural, such as `deployments`",
    );
    let name = needed("name", input.name.as_ref(), "the one it is known by");
    let group = input.group.clone().unwrap_or_default();
    let core = group.is_empty().then(|| "v1".to_owned());
    let version = input
        .version
        .clone()
        .filter(|version| !version.is_empty())
        .or(core);
    let version = needed("version", version.as_ref(), "that of its group, such as `v1`");
    let (plural, name, version) = (plural?, name?, version?);
    for (field, text) in [("resource", &plural), ("group", &group), ("version", &version)] {
        if !text.is_empty() {
            is_name(text, places.at(field), decoder)?;
        }
    }
    let name = is_name(&name, places.at("name"), decoder)?;
    Some((
        Resource {
            group,
            version,
            plural,
        },
        name,
    ))
}

fn is_name(text: &str, at: &At, decoder: &mut Decoder<'_>) -> Option<String> {
    if ObjectName::is_name(text) {
        return Some(text.to_owned());
    }
    decoder.error(at, format!("`{text}` is no name in Kubernetes"), None);
    None
}

impl fmt::Display for ObjectOf {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}", self.object)?;
        match &self.object.namespace {
            Some(namespace) => write!(f, " in the namespace {namespace}"),
            None => Ok(()),
        }
    }
}

impl ObjectOf {
    /// What is expected of it, behind its name.
    pub(super) fn expected(&self) -> String {
        match (self.rollout, self.conditions.as_slice()) {
            (Some(_), _) => " rolled out".to_owned(),
            (None, []) => String::new(),
            (None, conditions) => format!(" {}", conditions.join(" and ")),
        }
    }

    /// Why an object is not as expected, if so.
    fn unready(&self, object: &Value) -> Option<String> {
        let unfinished = || self.rollout?.unfinished(object);
        unready(object, &self.conditions).or_else(unfinished)
    }
}

/// An object that is asked for.
pub(super) struct ObjectProbe<'a> {
    of: &'a ObjectOf,
    access: &'a Access,
    mask: &'a Mask,
    state: Mutex<State>,
}

#[derive(Default)]
struct State {
    cluster: Option<Cluster>,
    /// Whether the credentials were good once.
    accepted: bool,
    /// Since when the same is refused.
    refused: Option<Instant>,
}

impl<'a> ObjectProbe<'a> {
    pub(super) fn new(of: &'a ObjectOf, access: &'a Access, mask: &'a Mask) -> Self {
        Self {
            of,
            access,
            mask,
            state: Mutex::default(),
        }
    }

    async fn ask(&self, state: &mut State, patience: Duration) -> Result<Option<String>, ClusterError> {
        let cluster = match &state.cluster {
            Some(cluster) => cluster.clone(),
            None => state.cluster.insert(self.access.connect().await?).clone(),
        };
        let found = cluster.read(&self.of.object, patience).await?;
        Ok(self.of.unready(&found))
    }

    /// Why the cluster did not tell, as a reason to go on or to give up.
    fn weigh(&self, error: &ClusterError, state: &mut State) -> Refusal {
        let expired = matches!(error, ClusterError::Unauthorized { .. });
        // A program gives new credentials where those that it gave have ended.
        let renewed =
            expired && state.accepted && state.cluster.take().is_some_and(|cluster| cluster.is_renewable());
        let may_spread = matches!(
            error,
            ClusterError::Forbidden(_) | ClusterError::Refused(_) | ClusterError::NoSuchResource { .. }
        );
        let absent = matches!(
            error,
            ClusterError::Absent { .. }
                | ClusterError::AbsentEverywhere { .. }
                | ClusterError::NoNamespace(_)
                | ClusterError::Terminating(_)
        );
        state.refused = state
            .refused
            .filter(|_| may_spread)
            .or(may_spread.then(Instant::now));
        state.accepted |= may_spread || absent;
        let hopeless =
            error.is_of_settings() || matches!(error, ClusterError::Tls { .. }) || expired && !renewed;
        let spread = state.refused.is_some_and(|since| since.elapsed() >= SPREADING);
        Refusal {
            hint: error.hint().map(|hint| self.mask.apply(&hint)),
            final_: hopeless || spread,
            ..Refusal::answered(self.mask.apply(&words(error)))
        }
    }
}

/// The target is named by who tells the reason.
#[expect(
    clippy::wildcard_enum_match_arm,
    reason = "only absence names the target again"
)]
fn words(error: &ClusterError) -> String {
    match error {
        ClusterError::Absent { namespace, .. } => format!("it does not exist in the namespace {namespace}"),
        ClusterError::AbsentEverywhere { .. } => "it does not exist".into(),
        error => error.to_string(),
    }
}

impl Probe for ObjectProbe<'_> {
    fn target(&self) -> String {
        self.of.to_string()
    }

    fn url(&self) -> Option<&Url> {
        None
    }

    async fn attempt(&self, patience: Duration) -> Result<(), Refusal> {
        let mut state = self.state.lock().await;
        match self.ask(&mut state, patience).await {
            Err(error) => Err(self.weigh(&error, &mut state)),
            Ok(why) => {
                (state.accepted, state.refused) = (true, None);
                match why {
                    None => Ok(()),
                    Some(why) => Err(Refusal::answered(self.mask.apply(&why))),
                }
            }
        }
    }
}
