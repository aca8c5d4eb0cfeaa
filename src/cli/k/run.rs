//! `iter8 k run`: what the pod does. The run is that of `iter8 run`; its experiment comes from the Secret of a group, and its
//! result goes to the ConfigMap.
//!
//! An API server that is away is waited for, with the result kept here.

use std::future::Future;
use std::path::Path;
use std::time::Duration;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use serde_json::Value;
use tokio::time::{Instant, sleep};

use super::ANSWER;
use super::args::RunIn;
use super::diary::Diary;
use super::shards::Crew;
use super::store::{self, Packed, StoreError};
use super::whole::{Part, Whole};
use crate::charts::ResultUrl;
use crate::cli::args::{LogLevel, Output};
use crate::cli::console::Console;
use crate::cli::exit::Exit;
use crate::cli::launch::as_experiment;
use crate::cli::run::{DEFAULT_FILE, Opened, Order};
use crate::cli::shard::Said;
use crate::cli::shown::print_text;
use crate::cli::signals::Signals;
use crate::cluster::manifests::{Group, JOB, RESULT_URL, path_of, revision};
use crate::cluster::{Cluster, ClusterError, ObjectName};
use crate::diagnostic::Diagnostic;
use crate::platform::{Env, Platform};
use crate::results::{self, ExperimentResult};
use crate::spec::compat::Modern;
use crate::spec::{Node, SourceFile};
use crate::tasks::quoted;

/// Longest wait for an API server that is away.
pub(super) const OUTAGE: Duration = Duration::from_mins(5);
/// Rights that were given this moment are known everywhere after some seconds.
const SPREADING: Duration = Duration::from_secs(30);
/// What is left of the time that a pod is given to end, once its load has ended.
pub(super) const LEAVING: Duration = Duration::from_secs(20);
/// Pauses between attempts: the first, and the longest.
const PAUSE: (Duration, Duration) = (Duration::from_millis(500), Duration::from_secs(15));

/// Runs the experiment of a group.
pub(super) async fn run(
    args: RunIn,
    console: &Console,
    env: &Env,
    platform: &'static dyn Platform,
    mut signals: Signals,
) -> Result<Exit, Exit> {
    let (cluster, group) = args.group.open(env, console).await?;
    let keeper = Keeper {
        cluster,
        group,
        job: env.get(JOB).map(str::to_owned),
        console,
    };
    let folder = workplace(console)?;
    let output = Output {
        run_dir: folder.path().to_owned(),
        output_dir: here(&args.output_dir),
        // A volume keeps what machines read, too.
        reports: args.result_volume.iter().map(|_| "junit".to_owned()).collect(),
    };
    let prepared = tokio::select! {
        prepared = keeper.prepare(&args, &output) => prepared,
        (_, exit) = signals.next() => return Err(exit),
    };
    let Prepared {
        revision,
        opened,
        reuse,
        url,
    } = prepared.map_err(|error| keeper.complain(&error))?;
    let whole = Whole::of(args.result_volume.clone(), url, env);
    let part = Part {
        group: &keeper.group,
        revision,
        shard: args.shard.map(|number| number.index),
        output: &output,
    };
    let crew = args.shard.map(|number| Crew {
        keeper: &keeper,
        whole: &whole,
        number,
        revision,
    });
    let agreed = match &crew {
        None => None,
        Some(crew) => Some(tokio::select! {
            agreed = crew.agree() => agreed?,
            (_, exit) = signals.next() => return Err(exit),
        }),
    };
    let shard = args.shard.map(|number| number.to_string());
    let start = agreed.as_ref().map(|agreed| agreed.start.to_string());
    // What goes on with a result does not spoil it until it has another.
    let diary = (!args.reuse_result).then(|| Diary::begin(&keeper, part.place(), revision));
    let see = |result: &ExperimentResult| diary.iter().for_each(|diary| diary.see(result));
    let order = Order {
        output: &output,
        history: None,
        reuse,
        revision: Some(u64::from(revision)),
        reproduce: command(&keeper.group),
        cluster: args.group.cluster.access(env, &console.mask),
        part: Said::flags(shard.as_deref(), start.as_deref()),
        details: keeper.details(),
        brief: args.shard.is_some(),
        after_task: Some(&see),
    };
    let exit = Box::pin(order.run(opened, console, env, platform, signals)).await?;
    if let Some(diary) = diary {
        diary.end().await;
    }
    match results::read(&output.result()) {
        Ok(result) => {
            if let Some((crew, agreed)) = crew.as_ref().zip(agreed.as_ref()) {
                let leaving = crew.leave(result, (agreed, exit), (&output, env, platform));
                return Box::pin(leaving).await;
            }
            whole.deliver(&keeper, part, (&result, exit)).await
        }
        // Why it could not be written was said.
        Err(_) => Err(if exit == Exit::Pass { Exit::Output } else { exit }),
    }
}

/// Where the experiment and its files are put.
fn workplace(console: &Console) -> Result<tempfile::TempDir, Exit> {
    tempfile::tempdir().map_err(|cause| {
        let text = format!("error: no folder for the experiment: {cause}");
        console.say(LogLevel::Error, &text);
        Exit::Error
    })
}

