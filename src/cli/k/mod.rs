//! `iter8 k`: experiments in a Kubernetes cluster.

mod args;
mod assert;
mod delete;
mod diary;
mod gather;
mod keeper;
mod launch;
mod log;
mod obstacles;
mod prepare;
mod pulse;
mod report;
mod run;
mod scene;
mod shards;
mod store;
mod volume;
mod whole;

use std::time::Duration;

pub(super) use args::K;

use super::args::LogLevel;
use super::console::Console;
use super::exit::Exit;
use super::signals::Signals;
use crate::cluster::ClusterError;
use crate::diagnostic::Diagnostic;
use crate::platform::{Env, Platform};

/// Longest wait for one answer of an API server.
const ANSWER: Duration = Duration::from_secs(20);

/// Does one of them.
pub(super) async fn k(
    what: K,
    console: &Console,
    env: &Env,
    platform: &'static dyn Platform,
    mut signals: Signals,
) -> Result<Exit, Exit> {
    match what {
        K::Run(args) => Box::pin(run::run(*args, console, env, platform, signals)).await,
        K::Launch(args) => tokio::select! {
            exit = Box::pin(launch::launch(*args, console, env)) => exit,
            signal = signals.next() => Err(stopped(signal, "something may be launched: launch again, or iter8 k delete", console)),
        },
        K::Assert(args) => tokio::select! {
            exit = assert::assert(*args, console, env) => exit,
            (_, exit) = signals.next() => Err(exit),
        },
        K::Report(args) => tokio::select! {
            exit = report::report(*args, console, env) => exit,
            (_, exit) = signals.next() => Err(exit),
        },
        K::Log(args) => tokio::select! {
            exit = log::log(*args, console, env) => exit,
            (_, exit) = signals.next() => Err(exit),
        },
        K::Delete(args) => tokio::select! {
            exit = delete::delete(*args, console, env) => exit,
            signal = signals.next() => Err(stopped(signal, "something may be left: iter8 k delete again", console)),
        },
    }
}

/// Says what a signal may have left behind.
fn stopped((name, exit): (&str, Exit), left: &str, console: &Console) -> Exit {
    console.say(LogLevel::Warning, &format!("{name}: {left}"));
    exit
}

/// What a cluster says, as it is told.
fn told(error: &ClusterError) -> Diagnostic {
    let diagnostic = Diagnostic::error(error.to_string());
    match error.hint() {
        Some(hint) => diagnostic.hint(hint),
        None => diagnostic,
    }
}

/// Tells why there is no result to read, and how the process ends because of it.
fn unstored(error: &store::StoreError, console: &Console) -> Exit {
    console.diagnostics(&[error.diagnostic()]);
    let answered = matches!(error, store::StoreError::Cluster(error) if !error.is_of_settings());
    if answered { Exit::Error } else { Exit::Usage }
}

/// Tells what a cluster says, and how the process ends because of it.
fn failed(error: &ClusterError, console: &Console) -> Exit {
    console.diagnostics(&[told(error)]);
    if error.is_of_settings() {
        Exit::Usage
    } else {
        Exit::Error
    }
}
