//! What is typed behind `k`.

use std::path::PathBuf;

use clap::{Args as ClapArgs, Subcommand};

use super::scene::Scene;
use crate::cli::args::{Asked, LogLevel, Printed};
use crate::cli::cluster::ClusterFlags;
use crate::cli::console::Console;
use crate::cli::exit::Exit;
use crate::cli::launch::InCluster;
use crate::cluster::manifests::Group;
use crate::cluster::{Cluster, ObjectName};
use crate::diagnostic::{Diagnostic, Place};
use crate::platform::Env;
use crate::results::ShardNumber;

/// `k`.
#[derive(Debug, Subcommand)]
pub(in crate::cli) enum K {
    /// Run an experiment in a cluster: makes a Secret, an account with its rights, and a Job or a CronJob
    #[command(after_help = LAUNCH_EXAMPLES)]
    Launch(Box<InCluster>),
    /// Run the experiment of a group here, and keep its result in the cluster: what the pod of a Job does
    Run(Box<RunIn>),
    /// Check the result of a group: exit 0 if every condition holds, else 1; waits for it until --timeout
    #[command(after_help = ASSERT_EXAMPLES)]
    Assert(Box<AssertOf>),
    /// Render the result of a group; exit 0 whatever the verdict
    Report(Box<ReportOf>),
    /// Print what the pods of the last run say
    Log(Box<LogOf>),
    /// Remove everything that was made for a group, its result included; a run that goes on is ended
    Delete(Box<GroupFlags>),
}

const LAUNCH_EXAMPLES: &str = "\
Examples:
  iter8 k launch --set \"tasks={ready,http,assess}\" --set ready.deploy=shop --set http.url=http://shop.default/ \\
    --set assess.SLOs.upper.http/latency-mean=50 --set runner=job
  iter8 k launch experiment.yaml --set shards=4            the file that iter8 run takes, and the files that it names
  iter8 k launch -c slo-validation-istio --set cronjobSchedule=\"*/5 * * * *\" --set versionInfo.destination_workload=shop
  iter8 k launch --dry -f values.yaml | kubectl apply -f -    another launch each time; a former Job is for kubectl delete";

const ASSERT_EXAMPLES: &str = "\
Examples:
  iter8 k assert -c completed,nofailure,slos --timeout 5m --revision 3
  iter8 k assert -c slos -g shop -n prod                  asks once";

/// `k assert`.
#[derive(Debug, ClapArgs)]
pub(in crate::cli) struct AssertOf {
    /// What is asked of the result.
    #[command(flatten)]
    pub asked: Asked,
    /// Whose result.
    #[command(flatten)]
    pub group: GroupFlags,
    /// Revision that is meant, as `k launch` tells it: the result of another one is never taken for its, and is exit 3
    #[arg(long, value_name = "N")]
    pub revision: Option<u32>,
}

/// `k report`.
#[derive(Debug, ClapArgs)]
pub(in crate::cli) struct ReportOf {
    /// How it is shown.
    #[command(flatten)]
    pub format: Printed,
    /// Whose result.
    #[command(flatten)]
    pub group: GroupFlags,
    /// Revision that is meant, as `k launch` tells it: the result of another one is exit 3
    #[arg(long, value_name = "N")]
    pub revision: Option<u32>,
}

/// `k log`.
#[derive(Debug, ClapArgs)]
pub(in crate::cli) struct LogOf {
    /// Go on until the run ends; one that has not begun is waited for
    #[arg(short = 'f', long)]
    pub follow: bool,
    /// Whose log.
    #[command(flatten)]
    pub group: GroupFlags,
    /// Revision that is meant, as `k launch` tells it; the current one if none is given
    #[arg(long, value_name = "N")]
    pub revision: Option<u32>,
}

/// A group, and the cluster that it is in.
#[derive(Debug, Clone, ClapArgs)]
pub(in crate::cli) struct GroupFlags {
    /// Name of the group
    #[arg(short = 'g', long, value_name = "NAME", default_value = "default")]
    pub group: String,
    /// Which cluster is meant.
    #[command(flatten)]
    pub cluster: ClusterFlags,
}

impl GroupFlags {
    /// What there is of the group, to be watched.
    pub(super) async fn scene(&self, env: &Env, console: &Console) -> Result<Scene, Exit> {
        let (cluster, group) = self.open(env, console).await?;
        Ok(Scene::new(
            self.cluster.access(env, &console.mask),
            cluster,
            group,
        ))
    }

    /// The cluster and the group in it that are meant.
    pub(in crate::cli) async fn open(&self, env: &Env, console: &Console) -> Result<(Cluster, Group), Exit> {
        let refused = |message: String, flag: &str| {
            console.diagnostics(&[Diagnostic::error(message).at(Place::named(flag))]);
            Exit::Usage
        };
        Group::check_name(&self.group).map_err(|why| refused(why, "flag --group"))?;
        let access = self.cluster.access(env, &console.mask);
        let connected = access.connect().await;
        let cluster = connected.map_err(|error| super::failed(&error, console))?;
        let namespace = cluster.namespace().to_owned();
        if !ObjectName::is_name(&namespace) {
            let message = format!("`{namespace}` is no name of a namespace");
            return Err(refused(message, "flag --namespace"));
        }
        console.say(
            LogLevel::Debug,
            &format!("the group {} in the namespace {namespace}", self.group),
        );
        let name = self.group.clone();
        Ok((cluster, Group { name, namespace }))
    }
}

/// `k run`.
#[derive(Debug, ClapArgs)]
pub(in crate::cli) struct RunIn {
    /// Which group.
    #[command(flatten)]
    pub group: GroupFlags,
    /// Revision of the experiment: another one is not run
    #[arg(long, value_name = "N")]
    pub revision: Option<u32>,
    /// Go on with the stored result: what was measured is kept, and its loops are counted
    #[arg(long = "reuseResult", alias = "reuse-result")]
    pub reuse_result: bool,
    /// The part of the load that this pod of an Indexed Job sends, INDEX/COUNT counted from 0; the first one merges all results
    #[arg(long, value_name = "I/N", conflicts_with = "reuse_result")]
    pub shard: Option<ShardNumber>,
    /// The claim of the volume at /results of this pod, for the whole result and its reports
    #[arg(long = "resultVolume", value_name = "CLAIM", hide = true)]
    pub result_volume: Option<String>,
    /// Folder for result.json and reports, beside the one in the cluster
    #[arg(
        long = "outputDir",
        alias = "output-dir",
        value_name = "DIR",
        default_value = "iter8-results"
    )]
    pub output_dir: PathBuf,
}
