//! [`Args`]: exactly what was typed.

use std::path::PathBuf;

use clap::builder::styling::{AnsiColor, Styles};
use clap::{Args as ClapArgs, Parser, Subcommand, ValueEnum};

use super::cluster::ClusterFlags;
use super::k::K;
use super::launch::{Gen, Launch};
use super::load_flags::LoadFlags;

const STYLES: Styles = Styles::styled()
    .header(AnsiColor::Green.on_default().bold())
    .usage(AnsiColor::Green.on_default().bold())
    .literal(AnsiColor::Cyan.on_default().bold());

const EXAMPLES: &str = "\
Examples:
  iter8 demo                                     see a run and its report, no network needed
  iter8 run --url https://preview.example.com/ --slo 'http/latency-p95 <= 200ms' --slo 'http/error-rate <= 1%'
  iter8 run                                      run ./experiment.yaml
  iter8 validate experiment.yaml                 list every mistake, send nothing
  iter8 report -o html > report.html             render the last result again
  iter8 assert -c completed,nofailure,slos       gate on the last result

Exit codes: 0 pass, 1 fail, 2 usage, 3 error, 4 inconclusive, 5 invalid, 6 output not written, 130/143 interrupted.";

/// Load-test a URL, judge its service-level objectives, and report where people look.
#[derive(Debug, Parser)]
#[command(name = "iter8", version, styles = STYLES, after_help = EXAMPLES, disable_help_subcommand = true)]
pub(super) struct Args {
    /// What to do.
    #[command(subcommand)]
    pub command: Command,
    /// What everything obeys.
    #[command(flatten)]
    pub global: Global,
}

/// Flags of every command.
#[derive(Debug, Clone, ClapArgs)]
pub(super) struct Global {
    /// How much to tell on stderr
    #[arg(short = 'l', long = "logLevel", aliases = ["loglevel", "log-level"], global = true, value_enum, default_value_t = LogLevel::Info, hide_possible_values = true, value_name = "LEVEL")]
    pub log_level: LogLevel,
    /// Colours: auto, always or never (`NO_COLOR` is respected)
    #[arg(long, global = true, value_enum, default_value_t = Colour::Auto, hide_possible_values = true, value_name = "WHEN")]
    pub color: Colour,
}

/// How much is told.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, ValueEnum)]
pub(super) enum LogLevel {
    /// Everything.
    Trace,
    /// Nearly everything.
    Debug,
    /// What happens.
    Info,
    /// What may be wrong.
    #[value(alias = "warn")]
    Warning,
    /// What is wrong.
    Error,
    /// The same.
    Fatal,
    /// The same.
    Panic,
}

/// When colours are used.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(super) enum Colour {
    /// On a terminal.
    Auto,
    /// Always.
    Always,
    /// Never.
    Never,
}

/// What to do.
#[derive(Debug, Subcommand)]
pub(super) enum Command {
    /// Test a small service on loopback and show the report: no network, no file
    Demo(Demo),
    /// Run an experiment: a file, or a URL and objectives
    #[command(after_help = RUN_EXAMPLES)]
    Run(Box<Run>),
    /// Say what `run` would send with the same flags, how long it takes, and what that many requests can decide
    Plan(Box<Run>),
    /// One verdict from the results of several shards: jobs of a matrix, pods
    #[command(after_help = MERGE_EXAMPLES)]
    Merge(Box<Merge>),
    /// Run one of Iter8's charts, built in, with values; --dry only writes experiment.yaml
    #[command(after_help = LAUNCH_EXAMPLES)]
    Launch(Box<Launch>),
    /// Write the experiment.yaml of a chart and values; sends nothing
    Gen(Box<Gen>),
    /// Experiments in a Kubernetes cluster
    #[command(subcommand)]
    K(K),
    /// Render a stored result again; exit 0 whatever the verdict
    Report(Report),
    /// Check a stored result: exit 0 if every condition holds, else 1
    Assert(Assert),
    /// Check an experiment file: every mistake, with line and hint; sends nothing
    Validate(Validate),
    /// The container's entry point in GitHub Actions: reads INPUT_*, runs, publishes
    Action,
    /// Print the version
    Version {
        /// Only the number
        #[arg(long)]
        short: bool,
    },
    /// Print a JSON Schema: of experiment files, of results, or of a chart's values
    Schema {
        /// Which
        #[arg(value_enum)]
        of: SchemaOf,
        /// With `chart`: its name, such as load-test-http
        chart: Option<String>,
    },
    /// Print completions for a shell
    Completions {
        /// Which
        shell: clap_complete::Shell,
    },
    /// Print the reference: tasks, metrics, action inputs and outputs, exit codes
    Docs,
    /// Iter8 up to 0.11 downloaded charts.
    #[command(hide = true, disable_help_flag = true)]
    Hub {
        /// What it was told.
        #[arg(trailing_var_arg = true, allow_hyphen_values = true, hide = true)]
        words: Vec<String>,
    },
    /// Evaluates jq expressions for a parent process.
    #[command(hide = true)]
    JqChild,
}

