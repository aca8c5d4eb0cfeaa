//! [`Batch`]: endpoints and versions that are sent requests at the same time.

use std::num::{NonZeroU32, NonZeroUsize};
use std::sync::Arc;
use std::time::Duration;

use super::input::{EndpointInput, LoadInput, a_task};
use super::part::Part;
use super::versions::{DEFAULT, Version};
use super::{LoadKind, Watch, Whose, Words};
use crate::load::{self, Enough, LoadError, Mix, Onlooker, Pace, Plan, Ran, Undivided};
use crate::net::is_loopback;
use crate::results::ShardNumber;
use crate::spec::{Decoder, Node};
use crate::tasks::inputs::Places;
use crate::tasks::ready::explain_loopback;
use crate::tasks::{Event, Progress, RunContext, TaskError};

/// One load: its parts are the versions of the first endpoint, then those of the next.
pub(in crate::tasks) struct Batch<K: LoadKind> {
    /// When requests are sent to each version.
    pub(in crate::tasks) plan: Plan,
    /// Which endpoint and version each goes to.
    pub(in crate::tasks) mix: Mix,
    /// The parts, in the order of the mix.
    pub(in crate::tasks) parts: Vec<Part<K>>,
}

impl<K: LoadKind> Batch<K> {
    /// The parts with all that is read or downloaded.
    pub(super) async fn prepare(&self, context: &RunContext) -> Result<Vec<K::Ready>, TaskError> {
        let mut parts = Vec::new();
        for part in &self.parts {
            parts.push(K::prepare(&part.call, &part.pool, context).await?);
        }
        Ok(parts)
    }

    /// Leaves the part of one shard.
    pub(super) fn divide(&mut self, shard: ShardNumber) -> Result<(), Undivided> {
        for part in &mut self.parts {
            part.divide(shard)?;
            self.plan.shard = part.plan.shard;
        }
        Ok(())
    }

    /// Sends the load and measures each part.
    pub(super) async fn send(
        &self,
        plan: &Plan,
        parts: &[K::Ready],
        watch: Option<Watch>,
        context: &RunContext,
    ) -> Result<Ran, TaskError> {
        let events = Arc::clone(&context.events);
        let duration = self.plan.stop.time();
        let progress = move |seen: load::Progress| events(Event::Progress(far(&seen, duration)));
        let onlooker = Onlooker {
            progress: Box::new(progress),
            enough: watch.map(|mut watch| -> Enough { Box::new(move |so_far| watch.look(so_far)) }),
        };
        K::run(plan, &self.mix, parts, &context.shutdown, onlooker)
            .await
            .map_err(|error| self.explain(&error, context))
    }

    /// Why the load could not run. Of its errors only an address that is not found has to do with where iter8 runs.
    pub(in crate::tasks) fn explain(&self, error: &LoadError, context: &RunContext) -> TaskError {
        let told = TaskError::from_error(error);
        let mut urls = self.parts.iter().map(|part| K::url(&part.call));
        match urls.find(|url| is_loopback(url)) {
            Some(url) if matches!(error, LoadError::Resolve(_)) => {
                explain_loopback(url, K::WORDS.form, context, told)
            }
            Some(_) | None => told,
        }
    }

    /// The share of the requests that go to a part's endpoint; `None` if there is one endpoint only.
    pub(in crate::tasks) fn share(&self, part: usize) -> Option<f64> {
        let weight = |weight: &NonZeroU32| f64::from(weight.get());
        let all: f64 = self.mix.weights.iter().map(weight).sum();
        let own = self.mix.weights.get(part / self.mix.versions)?;
        (self.mix.weights.len() > 1).then(|| weight(own) / all)
    }
}

