//! [`Kind`]: the kinds of load that flags and inputs are put over, and how they call the same things.

use super::edit;
use crate::spec::{Field, Key, Node, Value, same_field};
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
        let named = |known: &&'static Field| {
            same_field(known.key, field) || known.aliases.iter().any(|alias| same_field(alias, field))
        };
        self.task.fields().iter().any(named)
    }

    /// Whether a field says what is tested.
    pub(super) fn is_target(&self, field: &str) -> bool {
        [self.target, self.baseline].contains(&field)
    }
}

/// What a field of `http` is called in `grpc`.
pub(super) fn in_grpc(field: &str) -> &str {
    match field {
        "numRequests" => "total",
        "qps" => "rps",
        "headers" => "metadata",
        "payloadStr" => "data",
        "payloadFile" => "data-file",
        "baselineURL" => "baselineHost",
        other => other,
    }
}

/// Whether a field says that there is no TLS, which is what happens if nothing else is said.
pub(super) fn is_plain((field, value): &(Key, Node)) -> bool {
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
