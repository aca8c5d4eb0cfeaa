//! [`Percentile`].

use crate::spec::{Decode, Decoder, Node};

/// A percentile, above 0 and at most 100.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) struct Percentile(pub(crate) f64);

impl Decode for Percentile {
    const TYPE: &'static str = "percentile";

    fn schema() -> serde_json::Value {
        serde_json::json!({ "type": "number", "exclusiveMinimum": 0, "maximum": 100 })
    }

    fn decode(node: &Node, decoder: &mut Decoder<'_>) -> Option<Self> {
        let percent = f64::decode(node, decoder)?;
        if percent > 0.0 && percent <= 100.0 {
            return Some(Self(percent));
        }
        decoder.error(
            &node.at,
            format!("{percent} is no percentile"),
            Some("percentiles are above 0 and at most 100".into()),
        );
        None
    }
}
