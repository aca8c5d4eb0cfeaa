//! Rows of CSV (RFC 4180), under a first line with the names of the columns.

use csv::{ErrorKind, ReaderBuilder, StringRecord, Trim};

use super::Wrong;
use crate::load::http::Rows;

/// Reads a text. Space around names is not part of them; space around values is.
pub(super) fn parse(text: &[u8]) -> Result<Rows, Wrong> {
    let mut reader = ReaderBuilder::new().trim(Trim::Headers).from_reader(text);
    let names = reader.headers().map_err(|error| wrong(&error))?;
    let mut rows =
        Rows::new(names.iter().map(str::to_owned).collect()).map_err(|error| Wrong::at(1, &error))?;
    let mut row = StringRecord::new();
    while reader.read_record(&mut row).map_err(|error| wrong(&error))? {
        let line = row.position().map_or(0, csv::Position::line);
        rows.push(&row).map_err(|error| Wrong::at(line, &error))?;
    }
    Ok(rows)
}

fn wrong(error: &csv::Error) -> Wrong {
    let line = error.position().map(csv::Position::line);
    #[expect(
        clippy::wildcard_enum_match_arm,
        reason = "the crate says the others well, and may have more"
    )]
    let why = match error.kind() {
        ErrorKind::UnequalLengths {
            expected_len, len, ..
        } => {
            format!("columns: {expected_len}, values in this row: {len}")
        }
        ErrorKind::Utf8 { .. } => "not UTF-8".to_owned(),
        ErrorKind::Io(cause) => cause.to_string(),
        _ => error.to_string(),
    };
    Wrong { line, why }
}
