//! [`Pod`]: what values add to the pod of a run in Kubernetes. Types are checked here; what fields mean that only Kubernetes
//! knows is left to the API server.

use serde_json::{Value as Json, json};

use super::json::json as without_places;
use super::values::with_types;
use crate::spec::{Decode, Decoder, Map, Node, Value};

/// Variables that are told by what makes the pod.
const OURS: [&str; 2] = ["ITER8_JOB", "JOB_COMPLETION_INDEX"];
/// Labels by which the objects of a group and the pods of a Job are known.
const LABELS: [&str; 5] = [
    "app.kubernetes.io/name",
    "app.kubernetes.io/instance",
    "app.kubernetes.io/managed-by",
    "controller-uid",
    "job-name",
];
/// What others of them begin with.
const OWNERS: [&str; 2] = ["iter8.tools/", "batch.kubernetes.io/"];

/// What values add to the pod of a run, as Kubernetes has it.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Pod {
    /// Its variables.
    pub env: Vec<Variable>,
    /// Objects of the cluster whose entries are variables, too.
    pub env_from: Vec<Json>,
    /// Secrets by which its image is pulled.
    pub pull_secrets: Vec<Json>,
    /// Labels of the nodes that it may run on.
    pub node_selector: Vec<(String, String)>,
    /// Taints of nodes that do not keep it away.
    pub tolerations: Vec<Json>,
    /// Its annotations.
    pub annotations: Vec<(String, String)>,
    /// Its labels.
    pub labels: Vec<(String, String)>,
}

/// A variable of the pod.
#[derive(Debug, Clone, PartialEq)]
pub struct Variable {
    /// Its name.
    pub name: String,
    /// Its value, unless an object of the cluster has it.
    pub value: Option<String>,
    /// As Kubernetes has it.
    pub object: Json,
}

impl Decode for Variable {
    const TYPE: &'static str = "map with `name`, and `value` or `valueFrom`";

    fn schema() -> Json {
        json!({
            "type": "object",
            "required": ["name"],
            "properties": {
                "name": { "type": "string" },
                "value": { "type": "string" },
                "valueFrom": { "type": "object" },
            },
        })
    }

    fn decode(node: &Node, decoder: &mut Decoder<'_>) -> Option<Self> {
        let mut object = object(node, "a map with `name`, and `value` or `valueFrom`", decoder)?;
        let name = variable_name(node, decoder)?;
        object["name"] = name.as_str().into();
        let (value, from) = (node.field("value"), node.field("valueFrom"));
        if let (Some(_), Some((key, _))) = (value, from) {
            let message = format!("`{name}` has a `value` and a `valueFrom`");
            decoder.error(&key.at, message, Some("keep one of them".to_owned()));
            return None;
        }
        if let Some((_, from)) = from
            && !matches!(from.value, Value::Map(_))
        {
            decoder.mismatch(from, "a map such as `secretKeyRef: {name: NAME, key: KEY}`");
            return None;
        }
        let value = match value {
            Some((_, value)) => Some(decoder.read::<String>(value)?),
            // Kubernetes gives an empty one.
            None if from.is_none() => Some(String::new()),
            None => None,
        };
        if let Some(value) = &value {
            object["value"] = value.as_str().into();
        }
        Some(Self { name, value, object })
    }
}

fn variable_name(node: &Node, decoder: &mut Decoder<'_>) -> Option<String> {
    let Some((_, at)) = node.field("name") else {
        decoder.error(&node.at, "a variable of `env` needs a `name`", None);
        return None;
    };
    let name = decoder.read::<String>(at)?;
    if OURS.contains(&name.as_str()) {
        let message = format!("the variable `{name}` is told by what runs the pod: it cannot be given");
        decoder.error(&at.at, message, None);
        return None;
    }
    if name.is_empty() || name.contains(['=', '\0']) {
        decoder.error(&at.at, format!("a variable cannot be called `{name}`"), None);
        return None;
    }
    Some(name)
}

/// A map as Kubernetes reads it.
fn object(node: &Node, expected: &str, decoder: &mut Decoder<'_>) -> Option<Json> {
    if matches!(node.value, Value::Map(_)) {
        Some(without_places(&with_types(node)))
    } else {
        decoder.mismatch(node, expected);
        None
    }
}

/// Variables, each of another name.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Variables(pub(super) Vec<Variable>);

impl Decode for Variables {
    const TYPE: &'static str = "list of variables";

    fn schema() -> Json {
        Vec::<Variable>::schema()
    }

