//! [`Watcher`]: events → stderr. A bar on a terminal, a line every few seconds elsewhere.

use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use indicatif::{ProgressBar, ProgressDrawTarget, ProgressStyle};

use super::args::LogLevel;
use super::console::Console;
use crate::results::TaskStatus;
use crate::tasks::{Event, Progress};

/// How often a load without a bar says how far it is.
const EVERY: Duration = Duration::from_secs(5);

/// Shows what happens.
pub(super) struct Watcher {
    console: Console,
    state: Mutex<State>,
}

struct State {
    bar: Option<ProgressBar>,
    told: Instant,
    title: String,
}

impl Watcher {
    /// A watcher that writes to this console.
    pub(super) fn new(console: Console) -> Arc<Self> {
        let state = State {
            bar: None,
            told: Instant::now(),
            title: String::new(),
        };
        Arc::new(Self {
            console,
            state: Mutex::new(state),
        })
    }

    /// Shows an event.
    pub(super) fn see(&self, event: Event) {
        let mut state = self.state.lock().unwrap_or_else(PoisonError::into_inner);
        match event {
            Event::Started {
                index,
                total,
                name,
                about,
            } => {
                state.title = format!("task {index}/{total}: {name}: {about}");
                state.told = Instant::now();
                self.console.open_group(&state.title);
            }
            Event::Progress(progress) => self.progress(&mut state, &progress),
            Event::Note(text) => {
                let is_warning = text.starts_with("warning: ");
                let level = if is_warning {
                    LogLevel::Warning
                } else {
                    LogLevel::Info
                };
                above(&state, || self.console.say(level, &format!("  {text}")));
            }
            Event::Foreign(text) => above(&state, || self.console.foreign(&text)),
            Event::Ended {
                index,
                name,
                status,
                took,
            } => {
                if let Some(bar) = state.bar.take() {
                    bar.finish_and_clear();
                }
                self.console.close_group(&state.title);
                let (level, text) = ending(&status);
                self.console.say(
                    level,
                    &format!("task {index}: {name}: {text} ({:.1} s)", took.as_secs_f64()),
                );
            }
        }
    }

    fn progress(&self, state: &mut State, progress: &Progress) {
        if !self.console.shows(LogLevel::Info) {
            return;
        }
        if self.console.is_terminal() {
            let bar = state.bar.get_or_insert_with(bar);
            #[expect(
                clippy::cast_possible_truncation,
                clippy::cast_sign_loss,
                reason = "a share of 1000, clamped"
            )]
            bar.set_position((progress.done.unwrap_or(0.0).clamp(0.0, 1.0) * 1000.0) as u64);
            bar.set_message(describe(progress));
        } else if state.told.elapsed() >= EVERY {
            state.told = Instant::now();
            self.console
                .say(LogLevel::Info, &format!("  {}", describe(progress)));
        }
    }
}

/// Writes without tearing the bar apart.
fn above(state: &State, write: impl FnOnce()) {
    match &state.bar {
        Some(bar) => bar.suspend(write),
        None => write(),
    }
}

fn bar() -> ProgressBar {
    let bar = ProgressBar::with_draw_target(Some(1000), ProgressDrawTarget::stderr());
    // The template is ours and has no variables that could be wrong.
    if let Ok(style) = ProgressStyle::with_template("  {bar:24.cyan} {percent:>3} %  {msg}") {
        bar.set_style(style);
    }
    bar
}

fn describe(progress: &Progress) -> String {
    let seconds = progress.elapsed.as_secs_f64();
    let rate = if seconds > 0.0 {
        progress.sent as f64 / seconds
    } else {
        0.0
    };
    let mut text = format!("{} requests, {rate:.0}/s", progress.sent);
    if let (Some(p50), Some(p95)) = (progress.p50, progress.p95) {
        text.push_str(&format!(", p50 {p50:.1} ms, p95 {p95:.1} ms"));
    }
    text.push_str(&format!(", {} errors", progress.errors));
    if let Some(done) = progress.done.filter(|done| *done > 0.01) {
        text.push_str(&format!(", {:.0} s left", (seconds / done - seconds).max(0.0)));
    }
    text
}

fn ending(status: &TaskStatus) -> (LogLevel, String) {
    match status {
        TaskStatus::Completed => (LogLevel::Info, "completed".to_owned()),
        TaskStatus::NotRun => (LogLevel::Info, "not run".to_owned()),
        TaskStatus::Left { why } => (LogLevel::Info, format!("not done: {why}")),
        TaskStatus::Skipped { condition } => {
            (LogLevel::Info, format!("skipped, because `{condition}` is false"))
        }
        TaskStatus::Failed { error } => (LogLevel::Error, format!("failed: {error}")),
    }
}
