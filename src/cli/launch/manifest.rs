//! `iter8 k launch --dry`: a chart and values, or an experiment file, as the objects that an experiment is in a cluster.

use std::path::{Path, PathBuf};
use std::time::Duration;

use clap::ValueEnum as _;
use jiff::Timestamp;

use super::args::InCluster;
use super::dry::{Dry, Errors, Examined, store};
use super::file::{self, Looked};
use super::variables::Variables;
use super::{origin, render, values};
use crate::charts::{
    Chart, MetricNames, Pod, Rendered, Runner, Work, file_manifest_heading, manifest_heading, of_json,
    stored_heading, take_runner, written,
};
use crate::cli::args::LogLevel;
use crate::cli::check::look_up;
use crate::cli::console::Console;
use crate::cli::exit::Exit;
use crate::cli::run::{DEFAULT_FILE, Opened, unreadable};
use crate::cli::shown::print_text;
use crate::cluster::manifests::{self, Group, Launch, PodExtras, manifests};
use crate::cluster::{Access, ClusterError, ObjectName};
use crate::diagnostic::{Diagnostic, Place};
use crate::platform::Env;
use crate::spec::{Decoder, Node, SourceFile};

/// The image that runs experiments: the one that the action uses.
const IMAGE: &str = concat!("ghcr.io/iter8-tools/iter8-action:", env!("CARGO_PKG_VERSION"));
/// What objects are written to.
const FILE: &str = "manifest.yaml";
/// A run may take this much longer than its loads: for what it waits for and asks.
const SPARE: Duration = Duration::from_hours(1);
/// Longest time that a run is given where values do not say it.
const LONGEST: Duration = Duration::from_hours(24 * 365);
/// Where nothing says another.
const NAMESPACE: &str = "default";

/// Bytes of the experiment and its files together, which one Secret holds.
const LARGEST: usize = 1 << 20;

/// What is to be launched, and how it was found out.
pub(in crate::cli) struct Planned {
    /// It.
    pub(in crate::cli) launch: Launch,
    /// Whether the experiment judges objectives.
    pub(in crate::cli) judges: bool,
    /// The first line of a file with its objects.
    heading: String,
}

/// Writes the objects into a file, and prints the same.
pub(in crate::cli) async fn in_cluster(
    args: &InCluster,
    console: &Console,
    env: &Env,
) -> Result<Planned, Exit> {
    let mut planned = planned(args, console, env).await?;
    planned.launch.revision = now();
    let mut text = planned.heading.clone();
    for object in manifests(&planned.launch) {
        text.push_str("---\n");
        text.push_str(&written(&of_json(&object)));
    }
    store(&args.run_dir, &[(FILE, text.clone())], console)?;
    print_text(&text, console)?;
    Ok(planned)
}

/// The revision of what is launched by others, of whom nobody can ask which ones there were: the time, in seconds. Written again
/// it is another launch, with a Job of its own, whatever became of the former.
fn now() -> u32 {
    u32::try_from(Timestamp::now().as_second()).unwrap_or(u32::MAX)
}

/// What is to be launched, as far as files and values say; mistakes are shown.
pub(in crate::cli) async fn planned(args: &InCluster, console: &Console, env: &Env) -> Result<Planned, Exit> {
    let access = args.cluster.access(env, &console.mask);
    let refused = |found: Vec<Diagnostic>| unreadable(&found, console);
    let (subject, mut found) = Subject::of(args).map_err(refused)?;
    let values = values::gather(&args.chart, env).await.map_err(refused)?;
    let namespace = namespace(&access, args.dry);
    let namespace = namespace.map_err(|wrong| refused(vec![wrong]))?;
    let source = SourceFile::new("the values", "");
    let lookup = |name: &str| look_up(name, &[], env);
    let mut decoder = Decoder::new(&source, &args.run_dir, &lookup, console.mask.clone());
    let (runner, rest) = take_runner(subject.runner(), values, &mut decoder);
    found.extend(decoder.into_diagnostics());
    found.extend(wrong_names(&args.group, &namespace));
    found.extend(runner.as_ref().and_then(wrong_level));
    let dry = Dry {
        folder: &args.run_dir,
        env,
        console,
        undone: if args.dry { "written" } else { "launched" },
    };
    let variables = Variables::of(runner.as_ref().map(|runner| &runner.pod));
    let Looked { mut examined, files } = subject.look(&rest, &variables, &dry);
    if let Some(runner) = &runner {
        found.extend(unfit(&mut examined, runner));
    }
    found.extend(too_large(&files));
    let examined = dry.settle(examined, found)?;
    // Without one something was wrong, and has been said.
    let runner = runner.ok_or(Exit::Usage)?;
    let group = Group {
        name: args.group.clone(),
        namespace,
    };
    Ok(Planned {
        judges: examined.judges,
        launch: launch(group, files, runner, examined),
        heading: subject.heading(),
    })
}

