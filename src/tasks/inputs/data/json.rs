//! Rows of JSON: an array of objects, or an object in each line.

use std::fmt;

use serde::de::{self, Deserialize, DeserializeSeed, Deserializer, MapAccess, SeqAccess, Visitor};
use serde_json::value::RawValue;

use super::Wrong;
use crate::load::http::{Rows, RowsError};

/// Reads a text; the first object names the columns.
pub(super) fn parse(text: &[u8]) -> Result<Rows, Wrong> {
    let mut table = Table::default();
    if text.trim_ascii_start().starts_with(b"[") {
        let mut input = serde_json::Deserializer::from_slice(text);
        let read = input.deserialize_seq(&mut table).and_then(|()| input.end());
        read.map_err(|error| wrong(&error, 0))?;
    } else {
        for (above, line) in (0..).zip(text.split(|byte| *byte == b'\n')) {
            if line.trim_ascii().is_empty() {
                continue;
            }
            let mut input = serde_json::Deserializer::from_slice(line);
            let read = Line(&mut table)
                .deserialize(&mut input)
                .and_then(|()| input.end());
            read.map_err(|error| wrong(&error, above))?;
        }
    }
    let none = || Wrong {
        line: None,
        why: "there are no rows".to_owned(),
    };
    table.0.ok_or_else(none)
}

fn wrong(error: &serde_json::Error, above: u64) -> Wrong {
    let text = error.to_string();
    // The place is said by us.
    let why = text.split(" at line ").next().unwrap_or(&text);
    Wrong::at(above + error.line().max(1) as u64, why)
}

/// What was read so far; nothing before the first row.
#[derive(Default)]
struct Table(Option<Rows>);

impl Table {
    fn push(&mut self, row: &Row) -> Result<(), String> {
        let rows = match &mut self.0 {
            Some(rows) => rows,
            empty @ None => {
                let names = row.0.iter().map(|(name, _)| name.clone()).collect();
                empty.insert(Rows::new(names).map_err(|error| error.to_string())?)
            }
        };
        if let Some((stranger, _)) = row.0.iter().find(|(name, _)| !rows.columns().contains(name)) {
            return Err(format!("`{stranger}` is no column of the first row"));
        }
        let mut values = Vec::with_capacity(row.0.len());
        for column in rows.columns() {
            let mut found = row.0.iter().filter(|(name, _)| name == column);
            match (found.next(), found.next()) {
                (None, _) => return Err(format!("`{column}` is missing")),
                (Some(_), Some(_)) => return Err(RowsError::Twice(column.clone()).to_string()),
                (Some((_, value)), None) => values.push(value.as_str()),
            }
        }
        rows.push(values).map_err(|error| error.to_string())
    }
}

/// A row as it is read: names and values.
struct Row(Vec<(String, String)>);

impl<'de> Deserialize<'de> for Row {
    fn deserialize<D: Deserializer<'de>>(input: D) -> Result<Self, D::Error> {
        input.deserialize_map(RowVisitor)
    }
}

struct RowVisitor;

impl<'de> Visitor<'de> for RowVisitor {
    type Value = Row;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("an object")
    }

    fn visit_map<A: MapAccess<'de>>(self, mut entries: A) -> Result<Row, A::Error> {
        let mut row = Vec::new();
        while let Some((name, value)) = entries.next_entry::<String, &RawValue>()? {
            row.push((name, as_written(value).map_err(de::Error::custom)?));
        }
        Ok(Row(row))
    }
}

/// The text of a string; anything else as it is written.
fn as_written(value: &RawValue) -> serde_json::Result<String> {
    let text = value.get();
    if text.starts_with('"') {
        serde_json::from_str(text)
    } else {
        Ok(text.to_owned())
    }
}

/// An array of rows, of which each goes into the table as it is read.
impl<'de> Visitor<'de> for &mut Table {
    type Value = ();

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("an array of objects")
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut items: A) -> Result<(), A::Error> {
        while items.next_element_seed(Line(&mut *self))?.is_some() {}
        Ok(())
    }
}

/// One row on its way into the table.
struct Line<'a>(&'a mut Table);

impl<'de> DeserializeSeed<'de> for Line<'_> {
    type Value = ();

    fn deserialize<D: Deserializer<'de>>(self, input: D) -> Result<(), D::Error> {
        let row = Row::deserialize(input)?;
        self.0.push(&row).map_err(de::Error::custom)
    }
}
