//! [`Watch`]: objects as they are now, and as they change.
//!
//! They are listed once; from the version that the list has, the API server tells what changes
//! (<https://kubernetes.io/docs/reference/using-api/api-concepts/#efficient-detection-of-changes>). A connection that ends is
//! opened again where it ended; where the API server has forgotten that version (410), they are listed anew.

use std::collections::BTreeMap;
use std::time::Duration;

use serde_json::Value;
use tokio::time::{Instant, sleep_until, timeout};
use url::form_urlencoded::Serializer;

use super::client::{Asked, Cluster};
use super::error::ClusterError;
use super::foreign;
use super::object::Resource;
use super::stream::Lines;

/// How long one answer tells of changes; the API server ends it then, and the next one goes on.
const TERM: Duration = Duration::from_mins(1);
/// An answer that is silent for longer has lost its connection.
const SILENCE: Duration = Duration::from_secs(75);
/// Longest wait for the begin of an answer.
const BEGIN: Duration = Duration::from_secs(10);
/// Pauses before asking again grow from this
const SHORTEST_PAUSE: Duration = Duration::from_millis(100);
/// to this.
const LONGEST_PAUSE: Duration = Duration::from_secs(3);
/// How long an API server that was fine before may refuse: one that starts does not know all rights yet.
const STARTING: Duration = Duration::from_secs(10);
/// Bytes of an event: an object has 1.5 MiB at most where the store is not told otherwise.
const LARGEST_EVENT: usize = 8 << 20;

/// Which objects.
#[derive(Debug, Clone)]
pub struct Selection {
    /// Their kind.
    pub resource: Resource,
    /// Their namespace.
    pub namespace: String,
    /// The only one that is meant, if there is one.
    pub name: Option<String>,
    /// The labels that they must have, if they must.
    pub selector: Option<String>,
}

/// Objects, as they are now.
pub struct Watch {
    cluster: Cluster,
    selection: Selection,
    objects: BTreeMap<String, Value>,
    version: Option<String>,
    lines: Option<Lines>,
    /// Nothing is asked before.
    not_before: Instant,
    pause: Duration,
    /// Whether a list was ever given.
    accepted: bool,
    trouble: Option<ClusterError>,
    /// Since when the API server refuses.
    refused: Option<Instant>,
}

impl Watch {
    /// Asks nothing yet.
    pub fn new(cluster: Cluster, selection: Selection) -> Self {
        Self {
            cluster,
            selection,
            objects: BTreeMap::new(),
            version: None,
            lines: None,
            not_before: Instant::now(),
            pause: SHORTEST_PAUSE,
            accepted: false,
            trouble: None,
            refused: None,
        }
    }

    /// The objects that there are, by name; none before the first list.
    pub fn objects(&self) -> &BTreeMap<String, Value> {
        &self.objects
    }

    /// Whether they were ever listed.
    pub fn is_known(&self) -> bool {
        self.accepted
    }

    /// Why they may have changed since, if that is so: the API server is asked again and again.
    pub fn trouble(&self) -> Option<&ClusterError> {
        self.trouble.as_ref()
    }

    /// Goes on with another client, whose credentials are new.
    pub fn go_on_with(&mut self, cluster: Cluster) {
        self.cluster = cluster;
        self.lines = None;
    }

    /// Waits until there is something to see: the first list, a change, or that the API server is away or back again. The
    /// error is one that waiting does not mend. Whoever stops waiting loses nothing.
    pub async fn next(&mut self) -> Result<(), ClusterError> {
        loop {
            match self.step().await {
                Ok(true) => {
                    self.pause = SHORTEST_PAUSE;
                    (self.trouble, self.refused) = (None, None);
                    return Ok(());
                }
                Ok(false) => {}
                Err(error) => {
                    self.lines = None;
                    self.wait();
                    if !self.passes(&error) {
                        return Err(error);
                    }
                    if self.trouble.replace(error).is_none() {
                        return Ok(());
                    }
                }
            }
        }
    }

