//! [`from_experiment`] and [`from_result`]: what Iter8 0.8 to 0.15 stored, as an [`ExperimentResult`]. Nothing behind it
//! knows an era.
//!
//! # How
//! YAML → `Stored` (one file per form: `v0_8` for the lists of 0.8 to 0.10, `v0_11` for the maps after them) →
//! `convert`. What was judged stays judged as it was stored; values are only looked up, never estimated anew.

mod convert;
mod lift;
mod lookup;
mod names;
mod reader;
mod stored;
mod tasks;
mod v0_11;
mod v0_8;

#[cfg(test)]
mod tests;

use super::ExperimentResult;
use crate::diagnostic::Diagnostic;
use crate::spec::SourceFile;
use lift::Lifted;
use reader::Reader;
use stored::Stored;

/// Largest result that is read, in bytes.
pub const LARGEST: u64 = 64 << 20;

/// The result in an experiment file of 0.11 to 0.15; nothing where the file has none.
pub fn from_experiment(experiment: &SourceFile) -> Result<Option<ExperimentResult>, Diagnostic> {
    let (root, lifted) = Lifted::parse(experiment)?;
    let reader = Reader::new(lifted.source());
    let Some(result) = reader::field(&root, "result") else {
        return Ok(None);
    };
    let tasks = tasks::of(&root, reader)?;
    let stored = Stored::read(result, reader, lifted.lists())?;
    Ok(Some(convert::result(stored, tasks, experiment.name())))
}

/// The result file of 0.8 to 0.10, beside the experiment that it is of.
pub fn from_result(result: &SourceFile, experiment: &SourceFile) -> Result<ExperimentResult, Diagnostic> {
    let (root, _) = Lifted::parse(experiment)?;
    let tasks = tasks::of(&root, Reader::new(experiment))?;
    let (root, lifted) = Lifted::parse(result)?;
    let reader = Reader::new(lifted.source());
    let stored = Stored::read(&root, reader, lifted.lists())?;
    Ok(convert::result(stored, tasks, result.name()))
}
