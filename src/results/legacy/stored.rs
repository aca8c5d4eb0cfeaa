//! [`Stored`]: what Iter8 stored, the same for every form.

use std::collections::{BTreeMap, BTreeSet};

use jiff::Timestamp;

use super::lift::{Histograms, Lists, Values};
use super::reader::{Reader, field};
use super::{v0_8, v0_11};
use crate::diagnostic::Diagnostic;
use crate::metrics::Bucket;
use crate::slo::{Bound, Goal};
use crate::spec::{Node, Value};

/// Most versions that are read.
const MOST_VERSIONS: usize = 1_000;
/// The name of a version that has none.
const ONLY_VERSION: &str = "default";
/// Most values and verdicts that are shown: versions times metrics and objectives.
const MOST_CELLS: usize = 1_000_000;

/// A result.
#[derive(Debug, Default)]
pub(super) struct Stored {
    pub(super) started: Option<Timestamp>,
    pub(super) loops: u64,
    pub(super) completed_tasks: u64,
    pub(super) failure: bool,
    pub(super) version: Option<String>,
    pub(super) insights: Option<StoredInsights>,
}

/// What is known about a metric.
#[derive(Debug, Default)]
pub(super) struct Meta {
    pub(super) kind: Kind,
    pub(super) unit: Option<String>,
    pub(super) description: Option<String>,
}

/// What a metric is made of.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(super) enum Kind {
    Counter,
    #[default]
    Gauge,
    Histogram,
    Sample,
    Summary,
}

/// An objective and whether each version met it.
#[derive(Debug)]
pub(super) struct StoredObjective {
    pub(super) metric: String,
    pub(super) bound: Bound,
    pub(super) limit: f64,
    pub(super) met: Vec<bool>,
    /// The other limit for which the same answer stands.
    pub(super) other: Option<(Bound, f64)>,
}

/// A reward and the version that was best; a position in the list of versions.
#[derive(Debug)]
pub(super) struct StoredReward {
    pub(super) metric: String,
    pub(super) goal: Goal,
    pub(super) winner: Option<usize>,
    pub(super) assessed: bool,
}

/// What decides about `slos` beside the objectives.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Gate {
    /// Nothing: without objectives it is true.
    Objectives,
    /// A list of the versions that met all objectives, which 0.8.0 stored; this many are in it.
    Listed(usize),
}

/// What was measured and judged.
#[derive(Debug)]
pub(super) struct StoredInsights {
    pub(super) names: Vec<String>,
    pub(super) metrics: BTreeMap<String, Meta>,
    pub(super) values: Values,
    pub(super) histograms: Histograms,
    pub(super) summaries: Vec<BTreeMap<String, [f64; 5]>>,
    pub(super) objectives: Vec<StoredObjective>,
    pub(super) rewards: Vec<StoredReward>,
    pub(super) gate: Gate,
}

impl Stored {
    /// Reads a result.
    pub(super) fn read(node: &Node, reader: Reader<'_>, lists: &Lists) -> Result<Self, Diagnostic> {
        reader.is_map(node)?;
        Ok(Self {
            started: reader.optional(node, "startTime", Reader::time)?.flatten(),
            loops: reader
                .optional(node, "numLoops", Reader::count)?
                .unwrap_or_default(),
            completed_tasks: reader
                .optional(node, "numCompletedTasks", Reader::count)?
                .unwrap_or_default(),
            failure: reader
                .optional(node, "failure", Reader::boolean)?
                .unwrap_or_default(),
            version: reader
                .optional(node, "iter8Version", Reader::text)?
                .filter(|version| !version.is_empty()),
            insights: field(node, "insights")
                .map(|insights| read_insights(insights, reader, lists))
                .transpose()?,
        })
    }
}

fn read_insights(node: &Node, reader: Reader<'_>, lists: &Lists) -> Result<StoredInsights, Diagnostic> {
    reader.is_map(node)?;
    if let Some(raw) = field(node, "taskData") {
        let hint = "run the experiment again with this iter8: it reads the same file";
        return Err(reader
            .error(
                raw,
                "Iter8 0.16 and later kept raw load results, without metrics and objectives",
            )
            .hint(hint));
    }
    let metrics = reader.optional(node, "metricsInfo", |reader, all| reader.map(all, meta))?;
    let values = match &lists.values {
        Some(values) => values.clone(),
        None => per_version(node, reader, "nonHistMetricValues", |reader, values| {
            reader.list(values, Reader::number)
        })?,
    };
    let histograms = match &lists.histograms {
        Some(histograms) => histograms.clone(),
        None => per_version(node, reader, "histMetricValues", |reader, buckets| {
            reader.list(buckets, bucket)
        })?,
    };
    let early = per_version(node, reader, "metricValues", |reader, values| {
        reader.list(values, Reader::number)
    })?;
    let summaries = per_version(node, reader, "SummaryMetricValues", summary)?;
    let values = if values.is_empty() { early } else { values };
    let versions = versions(node, reader)?
        .max(values.len())
        .max(histograms.len())
        .max(summaries.len());
    few(versions, node, reader)?;
    let names = reader
        .optional(node, "versionNames", |reader, names| reader.list(names, label))?
        .unwrap_or_default();
    let lists_slos = field(node, "SLOs").is_some_and(|slos| matches!(slos.value, Value::List(_)));
    let objectives = if lists_slos {
        v0_8::objectives(node, reader)?
    } else {
        v0_11::objectives(node, reader)?
    };
    let insights = StoredInsights {
        names: unique(versions, names),
        metrics: metrics.unwrap_or_default().into_iter().collect(),
        values,
        histograms,
        summaries,
        objectives,
        rewards: v0_11::rewards(node, reader)?,
        gate: v0_8::gate(node, reader)?,
    };
    let measured = insights.values.iter().map(BTreeMap::len).sum::<usize>();
    let rows = measured + insights.metrics.len() + insights.objectives.len() + insights.rewards.len();
    if versions.saturating_mul(rows) > MOST_CELLS {
        let message = format!("{versions} versions of {rows} metrics and objectives are too many to show");
        return Err(reader.error(node, message));
    }
    Ok(insights)
}

