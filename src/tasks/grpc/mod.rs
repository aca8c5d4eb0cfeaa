//! `grpc`: calls methods of gRPC at a pace and measures. The keys are those of ghz.

mod assemble;
mod data;
mod fetch;
mod ghz;
mod grpcurl;
mod input;
#[cfg(test)]
mod input_tests;
mod metadata;
mod pace;
mod plan;
mod reach;
mod render;
mod schedule;
mod source;
mod words;

use std::time::Duration;

use futures_util::future::BoxFuture;
use tokio_util::sync::CancellationToken;
use url::Url;

pub use ghz::{Fit, GHZ};

use super::inputs::{GrpcHost, Places};
use super::load::{Checked, LoadKind, Whose, Words};
use super::ready::Form;
use super::{Event, RunContext, TaskError};
use crate::load::grpc::{CallSpec, Part, StreamSpec, run};
use crate::load::{LoadError, Mix, Onlooker, Pace, Plan, Pool, Ran};
use crate::metrics::Protocol;
use crate::secret::Mask;
use crate::spec::{Decode as _, Decoder, Field, Fields, Map};
use crate::template::Functions;
use assemble::{Assembled, Body, Content, assemble};
use data::Data;
use input::{CallInput, GrpcFields, IdleInput, PaceInput, ReachInput};
use plan::{Message, MetadataSource};
use reach::Reach;
use source::Descriptors;

/// The kind `grpc`.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct GrpcKind;

impl LoadKind for GrpcKind {
    const NAME: &'static str = "grpc";
    const ARTICLE: &'static str = "a";
    const ABOUT: &'static str = "Calls a gRPC method at a pace and measures latency and errors.";
    const PROTOCOL: Protocol = Protocol::Grpc;
    const WORDS: Words = Words {
        request: "call",
        target: "host",
        form: Form::Host,
        count: "total",
        rate: "rps",
        free: "rps: 0",
        pace: pace::FIELDS,
    };
    const BASELINE: Field = Field {
        key: "baselineHost",
        aliases: &["baseline-host"],
        kind: GrpcHost::TYPE,
        about: " Server of the version to compare with: short for two `versions` with one host each. Each is called at `rps`.",
    };

    type Fields = GrpcFields;
    type Target = GrpcHost;
    type Call = GrpcCall;
    type Ready = GrpcReady;

    fn fields() -> Vec<&'static Field> {
        GrpcFields::documented()
    }

    fn schemas() -> Vec<serde_json::Value> {
        vec![
            IdleInput::schema(),
            CallInput::schema(),
            PaceInput::schema(),
            ReachInput::schema(),
        ]
    }

    fn read(fields: &mut Fields, decoder: &mut Decoder<'_>) -> GrpcFields {
        GrpcFields::read(fields, decoder)
    }

    fn or(own: GrpcFields, base: &GrpcFields) -> GrpcFields {
        own.or(base)
    }

    fn aimed(target: &GrpcHost) -> GrpcFields {
        GrpcFields {
            call: CallInput {
                host: Some(target.clone()),
                ..CallInput::default()
            },
            ..GrpcFields::default()
        }
    }

    fn moved(version: &GrpcFields, _: &GrpcFields) -> GrpcFields {
        version.clone()
    }

    fn differences(one: &GrpcFields, other: &GrpcFields) -> Vec<&'static str> {
        pace::differences(&one.pace, &other.pace)
    }

    fn check(
        whose: Whose<'_>,
        fields: &GrpcFields,
        places: Places<'_>,
        decoder: &mut Decoder<'_>,
    ) -> Option<Checked<Self>> {
        plan::check(whose, fields, places, decoder)
    }

    fn describe(plan: &Plan, pool: &Pool) -> String {
        pace::describe(plan, pool)
    }

    fn busy(pool: &Pool, _: &Pace) -> String {
        pace::busy(pool)
    }

    fn url(call: &GrpcCall) -> &Url {
        &call.reach.url
    }

    fn target(call: &GrpcCall) -> String {
        format!(
            "{}/{}",
            call.reach.host,
            call.call.trim().trim_start_matches(['/', '.'])
        )
    }

    fn proxy(call: &GrpcCall) -> Option<String> {
        // Plaintext goes through a tunnel too: the proxy is the one for `https://`.
        let mut tunnelled = call.reach.url.clone();
        let port = tunnelled.port_or_known_default();
        let _ = tunnelled.set_scheme("https");
        let _ = tunnelled.set_port(port);
        call.reach.sender.proxy_for(&tunnelled)
    }

    fn prepare<'a>(
        call: &'a GrpcCall,
        pool: &'a Pool,
        context: &'a RunContext,
    ) -> BoxFuture<'a, Result<GrpcReady, TaskError>> {
        Box::pin(call.prepare(pool, context))
    }

    fn run<'a>(
        plan: &'a Plan,
        mix: &'a Mix,
        parts: &'a [GrpcReady],
        shutdown: &'a CancellationToken,
        onlooker: Onlooker,
    ) -> BoxFuture<'a, Result<Ran, LoadError>> {
        Box::pin(async move {
            let parts: Vec<Part> = parts.iter().map(|ready| ready.part.clone()).collect();
            run(plan, mix, &parts, shutdown, onlooker).await
        })
    }

    fn reproduce(ready: &GrpcReady, mask: &Mask) -> String {
        grpcurl::line(ready, mask)
    }
}

