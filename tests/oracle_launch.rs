//! Charts are rendered as Iter8's real binaries rendered them: every `launch` of the oracle, and a part of them kept here.
//!
//! The oracle is data beside the repository (`../shared/oracle`); without it that test says so and passes. Both sides are
//! brought to today's words first: old names of tasks, fields and metrics, downloads by `curl`, and defaults that charts of
//! 0.8 wrote out. What is meant to differ is in `oracle/launch-differs.txt`, each with its reason.

#![expect(
    clippy::unwrap_used,
    clippy::print_stdout,
    reason = "a test reads its data and says what it found"
)]

#[path = "oracle/packed.rs"]
mod packed;

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use packed::unpack;
use serde_json::{Map, Value, json};

fn here(path: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join(path)
}

fn yaml(text: &str) -> Value {
    serde_yaml::from_str(text).unwrap_or_else(|why| panic!("{why}\n{text}"))
}

/// Runs the program in a new folder with some files; its exit code, stderr and the folder.
fn run(args: &[String], files: &BTreeMap<String, String>) -> (i32, String, tempfile::TempDir) {
    let folder = tempfile::tempdir().unwrap();
    for (name, text) in files {
        fs::write(folder.path().join(name), text).unwrap();
    }
    let output = Command::new(env!("CARGO_BIN_EXE_iter8"))
        .args(args)
        .current_dir(folder.path())
        .env_clear()
        .output()
        .unwrap();
    let stderr = String::from_utf8_lossy(&output.stderr).into_owned();
    (output.status.code().unwrap(), stderr, folder)
}

// ---- cases of the oracle -------------------------------------------------------------------------------------------

/// One rendering: what was typed, what came of it.
struct Case {
    name: String,
    era: String,
    args: Vec<String>,
    files: BTreeMap<String, String>,
    /// The experiment, if one was rendered.
    spec: Option<Value>,
    /// Queries of Istio's chart in the state that had no mistake in them.
    metrics: Option<String>,
    /// Whether the namespace of a release was filled in.
    in_cluster: bool,
}

fn read_case(path: &Path) -> Option<Case> {
    let era = path.parent()?.file_name()?.to_str()?.to_owned();
    let name = format!("{era}/{}", path.file_stem()?.to_str()?);
    let files = unpack(&fs::read_to_string(path).unwrap());
    let case: Value = serde_json::from_str(&files["case.json"]).unwrap();
    let steps = case["steps"].as_array()?;
    let words = |step: &Value| -> Vec<String> {
        let args = step["args"].as_array().into_iter().flatten();
        args.filter_map(|word| word.as_str().map(str::to_owned)).collect()
    };
    let local = |args: &[String]| {
        matches!(args.first().map(String::as_str), Some("launch" | "gen"))
            && args.get(1).map(String::as_str) != Some("k8s")
            || args.starts_with(&["run".to_owned(), "--dry".to_owned()])
    };
    let of_cluster = |args: &[String]| args.starts_with(&["k".to_owned(), "launch".to_owned()]);
    let (index, step) = steps
        .iter()
        .enumerate()
        .find(|(_, step)| local(&words(step)))
        .or_else(|| {
            steps
                .iter()
                .enumerate()
                .find(|(_, step)| of_cluster(&words(step)))
        })?;
    let in_cluster = of_cluster(&words(step));
    let note = case["note"].as_str().unwrap_or_default();
    let made = |file: &str| files.get(&format!("out/{}.{file}", index + 1));
    let experiment = if in_cluster {
        made("manifest.yaml").and_then(|manifest| in_secret(manifest))
    } else {
        made("experiment.yaml").cloned()
    };
    let correct = note.contains("9f9ba1dc");
    Some(Case {
        name,
        era,
        args: today(&words(step), note),
        spec: experiment.map(|text| yaml(&text)),
        metrics: made("istio.metrics.yaml").filter(|_| correct).cloned(),
        files: files
            .iter()
            .filter_map(|(name, text)| Some((name.strip_prefix("in/")?.to_owned(), text.clone())))
            .collect(),
        in_cluster,
    })
}

