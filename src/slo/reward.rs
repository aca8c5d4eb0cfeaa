//! [`Reward`]: a metric of which more, or less, is better, and [`Award`]: the version that was best by it.

use std::fmt;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::interval::Interval;
use crate::metrics::MetricName;

/// What is better.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub enum Goal {
    /// The largest value.
    Max,
    /// The smallest value.
    Min,
}

impl Goal {
    /// As the experiment spells it.
    pub fn name(self) -> &'static str {
        match self {
            Self::Max => "max",
            Self::Min => "min",
        }
    }
}

/// A metric that versions are compared by.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct Reward {
    /// The metric.
    pub metric: MetricName,
    /// What is better.
    pub goal: Goal,
}

impl fmt::Display for Reward {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} {}", self.goal.name(), self.metric)
    }
}

/// How sure it is that the winner is the best.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub enum Confidence {
    /// The intervals of the others lie wholly beyond the winner's.
    Certain,
    /// Intervals overlap: another version may be the best.
    NotCertain,
    /// The values have no intervals, so that nothing is known of it.
    Unknown,
    /// Nobody else could win.
    Alone,
    /// Nobody has won.
    NoWinner,
    /// There is no value to compare by, of nobody or of one that could have won.
    NoData,
}

/// A version, as far as a reward is concerned.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct Contender {
    /// The version.
    pub version: String,
    /// Its value, in the metric's unit.
    pub value: Option<f64>,
    /// The value's 95 % interval, where the data give one.
    pub interval: Option<Interval>,
    /// Whether it met all objectives: only such a version can win.
    pub eligible: bool,
    /// How likely it is the best of those that can win, 0 to 1; nothing where no interval tells.
    pub chance: Option<f64>,
    /// What a reader should know: why it has no value or cannot win.
    pub note: Option<String>,
}

/// A reward and who has won it.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct Award {
    /// The `assess` task that compared, from 1.
    #[serde(default)]
    pub task: usize,
    /// What was compared.
    pub reward: Reward,
    /// The best version.
    pub winner: Option<String>,
    /// How sure that is.
    pub confidence: Confidence,
    /// All versions that were compared.
    pub contenders: Vec<Contender>,
    /// Why there is no winner, or what else a reader should know.
    pub note: Option<String>,
}

/// The share of traffic that a version should get.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct Weight {
    /// The version.
    pub version: String,
    /// In percent; those of all versions add up to 100.
    pub percent: u32,
}
