//! Tables of the oracle: found in their folders, compared row by row, counted.

use std::path::{Path, PathBuf};

use serde_json::Value;

/// A row: what was tried, and what Iter8 did.
pub(crate) struct Row {
    pub(crate) text: String,
    pub(crate) expected: Value,
}

/// How a row compares.
pub(crate) struct Compared {
    pub(crate) same: bool,
    pub(crate) found: String,
}

/// Compares the tables of a kind, of every era: in the repository, and beside it where they are.
pub(crate) fn each(kind: &str, key: &str, mut compare: impl FnMut(&Path, &[Row]) -> Vec<Compared>) {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let accepted: Vec<Value> = read(&root.join(format!("tests/oracle/{kind}/accepted.json")));
    let mut failed = Vec::new();
    for place in ["tests/oracle", "../shared/oracle"] {
        let folder = root.join(place).join(kind);
        let eras = folders(&folder);
        if eras.is_empty() {
            println!("skipped: no oracle at {}", folder.display());
        }
        let (mut equal, mut on_purpose, before) = (0, 0, failed.len());
        for era in &eras {
            let rows: Vec<Row> = read(&era.join("table.json"))
                .into_iter()
                .map(|row| Row {
                    text: row[key].as_str().unwrap().to_owned(),
                    expected: row,
                })
                .collect();
            for (row, compared) in rows.iter().zip(compare(era, &rows)) {
                let name = era.file_name().unwrap().to_string_lossy().into_owned();
                let is_accepted = || {
                    accepted.iter().any(|one| {
                        one["row"] == row.text.as_str() && one["era"].as_str().is_none_or(|era| era == name)
                    })
                };
                match compared.same {
                    true => equal += 1,
                    false if is_accepted() => on_purpose += 1,
                    false => failed.push(format!(
                        "{name}: {}\n  Iter8: {}\n  here:  {}",
                        row.text, row.expected, compared.found
                    )),
                }
            }
        }
        let wrong = failed.len() - before;
        println!("{kind} in {place}: {equal} equal, {on_purpose} differ on purpose, {wrong} fail");
    }
    assert!(
        failed.is_empty(),
        "{} rows differ:\n{}",
        failed.len(),
        failed.join("\n")
    );
}

fn folders(folder: &Path) -> Vec<PathBuf> {
    let entries = std::fs::read_dir(folder).into_iter().flatten();
    let mut folders: Vec<PathBuf> = entries
        .map(|entry| entry.unwrap().path())
        .filter(|path| path.is_dir())
        .collect();
    folders.sort();
    folders
}

fn read(path: &Path) -> Vec<Value> {
    let text = std::fs::read_to_string(path).unwrap_or_else(|error| panic!("{}: {error}", path.display()));
    serde_json::from_str(&text).unwrap()
}
