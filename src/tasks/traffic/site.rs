//! [`Site`]: an object whose traffic is moved: how its weights are read, set, and set back.
//!
//! # How a change is made
//! The object is read, its weights are replaced, and what the API takes as one is applied on the server's side, with the
//! version that was read: who changes it between the two is not overruled, it is read again. In the same request the
//! weights before are written on the object ([`Mark`]): a run that is killed leaves them there, and the next one sets them
//! back. Of two runs that move one object the later takes over, and the earlier notices.

use std::collections::BTreeMap;
use std::sync::Arc;

use jiff::Timestamp;
use serde_json::Value;

use super::kind::Kind;
use super::mark::{ANNOTATION, Mark};
use super::moved::Moved;
use super::observed::Observer;
use super::split::{Rule, Split};
use super::weights::Weights;
use crate::cluster::{MANAGER, Manner, ObjectName, owned};
use crate::results::{ObjectChange, RolledBack};
use crate::tasks::alter::{Attempt, Link, Patience, Trouble, apply, put, read};
use crate::tasks::ledger::Ledger;
use crate::tasks::{RunContext, TaskError};

/// An object whose traffic is moved.
#[derive(Debug, Clone)]
pub(super) struct Site {
    pub(super) kind: Kind,
    pub(super) object: ObjectName,
    pub(super) rule: Rule,
    pub(super) force: bool,
    pub(super) dry_run: bool,
}

/// An object whose traffic is moved, in its cluster, by a run.
#[derive(Clone)]
pub(super) struct Connected {
    pub(super) site: Site,
    link: Arc<Link>,
    ledger: Ledger,
    task: usize,
}

/// What came of weights that were to be set.
pub(super) enum Came {
    /// They were set; this tells when they are in force, if somebody does.
    Set(Option<Observer>),
    /// They were so already.
    Nothing,
}

impl Site {
    /// Reaches its cluster.
    pub(super) async fn connect(&self, context: &RunContext) -> Result<Connected, TaskError> {
        Ok(Connected {
            site: self.clone(),
            link: Arc::new(Link::to(&context.cluster).await?),
            ledger: context.ledger.clone(),
            task: context.task,
        })
    }

    /// The object, for people.
    pub(super) fn named(&self) -> String {
        self.object.to_string()
    }
}

impl Connected {
    pub(super) fn wrong(&self, why: &str) -> Trouble {
        Trouble::with(&self.site.object, why)
    }

    fn namespace(&self) -> &str {
        let own = self.site.object.namespace.as_deref();
        own.unwrap_or(self.link.namespace())
    }

    /// What the API has.
    pub(super) async fn object(&self, patience: &Patience) -> Result<Value, Trouble> {
        loop {
            match read(&self.link, &self.site.object, patience).await? {
                Attempt::Done(object) => return Ok(object),
                Attempt::Outrun(why) | Attempt::Unanswered(why) => self.pause(patience, &why).await?,
            }
        }
    }

    /// The same, and how traffic is divided by it.
    async fn read(&self, patience: &Patience) -> Result<(Value, Split), Trouble> {
        let object = self.object(patience).await?;
        let split = Split::of(self.site.kind, &object, &self.site.rule);
        let split = split.map_err(|why| self.wrong(&why))?;
        Ok((object, split))
    }

    /// How traffic is divided now. What a run left that was killed is set back before.
    pub(super) async fn look(&self, patience: &Patience) -> Result<Split, TaskError> {
        loop {
            let (object, split) = self.read(patience).await?;
            let Some(mark) = self.left(&object)? else {
                return Ok(split);
            };
            let here = self.change(&split, &split.weights(), &split.weights());
            if self.ledger.is_open(&here) {
                return Err(self.taken_over(Some(&mark)).into());
            }
            match self.set_back(&object, &mark, patience).await? {
                Attempt::Done(_) => {}
                Attempt::Outrun(why) | Attempt::Unanswered(why) => self.pause(patience, &why).await?,
            }
        }
    }

    /// The mark of a run that has not ended, if it is not ours.
    fn left(&self, object: &Value) -> Result<Option<Mark>, Trouble> {
        let mark = Mark::of(object).map_err(|why| self.wrong(&why))?;
        Ok(mark.filter(|mark| mark.run != self.ledger.run()))
    }

