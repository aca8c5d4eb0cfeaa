//! Where results are kept, and how they are read again.

use std::io;
use std::path::{Path, PathBuf};

use super::args::{Output, Stored};
use crate::diagnostic::Diagnostic;
use crate::report::FORMATS;
use crate::results::{self, ExperimentResult, WireError, legacy};
use crate::spec::{SourceFile, read_file};
use crate::tasks::TaskError;

/// The file that everything else is made from.
const RESULT: &str = "result.json";

/// The result of Iter8 0.8 to 0.10.
const OLD_RESULT: &str = "result.yaml";
/// The experiment, with its result in it if Iter8 0.11 to 0.15 ran it.
const EXPERIMENT: &str = "experiment.yaml";

/// Why there is no stored result.
#[derive(Debug)]
pub(super) enum Unread {
    /// There is none, ours or Iter8's.
    Missing(Box<Diagnostic>),
    /// Ours cannot be used.
    Ours(WireError),
    /// Iter8's cannot be used.
    Iter8(Box<Diagnostic>),
}

impl Unread {
    /// What to tell.
    pub(super) fn diagnostic(self) -> Diagnostic {
        match self {
            Self::Ours(error) => Diagnostic::error(TaskError::from_error(&error).message),
            Self::Missing(found) | Self::Iter8(found) => *found,
        }
    }
}

impl Stored {
    /// Reads the result: ours, or else the one that Iter8 left in the folder of the experiment.
    pub(super) fn read(&self) -> Result<ExperimentResult, Unread> {
        read(&self.run_dir, &self.output_dir)
    }
}

/// Reads the result of a run in `run_dir`.
pub(super) fn read(run_dir: &Path, output_dir: &Path) -> Result<ExperimentResult, Unread> {
    let ours = results::read(&run_dir.join(output_dir).join(RESULT));
    match ours {
        Err(WireError::Read { path, source }) if source.kind() == io::ErrorKind::NotFound => {
            of_iter8(run_dir)
                .map_err(|found| Unread::Iter8(Box::new(found)))?
                .ok_or_else(|| Unread::Missing(Box::new(missing(&path, run_dir))))
        }
        ours => ours.map_err(Unread::Ours),
    }
}

/// Says where a result was looked for.
fn missing(ours: &Path, run_dir: &Path) -> Diagnostic {
    let experiment = run_dir.join(EXPERIMENT);
    let without = if experiment.is_file() {
        "has none in it"
    } else {
        "is not there either"
    };
    let looked = format!(
        "there is no stored result: neither {} nor {} is there, and {} {without}",
        shown(ours).display(),
        shown(&run_dir.join(OLD_RESULT)).display(),
        shown(&experiment).display()
    );
    Diagnostic::error(looked)
        .hint("run an experiment first, or name the folder of one by --runDir or --outputDir")
}

/// A path without the `./` that says nothing.
fn shown(path: &Path) -> &Path {
    path.strip_prefix(".").unwrap_or(path)
}

/// The result that Iter8 0.8 to 0.15 left in a folder, if it did.
fn of_iter8(run_dir: &Path) -> Result<Option<ExperimentResult>, Diagnostic> {
    let (result, experiment) = (run_dir.join(OLD_RESULT), run_dir.join(EXPERIMENT));
    let open = |path: &Path| {
        SourceFile::read_up_to(path, legacy::LARGEST)
            .map_err(|error| Diagnostic::error(TaskError::from_error(&error).message))
    };
    if result.is_file() {
        return legacy::from_result(&open(&result)?, &open(&experiment)?).map(Some);
    }
    if experiment.is_file() {
        return legacy::from_experiment(&open(&experiment)?);
    }
    Ok(None)
}

/// Bytes of an earlier result.
const LARGEST: u64 = 64 << 20;

/// An earlier result, or why it is not shown: that is never more than a warning.
pub(super) fn earlier(path: Option<&Path>) -> (Option<ExperimentResult>, Option<Diagnostic>) {
    let Some(path) = path else {
        return (None, None);
    };
    let file = if path.is_dir() {
        path.join(RESULT)
    } else {
        path.to_owned()
    };
    let text = read_file(&file, LARGEST).map_err(|source| WireError::Read {
        path: file.clone(),
        source,
    });
    let read = text.and_then(|bytes| results::parse(&file, &String::from_utf8_lossy(&bytes)));
    match read {
        Ok(result) => (Some(result), None),
        Err(error) => {
            let message = TaskError::from_error(&error).message;
            let message = format!("no earlier result is shown beside this one: {message}");
            let hint = "the first run of a branch has none; otherwise look at the step that downloads it";
            (None, Some(Diagnostic::warning(message).hint(hint)))
        }
    }
}

/// The result of the run before, kept when a later one could not begin.
pub(super) const PREVIOUS: &str = "result.previous.json";

impl Output {
    /// Takes the files of an earlier run away, so that nobody takes them for this one's.
    pub(super) fn clear(&self) {
        let folder = self.folder();
        for file in FORMATS.iter().map(|format| format.file()).chain([RESULT]) {
            // What cannot be removed cannot be replaced either, and that is said where it is written.
            let _ = std::fs::remove_file(folder.join(file));
        }
    }

    /// A run that could not begin has no result: the one before is kept under another name, which no gate reads.
    pub(super) fn set_aside(&self) {
        let _ = std::fs::rename(self.result(), self.folder().join(PREVIOUS));
        self.clear();
    }

    /// Folder of results.
    pub(super) fn folder(&self) -> PathBuf {
        self.run_dir.join(&self.output_dir)
    }

    /// Result and report as later steps find them.
    pub(super) fn files(&self) -> (PathBuf, PathBuf) {
        let tidy = |path: PathBuf| shown(&path).to_owned();
        (tidy(self.result()), tidy(self.folder().join("report.html")))
    }

    /// The result's path.
    pub(super) fn result(&self) -> PathBuf {
        self.folder().join(RESULT)
    }
}
