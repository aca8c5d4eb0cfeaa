//! What happened: the result of an experiment and its outcome.

mod environment;
mod experiment;
mod facts;
mod fingerprint;
mod history;
pub mod legacy;
mod loops;
pub mod merge;
mod object_change;
mod outcome;
mod shard;
mod shorten;
mod unproven;
mod wire;

pub use environment::Environment;
pub use experiment::{ExperimentResult, Imported, SourceInfo, TaskRecord, TaskStatus};
pub use fingerprint::fingerprint;
pub use history::{Change, History};
pub use loops::{KEPT, PastLoop};
pub use object_change::{ObjectChange, RolledBack};
pub use outcome::{Outcome, OutcomeReason};
pub use shard::{MOST_SHARDS, MergedShard, Shard, ShardNumber, ShardNumberError, Shards};
pub use shorten::Detail;
pub use wire::{WireError, parse, read, read_bounded, schema, store, unmeasurable, write};
