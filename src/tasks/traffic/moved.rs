//! [`Moved`]: traffic that was moved by a run that has not ended: whether it still is, and the way back.
//!
//! # A request without an answer
//! The API may carry it out at any time later, so that an object without our mark is no proof that nothing comes. It is out
//! of the question as soon as the object has another version: every change names the one it was made for. So the mark is
//! written by another request, and taken away again.

use std::sync::atomic::{AtomicBool, Ordering};

use futures_util::future::BoxFuture;
use serde_json::Value;
use tokio::time::Instant;

use super::mark::{ANNOTATION, Mark};
use super::site::Connected;
use super::split::{Rule, Split};
use super::weights::Weights;
use crate::tasks::alter::{Attempt, Patience, Trouble};
use crate::tasks::ledger::Pending;

/// Traffic that was moved.
pub(super) struct Moved {
    connected: Connected,
    rule: Rule,
    /// What of its requests the rule is for.
    matches: Value,
    /// The weights before this change.
    before: Weights,
    /// The weights since.
    wanted: Weights,
    /// Whether a request was sent that may still be carried out.
    doubtful: AtomicBool,
    /// Whether the request that takes the mark away was sent.
    closing: AtomicBool,
}

impl Moved {
    /// Of an object as it is before.
    pub(super) fn new(connected: Connected, split: &Split, object: &Value, wanted: &Weights) -> Self {
        Self {
            connected,
            rule: split.rule(),
            matches: split.matches(object).clone(),
            before: split.weights(),
            wanted: wanted.clone(),
            doubtful: AtomicBool::new(false),
            closing: AtomicBool::new(false),
        }
    }

    /// A request was sent, and nobody said what came of it.
    pub(super) fn has_no_answer(&self) {
        self.doubtful.store(true, Ordering::Relaxed);
    }

    /// It is known what came of all requests: one was carried out, and all others are too late.
    pub(super) fn has_answer(&self) {
        self.doubtful.store(false, Ordering::Relaxed);
    }

    /// Whether a request may still be carried out.
    pub(super) fn is_doubtful(&self) -> bool {
        self.doubtful.load(Ordering::Relaxed)
    }

    /// How the rule divides traffic now; an error if it is another one by now.
    fn split(&self, object: &Value) -> Result<Split, Trouble> {
        let connected = &self.connected;
        let split =
            Split::of(connected.site.kind, object, &self.rule).map_err(|why| connected.wrong(&why))?;
        let is_same = *split.matches(object) == self.matches && split.fits(&self.before);
        // A list that is written as a whole would lose what others have put there.
        let known = |name: &String| {
            [&self.before, &self.wanted]
                .iter()
                .any(|ours| ours.0.contains_key(name))
        };
        if is_same && (split.weights().0.keys().all(known) || connected.is_last(&split)) {
            return Ok(split);
        }
        Err(connected.by_others(&format!(
            "its rules or destinations are others now: somebody else has changed them since; see that its weights are right, and \
             remove the annotation {ANNOTATION} if it is there"
        )))
    }

    /// Whether an object has the weights as they were set, and the mark of nobody else.
    fn compare(&self, object: &Value) -> Result<(), Trouble> {
        let split = self.split(object)?;
        let needs_mark = self.before != self.wanted;
        if self.connected.own(object)?.is_none() {
            let other = Mark::of(object).map_err(|why| self.connected.wrong(&why))?;
            if needs_mark || other.is_some() {
                return Err(self.connected.taken_over(other.as_ref()));
            }
        }
        let now = split.weights();
        if now != self.wanted {
            return Err(self.connected.changed(&now, &self.wanted));
        }
        Ok(())
    }

    /// Takes our mark away; with `back` the weights before are set, too.
    async fn end(&self, deadline: Instant, back: bool) -> Result<(), Trouble> {
        let patience = Patience::until(deadline);
        loop {
            match self.attempt(&patience, back).await? {
                Attempt::Done(_) => return Ok(()),
                Attempt::Outrun(why) | Attempt::Unanswered(why) => {
                    self.connected.pause(&patience, &why).await?;
                }
            }
        }
    }

    async fn attempt(&self, patience: &Patience, back: bool) -> Result<Attempt, Trouble> {
        let connected = &self.connected;
        let object = connected.object(patience).await?;
        let Some(mut mark) = connected.own(&object)? else {
            return self.unmarked(object, patience, back).await;
        };
        let split = self.split(&object)?;
        if !back {
            self.compare(&object)?;
        }
        mark.before.remove(&split.rule().unwrap_or_default());
        let mark = (!mark.before.is_empty()).then_some(mark);
        let mut new = object.clone();
        if back {
            split.put(&mut new, &self.before);
        }
        self.closing.store(true, Ordering::Relaxed);
        let manner = connected.manner(false);
        let attempt = connected
            .apply(&object, &new, mark.as_ref(), patience, manner)
            .await;
        if matches!(attempt, Ok(Attempt::Done(_))) {
            self.has_answer();
        }
        attempt
    }

    /// An object that has not our mark: the request that was to write it has not come to the API, or the one that takes it
    /// away has, or somebody else took it.
    async fn unmarked(&self, object: Value, patience: &Patience, back: bool) -> Result<Attempt, Trouble> {
        let connected = &self.connected;
        let there = Mark::of(&object).map_err(|why| connected.wrong(&why))?;
        let may_be_done = back || self.closing.load(Ordering::Relaxed);
        let as_meant = if back { &self.before } else { &self.wanted };
        if there.is_some() || !may_be_done {
            return Err(connected.taken_over(there.as_ref()));
        }
        let split = self.split(&object)?;
        if split.weights() != *as_meant {
            return Err(connected.taken_over(None));
        }
        if !self.is_doubtful() {
            return Ok(Attempt::Done(object));
        }
        let mark = connected.mark(&object, &split)?;
        let manner = connected.manner(false);
        let fence = connected.apply(&object, &object, Some(&mark), patience, manner);
        Ok(match fence.await? {
            Attempt::Done(_) => Attempt::Outrun("a request without an answer was made void".to_owned()),
            other @ (Attempt::Outrun(_) | Attempt::Unanswered(_)) => other,
        })
    }
}

impl Pending for Moved {
    fn check(&self, deadline: Instant) -> BoxFuture<'_, Result<(), String>> {
        Box::pin(async move {
            let object = self.connected.object(&Patience::until(deadline)).await;
            let compared = object.and_then(|object| self.compare(&object));
            compared.map_err(Trouble::text)
        })
    }

    fn undo(&self, deadline: Instant) -> BoxFuture<'_, Result<String, String>> {
        Box::pin(async move {
            let ended = self.end(deadline, true).await;
            let before = &self.before;
            ended.map(|()| before.to_string()).map_err(|trouble| {
                let advice = if trouble.is_by_others() {
                    ""
                } else {
                    "; the next run with this object does it, or set them by hand"
                };
                format!("not rolled back to {before}: {}{advice}", trouble.text())
            })
        })
    }

    fn keep(&self, deadline: Instant) -> BoxFuture<'_, Result<(), String>> {
        Box::pin(async move {
            let ended = self.end(deadline, false).await;
            ended.map_err(|trouble| {
                if trouble.is_by_others() {
                    return trouble.text();
                }
                let why = trouble.text();
                format!(
                    "the annotation {ANNOTATION} was not removed, and the next run would roll it back: {why}"
                )
            })
        })
    }
}
