//! `iter8 run`.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use jiff::Timestamp;

use super::args::{LogLevel, Output, Run};
use super::assemble::Given;
use super::check::check;
use super::console::Console;
use super::exit::Exit;
use super::folder;
use super::launch::as_experiment;
use super::load_flags;
use super::note::Note;
use super::post::{self, Poster, Told};
use super::publish::{refused, verdicts};
use super::reproduce::{command, of_shard};
use super::session::{Finished, Session, formats};
use super::shard::Said;
use super::shown::show;
use super::signals::Signals;
use super::stored::{self, earlier};
use crate::cluster::Access;
use crate::cluster::manifests::JOB;
use crate::diagnostic::Diagnostic;
use crate::platform::{Env, Platform};
use crate::report::render_within;
use crate::results::{ExperimentResult, Outcome, Shard, SourceInfo, fingerprint};
use crate::secret::Mask;
use crate::spec::compat::{Era, Modern};
use crate::spec::{Node, SourceFile};
use crate::tasks::{Pipeline, Reach, TaskError};

/// The file that is read when none is named.
pub(super) const DEFAULT_FILE: &str = "experiment.yaml";
const READY_TIMEOUT: &str = "10s";

/// Runs an experiment and prints its report.
pub(super) async fn run(
    args: Run,
    console: &Console,
    env: &Env,
    platform: &'static dyn Platform,
    signals: Signals,
) -> Result<Exit, Exit> {
    let given = given(&args);
    let order = Order {
        output: &args.output,
        history: args.history.as_deref(),
        reuse: args.reuse_result,
        revision: args.revision,
        since: None,
        reproduce: Some(command(&given, args.file.as_deref())),
        cluster: args.cluster.access(env, &console.mask),
        part: Said::flags(args.shard.as_deref(), args.start_at.as_deref()),
        details: None,
        brief: false,
        after_task: None,
    };
    let opened = read_of(&args, &given);
    Box::pin(order.run(opened, console, env, platform, signals)).await
}

/// What to do with an experiment.
pub(super) struct Order<'a> {
    /// Where results go.
    pub(super) output: &'a Output,
    /// An earlier result to show beside this one.
    pub(super) history: Option<&'a Path>,
    /// Whether this run is another loop of the stored result.
    pub(super) reuse: bool,
    /// Number of the experiment's version; a result of another one is not reused.
    pub(super) revision: Option<u64>,
    /// When what is asked of providers begins, if that is before the first loop.
    pub(super) since: Option<Timestamp>,
    /// A command that repeats the run, if there is one.
    pub(super) reproduce: Option<String>,
    /// How a Kubernetes cluster is reached.
    pub(super) cluster: Access,
    /// Which part of it.
    pub(super) part: Said,
    /// How its details can be had, if its files do not stay.
    pub(super) details: Option<String>,
    /// Whether the report of a shard is left to who merges it.
    pub(super) brief: bool,
    /// Is shown the result after every task.
    pub(super) after_task: Option<&'a (dyn Fn(&ExperimentResult) + Sync)>,
}

