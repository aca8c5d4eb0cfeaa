//! `http`: sends HTTP requests at a pace and measures.

mod input;
mod plan;
#[cfg(test)]
mod tests;
mod trust;
mod walls;

use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use futures_util::future::BoxFuture;

use super::inputs::{NetInput, Places, Sender, Source, Target};
use super::ready::explain_loopback;
use super::{Event, Progress, RunContext, Task, TaskError, TaskKind, TaskOutput};
use crate::load::{self, Plan, http::RequestSpec};
use crate::metrics::{FailureClass, Insights, Load, LoadMeasurement, Protocol, Stream, VersionInsights};
use crate::net::client::{Client, Redirects, Request};
use crate::net::display_url;
use crate::results::ExperimentResult;
use crate::spec::{Decoder, Field, Node};
use input::{HttpInput, RequestInput, WholeInput};

/// The kind `http`.
pub struct HttpKind;

impl TaskKind for HttpKind {
    fn name(&self) -> &'static str {
        "http"
    }

    fn about(&self) -> &'static str {
        "Sends HTTP requests at a pace and measures latency and errors."
    }

    fn fields(&self) -> Vec<&'static Field> {
        RequestInput::FIELDS
            .iter()
            .chain(NetInput::FIELDS)
            .chain(WholeInput::FIELDS)
            .collect()
    }

    fn loads(&self) -> bool {
        true
    }

    fn schema(&self) -> serde_json::Value {
        HttpInput::schema()
    }

    fn parse(&self, with: &Node, decoder: &mut Decoder<'_>) -> Option<Box<dyn Task>> {
        let input = HttpInput::decode(with, decoder)?;
        let loads: Vec<Option<Endpoint>> = input
            .endpoints()
            .into_iter()
            .map(|(name, endpoint)| {
                let places = Places::within(&endpoint.node, with);
                plan::endpoint(name, &endpoint, places, decoder)
            })
            .collect();
        if input.lacks_endpoints() {
            return None;
        }
        let loads = loads.into_iter().collect::<Option<Vec<_>>>()?;
        Some(Box::new(HttpTask {
            loads,
            warmup: input.whole.warmup == Some(true),
            version: input.whole.version.unwrap_or_else(|| "default".to_owned()),
        }))
    }
}

/// One load, checked.
struct Endpoint {
    stream: Stream,
    plan: Plan,
    spec: RequestSpec,
    sender: Sender,
    body: Body,
    percentiles: Vec<f64>,
}

/// Where a body comes from.
enum Body {
    /// There is none, or it was read already.
    Ready,
    /// A file that a script writes.
    File(Source),
    /// Downloaded before the load.
    Download(Target),
}

/// A load that will be sent.
struct HttpTask {
    loads: Vec<Endpoint>,
    warmup: bool,
    version: String,
}

impl Task for HttpTask {
    fn about(&self) -> String {
        let warmup = if self.warmup { "warm-up: " } else { "" };
        match self.loads.as_slice() {
            [only] => format!("{warmup}{} to {}", plan::describe(&only.plan), only.target()),
            all => {
                let names: Vec<String> = all
                    .iter()
                    .filter_map(|load| load.stream.endpoint.clone())
                    .collect();
                format!("{warmup}{} endpoints: {}", all.len(), names.join(", "))
            }
        }
    }

    fn produces(&self) -> Vec<Stream> {
        if self.warmup {
            Vec::new()
        } else {
            self.loads.iter().map(|load| load.stream.clone()).collect()
        }
    }

    fn run<'a>(
        &'a self,
        context: &'a RunContext,
        _: &'a ExperimentResult,
    ) -> BoxFuture<'a, Result<TaskOutput, TaskError>> {
        Box::pin(self.measure(context))
    }
}

impl HttpTask {
    async fn measure(&self, context: &RunContext) -> Result<TaskOutput, TaskError> {
        // Everything is fetched before the first request is sent.
        let mut specs = Vec::new();
        for load in &self.loads {
            specs.push(load.prepare(context).await?);
        }
        let mut version = VersionInsights {
            name: self.version.clone(),
            ..VersionInsights::default()
        };
        let mut output = TaskOutput::default();
        let mut failed = None;
        for (load, spec) in self.loads.iter().zip(specs) {
            if context.shutdown.is_cancelled() {
                output
                    .notes
                    .push(format!("{} was not sent: the run was stopped", load.stream));
                continue;
            }
            match load.send(spec, context).await {
                Ok(measurement) => {
                    output.notes.extend(load.notes(&measurement));
                    if !self.warmup {
                        output.distrust.extend(load.doubts(&measurement));
                    }
                    failed = failed.or_else(|| load.unreachable(&measurement, context));
                    version.loads.push(load.measured(measurement));
                }
                Err(error) => {
                    failed = Some(error);
                    break;
                }
            }
        }
        if !self.warmup {
            output.insights = Insights {
                versions: vec![version],
            };
        }
        match failed {
            Some(error) => Err(TaskError {
                output: Box::new(output),
                ..error
            }),
            None => Ok(output),
        }
    }
}