const RUN_EXAMPLES: &str = "\
Examples:
  iter8 run --url http://127.0.0.1:8080/ --slo 'http/latency-p95 <= 200ms' --slo 'http/error-rate <= 1%'
  iter8 run --url http://127.0.0.1:8080/ --qps 100 --duration 30s --connections 10
  iter8 run --url http://127.0.0.1:8080/ --method POST --payloadFile body.json --contentType application/json
  iter8 run experiment.yaml --url https://pr-42.example.com/   flags override the file";

const MERGE_EXAMPLES: &str = "\
Examples:
  iter8 run experiment.yaml --shard 0/2 --startAt 2026-03-01T12:00:00Z --outputDir r/0   on one machine
  iter8 run experiment.yaml --shard 1/2 --startAt 2026-03-01T12:00:00Z --outputDir r/1   on another
  iter8 merge r/*                                                                        one result, one exit code";

const LAUNCH_EXAMPLES: &str = "\
Examples:
  iter8 launch -c load-test-http --set url=http://127.0.0.1:8080/ --set SLOs.http/error-rate=0
  iter8 launch --set \"tasks={http,assess}\" --set http.url=http://127.0.0.1:8080/ --set 'assess.SLOs.upper.http/latency-p97\\.5=50'
  iter8 launch -c load-test-grpc -f values.yaml --dry       only write experiment.yaml
  iter8 schema chart iter8                                  every value of a chart";

/// `run`.
#[derive(Debug, ClapArgs)]
pub(super) struct Run {
    /// Experiment file; ./experiment.yaml if neither a file nor --url nor --grpc is given
    pub file: Option<PathBuf>,
    /// An objective such as 'http/latency-p95 <= 200ms'; may be repeated
    #[arg(long = "slo", value_name = "OBJECTIVE", help_heading = "Verdict")]
    pub slos: Vec<String>,
    /// What counts where the data cannot tell: observed (default), pass or fail
    #[arg(
        long = "onInconclusive",
        alias = "on-inconclusive",
        value_name = "WHAT",
        help_heading = "Verdict"
    )]
    pub on_inconclusive: Option<String>,
    /// Fewest requests that a verdict may rest on; default 1
    #[arg(
        long = "minRequests",
        alias = "min-requests",
        value_name = "N",
        help_heading = "Verdict"
    )]
    pub min_requests: Option<String>,
    /// How long to wait until the URL or the gRPC server is ready; default 10s, or what the file says
    #[arg(
        long = "readyTimeout",
        alias = "ready-timeout",
        value_name = "DURATION",
        help_heading = "Verdict"
    )]
    pub ready_timeout: Option<String>,
    /// An earlier result, a folder or a file, to be shown beside this one; it never fails a run
    #[arg(long, value_name = "PATH", help_heading = "Verdict")]
    pub history: Option<PathBuf>,
    /// Go on with the stored result of the run before: what was measured is kept, and its loops are counted
    #[arg(long = "reuseResult", alias = "reuse-result", help_heading = "Output")]
    pub reuse_result: bool,
    /// Revision of the experiment; with --reuseResult a stored result of another one is not gone on with
    #[arg(long, value_name = "N", help_heading = "Output")]
    pub revision: Option<u64>,
    /// Send only a part of the load, INDEX/COUNT counted from 0, while others send theirs; `iter8 merge` judges [env: ITER8_SHARD]
    #[arg(long, value_name = "I/N", help_heading = "Shards")]
    pub shard: Option<String>,
    /// When the loads of all shards begin, such as 2026-03-01T12:00:00Z [env: ITER8_START_AT]
    #[arg(
        long = "startAt",
        alias = "start-at",
        value_name = "INSTANT",
        help_heading = "Shards"
    )]
    pub start_at: Option<String>,
    /// The fields of load tasks.
    #[command(flatten)]
    pub load: LoadFlags,
    /// Where results go.
    #[command(flatten)]
    pub output: Output,
    /// Which cluster `ready` tasks ask.
    #[command(flatten)]
    pub cluster: ClusterFlags,
}

/// `merge`.
#[derive(Debug, ClapArgs)]
pub(super) struct Merge {
    /// Results of shards: files, folders with result.json, folders of such folders, or patterns of these
    #[arg(required = true)]
    pub results: Vec<String>,
    /// How many shards there are, where the results do not say; missing ones make the result invalid
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u32).range(1..=10_000))]
    pub shards: Option<u32>,
    /// What is printed: text, markdown, html, json, junit, csv or openmetrics
    #[arg(
        short = 'o',
        long = "outputFormat",
        alias = "output-format",
        value_name = "FORMAT",
        default_value = "text"
    )]
    pub format: String,
    /// An earlier result, a folder or a file, to be shown beside this one; it never fails a run
    #[arg(long, value_name = "PATH")]
    pub history: Option<PathBuf>,
    /// Where results go.
    #[command(flatten)]
    pub output: Output,
}

/// Where results go.
#[derive(Debug, Clone, ClapArgs)]
#[expect(clippy::struct_field_names, reason = "named as the flags are")]
#[command(next_help_heading = "Output")]
pub(super) struct Output {
    /// Folder of the experiment and, in it, of the results
    #[arg(long = "runDir", alias = "run-dir", value_name = "DIR", default_value = ".")]
    pub run_dir: PathBuf,
    /// Folder for result.json and reports, relative to --runDir
    #[arg(
        long = "outputDir",
        alias = "output-dir",
        value_name = "DIR",
        default_value = "iter8-results"
    )]
    pub output_dir: PathBuf,
    /// More report files: text, json, csv, junit, openmetrics
    #[arg(long, value_name = "FORMATS", value_delimiter = ',')]
    pub reports: Vec<String>,
}

/// `demo`.
#[derive(Debug, ClapArgs)]
pub(super) struct Demo {
    /// Test a service that is slow and fails: see what a failing run looks like
    #[arg(long)]
    pub broken: bool,
    /// Where results go.
    #[command(flatten)]
    pub output: Output,
}

/// `report`.
#[derive(Debug, ClapArgs)]
pub(super) struct Report {
    /// How it is shown.
    #[command(flatten)]
    pub format: Printed,
    /// Which result.
    #[command(flatten)]
    pub stored: Stored,
}

/// How a result is shown.
#[derive(Debug, Clone, ClapArgs)]
pub(super) struct Printed {
    /// text, markdown, html, json, junit, csv or openmetrics
    #[arg(
        short = 'o',
        long = "outputFormat",
        alias = "output-format",
        value_name = "FORMAT",
        default_value = "text"
    )]
    pub format: String,
}

/// Which result.
#[derive(Debug, Clone, ClapArgs)]
pub(super) struct Stored {
    /// Folder of the experiment
    #[arg(long = "runDir", alias = "run-dir", value_name = "DIR", default_value = ".")]
    pub run_dir: PathBuf,
    /// Folder with result.json, relative to --runDir
    #[arg(
        long = "outputDir",
        alias = "output-dir",
        value_name = "DIR",
        default_value = "iter8-results"
    )]
    pub output_dir: PathBuf,
}

/// `assert`.
#[derive(Debug, ClapArgs)]
pub(super) struct Assert {
    /// What is asked of the result.
    #[command(flatten)]
    pub asked: Asked,
    /// Which result.
    #[command(flatten)]
    pub stored: Stored,
}

/// What is asked of a result.
#[derive(Debug, ClapArgs)]
pub(super) struct Asked {
    /// completed, nofailure, slos; may be repeated or separated by commas
    #[arg(
        short = 'c',
        long = "condition",
        value_name = "CONDITIONS",
        value_delimiter = ','
    )]
    pub conditions: Vec<String>,
    /// How long to wait for the conditions to hold
    #[arg(long, value_name = "DURATION", default_value = "0s")]
    pub timeout: String,
}

/// `validate`.
#[derive(Debug, ClapArgs)]
pub(super) struct Validate {
    /// Experiment file
    #[arg(default_value = "experiment.yaml")]
    pub file: PathBuf,
    /// Print the file in the current format, whatever release of Iter8 it was written for
    #[arg(long)]
    pub upgrade: bool,
}

/// Which schema.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(super) enum SchemaOf {
    /// Experiment files.
    Experiment,
    /// `result.json`.
    Result,
    /// Values of a chart.
    Chart,
}
