//! [`Raw`]: a value that a chart hands on as it is. The task that gets it reads it; here it has only a schema.

use std::marker::PhantomData;

use serde_json::{Value as Json, json};

use crate::spec::{Decode, Decoder, Field, Key, Node};

/// What a value looks like, for the schema.
pub(super) trait Shape {
    /// What a user writes.
    const TYPE: &'static str;
    /// Its JSON Schema.
    fn schema() -> Json;
}

/// A value as it was given.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Raw<S>(pub(super) Node, pub(super) PhantomData<S>);

impl<S: Shape> Decode for Raw<S> {
    const TYPE: &'static str = S::TYPE;

    fn schema() -> Json {
        S::schema()
    }

    fn decode(node: &Node, _: &mut Decoder<'_>) -> Option<Self> {
        Some(Self(node.clone(), PhantomData))
    }
}

/// Declares shapes that are nothing but a schema.
macro_rules! shapes {
    ($($(#[doc = $about:literal])+ $name:ident: $type:literal = $schema:expr;)*) => { $(
        $(#[doc = $about])+
        #[derive(Debug, Clone, PartialEq)]
        pub(super) struct $name;

        impl Shape for $name {
            const TYPE: &'static str = $type;

            fn schema() -> Json {
                $schema
            }
        }
    )* };
}
pub(super) use shapes;

shapes! {
    /// Any value.
    Anything: "anything" = json!({});
    /// A map of any kind.
    AnyMap: "map" = json!({ "type": "object" });
    /// A text.
    Text: "string" = json!({ "type": "string" });
    /// `true` or `false`.
    Switch: "boolean" = json!({ "type": ["boolean", "string"] });
    /// Names of metrics.
    Metrics: "list of metrics" = json!({ "type": "array", "items": { "type": "string" } });
    /// Limits by metric.
    Limits: "map from metrics to limits" = json!({
        "type": "object",
        "additionalProperties": { "type": ["number", "string"] },
        "examples": [{ "http/latency-mean": 50, "http/error-rate": 0 }],
    });
}

/// The properties of some fields with their schema, added to those of another schema.
pub(super) fn with_properties(mut schema: Json, more: &Json) -> Json {
    if let (Some(own), Some(new)) = (
        schema["properties"].as_object_mut(),
        more["properties"].as_object(),
    ) {
        own.extend(new.iter().map(|(name, schema)| (name.clone(), schema.clone())));
    }
    schema
}

/// Reports keys that nobody knows, with what is probably meant.
pub(super) fn refuse_unknown<'n>(
    keys: impl IntoIterator<Item = &'n Key>,
    known: &[&str],
    of: &str,
    decoder: &mut Decoder<'_>,
) {
    for key in keys {
        let hint = match crate::diagnostic::did_you_mean(&key.name, known.iter().copied()) {
            Some(name) => format!("did you mean `{name}`?"),
            None => format!("known are {}", known.join(", ")),
        };
        decoder.error(
            &key.at,
            format!("unknown value `{}` in {of}", key.name),
            Some(hint),
        );
    }
}

/// Whether a key is a field, by its name or an alias, whatever its case.
pub(super) fn is_field(field: &Field, name: &str) -> bool {
    std::iter::once(&field.key)
        .chain(field.aliases)
        .any(|known| known.eq_ignore_ascii_case(name))
}
