//! [`Session`]: one run from a checked pipeline to written reports. `run`, `demo` and `action` differ only in what they put in.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use jiff::Timestamp;
use tokio_util::sync::CancellationToken;

use super::args::{LogLevel, Output};
use super::console::Console;
use super::exit::Exit;
use super::progress::Watcher;
use super::signals::{Signals, Stop};
use crate::cluster::Access;
use crate::platform::Context;
use crate::report::{FORMATS, Format, View};
use crate::results::{self, Environment, ExperimentResult, History, Shard, SourceInfo};
use crate::secret::Mask;
use crate::slo::Policy;
use crate::tasks::{self, Appointment, Groups, Ledger, Pipeline, Publisher, Reach, RunContext, TaskError};

/// Formats that are always written.
const ALWAYS: &[&str] = &["markdown", "html"];

/// What a run needs to know.
pub(super) struct Session<'a> {
    /// stderr.
    pub console: &'a Console,
    /// Where results go.
    pub output: &'a Output,
    /// Where the experiment came from.
    pub source: SourceInfo,
    /// What the platform says.
    pub context: Context,
    /// Name of the platform.
    pub platform: &'static str,
    /// From where the target is reached.
    pub reach: Reach,
    /// Whether broken objectives fail the run.
    pub validate_slos: bool,
    /// A command that repeats the run.
    pub reproduce: Option<String>,
    /// How a Kubernetes cluster is reached.
    pub cluster: Access,
    /// Who publishes what tasks ask for.
    pub publisher: Arc<dyn Publisher>,
    /// An earlier result to show beside this one.
    pub earlier: Option<ExperimentResult>,
    /// The result that this run is another loop of.
    pub reused: Option<ExperimentResult>,
    /// Revision of the experiment, if it has one.
    pub revision: Option<u64>,
    /// When what is asked of providers begins, if that is before the first loop.
    pub since: Option<Timestamp>,
    /// The part of the experiment that this run is, if it is not all of it.
    pub shard: Option<Shard>,
    /// Is shown the result after every task.
    pub after_task: Option<&'a (dyn Fn(&ExperimentResult) + Sync)>,
}

/// A finished run.
pub(super) struct Finished {
    /// What happened.
    pub result: ExperimentResult,
    /// The same, for reports.
    pub view: View,
    /// Whether all files are there.
    pub(super) written: bool,
    /// How the process ends.
    pub exit: Exit,
}

impl Session<'_> {
    /// Runs the pipeline and writes the files; the error is the exit of a second signal, which asked to quit at once.
    pub(super) async fn run(
        mut self,
        pipeline: &Pipeline,
        formats: &[&'static dyn Format],
        signals: Signals,
    ) -> Result<Finished, Exit> {
        self.output.clear();
        let mut result = self.blank();
        let path = self.output.result();
        let mut unwritten: Vec<String> = Vec::new();
        let shutdown = CancellationToken::new();
        let watcher = Watcher::new(self.console.clone());
        let context = RunContext {
            shutdown: shutdown.clone(),
            events: Arc::new(move |event| watcher.see(event)),
            mask: self.console.mask.clone(),
            policy: Policy::default(),
            reach: self.reach,
            folder: self.output.run_dir.clone(),
            groups: Groups::default(),
            ahead: Vec::new(),
            publisher: Arc::clone(&self.publisher),
            cluster: self.cluster.clone(),
            ledger: Ledger::default(),
            task: 0,
            step: 0,
            is_shard: self.shard.is_some(),
            appointment: Appointment::at(self.shard.as_ref().and_then(|shard| shard.start_at)),
        };
        let mut was_stopped = false;
        let stopped = {
            let mut persist = |result: &mut ExperimentResult| {
                mask(result, &self.console.mask);
                if let Err(error) = results::write(&path, result) {
                    note(&mut unwritten, &TaskError::from_error(&error).message);
                }
                if let Some(show) = self.after_task {
                    show(result);
                }
            };
            let running =
                async { was_stopped = tasks::run(pipeline, &context, &mut result, &mut persist).await };
            signals.until(running, &shutdown, self.console).await
        };
        match stopped {
            Stop::Signal(name) if was_stopped => result.interrupted = Some(name.to_owned()),
            // One that came too late to stop it.
            Stop::Finished | Stop::Signal(_) => {}
            Stop::Quit(exit) => return Err(exit),
        }
        let ending = Ending {
            console: self.console,
            output: self.output,
            earlier: self.earlier.as_ref(),
        };
        Ok(ending.write(result, formats, unwritten))
    }

    fn blank(&mut self) -> ExperimentResult {
        let environment = here(&self.context, self.platform, self.reproduce.clone());
        let started = Timestamp::now();
        let mut result = match self.reused.take() {
            Some(mut reused) => {
                reused.next_loop(started);
                reused.environment = environment;
                reused.experiment = self.source.clone();
                reused
            }
            None => ExperimentResult {
                first_started: self.since,
                ..ExperimentResult::new(self.source.clone(), environment, started)
            },
        };
        result.revision = self.revision.unwrap_or(result.revision);
        result.validate_slos = self.validate_slos;
        result.shard.clone_from(&self.shard);
        result
    }
}

