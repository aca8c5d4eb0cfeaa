//! `http`: sends HTTP requests at a pace and measures.

mod batch;
mod curl;
mod input;
#[cfg(test)]
mod input_tests;
mod pace;
mod plan;
#[cfg(test)]
mod tests;
mod trust;
mod versions;
mod walls;
mod watch;

pub use watch::{Watch, Watched};

use bytes::Bytes;
use futures_util::future::BoxFuture;

use super::inputs::{Data, NetInput, Places, Sender, Source, Target};
use super::ready::explain_loopback;
use super::{RunContext, Task, TaskError, TaskKind, TaskOutput, Tested};
use crate::load::http::RequestSpec;
use crate::load::{Plan, Pool};
use crate::metrics::{FailureClass, Insights, Load, LoadMeasurement, Protocol, Stream, VersionInsights};
use crate::net::client::{Client, Redirects, Request};
use crate::net::display_url;
use crate::results::ExperimentResult;
use crate::spec::{At, Decoder, Field, Node};
use batch::Batch;
use input::{HttpInput, RequestInput, WholeInput};
use versions::Version;

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
        let versions = versions::versions(&input, decoder);
        let batches = batch::batches(&input, versions.as_deref(), decoder);
        let (versions, mut batches) = (versions?, batches?);
        let versions: Vec<Tested> = versions.into_iter().map(Version::tested).collect();
        for part in batches.iter_mut().flat_map(|batch| &mut batch.parts) {
            part.label = label(part, &versions);
        }
        Some(Box::new(HttpTask {
            batches,
            versions,
            warmup: input.whole.warmup == Some(true),
            abort: (input.whole.abort == Some(true)).then(|| Places::of(with).at("abort").clone()),
        }))
    }
}

/// One version of one endpoint, checked.
struct Endpoint {
    stream: Stream,
    /// Position of the version.
    version: usize,
    /// What its notes begin with where there are several parts: `home, candidate: `.
    label: String,
    plan: Plan,
    pool: Pool,
    spec: RequestSpec,
    sender: Sender,
    body: Body,
    data: Option<Data>,
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

/// Loads that will be sent, one after the other.
struct HttpTask {
    batches: Vec<Batch>,
    versions: Vec<Tested>,
    warmup: bool,
    /// Where it is asked for, if it is.
    abort: Option<At>,
}

impl Task for HttpTask {
    fn about(&self) -> String {
        let warmup = if self.warmup { "warm-up: " } else { "" };
        let first = |batch: &Batch| {
            batch
                .parts
                .first()
                .map(|part| pace::describe(&part.plan, &part.pool))
        };
        let what = match self.batches.as_slice() {
            [only] if only.mix.weights.len() == 1 => {
                let targets: Vec<String> = only.parts.iter().map(|part| self.aimed(part)).collect();
                format!("{} to {}", first(only).unwrap_or_default(), targets.join(" and "))
            }
            all => {
                let parts = all.iter().flat_map(|batch| &batch.parts);
                let mut names: Vec<&str> = parts.filter_map(|part| part.stream.endpoint.as_deref()).collect();
                names.dedup();
                let weighted = all.iter().find(|batch| batch.mix.weights.len() > 1);
                let plan = weighted
                    .map(|batch| format!("{} by weight to ", pace::requests(&batch.plan)))
                    .unwrap_or_default();
                let whose = match self.versions.as_slice() {
                    [_] => String::new(),
                    several => format!(" of {} versions", several.len()),
                };
                format!("{plan}{} endpoints{whose}: {}", names.len(), names.join(", "))
            }
        };
        format!("{warmup}{what}")
    }

    fn ends_early(&self) -> Option<&At> {
        self.abort.as_ref()
    }

    fn produces(&self) -> Vec<Stream> {
        if self.warmup {
            return Vec::new();
        }
        let parts = self.batches.iter().flat_map(|batch| &batch.parts);
        let mut streams: Vec<Stream> = parts.map(|part| part.stream.clone()).collect();
        streams.dedup();
        streams
    }

