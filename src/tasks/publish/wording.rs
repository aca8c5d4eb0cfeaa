//! [`Wording`]: a text with values of the result in it.

use super::values::{Values, sample};
use crate::results::ExperimentResult;
use crate::spec::{Decode, Decoder, Node, Value};
use crate::template::{Functions, Random, Template, TemplateError};

/// A text that may have `{{ .winner }}` and the like in it.
#[derive(Debug, Clone)]
pub struct Wording {
    text: String,
    template: Template,
}

impl PartialEq for Wording {
    fn eq(&self, other: &Self) -> bool {
        self.text == other.text
    }
}

impl Wording {
    /// Reads a text; what a template can be wrong about is found here already.
    pub fn parse(text: &str) -> Result<Self, TemplateError> {
        let template = Template::parse(text, Functions::All)?;
        template.render(sample(text), &mut Random::seeded(0))?;
        Ok(Self {
            text: text.to_owned(),
            template,
        })
    }

    /// As it was written.
    pub fn source(&self) -> &str {
        &self.text
    }

    /// With the values of a result.
    pub fn render(&self, result: &ExperimentResult) -> Result<String, String> {
        let values = Values::of(result);
        let rendered = self.template.render(values, &mut Random::from_system());
        let text = rendered.map_err(|error| with_hint(&error))?;
        // What Go prints for nothing.
        if text.contains("<no value>") && !self.text.contains("<no value>") {
            let why = format!("{:?} has no value in this result", self.text.trim());
            let winner = self.text.contains(".winner") && result.winner().is_none();
            let hint = if winner {
                ": no version has won; one has, if versions were compared and it alone met its objectives"
            } else {
                ""
            };
            return Err(format!("{why}{hint}"));
        }
        Ok(text)
    }
}

fn with_hint(error: &TemplateError) -> String {
    match &error.hint {
        Some(hint) => format!("{error} ({hint})"),
        None => error.to_string(),
    }
}

impl Decode for Wording {
    const TYPE: &'static str = "text";

    fn schema() -> serde_json::Value {
        serde_json::json!({ "type": ["string", "number", "boolean"], "examples": ["{{ .winner }}"] })
    }

    fn decode(node: &Node, decoder: &mut Decoder<'_>) -> Option<Self> {
        let text = match &node.value {
            // The braces are the template's; `${NAME}` in it is text.
            Value::String(text) | Value::Text(text) if text.contains("{{") => text.clone(),
            Value::String(_) | Value::Text(_) => decoder.text(node)?.text,
            Value::Int(_) | Value::Float(_) | Value::Bool(_) => match decoder.as_written(node) {
                Some(written) => written.to_owned(),
                None => return None,
            },
            Value::Null | Value::List(_) | Value::Map(_) => return None,
        };
        match Self::parse(&text) {
            Ok(wording) => Some(wording),
            Err(error) => {
                let hint = error.hint.clone();
                decoder.error(&node.at, error.to_string(), hint);
                None
            }
        }
    }
}
