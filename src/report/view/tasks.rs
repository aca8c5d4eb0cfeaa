//! [`TaskRow`]: a task of the experiment and what became of it.

use serde::Serialize;

use super::objectives::Sign;
use crate::report::number;
use crate::report::prose::Prose;
use crate::report::table::{Align, Section, Table, Topic};
use crate::results::{ExperimentResult, TaskStatus};

/// A task and what became of it.
#[derive(Debug, Clone, PartialEq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct TaskRow {
    /// Position, from 1.
    pub index: usize,
    /// `ready`, `http`, …
    pub name: String,
    /// What it was asked to do.
    pub about: String,
    /// Symbol.
    pub sign: Sign,
    /// What became of it, in words.
    pub status: &'static str,
    /// The error, or the condition that was false.
    pub detail: Option<String>,
    /// Duration in seconds.
    pub seconds: Option<f64>,
    /// Duration, for people.
    pub duration: String,
    /// What a reader should know.
    pub notes: Vec<String>,
}

/// All tasks, in their order.
pub(super) fn rows(result: &ExperimentResult) -> Vec<TaskRow> {
    let row = |task: &crate::results::TaskRecord| {
        let (sign, status, detail) = match &task.status {
            TaskStatus::Completed => (Sign::Met, "completed", None),
            TaskStatus::NotRun => (Sign::Skipped, "not run", None),
            TaskStatus::Left { why } => (Sign::Skipped, "left", Some(why.clone())),
            TaskStatus::Skipped { condition } => (Sign::Skipped, "skipped", Some(condition.clone())),
            TaskStatus::Failed { error } => (Sign::NoData, "failed", Some(error.clone())),
        };
        TaskRow {
            index: task.index,
            name: task.name.clone(),
            about: task.about.clone(),
            sign,
            status,
            detail,
            seconds: task.seconds,
            duration: task.seconds.map(number::duration).unwrap_or_default(),
            notes: task.notes.clone(),
        }
    };
    result.tasks.iter().map(row).collect()
}

/// The tasks as a table, their errors and notes below.
pub(super) fn section(rows: &[TaskRow]) -> Section {
    let mut table = Table::new(&[
        ("", Align::Right),
        ("Task", Align::Left),
        ("", Align::Left),
        ("Status", Align::Left),
        ("Time", Align::Right),
    ]);
    let mut notes = Vec::new();
    for row in rows {
        table.rows.push(vec![
            row.index.to_string().into(),
            Prose::new().code(row.name.as_str()),
            row.about.as_str().into(),
            row.status.into(),
            row.duration.as_str().into(),
        ]);
        let task = || {
            Prose::new()
                .text(format!("task {} (", row.index))
                .code(row.name.as_str())
        };
        if let Some(detail) = &row.detail {
            let why = if row.status == "skipped" {
                "condition is false: "
            } else {
                ""
            };
            notes.push(task().text(format!(") {}: {why}{detail}", row.status)));
        }
        notes.extend(row.notes.iter().map(|note| task().text(format!("): {note}"))));
    }
    Section {
        topic: Topic::Tasks,
        title: "Tasks".to_owned(),
        table: table.without_empty_columns(),
        notes,
    }
}
