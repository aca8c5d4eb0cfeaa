//! `httpVersion`: `auto`, `1.1`, `2` or `h2c`.

use serde_json::json;

use crate::load::http::HttpVersion;
use crate::spec::{Decode, Decoder, Node, Value};

const WORDS: &[&str] = &["auto", "1.1", "2", "h2c"];

impl Decode for HttpVersion {
    const TYPE: &'static str = "auto, 1.1, 2 or h2c";

    fn schema() -> serde_json::Value {
        json!({ "enum": ["auto", 1.1, "1.1", 2, "2", "h2c"] })
    }

    fn decode(node: &Node, decoder: &mut Decoder<'_>) -> Option<Self> {
        // Without quotes `1.1` and `2` are numbers.
        let text = match &node.value {
            Value::Int(number) => number.to_string(),
            Value::Float(number) => number.to_string(),
            Value::Null
            | Value::Bool(_)
            | Value::String(_)
            | Value::Text(_)
            | Value::List(_)
            | Value::Map(_) => String::decode(node, decoder)?,
        };
        match text.trim() {
            "auto" => Some(Self::Auto),
            "1.1" => Some(Self::Http1),
            "2" => Some(Self::Http2),
            "h2c" => Some(Self::PriorKnowledge),
            other => {
                decoder.unknown_word(node, other, WORDS);
                None
            }
        }
    }
}
