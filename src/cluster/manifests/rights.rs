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
    let own = vec![
        rule(("", "secrets"), &[&group.name], &["get"]),
        rule(("", "configmaps"), &[&group.result().name], &["get", "update"]),
    ];
    let mut all = role(launch, &group.name, &group.namespace, &own).to_vec();
    for (namespace, objects) in by_namespace(launch) {
        let rules: Vec<Value> = objects
            .into_iter()
            .map(|((group, plural), names)| rule((group, plural), &names, &["get"]))
            .collect();
        all.extend(role(launch, &format!("{}-ready", group.name), namespace, &rules));
    }
    all
}

/// Names by kind: API group and plural.
type Kinds<'a> = BTreeMap<(&'a str, &'a str), Vec<&'a str>>;

/// The objects that are waited for, by namespace and kind.
fn by_namespace(launch: &Launch) -> BTreeMap<&str, Kinds<'_>> {
    let mut all: BTreeMap<&str, Kinds<'_>> = BTreeMap::new();
    for ObjectName {
        resource,
        namespace,
        name,
    } in &launch.reads
    {
        let namespace = namespace.as_deref().unwrap_or(&launch.group.namespace);
        let kind = (resource.group.as_str(), resource.plural.as_str());
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
