//! [`gather`]: one result from what shards left, where none of them merged it: the first one, which does that, was lost.

use std::time::Duration;

use super::store::{self, StoreError};
use crate::cli::args::LogLevel;
use crate::cli::console::Console;
use crate::cli::exit::Exit;
use crate::cluster::Cluster;
use crate::cluster::manifests::Group;
use crate::diagnostic::Diagnostic;
use crate::results::ExperimentResult;
use crate::results::merge::{MergeError, Merger};

/// Why there is no such result.
#[derive(Debug, thiserror::Error)]
pub(super) enum GatherError {
    /// They cannot be read.
    #[error(transparent)]
    Store(#[from] StoreError),
    /// They do not belong together.
    #[error(transparent)]
    Merge(#[from] MergeError),
}

impl GatherError {
    /// Whether it may be otherwise in a while.
    pub(super) fn may_pass(&self) -> bool {
        matches!(self, Self::Store(error) if error.may_pass())
    }

    /// Tells it, and how the process ends because of it.
    pub(super) fn tell(&self, console: &Console) -> Exit {
        match self {
            Self::Store(error) => super::unstored(error, console),
            Self::Merge(error) => {
                let message = format!("what the shards left cannot be merged: {error}");
                console.diagnostics(&[Diagnostic::error(message)]);
                Exit::Error
            }
        }
    }
}

/// What so many shards left of a revision, and of a Job where one is there, merged as `iter8 merge` does; nothing if none left anything. A shard without a
/// result of that revision is lost, and named in the result.
pub(super) async fn gather(
    (cluster, group): (&Cluster, &Group),
    (revision, count, job): (u32, u32, Option<&str>),
    patience: Duration,
    console: &Console,
) -> Result<Option<ExperimentResult>, GatherError> {
    let mut merger = Merger::new(Some(count));
    let mut environment = None;
    for index in 0..count {
        let left = match store::read_shard(cluster, group, (index, revision, job), patience).await {
            Ok(left) => left.result,
            Err(StoreError::NoGroup { .. } | StoreError::Other { .. }) => None,
            Err(error @ StoreError::Unreadable { .. }) => {
                console.say(LogLevel::Warning, &format!("warning: {error}"));
                continue;
            }
            Err(error) => return Err(error.into()),
        };
        let Some(result) = left else { continue };
        // It was measured where they ran, not where somebody asks.
        environment.get_or_insert_with(|| result.environment.clone());
        merger.add(&format!("shard {index}"), result)?;
    }
    let Some(environment) = environment else {
        return Ok(None);
    };
    let text = "no shard merged the results: they are merged here";
    console.say(LogLevel::Info, text);
    Ok(Some(merger.finish(environment)?))
}
