//! Who may import whom, how long a file may be, and what a registered extension must have.

use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};

use iter8::cli::docs;
use iter8::report::FORMATS;
use iter8::tasks::TASKS;

/// Which modules each module may import; a module that is not listed may import nothing.
const ALLOWED: &[(&str, &[&str])] = &[
    ("text", &[]),
    ("diagnostic", &[]),
    ("secret", &[]),
    ("spec", &["diagnostic", "secret", "text"]),
    ("metrics", &["diagnostic", "text"]),
    ("slo", &["diagnostic", "metrics"]),
    ("results", &["diagnostic", "spec", "metrics", "slo"]),
    ("net", &["diagnostic", "secret"]),
    ("cluster", &["diagnostic", "secret", "net"]),
    ("template", &["diagnostic"]),
    ("jq", &[]),
    ("edit", &["diagnostic", "spec"]),
    ("grpc", &["diagnostic", "secret", "metrics", "net", "template"]),
    ("load", &["diagnostic", "secret", "metrics", "net", "grpc"]),
    // Nobody sees it; it opens private parsers to fuzzers.
    ("fuzzing", &["load"]),
    (
        "tasks",
        &[
            "diagnostic",
            "secret",
            "spec",
            "metrics",
            "slo",
            "results",
            "net",
            "cluster",
            "grpc",
            "load",
            "template",
            "edit",
            "jq",
        ],
    ),
    (
        "report",
        &["diagnostic", "secret", "spec", "metrics", "slo", "results"],
    ),
    (
        "platform",
        &[
            "diagnostic",
            "secret",
            "spec",
            "metrics",
            "slo",
            "results",
            "net",
            "edit",
        ],
    ),
    ("charts", &["diagnostic", "secret", "spec", "tasks"]),
    (
        "cli",
        &[
            "diagnostic",
            "secret",
            "spec",
            "metrics",
            "slo",
            "results",
            "net",
            "cluster",
            "grpc",
            "load",
            "template",
            "edit",
            "jq",
            "tasks",
            "report",
            "platform",
            "charts",
        ],
    ),
];

const LONGEST: usize = 500;

fn root() -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR"))
}

fn sources(folder: &Path) -> Vec<PathBuf> {
    let mut files = Vec::new();
    for entry in std::fs::read_dir(folder).expect("a folder of sources") {
        let path = entry.expect("an entry").path();
        if path.is_dir() {
            files.extend(sources(&path));
        } else if path.extension().is_some_and(|extension| extension == "rs") {
            files.push(path);
        }
    }
    files
}

/// The top-level module that a file belongs to; `None` for `lib.rs` and `main.rs`.
fn module(file: &Path) -> Option<String> {
    let inside = file.strip_prefix(root().join("src")).expect("inside src");
    let first = inside
        .components()
        .next()?
        .as_os_str()
        .to_str()?
        .trim_end_matches(".rs")
        .to_owned();
    (!["lib", "main"].contains(&first.as_str())).then_some(first)
}

/// Modules named by `crate::…` paths outside of comments, `use` groups included.
fn imports(text: &str) -> BTreeSet<String> {
    let code: String = text
        .lines()
        .map(|line| line.split("//").next().unwrap_or(""))
        .collect::<Vec<_>>()
        .join("\n");
    let mut found = BTreeSet::new();
    for (at, _) in code.match_indices("crate::") {
        let rest = &code[at + "crate::".len()..];
        if let Some(group) = rest.strip_prefix('{') {
            let end = group.find("};").unwrap_or(group.len());
            let names = group[..end]
                .split(',')
                .map(|part| part.trim().split("::").next().unwrap_or("").to_owned());
            found.extend(names.filter(|name| !name.is_empty()));
        } else {
            let name: String = rest
                .chars()
                .take_while(|c| c.is_ascii_alphanumeric() || *c == '_')
                .collect();
            found.insert(name);
        }
    }
    found
}

