//! [`Dry`]: an experiment looked at, and written into files. What is certainly wrong is refused, what may come right later is a warning.

use std::collections::BTreeSet;
use std::io::Write as _;
use std::path::{Path, PathBuf};
use std::time::Duration;

use super::variables::Seen;
use crate::charts::{Chart, Rendered, heading, is_replaceable, written};
use crate::cli::args::LogLevel;
use crate::cli::check::{Checked, check, check_made, look_up};
use crate::cli::console::Console;
use crate::cli::exit::Exit;
use crate::cli::run::{DEFAULT_FILE, Opened};
use crate::cluster::ObjectName;
use crate::diagnostic::{Diagnostic, Severity};
use crate::platform::Env;
use crate::results::ShardNumber;
use crate::spec::compat::Era;
use crate::spec::{Decoder, Entry, Experiment, Node, SourceFile, Value, Work, read_file};
use crate::tasks::{Pipeline, Task, kind_of};

/// Bytes of a file that may be replaced.
const LARGEST: u64 = 8 << 20;

/// An experiment that is to be written down.
pub(super) struct Dry<'a> {
    pub(super) folder: &'a Path,
    pub(super) env: &'a Env,
    pub(super) console: &'a Console,
    /// What a mistake prevents.
    pub(super) undone: &'static str,
}

impl Dry<'_> {
    /// Checks what a chart made and writes it; a run of it checks the rest. `found` is what is known to be wrong already.
    pub(super) fn write(
        &self,
        chart: &dyn Chart,
        rendered: &Rendered,
        found: Vec<Diagnostic>,
    ) -> Result<Exit, Exit> {
        self.settle(self.examine(rendered, &Seen::default(), Errors::Shape), found)?;
        let text = format!("{}{}", heading(chart.name()), written(&rendered.experiment));
        let mut files = vec![(DEFAULT_FILE, text)];
        files.extend(rendered.files.iter().cloned());
        store(self.folder, &files, self.console)
    }

    /// Shows what was found: what is known to be wrong already, and what an examination found. Mistakes end it.
    pub(super) fn settle(&self, examined: Examined, mut found: Vec<Diagnostic>) -> Result<Examined, Exit> {
        found.extend_from_slice(&examined.found);
        let mut seen = BTreeSet::new();
        found.retain(|diagnostic| seen.insert((diagnostic.place.clone(), diagnostic.message.clone())));
        self.console.diagnostics(&found);
        let wrong = found.iter().filter(|diagnostic| diagnostic.is_error()).count();
        if wrong > 0 {
            let plural = if wrong == 1 { "mistake" } else { "mistakes" };
            self.console.say(
                LogLevel::Error,
                &format!("{wrong} {plural}; nothing was {}", self.undone),
            );
            return Err(Exit::Usage);
        }
        Ok(examined)
    }

    /// Everything that is wrong with what a chart made, as a run of it would find it; what is none of these errors is a warning.
    pub(super) fn examine(&self, rendered: &Rendered, seen: &Seen, errors: Errors) -> Examined {
        let (source, root) = (SourceFile::new("the values", ""), &rendered.experiment);
        let variables = seen.variables();
        let lookup = |name: &str| look_up(name, &variables, self.env);
        let mut decoder = Decoder::new(&source, self.folder, &lookup, self.console.mask.clone());
        let mut examined = Examined::default();
        let entries = examined.read(root, &mut decoder);
        let (misshapen, mut missing) = (decoder.all_misshapen().clone(), decoder.all_missing().clone());
        let mut found: Vec<Diagnostic> = entries.iter().filter_map(lacking).collect();
        let lacking: Vec<Diagnostic> = found.clone();
        found.extend(decoder.into_diagnostics());
        let (env, console) = (self.env, self.console);
        let whole = if rendered.files.is_empty() {
            let root = (root, Era::Current);
            check(&source, root, self.folder, env, console, &variables)
        } else {
            check_made(&source, root, self.folder, env, console, &variables)
        };
        missing.extend(whole.missing.iter().cloned());
        found.extend(examined.take(whole));
        for diagnostic in &mut found {
            let mistake = (diagnostic.place.clone(), diagnostic.message.clone());
            let is_error = match errors {
                Errors::Shape => misshapen.contains(&mistake) || lacking.contains(diagnostic),
                Errors::Run => !missing.contains(&mistake),
            };
            if !is_error {
                diagnostic.severity = Severity::Warning;
            }
        }
        examined.found = seen.sift(found);
        examined.set_apart(seen);
        examined
    }

    /// Everything that is wrong with an experiment file, as a run of it here would find it.
    pub(super) fn examine_file(&self, opened: &Opened, seen: &Seen) -> Examined {
        let Opened {
            source, root, era, ..
        } = opened;
        let variables = seen.variables();
        let lookup = |name: &str| look_up(name, &variables, self.env);
        let mut decoder = Decoder::new(source, self.folder, &lookup, self.console.mask.clone());
        if era.is_past() {
            decoder.tolerate();
        }
        let mut examined = Examined::default();
        // What is wrong is said by who looks at the whole.
        examined.read(root, &mut decoder);
        let (env, console) = (self.env, self.console);
        let whole = check(source, (root, *era), self.folder, env, console, &variables);
        let found = examined.take(whole);
        examined.found = seen.sift(found.into_iter().chain(opened.found.clone()).collect());
        examined.set_apart(seen);
        examined
    }
}

