//! [`ObjectChange`]: what a task changed of an object in a cluster, and what became of that.

use jiff::Timestamp;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::Outcome;

/// A change of an object in a cluster.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct ObjectChange {
    /// The task that made it, from 1.
    pub task: usize,
    /// The object: its kind in the plural with the API group, and its name.
    pub object: String,
    /// Its namespace.
    pub namespace: String,
    /// The field that was changed, as a path.
    pub field: String,
    /// What was there before.
    pub from: String,
    /// What is there since.
    pub to: String,
    /// When it was made.
    #[schemars(with = "String")]
    pub at: Timestamp,
    /// Whether it was only tried, and nothing was changed.
    #[serde(default)]
    pub dry_run: bool,
    /// Of a step: what the tasks that were run with it came to.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub outcome: Option<Outcome>,
    /// How it was rolled back, if it was.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub rolled_back: Option<RolledBack>,
    /// Why it could not be rolled back, or not be brought to its end.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub error: Option<String>,
}

/// A change that was taken back.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct RolledBack {
    /// Why.
    pub why: String,
    /// To what.
    pub to: String,
    /// When.
    #[schemars(with = "String")]
    pub at: Timestamp,
}

impl ObjectChange {
    /// Whether both are of the same field of the same object.
    pub fn is_of_same(&self, other: &Self) -> bool {
        (&self.object, &self.namespace, &self.field) == (&other.object, &other.namespace, &other.field)
    }
}
