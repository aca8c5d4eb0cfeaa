//! When the load of a shard begins: at the instant that all shards agreed on, by the clock of each machine.
//!
//! The start of the first load is given. Each later load of an experiment whose former one ends by itself has one, too:
//! when that is over, and a pause later. A shard that comes late begins at once; who merges sees how late.

use std::time::Duration;

use jiff::{SignedDuration, Timestamp};
use tokio::time::{Instant, sleep};

use super::LoadKind;
use super::batch::Batch;
use crate::load::{Plan, Shard};
use crate::tasks::{Event, RunContext};

/// Connections are opened so long before the start: long enough for that, too short for a server to close them.
const LEAD: Duration = Duration::from_secs(2);
/// From the end of one load to the start of the next, for answers that are still to come.
const PAUSE: Duration = Duration::from_secs(5);
/// What is less late is a matter of scheduling.
const LATE: SignedDuration = SignedDuration::from_millis(50);

/// A load that is about to begin.
pub(super) struct Begin {
    /// What is sent from here.
    pub(super) plan: Plan,
    /// The start that was agreed on.
    agreed: Option<Timestamp>,
}

/// Waits for the start of a load, a moment ahead of it; of what is no shard there is nothing to wait for.
pub(super) async fn wait<K: LoadKind>(batch: &Batch<K>, context: &RunContext) -> Begin {
    let plan = batch.plan.clone();
    let Some(shard) = plan.shard else {
        return Begin { plan, agreed: None };
    };
    let (agreed, seed) = context.appointment.take();
    if let (Some(agreed), Some(lasts)) = (agreed, plan.extent().time) {
        let next = agreed.checked_add(lasts.saturating_add(PAUSE)).ok();
        context.appointment.next(next);
    }
    // Both clocks are read at the same time.
    let ahead = agreed.and_then(|at| Duration::try_from(at.duration_since(Timestamp::now())).ok());
    let start = ahead.and_then(|ahead| Instant::now().checked_add(ahead));
    if let (Some(at), Some(ahead)) = (agreed, ahead.and_then(|ahead| ahead.checked_sub(LEAD))) {
        let text = format!(
            "waiting {:.0} s for {at}, the start of all shards",
            (ahead + LEAD).as_secs_f64()
        );
        context.emit(Event::Note(text));
        tokio::select! {
            () = sleep(ahead) => {}
            () = context.shutdown.cancelled() => {}
        }
    }
    let shard = Some(Shard { seed, start, ..shard });
    Begin {
        plan: Plan { shard, ..plan },
        agreed,
    }
}

impl Begin {
    /// What a reader should know of a load that began at an instant.
    pub(super) fn note(&self, began: Option<Timestamp>) -> Option<String> {
        let late = began?.duration_since(self.agreed?);
        (late > LATE).then(|| {
            format!(
                "this shard began {:.1} s after the start that was agreed on",
                late.as_secs_f64()
            )
        })
    }
}
