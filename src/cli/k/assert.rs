//! `iter8 k assert`: waits for the result of a group and checks it, as `iter8 assert` does one that is stored here; ends early
//! where no result will come, and says why.

use std::time::Duration;

use serde_json::Value;
use tokio::time::{Instant, sleep_until};

use super::ANSWER;
use super::args::AssertOf;
use super::gather::gather;
use super::obstacles::{Obstacles, explain};
use super::scene::{NAMELESS, Run, Scene, is_last, without_runs};
use super::store::{self, StoreError, Stored};
use crate::cli::args::LogLevel;
use crate::cli::assert::{Demand, refuse};
use crate::cli::console::Console;
use crate::cli::exit::Exit;
use crate::cluster::ClusterError;
use crate::diagnostic::Diagnostic;
use crate::platform::Env;
use crate::results::ExperimentResult;

/// How often it is looked whether what does not move still does not.
const TICK: Duration = Duration::from_secs(2);

/// Waits and checks.
pub(super) async fn assert(args: AssertOf, console: &Console, env: &Env) -> Result<Exit, Exit> {
    let demand = Demand::read(&args.asked).map_err(|message| {
        console.say(LogLevel::Error, &format!("error: {message}"));
        Exit::Usage
    })?;
    let scene = args.group.scene(env, console).await?;
    let gate = Gate {
        demand,
        scene,
        console,
        obstacles: Obstacles::default(),
        revision: args.revision,
        is_there: false,
        seen: None,
        read: None,
        said: None,
    };
    gate.pass().await
}

/// What is asked, and what is known.
struct Gate<'a> {
    demand: Demand,
    scene: Scene,
    console: &'a Console,
    obstacles: Obstacles,
    /// The revision that is judged: the one that is asked for, or the first that was seen.
    revision: Option<u32>,
    /// Whether it was seen.
    is_there: bool,
    /// The newest run that was seen.
    seen: Option<String>,
    /// What is stored, and in which version of the object.
    read: Option<(String, Stored)>,
    /// What was said last of the wait.
    said: Option<String>,
}

