//! What to try where a file is looked for in `--runDir`, and is elsewhere: [`explain`] for an experiment, [`hint`] for what it
//! reads.

use std::path::{Path, PathBuf};

use crate::diagnostic::Diagnostic;
use crate::spec::SourceFile;
use crate::tasks::quoted;

/// What is said of an experiment that cannot be read, with how to name it if it is there by the name that was given.
pub(super) fn explain(found: Vec<Diagnostic>, file: &Path, folder: &Path) -> Vec<Diagnostic> {
    if folder.join(file).exists() || !file.is_file() {
        return found;
    }
    let place = format!("the file is looked for in --runDir {}", shown(folder));
    let hint = match file.strip_prefix(folder) {
        Ok(rest) => format!("{place}: name it {}", shown(rest)),
        Err(_) => format!("{place}: leave that out, or name the file from there"),
    };
    let hinted = found.into_iter().map(|found| found.hint(hint.clone()));
    hinted.collect()
}

/// Adds to files that are not in a folder, but beside the experiment, how to say that this is the one.
pub(super) fn hint(found: &mut [Diagnostic], paths: &[PathBuf], source: &SourceFile, folder: &Path) {
    let experiment = Path::new(source.name());
    let (Some(parent), Some(name)) = (experiment.parent(), experiment.file_name()) else {
        return;
    };
    let is_beside = |path: &&PathBuf| {
        let inside = path.strip_prefix(folder);
        !path.exists() && inside.is_ok_and(|inside| parent.join(inside).exists())
    };
    let lost: Vec<String> = paths
        .iter()
        .filter(is_beside)
        .map(|path| path.display().to_string())
        .collect();
    let hint = format!(
        "files are looked for in --runDir, by default the folder where you are, and this one is beside the experiment: \
         --runDir {} {}",
        shown(parent),
        shown(Path::new(name))
    );
    for found in found.iter_mut().filter(|found| found.hint.is_none()) {
        if lost.iter().any(|path| found.message.contains(path)) {
            found.hint = Some(hint.clone());
        }
    }
}

/// A path as it is typed.
fn shown(path: &Path) -> String {
    let path = path.strip_prefix(".").unwrap_or(path);
    quoted(&path.display().to_string())
}
