//! [`TemplateSource`]: a Go template that a field gives by its URL, by the path of a file, or itself.

use std::path::PathBuf;
use std::sync::Arc;

use serde_json::json;

use super::{Sender, Target, download};
use crate::spec::{Decode, Decoder, Node, Value, read_file};
use crate::tasks::{RunContext, TaskError};
use crate::template::{Functions, Template, TemplateError};

/// Largest template, in bytes.
const LARGEST: u64 = 1 << 20;

/// Where a template comes from.
#[derive(Debug, Clone)]
pub(crate) enum TemplateSource {
    /// It stands in the experiment, or in a file that was read.
    Ready(Arc<Template>),
    /// A file that a script may write before it is needed.
    File(PathBuf),
    /// Downloaded when the task runs.
    Url(Target),
}

// Templates have no order and no equality of their own; the fields of a task are compared in tests alone.
impl PartialEq for TemplateSource {
    fn eq(&self, other: &Self) -> bool {
        match (self, other) {
            (Self::Ready(one), Self::Ready(other)) => Arc::ptr_eq(one, other),
            (Self::File(one), Self::File(other)) => one == other,
            (Self::Url(one), Self::Url(other)) => one == other,
            (Self::Ready(_) | Self::File(_) | Self::Url(_), _) => false,
        }
    }
}

impl TemplateSource {
    /// A file; read now, unless a script may still write it.
    pub(in crate::tasks) fn file(path: PathBuf, node: &Node, decoder: &mut Decoder<'_>) -> Option<Self> {
        if decoder.files_may_come() {
            return Some(Self::File(path));
        }
        let read = read_file(&path, LARGEST);
        let text = match read.map(String::from_utf8) {
            Ok(Ok(text)) => text,
            Ok(Err(_)) => {
                decoder.missing(&node.at, format!("{} is not UTF-8", path.display()), None);
                return None;
            }
            Err(cause) => {
                decoder.missing(&node.at, format!("cannot read {}: {cause}", path.display()), None);
                return None;
            }
        };
        parsed(&text, node, decoder)
    }

    /// The template; `what` it is, in words that follow `the`.
    pub(in crate::tasks) async fn load(
        &self,
        what: &str,
        sender: &Sender,
        context: &RunContext,
    ) -> Result<Arc<Template>, TaskError> {
        let (text, from) = match self {
            Self::Ready(template) => return Ok(Arc::clone(template)),
            Self::File(path) => {
                let read = read_file(path, LARGEST).map_err(|cause| {
                    TaskError::new(format!("cannot read the {what} {}: {cause}", path.display()))
                })?;
                (read, path.display().to_string())
            }
            Self::Url(target) => {
                let fetched = download(what, target, sender, context).await?;
                (fetched.to_vec(), target.to_string())
            }
        };
        let failed = |why: String| TaskError::new(format!("the {what} {from} cannot be used: {why}"));
        if u64::try_from(text.len()).unwrap_or(u64::MAX) > LARGEST {
            return Err(failed(format!("it is larger than {LARGEST} bytes")));
        }
        let text = String::from_utf8(text).map_err(|error| failed(error.to_string()))?;
        Template::parse(&text, Functions::Iter8)
            .map(Arc::new)
            .map_err(|error| failed(with_hint(&error)))
    }
}

/// A mistake and what to do about it, as one text.
pub(in crate::tasks) fn with_hint(error: &TemplateError) -> String {
    match &error.hint {
        Some(hint) => format!("{error} ({hint})"),
        None => error.to_string(),
    }
}

/// Whether a text is a template and not the place of one: places have neither actions nor lines, and no name of a file begins
/// as JSON does.
fn is_template(text: &str) -> bool {
    text.contains('\n') || text.contains("{{") || text.starts_with('{')
}

fn parsed(text: &str, node: &Node, decoder: &mut Decoder<'_>) -> Option<TemplateSource> {
    match Template::parse(text, Functions::Iter8) {
        Ok(template) => Some(TemplateSource::Ready(Arc::new(template))),
        Err(error) => {
            let hint = error.hint.clone();
            decoder.error(&node.at, error.to_string(), hint);
            None
        }
    }
}

impl Decode for TemplateSource {
    const TYPE: &'static str = "URL, path or template";

    fn schema() -> serde_json::Value {
        json!({ "type": "string", "examples": ["https://example.com/istio-prom.tpl", "providers/istio-prom.tpl"] })
    }

    fn decode(node: &Node, decoder: &mut Decoder<'_>) -> Option<Self> {
        // In a template `${NAME}` is text.
        if let Value::String(text) | Value::Text(text) = &node.value
            && is_template(text.trim())
        {
            return parsed(text, node, decoder);
        }
        let text = String::decode(node, decoder)?;
        let text = text.trim();
        if text.starts_with("http://") || text.starts_with("https://") {
            return Target::decode(node, decoder).map(Self::Url);
        }
        if text.is_empty() {
            decoder.error(
                &node.at,
                "there is no template",
                Some("give its URL, or the path of a file".to_owned()),
            );
            return None;
        }
        let path = decoder.path(text.strip_prefix("file://").unwrap_or(text));
        Self::file(path, node, decoder)
    }
}

#[cfg(test)]
mod tests {
    use super::is_template;

    #[test]
    fn texts_with_addresses_in_them_are_templates_too() {
        for text in [
            "{\"text\": \"see https://example.com/{{ .sha }}\"}",
            "{\"text\": \"see https://example.com/\"}",
            "https://example.com/{{ .sha }}",
            "two\nlines",
        ] {
            assert!(is_template(text), "{text}");
        }
        for text in [
            "https://example.com/payload.tpl",
            "file:///srv/payload.tpl",
            "templates/payload.tpl",
            "${TEMPLATE}",
        ] {
            assert!(!is_template(text), "{text}");
        }
    }
}
