//! [`Prepared`]: what is fetched from a cluster before a run: its experiment, and what goes with it.

use std::path::Path;
use std::time::Duration;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use jiff::Timestamp;
use serde_json::Value;
use tokio::time::Instant;

use super::ANSWER;
use super::args::RunIn;
use super::keeper::{Keeper, OUTAGE};
use super::store::{self, StoreError};
use crate::charts::ResultUrl;
use crate::cli::args::Output;
use crate::cli::launch::as_experiment;
use crate::cli::run::{DEFAULT_FILE, Opened};
use crate::cluster::manifests::{RESULT_URL, is_run_by_hand, job_of, launched, path_of, revision};
use crate::cluster::{Cluster, ClusterError, ObjectName};
use crate::diagnostic::Diagnostic;
use crate::results;
use crate::spec::compat::Modern;
use crate::spec::{Node, SourceFile};

/// The first window of a CronJob reaches back so far at least: a database such as Prometheus looks at what it watches every 15
/// or 30 seconds.
const LOOK_BACK: Duration = Duration::from_mins(1);

/// An experiment that can be run.
pub(super) struct Prepared {
    /// Its revision.
    pub(super) revision: u32,
    /// What it says, or what is wrong with it.
    pub(super) opened: Result<Opened, Vec<Diagnostic>>,
    /// Whether there is a result to go on with.
    pub(super) reuse: bool,
    /// When what is asked of providers begins, in the first of several runs.
    pub(super) since: Option<Timestamp>,
    /// Where the whole result is sent.
    pub(super) url: Option<ResultUrl>,
}

impl Keeper<'_> {
    /// Fetches the experiment, the files that it refers to, and the result to go on with.
    pub(super) async fn prepare(&self, args: &RunIn, output: &Output) -> Result<Prepared, StoreError> {
        let deadline = Instant::now() + OUTAGE;
        let secret = self
            .insist(deadline, async |cluster| self.secret(cluster).await)
            .await?;
        let theirs = revision(&secret).unwrap_or_default();
        if let Some(ours) = args.revision.filter(|ours| *ours != theirs) {
            return Err(StoreError::Other { ours, theirs });
        }
        let object = self
            .insist(deadline, async |cluster| {
                store::object(cluster, &self.group, ANSWER).await
            })
            .await?;
        if !self.is_pod && (!is_run_by_hand(&object) || job_of(&object).is_some()) {
            let group = self.group.name.clone();
            return Err(StoreError::OfJob {
                revision: theirs,
                group,
            });
        }
        let earlier = match store::of(&object, &self.group) {
            Ok(stored) => stored.result,
            // The next one takes its place.
            Err(error @ StoreError::Unreadable { .. }) => {
                self.warn(&error.to_string());
                None
            }
            Err(error) => return Err(error),
        };
        let earlier = earlier.filter(|_| args.reuse_result);
        if let Some(earlier) = &earlier {
            results::write(&output.result(), earlier).map_err(|error| self.unusable(&error))?;
        }
        let mut url = None;
        for (name, bytes) in self.files(&secret)? {
            if name == RESULT_URL {
                url = Some(self.address(&bytes)?);
                continue;
            }
            if let Some(path) = path_of(&name) {
                put(&output.run_dir.join(path), &bytes).map_err(|error| self.unusable(&error))?;
            }
        }
        Ok(Prepared {
            revision: theirs,
            opened: self.open(&output.run_dir),
            reuse: earlier.is_some(),
            since: args.reuse_result.then(|| since(&secret, Timestamp::now())),
            url,
        })
    }

    /// Where the whole result is sent.
    fn address(&self, bytes: &[u8]) -> Result<ResultUrl, StoreError> {
        let text = String::from_utf8_lossy(bytes);
        let url = ResultUrl::parse(&text).map_err(|why| StoreError::Unreadable {
            object: self.group.experiment().to_string(),
            reason: format!("{RESULT_URL}: {why}"),
        })?;
        url.hide(&self.console.mask);
        Ok(url)
    }

    async fn secret(&self, cluster: &Cluster) -> Result<Value, StoreError> {
        let name = self.group.experiment();
        match cluster.read(&name, ANSWER).await {
            Err(ClusterError::Absent { object, .. }) => {
                let group = self.group.clone();
                Err(StoreError::NoGroup { group, object })
            }
            Ok(secret) if !self.group.owns(&secret) || revision(&secret).is_none() => {
                Err(StoreError::Foreign {
                    object: name.to_string(),
                    namespace: self.group.namespace.clone(),
                })
            }
            answer => Ok(answer?),
        }
    }

    /// What the Secret holds.
    fn files(&self, secret: &Value) -> Result<Vec<(String, Vec<u8>)>, StoreError> {
        let fields = secret["data"].as_object().into_iter().flatten();
        let read = fields.map(|(name, value)| {
            let bytes = STANDARD.decode(value.as_str().unwrap_or_default());
            let bytes = bytes.map_err(|error| self.unusable(&error))?;
            Ok((name.clone(), bytes))
        });
        read.filter(|file| file.as_ref().map_or(true, |(name, _)| ObjectName::is_name(name)))
            .collect()
    }

    fn open(&self, folder: &Path) -> Result<Opened, Vec<Diagnostic>> {
        let name = self.group.experiment();
        let bytes = std::fs::read(folder.join(DEFAULT_FILE)).map_err(|cause| {
            let message = format!("{name} has no key {DEFAULT_FILE} that can be read: {cause}");
            vec![Diagnostic::error(message).hint("launch the experiment again")]
        })?;
        let source = SourceFile::new(name.to_string(), String::from_utf8_lossy(&bytes));
        let root = Node::parse(&source).map_err(|wrong| vec![wrong])?;
        let Modern { root, era, found } = as_experiment(root, &source, folder);
        Ok(Opened {
            source,
            root,
            era,
            found,
        })
    }

    fn unusable(&self, error: &dyn std::error::Error) -> StoreError {
        StoreError::Unreadable {
            object: self.group.experiment().to_string(),
            reason: error.to_string(),
        }
    }
}

/// When the window of the first of several runs begins, which has no run before it: with the launch, as with Iter8.
fn since(secret: &Value, now: Timestamp) -> Timestamp {
    let latest = now.saturating_sub(LOOK_BACK).unwrap_or(now);
    launched(secret).map_or(latest, |launched| launched.min(latest))
}

/// Writes a file, and the folders that it is in.
fn put(path: &Path, bytes: &[u8]) -> std::io::Result<()> {
    if let Some(folder) = path.parent() {
        std::fs::create_dir_all(folder)?;
    }
    std::fs::write(path, bytes)
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn the_first_window_begins_with_the_launch_and_has_a_minute_at_least() {
        let at = |text: &str| text.parse::<Timestamp>().expect("a time");
        let now = at("2026-05-01T10:05:00Z");
        for (launched, begins) in [
            ("2026-05-01T10:00:30Z", "2026-05-01T10:00:30Z"),
            ("2026-05-01T10:04:59Z", "2026-05-01T10:04:00Z"),
            // The clock of the API server is another.
            ("2026-05-01T10:06:00Z", "2026-05-01T10:04:00Z"),
            ("", "2026-05-01T10:04:00Z"),
        ] {
            let secret = json!({"metadata": {"creationTimestamp": launched}});
            assert_eq!(since(&secret, now), at(begins), "{launched}");
        }
    }
}
