//! [`Ledger`]: what tasks changed in clusters: it stands in the result whatever happens, and is undone unless the run passes.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use futures_util::future::BoxFuture;
use jiff::Timestamp;
use tokio::time::Instant;
use tokio_util::sync::CancellationToken;

use crate::results::{ObjectChange, Outcome, RolledBack};
use crate::template::{Random, uuid_text};

/// How long changes may take to be looked at, undone or confirmed: an API server may be away for a while.
const PATIENCE: Duration = Duration::from_secs(30);
/// The same from a signal on: whoever sent it will not wait for long.
const HASTE: Duration = Duration::from_millis(3500);

/// A change that was made, and that is open until its run has ended.
pub(super) trait Pending: Send + Sync {
    /// Sees that it still is as it was made; the error says what is not.
    fn check(&self, deadline: Instant) -> BoxFuture<'_, Result<(), String>>;

    /// Puts back what was there before the run; says what that is. It may be begun anew before it has ended, as `keep` may.
    fn undo(&self, deadline: Instant) -> BoxFuture<'_, Result<String, String>>;

    /// Sees that it is as it was made and lets it stand, and takes away what was only there to undo it.
    fn keep(&self, deadline: Instant) -> BoxFuture<'_, Result<(), String>>;
}

/// A change that did not stay as a task made it.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Astray {
    /// The task, from 1.
    pub(super) task: usize,
    /// What became of its change.
    pub(super) why: String,
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
    /// The last of each field, which knows what is to be there now.
    stands: Vec<(ObjectChange, Arc<dyn Pending>)>,
    /// When traffic was moved last.
    moved: Option<Timestamp>,
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
        find(&self.entries().open, change).is_some()
    }

    /// Sees that the field of a change is as this run has set it, if it has.
    pub(super) async fn check_field(&self, change: &ObjectChange) -> Result<(), String> {
        let standing = find(&self.entries().stands, change).map(|(_, last)| Arc::clone(last));
        match standing {
            Some(last) => last.check(Instant::now() + PATIENCE).await,
            None => Ok(()),
        }
    }

    /// The last weights that this run gave a field, if it gave some.
    pub(super) fn last_made(&self, change: &ObjectChange) -> Option<String> {
        let entries = self.entries();
        let mut made = entries.made.iter();
        let last = made.rfind(|known| known.is_of_same(change) && is_made(known));
        last.map(|known| known.to.clone())
    }

    /// When traffic was moved last, if it was.
    pub(super) fn moved(&self) -> Option<Timestamp> {
        self.entries().moved
    }

    /// From now on what is measured is of traffic as it was moved.
    pub(super) fn has_moved(&self) {
        self.entries().moved = Some(Timestamp::now());
    }

    /// Remembers a change that is about to be made: nobody knows what comes of a request without an answer.
    pub(super) fn begin(&self, change: ObjectChange, pending: Arc<dyn Pending>) {
        let mut entries = self.entries();
        if find(&entries.open, &change).is_none() {
            entries.open.push((change.clone(), Arc::clone(&pending)));
        }
        entries.made.push(change.clone());
        drop(entries);
        self.stands(change, pending);
    }

    /// Remembers what a field is to be from now on.
    pub(super) fn stands(&self, change: ObjectChange, pending: Arc<dyn Pending>) {
        let mut entries = self.entries();
        entries.stands.retain(|(known, _)| !known.is_of_same(&change));
        entries.stands.push((change, pending));
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
        entries.stands.retain(|(known, _)| !known.is_of_same(change));
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

    /// Sees that everything is as it was set. A signal ends it: then nothing is known, and nothing will be kept.
    pub(super) async fn check(&self, stop: &CancellationToken) -> Option<Astray> {
        let stands = self.entries().stands.clone();
        let deadline = Instant::now() + PATIENCE;
        for (change, pending) in stands {
            let checked = tokio::select! {
                checked = pending.check(deadline) => checked,
                () = stop.cancelled() => return None,
            };
            if let Err(why) = checked {
                let task = change.task;
                return Some(Astray { task, why });
            }
        }
        None
    }

    /// Ends what is open, the last first: undoes it for the reason that is given, lets it stand without one. What cannot stand
    /// is undone, and told. From a signal on there is little time.
    pub(super) async fn settle(&self, why: Option<&str>, stop: &CancellationToken) -> Vec<Astray> {
        let (open, stands) = {
            let mut entries = self.entries();
            entries.moved = entries.moved.map(|_| Timestamp::now());
            (
                std::mem::take(&mut entries.open),
                std::mem::take(&mut entries.stands),
            )
        };
        let mut time = Time::until(stop);
        let mut astray = Vec::new();
        for (change, first) in open.into_iter().rev() {
            let ended = if let Some(why) = why {
                undo(&*first, why, &mut time).await.map(Some)
            } else {
                let last = find(&stands, &change).map_or(&first, |(_, last)| last);
                if let Err(why) = time.spend(|deadline| last.keep(deadline)).await {
                    let undone = undo(&*first, &why, &mut time).await;
                    let task = change.task;
                    astray.push(Astray {
                        task,
                        why: why.clone(),
                    });
                    undone.map(Some).map_err(|error| format!("{why}; {error}"))
                } else {
                    Ok(None)
                }
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
        astray
    }
}

fn find<'a>(
    list: &'a [(ObjectChange, Arc<dyn Pending>)],
    change: &ObjectChange,
) -> Option<&'a (ObjectChange, Arc<dyn Pending>)> {
    list.iter().find(|(known, _)| known.is_of_same(change))
}

