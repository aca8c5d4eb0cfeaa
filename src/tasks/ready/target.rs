//! [`Kind`]: which kind of target a `ready` task waits for, and which fields each kind has.

use serde_json::{Value as Json, json};

use super::NetInput;
use super::object::{self, MORE, PARTS, SHORTCUTS};
use crate::spec::Decoder;
use crate::tasks::inputs::Places;

/// A kind of target.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Kind {
    /// A URL.
    Page,
    /// A gRPC server.
    Health,
    /// An object in Kubernetes.
    Object,
}

/// Fields that only one kind of target has.
const PAGES: [&str; 2] = ["header", "body"];
const HEALTHS: [&str; 7] = [
    "service",
    "insecure",
    "authority",
    "cname",
    "cert",
    "key",
    "skipTLS",
];

impl Kind {
    /// The kind that is given, if it is one, and nothing is given that belongs to another.
    pub(super) fn of(places: Places<'_>, decoder: &mut Decoder<'_>) -> Option<Self> {
        let targets = [
            (places.given("url").then_some("url"), Self::Page),
            (places.given("grpc").then_some("grpc"), Self::Health),
            (object::field(places), Self::Object),
        ];
        let mut given = targets
            .into_iter()
            .filter_map(|(field, kind)| Some((field?, kind)));
        let Some((first, kind)) = given.next() else {
            let message = "a `ready` task needs `url`, `grpc` or an object such as `deploy`";
            decoder.error(places.own(), message, None);
            return None;
        };
        if let Some((second, _)) = given.next() {
            let hint = "write two `ready` tasks, one for each";
            let message = format!("give either `{first}` or `{second}`");
            decoder.error(places.at(second), message, Some(hint.into()));
            return None;
        }
        let mut alone = true;
        for (field, goes_with) in kind.strangers() {
            if places.given(field) {
                let message = format!("`{field}` goes with `{goes_with}`");
                decoder.error(places.at(field), message, None);
                alone = false;
            }
        }
        alone.then_some(kind)
    }

    /// Fields that this kind does not have, each with one that it goes with.
    fn strangers(self) -> Vec<(&'static str, &'static str)> {
        let with = |goes_with: &'static str| move |field: &'static str| (field, goes_with);
        let pages = PAGES.into_iter().map(with("url"));
        let healths = HEALTHS.into_iter().map(with("grpc"));
        let objects = MORE.into_iter().map(with("resource"));
        match self {
            Self::Page => healths.chain(objects).collect(),
            Self::Health => pages.chain(objects).collect(),
            Self::Object => {
                let net = NetInput::FIELDS.iter().map(|field| field.key);
                let both = ["status"].into_iter().chain(net).map(with("url"));
                // A `service` alone is an object.
                let healths = healths.filter(|(field, _)| *field != "service");
                pages.chain(healths).chain(both).collect()
            }
        }
    }
}

/// Of which fields a task has exactly one, as JSON Schema.
pub(super) fn one_of() -> Json {
    let required = |field: &str| json!({ "required": [field] });
    let page = required("url");
    let health = required("grpc");
    let shortcuts = SHORTCUTS.iter().map(|shortcut| shortcut.field);
    // `service` is of a server where there is one.
    let alone = shortcuts.map(|field| match field {
        "service" => json!({ "required": [field], "not": { "anyOf": [page, health] } }),
        field => required(field),
    });
    let objects = alone.chain([json!({ "required": PARTS[..2] })]);
    Json::Array(
        [page.clone(), health.clone()]
            .into_iter()
            .chain(objects)
            .collect(),
    )
}
