//! [`Crew`]: the pods of an Indexed Job, which send one load together. They come, agree on a start, leave their results, and
//! the first of them merges these as `iter8 merge` does.
//!
//! The start is an instant by the clock of the API server: each pod measures how far its own is from that.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use jiff::{SignedDuration, Timestamp};
use tokio::time::{Instant, sleep};

use super::ANSWER;
use super::keeper::{Keeper, OUTAGE};
use super::pulse::Pulse;
use super::store::{self, Left, StoreError};
use super::whole::{Part, Whole};
use crate::cli::args::{LogLevel, Output};
use crate::cli::exit::Exit;
use crate::cli::session::{Ending, formats, here};
use crate::cli::shown::show;
use crate::cli::signals::Signals;
use crate::cluster::Skew;
use crate::diagnostic::Diagnostic;
use crate::platform::{Env, Platform};
use crate::results::merge::{MergeError, Merger};
use crate::results::{ExperimentResult, ShardNumber};
use crate::tasks::TaskError;

/// How long the others are waited for before the start: nodes may have to be made for them.
const ASSEMBLY: Duration = Duration::from_mins(5);
/// How much longer they wait for the first one.
const GRACE: Duration = Duration::from_secs(30);
/// From the agreement to the start: everybody must hear of it, and open connections.
const LEAD: SignedDuration = SignedDuration::from_secs(6);
/// A shard that gives no sign for so long, after the first one has its result, is lost.
const GATHERING: Duration = Duration::from_secs(30);
const POLL: Duration = Duration::from_secs(1);
/// A clock that is further away, in seconds, has sent its part at another time than the others.
const FARTHEST: f64 = 0.5;
/// Keys of what is said.
const HERE: &str = "here";
const START: &str = "startAt";

/// One of the pods.
pub(super) struct Crew<'a> {
    pub(super) keeper: &'a Keeper<'a>,
    pub(super) whole: &'a Whole,
    pub(super) number: ShardNumber,
    pub(super) revision: u32,
}

/// The pods whose results the first one waits for.
struct Others {
    /// What each said last, and since when it says nothing else.
    missing: BTreeMap<u32, (Option<String>, Instant)>,
    /// Those that left nothing.
    lost: BTreeSet<u32>,
}

impl Others {
    /// Nothing is known of any but the first.
    fn of(number: ShardNumber) -> Self {
        let others = (1..number.of.get()).map(|index| (index, (None, Instant::now())));
        Self {
            missing: others.collect(),
            lost: BTreeSet::new(),
        }
    }
}

/// What was agreed on.
pub(super) struct Agreement {
    /// The start of the load.
    pub(super) start: Timestamp,
    /// How far the clock of the API server is from ours.
    skew: Skew,
    /// The others see that this one goes on.
    _pulse: Pulse,
}