async fn undo(pending: &dyn Pending, why: &str, time: &mut Time<'_>) -> Result<RolledBack, String> {
    let to = time.spend(|deadline| pending.undo(deadline)).await?;
    Ok(RolledBack {
        why: why.to_owned(),
        to,
        at: Timestamp::now(),
    })
}

/// The time there is to end changes.
struct Time<'a> {
    deadline: Instant,
    stop: &'a CancellationToken,
    in_haste: bool,
}

impl<'a> Time<'a> {
    fn until(stop: &'a CancellationToken) -> Self {
        let in_haste = stop.is_cancelled();
        Self {
            deadline: Instant::now() + if in_haste { HASTE } else { PATIENCE },
            stop,
            in_haste,
        }
    }

    /// Does something, which a signal lets begin anew with less time.
    async fn spend<'p, T>(&mut self, work: impl Fn(Instant) -> BoxFuture<'p, T>) -> T {
        if !self.in_haste {
            tokio::select! {
                done = work(self.deadline) => return done,
                () = self.stop.cancelled() => {}
            }
            self.in_haste = true;
            self.deadline = self.deadline.min(Instant::now() + HASTE);
        }
        work(self.deadline).await
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
        fn check(&self, deadline: Instant) -> BoxFuture<'_, Result<(), String>> {
            self.keep(deadline)
        }

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
        let going = CancellationToken::new();
        ledger.settle(Some("the verdict is fail"), &going).await;
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
        ledger.settle(None, &CancellationToken::new()).await;
        assert_eq!(ledger.changes(), [change("a", "10")]);
    }

    /// Was changed by others, and can be undone.
    struct Lost;

    impl Pending for Lost {
        fn check(&self, _: Instant) -> BoxFuture<'_, Result<(), String>> {
            Box::pin(async { Err("it is 0".to_owned()) })
        }

        fn undo(&self, _: Instant) -> BoxFuture<'_, Result<String, String>> {
            Box::pin(async { Ok("0".to_owned()) })
        }

        fn keep(&self, deadline: Instant) -> BoxFuture<'_, Result<(), String>> {
            self.check(deadline)
        }
    }

    #[tokio::test]
    async fn what_did_not_stay_is_told_and_is_not_kept() {
        let ledger = Ledger::default();
        let going = CancellationToken::new();
        ledger.begin(change("a", "10"), pending("0"));
        assert_eq!(ledger.check(&going).await, None);
        // What the field was set to last counts.
        ledger.begin(change("a", "30"), Arc::new(Lost));
        assert!(ledger.check_field(&change("a", "")).await.is_err());
        assert!(ledger.check_field(&change("b", "")).await.is_ok());
        let astray = Astray {
            task: 1,
            why: "it is 0".to_owned(),
        };
        assert_eq!(ledger.check(&going).await.as_ref(), Some(&astray));
        assert_eq!(ledger.settle(None, &going).await, [astray]);
        let last = ledger.changes().remove(1);
        let back = last.rolled_back.expect("it was undone");
        assert_eq!((back.to.as_str(), back.why.as_str()), ("0", "it is 0"));
    }

    /// Never ends before its time.
    struct Slow(Mutex<Vec<Duration>>);

    impl Slow {
        async fn wait(&self, deadline: Instant) {
            let left = deadline.saturating_duration_since(Instant::now());
            self.0.lock().expect("a lock").push(left);
            tokio::time::sleep_until(deadline).await;
        }
    }

    impl Pending for Slow {
        fn check(&self, deadline: Instant) -> BoxFuture<'_, Result<(), String>> {
            self.keep(deadline)
        }

        fn undo(&self, deadline: Instant) -> BoxFuture<'_, Result<String, String>> {
            Box::pin(async move {
                self.wait(deadline).await;
                Ok("0".to_owned())
            })
        }

        fn keep(&self, deadline: Instant) -> BoxFuture<'_, Result<(), String>> {
            Box::pin(async move {
                self.wait(deadline).await;
                Ok(())
            })
        }
    }

    #[tokio::test(start_paused = true)]
    async fn a_signal_shortens_what_is_being_undone() {
        let (ledger, stop) = (Ledger::default(), CancellationToken::new());
        let slow = Arc::new(Slow(Mutex::default()));
        ledger.begin(change("a", "10"), Arc::clone(&slow) as Arc<dyn Pending>);
        let signal = async {
            tokio::time::sleep(Duration::from_secs(1)).await;
            stop.cancel();
        };
        tokio::join!(ledger.settle(Some("the outcome is fail"), &stop), signal);
        assert_eq!(*slow.0.lock().expect("a lock"), [PATIENCE, HASTE]);
        assert!(ledger.changes()[0].rolled_back.is_some());
    }
}