/// What of the mistakes in what a chart made are errors.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Errors {
    /// Unknown names, wrong types, and a load without a target: the rest may come right in the file that is written.
    Shape,
    /// All that a run would refuse, but for what is missing on this machine and may be there where it runs.
    Run,
}

/// What an examination found out.
#[derive(Default)]
pub(super) struct Examined {
    /// What is wrong or doubtful.
    pub(super) found: Vec<Diagnostic>,
    /// The experiment, if nothing that it needs is missing here.
    pipeline: Option<Pipeline>,
    /// The objects in a cluster that are waited for.
    pub(super) reads: Vec<ObjectName>,
    /// The objects in a cluster that are changed.
    pub(super) changes: Vec<ObjectName>,
    /// How often what follows is done, if a change is made step by step.
    rounds: u32,
    /// How long its loads take together, as far as that is known.
    length: Duration,
    /// Paths that it names.
    pub(super) paths: Vec<PathBuf>,
    /// Whether it judges objectives.
    pub(super) judges: bool,
    /// Whether it reads or changes an object of a cluster whose name only the pod knows.
    pub(super) is_nameless: bool,
    /// Whether something stands in it that only the pod knows.
    has_guesses: bool,
}

impl Examined {
    /// Why the experiment cannot be divided into so many shards.
    pub(super) fn indivisible(&mut self, shards: u32) -> Vec<Diagnostic> {
        let first = ShardNumber::new(0, shards).ok();
        let pipeline = self.pipeline.as_mut();
        pipeline
            .zip(first)
            .map_or_else(Vec::new, |(pipeline, first)| pipeline.divide(first))
    }

    /// Whether what only the pod knows stands where nothing can be said of the whole without it.
    pub(super) fn is_guessed(&self) -> bool {
        self.has_guesses && self.pipeline.is_none()
    }

    /// Whether nothing is wrong.
    pub(super) fn is_right(&self) -> bool {
        !self.found.iter().any(Diagnostic::is_error)
    }

    /// How long the experiment takes at most, as far as that is known; `None` if nobody knows how often it loops.
    pub(super) fn longest(&self) -> Option<Duration> {
        let repetition = self
            .pipeline
            .as_ref()
            .and_then(|pipeline| pipeline.repetition.as_ref());
        repetition.map_or(Some(self.length), |repetition| repetition.longest(self.length))
    }

    /// How long its loads take together, once.
    pub(super) fn once(&self) -> Duration {
        self.length
    }

    /// Reads task by task, whatever is missing beside them; gives what there is.
    fn read(&mut self, root: &Node, decoder: &mut Decoder<'_>) -> Vec<Entry> {
        decoder.expect_files();
        let entries = Experiment::read(root, decoder).map_or_else(Vec::new, |experiment| experiment.entries);
        for entry in &entries {
            if let Work::Task { name, .. } = &entry.work
                && let Ok(kind) = kind_of(name)
            {
                let expected = format!("the fields of `{name}`");
                let task = decoder.insist(&entry.with, &expected, |decoder| kind.parse(&entry.with, decoder));
                // What cannot be read here may be in the pod.
                self.judges |= task.is_none() && kind.name() == "assess";
                task.iter().for_each(|task| self.note(task.as_ref()));
            }
        }
        entries
    }

    /// Leaves out objects whose names only the pod knows: nobody can be given a right by such a name.
    fn set_apart(&mut self, seen: &Seen) {
        self.has_guesses = seen.is_guessed();
        for objects in [&mut self.reads, &mut self.changes] {
            let before = objects.len();
            objects.retain(|object| {
                let namespace = object.namespace.as_deref().unwrap_or_default();
                !seen.is_unknown(&object.name) && !seen.is_unknown(namespace)
            });
            self.is_nameless |= objects.len() < before;
        }
    }

