//! [`Changes`]: which files a pull request edits, and how.

use serde_json::json;

use super::Wording;
use crate::edit::Edit;
use crate::results::ExperimentResult;
use crate::spec::{Decode, Decoder, Node};
use crate::tasks::inputs::Places;

/// Most changes of one pull request.
const MOST: usize = 100;

/// Edits, in order.
#[derive(Debug, Clone, PartialEq)]
pub struct Changes(Vec<Change>);

#[derive(Debug, Clone, PartialEq)]
struct Change {
    file: String,
    edit: Edit,
    value: Wording,
}

/// An edit with its value.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Rendered {
    /// Path from the root of the repository.
    pub file: String,
    /// What is changed.
    pub edit: Edit,
    /// To what.
    pub value: String,
}

impl Changes {
    /// The edits with the values of a result.
    pub fn render(&self, result: &ExperimentResult) -> Result<Vec<Rendered>, String> {
        let rendered = self.0.iter().map(|change| {
            let value = change.value.render(result);
            Ok(Rendered {
                file: change.file.clone(),
                edit: change.edit.clone(),
                value: value.map_err(|why| format!("{}: {why}", change.file))?,
            })
        });
        rendered.collect()
    }

    /// Whether a value has the winner in it.
    pub fn name_winner(&self) -> bool {
        let mut values = self.0.iter().map(|change| change.value.source());
        values.any(|source| source.contains(".winner"))
    }

    /// The files, each once.
    pub fn files(&self) -> Vec<&str> {
        let mut files: Vec<&str> = Vec::new();
        for change in &self.0 {
            if !files.contains(&change.file.as_str()) {
                files.push(&change.file);
            }
        }
        files
    }
}

impl Decode for Changes {
    const TYPE: &'static str = "list of changes";

    fn schema() -> serde_json::Value {
        json!({ "type": "array", "items": ChangeInput::schema(), "minItems": 1, "maxItems": MOST })
    }

    fn decode(node: &Node, decoder: &mut Decoder<'_>) -> Option<Self> {
        let changes = Vec::<Change>::decode(node, decoder)?;
        if changes.is_empty() || changes.len() > MOST {
            decoder.error(&node.at, format!("a pull request has 1 to {MOST} changes"), None);
            return None;
        }
        Some(Self(changes))
    }
}

crate::fields! {
    /// A change of one file.
    struct ChangeInput in "a change" {
        /// The file, from the root of the repository; required.
        file: String = ["file"],
        /// Path of a value in a YAML file, such as `image.tag` or `spec.containers[name=web].image`.
        yaml: String = ["yaml"],
        /// Pointer to a value in a JSON file, such as `/image/tag`.
        json: String = ["json"],
        /// A text; every occurrence is replaced.
        replace: String = ["replace"],
        /// All of the file, which may be new.
        content: Wording = ["content"],
        /// The new value; with `yaml`, `json` and `replace`.
        value: Wording = ["value"],
    }
}

impl Decode for Change {
    const TYPE: &'static str = "change";

    fn schema() -> serde_json::Value {
        ChangeInput::schema()
    }

    fn decode(node: &Node, decoder: &mut Decoder<'_>) -> Option<Self> {
        let before = decoder.errors();
        let input = ChangeInput::decode(node, decoder)?;
        if decoder.errors() > before {
            return None;
        }
        let places = Places::of(node);
        let file = file(input.file, places, decoder)?;
        let given: Vec<&str> = ["yaml", "json", "replace", "content"]
            .into_iter()
            .filter(|field| places.given(field))
            .collect();
        if given.len() != 1 {
            let message = "a change has one of `yaml`, `json`, `replace` and `content`";
            decoder.error(places.own(), message, None);
            return None;
        }
        let whole = input.content.is_some();
        let Some(value) = input
            .content
            .or(input.value)
            .filter(|_| whole != places.given("value"))
        else {
            let message = if whole {
                "`content` is all of the file: leave `value` out"
            } else {
                "a change needs a `value`"
            };
            decoder.error(places.own(), message, None);
            return None;
        };
        let wrong = |why: String| (given[0], why);
        let edit = match (input.yaml, input.json, input.replace) {
            (Some(path), ..) => path
                .parse()
                .map(Edit::Yaml)
                .map_err(|error| wrong(format!("{path:?} is no path: {error}"))),
            (_, Some(pointer), _) => pointer
                .parse()
                .map(Edit::Json)
                .map_err(|error| wrong(error.to_owned())),
            (.., Some(text)) if text.is_empty() => Err(wrong("there is no text to replace".to_owned())),
            (.., Some(text)) => Ok(Edit::Replace(text)),
            (None, None, None) => Ok(Edit::Whole),
        };
        match edit {
            Ok(edit) => Some(Self { file, edit, value }),
            Err((field, why)) => {
                decoder.error(places.at(field), why, None);
                None
            }
        }
    }
}

/// A path that cannot leave the repository.
fn file(file: Option<String>, places: Places<'_>, decoder: &mut Decoder<'_>) -> Option<String> {
    let Some(file) = file else {
        decoder.error(places.own(), "a change needs a `file`", None);
        return None;
    };
    let path = file.trim_start_matches("./");
    let odd = |part: &str| matches!(part, "" | "." | "..") || part.eq_ignore_ascii_case(".git");
    if path.split('/').any(odd) || path.chars().any(|c| c.is_control() || c == '\\') {
        let message = format!("{file:?} is no path from the root of a repository");
        decoder.error(
            places.at("file"),
            message,
            Some("such as deploy/values.yaml".to_owned()),
        );
        return None;
    }
    Some(path.to_owned())
}
