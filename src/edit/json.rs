//! [`splice`]: one value of a JSON file in place of another.

use std::fmt;
use std::str::FromStr;

use serde::de::{self, Deserializer, MapAccess, Visitor};
use serde_json::Value;
use serde_json::value::RawValue;

use super::EditError;

/// Where a value stands in a JSON file, such as `/image/tag` (RFC 6901); not the whole.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Pointer(String);

impl FromStr for Pointer {
    type Err = &'static str;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        if text.starts_with('/') {
            Ok(Self(text.to_owned()))
        } else {
            Err("a JSON pointer starts with `/`")
        }
    }
}

impl fmt::Display for Pointer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// The text with `value` at `pointer`, every other byte as it was.
pub(super) fn splice(text: &str, pointer: &Pointer, value: &str) -> Result<String, EditError> {
    let mut old: Value = serde_json::from_str(text.trim_start_matches('\u{feff}')).map_err(unreadable)?;
    let place = place(text, pointer)?;
    let start = place.as_ptr().addr() - text.as_ptr().addr();
    let new = written(place, value, pointer)?;
    let changed = format!("{}{new}{}", &text[..start], &text[start + place.len()..]);
    // Read again: that value alone is another.
    let again: Value = serde_json::from_str(changed.trim_start_matches('\u{feff}')).map_err(unreadable)?;
    let now = again.pointer(&pointer.0).cloned().unwrap_or_default();
    if let Some(target) = old.pointer_mut(&pointer.0) {
        *target = now;
    }
    if old == again {
        Ok(changed)
    } else {
        Err(EditError::Form {
            path: pointer.to_string(),
            form: "written in an odd way",
        })
    }
}

#[expect(clippy::needless_pass_by_value, reason = "it is used with map_err")]
fn unreadable(error: serde_json::Error) -> EditError {
    EditError::Unreadable {
        reason: format!("not usable JSON: {error}"),
    }
}

/// The text of the value at a pointer, as a part of `text`.
fn place<'a>(text: &'a str, pointer: &Pointer) -> Result<&'a str, EditError> {
    let nowhere = || EditError::NoPath {
        path: pointer.to_string(),
        near: None,
    };
    let body = text.trim_start_matches('\u{feff}');
    let mut place: &'a str = serde_json::from_str::<&RawValue>(body).map_err(unreadable)?.get();
    for step in pointer.0.split('/').skip(1) {
        let step = step.replace("~1", "/").replace("~0", "~");
        let next = match place.as_bytes().first() {
            Some(b'{') => {
                let Members(members) = serde_json::from_str(place).map_err(unreadable)?;
                let mut named = members.into_iter().filter(|(name, _)| *name == step);
                let found = named.next().ok_or_else(nowhere)?;
                if named.next().is_some() {
                    return Err(EditError::Ambiguous {
                        path: pointer.to_string(),
                    });
                }
                found.1
            }
            Some(b'[') => {
                let items: Vec<&RawValue> = serde_json::from_str(place).map_err(unreadable)?;
                let index: usize = step.parse().ok().ok_or_else(nowhere)?;
                *items.get(index).ok_or_else(nowhere)?
            }
            _ => return Err(nowhere()),
        };
        place = next.get();
    }
    Ok(place)
}

/// The members of an object, the same name twice included.
struct Members<'a>(Vec<(String, &'a RawValue)>);

impl<'de> de::Deserialize<'de> for Members<'de> {
    fn deserialize<D: Deserializer<'de>>(input: D) -> Result<Self, D::Error> {
        struct Object;
        impl<'de> Visitor<'de> for Object {
            type Value = Members<'de>;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("an object")
            }

            fn visit_map<A: MapAccess<'de>>(self, mut entries: A) -> Result<Members<'de>, A::Error> {
                let mut members = Vec::new();
                while let Some(entry) = entries.next_entry()? {
                    members.push(entry);
                }
                Ok(Members(members))
            }
        }
        input.deserialize_map(Object)
    }
}

/// The new value as it is written, of the type that the old one has.
fn written(old: &str, value: &str, pointer: &Pointer) -> Result<String, EditError> {
    let wrong = |found| EditError::Type {
        path: pointer.to_string(),
        found,
        value: value.chars().take(80).collect(),
    };
    let reads = |fits: &dyn Fn(&Value) -> bool| {
        let parsed: Option<Value> = serde_json::from_str(value).ok();
        parsed
            .is_some_and(|parsed| fits(&parsed))
            .then(|| value.trim().to_owned())
    };
    match old.as_bytes().first() {
        Some(b'"' | b'n') => Ok(Value::from(value).to_string()),
        Some(b't' | b'f') => reads(&Value::is_boolean).ok_or_else(|| wrong("a boolean")),
        Some(b'{') => Err(not_scalar(pointer, "a map")),
        Some(b'[') => Err(not_scalar(pointer, "a list")),
        _ => reads(&Value::is_number).ok_or_else(|| wrong("a number")),
    }
}

fn not_scalar(pointer: &Pointer, found: &'static str) -> EditError {
    EditError::NotScalar {
        path: pointer.to_string(),
        found,
    }
}
