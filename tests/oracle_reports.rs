//! Stored results of Iter8 0.8 to 0.15: `report` shows the facts that Iter8 showed, and `assert` answers as it did.
//!
//! The cases are data kept beside the repository (`../shared/oracle/reports`) and, as far as they stand for others, in
//! `tests/oracle/reports`. What is meant to differ is in `tests/oracle/reports/accepted.txt`, with its reason.

#![expect(
    clippy::unwrap_used,
    clippy::print_stdout,
    reason = "a test reads its data and says what it found"
)]

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::Mutex;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::{Duration, Instant};

use serde_json::Value;

/// Cases that run at the same time: most wait.
const AT_ONCE: usize = 6;
/// When the files of a case change.
const LATER: Duration = Duration::from_secs(4);

#[test]
fn reports_and_gates_are_those_of_iter8() {
    let here = Path::new(env!("CARGO_MANIFEST_DIR"));
    let own = here.join("tests/oracle/reports");
    let beside = here.join("../shared/oracle/reports");
    if !beside.exists() {
        println!("skipped but for a part: no oracle at {}", beside.display());
    }
    let accepted = accepted(&fs::read_to_string(own.join("accepted.txt")).unwrap());
    let mut cases: BTreeMap<String, PathBuf> = BTreeMap::new();
    for folder in [&own, &beside] {
        for era in fs::read_dir(folder).into_iter().flatten() {
            for case in fs::read_dir(era.unwrap().path()).into_iter().flatten() {
                let path = case.unwrap().path();
                let name = path.strip_prefix(folder).unwrap().with_extension("");
                if path.extension().is_some_and(|extension| extension == "txtar") {
                    cases.insert(name.display().to_string(), path.clone());
                }
            }
        }
    }
    let cases: Vec<(String, PathBuf)> = cases.into_iter().collect();
    let found = Mutex::new(Vec::new());
    let next = AtomicUsize::new(0);
    std::thread::scope(|scope| {
        for _ in 0..AT_ONCE {
            scope.spawn(|| {
                while let Some((name, path)) = cases.get(next.fetch_add(1, Ordering::Relaxed)) {
                    let differences = Case::read(name, path).differences();
                    found.lock().unwrap().extend(differences);
                }
            });
        }
    });
    let found: Vec<(String, String)> = found.into_inner().unwrap();
    let meant = |difference: &str| accepted.iter().any(|(pattern, _)| matches(pattern, difference));
    let mut failed: Vec<&str> = found
        .iter()
        .map(|(_, text)| text.as_str())
        .filter(|text| !meant(text))
        .collect();
    failed.sort_unstable();
    let count = |wanted: &dyn Fn(&str) -> bool| cases.iter().filter(|(name, _)| wanted(name)).count();
    let of = |name: &str| found.iter().filter(|(case, _)| case == name).collect::<Vec<_>>();
    let fails = count(&|name| of(name).iter().any(|(_, text)| !meant(text)));
    let equal = count(&|name| of(name).is_empty());
    println!(
        "{} cases: {equal} equal, {} differ on purpose, {fails} fail",
        cases.len(),
        cases.len() - equal - fails
    );
    let idle = accepted
        .iter()
        .filter(|(pattern, _)| !found.iter().any(|(_, text)| matches(pattern, text)));
    if beside.exists() {
        let idle: Vec<&str> = idle.map(|(pattern, _)| pattern.as_str()).collect();
        assert!(idle.is_empty(), "accepted, but nothing differs so: {idle:#?}");
    }
    assert!(
        failed.is_empty(),
        "{} differences:\n{}",
        failed.len(),
        failed.join("\n")
    );
}

/// Pattern and reason of every line.
fn accepted(text: &str) -> Vec<(String, String)> {
    let lines = text
        .lines()
        .filter(|line| !line.is_empty() && !line.starts_with('#'));
    lines
        .map(|line| {
            let (pattern, reason) = line
                .split_once(" -- ")
                .unwrap_or_else(|| panic!("no reason: {line}"));
            (pattern.trim().to_owned(), reason.trim().to_owned())
        })
        .collect()
}

/// Whether a text is of a pattern, in which `*` is anything and `a|b` either.
fn matches(pattern: &str, text: &str) -> bool {
    let escaped = regex::escape(pattern)
        .replace("\\*", ".*")
        .replace("\\|", "|")
        .replace("\\(", "(")
        .replace("\\)", ")");
    regex::Regex::new(&format!("^(?s:{escaped})$"))
        .unwrap()
        .is_match(text)
}

struct Case {
    name: String,
    files: BTreeMap<String, String>,
    about: Value,
    folder: tempfile::TempDir,
}

struct Output {
    exit: i32,
    stdout: String,
    stderr: String,
}

