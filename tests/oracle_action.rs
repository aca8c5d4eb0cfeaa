//! The action gives the verdicts of version 1, less those that passed without a test: every case of the oracle, against
//! servers on loopback.
//!
//! The oracle is data beside the repository (`../shared/oracle`); without it the test says so and passes.

#![expect(
    clippy::unwrap_used,
    clippy::print_stdout,
    reason = "a test reads its data and says what it found"
)]

#[path = "oracle/packed.rs"]
mod packed;
#[expect(
    dead_code,
    unused_imports,
    reason = "what the end-to-end tests stand on, of which this needs a part"
)]
#[path = "it/support/mod.rs"]
mod support;

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};

use packed::unpack;
use serde_json::Value;
use support::{Answer, App, Grpc, Reply, Seen, Server};

/// Cases that passed and do not any more, with the reason.
const ACCEPTED: &[(&str, &str)] = &[
    ("target-refused", "nobody was reached: a pass without a test"),
    (
        "unknown-key",
        "a misspelt `SLOs` was ignored, so that nothing was judged",
    ),
];

/// The paths of the oracle's server that cases ask for.
fn answer(seen: &Seen, payload: &str) -> Answer {
    let path = seen.path.as_str();
    if path == "/files/payload.json" {
        return Answer::status(200).body(payload.to_owned());
    }
    if let Some(codes) = path.strip_prefix("/cycle/") {
        let codes: Vec<u16> = codes.split(',').map(|code| code.parse().unwrap()).collect();
        return Answer::status(codes[seen.number % codes.len()]);
    }
    Answer::status(if path == "/get" { 200 } else { 404 })
}

/// The servers of one case, each with what it is called in its values.
struct Servers {
    http: Server,
    raw: Server,
    grpc: Grpc,
}

impl Servers {
    fn start(inputs: &Path) -> Self {
        let payload = fs::read_to_string(inputs.join("payload.json")).unwrap();
        let reply = |call: &support::Call| match call.item() {
            "fail" => Reply::status(5, "no such item"),
            _ => Reply::ok(),
        };
        Self {
            http: Server::new(move |seen| answer(seen, &payload)),
            raw: Server::ok(),
            grpc: Grpc::answering(reply).start(),
        }
    }

    /// Values that name these servers.
    fn aimed(&self, values: &str) -> String {
        let origin = |server: &Server| server.url("/").trim_end_matches('/').to_owned();
        values
            .replace("http://127.0.0.1:18080", &origin(&self.http))
            .replace("http://127.0.0.1:18081", &origin(&self.raw))
            .replace("127.0.0.1:18090", &self.grpc.host())
            .replace("sample.Shop.Quote", "shop.v1.Shop.Quote")
    }
}

struct Case {
    name: String,
    chart: String,
    files: BTreeMap<String, String>,
    passed: bool,
    /// Requests for the target, where their number is exact.
    requests: Option<u64>,
}

fn read(path: &Path) -> Case {
    let files = unpack(&fs::read_to_string(path).unwrap());
    let case: Value = serde_json::from_str(&files["case.json"]).unwrap();
    let steps = case["steps"].as_array().unwrap();
    let args: Vec<&str> = steps[0]["args"]
        .as_array()
        .unwrap()
        .iter()
        .filter_map(Value::as_str)
        .collect();
    let chart = args.iter().position(|word| *word == "-c").unwrap() + 1;
    // The action stopped at the first command that failed; further ones only show flags.
    let passed = steps.iter().take(3).all(|step| step["exit"] == 0);
    let counts = case["observed"]["requestCounts"].as_object().unwrap();
    let counted: u64 = counts.values().filter_map(Value::as_u64).sum();
    let values = files.get("in/values.yaml").cloned().unwrap_or_default();
    let is_exact = values.contains("numQueries") && !values.contains("18081");
    Case {
        name: path.file_stem().unwrap().to_str().unwrap().to_owned(),
        chart: args[chart].to_owned(),
        passed,
        requests: is_exact.then_some(counted),
        files: files
            .iter()
            .filter_map(|(name, text)| Some((name.strip_prefix("in/")?.to_owned(), text.clone())))
            .collect(),
    }
}

/// What is wrong with a case; whether it differs on purpose otherwise.
fn compare(case: &Case, inputs: &Path) -> Result<bool, String> {
    let servers = Servers::start(inputs);
    let app = App::new().file("runner/output", "").file("runner/summary", "");
    let path = |name: &str| app.path(name).display().to_string();
    let (outputs, summary) = (path("runner/output"), path("runner/summary"));
    let app = case
        .files
        .iter()
        .fold(app, |app, (name, text)| app.file(name, servers.aimed(text)));
    let output = app
        .env("GITHUB_ACTIONS", "true")
        .env("GITHUB_EVENT_NAME", "push")
        .env("GITHUB_OUTPUT", outputs)
        .env("GITHUB_STEP_SUMMARY", summary)
        .env("INPUT_CHART", case.chart.as_str())
        .env("INPUT_VALUESFILE", "values.yaml")
        .env("INPUT_VALIDATESLOS", "true")
        .env("INPUT_LOGLEVEL", "info")
        .run(&["action"]);
    let passed = output.code == Some(0);
    let accepted = ACCEPTED.iter().any(|(name, _)| *name == case.name);
    let shown = format!("exit {:?}\n{}\n{}", output.code, output.stdout, output.stderr);
    match (passed == case.passed, accepted) {
        (true, true) => return Err("is equal, and said to differ".to_owned()),
        (false, false) => return Err(format!("passed before: {}; now {shown}", case.passed)),
        // Only what passed may differ on purpose.
        (false, true) if passed => return Err(format!("failed before, and passes: {shown}")),
        (true, false) | (false, true) => {}
    }
    // An objective that nothing could measure is found before anything is sent now.
    let refused = output.code == Some(2);
    let seen = servers.http.seen().len() as u64;
    if let Some(requests) = case.requests.filter(|requests| !refused && *requests != seen) {
        return Err(format!("{requests} requests before, {seen} now"));
    }
    Ok(accepted)
}

#[test]
fn the_action_decides_as_version_1_did() {
    let oracle = Path::new(env!("CARGO_MANIFEST_DIR")).join("../shared/oracle");
    let folder = oracle.join("action/0.9");
    if !folder.is_dir() {
        println!("skipped: no oracle at {}", folder.display());
        return;
    }
    let mut paths: Vec<PathBuf> = fs::read_dir(&folder)
        .unwrap()
        .map(|entry| entry.unwrap().path())
        .collect();
    paths.sort();
    let (mut equal, mut on_purpose) = (0, 0);
    let mut wrong = Vec::new();
    for path in &paths {
        let case = read(path);
        match compare(&case, &oracle.join("inputs")) {
            Ok(false) => equal += 1,
            Ok(true) => on_purpose += 1,
            Err(why) => wrong.push(format!("{}: {why}", case.name)),
        }
    }
    println!(
        "{equal} equal, {on_purpose} differ on purpose, {} fail",
        wrong.len()
    );
    assert!(wrong.is_empty(), "{}", wrong.join("\n\n"));
    assert!(equal > 10, "only {equal} cases were found");
}
