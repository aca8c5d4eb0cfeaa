//! `status`: a status of the commit.

use super::{Ask, PublishTask};
use crate::spec::{Decode, Decoder, Field, Node};
use crate::tasks::inputs::Places;
use crate::tasks::{Task, TaskKind};

/// The kind `status`.
pub(crate) struct StatusKind;

crate::fields! {
    /// A status.
    struct StatusInput in "a `status` task" {
        /// Its name, such as `iter8/slo`; required.
        context: String = ["context"],
    }
}

impl TaskKind for StatusKind {
    fn name(&self) -> &'static str {
        "status"
    }

    fn about(&self) -> &'static str {
        "Sets a status of the commit: pending while other tasks follow, and at the end how the run ended. In GitHub Actions only; what cannot be set is a warning."
    }

    fn fields(&self) -> Vec<&'static Field> {
        StatusInput::FIELDS.iter().collect()
    }

    fn schema(&self) -> serde_json::Value {
        let mut schema = StatusInput::schema();
        schema["required"] = serde_json::json!(["context"]);
        schema
    }

    fn parse(&self, with: &Node, decoder: &mut Decoder<'_>) -> Option<Box<dyn Task>> {
        let input = StatusInput::decode(with, decoder)?;
        let places = Places::of(with);
        let Some(context) = input.context.filter(|context| !context.trim().is_empty()) else {
            if !places.given("context") || places.node("context").is_some() {
                let hint = "such as `context: iter8/slo`".to_owned();
                decoder.error(places.own(), "a `status` task needs a `context`", Some(hint));
            }
            return None;
        };
        Some(Box::new(PublishTask {
            about: format!("status {context} of the commit"),
            ask: Ask::Status { context },
        }))
    }
}
