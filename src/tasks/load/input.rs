//! The `with:` of a load task: the fields of its protocol; and endpoints and versions, which inherit what they do not say.

use super::LoadKind;
use crate::spec::{Decode, Decoder, Field, Map, Node};
use crate::tasks::inputs::{Count, Places, merge_schemas};

crate::fields! {
    /// What only the whole task has.
    pub(in crate::tasks) struct WholeInput<K: LoadKind> in "a load task" {
        /// Endpoints by name; each has the fields of the task and inherits what it does not say. One after the other; at the
        /// same time if each has a `weight`, its share of the requests.
        endpoints: Map<EndpointInput<K>> = ["endpoints"],
        /// Versions to compare, tested side by side: each has a `name`, and fields of the task that differ. All but the
        /// baseline are judged: the first, or the one with `baseline: true`.
        versions: Vec<VersionInput<K>> = ["versions"],
        /// Send the load but forget its results; default false.
        warmup: bool = ["warmup"],
        /// Name of the version in reports; default `default`.
        version: String = ["version"],
        /// End a load as soon as an objective of the `assess` tasks behind it is certain to fail; default false.
        abort: bool = ["abort"],
    }
}

crate::fields! {
    /// What only an endpoint has.
    struct OfEndpoint in "an endpoint" {
        /// Its share of the requests, against the weights of the other endpoints.
        weight: Count = ["weight"],
    }
}

crate::fields! {
    /// What only a version has.
    struct OfVersion in "a version" {
        /// Its name in reports.
        name: String = ["name"],
        /// The version that the others are compared with; it is shown and not judged. Default the first.
        baseline: bool = ["baseline"],
    }
}

/// The fields of a task, an endpoint or a version, all optional, and their place.
#[derive(Debug, Clone, PartialEq)]
pub(in crate::tasks) struct EndpointInput<K: LoadKind> {
    /// What is sent, and how it is reached.
    pub(in crate::tasks) fields: K::Fields,
    /// Of an endpoint: its share of the requests.
    pub(super) weight: Option<Count>,
    /// Where it stands.
    pub(super) node: Node,
}

/// The documentation of all fields of a kind.
pub(super) fn fields<K: LoadKind>() -> Vec<&'static Field> {
    let whole = std::iter::once(&K::BASELINE).chain(WholeInput::<K>::FIELDS);
    K::fields().into_iter().chain(whole).collect()
}

fn schema_with<K: LoadKind>(
    own: impl IntoIterator<Item = serde_json::Value>,
    required: &[&str],
) -> serde_json::Value {
    let mut parts = K::schemas();
    parts.extend(own);
    merge_schemas(&parts, required)
}

/// The schema of the field with the baseline's target.
fn baseline_schema<K: LoadKind>() -> serde_json::Value {
    let mut schema = K::Target::schema();
    schema["description"] = K::BASELINE.about.trim().into();
    let names = std::iter::once(&K::BASELINE.key).chain(K::BASELINE.aliases);
    let properties: serde_json::Map<_, _> = names.map(|name| ((*name).to_owned(), schema.clone())).collect();
    serde_json::json!({ "properties": properties })
}

impl<K: LoadKind> EndpointInput<K> {
    /// What is given here, completed by the base.
    pub(super) fn or(self, base: &Self) -> Self {
        Self {
            fields: K::or(self.fields, &base.fields),
            weight: self.weight,
            node: self.node,
        }
    }
}

impl<K: LoadKind> Decode for EndpointInput<K> {
    const TYPE: &'static str = "endpoint";

    fn schema() -> serde_json::Value {
        schema_with::<K>([OfEndpoint::schema()], &[])
    }

    fn decode(node: &Node, decoder: &mut Decoder<'_>) -> Option<Self> {
        let mut fields = decoder.fields(node, "a map with the fields of an endpoint")?;
        let read = K::read(&mut fields, decoder);
        let own = OfEndpoint::read(&mut fields, decoder);
        fields.finish("an endpoint", decoder);
        Some(Self {
            fields: read,
            weight: own.weight,
            node: node.clone(),
        })
    }
}

