//! [`Edit`]: a small change of a text that leaves every other byte as it is, or refuses.
//!
//! # Why no library
//! Those that edit YAML reorder, requote or drop something in some cases. Here the bytes of one value are replaced, the
//! text is read again, and the change is refused unless that value alone has changed.

mod error;
mod json;
mod path;
mod scalar;
mod yaml;

#[cfg(test)]
mod tests;

pub use error::EditError;
pub use json::Pointer;
pub use path::{Path, PathError, Step};

/// What a value is put in place of.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Edit {
    /// The value at a path of a YAML file.
    Yaml(Path),
    /// The value at a pointer of a JSON file.
    Json(Pointer),
    /// Every occurrence of a text that is not empty.
    Replace(String),
    /// All of the file, which need not be there.
    Whole,
}

impl Edit {
    /// The text with `value` in it; `None` is a file that is not there.
    pub fn apply(&self, text: Option<&str>, value: &str) -> Result<String, EditError> {
        match (self, text) {
            (Self::Whole, _) => Ok(value.to_owned()),
            (_, None) => Err(EditError::Missing),
            (Self::Yaml(path), Some(text)) => yaml::splice(text, path, value),
            (Self::Json(pointer), Some(text)) => json::splice(text, pointer, value),
            (Self::Replace(old), Some(text)) => replace(text, old, value),
        }
    }
}

impl std::fmt::Display for Edit {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Yaml(path) => write!(f, "yaml {path}"),
            Self::Json(pointer) => write!(f, "json {pointer}"),
            Self::Replace(text) => write!(f, "replace {text}"),
            Self::Whole => f.write_str("content"),
        }
    }
}

/// Where the new text holds the old one (`v1` and `v1.1`), what is new already stays.
fn replace(text: &str, old: &str, new: &str) -> Result<String, EditError> {
    if old.is_empty() {
        return Err(EditError::NoText { text: String::new() });
    }
    let changed = if new.contains(old) {
        let parts: Vec<String> = text.split(new).map(|part| part.replace(old, new)).collect();
        parts.join(new)
    } else {
        text.replace(old, new)
    };
    let is_there = text.contains(old) || (!new.is_empty() && text.contains(new));
    is_there.then_some(changed).ok_or_else(|| EditError::NoText {
        text: old.chars().take(80).collect(),
    })
}
