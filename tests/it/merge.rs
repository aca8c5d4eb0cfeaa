//! Shards of one experiment, each a run of the program of its own, and the one verdict that they are merged into.

use std::sync::OnceLock;
use std::time::Duration;

use iter8::metrics::{Histogram, Statistic};
use jiff::Timestamp;
use serde_json::{Value, json};

use crate::action::{short, step};
use crate::comment::ALWAYS;
use crate::support::{Answer, App, GitHub, Output, Running, Server, Together, each, metric, outputs, plain};

/// Time for all programs to start: what is not there by then begins late.
const SOON: Duration = Duration::from_secs(2);

fn soon() -> String {
    (Timestamp::now() + SOON).to_string()
}

/// 80 requests in two seconds, which are to be answered within five.
fn experiment(url: &str) -> String {
    format!(
        "spec:\n- task: http\n  with: {{url: '{url}', numRequests: 80, qps: 40, connections: 40}}\n- task: assess\n  with: \
         {{objectives: [http/latency-p95 <= 5s, http/error-count <= 0]}}\n"
    )
}

/// Slow, so that nobody takes a busy machine of the tests for a slow target.
const SLOW: Duration = Duration::from_millis(250);

/// Runs all shards at the same time, each into a folder of its own.
fn send(app: &App, count: usize, args: &[&str]) -> Vec<Output> {
    let together = Together::alone();
    let start = soon();
    let running: Vec<_> = (0..count)
        .map(|index| {
            let (number, folder) = (format!("{index}/{count}"), format!("r/{index}"));
            let shard = ["run", "--shard", &number, "--startAt", &start];
            together.start(app, &[&shard[..], &["--outputDir", &folder], args].concat())
        })
        .collect();
    running.into_iter().map(Running::finish).collect()
}

fn part(app: &App, index: usize) -> Value {
    serde_json::from_str(&app.read(&format!("r/{index}/result.json"))).expect("JSON")
}

fn load(result: &Value) -> &Value {
    &result["insights"]["versions"][0]["loads"][0]["measurement"]
}

fn load_of(result: &mut Value) -> &mut Value {
    &mut result["insights"]["versions"][0]["loads"][0]["measurement"]
}

fn latencies(result: &Value) -> Histogram {
    serde_json::from_value(load(result)["timings"]["latency"].clone()).expect("a histogram")
}

/// The results of two shards that a real run left behind.
fn pair() -> &'static [Value; 2] {
    static PAIR: OnceLock<[Value; 2]> = OnceLock::new();
    PAIR.get_or_init(|| {
        let server = Server::new(|_| Answer::status(200).after(SLOW));
        let app = App::with(&experiment(&server.url("/")));
        send(&app, 2, &[]);
        // How busy the machine of the tests was is not what these are about.
        [0, 1].map(|index| {
            let mut part = part(&app, index);
            part["distrust"] = json!([]);
            let start = part["shard"]["startAt"].clone();
            load_of(&mut part)["began"] = start;
            part
        })
    })
}

/// Results as they were downloaded from the jobs of a matrix.
fn downloaded(results: &[&Value]) -> App {
    let files = results.iter().enumerate();
    files.fold(App::new(), |app, (n, result)| {
        app.file(&format!("results/iter8-{n}/result.json"), result.to_string())
    })
}

