//! What the documentation says is true of the program: its tables are the program's own, its links lead somewhere, and
//! its experiments, workflows and commands are accepted.
//!
//! `UPDATE_GENERATED=1 cargo test --test generated` writes the tables anew.

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};
use std::process::{Command, Output};

use iter8::cli::docs::{PAGES, section};
use iter8::platform::Env;
use serde_json::Value;

fn root() -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR"))
}

fn read(path: &Path) -> String {
    std::fs::read_to_string(path).unwrap_or_else(|error| panic!("{}: {error}", path.display()))
}

/// The pages that people read, as paths from the root.
fn pages() -> Vec<PathBuf> {
    let mut pages: Vec<PathBuf> = [
        "README.md",
        "CHANGELOG.md",
        "CONTRIBUTING.md",
        "tekton/README.md",
        "tekton/task/iter8/1.0/README.md",
    ]
    .map(PathBuf::from)
    .to_vec();
    let docs = std::fs::read_dir(root().join("docs")).expect("docs");
    pages.extend(
        docs.map(|entry| Path::new("docs").join(entry.expect("an entry").file_name()))
            .filter(|path| path.extension().is_some_and(|extension| extension == "md")),
    );
    pages
}

/// A fenced block: its language and its text.
struct Block {
    page: PathBuf,
    language: String,
    text: String,
}

fn blocks() -> Vec<Block> {
    let mut blocks = Vec::new();
    for page in pages() {
        let text = read(&root().join(&page));
        let mut open: Option<Block> = None;
        for line in text.lines() {
            match (line.trim_start().strip_prefix("```"), &mut open) {
                (Some(language), None) => {
                    open = Some(Block {
                        page: page.clone(),
                        language: language.trim().to_owned(),
                        text: String::new(),
                    });
                }
                (Some(_), Some(_)) => blocks.extend(open.take()),
                (None, Some(block)) => {
                    block.text.push_str(line);
                    block.text.push('\n');
                }
                (None, None) => {}
            }
        }
        assert!(open.is_none(), "{} has a fence without end", page.display());
    }
    blocks
}

/// The workflows that people copy as files.
fn workflow_files() -> Vec<Block> {
    let folder = Path::new("examples/workflows");
    let files = std::fs::read_dir(root().join(folder)).expect("workflows");
    let blocks = files.map(|entry| {
        let page = folder.join(entry.expect("an entry").file_name());
        Block {
            language: "yaml".to_owned(),
            text: read(&root().join(&page)),
            page,
        }
    });
    blocks.collect()
}

/// The blocks of YAML and the workflows, parsed.
fn yaml_blocks() -> Vec<(Block, Value)> {
    let blocks = blocks().into_iter().chain(workflow_files());
    let yaml = blocks.filter(|block| block.language == "yaml");
    yaml.map(|block| {
        let value = serde_yaml::from_str(&block.text)
            .unwrap_or_else(|error| panic!("{}: {error}\n{}", block.page.display(), block.text));
        (block, value)
    })
    .collect()
}

/// The program with nothing in its environment but what the documentation's examples name.
fn iter8() -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_iter8"));
    command
        .env_clear()
        .env("DEMO_URL", "http://127.0.0.1:8080")
        .env("PREVIEW_URL", "http://127.0.0.1:8080")
        .env("TARGET_URL", "http://127.0.0.1:8080")
        .env("GRPC_HOST", "127.0.0.1:50051")
        .env("PROMETHEUS_URL", "http://127.0.0.1:9090")
        .env("PROMETHEUS_TOKEN", "token-of-the-test")
        .env("SLACK_WEBHOOK_URL", "http://127.0.0.1:8080/services/x")
        .env("DISPATCH_TOKEN", "token-of-the-test")
        .env("API_TOKEN", "token-of-the-test");
    command
}

fn succeeds(output: &Output, what: &str) {
    assert!(
        output.status.success(),
        "{what}\n{}",
        String::from_utf8_lossy(&output.stderr)
    );
}

