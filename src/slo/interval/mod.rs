//! How sure an estimate is.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// A 95 % interval; a side that the data do not bound is open.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct Interval {
    /// Lower end, inclusive.
    pub low: Option<f64>,
    /// Upper end, inclusive.
    pub high: Option<f64>,
}
