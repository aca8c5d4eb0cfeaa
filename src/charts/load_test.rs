//! The chart `load-test` of 0.8, and what the charts of one load have in common.

use serde_json::Value as Json;

use super::iter8::warn_of_cluster;
use super::load::{HTTP, Load};
use super::objectives::{ShortNames, upper_limits};
use super::ready::{ReadyValues, tasks as ready_tasks};
use super::runner;
use super::shape::{AnyMap, Limits, Raw, refuse_unknown, with_properties};
use super::values::{key, list, map};
use super::{Chart, MetricNames, Release, Rendered};
use crate::spec::{Decode, Decoder, Key, Node, Value};

/// The first chart, deprecated in 0.8 already.
pub(super) struct LoadTest;

impl Chart for LoadTest {
    fn name(&self) -> &'static str {
        "load-test"
    }

    fn about(&self) -> &'static str {
        "An HTTP load and upper limits; the name of `load-test-http` in 0.8."
    }

    fn releases(&self) -> &'static [Release] {
        const { &[Release::zero(8)] }
    }

    fn runner(&self) -> Option<&'static str> {
        Some("job")
    }

    fn schema(&self) -> Json {
        schema(&HTTP)
    }

    fn render(&self, values: &Node, _: MetricNames, decoder: &mut Decoder<'_>) -> Rendered {
        // It knew short names only.
        render(self.name(), &HTTP, values, MetricNames::Any, decoder)
    }
}

crate::fields! {
    /// The values beside those of the load.
    struct Values in "the values of the chart" {
        /// Upper limits by metric.
        slos: Raw<Limits> = ["SLOs"],
        /// What is waited for before the load: a URL, or objects such as `deploy: NAME`.
        ready: Raw<ReadyValues> = ["ready"],
        /// In Kubernetes: image, version, runner, log level.
        iter8lib: Raw<AnyMap> = ["iter8lib"],
        /// Values of charts around this one.
        global: Raw<AnyMap> = ["global"],
    }
}

/// The schema of the values of a chart with one load.
pub(super) fn schema(load: &Load) -> Json {
    let own = with_properties(load.schema(), &Values::schema());
    with_properties(own, &runner::schema())
}

/// The tasks of a chart with one load: wait, load, judge.
pub(super) fn render(
    chart: &str,
    load: &Load,
    values: &Node,
    names: MetricNames,
    decoder: &mut Decoder<'_>,
) -> Rendered {
    let mut spec = Vec::new();
    if matches!(values.value, Value::Map(_)) {
        let is_own = |(key, _): &(Key, Node)| {
            let mut fields = Values::FIELDS.iter();
            fields.any(|field| field.key.eq_ignore_ascii_case(&key.name))
        };
        let (own, rest): (Vec<_>, Vec<_>) = values.pairs().iter().cloned().partition(is_own);
        let is_runners = |(key, _): &(Key, Node)| runner::names().any(|name| name == key.name);
        let (_, rest): (Vec<_>, Vec<_>) = rest.into_iter().partition(is_runners);
        let (with, unknown): (Vec<_>, Vec<_>) = rest.into_iter().partition(|(key, _)| load.knows(&key.name));
        let known: Vec<&str> = Values::FIELDS
            .iter()
            .map(|field| field.key)
            .chain(load.known())
            .chain(runner::names())
            .collect();
        refuse_unknown(
            unknown.iter().map(|(key, _)| key),
            &known,
            &format!("the values of the chart `{chart}`"),
            decoder,
        );
        let own = Values::decode(&map(own, values), decoder).unwrap_or_default();
        if let Some(Raw(ready, ..)) = &own.ready {
            spec.extend(ready_tasks(ready, None, decoder));
        }
        spec.extend(load.tasks(&map(with, values)));
        if let Some(Raw(limits, ..)) = &own.slos {
            let names = ShortNames {
                protocol: load.kind.name(),
                allowed: names,
            };
            spec.extend(upper_limits(limits, names, decoder));
        }
    } else {
        decoder.mismatch(values, "a map of values");
    }
    let of_cluster: Vec<&str> = ["iter8lib"].into_iter().chain(runner::names()).collect();
    warn_of_cluster(values, &of_cluster, decoder);
    Rendered {
        experiment: map(vec![(key("spec", values), list(spec, values))], values),
        files: Vec::new(),
    }
}
