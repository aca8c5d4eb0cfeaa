//! Every exit code of the reference, by the shortest way to it; signals; output that cannot be written.

use std::process::Stdio;
use std::time::{Duration, Instant};

use rustix::process::Signal;

use crate::support::{Answer, App, Faulty, Output, Server, each};

/// A run of a few requests with one objective.
fn run(slo: &str, more: &[&str]) -> (App, Output) {
    let (app, server) = (App::new(), Server::ok());
    let url = server.url("/");
    let args = [
        "run",
        "--url",
        &url,
        "--numRequests",
        "10",
        "--qps",
        "200",
        "--slo",
        slo,
    ];
    let output = app.run(&[&args[..], more].concat());
    (app, output)
}

#[test]
fn every_outcome_has_its_code() {
    let outcome = |app: &App| {
        app.result()["outcome"]
            .as_str()
            .map(str::to_owned)
            .expect("an outcome")
    };
    let (app, output) = run("http/error-rate <= 1%", &[]);
    output.exits(0);
    assert_eq!(outcome(&app), "pass");
    let (app, output) = run("http/request-count >= 11", &[]);
    output.exits(1);
    assert_eq!(outcome(&app), "fail");
    let (app, output) = run("http/error-rate <= 100%", &[]);
    output.exits(0);
    assert_eq!(outcome(&app), "pass");
    let (_, output) = run("http/error-rate <= 1x", &[]);
    output.exits(2);
    let (_, output) = run("http/error-rate <= 1", &[]);
    output.exits(2).says("1 % is written 1%");
    // 10 requests cannot tell whether 1 % fail.
    let (app, output) = run("http/error-rate <= 1%", &["--onInconclusive", "fail"]);
    output.exits(4).says("about");
    assert_eq!(outcome(&app), "inconclusive");
    let (app, output) = run("http/error-rate <= 1%", &["--onInconclusive", "pass"]);
    output.exits(0);
    assert_eq!(outcome(&app), "pass");
    let (app, output) = run("http/error-rate <= 1%", &["--minRequests", "11"]);
    output.exits(5).says("11");
    assert_eq!(outcome(&app), "invalid");
    let failing = App::with("spec:\n- run: exit 1\n");
    failing.run(&["run"]).exits(3);
    assert_eq!(outcome(&failing), "error");
}

#[test]
fn the_worst_of_several_outcomes_wins() {
    let server = Server::ok();
    let load = |tail: &str| {
        App::with(&format!(
            "spec:\n- task: http\n  with: {{url: '{}', numRequests: 5, qps: 100}}\n- task: assess\n  with: {{objectives: [http/request-count >= 6]}}\n{tail}",
            server.url("/")
        ))
        .run(&["run"])
    };
    load("").exits(1);
    // fail and invalid; fail and error.
    load("- task: assess\n  if: 'false'\n  with: {objectives: [http/error-rate <= 1%]}\n")
        .exits(5)
        .says("invalid, 1 of 2 objectives not assessed; 1 not met");
    load("- run: exit 1\n").exits(3);
    load("- run: exit 1\n  if: SLOs()\n").exits(1);
    load("- task: assess\n  with: {objectives: [{objective: http/request-count >= 7, warn: true}]}\n")
        .exits(1);
}

#[test]
fn an_objective_that_only_warns_is_shown_and_passes() {
    let server = Server::ok();
    let app = App::with(&format!(
        "spec:\n- task: http\n  with: {{url: '{}', numRequests: 5, qps: 100}}\n- task: assess\n  with: {{objectives: [{{objective: http/request-count >= 6, warn: true}}]}}\n",
        server.url("/")
    ));
    app.run(&["run"]).exits(0).says("requests: not met (only warns)");
    assert_eq!(app.result()["outcome"], "pass");
}

#[test]
fn a_signal_ends_the_load_and_what_was_measured_is_reported() {
    let rows = [("SIGINT", Signal::INT, 130), ("SIGTERM", Signal::TERM, 143)];
    each(
        &rows,
        |row| row.0,
        |(name, signal, code)| {
            let server = Server::ok();
            let url = server.url("/");
            let app = App::new();
            let running = app.start(&[
                "run",
                "--url",
                &url,
                "--duration",
                "10m",
                "--qps",
                "50",
                "--slo",
                "http/error-rate <= 1%",
            ]);
            let started = Instant::now();
            while server.requests() < 12 {
                assert!(
                    started.elapsed() < Duration::from_secs(20),
                    "the load does not begin"
                );
                std::thread::sleep(Duration::from_millis(5));
            }
            running.signal(*signal);
            let signalled = Instant::now();
            let output = running.finish();
            assert!(
                signalled.elapsed() < Duration::from_secs(5),
                "{:?}",
                signalled.elapsed()
            );
            output.exits(*code).says("interrupted").says(name);
            let result = app.result();
            assert_eq!(result["interrupted"], *name);
            assert_eq!(result["outcome"], "interrupted");
            let measured = &result["insights"]["versions"][0]["loads"][0]["measurement"];
            assert!(
                measured["answered"]
                    .as_u64()
                    .is_some_and(|answered| answered >= 10),
                "{measured}"
            );
            for file in ["report.md", "report.html"] {
                assert!(
                    app.read(&format!("iter8-results/{file}")).contains("interrupted"),
                    "{file}"
                );
            }
            app.run(&["assert", "-c", "completed"]).exits(1);
            app.run(&["assert", "-c", "nofailure"]).exits(1);
        },
    );
}

