//! [`Decode`]: from located nodes to types. All mistakes of an experiment are collected, none ends the reading.

use std::cell::RefCell;
use std::collections::BTreeSet;
use std::path::{Path, PathBuf};

use super::interpolate::{Undefined, by_defaults, expand};
use super::node::{At, Key, Node, Value};
use super::source::SourceFile;
use crate::diagnostic::{Diagnostic, Place, Severity, did_you_mean, known_are};
use crate::secret::Mask;

/// A type that can be read from a node.
pub trait Decode: Sized {
    /// What a user writes, in a word or two: `number`, `duration`.
    const TYPE: &'static str;

    /// Its JSON Schema.
    fn schema() -> serde_json::Value;

    /// Reads it; `None` when something was wrong and has been reported to `decoder`.
    fn decode(node: &Node, decoder: &mut Decoder<'_>) -> Option<Self>;
}

/// Looks up a variable of the environment.
pub type Lookup<'a> = &'a dyn Fn(&str) -> Option<String>;

/// What decoding needs to know and what it finds out.
pub struct Decoder<'a> {
    source: &'a SourceFile,
    environment: Lookup<'a>,
    mask: Mask,
    folder: PathBuf,
    paths: RefCell<Vec<PathBuf>>,
    sensitive: bool,
    files_may_come: bool,
    tolerant: bool,
    unread: Vec<At>,
    diagnostics: Vec<Diagnostic>,
    errors: usize,
    /// Of the errors those that are wrong whatever else is: unknown names and wrong types.
    misshapen: Mistakes,
    /// Of the errors those that may be none on another machine: variables and files that are not here.
    missing: Mistakes,
}

/// Places and messages of some mistakes.
pub type Mistakes = BTreeSet<(Option<Place>, String)>;

impl<'a> Decoder<'a> {
    /// A decoder of one source. Relative paths in it start at `folder`; secrets that come from the environment go to `mask`.
    pub fn new(source: &'a SourceFile, folder: &Path, environment: Lookup<'a>, mask: Mask) -> Self {
        Self {
            source,
            environment,
            mask,
            folder: folder.to_owned(),
            paths: RefCell::default(),
            sensitive: false,
            files_may_come: false,
            tolerant: false,
            unread: Vec::new(),
            diagnostics: Vec::new(),
            errors: 0,
            misshapen: Mistakes::new(),
            missing: Mistakes::new(),
        }
    }

    /// The name of the source in which something stands.
    pub fn source_of(&self, at: &At) -> String {
        at.place(self.source).source
    }

    /// The secrets of this run.
    pub fn mask(&self) -> &Mask {
        &self.mask
    }

    /// Remembers what is secret in `value`, which `add` knows, and in the text that stands for it in the file: escapes may
    /// write it differently there, and it holds defaults that the environment may replace.
    pub fn hide(&self, node: Option<&Node>, value: &str, add: impl Fn(&Mask, &str)) {
        add(&self.mask, value);
        let Some(node) = node else {
            return;
        };
        let Value::String(text) = &node.value else {
            return;
        };
        let written = self.as_written(node);
        if !text.contains("${") {
            written.into_iter().for_each(|written| add(&self.mask, written));
            return;
        }
        for text in std::iter::once(text.as_str()).chain(written) {
            by_defaults(text).iter().for_each(|text| add(&self.mask, text));
        }
    }

