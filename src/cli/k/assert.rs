//! `iter8 k assert`: waits for the result of a group and checks it, as `iter8 assert` does one that is stored here; ends early
//! where no result will come, and says why.

use std::time::Duration;

use serde_json::Value;
use tokio::time::{Instant, sleep_until};

use super::args::AssertOf;
use super::obstacles::{Obstacles, explain};
use super::scene::{ANSWER, Run, Scene};
use super::store::{self, StoreError, Stored};
use crate::cli::args::LogLevel;
use crate::cli::assert::{Demand, refuse};
use crate::cli::console::Console;
use crate::cli::exit::Exit;
use crate::cluster::ClusterError;
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
        revision: None,
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
    /// The revision that is judged.
    revision: Option<u32>,
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
        } = self.stored(&object)?;
        self.announce(revision);
        let runs = self.scene.runs(revision);
        let result = result.filter(|_| !is_outdated(job.as_deref(), &runs));
        if let Some(result) = &result
            && self.demand.is_met(result)
        {
            return Ok(Some(self.demand.verdict(result, self.console)));
        }
        let Some(run) = runs.first() else {
            return self.without_run(revision, result.as_ref(), late).await;
        };
        let is_over = run.end().is_some();
        // A CronJob comes again, and may do better: who waits, waits for that.
        let last_word = late || is_over && !(run.again && result.is_some());
        let stuck = !is_over && self.obstacles.look(&self.scene, run, self.console).await;
        if last_word || stuck {
            return Ok(Some(match &result {
                Some(result) if result.interrupted.is_some() => {
                    explain(&self.scene, run, self.console).await;
                    self.demand.verdict(result, self.console)
                }
                Some(result) => self.demand.verdict(result, self.console),
                None => {
                    explain(&self.scene, run, self.console).await;
                    refuse(self.console)
                }
            }));
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

    /// Nothing runs it, or nothing is left of what did.
    async fn without_run(
        &mut self,
        revision: u32,
        result: Option<&ExperimentResult>,
        late: bool,
    ) -> Result<Option<Exit>, Exit> {
        let cronjob = self.scene.cronjob(revision).await;
        let cronjob = match cronjob {
            Err(error) if error.may_pass() && !late => return Ok(None),
            cronjob => cronjob.map_err(|error| super::failed(&error, self.console))?,
        };
        let (why, over) = match (&cronjob, &self.seen) {
            (Some(cronjob), _) if cronjob["spec"]["suspend"] == true => (
                format!("the CronJob {} is suspended", self.scene.group.cronjob(revision)),
                true,
            ),
            (Some(cronjob), _) => {
                let schedule = cronjob["spec"]["schedule"].as_str().unwrap_or("?");
                let name = self.scene.group.cronjob(revision);
                (format!("the CronJob {name} ({schedule}) has not run yet"), false)
            }
            (None, Some(gone)) => (format!("the Job {gone} was deleted"), true),
            (None, None) => {
                let text =
                    format!("nothing runs revision {revision}: there is neither a Job nor a CronJob of it");
                (text, result.is_some())
            }
        };
        if !over && !late {
            self.say(&why);
            return Ok(None);
        }
        if result.is_none_or(|result| result.interrupted.is_some()) {
            self.console.say(LogLevel::Error, &format!("error: {why}"));
        }
        Ok(Some(match result {
            Some(result) => self.demand.verdict(result, self.console),
            None => refuse(self.console),
        }))
    }

    /// The object of the result. What a run leaves is stored before it ends, and may be told after that: once it has ended, it
    /// is asked for.
    async fn object(&self, late: bool) -> Result<Option<Value>, Exit> {
        let watched = self.scene.result();
        let revision = watched.and_then(crate::cluster::manifests::revision);
        let over = revision.is_some_and(|revision| {
            let runs = self.scene.runs(revision);
            runs.first().is_none_or(|run| run.end().is_some())
        });
        if let Some(object) = watched.filter(|_| !over) {
            return Ok(Some(object.clone()));
        }
        match self.scene.cluster.read(&self.scene.group.result(), ANSWER).await {
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

    /// Says where the group was launched anew while this waits.
    fn announce(&mut self, revision: u32) {
        if self
            .revision
            .replace(revision)
            .is_some_and(|before| before != revision)
        {
            self.seen = None;
            self.say(&format!(
                "the group was launched anew: revision {revision} is judged"
            ));
        }
    }

    fn say(&mut self, text: &str) {
        if self.said.as_deref() != Some(text) {
            self.console.say(LogLevel::Info, text);
            self.said = Some(text.to_owned());
        }
    }
}

/// Whether a later run than the one that left a result has ended without one.
fn is_outdated(job: Option<&str>, runs: &[Run<'_>]) -> bool {
    let Some(ended) = runs.iter().find(|run| run.end().is_some()) else {
        return false;
    };
    // There is one Job for each revision.
    if !ended.again {
        return false;
    }
    let by = runs.iter().find(|run| Some(run.name) == job);
    by.is_none_or(|by| by.age() < ended.age())
}
