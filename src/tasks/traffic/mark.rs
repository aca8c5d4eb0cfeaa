//! [`Mark`]: what a run writes on an object whose traffic it moves: the weights before, for the case that it is killed.

use std::collections::BTreeMap;

use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use serde_json::Value;

use super::weights::Weights;

/// The annotation that it is written in.
pub(super) const ANNOTATION: &str = "iter8.tools/traffic-before";

/// What a run says of an object while it moves its traffic.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Mark {
    /// The run.
    pub(super) run: String,
    /// When it moved the first of it.
    pub(super) since: Timestamp,
    /// The weights before, by rule: its name or position, or nothing where there are no rules.
    pub(super) before: BTreeMap<String, Weights>,
}

impl Mark {
    /// The one that an object has; an error is one that cannot be read.
    pub(super) fn of(object: &Value) -> Result<Option<Self>, String> {
        let Some(text) = object["metadata"]["annotations"][ANNOTATION].as_str() else {
            return Ok(None);
        };
        serde_json::from_str(text).map(Some).map_err(|cause| {
            format!("its annotation {ANNOTATION} is none of iter8 ({cause}): see that its weights are right, and remove it")
        })
    }

    /// As it stands in the annotation.
    pub(super) fn text(&self) -> String {
        // Texts and numbers: nothing in it has no form in JSON.
        serde_json::to_string(self).unwrap_or_default()
    }

    /// Who wrote it, for people.
    pub(super) fn who(&self) -> String {
        format!("run {}, since {}", self.run, self.since)
    }
}
