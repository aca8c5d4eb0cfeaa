//! Runs a script in a shell. A script that is stopped ends with everything it started; one that ends by itself leaves
//! what it put into the background running, owned by [`RunContext::groups`].

use std::process::{ExitStatus, Stdio};
use std::sync::Arc;
use std::time::Duration;

use tokio::process::{Child, Command};
use tokio::task::JoinHandle;
use tokio::time::{Instant, timeout, timeout_at};

use super::group::{GRACE, Group};
use super::output::Output;
use crate::tasks::RunContext;

/// Why a script counts as failed.
#[derive(Debug, thiserror::Error)]
pub(super) enum ShellError {
    /// No shell.
    #[error("cannot start a shell for the script (neither bash nor sh)")]
    Start(#[source] std::io::Error),
    /// Its status could not be learnt.
    #[error("cannot wait for the script")]
    Wait(#[source] std::io::Error),
    /// It ended with another status than 0.
    #[error("the script ended with {status}{tail}")]
    Failed {
        /// Status or signal.
        status: ExitStatus,
        /// The end of its output.
        tail: String,
    },
    /// It took too long.
    #[error("the script did not end within {0:?} and was stopped")]
    TimedOut(Duration),
    /// The run was stopped.
    #[error("the script was stopped")]
    Interrupted,
}

/// How long the output of a script that has ended is waited for; what it left in the background may write for ever.
const DRAIN: Duration = Duration::from_millis(500);

/// Runs a script; returns the last lines of its output.
pub(super) async fn run(
    script: &str,
    timeout: Duration,
    context: &RunContext,
) -> Result<Vec<String>, ShellError> {
    let mut child = start(script, context)?;
    // Known only until the shell is waited for.
    let group = child.id().and_then(Group::led_by);
    group.into_iter().for_each(|group| context.groups.add(group));
    let output = Arc::new(Output::new(context));
    let readers = read(&mut child, &output);
    let status = tokio::select! {
        status = child.wait() => status.map_err(ShellError::Wait),
        () = tokio::time::sleep(timeout) => Err(ShellError::TimedOut(timeout)),
        () = context.shutdown.cancelled() => Err(ShellError::Interrupted),
    };
    if status.is_err() {
        stop(&mut child, group).await;
    }
    drain(readers).await;
    for group in group.into_iter().filter(|group| !group.is_alive()) {
        context.groups.remove(group);
    }
    let tail = output.tail();
    match status? {
        status if status.success() => Ok(tail),
        status => {
            let tail = if tail.is_empty() {
                String::new()
            } else {
                format!("; its output ends with: {}", tail.join(" ⏎ "))
            };
            Err(ShellError::Failed { status, tail })
        }
    }
}

fn start(script: &str, context: &RunContext) -> Result<Child, ShellError> {
    let spawn = |shell: &str| {
        Command::new(shell)
            .arg("-c")
            .arg(script)
            .current_dir(&context.folder)
            .env("TEMP_DIR", std::env::temp_dir())
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            // A group of its own, so that what the script starts can be ended with it.
            .process_group(0)
            .kill_on_drop(true)
            .spawn()
    };
    spawn("bash").or_else(|_| spawn("sh")).map_err(ShellError::Start)
}

/// Reads both pipes, on and on when the script has ended: whoever writes into a pipe that nobody reads stands still.
fn read(child: &mut Child, output: &Arc<Output>) -> Vec<JoinHandle<()>> {
    let out = child.stdout.take().map(|pipe| Arc::clone(output).show(pipe));
    let err = child.stderr.take().map(|pipe| Arc::clone(output).show(pipe));
    let out = out.map(tokio::spawn);
    out.into_iter().chain(err.map(tokio::spawn)).collect()
}

/// Waits for what is in the pipes already.
async fn drain(readers: Vec<JoinHandle<()>>) {
    let all = futures_util::future::join_all(readers);
    let _ = timeout(DRAIN, all).await;
}

/// Asks the whole group to end, and makes it.
async fn stop(child: &mut Child, group: Option<Group>) {
    let deadline = Instant::now() + GRACE;
    if let Some(group) = group {
        group.ask();
        let _ = timeout_at(deadline, child.wait()).await;
        group.gone_by(deadline).await;
    } else {
        let _ = child.start_kill();
    }
    let _ = child.wait().await;
}
