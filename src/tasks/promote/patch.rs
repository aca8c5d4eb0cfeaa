//! A field of an object that is changed, and changed back if the run does not pass.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use futures_util::future::BoxFuture;
use jiff::Timestamp;
use serde_json::Value;
use tokio::time::Instant;

use super::field::{Field, is_meant, shown, typed};
use super::input::Patch;
use crate::cluster::{MANAGER, Manner, owned};
use crate::results::ObjectChange;
use crate::tasks::alter::{Attempt, Link, Patience, Trouble, apply, put, read};
use crate::tasks::ledger::Pending;
use crate::tasks::{RunContext, TaskError};

/// How long a request that was not answered may take to change something nevertheless.
const DOUBT: Duration = Duration::from_secs(2);

/// A field in its cluster.
#[derive(Clone)]
struct Connected {
    patch: Patch,
    link: Arc<Link>,
}

/// Sees that the field can be changed, and changes nothing.
pub(super) async fn rehearse(patch: &Patch, context: &RunContext) -> Result<(), TaskError> {
    let connected = connect(patch, context).await?;
    let source = patch.value.source();
    // A text that depends on the result is not known yet.
    let known = (!source.contains("{{")).then_some(source);
    let patience = Patience::of_change(&context.shutdown);
    connected.change(known, true, &patience, &mut |_, _| None).await?;
    Ok(())
}

