//! What a pod says, and what is said of an object: logs of containers, and events.

use std::time::Duration;

use serde_json::Value;
use tokio::time::Instant;

use super::client::{Asked, Cluster};
use super::error::ClusterError;
use super::object::Resource;
use super::stream::Lines;

/// Bytes of one line of a log; a longer one is shown in parts.
const LONGEST_LINE: usize = 16 << 10;
/// Events of one object that are looked at.
const MOST_EVENTS: &str = "50";

/// A container of a pod.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct Container {
    /// Where the pod is.
    pub namespace: String,
    /// The pod.
    pub pod: String,
    /// The container's own name.
    pub name: String,
}

/// How much of a log is wanted.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Extent {
    /// All that there is by now.
    All,
    /// Its last lines, of which so many bytes.
    Last {
        /// Lines.
        lines: u32,
        /// Bytes from the first of them on.
        bytes: usize,
    },
    /// All of it, until the container ends.
    Follow,
}

impl Cluster {
    /// The log of a container, which must have begun.
    pub async fn log(
        &self,
        of: &Container,
        extent: Extent,
        patience: Duration,
    ) -> Result<Lines, ClusterError> {
        let resource = Resource {
            group: String::new(),
            version: "v1".into(),
            plural: "pods/log".into(),
        };
        let asked = Asked {
            verb: "get",
            resource: Some(&resource),
            name: Some(&of.pod),
            namespace: Some(&of.namespace),
        };
        let wanted = match extent {
            Extent::All => String::new(),
            Extent::Last { lines, bytes } => format!("&tailLines={lines}&limitBytes={bytes}"),
            Extent::Follow => "&follow=true".to_owned(),
        };
        let Container { namespace, pod, name } = of;
        let path = format!("/api/v1/namespaces/{namespace}/pods/{pod}/log?container={name}{wanted}");
        self.stream(&path, asked, patience, LONGEST_LINE).await
    }

    /// The events that tell of an object, which is named by its identity.
    pub async fn events(
        &self,
        namespace: &str,
        uid: &str,
        patience: Duration,
    ) -> Result<Vec<Value>, ClusterError> {
        let resource = Resource {
            group: String::new(),
            version: "v1".into(),
            plural: "events".into(),
        };
        let asked = Asked {
            verb: "list",
            resource: Some(&resource),
            name: None,
            namespace: Some(namespace),
        };
        let path = format!(
            "/api/v1/namespaces/{namespace}/events?fieldSelector=involvedObject.uid%3D{uid}&limit={MOST_EVENTS}"
        );
        let mut answer = self.get(&path, asked, Instant::now() + patience).await?;
        let Value::Array(events) = answer["items"].take() else {
            return Ok(Vec::new());
        };
        Ok(events)
    }
}
