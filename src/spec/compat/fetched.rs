//! Scripts with which charts downloaded files for a load: `run: curl -o FILE URL` and a load that reads FILE become a load
//! that downloads URL itself, checked and with a time-out. There may be no curl where the experiment runs today.

use super::border::{Tasks, name};
use super::tree::node_at;
use crate::spec::node::{Node, Value};

/// Fields that name a file, and the one that takes a URL instead.
const FIELDS: &[(&str, &str)] = &[
    ("payloadFile", "payloadURL"),
    ("proto", "proto"),
    ("protoset", "protoset"),
    ("data-file", "data-file"),
    ("binary-file", "binary-file"),
    ("metadata-file", "metadata-file"),
];

/// A file and where it comes from.
struct Download {
    file: String,
    url: String,
}

/// Takes the scripts away whose files only loads read, and gives those the URLs.
pub(super) fn fold(tasks: &mut Tasks) {
    let mut index = 0;
    while index < tasks.len() {
        let downloads = downloads(&tasks[index]);
        let reader = index + 1;
        let read = !downloads.is_empty()
            && tasks
                .get(reader)
                .is_some_and(|task| downloads.iter().all(|download| reads(task, download)));
        if read {
            downloads
                .into_iter()
                .for_each(|download| point(&mut tasks[reader], download));
            tasks.remove(index);
        } else {
            index += 1;
        }
    }
}

/// What a script downloads, if it does nothing else.
fn downloads(task: &Node) -> Vec<Download> {
    let conditional = task.find("if").is_some() || task.find("task").is_some();
    let Some(script) = task.find("run").and_then(Node::as_text).filter(|_| !conditional) else {
        return Vec::new();
    };
    let lines = script.lines().map(str::trim).filter(|line| !line.is_empty());
    let read: Option<Vec<Download>> = lines.map(download).collect();
    read.unwrap_or_default()
}

fn download(line: &str) -> Option<Download> {
    let words: Vec<&str> = line.split_whitespace().collect();
    let ["curl", "-o", file, url] = words.as_slice() else {
        return None;
    };
    let plain = |word: &str| {
        let word = word.trim_matches(['"', '\'']);
        let special = ['$', '`', ';', '|', '>', '<', '"', '\'', '\\', '*'];
        (!word.is_empty() && !word.contains(special)).then(|| word.to_owned())
    };
    Some(Download {
        file: plain(file)?,
        url: plain(url)?,
    })
}

fn field<'a>(task: &'a Node, download: &Download) -> Option<&'static (&'static str, &'static str)> {
    let with: &'a Node = task.find("with")?;
    FIELDS
        .iter()
        .find(|(field, _)| with.find(field).and_then(Node::as_text) == Some(download.file.as_str()))
}

fn reads(task: &Node, download: &Download) -> bool {
    matches!(name(task), Some("http" | "grpc")) && field(task, download).is_some()
}

fn point(task: &mut Node, download: Download) {
    let Some((field, new)) = field(task, &download) else {
        return;
    };
    let Some(with) = task.find_mut("with") else { return };
    if field != new {
        let _ = with.take(new);
    }
    if let Some(file) = with.find_mut(field) {
        *file = node_at(Value::String(download.url), &file.at);
    }
    with.rename(field, new);
}
