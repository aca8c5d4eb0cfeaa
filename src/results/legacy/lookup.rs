//! [`Lookup`]: the value of a metric as Iter8 computed it, less its mistakes.

use std::cell::RefCell;
use std::collections::BTreeMap;

use super::names;
use super::stored::{Kind, Meta, StoredInsights};

/// Statistics of a summary, in the order of a report.
pub(super) const SUMMARY: [&str; 5] = ["count", "mean", "stddev", "min", "max"];

/// A metric as it is shown.
#[derive(Debug, Clone, Default)]
pub(super) struct Known {
    pub(super) counter: bool,
    pub(super) unit: Option<String>,
    pub(super) description: Option<String>,
}

/// The metrics of all versions by their names of today.
pub(super) struct Lookup<'a> {
    insights: &'a StoredInsights,
    meta: BTreeMap<String, &'a Meta>,
    values: Vec<BTreeMap<String, &'a [f64]>>,
    summaries: Vec<BTreeMap<String, &'a [f64; 5]>>,
    /// Samples in order, once they are asked for.
    sorted: RefCell<BTreeMap<(usize, String), Vec<f64>>>,
}

impl<'a> Lookup<'a> {
    pub(super) fn new(insights: &'a StoredInsights) -> Self {
        let values = insights.values.iter().map(|version| {
            version
                .iter()
                .map(|(name, values)| (names::spelled(name), values.as_slice()))
                .collect()
        });
        let summaries = insights.summaries.iter().map(|version| {
            version
                .iter()
                .map(|(name, summary)| (names::spelled(name), summary))
                .collect()
        });
        Self {
            insights,
            meta: insights
                .metrics
                .iter()
                .map(|(name, meta)| (names::spelled(name), meta))
                .collect(),
            values: values.collect(),
            summaries: summaries.collect(),
            sorted: RefCell::default(),
        }
    }

    /// Everything that a report shows: what has one value, and what was promised or compared.
    pub(super) fn shown(&self) -> BTreeMap<String, Known> {
        let mut names: Vec<String> = Vec::new();
        for (name, meta) in &self.meta {
            match meta.kind {
                Kind::Counter | Kind::Gauge => names.push(name.clone()),
                Kind::Summary => names.extend(SUMMARY.iter().map(|statistic| format!("{name}/{statistic}"))),
                Kind::Sample | Kind::Histogram => {}
            }
        }
        for name in self.values.iter().flat_map(BTreeMap::keys) {
            if !self.meta.contains_key(name) {
                names.push(name.clone());
            }
        }
        let promised = self.insights.objectives.iter().map(|objective| &objective.metric);
        let compared = self.insights.rewards.iter().map(|reward| &reward.metric);
        names.extend(promised.chain(compared).map(|name| names::spelled(name)));
        names
            .into_iter()
            .map(|name| {
                let known = self.known(&name);
                (name, known)
            })
            .collect()
    }

    fn known(&self, name: &str) -> Known {
        let own = self.meta.get(name).map(|meta| (meta, None));
        let found = own.or_else(|| {
            let (base, statistic) = name.rsplit_once('/')?;
            Some((self.meta.get(base)?, Some(statistic)))
        });
        let Some((meta, statistic)) = found else {
            return Known::default();
        };
        let description = meta.description.as_ref();
        Known {
            counter: meta.kind == Kind::Counter,
            unit: meta.unit.clone(),
            description: description.map(|about| match statistic {
                Some(statistic) => format!("{statistic} of: {about}"),
                None => about.clone(),
            }),
        }
    }

    /// The value of a metric of a version; nothing where Iter8 had none.
    pub(super) fn value(&self, version: usize, name: &str) -> Option<f64> {
        let parts: Vec<&str> = name.split('/').collect();
        let value = match parts.as_slice() {
            [_, _] => match self.meta.get(name).map(|meta| meta.kind) {
                Some(Kind::Sample | Kind::Histogram | Kind::Summary) => None,
                Some(Kind::Counter | Kind::Gauge) | None => {
                    self.values.get(version)?.get(name)?.last().copied()
                }
            },
            [backend, metric, statistic] => {
                let base = format!("{backend}/{metric}");
                match self.meta.get(&base)?.kind {
                    Kind::Sample => self.of_sample(version, base, statistic),
                    Kind::Summary => of_summary(self.summaries.get(version)?.get(&base)?, statistic),
                    Kind::Counter | Kind::Gauge | Kind::Histogram => None,
                }
            }
            _ => None,
        };
        value.filter(|value| value.is_finite())
    }

