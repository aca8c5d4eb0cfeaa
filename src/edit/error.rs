//! [`EditError`]: why a text is left as it is.

/// Why a text is left as it is.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum EditError {
    /// There is no such file.
    #[error("it is not there; only `content` makes a file")]
    Missing,
    /// Not YAML, or not JSON.
    #[error("{reason}")]
    Unreadable {
        /// What is wrong with it.
        reason: String,
    },
    /// Nothing at this path.
    #[error("it has no `{path}`{}", .near.as_ref().map(|near| format!("; did you mean `{near}`?")).unwrap_or_default())]
    NoPath {
        /// The path, as far as it leads nowhere.
        path: String,
        /// What is probably meant.
        near: Option<String>,
    },
    /// The path leads to several values.
    #[error("`{path}` is in several of its documents, or in several elements of a list")]
    Ambiguous {
        /// The path.
        path: String,
    },
    /// No text to replace.
    #[error("it has no text `{text}`")]
    NoText {
        /// The text, or its start.
        text: String,
    },
    /// A list or a map.
    #[error("`{path}` is {found}; only a string, a number, true, false or null can be changed")]
    NotScalar {
        /// The path.
        path: String,
        /// What it is.
        found: &'static str,
    },
    /// The new value is of another type.
    #[error("`{path}` is {found}, and `{value}` is not{}", if *.found == "a number" { "; put the one in the file in quotes if it is meant as a string" } else { "" })]
    Type {
        /// The path.
        path: String,
        /// What it is.
        found: &'static str,
        /// The new value.
        value: String,
    },
    /// The value is written in a way that cannot be changed safely.
    #[error("`{path}` is {form}, which is not changed safely: write it as a plain or quoted value")]
    Form {
        /// The path.
        path: String,
        /// How it is written.
        form: &'static str,
    },
    /// An anchor carries the value elsewhere.
    #[error("changing `{path}` would change `{other}` too")]
    Others {
        /// The path.
        path: String,
        /// What else would be another.
        other: String,
    },
}
