//! [`Signals`]: once is "stop and report", twice is "quit".

use std::future::Future;
use std::pin::pin;

use tokio::signal::unix::{Signal, SignalKind, signal};
use tokio_util::sync::CancellationToken;

use super::args::LogLevel;
use super::console::Console;
use super::exit::Exit;

/// How a run came to its end.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Stop {
    /// By itself.
    Finished,
    /// After this signal; what was measured is there.
    Signal(&'static str),
    /// A second signal: nothing more is done.
    Quit(Exit),
}

/// SIGINT and SIGTERM. As process 1 of a container they would do nothing by themselves.
pub(super) struct Signals {
    interrupt: Signal,
    terminate: Signal,
}

impl Signals {
    /// From now on the signals are ours.
    pub(super) fn listen() -> std::io::Result<Self> {
        Ok(Self {
            interrupt: signal(SignalKind::interrupt())?,
            terminate: signal(SignalKind::terminate())?,
        })
    }

    /// The next signal: its name, and how the process ends because of it.
    pub(super) async fn next(&mut self) -> (&'static str, Exit) {
        tokio::select! {
            _ = self.interrupt.recv() => ("SIGINT", Exit::Interrupted),
            _ = self.terminate.recv() => ("SIGTERM", Exit::Terminated),
        }
    }

    /// Runs `work`, which ends soon after `shutdown` is cancelled.
    pub(super) async fn until(
        mut self,
        work: impl Future<Output = ()>,
        shutdown: &CancellationToken,
        console: &Console,
    ) -> Stop {
        let mut work = pin!(work);
        let name = tokio::select! {
            () = &mut work => return Stop::Finished,
            (name, _) = self.next() => name,
        };
        console.say(
            LogLevel::Warning,
            &format!("{name}: stopping; what was measured will be reported (again to quit)"),
        );
        shutdown.cancel();
        tokio::select! {
            () = &mut work => Stop::Signal(name),
            (_, exit) = self.next() => Stop::Quit(exit),
        }
    }
}
