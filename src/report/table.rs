//! [`Table`] and [`Section`]: what all formats show in rows.

use serde::Serialize;

use super::prose::Prose;

/// Where a column's cells stand.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub enum Align {
    /// Words.
    Left,
    /// Marks and intervals.
    Center,
    /// Numbers.
    Right,
}

/// A column's heading.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Column {
    /// Its title; empty for marks.
    pub title: &'static str,
    /// Where its cells stand.
    pub align: Align,
}

/// Rows of equal length.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize)]
pub struct Table {
    /// Headings.
    pub columns: Vec<Column>,
    /// One cell per column.
    pub rows: Vec<Vec<Prose>>,
}

impl Table {
    /// A table without rows.
    pub fn new(columns: &[(&'static str, Align)]) -> Self {
        let columns = columns
            .iter()
            .map(|(title, align)| Column { title, align: *align })
            .collect();
        Self {
            columns,
            rows: Vec::new(),
        }
    }

    /// Removes columns in which no row has anything to say.
    #[must_use]
    pub fn without_empty_columns(mut self) -> Self {
        for index in (0..self.columns.len()).rev() {
            if self
                .rows
                .iter()
                .all(|row| row.get(index).is_none_or(Prose::is_empty))
            {
                self.columns.remove(index);
                for row in self.rows.iter_mut().filter(|row| index < row.len()) {
                    row.remove(index);
                }
            }
        }
        self
    }
}

/// What a section tells.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub enum Topic {
    /// Rewards and who has won them.
    Rewards,
    /// What was changed in a cluster.
    Changes,
    /// Latency of the versions, side by side.
    Versions,
    /// An earlier result beside this one.
    History,
    /// Earlier loops of the same experiment.
    Loops,
    /// Each endpoint.
    Endpoints,
    /// Where the time goes.
    Phases,
    /// The slowest requests.
    Slowest,
    /// Statuses and failures.
    Answers,
    /// Values from providers.
    Provided,
    /// Distributions from providers.
    Distributions,
    /// How the load generator itself fared.
    Generator,
    /// The shards that were merged.
    Shards,
    /// The tasks of the experiment.
    Tasks,
}

/// A table under a title.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Section {
    /// What it tells.
    pub topic: Topic,
    /// Its title.
    pub title: String,
    /// Its table.
    pub table: Table,
    /// Sentences below the table.
    pub notes: Vec<Prose>,
}