/// Where this runs; `reproduce` is a command that repeats it.
pub(super) fn here(context: &Context, platform: &str, reproduce: Option<String>) -> Environment {
    Environment {
        iter8_version: env!("CARGO_PKG_VERSION").to_owned(),
        platform: platform.to_owned(),
        system: format!("{} {}", std::env::consts::OS, std::env::consts::ARCH),
        processors: std::thread::available_parallelism().map_or(1, usize::from),
        processor: processor(),
        commit: context.commit.clone(),
        commit_url: context.commit_url.clone(),
        pull_request: context.pull_request,
        run_url: context.run_url.clone(),
        reproduce,
    }
}

/// From the result of a run, or of several, to its files.
pub(super) struct Ending<'a> {
    /// stderr.
    pub console: &'a Console,
    /// Where results go.
    pub output: &'a Output,
    /// An earlier result to show beside this one.
    pub earlier: Option<&'a ExperimentResult>,
}

impl Ending<'_> {
    /// Writes result and reports; what could not be written before is told, too.
    pub(super) fn write(
        self,
        mut result: ExperimentResult,
        formats: &[&'static dyn Format],
        mut unwritten: Vec<String>,
    ) -> Finished {
        result.conclude();
        result.history = self.earlier.map(|earlier| History::of(&result, earlier));
        mask(&mut result, &self.console.mask);
        if let Err(error) = results::write(&self.output.result(), &result) {
            note(&mut unwritten, &TaskError::from_error(&error).message);
        }
        let view = View::of(&result);
        let folder = self.output.folder();
        let wanted = FORMATS
            .iter()
            .filter(|format| ALWAYS.contains(&format.name()))
            .chain(formats);
        for format in wanted {
            if let Err(error) = write_report(*format, &view, &folder) {
                note(&mut unwritten, &error);
            }
        }
        for error in &unwritten {
            self.console.say(LogLevel::Error, &format!("error: {error}"));
        }
        let written = unwritten.is_empty();
        let exit = Exit::of(result.outcome, result.interrupted.as_deref()).if_written(written);
        Finished {
            result,
            view,
            written,
            exit,
        }
    }
}

/// The model of the first processor, as Linux tells it.
fn processor() -> Option<String> {
    let text = std::fs::read_to_string("/proc/cpuinfo").ok()?;
    let line = text.lines().find_map(|line| line.strip_prefix("model name"))?;
    let name = line.split_once(':')?.1.trim();
    (!name.is_empty()).then(|| name.to_owned())
}

fn note(list: &mut Vec<String>, text: &str) {
    if !list.iter().any(|known| known == text) {
        list.push(text.to_owned());
    }
}

