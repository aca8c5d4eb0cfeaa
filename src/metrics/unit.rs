//! [`Unit`]: what a metric's number counts.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// The unit of a metric's value and of the limits set on it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub enum Unit {
    /// A number of things.
    Count,
    /// A share, 0 to 1.
    Fraction,
    /// Milliseconds.
    Milliseconds,
    /// Things in a second.
    PerSecond,
    /// Bytes.
    Bytes,
    /// Whatever a provider gave.
    Plain,
}
