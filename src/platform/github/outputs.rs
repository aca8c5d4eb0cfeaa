//! [`OUTPUTS`]: every output of the action, for `action.yml`, the reference and the code that fills them.

/// An output's name and meaning.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct OutputAbout {
    /// As in `steps.ID.outputs.NAME`.
    pub name: &'static str,
    /// What it holds.
    pub about: &'static str,
}

const fn output(name: &'static str, about: &'static str) -> OutputAbout {
    OutputAbout { name, about }
}

/// All outputs, in the order of the reference. Numbers are plain; not applicable is empty.
pub static OUTPUTS: &[OutputAbout] = &[
    output(
        "outcome",
        "pass, fail, inconclusive, invalid, error or interrupted; measured for a shard",
    ),
    output("passed", "true if the outcome is pass, else false"),
    output("reason", "Why, in one sentence"),
    output(
        "metrics",
        "All metrics as one JSON object: name to number (msec, fraction, count)",
    ),
    output("requests", "Number of requests sent"),
    output("errorRate", "Fraction of requests that failed, 0 to 1"),
    output("latencyMean", "Mean latency in msec"),
    output("latencyP50", "Median latency in msec"),
    output("latencyP95", "95th percentile of latency in msec"),
    output("latencyP99", "99th percentile of latency in msec"),
    output(
        "winner",
        "The version that won every reward or, without rewards, alone met all of its objectives, if versions were compared",
    ),
    output(
        "weights",
        "Shares of traffic that follow from the rewards, as one JSON object: version to percent",
    ),
    output("resultFile", "Path of result.json, relative to the workspace"),
    output("reportFile", "Path of report.html, relative to the workspace"),
    output("commentURL", "Link to the pull-request comment"),
    output(
        "pullRequestURL",
        "Link to the pull request that was opened or updated",
    ),
    output("pullRequestNumber", "Its number"),
];