/// Masks what reaches files: tasks mask their own texts; these are the rest.
fn mask(result: &mut ExperimentResult, mask: &Mask) {
    let environment = &mut result.environment;
    environment.reproduce = environment.reproduce.take().map(|text| mask.apply(&text));
    result.experiment.text = mask.apply(&result.experiment.text);
    for version in &mut result.insights.versions {
        for load in &mut version.loads {
            load.target = mask.apply(&load.target);
            for failure in load.measurement.failures.values_mut() {
                failure.example = mask.apply(&failure.example);
            }
            let measured = &mut load.measurement;
            for names in [&mut measured.walls, &mut measured.redirects] {
                *names = std::mem::take(names)
                    .into_iter()
                    .map(|(name, count)| (mask.apply(&name), count))
                    .collect();
            }
        }
    }
    for task in &mut result.tasks {
        task.about = mask.apply(&task.about);
    }
    for change in &mut result.changes {
        let back = change.rolled_back.iter_mut();
        let back = back.flat_map(|back| [&mut back.why, &mut back.to]);
        let own = [&mut change.object, &mut change.from, &mut change.to];
        for text in own.into_iter().chain(back).chain(&mut change.error) {
            *text = mask.apply(text);
        }
    }
}

fn write_report(format: &dyn Format, view: &View, folder: &Path) -> Result<(), String> {
    let path: PathBuf = folder.join(format.file());
    let mut bytes = Vec::new();
    format
        .render(view, &mut bytes)
        .map_err(|error| format!("cannot render {}: {error}", path.display()))?;
    results::store(&path, &bytes).map_err(|error| TaskError::from_error(&error).message)
}

/// The formats of `reports`, by name.
pub(super) fn formats(names: &[String]) -> Result<Vec<&'static dyn Format>, String> {
    let known: Vec<&str> = FORMATS.iter().map(|format| format.name()).collect();
    let find = |name: &str| {
        FORMATS
            .iter()
            .find(|format| format.name().eq_ignore_ascii_case(name))
            .copied()
            .ok_or_else(|| {
                let hint = crate::diagnostic::did_you_mean(name, known.iter().copied()).map_or_else(
                    || format!("known are {}", known.join(", ")),
                    |near| format!("did you mean `{near}`?"),
                );
                format!("unknown report format `{name}`; {hint}")
            })
    };
    names
        .iter()
        .flat_map(|name| name.split([',', '\n']))
        .map(str::trim)
        .filter(|name| !name.is_empty())
        .map(find)
        .collect()
}

impl Finished {
    /// Says where the files are, if they are there.
    pub(super) fn say_where(&self, console: &Console, output: &Output, details: Option<&str>) {
        let report = output.files().1;
        let place = if self.written {
            details.map_or_else(|| format!("details in {}", report.display()), str::to_owned)
        } else {
            "not all files are written".to_owned()
        };
        console.say(
            LogLevel::Info,
            &format!("{}: {place}", self.result.outcome.name()),
        );
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::results::{ObjectChange, RolledBack};

    #[test]
    fn nothing_of_a_change_is_written_unmasked() {
        let secrets = Mask::default();
        secrets.add("hunter22");
        let text = || "hunter22".to_owned();
        let start = Timestamp::UNIX_EPOCH;
        let mut result = ExperimentResult::new(SourceInfo::default(), Environment::default(), start);
        result.changes = vec![ObjectChange {
            task: 1,
            object: text(),
            namespace: "prod".to_owned(),
            field: "spec".to_owned(),
            from: text(),
            to: text(),
            at: start,
            dry_run: false,
            outcome: None,
            rolled_back: Some(RolledBack {
                why: text(),
                to: text(),
                at: start,
            }),
            error: Some(text()),
        }];
        mask(&mut result, &secrets);
        let written = serde_json::to_string(&result.changes).expect("JSON");
        assert!(!written.contains("hunter22"), "{written}");
    }
}
