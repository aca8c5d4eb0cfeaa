//! `custommetrics`: values from databases such as Prometheus, by provider templates as in Iter8 or by queries alone.
//!
//! # What differs from Iter8
//! A provider that cannot be asked, or answers nonsense, is an error of the task; a metric without a value is noted, and
//! an objective on it is invalid. Iter8 logged both and went on. The values of one version do not leak into the next.

mod answer;
mod input;
mod prometheus;
mod provider_spec;
mod query;
mod unread;
mod window;

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use futures_util::future::BoxFuture;
use jiff::Timestamp;
use serde_json::json;

use super::inputs::{Sender, hide_values, with_hint};
use super::{RunContext, Task, TaskError, TaskKind, TaskOutput, Tested};
use crate::diagnostic::did_you_mean;
use crate::metrics::{Insights, MetricName, VersionInsights};
use crate::net::client::{Client, Redirects};
use crate::results::ExperimentResult;
use crate::spec::{Decode, Decoder, Field, Node, Period};
use crate::template::{Absent, Budget, Random};
use input::{Checked, CustomInput, Version, with_window};
use provider_spec::ProviderSpec;
use query::{Answers, Asked, ask_all};

/// Time for the answer to a query.
const TIMEOUT: Duration = Duration::from_secs(10);
/// Redirects that queries follow.
const REDIRECTS: u8 = 5;
/// Problems that an error names.
const NAMED: usize = 5;

/// The kind `custommetrics`.
pub(super) struct CustomMetricsKind;

impl TaskKind for CustomMetricsKind {
    fn name(&self) -> &'static str {
        "custommetrics"
    }

    fn about(&self) -> &'static str {
        "Reads metrics from databases such as Prometheus, by provider templates as in Iter8 or by queries alone."
    }

    fn fields(&self) -> Vec<&'static Field> {
        CustomInput::FIELDS.iter().collect()
    }

    fn schema(&self) -> serde_json::Value {
        let mut schema = CustomInput::schema();
        schema["anyOf"] = json!([
            { "required": ["templates"] }, { "required": ["prometheus"] },
            { "required": ["providers"] }, { "required": ["versionInfo"] },
        ]);
        schema
    }

    fn parse(&self, with: &Node, decoder: &mut Decoder<'_>) -> Option<Box<dyn Task>> {
        // Whatever is said of the file quotes it.
        for name in ["values", "versions", "versionValues", "versionInfo"] {
            with.field(name)
                .iter()
                .for_each(|(_, node)| hide_values(node, decoder));
        }
        let before = decoder.errors();
        let input = CustomInput::decode(with, decoder)?;
        if decoder.errors() > before {
            return None;
        }
        let checked = input.check(with, decoder)?;
        let tested = checked
            .versions
            .iter()
            .map(|version| version.tested.clone())
            .collect();
        Some(Box::new(CustomMetricsTask { checked, tested }))
    }
}

/// Metrics that will be asked for.
struct CustomMetricsTask {
    checked: Checked,
    tested: Vec<Tested>,
}

impl Task for CustomMetricsTask {
    fn about(&self) -> String {
        let mut names: Vec<&str> = self
            .checked
            .providers
            .iter()
            .map(|provider| provider.name.as_str())
            .collect();
        names.extend(
            self.checked
                .shorthand
                .as_ref()
                .map(|shorthand| shorthand.provider.as_str()),
        );
        let versions = match self.tested.len() {
            1 => String::new(),
            many => format!(" for {many} versions"),
        };
        format!("metrics from {}{versions}", names.join(", "))
    }

    fn tests(&self) -> &[Tested] {
        &self.tested
    }

    fn provides(&self) -> Vec<String> {
        let known = self
            .checked
            .providers
            .iter()
            .filter_map(|provider| provider.known.as_ref());
        let mut names: Vec<String> = known.flat_map(BTreeMap::keys).cloned().collect();
        if let Some(shorthand) = &self.checked.shorthand {
            names.extend(
                shorthand
                    .names()
                    .map(|name| format!("{}/{name}", shorthand.provider)),
            );
        }
        names
    }

    fn provided_unit(&self, metric: &MetricName) -> Option<&str> {
        let name = metric.to_string();
        let templated = self
            .checked
            .providers
            .iter()
            .find_map(|provider| provider.known.as_ref()?.get(&name));
        let unit = templated.or_else(|| self.checked.shorthand.as_ref()?.unit(&name))?;
        Some(unit.as_deref().unwrap_or_default())
    }

    fn measures(&self, metric: &MetricName) -> bool {
        let MetricName::Custom { provider, .. } = metric else {
            return false;
        };
        let name = metric.to_string();
        let fetched = |known: &input::Provider| known.known.is_none() && known.name == *provider;
        self.checked.providers.iter().any(fetched) || self.provides().contains(&name)
    }

