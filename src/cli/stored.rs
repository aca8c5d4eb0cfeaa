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
            let refused = run_dir.join(output_dir).join(REFUSED);
            if refused.is_file() {
                return Err(Unread::Missing(Box::new(of_refused(&refused))));
            }
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

/// Says that there is no result because a command was refused; an older one, of Iter8, is not taken for its.
fn of_refused(mark: &Path) -> Diagnostic {
    let mark = shown(mark).display();
    Diagnostic::error("the last command here was refused: nothing was sent, and there is no result").hint(
        format!(
            "mend the mistake and run it again; without the file {mark} the result that Iter8 left is read"
        ),
    )
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
/// Says that a command was refused, where a result that Iter8 left would be taken for its own.
const REFUSED: &str = "result.refused";

impl Output {
    /// Where the result of a command line would have gone that cannot be understood; `None` if its command has none.
    pub(super) fn of_words(words: &[String]) -> Option<Self> {
        let command = words.iter().find(|word| !word.starts_with('-'))?;
        if !["run", "launch", "merge"].contains(&command.as_str()) {
            return None;
        }
        let given = |names: [&str; 2], default: &str| {
            let mut values = words.iter().enumerate().filter_map(|(at, word)| {
                let (name, value) = word
                    .split_once('=')
                    .map_or((word.as_str(), None), |(name, value)| (name, Some(value)));
                let known = name.strip_prefix("--").is_some_and(|name| names.contains(&name));
                known.then(|| value.or_else(|| words.get(at + 1).map(String::as_str)))?
            });
            PathBuf::from(values.next().unwrap_or(default))
        };
        let output = Self {
            run_dir: given(["runDir", "run-dir"], "."),
            output_dir: given(["outputDir", "output-dir"], "iter8-results"),
            reports: Vec::new(),
        };
        // A result that was to be merged is not the one of before.
        let merged =
            |word: &String| command == "merge" && shown(&output.result()).starts_with(shown(Path::new(word)));
        (!words.iter().any(merged)).then_some(output)
    }

    /// Takes the files of an earlier run away, so that nobody takes them for this one's.
    pub(super) fn clear(&self) {
        let folder = self.folder();
        for file in FORMATS
            .iter()
            .map(|format| format.file())
            .chain([RESULT, REFUSED])
        {
            // What cannot be removed cannot be replaced either, and that is said where it is written.
            let _ = std::fs::remove_file(folder.join(file));
        }
    }

    /// A run that could not begin has no result: the one before is kept under another name, which no gate reads.
    pub(super) fn set_aside(&self) {
        let _ = std::fs::rename(self.result(), self.folder().join(PREVIOUS));
        self.clear();
        if matches!(of_iter8(&self.run_dir), Ok(Some(_))) {
            // Nor can this: a folder that takes no mark takes no result either.
            let _ = std::fs::create_dir_all(self.folder());
            let _ = std::fs::write(self.folder().join(REFUSED), "nothing was sent\n");
        }
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
