//! Edits of a file's nodes. Keys are found as decoding finds them: whatever their case.

use crate::spec::{Key, Node, Value, same_field};

/// The entries of a map.
pub(super) fn entries(node: &Node) -> &[(Key, Node)] {
    if let Value::Map(entries) = &node.value {
        entries
    } else {
        &[]
    }
}

/// The entries of a map, to be changed.
pub(super) fn entries_mut(node: &mut Node) -> Option<&mut Vec<(Key, Node)>> {
    if let Value::Map(entries) = &mut node.value {
        Some(entries)
    } else {
        None
    }
}

/// The value of a key.
pub(super) fn get<'a>(node: &'a Node, name: &str) -> Option<&'a Node> {
    let found = entries(node).iter().find(|(key, _)| is(key, name));
    found.map(|(_, value)| value)
}

/// The value of a key, to be changed.
pub(super) fn get_mut<'a>(node: &'a mut Node, name: &str) -> Option<&'a mut Node> {
    let found = entries_mut(node)?.iter_mut().find(|(key, _)| is(key, name));
    found.map(|(_, value)| value)
}

/// Whether a key is meant.
pub(super) fn is(key: &Key, name: &str) -> bool {
    same_field(&key.name, name)
}

/// The list of tasks of an experiment.
pub(super) fn tasks(root: &mut Node) -> Option<&mut Vec<Node>> {
    if let Value::List(tasks) = &mut get_mut(root, "spec")?.value {
        Some(tasks)
    } else {
        None
    }
}

/// Whether a task is of this kind.
pub(super) fn is_task(task: &Node, kind: &str) -> bool {
    get(task, "task").is_some_and(|name| name.value == Value::String(kind.to_owned()))
}

/// The `with:` of a task; an empty one is made if there is none.
pub(super) fn with(task: &mut Node) -> Option<&mut Node> {
    let empty = Node {
        value: Value::Map(Vec::new()),
        at: task.at.clone(),
    };
    if get(task, "with").is_none() {
        let key = Key {
            name: "with".to_owned(),
            at: task.at.clone(),
        };
        entries_mut(task)?.push((key, empty.clone()));
    }
    let with = get_mut(task, "with")?;
    if with.value == Value::Null {
        with.value = empty.value;
    }
    Some(with)
}

/// Fields that answer one question: one of them that is given takes the place of the others.
const RIVALS: &[&[&str]] = &[
    &["numRequests", "duration"],
    &["duration", "stages"],
    &["qps", "stages"],
    &["payloadStr", "payloadFile", "payloadURL"],
    &["basicAuth", "bearerToken"],
    &["total", "duration", "max-duration"],
    &["rps", "load-schedule"],
    &["concurrency", "concurrency-schedule"],
    &["data", "data-file", "binary-file"],
    &["proto", "protoset"],
];
/// Fields that make no sense without another one: they go with it.
const FOLLOWERS: &[(&str, &[&str])] = &[
    (
        "load-schedule",
        &[
            "load-start",
            "load-step",
            "load-step-duration",
            "load-end",
            "load-max-duration",
        ],
    ),
    (
        "concurrency-schedule",
        &[
            "concurrency-start",
            "concurrency-step",
            "concurrency-step-duration",
            "concurrency-end",
            "concurrency-max-duration",
        ],
    ),
];
/// Fields that hold names and values.
const PAIRS: &[&str] = &["headers", "metadata", "reflect-metadata"];

/// Whether a field holds names and values.
pub(super) fn is_pairs(key: &Key) -> bool {
    PAIRS.iter().any(|name| is(key, name))
}

/// Puts fields over those of a map and over their rivals. Names and values are put over those of the same name only.
pub(super) fn put(map: &mut Node, fields: &[(Key, Node)]) {
    for (key, value) in fields {
        let value = if is_pairs(key) {
            with_pairs(get(map, &key.name), value)
        } else {
            value.clone()
        };
        clear(map, &key.name);
        if let Some(known) = entries_mut(map) {
            known.push((key.clone(), value));
        }
    }
}

/// Names and values put over those that are known, whatever the case of the names. JSON takes the place of all.
fn with_pairs(known: Option<&Node>, given: &Node) -> Node {
    let Value::Map(new) = &given.value else {
        return given.clone();
    };
    let old = known.map_or(&[][..], entries).iter();
    let kept = old.filter(|(old, _)| {
        !new.iter()
            .any(|(new, _)| old.name.eq_ignore_ascii_case(&new.name))
    });
    Node {
        value: Value::Map(kept.chain(new).cloned().collect()),
        at: given.at.clone(),
    }
}

/// Takes a field and its rivals out of a map.
pub(super) fn clear(map: &mut Node, name: &str) {
    let rivals = || {
        RIVALS
            .iter()
            .filter(|group| group.contains(&name))
            .copied()
            .flatten()
    };
    let gone = |field: &str| field != name && rivals().any(|rival| *rival == field);
    let leaderless = |key: &Key| {
        let mut left = FOLLOWERS.iter().filter(|(leader, _)| gone(leader));
        left.any(|(_, followers)| followers.iter().any(|follower| is(key, follower)))
    };
    if let Some(known) = entries_mut(map) {
        known.retain(|(key, _)| !is(key, name) && !rivals().any(|rival| is(key, rival)) && !leaderless(key));
    }
}
