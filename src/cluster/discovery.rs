//! What the API is made of: why it knows nothing of a kind of objects, and what may be meant.

use std::time::Duration;

use serde_json::Value;
use tokio::time::Instant;

use super::client::{Asked, Cluster};
use super::error::ClusterError;
use super::object::{ObjectName, Resource};
use crate::diagnostic::did_you_mean;

impl Cluster {
    /// Whether objects of a kind are in namespaces.
    pub async fn has_namespace(&self, resource: &Resource, patience: Duration) -> Result<bool, ClusterError> {
        let kind = self.kind(resource, Instant::now() + patience).await?;
        Ok(kind["namespaced"] != false)
    }

    /// What the API has of an object that it does not give where objects of a namespace are: either it has no namespace, or
    /// there is no such kind. Else the error stands.
    pub(super) async fn explain(
        &self,
        error: ClusterError,
        object: &ObjectName,
        namespace: &str,
        deadline: Instant,
    ) -> Result<Value, ClusterError> {
        let resource = &object.resource;
        let kind = self.kind(resource, deadline).await?;
        if kind["namespaced"] == false {
            let path = format!("{}/{}/{}", resource.root(), resource.plural, object.name);
            let asked = Asked {
                verb: "get",
                resource: Some(resource),
                name: Some(&object.name),
                namespace: None,
            };
            return self.get(&path, asked, deadline).await;
        }
        if matches!(error, ClusterError::Forbidden(_)) {
            return Err(error);
        }
        // Its definition came this moment.
        Err(ClusterError::Absent {
            object: object.to_string(),
            namespace: namespace.to_owned(),
        })
    }

    /// Why the API knows nothing of a kind of objects.
    pub(super) async fn unknown(&self, resource: &Resource, deadline: Instant) -> ClusterError {
        match self.kind(resource, deadline).await {
            Ok(kind) if kind["namespaced"] == false => ClusterError::Settings(format!(
                "{resource} have no namespace, and nothing is done with those"
            )),
            // Its definition came this moment.
            Ok(_) => ClusterError::NoSuchResource {
                what: format!("{resource} were not known yet"),
                hint: "try again".into(),
            },
            Err(error) => error,
        }
    }

    /// What the API says of a kind of objects.
    async fn kind(&self, resource: &Resource, deadline: Instant) -> Result<Value, ClusterError> {
        let list = match self.get(&resource.root(), Asked::DISCOVERY, deadline).await {
            Ok(list) => list,
            Err(ClusterError::NoSuchResource { .. }) => {
                return Err(self.no_version(resource, deadline).await);
            }
            Err(error) => return Err(error),
        };
        let kinds = list["resources"]
            .as_array()
            .map(Vec::as_slice)
            .unwrap_or_default();
        let found = kinds.iter().find(|kind| kind["name"] == resource.plural.as_str());
        found.cloned().ok_or_else(|| unknown(resource, kinds))
    }

    /// Neither is the version there; perhaps the group is.
    async fn no_version(&self, resource: &Resource, deadline: Instant) -> ClusterError {
        let path = if resource.group.is_empty() {
            "/api".to_owned()
        } else {
            format!("/apis/{}", resource.group)
        };
        let group = match self.get(&path, Asked::DISCOVERY, deadline).await {
            Ok(group) => group,
            Err(ClusterError::NoSuchResource { .. }) => {
                return ClusterError::NoSuchResource {
                    what: format!(
                        "this cluster has no API group {}, so no {resource}",
                        resource.group
                    ),
                    hint: "what defines it is not installed there; or this is the wrong cluster".into(),
                };
            }
            Err(error) => return error,
        };
        let versions: Vec<&str> = group["versions"]
            .as_array()
            .into_iter()
            .flatten()
            .filter_map(|version| version.as_str().or_else(|| version["version"].as_str()))
            .collect();
        ClusterError::NoSuchResource {
            what: format!(
                "this cluster has no version {} of the API group {}",
                resource.version,
                resource.group_name()
            ),
            hint: format!("it has {}", versions.join(", ")),
        }
    }
}

/// A kind that a version of a group does not have.
fn unknown(resource: &Resource, kinds: &[Value]) -> ClusterError {
    let plurals: Vec<&str> = kinds
        .iter()
        .filter_map(|kind| kind["name"].as_str())
        .filter(|name| !name.contains('/'))
        .collect();
    let is_called = |kind: &&Value| {
        let names = ["kind", "singularName"].map(|field| kind[field].as_str());
        let short = kind["shortNames"]
            .as_array()
            .into_iter()
            .flatten()
            .map(Value::as_str);
        let mut names = names.into_iter().chain(short).flatten();
        names.any(|name| name.eq_ignore_ascii_case(&resource.plural))
            && kind["name"].as_str().is_some_and(|name| !name.contains('/'))
    };
    let named = kinds
        .iter()
        .find(is_called)
        .and_then(|kind| kind["name"].as_str());
    let near = named.or_else(|| did_you_mean(&resource.plural, plurals.iter().copied()));
    ClusterError::NoSuchResource {
        what: format!(
            "the API group {} {} has no resource {}",
            resource.group_name(),
            resource.version,
            resource.plural
        ),
        hint: match near {
            Some(near) => format!("did you mean `{near}`?"),
            None => format!("it has {}", plurals.join(", ")),
        },
    }
}
