//! How tasks change an object of a cluster: again and again until the API has taken it, or says why it does not.

use std::time::Duration;

use serde_json::{Map, Value};
use tokio::time::{Instant, sleep};

use super::TaskError;
use crate::cluster::{Cluster, ClusterError, Manner, ObjectName};

/// How long a change may take while the API server is away, or while others change the object.
pub(super) const PATIENCE: Duration = Duration::from_secs(15);
/// Between attempts.
const PAUSE: Duration = Duration::from_millis(200);

/// What came of an attempt to change an object.
pub(super) enum Attempt {
    /// It is as it should be, with what the API has now.
    Done(Value),
    /// It changed meanwhile, or nobody answered.
    Again(String),
}

/// What is wrong, and what to do about it.
#[derive(Debug)]
pub(super) struct Trouble {
    what: String,
    hint: Option<String>,
}

impl Trouble {
    /// Something about an object.
    pub(super) fn with(object: &ObjectName, why: &str) -> Self {
        Self {
            what: format!("{object}: {why}"),
            hint: None,
        }
    }

    /// Whether there is something to do about it.
    pub(super) fn is_known(&self) -> bool {
        self.hint.is_some()
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
        }
    }
}

impl From<Trouble> for TaskError {
    fn from(trouble: Trouble) -> Self {
        Self::new(trouble.text())
    }
}

/// Reads an object; `Again` where that may come right.
pub(super) async fn read(
    cluster: &Cluster,
    object: &ObjectName,
    deadline: Instant,
) -> Result<Attempt, Trouble> {
    let left = deadline.saturating_duration_since(Instant::now());
    sort(cluster.read(object, left).await)
}

/// Applies fields of an object, in the version that they name.
pub(super) async fn apply(
    cluster: &Cluster,
    object: &ObjectName,
    fields: &Value,
    manner: Manner,
    deadline: Instant,
) -> Result<Attempt, Trouble> {
    let left = deadline.saturating_duration_since(Instant::now());
    sort(cluster.apply(object, fields, manner, left).await)
}

fn sort(answer: Result<Value, ClusterError>) -> Result<Attempt, Trouble> {
    match answer {
        Ok(answer) => Ok(Attempt::Done(answer)),
        Err(ClusterError::Conflict(why)) => Ok(Attempt::Again(why)),
        Err(error) if error.may_pass() => Ok(Attempt::Again(error.to_string())),
        Err(error) => Err(error.into()),
    }
}

/// Before the next attempt; an error if there is no time for one.
pub(super) async fn pause(object: &ObjectName, deadline: Instant, why: &str) -> Result<(), Trouble> {
    if Instant::now() + PAUSE >= deadline {
        return Err(Trouble::with(object, why));
    }
    sleep(PAUSE).await;
    Ok(())
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
