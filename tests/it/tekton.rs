//! The Task and the StepAction of `tekton/`, started as Tekton's entrypoint does: parameters put in, the variables and the
//! folder of results, nothing else of the environment.

use std::collections::BTreeMap;

use serde_json::Value;

use crate::support::{App, Output, Server, each};

/// What Tekton fails a `TaskRun` beyond.
const MESSAGE: usize = 4096;

struct Kind {
    name: &'static str,
    text: &'static str,
    /// How a result's path is written, before and after its name.
    result: &'static str,
}

const KINDS: [Kind; 2] = [
    Kind {
        name: "Task",
        text: include_str!("../../tekton/task.yaml"),
        result: "results",
    },
    Kind {
        name: "StepAction",
        text: include_str!("../../tekton/stepaction.yaml"),
        result: "step.results",
    },
];

/// A step as it is declared, and what stands around it.
struct Step {
    declared: Value,
    own: Value,
    result: &'static str,
}

impl Step {
    fn of(kind: &Kind) -> Self {
        let read: Value = serde_yaml::from_str(kind.text).expect("YAML");
        let declared = read["spec"].clone();
        let own = if declared["steps"].is_null() {
            declared.clone()
        } else {
            declared["steps"][0].clone()
        };
        Self {
            declared,
            own,
            result: kind.result,
        }
    }

    fn results(&self) -> Vec<String> {
        let all = self.declared["results"].as_array().expect("results");
        all.iter()
            .map(|one| one["name"].as_str().expect("a name").to_owned())
            .collect()
    }

    /// Text with parameters, results and workspaces put in.
    fn filled(&self, text: &str, app: &App, params: &[(&str, &str)]) -> String {
        let mut text = text.to_owned();
        for param in self.declared["params"].as_array().expect("parameters") {
            let name = param["name"].as_str().expect("a name");
            let given = params.iter().find(|(given, _)| *given == name);
            let value = given.map(|given| given.1).or(param["default"].as_str());
            if let Some(value) = value {
                text = text.replace(&format!("$(params.{name})"), value);
            }
        }
        for name in self.results() {
            let path = app.path(&format!("results/{name}")).display().to_string();
            text = text.replace(&format!("$({}.{name}.path)", self.result), &path);
        }
        text.replace("/tmp/iter8-results", "iter8-results")
    }

    /// Runs it in the folder of an app.
    fn run(&self, app: App, params: &[(&str, &str)], args: &[&str]) -> (App, Output) {
        assert_eq!(self.own["command"], serde_json::json!(["/iter8"]));
        let mut line: Vec<String> = Vec::new();
        for arg in self.own["args"].as_array().expect("arguments") {
            match arg.as_str().expect("a text") {
                "$(params.args[*])" => line.extend(args.iter().map(|arg| (*arg).to_owned())),
                text => line.push(self.filled(text, &app, params)),
            }
        }
        assert!(!line.iter().any(|text| text.contains("$(")), "{line:?}");
        let variables = self.own["env"].as_array().expect("variables");
        let app = variables
            .iter()
            .fold(app.file("results/.keep", ""), |app, variable| {
                let value = self.filled(variable["value"].as_str().expect("a text"), &app, params);
                assert!(!value.contains("$("), "{value}");
                app.env(variable["name"].as_str().expect("a name"), value)
            });
        let line: Vec<&str> = line.iter().map(String::as_str).collect();
        let output = app.run(&line);
        (app, output)
    }

    /// The declared results as they are found, which Tekton would carry.
    fn found(&self, app: &App) -> BTreeMap<String, String> {
        let found: BTreeMap<String, String> = self
            .results()
            .into_iter()
            .map(|name| {
                let value = app.read(&format!("results/{name}"));
                assert!(!value.ends_with('\n'), "{name}: {value:?}");
                (name, value)
            })
            .collect();
        let carried: Vec<Value> = found
            .iter()
            .map(|(name, value)| serde_json::json!({ "key": name, "value": value, "type": 1 }))
            .collect();
        // Go writes these as six bytes.
        let carried = Value::from(carried)
            .to_string()
            .replace(['<', '>', '&'], "\\u003c");
        assert!(carried.len() < MESSAGE, "{} bytes", carried.len());
        found
    }
}

const SHORT: [&str; 4] = ["--numRequests", "20", "--qps", "200"];

