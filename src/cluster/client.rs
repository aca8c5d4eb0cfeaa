//! [`Cluster`]: asks an API server, and says in words what came of it.

use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use http::header::CONTENT_TYPE;
use http::{Method, Request};
use serde_json::Value;
use tokio::time::{Instant, timeout};

use super::error::ClusterError;
use super::foreign;
use super::object::{ObjectName, Resource};
use super::refusal::{Forbidden, refused, user, verb};
use super::status::Status;
use super::transport::{Config, Transport};
use crate::net::display_url;

/// Longest wait for one answer.
const ANSWER: Duration = Duration::from_secs(10);
/// Fields that are named of those that others manage.
const MOST_FIELDS: usize = 10;

/// A client of an API server. Cloning shares its connections.
#[derive(Clone)]
pub struct Cluster {
    transport: Arc<Transport>,
    server: String,
    namespace: String,
    credentials: String,
    renewable: bool,
}

/// What a request does, to say so where it may not be done.
#[derive(Debug, Clone, Copy)]
pub(super) struct Asked<'a> {
    /// As RBAC calls it.
    pub(super) verb: &'static str,
    /// With what kind of objects; `None` for what everybody may read.
    pub(super) resource: Option<&'a Resource>,
    /// Of which name.
    pub(super) name: Option<&'a str>,
    /// Where.
    pub(super) namespace: Option<&'a str>,
}

impl Asked<'_> {
    /// Reading what the API is made of.
    pub(super) const DISCOVERY: Asked<'static> = Asked {
        verb: "get",
        resource: None,
        name: None,
        namespace: None,
    };
}

impl Cluster {
    pub(super) fn new(config: Config, credentials: String, renewable: bool) -> Result<Self, ClusterError> {
        let server = display_url(&config.server).trim_end_matches('/').to_owned();
        Ok(Self {
            transport: Arc::new(Transport::new(&config, &server)?),
            server,
            namespace: config.namespace,
            credentials,
            renewable,
        })
    }

    /// The namespace that is meant where none is named.
    pub fn namespace(&self) -> &str {
        &self.namespace
    }

    /// Address of the API server.
    pub(super) fn server(&self) -> &str {
        &self.server
    }

    /// What speaks with it.
    pub(super) fn transport(&self) -> &Arc<Transport> {
        &self.transport
    }

    /// Whether credentials that are refused can be had anew, from the program that gave them.
    pub fn is_renewable(&self) -> bool {
        self.renewable
    }

    /// Whether it is the same with the same credentials.
    pub(super) fn is_same(&self, other: &Self) -> bool {
        Arc::ptr_eq(&self.transport, &other.transport)
    }

    /// What the API has of an object; it is waited for no longer than `patience`.
    pub async fn read(&self, object: &ObjectName, patience: Duration) -> Result<Value, ClusterError> {
        let deadline = Instant::now() + patience;
        let namespace = object.namespace.as_deref().unwrap_or(&self.namespace);
        let asked = Asked {
            verb: "get",
            resource: Some(&object.resource),
            name: Some(&object.name),
            namespace: Some(namespace),
        };
        let within = |namespace: &str| {
            let root = object.resource.root();
            format!(
                "{root}/namespaces/{namespace}/{}/{}",
                object.resource.plural, object.name
            )
        };
        match self.get(&within(namespace), asked, deadline).await {
            Err(error @ (ClusterError::NoSuchResource { .. } | ClusterError::Forbidden(_))) => {
                self.explain(error, object, namespace, deadline).await
            }
            Err(ClusterError::Absent { object, namespace }) => {
                Err(self.absent(object, namespace, deadline).await)
            }
            answer => answer,
        }
    }

    /// A GET.
    pub(super) async fn get(
        &self,
        path: &str,
        asked: Asked<'_>,
        deadline: Instant,
    ) -> Result<Value, ClusterError> {
        self.send(Method::GET, path, None, asked, deadline).await
    }

    /// A request, with the type of its content and that.
    pub(super) async fn send(
        &self,
        method: Method,
        path: &str,
        body: Option<(&str, &Value)>,
        asked: Asked<'_>,
        deadline: Instant,
    ) -> Result<Value, ClusterError> {
        let left = deadline.saturating_duration_since(Instant::now());
        let patience = left.min(ANSWER);
        let mut request = Request::builder().method(method).uri(path);
        let mut content = Bytes::new();
        if let Some((kind, value)) = body {
            request = request.header(CONTENT_TYPE, kind);
            content = value.to_string().into();
        }
        let request = request
            .body(content)
            .map_err(|cause| ClusterError::Settings(format!("{path} cannot be asked for: {cause}")))?;
        match timeout(patience, Box::pin(self.answer(request, asked))).await {
            Err(_elapsed) => Err(ClusterError::TimedOut {
                server: self.server.clone(),
                after: patience,
            }),
            Ok(answer) => answer,
        }
    }

