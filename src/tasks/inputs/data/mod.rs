//! [`Data`]: the field `data`, the rows that placeholders of a load are filled from: written out, or in a file.

mod csv;
mod inline;
mod json;

use std::path::{Path, PathBuf};
use std::sync::Arc;

use http::header::CONTENT_TYPE;
use serde_json::json;

use crate::load::http::{Mistake, Place, RequestSpec, Rows, RowsError, check};
use crate::spec::{At, Decode, Decoder, Node, Value, read_file};
use crate::tasks::inputs::Places;

/// Largest file, in bytes.
const LARGEST: u64 = 64 << 20;

/// Rows, or the file with them if a script may write it before they are needed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Data {
    /// Read already.
    Rows(Arc<Rows>),
    /// To be read when the task runs.
    Later(PathBuf),
}

/// A file whose rows cannot be used.
#[derive(Debug, thiserror::Error)]
pub(crate) enum DataError {
    /// It cannot be read.
    #[error("cannot read {}: {cause}", path.display())]
    Read {
        /// The file.
        path: PathBuf,
        /// Why; part of the text, as for any other file of a field.
        cause: std::io::Error,
    },
    /// Something in it.
    #[error("{}{}: {why}", path.display(), line.map(|line| format!(":{line}")).unwrap_or_default())]
    Content {
        /// The file.
        path: PathBuf,
        /// From 1, if it is one line.
        line: Option<u64>,
        /// What is wrong.
        why: String,
    },
}

/// What is wrong in a text, and in which line of it.
#[derive(Debug, PartialEq, Eq)]
struct Wrong {
    line: Option<u64>,
    why: String,
}

impl Wrong {
    fn at(line: u64, why: &(impl ToString + ?Sized)) -> Self {
        Self {
            line: Some(line),
            why: why.to_string(),
        }
    }
}

impl From<RowsError> for Wrong {
    fn from(error: RowsError) -> Self {
        Self {
            line: None,
            why: error.to_string(),
        }
    }
}

impl Data {
    /// The rows.
    pub(in crate::tasks) fn load(&self) -> Result<Arc<Rows>, DataError> {
        match self {
            Self::Rows(rows) => Ok(Arc::clone(rows)),
            Self::Later(path) => read(path).map(Arc::new),
        }
    }

    /// The rows, if they are known already.
    pub(in crate::tasks) fn known(&self) -> Option<Arc<Rows>> {
        match self {
            Self::Rows(rows) => Some(Arc::clone(rows)),
            Self::Later(_) => None,
        }
    }
}

/// Reads a file by the end of its name.
fn read(path: &Path) -> Result<Rows, DataError> {
    let wrong = |wrong: Wrong| DataError::Content {
        path: path.to_owned(),
        line: wrong.line,
        why: wrong.why,
    };
    let extension = path.extension().unwrap_or_default().to_ascii_lowercase();
    let parse = match extension.to_str() {
        Some("csv") => csv::parse,
        Some("json" | "jsonl" | "ndjson") => json::parse,
        _ => {
            return Err(wrong(Wrong {
                line: None,
                why: "rows are read from files that end in .csv, .json or .jsonl".to_owned(),
            }));
        }
    };
    let content = read_file(path, LARGEST).map_err(|cause| DataError::Read {
        path: path.to_owned(),
        cause,
    })?;
    let content = content.strip_prefix("\u{feff}".as_bytes()).unwrap_or(&content);
    let rows = parse(content).map_err(wrong)?;
    if rows.is_empty() {
        return Err(wrong(Wrong {
            line: None,
            why: "there are no rows".to_owned(),
        }));
    }
    Ok(rows)
}

crate::fields! {
    /// Where rows are.
    struct Origin in "`data`" {
        /// Path of a file.
        file: String = ["file"],
    }
}

impl Decode for Data {
    const TYPE: &'static str = "rows or path";

    fn schema() -> serde_json::Value {
        let value = json!({ "type": ["string", "number", "boolean", "array", "object"] });
        let row = json!({ "type": "object", "additionalProperties": value, "minProperties": 1 });
        let mut file = Origin::schema();
        file["required"] = json!(["file"]);
        json!({ "anyOf": [
            { "type": "string" },
            file,
            { "type": "array", "items": row, "minItems": 1 },
        ] })
    }

    fn decode(node: &Node, decoder: &mut Decoder<'_>) -> Option<Self> {
        match &node.value {
            Value::List(items) => {
                let rows = inline::rows(node, items, decoder)?;
                Some(Self::Rows(Arc::new(rows)))
            }
            Value::Map(_) => {
                let origin = Origin::decode(node, decoder)?;
                let Some(file) = origin.file else {
                    if node.field("file").is_none() {
                        decoder.error(&node.at, "`data` needs `file`, or a list of rows", None);
                    }
                    return None;
                };
                let at = node.field("file").map_or(&node.at, |(_, file)| &file.at);
                from_file(&file, at, decoder)
            }
            Value::String(_) | Value::Text(_) => {
                let file = String::decode(node, decoder)?;
                from_file(&file, &node.at, decoder)
            }
            Value::Null | Value::Bool(_) | Value::Int(_) | Value::Float(_) => {
                decoder.mismatch(node, "a list of rows or the path of a file");
                None
            }
        }
    }
}

fn from_file(file: &str, at: &At, decoder: &mut Decoder<'_>) -> Option<Data> {
    let path = decoder.path(file);
    // What is there now may be what the run before left behind.
    if decoder.files_may_come() {
        return Some(Data::Later(path));
    }
    match read(&path) {
        Ok(rows) => Some(Data::Rows(Arc::new(rows))),
        Err(error) => {
            decoder.missing(at, error.to_string(), None);
            None
        }
    }
}

/// Checks the placeholders of a request against its rows.
pub(in crate::tasks) fn check_placeholders(
    spec: &RequestSpec,
    places: Places<'_>,
    decoder: &mut Decoder<'_>,
) -> Option<()> {
    let mistakes = check(spec);
    for mistake in &mistakes {
        decoder.error(place(mistake, places), mistake.to_string(), mistake.hint());
    }
    mistakes.is_empty().then_some(())
}

fn place<'a>(mistake: &Mistake, places: Places<'a>) -> &'a At {
    let given = |fields: &[&'static str]| {
        let field = fields.iter().find(|field| places.given(field));
        field.map_or(places.own(), |field| places.at(field))
    };
    match &mistake.place {
        Place::Url => given(&["url"]),
        Place::Header(name) => match places.inside("headers", name.as_str()) {
            Some(node) => &node.at,
            None if *name == CONTENT_TYPE => given(&["contentType"]),
            None => given(&["basicAuth", "bearerToken"]), // the other fields that become headers
        },
        Place::Body => given(&["payloadURL", "payloadFile", "payloadStr"]),
        Place::Rows => given(&["data"]),
    }
}

#[cfg(test)]
mod tests;