#[test]
fn tables_of_the_pages_are_those_of_the_program() {
    for (page, sections) in PAGES {
        let path = root().join(page);
        let text = read(&path);
        let mut current = text.clone();
        for name in *sections {
            let start = format!("<!-- generated: {name} -->\n");
            let from = current.find(&start).unwrap_or_else(|| panic!("no {start}")) + start.len();
            let length = current[from..].find("<!-- end -->").expect("an end of the table");
            let table = section(name).expect("a section");
            current.replace_range(from..from + length, &format!("\n{}\n\n", table.trim()));
        }
        if Env::of_process().get("UPDATE_GENERATED").is_some() {
            std::fs::write(&path, current).unwrap_or_else(|error| panic!("{page}: {error}"));
        } else {
            assert!(
                text == current,
                "{page}: run: UPDATE_GENERATED=1 cargo test --test generated"
            );
        }
    }
}

#[test]
fn relative_links_lead_to_files() {
    for page in pages() {
        let text = read(&root().join(&page));
        let markdown = text.split("](").skip(1).filter_map(|rest| rest.split_once(')'));
        let html = text
            .split("src=\"")
            .skip(1)
            .filter_map(|rest| rest.split_once('"'));
        for (target, _) in markdown.chain(html) {
            let file = target.split('#').next().unwrap_or_default();
            if file.is_empty() || target.contains("://") {
                continue;
            }
            let folder = root().join(page.parent().expect("a folder"));
            assert!(folder.join(file).exists(), "{} links to {target}", page.display());
        }
    }
}

#[test]
fn experiments_of_the_documentation_are_valid() {
    let folder = tempfile::tempdir().expect("a folder");
    let file = folder.path().join("experiment.yaml");
    let experiments: Vec<_> = yaml_blocks()
        .into_iter()
        .filter(|(_, value)| value.get("spec").is_some() && value.get("apiVersion").is_none())
        .collect();
    assert!(
        experiments
            .iter()
            .any(|(block, _)| block.page == Path::new("README.md"))
    );
    for (block, _) in experiments {
        std::fs::write(&file, &block.text).expect("the experiment");
        let output = iter8().arg("validate").arg(&file).output().expect("iter8");
        succeeds(&output, &format!("{}\n{}", block.page.display(), block.text));
        let warned = String::from_utf8_lossy(&output.stderr).into_owned();
        assert!(!warned.contains("warning"), "{}: {warned}", block.page.display());
    }
}

/// The steps of all jobs of a workflow.
fn steps(workflow: &Value) -> Vec<&Value> {
    let jobs = workflow["jobs"].as_object().expect("jobs");
    jobs.values()
        .flat_map(|job| job["steps"].as_array().expect("steps"))
        .collect()
}

#[test]
fn workflows_use_the_action_with_inputs_that_it_has() {
    let action: Value = serde_yaml::from_str(&read(&root().join("action.yml"))).expect("action.yml");
    let names = |group: &str| -> BTreeSet<String> {
        action[group].as_object().expect(group).keys().cloned().collect()
    };
    let (inputs, outputs) = (names("inputs"), names("outputs"));
    let (mut uses, mut found) = (0, 0);
    for (block, workflow) in yaml_blocks()
        .iter()
        .filter(|(_, value)| value.get("jobs").is_some())
    {
        assert!(
            workflow.get("on").is_some(),
            "a workflow without `on`\n{}",
            block.text
        );
        assert!(
            workflow.get("permissions").is_some(),
            "a workflow without `permissions`\n{}",
            block.text
        );
        let ours = |step: &&Value| {
            let name = step["uses"].as_str().unwrap_or_default();
            name.starts_with("iter8-tools/iter8-action@")
        };
        for step in steps(workflow).into_iter().filter(ours) {
            uses += 1;
            let given = step["with"].as_object().expect("with");
            for name in given.keys() {
                assert!(inputs.contains(name), "the action has no input {name}");
                let about = action["inputs"][name]["description"]
                    .as_str()
                    .expect("a description");
                assert!(!about.contains("not supported yet"), "{name}: {about}");
            }
        }
        for id in steps(workflow)
            .into_iter()
            .filter(ours)
            .filter_map(|step| step["id"].as_str())
        {
            for output in block.text.split(&format!("steps.{id}.outputs.")).skip(1) {
                let name: String = output.chars().take_while(char::is_ascii_alphanumeric).collect();
                assert!(outputs.contains(&name), "the action has no output {name}");
                found += 1;
            }
        }
    }
    assert!(uses > 0, "no workflow uses the action");
    assert!(found > 0, "no workflow uses what the action gives");
}

