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
    /// The error, why it was not done, or the condition that was false.
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
            TaskStatus::Left { why } => (Sign::Skipped, "not done", Some(why.clone())),
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

#[cfg(test)]
mod tests {
    use super::*;
    use crate::report::fixture;
    use crate::report::tests::rendered;

    #[test]
    fn what_a_task_did_not_do_is_told_with_its_reason() {
        let mut result = fixture::kept();
        let why = "nothing was promoted: the verdict so far is fail";
        result.tasks[2].status = TaskStatus::Left { why: why.to_owned() };
        for (format, says) in [
            ("text", format!("not done: {why}")),
            ("markdown", format!("not done: {why}")),
            ("html", format!("not done: {why}")),
            ("junit", format!("<skipped message=\"not done: {why}\"/>")),
            ("json", "\"status\": \"not done\"".to_owned()),
            ("json", format!("\"detail\": \"{why}\"")),
        ] {
            let found = rendered(format, &result);
            let found = found.split_whitespace().collect::<Vec<_>>().join(" ");
            assert!(found.contains(&says), "{format} lacks `{says}`: {found}");
            assert_eq!(found.matches("condition is false").count(), 0, "{format}");
        }
        // What its `if` kept from running has the condition as its reason.
        let condition = "slos()".to_owned();
        result.tasks[2].status = TaskStatus::Skipped { condition };
        assert!(rendered("junit", &result).contains("message=\"condition is false: slos()\""));
    }
}