/// Changes the field; says what became of it.
pub(super) async fn set(patch: &Patch, value: &str, context: &RunContext) -> Result<String, TaskError> {
    let connected = tokio::select! {
        connected = connect(patch, context) => connected?,
        () = context.shutdown.cancelled() => return Err(TaskError::new("stopped before it was promoted")),
    };
    let mask = |value: &Value| context.mask.apply(&shown(value));
    let mut begun: Option<(ObjectChange, Arc<Changed>)> = None;
    let mut record = |before: &Value, after: &Value| {
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
        let (_, changed) = begun.get_or_insert_with(|| {
            let changed = Arc::new(Changed {
                connected: connected.clone(),
                before: before.clone(),
                after: after.clone(),
                doubtful: AtomicBool::new(false),
            });
            if patch.dry_run {
                context.ledger.add(change.clone());
            } else {
                context.ledger.begin(change.clone(), Arc::clone(&changed) as _);
            }
            (change, changed)
        });
        Some(Arc::clone(changed))
    };
    let patience = Patience::of_change(&context.shutdown);
    let ended = connected
        .change(Some(value), patch.dry_run, &patience, &mut record)
        .await;
    match (ended, begun) {
        (Ok(()), Some((ObjectChange { from, to, .. }, _))) => {
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
        (Err(trouble), begun) => {
            // Of a request without an answer nobody knows what came of it.
            if let Some((change, changed)) = &begun
                && trouble.is_sure()
                && !changed.doubtful.load(Ordering::Relaxed)
            {
                context.ledger.withdraw(change);
            }
            Err(trouble.into())
        }
    }
}

async fn connect(patch: &Patch, context: &RunContext) -> Result<Connected, TaskError> {
    Ok(Connected {
        patch: patch.clone(),
        link: Arc::new(Link::to(&context.cluster).await?),
    })
}

impl Connected {
    fn wrong(&self, why: &str) -> Trouble {
        Trouble::with(&self.patch.object, why)
    }

    fn namespace(&self) -> &str {
        let own = self.patch.object.namespace.as_deref();
        own.unwrap_or(self.link.namespace())
    }

    async fn read(&self, patience: &Patience) -> Result<(Value, Field), Trouble> {
        loop {
            match read(&self.link, &self.patch.object, patience).await? {
                Attempt::Done(object) => {
                    let field = Field::of(&self.patch.path, &object).map_err(|why| self.wrong(&why))?;
                    return Ok((object, field));
                }
                Attempt::Outrun(why) | Attempt::Unanswered(why) => {
                    patience.pause(&self.patch.object, &why).await?;
                }
            }
        }
    }

    /// Gives the field a value, or without one tries the one it has; `record` is told before the first request that makes a
    /// change.
    async fn change(
        &self,
        value: Option<&str>,
        dry_run: bool,
        patience: &Patience,
        record: &mut (dyn FnMut(&Value, &Value) -> Option<Arc<Changed>> + Send),
    ) -> Result<(), Trouble> {
        loop {
            let (object, field) = self.read(patience).await?;
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
            let changed = record(now, &wanted);
            match self.apply(&object, &field, &wanted, patience, dry_run).await? {
                Attempt::Done(_) => return Ok(()),
                Attempt::Outrun(why) => patience.pause(&self.patch.object, &why).await?,
                Attempt::Unanswered(why) => {
                    if let Some(changed) = &changed {
                        changed.doubtful.store(true, Ordering::Relaxed);
                    }
                    patience.pause(&self.patch.object, &why).await?;
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
        patience: &Patience,
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
            match self.send(&fields, patience, true).await {
                Ok(Attempt::Done(answer)) if is_meant(&answer, &meant) => {
                    return if dry_run {
                        Ok(Attempt::Done(answer))
                    } else {
                        self.send(&fields, patience, false).await
                    };
                }
                Ok(Attempt::Done(_)) => {}
                Ok(Attempt::Outrun(why) | Attempt::Unanswered(why)) => return Ok(Attempt::Outrun(why)),
                Err(trouble) if trouble.is_known() => return Err(trouble),
                // Part of a list that is taken as one may make no sense; the whole does, or is refused for another reason.
                Err(trouble) => refused = Some(trouble),
            }
        }
        let changes_more = || self.wrong(&format!("the API would change more than {}", self.patch.path));
        Err(refused.unwrap_or_else(changes_more))
    }

    async fn send(&self, fields: &Value, patience: &Patience, dry_run: bool) -> Result<Attempt, Trouble> {
        let manner = Manner {
            force: self.patch.force,
            dry_run,
        };
        apply(&self.link, &self.patch.object, fields, manner, patience).await
    }
}

/// A field that was changed.
struct Changed {
    connected: Connected,
    before: Value,
    after: Value,
    /// Whether a request was sent, and nobody said what came of it.
    doubtful: AtomicBool,
}

impl Changed {
    async fn compare(&self, patience: &Patience) -> Result<(), Trouble> {
        let (object, field) = self.connected.read(patience).await?;
        if *field.value(&object) == self.after {
            return Ok(());
        }
        let path = &self.connected.patch.path;
        let why = format!("its {path} is not what this run has set: somebody else has changed it since");
        Err(self.connected.wrong(&why))
    }

    async fn back(&self, patience: &Patience) -> Result<(), Trouble> {
        let connected = &self.connected;
        let object_name = &connected.patch.object;
        let begun = Instant::now();
        loop {
            let (object, field) = connected.read(patience).await?;
            let now = field.value(&object);
            if *now == self.before {
                if !self.doubtful.load(Ordering::Relaxed) {
                    return Ok(());
                }
                // The request that was not answered may still come.
                if begun.elapsed() >= DOUBT || patience.pause(object_name, "").await.is_err() {
                    return Ok(());
                }
                continue;
            }
            if *now != self.after {
                return Err(connected.wrong("somebody else has changed it since"));
            }
            match connected
                .apply(&object, &field, &self.before, patience, false)
                .await?
            {
                Attempt::Done(_) => return Ok(()),
                Attempt::Outrun(why) | Attempt::Unanswered(why) => {
                    patience.pause(object_name, &why).await?;
                }
            }
        }
    }
}

impl Pending for Changed {
    fn check(&self, deadline: Instant) -> BoxFuture<'_, Result<(), String>> {
        Box::pin(async move {
            let patience = Patience::until(deadline);
            self.compare(&patience).await.map_err(Trouble::text)
        })
    }

    fn undo(&self, deadline: Instant) -> BoxFuture<'_, Result<String, String>> {
        Box::pin(async move {
            let before = shown(&self.before);
            let back = self.back(&Patience::until(deadline)).await;
            back.map(|()| before.clone())
                .map_err(|trouble| format!("not rolled back to {before}: {}", trouble.text()))
        })
    }

    fn keep(&self, deadline: Instant) -> BoxFuture<'_, Result<(), String>> {
        self.check(deadline)
    }
}
