//! [`INPUTS`]: every input of the action. `action.yml`, the reference and the reading of `INPUT_*` follow from it.

/// What an input is about; the order of the reference.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Group {
    /// What to test.
    What,
    /// How much load.
    Load,
    /// What is promised.
    Judge,
    /// Where the result is shown.
    Report,
    /// A pull request that follows from it.
    PullRequest,
    /// Version 1 of the action.
    Version1,
}

impl Group {
    /// All groups in order.
    pub const ALL: [Self; 6] = [
        Self::What,
        Self::Load,
        Self::Judge,
        Self::Report,
        Self::PullRequest,
        Self::Version1,
    ];

    /// Its heading.
    pub fn title(self) -> &'static str {
        match self {
            Self::What => "What to test",
            Self::Load => "Load",
            Self::Judge => "Objectives",
            Self::Report => "Report",
            Self::PullRequest => "Pull request",
            Self::Version1 => "Version 1",
        }
    }
}

/// What an input's text must be; finer rules are those of the experiment's key of the same name.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Kind {
    /// Any text.
    Text,
    /// One item per line.
    Lines,
    /// `true` or `false`, as YAML 1.2 spells them.
    Flag,
    /// One of these words.
    Choice(&'static [&'static str]),
}

/// An input of the action.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Input {
    /// As in `with:`.
    pub name: &'static str,
    /// Where it stands in the reference.
    pub group: Group,
    /// Value in `action.yml`; `None` leaves it out, so that "not given" can be told.
    pub default: Option<&'static str>,
    /// What it does; one line.
    pub about: &'static str,
    /// What it accepts.
    pub kind: Kind,
    /// Another spelling of this input.
    pub alias: Option<&'static str>,
}

impl Input {
    const fn text(group: Group, name: &'static str, about: &'static str) -> Self {
        Self {
            name,
            group,
            default: None,
            about,
            kind: Kind::Text,
            alias: None,
        }
    }

    const fn kind(mut self, kind: Kind) -> Self {
        self.kind = kind;
        self
    }

    const fn default(mut self, value: &'static str) -> Self {
        self.default = Some(value);
        self
    }

    const fn alias(mut self, name: &'static str) -> Self {
        self.alias = Some(name);
        self
    }
}

const INCONCLUSIVE: Kind = Kind::Choice(&["observed", "pass", "fail"]);
const MODE: Kind = Kind::Choice(&["run", "publish"]);
const COMMENT: Kind = Kind::Choice(&["never", "always", "on-fail", "on-change"]);
/// No variable of the runner tells the jobs of a matrix apart; this context of the workflow does.
const COMMENT_KEY: &str = "${{ github.workflow }} / ${{ github.job }} / ${{ strategy.job-index }}";
const PULL_REQUEST: Kind = Kind::Choice(&["never", "on-pass", "on-fail"]);
const LOG_LEVEL: Kind = Kind::Choice(&[
    "trace", "debug", "info", "warn", "warning", "error", "fatal", "panic",
]);

