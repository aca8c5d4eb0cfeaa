//! [`fields!`](crate::fields): one declaration of a task's inputs gives the type, its reader, its schema and its documentation.

/// One field, for reference pages and completions.
#[derive(Debug, Clone, Copy)]
pub struct Field {
    /// Its key.
    pub key: &'static str,
    /// Other spellings.
    pub aliases: &'static [&'static str],
    /// What a user writes.
    pub kind: &'static str,
    /// What it means, default and range included.
    pub about: &'static str,
}

/// Declares a struct of optional fields that reads itself from a [`Node`](crate::spec::Node):
///
/// ```text
/// fields! {
///     /// What it is.
///     pub struct HttpInput in "an `http` task" {
///         /// Requests per second; default 8.
///         qps: Rate = ["qps"],
///         /// Headers.
///         headers: Map<String> = secret ["headers"],
///     }
/// }
/// ```
///
/// `secret` marks fields in which values from the environment are masked. An absent field is `None`: defaults are applied by who uses it,
/// so that a default never counts as given.
#[macro_export]
#[doc(hidden)]
macro_rules! fields {
    (
        $(#[doc = $about:literal])*
        $vis:vis struct $name:ident $(<$kind:ident : $bound:ident>)? in $of:literal {
            $( $(#[doc = $doc:literal])+ $field:ident : $type:ty = $($secret:ident)? [$key:literal $(, $alias:literal)*] ),* $(,)?
        }
    ) => {
        $(#[doc = $about])*
        #[derive(Debug, Clone, Default, PartialEq)]
        $vis struct $name $(<$kind: $bound>)? {
            $( $(#[doc = $doc])+ $vis $field: Option<$type>, )*
        }

        impl $(<$kind: $bound>)? $name $(<$kind>)? {
            /// Its fields.
            #[allow(dead_code, reason = "nested maps are documented by the field that holds them")]
            $vis const FIELDS: &'static [$crate::spec::Field] = &[
                $( $crate::spec::Field {
                    key: $key,
                    aliases: &[$($alias),*],
                    kind: <$type as $crate::spec::Decode>::TYPE,
                    about: concat!($($doc),+),
                }, )*
            ];

            /// What is given here, completed by what `base` gives.
            #[must_use]
            #[allow(dead_code, reason = "only endpoints are merged")]
            $vis fn or(self, base: &Self) -> Self {
                Self { $( $field: self.$field.or_else(|| base.$field.clone()), )* }
            }

            /// Reads the fields that a map has and leaves the others to the caller.
            #[allow(dead_code, reason = "only some structs are parts of others")]
            $vis fn read(fields: &mut $crate::spec::Fields, decoder: &mut $crate::spec::Decoder<'_>) -> Self {
                Self { $( $field: fields.read(&[$key $(, $alias)*], $crate::fields!(@secret $($secret)?), decoder), )* }
            }
        }

        impl $(<$kind: $bound>)? $crate::spec::Decode for $name $(<$kind>)? {
            const TYPE: &'static str = "map";

            fn schema() -> serde_json::Value {
                #[allow(unused_mut, reason = "a struct may have no fields")]
                let mut properties = serde_json::Map::new();
                $(
                    let mut schema = <$type as $crate::spec::Decode>::schema();
                    schema["description"] = concat!($($doc),+).trim().into();
                    $( properties.insert($alias.to_owned(), schema.clone()); )*
                    properties.insert($key.to_owned(), schema);
                )*
                serde_json::json!({ "type": "object", "properties": properties, "additionalProperties": false })
            }

            fn decode(node: &$crate::spec::Node, decoder: &mut $crate::spec::Decoder<'_>) -> Option<Self> {
                let mut fields = decoder.fields(node, concat!("a map with the fields of ", $of))?;
                let read = Self::read(&mut fields, decoder);
                fields.finish($of, decoder);
                Some(read)
            }
        }
    };
    (@secret) => { false };
    (@secret secret) => { true };
}
