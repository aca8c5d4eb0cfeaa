//! The jobs of `examples/ci`: each command runs, ends as its exit code says, and leaves its reports where the job looks.

use serde_json::Value;

use crate::support::{Answer, App, Server, each};

const TARGET: &str = "https://staging.example.com/";

fn read(name: &str) -> String {
    let path = format!("{}/examples/ci/{name}", env!("CARGO_MANIFEST_DIR"));
    std::fs::read_to_string(&path).unwrap_or_else(|error| panic!("{path}: {error}"))
}

fn yaml(name: &str) -> Value {
    serde_yaml::from_str(&read(name)).expect(name)
}

fn text(value: &Value) -> String {
    value.as_str().expect("a text").to_owned()
}

/// A system's file, the command of its job, and the reports that the job picks up.
fn jobs() -> Vec<(&'static str, String, Vec<String>)> {
    let circle = yaml("circleci.yml");
    let circle = &circle["jobs"]["slo"]["steps"];
    let azure = yaml("azure-pipelines.yml");
    let azure = &azure["steps"];
    let buildkite = yaml("buildkite.yml");
    let buildkite = &buildkite["steps"][0];
    let jenkins = read("Jenkinsfile");
    let quoted: Vec<&str> = jenkins.split("'''").collect();
    assert_eq!(quoted.len(), 3, "one script");
    let junit = jenkins
        .split("junit '")
        .nth(1)
        .and_then(|rest| rest.split('\'').next());
    // Groovy joins lines at a backslash, before a shell could.
    let script = quoted[1].replace("\\\n", "");
    vec![
        ("Jenkinsfile", script, vec![junit.expect("a path").to_owned()]),
        (
            "circleci.yml",
            text(&circle[0]["run"]),
            vec![text(&circle[1]["store_test_results"]["path"])],
        ),
        (
            "azure-pipelines.yml",
            text(&azure[0]["script"]),
            vec![
                text(&azure[2]["inputs"]["testResultsFiles"]),
                "iter8-results/report.md".to_owned(),
            ],
        ),
        (
            "buildkite.yml",
            text(&buildkite["command"]).replace("$$", "$"),
            vec![text(&buildkite["plugins"][0]["test-collector#v1.11.0"]["files"])],
        ),
    ]
}

#[test]
fn every_job_runs_and_its_reports_are_where_it_looks() {
    let good = Server::ok();
    let bad = Server::new(|seen| Answer::status(if seen.number % 2 == 0 { 200 } else { 500 }));
    each(
        &jobs(),
        |job| job.0,
        |(name, command, reports)| {
            assert!(command.contains(TARGET), "{name}");
            for (server, code) in [(&good, 0), (&bad, 1)] {
                // Sooner than people run it.
                let command = command.replace("--qps 50 ", "--qps max ");
                let app = App::new().env("CI", "true");
                app.shell(&command.replace(TARGET, &server.url("/"))).exits(code);
                for report in reports {
                    assert!(app.path(report).exists(), "{name}: {report}");
                }
            }
        },
    );
}

#[test]
fn systems_that_tell_exit_codes_apart_use_those_that_exist() {
    // The data cannot tell.
    assert_eq!(
        yaml("buildkite.yml")["steps"][0]["soft_fail"][0]["exit_status"],
        4
    );
    assert_eq!(yaml("gitlab-ci.yml")["iter8"]["allow_failure"]["exit_codes"], 4);
    assert!(read("Jenkinsfile").contains("code == 4"));
    for (name, sign) in [
        ("buildkite.yml", "--onInconclusive fail"),
        ("Jenkinsfile", "--onInconclusive fail"),
        ("gitlab-ci.yml", "on-inconclusive: fail"),
    ] {
        assert!(read(name).contains(sign), "{name}: or there is no 4");
    }
}

#[test]
fn the_example_of_gitlab_gives_inputs_that_the_component_has() {
    let component = include_str!("../../templates/iter8/template.yml");
    let head: Value = serde_yaml::from_str(component.split("\n---\n").next().expect("a head")).expect("YAML");
    let example = yaml("gitlab-ci.yml");
    let given = example["include"][0]["inputs"].as_object().expect("inputs");
    for (name, value) in given {
        let about = &head["spec"]["inputs"][name];
        assert!(about.is_object(), "the component has no input {name}");
        if let Some(options) = about["options"].as_array() {
            assert!(options.contains(value), "{name}: {value}");
        }
    }
    assert!(
        !example[head["spec"]["inputs"]["job-name"]["default"]
            .as_str()
            .expect("a name")]
        .is_null()
    );
}
