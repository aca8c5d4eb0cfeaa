//! [`Rendered`]: what calls send when it has call templates.

use std::sync::Arc;

use bytes::Bytes;
use http::HeaderMap;
use jiff::Timestamp;
use prost_reflect::MessageDescriptor;

use super::metadata;
use crate::grpc::{CallData, CallNames, message};
use crate::load::grpc::{CallNumber, Render};
use crate::template::{Random, Template, TemplateError};

/// A message before it is sent.
#[derive(Debug)]
pub(super) enum Element {
    /// Encoded: it is always the same.
    Fixed(Bytes),
    /// With call templates.
    Template(Template),
}

/// Messages and metadata with call templates. Each call has its own randomness, the same for all that it sends.
#[derive(Debug)]
pub(super) struct Rendered {
    /// What templates may say of the method.
    pub(super) names: Arc<CallNames>,
    /// What is sent.
    pub(super) input: MessageDescriptor,
    /// At least one.
    pub(super) elements: Vec<Element>,
    /// Names and values.
    pub(super) metadata: Vec<(String, Template)>,
    /// Whether a call sends all elements, and not the next one.
    pub(super) streams: bool,
    /// Whether it sends them over and over.
    pub(super) repeats: bool,
    /// Whether each message has randomness of its own.
    pub(super) dynamic: bool,
    /// Different for each load.
    pub(super) seed: u64,
}

impl Rendered {
    /// The call as templates see it.
    fn data(&self, call: CallNumber) -> (CallData, Random) {
        let mut random = Random::seeded(Random::seeded(self.seed ^ call.n).bits());
        let worker = format!("g{}", call.lane).into();
        let names = Arc::clone(&self.names);
        let data = CallData::new(names, worker, call.n, Timestamp::now(), &mut random);
        (data, random)
    }

    fn text(&self, template: &Template, call: CallNumber, index: usize) -> Result<String, String> {
        let (mut data, mut random) = self.data(call);
        if self.dynamic {
            random = Random::seeded(random.bits() ^ index as u64);
            data = data.again(Timestamp::now(), &mut random);
        }
        template.render(data, &mut random).map_err(|error| told(&error))
    }

    /// Which of so many messages is sent as number `index` of a call.
    fn position(&self, call: CallNumber, index: usize, length: usize) -> Option<usize> {
        let nth = if !self.streams {
            let turn = call.n % (length.max(1) as u64);
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

impl Render for Rendered {
    fn metadata(&self, call: CallNumber) -> Result<HeaderMap, String> {
        let (data, mut random) = self.data(call);
        let mut headers = HeaderMap::new();
        for (name, template) in &self.metadata {
            let value = template
                .render(data.clone(), &mut random)
                .map_err(|error| format!("metadata `{name}`: {}", told(&error)))?;
            let (name, value) = metadata::entry(name, &value).map_err(|why| format!("metadata: {why}"))?;
            headers.append(name, value);
        }
        Ok(headers)
    }

    fn message(&self, call: CallNumber, index: usize) -> Result<Option<Bytes>, String> {
        // A template alone may come to a list.
        if let [Element::Template(template)] = self.elements.as_slice() {
            let text = self.text(template, call, index)?;
            let messages = message::encode_all(&text, &self.input).map_err(|error| error.to_string())?;
            let position = self.position(call, index, messages.len());
            return Ok(position.and_then(|position| messages.into_iter().nth(position)));
        }
        let position = self.position(call, index, self.elements.len());
        match position.and_then(|position| self.elements.get(position)) {
            None => Ok(None),
            Some(Element::Fixed(bytes)) => Ok(Some(bytes.clone())),
            Some(Element::Template(template)) => {
                let text = self.text(template, call, index)?;
                let value =
                    serde_json::from_str(&text).map_err(|error| format!("the data is not JSON: {error}"))?;
                let encoded = message::encode(&value, &self.input).map_err(|error| error.to_string())?;
                Ok(Some(encoded))
            }
        }
    }
}