    /// A value of the file as it is written there, without quotes: `1.50` stays that.
    pub fn as_written(&self, node: &Node) -> Option<&'a str> {
        match &node.at {
            At::Bytes(range) => self.source.literal(range.clone()),
            At::Named(_) | At::Elsewhere(_) => None,
        }
    }

    /// A variable of the environment; empty is the same as absent.
    pub fn variable(&self, name: &str) -> Option<String> {
        (self.environment)(name).filter(|value| !value.is_empty())
    }

    /// From here on files are read when they are needed: a script before may write them.
    pub fn expect_files(&mut self) {
        self.files_may_come = true;
    }

    /// Whether a file may still be written by a script.
    pub fn files_may_come(&self) -> bool {
        self.files_may_come
    }

    /// From here on what nobody reads is only doubtful: the file was written for a program that said nothing of it.
    pub fn tolerate(&mut self) {
        self.tolerant = true;
    }

    /// Reads what decides the outcome: nothing unknown is tolerated there, whoever wrote the file.
    pub fn strictly<T>(&mut self, read: impl FnOnce(&mut Self) -> T) -> T {
        let before = std::mem::take(&mut self.tolerant);
        let value = read(self);
        self.tolerant = before;
        value
    }

    /// Reports a mistake that changes nothing else: an error, or a warning where such things are tolerated.
    pub fn stray(&mut self, at: &At, message: impl Into<String>, hint: Option<String>) {
        if self.tolerant {
            self.warning(at, message, hint);
        } else {
            self.error(at, message, hint);
        }
    }

    /// The places of keys that nothing reads.
    pub fn unread(&self) -> &[At] {
        &self.unread
    }

    /// A path of the experiment, from the folder it is relative to.
    pub fn path(&self, path: &str) -> PathBuf {
        let path = self.folder.join(path);
        self.paths.borrow_mut().push(path.clone());
        path
    }

    /// Every path of the experiment so far: files and folders, there or not.
    pub fn paths(&self) -> Vec<PathBuf> {
        self.paths.borrow().clone()
    }

    /// Reports an unknown name or a wrong type.
    pub fn misshapen(&mut self, at: &At, message: String, hint: Option<String>) {
        self.misshapen
            .insert((Some(at.place(self.source)), message.clone()));
        self.error(at, message, hint);
    }

    /// All unknown names and wrong types.
    pub fn all_misshapen(&self) -> &Mistakes {
        &self.misshapen
    }

    /// Reports what is missing on this machine, and may be there where the experiment runs: an error here.
    pub fn missing(&mut self, at: &At, message: String, hint: Option<String>) {
        self.missing
            .insert((Some(at.place(self.source)), message.clone()));
        self.error(at, message, hint);
    }

    /// All that is missing on this machine.
    pub fn all_missing(&self) -> &Mistakes {
        &self.missing
    }

    /// Reports an error at a place.
    pub fn error(&mut self, at: &At, message: impl Into<String>, hint: Option<String>) {
        self.report(Severity::Error, at, message.into(), hint);
    }

    /// Reports a warning at a place.
    pub fn warning(&mut self, at: &At, message: impl Into<String>, hint: Option<String>) {
        self.report(Severity::Warning, at, message.into(), hint);
    }

    fn report(&mut self, severity: Severity, at: &At, message: String, hint: Option<String>) {
        self.add(Diagnostic {
            severity,
            message,
            place: Some(at.place(self.source)),
            hint,
        });
    }

    /// Adds a finding that has its place already.
    pub fn add(&mut self, diagnostic: Diagnostic) {
        self.errors += usize::from(diagnostic.is_error());
        self.diagnostics.push(diagnostic);
    }

    /// Everything that was reported, in the order of the source, each once.
    pub fn into_diagnostics(mut self) -> Vec<Diagnostic> {
        let key = |diagnostic: &Diagnostic| {
            diagnostic
                .place
                .as_ref()
                .and_then(|place| place.span.as_ref())
                .map(|span| (span.line, span.column))
        };
        self.diagnostics.sort_by_key(key);
        let mut seen = BTreeSet::new();
        self.diagnostics
            .retain(|found| seen.insert((found.place.clone(), found.message.clone())));
        self.diagnostics
    }

    /// How many errors were reported.
    pub fn errors(&self) -> usize {
        self.errors
    }

    /// Whether an error was reported.
    pub fn has_errors(&self) -> bool {
        self.errors > 0
    }

    /// Reads a value. Where a type gives nothing and says nothing, this reports it: no input is ever dropped in silence.
    pub fn read<T: Decode>(&mut self, node: &Node) -> Option<T> {
        self.insist(node, T::TYPE, |decoder| T::decode(node, decoder))
    }

    /// What `read` gives; if that is nothing and no error was reported, reports that `expected` was.
    pub fn insist<T>(
        &mut self,
        node: &Node,
        expected: &str,
        read: impl FnOnce(&mut Self) -> Option<T>,
    ) -> Option<T> {
        let before = self.errors;
        let value = read(self);
        if value.is_none() && self.errors == before {
            self.mismatch(node, expected);
        }
        value
    }

    /// Reports that a node is not what was expected.
    pub fn mismatch(&mut self, node: &Node, expected: &str) {
        #[expect(
            clippy::wildcard_enum_match_arm,
            reason = "hints are for the few cases that have one"
        )]
        let hint = match &node.value {
            Value::String(text) if expected.contains("number") && text.parse::<f64>().is_ok() => {
                Some(format!("write it without quotes: {text}"))
            }
            Value::Bool(_) | Value::Int(_) | Value::Float(_) if expected.contains("string") => {
                Some("put it in quotes".to_owned())
            }
            _ => None,
        };
        #[expect(
            clippy::wildcard_enum_match_arm,
            reason = "short texts are shown, anything else is described"
        )]
        let found = match &node.value {
            Value::String(text) | Value::Text(text) if text.chars().count() <= 40 && !self.sensitive => {
                format!("`{text}`")
            }
            value => value.describe().to_owned(),
        };
        self.misshapen(&node.at, format!("expected {expected}, found {found}"), hint);
    }

    /// Reports a word that is none of those that can stand here.
    pub fn unknown_word(&mut self, node: &Node, found: &str, known: &[&str]) {
        let hint = did_you_mean(found, known.iter().copied())
            .map_or_else(|| known_are(known), |near| format!("did you mean `{near}`?"));
        let (last, others) = known.split_last().unwrap_or((&"nothing", &[]));
        let expected = format!("{} or {last}", others.join(", "));
        self.misshapen(
            &node.at,
            format!("expected {expected}, found `{found}`"),
            Some(hint),
        );
    }

    /// The text of a scalar that may refer to the environment, and whether it did or came from a flag, so that the type
    /// of the field reads it. `None` if it is no text, or if a name in it is undefined, which is then reported.
    pub fn text(&mut self, node: &Node) -> Option<Scalar> {
        let (text, typed) = match &node.value {
            Value::String(text) => (text, false),
            Value::Text(text) => {
                return Some(Scalar {
                    text: text.clone(),
                    untyped: true,
                });
            }
            Value::Null
            | Value::Bool(_)
            | Value::Int(_)
            | Value::Float(_)
            | Value::List(_)
            | Value::Map(_) => {
                return None;
            }
        };
        match expand(text, |name| self.variable(name)) {
            Ok(None) => Some(Scalar {
                text: text.clone(),
                untyped: typed,
            }),
            Ok(Some(expanded)) => {
                if self.sensitive {
                    expanded.values.iter().for_each(|value| self.mask.add(value));
                }
                Some(Scalar {
                    text: expanded.text,
                    untyped: true,
                })
            }
            Err(Undefined(name)) => {
                let hint = format!("set {name}, or write ${{{name}:-default}}; $${{{name}}} is literal");
                let [absent, empty] = unset(&name);
                let is_empty = (self.environment)(&name).is_some();
                self.missing(&node.at, if is_empty { empty } else { absent }, Some(hint));
                None
            }
        }
    }

    /// Reads what is a secret: values that come from the environment are masked.
    pub fn secretly<T>(&mut self, read: impl FnOnce(&mut Self) -> T) -> T {
        let before = std::mem::replace(&mut self.sensitive, true);
        let value = read(self);
        self.sensitive = before;
        value
    }

    /// Whether a node is text whose reading failed because of an undefined name (which was reported).
    pub fn is_text(node: &Node) -> bool {
        matches!(node.value, Value::String(_) | Value::Text(_))
    }

    /// Starts reading a map; anything else is reported.
    pub fn fields(&mut self, node: &Node, expected: &str) -> Option<Fields> {
        match &node.value {
            Value::Map(entries) => Some(Fields {
                entries: entries.iter().cloned().map(Some).collect(),
                known: Vec::new(),
            }),
            Value::Null => Some(Fields {
                entries: Vec::new(),
                known: Vec::new(),
            }),
            Value::Bool(_)
            | Value::Int(_)
            | Value::Float(_)
            | Value::String(_)
            | Value::Text(_)
            | Value::List(_) => {
                self.mismatch(node, expected);
                None
            }
        }
    }
}

