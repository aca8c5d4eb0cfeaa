//! [`Rendered`]: what calls send when it has call templates.

use std::sync::Arc;

use bytes::Bytes;
use http::HeaderMap;
use jiff::Timestamp;
use prost_reflect::MessageDescriptor;

use super::metadata;
use crate::grpc::{CallData, CallNames, message};
use crate::load::grpc::{CallNumber, Render, RenderedCall};
use crate::template::{Random, Template, TemplateError};

/// A message before it is sent.
#[derive(Debug)]
pub(super) enum Element {
    /// Encoded: it is always the same.
    Fixed(Bytes),
    /// With call templates.
    Template(Template),
}

/// Messages and metadata with call templates. Each call has its own time and randomness.
#[derive(Debug)]
pub(super) struct Rendered {
    /// What templates may say of the method.
    pub(super) names: Arc<CallNames>,
    /// What is sent.
    pub(super) input: MessageDescriptor,
    /// At least one.
    pub(super) elements: Vec<Element>,
    /// The field that gives them.
    pub(super) field: &'static str,
    /// Names and values.
    pub(super) metadata: Vec<(String, Template)>,
    /// Whether a call sends all elements, and not the next one.
    pub(super) streams: bool,
    /// Whether it sends them over and over.
    pub(super) repeats: bool,
    /// Whether each message has a time and randomness of its own.
    pub(super) dynamic: bool,
    /// Different for each load.
    pub(super) seed: u64,
}

/// One call, as its templates see it.
#[derive(Debug)]
pub(super) struct Current<'a> {
    of: &'a Rendered,
    n: u64,
    data: CallData,
    random: Random,
    metadata: HeaderMap,
    /// Messages that were made and stay as they are for the rest of the call.
    messages: Option<Vec<Bytes>>,
}

impl Rendered {
    /// A call, with nothing filled in yet.
    pub(super) fn current(&self, call: CallNumber) -> Current<'_> {
        let mut random = Random::seeded(Random::seeded(self.seed ^ call.n).bits());
        let worker = format!("g{}", call.lane).into();
        let names = Arc::clone(&self.names);
        Current {
            of: self,
            n: call.n,
            data: CallData::new(names, worker, call.n, Timestamp::now(), &mut random),
            random,
            metadata: HeaderMap::new(),
            messages: None,
        }
    }

    /// Which field is wrong, and what is wrong with it once it is filled in.
    fn blamed(&self, why: &str) -> String {
        format!("`{}` with its call templates filled in: {why}", self.field)
    }

    /// Which of so many messages is sent as number `index` of call `n`.
    fn position(&self, n: u64, index: usize, length: usize) -> Option<usize> {
        let nth = if !self.streams {
            let turn = n % (length.max(1) as u64);
            return (index == 0).then(|| usize::try_from(turn).unwrap_or(0));
        } else if self.repeats {
            index % length.max(1)
        } else {
            index
        };
        (nth < length).then_some(nth)
    }
}

/// A mistake in a template, and what to try.
fn told(error: &TemplateError) -> String {
    match &error.hint {
        Some(hint) => format!("{error} ({hint})"),
        None => error.to_string(),
    }
}

impl Current<'_> {
    /// Fills in the metadata.
    pub(super) fn fill_metadata(&mut self) -> Result<(), String> {
        for (name, template) in &self.of.metadata {
            let value = template
                .render(self.data.clone(), &mut self.random)
                .map_err(|error| format!("metadata `{name}`: {}", told(&error)))?;
            let (name, value) = metadata::entry(name, &value).map_err(|why| format!("metadata: {why}"))?;
            self.metadata.append(name, value);
        }
        Ok(())
    }

    /// Message `index`.
    pub(super) fn make(&mut self, index: usize) -> Result<Option<Bytes>, String> {
        if self.of.dynamic {
            self.data = self.data.again(Timestamp::now(), &mut self.random);
            return self.one(index);
        }
        if !self.of.streams {
            // What is sent again is the same.
            if self.messages.is_none() {
                self.messages = Some(self.one(index)?.into_iter().collect());
            }
            return Ok(self.messages.iter().flatten().nth(index).cloned());
        }
        let messages = match self.messages.take() {
            Some(messages) => messages,
            None => self.all()?,
        };
        let position = self.of.position(self.n, index, messages.len());
        let message = position.and_then(|position| messages.get(position)).cloned();
        self.messages = Some(messages);
        Ok(message)
    }

    /// All messages.
    fn all(&mut self) -> Result<Vec<Bytes>, String> {
        let of = self.of;
        match of.elements.as_slice() {
            // A template alone may come to a list.
            [Element::Template(template)] => self.list(template),
            several => several.iter().map(|element| self.element(element)).collect(),
        }
    }

    /// Message `index`, and no other unless they are one template.
    fn one(&mut self, index: usize) -> Result<Option<Bytes>, String> {
        let of = self.of;
        if let [Element::Template(template)] = of.elements.as_slice() {
            let messages = self.list(template)?;
            let position = of.position(self.n, index, messages.len());
            return Ok(position.and_then(|position| messages.into_iter().nth(position)));
        }
        let position = of.position(self.n, index, of.elements.len());
        let element = position.and_then(|position| of.elements.get(position));
        element.map(|element| self.element(element)).transpose()
    }

    fn list(&mut self, template: &Template) -> Result<Vec<Bytes>, String> {
        let text = self.text(template)?;
        message::encode_all(&text, &self.of.input).map_err(|error| error.to_string())
    }

    fn element(&mut self, element: &Element) -> Result<Bytes, String> {
        let template = match element {
            Element::Fixed(bytes) => return Ok(bytes.clone()),
            Element::Template(template) => template,
        };
        let text = self.text(template)?;
        let value = serde_json::from_str(&text).map_err(|error| format!("the data is not JSON: {error}"))?;
        message::encode(&value, &self.of.input).map_err(|error| error.to_string())
    }

    fn text(&mut self, template: &Template) -> Result<String, String> {
        let text = template.render(self.data.clone(), &mut self.random);
        text.map_err(|error| told(&error))
    }
}

impl Render for Rendered {
    fn begin(&self, call: CallNumber) -> Result<Box<dyn RenderedCall + '_>, String> {
        let mut current = self.current(call);
        current.fill_metadata()?;
        if self.streams && !self.dynamic {
            // Before anything of the call is sent.
            current.make(0).map_err(|why| self.blamed(&why))?;
        }
        Ok(Box::new(current))
    }
}

impl RenderedCall for Current<'_> {
    fn metadata(&self) -> &HeaderMap {
        &self.metadata
    }

    fn message(&mut self, index: usize) -> Result<Option<Bytes>, String> {
        self.make(index).map_err(|why| self.of.blamed(&why))
    }
}
