//! [`Rows`]: the values that the placeholders of a load stand for, a row for each request in turn.

use std::fmt;

/// Most bytes of values.
const LARGEST: usize = 64 << 20;

/// A table of text with named columns.
#[derive(Clone, PartialEq, Eq)]
pub struct Rows {
    columns: Vec<String>,
    /// All values, one after the other.
    text: String,
    /// Where each of them ends.
    ends: Vec<u32>,
}

/// Columns or values that cannot be used.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum RowsError {
    /// Nothing to name.
    #[error("there are no columns")]
    NoColumns,
    /// A column without a name; its number, from 1.
    #[error("column {0} has no name")]
    Unnamed(usize),
    /// Which of them is meant?
    #[error("two columns are called `{0}`")]
    Twice(String),
    /// The name of another placeholder.
    #[error("a column cannot be called `uuid`: `{{uuid}}` is a new UUID for every request")]
    Reserved,
    /// No placeholder can have this name.
    #[error("a column cannot be called `{0}`: braces surround a name")]
    Brace(String),
    /// More or fewer values than columns.
    #[error("columns: {columns}, values in this row: {values}")]
    Uneven {
        /// Values of the row.
        values: usize,
        /// Columns of all.
        columns: usize,
    },
    /// Too much to be kept.
    #[error("the values are larger than {} MiB", LARGEST >> 20)]
    TooLarge,
}

impl Rows {
    /// No rows yet.
    pub fn new(columns: Vec<String>) -> Result<Self, RowsError> {
        if columns.is_empty() {
            return Err(RowsError::NoColumns);
        }
        for (index, name) in columns.iter().enumerate() {
            if name.is_empty() {
                return Err(RowsError::Unnamed(index + 1));
            }
            if name == "uuid" {
                return Err(RowsError::Reserved);
            }
            if name.contains(['{', '}']) {
                return Err(RowsError::Brace(name.clone()));
            }
            if columns[..index].contains(name) {
                return Err(RowsError::Twice(name.clone()));
            }
        }
        Ok(Self {
            columns,
            text: String::new(),
            ends: Vec::new(),
        })
    }

    /// Adds a row, its values in the order of the columns. After an error nothing is added.
    pub fn push<'a>(&mut self, values: impl IntoIterator<Item = &'a str>) -> Result<(), RowsError> {
        let (text, ends) = (self.text.len(), self.ends.len());
        let added = self.try_push(values);
        if added.is_err() {
            self.text.truncate(text);
            self.ends.truncate(ends);
        }
        added
    }

    fn try_push<'a>(&mut self, values: impl IntoIterator<Item = &'a str>) -> Result<(), RowsError> {
        let before = self.ends.len();
        for value in values {
            if self.text.len() + value.len() > LARGEST {
                return Err(RowsError::TooLarge);
            }
            self.text.push_str(value);
            self.ends.push(u32::try_from(self.text.len()).unwrap_or(u32::MAX)); // at most LARGEST
        }
        let (values, columns) = (self.ends.len() - before, self.columns.len());
        if values == columns {
            Ok(())
        } else {
            Err(RowsError::Uneven { values, columns })
        }
    }

    /// The names of the columns.
    pub fn columns(&self) -> &[String] {
        &self.columns
    }

    /// The number of rows.
    pub fn len(&self) -> usize {
        self.ends.len() / self.columns.len()
    }

    /// Whether there are none.
    pub fn is_empty(&self) -> bool {
        self.ends.is_empty()
    }

    /// A value; empty outside the table.
    pub fn value(&self, row: usize, column: usize) -> &str {
        let index = row * self.columns.len() + column;
        let end = |index: usize| self.ends.get(index).map(|end| *end as usize);
        let begin = index.checked_sub(1).map_or(Some(0), end);
        match (begin, end(index)) {
            (Some(begin), Some(end)) => &self.text[begin..end],
            _ => "",
        }
    }

    /// The row that is the turn of request `n`.
    pub(super) fn turn(&self, n: u64) -> usize {
        // The rest is below the number of rows, a `usize`.
        usize::try_from(n % (self.len() as u64).max(1)).unwrap_or_default()
    }
}

/// Values may be secrets.
impl fmt::Debug for Rows {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Rows")
            .field("columns", &self.columns)
            .field("rows", &self.len())
            .finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn named(names: &[&str]) -> Result<Rows, RowsError> {
        Rows::new(names.iter().map(ToString::to_string).collect())
    }

    #[test]
    fn rows_take_turns() {
        let mut rows = named(&["a", "b"]).expect("columns");
        rows.push(["1", ""]).expect("a row");
        rows.push(["", "é"]).expect("a row");
        rows.push(["33", "x"]).expect("a row");
        let seen: Vec<(&str, &str)> = (0..5)
            .map(|n| (rows.value(rows.turn(n), 0), rows.value(rows.turn(n), 1)))
            .collect();
        assert_eq!(seen, [("1", ""), ("", "é"), ("33", "x"), ("1", ""), ("", "é")]);
        assert_eq!((rows.len(), rows.value(3, 0)), (3, ""));
    }

    #[test]
    fn columns_need_names_of_their_own() {
        assert_eq!(named(&[]), Err(RowsError::NoColumns));
        assert_eq!(named(&["a", ""]), Err(RowsError::Unnamed(2)));
        assert_eq!(named(&["a", "b", "a"]), Err(RowsError::Twice("a".into())));
        assert_eq!(named(&["uuid"]), Err(RowsError::Reserved));
        assert_eq!(named(&["{a}"]), Err(RowsError::Brace("{a}".into())));
    }

    #[test]
    fn a_row_that_does_not_fit_is_not_added() {
        let mut rows = named(&["a", "b"]).expect("columns");
        for wrong in [&["1"][..], &["1", "2", "3"]] {
            let (values, columns) = (wrong.len(), 2);
            let error = rows.push(wrong.iter().copied()).expect_err("uneven");
            assert_eq!(error, RowsError::Uneven { values, columns });
        }
        let large = "x".repeat(LARGEST / 2 + 1);
        assert_eq!(rows.push([large.as_str(), &large]), Err(RowsError::TooLarge));
        assert!(rows.is_empty());
        assert_eq!(rows.turn(7), 0);
    }

    #[test]
    fn values_are_not_printed() {
        let mut rows = named(&["token"]).expect("columns");
        rows.push(["hunter2"]).expect("a row");
        assert!(!format!("{rows:?}").contains("hunter2"));
    }
}
