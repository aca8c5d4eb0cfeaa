//! [`Environment`]: where and on what an experiment ran, as far as a reader needs it.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// Tool, machine and commit of a run.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct Environment {
    /// Version of iter8.
    pub iter8_version: String,
    /// `github`, `gitlab`, `tekton`, `ci` or `terminal`.
    pub platform: String,
    /// Operating system and architecture.
    pub system: String,
    /// Processors that this process may use.
    pub processors: usize,
    /// What the system calls the processor: machines of a CI service differ in it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub processor: Option<String>,
    /// Commit under test, if the platform says.
    pub commit: Option<String>,
    /// Link to the commit.
    pub commit_url: Option<String>,
    /// Number of the pull or merge request, if the platform says.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub pull_request: Option<u64>,
    /// Link to the run.
    pub run_url: Option<String>,
    /// A command that repeats the run, secrets masked.
    pub reproduce: Option<String>,
}