impl Case {
    fn read(name: &str, path: &Path) -> Self {
        let mut files: BTreeMap<String, String> = BTreeMap::new();
        let mut current = String::new();
        for line in fs::read_to_string(path).unwrap().split_inclusive('\n') {
            match line
                .trim_end()
                .strip_prefix("-- ")
                .and_then(|rest| rest.strip_suffix(" --"))
            {
                Some(file) => file.clone_into(&mut current),
                None => files.entry(current.clone()).or_default().push_str(line),
            }
        }
        // An empty file has no lines.
        let heads = fs::read_to_string(path).unwrap();
        for line in heads
            .lines()
            .filter_map(|line| line.strip_prefix("-- ")?.strip_suffix(" --"))
        {
            files.entry(line.to_owned()).or_default();
        }
        let about = serde_json::from_str(&files["case.json"]).unwrap();
        let folder = tempfile::tempdir().unwrap();
        let case = Self {
            name: name.to_owned(),
            files,
            about,
            folder,
        };
        case.put("in/");
        case
    }

    fn put(&self, part: &str) {
        for (name, text) in &self.files {
            if let Some(name) = name.strip_prefix(part) {
                let path = self.folder.path().join(name);
                fs::create_dir_all(path.parent().unwrap()).unwrap();
                fs::write(path, text).unwrap();
            }
        }
    }

    fn run(&self, args: &[&str]) -> Output {
        let out = Command::new(env!("CARGO_BIN_EXE_iter8"))
            .args(args)
            .current_dir(self.folder.path())
            .env_clear()
            .output()
            .unwrap();
        Output {
            exit: out.status.code().unwrap(),
            stdout: String::from_utf8(out.stdout).unwrap(),
            stderr: String::from_utf8(out.stderr).unwrap(),
        }
    }

    /// What differs, each beside the name of the case.
    fn differences(&self) -> Vec<(String, String)> {
        let changes = self.files.keys().any(|name| name.starts_with("later/"));
        let mut found = Vec::new();
        for step in self.about["steps"].as_array().unwrap() {
            let args: Vec<&str> = step["args"]
                .as_array()
                .unwrap()
                .iter()
                .map(|arg| arg.as_str().unwrap())
                .collect();
            let started = Instant::now();
            let output = std::thread::scope(|scope| {
                if changes {
                    scope.spawn(|| {
                        std::thread::sleep(LATER);
                        self.put("later/");
                    });
                }
                self.run(&args)
            });
            assert!(
                started.elapsed() < Duration::from_mins(1),
                "{}: {args:?} hangs",
                self.name
            );
            let mut differ = |what: String| {
                let text = format!("{}: {}: {what}", self.name, args.join(" "));
                found.push((self.name.clone(), text));
            };
            let exit = i32::try_from(step["exit"].as_i64().unwrap()).unwrap();
            if output.exit != exit {
                differ(format!("exit {} instead of {exit}", output.exit));
            }
            if output.exit > 1 && output.stderr.trim().is_empty() {
                differ("an error without words".to_owned());
            }
            if args == ["report"] && output.exit == 0 && step.get("stdout").is_some() {
                self.facts(&mut differ);
            }
        }
        found
    }

    /// Compares the tables of the text report with what ours says, and that every format says something.
    fn facts(&self, differ: &mut dyn FnMut(String)) {
        for format in ["markdown", "html", "junit", "csv", "openmetrics"] {
            let output = self.run(&["report", "-o", format]);
            if output.exit != 0 || output.stdout.is_empty() {
                differ(format!("no {format}: {}", output.stderr));
            }
        }
        let view: Value = serde_json::from_str(&self.run(&["report", "-o", "json"]).stdout).unwrap();
        let text = &self.files["report.txt"];
        let mut theirs = Tables::read(text);
        summary(&theirs.summary, &view, differ);
        objectives(&mut theirs.objectives, &view, differ);
        metrics(&theirs.metrics, &view, differ);
    }
}

/// The tables of a text report of Iter8.
#[derive(Default)]
struct Tables {
    summary: BTreeMap<String, String>,
    /// Condition, version and whether it was satisfied.
    objectives: Vec<(String, String, bool)>,
    /// Metric, version and what stands there.
    metrics: Vec<(String, String, String)>,
}

impl Tables {
    fn read(text: &str) -> Self {
        let mut tables = Self::default();
        let mut columns: Vec<String> = Vec::new();
        // Up to 0.10 the answers for further versions stand on lines of their own.
        let mut condition = (String::new(), 0);
        for line in text.lines() {
            if let Some((name, value)) = line.strip_prefix("  ").and_then(|line| line.split_once(": ")) {
                tables.summary.insert(name.to_owned(), value.to_owned());
            }
            let cells: Vec<String> = line.split('|').map(|cell| cell.trim().to_owned()).collect();
            if cells.len() < 2 || cells[0].starts_with("---") {
                continue;
            }
            if cells[0] == "SLO Conditions" || cells[0] == "Metric" {
                columns = cells;
                continue;
            }
            if columns.first().is_some_and(|first| first == "SLO Conditions") {
                condition = if cells[0].is_empty() {
                    (condition.0, condition.1 + 1)
                } else {
                    (cells[0].clone(), 0)
                };
                for (cell, version) in cells.iter().skip(1).zip(columns.iter().skip(1 + condition.1)) {
                    tables
                        .objectives
                        .push((condition.0.clone(), version.clone(), cell == "true"));
                }
                continue;
            }
            for (cell, version) in cells.iter().zip(&columns).skip(1) {
                tables
                    .metrics
                    .push((spelled(&cells[0]), version.clone(), cell.clone()));
            }
        }
        tables
    }
}

