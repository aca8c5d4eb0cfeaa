//! The shards that a result was merged from, or the one that it is of.

use jiff::Timestamp;

use super::known::Known;
use crate::report::number;
use crate::report::prose::{Prose, clipped};
use crate::report::table::{Align, Section, Table, Topic};
use crate::results::{MergedShard, Shards};

/// Most shards that are listed.
const MOST: usize = 64;
/// Numbers of lost shards that are listed.
const MOST_LOST: usize = 16;

/// One row for each shard.
pub(super) fn section(known: &Known<'_>) -> Section {
    let mut table = Table::new(&[
        ("Shard", Align::Right),
        ("Outcome", Align::Left),
        ("Requests", Align::Right),
        ("Errors", Align::Right),
        ("After the first", Align::Right),
        ("Late", Align::Right),
        ("Processor", Align::Left),
        ("Result", Align::Left),
    ]);
    let mut notes = Vec::new();
    if let Some(shards) = &known.result.shards {
        let first = shards.merged.iter().filter_map(|shard| shard.began).min();
        table.rows = shards
            .merged
            .iter()
            .take(MOST)
            .map(|shard| row(shard, first))
            .collect();
        let more = shards.merged.len().saturating_sub(MOST);
        if more > 0 {
            notes.push(Prose::from(format!(
                "{} more shards.",
                number::count(more as u64)
            )));
        }
        notes.extend(lost(shards));
    }
    Section {
        topic: Topic::Shards,
        title: "Shards".to_owned(),
        table: table.without_empty_columns(),
        notes,
    }
}

/// `first` is the start of the first of all.
fn row(shard: &MergedShard, first: Option<Timestamp>) -> Vec<Prose> {
    let environment = &shard.environment;
    let processor = environment.processor.as_deref().unwrap_or(&environment.system);
    let after = shard.began.zip(first);
    let after = after.map(|(began, first)| number::duration(began.duration_since(first).as_secs_f64()));
    vec![
        shard.index.to_string().into(),
        shard.outcome.name().into(),
        number::count(shard.requests).into(),
        number::count(shard.errors).into(),
        after.unwrap_or_default().into(),
        shard
            .late_seconds
            .map_or_else(Prose::new, |late| number::duration(late.max(0.0)).into()),
        format!("{} × {}", environment.processors, clipped(processor, 40)).into(),
        Prose::new().code(clipped(&shard.file, 80)),
    ]
}

fn lost(shards: &Shards) -> Option<Prose> {
    let mut numbers: Vec<String> = shards.lost.iter().take(MOST_LOST).map(u32::to_string).collect();
    if shards.lost.len() > MOST_LOST {
        numbers.push("…".to_owned());
    }
    (!numbers.is_empty()).then(|| format!("No result of {}.", numbers.join(", ")).into())
}

/// How several generators made one measurement, in a sentence.
pub(super) fn how(known: &Known<'_>) -> Option<Prose> {
    if let Some(shard) = &known.result.shard {
        let start = shard
            .start_at
            .map_or_else(String::new, |at| format!(", beginning at {at}"));
        let text = format!(
            "This is shard {} (counted from 0): it sent its part of one schedule{start}, and judged nothing.",
            shard.number
        );
        return Some(text.into());
    }
    let shards = known.result.shards.as_ref()?;
    let count = number::counted(shards.merged.len() as u64, "shard");
    let each = if shards.divided {
        "each with its part of one schedule"
    } else {
        "each with a load of its own"
    };
    let apart = number::duration(shards.skew_seconds);
    let text =
        format!("Merged from {count}, {each}; by their clocks they began within {apart} of each other.");
    Some(text.into())
}