#[test]
fn results_and_exit_code_say_how_the_run_ended() {
    let target = Server::ok();
    let url = target.url("/");
    let rows = [
        ("http/error-rate <= 0", 0, "pass", "true"),
        ("http/latency-p95 <= 0ms", 1, "fail", "false"),
    ];
    for kind in &KINDS {
        let step = Step::of(kind);
        each(
            &rows,
            |row| row.2,
            |(objective, code, outcome, passed)| {
                let args = [&SHORT[..], &["--slo", objective]].concat();
                let (app, output) = step.run(App::new(), &[("url", &url)], &args);
                output.exits(*code);
                let found = step.found(&app);
                assert_eq!(
                    (found["outcome"].as_str(), found["passed"].as_str()),
                    (*outcome, *passed)
                );
                assert_eq!(
                    (found["requests"].as_str(), found["errorRate"].as_str()),
                    ("20", "0")
                );
                for name in ["latencyMean", "latencyP50", "latencyP95", "latencyP99"] {
                    assert!(found[name].parse::<f64>().is_ok(), "{name}: {}", found[name]);
                }
                assert!(!found["reason"].is_empty() && found["winner"].is_empty());
                assert!(app.path(&found["resultFile"]).exists(), "{}", kind.name);
                assert!(app.path(&found["reportFile"]).exists());
            },
        );
    }
}

#[test]
fn a_file_of_the_workspace_names_its_own_url() {
    let target = Server::ok();
    let experiment = format!(
        "spec:\n- task: http\n  with: {{url: '{}', numRequests: 5, qps: max}}\n",
        target.url("/")
    );
    for kind in &KINDS {
        let step = Step::of(kind);
        let (app, output) = step.run(App::new().file("slo.yaml", &experiment), &[], &["slo.yaml"]);
        output.exits(0);
        assert_eq!(step.found(&app)["requests"], "5", "{}", kind.name);
    }
}

#[test]
fn mistakes_and_missing_targets_have_results_too() {
    let rows: [(&str, &[&str], i32, &str); 3] = [
        ("a wrong flag's value", &["--qps", "fast"], 2, "qps"),
        ("no such file", &["none.yaml"], 2, "none.yaml"),
        ("nobody listens", &["--readyTimeout", "1s"], 3, "127.0.0.1:1"),
    ];
    each(
        &rows,
        |row| row.0,
        |(_, args, code, reason)| {
            let step = Step::of(&KINDS[0]);
            let (app, output) = step.run(App::new(), &[("url", "http://127.0.0.1:1/")], args);
            output.exits(*code);
            let found = step.found(&app);
            assert_eq!(
                (found["outcome"].as_str(), found["passed"].as_str()),
                ("error", "false")
            );
            assert!(found["reason"].contains(reason), "{}", found["reason"]);
        },
    );
}

#[test]
fn a_sentence_without_room_is_cut_and_the_verdict_stays() {
    let name = "<&\"".repeat(200);
    let experiment = format!("spec:\n- task: http\n  with:\n    url: http://127.0.0.1:1/\n    '{name}': 1\n");
    let step = Step::of(&KINDS[0]);
    let (app, output) = step.run(App::new().file("slo.yaml", experiment), &[], &["slo.yaml"]);
    output.exits(2).says("the result `reason` is cut: it has");
    let found = step.found(&app);
    assert_eq!(found["outcome"], "error");
    assert!(found["reason"].ends_with('…'), "{}", found["reason"]);
}

#[test]
fn a_result_that_cannot_be_written_is_never_silent() {
    let target = Server::ok();
    let app = App::new()
        .env("ITER8_RESULT_OUTCOME", "/nowhere/outcome")
        .env("ITER8_RESULT_PASSED", "/nowhere/passed");
    let url = target.url("/");
    let args = [&["run", "--url", url.as_str()], &SHORT[..]].concat();
    app.run(&args)
        .exits(6)
        .says("cannot publish the outcome to /nowhere/outcome");
}

#[test]
fn the_step_fits_the_restricted_level_and_nothing_of_it_is_a_script() {
    for kind in &KINDS {
        let step = Step::of(kind);
        assert!(step.own["script"].is_null(), "{}", kind.name);
        let around = &step.declared["stepTemplate"]["securityContext"];
        let security = if around.is_null() {
            &step.own["securityContext"]
        } else {
            around
        };
        assert_eq!(security["runAsNonRoot"], true);
        assert_eq!(security["runAsUser"], 65532);
        assert_eq!(security["allowPrivilegeEscalation"], false);
        assert_eq!(security["capabilities"]["drop"], serde_json::json!(["ALL"]));
        assert_eq!(security["seccompProfile"]["type"], "RuntimeDefault");
        // Where each result goes is told.
        let paths: Vec<&str> = step.own["env"]
            .as_array()
            .expect("variables")
            .iter()
            .filter_map(|variable| variable["value"].as_str())
            .collect();
        for name in step.results() {
            let path = format!("$({}.{name}.path)", kind.result);
            assert!(paths.contains(&path.as_str()), "{}: {path}", kind.name);
        }
    }
    let catalogue = concat!(env!("CARGO_MANIFEST_DIR"), "/tekton/task/iter8/1.0/iter8.yaml");
    let task = std::fs::read_to_string(catalogue).expect("the Task in the catalogue's layout");
    assert_eq!(task, KINDS[0].text);
    assert!(
        task.contains("app.kubernetes.io/version: \"1.0\""),
        "as its folder"
    );
}