/// The loads of a task. All of it is looked at, so that every mistake is listed, even if the versions are not known.
pub(in crate::tasks) fn batches<K: LoadKind>(
    input: &LoadInput<K>,
    versions: Option<&[Version<K>]>,
    decoder: &mut Decoder<'_>,
) -> Option<Vec<Batch<K>>> {
    let complete = versions.is_some() && !input.is_unreadable();
    let alone = [Version::alone(DEFAULT)];
    let versions = versions.unwrap_or(&alone);
    let weights = weights(input, decoder);
    let endpoints = input.endpoints();
    let read: Vec<Option<Vec<Part<K>>>> = endpoints
        .iter()
        .map(|(name, own)| {
            let of = Of {
                input,
                name: *name,
                own: *own,
                complete,
            };
            endpoint(&of, versions, decoder)
        })
        .collect();
    let (weights, read) = (weights?, read.into_iter().collect::<Option<Vec<_>>>()?);
    if !complete {
        return None;
    }
    let count = NonZeroUsize::new(versions.len())?;
    let batches = match weights {
        None => read
            .into_iter()
            .map(|parts| batch(vec![NonZeroU32::MIN], count, parts))
            .collect::<Option<Vec<_>>>()?,
        Some(weights) => vec![batch(weights, count, read.into_iter().flatten().collect())?],
    };
    let fit: Vec<bool> = batches.iter().map(|batch| check(batch, input, decoder)).collect();
    fit.into_iter().all(|fits| fits).then_some(batches)
}

fn batch<K: LoadKind>(
    weights: Vec<NonZeroU32>,
    versions: NonZeroUsize,
    parts: Vec<Part<K>>,
) -> Option<Batch<K>> {
    // The plans of all parts are the same but for the patience at the end.
    let longest = parts.iter().max_by_key(|part| part.plan.grace)?;
    Some(Batch {
        plan: longest.plan.clone(),
        mix: Mix { weights, versions },
        parts,
    })
}

/// The weights of the endpoints, if they have any.
#[expect(clippy::option_option, reason = "no weights, or a mistake that was reported")]
fn weights<K: LoadKind>(input: &LoadInput<K>, decoder: &mut Decoder<'_>) -> Option<Option<Vec<NonZeroU32>>> {
    let endpoints: Vec<&EndpointInput<K>> =
        input.endpoints().into_iter().filter_map(|(_, own)| own).collect();
    let weighted = |endpoint: &&EndpointInput<K>| endpoint.node.field("weight").is_some();
    if !endpoints.iter().any(weighted) {
        return Some(None);
    }
    let mut valid = true;
    let mut weights = Vec::new();
    for endpoint in endpoints {
        let places = Places::of(&endpoint.node);
        if !weighted(&endpoint) {
            let message = "other endpoints have a `weight`, this one has none";
            let hint = "give each one, to send to all at the same time, or none, one after the other";
            decoder.error(places.own(), message, Some(hint.to_owned()));
            valid = false;
        }
        for field in K::WORDS.pace.iter().filter(|field| places.given(field)) {
            let message = format!("an endpoint with a `weight` has no `{field}` of its own");
            let hint = "give it to the task: it is the total, and the weights share it out";
            decoder.error(places.at(field), message, Some(hint.to_owned()));
            valid = false;
        }
        let weight = endpoint.weight.map(|weight| u32::try_from(weight.0.get()));
        match weight.map(|weight| weight.map(NonZeroU32::new)) {
            Some(Ok(Some(weight))) => weights.push(weight),
            Some(Err(_) | Ok(None)) => {
                decoder.error(places.at("weight"), "a `weight` is below 2^32", None);
                valid = false;
            }
            // It is missing or wrong, which was reported.
            None => valid = false,
        }
    }
    valid.then_some(Some(weights))
}

/// An endpoint of a task.
struct Of<'a, K: LoadKind> {
    input: &'a LoadInput<K>,
    name: Option<&'a str>,
    own: Option<&'a EndpointInput<K>>,
    /// Everything that could say something about it is known.
    complete: bool,
}