    fn decode(node: &Node, decoder: &mut Decoder<'_>) -> Option<Self> {
        let all = Vec::<Variable>::decode(node, decoder)?;
        for (index, variable) in all.iter().enumerate() {
            if all[..index].iter().any(|earlier| earlier.name == variable.name) {
                let at = node.items().get(index).map_or(&node.at, |item| &item.at);
                decoder.error(
                    at,
                    format!("the variable `{}` is given twice", variable.name),
                    None,
                );
                return None;
            }
        }
        Some(Self(all))
    }
}

/// An item of a list of Kubernetes: a map.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Item(pub(super) Json);

impl Decode for Item {
    const TYPE: &'static str = "map";

    fn schema() -> Json {
        json!({ "type": "object" })
    }

    fn decode(node: &Node, decoder: &mut Decoder<'_>) -> Option<Self> {
        object(node, "a map", decoder).map(Self)
    }
}

/// A Secret of the namespace, by its name.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct SecretName(pub(super) Json);

impl Decode for SecretName {
    const TYPE: &'static str = "name, or map with `name`";

    fn schema() -> Json {
        let map =
            json!({ "type": "object", "required": ["name"], "properties": { "name": { "type": "string" } } });
        json!({ "anyOf": [{ "type": "string" }, map] })
    }

    fn decode(node: &Node, decoder: &mut Decoder<'_>) -> Option<Self> {
        let (at, mut named) = if Decoder::is_text(node) {
            (node, json!({}))
        } else {
            let named = object(node, "the name of a Secret, or a map with its `name`", decoder)?;
            let Some((_, at)) = node.field("name") else {
                decoder.error(&node.at, "a Secret is named by `name`", None);
                return None;
            };
            (at, named)
        };
        let name = decoder.read::<String>(at)?;
        if name.trim().is_empty() {
            decoder.error(&at.at, "the name of the Secret is empty", None);
            return None;
        }
        named["name"] = name.trim().into();
        Some(Self(named))
    }
}

/// Labels of a pod, none of which says whose pod it is.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Labels(pub(super) Vec<(String, String)>);

impl Decode for Labels {
    const TYPE: &'static str = "map of strings";

    fn schema() -> Json {
        Map::<String>::schema()
    }

    fn decode(node: &Node, decoder: &mut Decoder<'_>) -> Option<Self> {
        let Map(all) = Map::<String>::decode(node, decoder)?;
        let is_kept =
            |name: &str| LABELS.contains(&name) || OWNERS.iter().any(|owner| name.starts_with(owner));
        let kept = node.pairs().iter().find(|(key, _)| is_kept(&key.name));
        if let Some((key, _)) = kept {
            let message = format!(
                "the label `{}` says whose pod it is: it cannot be replaced",
                key.name
            );
            decoder.error(&key.at, message, Some("give a label of another name".to_owned()));
            return None;
        }
        Some(Self(all))
    }
}

/// Seconds, as many as Kubernetes can count.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Seconds(pub(super) u64);

impl Decode for Seconds {
    const TYPE: &'static str = "whole number";

    fn schema() -> Json {
        json!({ "type": ["integer", "string"], "minimum": 0, "maximum": i32::MAX })
    }

    fn decode(node: &Node, decoder: &mut Decoder<'_>) -> Option<Self> {
        let seconds = decoder.read::<u64>(node)?;
        if i32::try_from(seconds).is_err() {
            let message = format!("expected at most {} seconds, found {seconds}", i32::MAX);
            decoder.error(&node.at, message, None);
            return None;
        }
        Some(Self(seconds))
    }
}

#[cfg(test)]
mod tests {
    use std::path::Path;

    use serde_json::json;

    use crate::charts::{Runner, find, take_runner};
    use crate::secret::Mask;
    use crate::spec::{Decoder, Node, SourceFile};

    /// What is read of values for a Job, and what is said of them, each with its place.
    fn read(values: &str) -> (Option<Runner>, Vec<String>) {
        let text = format!("runner: job\n{values}\n");
        let source = SourceFile::new("v.yaml", &text);
        let root = Node::parse(&source).expect("YAML");
        let lookup = |name: &str| (name == "HERE").then(|| "of this machine".to_owned());
        let mut decoder = Decoder::new(&source, Path::new("."), &lookup, Mask::default());
        let chart = find("iter8").map_err(|(message, _)| message).expect("a chart");
        let (runner, _) = take_runner(chart.runner(), root, &mut decoder);
        let said = decoder.into_diagnostics().into_iter().map(|found| {
            let place = found.place.expect("a place");
            format!("{place}: {}", found.message)
        });
        (runner, said.collect())
    }

