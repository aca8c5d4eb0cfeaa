//! [`Obstacles`]: what stands in the way of a run, told once each; and why one that is over has no result.

use std::collections::BTreeSet;
use std::time::Duration;

use serde_json::Value;
use tokio::time::Instant;

use super::ANSWER;
use super::scene::{Run, Scene, name};
use crate::cli::args::LogLevel;
use crate::cli::console::Console;
use crate::cluster::{
    ClusterError, Container, Extent, Hindrance, JobEnd, foreign, hindrance, last_warning, main_container,
};

/// What does not begin for so long does not begin: a registry may be away for a moment, not for longer.
const STUCK: Duration = Duration::from_secs(20);
/// Lines of a log that are shown of a run that failed.
const LAST_LINES: u32 = 15;
/// Bytes of them: a result that could not be kept is one line of megabytes.
const LAST_BYTES: usize = 64 << 10;

/// What was told, and since when nothing moves.
#[derive(Default)]
pub(super) struct Obstacles {
    told: BTreeSet<String>,
    since: Option<Instant>,
    /// Since when no pod runs that cannot be seen.
    unseen: Option<Instant>,
    /// Whether the API server was away when it was last looked at.
    away: bool,
}

impl Obstacles {
    /// Tells that the API server is away or back.
    pub(super) fn server(&mut self, scene: &Scene, console: &Console) {
        match (scene.trouble(), self.away) {
            (Some(error), false) => {
                let text = format!("warning: {error}; it is asked again until it answers");
                console.say(LogLevel::Warning, &text);
            }
            (None, true) => console.say(LogLevel::Info, "the API server is back"),
            (Some(_), true) | (None, false) => {}
        }
        self.away = scene.trouble().is_some();
    }

    /// Tells what stands in the way of a run that goes on; whether it has done so for too long.
    pub(super) async fn look(&mut self, scene: &Scene, run: &Run<'_>, console: &Console) -> bool {
        // Whoever cannot see the pods sees from the Job that they run.
        if let Some(error) = scene.blind().filter(|_| !run.has_begun()) {
            let unseen = self.unseen.get_or_insert_with(Instant::now).elapsed();
            if unseen >= STUCK {
                let text = format!("no pod has begun, and why is not known: {error}");
                self.tell(&text, console);
            }
        }
        let pods = scene.pods(run);
        let mut stuck = false;
        for pod in &pods {
            let Some(found) = hindrance(pod) else { continue };
            stuck |= matches!(found, Hindrance::Stuck(_));
            self.tell(&format!("the pod {}: {}", name(pod), found.why()), console);
        }
        if pods.is_empty()
            && scene.blind().is_none()
            && let Ok(Some(why)) = warning(scene, run.uid()).await
        {
            stuck = true;
            self.tell(&format!("{} has no pod: {why}", run.name), console);
        }
        if !stuck {
            self.since = None;
            return false;
        }
        self.since.get_or_insert_with(Instant::now).elapsed() >= STUCK
    }

    fn tell(&mut self, text: &str, console: &Console) {
        if self.told.insert(text.to_owned()) {
            console.say(LogLevel::Warning, &format!("warning: {text}"));
        }
    }
}

/// Says how a run stands that has no result, or a part of one, with everything that tells why.
pub(super) async fn explain(scene: &Scene, run: &Run<'_>, console: &Console) {
    let mut lines = vec![match run.end() {
        Some(JobEnd::Complete) => format!(
            "error: the Job {} came to its end, and no result of it is stored",
            run.name
        ),
        Some(JobEnd::Failed(why)) => format!("error: the Job {} failed: {why}", run.name),
        None => format!("error: the Job {} is not over", run.name),
    }];
    let pods = scene.pods(run);
    if let Some(error) = scene.blind() {
        lines.push(format!("  why is not known: {error}"));
    } else if pods.is_empty() {
        let why = warning(scene, run.uid()).await;
        lines.push(match why {
            Ok(Some(why)) => format!("  it has no pod: {why}"),
            Ok(None) => "  it has no pod (any more)".to_owned(),
            Err(error) => format!("  it has no pod, and why is not known: {error}"),
        });
    }
    // Those of shards that did their part tell nothing of the one that did not.
    let several = pods.len() > 1;
    for pod in pods
        .iter()
        .filter(|pod| !several || pod["status"]["phase"] != "Succeeded")
    {
        lines.extend(tale(scene, pod).await);
    }
    console.say(LogLevel::Error, &lines.join("\n"));
}

/// What there is to say of a pod.
async fn tale(scene: &Scene, pod: &Value) -> Vec<String> {
    let Some(found) = hindrance(pod) else {
        let phase = pod["status"]["phase"].as_str().unwrap_or("?");
        return vec![format!("  the pod {} is {phase}", name(pod))];
    };
    let mut lines = vec![format!("  the pod {}: {}", name(pod), found.why())];
    let uid = pod["metadata"]["uid"].as_str().unwrap_or_default();
    if let Ok(Some(event)) = warning(scene, uid).await
        && !found.why().contains(&event)
    {
        lines.push(format!("  {event}"));
    }
    let Some((container, true)) = main_container(pod) else {
        return lines;
    };
    match last_lines(scene, pod, container).await {
        Ok(log) if log.is_empty() => lines.push("  its log is empty".to_owned()),
        Ok(log) => {
            lines.push("  its log ends with".to_owned());
            lines.extend(log.into_iter().map(|line| format!("  | {line}")));
        }
        Err(error) => lines.push(format!("  its log cannot be read: {error}")),
    }
    lines
}

async fn last_lines(scene: &Scene, pod: &Value, container: &str) -> Result<Vec<String>, ClusterError> {
    let of = Container {
        namespace: scene.group.namespace.clone(),
        pod: name(pod).to_owned(),
        name: container.to_owned(),
    };
    let extent = Extent::Last {
        lines: LAST_LINES,
        bytes: LAST_BYTES,
    };
    let mut log = scene.cluster.log(&of, extent, ANSWER).await?;
    let (mut lines, mut bytes) = (Vec::new(), 0);
    while bytes < LAST_BYTES
        && let Some(line) = log.next().await?
    {
        bytes += line.len();
        lines.push(foreign(&String::from_utf8_lossy(&line)));
    }
    Ok(lines)
}

/// The last warning that there is about an object.
async fn warning(scene: &Scene, uid: &str) -> Result<Option<String>, ClusterError> {
    let events = scene.cluster.events(&scene.group.namespace, uid, ANSWER).await?;
    Ok(last_warning(&events))
}