    /// Sets back what a run left that was killed.
    async fn set_back(&self, object: &Value, mark: &Mark, patience: &Patience) -> Result<Attempt, Trouble> {
        if self.site.dry_run {
            let why = format!(
                "its traffic was moved by another run ({}), which has not ended",
                mark.who()
            );
            return Err(self.wrong(&why));
        }
        let mut new = object.clone();
        let mut changes = Vec::new();
        for (rule, before) in &mark.before {
            let rule = (!rule.is_empty()).then(|| rule.clone());
            let split = Split::of(self.site.kind, object, &rule);
            let fitting = split.and_then(|split| {
                let why = || "its destinations are others now".to_owned();
                split.fits(before).then_some(split).ok_or_else(why)
            });
            let split = fitting.map_err(|why| {
                self.wrong(&format!(
                    "another run ({}) moved its traffic and did not end; before that it was {before}, which cannot be set back: \
                     {why}. See that its weights are right, and remove the annotation {ANNOTATION}",
                    mark.who()
                ))
            })?;
            changes.push(ObjectChange {
                rolled_back: Some(RolledBack {
                    why: format!("another run moved it and did not end ({})", mark.who()),
                    to: before.to_string(),
                    at: Timestamp::now(),
                }),
                ..self.change(&split, before, &split.weights())
            });
            split.put(&mut new, before);
        }
        let attempt = self
            .apply(object, &new, None, patience, self.manner(false))
            .await?;
        if let Attempt::Done(_) = attempt {
            changes.into_iter().for_each(|change| self.ledger.add(change));
        }
        Ok(attempt)
    }

    /// Whether weights are the last that this run has set.
    pub(super) fn is_last(&self, split: &Split) -> bool {
        let now = split.weights();
        let last = self.ledger.last_made(&self.change(split, &now, &now));
        last.is_some_and(|last| last == now.to_string())
    }

    fn change(&self, split: &Split, from: &Weights, to: &Weights) -> ObjectChange {
        ObjectChange {
            task: self.task,
            object: self.site.named(),
            namespace: self.namespace().to_owned(),
            field: split.field(),
            from: from.to_string(),
            to: to.to_string(),
            at: Timestamp::now(),
            dry_run: self.site.dry_run,
            outcome: None,
            rolled_back: None,
            error: None,
        }
    }

    /// Sees that weights can be set, and sets nothing: rights, admission and who else manages them are asked for.
    pub(super) async fn rehearse(&self, wanted: &Weights, patience: &Patience) -> Result<(), TaskError> {
        loop {
            let (object, split) = self.read(patience).await?;
            let mark = self.mark(&object, &split)?;
            let mut new = object.clone();
            split.put(&mut new, wanted);
            let manner = self.manner(true);
            match self.apply(&object, &new, Some(&mark), patience, manner).await? {
                Attempt::Done(answer) => {
                    return self.check_taken(&answer, &split, wanted).map_err(Into::into);
                }
                Attempt::Outrun(why) | Attempt::Unanswered(why) => self.pause(patience, &why).await?,
            }
        }
    }

    /// Remembers weights that were only tried.
    pub(super) fn tried(&self, split: &Split, from: &Weights, to: &Weights) {
        self.ledger.add(self.change(split, from, to));
    }

    /// Sets weights.
    pub(super) async fn set(&self, wanted: &Weights, patience: &Patience) -> Result<Came, TaskError> {
        let (object, split) = self.read(patience).await?;
        let now = split.weights();
        let change = self.change(&split, &now, wanted);
        self.check_own(&object, &change)?;
        self.ledger.check_field(&change).await.map_err(TaskError::new)?;
        let moved = Arc::new(Moved::new(self.clone(), &split, &object, wanted));
        if now == *wanted {
            self.ledger.stands(change, moved);
            return Ok(Came::Nothing);
        }
        let was_open = self.ledger.is_open(&change);
        let observer = Observer::of(self.site.kind, &object);
        self.ledger.begin(change.clone(), Arc::clone(&moved) as _);
        let set = self.insist((object, split), wanted, &moved, was_open, patience);
        match set.await {
            Ok(()) => Ok(Came::Set(observer)),
            Err(trouble) => {
                // Of a request without an answer nobody knows what came of it.
                if trouble.is_sure() && !moved.is_doubtful() {
                    self.ledger.withdraw(&change);
                }
                Err(trouble.into())
            }
        }
    }

    /// Asks the API until it has set weights, or says why it does not.
    async fn insist(
        &self,
        (mut object, mut split): (Value, Split),
        wanted: &Weights,
        moved: &Moved,
        was_open: bool,
        patience: &Patience,
    ) -> Result<(), Trouble> {
        loop {
            let mark = self.mark(&object, &split)?;
            let mut new = object.clone();
            split.put(&mut new, wanted);
            let manner = self.manner(false);
            match self.apply(&object, &new, Some(&mark), patience, manner).await? {
                Attempt::Done(answer) => {
                    moved.has_answer();
                    return self.check_taken(&answer, &split, wanted);
                }
                Attempt::Outrun(why) => self.pause(patience, &why).await?,
                Attempt::Unanswered(why) => {
                    moved.has_no_answer();
                    self.pause(patience, &why).await?;
                }
            }
            (object, split) = self.read(patience).await?;
            let mark = Mark::of(&object).map_err(|why| self.wrong(&why))?;
            match mark {
                Some(mark) if mark.run == self.ledger.run() => {}
                None if !was_open => continue,
                other => return Err(self.taken_over(other.as_ref())),
            }
            // By a request without an answer.
            if split.weights() == *wanted {
                moved.has_answer();
                return Ok(());
            }
        }
    }

