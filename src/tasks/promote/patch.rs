//! A field of an object that is changed, and changed back if the run does not pass.

use std::sync::Arc;

use futures_util::future::BoxFuture;
use jiff::Timestamp;
use serde_json::Value;
use tokio::time::Instant;

use super::field::{Field, is_meant, shown, typed};
use super::input::Patch;
use crate::cluster::{Cluster, MANAGER, Manner, owned};
use crate::results::ObjectChange;
use crate::tasks::alter::{Attempt, PATIENCE, Trouble, apply, pause, put, read};
use crate::tasks::ledger::Pending;
use crate::tasks::{RunContext, TaskError};

/// A field in its cluster.
#[derive(Clone)]
struct Connected {
    patch: Patch,
    cluster: Cluster,
}

/// Sees that the field can be changed, and changes nothing.
pub(super) async fn rehearse(patch: &Patch, context: &RunContext) -> Result<(), TaskError> {
    let connected = connect(patch, context).await?;
    let source = patch.value.source();
    // A text that depends on the result is not known yet.
    let known = (!source.contains("{{")).then_some(source);
    let mut change = None;
    connected.change(known, true, &mut change, &|_, _| None).await?;
    Ok(())
}

/// Changes the field; says what became of it.
pub(super) async fn set(patch: &Patch, value: &str, context: &RunContext) -> Result<String, TaskError> {
    let connected = connect(patch, context).await?;
    let mask = |value: &Value| context.mask.apply(&shown(value));
    let record = |before: &Value, after: &Value| {
        let change = ObjectChange {
            task: context.task,
            object: patch.object.to_string(),
            namespace: connected.namespace().to_owned(),
            field: patch.path.to_string(),
            from: mask(before),
            to: mask(after),
            at: Timestamp::now(),
            dry_run: patch.dry_run,
            outcome: None,
            rolled_back: None,
            error: None,
        };
        let changed = Changed {
            connected: connected.clone(),
            before: before.clone(),
            after: after.clone(),
        };
        if patch.dry_run {
            context.ledger.add(change.clone());
        } else {
            context.ledger.begin(change.clone(), Arc::new(changed));
        }
        Some(change)
    };
    let mut change = None;
    let ended = connected
        .change(Some(value), patch.dry_run, &mut change, &record)
        .await;
    match (ended, change) {
        (Ok(()), Some(ObjectChange { from, to, .. })) => {
            let tried = if patch.dry_run {
                " (only tried: dryRun)"
            } else {
                ""
            };
            Ok(format!("{}: {}: {from} → {to}{tried}", patch.object, patch.path))
        }
        (Ok(()), None) => {
            let value = context.mask.apply(value);
            Ok(format!("{}: {} is {value} already", patch.object, patch.path))
        }
        (Err(refusal), change) => {
            // Of a request without an answer nobody knows what came of it.
            if let (Some(change), true) = (&change, refusal.is_certain) {
                context.ledger.withdraw(change);
            }
            Err(refusal.trouble.into())
        }
    }
}

/// A change that was not made.
struct Refusal {
    trouble: Trouble,
    /// Whether it is sure that it was not.
    is_certain: bool,
}

impl From<Trouble> for Refusal {
    fn from(trouble: Trouble) -> Self {
        Self {
            trouble,
            is_certain: true,
        }
    }
}

impl From<Refusal> for TaskError {
    fn from(refusal: Refusal) -> Self {
        refusal.trouble.into()
    }
}

async fn connect(patch: &Patch, context: &RunContext) -> Result<Connected, TaskError> {
    let cluster = context.cluster.connect().await.map_err(Trouble::from)?;
    Ok(Connected {
        patch: patch.clone(),
        cluster,
    })
}

impl Connected {
    fn wrong(&self, why: &str) -> Trouble {
        Trouble::with(&self.patch.object, why)
    }

    fn namespace(&self) -> &str {
        let own = self.patch.object.namespace.as_deref();
        own.unwrap_or(self.cluster.namespace())
    }

    async fn read(&self, deadline: Instant) -> Result<(Value, Field), Trouble> {
        loop {
            match read(&self.cluster, &self.patch.object, deadline).await? {
                Attempt::Done(object) => {
                    let field = Field::of(&self.patch.path, &object).map_err(|why| self.wrong(&why))?;
                    return Ok((object, field));
                }
                Attempt::Again(why) => pause(&self.patch.object, deadline, &why).await?,
            }
        }
    }