impl Order<'_> {
    /// Runs an experiment, or says why there is none, and prints its report.
    pub(super) async fn run(
        self,
        opened: Result<Opened, Vec<Diagnostic>>,
        console: &Console,
        env: &Env,
        platform: &'static dyn Platform,
        signals: Signals,
    ) -> Result<Exit, Exit> {
        let stage = Stage {
            order: self,
            console,
            env,
            platform,
        };
        let note = Note::of(env, console, platform);
        let ended = match &note {
            Ok(note) => stage.perform(opened, note.as_ref(), signals).await,
            Err(wrong) => Err(stage.mistakes(vec![wrong.clone()])),
        };
        match ended {
            Ok(exit) => Ok(exit),
            Err(Stop::Quit(exit)) => Err(exit),
            Err(Stop::Mistakes(found)) => {
                refused(&found, console, env, platform);
                if let Ok(Some(note)) = note {
                    note.mistakes(&found).await;
                }
                Err(Exit::Usage)
            }
        }
    }

    /// The stored result that this run is another loop of, if it is one.
    fn reused(&self, text: &str, console: &Console) -> Result<Option<ExperimentResult>, Diagnostic> {
        if !self.reuse {
            return Ok(None);
        }
        let result = stored::read(&self.output.run_dir, &self.output.output_dir).map_err(|error| {
            let found = error.diagnostic();
            let message = format!("nothing to reuse: {}", found.message);
            Diagnostic { message, ..found }.hint("run once without --reuseResult")
        })?;
        match self.revision {
            Some(revision) if revision != result.revision => {
                let text = format!(
                    "the stored result is of revision {}, this is {revision}: it starts anew",
                    result.revision
                );
                console.say(LogLevel::Info, &text);
                Ok(None)
            }
            // Who gives a revision says that it is the same.
            None if !self.is_of(&result, text, &console.mask) => {
                let message = "the stored result is of another experiment: this one starts anew; to go on with it, give both the same --revision";
                console.say(LogLevel::Warning, &format!("warning: {message}"));
                Ok(None)
            }
            Some(_) | None => Ok(Some(result)),
        }
    }

    /// Whether a stored result is of this experiment. Iter8's do not say; those of flags alone have no text but a command.
    fn is_of(&self, result: &ExperimentResult, text: &str, mask: &Mask) -> bool {
        let stored = &result.experiment.text;
        if result.imported.is_some() {
            return true;
        }
        if !stored.is_empty() || !text.is_empty() {
            return *stored == mask.apply(text);
        }
        let command = result.environment.reproduce.as_deref().map(without_loop);
        let ours = self.reproduce.as_deref().map(|command| mask.apply(command));
        ours.is_some() && command == ours.as_deref()
    }

    /// The command that repeats the run, this shard or loop of it.
    fn command(&self, shard: Option<&Shard>) -> Option<String> {
        let mut command = of_shard(self.reproduce.as_deref()?, shard);
        if let Some(revision) = self.revision {
            command.push_str(&format!("{REVISION}{revision}"));
        }
        if self.reuse {
            command.push_str(REUSE);
        }
        Some(command)
    }
}

/// The last words of a command that goes on with a result.
const REUSE: &str = " --reuseResult";
/// Those before them, if the experiment has a revision.
const REVISION: &str = " --revision ";

/// A command without the words that say which loop it is.
fn without_loop(command: &str) -> &str {
    let command = command.strip_suffix(REUSE).unwrap_or(command);
    match command.rsplit_once(REVISION) {
        Some((command, revision)) if revision.parse::<u64>().is_ok() => command,
        Some(_) | None => command,
    }
}

/// Why nothing was measured.
enum Stop {
    /// The experiment cannot be used; this was shown.
    Mistakes(Vec<Diagnostic>),
    /// A second signal.
    Quit(Exit),
}

struct Stage<'a> {
    order: Order<'a>,
    console: &'a Console,
    env: &'a Env,
    platform: &'static dyn Platform,
}