#[test]
fn shards_send_one_schedule_and_are_judged_once() {
    let server =
        Server::new(|seen| Answer::status(200).after(if seen.number % 10 == 0 { 2 * SLOW } else { SLOW }));
    let app = App::with(&experiment(&server.url("/")));
    for output in send(&app, 2, &[]) {
        output.exits(0).says("a shard was measured; iter8 merge judges");
    }
    let parts = [part(&app, 0), part(&app, 1)];
    for (index, part) in parts.iter().enumerate() {
        assert_eq!(
            (&part["outcome"], &load(part)["requests"]),
            (&json!("measured"), &json!(40))
        );
        assert_eq!(part["tasks"][1]["status"], "left");
        let own = &part["insights"]["versions"][0]["loads"][0]["part"];
        assert_eq!(own, "40 requests at 20/s on 20 connections");
        let repeated = format!("iter8 run --shard {index}/2");
        assert_eq!(part["environment"]["reproduce"], repeated.as_str());
        for exemplar in load(part)["exemplars"].as_array().expect("a list") {
            let n = exemplar["n"].as_u64().expect("a number");
            let due = exemplar["due"].as_f64().expect("seconds");
            assert_eq!(n % 2, index as u64, "every other one");
            assert!((due - n as f64 / 40.0).abs() < 1e-6, "{n} is due at {due}");
        }
    }
    // A shard says of itself that nothing was judged.
    app.run(&["assert", "-c", "slos", "--outputDir", "r/0"])
        .exits(1)
        .says("was not judged");
    let output = app.run(&["merge", "r/*", "--reports", "json"]);
    output.exits(0).says("all 2 objectives met");
    assert_eq!(server.seen().len(), 80);
    let merged = app.result();
    assert_eq!(
        (&merged["outcome"], &load(&merged)["requests"]),
        (&json!("pass"), &json!(80))
    );
    let mut union = latencies(&parts[0]);
    union.merge(&latencies(&parts[1]));
    assert_eq!(latencies(&merged), union);
    let p95 = union.statistic(Statistic::Percentile(95.0)).expect("a value");
    assert_eq!(metric(&app, "http/latency-p95").to_bits(), p95.to_bits());
    assert!(p95 >= 500.0, "the slow tenth is in it: {p95}");
    assert_eq!(
        merged["assessment"]["judgements"].as_array().map(Vec::len),
        Some(2)
    );
    assert_eq!(merged["assessment"]["judgements"][0]["requests"], 80);
    let shards = &merged["shards"];
    assert_eq!((&shards["count"], &shards["lost"]), (&json!(2), &json!([])));
    assert!(
        shards["skewSeconds"].as_f64().is_some_and(|skew| skew < 0.2),
        "{shards}"
    );
    assert!(merged.get("shard").is_none() && app.path("iter8-results/report.json").is_file());
    app.run(&["report"]).exits(0).says("Merged from 2 shards");
    assert!(
        merged["insights"]["versions"][0]["loads"][0]
            .get("part")
            .is_none()
    );
    app.run(&["report", "--outputDir", "r/0", "-o", "markdown"])
        .exits(0)
        .says("80 requests at 40/s on 40 connections; of it, this shard sent 40 requests at 20/s on 20 connections");
    app.run(&["plan", "--shard", "1/2"])
        .exits(0)
        .says("Its part of task 1: 40 requests at 20/s on 20 connections.");
    app.run(&["assert", "-c", "completed,nofailure,slos"]).exits(0);
}

#[test]
fn slices_are_those_of_the_same_instants() {
    let app = downloaded(&[&pair()[0], &pair()[1]]);
    app.run(&["merge", "results"]).exits(0);
    let result = app.result();
    let slices = load(&result)["slices"]["slices"].as_array().expect("slices");
    let per_slice: Vec<u64> = slices
        .iter()
        .filter_map(|slice| slice["requests"].as_u64())
        .collect();
    assert_eq!(per_slice.iter().sum::<u64>(), 80);
    assert!(per_slice.len() <= 23, "{per_slice:?}");
    // Four in each 100 ms, two of each shard; a shard may have begun a few milliseconds later.
    assert!(
        per_slice.iter().filter(|n| **n == 4).count() >= 10,
        "{per_slice:?}"
    );
}

#[test]
fn a_shard_that_is_lost_or_cut_short_makes_the_result_invalid() {
    let app = downloaded(&[&pair()[1]]);
    app.run(&["merge", "results/*"])
        .exits(5)
        .says("1 of 2 shards gave no result (shard 0): 50 % of the load is missing");
    assert_eq!(app.result()["shards"]["lost"], json!([0]));
    app.run(&["assert", "-c", "completed"])
        .exits(1)
        .says("did not complete: 1 of 2 shards gave a result");
    app.run(&["assert", "-c", "nofailure"]).exits(1);
    let mut killed = pair()[0].clone();
    killed["ended"] = false.into();
    let app = downloaded(&[&killed, &pair()[1]]);
    app.run(&["merge", "results"])
        .exits(5)
        .says("hard 0 did not come to the end (killed, or still running)");
    app.run(&["assert", "-c", "nofailure"])
        .exits(1)
        .says("shard 0 did not come to its end");
    // Of a job that uploaded something else.
    let app = downloaded(&[&pair()[0]]).file("results/iter8-1/log.txt", "");
    app.run(&["merge", "results/*"])
        .exits(5)
        .says("iter8-1 holds no result.json");
    let mut doubted = pair()[0].clone();
    doubted["distrust"] = json!(["the generator was the bottleneck"]);
    let app = downloaded(&[&doubted, &pair()[1]]);
    app.run(&["merge", "results"])
        .exits(5)
        .says("hard 0: the generator was the bottleneck");
    let mut late = pair()[1].clone();
    let began: Timestamp = load(&late)["began"]
        .as_str()
        .expect("an instant")
        .parse()
        .expect("one");
    late["insights"]["versions"][0]["loads"][0]["measurement"]["began"] =
        (began + Duration::from_secs(9)).to_string().into();
    let app = downloaded(&[&pair()[0], &late]);
    app.run(&["merge", "results"])
        .exits(5)
        .says("together they never sent what the experiment says");
}

