//! [`Shard`]: which part of an experiment a result is of; [`Shards`]: what a merged result was made of.

use std::fmt;
use std::num::NonZeroU32;
use std::str::FromStr;

use jiff::Timestamp;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::{Environment, Outcome};

/// Most shards of one experiment.
pub const MOST_SHARDS: u32 = 10_000;

/// A shard by its number: `0/8` is the first of eight.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct ShardNumber {
    /// From 0, as GitHub's `strategy.job-index` and Kubernetes' `JOB_COMPLETION_INDEX` count.
    pub index: u32,
    /// How many there are.
    pub of: NonZeroU32,
}

/// Why a text is no number of a shard.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum ShardNumberError {
    /// Not two whole numbers.
    #[error("`{0}` is no shard: expected INDEX/COUNT, such as 0/8")]
    Format(String),
    /// There is no such one.
    #[error("there is no shard {index} of {of}: they are counted from 0, so the last is {}/{of}", of - 1)]
    Beyond {
        /// What was asked for.
        index: u32,
        /// How many there are.
        of: u32,
    },
    /// None, or more than anybody has.
    #[error("an experiment has 1 to {MOST_SHARDS} shards, not {0}")]
    Count(u32),
}

impl ShardNumber {
    /// A shard of so many.
    pub fn new(index: u32, of: u32) -> Result<Self, ShardNumberError> {
        let count = NonZeroU32::new(of).filter(|_| of <= MOST_SHARDS);
        let count = count.ok_or(ShardNumberError::Count(of))?;
        if index < of {
            Ok(Self { index, of: count })
        } else {
            Err(ShardNumberError::Beyond { index, of })
        }
    }
}

impl FromStr for ShardNumber {
    type Err = ShardNumberError;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let wrong = || ShardNumberError::Format(text.to_owned());
        let (index, of) = text.trim().split_once('/').ok_or_else(wrong)?;
        let digits = |part: &str| {
            let plain = !part.is_empty() && part.bytes().all(|byte| byte.is_ascii_digit());
            part.parse().ok().filter(|_| plain).ok_or_else(wrong)
        };
        Self::new(digits(index.trim())?, digits(of.trim())?)
    }
}

impl fmt::Display for ShardNumber {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}/{}", self.index, self.of)
    }
}

/// The part of an experiment that a run sent, while others sent theirs. It judges nothing: `iter8 merge` does.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct Shard {
    /// Which.
    #[serde(flatten)]
    pub number: ShardNumber,
    /// The start of the first load that all shards agreed on.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(with = "Option<String>")]
    pub start_at: Option<Timestamp>,
}

/// What a merged result was made of.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct Shards {
    /// How many there were to be.
    pub count: u32,
    /// Whether each sent its part of one schedule (`--shard`), rather than a load of its own.
    pub divided: bool,
    /// The start that they agreed on, if they did.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(with = "Option<String>")]
    pub start_at: Option<Timestamp>,
    /// Those that gave a result, in the order of their numbers.
    pub merged: Vec<MergedShard>,
    /// Numbers of those that gave none; where shards have no numbers, those beyond the ones that are there.
    pub lost: Vec<u32>,
    /// The greatest time between the starts of one load by two of them, in seconds, by their own clocks.
    pub skew_seconds: f64,
}

impl Shards {
    /// The share of the load that belongs to lost shards, 0 … 1.
    pub fn lost_share(&self) -> f64 {
        self.lost.len() as f64 / f64::from(self.count.max(1))
    }
}

/// A shard that gave a result.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct MergedShard {
    /// Its number, from 0; that of its file where shards have none.
    pub index: u32,
    /// Its file.
    pub file: String,
    /// How it ended.
    pub outcome: Outcome,
    /// Start of its run.
    #[schemars(with = "String")]
    pub started: Timestamp,
    /// Start of its first load, by its clock.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(with = "Option<String>")]
    pub began: Option<Timestamp>,
    /// How long after the agreed start that was, in seconds.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub late_seconds: Option<f64>,
    /// Requests that it sent.
    pub requests: u64,
    /// Of these, errors.
    pub errors: u64,
    /// Where it ran.
    pub environment: Environment,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn shards_are_counted_from_zero() {
        for (text, index, of) in [("0/1", 0, 1), ("7/8", 7, 8), (" 3 / 8 ", 3, 8)] {
            let number: ShardNumber = text.parse().expect(text);
            assert_eq!((number.index, number.of.get()), (index, of));
            assert_eq!(number.to_string().parse(), Ok(number));
        }
        for (text, says) in [
            ("", "expected INDEX/COUNT"),
            ("3", "expected INDEX/COUNT"),
            ("/8", "expected INDEX/COUNT"),
            ("+1/8", "expected INDEX/COUNT"),
            ("1/2/3", "expected INDEX/COUNT"),
            ("-1/8", "expected INDEX/COUNT"),
            ("8/8", "the last is 7/8"),
            ("0/0", "not 0"),
            ("0/10001", "not 10001"),
        ] {
            let error = text.parse::<ShardNumber>().expect_err(text).to_string();
            assert!(error.contains(says), "{text}: {error}");
        }
    }
}