    fn run<'a>(
        &'a self,
        context: &'a RunContext,
        so_far: &'a ExperimentResult,
    ) -> BoxFuture<'a, Result<TaskOutput, TaskError>> {
        Box::pin(self.collect(context, begin(context, so_far)))
    }
}

impl CustomMetricsTask {
    async fn collect(&self, context: &RunContext, started: Timestamp) -> Result<TaskOutput, TaskError> {
        let mut notes = Vec::new();
        let mut budget = Budget::of_task();
        let asked = self.templated(context, started, &mut notes, &mut budget).await?;
        let timeout = self.checked.timeout.map_or(TIMEOUT, |Period(timeout)| timeout);
        let mut answers = Answers::default();
        let mut known: Vec<String> = asked.iter().map(|asked| asked.query.metric.clone()).collect();
        if !asked.is_empty() {
            answers = ask_all(asked, &client(&self.checked.sender)?, timeout, context).await?;
        }
        if let Some(shorthand) = &self.checked.shorthand {
            let asked = self.shorthand(started, &mut budget)?;
            known.extend(asked.iter().map(|asked| asked.query.metric.clone()));
            let timeout = shorthand.timeout.map_or(timeout, |Period(timeout)| timeout);
            answers.join(ask_all(asked, &client(&shorthand.sender)?, timeout, context).await?);
        }
        notes.extend(self.unknown(context, &known));
        // Templates may put values of the environment there as well.
        let told = answers.values.values_mut().flat_map(BTreeMap::values_mut);
        for text in told
            .flat_map(|value| [&mut value.unit, &mut value.description])
            .flatten()
        {
            *text = context.mask.apply(text);
        }
        self.output(answers, notes)
    }

    /// The queries that the templates come to, for every version.
    async fn templated(
        &self,
        context: &RunContext,
        started: Timestamp,
        notes: &mut Vec<String>,
        budget: &mut Budget,
    ) -> Result<Vec<Asked>, TaskError> {
        let mut all = Vec::new();
        for provider in &self.checked.providers {
            let name = &provider.name;
            let what = format!("template of `{name}`");
            let template = provider.source.load(&what, &self.checked.sender, context).await?;
            for (index, version) in self.checked.versions.iter().enumerate() {
                // Nothing interrupts a rendering: signals are heard between two of them.
                tokio::task::yield_now().await;
                if context.shutdown.is_cancelled() {
                    return Err(TaskError::new("stopped before all metrics were read"));
                }
                let failed = |why: &str| TaskError::new(format!("the {what}{}: {why}", self.of(index)));
                let seconds = seconds(version, started).map_err(|why| failed(&why))?;
                let values = with_window(&version.values, seconds, provider.names_itself)
                    .map_err(|why| failed(&why))?;
                let text = template
                    .render_within(&values, Absent::Refused, &mut Random::from_system(), budget)
                    .map_err(|error| failed(&with_hint(&error)))?;
                let spec = budget
                    .spend(|| ProviderSpec::read(&provider.prefix(), &text, &context.mask))
                    .map_err(|problems| failed(&listed(&problems)))?;
                for note in spec.notes {
                    if !notes.contains(&note) {
                        notes.push(note);
                    }
                }
                all.extend(spec.queries.into_iter().map(|query| Asked {
                    version: index,
                    query,
                }));
            }
        }
        Ok(all)
    }

    fn shorthand(&self, started: Timestamp, budget: &mut Budget) -> Result<Vec<Asked>, TaskError> {
        let mut all = Vec::new();
        let Some(shorthand) = &self.checked.shorthand else {
            return Ok(all);
        };
        for (index, version) in self.checked.versions.iter().enumerate() {
            let failed = |why: &str| {
                TaskError::new(format!(
                    "the queries of `{}`{}: {why}",
                    shorthand.provider,
                    self.of(index)
                ))
            };
            let seconds = seconds(version, started).map_err(|why| failed(&why))?;
            let values = with_window(&version.values, seconds, false).map_err(|why| failed(&why))?;
            let queries = shorthand
                .queries(&values, seconds, budget)
                .map_err(|error| failed(&with_hint(&error)))?;
            all.extend(queries.into_iter().map(|query| Asked {
                version: index,
                query,
            }));
        }
        Ok(all)
    }

    /// ` (version NAME)` where there are several.
    fn of(&self, version: usize) -> String {
        match self.tested.get(version) {
            Some(tested) if self.tested.len() > 1 => format!(" (version `{}`)", tested.name),
            _ => String::new(),
        }
    }

    /// Metrics of objectives ahead that none of the fetched templates has.
    fn unknown(&self, context: &RunContext, known: &[String]) -> Vec<String> {
        let mut notes = Vec::new();
        for ahead in &context.ahead {
            let name = ahead.objective.metric.to_string();
            if self.measures(&ahead.objective.metric) && !known.contains(&name) {
                let meant = did_you_mean(&name, known.iter().map(String::as_str));
                let hint = meant
                    .map(|meant| format!("; did you mean `{meant}`?"))
                    .unwrap_or_default();
                notes.push(format!("the template has no metric {name}{hint}"));
            }
        }
        notes
    }