#[test]
fn an_objective_that_only_all_shards_break_is_broken() {
    let server = Server::new(|seen| {
        let status = if seen.number % 20 == 19 { 500 } else { 200 };
        Answer::status(status).after(SLOW)
    });
    let text = experiment(&server.url("/")).replace("http/error-count <= 0", "http/error-count <= 3");
    let app = App::with(&text);
    for output in send(&app, 2, &[]) {
        output.exits(0);
    }
    app.run(&["merge", "r"]).exits(1).says("not met");
    assert_eq!(load(&app.result())["errors"], 4);
}

#[test]
fn a_shard_that_could_not_run_is_an_error_of_all() {
    let mut failed = pair()[1].clone();
    failed["tasks"][0]["status"] = "failed".into();
    failed["tasks"][0]["error"] = "no connection to it".into();
    failed["insights"]["versions"] = json!([]);
    let app = downloaded(&[&failed, &pair()[0]]);
    app.run(&["merge", "results"])
        .exits(3)
        .says("shard 1: no connection to it");
}

#[test]
fn what_cannot_be_merged_is_refused_and_nothing_is_written() {
    let [first, second] = pair();
    let changed = |pointer: &str, value: Value| {
        let mut other = second.clone();
        *other.pointer_mut(pointer).expect(pointer) = value;
        other
    };
    let limit = changed("/terms/0/objectives/0/limit/value", json!(1.0));
    let text = changed("/experiment/text", json!("spec: []"));
    let target = changed("/insights/versions/0/loads/0/target", json!("http://b.example/"));
    let version = changed("/insights/versions/0/name", json!("canary"));
    let of = changed("/shard/of", json!(3));
    let commit = changed("/environment/commit", json!("b".repeat(40)));
    let mut with_commit = first.clone();
    with_commit["environment"]["commit"] = "a".repeat(40).into();
    let huge = changed("/insights/versions/0/loads/0/measurement/requests", json!(1e300));
    let rows: [(&str, Vec<Value>, &str); 8] = [
        (
            "objectives",
            vec![first.clone(), limit],
            "their objectives differ: only one of them has http/latency-p95 <= ",
        ),
        (
            "text",
            vec![first.clone(), text],
            "the text of their experiments differs at `spec",
        ),
        (
            "target",
            vec![first.clone(), target],
            "the other http://b.example/",
        ),
        (
            "version",
            vec![first.clone(), version],
            "the versions of one are default, of the other canary",
        ),
        (
            "number",
            vec![first.clone(), of],
            "one is of 2 shards, the other of 3",
        ),
        ("commit", vec![with_commit, commit], "one is of commit aaa"),
        (
            "twice",
            vec![first.clone(), first.clone()],
            "are the same shard, 0",
        ),
        (
            "absurd",
            vec![first.clone(), huge],
            "a number that no run measures",
        ),
    ];
    each(
        &rows,
        |row| row.0,
        |(_, results, says)| {
            let app = downloaded(&results.iter().collect::<Vec<_>>())
                .file("iter8-results/result.json", first.to_string());
            app.run(&["merge", "results/*"]).exits(2).says(says);
            // Nobody takes what was there before for this verdict.
            assert!(!app.path("iter8-results/result.json").exists());
        },
    );
    for (args, says, stays) in [
        (&["merge", "garbage"][..], "is not a result of iter8", false),
        (&["merge", "none"], "there is no file or folder none", false),
        (&["merge", "x/*"], "no file or folder matches x/*", false),
        (&["merge", "result.yaml"], "is not a result of iter8", false),
        (&["merge", "iter8-results"], "would take the place of", true),
        (
            &["merge", "iter8-results", "--shards", "0"],
            "0 is not in 1..",
            true,
        ),
        (&["merge"], "RESULT", false),
    ] {
        let app = App::new()
            .file("result.yaml", "")
            .file("garbage/result.json", "<html>")
            .file("iter8-results/result.json", first.to_string());
        app.run(args).exits(2).says(says);
        assert_eq!(app.path("iter8-results/result.json").exists(), stays, "{args:?}");
    }
    let app = downloaded(&[first, second]);
    app.run(&["merge", "results", "--shards", "4"])
        .exits(2)
        .says("the results are of 2 shards, not of 4");
}

