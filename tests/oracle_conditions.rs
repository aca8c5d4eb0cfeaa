//! Every condition of the oracle's tables for Iter8 0.15 gives what Iter8 gave, on the same stored results: asked of the
//! evaluator, and those about results also of a run that goes on with what Iter8 stored.
//!
//! The tables are data kept beside the repository (`../shared/oracle`); without them the tests say so and pass.

#![expect(
    clippy::unwrap_used,
    clippy::print_stdout,
    reason = "a test reads its data and says what it skips"
)]

use std::fs;
use std::path::Path;
use std::process::Command;

use iter8::spec::condition::Condition;
use serde_json::Value;

#[path = "oracle/facts.rs"]
mod facts;

/// What is meant to differ in a run, with the reason.
const ACCEPTED: &[(&str, &str)] = &[
    (
        "Result.Iter8Version matches \"^v0\\\\.1[0-9]$\"",
        "the version is that of who runs, which is this one",
    ),
    (
        "Result.Iter8Version startsWith \"v0\"",
        "the version is that of who runs, which is this one",
    ),
    (
        "Result.Iter8Version contains \"0.\"",
        "the version is that of who runs, which is this one",
    ),
    (
        "Spec[0].If == nil",
        "tasks do not tell each other under which conditions they run",
    ),
];

/// A stored result and what Iter8 made of conditions on it.
struct Fixture {
    name: String,
    experiment: String,
    /// Each condition, and its value; none where it is an error.
    rows: Vec<(String, Option<bool>)>,
}

fn fixtures() -> Vec<Fixture> {
    let tables = Path::new(env!("CARGO_MANIFEST_DIR")).join("../shared/oracle/conditions/0.15");
    let Ok(folders) = fs::read_dir(&tables) else {
        println!("skipped: no oracle at {}", tables.display());
        return Vec::new();
    };
    let fixture = |folder: &Path| {
        let read = |name: &str| fs::read_to_string(folder.join(name)).unwrap();
        let table: Value = serde_json::from_str(&read("table.json")).unwrap();
        let rows = table.as_array().unwrap().iter();
        let row = |row: &Value| (row["if"].as_str().unwrap().to_owned(), row["value"].as_bool());
        Fixture {
            name: folder.file_name().unwrap().display().to_string(),
            experiment: read("experiment.yaml"),
            rows: rows.map(row).collect(),
        }
    };
    folders.map(|folder| fixture(&folder.unwrap().path())).collect()
}

/// Fails with everything that differs.
fn all_equal(rows: usize, wrong: &[String]) {
    println!("{} of {rows} equal", rows - wrong.len());
    assert!(
        wrong.is_empty(),
        "{} of {rows} rows differ:\n{}",
        wrong.len(),
        wrong.join("\n")
    );
}

#[test]
fn conditions_give_what_iter8_gave() {
    let (mut rows, mut wrong) = (0, Vec::new());
    for fixture in fixtures() {
        let facts = facts::of(&fixture.experiment);
        for (text, expected) in &fixture.rows {
            let result = Condition::parse(text).and_then(|condition| condition.evaluate(&facts));
            rows += 1;
            if result.clone().ok() != *expected {
                let name = &fixture.name;
                wrong.push(format!("{name}: {text}: expected {expected:?}, got {result:?}"));
            }
        }
    }
    assert!(rows == 0 || rows > 200, "only {rows} rows were found");
    all_equal(rows, &wrong);
}

#[test]
fn a_run_that_goes_on_with_what_iter8_stored_decides_as_iter8_did() {
    let (mut rows, mut wrong) = (0, Vec::new());
    for fixture in fixtures() {
        for (text, expected) in fixture.rows.iter().filter(|(text, _)| is_of_results(text)) {
            let meant = ACCEPTED.iter().any(|(known, _)| known == text);
            let decided = decide(&fixture.experiment, text);
            rows += usize::from(!meant);
            if !meant && decided.as_ref().ok() != expected.as_ref() {
                let name = &fixture.name;
                wrong.push(format!("{name}: {text}: expected {expected:?}, got {decided:?}"));
            }
        }
    }
    assert!(rows == 0 || rows > 60, "only {rows} rows were found");
    all_equal(rows, &wrong);
}

/// Whether a condition asks for anything of a result, or of the experiment.
fn is_of_results(text: &str) -> bool {
    ["Result", "SLOs", "Completed", "NoFailure", "Spec"]
        .iter()
        .any(|name| text.contains(name))
}

/// Whether the first task of an experiment runs under a condition; or what went wrong.
fn decide(experiment: &str, condition: &str) -> Result<bool, String> {
    let folder = tempfile::tempdir().unwrap();
    // JSON's strings are YAML's.
    let quoted = serde_json::to_string(condition).unwrap();
    let script = "{run: 'true', if: EXPRESSION}";
    assert!(experiment.contains(script), "{experiment}");
    let text = experiment.replace(script, &format!("{{run: touch held, if: {quoted}}}"));
    fs::write(folder.path().join("experiment.yaml"), text).unwrap();
    let output = Command::new(env!("CARGO_BIN_EXE_iter8"))
        .args(["run", "--reuseResult"])
        .current_dir(folder.path())
        .env_clear()
        .env("PATH", "/usr/bin:/bin")
        .output()
        .unwrap();
    match output.status.code() {
        Some(0 | 1) => Ok(folder.path().join("held").exists()),
        _ => Err(String::from_utf8_lossy(&output.stderr).into_owned()),
    }
}
