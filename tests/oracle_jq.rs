//! Every jq expression of the oracle's tables gives the value that Iter8 took from the same answer, or none.
//!
//! The tables are data kept beside the repository (`../shared/oracle`); a part of them is in `tests/oracle`.

#![expect(
    clippy::unwrap_used,
    clippy::print_stdout,
    reason = "a test reads its data and says what it skips"
)]

#[path = "oracle/tables.rs"]
mod tables;

use std::path::Path;

use iter8::jq::{Reader, Reading};
use tables::{Compared, Row};

#[test]
fn expressions_give_what_iter8_took() {
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .unwrap();
    tables::each("jq", "jq", |folder, rows| {
        let answer = std::fs::read(folder.join("body.json")).unwrap();
        let mut reader = Reader::new(Path::new(env!("CARGO_BIN_EXE_iter8")));
        let mut compare = |row: &Row| {
            let reading = runtime.block_on(reader.read(&row.text, &answer)).unwrap();
            // Where Iter8 left an empty file behind, or skipped the metric, there is no value here.
            let same = match (&reading, row.expected["value"].as_f64()) {
                (Reading::Value(value), Some(wanted)) => (value - wanted).abs() <= wanted.abs() * 1e-12,
                (Reading::Nothing(_) | Reading::Fault(_), None) => true,
                (Reading::Value(_), None) | (Reading::Nothing(_) | Reading::Fault(_), Some(_)) => false,
            };
            Compared {
                same,
                found: format!("{reading:?}"),
            }
        };
        rows.iter().map(&mut compare).collect()
    });
}