#[test]
fn independent_runs_are_merged_by_what_they_promised() {
    let server = Server::ok();
    let app = App::new();
    for (folder, qps) in [("r/0", "50"), ("r/1", "100")] {
        let url = server.url("/");
        app.run(&[
            "run",
            "--url",
            &url,
            "--qps",
            qps,
            "--numRequests",
            "20",
            "--slo",
            "http/latency-p95 <= 5s",
            "--slo",
            "http/request-count >= 40",
            "--outputDir",
            folder,
        ])
        .exits(1);
    }
    app.run(&["merge", "r/*"]).exits(0).says("all 2 objectives met");
    assert_eq!(load(&app.result())["requests"], 40);
    app.run(&["report", "-o", "html"])
        .exits(0)
        .says("How many shards there were is not known");
    let url = server.url("/");
    let post = ["run", "--url", &url, "--numRequests", "20", "--payloadStr", "x"];
    app.run(&[&post[..], &["--outputDir", "p/0"]].concat()).exits(0);
    let get = ["run", "--url", &url, "--numRequests", "20", "--outputDir", "p/1"];
    app.run(&get).exits(0);
    app.run(&["merge", "p/*"])
        .exits(2)
        .says("made different experiments");
    app.run(&["merge", "r/*", "--shards", "4"])
        .exits(5)
        .says("2 of 4 shards gave no result (shards 2 and 3): 50 % of the load is missing");
    app.run(&["merge", "r/0", "r/0"]).exits(2).says("the same shard");
}

#[test]
fn a_closed_loop_is_divided_by_its_connections() {
    let server = Server::new(|_| Answer::status(200).after(Duration::from_millis(5)));
    let url = server.url("/");
    let app = App::new();
    let load = [
        "--url",
        &url,
        "--qps",
        "max",
        "--connections",
        "5",
        "--numRequests",
        "101",
    ];
    for output in send(&app, 2, &load) {
        output.exits(0);
    }
    let sent = |index| part(&app, index)["insights"]["versions"][0]["loads"][0]["measurement"].clone();
    assert_eq!(
        (&sent(0)["requests"], &sent(1)["requests"]),
        (&json!(51), &json!(50))
    );
    assert_eq!(
        (&sent(0)["connections"], &sent(1)["connections"]),
        (&json!(3), &json!(2))
    );
    app.run(&["merge", "r/*"]).exits(0);
    let mut few = load;
    few[5] = "1";
    let args = [&["run", "--shard", "0/2"], &few[..]].concat();
    app.run(&args)
        .exits(2)
        .says("1 connection cannot be divided among 2 shards");
}

#[test]
fn versions_and_weighted_endpoints_are_divided_by_turns() {
    let server = Server::new(|_| Answer::status(200).after(SLOW));
    let url = server.url("");
    let text = format!(
        "spec:\n- task: http\n  with:\n    url: {url}\n    baselineURL: {url}\n    numRequests: 80\n    qps: 40\n    connections: 60\n    \
         endpoints:\n      a: {{url: {url}/a, weight: 3}}\n      b: {{url: {url}/b, weight: 1}}\n- run: touch ran\n- \
         task: assess\n  with: {{objectives: [http/error-count <= 0, http/latency-p50 <= 9x base]}}\n- run: touch never\n"
    );
    let text = text.replace(&format!("    baselineURL: {url}\n"), "").replace(
        "    endpoints:",
        "    versions: [{name: old, baseline: true}, {name: new, headers: {x-new: 'yes'}}]\n    endpoints:",
    );
    let app = App::with(&text);
    for output in send(&app, 2, &[]) {
        output.exits(0);
    }
    assert!(app.path("ran").exists() && !app.path("never").exists());
    app.run(&["merge", "r"]).exits(0);
    let count = |path: &str, new: bool| {
        let seen = server.seen();
        let own = |one: &&crate::support::Seen| one.path == path && (one.header("x-new") == "yes") == new;
        seen.iter().filter(own).count()
    };
    let all = [
        count("/a", false),
        count("/a", true),
        count("/b", false),
        count("/b", true),
    ];
    assert_eq!(all, [60, 60, 20, 20]);
    let tasks = &app.result()["tasks"];
    assert_eq!(
        (&tasks[2]["status"], &tasks[3]["status"]),
        (&json!("completed"), &json!("left"))
    );
}

