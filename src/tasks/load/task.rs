//! [`LoadTask`]: loads that are sent one after the other, whatever their protocol.

use futures_util::future::BoxFuture;

use super::batch::{self, Batch};
use super::input::LoadInput;
use super::part::Part;
use super::versions::{self, Version};
use super::{LoadKind, Watch, Watched, Words, appointment, pace};
use crate::load::Undivided;
use crate::metrics::{Insights, Load, Stream, VersionInsights};
use crate::results::{ExperimentResult, ShardNumber};
use crate::spec::{At, Decoder, Node};
use crate::tasks::inputs::Places;
use crate::tasks::{Planned, RunContext, Task, TaskError, TaskOutput, Tested};

/// Reads a `with:`.
pub(super) fn parse<K: LoadKind>(with: &Node, decoder: &mut Decoder<'_>) -> Option<Box<dyn Task>> {
    let input = LoadInput::<K>::decode(with, decoder)?;
    let versions = versions::versions(&input, decoder);
    let batches = batch::batches(&input, versions.as_deref(), decoder);
    let (versions, mut batches) = (versions?, batches?);
    let versions: Vec<Tested> = versions.into_iter().map(Version::tested).collect();
    for part in batches.iter_mut().flat_map(|batch| &mut batch.parts) {
        part.tell_apart(&versions);
    }
    Some(Box::new(LoadTask {
        batches,
        versions,
        warmup: input.whole.warmup == Some(true),
        abort: (input.whole.abort == Some(true)).then(|| Places::of(with).at("abort").clone()),
    }))
}

/// Loads that will be sent, one after the other.
struct LoadTask<K: LoadKind> {
    batches: Vec<Batch<K>>,
    versions: Vec<Tested>,
    warmup: bool,
    /// Where it is asked for, if it is.
    abort: Option<At>,
}

impl<K: LoadKind> Task for LoadTask<K> {
    fn about(&self) -> String {
        let warmup = if self.warmup { "warm-up: " } else { "" };
        let first = |batch: &Batch<K>| batch.parts.first().map(Part::describe);
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
                    .map(|batch| format!("{} by weight to ", pace::requests(&batch.plan, &K::WORDS)))
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

    fn divide(&mut self, shard: ShardNumber) -> Result<(), Undivided> {
        self.batches.iter_mut().try_for_each(|batch| batch.divide(shard))
    }

    fn planned(&self) -> Vec<Planned> {
        if self.warmup {
            return Vec::new();
        }
        let batches = self.batches.iter().enumerate();
        batches
            .flat_map(|(index, batch)| {
                let planned = move |(position, part): (usize, &Part<K>)| {
                    part.planned(index, batch.share(position), &self.versions)
                };
                batch.parts.iter().enumerate().map(planned)
            })
            .collect()
    }

    fn run<'a>(
        &'a self,
        context: &'a RunContext,
        so_far: &'a ExperimentResult,
    ) -> BoxFuture<'a, Result<TaskOutput, TaskError>> {
        Box::pin(self.measure(context, so_far))
    }
}

impl<K: LoadKind> LoadTask<K> {
    /// Where a part's requests go, and to which version.
    fn aimed(&self, part: &Part<K>) -> String {
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
            let begin = appointment::wait(batch, context).await;
            let ran = match batch.send(&begin.plan, &parts, watch, context).await {
                Ok(ran) => ran,
                Err(error) => {
                    failed = Some(error);
                    break;
                }
            };
            let early = ran.enough.map(|why| format!("the load was ended early: {why}"));
            output.notes.extend(early);
            let unmade = ran.unmade.map(TaskError::new);
            let ended = unmade.is_some();
            failed = failed.or(unmade);
            let start = ran.parts.first().and_then(|load| load.began);
            output.notes.extend(begin.note(start));
            let sent = batch.parts.iter().zip(&parts).zip(ran.parts);
            for (position, ((part, sent), measurement)) in sent.enumerate() {
                output.notes.extend(part.notes(&measurement));
                if !self.warmup {
                    output.distrust.extend(part.doubts(&measurement));
                }
                failed = failed.or_else(|| part.unreachable(&measurement, context));
                let load = part.measured(batch.share(position), index, measurement);
                versions[part.version].loads.push(Load {
                    reproduce: Some(K::reproduce(sent, &context.mask)),
                    ..load
                });
            }
            if ended {
                break;
            }
        }
        output.notes.extend(uneven(&versions, &K::WORDS));
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
    fn watch(&self, batch: &Batch<K>, context: &RunContext, so_far: &ExperimentResult) -> Option<Watch> {
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
fn uneven(versions: &[VersionInsights], words: &Words) -> Vec<String> {
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
                "{}: not all versions were sent the same number of {}s: {}",
                load.stream,
                words.request,
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