/// The objectives that workflows and commands of the documentation give.
fn objectives() -> BTreeSet<String> {
    let mut found = BTreeSet::new();
    for (_, workflow) in yaml_blocks()
        .iter()
        .filter(|(_, value)| value.get("jobs").is_some())
    {
        for step in steps(workflow) {
            let text = step["with"]["slos"].as_str().unwrap_or_default();
            found.extend(text.lines().map(str::to_owned));
        }
    }
    for block in blocks().iter().filter(|block| block.language == "sh") {
        let after = block.text.split("--slo '").skip(1);
        found.extend(after.filter_map(|rest| Some(rest.split_once('\'')?.0.to_owned())));
    }
    found
}

#[test]
fn objectives_of_the_documentation_are_understood() {
    let objectives = objectives();
    assert!(objectives.len() >= 2, "{objectives:?}");
    for text in objectives {
        if let Err(error) = text.parse::<iter8::slo::Objective>() {
            panic!("{text}: {error}");
        }
    }
}

#[test]
fn commands_and_flags_of_the_documentation_exist() {
    let mut checked = 0;
    for block in blocks().iter().filter(|block| block.language == "sh") {
        let joined = block.text.replace("\\\n", " ");
        for line in joined.lines().filter_map(|line| line.strip_prefix("iter8 ")) {
            let code = line.split(" #").next().unwrap_or_default();
            // Those on Kubernetes have a name of two words.
            let words = if code.starts_with("k ") { 2 } else { 1 };
            let command: Vec<&str> = code.split_whitespace().take(words).collect();
            let output = iter8().args(&command).arg("--help").output().expect("iter8");
            succeeds(&output, line);
            let help = String::from_utf8_lossy(&output.stdout).into_owned();
            for flag in code.split_whitespace().filter(|word| word.starts_with("--")) {
                assert!(
                    help.contains(flag),
                    "{}: {command:?} has no {flag}",
                    block.page.display()
                );
            }
            checked += 1;
        }
    }
    assert!(checked > 3, "only {checked} commands");
}

#[test]
fn whatever_people_copy_names_this_version() {
    let mut named = 0;
    for file in [
        "README.md",
        "action.yml",
        "templates/iter8/template.yml",
        "tekton/task.yaml",
        "tekton/stepaction.yaml",
        "tekton/task/iter8/1.0/README.md",
        "tekton/task/iter8/1.0/tests/run.yaml",
        "examples/ci/Jenkinsfile",
        "examples/ci/azure-pipelines.yml",
        "examples/ci/buildkite.yml",
        "examples/ci/circleci.yml",
        "examples/ci/gitlab-ci.yml",
    ] {
        let text = read(&root().join(file));
        for before in ["iter8-action:", "iter8-action/v", "iter8-action/iter8@"] {
            for after in text.split(before).skip(1) {
                let end = after.find(|c: char| !c.is_ascii_digit() && c != '.');
                let version = &after[..end.unwrap_or(after.len())];
                assert_eq!(version, env!("CARGO_PKG_VERSION"), "{file}: {before}{version}");
                named += 1;
            }
        }
    }
    assert!(named >= 12, "only {named} places");
}

#[test]
fn pictures_are_small_enough_for_a_slow_line() {
    for name in ["comments.png", "summary.png", "report.png"] {
        let bytes = std::fs::read(root().join("docs").join(name)).expect(name);
        assert!(bytes.starts_with(b"\x89PNG"), "{name} is no PNG");
        assert!(bytes.len() <= 300_000, "{name} has {} bytes", bytes.len());
    }
}