/// What is called, checked.
pub(super) struct GrpcCall {
    /// As it was written.
    call: String,
    /// What is sent, if everything that it needs is known.
    assembled: Option<Assembled>,
    descriptors: Descriptors,
    message: Message,
    metadata: MetadataSource,
    functions: Option<Functions>,
    dynamic: bool,
    /// What is given that only a stream has.
    of_streams: Vec<&'static str>,
    stream: StreamSpec,
    compression: bool,
    max_recv: usize,
    max_send: usize,
    keepalive: Option<Duration>,
    pick_first: bool,
    reach: Reach,
}

/// The same, ready to be sent.
pub(super) struct GrpcReady {
    /// What the load takes.
    part: Part,
    /// As people write it.
    host: String,
    descriptors: Descriptors,
    /// What is sent, before call templates are filled in.
    body: Body,
    /// Whether there may be call templates in it.
    templates: bool,
    /// Its names.
    metadata: Vec<String>,
}

impl GrpcCall {
    /// What a call says beside its method.
    fn content<'a>(&'a self, body: &'a Body, metadata: &'a Map<String>) -> Content<'a> {
        Content {
            call: &self.call,
            body,
            field: match &self.message {
                Message::Known(_) => "data",
                Message::Json(_) => "data-file",
                Message::Binary(_) => "binary-file",
            },
            metadata,
            metadata_field: self.metadata.field(),
            functions: self.functions,
            dynamic: self.dynamic,
            repeats: self.stream.call_count.is_some(),
        }
    }

    async fn prepare(&self, pool: &Pool, context: &RunContext) -> Result<GrpcReady, TaskError> {
        let body = self.body(context).await?;
        let metadata = self.load_metadata(context).await?;
        let assembled = if let Some(assembled) = &self.assembled {
            assembled.clone()
        } else {
            let schema = self.descriptors.load(&self.reach, &self.call, context).await?;
            let assembled = assemble(&schema, self.content(&body, &metadata))
                .map_err(|fault| TaskError::new(format!("{}: {}", self.call, fault.in_words())))?;
            // Where the descriptors were known, it was said at its place.
            let idle = plan::idle_in_words(assembled.kind, &self.of_streams);
            if self.descriptors.known().is_none() && !idle.is_empty() {
                context.emit(Event::Note(idle));
            }
            assembled
        };
        let net = self
            .reach
            .sender
            .settings()
            .map_err(|error| TaskError::from_error(&error))?;
        Ok(GrpcReady {
            part: Part {
                spec: CallSpec {
                    url: self.reach.url.clone(),
                    path: assembled.path,
                    authority: self.reach.authority.clone(),
                    kind: assembled.kind,
                    calls: assembled.calls,
                    stream: self.stream,
                    compression: self.compression,
                    max_recv: self.max_recv,
                    max_send: self.max_send,
                    keepalive: self.keepalive,
                    pick_first: self.pick_first,
                },
                net,
                pool: pool.clone(),
            },
            host: self.reach.host.clone(),
            descriptors: self.descriptors.clone(),
            templates: self.functions.is_some(),
            metadata: metadata.0.iter().map(|(name, _)| name.clone()).collect(),
            body,
        })
    }

    async fn body(&self, context: &RunContext) -> Result<Body, TaskError> {
        let sender = &self.reach.sender;
        Ok(match &self.message {
            Message::Known(body) => body.clone(),
            Message::Json(fetch) => {
                let loaded = fetch.load("data", sender, context).await?;
                Body::Json(Data::of(String::from_utf8_lossy(&loaded).into_owned()))
            }
            Message::Binary(fetch) => Body::Binary(fetch.load("data", sender, context).await?),
        })
    }

    async fn load_metadata(&self, context: &RunContext) -> Result<Map<String>, TaskError> {
        match &self.metadata {
            MetadataSource::Known(map) => Ok(map.clone()),
            MetadataSource::File(fetch) => {
                let loaded = fetch.load("metadata", &self.reach.sender, context).await?;
                let map = metadata::from_json(&String::from_utf8_lossy(&loaded))
                    .map_err(|why| TaskError::new(format!("`metadata-file`: {why}")))?;
                super::inputs::hide_headers(&map, &context.mask);
                Ok(map)
            }
        }
    }
}