    async fn answer(&self, request: Request<Bytes>, asked: Asked<'_>) -> Result<Value, ClusterError> {
        let answer = self.transport.send(request).await?;
        let status = answer.status;
        let text = self.transport.whole(answer).await?;
        if status.is_client_error() || status.is_server_error() {
            return Err(self.explain_status(&Status::of(status, &text), asked));
        }
        serde_json::from_slice(&text).map_err(|cause| ClusterError::Foreign {
            server: self.server.clone(),
            reason: format!("its answer is not JSON ({cause})"),
        })
    }

    pub(super) fn explain_status(&self, status: &Status, asked: Asked<'_>) -> ClusterError {
        let server = self.server.clone();
        let details = status.details.as_ref();
        let terminating = details.is_some_and(|details| {
            let mut causes = details.causes.iter();
            causes.any(|cause| cause.reason == "NamespaceTerminating")
        });
        let namespace = asked.namespace.unwrap_or_default().to_owned();
        match status.code {
            401 => ClusterError::Unauthorized {
                server,
                credentials: self.credentials.clone(),
            },
            403 if terminating => ClusterError::Terminating(namespace),
            403 => match (asked.resource, user(&status.message)) {
                (Some(resource), user) if status.message.contains(" cannot ") => {
                    // An apply of what is not there needs the right to create it.
                    let verb = verb(&status.message).unwrap_or(asked.verb);
                    ClusterError::Forbidden(Box::new(Forbidden {
                        user: user.as_deref().map(foreign),
                        verb,
                        resource: resource.clone(),
                        // Of what is not there yet no rule can name one.
                        name: asked.name.filter(|_| verb != "create").map(str::to_owned),
                        namespace: asked.namespace.map(str::to_owned),
                    }))
                }
                _ => ClusterError::Refused(refused(&status.message)),
            },
            404 => match details.filter(|details| !details.name.is_empty()) {
                Some(details) if details.kind == "namespaces" && details.name == namespace => {
                    ClusterError::NoNamespace(namespace)
                }
                Some(_) => absent(asked),
                None => ClusterError::NoSuchResource {
                    what: format!(
                        "there is no {}",
                        asked.resource.map_or_else(String::new, Resource::to_string)
                    ),
                    hint: String::new(),
                },
            },
            409 => conflict(status, asked),
            410 => ClusterError::Outdated,
            429 | 500..=599 => ClusterError::Faulty {
                server,
                status: status.code,
                message: foreign(&status.message),
            },
            _ => ClusterError::Refused(foreign(&status.message)),
        }
    }

    /// An object that is not there; or its namespace is not, or is on its way out.
    async fn absent(&self, object: String, namespace: String, deadline: Instant) -> ClusterError {
        let resource = Resource {
            group: String::new(),
            version: "v1".into(),
            plural: "namespaces".into(),
        };
        let asked = Asked {
            verb: "get",
            resource: Some(&resource),
            name: Some(&namespace),
            namespace: None,
        };
        let answer = self
            .get(&format!("/api/v1/namespaces/{namespace}"), asked, deadline)
            .await;
        // Not everybody may look at namespaces.
        match answer {
            Ok(found) if found["status"]["phase"] == "Terminating" => ClusterError::Terminating(namespace),
            Err(ClusterError::AbsentEverywhere { .. } | ClusterError::NoNamespace(_)) => {
                ClusterError::NoNamespace(namespace)
            }
            Ok(_) | Err(_) => ClusterError::Absent { object, namespace },
        }
    }
}

/// An object is there already, has changed meanwhile, or has fields that others manage.
fn conflict(status: &Status, asked: Asked<'_>) -> ClusterError {
    let object = named(asked);
    if status.reason == "AlreadyExists" {
        let namespace = asked.namespace.unwrap_or_default().to_owned();
        return ClusterError::Exists { object, namespace };
    }
    let causes = status.details.iter().flat_map(|details| &details.causes);
    let managed: Vec<String> = causes
        .filter(|cause| cause.reason == "FieldManagerConflict")
        .map(|cause| {
            // conflict with "kubectl" using v1
            let manager = cause.message.split('"').nth(1).unwrap_or("somebody else");
            format!("{} (by {})", foreign(&cause.field), foreign(manager))
        })
        .take(MOST_FIELDS)
        .collect();
    if managed.is_empty() {
        return ClusterError::Conflict(foreign(&status.message));
    }
    ClusterError::Managed {
        object,
        fields: managed,
    }
}

/// What was asked for, by its name.
fn named(asked: Asked<'_>) -> String {
    match (asked.resource, asked.name) {
        (Some(resource), Some(name)) => format!("{resource}/{name}"),
        (Some(resource), None) => resource.to_string(),
        (None, _) => "what was asked for".into(),
    }
}

fn absent(asked: Asked<'_>) -> ClusterError {
    let object = named(asked);
    match asked.namespace {
        Some(namespace) => ClusterError::Absent {
            object,
            namespace: namespace.to_owned(),
        },
        None => ClusterError::AbsentEverywhere { object },
    }
}
