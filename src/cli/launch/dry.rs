//! [`Dry`]: a chart rendered into files. What is certainly wrong is refused, what may come right later is a warning.

use std::collections::BTreeSet;
use std::io::Write as _;
use std::path::{Path, PathBuf};

use crate::charts::{Chart, Rendered, heading, is_generated, written};
use crate::cli::args::LogLevel;
use crate::cli::check::check;
use crate::cli::console::Console;
use crate::cli::exit::Exit;
use crate::cli::run::DEFAULT_FILE;
use crate::diagnostic::{Diagnostic, Severity};
use crate::platform::Env;
use crate::spec::compat::Era;
use crate::spec::{Decoder, Entry, Experiment, Node, SourceFile, Value, Work, read_file};
use crate::tasks::kind_of;

/// Bytes of a file that may be replaced.
const LARGEST: u64 = 8 << 20;

/// A chart that is to be written down.
pub(super) struct Dry<'a> {
    pub(super) chart: &'static dyn Chart,
    pub(super) folder: &'a Path,
    pub(super) env: &'a Env,
    pub(super) console: &'a Console,
}

impl Dry<'_> {
    /// Checks and writes. `found` is what is known to be wrong already.
    pub(super) fn write(&self, rendered: &Rendered, mut found: Vec<Diagnostic>) -> Result<Exit, Exit> {
        found.extend(self.examine(rendered));
        let mut seen = BTreeSet::new();
        found.retain(|diagnostic| seen.insert((diagnostic.place.clone(), diagnostic.message.clone())));
        self.console.diagnostics(&found);
        let wrong = found.iter().filter(|diagnostic| diagnostic.is_error()).count();
        if wrong > 0 {
            let plural = if wrong == 1 { "mistake" } else { "mistakes" };
            self.console
                .say(LogLevel::Error, &format!("{wrong} {plural}; nothing was written"));
            return Err(Exit::Usage);
        }
        let text = format!("{}{}", heading(self.chart.name()), written(&rendered.experiment));
        let mut files = vec![(DEFAULT_FILE, text)];
        files.extend(rendered.files.iter().cloned());
        store(self.folder, &files, self.console)
    }

    /// Everything that is wrong with the experiment: with a task as it is, an error; with what it needs from elsewhere, a
    /// warning.
    fn examine(&self, rendered: &Rendered) -> Vec<Diagnostic> {
        let source = SourceFile::new("the values", "");
        let lookup = |name: &str| self.env.get(name).map(str::to_owned);
        let mut decoder = Decoder::new(&source, self.folder, &lookup, self.console.mask.clone());
        decoder.expect_files();
        let experiment = Experiment::read(&rendered.experiment, &mut decoder);
        if let Some(experiment) = &experiment {
            for entry in experiment.entries.iter().filter(|entry| !asks_cluster(entry)) {
                if let Work::Task { name, .. } = &entry.work
                    && let Ok(kind) = kind_of(name)
                {
                    let expected = format!("the fields of `{name}`");
                    decoder.insist(&entry.with, &expected, |decoder| kind.parse(&entry.with, decoder));
                }
            }
        }
        // Of the same finding the first counts.
        let entries = experiment.iter().flat_map(|experiment| &experiment.entries);
        let mut found: Vec<Diagnostic> = entries.filter_map(lacking).collect();
        found.extend(decoder.into_certain());
        let whole = check(
            &source,
            (&rendered.experiment, Era::Current),
            self.folder,
            self.env,
            self.console,
            &[],
        );
        let doubts = whole.diagnostics.into_iter().map(|diagnostic| Diagnostic {
            severity: Severity::Warning,
            ..diagnostic
        });
        found.extend(doubts);
        found
    }
}

/// Whether a task waits for an object in a cluster.
fn asks_cluster(entry: &Entry) -> bool {
    matches!(&entry.work, Work::Task { name, .. } if name == "ready") && entry.with.get("resource").is_some()
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
