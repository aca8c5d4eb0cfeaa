//! [`Insights`]: what is known about every version.

use std::borrow::Cow;
use std::collections::{BTreeMap, BTreeSet};

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::{Buckets, LoadMeasurement, MetricName, Provided, Stream};

/// One load: what it was sent to and what it measured.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct Load {
    /// Protocol and endpoint.
    pub stream: Stream,
    /// Where the requests went, without user information and query.
    pub target: String,
    /// How they were sent, in words: `40 requests/s on 10 connections for 30 s`.
    pub plan: String,
    /// Of a shard, its part of that plan, likewise.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub part: Option<String>,
    /// A command that sends one of them again, without what may be secret; a comment at its end says what was left out.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub reproduce: Option<String>,
    /// Loads of a version with the same number were sent at the same time; without one, alone.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub together: Option<usize>,
    /// Percentiles to report beside the usual ones.
    #[serde(default)]
    pub percentiles: Vec<f64>,
    /// What was measured.
    pub measurement: LoadMeasurement,
}

impl Load {
    /// A load of which nobody knows more than what it measured.
    pub fn bare(stream: Stream, measurement: LoadMeasurement) -> Self {
        Self {
            stream,
            target: String::new(),
            plan: String::new(),
            part: None,
            reproduce: None,
            together: None,
            percentiles: Vec::new(),
            measurement,
        }
    }
}

/// What is known about one version of the application.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct VersionInsights {
    /// Its name.
    pub name: String,
    /// Whether it is the declared baseline: shown, not judged.
    pub baseline: bool,
    /// One entry per protocol and endpoint, in the order of the runs.
    pub loads: Vec<Load>,
    /// Values from providers.
    pub values: BTreeMap<String, Provided>,
    /// Metrics of providers that should have a value and have none.
    #[serde(default, skip_serializing_if = "BTreeSet::is_empty")]
    pub absent: BTreeSet<String>,
    /// Distributions of which only the counts between bounds are known.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub buckets: BTreeMap<String, Buckets>,
    /// What a former loop measured and this one has not: protocols of loads, names of metrics.
    #[serde(default, skip_serializing_if = "BTreeSet::is_empty")]
    pub former: BTreeSet<String>,
}

impl VersionInsights {
    /// The measurement behind a stream; for a whole protocol the union of its endpoints.
    pub fn measurement(&self, stream: &Stream) -> Option<Cow<'_, LoadMeasurement>> {
        if let Some(load) = self.loads.iter().find(|load| load.stream == *stream) {
            return Some(Cow::Borrowed(&load.measurement));
        }
        if stream.endpoint.is_some() {
            return None;
        }
        let parts: Vec<&Load> = self
            .loads
            .iter()
            .filter(|load| load.stream.protocol == stream.protocol)
            .collect();
        let same_time = |one: &&Load, other: &&Load| one.together.is_some() && one.together == other.together;
        parts
            .chunk_by(same_time)
            .map(|parallel| {
                let mut union = parallel[0].measurement.clone();
                parallel[1..]
                    .iter()
                    .for_each(|load| union.join(&load.measurement));
                union
            })
            .reduce(|mut union, later| {
                union.append(&later);
                union
            })
            .map(Cow::Owned)
    }

    /// Forgets values of loads that somebody else measured, where such a load is measured now.
    fn forget(&mut self, newer: &[Load]) {
        let old = |name: &str| match name.split_once('/').map(|(stream, _)| stream.parse::<Stream>()) {
            Some(Ok(stream)) => newer.iter().any(|load| load.stream.protocol == stream.protocol),
            Some(Err(_)) | None => false,
        };
        self.values.retain(|name, _| !old(name));
        self.absent.retain(|name| !old(name));
        self.buckets.retain(|name, _| !old(name));
    }

    /// Another loop begins: all that is known is of a former one.
    fn age(&mut self) {
        let protocols = self.loads.iter().map(|load| load.stream.protocol.to_string());
        let names = self.values.keys().chain(&self.absent).chain(self.buckets.keys());
        self.former = protocols.chain(names.cloned()).collect();
    }

    /// Forgets what a former loop measured of what this one measures now. Whether nothing is left of it.
    fn retire(&mut self, now: &BTreeSet<String>) -> bool {
        let (gone, kept) = std::mem::take(&mut self.former)
            .into_iter()
            .partition(|name| now.contains(name) || now.contains(protocol(name)));
        self.former = kept;
        let gone: BTreeSet<String> = gone;
        self.loads
            .retain(|load| !gone.contains(&load.stream.protocol.to_string()));
        self.values.retain(|name, _| !gone.contains(name));
        self.absent.retain(|name| !gone.contains(name));
        self.buckets.retain(|name, _| !gone.contains(name));
        let left = !self.loads.is_empty() || !self.values.is_empty();
        !gone.is_empty() && !left && self.absent.is_empty() && self.buckets.is_empty()
    }

    /// Whether what a metric rests on was measured by a former loop.
    pub fn is_former(&self, metric: &MetricName) -> bool {
        match metric {
            MetricName::Load(stream, _) if self.measurement(stream).is_some() => {
                self.former.contains(&stream.protocol.to_string())
            }
            MetricName::Load(..) | MetricName::Custom { .. } => self.former.contains(&metric.to_string()),
        }
    }

    /// The value of a metric in its unit; `None` when nothing measured it.
    pub fn value(&self, metric: &MetricName) -> Option<f64> {
        let measured = match metric {
            MetricName::Load(stream, measure) => self.measurement(stream).map(|load| load.value(*measure)),
            MetricName::Custom { .. } => None,
        };
        let given = || self.values.get(&metric.to_string()).map(|known| known.value);
        measured.unwrap_or_else(given).filter(|value| value.is_finite())
    }
}

