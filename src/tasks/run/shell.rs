//! Runs a script in a shell, shows its output line by line, and ends it with everything it started.

use std::collections::VecDeque;
use std::process::{ExitStatus, Stdio};
use std::time::Duration;

use tokio::io::{AsyncBufReadExt as _, AsyncRead, BufReader};
use tokio::process::{Child, Command};
use tokio::sync::mpsc;

use crate::tasks::{Event, RunContext};

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

/// Lines kept for the report.
const KEPT: usize = 5;
/// Characters kept of a line.
const WIDTH: usize = 300;
/// Lines between script and log that may wait: a fast script is slowed down, not buffered.
const WAITING: usize = 256;

/// Runs a script; returns the last lines of its output.
pub(super) async fn run(
    script: &str,
    timeout: Duration,
    context: &RunContext,
) -> Result<Vec<String>, ShellError> {
    let mut child = start(script, context)?;
    let (lines, mut received) = mpsc::channel(WAITING);
    let readers = [
        child
            .stdout
            .take()
            .map(|pipe| tokio::spawn(forward(pipe, lines.clone()))),
        child.stderr.take().map(|pipe| tokio::spawn(forward(pipe, lines))),
    ];
    let mut tail = VecDeque::new();
    let finished = async {
        let status = loop {
            tokio::select! {
                Some(line) = received.recv() => keep(&line, &mut tail, context),
                status = child.wait() => break status.map_err(ShellError::Wait)?,
            }
        };
        // What is in the pipes already; a child left in the background may hold them open for ever.
        while let Ok(Some(line)) = tokio::time::timeout(Duration::from_millis(200), received.recv()).await {
            keep(&line, &mut tail, context);
        }
        Ok(status)
    };
    let status = tokio::select! {
        status = finished => status,
        () = tokio::time::sleep(timeout) => Err(ShellError::TimedOut(timeout)),
        () = context.shutdown.cancelled() => Err(ShellError::Interrupted),
    };
    readers.into_iter().flatten().for_each(|reader| reader.abort());
    if status.is_err() {
        end(&mut child).await;
    }
    let tail: Vec<String> = tail.into_iter().collect();
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

async fn forward(pipe: impl AsyncRead + Unpin, lines: mpsc::Sender<String>) {
    let mut reader = BufReader::new(pipe);
    let mut line = Vec::new();
    while matches!(reader.read_until(b'\n', &mut line).await, Ok(1..)) {
        let text = String::from_utf8_lossy(&line)
            .trim_end_matches(['\n', '\r'])
            .to_owned();
        line.clear();
        if lines.send(text).await.is_err() {
            break;
        }
    }
}

fn keep(line: &str, tail: &mut VecDeque<String>, context: &RunContext) {
    let line = context.mask.apply(line);
    if tail.len() == KEPT {
        tail.pop_front();
    }
    tail.push_back(line.chars().take(WIDTH).collect());
    context.emit(Event::Foreign(line));
}

/// Asks the whole group to end, and makes it.
async fn end(child: &mut Child) {
    use rustix::process::{Pid, Signal, kill_process_group};
    let group = child
        .id()
        .and_then(|id| i32::try_from(id).ok())
        .and_then(Pid::from_raw);
    if let Some(group) = group {
        let _ = kill_process_group(group, Signal::TERM);
        if tokio::time::timeout(Duration::from_secs(1), child.wait())
            .await
            .is_ok()
        {
            return;
        }
        let _ = kill_process_group(group, Signal::KILL);
    }
    let _ = child.wait().await;
}
