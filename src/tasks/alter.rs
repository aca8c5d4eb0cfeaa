//! How tasks change an object of a cluster: again and again until the API has taken it, or says why it does not.

use std::future::Future;
use std::time::Duration;

use serde_json::{Map, Value};
use tokio::time::{Instant, sleep};
use tokio_util::sync::CancellationToken;

use super::TaskError;
use crate::cluster::{Access, Cluster, ClusterError, Line, Manner, ObjectName};

/// How long a change may take while the API server is away, or while others change the object.
const PATIENCE: Duration = Duration::from_secs(15);
/// How long a request goes on behind a signal: what is dropped on its way may arrive nevertheless.
const GRACE: Duration = Duration::from_secs(1);
/// Between attempts.
const PAUSE: Duration = Duration::from_millis(200);

/// A cluster in which objects are changed.
pub(super) struct Link {
    line: Line,
    namespace: String,
}

impl Link {
    /// Reaches the cluster that is meant.
    pub(super) async fn to(access: &Access) -> Result<Self, Trouble> {
        let cluster = access.connect().await?;
        Ok(Self {
            namespace: cluster.namespace().to_owned(),
            line: Line::of(access.clone(), cluster),
        })
    }

    /// The namespace that is meant where none is named.
    pub(super) fn namespace(&self) -> &str {
        &self.namespace
    }

    /// Asks, and once more with new credentials where it is not known any more.
    async fn ask(&self, patience: &Patience, request: &Request<'_>) -> Result<Value, ClusterError> {
        let cluster = self.line.cluster().await;
        match request.send(&cluster, patience.left()).await {
            Err(refused @ ClusterError::Unauthorized { .. }) => {
                match self.line.renewed(&cluster, patience.deadline).await? {
                    Some(renewed) => request.send(&renewed, patience.left()).await,
                    None => Err(refused),
                }
            }
            answer => answer,
        }
    }
}

/// What is asked of a cluster about an object.
struct Request<'a> {
    object: &'a ObjectName,
    /// Fields to apply; without some it is read.
    fields: Option<(&'a Value, Manner)>,
}

impl Request<'_> {
    async fn send(&self, cluster: &Cluster, patience: Duration) -> Result<Value, ClusterError> {
        match self.fields {
            Some((fields, manner)) => cluster.apply(self.object, fields, manner, patience).await,
            None => cluster.read(self.object, patience).await,
        }
    }
}

/// How long something may take.
pub(super) struct Patience {
    deadline: Instant,
    /// Ends it early.
    stop: Option<CancellationToken>,
}

impl Patience {
    /// That of a change, which a signal ends.
    pub(super) fn of_change(stop: &CancellationToken) -> Self {
        Self::for_so_long(PATIENCE, stop)
    }

    /// So long, unless a signal ends it.
    pub(super) fn for_so_long(time: Duration, stop: &CancellationToken) -> Self {
        Self {
            deadline: Instant::now() + time,
            stop: Some(stop.clone()),
        }
    }

    /// Until then, whatever happens.
    pub(super) fn until(deadline: Instant) -> Self {
        Self { deadline, stop: None }
    }

    fn left(&self) -> Duration {
        self.deadline.saturating_duration_since(Instant::now())
    }

    async fn stopped(&self) {
        match &self.stop {
            Some(stop) => stop.cancelled().await,
            None => std::future::pending().await,
        }
    }

    /// An answer, or `None` where a signal came and it did not follow soon.
    async fn answer<T>(&self, request: impl Future<Output = T>) -> Option<T> {
        let impatient = async {
            self.stopped().await;
            sleep(GRACE).await;
        };
        tokio::select! {
            answer = request => Some(answer),
            () = impatient => None,
        }
    }

    /// Before the next attempt; an error if there is no time for one.
    pub(super) async fn pause(&self, object: &ObjectName, why: &str) -> Result<(), Trouble> {
        if Instant::now() + PAUSE >= self.deadline {
            return Err(Trouble::with(object, why));
        }
        tokio::select! {
            () = sleep(PAUSE) => Ok(()),
            () = self.stopped() => Err(Trouble::with(object, &format!("stopped before it was changed: {why}"))),
        }
    }
}

/// What came of an attempt to change an object.
pub(super) enum Attempt {
    /// It is as it should be, with what the API has now.
    Done(Value),
    /// It changed meanwhile: nothing was done.
    Outrun(String),
    /// Nobody answered, or nobody who knows: it may have been done, or be done later.
    Unanswered(String),
}