/// All versions of an endpoint.
fn endpoint<K: LoadKind>(
    of: &Of<'_, K>,
    versions: &[Version<K>],
    decoder: &mut Decoder<'_>,
) -> Option<Vec<Part<K>>> {
    let Of { name, own, .. } = *of;
    let base = &of.input.base;
    let inherited = own.map_or_else(|| base.clone(), |own| own.clone().or(base));
    let named = check_name::<K>(name, &inherited.node, decoder);
    let mut read = Vec::new();
    let mut merged = Vec::new();
    for (index, version) in versions.iter().enumerate() {
        let fields = version.fields.as_ref();
        let called = called(name, version);
        let whose = Whose {
            called: Some(called.as_str()).filter(|_| of.complete),
        };
        let fields_of_all =
            fields.map_or_else(|| inherited.clone(), |fields| moved(fields, own).or(&inherited));
        let places = places(
            fields.map(|fields| &fields.node),
            own.map(|own| &own.node),
            &base.node,
        );
        let checked = K::check(whose, &fields_of_all.fields, places, decoder);
        read.push(checked.map(|checked| Part::new(name, index, checked)));
        merged.push((fields_of_all, places));
    }
    let (first, others) = merged.split_first()?;
    let mut valid = named.is_some();
    for other in others {
        // The version that gives a field is the one that differs.
        let differences = K::differences(&first.0.fields, &other.0.fields);
        let given = |version: &(EndpointInput<K>, Places<'_>)| {
            let mut fields = differences.iter();
            fields
                .find(|field| version.0.node.field(field).is_some())
                .copied()
        };
        let (field, own) = match (given(other), given(first)) {
            (Some(field), _) => (field, other.1),
            (None, Some(field)) => (field, first.1),
            (None, None) => continue,
        };
        let message = format!(
            "`{field}` is not the same for all versions: their {}s alternate",
            K::WORDS.request
        );
        decoder.error(own.at(field), message, Some("give it to the task".to_owned()));
        valid = false;
    }
    let read = read.into_iter().collect::<Option<Vec<_>>>()?;
    valid.then_some(read)
}

fn called<K: LoadKind>(endpoint: Option<&str>, version: &Version<K>) -> String {
    match (endpoint, &version.fields) {
        (Some(name), None) => format!("the endpoint `{name}`"),
        (_, Some(_)) => format!("the version `{}`", version.name),
        (None, None) => a_task::<K>(),
    }
}

fn places<'a>(version: Option<&'a Node>, endpoint: Option<&'a Node>, task: &'a Node) -> Places<'a> {
    match (version, endpoint) {
        (Some(version), Some(endpoint)) => Places::of(version).within(endpoint).within(task),
        (Some(own), None) | (None, Some(own)) => Places::of(own).within(task),
        (None, None) => Places::of(task),
    }
}

/// A version's fields for an endpoint.
fn moved<K: LoadKind>(version: &EndpointInput<K>, endpoint: Option<&EndpointInput<K>>) -> EndpointInput<K> {
    let mut own = version.clone();
    if let Some(endpoint) = endpoint {
        own.fields = K::moved(&version.fields, &endpoint.fields);
    }
    own
}

fn check_name<K: LoadKind>(name: Option<&str>, own: &Node, decoder: &mut Decoder<'_>) -> Option<()> {
    match name {
        Some(name) if name.is_empty() || name.contains('/') => {
            let message = format!(
                "`{name}` cannot be the name of an endpoint: metrics are called {}-NAME/…",
                K::NAME
            );
            decoder.error(&own.at, message, None);
            None
        }
        _ => Some(()),
    }
}

/// What only shows when all parts of a load are seen together.
fn check<K: LoadKind>(batch: &Batch<K>, input: &LoadInput<K>, decoder: &mut Decoder<'_>) -> bool {
    let places = Places::of(&input.base.node);
    let Words {
        request,
        count,
        rate,
        free,
        ..
    } = K::WORDS;
    if batch.mix.weights.len() > 1 && batch.plan.pace == Pace::Free {
        let message =
            format!("with `{free}` the fastest endpoint gets the most {request}s, whatever its `weight`");
        let hint = format!("give `{rate}` a number, or leave the weights out");
        decoder.error(places.at(rate), message, Some(hint));
        return false;
    }
    // Nothing is compared in a warm-up.
    let compared = batch.mix.versions.get() > 1 && input.whole.warmup != Some(true);
    if compared && batch.plan.pace == Pace::Free && batch.plan.stop.count().is_some() {
        let message = format!(
            "with `{free}` and a number of {request}s the faster version ends first, and the other goes on alone"
        );
        let hint =
            format!("give `duration` and no `{count}`: versions are compared side by side all the time");
        decoder.error(places.at(rate), message, Some(hint));
        return false;
    }
    let most = |part: &Part<K>| u64::from(part.pool.most_connections(&part.plan.pace));
    let connections: u64 = batch.parts.iter().map(most).sum();
    if let Some(allowed) = load::most_connections().filter(|allowed| connections > *allowed) {
        let message = format!("{connections} connections together, but this system allows {allowed} at once");
        let hint = "each version of each endpoint has its own: lower `connections`, or raise the hard limit (`ulimit -Hn`)";
        decoder.error(places.at("connections"), message, Some(hint.to_owned()));
        return false;
    }
    true
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
