//! Iter8 0.9: loads of several versions in one task become a load of 0.10 for each.

use super::border::{Border, Tasks, name, with};
use super::tree::{key_at, node_at};
use super::v0_10::{ASSESS, GRPC, HTTP};
use crate::spec::node::{Node, Value};

/// The list of versions of a load.
pub(super) const VERSIONS: &str = "versionInfo";

/// Files to download, and the fields that take a URL today.
const DOWNLOADS: &[(&str, &str)] = &[
    ("protoURL", "proto"),
    ("protosetURL", "protoset"),
    ("dataURL", "data-file"),
    ("JSONDataURL", "data-file"),
    ("binaryDataURL", "binary-file"),
    ("metadataURL", "metadata-file"),
];

/// Turns its tasks into those of 0.10.
pub(super) fn upgrade(tasks: &mut Tasks, border: &mut Border<'_>) {
    let old = std::mem::take(tasks);
    let judged = old.iter().any(|task| name(task) == Some(ASSESS));
    for mut task in old {
        match name(&task) {
            Some(HTTP | GRPC) => {
                let http = name(&task) == Some(HTTP);
                if let Some(with) = with(&mut task) {
                    rename_inputs(with, http, border);
                }
                tasks.extend(versions(task, judged, border));
            }
            Some(_) | None => tasks.push(task),
        }
    }
}

fn rename_inputs(with: &mut Node, http: bool, border: &mut Border<'_>) {
    if !http {
        adopt_downloads(with, border);
        return;
    }
    with.rename("numQueries", "numRequests");
    if let Some((key, limit)) = with.take("errorsAbove") {
        let range = node_at(
            Value::Map(vec![(key_at("lower", &key.at), limit.clone())]),
            &limit.at,
        );
        with.put(
            key_at("errorRanges", &key.at),
            node_at(Value::List(vec![range]), &limit.at),
        );
    }
}

/// A file that was to be downloaded is named by its URL, unless the same is given otherwise.
pub(super) fn adopt_downloads(with: &mut Node, border: &mut Border<'_>) {
    for (old, new) in DOWNLOADS {
        if with.find(new).is_some() {
            border.drop_leftovers(with, &[old], &format!("`{new}` is given"));
        } else {
            with.rename(old, new);
        }
    }
}

fn untested(index: usize, version: &Node, judged: bool, border: &mut Border<'_>) {
    if judged {
        let message =
            format!("version {index} is `null`: it cannot be tested, and its objectives not be met");
        border.error(&version.at, message, "remove it");
    } else {
        border.warning(
            &version.at,
            format!("version {index} is `null` and not tested"),
            "remove it",
        );
    }
}

/// One task for each version that is not `null`: they were tested one after the other. Where they are judged none may be
/// `null`: it had no values, and Iter8 failed it.
fn versions(mut task: Node, judged: bool, border: &mut Border<'_>) -> Tasks {
    let Some((key, list)) = task.find_mut("with").and_then(|with| with.take(VERSIONS)) else {
        return vec![task];
    };
    let Value::List(listed) = list.value else {
        border.error(
            &list.at,
            "`versionInfo` is a list of versions",
            "write `- url: …`",
        );
        return Vec::new();
    };
    let several = listed.len() > 1;
    let mut tasks = Tasks::new();
    for (index, version) in listed.into_iter().enumerate() {
        let mut task = task.clone();
        let Some(with) = task.find_mut("with") else {
            continue;
        };
        match version.value {
            Value::Map(fields) => fields.into_iter().for_each(|(key, node)| {
                // What a version says itself comes before what all say.
                let _ = with.take(&key.name);
                with.put(key, node);
            }),
            Value::Null => {
                untested(index, &version, judged, border);
                continue;
            }
            Value::Bool(_)
            | Value::Int(_)
            | Value::Float(_)
            | Value::String(_)
            | Value::Text(_)
            | Value::List(_) => {
                border.error(
                    &version.at,
                    "a version is a map of `url` and `headers`, or of `host` and `call`",
                    "",
                );
                continue;
            }
        }
        if several {
            with.put_at("version", Value::String(format!("version {index}")), &version.at);
        }
        tasks.push(task);
    }
    if tasks.is_empty() {
        border.error(&key.at, "`versionInfo` names no version to test", "");
    }
    tasks
}