/// The protocol that a metric of a load is of, as text; of any other metric something that no protocol is called.
fn protocol(metric: &str) -> &str {
    let stream = metric.split_once('/').map_or("", |(stream, _)| stream);
    stream.split_once('-').map_or(stream, |(protocol, _)| protocol)
}

/// What is known about all versions, in the order in which they were first measured.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct Insights {
    /// The versions.
    pub versions: Vec<VersionInsights>,
}

impl Insights {
    /// Another loop begins: what is known stays until it is measured anew, of whatever version.
    pub fn age(&mut self) {
        self.versions.iter_mut().for_each(VersionInsights::age);
    }

    /// What this measures: protocols of loads, names of metrics.
    fn measured(&self) -> BTreeSet<String> {
        let of = |version: &VersionInsights| {
            let mut version = version.clone();
            version.age();
            version.former
        };
        self.versions.iter().flat_map(of).collect()
    }

    /// Adds what a task measured; a load of the same name replaces the earlier one, as in Iter8. Versions of a former loop
    /// are gone once this one measures the same of others, and the newest measurement says which version is the baseline.
    pub fn merge(&mut self, newer: Insights) {
        let now = newer.measured();
        self.versions.retain_mut(|known| {
            let is_empty = known.retire(&now);
            !is_empty || newer.versions.iter().any(|version| version.name == known.name)
        });
        for version in newer.versions {
            match self.versions.iter_mut().find(|known| known.name == version.name) {
                Some(known) => {
                    known.baseline = version.baseline;
                    // A new load of a protocol replaces the endpoints of an earlier one, or the union would mix both.
                    known.loads.retain(|old| {
                        !version
                            .loads
                            .iter()
                            .any(|new| new.stream.protocol == old.stream.protocol)
                    });
                    known.forget(&version.loads);
                    known.loads.extend(version.loads);
                    known.absent.retain(|name| !version.values.contains_key(name));
                    // Who asks and gets no answer knows no longer what an earlier answer was.
                    known.values.retain(|name, _| !version.absent.contains(name));
                    known.values.extend(version.values);
                    known.absent.extend(version.absent);
                    known.buckets.extend(version.buckets);
                }
                None => self.versions.push(version),
            }
        }
    }

