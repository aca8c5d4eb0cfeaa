//! [`Site`]: an object whose traffic is moved: how its weights are read, set, and set back.
//!
//! # How a change is made
//! The object is read, its weights are replaced, and what the API takes as one is applied on the server's side, with the
//! version that was read: who changes it between the two is not overruled, it is read again. In the same request the
//! weights before are written on the object ([`Mark`]): a run that is killed leaves them there, and the next one sets them
//! back. Of two runs that move one object the later takes over, and the earlier notices.

use std::collections::BTreeMap;
use std::sync::Arc;

use futures_util::future::BoxFuture;
use jiff::Timestamp;
use serde_json::Value;
use tokio::time::Instant;

use super::kind::Kind;
use super::mark::{ANNOTATION, Mark};
use super::split::{Rule, Split};
use super::weights::Weights;
use crate::cluster::{Access, Cluster, MANAGER, Manner, ObjectName, owned};
use crate::results::{ObjectChange, RolledBack};
use crate::tasks::TaskError;
use crate::tasks::alter::{Attempt, PATIENCE, Trouble, apply, pause, put, read};
use crate::tasks::ledger::{Ledger, Pending};

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
    site: Site,
    cluster: Cluster,
    ledger: Ledger,
    task: usize,
}

impl Site {
    /// Reaches its cluster.
    pub(super) async fn connect(
        &self,
        access: &Access,
        ledger: &Ledger,
        task: usize,
    ) -> Result<Connected, TaskError> {
        let cluster = access.connect().await.map_err(Trouble::from)?;
        Ok(Connected {
            site: self.clone(),
            cluster,
            ledger: ledger.clone(),
            task,
        })
    }

    /// The object, for people.
    pub(super) fn named(&self) -> String {
        self.object.to_string()
    }
}

impl Connected {
    fn wrong(&self, why: &str) -> Trouble {
        Trouble::with(&self.site.object, why)
    }

    fn namespace(&self) -> &str {
        self.site
            .object
            .namespace
            .as_deref()
            .unwrap_or(self.cluster.namespace())
    }

    /// What the API has, and how traffic is divided by it.
    async fn read(&self, deadline: Instant) -> Result<(Value, Split), Trouble> {
        loop {
            match read(&self.cluster, &self.site.object, deadline).await? {
                Attempt::Done(object) => {
                    let split = Split::of(self.site.kind, &object, &self.site.rule);
                    let split = split.map_err(|why| self.wrong(&why))?;
                    return Ok((object, split));
                }
                Attempt::Again(why) => self.pause(deadline, &why).await?,
            }
        }
    }

    /// How traffic is divided now. What a run left that was killed is set back before.
    pub(super) async fn look(&self) -> Result<Split, TaskError> {
        let deadline = Instant::now() + PATIENCE;
        loop {
            let (object, split) = self.read(deadline).await?;
            let Some(mark) = self.left(&object)? else {
                return Ok(split);
            };
            let here = self.change(&split, &split.weights(), &split.weights());
            if self.ledger.is_open(&here) {
                return Err(self.taken_over(Some(&mark)).into());
            }
            if let Attempt::Again(why) = self.set_back(&object, &mark, deadline).await? {
                self.pause(deadline, &why).await?;
            }
        }
    }

    /// The mark of a run that has not ended, if it is not ours.
    fn left(&self, object: &Value) -> Result<Option<Mark>, Trouble> {
        let mark = Mark::of(object).map_err(|why| self.wrong(&why))?;
        Ok(mark.filter(|mark| mark.run != self.ledger.run()))
    }

