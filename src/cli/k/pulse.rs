//! [`Pulse`]: a pod of several says again and again that it goes on, so that one whose part takes longer is not taken for lost.

use std::time::Duration;

use tokio::task::JoinHandle;
use tokio::time::{Instant, sleep};

use super::ANSWER;
use super::keeper::Keeper;
use super::store::{self, StoreError};
use crate::cluster::manifests::Group;
use crate::cluster::{Line, ObjectName};

/// From one sign to the next.
const INTERVAL: Duration = Duration::from_secs(8);

/// Gives signs until it is dropped.
pub(super) struct Pulse(JoinHandle<()>);

impl Pulse {
    /// Begins in an object of a revision.
    pub(super) fn begin(keeper: &Keeper<'_>, place: ObjectName, revision: u32) -> Self {
        let (line, group) = (keeper.line.clone(), keeper.group.clone());
        Self(tokio::spawn(beat(line, group, place, revision)))
    }
}

impl Drop for Pulse {
    fn drop(&mut self) {
        self.0.abort();
    }
}

async fn beat(line: Line, group: Group, place: ObjectName, revision: u32) {
    let begun = Instant::now();
    loop {
        let text = format!("{} s", begun.elapsed().as_secs());
        let cluster = line.cluster().await;
        let told = store::sign(&cluster, &group, (&place, revision), &text, ANSWER).await;
        // The run learns of it at its end. What else is in the way may pass.
        if let Err(StoreError::Other { .. } | StoreError::NoGroup { .. }) = told {
            return;
        }
        if told.is_err_and(|refused| refused.is_unknown()) {
            // Where there are none, the next sign tries again.
            let _ = line.renewed(&cluster, Instant::now() + INTERVAL).await;
        }
        sleep(INTERVAL).await;
    }
}
