//! `ready`: waits until a target answers as expected.

mod health;
mod object;
mod page;
mod rollout;
mod target;
mod wait;

#[cfg(test)]
mod tests;

pub use object::{SHORTCUTS, Shortcut, is_of_object};
pub(in crate::tasks) use wait::{Form, explain_loopback};

use std::fmt;
use std::time::Duration;

use futures_util::future::BoxFuture;
use url::Url;

use super::inputs::{
    GRPC_NAMES, GrpcHost, NetInput, OWN_NAMES, Places, Sender, Source, Statuses, Target, TlsNames, other_name,
};
use super::{RunContext, Task, TaskError, TaskKind, TaskOutput};
use crate::cluster::ObjectName;
use crate::results::ExperimentResult;
use crate::spec::{Decode, Decoder, Field, Map, Node, Period, Value};
use object::{ObjectOf, ObjectProbe};
use target::Kind;

/// The kind `ready`.
pub struct ReadyKind;

crate::fields! {
    /// What is waited for.
    pub(super) struct ReadyInput in "a `ready` task" {
        /// URL that is asked with GET until it answers as expected; this or `grpc`.
        url: Target = ["url"],
        /// Expected status: `200`, `2xx`, `200-204` or a list; default 2xx. `any` is any but 404, 502, 503, 504 and walls.
        /// With `grpc` only `any`: a server without health checks will do, too.
        status: Acceptable = ["status"],
        /// Headers that the answer must have, for example the commit that was deployed.
        header: Map<String> = ["header"],
        /// Text that the body must contain.
        body: String = ["body"],
        /// gRPC server, HOST:PORT, that is asked for its health (grpc.health.v1) until it is serving; this or `url`.
        grpc: GrpcHost = ["grpc"],
        /// With `grpc`: the service whose health is asked for; default that of the server as a whole. Alone: a Service of Kubernetes that must exist.
        service: String = ["service"],
        /// With `grpc`: without TLS; default true, unless a field for certificates is given.
        insecure: bool = ["insecure"],
        /// With `grpc`: the name that the server goes by, as in a `grpc` task.
        authority: String = ["authority"],
        /// With `grpc` and TLS: the name that the server's certificate must have, as in a `grpc` task.
        cname: String = ["cname"],
        /// With `grpc`: `clientCert`, as a `grpc` task calls it.
        cert: Source = ["cert"],
        /// With `grpc`: `clientKey`, as a `grpc` task calls it.
        key: Source = ["key"],
        /// With `grpc`: `insecureSkipVerify`, as a `grpc` task calls it.
        skip_tls: bool = ["skipTLS", "skip-tls"],
        /// A Deployment of Kubernetes whose rollout must be over: all pods are of its latest template and available. As with the seven fields that follow, the value is the object's name.
        deploy: String = ["deploy"],
        /// A Service of Knative that must be `Ready`.
        ksvc: String = ["ksvc"],
        /// An InferenceService of KServe that must be `Ready`.
        isvc: String = ["isvc"],
        /// A Service of Kubernetes that must exist.
        svc: String = ["svc"],
        /// A ConfigMap that must exist.
        cm: String = ["cm"],
        /// A VirtualService of Istio that must exist.
        vs: String = ["vs"],
        /// A ChaosEngine of Litmus that must exist.
        chaosengine: String = ["chaosengine"],
        /// An object of any kind in Kubernetes, by its kind in the plural, such as `deployments`; with `name`, `version` and, unless it is of the core, `group`.
        resource: String = ["resource"],
        /// With `resource`: the object's name.
        name: String = ["name"],
        /// With `resource`: the API group; default the core's.
        group: String = ["group"],
        /// With `resource`: the version of the API group; `v1` for the core's.
        version: String = ["version"],
        /// Of an object: its namespace; default that of the cluster's context, or of the pod this runs in.
        namespace: String = ["namespace"],
        /// Of an object: the condition that must be true, and said of its latest generation. Without one it is enough that it exists, and the rollout of a Deployment, StatefulSet
        /// or DaemonSet must be over.
        condition: String = ["condition"],
        /// Of an object: several conditions, all of which must be true.
        conditions: Vec<String> = ["conditions"],
        /// How long to wait; default 60s.
        timeout: Period = ["timeout"],
    }
}