    fn of_sample(&self, version: usize, base: String, statistic: &str) -> Option<f64> {
        let values = *self.values.get(version)?.get(&base)?;
        let n = values.len() as f64;
        if let [only] = values {
            return Some(*only);
        }
        let first = *values.first()?;
        let mean = values.iter().sum::<f64>() / n;
        match statistic {
            "mean" => Some(mean),
            "stddev" => {
                let squares: f64 = values.iter().map(|value| (value - mean).powi(2)).sum();
                Some((squares / n).sqrt())
            }
            "min" => Some(values.iter().copied().fold(first, f64::min)),
            "max" => Some(values.iter().copied().fold(first, f64::max)),
            _ => {
                let percent: f64 = statistic.strip_prefix('p')?.parse().ok()?;
                let mut sorted = self.sorted.borrow_mut();
                let sorted = sorted.entry((version, base)).or_insert_with(|| {
                    let mut sorted = values.to_vec();
                    sorted.sort_unstable_by(f64::total_cmp);
                    sorted
                });
                percentile(sorted, percent)
            }
        }
    }
}

/// The percentile of sorted values: the mean of two neighbours where it falls between them, and none below the first.
fn percentile(sorted: &[f64], percent: f64) -> Option<f64> {
    if !(percent > 0.0 && percent <= 100.0) {
        return None;
    }
    let index = percent / 100.0 * sorted.len() as f64;
    if index < 1.0 {
        return None;
    }
    #[expect(
        clippy::cast_possible_truncation,
        clippy::cast_sign_loss,
        reason = "from 1 to the length of a list"
    )]
    let whole = index as usize;
    let below = *sorted.get(whole - 1)?;
    if index.fract() == 0.0 {
        return Some(below);
    }
    Some(f64::midpoint(below, *sorted.get(whole)?))
}

fn of_summary(summary: &[f64; 5], statistic: &str) -> Option<f64> {
    let [count, sum, min, max, squares] = *summary;
    if count <= 0.0 {
        return (statistic == "count").then_some(count);
    }
    let mean = sum / count;
    match statistic {
        "count" => Some(count),
        "mean" => Some(mean),
        "stddev" if count > 1.0 => Some(
            (squares / (count - 1.0) - mean * mean * count / (count - 1.0))
                .max(0.0)
                .sqrt(),
        ),
        "min" => Some(min),
        "max" => Some(max),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn percentiles_are_those_of_the_library_that_iter8_used() {
        let twenty: Vec<f64> = [1, 1, 2, 2, 3, 3, 3, 3, 4, 5, 5, 5, 6, 7, 8, 8, 9, 9, 9, 46]
            .map(f64::from)
            .to_vec();
        for (percent, value) in [
            (50.0, Some(5.0)),
            (95.0, Some(9.0)),
            (97.5, Some(27.5)),
            (100.0, Some(46.0)),
            (5.0, Some(1.0)),
            (4.0, None),
            (0.0, None),
            (101.0, None),
            (f64::NAN, None),
        ] {
            assert_eq!(percentile(&twenty, percent), value, "p{percent}");
        }
    }

    #[test]
    fn a_summary_of_nothing_has_only_a_count() {
        let value = |summary: [f64; 5], statistic| of_summary(&summary, statistic);
        let nothing = [0.0; 5];
        assert_eq!(value(nothing, "count"), Some(0.0));
        for statistic in ["mean", "stddev", "min", "max"] {
            assert_eq!(value(nothing, statistic), None, "{statistic}");
        }
        assert_eq!(value([1.0, 4.0, 4.0, 4.0, 16.0], "stddev"), None);
        assert_eq!(value([2.0, 6.0, 2.0, 4.0, 20.0], "stddev"), Some(2.0_f64.sqrt()));
    }
}
