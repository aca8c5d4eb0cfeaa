//! [`HttpMethod`].

use serde_json::json;

use crate::diagnostic::did_you_mean;
use crate::spec::{Decode, Decoder, Node};

/// A method of HTTP.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct HttpMethod(pub(crate) http::Method);

const KNOWN: &[&str] = &["GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS"];

impl Decode for HttpMethod {
    const TYPE: &'static str = "method";

    fn schema() -> serde_json::Value {
        json!({ "type": "string", "examples": KNOWN })
    }

    fn decode(node: &Node, decoder: &mut Decoder<'_>) -> Option<Self> {
        let text = String::decode(node, decoder)?;
        let method = text.trim().to_ascii_uppercase();
        if KNOWN.contains(&method.as_str()) {
            return method.parse().ok().map(Self);
        }
        let hint = did_you_mean(&method, KNOWN.iter().copied()).map_or_else(
            || format!("known are {}", KNOWN.join(", ")),
            |known| format!("did you mean `{known}`?"),
        );
        decoder.error(
            &node.at,
            format!("`{text}` is no method of HTTP that can be sent"),
            Some(hint),
        );
        None
    }
}