const TIMEOUT: Period = Period(Duration::from_mins(1));

impl TaskKind for ReadyKind {
    fn name(&self) -> &'static str {
        "ready"
    }

    fn about(&self) -> &'static str {
        "Waits until a URL answers as expected, a gRPC server is serving or an object in Kubernetes is ready, and says what stands in the way."
    }

    fn fields(&self) -> Vec<&'static Field> {
        ReadyInput::FIELDS.iter().chain(NetInput::FIELDS).collect()
    }

    fn schema(&self) -> serde_json::Value {
        let mut schema = super::inputs::merge_schemas(&[ReadyInput::schema(), NetInput::schema()], &[]);
        schema["oneOf"] = target::one_of();
        schema
    }

    fn parse(&self, with: &Node, decoder: &mut Decoder<'_>) -> Option<Box<dyn Task>> {
        let mut fields = decoder.fields(with, "a map with the fields of a `ready` task")?;
        let input = ReadyInput::read(&mut fields, decoder);
        let mut net = NetInput::read(&mut fields, decoder);
        fields.finish("a `ready` task", decoder);
        let places = Places::of(with);
        net.client_cert = net.client_cert.or_else(|| input.cert.clone());
        net.client_key = net.client_key.or_else(|| input.key.clone());
        net.insecure_skip_verify = net.insecure_skip_verify.or(input.skip_tls);
        let sender = net.check_named(&names(places), places, decoder);
        let kind = Kind::of(places, decoder);
        let timeout = input.timeout.unwrap_or(TIMEOUT);
        if timeout.0 < Duration::from_secs(1) {
            decoder.error(
                places.at("timeout"),
                format!("a `timeout` of {timeout} is too short for any attempt"),
                Some("give at least 1s".into()),
            );
            return None;
        }
        let target = match kind? {
            Kind::Page => Awaited::Page(Page {
                url: input.url?,
                status: input
                    .status
                    .unwrap_or(Acceptable(Accept::Only(Statuses::success())))
                    .0,
                header: input.header.map(|map| map.0).unwrap_or_default(),
                body: input.body,
            }),
            Kind::Health => {
                let unchecked = net.insecure_skip_verify == Some(true);
                Awaited::Health(HealthOf::read(input, unchecked, places, decoder)?)
            }
            Kind::Object => Awaited::Object(ObjectOf::read(input, places, decoder)?),
        };
        Some(Box::new(ReadyTask {
            target,
            timeout,
            sender: sender?,
        }))
    }
}

/// Fields that make no sense without TLS.
const CERTIFICATES: [&str; 7] = [
    "caCert",
    "clientCert",
    "clientKey",
    "insecureSkipVerify",
    "cert",
    "key",
    "skipTLS",
];

/// Those of them that are switches.
const CHECKS: [&str; 2] = ["insecureSkipVerify", "skipTLS"];

/// How the fields for TLS are called here: with `grpc` those of a `grpc` task will do, and are named as they are given.
fn names(places: Places<'_>) -> TlsNames {
    let either = |own, grpc| if places.given(own) { own } else { grpc };
    if !places.given("grpc") {
        return OWN_NAMES;
    }
    TlsNames {
        ca_cert: GRPC_NAMES.ca_cert,
        client_cert: either(OWN_NAMES.client_cert, GRPC_NAMES.client_cert),
        client_key: either(OWN_NAMES.client_key, GRPC_NAMES.client_key),
        skip_verify: either(OWN_NAMES.skip_verify, GRPC_NAMES.skip_verify),
    }
}

/// Which statuses say that a target is ready.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(in crate::tasks) enum Accept {
    /// These.
    Only(Statuses),
    /// Any that the application itself may give: all but 404, 502, 503, 504 and walls.
    Application,
}

/// The field `status`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Acceptable(Accept);

impl Decode for Acceptable {
    const TYPE: &'static str = "statuses or any";

    fn schema() -> serde_json::Value {
        Statuses::schema()
    }

    fn decode(node: &Node, decoder: &mut Decoder<'_>) -> Option<Self> {
        if matches!(&node.value, Value::String(text) | Value::Text(text) if text == "any") {
            return Some(Self(Accept::Application));
        }
        Statuses::decode(node, decoder).map(|statuses| Self(Accept::Only(statuses)))
    }
}