    /// Takes over what the whole experiment is; gives what was found.
    fn take(&mut self, whole: Checked) -> Vec<Diagnostic> {
        self.paths = whole.paths;
        self.pipeline = whole.pipeline;
        whole.diagnostics
    }

    fn note(&mut self, task: &dyn Task) {
        self.judges |= !task.objectives().is_empty();
        self.reads.extend(task.reads().cloned());
        self.changes.extend(task.changes().cloned());
        let times = task
            .planned()
            .into_iter()
            .filter_map(|planned| planned.extent.time);
        if let Some((steps, _)) = task.steps() {
            self.rounds = u32::try_from(steps).unwrap_or(u32::MAX);
        }
        let once = times.sum::<Duration>() + task.holds();
        let all = once.saturating_mul(self.rounds.max(1));
        self.length = self.length.saturating_add(all);
    }
}

/// A load whose target the values do not name: nothing else would.
fn lacking(entry: &Entry) -> Option<Diagnostic> {
    let Work::Task { name, .. } = &entry.work else {
        return None;
    };
    let (article, needed): (_, &[&str]) = match name.as_str() {
        "http" => ("an", &["url"]),
        "grpc" => ("a", &["host", "call"]),
        _ => return None,
    };
    let parts = |key: &str| match entry.with.field(key).map(|(_, node)| &node.value) {
        Some(Value::Map(entries)) => entries.iter().map(|(_, node)| node).collect(),
        Some(Value::List(items)) => items.iter().collect(),
        _ => Vec::new(),
    };
    let parts: Vec<&Node> = ["endpoints", "versions"].into_iter().flat_map(parts).collect();
    let is_there = |field: &str| {
        entry.with.field(field).is_some()
            || !parts.is_empty() && parts.iter().all(|part| part.field(field).is_some())
    };
    let missing = needed.iter().find(|field| !is_there(field))?;
    let message = format!("{article} `{name}` task needs `{missing}`");
    let source = SourceFile::new("the values", "");
    Some(Diagnostic::error(message).at(entry.with.at.place(&source)))
}

/// Writes files that are made from a chart; none is replaced that was not.
pub(in crate::cli) fn store(
    folder: &Path,
    files: &[(&str, String)],
    console: &Console,
) -> Result<Exit, Exit> {
    let paths: Vec<PathBuf> = files.iter().map(|(name, _)| folder.join(name)).collect();
    for path in &paths {
        if let Err(why) = replaceable(path) {
            let diagnostic = Diagnostic::error(format!("{} {why}", path.display()))
                .hint("move it away, or choose another folder by --runDir");
            console.diagnostics(&[diagnostic]);
            console.say(LogLevel::Error, "nothing was written");
            return Err(Exit::Usage);
        }
    }
    for (path, (_, text)) in paths.iter().zip(files) {
        if let Err(cause) = write(path, text) {
            let text = format!("error: cannot write {}: {cause}", path.display());
            console.say(LogLevel::Error, &text);
            return Err(Exit::Output);
        }
        console.say(LogLevel::Info, &format!("wrote {}", path.display()));
    }
    Ok(Exit::Pass)
}

/// Whether there is nothing, or what an earlier run made.
fn replaceable(path: &Path) -> Result<(), String> {
    match std::fs::symlink_metadata(path) {
        Err(cause) if cause.kind() == std::io::ErrorKind::NotFound => return Ok(()),
        Err(cause) => return Err(format!("cannot be looked at: {cause}")),
        Ok(_) => {}
    }
    let bytes = read_file(path, LARGEST).map_err(|cause| format!("cannot be read: {cause}"))?;
    if is_replaceable(&String::from_utf8_lossy(&bytes)) {
        Ok(())
    } else {
        Err("is there already, and no chart made it: it is not replaced".to_owned())
    }
}

/// As a whole or not at all; it may hold tokens, so that only its owner reads it, as in Iter8.
fn write(path: &Path, text: &str) -> std::io::Result<()> {
    let folder = path.parent().filter(|folder| !folder.as_os_str().is_empty());
    let folder = folder.unwrap_or(Path::new("."));
    std::fs::create_dir_all(folder)?;
    let mut file = tempfile::Builder::new().prefix(".iter8-").tempfile_in(folder)?;
    file.write_all(text.as_bytes())?;
    file.persist(path)?;
    Ok(())
}
