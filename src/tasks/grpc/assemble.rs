//! [`assemble`]: from descriptors, data and metadata to what calls send. All that can be wrong is found here, before the
//! first of them.

use std::sync::Arc;

use bytes::Bytes;
use http::uri::PathAndQuery;
use prost_reflect::MessageDescriptor;

use super::data::Data;
use super::metadata;
use super::render::{Element, Rendered};
use crate::grpc::CallNames;
use crate::grpc::message::{self, MessageError};
use crate::grpc::schema::{Method, MethodKind, Schema};
use crate::load::grpc::{CallKind, CallNumber, Calls, Messages};
use crate::spec::Map;
use crate::template::{Functions, Random, Template, TemplateError};

const EMPTY: &str = "an empty list holds nothing to send";

/// What a call says beside its method.
#[derive(Debug, Clone, Copy)]
pub(super) struct Content<'a> {
    /// The method as it is called.
    pub(super) call: &'a str,
    /// Messages.
    pub(super) body: &'a Body,
    /// Field that gives them.
    pub(super) field: &'static str,
    /// Names and values.
    pub(super) metadata: &'a Map<String>,
    /// Field that gives them.
    pub(super) metadata_field: &'static str,
    /// What call templates may do; `None` sends them as they are.
    pub(super) functions: Option<Functions>,
    /// Whether they are filled in for each message.
    pub(super) dynamic: bool,
    /// Whether a streaming call sends its messages over and over.
    pub(super) repeats: bool,
}

/// Messages, before their descriptors are known.
#[derive(Debug, Clone, PartialEq)]
pub(super) enum Body {
    /// An empty message.
    Empty,
    /// As JSON.
    Json(Data),
    /// Encoded.
    Binary(Bytes),
}

/// What is called, and what each call sends.
#[derive(Debug, Clone)]
pub(super) struct Assembled {
    /// `/package.Service/Method`.
    pub(super) path: PathAndQuery,
    /// Which sides stream.
    pub(super) kind: CallKind,
    /// What is sent.
    pub(super) calls: Calls,
}

/// What is wrong.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Fault {
    /// The field.
    pub(super) field: &'static str,
    /// Where inside of its value, as `$.address.zip`.
    pub(super) path: Option<String>,
    /// In words.
    pub(super) message: String,
    /// What to try.
    pub(super) hint: Option<String>,
}

impl Fault {
    fn new(field: &'static str, message: impl Into<String>) -> Self {
        Self {
            field,
            path: None,
            message: message.into(),
            hint: None,
        }
    }

    fn template(field: &'static str, index: Option<usize>, error: &TemplateError) -> Self {
        Self {
            path: index.map(|index| format!("$[{index}]")),
            hint: error.hint.clone(),
            ..Self::new(field, error.to_string())
        }
    }

    fn message(field: &'static str, index: Option<usize>, error: &MessageError) -> Self {
        let own = match error {
            MessageError::UnknownField { path, .. }
            | MessageError::Value { path, .. }
            | MessageError::Missing { path, .. } => Some(path.as_str()),
            MessageError::NotJson { .. }
            | MessageError::Several(_)
            | MessageError::TooDeep { .. }
            | MessageError::Binary { .. } => None,
        };
        let path = match (own, index) {
            (Some(path), Some(index)) => Some(format!("$[{index}]{}", path.trim_start_matches('$'))),
            (Some(path), None) => Some(path.to_owned()),
            (None, Some(index)) => Some(format!("$[{index}]")),
            (None, None) => None,
        };
        Self {
            path,
            hint: error.hint().map(str::to_owned),
            ..Self::new(field, error.to_string())
        }
    }

    /// The whole of it in one line.
    pub(super) fn in_words(&self) -> String {
        match &self.hint {
            Some(hint) => format!("`{}`: {}; {hint}", self.field, self.message),
            None => format!("`{}`: {}", self.field, self.message),
        }
    }
}

