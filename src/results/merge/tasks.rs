//! What became of a task in all shards.

use std::collections::BTreeMap;

use jiff::Timestamp;

use crate::results::{TaskRecord, TaskStatus};

/// Most notes of one task.
const MOST_NOTES: usize = 50;
/// Shards that are named.
const NAMED: usize = 8;

/// One task in all shards.
#[derive(Debug, Default)]
pub(super) struct Became {
    completed: Vec<u32>,
    not_run: Vec<u32>,
    left: Vec<u32>,
    /// Why.
    why: String,
    /// By condition.
    skipped: BTreeMap<String, Vec<u32>>,
    /// By error.
    failed: BTreeMap<String, Vec<u32>>,
    notes: BTreeMap<String, Vec<u32>>,
    started: Option<Timestamp>,
    seconds: Option<f64>,
}

/// Adds the tasks of a shard.
pub(super) fn add(all: &mut Vec<Became>, index: u32, tasks: &[TaskRecord]) {
    if all.len() < tasks.len() {
        all.resize_with(tasks.len(), Became::default);
    }
    for (became, task) in all.iter_mut().zip(tasks) {
        match &task.status {
            TaskStatus::Completed => became.completed.push(index),
            TaskStatus::NotRun => became.not_run.push(index),
            TaskStatus::Left { why } => {
                became.left.push(index);
                became.why.clone_from(why);
            }
            TaskStatus::Skipped { condition } => {
                became.skipped.entry(condition.clone()).or_default().push(index);
            }
            TaskStatus::Failed { error } => became.failed.entry(error.clone()).or_default().push(index),
        }
        for note in &task.notes {
            became.notes.entry(note.clone()).or_default().push(index);
        }
        became.started = [became.started, task.started].into_iter().flatten().min();
        became.seconds = [became.seconds, task.seconds]
            .into_iter()
            .flatten()
            .reduce(f64::max);
    }
}

/// `shard 3`, `shards 1, 2 and 4 more`.
pub(super) fn named(shards: &[u32]) -> String {
    let mut shards = shards.to_vec();
    shards.sort_unstable();
    let mut numbers: Vec<String> = shards.iter().take(NAMED).map(u32::to_string).collect();
    let more = shards.len().saturating_sub(NAMED);
    let plural = if shards.len() == 1 { "" } else { "s" };
    let last = if more > 0 {
        Some(format!("{more} more"))
    } else if numbers.len() > 1 {
        numbers.pop()
    } else {
        None
    };
    let last = last.map(|last| format!(" and {last}")).unwrap_or_default();
    format!("shard{plural} {}{last}", numbers.join(", "))
}

/// The tasks of all shards together; `records` say what they are.
pub(super) fn finish(all: &[Became], records: &[TaskRecord], distrust: &mut Vec<String>) -> Vec<TaskRecord> {
    let merged = records.iter().zip(all).map(|(record, became)| {
        if became.differs() {
            let skipped: Vec<u32> = became.skipped.values().flatten().copied().collect();
            distrust.push(format!(
                "task {} ({}) was skipped in {} and not in others: they did not send one load",
                record.index,
                record.name,
                named(&skipped)
            ));
        }
        TaskRecord {
            status: became.status(),
            started: became.started,
            seconds: became.seconds,
            notes: became.notes(),
            ..record.clone()
        }
    });
    merged.collect()
}

impl Became {
    fn differs(&self) -> bool {
        !self.skipped.is_empty() && !self.completed.is_empty()
    }

    fn status(&self) -> TaskStatus {
        if let Some((error, shards)) = self.failed.iter().next() {
            let others: usize = self.failed.values().skip(1).map(Vec::len).sum();
            let more = match others {
                0 => String::new(),
                n => format!("; {n} more failed otherwise"),
            };
            return TaskStatus::Failed {
                error: format!("{}: {error}{more}", named(shards)),
            };
        }
        if !self.left.is_empty() {
            return TaskStatus::Left {
                why: self.why.clone(),
            };
        }
        if !self.completed.is_empty() {
            return TaskStatus::Completed;
        }
        match self.skipped.keys().next() {
            Some(condition) => TaskStatus::Skipped {
                condition: condition.clone(),
            },
            None => TaskStatus::NotRun,
        }
    }

    fn notes(&self) -> Vec<String> {
        let all = self.completed.len() + self.left.len() + self.skipped.values().map(Vec::len).sum::<usize>();
        let of = |(note, shards): (&String, &Vec<u32>)| match shards.len() {
            n if n == all && n > 1 => note.clone(),
            _ => format!("{}: {note}", named(shards)),
        };
        let mut notes: Vec<String> = self.notes.iter().take(MOST_NOTES).map(of).collect();
        let more = self.notes.len().saturating_sub(MOST_NOTES);
        if more > 0 {
            notes.push(format!("{more} more notes are in the results of the shards"));
        }
        if !self.not_run.is_empty() && !self.completed.is_empty() {
            notes.push(format!("not run in {}", named(&self.not_run)));
        }
        notes
    }
}
