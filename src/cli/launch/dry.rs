//! [`Dry`]: a chart rendered into files. What is certainly wrong is refused, what may come right later is a warning.

use std::collections::BTreeSet;
use std::io::Write as _;
use std::path::{Path, PathBuf};
use std::time::Duration;

use crate::charts::{Chart, Rendered, heading, is_generated, written};
use crate::cli::args::LogLevel;
use crate::cli::check::{check, check_made};
use crate::cli::console::Console;
use crate::cli::exit::Exit;
use crate::cli::run::DEFAULT_FILE;
use crate::cluster::ObjectName;
use crate::diagnostic::{Diagnostic, Severity};
use crate::platform::Env;
use crate::results::ShardNumber;
use crate::spec::compat::Era;
use crate::spec::{Decoder, Entry, Experiment, Node, SourceFile, Value, Work, read_file};
use crate::tasks::{Pipeline, Task, kind_of};

/// Bytes of a file that may be replaced.
const LARGEST: u64 = 8 << 20;

/// A chart that is to be written down.
pub(super) struct Dry<'a> {
    pub(super) chart: &'static dyn Chart,
    pub(super) folder: &'a Path,
    pub(super) env: &'a Env,
    pub(super) console: &'a Console,
    /// What a mistake prevents.
    pub(super) undone: &'static str,
}

impl Dry<'_> {
    /// Checks and writes. `found` is what is known to be wrong already.
    pub(super) fn write(&self, rendered: &Rendered, found: Vec<Diagnostic>) -> Result<Exit, Exit> {
        self.settle(self.examine(rendered), found)?;
        let text = format!("{}{}", heading(self.chart.name()), written(&rendered.experiment));
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

    /// Everything that is wrong with the experiment: with a task as it is, an error; with what it needs from elsewhere, a
    /// warning.
    pub(super) fn examine(&self, rendered: &Rendered) -> Examined {
        let source = SourceFile::new("the values", "");
        let lookup = |name: &str| self.env.get(name).map(str::to_owned);
        let mut decoder = Decoder::new(&source, self.folder, &lookup, self.console.mask.clone());
        decoder.expect_files();
        let experiment = Experiment::read(&rendered.experiment, &mut decoder);
        let mut examined = Examined::default();
        for entry in experiment.iter().flat_map(|experiment| &experiment.entries) {
            if let Work::Task { name, .. } = &entry.work
                && let Ok(kind) = kind_of(name)
            {
                let expected = format!("the fields of `{name}`");
                let task = decoder.insist(&entry.with, &expected, |decoder| kind.parse(&entry.with, decoder));
                task.iter().for_each(|task| examined.note(task.as_ref()));
            }
        }
        // Of the same finding the first counts.
        let entries = experiment.iter().flat_map(|experiment| &experiment.entries);
        examined.found = entries.filter_map(lacking).collect();
        examined.found.extend(decoder.into_certain());
        let (root, folder) = (&rendered.experiment, self.folder);
        let whole = if rendered.files.is_empty() {
            check(&source, (root, Era::Current), folder, self.env, self.console, &[])
        } else {
            check_made(&source, root, folder, self.env, self.console)
        };
        examined.paths = whole.paths;
        examined.pipeline = whole.pipeline;
        let doubts = whole.diagnostics.into_iter().map(|diagnostic| Diagnostic {
            severity: Severity::Warning,
            ..diagnostic
        });
        examined.found.extend(doubts);
        examined
    }
}

/// What an examination found out.
#[derive(Default)]
pub(super) struct Examined {
    /// What is wrong or doubtful.
    found: Vec<Diagnostic>,
    /// The experiment, if nothing that it needs is missing here.
    pipeline: Option<Pipeline>,
    /// The objects in a cluster that are waited for.
    pub(super) reads: Vec<ObjectName>,
    /// The objects in a cluster that are changed.
    pub(super) changes: Vec<ObjectName>,
    /// How often what follows is done, if a change is made step by step.
    rounds: u32,
    /// How long its loads take together, as far as that is known.
    pub(super) length: Duration,
    /// Paths that it names.
    pub(super) paths: Vec<PathBuf>,
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

    fn note(&mut self, task: &dyn Task) {
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
        self.length += once.saturating_mul(self.rounds.max(1));
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
    if is_generated(&String::from_utf8_lossy(&bytes)) {
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
