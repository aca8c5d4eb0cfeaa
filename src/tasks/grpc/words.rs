//! Types of single fields: words, sizes, and what only other programs need.

use serde_json::json;

use crate::load::UnderWay;
use crate::spec::{Decode, Decoder, Node, Value};

/// Reads one of a few words, whatever its case.
fn word<T: Copy>(known: &[(&'static str, T)], node: &Node, decoder: &mut Decoder<'_>) -> Option<T> {
    let text = String::decode(node, decoder)?;
    let lower = text.trim().to_ascii_lowercase();
    let found = known.iter().find(|(name, _)| *name == lower);
    if found.is_none() {
        let names: Vec<&str> = known
            .iter()
            .map(|(name, _)| *name)
            .filter(|name| !name.is_empty())
            .collect();
        decoder.unknown_word(node, text.trim(), &names);
    }
    found.map(|(_, value)| *value)
}

/// `duration-stop`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Ending(pub(super) UnderWay);

impl Decode for Ending {
    const TYPE: &'static str = "wait, close or ignore";

    fn schema() -> serde_json::Value {
        json!({ "enum": ["wait", "close", "ignore"] })
    }

    fn decode(node: &Node, decoder: &mut Decoder<'_>) -> Option<Self> {
        let known = [
            ("wait", UnderWay::Finish),
            ("close", UnderWay::CutOff),
            ("ignore", UnderWay::Ignore),
        ];
        word(&known, node, decoder).map(Self)
    }
}

/// `load-schedule` and `concurrency-schedule`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Schedule {
    /// One value.
    Const,
    /// Steps of a given length.
    Step,
    /// Steps of a second.
    Line,
}

impl Decode for Schedule {
    const TYPE: &'static str = "const, step or line";

    fn schema() -> serde_json::Value {
        json!({ "enum": ["const", "step", "line"] })
    }

    fn decode(node: &Node, decoder: &mut Decoder<'_>) -> Option<Self> {
        let known = [("const", Self::Const), ("step", Self::Step), ("line", Self::Line)];
        word(&known, node, decoder)
    }
}

/// `lb-strategy`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Balance {
    /// What happens if nothing is said.
    Default,
    /// All connections go to the first address that takes them.
    PickFirst,
    /// Connections go to the addresses in turn.
    RoundRobin,
}

impl Decode for Balance {
    const TYPE: &'static str = "pick_first or round_robin";

    fn schema() -> serde_json::Value {
        json!({ "enum": ["", "pick_first", "round_robin"] })
    }

    fn decode(node: &Node, decoder: &mut Decoder<'_>) -> Option<Self> {
        let known = [
            ("", Self::Default),
            ("pick_first", Self::PickFirst),
            ("round_robin", Self::RoundRobin),
        ];
        word(&known, node, decoder)
    }
}

/// Calls per second; as fast as possible if it is not above 0.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) struct Rps(pub(super) f64);

/// Rates above this are a typo.
const FASTEST: f64 = 1e7;

impl Decode for Rps {
    const TYPE: &'static str = "number from 0, or max";

    fn schema() -> serde_json::Value {
        json!({ "type": ["number", "string"], "minimum": 0 })
    }

    fn decode(node: &Node, decoder: &mut Decoder<'_>) -> Option<Self> {
        if Decoder::is_text(node) && decoder.text(node)?.text.trim() == "max" {
            return Some(Self(0.0));
        }
        let rate = f64::decode(node, decoder)?;
        if rate > FASTEST {
            let message = format!("{rate} calls per second are more than any machine sends");
            decoder.error(&node.at, message, None);
            return None;
        }
        if rate < 0.0 {
            let message = format!("expected a number from 0, found {rate}");
            decoder.error(&node.at, message, Some("0 sends as fast as possible".to_owned()));
            return None;
        }
        Some(Self(rate))
    }
}

/// A whole number that may be negative, and is 0 where nothing is meant.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Step(pub(super) i32);