    #[test]
    fn a_pod_gets_what_kubernetes_has_for_pods() {
        let values = "\
env:
- {name: PLAIN, value: '8080'}
- {name: HERE, value: '${HERE}'}
- {name: EMPTY}
- {name: TOKEN, valueFrom: {secretKeyRef: {name: s, key: token, optional: true}}}
envFrom: [{secretRef: {name: all}, prefix: A_}]
imagePullSecrets: [mine, {name: other}]
nodeSelector: {kubernetes.io/os: linux}
tolerations: [{key: dedicated, operator: Exists, tolerationSeconds: 30}]
podAnnotations: {sidecar.istio.io/inject: 'true'}
podLabels: {team: shop}
ttlSecondsAfterFinished: 0";
        let (runner, said) = read(values);
        assert_eq!(said, Vec::<String>::new());
        let runner = runner.expect("a runner");
        let pod = &runner.pod;
        let objects: Vec<_> = pod.env.iter().map(|variable| &variable.object).collect();
        let from = json!({"secretKeyRef": {"name": "s", "key": "token", "optional": true}});
        assert_eq!(
            objects,
            [
                &json!({"name": "PLAIN", "value": "8080"}),
                &json!({"name": "HERE", "value": "of this machine"}),
                &json!({"name": "EMPTY", "value": ""}),
                &json!({"name": "TOKEN", "valueFrom": from}),
            ]
        );
        assert_eq!(pod.env[3].value, None);
        assert_eq!(
            pod.env_from,
            [json!({"secretRef": {"name": "all"}, "prefix": "A_"})]
        );
        assert_eq!(
            pod.pull_secrets,
            [json!({"name": "mine"}), json!({"name": "other"})]
        );
        assert_eq!(
            pod.node_selector,
            [("kubernetes.io/os".to_owned(), "linux".to_owned())]
        );
        let toleration = json!({"key": "dedicated", "operator": "Exists", "tolerationSeconds": 30});
        assert_eq!(pod.tolerations, [toleration]);
        let inject = ("sidecar.istio.io/inject".to_owned(), "true".to_owned());
        assert_eq!(pod.annotations, [inject]);
        assert_eq!(pod.labels, [("team".to_owned(), "shop".to_owned())]);
        assert_eq!(runner.ttl, Some(0));
    }

    #[test]
    fn what_has_another_type_is_told_where_it_stands() {
        for (values, expected) in [
            ("env: {A: b}", "2:6: expected a list, found a map"),
            (
                "env: [A=b]",
                "2:7: expected a map with `name`, and `value` or `valueFrom`, found `A=b`",
            ),
            ("env: [{value: b}]", "2:7: a variable of `env` needs a `name`"),
            (
                "env: [{name: A, value: 8080}]",
                "2:24: expected a string, found a number",
            ),
            (
                "env: [{name: A, valueFrom: s}]",
                "2:28: expected a map such as `secretKeyRef: {name: NAME, key: KEY}`, found `s`",
            ),
            (
                "env: [{name: A, value: b, valueFrom: {}}]",
                "2:27: `A` has a `value` and a `valueFrom`",
            ),
            (
                "env: [{name: A}, {name: A}]",
                "2:18: the variable `A` is given twice",
            ),
            (
                "env: [{name: ITER8_JOB, value: b}]",
                "2:14: the variable `ITER8_JOB` is told by what runs the pod: it cannot be given",
            ),
            (
                "env: [{name: A, value: '${GONE}'}]",
                "2:24: the environment has no GONE",
            ),
            ("envFrom: {secretRef: {}}", "2:10: expected a list, found a map"),
            ("envFrom: [all]", "2:11: expected a map, found `all`"),
            ("imagePullSecrets: mine", "2:19: expected a list, found `mine`"),
            (
                "imagePullSecrets: [1]",
                "2:20: expected the name of a Secret, or a map with its `name`, found a number",
            ),
            (
                "imagePullSecrets: [{nam: a}]",
                "2:20: a Secret is named by `name`",
            ),
            ("nodeSelector: [a]", "2:15: expected a map, found a list"),
            ("nodeSelector: {a: 1}", "2:19: expected a string, found a number"),
            ("tolerations: {key: a}", "2:14: expected a list, found a map"),
            (
                "podAnnotations: {a: [b]}",
                "2:21: expected a string, found a list",
            ),
            ("podLabels: a", "2:12: expected a map, found `a`"),
            (
                "podLabels: {iter8.tools/group: mine}",
                "2:13: the label `iter8.tools/group` says whose pod it is: it cannot be replaced",
            ),
            (
                "ttlSecondsAfterFinished: -1",
                "2:26: expected a whole number that is not negative, found -1",
            ),
            (
                "ttlSecondsAfterFinished: 9999999999",
                "2:26: expected at most 2147483647 seconds, found 9999999999",
            ),
        ] {
            let (_, said) = read(values);
            assert_eq!(said, [format!("v.yaml:{expected}")], "{values}");
        }
    }
}
