//! [`Kind`]: the kinds of load that flags and inputs are put over, and how they call the same things.

use super::edit;
use crate::spec::{Key, Node, Value, same_field};
use crate::tasks::{GrpcKind, HttpKind, TaskKind};

/// A kind of load.
pub(super) struct Kind {
    /// As after `task:`.
    pub(super) name: &'static str,
    /// The field that says where requests go.
    pub(super) target: &'static str,
    /// The same of the version to compare with.
    pub(super) baseline: &'static str,
    task: &'static dyn TaskKind,
}

/// By HTTP.
pub(super) static HTTP: Kind = Kind {
    name: "http",
    target: "url",
    baseline: "baselineURL",
    task: &HttpKind,
};

/// By gRPC.
pub(super) static GRPC: Kind = Kind {
    name: "grpc",
    target: "host",
    baseline: "baselineHost",
    task: &GrpcKind,
};

/// Both.
pub(super) static KINDS: [&Kind; 2] = [&HTTP, &GRPC];

impl Kind {
    /// Whether a task of this kind has a field.
    pub(super) fn has(&self, field: &str) -> bool {
        !self.names(field).is_empty()
    }

    /// All names of a field.
    pub(super) fn names(&self, field: &str) -> Vec<&'static str> {
        let fields = self.task.fields().into_iter();
        let mut names = fields.map(|known| [&[known.key], known.aliases].concat());
        let found = names.find(|names| names.iter().any(|name| same_field(name, field)));
        found.unwrap_or_default()
    }

    /// Takes a field, whatever it is called, and its rivals out of a map.
    pub(super) fn clear(&self, map: &mut Node, field: &str) {
        for name in self.names(field) {
            edit::clear(map, name);
        }
    }

    /// Puts fields over those of a map, whatever they are called there, and over their rivals.
    pub(super) fn put(&self, map: &mut Node, fields: &[(Key, Node)]) {
        for (key, _) in fields.iter().filter(|(key, _)| !edit::is_pairs(key)) {
            self.clear(map, &key.name);
        }
        edit::put(map, fields);
    }

    /// Whether a field says what is tested.
    pub(super) fn is_target(&self, field: &str) -> bool {
        [self.target, self.baseline].contains(&field)
    }
}

/// Fields of `http`, and what they are called in `grpc`.
const WORDS: [(&str, &str); 6] = [
    ("numRequests", "total"),
    ("qps", "rps"),
    ("headers", "metadata"),
    ("payloadStr", "data"),
    ("payloadFile", "data-file"),
    ("baselineURL", "baselineHost"),
];

/// What a field of `http` is called in `grpc`.
pub(super) fn in_grpc(field: &str) -> &str {
    let known = WORDS.iter().find(|(http, _)| *http == field);
    known.map_or(field, |(_, grpc)| grpc)
}

/// What a field that only `grpc` has is called in `http`, if that has it by another name.
pub(super) fn in_http(field: &str) -> Option<&'static str> {
    let known = WORDS.iter().find(|(_, grpc)| *grpc == field);
    known.map(|(http, _)| *http)
}

/// Whether a field says that there is no TLS, which is what happens if nothing else is said.
fn is_plain((field, value): &(Key, Node)) -> bool {
    let says = matches!(&value.value, Value::Text(text) if !text.eq_ignore_ascii_case("false"));
    (says || value.value == Value::Bool(true)) && edit::is(field, "insecure")
}

/// Whether a field says what holds without it, too: a path or name that is empty, or that certificates are checked.
fn is_idle((field, value): &(Key, Node)) -> bool {
    match &value.value {
        Value::Bool(false) => edit::is(field, "skipTLS"),
        Value::Text(text) | Value::String(text) => {
            text.is_empty() || edit::is(field, "skipTLS") && text.eq_ignore_ascii_case("false")
        }
        Value::Null
        | Value::Bool(true)
        | Value::Int(_)
        | Value::Float(_)
        | Value::List(_)
        | Value::Map(_) => false,
    }
}

/// Names of one thing in `ready`.
const TWINS: [[&str; 2]; 3] = [
    ["clientCert", "cert"],
    ["clientKey", "key"],
    ["insecureSkipVerify", "skipTLS"],
];

/// Puts fields of `grpc` that say how a server is reached over those of a `ready` task, whatever they are called there.
pub(super) fn put_in_probe(with: &mut Node, fields: &[(Key, Node)]) {
    for name in fields.iter().filter_map(|(key, _)| of_probe(&key.name)) {
        edit::clear(with, name);
        let twins = TWINS.iter().filter(|twins| twins.contains(&name));
        twins.flatten().for_each(|twin| edit::clear(with, twin));
    }
    edit::put(with, &in_probe(fields));
}

/// The fields of `ready` for those of `grpc` that say how a server is reached.
pub(super) fn in_probe(fields: &[(Key, Node)]) -> Vec<(Key, Node)> {
    fields
        .iter()
        .filter(|field| !is_plain(field) && !is_idle(field))
        .filter_map(|(field, value)| {
            let own = Key {
                name: of_probe(&field.name)?.to_owned(),
                at: field.at.clone(),
            };
            Some((own, value.clone()))
        })
        .collect()
}

/// What a field of `grpc` that says how a server is reached is called in `ready`.
fn of_probe(field: &str) -> Option<&'static str> {
    let pairs = [
        ("host", "grpc"),
        ("insecure", "insecure"),
        ("cacert", "caCert"),
        ("cert", "cert"),
        ("clientCert", "clientCert"),
        ("key", "key"),
        ("clientKey", "clientKey"),
        ("skipTLS", "skipTLS"),
        ("cname", "cname"),
        ("authority", "authority"),
        ("proxy", "proxy"),
        ("resolve", "resolve"),
    ];
    let found = pairs.into_iter().find(|(own, _)| same_field(own, field));
    found.map(|(_, name)| name)
}