/// What is said of a variable that is not there, and of one that is there and empty.
pub fn unset(name: &str) -> [String; 2] {
    [
        format!("the environment has no {name}"),
        format!("{name} is empty in the environment"),
    ]
}

/// Text of a scalar.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Scalar {
    /// The text, names replaced.
    pub text: String,
    /// Whether it is to be read by the type of the field (from a flag, an input or the environment).
    pub untyped: bool,
}

/// The entries of a map that have not been read yet.
pub struct Fields {
    entries: Vec<Option<(Key, Node)>>,
    known: Vec<&'static str>,
}

impl Fields {
    /// Takes the entry of a field, by its name or an alias; another case is accepted with a warning.
    pub fn take(&mut self, names: &[&'static str], decoder: &mut Decoder<'_>) -> Option<(Key, Node)> {
        self.known.extend_from_slice(names);
        let exact = |key: &Key| names.contains(&key.name.as_str());
        let folded = |key: &Key| names.iter().any(|name| name.eq_ignore_ascii_case(&key.name));
        let position = |matches: &dyn Fn(&Key) -> bool| {
            self.entries
                .iter()
                .position(|entry| entry.as_ref().is_some_and(|(key, _)| matches(key)))
        };
        let index = position(&exact).or_else(|| position(&folded))?;
        let (key, node) = self.entries[index].take()?;
        if !names.contains(&key.name.as_str()) {
            decoder.warning(
                &key.at,
                format!("`{}` is read as `{}`", key.name, names[0]),
                Some("keys are case-sensitive".into()),
            );
        }
        // The same field twice, in another case or by an alias, is as wrong as a duplicate key.
        if let Some((again, _)) = self
            .entries
            .iter()
            .flatten()
            .find(|(key, _)| exact(key) || folded(key))
        {
            let message = if key.name == again.name {
                format!(
                    "`{}` is given twice, once by a name of earlier releases",
                    key.name
                )
            } else {
                format!("`{}` and `{}` are the same field", key.name, again.name)
            };
            decoder.error(&again.at, message, Some("keep one of them".into()));
        }
        Some((key, node))
    }

    /// Takes and decodes a field; `null` is the same as absent. Values from the environment are secrets if `sensitive`.
    pub fn read<T: Decode>(
        &mut self,
        names: &[&'static str],
        sensitive: bool,
        decoder: &mut Decoder<'_>,
    ) -> Option<T> {
        let (_, node) = self.take(names, decoder)?;
        if node.value == Value::Null {
            return None;
        }
        let before = decoder.sensitive;
        decoder.sensitive |= sensitive;
        let value = decoder.read(&node);
        decoder.sensitive = before;
        value
    }

    /// Reports every entry that no field took.
    pub fn finish(self, of: &str, decoder: &mut Decoder<'_>) {
        for (key, _) in self.entries.into_iter().flatten() {
            if self.known.iter().any(|name| name.eq_ignore_ascii_case(&key.name)) {
                continue; // reported as the same field
            }
            let message = format!("unknown field `{}` in {of}", key.name);
            let near = did_you_mean(&key.name, self.known.iter().copied());
            let hint = match near {
                Some(name) => format!("did you mean `{name}`?"),
                None => known_are(&self.known),
            };
            if decoder.tolerant && near.is_none() {
                decoder.unread.push(key.at.clone());
                decoder.warning(&key.at, message, Some(hint));
            } else {
                decoder.misshapen(&key.at, message, Some(hint));
            }
        }
    }
}

#[cfg(test)]
#[path = "decode_tests.rs"]
mod tests;
