//! What happened: the result of an experiment and its outcome.

mod environment;
mod experiment;
mod facts;
mod history;
pub mod legacy;
mod loops;
mod outcome;
mod wire;

pub use environment::Environment;
pub use experiment::{ExperimentResult, Imported, SourceInfo, TaskRecord, TaskStatus};
pub use history::{Change, History};
pub use loops::{KEPT, PastLoop};
pub use outcome::{Outcome, OutcomeReason};
pub use wire::{WireError, parse, read, schema, store, write};