/// What is wrong, and what to do about it.
#[derive(Debug)]
pub(super) struct Trouble {
    what: String,
    hint: Option<String>,
    is_sure: bool,
    is_others: bool,
}

impl Trouble {
    /// Something about an object.
    pub(super) fn with(object: &ObjectName, why: &str) -> Self {
        Self {
            what: format!("{object}: {why}"),
            hint: None,
            is_sure: true,
            is_others: false,
        }
    }

    /// What somebody else has done to an object, who answers for it now.
    pub(super) fn by_others(object: &ObjectName, why: &str) -> Self {
        Self {
            is_others: true,
            ..Self::with(object, why)
        }
    }

    /// Whether somebody else has changed the object.
    pub(super) fn is_by_others(&self) -> bool {
        self.is_others
    }

    /// Whether there is something to do about it.
    pub(super) fn is_known(&self) -> bool {
        self.hint.is_some()
    }

    /// Whether nothing was done, and will not be.
    pub(super) fn is_sure(&self) -> bool {
        self.is_sure
    }

    /// The same where something may have been done.
    pub(super) fn unsure(mut self) -> Self {
        self.is_sure = false;
        self
    }

    /// As one text.
    pub(super) fn text(self) -> String {
        match self.hint {
            Some(hint) => format!("{}; {hint}", self.what),
            None => self.what,
        }
    }
}

impl From<ClusterError> for Trouble {
    fn from(error: ClusterError) -> Self {
        let hint = if matches!(error, ClusterError::Managed { .. }) {
            Some("`force: true` takes them over".to_owned())
        } else {
            error.hint()
        };
        Self {
            what: error.to_string(),
            hint,
            // What is between us and the API may have lost an answer.
            is_sure: !matches!(error, ClusterError::Foreign { .. } | ClusterError::Settings(_)),
            is_others: false,
        }
    }
}

impl From<Trouble> for TaskError {
    fn from(trouble: Trouble) -> Self {
        Self::new(trouble.text())
    }
}

/// Reads an object; [`Attempt::Unanswered`] where that may come right.
pub(super) async fn read(link: &Link, object: &ObjectName, patience: &Patience) -> Result<Attempt, Trouble> {
    let request = Request { object, fields: None };
    sort(patience.answer(link.ask(patience, &request)).await)
}

/// Applies fields of an object, in the version that they name.
pub(super) async fn apply(
    link: &Link,
    object: &ObjectName,
    fields: &Value,
    manner: Manner,
    patience: &Patience,
) -> Result<Attempt, Trouble> {
    let request = Request {
        object,
        fields: Some((fields, manner)),
    };
    sort(patience.answer(link.ask(patience, &request)).await)
}

fn sort(answer: Option<Result<Value, ClusterError>>) -> Result<Attempt, Trouble> {
    match answer {
        None => Ok(Attempt::Unanswered("a signal came before an answer".to_owned())),
        Some(Ok(answer)) => Ok(Attempt::Done(answer)),
        Some(Err(ClusterError::Conflict(why))) => Ok(Attempt::Outrun(why)),
        Some(Err(error)) if error.may_pass() => Ok(Attempt::Unanswered(error.to_string())),
        Some(Err(error)) => Err(error.into()),
    }
}

/// Puts a value at a path, with the maps on its way; nothing takes it away, with maps that are empty then: who applies an empty
/// map manages it.
pub(super) fn put(object: &mut Value, path: &[&str], value: Value) {
    let Some((key, rest)) = path.split_first() else {
        *object = value;
        return;
    };
    if !object.is_object() {
        *object = Value::Object(Map::new());
    }
    let Some(map) = object.as_object_mut() else { return };
    let takes = value.is_null();
    let place = map.entry(*key).or_insert(Value::Null);
    put(place, rest, value);
    if takes && (place.is_null() || place.as_object().is_some_and(Map::is_empty)) {
        map.remove(*key);
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn nothing_is_left_of_what_is_taken_away() {
        let mut object = json!({"metadata": {"name": "a"}});
        put(&mut object, &["metadata", "annotations", "x"], json!("1"));
        put(&mut object, &["spec", "predictor", "percent"], json!(10));
        assert_eq!(
            object,
            json!({"metadata": {"name": "a", "annotations": {"x": "1"}}, "spec": {"predictor": {"percent": 10}}})
        );
        put(&mut object, &["metadata", "annotations", "x"], Value::Null);
        put(&mut object, &["spec", "predictor", "percent"], Value::Null);
        put(&mut object, &["status", "a"], Value::Null);
        assert_eq!(object, json!({"metadata": {"name": "a"}}));
    }
}
