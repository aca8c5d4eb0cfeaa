//! What is typed behind `launch` and `gen`: a chart, its values, and flags that earlier releases had.

use std::path::PathBuf;

use clap::Args as ClapArgs;

use crate::cli::args::Output;
use crate::cli::cluster::ClusterFlags;

/// `launch`.
#[derive(Debug, ClapArgs)]
pub(in crate::cli) struct Launch {
    /// Only write experiment.yaml into --runDir; nothing is sent
    #[arg(long)]
    pub dry: bool,
    /// The chart and its values.
    #[command(flatten)]
    pub chart: ChartArgs,
    /// Where results go.
    #[command(flatten)]
    pub output: Output,
    /// Which cluster `ready` tasks ask.
    #[command(flatten)]
    pub cluster: ClusterFlags,
}

/// `gen`.
#[derive(Debug, ClapArgs)]
pub(in crate::cli) struct Gen {
    /// The chart and its values.
    #[command(flatten)]
    pub chart: ChartArgs,
    /// Folder for experiment.yaml
    #[arg(long = "runDir", alias = "run-dir", value_name = "DIR", default_value = ".")]
    pub run_dir: PathBuf,
}

/// `k launch`.
#[derive(Debug, ClapArgs)]
pub(in crate::cli) struct InCluster {
    /// Experiment file, as for `iter8 run`, with the files that it names; instead of a chart and its values
    #[arg(value_name = "FILE")]
    pub file: Option<PathBuf>,
    /// Only write manifest.yaml into --runDir and print it, for `kubectl apply -f`; no cluster is asked
    #[arg(long)]
    pub dry: bool,
    /// Name of the group: of what belongs together in the cluster
    #[arg(short = 'g', long, value_name = "NAME", default_value = "default")]
    pub group: String,
    /// The chart and its values.
    #[command(flatten)]
    pub chart: ChartArgs,
    /// Folder for manifest.yaml
    #[arg(long = "runDir", alias = "run-dir", value_name = "DIR", default_value = ".")]
    pub run_dir: PathBuf,
    /// Which cluster is meant.
    #[command(flatten)]
    pub cluster: ClusterFlags,
}

/// A chart and its values.
#[derive(Debug, Default, ClapArgs)]
pub(in crate::cli) struct ChartArgs {
    /// iter8 (default), load-test-http, load-test-grpc, load-test or slo-validation-istio
    #[arg(short = 'c', long = "chartName", aliases = ["chart", "chart-name"], value_name = "CHART", help_heading = "Chart")]
    pub chart: Option<String>,
    /// YAML file with values, its URL, or `-`; may be repeated, the last wins
    #[arg(
        short = 'f',
        long = "values",
        value_name = "FILE",
        value_delimiter = ',',
        help_heading = "Chart"
    )]
    pub files: Vec<String>,
    /// Values such as http.url=URL,http.qps=20; may be repeated
    #[arg(
        long = "set",
        value_name = "KEY=VALUE",
        allow_hyphen_values = true,
        help_heading = "Chart"
    )]
    pub set: Vec<String>,
    /// The same, always strings
    #[arg(
        long = "set-string",
        alias = "setString",
        value_name = "KEY=TEXT",
        allow_hyphen_values = true,
        help_heading = "Chart"
    )]
    pub set_string: Vec<String>,
    /// The same, each the content of a file
    #[arg(
        long = "set-file",
        alias = "setFile",
        value_name = "KEY=PATH",
        allow_hyphen_values = true,
        help_heading = "Chart"
    )]
    pub set_file: Vec<String>,
    /// Flags of earlier releases.
    #[command(flatten)]
    pub former: Former,
}

/// Flags of earlier releases, which said where charts came from.
#[derive(Debug, Default, ClapArgs)]
pub(in crate::cli) struct Former {
    /// Charts are built in
    #[arg(long = "noDownload", alias = "no-download", hide = true, num_args = 0..=1, require_equals = true, default_missing_value = "true")]
    pub no_download: Option<bool>,
    /// Charts are built in
    #[arg(long = "localChart", alias = "local-chart", hide = true, num_args = 0..=1, require_equals = true, default_missing_value = "true")]
    pub local_chart: Option<bool>,
    /// Charts are built in
    #[arg(
        long = "chartsParentDir",
        alias = "charts-parent-dir",
        hide = true,
        value_name = "DIR"
    )]
    pub charts_parent_dir: Option<PathBuf>,
    /// Charts are built in
    #[arg(long = "destDir", alias = "dest-dir", hide = true, value_name = "DIR")]
    pub dest_dir: Option<PathBuf>,
    /// Folder of the chart; its name is the chart's
    #[arg(long = "sourceDir", alias = "source-dir", hide = true, value_name = "DIR")]
    pub source_dir: Option<String>,
    /// Where charts came from
    #[arg(
        long = "remoteFolderURL",
        alias = "remote-folder-url",
        hide = true,
        value_name = "URL"
    )]
    pub remote_folder: Option<String>,
    /// Chart repository
    #[arg(
        short = 'r',
        long = "repoURL",
        aliases = ["repo-url", "repo"],
        hide = true,
        value_name = "URL"
    )]
    pub repository: Option<String>,
    /// Version of the chart
    #[arg(short = 'v', long = "version", hide = true, value_name = "RANGE")]
    pub version: Option<String>,
}
