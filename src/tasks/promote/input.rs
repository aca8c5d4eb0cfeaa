//! The `with:` of `promote`: which field of which object, or which pull request.

use crate::cluster::{ObjectName, Resource};
use crate::edit::Path;
use crate::spec::{Decode, Decoder, Node};
use crate::tasks::inputs::Places;
use crate::tasks::publish::{PullRequest, Wording};

crate::fields! {
    /// What is promoted.
    pub(super) struct PromoteInput in "a `promote` task" {
        /// A Deployment of Kubernetes, by its name; this, one of the fields that follow, or `pullRequest`.
        deploy: String = ["deploy"],
        /// A Service of Knative.
        ksvc: String = ["ksvc"],
        /// An InferenceService of KServe.
        isvc: String = ["isvc"],
        /// An object of any kind in Kubernetes, by its kind in the plural, such as `statefulsets`; with `name`, `version` and, unless it is of the core, `group`.
        resource: String = ["resource"],
        /// With `resource`: the object's name.
        name: String = ["name"],
        /// With `resource`: the API group; default the core's.
        group: String = ["group"],
        /// With `resource`: the version of the API group; default `v1`.
        version: String = ["version"],
        /// The object's namespace; default that of the cluster's context, or of the pod this runs in.
        namespace: String = ["namespace"],
        /// Path of the value that is changed, such as `spec.template.spec.containers[name=shop].image`. It must be there.
        field: PathText = ["field"],
        /// The new value. It may have `{{ .winner }}`, `{{ .sha }}` and the like in it, as values of a pull request.
        value: Wording = ["value"],
        /// Take the field over from whoever manages it now; default false: that is an error which names them.
        force: bool = ["force"],
        /// Let the API check the change and make none; default false.
        dry_run: bool = ["dryRun"],
        /// A pull request instead, with the fields of a `pullrequest` task.
        pull_request: PullRequest = ["pullRequest"],
    }
}

/// A path in an object.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct PathText(pub(super) Path);

impl Decode for PathText {
    const TYPE: &'static str = "path";

    fn schema() -> serde_json::Value {
        serde_json::json!({ "type": "string", "examples": ["spec.template.spec.containers[name=shop].image"] })
    }

    fn decode(node: &Node, decoder: &mut Decoder<'_>) -> Option<Self> {
        let text = String::decode(node, decoder)?;
        match text.parse() {
            Ok(path) => Some(Self(path)),
            Err(cause) => {
                decoder.error(&node.at, format!("{text:?} is no path: {cause}"), None);
                None
            }
        }
    }
}

/// Fields that have an object of one kind as their value: the API group, version and plural of each.
const SHORT: [(&str, [&str; 3]); 3] = [
    ("deploy", ["apps", "v1", "deployments"]),
    ("ksvc", ["serving.knative.dev", "v1", "services"]),
    ("isvc", ["serving.kserve.io", "v1beta1", "inferenceservices"]),
];

/// Fields of a change in a cluster.
const OF_OBJECT: [&str; 11] = [
    "deploy",
    "ksvc",
    "isvc",
    "resource",
    "name",
    "group",
    "version",
    "namespace",
    "field",
    "value",
    "force",
];

/// What is changed in a cluster.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Patch {
    pub(super) object: ObjectName,
    pub(super) path: Path,
    pub(super) value: Wording,
    pub(super) force: bool,
    pub(super) dry_run: bool,
}

/// How something is promoted.
pub(super) enum Way {
    Patch(Box<Patch>),
    PullRequest(Box<PullRequest>),
}

impl PromoteInput {
    /// Everything that is given, seen together.
    pub(super) fn way(self, places: Places<'_>, decoder: &mut Decoder<'_>) -> Option<Way> {
        if places.given("pullRequest") {
            let other = OF_OBJECT
                .into_iter()
                .chain(["dryRun"])
                .find(|field| places.given(field));
            if let Some(field) = other {
                let message = format!("`{field}` is of a change in a cluster, and `pullRequest` is none");
                decoder.error(places.at(field), message, Some("write two tasks".to_owned()));
                return None;
            }
            return self
                .pull_request
                .map(|request| Way::PullRequest(Box::new(request)));
        }
        let object = self.object(places, decoder);
        for (field, about) in [
            ("field", "the value that is changed"),
            ("value", "what it becomes"),
        ] {
            if !places.given(field) {
                decoder.error(
                    places.own(),
                    format!("a `promote` task needs `{field}`, {about}"),
                    None,
                );
            }
        }
        Some(Way::Patch(Box::new(Patch {
            object: object?,
            path: self.field?.0,
            value: self.value?,
            force: self.force == Some(true),
            dry_run: self.dry_run == Some(true),
        })))
    }

    fn object(&self, places: Places<'_>, decoder: &mut Decoder<'_>) -> Option<ObjectName> {
        let named = [&self.deploy, &self.ksvc, &self.isvc];
        let short = SHORT
            .iter()
            .zip(named)
            .filter(|((field, _), _)| places.given(field));
        let short: Vec<_> = short.collect();
        let whole = places.given("resource");
        if short.len() + usize::from(whole) != 1 {
            let message =
                "a `promote` task has one of `deploy`, `ksvc`, `isvc`, `resource` and `pullRequest`";
            decoder.error(places.own(), message, None);
            return None;
        }
        let (field, [group, version, plural], name) = if let Some(((field, parts), name)) = short.first() {
            let stray = ["name", "group", "version"]
                .into_iter()
                .find(|other| places.given(other));
            if let Some(other) = stray {
                decoder.error(places.at(other), format!("`{other}` goes with `resource`"), None);
                return None;
            }
            (*field, parts.map(str::to_owned), name.as_ref())
        } else {
            let version = self.version.clone().unwrap_or_else(|| "v1".to_owned());
            let parts = [
                self.group.clone().unwrap_or_default(),
                version,
                self.resource.clone()?,
            ];
            ("name", parts, self.name.as_ref())
        };
        let Some(name) = name else {
            if !places.given(field) {
                decoder.error(places.own(), format!("an object needs `{field}`"), None);
            }
            return None;
        };
        let texts = [
            (field, Some(name)),
            ("namespace", self.namespace.as_ref()),
            ("resource", Some(&plural)),
            ("version", Some(&version)),
        ];
        let texts = texts
            .into_iter()
            .chain([("group", Some(&group).filter(|group| !group.is_empty()))]);
        for (field, text) in texts {
            if let Some(text) = text
                && !ObjectName::is_name(text)
            {
                decoder.error(
                    places.at(field),
                    format!("`{text}` is no name in Kubernetes"),
                    None,
                );
                return None;
            }
        }
        Some(ObjectName {
            resource: Resource {
                group,
                version,
                plural,
            },
            namespace: self.namespace.clone(),
            name: name.clone(),
        })
    }
}