/// All inputs, in the order of the reference.
#[rustfmt::skip] // a table
pub static INPUTS: &[Input] = &[
    Input::text(Group::What, "mode", "`run` tests; `publish` shows what a run without permission to write left behind").kind(MODE).default("run"),
    Input::text(Group::What, "url", "URL to test; without it, that of the event, or of the commit's deployment"),
    Input::text(Group::What, "environment", "The only environment whose deployment is tested; on an event that tells of another one, nothing is"),
    Input::text(Group::What, "host", "gRPC server to test, HOST:PORT; needs `call`"),
    Input::text(Group::What, "call", "gRPC method to call, package.Service/Method"),
    Input::text(Group::What, "experiment", "Experiment file; `./experiment.yaml` if nothing else says what to test"),
    Input::text(Group::What, "merge", "Results of shards to merge into one verdict, such as `results/*`, one per line; nothing is sent then").kind(Kind::Lines),
    Input::text(Group::What, "shards", "With `merge`: how many shards there are, where their results do not say"),
    Input::text(Group::What, "values", "Experiment or chart values as inline YAML; with `chart`, put over `valuesFile`"),

    Input::text(Group::Load, "numRequests", "Number of requests (100)"),
    Input::text(Group::Load, "duration", "How long to send, such as 30s or 1m30s"),
    Input::text(Group::Load, "qps", "Requests per second (8), or `max`"),
    Input::text(Group::Load, "connections", "Connections that are kept open (4)"),
    Input::text(Group::Load, "method", "HTTP method (GET, or POST with a payload)"),
    Input::text(Group::Load, "headers", "Request headers, one `name: value` per line").kind(Kind::Lines),
    Input::text(Group::Load, "vercelBypass", "Secret that lets requests through Vercel's deployment protection; only the origin of the URL gets it"),
    Input::text(Group::Load, "cfAccessClientId", "Id of a service token of Cloudflare Access; only the origin of the URL gets it"),
    Input::text(Group::Load, "cfAccessClientSecret", "Its secret; likewise"),
    Input::text(Group::Load, "payloadStr", "Request body").alias("payload"),
    Input::text(Group::Load, "contentType", "Content type of the body"),
    Input::text(Group::Load, "timeout", "How long to wait for one answer"),
    Input::text(Group::Load, "shard", "Part of the load to send, INDEX/COUNT counted from 0, such as 0/8; a later job merges the results"),
    Input::text(Group::Load, "startAt", "When the loads of all shards begin, such as 2026-03-01T12:00:00Z"),
    Input::text(Group::Load, "readyTimeout", "How long to wait until the URL is ready (60s)"),

    Input::text(Group::Judge, "slos", "Objectives, one per line, such as `http/latency-p95 <= 200ms`").kind(Kind::Lines),
    Input::text(Group::Judge, "baselineURL", "URL of a version to compare with, tested side by side"),
    Input::text(Group::Judge, "onInconclusive", "What decides when the data cannot tell (observed)").kind(INCONCLUSIVE),

    Input::text(Group::Report, "summary", "Whether to write the job summary").kind(Kind::Flag).default("true"),
    Input::text(Group::Report, "comment", "When to comment on the pull request").kind(COMMENT).default("never"),
    Input::text(Group::Report, "commentKey", "Tells the comments of a pull request apart").default(COMMENT_KEY),
    Input::text(Group::Report, "status", "Context of a commit status to set, such as `iter8/slo` (none)"),
    Input::text(Group::Report, "history", "Result of the base branch, a folder or a file, to be shown beside this one; it never fails a run"),
    Input::text(Group::Report, "artifact", "With `mode: publish`: folder with the downloaded artifact of the run"),
    Input::text(Group::Report, "reports", "More report files, one per line or with commas between: text, json, csv, junit, openmetrics").kind(Kind::Lines),
    Input::text(Group::Report, "outputDir", "Folder for result and reports (iter8-results)"),
    Input::text(Group::Report, "token", "Token for GitHub's API").default("${{ github.token }}"),

    Input::text(Group::PullRequest, "pullRequest", "When to open or update a pull request that edits files").kind(PULL_REQUEST).default("never"),
    Input::text(Group::PullRequest, "pullRequestBase", "Branch it is to be merged into (the default branch)"),
    Input::text(Group::PullRequest, "pullRequestBranch", "Branch it comes from (iter8/ and the comment key)"),
    Input::text(Group::PullRequest, "pullRequestTitle", "Its title"),
    Input::text(Group::PullRequest, "pullRequestBody", "Its text, above the report"),
    Input::text(Group::PullRequest, "pullRequestRepository", "Repository it is opened in, OWNER/NAME (this one)"),
    Input::text(Group::PullRequest, "pullRequestChanges", "What it changes: a YAML list of edits, such as `- {file: deploy/values.yaml, yaml: image.tag, value: v2}`"),

    Input::text(Group::Version1, "chart", "Chart to run: load-test-http, load-test-grpc, load-test, iter8 or slo-validation-istio"),
    Input::text(Group::Version1, "valuesFile", "File or URL with the values of the chart"),
    Input::text(Group::Version1, "validateSLOs", "Whether broken objectives fail the step").kind(Kind::Flag).default("true"),
    Input::text(Group::Version1, "logLevel", "Log level").kind(LOG_LEVEL).default("info"),
    Input::text(Group::Version1, "chartRepo", "Repository of the chart; only Iter8's own, whose charts are built in"),
    Input::text(Group::Version1, "chartVersion", "Version of the chart, or a range such as 0.9.x, that the built-in one covers"),
];

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_unique_whatever_their_case() {
        let mut names: Vec<_> = INPUTS
            .iter()
            .flat_map(|input| [Some(input.name), input.alias])
            .flatten()
            .map(str::to_uppercase)
            .collect();
        let all = names.len();
        names.sort_unstable();
        names.dedup();
        assert_eq!(names.len(), all);
    }

    #[test]
    fn the_six_inputs_of_version_1_are_there() {
        for name in [
            "chart",
            "valuesFile",
            "validateSLOs",
            "logLevel",
            "chartRepo",
            "chartVersion",
        ] {
            assert!(INPUTS.iter().any(|input| input.name == name), "{name}");
        }
    }

    #[test]
    fn defaults_are_valid_values() {
        for input in INPUTS {
            if let (Kind::Choice(words), Some(default)) = (input.kind, input.default) {
                assert!(words.contains(&default), "{}", input.name);
            }
        }
    }
}