fn versions(node: &Node, reader: Reader<'_>) -> Result<usize, Diagnostic> {
    let stored = field(node, "numVersions").or_else(|| field(node, "numAppVersions"));
    let Some(stored) = stored else { return Ok(0) };
    let count = reader.count(stored)?;
    let count = usize::try_from(count).unwrap_or(usize::MAX);
    few(count, stored, reader)?;
    Ok(count)
}

/// That there are not too many versions to go on with.
fn few(versions: usize, node: &Node, reader: Reader<'_>) -> Result<(), Diagnostic> {
    if versions > MOST_VERSIONS {
        let message = format!("{versions} versions; at most {MOST_VERSIONS} are read");
        return Err(reader.error(node, message));
    }
    Ok(())
}

fn per_version<T>(
    node: &Node,
    reader: Reader<'_>,
    name: &str,
    mut read: impl FnMut(Reader<'_>, &Node) -> Result<T, Diagnostic>,
) -> Result<Vec<BTreeMap<String, T>>, Diagnostic> {
    let versions = reader.optional(node, name, |reader, list| {
        reader.list(list, |reader, version| {
            let metrics = reader.map(version, &mut read)?;
            Ok(metrics.into_iter().collect())
        })
    })?;
    Ok(versions.unwrap_or_default())
}

fn meta(reader: Reader<'_>, node: &Node) -> Result<Meta, Diagnostic> {
    reader.is_map(node)?;
    let text = |name| {
        Ok::<_, Diagnostic>(
            reader
                .optional(node, name, Reader::text)?
                .filter(|text| !text.is_empty()),
        )
    };
    let kind = text("type")?.map(|kind| kind.to_ascii_lowercase());
    Ok(Meta {
        kind: match kind.as_deref() {
            Some("counter") => Kind::Counter,
            Some("histogram") => Kind::Histogram,
            Some("sample") => Kind::Sample,
            Some("summary") => Kind::Summary,
            _ => Kind::Gauge,
        },
        unit: text("units")?,
        description: text("description")?,
    })
}

fn bucket(reader: Reader<'_>, node: &Node) -> Result<Bucket, Diagnostic> {
    reader.is_map(node)?;
    let bound = |name| Ok::<_, Diagnostic>(reader.optional(node, name, Reader::number)?.unwrap_or_default());
    Ok(Bucket {
        lower: bound("lower")?,
        upper: bound("upper")?,
        count: reader.optional(node, "count", Reader::count)?.unwrap_or_default(),
    })
}

/// Count, sum, smallest, largest, sum of squares.
fn summary(reader: Reader<'_>, node: &Node) -> Result<[f64; 5], Diagnostic> {
    let numbers = reader.list(node, Reader::number)?;
    let wrong = |_| {
        reader.error(
            node,
            "expected five numbers: count, sum, min, max, sum of squares",
        )
    };
    numbers.try_into().map_err(wrong)
}

/// A version's label as Iter8 showed it: version, track, or `track (version)`.
fn label(reader: Reader<'_>, node: &Node) -> Result<String, Diagnostic> {
    reader.is_map(node)?;
    let text = |name| Ok::<_, Diagnostic>(reader.optional(node, name, Reader::text)?.unwrap_or_default());
    let (version, track) = (text("version")?, text("track")?);
    Ok(match (version.is_empty(), track.is_empty()) {
        (false, false) => format!("{track} ({version})"),
        (true, false) => track,
        (_, true) => version,
    })
}

/// One label for each version, none twice. The only one is called as a run of today calls it, which may go on with it.
fn unique(versions: usize, labels: Vec<String>) -> Vec<String> {
    let mut names: Vec<String> = Vec::new();
    let mut taken = BTreeSet::new();
    let mut labels = labels.into_iter();
    for index in 0..versions {
        let label = labels.next().filter(|label| !label.is_empty());
        let mut label = label.unwrap_or_else(|| match versions {
            1 => ONLY_VERSION.to_owned(),
            _ => format!("version {index}"),
        });
        while !taken.insert(label.clone()) {
            label.push_str(&format!(" [{index}]"));
        }
        names.push(label);
    }
    names
}