    fn tests(&self) -> &[Tested] {
        if self.warmup { &[] } else { &self.versions }
    }

    fn run<'a>(
        &'a self,
        context: &'a RunContext,
        so_far: &'a ExperimentResult,
    ) -> BoxFuture<'a, Result<TaskOutput, TaskError>> {
        Box::pin(self.measure(context, so_far))
    }
}

impl HttpTask {
    /// Where a part's requests go, and to which version.
    fn aimed(&self, part: &Endpoint) -> String {
        match self.versions.as_slice() {
            [_] => part.target(),
            several => {
                let version = &several[part.version];
                let unnamed = version.baseline && version.name != "baseline";
                let baseline = if unnamed { ", baseline" } else { "" };
                format!("{} ({}{baseline})", part.target(), version.name)
            }
        }
    }

    async fn measure(
        &self,
        context: &RunContext,
        so_far: &ExperimentResult,
    ) -> Result<TaskOutput, TaskError> {
        // Everything is fetched before the first request is sent.
        let mut prepared = Vec::new();
        for batch in &self.batches {
            prepared.push(batch.prepare(context).await?);
        }
        let mut versions: Vec<VersionInsights> = self.versions.iter().map(blank).collect();
        let mut output = TaskOutput::default();
        let mut failed = None;
        for (index, (batch, parts)) in self.batches.iter().zip(prepared).enumerate() {
            if context.shutdown.is_cancelled() {
                let unsent = batch.parts.iter().map(|part| &part.stream);
                let told = unsent.map(|stream| format!("{stream} was not sent: the run was stopped"));
                output.notes.extend(told);
                continue;
            }
            let watch = self.watch(batch, context, so_far);
            let measured = match batch.send(&parts, watch, context).await {
                Ok(ran) => {
                    output
                        .notes
                        .extend(ran.enough.map(|why| format!("the load was ended early: {why}")));
                    ran.parts
                }
                Err(error) => {
                    failed = Some(error);
                    break;
                }
            };
            let sent = batch.parts.iter().zip(&parts).zip(measured);
            for (position, ((part, sent), measurement)) in sent.enumerate() {
                output.notes.extend(part.notes(&measurement));
                if !self.warmup {
                    output.distrust.extend(part.doubts(&measurement));
                }
                failed = failed.or_else(|| part.unreachable(&measurement, context));
                let load = part.measured(batch.share(position), index, measurement);
                versions[part.version].loads.push(Load {
                    reproduce: Some(curl::line(sent, &context.mask)),
                    ..load
                });
            }
        }
        output.notes.extend(uneven(&versions));
        if !self.warmup {
            output.insights = Insights { versions };
        }
        match failed {
            Some(error) => Err(TaskError {
                output: Box::new(output),
                ..error
            }),
            None => Ok(output),
        }
    }

    /// Who looks at a load while it goes on, if anybody does.
    fn watch(&self, batch: &Batch, context: &RunContext, so_far: &ExperimentResult) -> Option<Watch> {
        let parts = batch.parts.iter().map(|part| {
            let version = &self.versions[part.version];
            Watched {
                stream: part.stream.clone(),
                judged: (!version.baseline).then(|| version.name.clone()),
            }
        });
        let whole = self.batches.len() == 1;
        let wanted = self.abort.is_some() && !self.warmup && so_far.validate_slos;
        wanted.then(|| Watch::new(context.ahead.clone(), parts.collect(), whole).planned(&batch.plan))
    }
}

/// Versions that were not sent the same number of requests.
fn uneven(versions: &[VersionInsights]) -> Vec<String> {
    let mut told = Vec::new();
    let Some((first, others)) = versions.split_first() else {
        return told;
    };
    for load in &first.loads {
        let counts: Vec<(&str, u64)> = std::iter::once(first)
            .chain(others)
            .filter_map(|version| {
                let same = version.loads.iter().find(|other| other.stream == load.stream)?;
                Some((version.name.as_str(), same.measurement.requests))
            })
            .collect();
        if counts.iter().any(|(_, count)| *count != counts[0].1) {
            let listed: Vec<String> = counts
                .iter()
                .map(|(name, count)| format!("{name} {count}"))
                .collect();
            told.push(format!(
                "{}: not all versions were sent the same number of requests: {}",
                load.stream,
                listed.join(", ")
            ));
        }
    }
    told
}