impl Decode for Step {
    const TYPE: &'static str = "whole number";

    fn schema() -> serde_json::Value {
        json!({ "type": ["integer", "string"] })
    }

    fn decode(node: &Node, decoder: &mut Decoder<'_>) -> Option<Self> {
        let number = f64::decode(node, decoder)?;
        let most = f64::from(i32::MAX);
        if number.fract() != 0.0 || number.abs() > most {
            decoder.error(&node.at, format!("expected a whole number, found {number}"), None);
            return None;
        }
        #[expect(clippy::cast_possible_truncation, reason = "a whole number within the limits")]
        let number = number as i32;
        Some(Self(number))
    }
}

/// A number of bytes: `4MB`, `512 KiB`, `1000`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Size(pub(super) usize);

const UNITS: &[(&str, f64)] = &[
    ("", 1.0),
    ("b", 1.0),
    ("k", 1e3),
    ("kb", 1e3),
    ("ki", 1024.0),
    ("kib", 1024.0),
    ("m", 1e6),
    ("mb", 1e6),
    ("mi", 1_048_576.0),
    ("mib", 1_048_576.0),
    ("g", 1e9),
    ("gb", 1e9),
    ("gi", 1_073_741_824.0),
    ("gib", 1_073_741_824.0),
];

fn size(text: &str) -> Option<usize> {
    let text = text.trim();
    let digits = text
        .find(|c: char| !(c.is_ascii_digit() || c == '.' || c == ','))
        .unwrap_or(text.len());
    let (number, unit) = text.split_at(digits);
    let number: f64 = number.replace(',', "").parse().ok()?;
    let unit = unit.trim().to_ascii_lowercase();
    let (_, factor) = UNITS.iter().find(|(name, _)| *name == unit)?;
    let bytes = number * factor;
    #[expect(
        clippy::cast_possible_truncation,
        clippy::cast_sign_loss,
        reason = "checked, and digits have no sign"
    )]
    (bytes <= f64::from(u32::MAX)).then_some(bytes as usize)
}

impl Decode for Size {
    const TYPE: &'static str = "bytes";

    fn schema() -> serde_json::Value {
        json!({ "type": ["string", "integer"], "examples": ["4MB", "512KiB"] })
    }

    fn decode(node: &Node, decoder: &mut Decoder<'_>) -> Option<Self> {
        let text = match &node.value {
            Value::Int(number) => number.to_string(),
            Value::Null
            | Value::Bool(_)
            | Value::Float(_)
            | Value::String(_)
            | Value::Text(_)
            | Value::List(_)
            | Value::Map(_) => String::decode(node, decoder)?,
        };
        if text.trim().is_empty() {
            return Some(Self(0));
        }
        let found = size(&text);
        if found.is_none() {
            let message = format!("expected a number of bytes, found `{text}`");
            decoder.error(
                &node.at,
                message,
                Some("for example 4MB or 512KiB, below 4GiB".to_owned()),
            );
        }
        found.map(Self)
    }
}

/// Anything at all: for keys that change nothing.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Anything(pub(super) Value);

impl Decode for Anything {
    const TYPE: &'static str = "any";

    fn schema() -> serde_json::Value {
        json!({})
    }

    fn decode(node: &Node, _: &mut Decoder<'_>) -> Option<Self> {
        Some(Self(node.value.clone()))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sizes_have_units_of_ten_and_of_two() {
        for (text, expected) in [
            ("4MB", Some(4_000_000)),
            ("4 MiB", Some(4 << 20)),
            ("1,024", Some(1024)),
            ("1.5k", Some(1500)),
            ("4B", Some(4)),
            ("4GB", Some(4_000_000_000)),
            ("5GB", None),
            ("many", None),
            ("MB", None),
            ("-1", None),
        ] {
            assert_eq!(size(text), expected, "{text}");
        }
    }
}
