//! [`Lifted`]: long lists of numbers are taken out of the text before YAML is read.
//!
//! # Why
//! A result of megabytes is nearly all one list of latencies, one a line, in the one way in which Go writes it. Reading that
//! by lines takes a tenth of the time of a YAML reader. Whatever is written in another way is left to the YAML reader.

use std::collections::BTreeMap;

use super::reader::entry;
use crate::diagnostic::Diagnostic;
use crate::metrics::Bucket;
use crate::spec::{At, Node, SourceFile};

/// Per version: the list of each metric.
type PerVersion<T> = Vec<BTreeMap<String, Vec<T>>>;
/// Per version: a metric's values.
pub(super) type Values = PerVersion<f64>;
/// Per version: a metric's buckets.
pub(super) type Histograms = PerVersion<Bucket>;

const VALUES: &str = "nonHistMetricValues";
const HISTOGRAMS: &str = "histMetricValues";

/// What was taken out.
#[derive(Debug, Default)]
pub(super) struct Lists {
    pub(super) values: Option<Values>,
    pub(super) histograms: Option<Histograms>,
}

/// A file without the lists that were taken out of it; its lines are where they were.
pub(super) struct Lifted<'a> {
    original: &'a SourceFile,
    rest: Option<SourceFile>,
    lists: Lists,
}

impl<'a> Lifted<'a> {
    /// Reads a file.
    pub(super) fn parse(original: &'a SourceFile) -> Result<(Node, Self), Diagnostic> {
        let mut lists = Lists::default();
        if let Some((text, keys)) = lift(original.text(), &mut lists) {
            let rest = SourceFile::new(original.name(), text);
            let root = Node::parse_stored(&rest)?;
            // The same words may stand in a script, where they are no key.
            if keys.iter().all(|(name, at)| stands(&root, name, *at)) {
                let rest = Some(rest);
                return Ok((
                    root,
                    Self {
                        original,
                        rest,
                        lists,
                    },
                ));
            }
        }
        let lists = Lists::default();
        let whole = Self {
            original,
            rest: None,
            lists,
        };
        Ok((Node::parse_stored(original)?, whole))
    }

    /// The text that the places of nodes are of.
    pub(super) fn source(&self) -> &SourceFile {
        self.rest.as_ref().unwrap_or(self.original)
    }

    /// What was taken out.
    pub(super) fn lists(&self) -> &Lists {
        &self.lists
    }
}

/// Whether a key of the insights, and of nothing else, stands at a byte.
fn stands(root: &Node, name: &str, at: usize) -> bool {
    let result = entry(root, "result").map_or(root, |(_, result)| result);
    let Some((_, insights)) = entry(result, "insights") else {
        return false;
    };
    let crate::spec::Value::Map(entries) = &insights.value else {
        return false;
    };
    let mut same = entries
        .iter()
        .filter(|(key, _)| key.name.eq_ignore_ascii_case(name));
    let found = same
        .next()
        .is_some_and(|(key, _)| matches!(&key.at, At::Bytes(range) if range.start == at));
    found && same.next().is_none()
}

