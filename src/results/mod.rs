//! What happened: the result of an experiment and its outcome.

mod environment;
mod experiment;
mod facts;
mod outcome;
mod wire;

pub use environment::Environment;
pub use experiment::{ExperimentResult, SourceInfo, TaskRecord, TaskStatus};
pub use outcome::{Outcome, OutcomeReason};
pub use wire::{WireError, read, schema, store, write};