/// What is launched.
enum Subject {
    /// What a chart makes of values.
    Chart(&'static dyn Chart),
    /// An experiment file.
    File(Box<Opened>),
}

impl Subject {
    /// What is meant, and what of the flags changes nothing.
    fn of(args: &InCluster) -> Result<(Self, Vec<Diagnostic>), Vec<Diagnostic>> {
        let Some(path) = &args.file else {
            let (chart, found) = origin::chart(&args.chart)?;
            return Ok((Self::Chart(chart), found));
        };
        let wrong = file::conflicts(args);
        if !wrong.is_empty() {
            return Err(wrong);
        }
        let opened = file::open(path, &args.run_dir)?;
        Ok((Self::File(Box::new(opened)), Vec::new()))
    }

    /// What runs it where nothing else is said.
    fn runner(&self) -> Option<&'static str> {
        match self {
            Self::Chart(chart) => chart.runner(),
            Self::File(_) => Some("job"),
        }
    }

    /// Looks at it. `rest` are the values that say nothing of how it runs.
    fn look(&self, rest: &Node, variables: &Variables, dry: &Dry<'_>) -> Looked {
        match self {
            Self::Chart(chart) => look(*chart, rest, variables, dry),
            Self::File(opened) => {
                let mut looked = file::look(opened, variables, dry);
                looked.examined.found.extend(file::strays(rest));
                looked
            }
        }
    }

    fn heading(&self) -> String {
        match self {
            Self::Chart(chart) => manifest_heading(chart.name()),
            Self::File(_) => file_manifest_heading(),
        }
    }
}

/// Looks at what a chart makes of values.
fn look(chart: &dyn Chart, values: &Node, variables: &Variables, dry: &Dry<'_>) -> Looked {
    let (rendered, found) = render(chart, values, MetricNames::Any, dry.folder);
    let source = SourceFile::new("the values", "");
    let seen = variables.seen(&rendered.experiment, &source);
    // What is wrong with the values makes an experiment of which more is wrong.
    let errors = if found.iter().any(Diagnostic::is_error) {
        Errors::Shape
    } else {
        Errors::Run
    };
    let mut examined = dry.examine(&rendered, &seen, errors);
    let foreign = foreign_files(&mut examined, &rendered, dry.folder);
    // What is wrong with the values explains what is wrong with the experiment.
    examined.found = found.into_iter().chain(examined.found).chain(foreign).collect();
    examined.found.extend(seen.warning());
    Looked {
        examined,
        files: files(chart, &rendered),
    }
}