/// The experiment in a manifest's secret: the block behind `experiment.yaml: |`.
fn in_secret(manifest: &str) -> Option<String> {
    let (_, rest) = manifest.split_once("experiment.yaml: |\n")?;
    let mut text = String::new();
    for line in rest.lines() {
        if !line.trim().is_empty() && !line.starts_with("    ") {
            break;
        }
        text.push_str(line.strip_prefix("    ").unwrap_or(line.trim_start()));
        text.push('\n');
    }
    Some(text)
}

/// What a user types today for the same.
fn today(args: &[String], note: &str) -> Vec<String> {
    let mut args: Vec<String> = args.to_vec();
    match args[0].as_str() {
        "k" => {
            args.remove(0);
            for flag in ["-g", "-n"] {
                if let Some(at) = args.iter().position(|word| word == flag) {
                    args.drain(at..at + 2);
                }
            }
        }
        // 0.8 rendered the chart in whose folder it was.
        "run" => {
            let chart = note.rsplit("chart folder ").next().unwrap();
            "launch".clone_into(&mut args[0]);
            args.extend(["-c".to_owned(), chart.to_owned()]);
        }
        _ => {}
    }
    args
}

// ---- both sides in the same words ----------------------------------------------------------------------------------

const TASKS: [(&str, &str); 5] = [
    ("gen-load-and-collect-metrics-http", "http"),
    ("gen-load-and-collect-metrics-grpc", "grpc"),
    ("assess-app-versions", "assess"),
    ("collect-metrics-database", "custommetrics"),
    ("k8s-object-ready", "ready"),
];
/// Keys that charts left in the inputs of a task.
const LEFT: [&str; 6] = [
    "SLOs",
    "iter8lib",
    "ready",
    "cronjobSchedule",
    "warmupNumRequests",
    "warmupDuration",
];
/// What is downloaded, by the key of its URL: key of the file.
const FETCHED: [(&str, &str); 6] = [
    ("payloadURL", "payloadURL"),
    ("protoURL", "proto"),
    ("protosetURL", "protoset"),
    ("dataURL", "data-file"),
    ("binaryDataURL", "binary-file"),
    ("metadataURL", "metadata-file"),
];

fn words(case: &Case, experiment: &Value) -> Vec<Value> {
    let tasks = experiment.get("spec").unwrap_or(experiment);
    let mut protocol = "http".to_owned();
    let mut out = Vec::new();
    for task in tasks.as_array().into_iter().flatten() {
        if task["run"]
            .as_str()
            .is_some_and(|script| script.starts_with("curl -o "))
        {
            continue;
        }
        let mut task = task.clone();
        let name = task["task"].as_str().unwrap_or_default().to_owned();
        let name = TASKS
            .iter()
            .find(|(old, _)| *old == name)
            .map_or(name, |(_, new)| (*new).to_owned());
        let with = task["with"].as_object().cloned().unwrap_or_default();
        // Iter8 left a judgement without values out; it is written now, so that a run of the file refuses it.
        if name == "assess" && with.is_empty() {
            continue;
        }
        let with = match name.as_str() {
            "http" | "grpc" => {
                protocol.clone_from(&name);
                load(&name, with, case)
            }
            "assess" => assess(with, &protocol),
            "custommetrics" => custom(with),
            "ready" => ready(with, case),
            "notify" => notify(with),
            _ => with,
        };
        task["task"] = name.into();
        task["with"] = with.into();
        out.push(task);
    }
    out
}

fn load(name: &str, mut with: Map<String, Value>, case: &Case) -> Map<String, Value> {
    for key in LEFT {
        with.remove(key);
    }
    if let Some(versions) = with.remove("versionInfo") {
        let only = versions.as_array().unwrap()[0].as_object().unwrap().clone();
        with.extend(only);
    }
    for (url, file) in FETCHED {
        if let Some(from) = with.remove(url) {
            if url == "payloadURL" {
                with.remove("payloadFile");
            }
            with.insert(file.to_owned(), from);
        }
    }
    if let Some(metadata) = with.remove("reflectMetadata") {
        with.insert("reflect-metadata".to_owned(), metadata);
    }
    let defaults = match (case.era.as_str(), name) {
        ("0.8", "http") => json!({ "qps": 8, "connections": 4, "errorRanges": [{ "lower": 400 }] }),
        ("0.8", _) => json!({ "total": 200, "concurrency": 50, "connections": 1, "connect-timeout": "10s" }),
        _ => json!({}),
    };
    with.retain(|key, value| defaults.get(key) != Some(value));
    if ["0.8", "0.9"].contains(&case.era.as_str()) {
        // Derived from objectives, which need no listing now.
        with.remove("percentiles");
    }
    with
}