/// One of `versions`.
#[derive(Debug, Clone, PartialEq)]
pub(in crate::tasks) struct VersionInput<K: LoadKind> {
    /// Its name.
    pub(super) name: String,
    /// Whether it says that it is the baseline, or that it is not.
    pub(super) baseline: Option<bool>,
    /// Where it differs from the task.
    pub(super) fields: EndpointInput<K>,
}

impl<K: LoadKind> Decode for VersionInput<K> {
    const TYPE: &'static str = "version";

    fn schema() -> serde_json::Value {
        schema_with::<K>([OfVersion::schema()], &["name"])
    }

    fn decode(node: &Node, decoder: &mut Decoder<'_>) -> Option<Self> {
        let mut fields = decoder.fields(node, "a map with the fields of a version")?;
        let own = OfVersion::read(&mut fields, decoder);
        let read = K::read(&mut fields, decoder);
        fields.finish("a version", decoder);
        let named = node.field("name");
        let name = own.name.filter(|name| !name.trim().is_empty());
        // A name that is there and no text has been reported.
        if name.is_none() && named.is_none_or(|(_, given)| Decoder::is_text(given)) {
            let at = named.map_or(&node.at, |(_, given)| &given.at);
            decoder.error(at, "a version needs `name`", None);
        }
        Some(Self {
            name: name?,
            baseline: own.baseline,
            fields: EndpointInput {
                fields: read,
                weight: None,
                node: node.clone(),
            },
        })
    }
}

/// Most endpoints of one task.
const MOST: usize = 1000;

/// The whole `with:`.
pub(in crate::tasks) struct LoadInput<K: LoadKind> {
    /// What every endpoint inherits; the only load without endpoints.
    pub(super) base: EndpointInput<K>,
    /// The target of the version to compare with.
    pub(super) baseline: Option<K::Target>,
    /// What only the task has.
    pub(super) whole: WholeInput<K>,
}

impl<K: LoadKind> LoadInput<K> {
    /// The JSON Schema.
    pub(super) fn schema() -> serde_json::Value {
        schema_with::<K>([baseline_schema::<K>(), WholeInput::<K>::schema()], &[])
    }

    /// Reads it.
    pub(in crate::tasks) fn decode(node: &Node, decoder: &mut Decoder<'_>) -> Option<Self> {
        let mut fields = decoder.fields(node, &format!("a map with the fields of {}", a_task::<K>()))?;
        let read = K::read(&mut fields, decoder);
        let names: Vec<_> = std::iter::once(K::BASELINE.key)
            .chain(K::BASELINE.aliases.iter().copied())
            .collect();
        let baseline = fields.read(&names, false, decoder);
        let mut whole = WholeInput::read(&mut fields, decoder);
        fields.finish(&a_task::<K>(), decoder);
        let number = whole.endpoints.as_ref().map_or(0, |endpoints| endpoints.0.len());
        if number > MOST {
            let message = format!("{number} endpoints; a task has at most {MOST}");
            decoder.error(Places::of(node).at("endpoints"), message, None);
            whole.endpoints = None;
        }
        Some(Self {
            base: EndpointInput {
                fields: read,
                weight: None,
                node: node.clone(),
            },
            baseline,
            whole,
        })
    }

    /// Whether endpoints or versions were given that cannot be used; that has been reported.
    pub(super) fn is_unreadable(&self) -> bool {
        let lost = |read: bool, key: &str| !read && self.base.node.field(key).is_some();
        lost(self.whole.endpoints.is_some(), "endpoints")
            || lost(self.whole.versions.is_some(), "versions")
            || lost(self.baseline.is_some(), K::BASELINE.key)
    }

    /// The endpoints with their names; one without a name and without fields of its own if none are given.
    pub(super) fn endpoints(&self) -> Vec<(Option<&str>, Option<&EndpointInput<K>>)> {
        match &self.whole.endpoints {
            Some(Map(endpoints)) if !endpoints.is_empty() => endpoints
                .iter()
                .map(|(name, endpoint)| (Some(name.as_str()), Some(endpoint)))
                .collect(),
            _ => vec![(None, None)],
        }
    }
}

/// A task of a kind, for people.
pub(super) fn a_task<K: LoadKind>() -> String {
    format!("{} `{}` task", K::ARTICLE, K::NAME)
}
