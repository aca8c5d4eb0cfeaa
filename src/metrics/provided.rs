//! [`Provided`]: a number that somebody else measured, and [`Buckets`]: a distribution.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

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
