//! `iter8 k log`: what the pods of a group's last run say. With `--follow` until the run ends, whether it has begun or not.
//!
//! What a pod says is text from elsewhere: nothing in it is a command to who reads the log.

use std::collections::BTreeSet;
use std::time::Duration;

use tokio::sync::mpsc::{Receiver, Sender, channel};
use tokio::time::{Instant, sleep, sleep_until};

use super::ANSWER;
use super::args::LogOf;
use super::obstacles::{Obstacles, explain};
use super::scene::{Scene, name, without_runs};
use super::store;
use crate::cli::args::LogLevel;
use crate::cli::console::Console;
use crate::cli::exit::Exit;
use crate::cli::shown::print_line;
use crate::cluster::{
    Cluster, ClusterError, Container, Extent, ObjectName, Resource, has_ended, main_container,
};
use crate::platform::Env;

/// How often it is looked whether what does not move still does not.
const TICK: Duration = Duration::from_secs(2);
/// Longest wait for an API server that went away.
const OUTAGE: Duration = Duration::from_mins(5);
/// Lines that wait to be printed.
const WAITING: usize = 64;
/// The pause before a log is asked for again.
const PAUSE: Duration = Duration::from_secs(1);

/// Prints the log.
pub(super) async fn log(args: LogOf, console: &Console, env: &Env) -> Result<Exit, Exit> {
    let scene = args.group.scene(env, console).await?;
    let stored = store::read(&scene.cluster, &scene.group, ANSWER).await;
    let stored = stored.map_err(|error| super::unstored(&error, console))?;
    let (sender, receiver) = channel(WAITING);
    let reader = Reader {
        scene,
        console,
        revision: args.revision.unwrap_or(stored.revision),
        has_result: stored.result.is_some() && args.revision.is_none_or(|ours| ours == stored.revision),
        follow: args.follow,
        begun: BTreeSet::new(),
        open: 0,
        sender,
        receiver,
        said: false,
    };
    reader.read().await
}

/// What comes from the log of a container.
enum Piece {
    Line(String, String),
    /// It is over, or why it cannot be read.
    End(Result<(), ClusterError>),
}

struct Reader<'a> {
    scene: Scene,
    console: &'a Console,
    revision: u32,
    /// Whether a run of it has left something.
    has_result: bool,
    follow: bool,
    /// Pods whose log is read, or was.
    begun: BTreeSet<String>,
    /// Logs that are not over.
    open: usize,
    sender: Sender<Piece>,
    receiver: Receiver<Piece>,
    said: bool,
}

impl Reader<'_> {
    async fn read(mut self) -> Result<Exit, Exit> {
        let answered = Instant::now() + ANSWER;
        let mut obstacles = Obstacles::default();
        let mut answers = Instant::now();
        loop {
            obstacles.server(&self.scene, self.console);
            match self.scene.trouble() {
                Some(error) if answers.elapsed() >= OUTAGE => {
                    return Err(super::failed(error, self.console));
                }
                Some(_) => {}
                None => answers = Instant::now(),
            }
            if self.scene.is_known() {
                if let Some(exit) = self.look(&mut obstacles).await? {
                    return Ok(exit);
                }
            } else if Instant::now() >= answered {
                return Err(match self.scene.trouble() {
                    Some(error) => super::failed(error, self.console),
                    None => self.fail("the API server does not answer"),
                });
            }
            tokio::select! {
                biased;
                piece = self.receiver.recv() => match piece {
                    Some(Piece::Line(pod, line)) => {
                        let shown = if self.begun.len() > 1 { format!("[{pod}] {line}") } else { line };
                        if !print_line(&shown, self.console)? {
                            return Ok(Exit::Pass);
                        }
                    }
                    Some(Piece::End(ended)) => {
                        self.open -= 1;
                        ended.map_err(|error| super::failed(&error, self.console))?;
                    }
                    None => {}
                },
                seen = self.scene.next() => seen.map_err(|error| super::failed(&error, self.console))?,
                () = sleep_until(Instant::now() + TICK) => {}
            }
        }
    }

    /// Begins to read the logs that there are; the exit, if there will be no more.
    async fn look(&mut self, obstacles: &mut Obstacles) -> Result<Option<Exit>, Exit> {
        if self.open > 0 && !self.follow {
            return Ok(None);
        }
        if let Some(error) = self.scene.blind() {
            return Err(super::failed(error, self.console));
        }
        let runs = self.scene.runs(self.revision);
        let Some(run) = runs.first() else {
            return self.without_run().await.map(|()| None);
        };
        let is_over = run.end().is_some();
        for pod in self.scene.pods(run) {
            if let Some((container, true)) = main_container(pod)
                && self.begun.insert(name(pod).to_owned())
            {
                let of = Container {
                    namespace: self.scene.group.namespace.clone(),
                    pod: name(pod).to_owned(),
                    name: container.to_owned(),
                };
                let extent = if self.follow { Extent::Follow } else { Extent::All };
                self.open += 1;
                tokio::spawn(send(self.scene.cluster.clone(), of, extent, self.sender.clone()));
            }
        }
        if self.open > 0 {
            return Ok(None);
        }
        let nothing = self.begun.is_empty();
        if is_over || !self.follow {
            if nothing {
                explain(&self.scene, run, self.console).await;
                return Err(self.fail("nothing was logged"));
            }
            return Ok(Some(Exit::Pass));
        }
        if obstacles.look(&self.scene, run, self.console).await {
            explain(&self.scene, run, self.console).await;
            return Err(Exit::Error);
        }
        let text = format!("waiting for the Job {}", run.name);
        self.say(&text);
        Ok(None)
    }

    /// Who follows a CronJob waits for its first run; where nothing will run, nothing will be logged.
    async fn without_run(&mut self) -> Result<(), Exit> {
        let revision = self.revision;
        let cronjob = self.scene.cronjob(revision).await;
        let cronjob = cronjob.map_err(|error| super::failed(&error, self.console))?;
        match cronjob {
            Some(cronjob) if cronjob["spec"]["suspend"] == true => {
                let name = self.scene.group.cronjob(revision);
                Err(self.fail(&format!("the CronJob {name} is suspended")))
            }
            Some(_) if self.follow => {
                let text = format!("waiting for {} to run", self.scene.group.cronjob(revision));
                self.say(&text);
                Ok(())
            }
            Some(cronjob) => {
                let name = self.scene.group.cronjob(revision);
                let why = without_runs(&cronjob, self.has_result);
                Err(self.fail(&format!("the CronJob {name} {why}")))
            }
            None => {
                let text =
                    format!("nothing runs revision {revision}: there is neither a Job nor a CronJob of it");
                Err(self.fail(&text))
            }
        }
    }

    fn say(&mut self, text: &str) {
        if !std::mem::replace(&mut self.said, true) {
            self.console.say(LogLevel::Info, text);
        }
    }

    fn fail(&self, text: &str) -> Exit {
        self.console.say(LogLevel::Error, &format!("error: {text}"));
        Exit::Error
    }
}

