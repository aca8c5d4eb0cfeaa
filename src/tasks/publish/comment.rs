//! `comment`: a comment on the pull request.

use serde_json::json;

use super::{Ask, PublishTask};
use crate::spec::{Decode, Decoder, Field, Node};
use crate::tasks::{Task, TaskKind};

/// The kind `comment`.
pub(crate) struct CommentKind;

/// When a comment is written.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub enum When {
    /// Always.
    #[default]
    Always,
    /// Created only when the run did not pass so far; from then on kept up to date.
    OnFail,
    /// When outcome or verdicts are not those of the comment.
    OnChange,
}

impl When {
    /// The word for it; none for anything else.
    pub fn of(word: &str) -> Option<Self> {
        match word {
            "always" => Some(Self::Always),
            "on-fail" => Some(Self::OnFail),
            "on-change" => Some(Self::OnChange),
            _ => None,
        }
    }
}

const WORDS: [&str; 3] = ["always", "on-fail", "on-change"];

impl Decode for When {
    const TYPE: &'static str = "always, on-fail or on-change";

    fn schema() -> serde_json::Value {
        json!({ "enum": WORDS })
    }

    fn decode(node: &Node, decoder: &mut Decoder<'_>) -> Option<Self> {
        let text = String::decode(node, decoder)?;
        let when = Self::of(text.trim());
        if when.is_none() {
            decoder.unknown_word(node, &text, &WORDS);
        }
        when
    }
}

crate::fields! {
    /// A comment.
    struct CommentInput in "a `comment` task" {
        /// When it is written: `always` (default), `on-fail` or `on-change`.
        when: When = ["when"],
        /// Tells the comments of a pull request apart; default workflow and job, in the action its `commentKey`.
        key: String = ["key"],
    }
}

impl TaskKind for CommentKind {
    fn name(&self) -> &'static str {
        "comment"
    }

    fn about(&self) -> &'static str {
        "Writes what the run has come to so far into a comment on the pull request, which is kept up to date in place. In GitHub Actions only; what cannot be written is a warning."
    }

    fn fields(&self) -> Vec<&'static Field> {
        CommentInput::FIELDS.iter().collect()
    }

    fn schema(&self) -> serde_json::Value {
        let mut schema = CommentInput::schema();
        schema["type"] = json!(["object", "null"]);
        schema
    }

    fn parse(&self, with: &Node, decoder: &mut Decoder<'_>) -> Option<Box<dyn Task>> {
        let input = CommentInput::decode(with, decoder)?;
        let when = input.when.unwrap_or_default();
        Some(Box::new(PublishTask {
            about: "comment on the pull request".to_owned(),
            ask: Ask::Comment { when, key: input.key },
        }))
    }
}