fn edges() -> BTreeMap<String, BTreeSet<String>> {
    let mut edges: BTreeMap<String, BTreeSet<String>> = BTreeMap::new();
    for file in sources(&root().join("src")) {
        if let Some(module) = module(&file) {
            let text = std::fs::read_to_string(&file).expect("a readable source");
            let found = imports(&text).into_iter().filter(|name| *name != module);
            edges.entry(module.clone()).or_default().extend(found);
        }
    }
    edges
}

#[test]
fn modules_import_only_what_their_layer_allows() {
    // Macros live at the crate's root, whatever module declares them.
    let macros = ["fields", "serde_as_text"];
    for (module, imports) in edges() {
        let allowed = ALLOWED
            .iter()
            .find(|(name, _)| *name == module)
            .unwrap_or_else(|| panic!("`{module}` has no layer"))
            .1;
        for import in imports.iter().filter(|import| !macros.contains(&import.as_str())) {
            assert!(
                allowed.contains(&import.as_str()),
                "`{module}` must not import `{import}`"
            );
        }
    }
}

#[test]
fn the_layers_have_no_cycle() {
    // Taken away layer by layer, nothing is left.
    let mut left: BTreeMap<&str, BTreeSet<&str>> = ALLOWED
        .iter()
        .map(|(name, allowed)| (*name, allowed.iter().copied().collect()))
        .collect();
    while !left.is_empty() {
        let free: Vec<&str> = left
            .iter()
            .filter(|(_, needs)| needs.is_empty())
            .map(|(name, _)| *name)
            .collect();
        assert!(
            !free.is_empty(),
            "a cycle among {:?}",
            left.keys().collect::<Vec<_>>()
        );
        left.retain(|name, _| !free.contains(name));
        left.values_mut()
            .for_each(|needs| needs.retain(|name| !free.contains(name)));
    }
}

#[test]
fn only_the_process_snapshot_reads_the_environment() {
    for file in sources(&root().join("src")) {
        let text = std::fs::read_to_string(&file).expect("a readable source");
        if text.contains("env::vars") {
            assert!(
                file.ends_with("platform/env.rs"),
                "{} reads the environment",
                file.display()
            );
        }
    }
}

#[test]
fn no_file_is_longer_than_five_hundred_lines() {
    for file in sources(&root().join("src")) {
        let lines = std::fs::read_to_string(&file)
            .expect("a readable source")
            .lines()
            .count();
        assert!(lines <= LONGEST, "{} has {lines} lines", file.display());
    }
}

#[test]
fn every_file_says_what_it_is_for() {
    for file in sources(&root().join("src")) {
        let text = std::fs::read_to_string(&file).expect("a readable source");
        assert!(
            text.starts_with("//!"),
            "{} does not begin with //!",
            file.display()
        );
    }
}

#[test]
fn every_task_has_documentation_and_an_example() {
    let examples: String = std::fs::read_dir(root().join("examples"))
        .expect("examples")
        .filter_map(|entry| std::fs::read_to_string(entry.expect("an entry").path()).ok())
        .collect();
    let reference = docs::section("tasks").expect("the section of tasks");
    for task in TASKS {
        let name = task.name();
        assert!(
            reference.contains(&format!("**`{name}`**")),
            "{name} is not in the reference"
        );
        let used =
            examples.contains(&format!("task: {name}")) || (name == "run" && examples.contains("run: "));
        assert!(used, "no example uses {name}");
        for field in task.fields() {
            assert!(
                !field.about.trim().is_empty(),
                "{name}.{} says nothing",
                field.key
            );
        }
    }
}

#[test]
fn formats_have_names_and_files_of_their_own() {
    let names: BTreeSet<_> = FORMATS.iter().map(|format| format.name()).collect();
    let files: BTreeSet<_> = FORMATS.iter().map(|format| format.file()).collect();
    assert_eq!((names.len(), files.len()), (FORMATS.len(), FORMATS.len()));
}