    /// Whether anything was measured.
    pub fn is_empty(&self) -> bool {
        self.versions.iter().all(|version| {
            version.loads.is_empty() && version.values.is_empty() && version.buckets.is_empty()
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn load(stream: &str, requests: u64) -> Load {
        let measurement = LoadMeasurement {
            requests,
            ..LoadMeasurement::default()
        };
        Load::bare(stream.parse().expect(stream), measurement)
    }

    fn insights(loads: Vec<Load>) -> Insights {
        Insights {
            versions: vec![VersionInsights {
                name: "candidate".into(),
                loads,
                ..VersionInsights::default()
            }],
        }
    }

    fn value(insights: &Insights, metric: &str) -> Option<f64> {
        insights.versions[0].value(&metric.parse().expect(metric))
    }

    #[test]
    fn the_whole_protocol_is_the_union_of_its_endpoints() {
        let insights = insights(vec![load("http-a", 2), load("http-b", 3)]);
        assert_eq!(value(&insights, "http/request-count"), Some(5.0));
        assert_eq!(value(&insights, "http-b/request-count"), Some(3.0));
        assert_eq!(value(&insights, "http-c/request-count"), None);
        assert_eq!(value(&insights, "grpc/request-count"), None);
    }

    #[test]
    fn endpoints_that_were_sent_at_the_same_time_took_the_time_of_one() {
        let endpoint = |name: &str, together: Option<usize>| {
            let mut load = load(name, 10);
            load.together = together;
            load.measurement.elapsed = 5.0;
            load.measurement.answered = 10;
            load
        };
        let throughput = |loads| value(&insights(loads), "http/throughput");
        let alone = vec![endpoint("http-a", None), endpoint("http-b", None)];
        assert_eq!(throughput(alone), Some(2.0));
        let parallel = vec![endpoint("http-a", Some(1)), endpoint("http-b", Some(1))];
        assert_eq!(throughput(parallel), Some(4.0));
    }

    #[test]
    fn what_an_earlier_run_stored_of_a_load_gives_way_to_a_new_one() {
        let given = |names: &[&str]| {
            let mut all = insights(Vec::new());
            let values = names.iter().map(|name| ((*name).to_owned(), Provided::from(7.0)));
            all.versions[0].values.extend(values);
            all
        };
        let mut first = given(&[
            "http/request-count",
            "http-a/request-count",
            "grpc/request-count",
            "shop/cost",
        ]);
        assert_eq!(value(&first, "http/request-count"), Some(7.0));
        first.merge(insights(vec![load("http", 3)]));
        assert_eq!(value(&first, "http/request-count"), Some(3.0));
        assert_eq!(value(&first, "http-a/request-count"), None);
        assert_eq!(value(&first, "grpc/request-count"), Some(7.0));
        assert_eq!(value(&first, "shop/cost"), Some(7.0));
    }

    #[test]
    fn a_metric_that_was_asked_for_in_vain_has_no_value_any_more() {
        let mut all = insights(Vec::new());
        for name in ["db/errors", "db/orders"] {
            all.versions[0].values.insert(name.into(), Provided::from(1.0));
        }
        let mut newer = insights(Vec::new());
        newer.versions[0].absent.insert("db/errors".into());
        all.merge(newer);
        assert_eq!(value(&all, "db/errors"), None);
        assert_eq!(value(&all, "db/orders"), Some(1.0));
        let mut answered = insights(Vec::new());
        answered.versions[0]
            .values
            .insert("db/errors".into(), Provided::from(2.0));
        all.merge(answered);
        assert_eq!(value(&all, "db/errors"), Some(2.0));
        assert!(all.versions[0].absent.is_empty());
    }

    fn versions(all: &[(&str, bool, &str)]) -> Insights {
        let version = |(name, baseline, stream): &(&str, bool, &str)| VersionInsights {
            name: (*name).to_owned(),
            baseline: *baseline,
            ..insights(vec![load(stream, 1)]).versions.remove(0)
        };
        Insights {
            versions: all.iter().map(version).collect(),
        }
    }

    fn roles(insights: &Insights) -> Vec<(&str, bool)> {
        let all = insights.versions.iter();
        all.map(|version| (version.name.as_str(), version.baseline))
            .collect()
    }

    #[test]
    fn versions_of_a_former_loop_give_way_to_those_of_this_one() {
        let first = versions(&[("stable", true, "http"), ("canary", false, "http")]);
        let mut only = first.clone();
        only.age();
        only.merge(versions(&[("stable", false, "http")]));
        assert_eq!(roles(&only), [("stable", false)]);
        let mut swapped = first.clone();
        swapped.age();
        swapped.merge(versions(&[("stable", false, "http"), ("canary", true, "http")]));
        assert_eq!(roles(&swapped), [("stable", false), ("canary", true)]);
        // Another protocol says nothing of them, nor does another load of the same loop.
        let mut other = first.clone();
        other.age();
        other.merge(versions(&[("stable", true, "grpc")]));
        assert_eq!(other.versions.len(), 2);
        let metric = |text: &str| text.parse().expect(text);
        assert!(other.versions[0].is_former(&metric("http/request-count")));
        assert!(!other.versions[0].is_former(&metric("grpc/request-count")));
        let mut same = first;
        same.merge(versions(&[("stable", true, "http")]));
        assert_eq!(same.versions.len(), 2);
    }

    #[test]
    fn a_second_load_of_a_protocol_replaces_the_first() {
        let mut first = insights(vec![load("http-a", 2), load("grpc", 7)]);
        first.merge(insights(vec![load("http", 3)]));
        assert_eq!(value(&first, "http/request-count"), Some(3.0));
        assert_eq!(value(&first, "http-a/request-count"), None);
        assert_eq!(value(&first, "grpc/request-count"), Some(7.0));
    }
}
