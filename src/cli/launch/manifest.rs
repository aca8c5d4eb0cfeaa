//! `iter8 k launch --dry`: a chart and values as the objects that an experiment is in a cluster.

use std::path::PathBuf;
use std::time::Duration;

use clap::ValueEnum as _;
use jiff::Timestamp;

use super::args::InCluster;
use super::dry::{Dry, Examined, store};
use super::{origin, render, values};
use crate::charts::{
    Chart, MetricNames, Rendered, Runner, Work, manifest_heading, of_json, stored_heading, take_runner,
    written,
};
use crate::cli::args::LogLevel;
use crate::cli::console::Console;
use crate::cli::exit::Exit;
use crate::cli::run::{DEFAULT_FILE, unreadable};
use crate::cli::shown::print_text;
use crate::cluster::manifests::{self, Group, Launch, manifests};
use crate::cluster::{Access, ClusterError, ObjectName};
use crate::diagnostic::{Diagnostic, Place};
use crate::platform::Env;
use crate::spec::{Decoder, SourceFile};

/// The image that runs experiments: the one that the action uses.
const IMAGE: &str = concat!("ghcr.io/iter8-tools/iter8-action:", env!("CARGO_PKG_VERSION"));
/// What objects are written to.
const FILE: &str = "manifest.yaml";
/// A run may take this much longer than its loads: for what it waits for and asks.
const SPARE: Duration = Duration::from_hours(1);
/// Where nothing says another.
const NAMESPACE: &str = "default";

/// Bytes of the experiment and its files together, which one Secret holds.
const LARGEST: usize = 1 << 20;

/// Writes the objects into a file, and prints the same.
pub(in crate::cli) async fn in_cluster(
    args: &InCluster,
    console: &Console,
    env: &Env,
) -> Result<Launch, Exit> {
    let (chart, mut launch) = planned(args, console, env).await?;
    launch.revision = now();
    let mut text = manifest_heading(chart.name());
    for object in manifests(&launch) {
        text.push_str("---\n");
        text.push_str(&written(&of_json(&object)));
    }
    store(&args.run_dir, &[(FILE, text.clone())], console)?;
    print_text(&text, console)?;
    Ok(launch)
}

/// The revision of what is launched by others, of whom nobody can ask which ones there were: the time, in seconds. Written again
/// it is another launch, with a Job of its own, whatever became of the former.
fn now() -> u32 {
    u32::try_from(Timestamp::now().as_second()).unwrap_or(u32::MAX)
}

/// What is to be launched, as far as files and values say; mistakes are shown.
pub(in crate::cli) async fn planned(
    args: &InCluster,
    console: &Console,
    env: &Env,
) -> Result<(&'static dyn Chart, Launch), Exit> {
    let access = args.cluster.access(env, &console.mask);
    let refused = |found: Vec<Diagnostic>| unreadable(&found, console);
    let (chart, found) = origin::chart(&args.chart).map_err(refused)?;
    let values = values::gather(&args.chart, env).await.map_err(refused)?;
    let namespace = namespace(&access, args.dry);
    let namespace = namespace.map_err(|wrong| refused(vec![wrong]))?;
    let source = SourceFile::new("the values", "");
    let lookup = |name: &str| env.get(name).map(str::to_owned);
    let mut decoder = Decoder::new(&source, &args.run_dir, &lookup, console.mask.clone());
    let (runner, rest) = take_runner(chart, values, &mut decoder);
    let (rendered, more) = render(chart, &rest, MetricNames::Any, &args.run_dir);
    let mut found: Vec<Diagnostic> = found
        .into_iter()
        .chain(decoder.into_diagnostics())
        .chain(more)
        .collect();
    found.extend(wrong_names(&args.group, &namespace));
    found.extend(runner.as_ref().and_then(wrong_level));
    let dry = Dry {
        chart,
        folder: &args.run_dir,
        env,
        console,
        undone: if args.dry { "written" } else { "launched" },
    };
    let mut examined = dry.examine(&rendered);
    if let Some(Work::Shards(shards)) = runner.as_ref().map(|runner| &runner.work) {
        found.extend(examined.indivisible(*shards));
    }
    found.extend(foreign_files(&examined, &rendered, args));
    let files = files(chart, &rendered);
    found.extend(too_large(&files));
    let examined = dry.settle(examined, found)?;
    // Without one something was wrong, and has been said.
    let runner = runner.ok_or(Exit::Usage)?;
    let group = Group {
        name: args.group.clone(),
        namespace,
    };
    Ok((chart, launch(group, files, runner, examined)))
}