/// What stands against running the experiment so.
fn unfit(examined: &mut Examined, runner: &Runner) -> Vec<Diagnostic> {
    let mut found = Vec::new();
    if let Work::Shards(shards) = runner.work {
        found.extend(examined.indivisible(shards));
        if examined.is_guessed() {
            let message = "whether the experiment can be divided depends on what only the pod knows: pods that cannot fail";
            found.push(Diagnostic::warning(message));
        }
    }
    if examined.is_nameless && runner.account.is_none() {
        let message = "the experiment reads or changes an object whose name has a variable that only the pod knows: \
                       nobody can be given the right to it";
        let hint = "name the object without `${…}`, or give an account that has the right: --set serviceAccountName=NAME";
        found.push(Diagnostic::error(message).hint(hint));
    }
    if matches!(runner.work, Work::CronJob(_)) && runner.ttl.is_some() {
        let message =
            "runs of a CronJob that are removed leave no verdict: `iter8 k assert` needs the last one";
        let hint = "leave `ttlSecondsAfterFinished` out, or see that it is longer than runs are apart";
        found.push(Diagnostic::warning(message).hint(hint));
    }
    if examined.is_guessed() && runner.deadline.is_none() {
        let message = "how long the experiment takes depends on what only the pod knows: its run is ended after an hour more than \
                       what is known of it takes";
        let hint = "say how long it may take, in seconds: --set activeDeadlineSeconds=86400";
        found.push(Diagnostic::warning(message).hint(hint));
    } else if examined.longest().is_none() && runner.deadline.is_none() {
        let message = "nobody knows how often the experiment loops: its run is ended after an hour more than one loop takes";
        let hint = "say how long it may take, in seconds: --set activeDeadlineSeconds=86400";
        found.push(Diagnostic::warning(message).hint(hint));
    }
    found
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

/// Files that the experiment would find here, and not in a pod. Whether they can be read here is all the same.
fn foreign_files(examined: &mut Examined, rendered: &Rendered, folder: &Path) -> Vec<Diagnostic> {
    let shipped = |path: &&PathBuf| {
        let mut files = rendered.files.iter();
        // A whole path may be one of the image.
        let is_whole = path.is_absolute() && !path.starts_with(folder);
        is_whole || files.any(|(name, _)| path.ends_with(name))
    };
    let foreign: Vec<&PathBuf> = examined.paths.iter().filter(|path| !shipped(path)).collect();
    let is_of = |found: &Diagnostic| {
        let mut paths = foreign.iter().map(|path| path.display().to_string());
        paths.any(|path| found.message.contains(&path))
    };
    examined.found.retain(|found| !is_of(found));
    let told = foreign.iter().map(|path| {
        let path = path.strip_prefix(folder).unwrap_or(path).display();
        let message = format!("the experiment reads the file {path}, which no pod has");
        let hint = "give a URL instead: payloadURL, protoURL, dataURL; or launch an experiment file, which takes it along";
        Diagnostic::error(message).hint(hint)
    });
    told.collect()
}

/// The experiment and what it refers to, as they are in the Secret.
fn files(chart: &dyn Chart, rendered: &Rendered) -> Vec<(String, Vec<u8>)> {
    let experiment = format!(
        "{}{}",
        stored_heading(chart.name()),
        written(&rendered.experiment)
    );
    let own = std::iter::once((DEFAULT_FILE.to_owned(), experiment.into_bytes()));
    let others = rendered
        .files
        .iter()
        .map(|(name, text)| ((*name).to_owned(), text.clone().into_bytes()));
    own.chain(others).collect()
}

/// An experiment that no Secret holds.
fn too_large(files: &[(String, Vec<u8>)]) -> Option<Diagnostic> {
    let bytes: usize = files.iter().map(|(_, content)| content.len()).sum();
    (bytes > LARGEST).then(|| {
        let message = format!(
            "the experiment has {bytes} bytes, and a Secret holds {LARGEST}: it does not fit into the cluster"
        );
        Diagnostic::error(message)
            .hint("give what is large as a URL, which the pod fetches: payloadURL, protoURL, dataURL")
    })
}

fn launch(group: Group, files: Vec<(String, Vec<u8>)>, runner: Runner, examined: Examined) -> Launch {
    let length = examined.longest().unwrap_or(examined.once());
    let deadline = length.saturating_add(SPARE).min(LONGEST).as_secs();
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
        deadline: runner.deadline.unwrap_or(deadline),
        ttl: runner.ttl,
        pod: extras(runner.pod),
        result_claim: runner.result_claim,
        result_url: runner.result_url.map(|url| url.secret().clone()),
        reads: examined.reads,
        changes: examined.changes,
    }
}

/// What values add to the pod.
fn extras(pod: Pod) -> PodExtras {
    let texts = |pairs: Vec<(String, String)>| {
        pairs
            .into_iter()
            .map(|(name, text)| (name, text.into()))
            .collect()
    };
    PodExtras {
        env: pod.env.into_iter().map(|variable| variable.object).collect(),
        env_from: pod.env_from,
        pull_secrets: pod.pull_secrets,
        node_selector: texts(pod.node_selector),
        tolerations: pod.tolerations,
        annotations: texts(pod.annotations),
        labels: texts(pod.labels),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::cluster::manifests::JOB;
    use crate::secret::Mask;

    #[test]
    fn values_cannot_replace_what_a_pod_is_known_by() {
        let group = Group {
            name: "shop".into(),
            namespace: "prod".into(),
        };
        let labels = group.labels();
        let labels = labels.as_object().into_iter().flatten();
        let labels = labels.map(|(name, _)| format!("podLabels: {{{name}: other}}"));
        for values in labels.chain([format!("env: [{{name: {JOB}, value: a}}]")]) {
            let source = SourceFile::new("v.yaml", &values);
            let root = Node::parse(&source).expect("YAML");
            let mut decoder = Decoder::new(&source, Path::new("."), &|_| None, Mask::default());
            take_runner(Some("job"), root, &mut decoder);
            assert!(decoder.has_errors(), "{values}");
        }
    }
}
