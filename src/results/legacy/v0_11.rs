//! 0.11 to 0.15: objectives, answers, rewards and winners in two lists each.

use super::reader::{Reader, field};
use super::stored::{StoredObjective, StoredReward};
use crate::diagnostic::Diagnostic;
use crate::slo::{Bound, Goal};
use crate::spec::Node;

/// The objectives of insights, upper limits first.
pub(super) fn objectives(insights: &Node, reader: Reader<'_>) -> Result<Vec<StoredObjective>, Diagnostic> {
    let Some(slos) = field(insights, "SLOs") else {
        return Ok(Vec::new());
    };
    reader.is_map(slos)?;
    let satisfied = field(insights, "SLOsSatisfied");
    if let Some(satisfied) = satisfied {
        reader.is_map(satisfied)?;
    }
    let mut objectives = Vec::new();
    for (name, bound) in [("upper", Bound::AtMost), ("lower", Bound::AtLeast)] {
        let rows = satisfied
            .map(|satisfied| {
                reader.optional(satisfied, name, |reader, rows| {
                    reader.list(rows, |reader, row| reader.list(row, Reader::boolean))
                })
            })
            .transpose()?
            .flatten();
        let mut rows = rows.unwrap_or_default().into_iter();
        let listed = reader.optional(slos, name, |reader, all| reader.list(all, limit))?;
        objectives.extend(
            listed
                .unwrap_or_default()
                .into_iter()
                .map(|(metric, limit)| StoredObjective {
                    metric,
                    bound,
                    limit,
                    met: rows.next().unwrap_or_default(),
                    other: None,
                }),
        );
    }
    Ok(objectives)
}

fn limit(reader: Reader<'_>, node: &Node) -> Result<(String, f64), Diagnostic> {
    reader.is_map(node)?;
    let metric = reader.optional(node, "metric", Reader::text)?.unwrap_or_default();
    let limit = reader
        .optional(node, "limit", Reader::number)?
        .unwrap_or_default();
    Ok((metric, limit))
}

/// The rewards of insights.
pub(super) fn rewards(insights: &Node, reader: Reader<'_>) -> Result<Vec<StoredReward>, Diagnostic> {
    let Some(rewards) = field(insights, "rewards") else {
        return Ok(Vec::new());
    };
    reader.is_map(rewards)?;
    let winners = field(insights, "rewardsWinners");
    let mut found = Vec::new();
    for (name, goal) in [("max", Goal::Max), ("min", Goal::Min)] {
        let best = winners
            .map(|winners| reader.optional(winners, name, |reader, all| reader.list(all, Reader::position)))
            .transpose()?
            .flatten();
        let mut best = best.unwrap_or_default().into_iter();
        let metrics = reader.optional(rewards, name, |reader, all| reader.list(all, Reader::text))?;
        for metric in metrics.unwrap_or_default() {
            let winner = best.next();
            found.push(StoredReward {
                metric,
                goal,
                assessed: winner.is_some(),
                winner: winner.flatten(),
            });
        }
    }
    Ok(found)
}
