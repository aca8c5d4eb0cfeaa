//! What nothing is proven by, though nothing is broken: loads that nobody answered, or that were largely never sent.

use super::ExperimentResult;
use crate::metrics::{Load, Measure, MetricName, Protocol, Timing, VersionInsights};

/// One request in so many that was never sent is too much to be left out of what is judged.
const ONE_IN: u64 = 10;

impl ExperimentResult {
    /// Why a run that broke nothing is no pass all the same.
    pub fn unproven(&self) -> Option<String> {
        self.unanswered().or_else(|| self.unserved())
    }

    /// Of the first load of which not one request was answered, that it was so and why: such a run is no pass, whatever
    /// was or was not promised.
    pub fn unanswered(&self) -> Option<String> {
        // Of Iter8's results it is not known.
        if self.imported.is_some() {
            return None;
        }
        let mut loads = self.insights.versions.iter().flat_map(|version| &version.loads);
        let load = loads.find(|load| load.measurement.requests > 0 && load.measurement.answered == 0)?;
        let noun = noun(load);
        let told = match load.measurement.requests {
            1 => format!("the only {noun} to {} was not answered", load.target),
            all => format!("none of {all} {noun}s to {} was answered", load.target),
        };
        let failures = load.measurement.failures.iter();
        Some(match failures.max_by_key(|(_, failure)| failure.count) {
            Some((class, failure)) if failure.example.is_empty() => format!("{told} ({})", class.describe()),
            Some((_, failure)) => format!("{told} ({})", failure.example),
            None => told,
        })
    }

    /// Of the first load of which more than a tenth was due and never sent, that it was so, if the objectives say nothing
    /// of it: those on latency count what such requests waited, and those on errors leave them out.
    pub fn unserved(&self) -> Option<String> {
        if self.assessment.judgements.is_empty() {
            return None;
        }
        let versions = self.insights.versions.iter();
        let mut loads = versions.flat_map(|version| version.loads.iter().map(move |load| (version, load)));
        let (_, load) = loads.find(|(version, load)| {
            let (sent, unsent) = (load.measurement.requests, load.measurement.unsent);
            !version.baseline && unsent * ONE_IN > sent + unsent && self.leaves_out_unsent(version, load)
        })?;
        let unsent = load.measurement.unsent;
        Some(format!(
            "{unsent} of {} {}s that were due to {} were never sent, and no objective counts them: add one on latency or `unsent`",
            load.measurement.requests + unsent,
            noun(load),
            load.target
        ))
    }

    /// Whether there are objectives on a load, and none of them sees what was never sent of it.
    fn leaves_out_unsent(&self, version: &VersionInsights, load: &Load) -> bool {
        let all = self.assessment.judgements.iter();
        let own = all.filter(|judgement| judgement.version == version.name && !judgement.objective.warn);
        let measures: Vec<Measure> = own
            .filter_map(|judgement| match &judgement.objective.metric {
                MetricName::Load(stream, measure) => Some((stream, *measure)),
                MetricName::Custom { .. } => None,
            })
            .filter(|(stream, _)| {
                let endpoint = &stream.endpoint;
                stream.protocol == load.stream.protocol
                    && (endpoint.is_none() || *endpoint == load.stream.endpoint)
            })
            .map(|(_, measure)| measure)
            .collect();
        let counts = |measure: &Measure| {
            matches!(
                measure,
                Measure::Unsent | Measure::Throughput | Measure::Time(Timing::Latency, _)
            )
        };
        !measures.is_empty() && !measures.iter().any(counts)
    }
}

fn noun(load: &Load) -> &'static str {
    match load.stream.protocol {
        Protocol::Http => "request",
        Protocol::Grpc => "call",
    }
}
