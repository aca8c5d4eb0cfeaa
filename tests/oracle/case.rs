//! [`Case`]: an experiment of some era, and what a binary of Iter8 did with it.

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};

use iter8::tasks::kind_of;
use serde::{Deserialize, Serialize};
use serde_json::Value;

/// Which side of its limit a metric was to stay on.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(crate) enum Side {
    /// Not above it.
    Upper,
    /// Not below it.
    Lower,
}

/// An objective, and which versions kept it.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub(crate) struct Slo {
    /// The metric, by today's name.
    pub(crate) metric: String,
    /// Its side.
    pub(crate) side: Side,
    /// Its limit.
    pub(crate) limit: f64,
    /// Of each version.
    pub(crate) satisfied: Vec<bool>,
}

/// A command.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub(crate) struct Step {
    /// After `iter8`.
    pub(crate) args: Vec<String>,
    /// How Iter8 ended.
    pub(crate) exit: i32,
}

/// The whole.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct Case {
    /// `ERA/NAME`.
    pub(crate) name: String,
    /// Files beside the experiment, it included.
    pub(crate) files: BTreeMap<String, String>,
    /// The commands.
    pub(crate) steps: Vec<Step>,
    /// Whether the stored result says that a task failed.
    #[serde(default)]
    pub(crate) failure: bool,
    /// Requests by method and path.
    #[serde(default)]
    pub(crate) requests: Option<BTreeMap<String, usize>>,
    /// Requests as they came, each as text.
    #[serde(default)]
    pub(crate) raw: Vec<String>,
    /// Messages of gRPC that the server received.
    #[serde(default)]
    pub(crate) calls: Option<usize>,
    /// Counts and rates of each version.
    #[serde(default)]
    pub(crate) metrics: Vec<BTreeMap<String, f64>>,
    /// What was judged, times aside.
    #[serde(default)]
    pub(crate) slos: Vec<Slo>,
}

impl Case {
    /// Why it cannot be run here.
    pub(crate) fn not_here(&self) -> Option<String> {
        let command = self
            .steps
            .iter()
            .find(|step| !matches!(step.args[0].as_str(), "run" | "launch" | "report" | "assert"));
        if let Some(step) = command {
            return Some(format!("`{}` is compared elsewhere", step.args[0]));
        }
        let text = self.text();
        if text.contains("resource: ") {
            return Some("it waits for Kubernetes objects".to_owned());
        }
        let needs = [
            ("collect-metrics-database", "custommetrics"),
            ("custommetrics", "custommetrics"),
            ("notify", "notify"),
        ];
        let missing = needs
            .iter()
            .find(|(name, kind)| text.contains(&format!("task: {name}")) && kind_of(kind).is_err());
        if let Some((_, kind)) = missing {
            return Some(format!("there is no task `{kind}`"));
        }
        if text.contains("prom.tpl") || text.contains(":19090") {
            return Some("it asks a Prometheus".to_owned());
        }
        let own = ["slack-", "github-original"]
            .iter()
            .any(|name| text.contains(&format!("/files/{name}")));
        own.then(|| "its template is one of Iter8 itself".to_owned())
    }

    /// Everything that may name a server.
    pub(crate) fn text(&self) -> String {
        let args = self.steps.iter().flat_map(|step| &step.args);
        let all: Vec<&str> = self.files.values().chain(args).map(String::as_str).collect();
        all.join("\n")
    }

    /// Whether a run failed although its exit code says nothing of it, as in 0.9.
    pub(crate) fn failed_silently(&self, step: &Step) -> bool {
        let last = self.steps.iter().rev().find(|step| step.args[0] == "run");
        self.failure && self.name.starts_with("0.9/") && last == Some(step)
    }
}

/// All that are there: those of the oracle, or else the part of them that is in the repository.
pub(crate) fn all() -> Vec<Case> {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let oracle = root.join("../shared/oracle/experiments");
    let oracle = if oracle.is_dir() {
        oracle
    } else {
        root.join("../../shared/oracle/experiments")
    };
    let mut cases: Vec<Case> = files(&root.join("tests/oracle/experiments"), "yaml")
        .iter()
        .map(|path| {
            serde_yaml::from_str(&read(path)).unwrap_or_else(|error| panic!("{}: {error}", path.display()))
        })
        .collect();
    assert!(!cases.is_empty(), "there are no cases in the repository");
    if !oracle.is_dir() {
        println!("skipped: no oracle at {}", oracle.display());
        return cases;
    }
    for era in fs::read_dir(&oracle).expect("eras") {
        let era = era.expect("an era").path();
        for path in files(&era, "txtar") {
            let name = |path: &Path| path.file_stem().expect("a name").to_string_lossy().into_owned();
            let folder = era.file_name().expect("a name").to_string_lossy();
            let case = recorded(format!("{folder}/{}", name(&path)), &read(&path));
            cases.retain(|known| known.name != case.name);
            cases.push(case);
        }
    }
    cases
}

fn files(folder: &Path, extension: &str) -> Vec<PathBuf> {
    let mut found: Vec<PathBuf> = fs::read_dir(folder)
        .unwrap_or_else(|error| panic!("{}: {error}", folder.display()))
        .map(|entry| entry.expect("an entry").path())
        .filter(|path| path.extension().is_some_and(|found| found == extension))
        .collect();
    found.sort();
    found
}

