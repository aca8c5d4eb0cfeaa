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

/// Takes the scripts away whose files only loads read, and gives all of those the URLs.
pub(super) fn fold(tasks: &mut Tasks) {
    let mut index = 0;
    while index < tasks.len() {
        let downloads = downloads(&tasks[index]);
        let later = &tasks[index + 1..];
        let readers: Option<Vec<Vec<usize>>> = downloads
            .iter()
            .map(|download| readers(later, download))
            .collect();
        let Some(readers) = readers.filter(|readers| !readers.is_empty()) else {
            index += 1;
            continue;
        };
        for (download, readers) in downloads.iter().zip(readers) {
            for reader in readers {
                point(&mut tasks[index + 1 + reader], download);
            }
        }
        tasks.remove(index);
    }
}

/// The loads that read a file until it is downloaded again; `None` if there are none, or if a script may use it, too.
fn readers(later: &[Node], download: &Download) -> Option<Vec<usize>> {
    let mut found = Vec::new();
    for (index, task) in later.iter().enumerate() {
        if downloads(task).iter().any(|again| again.file == download.file) {
            break;
        }
        let script = task.find("run").and_then(Node::as_text);
        if script.is_some_and(|script| script.contains(&download.file)) {
            return None;
        }
        if reads(task, download) {
            found.push(index);
        }
    }
    (!found.is_empty()).then_some(found)
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

fn point(task: &mut Node, download: &Download) {
    let Some((field, new)) = field(task, download) else {
        return;
    };
    let Some(with) = task.find_mut("with") else { return };
    if field != new {
        let _ = with.take(new);
    }
    if let Some(file) = with.find_mut(field) {
        *file = node_at(Value::String(download.url.clone()), &file.at);
    }
    with.rename(field, new);
}