/// The namespace that is meant; where no cluster is known, and none is asked, the one that every cluster has.
fn namespace(access: &Access, dry: bool) -> Result<String, Diagnostic> {
    if let Some(namespace) = &access.namespace {
        return Ok(namespace.clone());
    }
    match access.namespace() {
        Ok(namespace) => Ok(namespace),
        Err(ClusterError::NoCluster { .. }) if dry => Ok(NAMESPACE.to_owned()),
        Err(error) => {
            let diagnostic = Diagnostic::error(error.to_string());
            Err(match error.hint() {
                Some(hint) => diagnostic.hint(hint),
                None => diagnostic,
            })
        }
    }
}

fn wrong_names(group: &str, namespace: &str) -> Vec<Diagnostic> {
    let mut found = Vec::new();
    if let Err(why) = Group::check_name(group) {
        found.push(Diagnostic::error(why).at(Place::named("flag --group")));
    }
    if !ObjectName::is_name(namespace) {
        let message = format!("`{namespace}` is no name of a namespace");
        found.push(Diagnostic::error(message).at(Place::named("flag --namespace")));
    }
    found
}

fn wrong_level(runner: &Runner) -> Option<Diagnostic> {
    let level = runner.log_level.as_deref()?;
    let known = LogLevel::from_str(level, true).is_ok();
    (!known).then(|| Diagnostic::error(format!("`{level}` is no log level")).hint("info and debug are some"))
}

/// What the experiment would find here, and not in a pod.
fn foreign_files(examined: &Examined, rendered: &Rendered, args: &InCluster) -> Vec<Diagnostic> {
    let mut found = Vec::new();
    let shipped = |path: &PathBuf| {
        let mut files = rendered.files.iter();
        path.is_absolute() || files.any(|(name, _)| path.ends_with(name))
    };
    for path in examined.paths.iter().filter(|path| !shipped(path)) {
        let path = path.strip_prefix(&args.run_dir).unwrap_or(path).display();
        let message = format!("the experiment reads the file {path}, which no pod has");
        found.push(Diagnostic::error(message).hint("give a URL instead: payloadURL, protoURL, dataURL"));
    }
    if written(&rendered.experiment).replace("$${", "").contains("${") {
        let message =
            "`${NAME}` is read where the experiment runs: in a pod, which has no variables of this machine";
        found.push(Diagnostic::warning(message).hint("put the value in by --set, or --set-file"));
    }
    found
}

/// The experiment and what it refers to, as they are in the Secret.
fn files(chart: &dyn Chart, rendered: &Rendered) -> Vec<(String, String)> {
    let experiment = format!(
        "{}{}",
        stored_heading(chart.name()),
        written(&rendered.experiment)
    );
    let own = std::iter::once((DEFAULT_FILE.to_owned(), experiment));
    let others = rendered
        .files
        .iter()
        .map(|(name, text)| ((*name).to_owned(), text.clone()));
    own.chain(others).collect()
}

/// An experiment that no Secret holds.
fn too_large(files: &[(String, String)]) -> Option<Diagnostic> {
    let bytes: usize = files.iter().map(|(_, text)| text.len()).sum();
    (bytes > LARGEST).then(|| {
        let message = format!(
            "the experiment has {bytes} bytes, and a Secret holds {LARGEST}: it does not fit into the cluster"
        );
        Diagnostic::error(message)
            .hint("give what is large as a URL, which the pod fetches: payloadURL, protoURL, dataURL")
    })
}

fn launch(group: Group, files: Vec<(String, String)>, runner: Runner, examined: Examined) -> Launch {
    Launch {
        group,
        revision: 1,
        files,
        runner: match runner.work {
            Work::Nothing => manifests::Runner::Nothing,
            Work::Job => manifests::Runner::Job,
            Work::Shards(count) => manifests::Runner::Shards(count),
            Work::CronJob(schedule) => manifests::Runner::CronJob { schedule },
        },
        image: runner.image.unwrap_or_else(|| IMAGE.to_owned()),
        log_level: runner.log_level.unwrap_or_else(|| "info".to_owned()),
        resources: runner.resources,
        account: runner.account,
        deadline: runner
            .deadline
            .unwrap_or_else(|| (examined.length + SPARE).as_secs()),
        result_claim: runner.result_claim,
        result_url: runner.result_url.map(|url| url.secret().clone()),
        reads: examined.reads,
        changes: examined.changes,
    }
}