    /// Sets back what a run left that was killed.
    async fn set_back(&self, object: &Value, mark: &Mark, deadline: Instant) -> Result<Attempt, Trouble> {
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
            .apply(object, &new, None, deadline, self.manner(false))
            .await?;
        if let Attempt::Done(_) = attempt {
            changes.into_iter().for_each(|change| self.ledger.add(change));
        }
        Ok(attempt)
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
    pub(super) async fn rehearse(&self, wanted: &Weights) -> Result<(), TaskError> {
        let deadline = Instant::now() + PATIENCE;
        loop {
            let (object, split) = self.read(deadline).await?;
            let mark = self.mark(&object, &split)?;
            let mut new = object.clone();
            split.put(&mut new, wanted);
            match self
                .apply(&object, &new, Some(&mark), deadline, self.manner(true))
                .await?
            {
                Attempt::Done(_) => return Ok(()),
                Attempt::Again(why) => self.pause(deadline, &why).await?,
            }
        }
    }

    /// Sets weights; `false` if they were so already.
    pub(super) async fn set(&self, wanted: &Weights) -> Result<bool, TaskError> {
        let deadline = Instant::now() + PATIENCE;
        let mut begun: Option<ObjectChange> = None;
        loop {
            let (object, split) = self.read(deadline).await?;
            let now = split.weights();
            if now == *wanted {
                // Perhaps by a request without an answer.
                return Ok(begun.is_some());
            }
            let change = match &begun {
                Some(change) => change.clone(),
                None => self.change(&split, &now, wanted),
            };
            if begun.is_none() {
                self.check_own(&object, &change)?;
                self.begin(&change, &split, &now);
                begun = Some(change.clone());
            }
            let mark = self.mark(&object, &split)?;
            let mut new = object.clone();
            split.put(&mut new, wanted);
            let manner = self.manner(self.site.dry_run);
            match self.apply(&object, &new, Some(&mark), deadline, manner).await {
                Ok(Attempt::Done(answer)) => return self.check_taken(&answer, &split, wanted),
                Ok(Attempt::Again(why)) => self.pause(deadline, &why).await?,
                Err(trouble) => {
                    self.ledger.withdraw(&change);
                    return Err(trouble.into());
                }
            }
        }
    }

    fn manner(&self, dry_run: bool) -> Manner {
        Manner {
            force: self.site.force,
            dry_run,
        }
    }

    /// Whether the API has taken what it was given: others may have changed it on the way.
    fn check_taken(&self, answer: &Value, split: &Split, wanted: &Weights) -> Result<bool, TaskError> {
        let taken = Split::of(self.site.kind, answer, &split.rule()).map(|split| split.weights());
        match taken {
            Ok(taken) if taken == *wanted => Ok(true),
            Ok(taken) => Err(self.wrong(&format!("the API made {taken} of {wanted}")).into()),
            Err(why) => Err(self.wrong(&why).into()),
        }
    }

    fn begin(&self, change: &ObjectChange, split: &Split, before: &Weights) {
        if self.site.dry_run {
            self.ledger.add(change.clone());
            return;
        }
        let site = Site {
            rule: split.rule(),
            ..self.site.clone()
        };
        let moved = Moved {
            connected: Self { site, ..self.clone() },
            before: before.clone(),
        };
        self.ledger.begin(change.clone(), Arc::new(moved));
    }

    /// What is written on the object: what stands there of other rules, and the weights before this run.
    fn mark(&self, object: &Value, split: &Split) -> Result<Mark, Trouble> {
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

    fn taken_over(&self, mark: Option<&Mark>) -> Trouble {
        let by = match mark {
            Some(mark) => format!("another run ({}) has moved its traffic since", mark.who()),
            None => format!("its annotation {ANNOTATION} is gone: somebody else has taken its traffic over"),
        };
        self.wrong(&by)
    }

    /// Applies what is new of an object, and what we applied before.
    async fn apply(
        &self,
        object: &Value,
        new: &Value,
        mark: Option<&Mark>,
        deadline: Instant,
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
        apply(&self.cluster, &self.site.object, &fields, manner, deadline).await
    }

    async fn pause(&self, deadline: Instant, why: &str) -> Result<(), Trouble> {
        pause(&self.site.object, deadline, why).await
    }
}

/// Traffic that was moved.
struct Moved {
    connected: Connected,
    /// The weights before this run.
    before: Weights,
}

impl Moved {
    /// Takes our mark away; with `back` the weights before are set, too.
    async fn end(&self, deadline: Instant, back: bool) -> Result<(), String> {
        loop {
            match self.attempt(deadline, back).await {
                Ok(Attempt::Done(_)) => return Ok(()),
                Ok(Attempt::Again(why)) => self
                    .connected
                    .pause(deadline, &why)
                    .await
                    .map_err(Trouble::text)?,
                Err(trouble) => return Err(trouble.text()),
            }
        }
    }

    async fn attempt(&self, deadline: Instant, back: bool) -> Result<Attempt, Trouble> {
        let connected = &self.connected;
        let (object, split) = connected.read(deadline).await?;
        let mark = Mark::of(&object).map_err(|why| connected.wrong(&why))?;
        let Some(mut mark) = mark.filter(|mark| mark.run == connected.ledger.run()) else {
            // The request that was to move it has never come to the API.
            if back && split.weights() == self.before {
                return Ok(Attempt::Done(object));
            }
            let now = Mark::of(&object).ok().flatten();
            return Err(connected.taken_over(now.as_ref()));
        };
        mark.before.remove(&split.rule().unwrap_or_default());
        let mark = (!mark.before.is_empty()).then_some(mark);
        let mut new = object.clone();
        if back {
            split.put(&mut new, &self.before);
        }
        let manner = connected.manner(false);
        connected
            .apply(&object, &new, mark.as_ref(), deadline, manner)
            .await
    }
}

impl Pending for Moved {
    fn undo(&self, deadline: Instant) -> BoxFuture<'_, Result<String, String>> {
        Box::pin(async move {
            let ended = self.end(deadline, true).await;
            let before = &self.before;
            ended.map(|()| before.to_string()).map_err(|why| {
                format!("not rolled back to {before}: {why}; the next run with this object does it, or set them by hand")
            })
        })
    }

    fn keep(&self, deadline: Instant) -> BoxFuture<'_, Result<(), String>> {
        Box::pin(async move {
            let ended = self.end(deadline, false).await;
            ended.map_err(|why| {
                format!("its traffic is as it should be, but the annotation {ANNOTATION} cannot be removed, so that the next run would \
                         roll it back: {why}")
            })
        })
    }
}
