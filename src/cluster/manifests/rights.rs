//! The account of an experiment, and what it may do: nothing but what the run needs.

use std::collections::BTreeMap;

use serde_json::{Value, json};

use super::Launch;
use crate::cluster::object::ObjectName;

const RBAC: &str = "rbac.authorization.k8s.io";

/// The account.
pub(super) fn account(launch: &Launch) -> Value {
    json!({
        "apiVersion": "v1",
        "kind": "ServiceAccount",
        "metadata": launch.meta(&launch.account()),
    })
}

/// Its roles, each followed by what gives it to the account.
pub(super) fn roles(launch: &Launch) -> Vec<Value> {
    let group = &launch.group;
    let results = launch.results();
    let results: Vec<&str> = results.iter().map(|object| object.name.as_str()).collect();
    let own = vec![
        rule(("", "secrets"), &[&group.name], &["get"]),
        rule(("", "configmaps"), &results, &["get", "update"]),
    ];
    let mut all = role(launch, &group.name, &group.namespace, &own).to_vec();
    for (namespace, objects) in by_namespace(launch) {
        let rules: Vec<Value> = objects
            .into_iter()
            .map(|((verbs, group, plural), names)| rule((group, plural), &names, verbs))
            .collect();
        all.extend(role(launch, &format!("{}-ready", group.name), namespace, &rules));
    }
    all
}

/// Names by verbs and kind: API group and plural.
type Kinds<'a> = BTreeMap<(&'static [&'static str], &'a str, &'a str), Vec<&'a str>>;

const READ: &[&str] = &["get"];
/// A server-side apply is a patch.
const CHANGE: &[&str] = &["get", "patch"];

/// The objects that are waited for or changed, by namespace and kind.
fn by_namespace(launch: &Launch) -> BTreeMap<&str, Kinds<'_>> {
    let mut all: BTreeMap<&str, Kinds<'_>> = BTreeMap::new();
    let reads = launch
        .reads
        .iter()
        .filter(|object| !launch.changes.contains(object));
    let reads = reads.map(|object| (READ, object));
    let changes = launch.changes.iter().map(|object| (CHANGE, object));
    for (verbs, object) in reads.chain(changes) {
        let ObjectName {
            resource,
            namespace,
            name,
        } = object;
        let namespace = namespace.as_deref().unwrap_or(&launch.group.namespace);
        let kind = (verbs, resource.group.as_str(), resource.plural.as_str());
        let names = all.entry(namespace).or_default().entry(kind).or_default();
        if !names.contains(&name.as_str()) {
            names.push(name);
        }
    }
    all
}

fn rule((group, plural): (&str, &str), names: &[&str], verbs: &[&str]) -> Value {
    json!({ "apiGroups": [group], "resources": [plural], "resourceNames": names, "verbs": verbs })
}

fn role(launch: &Launch, name: &str, namespace: &str, rules: &[Value]) -> [Value; 2] {
    let meta = launch.group.meta(name, namespace, launch.revision);
    let version = format!("{RBAC}/v1");
    let account =
        json!({ "kind": "ServiceAccount", "name": launch.account(), "namespace": launch.group.namespace });
    [
        json!({ "apiVersion": version, "kind": "Role", "metadata": meta, "rules": rules }),
        json!({
            "apiVersion": version,
            "kind": "RoleBinding",
            "metadata": meta,
            "roleRef": { "apiGroup": RBAC, "kind": "Role", "name": name },
            "subjects": [account],
        }),
    ]
}
