//! [`Ledger`]: what tasks changed in clusters: it stands in the result whatever happens, and is undone unless the run passes.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use futures_util::future::BoxFuture;
use jiff::Timestamp;
use tokio::time::Instant;

use crate::results::{ObjectChange, Outcome, RolledBack};
use crate::template::{Random, uuid_text};

/// How long changes may take to be undone or confirmed when a run ends by itself: an API server may be away for a while.
const PATIENCE: Duration = Duration::from_secs(30);
/// The same when a signal ended it: whoever sent it will not wait for long.
const HASTE: Duration = Duration::from_secs(4);

/// A change that was made, and that is open until its run has ended.
pub(super) trait Pending: Send + Sync {
    /// Puts back what was there before the run; says what that is.
    fn undo(&self, deadline: Instant) -> BoxFuture<'_, Result<String, String>>;

    /// Lets it stand, and takes away what was only there to undo it.
    fn keep(&self, deadline: Instant) -> BoxFuture<'_, Result<(), String>>;
}

/// The changes of a run. Cloning shares them.
#[derive(Clone)]
pub struct Ledger(Arc<Inner>);

struct Inner {
    run: String,
    entries: Mutex<Entries>,
}

#[derive(Default)]
struct Entries {
    made: Vec<ObjectChange>,
    /// The first change of each field, which knows what was there before.
    open: Vec<(ObjectChange, Arc<dyn Pending>)>,
}

impl Default for Ledger {
    fn default() -> Self {
        Self(Arc::new(Inner {
            run: uuid_text(Random::from_system().uuid()),
            entries: Mutex::default(),
        }))
    }
}

impl Ledger {
    /// What tells this run from others.
    pub(super) fn run(&self) -> &str {
        &self.0.run
    }

    fn entries(&self) -> MutexGuard<'_, Entries> {
        // Who panicked in here has left nothing half done.
        self.0.entries.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Everything that was changed so far.
    pub(super) fn changes(&self) -> Vec<ObjectChange> {
        self.entries().made.clone()
    }

    /// Whether the field of a change was changed before by this run.
    pub(super) fn is_open(&self, change: &ObjectChange) -> bool {
        self.entries()
            .open
            .iter()
            .any(|(known, _)| known.is_of_same(change))
    }

    /// Remembers a change that is about to be made: nobody knows what comes of a request without an answer.
    pub(super) fn begin(&self, change: ObjectChange, pending: Arc<dyn Pending>) {
        let mut entries = self.entries();
        if !entries.open.iter().any(|(known, _)| known.is_of_same(&change)) {
            entries.open.push((change.clone(), pending));
        }
        entries.made.push(change);
    }

    /// Adds what changes nothing that is to be undone: a trial, or a change of a run before that was undone.
    pub(super) fn add(&self, change: ObjectChange) {
        self.entries().made.push(change);
    }

    /// Forgets the last change, which was refused.
    pub(super) fn withdraw(&self, change: &ObjectChange) {
        let mut entries = self.entries();
        let Some(last) = entries.made.iter().rposition(|known| known == change) else {
            return;
        };
        entries.made.remove(last);
        if !entries
            .made
            .iter()
            .any(|known| known.is_of_same(change) && is_made(known))
        {
            entries.open.retain(|(known, _)| !known.is_of_same(change));
        }
    }

    /// Says what the tasks that were run with the last change of a task came to.
    pub(super) fn judge(&self, task: usize, outcome: Outcome) {
        let mut entries = self.entries();
        if let Some(last) = entries.made.iter_mut().rfind(|change| change.task == task) {
            last.outcome = Some(outcome);
        }
    }

    /// Whether something is open.
    pub(super) fn has_open(&self) -> bool {
        !self.entries().open.is_empty()
    }

    /// Ends what is open, the last first: undoes it for the reason that is given, lets it stand without one.
    pub(super) async fn settle(&self, why: Option<&str>, in_haste: bool) {
        let open = std::mem::take(&mut self.entries().open);
        let deadline = Instant::now() + if in_haste { HASTE } else { PATIENCE };
        for (change, pending) in open.into_iter().rev() {
            let ended = match why {
                Some(why) => pending.undo(deadline).await.map(|to| {
                    Some(RolledBack {
                        why: why.to_owned(),
                        to,
                        at: Timestamp::now(),
                    })
                }),
                None => pending.keep(deadline).await.map(|()| None),
            };
            let mut entries = self.entries();
            let mut made = entries.made.iter_mut();
            if let Some(last) = made.rfind(|known| known.is_of_same(&change) && is_made(known)) {
                match ended {
                    Ok(rolled_back) => last.rolled_back = rolled_back,
                    Err(error) => last.error = Some(error),
                }
            }
        }
    }
}

/// Whether it was not only tried, and by this run.
fn is_made(change: &ObjectChange) -> bool {
    !change.dry_run && change.rolled_back.is_none()
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Undoes nothing, or fails to.
    struct Fake(Result<String, String>);

    impl Pending for Fake {
        fn undo(&self, _: Instant) -> BoxFuture<'_, Result<String, String>> {
            Box::pin(async { self.0.clone() })
        }

        fn keep(&self, _: Instant) -> BoxFuture<'_, Result<(), String>> {
            Box::pin(async { self.0.clone().map(drop) })
        }
    }

    fn change(object: &str, to: &str) -> ObjectChange {
        ObjectChange {
            task: 1,
            object: object.to_owned(),
            namespace: "prod".to_owned(),
            field: "spec".to_owned(),
            from: "0".to_owned(),
            to: to.to_owned(),
            at: Timestamp::UNIX_EPOCH,
            dry_run: false,
            outcome: None,
            rolled_back: None,
            error: None,
        }
    }

    fn pending(text: &str) -> Arc<dyn Pending> {
        Arc::new(Fake(Ok(text.to_owned())))
    }

    #[tokio::test]
    async fn a_field_goes_back_to_what_it_was_before_the_first_change() {
        let ledger = Ledger::default();
        ledger.begin(change("a", "10"), pending("0"));
        ledger.begin(change("a", "30"), pending("10"));
        ledger.begin(change("b", "1"), Arc::new(Fake(Err("it is gone".to_owned()))));
        ledger.settle(Some("the verdict is fail"), false).await;
        let made = ledger.changes();
        let undone: Vec<Option<&str>> = made
            .iter()
            .map(|change| change.rolled_back.as_ref().map(|back| back.to.as_str()))
            .collect();
        assert_eq!(undone, [None, Some("0"), None]);
        assert_eq!(made[2].error.as_deref(), Some("it is gone"));
        // Once is enough.
        assert!(!ledger.has_open());
    }

    #[tokio::test]
    async fn what_was_refused_is_no_change() {
        let ledger = Ledger::default();
        ledger.begin(change("a", "10"), pending("0"));
        ledger.withdraw(&change("a", "10"));
        assert!(ledger.changes().is_empty() && !ledger.has_open());
        ledger.begin(change("a", "10"), pending("0"));
        ledger.begin(change("a", "30"), pending("10"));
        ledger.withdraw(&change("a", "30"));
        assert_eq!(ledger.changes().len(), 1);
        assert!(ledger.has_open());
        ledger.settle(None, false).await;
        assert_eq!(ledger.changes(), [change("a", "10")]);
    }
}