    /// One thing that is asked or told, and whether it is worth a look.
    async fn step(&mut self) -> Result<bool, ClusterError> {
        sleep_until(self.not_before).await;
        let Some(version) = self.version.clone() else {
            self.list().await?;
            return Ok(true);
        };
        let Some(lines) = &mut self.lines else {
            let path = self.path(&[
                ("watch", "1"),
                ("resourceVersion", &version),
                ("allowWatchBookmarks", "true"),
                ("timeoutSeconds", &TERM.as_secs().to_string()),
            ]);
            let asked = self.asked("watch");
            let opened = self.cluster.stream(&path, asked, BEGIN, LARGEST_EVENT).await;
            return match opened {
                Ok(lines) => {
                    self.lines = Some(lines);
                    Ok(self.trouble.is_some())
                }
                Err(ClusterError::Outdated) => Ok(self.forget()),
                Err(error) => Err(error),
            };
        };
        if let Ok(Ok(Some(line))) = timeout(SILENCE, lines.next()).await {
            return self.see(&line);
        }
        // Its term is over, the API server leaves, or nobody is there any more.
        self.lines = None;
        self.wait();
        Ok(false)
    }

    async fn list(&mut self) -> Result<(), ClusterError> {
        let path = self.path(&[]);
        let deadline = Instant::now() + BEGIN;
        let answer = self.cluster.get(&path, self.asked("list"), deadline).await?;
        let version = answer["metadata"]["resourceVersion"].as_str();
        let (Some(version), Some(items)) = (version, answer["items"].as_array()) else {
            return Err(self.odd("what it lists is no list"));
        };
        self.version = Some(version.to_owned());
        self.accepted = true;
        self.objects = items
            .iter()
            .filter_map(|item| Some((name(item)?, item.clone())))
            .collect();
        Ok(())
    }

    /// An event, and whether it changes anything.
    fn see(&mut self, line: &[u8]) -> Result<bool, ClusterError> {
        let Ok(mut event) = serde_json::from_slice::<Value>(line) else {
            return Err(self.odd("what it tells of changes is not JSON"));
        };
        let object = event["object"].take();
        let kind = event["type"].as_str().unwrap_or_default();
        if kind == "ERROR" {
            return match object["code"].as_u64() {
                Some(410) => Ok(self.forget()),
                _ => Err(self.odd(&foreign(object["message"].as_str().unwrap_or("an error")))),
            };
        }
        if let Some(version) = object["metadata"]["resourceVersion"].as_str() {
            self.version = Some(version.to_owned());
        }
        match (kind, name(&object)) {
            ("ADDED" | "MODIFIED", Some(name)) => {
                self.objects.insert(name, object);
                Ok(true)
            }
            ("DELETED", Some(name)) => Ok(self.objects.remove(&name).is_some()),
            // Bookmarks, and what later versions may have.
            _ => Ok(false),
        }
    }

    /// What is known is too old to go on from; nothing of that is worth a look yet.
    fn forget(&mut self) -> bool {
        (self.version, self.lines) = (None, None);
        self.wait();
        false
    }

    /// A pause before the next question.
    fn wait(&mut self) {
        self.not_before = Instant::now() + self.pause;
        self.pause = (self.pause * 2).min(LONGEST_PAUSE);
    }

    /// Whether waiting may mend it.
    fn passes(&mut self, error: &ClusterError) -> bool {
        if error.may_pass() {
            return true;
        }
        if !self.accepted || !error.is_refusal() {
            return false;
        }
        self.refused.get_or_insert_with(Instant::now).elapsed() < STARTING
    }

    fn odd(&self, reason: &str) -> ClusterError {
        ClusterError::Foreign {
            server: self.cluster.server().to_owned(),
            reason: reason.to_owned(),
        }
    }

    fn asked(&self, verb: &'static str) -> Asked<'_> {
        Asked {
            verb,
            resource: Some(&self.selection.resource),
            name: self.selection.name.as_deref(),
            namespace: Some(&self.selection.namespace),
        }
    }

    fn path(&self, more: &[(&str, &str)]) -> String {
        let Selection {
            resource,
            namespace,
            name,
            selector,
        } = &self.selection;
        let mut query = Serializer::new(String::new());
        if let Some(name) = name {
            query.append_pair("fieldSelector", &format!("metadata.name={name}"));
        }
        if let Some(selector) = selector {
            query.append_pair("labelSelector", selector);
        }
        query.extend_pairs(more);
        let (root, plural, query) = (resource.root(), &resource.plural, query.finish());
        format!("{root}/namespaces/{namespace}/{plural}?{query}")
    }
}

fn name(object: &Value) -> Option<String> {
    object["metadata"]["name"].as_str().map(str::to_owned)
}