/// A URL, and what its answer must be like.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Page {
    url: Target,
    status: Accept,
    header: Vec<(String, String)>,
    body: Option<String>,
}

/// A gRPC server, or one of its services, that must be serving.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct HealthOf {
    /// Its scheme says whether by TLS.
    url: Url,
    host: GrpcHost,
    /// What it is called, if not by its host.
    authority: Option<String>,
    /// Empty for the server as a whole.
    service: String,
    /// Whether a server that takes calls will do, if it does not say how it is.
    any: bool,
}

impl HealthOf {
    fn read(
        input: ReadyInput,
        unchecked: bool,
        places: Places<'_>,
        decoder: &mut Decoder<'_>,
    ) -> Option<Self> {
        // That certificates are checked says nothing of whether there are any.
        let means = |field: &str| unchecked || !CHECKS.contains(&field);
        let certificate = CERTIFICATES
            .into_iter()
            .find(|field| places.given(field) && means(field));
        if let (Some(true), Some(field)) = (input.insecure, certificate) {
            let message = format!("`{field}` is for TLS, and `insecure: true` is without");
            decoder.error(places.at(field), message, Some("leave one of them out".into()));
            return None;
        }
        let any = match &input.status {
            None => false,
            Some(Acceptable(Accept::Application)) => true,
            Some(Acceptable(Accept::Only(_))) => {
                let message = "with `grpc`, `status` can only be `any`";
                decoder.error(places.at("status"), message, Some("leave it out".into()));
                return None;
            }
        };
        let host = input.grpc?;
        let implied = certificate.is_some() || host.tls() == Some(true);
        let tls = input.insecure.map_or(implied, |insecure| !insecure);
        let (authority, cname) = (input.authority.as_ref(), input.cname.as_ref());
        Some(Self {
            authority: other_name(authority, cname, tls, places, decoder)?,
            url: host.url(tls)?,
            host,
            service: input.service.unwrap_or_default(),
            any,
        })
    }
}

impl fmt::Display for HealthOf {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}", self.host)?;
        match self.service.as_str() {
            "" => Ok(()),
            service => write!(f, " (service {service})"),
        }
    }
}

/// What is waited for.
enum Awaited {
    Page(Page),
    Health(HealthOf),
    Object(ObjectOf),
}

/// A target that will be waited for.
pub(in crate::tasks) struct ReadyTask {
    target: Awaited,
    timeout: Period,
    sender: Sender,
}

impl Task for ReadyTask {
    fn about(&self) -> String {
        match &self.target {
            Awaited::Page(page) => format!("{} within {}", page.url, self.timeout),
            Awaited::Health(of) if of.any => format!("gRPC server {of} within {}", self.timeout),
            Awaited::Health(of) => format!("gRPC health of {of} within {}", self.timeout),
            Awaited::Object(of) => format!("{of}{} within {}", of.expected(), self.timeout),
        }
    }

    fn reads(&self) -> Option<&ObjectName> {
        match &self.target {
            Awaited::Object(of) => Some(&of.object),
            Awaited::Page(_) | Awaited::Health(_) => None,
        }
    }

    fn run<'a>(
        &'a self,
        context: &'a RunContext,
        _: &'a ExperimentResult,
    ) -> BoxFuture<'a, Result<TaskOutput, TaskError>> {
        Box::pin(async move {
            let mask = &context.mask;
            let note = match &self.target {
                Awaited::Page(page) => {
                    let probe = page::PageProbe::new(page, &self.sender, mask)?;
                    wait::until_ready(&probe, self.timeout, context).await?
                }
                Awaited::Health(of) => {
                    let probe = health::HealthProbe::new(of, &self.sender, mask)?;
                    wait::until_ready(&probe, self.timeout, context).await?
                }
                Awaited::Object(of) => {
                    let probe = ObjectProbe::new(of, &context.cluster, mask);
                    wait::until_ready(&probe, self.timeout, context).await?
                }
            };
            Ok(TaskOutput {
                notes: vec![note],
                ..TaskOutput::default()
            })
        })
    }
}