    fn output(&self, mut answers: Answers, mut notes: Vec<String>) -> Result<TaskOutput, TaskError> {
        let mut values = std::mem::take(&mut answers.values);
        let versions = self
            .tested
            .iter()
            .enumerate()
            .map(|(index, tested)| VersionInsights {
                name: tested.name.clone(),
                baseline: tested.baseline,
                values: values.remove(&index).unwrap_or_default(),
                absent: answers.without(index),
                ..VersionInsights::default()
            });
        let insights = Insights {
            versions: versions.collect(),
        };
        let nothing = answers
            .nothing
            .iter()
            .map(|(version, metric, why)| format!("{metric}{} has no value: {why}", self.of(*version)));
        notes.extend(nothing);
        let mut distrust = Vec::new();
        for (version, metric, remarks) in &answers.remarks {
            let of = self.of(*version);
            let infos = remarks.infos.iter();
            notes.extend(infos.map(|info| format!("{metric}{of}: the provider informs: {info}")));
            let warnings = remarks.warnings.iter();
            distrust.extend(warnings.map(|warning| format!("{metric}{of}: the provider warns: {warning}")));
        }
        let output = TaskOutput {
            insights,
            notes,
            distrust,
            ..TaskOutput::default()
        };
        if answers.stopped {
            return Err(TaskError {
                message: "stopped before all metrics were read".to_owned(),
                output: Box::new(output),
            });
        }
        if answers.faults.is_empty() {
            return Ok(output);
        }
        // One reason is given once, with all metrics that it is the reason for.
        let mut reasons: Vec<(&str, Vec<String>)> = Vec::new();
        for (version, metric, why) in &answers.faults {
            let metric = format!("{metric}{}", self.of(*version));
            match reasons.iter_mut().find(|(known, _)| known == why) {
                Some((_, metrics)) => metrics.push(metric),
                None => reasons.push((why, vec![metric])),
            }
        }
        let problems: Vec<String> = reasons
            .into_iter()
            .map(|(why, metrics)| {
                if metrics[0].is_empty() {
                    why.to_owned()
                } else {
                    format!("{}: {why}", named(&metrics))
                }
            })
            .collect();
        Err(TaskError {
            message: format!("cannot read {}", listed(&problems)),
            output: Box::new(output),
        })
    }
}

impl Answers {
    /// What was asked of a version and has no value.
    fn without(&self, version: usize) -> BTreeSet<String> {
        let all = self.nothing.iter().chain(&self.faults);
        let own = all.filter(|(of, metric, _)| *of == version && !metric.is_empty());
        own.map(|(_, metric, _)| metric.clone()).collect()
    }

    fn join(&mut self, other: Self) {
        for (version, values) in other.values {
            self.values.entry(version).or_default().extend(values);
        }
        self.nothing.extend(other.nothing);
        self.faults.extend(other.faults);
        self.remarks.extend(other.remarks);
        self.stopped |= other.stopped;
    }
}

fn client(sender: &Sender) -> Result<Client, TaskError> {
    let settings = sender.settings().map_err(|error| TaskError::from_error(&error))?;
    Client::new(&settings, Redirects::Faithful(REDIRECTS)).map_err(|error| TaskError::from_error(&error))
}

/// When what is asked for began: what was measured of traffic as it was before says nothing of how it is divided now.
fn begin(context: &RunContext, so_far: &ExperimentResult) -> Timestamp {
    context.ledger.moved().unwrap_or(so_far.since())
}

/// The length of a version's window.
fn seconds(version: &Version, started: Timestamp) -> Result<i64, String> {
    let start = window::start(&version.values)?.unwrap_or(started);
    window::elapsed(start, Timestamp::now())
}

/// A few names, and how many more there are.
fn named(names: &[String]) -> String {
    let more = names.len().saturating_sub(NAMED);
    let more = if more > 0 {
        format!(" and {more} more")
    } else {
        String::new()
    };
    format!("{}{more}", names[..names.len().min(NAMED)].join(", "))
}

fn listed(problems: &[String]) -> String {
    let more = problems.len().saturating_sub(NAMED);
    let more = if more > 0 {
        format!("; and {more} more problems")
    } else {
        String::new()
    };
    format!("{}{more}", problems[..problems.len().min(NAMED)].join("; "))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::results::{Environment, SourceInfo};

    #[test]
    fn a_window_begins_with_the_run_or_when_traffic_was_moved_last() {
        let context = RunContext::silent();
        let start = Timestamp::UNIX_EPOCH;
        let so_far = ExperimentResult::new(SourceInfo::default(), Environment::default(), start);
        assert_eq!(begin(&context, &so_far), so_far.since());
        context.ledger.has_moved();
        let first = begin(&context, &so_far);
        assert!(first > so_far.since());
        context.ledger.has_moved();
        assert!(begin(&context, &so_far) >= first);
    }
}