fn assess(mut with: Map<String, Value>, protocol: &str) -> Map<String, Value> {
    if let Some(Value::Array(limits)) = with.get("SLOs") {
        let upper = limits
            .iter()
            .map(|slo| json!({ "metric": slo["metric"], "limit": slo["upperLimit"] }));
        let upper: Vec<Value> = upper.collect();
        with.insert("SLOs".to_owned(), json!({ "upper": upper }));
    }
    for side in ["upper", "lower"] {
        for slo in with["SLOs"][side].as_array_mut().into_iter().flatten() {
            let metric = slo["metric"].as_str().unwrap().to_owned();
            slo["metric"] = full_name(&metric, protocol).into();
        }
    }
    with
}

fn full_name(metric: &str, protocol: &str) -> String {
    match metric.strip_prefix("built-in/") {
        Some(old) => old.replacen('-', "/", 1),
        None if metric.contains('/') => metric.to_owned(),
        None => format!("{protocol}/{metric}"),
    }
}

fn custom(mut with: Map<String, Value>) -> Map<String, Value> {
    if let Some(Value::Array(providers)) = with.remove("providers") {
        let templates: Map<String, Value> = providers
            .iter()
            .map(|name| name.as_str().unwrap())
            .map(|name| (name.to_owned(), format!("{name}.metrics.yaml").into()))
            .collect();
        with.insert("templates".to_owned(), templates.into());
        let versions = with.remove("versionInfo").unwrap_or_default();
        with.insert("versionValues".to_owned(), versions);
    }
    with
}

fn ready(mut with: Map<String, Value>, case: &Case) -> Map<String, Value> {
    let typed = case.args.iter().any(|word| word.starts_with("ready.namespace="));
    if case.in_cluster && !typed {
        with.remove("namespace");
    }
    with
}

fn notify(mut with: Map<String, Value>) -> Map<String, Value> {
    // Where the default body was found changed from chart to chart.
    if let Some(Value::String(template)) = with.get("payloadTemplateURL")
        && template.starts_with("https://raw.githubusercontent.com/iter8-tools/")
        && let Some((_, name)) = template.rsplit_once('/')
    {
        let name = name.to_owned();
        with.insert("payloadTemplateURL".to_owned(), name.into());
    }
    with
}

// ---- the comparison ------------------------------------------------------------------------------------------------

/// What is wrong with one case.
fn difference(case: &Case) -> Result<(), String> {
    let (code, stderr, folder) = run(&case.args, &case.files);
    let written = fs::read_to_string(folder.path().join("experiment.yaml")).ok();
    let shown = || format!("exit {code}, stderr:\n{stderr}");
    match (&case.spec, written) {
        (None, None) if code == 2 => Ok(()),
        (None, Some(text)) => Err(format!("it was refused, and now is\n{text}")),
        (_, None) => Err(shown()),
        (Some(_), Some(_)) if code != 0 => Err(shown()),
        (Some(expected), Some(text)) => {
            let (expected, found) = (words(case, expected), words(case, &yaml(&text)));
            if expected != found {
                let text = |tasks: &[Value]| serde_json::to_string_pretty(tasks).unwrap();
                return Err(format!("expected\n{}\nfound\n{}", text(&expected), text(&found)));
            }
            let metrics = fs::read_to_string(folder.path().join("istio.metrics.yaml")).ok();
            same_metrics(case.metrics.as_deref(), metrics.as_deref())
        }
    }
}

