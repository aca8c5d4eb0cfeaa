//! What others measured: values and distributions from providers, or from a result of Iter8.

use std::collections::BTreeSet;

use super::known::{Known, Version, metric_name};
use super::sections::{section, version_cell};
use crate::metrics::{Bucket, MetricName, Provided, Unit};
use crate::report::number;
use crate::report::prose::Prose;
use crate::report::table::{Align, Section, Table, Topic};
use crate::slo::Limit;

/// The values, the versions of a metric side by side.
pub(super) fn values(known: &Known<'_>) -> Section {
    let mut table = Table::new(&[
        ("Metric", Align::Left),
        ("Version", Align::Left),
        ("Value", Align::Right),
        ("Meaning", Align::Left),
    ]);
    let named = |version: &Version<'_>| {
        let values = version.insights.values.keys();
        values
            .chain(&version.insights.absent)
            .cloned()
            .collect::<Vec<_>>()
    };
    let metrics: BTreeSet<String> = known.versions.iter().flat_map(named).collect();
    for name in &metrics {
        for version in &known.versions {
            let given = version.insights.values.get(name);
            if given.is_none() && !version.insights.absent.contains(name) {
                continue;
            }
            let shown = given.map_or_else(
                || number::NONE.to_owned(),
                |given| value(known, version, name, given),
            );
            table.rows.push(vec![
                Prose::new().code(name.as_str()),
                version_cell(known, version),
                shown.into(),
                given
                    .and_then(|given| given.description.clone())
                    .unwrap_or_default()
                    .into(),
            ]);
        }
    }
    let title = if known.result.imported.is_some() {
        "Latest observed values"
    } else {
        "Metrics from providers"
    };
    section(Topic::Provided, title, table.without_empty_columns())
}

/// A value with its unit, with as many digits as its limits need.
fn value(known: &Known<'_>, version: &Version<'_>, name: &str, given: &Provided) -> String {
    let metric = MetricName::stored(name);
    let unit = metric.unit();
    let limit = known.result.assessment.judgements.iter().find_map(|judgement| {
        let objective = &judgement.objective;
        let own = judgement.version == version.insights.name
            && objective.metric == metric
            && objective.written.is_none();
        match objective.limit {
            Limit::Value(limit) if own => Some(limit),
            Limit::Value(_) | Limit::TimesBaseline(_) => None,
        }
    });
    let shown = match limit {
        Some(limit) => number::given_against(given.value, limit, unit),
        None => number::given(given.value, unit),
    };
    match &given.unit {
        Some(foreign) if unit == Unit::Plain => format!("{shown}\u{a0}{foreign}"),
        Some(_) | None => shown,
    }
}

/// The distributions, a row for each bucket.
pub(super) fn distributions(known: &Known<'_>) -> Section {
    let mut table = Table::new(&[
        ("Metric", Align::Left),
        ("Version", Align::Left),
        ("From", Align::Right),
        ("To", Align::Right),
        ("Count", Align::Right),
        ("Share", Align::Right),
    ]);
    for version in &known.versions {
        for (name, of) in &version.insights.buckets {
            let all: u64 = of
                .buckets
                .iter()
                .map(|bucket| bucket.count)
                .fold(0, u64::saturating_add);
            let unit = of.unit.as_deref().unwrap_or_default();
            let bound = |value: f64| match unit {
                "msec" => number::given(value, Unit::Milliseconds),
                "" => number::given(value, Unit::Plain),
                unit => format!("{}\u{a0}{unit}", number::given(value, Unit::Plain)),
            };
            for Bucket { lower, upper, count } in &of.buckets {
                table.rows.push(vec![
                    metric_name(&MetricName::foreign(name)),
                    version_cell(known, version),
                    bound(*lower).into(),
                    bound(*upper).into(),
                    number::count(*count).into(),
                    number::share(*count, all).into(),
                ]);
            }
        }
    }
    section(Topic::Distributions, "Distributions", table)
}