/// Sends the lines of a log, and its end.
async fn send(cluster: Cluster, of: Container, extent: Extent, sender: Sender<Piece>) {
    let ended = lines(&cluster, &of, extent, &sender).await;
    // Who does not listen any more needs no end.
    let _ = sender.send(Piece::End(ended)).await;
}

/// Reads a log to the end of its container. Where the API server ends an answer before, it is read again from its begin,
/// without the lines that were read: a log that goes on has no other place to go on from.
async fn lines(
    cluster: &Cluster,
    of: &Container,
    extent: Extent,
    sender: &Sender<Piece>,
) -> Result<(), ClusterError> {
    let mut shown = 0_usize;
    let mut over = extent != Extent::Follow;
    loop {
        match copy(cluster, of, extent, &mut shown, sender).await {
            // What was over before it was asked for is told completely.
            Ok(()) if over => return Ok(()),
            // It went, with what there was to say.
            Err(ClusterError::Absent { .. }) if over && shown > 0 => return Ok(()),
            Err(error @ (ClusterError::Forbidden(_) | ClusterError::Unauthorized { .. })) => {
                return Err(error);
            }
            Err(error) if over && !error.may_pass() || extent != Extent::Follow => return Err(error),
            // There may be more; or its node does not have it yet, or cannot be asked.
            Ok(()) | Err(_) => {}
        }
        over = is_over(cluster, of).await?;
        if !over {
            sleep(PAUSE).await;
        }
    }
}

/// One answer to its end.
async fn copy(
    cluster: &Cluster,
    of: &Container,
    extent: Extent,
    shown: &mut usize,
    sender: &Sender<Piece>,
) -> Result<(), ClusterError> {
    let mut log = cluster.log(of, extent, ANSWER).await?;
    let mut count = 0;
    while let Some(line) = log.next().await? {
        count += 1;
        if count > *shown {
            *shown = count;
            let line = String::from_utf8_lossy(&line).into_owned();
            if sender.send(Piece::Line(of.pod.clone(), line)).await.is_err() {
                return Ok(());
            }
        }
    }
    Ok(())
}

/// Whether a container has ended; one whose pod is gone has.
async fn is_over(cluster: &Cluster, of: &Container) -> Result<bool, ClusterError> {
    let pod = ObjectName {
        resource: Resource {
            group: String::new(),
            version: "v1".to_owned(),
            plural: "pods".to_owned(),
        },
        namespace: Some(of.namespace.clone()),
        name: of.pod.clone(),
    };
    loop {
        match cluster.read(&pod, ANSWER).await {
            Ok(pod) => return Ok(has_ended(&pod, &of.name)),
            Err(ClusterError::Absent { .. }) => return Ok(true),
            Err(error) if error.may_pass() => sleep(PAUSE).await,
            Err(error) => return Err(error),
        }
    }
}
