//! [`Rate`]: requests per second, or as fast as possible; [`Count`]: at least one.

use std::num::NonZeroU64;

use serde_json::json;

use crate::spec::{Decode, Decoder, Node, Value};

/// How fast to send.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) enum Rate {
    /// As fast as the connections allow.
    Max,
    /// So many requests per second, above 0.
    PerSecond(f64),
}

/// Rates above this are a typo.
pub(super) const FASTEST: f64 = 1e7;

impl Decode for Rate {
    const TYPE: &'static str = "number or max";

    fn schema() -> serde_json::Value {
        json!({ "anyOf": [{ "type": "number", "not": { "const": 0 } }, { "type": "string" }] })
    }

    fn decode(node: &Node, decoder: &mut Decoder<'_>) -> Option<Self> {
        if Decoder::is_text(node) && decoder.text(node)?.text.trim() == "max" {
            return Some(Self::Max);
        }
        let rate = f64::decode(node, decoder)?;
        if rate == 0.0 {
            let hint = "write `max` to send as fast as the connections allow";
            decoder.error(
                &node.at,
                "no requests per second: nothing would be sent",
                Some(hint.into()),
            );
            return None;
        }
        if rate > FASTEST {
            decoder.error(
                &node.at,
                format!("{rate} requests per second are more than any machine sends"),
                None,
            );
            return None;
        }
        Some(if rate < 0.0 {
            Self::Max
        } else {
            Self::PerSecond(rate)
        })
    }
}

/// A number of things, at least one.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Count(pub(crate) NonZeroU64);

impl Decode for Count {
    const TYPE: &'static str = "number from 1";

    fn schema() -> serde_json::Value {
        json!({ "type": ["integer", "string"], "minimum": 1 })
    }

    fn decode(node: &Node, decoder: &mut Decoder<'_>) -> Option<Self> {
        let expected = "a whole number from 1";
        if let Value::Int(value) = node.value
            && value < 1
        {
            decoder.error(&node.at, format!("expected {expected}, found {value}"), None);
            return None;
        }
        let value = u64::decode(node, decoder)?;
        if value == 0 {
            decoder.error(&node.at, format!("expected {expected}, found 0"), None);
        }
        NonZeroU64::new(value).map(Self)
    }
}