/// The text without the lists, and where their keys stand in it; nothing if there are none.
fn lift(text: &str, lists: &mut Lists) -> Option<(String, Vec<(&'static str, usize)>)> {
    let mut out = String::new();
    let mut keys = Vec::new();
    let mut done = 0;
    let mut at = 0;
    while at < text.len() {
        let (line, next) = line(text, at);
        at = next;
        let indent = line.len() - line.trim_start_matches(' ').len();
        let (name, end) = match &line[indent..] {
            "nonHistMetricValues:" if lists.values.is_none() => {
                let Some((values, end)) = section(text, at, indent, number) else {
                    continue;
                };
                lists.values = Some(values);
                (VALUES, end)
            }
            "histMetricValues:" if lists.histograms.is_none() => {
                let Some((histograms, end)) = section(text, at, indent, bucket) else {
                    continue;
                };
                lists.histograms = Some(histograms);
                (HISTOGRAMS, end)
            }
            _ => continue,
        };
        out.push_str(&text[done..at]);
        keys.push((name, out.len() - 1 - line.len() + indent));
        let lines = text[at..end].bytes().filter(|byte| *byte == b'\n').count();
        out.extend(std::iter::repeat_n('\n', lines));
        (done, at) = (end, end);
    }
    out.push_str(&text[done..]);
    (!keys.is_empty()).then_some((out, keys))
}

/// The line at a byte, without its end, and where the next one begins.
fn line(text: &str, at: usize) -> (&str, usize) {
    match text.as_bytes()[at..].iter().position(|byte| *byte == b'\n') {
        Some(length) => (&text[at..at + length], at + length + 1),
        None => (&text[at..], text.len()),
    }
}

/// Reads an item of a list at a byte, whose dash stands at an indent.
type Item<T> = fn(&str, usize, usize) -> Option<(T, usize)>;

/// The list of versions below a key at an indent, and where it ends.
fn section<T>(text: &str, mut at: usize, indent: usize, item: Item<T>) -> Option<(PerVersion<T>, usize)> {
    let mut versions: PerVersion<T> = Vec::new();
    while at < text.len() {
        let (row, next) = line(text, at);
        let rest = inside(row, indent);
        let Some(rest) = rest.filter(|rest| rest.starts_with("- ") || rest.starts_with("  ")) else {
            break;
        };
        let name = rest[2..].strip_suffix(':').filter(|name| is_plain(name))?;
        if rest.starts_with('-') {
            versions.push(BTreeMap::new());
        }
        at = next;
        let mut items = Vec::new();
        while let Some((one, next)) = item(text, at, indent + 2) {
            items.push(one);
            at = next;
        }
        if versions.last_mut()?.insert(name.to_owned(), items).is_some() {
            return None;
        }
    }
    (!versions.is_empty()).then_some((versions, at))
}

/// A line without its indent; nothing when it has less.
fn inside(line: &str, indent: usize) -> Option<&str> {
    let (blank, rest) = line.split_at_checked(indent)?;
    blank.bytes().all(|byte| byte == b' ').then_some(rest)
}

/// Whether a name needs no quotes in YAML and says nothing but itself.
fn is_plain(name: &str) -> bool {
    let letters = |byte: u8| byte.is_ascii_alphanumeric() || matches!(byte, b'/' | b'-' | b'_' | b'.');
    name.starts_with(|first: char| first.is_ascii_alphabetic())
        && name.bytes().all(letters)
        && name.contains('/')
}

/// A number as JSON writes it.
fn parse(text: &str) -> Option<f64> {
    let digits = text.strip_prefix('-').unwrap_or(text).as_bytes();
    let plain = |byte: &u8| byte.is_ascii_digit() || matches!(byte, b'.' | b'e' | b'E' | b'+' | b'-');
    let leading = digits.len() > 1 && digits[0] == b'0' && digits[1].is_ascii_digit();
    if leading || !digits.first()?.is_ascii_digit() || !digits.iter().all(plain) {
        return None;
    }
    text.parse().ok().filter(|value: &f64| value.is_finite())
}

fn number(text: &str, at: usize, indent: usize) -> Option<(f64, usize)> {
    if at >= text.len() {
        return None;
    }
    let (line, next) = line(text, at);
    Some((parse(inside(line, indent)?.strip_prefix("- ")?)?, next))
}

fn bucket(text: &str, mut at: usize, indent: usize) -> Option<(Bucket, usize)> {
    let (mut lower, mut upper, mut count) = (None, None, None);
    for row in 0..3 {
        if at >= text.len() {
            return None;
        }
        let (line, next) = line(text, at);
        let mark = if row == 0 { "- " } else { "  " };
        let (name, value) = inside(line, indent)?.strip_prefix(mark)?.split_once(": ")?;
        let place = match name {
            "lower" => &mut lower,
            "upper" => &mut upper,
            "count" => {
                count = Some(value.parse().ok()?);
                at = next;
                continue;
            }
            _ => return None,
        };
        *place = Some(parse(value)?);
        at = next;
    }
    let bucket = Bucket {
        lower: lower?,
        upper: upper?,
        count: count?,
    };
    Some((bucket, at))
}

#[cfg(test)]
mod tests {
    use super::*;

    const TEXT: &str = "spec:\n- run: |\n    true\nresult:\n  insights:\n    histMetricValues:\n    - http/latency:\n      - count: 3\n        lower: 1\n        upper: 2.5\n      - count: 1\n        lower: 4\n        upper: 5\n    nonHistMetricValues:\n    - grpc/latency:\n      - 1\n      - 2.5e+1\n      grpc/error-count:\n      - -0\n    - http/x:\n      - 3\n    numVersions: 2\n  numCompletedTasks: 7\n";

    #[test]
    fn lists_as_go_writes_them_are_read_by_lines() {
        let source = SourceFile::new("e.yaml", TEXT);
        let (root, lifted) = Lifted::parse(&source).expect("YAML");
        let values = lifted.lists().values.as_ref().expect("values");
        assert_eq!(values[0]["grpc/latency"], [1.0, 25.0]);
        assert_eq!(values[1]["http/x"], [3.0]);
        let buckets = &lifted.lists().histograms.as_ref().expect("buckets")[0]["http/latency"];
        assert_eq!((buckets[0].upper, buckets[1].count), (2.5, 1));
        let (_, result) = entry(&root, "result").expect("a result");
        let (_, tasks) = entry(result, "numCompletedTasks").expect("tasks");
        let place = tasks.at.place(lifted.source());
        assert_eq!(place.to_string(), "e.yaml:23:22", "lines keep their numbers");
    }

    #[test]
    fn lists_that_are_written_in_another_way_are_left_to_yaml() {
        for (old, new) in [
            ("- 2.5e+1", "- many"),
            ("- 2.5e+1", "- 017"),
            ("grpc/error-count:", "\"grpc/error\\tcount\":"),
            ("grpc/error-count:", "grpc/latency:"),
            ("grpc/error-count:", "grpc/error-count: # here"),
        ] {
            let source = SourceFile::new("e.yaml", TEXT.replace(old, new));
            let (_, lifted) = Lifted::parse(&source).expect("YAML");
            assert!(lifted.lists().values.is_none(), "{new}");
            assert!(lifted.lists().histograms.is_some(), "{new}");
        }
    }

    #[test]
    fn words_in_a_script_are_no_values() {
        let script = "spec:\n- run: |\n    result:\n      insights:\n        nonHistMetricValues:\n        - http/error-count:\n          - 0\nresult:\n  insights: {numVersions: 1}\n";
        let source = SourceFile::new("e.yaml", script);
        let (root, lifted) = Lifted::parse(&source).expect("YAML");
        assert!(lifted.lists().values.is_none());
        assert!(
            format!("{root:?}").contains("http/error-count"),
            "the script is whole"
        );
    }

    #[test]
    fn cut_files_do_not_panic() {
        for end in 0..TEXT.len() {
            let _ = Lifted::parse(&SourceFile::new("e.yaml", &TEXT[..end]));
        }
    }
}