fn blank(version: &Tested) -> VersionInsights {
    VersionInsights {
        name: version.name.clone(),
        baseline: version.baseline,
        ..VersionInsights::default()
    }
}

/// What the notes on a part begin with.
fn label(part: &Endpoint, versions: &[Tested]) -> String {
    let version = (versions.len() > 1).then(|| versions[part.version].name.as_str());
    let names: Vec<&str> = part
        .stream
        .endpoint
        .as_deref()
        .into_iter()
        .chain(version)
        .collect();
    if names.is_empty() {
        String::new()
    } else {
        format!("{}: ", names.join(", "))
    }
}

impl Endpoint {
    fn target(&self) -> String {
        display_url(&self.spec.url)
    }

    async fn prepare(&self, context: &RunContext) -> Result<RequestSpec, TaskError> {
        let mut spec = self.spec.clone();
        let data = self.data.as_ref().map(Data::load).transpose();
        spec.data = data.map_err(|error| TaskError::from_error(&error))?;
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

    /// Not one connection: the task could not run, though its counts are kept.
    fn unreachable(&self, measurement: &LoadMeasurement, context: &RunContext) -> Option<TaskError> {
        let cut_off = measurement.failures.get(&FailureClass::CutOff);
        let tried = measurement.requests - cut_off.map_or(0, |failure| failure.count);
        // Connections that were opened by the warm-up are not counted, and one whose TLS handshake the server refuses looks
        // open to the client at first.
        let refused = measurement
            .failures
            .keys()
            .all(|class| *class == FailureClass::Tls);
        if tried == 0 || measurement.answered > 0 || measurement.connections > 0 && !refused {
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
        Some(if measurement.failures.contains_key(&FailureClass::Connect) {
            explain_loopback(&self.spec.url, context, error)
        } else {
            error
        })
    }

    /// Why the numbers are not those of the target.
    fn doubts(&self, measurement: &LoadMeasurement) -> impl Iterator<Item = String> {
        let own = trust::distrust(&self.stream, measurement, &self.plan.pace);
        let walls = walls::distrust(&self.stream, measurement);
        let label = &self.label;
        walls
            .into_iter()
            .chain(own)
            .map(move |why| format!("{label}{why}"))
    }

    fn notes(&self, measurement: &LoadMeasurement) -> Vec<String> {
        let name = &self.label;
        let mut notes = Vec::new();
        if measurement.unsent > 0 {
            notes.push(format!(
                "{name}{} requests were due but could not be sent in time",
                measurement.unsent
            ));
        }
        let most = self.pool.most_connections(&self.plan.pace);
        let own = trust::notes(&self.stream, measurement, &self.plan.pace, most);
        notes.extend(own.into_iter().map(|note| format!("{name}{note}")));
        if let Some(proxy) = self.sender.proxy_for(&self.spec.url) {
            notes.push(format!("{name}through the proxy {proxy}"));
        }
        notes
    }

    /// `share` is that of the requests of its load number `index`.
    fn measured(&self, share: Option<f64>, index: usize, measurement: LoadMeasurement) -> Load {
        let plan = pace::describe(&self.plan, &self.pool);
        Load {
            stream: self.stream.clone(),
            target: self.target(),
            percentiles: self.percentiles.clone(),
            plan: match share {
                Some(share) => format!("{:.0} % of {plan}", share * 100.0),
                None => plan,
            },
            reproduce: None,
            together: share.map(|_| index),
            measurement,
        }
    }
}

/// The stream of an endpoint.
fn stream(endpoint: Option<String>) -> Stream {
    Stream {
        protocol: Protocol::Http,
        endpoint,
    }
}
