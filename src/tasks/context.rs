//! [`RunContext`]: what tasks share while an experiment runs.

use std::path::PathBuf;
use std::sync::Arc;

use tokio_util::sync::CancellationToken;

use super::{Ahead, Event, Groups, Publisher};
use crate::cluster::Access;
use crate::secret::Mask;
use crate::slo::Policy;

/// From where the target is reached; it decides what can be said about `localhost`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Reach {
    /// From the machine itself.
    Machine,
    /// From inside a container, whose `localhost` is its own.
    Container,
}

/// What tasks share.
#[derive(Clone)]
pub struct RunContext {
    /// Cancelled by a signal: finish soon, keep what was measured.
    pub shutdown: CancellationToken,
    /// Where events go.
    pub events: Arc<dyn Fn(Event) + Send + Sync>,
    /// The secrets.
    pub mask: Mask,
    /// How undecided objectives are judged, unless their task says otherwise.
    pub policy: Policy,
    /// From where the target is reached.
    pub reach: Reach,
    /// Where scripts run.
    pub folder: PathBuf,
    /// What scripts left running; ended after the last task.
    pub groups: Groups,
    /// The objectives that later tasks will judge on what the running one measures.
    pub ahead: Vec<Ahead>,
    /// Who publishes in the middle of a run.
    pub publisher: Arc<dyn Publisher>,
    /// How a Kubernetes cluster is reached.
    pub cluster: Access,
}

impl RunContext {
    /// A context of a test: nobody watches.
    #[cfg(test)]
    pub(super) fn silent() -> Self {
        Self {
            shutdown: CancellationToken::new(),
            events: Arc::new(|_| {}),
            mask: Mask::default(),
            policy: Policy::default(),
            reach: Reach::Machine,
            folder: std::env::temp_dir(),
            groups: Groups::default(),
            ahead: Vec::new(),
            publisher: Arc::new(super::publish::tests::Nobody),
            cluster: Access::default(),
        }
    }

    /// Tells those who watch.
    pub fn emit(&self, event: Event) {
        (self.events)(event);
    }
}