impl Crew<'_> {
    /// Waits until everybody is there, and for the start that the first one sets; the error was said.
    pub(super) async fn agree(&self) -> Result<Agreement, Exit> {
        let keeper = self.keeper;
        let complain = |error: StoreError| keeper.complain(&error);
        let deadline = Instant::now() + ASSEMBLY;
        let skew = keeper
            .insist(deadline, async |cluster| Ok(cluster.skew(ANSWER).await?))
            .await
            .map_err(complain)?;
        let place = keeper.group.shard(self.number.index);
        keeper
            .insist(deadline, async |cluster| {
                let place = (&place, self.revision, keeper.job.as_deref());
                store::tell(cluster, &keeper.group, place, (HERE, "yes"), ANSWER).await
            })
            .await
            .map_err(complain)?;
        let text = format!("shard {} is here; {}", self.number, clock(skew));
        keeper.console.say(LogLevel::Info, &text);
        let start = if self.number.index == 0 {
            self.call(deadline, skew).await?
        } else {
            self.listen(deadline + GRACE).await?
        };
        let text = format!(
            "all {} shards are here; the load begins at {start}",
            self.number.of
        );
        keeper.console.say(LogLevel::Info, &text);
        Ok(Agreement {
            start,
            skew,
            _pulse: Pulse::begin(keeper, place, self.revision),
        })
    }

    /// The first one sets the start.
    async fn call(&self, deadline: Instant, skew: Skew) -> Result<Timestamp, Exit> {
        let keeper = self.keeper;
        let mut missing: BTreeSet<u32> = (1..self.number.of.get()).collect();
        while !missing.is_empty() {
            for index in missing.clone() {
                let said = self.heard(&keeper.group.shard(index), HERE, deadline).await?;
                if said.is_some() {
                    missing.remove(&index);
                }
            }
            if !missing.is_empty() {
                if Instant::now() >= deadline {
                    let (of, who) = (self.number.of, list(&missing));
                    let text = format!("of {of} shards these did not come within {ASSEMBLY:?}: {who}");
                    return Err(self.fail(&text));
                }
                sleep(POLL).await;
            }
        }
        let ahead = SignedDuration::try_from_secs_f64(skew.surely()).unwrap_or_default();
        let now = Timestamp::now().saturating_add(LEAD.saturating_add(ahead));
        let start = now.unwrap_or(Timestamp::MAX);
        let place = keeper.group.result();
        keeper
            .insist(deadline + GRACE, async |cluster| {
                let place = (&place, self.revision, keeper.job.as_deref());
                let text = start.to_string();
                store::tell(cluster, &keeper.group, place, (START, &text), ANSWER).await
            })
            .await
            .map_err(|error| keeper.complain(&error))?;
        Ok(start)
    }

    /// The others hear of it.
    async fn listen(&self, deadline: Instant) -> Result<Timestamp, Exit> {
        let place = self.keeper.group.result();
        loop {
            if let Some(said) = self.heard(&place, START, deadline).await? {
                return said
                    .parse()
                    .map_err(|_odd: jiff::Error| self.fail(&format!("`{said}` is no start of a load")));
            }
            if Instant::now() >= deadline {
                return Err(self.fail("no start was agreed on: not all shards came"));
            }
            sleep(POLL).await;
        }
    }

    async fn heard(
        &self,
        place: &crate::cluster::ObjectName,
        key: &str,
        deadline: Instant,
    ) -> Result<Option<String>, Exit> {
        let keeper = self.keeper;
        keeper
            .insist(deadline, async |cluster| {
                let place = (place, self.revision, keeper.job.as_deref());
                store::told(cluster, &keeper.group, place, key, ANSWER).await
            })
            .await
            .map_err(|error| keeper.complain(&error))
    }

    fn fail(&self, text: &str) -> Exit {
        self.keeper.console.diagnostics(&[Diagnostic::error(text)]);
        self.keeper.console.say(LogLevel::Error, "nothing was sent");
        Exit::Error
    }

    /// Leaves the result of this shard. The first one waits for the others, and leaves what they measured together.
    pub(super) async fn leave(
        &self,
        mut result: ExperimentResult,
        (agreement, exit): (&Agreement, Exit),
        (output, env, platform): (&Output, &Env, &'static dyn Platform),
    ) -> Result<Exit, Exit> {
        let keeper = self.keeper;
        let (skew, number) = (agreement.skew, self.number);
        if skew.surely().abs() > FARTHEST {
            let text = format!("shard {number} did not send at the agreed time: {}", clock(skew));
            result.distrust.push(text);
            result.conclude();
        }
        result.note(clock(skew));
        let loads = result.insights.versions.iter().flat_map(|version| &version.loads);
        let requests: u64 = loads.map(|load| load.measurement.requests).sum();
        let text = format!("shard {number}: {requests} requests, {}", result.outcome.name());
        keeper.console.say(LogLevel::Info, &text);
        let ending = || Ending {
            console: keeper.console,
            output,
            earlier: None,
        };
        let reports = formats(&output.reports).unwrap_or_default();
        let finished = ending().write(result, &reports, Vec::new());
        let mut part = Part {
            group: &keeper.group,
            revision: self.revision,
            shard: Some(number.index),
            output,
        };
        let exit = if finished.exit == Exit::Pass {
            exit
        } else {
            finished.exit
        };
        let result = finished.result;
        let left = self.whole.deliver(keeper, part, (&result, exit)).await?;
        if number.index > 0 {
            return Ok(left);
        }
        // Who has to go does not wait for the others, which go on: whoever asks for the result merges what they leave.
        if result.interrupted.is_some() {
            return Ok(left);
        }
        let merged = match self.merge(result, env, platform).await? {
            Ok(merged) => merged,
            Err((name, exit)) => {
                keeper.warn(&format!("{name}: the results of the shards are not merged here"));
                return Err(exit);
            }
        };
        let finished = ending().write(merged, &reports, Vec::new());
        // Nobody may read, and the result is kept all the same.
        let _ = show(&finished.view, keeper.console, env);
        part.shard = None;
        let what = (&finished.result, finished.exit);
        self.whole.deliver(keeper, part, what).await
    }

    /// What all of them measured, unless a signal ends this before. Those whose results do not come are lost.
    async fn merge(
        &self,
        own: ExperimentResult,
        env: &Env,
        platform: &'static dyn Platform,
    ) -> Result<Result<ExperimentResult, (&'static str, Exit)>, Exit> {
        let keeper = self.keeper;
        let refuse = |error: &(dyn std::error::Error + 'static)| {
            let message = TaskError::from_error(error).message;
            keeper.console.diagnostics(&[Diagnostic::error(message)]);
            Exit::Error
        };
        let mut signals = Signals::listen().map_err(|error| refuse(&error))?;
        let mut merger = Merger::new(Some(self.number.of.get()));
        merger.add("shard 0", own).map_err(|error| refuse(&error))?;
        let mut others = Others::of(self.number);
        loop {
            let looking = self.look(&mut others, &mut merger);
            looking.await.map_err(|error| refuse(&error))?;
            if others.missing.is_empty() {
                break;
            }
            tokio::select! {
                () = sleep(POLL) => {}
                signal = signals.next() => return Ok(Err(signal)),
            }
        }
        let lost = others.lost;
        if !lost.is_empty() {
            keeper.warn(&format!("these shards left no result: {}", list(&lost)));
        }
        let context = platform.context(env);
        let environment = here(&context, platform.name(), None);
        merger.finish(environment).map(Ok).map_err(|error| refuse(&error))
    }

    /// Looks once at what others have left, and adds what is whole.
    async fn look(&self, others: &mut Others, merger: &mut Merger) -> Result<(), MergeError> {
        for (index, (sign, since)) in std::mem::take(&mut others.missing) {
            let Left { result, sign: said } = match self.left(index).await {
                Ok(left) => left,
                Err(error) => {
                    let text = format!("shard {index} counts as lost: {error}");
                    self.keeper.warn(&text);
                    others.lost.insert(index);
                    continue;
                }
            };
            let since = if said == sign { since } else { Instant::now() };
            let silent = since.elapsed() >= GATHERING;
            match result {
                // Of one that did not come to its end there is what it had until then.
                Some(result) if result.ended || silent => merger.add(&format!("shard {index}"), result)?,
                None if silent => {
                    others.lost.insert(index);
                }
                Some(_) | None => {
                    others.missing.insert(index, (said, since));
                }
            }
        }
        Ok(())
    }

    /// What there is of another shard.
    async fn left(&self, index: u32) -> Result<Left, StoreError> {
        let keeper = self.keeper;
        keeper
            .insist(Instant::now() + OUTAGE, async |cluster| {
                let shard = (index, self.revision, keeper.job.as_deref());
                store::read_shard(cluster, &keeper.group, shard, ANSWER).await
            })
            .await
    }
}

/// What is known of a clock.
fn clock(skew: Skew) -> String {
    let surely = skew.surely();
    let range = skew.most - skew.least;
    if surely == 0.0 {
        return format!("its clock agrees with that of the API server (to {range:.2} s)");
    }
    let side = if surely > 0.0 { "behind" } else { "ahead of" };
    format!(
        "its clock is {:.2} s or more {side} that of the API server",
        surely.abs()
    )
}

/// Numbers in words.
fn list(numbers: &BTreeSet<u32>) -> String {
    let numbers: Vec<String> = numbers.iter().map(u32::to_string).collect();
    numbers.join(", ")
}