impl Stage<'_> {
    async fn perform(
        &self,
        opened: Result<Opened, Vec<Diagnostic>>,
        note: Option<&Note<'_>>,
        signals: Signals,
    ) -> Result<Exit, Stop> {
        let Self {
            order, console, env, ..
        } = self;
        let formats = formats(&order.output.reports)
            .map_err(|message| self.mistakes(vec![Diagnostic::error(message)]))?;
        let Opened {
            source,
            root,
            era,
            found,
        } = opened.map_err(|found| {
            unreadable(&found, console);
            Stop::Mistakes(found)
        })?;
        let fingerprint = fingerprint(&root, &|text| console.mask.apply(text));
        let checked = check(&source, (&root, era), &order.output.run_dir, env, console, &[]).and(found);
        let found = checked.diagnostics.clone();
        let mut pipeline = checked
            .or_usage(console)
            .map_err(|_shown| Stop::Mistakes(found))?;
        let shard = self.shard(&mut pipeline)?;
        let context = self.platform.context(env);
        console.diagnostics(&context.notes);
        let reused = order
            .reused(source.text(), console)
            .map_err(|wrong| self.mistakes(vec![wrong]))?;
        let (earlier, unread) = earlier(order.history);
        console.diagnostics(unread.as_slice());
        let token = ["GITHUB_TOKEN", "GH_TOKEN"]
            .into_iter()
            .find_map(|name| env.get(name));
        token.into_iter().for_each(|token| console.mask.add(token));
        let poster = Arc::new(Poster::new(console, env, token, None));
        let session = Session {
            console,
            output: order.output,
            source: SourceInfo {
                name: source.name().to_owned(),
                text: source.text().to_owned(),
                fingerprint: Some(fingerprint),
            },
            context,
            platform: self.platform.name(),
            reach: reach(env),
            validate_slos: true,
            reproduce: order.command(shard.as_ref()),
            cluster: order.cluster.clone(),
            publisher: Arc::<Poster>::clone(&poster),
            earlier,
            reused,
            revision: order.revision,
            since: order.since,
            shard,
            after_task: order.after_task,
        };
        // Whoever merges has the verdict to tell.
        let note = note.filter(|_| session.shard.is_none());
        let finished = session
            .run(&pipeline, &formats, signals)
            .await
            .map_err(Stop::Quit)?;
        let left = order.brief && finished.result.outcome == Outcome::Measured;
        let shown = left || show(&finished.view, console, env).is_ok();
        finished.say_where(console, order.output, order.details.as_deref());
        if let Some(note) = note {
            note.report(&finished).await;
        }
        settle(&poster, &finished, console).await;
        let outcome = poster.posted();
        post::show(&outcome, console);
        Ok(finished
            .publish(order.output, console, env, self.platform)
            .if_written(shown && outcome.written))
    }

    /// The part of the experiment that is asked for, which is left in the pipeline.
    fn shard(&self, pipeline: &mut Pipeline) -> Result<Option<Shard>, Stop> {
        let shard = self.order.part.clone().read(self.env);
        let Some(shard) = shard.map_err(|wrong| self.mistakes(vec![wrong]))? else {
            return Ok(None);
        };
        let mut found = pipeline.divide(shard.number);
        if self.order.reuse {
            let message = "a shard cannot go on with a stored result: --reuseResult";
            found.push(Diagnostic::error(message).hint("leave --reuseResult or the shard out"));
        }
        if found.is_empty() {
            Ok(Some(shard))
        } else {
            Err(self.mistakes(found))
        }
    }

    /// Shows mistakes; nothing was sent.
    fn mistakes(&self, found: Vec<Diagnostic>) -> Stop {
        self.console.diagnostics(&found);
        Stop::Mistakes(found)
    }
}

/// Takes to the end of the run what its tasks published before, unless a signal asks to end.
async fn settle(poster: &Poster, finished: &Finished, console: &Console) {
    let Finished { result, view, .. } = finished;
    let told = Told {
        outcome: result.outcome,
        reason: &view.reason,
        verdicts: verdicts(view),
        started: result.started.as_second(),
        text: &|room| render_within(view, room),
    };
    let Ok(mut signals) = Signals::listen() else {
        return poster.settle(&told).await;
    };
    tokio::select! {
        () = poster.settle(&told) => {}
        (name, _) = signals.next() => {
            let text = format!("warning: {name}: comment and status may not be up to date");
            console.say(LogLevel::Warning, &text);
        }
    }
}

/// The file to read; none where flags say where to send.
fn file_of(args: &Run, given: &Given) -> Option<PathBuf> {
    match &args.file {
        Some(file) => Some(args.output.run_dir.join(file)),
        None if given.has_target() => None,
        None => Some(args.output.run_dir.join(DEFAULT_FILE)),
    }
}