impl Gate<'_> {
    async fn pass(mut self) -> Result<Exit, Exit> {
        let deadline = Instant::now() + self.demand.patience;
        // Who does not wait for a result waits for answers all the same.
        let answered = deadline.max(Instant::now() + ANSWER);
        loop {
            let now = Instant::now();
            self.obstacles.server(&self.scene, self.console);
            let known = self.scene.is_known();
            let late = now >= deadline;
            match self.scene.trouble() {
                Some(error) if late => return Err(super::failed(error, self.console)),
                None if !known && now >= answered => {
                    self.console
                        .say(LogLevel::Error, "error: the API server does not answer");
                    return Err(Exit::Error);
                }
                None if known => {
                    if let Some(exit) = self.judge(late).await? {
                        return Ok(exit);
                    }
                }
                Some(_) | None => {}
            }
            let end = if known { deadline } else { answered };
            tokio::select! {
                seen = self.scene.next() => seen.map_err(|error| super::failed(&error, self.console))?,
                () = sleep_until(end.min(Instant::now() + TICK)) => {}
            }
        }
    }

    /// The exit, if there is no use in waiting.
    async fn judge(&mut self, late: bool) -> Result<Option<Exit>, Exit> {
        let Some(object) = self.object(late).await? else {
            return Ok(None);
        };
        let Stored {
            revision,
            result,
            job,
            shards,
            by_hand,
        } = self.stored(&object)?;
        if !self.is_current(revision, late)? {
            return Ok(None);
        }
        let runs = self.scene.runs(revision);
        let newest = runs.first();
        let goes_on = newest.is_some_and(|run| run.end().is_none());
        let nameless = result.is_some() && job.is_none() && (newest.is_some() || !by_hand);
        let counts = |_: &ExperimentResult| newest.is_none() || is_last(job.as_deref(), &runs);
        let mut result = result.filter(|result| !nameless && counts(result));
        let all = shards.filter(|_| result.is_none() && !goes_on);
        if let Some(count) = all {
            let what = (revision, count, newest.map(Run::uid));
            result = match self.gathered(what, late).await {
                Ok(gathered) => gathered,
                Err(None) => return Ok(None),
                Err(Some(exit)) => return Err(exit),
            };
        }
        let Some(run) = newest else {
            return self.without_run(revision, (result, nameless), late).await;
        };
        if let Some(result) = &result
            && self.demand.is_met(result)
        {
            return Ok(Some(self.demand.verdict(result, self.console)));
        }
        let is_over = !goes_on;
        // A CronJob comes again, and may do better: who waits, waits for that.
        let again =
            is_over && run.again && result.is_some() && !late && self.scene.comes_again(revision).await;
        let last_word = late || is_over && !again;
        let stuck = !is_over && self.obstacles.look(&self.scene, run, self.console).await;
        if last_word || stuck {
            if nameless && result.is_none() {
                self.console.say(LogLevel::Warning, NAMELESS);
            }
            return Ok(Some(self.last_word(run, (result.as_ref(), all.is_some())).await));
        }
        let name = run.name.to_owned();
        self.say(&if is_over {
            format!("the Job {name} is over; waiting for the next run")
        } else {
            format!("waiting for the Job {name}")
        });
        self.seen = Some(name);
        Ok(None)
    }

    /// What shards left that nobody merged; without an exit it can be asked for again.
    async fn gathered(
        &self,
        what: (u32, u32, Option<&str>),
        late: bool,
    ) -> Result<Option<ExperimentResult>, Option<Exit>> {
        let place = (&self.scene.cluster, &self.scene.group);
        let gathered = gather(place, what, ANSWER, self.console).await;
        gathered.map_err(|error| {
            let again = error.may_pass() && !late;
            (!again).then(|| error.tell(self.console))
        })
    }

    /// The verdict on a run that nobody waits for any more, with what tells why it has no whole result.
    async fn last_word(&self, run: &Run<'_>, (result, gathered): (Option<&ExperimentResult>, bool)) -> Exit {
        if result.is_none_or(|result| !result.ended || result.interrupted.is_some() || gathered) {
            explain(&self.scene, run, self.console).await;
        }
        let Some(result) = result else {
            return refuse(self.console);
        };
        if !result.ended {
            self.console.say(LogLevel::Info, &so_far(result));
        }
        self.demand.verdict(result, self.console)
    }

    /// Nothing runs it, or nothing is left of what did.
    async fn without_run(
        &mut self,
        revision: u32,
        (result, nameless): (Option<ExperimentResult>, bool),
        late: bool,
    ) -> Result<Option<Exit>, Exit> {
        let cronjob = self.scene.cronjob(revision).await;
        let cronjob = match cronjob {
            Err(error) if error.may_pass() && !late => return Ok(None),
            cronjob => cronjob.map_err(|error| super::failed(&error, self.console))?,
        };
        let bereft = result.is_some();
        // What a Job has left outlives it. Of a CronJob nothing tells whether a later run left nothing.
        let result = result.filter(|_| cronjob.is_none());
        if let Some(result) = &result
            && self.demand.is_met(result)
        {
            return Ok(Some(self.demand.verdict(result, self.console)));
        }
        let (why, over) = match (&cronjob, &self.seen) {
            (Some(cronjob), _) if cronjob["spec"]["suspend"] == true => (
                format!("the CronJob {} is suspended", self.scene.group.cronjob(revision)),
                true,
            ),
            (Some(cronjob), _) => {
                let schedule = cronjob["spec"]["schedule"].as_str().unwrap_or("?");
                let name = self.scene.group.cronjob(revision);
                let why = if bereft {
                    "has a result, and none of its Jobs is there any more to tell whether that is of its last run"
                } else {
                    without_runs(cronjob, false)
                };
                (format!("the CronJob {name} ({schedule}) {why}"), false)
            }
            (None, Some(gone)) => (format!("the Job {gone} was deleted"), true),
            (None, None) => {
                let text =
                    format!("nothing runs revision {revision}: there is neither a Job nor a CronJob of it");
                (text, nameless || result.is_some())
            }
        };
        if !over && !late {
            self.say(&why);
            return Ok(None);
        }
        let whole = |result: &ExperimentResult| result.ended && result.interrupted.is_none();
        if nameless {
            self.console.say(LogLevel::Warning, NAMELESS);
        }
        if !result.as_ref().is_some_and(whole) {
            self.console.say(LogLevel::Error, &format!("error: {why}"));
        }
        Ok(Some(match result {
            Some(result) => self.demand.verdict(&result, self.console),
            None => refuse(self.console),
        }))
    }

    /// The object of the result. What a run leaves is stored before it ends, and may be told after that: once it has ended, it
    /// is asked for.
    async fn object(&mut self, late: bool) -> Result<Option<Value>, Exit> {
        let watched = self.scene.result();
        let revision = watched.and_then(crate::cluster::manifests::revision);
        let over = revision.is_some_and(|revision| {
            let runs = self.scene.runs(revision);
            runs.first().is_none_or(|run| run.end().is_some())
        });
        if let Some(object) = watched.filter(|_| !over) {
            return Ok(Some(object.clone()));
        }
        let name = self.scene.group.result();
        match self.scene.read(&name).await {
            Ok(object) => Ok(Some(object)),
            Err(ClusterError::Absent { object, .. }) => {
                let group = self.scene.group.clone();
                Err(super::unstored(
                    &StoreError::NoGroup { group, object },
                    self.console,
                ))
            }
            Err(error) if error.may_pass() && !late => Ok(None),
            Err(error) => Err(super::failed(&error, self.console)),
        }
    }

    /// What an object holds; it is unpacked once.
    fn stored(&mut self, object: &Value) -> Result<Stored, Exit> {
        let version = object["metadata"]["resourceVersion"].as_str().unwrap_or_default();
        if let Some((known, stored)) = &self.read
            && known == version
        {
            return Ok(stored.clone());
        }
        let stored =
            store::of(object, &self.scene.group).map_err(|error| super::unstored(&error, self.console))?;
        self.read = Some((version.to_owned(), stored.clone()));
        Ok(stored)
    }

    /// Whether the revision that is there is the one that is judged, which may be still to come. Another one is somebody
    /// else's experiment: its verdict is none of this one.
    fn is_current(&mut self, current: u32, late: bool) -> Result<bool, Exit> {
        let ours = *self.revision.get_or_insert(current);
        if current == ours {
            self.is_there = true;
            return Ok(true);
        }
        let anew = self.is_there || current > ours;
        if !anew && !late {
            self.say(&format!(
                "waiting for revision {ours}: {current} is the current one"
            ));
            return Ok(false);
        }
        let text = if anew {
            format!(
                "the group was launched anew: revision {current} is the current one, and nothing will be known of {ours}"
            )
        } else {
            format!("revision {ours} was not launched: {current} is the current one")
        };
        let hint = "who launches at the same time as others names a group of their own by -g";
        self.console.diagnostics(&[Diagnostic::error(text).hint(hint)]);
        Err(Exit::Error)
    }

    fn say(&mut self, text: &str) {
        if self.said.as_deref() != Some(text) {
            self.console.say(LogLevel::Info, text);
            self.said = Some(text.to_owned());
        }
    }
}

/// What a run had done that did not come to its end.
fn so_far(result: &ExperimentResult) -> String {
    let done = result.tasks.iter().filter(|task| task.status.is_done()).count();
    let loads = result.insights.versions.iter().flat_map(|version| &version.loads);
    let requests: u64 = loads.map(|load| load.measurement.requests).sum();
    format!(
        "until then {done} of {} tasks were done, and {requests} requests measured, which iter8 k report shows",
        result.tasks.len()
    )
}