    /// Waits until who puts weights into force says that they are.
    pub(super) async fn observe(
        &self,
        observer: &Observer,
        wanted: &Weights,
        patience: &Patience,
    ) -> Result<(), TaskError> {
        loop {
            let object = self.object(patience).await?;
            let Some(why) = observer.behind(&object, wanted) else {
                return Ok(());
            };
            if self.pause(patience, &why).await.is_err() {
                let why = format!("its weights were set, and are not in force: {why}");
                return Err(self.wrong(&why).into());
            }
        }
    }

    pub(super) fn manner(&self, dry_run: bool) -> Manner {
        Manner {
            force: self.site.force,
            dry_run,
        }
    }

    /// Whether the API has taken what it was given: others may have changed it on the way.
    fn check_taken(&self, answer: &Value, split: &Split, wanted: &Weights) -> Result<(), Trouble> {
        let taken = Split::of(self.site.kind, answer, &split.rule()).map(|split| split.weights());
        match taken {
            Ok(taken) if taken == *wanted => Ok(()),
            Ok(taken) => Err(self.wrong(&format!("the API made {taken} of {wanted}")).unsure()),
            Err(why) => Err(self.wrong(&why).unsure()),
        }
    }

    /// What is written on the object: what stands there of other rules, and the weights before this run.
    pub(super) fn mark(&self, object: &Value, split: &Split) -> Result<Mark, Trouble> {
        let mark = Mark::of(object).map_err(|why| self.wrong(&why))?;
        let mut mark = mark.unwrap_or_else(|| Mark {
            run: self.ledger.run().to_owned(),
            since: Timestamp::now(),
            before: BTreeMap::new(),
        });
        let rule = split.rule().unwrap_or_default();
        mark.before.entry(rule).or_insert_with(|| split.weights());
        Ok(mark)
    }

    /// An object that this run has moved before must have its mark, and none that of another.
    fn check_own(&self, object: &Value, change: &ObjectChange) -> Result<(), Trouble> {
        let mark = Mark::of(object).map_err(|why| self.wrong(&why))?;
        match mark {
            Some(mark) if mark.run == self.ledger.run() => Ok(()),
            None if !self.ledger.is_open(change) => Ok(()),
            other => Err(self.taken_over(other.as_ref())),
        }
    }

    /// The mark of this run, if the object has it.
    pub(super) fn own(&self, object: &Value) -> Result<Option<Mark>, Trouble> {
        let mark = Mark::of(object).map_err(|why| self.wrong(&why))?;
        Ok(mark.filter(|mark| mark.run == self.ledger.run()))
    }

    /// Somebody else has set other weights.
    pub(super) fn changed(&self, now: &Weights, expected: &Weights) -> Trouble {
        self.by_others(&format!(
            "its traffic is divided {now}, and this run had set {expected}: somebody else has changed it since, such as a GitOps tool \
             or a controller of rollouts"
        ))
    }

    pub(super) fn taken_over(&self, mark: Option<&Mark>) -> Trouble {
        let by = match mark {
            Some(mark) => format!(
                "another run ({}) has moved its traffic since, and answers for it now",
                mark.who()
            ),
            None => format!("its annotation {ANNOTATION} is gone: somebody else has taken its traffic over"),
        };
        self.by_others(&by)
    }

    pub(super) fn by_others(&self, why: &str) -> Trouble {
        Trouble::by_others(&self.site.object, why)
    }

    /// Applies what is new of an object, and what we applied before.
    pub(super) async fn apply(
        &self,
        object: &Value,
        new: &Value,
        mark: Option<&Mark>,
        patience: &Patience,
        manner: Manner,
    ) -> Result<Attempt, Trouble> {
        let mut fields = owned(object, MANAGER);
        let whole = self.site.kind.whole();
        let value = whole.iter().fold(new, |value, key| &value[*key]);
        put(&mut fields, whole, value.clone());
        put(
            &mut fields,
            &["metadata", "annotations", ANNOTATION],
            mark.map(Mark::text).into(),
        );
        put(
            &mut fields,
            &["metadata", "resourceVersion"],
            object["metadata"]["resourceVersion"].clone(),
        );
        apply(&self.link, &self.site.object, &fields, manner, patience).await
    }

    pub(super) async fn pause(&self, patience: &Patience, why: &str) -> Result<(), Trouble> {
        patience.pause(&self.site.object, why).await
    }
}