#[test]
fn what_is_no_shard_is_refused_and_a_plan_shows_the_part() {
    let app = App::with(&experiment("http://127.0.0.1:9/"));
    for (args, says) in [
        (&["--shard", "2/2"][..], "there is no shard 2 of 2"),
        (&["--shard", "two"], "expected INDEX/COUNT"),
        (&["--startAt", "2026-03-01T12:00:00Z"], "this is none"),
        (&["--shard", "0/2", "--startAt", "noon"], "`noon` is no instant"),
        (
            &["--shard", "0/100"],
            "80 requests cannot be divided among 100 shards",
        ),
        (
            &["--shard", "0/2", "--reuseResult"],
            "a shard cannot go on with a stored result",
        ),
    ] {
        app.run(&[&["run"], args].concat()).exits(2).says(says);
    }
    app.run(&["plan", "--shard", "1/3"])
        .exits(0)
        .says_all(&["27 requests in 1.98 s", "This is shard 1/3"]);
    let of_env = App::with(&experiment("http://127.0.0.1:9/")).env("ITER8_SHARD", "0/3");
    of_env.run(&["plan"]).exits(0).says("This is shard 0/3");
}

#[test]
fn the_action_sends_a_shard_in_one_job_and_merges_in_another() {
    let server = Server::new(|_| Answer::status(200).after(SLOW));
    let together = Together::alone();
    let (start, url) = (soon(), server.url("/"));
    let jobs: Vec<App> = ["0/2", "1/2"]
        .map(|number| {
            let shard = [("shard", number), ("startAt", start.as_str())];
            let load = [("url", url.as_str()), ("numRequests", "20"), ("qps", "10")];
            step(&[&shard[..], &load, &[("slos", "http/error-rate <= 1%")]].concat())
        })
        .into();
    let running: Vec<_> = jobs.iter().map(|job| together.start(job, &["action"])).collect();
    for (running, job) in running.into_iter().zip(&jobs) {
        let output = running.finish();
        output.exits(0);
        let outputs = outputs(job);
        assert_eq!(
            (outputs["outcome"].as_str(), outputs["passed"].as_str()),
            ("measured", "false")
        );
    }
    drop(together);
    let github = GitHub::new();
    let merged = jobs.iter().enumerate().fold(
        github.step(step(&[ALWAYS, ("merge", "results/*"), ("reports", "junit")])),
        |app, (n, job)| {
            let result = job.read("iter8-results/result.json");
            app.file(&format!("results/iter8-results-{n}/result.json"), result)
        },
    );
    merged.run(&["action"]).exits(0);
    let outputs = outputs(&merged);
    assert_eq!(
        (outputs["outcome"].as_str(), outputs["requests"].as_str()),
        ("pass", "20")
    );
    assert!(merged.read("runner/summary").contains("the objective is met"));
    assert!(plain(&merged.read("iter8-results/report.html")).contains("Merged from 2 shards"));
    assert!(github.comment().body.contains("the objective is met"));
    assert!(merged.path("iter8-results/junit.xml").is_file());
}

#[test]
fn inputs_that_make_no_sense_together_are_refused() {
    let server = Server::ok();
    for (inputs, says) in [
        (
            &[("merge", "results/*"), ("url", "http://a/")][..],
            "`url` would change nothing",
        ),
        (&[("merge", "results/*")], "no file or folder matches results/*"),
        (&[("merge", "results/*"), ("shards", "many")], "found `many`"),
        (
            &[("merge", "results/*"), ("shard", "0/2")],
            "`shard` would change nothing",
        ),
    ] {
        step(inputs).run(&["action"]).exits(2).says(says);
    }
    for (inputs, says) in [
        (&[("shards", "2")][..], "`shards` would change nothing"),
        (
            &[("shard", "0/2"), ("status", "iter8")],
            "`status` goes where the results are merged",
        ),
        (
            &[("shard", "0/2"), ALWAYS],
            "`comment` goes where the results are merged",
        ),
    ] {
        short(&server, inputs).run(&["action"]).exits(2).says(says);
    }
}
