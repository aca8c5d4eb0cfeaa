//! [`Provided`]: a number that somebody else measured, and [`Buckets`]: a distribution.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::Unit;

/// A share that was computed may be a bit more than 1.
const ROUNDED: f64 = 1.0 + 1e-9;

/// How a provider's number behaves over time.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub enum ProvidedKind {
    /// Only grows: a number of requests.
    Counter,
    /// Goes up and down: a share, a mean.
    #[default]
    Gauge,
}

/// A value from a provider, and what it says about itself.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct Provided {
    /// The value.
    pub value: f64,
    /// How it behaves.
    #[serde(default)]
    pub kind: ProvidedKind,
    /// Its unit in the provider's words, such as `msec`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub unit: Option<String>,
    /// What it is.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub description: Option<String>,
}

impl From<f64> for Provided {
    fn from(value: f64) -> Self {
        Self {
            value,
            ..Self::default()
        }
    }
}

/// A number in a provider's unit as one in ours; `None` where they have nothing to do with each other. What has no unit is a
/// share if it is one.
pub fn converted(value: f64, theirs: Option<&str>, ours: Unit) -> Option<f64> {
    let theirs = theirs.unwrap_or_default().trim().to_lowercase();
    match (ours, theirs.as_str()) {
        (Unit::Fraction, "fraction" | "ratio" | "share" | "1") => Some(value),
        (Unit::Fraction, "") => (value <= ROUNDED).then_some(value),
        (Unit::Fraction, "%" | "percent" | "percentage" | "pct") => Some(value / 100.0),
        (Unit::Milliseconds, "ms" | "msec" | "msecs" | "millis" | "millisecond" | "milliseconds") => {
            Some(value)
        }
        (Unit::Milliseconds, "s" | "sec" | "secs" | "second" | "seconds") => Some(value * 1e3),
        (
            Unit::Milliseconds,
            "us" | "\u{b5}s" | "\u{3bc}s" | "usec" | "micros" | "microsecond" | "microseconds",
        ) => Some(value / 1e3),
        (Unit::Milliseconds, "ns" | "nsec" | "nanos" | "nanosecond" | "nanoseconds") => Some(value / 1e6),
        _ => None,
    }
}

/// A number in one unit of providers as one in another; `None` where they have nothing to do with each other. What is in the
/// same unit stays as it is, whatever the unit is.
pub fn between(value: f64, from: &str, to: &str) -> Option<f64> {
    if from.trim() == to.trim() {
        return Some(value);
    }
    // What has no unit is not known to be in any.
    if from.trim().is_empty() || to.trim().is_empty() {
        return None;
    }
    [Unit::Fraction, Unit::Milliseconds]
        .into_iter()
        .find_map(|unit| Some(converted(value, Some(from), unit)? / converted(1.0, Some(to), unit)?))
}

/// A distribution of which only the counts between bounds are known.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct Buckets {
    /// Unit of the bounds in the provider's words, such as `msec`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub unit: Option<String>,
    /// What it is.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub description: Option<String>,
    /// Its buckets, in the order in which they were stored.
    pub buckets: Vec<Bucket>,
}

/// How many values there were between two bounds.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct Bucket {
    /// Lower bound.
    pub lower: f64,
    /// Upper bound.
    pub upper: f64,
    /// How many.
    pub count: u64,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_of_providers_are_converted_where_both_units_are_of_one_kind() {
        for (value, theirs, ours, expected) in [
            (42.0, "percent", Unit::Fraction, Some(0.42)),
            (99.0, " % ", Unit::Fraction, Some(0.99)),
            (0.5, "fraction", Unit::Fraction, Some(0.5)),
            (1.5, "ratio", Unit::Fraction, Some(1.5)),
            (0.5, "", Unit::Fraction, Some(0.5)),
            (42.0, "", Unit::Fraction, None),
            (42.0, "EUR", Unit::Fraction, None),
            (42.0, "ms", Unit::Fraction, None),
            (0.25, "Seconds", Unit::Milliseconds, Some(250.0)),
            (250.0, "msec", Unit::Milliseconds, Some(250.0)),
            (250.0, "µs", Unit::Milliseconds, Some(0.25)),
            (250.0, "ns", Unit::Milliseconds, Some(0.000_25)),
            (250.0, "", Unit::Milliseconds, None),
            (250.0, "percent", Unit::Milliseconds, None),
        ] {
            assert_eq!(converted(value, Some(theirs), ours), expected, "{value} {theirs}");
        }
    }

    #[test]
    fn numbers_are_converted_between_units_of_one_kind() {
        for (value, from, to, expected) in [
            (200.0, "ms", "s", Some(0.2)),
            (0.3, "s", "msec", Some(300.0)),
            (200.0, "ms", "msec", Some(200.0)),
            (42.0, "percent", "ratio", Some(0.42)),
            (7.0, "EUR", " EUR", Some(7.0)),
            (7.0, "EUR", "USD", None),
            (7.0, "ms", "percent", None),
            (0.5, "", "percent", None),
            (0.5, "percent", "", None),
        ] {
            assert_eq!(between(value, from, to), expected, "{value} {from} as {to}");
        }
    }
}
