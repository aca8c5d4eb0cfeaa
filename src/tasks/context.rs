//! [`RunContext`]: what tasks share while an experiment runs.

use std::path::PathBuf;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use jiff::Timestamp;
use tokio_util::sync::CancellationToken;

use super::{Ahead, Event, Groups, Ledger, Publisher};
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
    /// From a pod of Kubernetes.
    Pod,
}

/// When the loads of a shard begin.
#[derive(Debug, Clone, Default)]
pub struct Appointment(Arc<Mutex<Loads>>);

#[derive(Debug, Default)]
struct Loads {
    /// Of the first load.
    start: Option<Timestamp>,
    /// Of the next one.
    next: Option<Timestamp>,
    /// Loads that have begun.
    begun: u64,
}

impl Appointment {
    /// The first load begins at this instant.
    pub fn at(start: Option<Timestamp>) -> Self {
        let next = start;
        Self(Arc::new(Mutex::new(Loads {
            start,
            next,
            begun: 0,
        })))
    }

    fn loads(&self) -> MutexGuard<'_, Loads> {
        // Who panicked in here has left nothing half done.
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// The start of the load that is about to begin, and what its random numbers follow from: the same for all shards.
    pub(super) fn take(&self) -> (Option<Timestamp>, u64) {
        let mut loads = self.loads();
        loads.begun += 1;
        let start = loads
            .start
            .map_or(0, |start| start.as_microsecond().cast_unsigned());
        (loads.next.take(), start.wrapping_add(loads.begun))
    }

    /// The start of the load after it.
    pub(super) fn next(&self, at: Option<Timestamp>) {
        self.loads().next = at;
    }
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
    /// What was changed there.
    pub ledger: Ledger,
    /// Position of the running task, from 1.
    pub task: usize,
    /// Which of its steps it is at, from 0.
    pub step: usize,
    /// Whether this is one of several shards, which judge and tell nothing.
    pub is_shard: bool,
    /// When its loads begin.
    pub appointment: Appointment,
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
            ledger: Ledger::default(),
            task: 0,
            step: 0,
            is_shard: false,
            appointment: Appointment::default(),
        }
    }

    /// Tells those who watch.
    pub fn emit(&self, event: Event) {
        (self.events)(event);
    }
}