/// The kind of a method as loads know it.
pub(super) fn kind(kind: MethodKind) -> CallKind {
    match kind {
        MethodKind::Unary => CallKind::Unary,
        MethodKind::ClientStreaming => CallKind::ClientStreaming,
        MethodKind::ServerStreaming => CallKind::ServerStreaming,
        MethodKind::Bidirectional => CallKind::Bidirectional,
    }
}

/// Checks what can be checked without descriptors.
pub(super) fn check(content: Content<'_>) -> Result<(), Fault> {
    let listed = matches!(content.body, Body::Json(Data::List(_)));
    let texts = match content.body {
        Body::Empty | Body::Binary(_) => Vec::new(),
        Body::Json(data) => data.texts(content.functions.is_some()),
    };
    if listed && texts.is_empty() {
        return Err(Fault::new(content.field, EMPTY));
    }
    for (at, text) in texts.iter().enumerate() {
        let index = listed.then_some(at);
        if let Some(text) = constant(text, index, content)? {
            let read: Result<serde_json::Value, _> = serde_json::from_str(&text);
            read.map_err(|error| Fault::new(content.field, format!("the data is not JSON: {error}")))?;
        }
    }
    let (templates, _) = metadata_templates(content)?;
    for (name, template) in templates.iter().filter(|(_, template)| template.is_constant()) {
        let value = template
            .render_value(&"".into(), &mut Random::seeded(0))
            .map_err(|error| metadata_fault(content, name, error.to_string()))?;
        metadata::entry(name, &value).map_err(|why| metadata_fault(content, name, why))?;
    }
    Ok(())
}

/// A text without call templates, or `None` if it has some.
fn constant(text: &str, index: Option<usize>, content: Content<'_>) -> Result<Option<String>, Fault> {
    let Some(functions) = content.functions else {
        return Ok(Some(text.to_owned()));
    };
    let wrong = |error: TemplateError| Fault::template(content.field, index, &error);
    let template = Template::parse(text, functions).map_err(wrong)?;
    if !template.is_constant() {
        return Ok(None);
    }
    template
        .render_value(&"".into(), &mut Random::seeded(0))
        .map(Some)
        .map_err(wrong)
}

/// The method that is called.
pub(super) fn method(schema: &Schema, content: Content<'_>) -> Result<Method, Fault> {
    schema.method(content.call).map_err(|error| Fault {
        hint: error.hint(),
        ..Fault::new("call", error.to_string())
    })
}

/// Puts together what calls send.
pub(super) fn assemble(schema: &Schema, content: Content<'_>) -> Result<Assembled, Fault> {
    let method = method(schema, content)?;
    let path = PathAndQuery::try_from(method.path.as_str())
        .map_err(|error| Fault::new("call", format!("`{}` cannot be called: {error}", method.path)))?;
    check(content)?;
    let texts = match content.body {
        Body::Empty => vec![String::from("{}")],
        Body::Json(data) => data.texts(content.functions.is_some()),
        Body::Binary(bytes) => return binary(&method, path, bytes, content),
    };
    let index = |index: usize| matches!(content.body, Body::Json(Data::List(_))).then_some(index);
    let mut elements = Vec::new();
    for (at, text) in texts.iter().enumerate() {
        elements.extend(element(text, index(at), &method.input, content)?);
    }
    calls(&method, path, elements, content)
}

/// Messages that are encoded already.
fn binary(
    method: &Method,
    path: PathAndQuery,
    bytes: &Bytes,
    content: Content<'_>,
) -> Result<Assembled, Fault> {
    let mut messages =
        message::split(bytes, &method.input).map_err(|error| Fault::message(content.field, None, &error))?;
    if messages.is_empty() {
        // No bytes are a message without fields.
        messages.push(Bytes::new());
    }
    let elements = messages.into_iter().map(Element::Fixed).collect();
    calls(method, path, elements, content)
}