/// Writes a file, and the folders that it is in.
fn put(path: &Path, bytes: &[u8]) -> std::io::Result<()> {
    if let Some(folder) = path.parent() {
        std::fs::create_dir_all(folder)?;
    }
    std::fs::write(path, bytes)
}

/// A path that means the same in whatever folder it is looked at.
fn here(path: &Path) -> std::path::PathBuf {
    std::path::absolute(path).unwrap_or_else(|_| path.to_owned())
}

/// What to type to run the same again.
fn command(group: &Group) -> String {
    let Group { name, namespace } = group;
    format!("iter8 k run -n {} -g {}", quoted(namespace), quoted(name))
}

/// An experiment that can be run.
struct Prepared {
    revision: u32,
    opened: Result<Opened, Vec<Diagnostic>>,
    /// Whether there is a result to go on with.
    reuse: bool,
    /// Where the whole result is sent.
    url: Option<ResultUrl>,
}

/// Where the experiment is from, and where its result is kept.
pub(super) struct Keeper<'a> {
    pub(super) cluster: Cluster,
    pub(super) group: Group,
    /// The identity of the Job that this is a pod of, if it is one.
    pub(super) job: Option<String>,
    pub(super) console: &'a Console,
}

impl Keeper<'_> {
    /// Fetches the experiment, the files that it refers to, and the result to go on with.
    async fn prepare(&self, args: &RunIn, output: &Output) -> Result<Prepared, StoreError> {
        let deadline = Instant::now() + OUTAGE;
        let secret = self.insist(deadline, async || self.secret().await).await?;
        let theirs = revision(&secret).unwrap_or_default();
        if let Some(ours) = args.revision.filter(|ours| *ours != theirs) {
            return Err(StoreError::Other { ours, theirs });
        }
        let stored = self
            .insist(deadline, async || {
                store::read(&self.cluster, &self.group, ANSWER).await
            })
            .await;
        let earlier = match stored {
            Ok(stored) => stored.result,
            // The next one takes its place.
            Err(error @ StoreError::Unreadable { .. }) => {
                self.warn(&error.to_string());
                None
            }
            Err(error) => return Err(error),
        };
        let earlier = earlier.filter(|_| args.reuse_result);
        if let Some(earlier) = &earlier {
            results::write(&output.result(), earlier).map_err(|error| self.unusable(&error))?;
        }
        let mut url = None;
        for (name, bytes) in self.files(&secret)? {
            if name == RESULT_URL {
                url = Some(self.address(&bytes)?);
                continue;
            }
            if let Some(path) = path_of(&name) {
                put(&output.run_dir.join(path), &bytes).map_err(|error| self.unusable(&error))?;
            }
        }
        Ok(Prepared {
            revision: theirs,
            opened: self.open(&output.run_dir),
            reuse: earlier.is_some(),
            url,
        })
    }

    /// Where the whole result is sent.
    fn address(&self, bytes: &[u8]) -> Result<ResultUrl, StoreError> {
        let text = String::from_utf8_lossy(bytes);
        let url = ResultUrl::parse(&text).map_err(|why| StoreError::Unreadable {
            object: self.group.experiment().to_string(),
            reason: format!("{RESULT_URL}: {why}"),
        })?;
        url.hide(&self.console.mask);
        Ok(url)
    }

    /// How a report can be had, where the files of this run end with its pod.
    fn details(&self) -> Option<String> {
        let Group { name, namespace } = &self.group;
        let (namespace, name) = (quoted(namespace), quoted(name));
        let text = format!("details by iter8 k report -o html -n {namespace} -g {name}");
        self.job.is_some().then_some(text)
    }

    async fn secret(&self) -> Result<Value, StoreError> {
        let name = self.group.experiment();
        match self.cluster.read(&name, ANSWER).await {
            Err(ClusterError::Absent { object, .. }) => {
                let group = self.group.clone();
                Err(StoreError::NoGroup { group, object })
            }
            Ok(secret) if !self.group.owns(&secret) || revision(&secret).is_none() => {
                Err(StoreError::Foreign {
                    object: name.to_string(),
                    namespace: self.group.namespace.clone(),
                })
            }
            answer => Ok(answer?),
        }
    }

    /// What the Secret holds.
    fn files(&self, secret: &Value) -> Result<Vec<(String, Vec<u8>)>, StoreError> {
        let fields = secret["data"].as_object().into_iter().flatten();
        let read = fields.map(|(name, value)| {
            let bytes = STANDARD.decode(value.as_str().unwrap_or_default());
            let bytes = bytes.map_err(|error| self.unusable(&error))?;
            Ok((name.clone(), bytes))
        });
        read.filter(|file| file.as_ref().map_or(true, |(name, _)| ObjectName::is_name(name)))
            .collect()
    }

    fn open(&self, folder: &Path) -> Result<Opened, Vec<Diagnostic>> {
        let name = self.group.experiment();
        let bytes = std::fs::read(folder.join(DEFAULT_FILE)).map_err(|cause| {
            let message = format!("{name} has no key {DEFAULT_FILE} that can be read: {cause}");
            vec![Diagnostic::error(message).hint("launch the experiment again")]
        })?;
        let source = SourceFile::new(name.to_string(), String::from_utf8_lossy(&bytes));
        let root = Node::parse(&source).map_err(|wrong| vec![wrong])?;
        let Modern { root, era, found } = as_experiment(root, &source, folder);
        Ok(Opened {
            source,
            root,
            era,
            found,
        })
    }

    fn unusable(&self, error: &dyn std::error::Error) -> StoreError {
        StoreError::Unreadable {
            object: self.group.experiment().to_string(),
            reason: error.to_string(),
        }
    }

    /// Keeps a result in the cluster, which says where the whole one is, and says how the process ends: well, if a verdict is there for others to read.
    pub(super) async fn keep(
        &self,
        (place, revision): (&ObjectName, u32),
        (result, whole): (&ExperimentResult, Option<&str>),
        exit: Exit,
    ) -> Result<Exit, Exit> {
        let deadline = Instant::now() + patience(result);
        let storing = async {
            let packed = Packed::of(result, whole)?;
            let by = (place, revision, self.job.as_deref());
            self.insist(deadline, async || {
                store::write(&self.cluster, &self.group, by, &packed, ANSWER).await
            })
            .await
        };
        let stored = match Signals::listen() {
            Ok(signals) => until(storing, signals).await,
            Err(_) => storing.await.map_err(Some),
        };
        match stored {
            Ok(()) => {
                let text = format!("{}: the result is in {place}", result.outcome.name());
                self.console.say(LogLevel::Info, &text);
                // A verdict that is there for others to read is what the Job was for.
                Ok(if exit == Exit::Fail { Exit::Pass } else { exit })
            }
            Err(Some(error @ (StoreError::Other { .. } | StoreError::NoGroup { .. }))) => {
                self.console.diagnostics(&[error.diagnostic()]);
                self.console.say(
                    LogLevel::Error,
                    "the result of this run is not kept: nobody waits for it",
                );
                Err(Exit::Error)
            }
            Err(error) => {
                if let Some(error) = error {
                    self.console.diagnostics(&[error.diagnostic()]);
                }
                self.print(result)?;
                Err(exit.if_written(false))
            }
        }
    }

    /// The last resort: the result in the log.
    fn print(&self, result: &ExperimentResult) -> Result<(), Exit> {
        let text = "the result could not be kept in the cluster; it follows as one line of JSON";
        self.console.say(LogLevel::Error, text);
        let json = serde_json::to_string(result).unwrap_or_default();
        print_text(&format!("{json}\n"), self.console)
    }

    /// Tries until it succeeds, or there is no use in it, or it is late.
    pub(super) async fn insist<T>(
        &self,
        deadline: Instant,
        mut attempt: impl AsyncFnMut() -> Result<T, StoreError>,
    ) -> Result<T, StoreError> {
        let spread = Instant::now() + SPREADING;
        let mut pause = PAUSE.0;
        loop {
            let error = match attempt().await {
                Ok(value) => return Ok(value),
                Err(error) => error,
            };
            let forbidden = matches!(&error, StoreError::Cluster(ClusterError::Forbidden(_)));
            let end = if forbidden { spread.min(deadline) } else { deadline };
            if !(error.may_pass() || forbidden) || Instant::now() + pause >= end {
                return Err(error);
            }
            self.warn(&format!("{error}; trying again in {} s", pause.as_secs_f64()));
            sleep(pause).await;
            pause = (pause * 2).min(PAUSE.1);
        }
    }

    pub(super) fn warn(&self, text: &str) {
        self.console.say(LogLevel::Warning, &format!("warning: {text}"));
    }

    /// Says why the experiment is not run.
    pub(super) fn complain(&self, error: &StoreError) -> Exit {
        self.console.diagnostics(&[error.diagnostic()]);
        self.console.say(LogLevel::Error, "nothing was sent");
        let usage = match error {
            StoreError::Cluster(error) => error.is_of_settings(),
            StoreError::NoGroup { .. } => true,
            StoreError::Foreign { .. }
            | StoreError::Unreadable { .. }
            | StoreError::Other { .. }
            | StoreError::TooLarge { .. } => false,
        };
        if usage { Exit::Usage } else { Exit::Error }
    }
}

/// How long an attempt to keep a result is made again.
pub(super) fn patience(result: &ExperimentResult) -> Duration {
    if result.interrupted.is_some() {
        LEAVING
    } else {
        OUTAGE
    }
}

/// Waits for an end, after a signal for a short time only, and after another no more; then there is no error to tell.
async fn until<T>(
    work: impl Future<Output = Result<T, StoreError>>,
    mut signals: Signals,
) -> Result<T, Option<StoreError>> {
    let mut work = std::pin::pin!(work);
    tokio::select! {
        done = &mut work => return done.map_err(Some),
        _ = signals.next() => {}
    }
    tokio::select! {
        done = &mut work => done.map_err(Some),
        () = sleep(LEAVING) => Err(None),
        _ = signals.next() => Err(None),
    }
}
