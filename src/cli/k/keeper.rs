//! [`Keeper`]: what a run in a cluster asks of the API server and leaves there. One that is away is waited for, with the result
//! kept here.

use std::future::Future;
use std::time::Duration;

use tokio::time::{Instant, sleep};

use super::ANSWER;
use super::store::{self, Packed, StoreError};
use crate::cli::args::LogLevel;
use crate::cli::console::Console;
use crate::cli::exit::Exit;
use crate::cli::shown::print_text;
use crate::cli::signals::Signals;
use crate::cluster::manifests::Group;
use crate::cluster::{Cluster, ClusterError, Line, ObjectName};
use crate::results::ExperimentResult;
use crate::tasks::quoted;

/// Longest wait for an API server that is away.
pub(super) const OUTAGE: Duration = Duration::from_mins(5);
/// Rights that were given this moment are known everywhere after some seconds.
const SPREADING: Duration = Duration::from_secs(30);
/// What is left of the time that a pod is given to end, once its load has ended.
pub(super) const LEAVING: Duration = Duration::from_secs(20);
/// Pauses between attempts: the first, and the longest.
const PAUSE: (Duration, Duration) = (Duration::from_millis(500), Duration::from_secs(15));

/// Where the experiment is from, and where its result is kept.
pub(super) struct Keeper<'a> {
    pub(super) line: Line,
    pub(super) group: Group,
    /// The identity of the Job that this is a pod of, if it is one.
    pub(super) job: Option<String>,
    /// Whether this is a pod of a Job, known or not.
    pub(super) is_pod: bool,
    pub(super) console: &'a Console,
}

impl Keeper<'_> {
    /// How a report can be had, where the files of this run end with its pod.
    pub(super) fn details(&self) -> Option<String> {
        let Group { name, namespace } = &self.group;
        let (namespace, name) = (quoted(namespace), quoted(name));
        let text = format!("details by iter8 k report -o html -n {namespace} -g {name}");
        self.job.is_some().then_some(text)
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
            self.insist(deadline, async |cluster| {
                store::write(cluster, &self.group, by, &packed, ANSWER).await
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

    /// Tries until it succeeds, or there is no use in it, or it is late. Credentials that ended are had anew, once each time.
    pub(super) async fn insist<T>(
        &self,
        deadline: Instant,
        mut attempt: impl AsyncFnMut(&Cluster) -> Result<T, StoreError>,
    ) -> Result<T, StoreError> {
        let spread = Instant::now() + SPREADING;
        let mut pause = PAUSE.0;
        loop {
            let cluster = self.line.cluster().await;
            let mut answer = attempt(&cluster).await;
            let mut renewing = false;
            if answer.as_ref().is_err_and(StoreError::is_unknown) {
                match self.line.renewed(&cluster, deadline).await {
                    Ok(Some(renewed)) => answer = attempt(&renewed).await,
                    Ok(None) => {}
                    // The program gave some before.
                    Err(error) => {
                        renewing = true;
                        answer = Err(error.into());
                    }
                }
            }
            let error = match answer {
                Ok(value) => return Ok(value),
                Err(error) => error,
            };
            let forbidden = matches!(&error, StoreError::Cluster(ClusterError::Forbidden(_)));
            let end = if forbidden { spread.min(deadline) } else { deadline };
            if !(error.may_pass() || forbidden || renewing) || Instant::now() + pause >= end {
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
            StoreError::NoGroup { .. } | StoreError::OfJob { .. } => true,
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