/// One message; several if it is a list that is always the same.
fn element(
    text: &str,
    index: Option<usize>,
    input: &MessageDescriptor,
    content: Content<'_>,
) -> Result<Vec<Element>, Fault> {
    if let Some(text) = constant(text, index, content)? {
        let messages = message::encode_all(&text, input)
            .map_err(|error| Fault::message(content.field, index, &error))?;
        return Ok(messages.into_iter().map(Element::Fixed).collect());
    }
    let functions = content.functions.unwrap_or(Functions::All);
    let template =
        Template::parse(text, functions).map_err(|error| Fault::template(content.field, index, &error))?;
    Ok(vec![Element::Template(template)])
}

fn calls(
    method: &Method,
    path: PathAndQuery,
    elements: Vec<Element>,
    content: Content<'_>,
) -> Result<Assembled, Fault> {
    if elements.is_empty() {
        return Err(Fault::new(content.field, EMPTY));
    }
    let kind = kind(method.kind);
    let (metadata, varies) = metadata_templates(content)?;
    let fixed: Option<Vec<Bytes>> = elements
        .iter()
        .map(|element| match element {
            Element::Fixed(bytes) => Some(bytes.clone()),
            Element::Template(_) => None,
        })
        .collect();
    if let (Some(messages), false) = (fixed, varies) {
        let metadata =
            metadata::headers(content.metadata).map_err(|(name, why)| metadata_fault(content, &name, why))?;
        let messages = if messages.len() > 1 && !kind.client_streams() {
            Messages::InTurn(messages)
        } else {
            Messages::Same(messages)
        };
        let calls = Calls::Fixed { metadata, messages };
        return Ok(Assembled { path, kind, calls });
    }
    let count = elements.len();
    let rendered = Rendered {
        names: Arc::new(CallNames::new(method)),
        input: method.input.clone(),
        elements,
        field: content.field,
        metadata,
        streams: kind.client_streams(),
        repeats: content.repeats,
        dynamic: content.dynamic && kind.client_streams(),
        seed: Random::from_system().bits(),
    };
    rehearse(&rendered, count, content)?;
    let calls = Calls::Rendered(Arc::new(rendered));
    Ok(Assembled { path, kind, calls })
}

fn metadata_fault(content: Content<'_>, name: &str, why: String) -> Fault {
    Fault {
        path: Some(format!("$.{name}")),
        ..Fault::new(content.metadata_field, why)
    }
}

/// Names and values of metadata as templates, and whether any of them varies.
fn metadata_templates(content: Content<'_>) -> Result<(Vec<(String, Template)>, bool), Fault> {
    let Some(functions) = content.functions else {
        return literal(content).map(|metadata| (metadata, false));
    };
    let mut templates = Vec::new();
    for (name, value) in &content.metadata.0 {
        let template = Template::parse(value, functions)
            .map_err(|error| metadata_fault(content, name, error.to_string()))?;
        templates.push((name.clone(), template));
    }
    let varies = templates.iter().any(|(_, template)| !template.is_constant());
    Ok((templates, varies))
}

/// Values that are sent as they are, beside messages that were never templates.
fn literal(content: Content<'_>) -> Result<Vec<(String, Template)>, Fault> {
    metadata::headers(content.metadata)
        .map(|_| Vec::new())
        .map_err(|(name, why)| metadata_fault(content, &name, why))
}

/// Makes each message once: what cannot be sent is found before anything is.
fn rehearse(rendered: &Rendered, count: usize, content: Content<'_>) -> Result<(), Fault> {
    let call = |n: usize| rendered.current(CallNumber { n: n as u64, lane: 0 });
    let mut first = call(0);
    first
        .fill_metadata()
        .map_err(|why| Fault::new(content.metadata_field, why))?;
    for index in 0..count {
        let made = if rendered.streams {
            first.make(index)
        } else {
            call(index).make(0)
        };
        made.map_err(|why| Fault::new(content.field, why))?;
    }
    Ok(())
}