    /// Gives the field a value, or without one tries the one it has; `record` is told before the first request that makes a
    /// change.
    async fn change(
        &self,
        value: Option<&str>,
        dry_run: bool,
        made: &mut Option<ObjectChange>,
        record: &(dyn Fn(&Value, &Value) -> Option<ObjectChange> + Send + Sync),
    ) -> Result<(), Refusal> {
        let deadline = Instant::now() + PATIENCE;
        loop {
            let unsure = |trouble| Refusal {
                trouble,
                is_certain: false,
            };
            let (object, field) = self.read(deadline).await.map_err(unsure)?;
            let now = field.value(&object);
            let wanted = match value {
                Some(text) => {
                    typed(text, now).map_err(|why| self.wrong(&format!("{}: {why}", self.patch.path)))?
                }
                None => now.clone(),
            };
            if value.is_some() && *now == wanted {
                return Ok(());
            }
            if made.is_none() {
                *made = record(now, &wanted);
            }
            match self.apply(&object, &field, &wanted, deadline, dry_run).await? {
                Attempt::Done(_) => return Ok(()),
                Attempt::Again(why) => {
                    let paused = pause(&self.patch.object, deadline, &why).await;
                    paused.map_err(unsure)?;
                }
            }
        }
    }

    /// Applies the field with a value and nothing else, after a trial has shown that it is nothing else.
    async fn apply(
        &self,
        object: &Value,
        field: &Field,
        value: &Value,
        deadline: Instant,
        dry_run: bool,
    ) -> Result<Attempt, Trouble> {
        let meant = field.replaced(object, value);
        let mut said = owned(object, MANAGER);
        put(
            &mut said,
            &["metadata", "resourceVersion"],
            object["metadata"]["resourceVersion"].clone(),
        );
        let mut list = said.clone();
        field.say_list(&mut list, &meant);
        let element = field.say_element(&mut said, value).map(|()| said);
        let mut refused = None;
        for fields in element.into_iter().chain([list]) {
            match self.send(&fields, deadline, true).await {
                Ok(Attempt::Done(answer)) if is_meant(&answer, &meant) => {
                    return if dry_run {
                        Ok(Attempt::Done(answer))
                    } else {
                        self.send(&fields, deadline, false).await
                    };
                }
                Ok(Attempt::Done(_)) => {}
                Ok(Attempt::Again(why)) => return Ok(Attempt::Again(why)),
                Err(trouble) if trouble.is_known() => return Err(trouble),
                // Part of a list that is taken as one may make no sense; the whole does, or is refused for another reason.
                Err(trouble) => refused = Some(trouble),
            }
        }
        let changes_more = || self.wrong(&format!("the API would change more than {}", self.patch.path));
        Err(refused.unwrap_or_else(changes_more))
    }

    async fn send(&self, fields: &Value, deadline: Instant, dry_run: bool) -> Result<Attempt, Trouble> {
        let manner = Manner {
            force: self.patch.force,
            dry_run,
        };
        apply(&self.cluster, &self.patch.object, fields, manner, deadline).await
    }
}

/// A field that was changed.
struct Changed {
    connected: Connected,
    before: Value,
    after: Value,
}

impl Changed {
    async fn back(&self, deadline: Instant) -> Result<(), Trouble> {
        let connected = &self.connected;
        loop {
            let (object, field) = connected.read(deadline).await?;
            let now = field.value(&object);
            if *now == self.before {
                return Ok(());
            }
            if *now != self.after {
                return Err(connected.wrong("somebody else has changed it since"));
            }
            match connected
                .apply(&object, &field, &self.before, deadline, false)
                .await?
            {
                Attempt::Done(_) => return Ok(()),
                Attempt::Again(why) => pause(&connected.patch.object, deadline, &why).await?,
            }
        }
    }
}

impl Pending for Changed {
    fn undo(&self, deadline: Instant) -> BoxFuture<'_, Result<String, String>> {
        Box::pin(async move {
            let before = shown(&self.before);
            let back = self.back(deadline).await;
            back.map(|()| before.clone())
                .map_err(|trouble| format!("not rolled back to {before}: {}", trouble.text()))
        })
    }

    fn keep(&self, _: Instant) -> BoxFuture<'_, Result<(), String>> {
        Box::pin(std::future::ready(Ok(())))
    }
}