/// The experiment that is meant; or why there is none.
pub(super) fn read_of(args: &Run, given: &Given) -> Result<Opened, Vec<Diagnostic>> {
    let opened = read(file_of(args, given).as_deref(), given);
    match &args.file {
        Some(file) => opened.map_err(|found| folder::explain(found, file, &args.output.run_dir)),
        None => opened,
    }
}

/// What the flags say.
pub(super) fn given(args: &Run) -> Given {
    let flag = |name: &str| format!("flag --{name}");
    let judge = [
        ("onInconclusive", &args.on_inconclusive),
        ("minRequests", &args.min_requests),
    ];
    Given {
        load: args
            .load
            .0
            .iter()
            .map(|(key, values)| ((*key).to_owned(), values.clone(), flag(load_flags::flag(key))))
            .collect(),
        objectives: args.slos.iter().map(|text| (text.clone(), flag("slo"))).collect(),
        judge: judge
            .into_iter()
            .filter_map(|(key, value)| Some((key.to_owned(), value.clone()?, flag(key))))
            .collect(),
        ready_timeout: args
            .ready_timeout
            .clone()
            .map(|text| (text, flag("readyTimeout"))),
        patience: READY_TIMEOUT,
        guards: Vec::new(),
    }
}

/// An experiment that is to be checked.
pub(super) struct Opened {
    /// Its text.
    pub source: SourceFile,
    /// Its content in today's form, flags put over it.
    pub root: Node,
    /// The form that the file has.
    pub era: Era,
    /// What is wrong with the form or the flags.
    pub found: Vec<Diagnostic>,
}

/// The experiment of a file with flags put over it, or of flags alone; or why there is none.
pub(super) fn read(file: Option<&Path>, given: &Given) -> Result<Opened, Vec<Diagnostic>> {
    let Some(path) = file else {
        let source = SourceFile::new("the command line", "");
        let (root, found) = given.alone();
        return Ok(Opened {
            source,
            root,
            era: Era::Current,
            found,
        });
    };
    let source = SourceFile::read(path).map_err(|error| {
        let diagnostic = Diagnostic::error(TaskError::from_error(&error).message);
        let missing = path.file_name().is_some_and(|name| name == DEFAULT_FILE) && !path.exists();
        vec![if missing && path.with_file_name("Chart.yaml").is_file() {
            diagnostic.hint(
                "this is the folder of a chart; charts are built in: iter8 launch -c load-test-http -f values.yaml",
            )
        } else if missing {
            diagnostic.hint(
                "name a file, or test a URL: iter8 run --url https://example.com/ --slo 'http/error-rate <= 1%'",
            )
        } else {
            diagnostic
        }]
    })?;
    let root = Node::parse(&source).map_err(|diagnostic| vec![diagnostic])?;
    let folder = path.parent().unwrap_or(Path::new("."));
    let Modern { root, era, mut found } = as_experiment(root, &source, folder);
    let (root, of_flags) = given.over(root, &source);
    found.extend(of_flags);
    Ok(Opened {
        source,
        root,
        era,
        found,
    })
}

/// Says why there is no experiment.
pub(super) fn unreadable(found: &[Diagnostic], console: &Console) -> Exit {
    console.diagnostics(found);
    console.say(LogLevel::Error, "nothing was sent");
    Exit::Usage
}

/// Whether `localhost` is our own container's.
pub(super) fn reach(env: &Env) -> Reach {
    let marked = Path::new("/.dockerenv").exists() || Path::new("/run/.containerenv").exists();
    let kubernetes = env.get("KUBERNETES_SERVICE_HOST").is_some();
    // Runners of CI are pods, too: only a Job of ours is told what pods are.
    if env.get(JOB).is_some() {
        Reach::Pod
    } else if marked || kubernetes {
        Reach::Container
    } else {
        Reach::Machine
    }
}
