//! [`Diary`]: what a run has measured so far, kept in its ConfigMap after its tasks: a pod that is killed leaves it there.
//!
//! Such a result says that it has not come to its end, which no gate takes for a pass.

use std::time::Duration;

use tokio::sync::watch;
use tokio::task::{JoinHandle, spawn_blocking};
use tokio::time::{Instant, sleep};

use super::ANSWER;
use super::keeper::Keeper;
use super::store::{self, Packed, StoreError};
use crate::cli::args::LogLevel;
use crate::cli::console::Console;
use crate::cluster::manifests::Group;
use crate::cluster::{Line, ObjectName};
use crate::results::ExperimentResult;

/// A run that ends within this time after a task keeps its result by itself.
const SETTLING: Duration = Duration::from_secs(1);
/// From one entry to the next, at least.
const INTERVAL: Duration = Duration::from_secs(10);

/// Keeps what is measured, beside the run, which does not wait for it.
pub(super) struct Diary {
    seen: watch::Sender<Option<ExperimentResult>>,
    writer: JoinHandle<()>,
}

impl Diary {
    /// Begins one.
    pub(super) fn begin(keeper: &Keeper<'_>, place: ObjectName, revision: u32) -> Self {
        let (seen, news) = watch::channel(None);
        let scribe = Scribe {
            line: keeper.line.clone(),
            group: keeper.group.clone(),
            job: keeper.job.clone(),
            console: keeper.console.clone(),
            place,
            revision,
        };
        let writer = tokio::spawn(scribe.write(news));
        Self { seen, writer }
    }

    /// Takes note of a result with something in it.
    pub(super) fn see(&self, result: &ExperimentResult) {
        if !result.insights.versions.is_empty() {
            self.seen.send_replace(Some(result.clone()));
        }
    }

    /// Ends it: nothing is written from now on.
    pub(super) async fn end(mut self) {
        self.writer.abort();
        // It was ended, or had.
        let _ = (&mut self.writer).await;
    }
}

impl Drop for Diary {
    fn drop(&mut self) {
        self.writer.abort();
    }
}

struct Scribe {
    line: Line,
    group: Group,
    job: Option<String>,
    console: Console,
    place: ObjectName,
    revision: u32,
}

impl Scribe {
    async fn write(self, mut news: watch::Receiver<Option<ExperimentResult>>) {
        while news.changed().await.is_ok() {
            sleep(SETTLING).await;
            let Some(result) = news.borrow_and_update().clone() else {
                continue;
            };
            // Packing takes a while, and whoever sends a load is not to wait for it.
            let Ok(Ok(packed)) = spawn_blocking(move || Packed::of(&result, None)).await else {
                continue;
            };
            match self.keep(&packed).await {
                Ok(()) => {}
                // The run learns of it at its end.
                Err(StoreError::Other { .. } | StoreError::NoGroup { .. }) => return,
                Err(error) => {
                    let text = format!("what was measured so far is not kept: {error}");
                    self.console.say(LogLevel::Debug, &text);
                }
            }
            sleep(INTERVAL).await;
        }
    }

    async fn keep(&self, packed: &Packed) -> Result<(), StoreError> {
        let by = (&self.place, self.revision, self.job.as_deref());
        let cluster = self.line.cluster().await;
        match store::write(&cluster, &self.group, by, packed, ANSWER).await {
            Err(refused) if refused.is_unknown() => {
                match self.line.renewed(&cluster, Instant::now() + ANSWER).await? {
                    Some(renewed) => store::write(&renewed, &self.group, by, packed, ANSWER).await,
                    None => Err(refused),
                }
            }
            kept => kept,
        }
    }
}
