//! 0.8 to 0.10: a list of objectives, each with an upper or a lower limit or both, and one row of answers for each.

use super::reader::{Reader, field};
use super::stored::{Gate, StoredObjective};
use crate::diagnostic::Diagnostic;
use crate::slo::Bound;
use crate::spec::Node;

/// The objectives of insights.
pub(super) fn objectives(insights: &Node, reader: Reader<'_>) -> Result<Vec<StoredObjective>, Diagnostic> {
    let answers = reader.optional(insights, "SLOsSatisfied", |reader, rows| {
        reader.list(rows, |reader, row| reader.list(row, Reader::boolean))
    })?;
    let mut answers = answers.unwrap_or_default().into_iter();
    let listed = reader.optional(insights, "SLOs", |reader, all| reader.list(all, limits))?;
    let mut objectives = Vec::new();
    for (metric, limits) in listed.unwrap_or_default() {
        let met = answers.next().unwrap_or_default();
        objectives.extend(limits.iter().map(|&(bound, limit)| StoredObjective {
            metric: metric.clone(),
            bound,
            limit,
            met: met.clone(),
            other: limits.iter().copied().find(|(other, _)| *other != bound),
        }));
    }
    Ok(objectives)
}

type Limits = (String, Vec<(Bound, f64)>);

fn limits(reader: Reader<'_>, node: &Node) -> Result<Limits, Diagnostic> {
    reader.is_map(node)?;
    let metric = reader.optional(node, "metric", Reader::text)?.unwrap_or_default();
    let mut limits = Vec::new();
    for (name, bound) in [("upperLimit", Bound::AtMost), ("lowerLimit", Bound::AtLeast)] {
        if let Some(limit) = reader.optional(node, name, Reader::number)? {
            limits.push((bound, limit));
        }
    }
    Ok((metric, limits))
}

/// What 0.8.0 kept of the versions that met everything.
pub(super) fn gate(insights: &Node, reader: Reader<'_>) -> Result<Gate, Diagnostic> {
    if field(insights, "insightTypes").is_none() {
        return Ok(Gate::Objectives);
    }
    let satisfied = reader.optional(insights, "SLOsSatisfiedBy", |reader, all| {
        reader.list(all, Reader::count)
    })?;
    Ok(Gate::Listed(satisfied.unwrap_or_default().len()))
}