/// A metric in today's spelling, without its unit.
fn spelled(name: &str) -> String {
    let name = name.split_once(" (").map_or(name, |(name, _)| name);
    match name.strip_prefix("built-in/") {
        Some(name) => name.replacen("http-", "http/", 1).replacen("grpc-", "grpc/", 1),
        None => name.to_owned(),
    }
}

fn summary(theirs: &BTreeMap<String, String>, view: &Value, differ: &mut dyn FnMut(String)) {
    let stored = &view["imported"];
    let ours = [
        ("Experiment completed", stored["completed"].to_string()),
        (
            "No task failures",
            (!stored["failure"].as_bool().unwrap()).to_string(),
        ),
        (
            "Total number of tasks",
            view["tasks"].as_array().unwrap().len().to_string(),
        ),
        ("Number of completed tasks", stored["completedTasks"].to_string()),
    ];
    for (name, ours) in ours {
        let theirs = theirs.get(name).map(String::as_str);
        if theirs != Some(&ours) {
            differ(format!("{name}: {ours} instead of {theirs:?}"));
        }
    }
    if let Some(loops) = theirs
        .get("Number of completed loops")
        .filter(|loops| *loops != "0")
    {
        let told = view["measured"].to_string().replace('\u{a0}', " ");
        if !told.contains(&format!(", {loops} run")) {
            differ(format!("loops: {loops} are not in {told}"));
        }
    }
}

/// `NAME (unit) <= LIMIT` or `LIMIT <= NAME (unit)` as metric, bound and limit.
fn condition(text: &str) -> (String, &'static str, f64) {
    let (left, right) = text.split_once(" <= ").unwrap();
    match right.parse() {
        Ok(limit) => (spelled(left), "<=", limit),
        Err(_) => (
            spelled(right),
            ">=",
            left.parse().unwrap_or_else(|_| panic!("{text:?}")),
        ),
    }
}

fn objectives(theirs: &mut Vec<(String, String, bool)>, view: &Value, differ: &mut dyn FnMut(String)) {
    let several = theirs
        .first()
        .is_some_and(|(_, version, _)| version != "Satisfied");
    for row in view["objectives"].as_array().unwrap() {
        let metric = row["metric"].as_str().unwrap();
        let limit = row["limit"].as_f64().unwrap();
        let met = row["verdict"] == "met";
        let same = |(text, version, _): &(String, String, bool)| {
            let (name, bound, value) = condition(text);
            let bound = row["objective"].as_str().unwrap().contains(&format!(" {bound} "));
            name == metric
                && bound
                && value.to_bits() == limit.to_bits()
                && (!several || row["version"] == version.as_str())
        };
        match theirs.iter().position(same) {
            Some(at) => {
                let (text, version, satisfied) = theirs.remove(at);
                if satisfied != met {
                    differ(format!(
                        "{text} of {version}: {} instead of {satisfied}",
                        row["verdict"]
                    ));
                }
            }
            None => differ(format!("objective {metric} is shown, which had no row")),
        }
    }
    for (text, version, _) in theirs {
        differ(format!("{text} of {version} is not shown"));
    }
}

fn metrics(theirs: &[(String, String, String)], view: &Value, differ: &mut dyn FnMut(String)) {
    let ours = view["metrics"].as_array().unwrap();
    let several = theirs.iter().any(|(_, version, _)| version != "value");
    let same = |row: &Value, metric: &str, version: &str| {
        row["metric"] == metric && (!several || row["version"] == version)
    };
    for (metric, version, cell) in theirs {
        if version == "Best" {
            best(metric, cell, view, differ);
            continue;
        }
        let value = ours.iter().find(|row| same(row, metric, version));
        let value = value.map(|row| format!("{:.2}", row["value"].as_f64().unwrap()));
        let shown = value.as_deref().unwrap_or("unavailable");
        if shown != cell {
            differ(format!("{metric} of {version}: {shown} instead of {cell}"));
        }
    }
    for row in ours {
        let (metric, version) = (row["metric"].as_str().unwrap(), row["version"].as_str().unwrap());
        if !theirs
            .iter()
            .any(|(name, of, _)| name == metric && (!several || of == version))
        {
            differ(format!("{metric} of {version} is shown, which had no row"));
        }
    }
}

/// The column of rewards: the winner, or that there is none.
fn best(metric: &str, cell: &str, view: &Value, differ: &mut dyn FnMut(String)) {
    let rewards = view["rewards"].as_array().unwrap();
    let ours = match rewards.iter().find(|reward| reward["metric"] == metric) {
        None => "n/a".to_owned(),
        Some(reward) => reward["winner"]
            .as_str()
            .unwrap_or("insufficient data")
            .to_owned(),
    };
    if ours != cell {
        differ(format!("{metric} best: {ours} instead of {cell}"));
    }
}