fn same_metrics(expected: Option<&str>, found: Option<&str>) -> Result<(), String> {
    let (Some(expected), Some(found)) = (expected, found) else {
        return Ok(());
    };
    let bare = |text: &str| {
        let metrics = yaml(text);
        let query = |metric: &Value| -> String {
            let query = metric["params"][0]["value"].as_str().unwrap();
            // Parentheses around all of a query, and blanks, mean nothing.
            query
                .chars()
                .filter(|letter| !letter.is_whitespace() && !"()".contains(*letter))
                .collect()
        };
        let listed = metrics["metrics"].as_array().unwrap().iter();
        let listed: Vec<_> = listed
            .map(|metric| {
                (
                    metric["name"].to_string(),
                    metric["type"].to_string(),
                    query(metric),
                )
            })
            .collect();
        (metrics["url"].to_string(), listed)
    };
    let (expected, found) = (bare(expected), bare(found));
    if expected == found {
        Ok(())
    } else {
        Err(format!("queries: expected\n{expected:#?}\nfound\n{found:#?}"))
    }
}

/// Cases that are meant to differ: name and reason.
fn accepted() -> BTreeMap<String, String> {
    let text = fs::read_to_string(here("tests/oracle/launch-differs.txt")).unwrap();
    let lines = text
        .lines()
        .filter(|line| !line.starts_with('#') && !line.trim().is_empty());
    lines
        .map(|line| {
            let (name, reason) = line.split_once(": ").unwrap();
            (name.to_owned(), reason.to_owned())
        })
        .collect()
}

fn cases(folder: &Path) -> Vec<Case> {
    let mut paths: Vec<PathBuf> = fs::read_dir(folder)
        .unwrap()
        .flat_map(|era| fs::read_dir(era.unwrap().path()).unwrap())
        .map(|case| case.unwrap().path())
        .filter(|path| path.extension().is_some_and(|extension| extension == "txtar"))
        .collect();
    paths.sort();
    paths.iter().filter_map(|path| read_case(path)).collect()
}

#[test]
fn charts_are_rendered_as_iter8_rendered_them() {
    let folder = here("../shared/oracle/launch");
    if !folder.is_dir() {
        println!("skipped: no oracle at {}", folder.display());
        return;
    }
    println!(
        "manifests of `k launch` are compared by oracle_manifests; of 0.15 the experiment in them is compared here"
    );
    let accepted = accepted();
    let (mut equal, mut on_purpose) = (0, 0);
    let mut wrong = Vec::new();
    for case in cases(&folder) {
        match (difference(&case), accepted.get(&case.name)) {
            (Ok(()), None) => equal += 1,
            (Err(_), Some(_)) => on_purpose += 1,
            (Ok(()), Some(_)) => wrong.push(format!("{}: is equal, and said to differ", case.name)),
            (Err(why), None) => wrong.push(format!("{}: {why}", case.name)),
        }
    }
    println!(
        "{equal} equal, {on_purpose} differ on purpose, {} fail",
        wrong.len()
    );
    assert!(wrong.is_empty(), "{}", wrong.join("\n\n"));
    assert!(equal > 100, "only {equal} cases were found");
}

/// A case of ours: what is typed, files, and the tasks that come of it or a part of what is said against it.
#[test]
fn charts_are_rendered_as_the_cases_kept_here_say() {
    let mut paths: Vec<PathBuf> = fs::read_dir(here("tests/oracle/launch"))
        .unwrap()
        .map(|entry| entry.unwrap().path())
        .collect();
    paths.sort();
    for path in &paths {
        let case = yaml(&fs::read_to_string(path).unwrap());
        let text = |value: &Value| value.as_str().unwrap().to_owned();
        let args: Vec<String> = case["args"].as_array().unwrap().iter().map(text).collect();
        let files = case["files"].as_object().into_iter().flatten();
        let files = files
            .map(|(name, content)| (name.clone(), text(content)))
            .collect();
        let (code, stderr, folder) = run(&args, &files);
        let name = path.display();
        let written = fs::read_to_string(folder.path().join("experiment.yaml"));
        for said in case["says"].as_array().into_iter().flatten() {
            assert!(stderr.contains(&text(said)), "{name}: {said} is not in\n{stderr}");
        }
        if case["spec"].is_null() {
            assert_eq!((code, written.is_err()), (2, true), "{name}: {stderr}");
        } else {
            assert_eq!(code, 0, "{name}: {stderr}");
            assert_eq!(yaml(&written.unwrap())["spec"], case["spec"], "{name}");
        }
    }
    assert!(paths.len() >= 12, "only {} cases", paths.len());
}
