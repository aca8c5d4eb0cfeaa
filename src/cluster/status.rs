//! [`Status`]: what an API server answers in place of what was asked for
//! (<https://kubernetes.io/docs/reference/kubernetes-api/common-definitions/status/>).

use http::StatusCode;
use serde::Deserialize;

/// Why something is not done.
#[derive(Debug, Default, Deserialize)]
#[serde(default)]
pub(super) struct Status {
    /// As in the head of the answer.
    pub(super) code: u16,
    /// In words.
    pub(super) message: String,
    /// In one word; may be empty.
    pub(super) reason: String,
    /// More of it.
    pub(super) details: Option<Details>,
}

/// What a [`Status`] is about.
#[derive(Debug, Default, Deserialize)]
#[serde(default)]
pub(super) struct Details {
    /// Of the object, or empty.
    pub(super) name: String,
    /// Of the object, or empty.
    pub(super) kind: String,
    /// What came together.
    pub(super) causes: Vec<Cause>,
}

/// One of several causes.
#[derive(Debug, Default, Deserialize)]
#[serde(default)]
pub(super) struct Cause {
    /// In one word.
    pub(super) reason: String,
    /// In words.
    pub(super) message: String,
    /// The field that it is about.
    pub(super) field: String,
}

impl Status {
    /// Of an answer; of one that is none of an API server, its text.
    pub(super) fn of(code: StatusCode, text: &[u8]) -> Self {
        let mut said: Self = serde_json::from_slice(text).unwrap_or_default();
        if said.code == 0 {
            said.code = code.as_u16();
        }
        if said.message.is_empty() {
            said.message = String::from_utf8_lossy(text).into_owned();
        }
        said
    }
}
