//! Where results are kept, and how they are read again.

use std::path::PathBuf;

use super::args::{Output, Stored};
use crate::results::{self, ExperimentResult, WireError};

/// The file that everything else is made from.
const RESULT: &str = "result.json";

impl Stored {
    /// The result's path.
    pub(super) fn path(&self) -> PathBuf {
        self.run_dir.join(&self.output_dir).join(RESULT)
    }

    /// Reads the result.
    pub(super) fn read(&self) -> Result<ExperimentResult, WireError> {
        results::read(&self.path())
    }
}

impl Output {
    /// Folder of results.
    pub(super) fn folder(&self) -> PathBuf {
        self.run_dir.join(&self.output_dir)
    }

    /// Result and report as later steps find them.
    pub(super) fn files(&self) -> (PathBuf, PathBuf) {
        let tidy = |path: PathBuf| path.strip_prefix(".").map(PathBuf::from).unwrap_or(path);
        (tidy(self.result()), tidy(self.folder().join("report.html")))
    }

    /// The result's path.
    pub(super) fn result(&self) -> PathBuf {
        self.folder().join(RESULT)
    }
}