fn read(path: &Path) -> String {
    fs::read_to_string(path).unwrap_or_else(|error| panic!("{}: {error}", path.display()))
}

/// A case of the oracle.
fn recorded(name: String, archive: &str) -> Case {
    let mut parts: BTreeMap<String, String> = BTreeMap::new();
    let mut current = None;
    for line in archive.split_inclusive('\n') {
        let bare = line.trim_end();
        if let Some(file) = bare.strip_prefix("-- ").and_then(|rest| rest.strip_suffix(" --")) {
            current = Some(parts.entry(file.to_owned()).or_default());
        } else if let Some(current) = &mut current {
            current.push_str(line);
        }
    }
    let case: Value = serde_json::from_str(&parts["case.json"]).expect("case.json");
    let steps = case["steps"].as_array().into_iter().flatten();
    let steps = steps
        .map(|step| Step {
            args: step["args"].as_array().map_or_else(
                || vec!["something else".to_owned()],
                |args| args.iter().map(|arg| text(arg).to_owned()).collect(),
            ),
            exit: step["exit"]
                .as_i64()
                .and_then(|exit| i32::try_from(exit).ok())
                .unwrap_or(0),
        })
        .collect();
    let files = parts
        .iter()
        .filter_map(|(name, text)| Some((name.strip_prefix("in/")?, text)));
    let files = files
        .map(|(name, text)| match text.split_once("-}}\n") {
            // 0.8 rendered a chart in the folder.
            Some((_, rest)) if name.ends_with("_experiment.tpl") => {
                let body = rest.rsplit_once("{{ end }}").expect("the end of a template").0;
                ("experiment.yaml".to_owned(), body.to_owned())
            }
            _ => (name.to_owned(), text.clone()),
        })
        .collect();
    let observed = &case["observed"];
    let count = |value: &Value| {
        value
            .as_u64()
            .and_then(|count| usize::try_from(count).ok())
            .expect("a count")
    };
    let requests = observed["requestCounts"].as_object();
    let mut case = Case {
        name,
        files,
        steps,
        failure: false,
        requests: requests.map(|counts| {
            counts
                .iter()
                .map(|(key, value)| (key.clone(), count(value)))
                .collect()
        }),
        raw: observed["receivedRaw"]
            .as_array()
            .into_iter()
            .flatten()
            .map(|raw| text(raw).to_owned())
            .collect(),
        calls: observed.get("grpcReceived").map(|calls| count(&calls["calls"])),
        metrics: Vec::new(),
        slos: Vec::new(),
    };
    let last = parts.iter().rfind(|(name, _)| {
        name.starts_with("out/") && (name.ends_with("result.yaml") || name.ends_with("experiment.yaml"))
    });
    if let Some((_, stored)) = last {
        let stored: Value = serde_yaml::from_str(stored).unwrap_or(Value::Null);
        let result = stored.get("result").unwrap_or(&stored);
        case.failure = result["failure"] == Value::Bool(true);
        keep(&mut case, &result["insights"]);
    }
    case
}

fn text(value: &Value) -> &str {
    value.as_str().expect("a text")
}

/// What 0.8 called otherwise.
fn todays(metric: &str) -> String {
    let name = metric.strip_prefix("built-in/").unwrap_or(metric);
    name.replacen("http-", "http/", usize::from(name.len() < metric.len()))
        .replacen("grpc-", "grpc/", usize::from(name.len() < metric.len()))
}

/// Keeps of what was found that which does not depend on the machine.
fn keep(case: &mut Case, insights: &Value) {
    let list = |value: &Value| value.as_array().cloned().unwrap_or_default();
    let counted = ["request-count", "error-count", "error-rate"];
    for version in list(&insights["nonHistMetricValues"]) {
        let values = version.as_object().cloned().unwrap_or_default();
        let values = values
            .into_iter()
            .filter(|(name, _)| counted.iter().any(|end| name.ends_with(end)))
            .filter_map(|(name, values)| Some((todays(&name), values.as_array()?.last()?.as_f64()?)));
        case.metrics.push(values.collect());
    }
    let (slos, satisfied) = (&insights["SLOs"], &insights["SLOsSatisfied"]);
    let flags = |row: &Value| {
        list(row)
            .iter()
            .map(|met| met == &Value::Bool(true))
            .collect::<Vec<bool>>()
    };
    let mut push = |slo: &Value, limit: &Value, side: Side, satisfied: &Value| {
        let metric = todays(text(&slo["metric"]));
        if let Some(limit) = limit.as_f64()
            && !metric.contains("latency")
        {
            case.slos.push(Slo {
                metric,
                side,
                limit,
                satisfied: flags(satisfied),
            });
        }
    };
    for (key, side) in [("upper", Side::Upper), ("lower", Side::Lower)] {
        for (slo, satisfied) in list(&slos[key]).iter().zip(list(&satisfied[key])) {
            push(slo, &slo["limit"], side, &satisfied);
        }
    }
    for (slo, satisfied) in list(slos).iter().zip(list(satisfied)) {
        // One row for both limits: it says nothing of one of them unless it is kept.
        let both = slo.get("upperLimit").is_some() && slo.get("lowerLimit").is_some();
        if both && !flags(&satisfied).iter().all(|met| *met) {
            continue;
        }
        push(slo, &slo["upperLimit"], Side::Upper, &satisfied);
        push(slo, &slo["lowerLimit"], Side::Lower, &satisfied);
    }
}