impl Endpoint {
    fn target(&self) -> String {
        display_url(&self.spec.url)
    }

    async fn prepare(&self, context: &RunContext) -> Result<RequestSpec, TaskError> {
        let mut spec = self.spec.clone();
        match &self.body {
            Body::Ready => {}
            Body::File(source) => {
                spec.body = source.load().map_err(|(path, cause)| {
                    TaskError::new(format!("cannot read the payload {}: {cause}", path.display()))
                })?;
            }
            Body::Download(target) => {
                spec.body = tokio::select! {
                    body = self.download(target) => body?,
                    () = context.shutdown.cancelled() => {
                        return Err(TaskError::new(format!("stopped while downloading the payload {target}")));
                    }
                };
            }
        }
        Ok(spec)
    }

    async fn download(&self, target: &Target) -> Result<Bytes, TaskError> {
        let settings = self
            .sender
            .settings()
            .map_err(|error| TaskError::from_error(&error))?;
        let failed = |why: String| TaskError::new(format!("cannot download the payload {target}: {why}"));
        let client =
            Client::new(&settings, Redirects::Follow(10)).map_err(|error| TaskError::from_error(&error))?;
        let response = client
            .send(Request::get(target.0.clone()))
            .await
            .map_err(|error| failed(TaskError::from_error(&error).message))?;
        if !response.status.is_success() {
            return Err(failed(format!(
                "it answers with status {}",
                response.status.as_u16()
            )));
        }
        response.whole_body().map_err(|error| failed(error.to_string()))
    }

    async fn send(&self, spec: RequestSpec, context: &RunContext) -> Result<LoadMeasurement, TaskError> {
        let settings = self
            .sender
            .settings()
            .map_err(|error| TaskError::from_error(&error))?;
        let events = Arc::clone(&context.events);
        let duration = self.plan.stop.time();
        let progress = move |seen: load::Progress| events(Event::Progress(far(&seen, duration)));
        load::http::run(&self.plan, &spec, &settings, &context.shutdown, progress)
            .await
            .map_err(|error| {
                let error = TaskError::from_error(&error);
                explain_loopback(&spec.url, context, error)
            })
    }

    /// Not one connection: the task could not run, though its counts are kept.
    fn unreachable(&self, measurement: &LoadMeasurement, context: &RunContext) -> Option<TaskError> {
        let cut_off = measurement.failures.get(&FailureClass::CutOff);
        let tried = measurement.requests - cut_off.map_or(0, |failure| failure.count);
        if tried == 0 || measurement.connections > 0 {
            return None;
        }
        let why = measurement
            .failures
            .values()
            .max_by_key(|failure| failure.count)
            .map(|failure| failure.example.clone());
        let error = TaskError::new(format!(
            "no connection to {}: all {} requests failed ({})",
            self.target(),
            measurement.requests,
            why.unwrap_or_default()
        ));
        Some(explain_loopback(&self.spec.url, context, error))
    }

    /// Why the numbers are not those of the target.
    fn doubts(&self, measurement: &LoadMeasurement) -> impl Iterator<Item = String> {
        let own = trust::distrust(&self.stream, measurement, self.plan.pace);
        walls::distrust(&self.stream, measurement).into_iter().chain(own)
    }

    fn notes(&self, measurement: &LoadMeasurement) -> Vec<String> {
        let name = self
            .stream
            .endpoint
            .as_ref()
            .map(|name| format!("{name}: "))
            .unwrap_or_default();
        let mut notes = Vec::new();
        if measurement.unsent > 0 {
            notes.push(format!(
                "{name}{} requests were due but could not be sent in time",
                measurement.unsent
            ));
        }
        let own = trust::notes(
            &self.stream,
            measurement,
            self.plan.pace,
            self.plan.most_connections(),
        );
        notes.extend(own.into_iter().map(|note| format!("{name}{note}")));
        if let Some(proxy) = self.sender.proxy_for(&self.spec.url) {
            notes.push(format!("{name}through the proxy {proxy}"));
        }
        notes
    }

    fn measured(&self, measurement: LoadMeasurement) -> Load {
        Load {
            stream: self.stream.clone(),
            target: self.target(),
            percentiles: self.percentiles.clone(),
            plan: plan::describe(&self.plan),
            measurement,
        }
    }
}

/// How far a load is: by requests if their number is known, else by time.
fn far(seen: &load::Progress, duration: Option<Duration>) -> Progress {
    let by_count = seen
        .total
        .filter(|total| *total > 0)
        .map(|total| seen.sent as f64 / total as f64);
    let by_time = duration.map(|duration| seen.elapsed.as_secs_f64() / duration.as_secs_f64());
    Progress {
        sent: seen.sent,
        errors: seen.errors,
        p50: seen.p50,
        p95: seen.p95,
        elapsed: seen.elapsed,
        done: by_count.into_iter().chain(by_time).reduce(f64::max),
    }
}

/// The stream of an endpoint.
fn stream(endpoint: Option<String>) -> Stream {
    Stream {
        protocol: Protocol::Http,
        endpoint,
    }
}
