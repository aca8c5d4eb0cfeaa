//! `serde_as_text!`: types whose stored form is the text of their `Display`, read back by their `FromStr`.

/// Implements `Serialize`, `Deserialize` and `JsonSchema` for a type with `Display` and `FromStr`.
#[macro_export]
#[doc(hidden)]
macro_rules! serde_as_text {
    ($type:ty, $about:literal) => {
        $crate::serde_as_text!($type, $about, |text: &str| text.parse().map_err(serde::de::Error::custom), try);
    };
    // Of a type that any text can be read as.
    ($type:ty, $about:literal, $read:expr) => {
        $crate::serde_as_text!($type, $about, |text: &str| Ok($read(text)), try);
    };
    ($type:ty, $about:literal, $read:expr, try) => {
        impl serde::Serialize for $type {
            fn serialize<S: serde::Serializer>(&self, out: S) -> Result<S::Ok, S::Error> {
                out.collect_str(self)
            }
        }

        impl<'de> serde::Deserialize<'de> for $type {
            fn deserialize<D: serde::Deserializer<'de>>(input: D) -> Result<Self, D::Error> {
                let text = <String as serde::Deserialize>::deserialize(input)?;
                ($read)(&text)
            }
        }

        impl schemars::JsonSchema for $type {
            fn schema_name() -> std::borrow::Cow<'static, str> {
                stringify!($type).into()
            }

            fn json_schema(_: &mut schemars::SchemaGenerator) -> schemars::Schema {
                schemars::json_schema!({ "type": "string", "description": $about })
            }
        }
    };
}