#[test]
fn a_signal_also_ends_waiting_hanging_requests_and_scripts() {
    let silent = Faulty::silent();
    let not_ready = Server::new(|_| Answer::status(503));
    let rows = [
        (
            "ready",
            format!(
                "- task: ready\n  with: {{url: '{}', timeout: 10m}}\n",
                not_ready.url("/")
            ),
        ),
        (
            "http",
            format!(
                "- task: http\n  with: {{url: '{}', timeout: 10m}}\n",
                silent.url()
            ),
        ),
        ("run", "- run: touch began; sleep 600\n".to_owned()),
    ];
    each(
        &rows,
        |row| row.0,
        |(_, task)| {
            let app = App::with(&format!("spec:\n{task}- run: touch later\n"));
            let running = app.start(&["run"]);
            std::thread::sleep(Duration::from_millis(700));
            running.signal(Signal::TERM);
            let signalled = Instant::now();
            running.finish().exits(143);
            assert!(
                signalled.elapsed() < Duration::from_secs(5),
                "{:?}",
                signalled.elapsed()
            );
            assert_eq!(app.result()["interrupted"], "SIGTERM");
            assert!(!app.path("later").exists());
        },
    );
}

#[test]
fn a_second_signal_quits_at_once() {
    let app = App::with("spec:\n- run: \"trap '' TERM INT; sleep 30 & wait; sleep 30\"\n");
    let running = app.start(&["run"]);
    std::thread::sleep(Duration::from_millis(500));
    running.signal(Signal::INT);
    std::thread::sleep(Duration::from_millis(100));
    running.signal(Signal::INT);
    let signalled = Instant::now();
    running.finish().exits(130);
    assert!(
        signalled.elapsed() < Duration::from_secs(3),
        "{:?}",
        signalled.elapsed()
    );
}

#[test]
fn output_that_cannot_be_written_is_exit_6_after_a_pass_and_hides_no_verdict() {
    let server = Server::ok();
    let url = server.url("/");
    let args = ["run", "--url", &url, "--numRequests", "5", "--qps", "100"];
    // A file stands where the folder should be: root may write anywhere else.
    let blocked = App::new().file("iter8-results", "a file");
    let output = blocked.run(&args);
    output
        .exits(6)
        .says("cannot write")
        .says("iter8-results")
        .says("5 requests");
    let output = blocked.run(&[&args[..], &["--slo", "http/request-count >= 6"]].concat());
    output.exits(1).says("cannot write");
    // A folder stands where a report should be.
    let one = App::new().file("iter8-results/report.html/x", "");
    one.run(&args).exits(6).says("report.html");
    assert_eq!(one.result()["outcome"], "pass");
    assert!(one.path("iter8-results/report.md").exists());
}

#[test]
fn a_full_disk_leaves_the_verdict_and_no_half_written_file() {
    let server = Server::ok();
    let url = server.url("/");
    let args = ["run", "--url", &url, "--numRequests", "20", "--qps", "200"];
    let full = App::new();
    full.run_without_room(&args)
        .exits(6)
        .says("cannot write")
        .says("20 requests");
    for entry in std::fs::read_dir(full.path("iter8-results")).expect("a folder") {
        let path = entry.expect("an entry").path();
        let text = std::fs::read_to_string(&path).expect("a file");
        match path.extension().and_then(|extension| extension.to_str()) {
            Some("json") => drop(full.result()),
            Some("html") => assert!(text.trim_end().ends_with("</html>"), "{}", path.display()),
            _ => assert!(text.ends_with('\n'), "{}", path.display()),
        }
    }
    let broken = [&args[..], &["--slo", "http/request-count >= 21"]].concat();
    full.run_without_room(&broken).exits(1).says("cannot write");
}

#[test]
fn a_full_stdout_is_told_and_a_closed_one_is_not() {
    let app = App::new();
    let full = std::fs::OpenOptions::new()
        .write(true)
        .open("/dev/full")
        .expect("/dev/full");
    let output = app.start_into(&["version"], Stdio::from(full)).finish();
    output.exits(6).says("cannot write to stdout");
    let (reader, writer) = std::io::pipe().expect("a pipe");
    drop(reader);
    app.start_into(&["docs"], Stdio::from(writer)).finish().exits(0);
}
