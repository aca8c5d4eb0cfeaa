//! [`Metadata`]: what calls send beside their messages.

use base64::Engine as _;
use base64::alphabet::STANDARD;
use base64::engine::{DecodePaddingMode, GeneralPurpose, GeneralPurposeConfig};
use http::{HeaderMap, HeaderName, HeaderValue};
use serde_json::json;

use crate::load::grpc::is_reserved;
use crate::spec::{Decode, Decoder, Map, Node};
use crate::tasks::inputs::{Places, hide_header, merge_headers};

/// Names and values, in the order of the file.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Metadata(pub(super) Map<String>);

/// Binary values may be padded or not.
const BASE64: GeneralPurpose = GeneralPurpose::new(
    &STANDARD,
    GeneralPurposeConfig::new().with_decode_padding_mode(DecodePaddingMode::Indifferent),
);

impl Decode for Metadata {
    const TYPE: &'static str = "map";

    fn schema() -> serde_json::Value {
        json!({ "anyOf": [Map::<String>::schema(), { "type": "string" }] })
    }

    fn decode(node: &Node, decoder: &mut Decoder<'_>) -> Option<Self> {
        if !Decoder::is_text(node) {
            return Map::decode(node, decoder).map(Self);
        }
        let text = decoder.text(node)?.text;
        match from_json(&text) {
            Ok(map) => Some(Self(map)),
            Err(cause) => {
                let hint = r#"for example {"x-user": "ann"}"#;
                decoder.error(&node.at, cause, Some(hint.to_owned()));
                None
            }
        }
    }
}

/// Metadata as a JSON object, as a file has it.
pub(super) fn from_json(text: &str) -> Result<Map<String>, String> {
    let read: serde_json::Value = serde_json::from_str(text)
        .map_err(|cause| format!("metadata is a JSON object of strings, and this is not JSON: {cause}"))?;
    let found = match read {
        serde_json::Value::Object(read) => Ok(read),
        serde_json::Value::Array(_) => Err("a list"),
        serde_json::Value::String(_) => Err("a string"),
        serde_json::Value::Number(_) => Err("a number"),
        serde_json::Value::Bool(_) | serde_json::Value::Null => Err("a single value"),
    };
    let read = found.map_err(|found| format!("metadata is a JSON object of strings, not {found}"))?;
    let text = |(name, value): (String, serde_json::Value)| match value {
        serde_json::Value::String(text) => Ok((name, text)),
        serde_json::Value::Number(_) | serde_json::Value::Bool(_) => Ok((name, value.to_string())),
        serde_json::Value::Null | serde_json::Value::Array(_) | serde_json::Value::Object(_) => {
            Err(format!("metadata is a JSON object of strings: `{name}` is none"))
        }
    };
    read.into_iter().map(text).collect::<Result<Vec<_>, _>>().map(Map)
}

impl Metadata {
    /// Those of both, the nearer winning.
    pub(super) fn merged(own: Option<&Self>, base: Option<&Self>) -> Option<Self> {
        merge_headers(own.map(|own| &own.0), base.map(|base| &base.0)).map(Self)
    }

    /// Hides what is secret, written out or not.
    pub(super) fn hide(&self, field: &str, places: Places<'_>, decoder: &mut Decoder<'_>) {
        for (name, value) in &self.0.0 {
            hide_header(name, value, places.inside(field, name), decoder);
        }
    }
}

/// One entry as it is sent; why it cannot be, without its value: it may be a secret.
pub(super) fn entry(name: &str, value: &str) -> Result<(HeaderName, HeaderValue), String> {
    let Ok(parsed) = name.trim().to_ascii_lowercase().parse::<HeaderName>() else {
        return Err("a name in metadata has characters that gRPC does not allow".to_owned());
    };
    if is_reserved(&parsed) {
        return Err(format!("`{parsed}` is given by gRPC itself"));
    }
    if parsed.as_str().ends_with("-bin") {
        let Ok(bytes) = BASE64.decode(value.trim()) else {
            return Err(format!("the value of `{parsed}` is not base64"));
        };
        let encoded = base64::engine::general_purpose::STANDARD_NO_PAD.encode(bytes);
        let value = HeaderValue::from_str(&encoded).map_err(|cause| cause.to_string())?;
        return Ok((parsed, value));
    }
    match HeaderValue::from_str(value) {
        Ok(value) => Ok((parsed, value)),
        Err(_) => Err(format!(
            "the value of `{parsed}` has characters that gRPC does not allow"
        )),
    }
}

/// All entries as they are sent.
pub(super) fn headers(map: &Map<String>) -> Result<HeaderMap, (String, String)> {
    let mut headers = HeaderMap::new();
    for (name, value) in &map.0 {
        let (parsed, value) = entry(name, value).map_err(|why| (name.clone(), why))?;
        headers.append(parsed, value);
    }
    Ok(headers)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn binary_values_are_base64_with_or_without_padding() {
        for value in ["AP8B", "AP8=", "AP8"] {
            let (_, sent) = entry("Token-Bin", value).expect(value);
            assert_eq!(sent, value.trim_end_matches('='));
        }
        assert!(entry("token-bin", "not base64!").is_err());
    }

    #[test]
    fn what_grpc_says_itself_is_refused_and_values_do_not_show() {
        for (name, value) in [
            ("content-type", "a"),
            ("Keep-Alive", "a"),
            ("grpc-timeout", "1S"),
            ("x user", "a"),
            (":authority", "a"),
            ("x-user", "s3cret\n"),
        ] {
            let why = entry(name, value).expect_err(name);
            assert!(!why.contains("s3cret"), "{why}");
        }
    }

    #[test]
    fn metadata_of_a_file_is_an_object_of_texts() {
        let map = from_json(r#"{"a": "b", "n": 5}"#).expect("an object");
        assert_eq!(
            map.0,
            [("a".to_owned(), "b".to_owned()), ("n".to_owned(), "5".to_owned())]
        );
        for bad in ["[]", r#"{"a": {}}"#, "x"] {
            assert!(from_json(bad).is_err(), "{bad}");
        }
    }
}
