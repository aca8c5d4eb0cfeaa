//! [`Tree`]: values of any shape, for templates; [`Scalar`]: a text that may be written as a number.

use std::collections::BTreeMap;

use serde_json::json;

use super::target::hide_user;
use crate::spec::{Decode, Decoder, Node, Value};
use crate::template;

/// A map of any values, as templates see them: numbers are floats there, as Go reads them from JSON.
#[derive(Debug, Clone)]
pub(crate) struct Tree(pub(crate) template::Value);

impl PartialEq for Tree {
    fn eq(&self, other: &Self) -> bool {
        format!("{:?}", self.0) == format!("{:?}", other.0)
    }
}

impl Decode for Tree {
    const TYPE: &'static str = "map";

    fn schema() -> serde_json::Value {
        json!({ "type": "object" })
    }

    fn decode(node: &Node, decoder: &mut Decoder<'_>) -> Option<Self> {
        match &node.value {
            Value::Map(_) => value(node, decoder).map(Self),
            Value::Null => template::Value::map(BTreeMap::new()).ok().map(Self),
            Value::Bool(_)
            | Value::Int(_)
            | Value::Float(_)
            | Value::String(_)
            | Value::Text(_)
            | Value::List(_) => {
                decoder.mismatch(node, "a map");
                None
            }
        }
    }
}

fn value(node: &Node, decoder: &mut Decoder<'_>) -> Option<template::Value> {
    let made = match &node.value {
        Value::Null => Ok(template::Value::Nil),
        Value::Bool(value) => Ok(template::Value::Bool(*value)),
        #[expect(clippy::cast_precision_loss, reason = "as Go reads numbers")]
        Value::Int(value) => Ok(template::Value::Float(*value as f64)),
        Value::Float(value) => Ok(template::Value::Float(*value)),
        Value::String(text) | Value::Text(text) => Ok(value_text(text, node, decoder)?.into()),
        Value::List(items) => {
            let items: Vec<_> = items.iter().map(|item| value(item, decoder)).collect();
            template::Value::list(items.into_iter().collect::<Option<_>>()?)
        }
        Value::Map(entries) => {
            let entries: Vec<_> = entries
                .iter()
                .map(|(key, item)| Some((key.name.clone(), value(item, decoder)?)))
                .collect();
            template::Value::map(entries.into_iter().collect::<Option<_>>()?)
        }
    };
    match made {
        Ok(made) => Some(made),
        Err(why) => {
            decoder.error(&node.at, why, None);
            None
        }
    }
}

/// A text. What comes from the environment is as good as secret, unless it is the address of a server: errors name that.
fn value_text(written: &str, node: &Node, decoder: &mut Decoder<'_>) -> Option<String> {
    let text = decoder.text(node)?.text;
    let is_address = written.starts_with("${")
        && written.matches("${").count() == 1
        && (text.starts_with("http://") || text.starts_with("https://"));
    if is_address {
        decoder.hide(Some(node), &text, hide_user);
        return Some(text);
    }
    decoder
        .secretly(|decoder| decoder.text(node))
        .map(|scalar| scalar.text)
}

/// A text; numbers and booleans are taken as they are written.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Scalar(pub(crate) String);

impl Decode for Scalar {
    const TYPE: &'static str = "text";

    fn schema() -> serde_json::Value {
        json!({ "type": ["string", "number", "boolean"] })
    }

    fn decode(node: &Node, decoder: &mut Decoder<'_>) -> Option<Self> {
        match &node.value {
            Value::Int(_) | Value::Float(_) | Value::Bool(_) => {
                decoder.as_written(node).map(|written| Self(written.to_owned()))
            }
            Value::String(_) | Value::Text(_) => decoder.text(node).map(|scalar| Self(scalar.text)),
            Value::Null | Value::List(_) | Value::Map(_) => {
                decoder.mismatch(node, "a text");
                None
            }
        }
    }
}
