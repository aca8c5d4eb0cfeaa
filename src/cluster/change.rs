//! Changes of a cluster: objects are made, put in the place of others or taken away, each with the right that it needs.

use std::time::Duration;

use http::Method;
use serde_json::{Value, json};
use tokio::time::Instant;
use url::form_urlencoded::Serializer;

use super::client::{Asked, Cluster};
use super::error::ClusterError;
use super::object::{ObjectName, Resource};

/// Who we are to the API, which keeps who says what of every field.
pub const MANAGER: &str = "iter8";

/// Content of a server-side apply: YAML, of which JSON is a part.
const APPLY: &str = "application/apply-patch+yaml";
const JSON: &str = "application/json";
/// Objects of one page of a list.
const PAGE: &str = "500";

/// How a change is asked for; by default it is done, and nobody is overruled.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Manner {
    /// Whether fields that others manage are taken over. Of an apply only: all else replaces or makes whole objects.
    pub force: bool,
    /// Whether everything is checked as if it were done, rights and admission included, and nothing is changed.
    pub dry_run: bool,
}

/// What becomes of the objects that an object owns, a Job its pods, when it is deleted.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Propagation {
    /// They are deleted after it, some time.
    Background,
    /// They are deleted before it: it is there until they are gone.
    Foreground,
}

/// How an object is deleted.
#[derive(Debug, Clone, Copy)]
pub struct Deletion<'a> {
    /// What becomes of those it owns.
    pub propagation: Propagation,
    /// Only the object with this identity, not another one that has its name by now: else it is a
    /// [`ClusterError::Conflict`].
    pub uid: Option<&'a str>,
    /// Whether everything is checked as if it were done, and nothing is.
    pub dry_run: bool,
}

/// A change on its way.
struct Change<'a> {
    method: Method,
    /// The right that it needs.
    verb: &'static str,
    object: &'a ObjectName,
    /// Its content and of which type that is.
    body: (&'static str, Value),
    query: Vec<(&'static str, &'static str)>,
}

impl Cluster {
    /// Applies fields of an object on the server's side, under our name: an object that is not there is made, and fields that
    /// were applied before and are not here are removed. Fields that others manage with other values are
    /// [`ClusterError::Managed`], unless they are to be taken over.
    pub async fn apply(
        &self,
        object: &ObjectName,
        fields: &Value,
        manner: Manner,
        patience: Duration,
    ) -> Result<Value, ClusterError> {
        let mut query = query(manner);
        query.push(("force", if manner.force { "true" } else { "false" }));
        let change = Change {
            method: Method::PATCH,
            verb: "patch",
            object,
            body: (APPLY, fields.clone()),
            query,
        };
        self.change(change, patience).await
    }

    /// Makes an object; one of its name is [`ClusterError::Exists`].
    pub async fn create(
        &self,
        object: &ObjectName,
        content: &Value,
        manner: Manner,
        patience: Duration,
    ) -> Result<Value, ClusterError> {
        let change = Change {
            method: Method::POST,
            verb: "create",
            object,
            body: (JSON, content.clone()),
            query: query(manner),
        };
        self.change(change, patience).await
    }

    /// Puts an object in the place of the one of its name. With a `resourceVersion` in `content` only in the place of that very
    /// version: if it changed meanwhile, that is [`ClusterError::Conflict`].
    pub async fn replace(
        &self,
        object: &ObjectName,
        content: &Value,
        manner: Manner,
        patience: Duration,
    ) -> Result<Value, ClusterError> {
        let change = Change {
            method: Method::PUT,
            verb: "update",
            object,
            body: (JSON, content.clone()),
            query: query(manner),
        };
        self.change(change, patience).await
    }

    /// Begins to delete an object; it is gone when reading it gives [`ClusterError::Absent`].
    pub async fn delete(
        &self,
        object: &ObjectName,
        deletion: Deletion<'_>,
        patience: Duration,
    ) -> Result<(), ClusterError> {
        let propagation = match deletion.propagation {
            Propagation::Background => "Background",
            Propagation::Foreground => "Foreground",
        };
        let mut options = json!({
            "apiVersion": "v1",
            "kind": "DeleteOptions",
            "propagationPolicy": propagation,
        });
        if let Some(uid) = deletion.uid {
            options["preconditions"] = json!({ "uid": uid });
        }
        if deletion.dry_run {
            options["dryRun"] = json!(["All"]);
        }
        let change = Change {
            method: Method::DELETE,
            verb: "delete",
            object,
            body: (JSON, options),
            query: Vec::new(),
        };
        self.change(change, patience).await.map(|_| ())
    }

    /// The objects of a kind that a label selector names, in a namespace or in all. The API leaves `apiVersion` and `kind` of
    /// each away.
    pub async fn list(
        &self,
        resource: &Resource,
        namespace: Option<&str>,
        selector: &str,
        patience: Duration,
    ) -> Result<Vec<Value>, ClusterError> {
        let deadline = Instant::now() + patience;
        let asked = Asked {
            verb: "list",
            resource: Some(resource),
            name: None,
            namespace,
        };
        let place = match namespace {
            Some(namespace) => format!("{}/namespaces/{namespace}", resource.root()),
            None => resource.root(),
        };
        let (mut all, mut next) = (Vec::new(), String::new());
        loop {
            let mut query = Serializer::new(String::new());
            query.append_pair("labelSelector", selector);
            query.append_pair("limit", PAGE);
            if !next.is_empty() {
                query.append_pair("continue", &next);
            }
            let path = format!("{place}/{}?{}", resource.plural, query.finish());
            let mut page = match self.get(&path, asked, deadline).await {
                Err(ClusterError::NoSuchResource { .. }) => {
                    return Err(self.unknown(resource, deadline).await);
                }
                answer => answer?,
            };
            if let Value::Array(items) = page["items"].take() {
                all.extend(items);
            }
            match page["metadata"]["continue"].as_str() {
                Some(more) if !more.is_empty() => more.clone_into(&mut next),
                Some(_) | None => return Ok(all),
            }
        }
    }

    async fn change(&self, change: Change<'_>, patience: Duration) -> Result<Value, ClusterError> {
        let deadline = Instant::now() + patience;
        let Change {
            method,
            verb,
            object,
            body,
            query,
        } = change;
        let namespace = object.namespace.as_deref().unwrap_or(self.namespace());
        let asked = Asked {
            verb,
            resource: Some(&object.resource),
            name: Some(&object.name),
            namespace: Some(namespace),
        };
        let all = format!(
            "{}/namespaces/{namespace}/{}",
            object.resource.root(),
            object.resource.plural
        );
        let path = if method == Method::POST {
            all
        } else {
            format!("{all}/{}", object.name)
        };
        let query: Vec<String> = query
            .iter()
            .map(|(name, value)| format!("{name}={value}"))
            .collect();
        let path = format!("{path}?{}", query.join("&"));
        let (kind, content) = body;
        let answer = self
            .send(method, &path, Some((kind, &content)), asked, deadline)
            .await;
        match answer {
            Err(ClusterError::NoSuchResource { .. }) => Err(self.unknown(&object.resource, deadline).await),
            answer => answer,
        }
    }
}

/// What is said of every change; fields that the API does not know are refused.
fn query(manner: Manner) -> Vec<(&'static str, &'static str)> {
    let mut query = vec![("fieldManager", MANAGER), ("fieldValidation", "Strict")];
    if manner.dry_run {
        query.push(("dryRun", "All"));
    }
    query
}
