//! Loops: runs that go on with a stored result, and experiments that run their tasks over and over.

use std::time::Duration;

use rustix::process::Signal;

use super::support::{Answer, App, Server};

#[test]
fn another_loop_keeps_what_was_measured_and_counts() {
    let server = Server::ok();
    let app = App::with(&format!(
        "spec:
- task: http
  if: Result.NumLoops == 1
  with: {{url: '{}', numRequests: 4, qps: 200}}
- run: touch third
  if: Result.NumLoops == 3 and SLOs() and not Completed()
- task: assess
  with: {{SLOs: [http/error-rate <= 0, http/request-count >= 4]}}
",
        server.url("/")
    ));
    app.run(&["run"]).exits(0);
    app.run(&["run", "--reuseResult"]).exits(0);
    assert!(!app.path("third").exists());
    app.run(&["run", "--reuseResult"]).exits(0);
    assert!(app.path("third").exists());
    assert_eq!(server.requests(), 4);
    let result = app.result();
    assert_eq!(result["loops"], 3);
    assert_eq!(result["past"][1]["number"], 2);
    assert_eq!(result["past"][1]["outcome"], "pass");
    assert_eq!(result["past"][0]["metrics"]["http/request-count"], 4.0);
    assert_eq!(result["firstStarted"], result["past"][0]["started"]);
    app.run(&["assert", "-c", "completed,nofailure,slos"]).exits(0);
    // The report has a row for each.
    let report = app.run(&["report"]);
    report.exits(0).says("Loops").says("pass error rate 0");
    // Without the flag everything begins anew.
    app.run(&["run"]).exits(0);
    assert_eq!(app.result()["loops"], 1);
    assert_eq!(app.result()["past"].as_array(), None);
}

#[test]
fn a_loop_asks_for_the_verdicts_of_the_one_before() {
    let server = Server::new(|seen| Answer::status(if seen.number < 4 { 500 } else { 200 }));
    let app = App::with(&format!(
        "spec:
- run: echo mend >> mended
  if: Result.NumLoops > 1 and not SLOs()
- task: http
  with: {{url: '{}', numRequests: 4, qps: 200}}
- task: assess
  with: {{SLOs: [http/error-rate <= 0]}}
",
        server.url("/")
    ));
    app.run(&["run"]).exits(1);
    assert!(!app.path("mended").exists());
    for _ in 0..2 {
        app.run(&["run", "--reuseResult"]).exits(0);
        assert_eq!(app.read("mended"), "mend\n");
    }
}

#[test]
fn one_failed_loop_does_not_mark_the_later_ones() {
    let app = App::with(
        "spec:\n- run: test -e ok || { touch ok; exit 1; }\n- run: echo mend\n  if: Result.Failure\n",
    );
    app.run(&["run"]).exits(3);
    app.run(&["run", "--reuseResult"]).exits(0).says("mend");
    app.run(&["assert", "-c", "completed,nofailure"]).exits(0);
    assert_eq!(app.result()["past"][0]["outcome"], "error");
}

#[test]
fn only_a_result_that_is_there_and_of_the_same_revision_is_gone_on_with() {
    let app = App::with("spec: [{run: echo x}]\n");
    app.run(&["run", "--reuseResult"])
        .exits(2)
        .says("nothing to reuse")
        .says("run once without --reuseResult");
    app.run(&["run", "--revision", "1"]).exits(0);
    app.run(&["run", "--revision", "1", "--reuseResult"]).exits(0);
    assert_eq!(app.result()["loops"], 2);
    let other = app.run(&["run", "--revision", "2", "--reuseResult"]);
    other.exits(0).says("of revision 1, this is 2: it starts anew");
    assert_eq!(
        (app.result()["loops"].clone(), app.result()["revision"].clone()),
        (1.into(), 2.into())
    );
    app.run(&["run", "--reuseResult"]).exits(0);
    assert_eq!(
        (app.result()["loops"].clone(), app.result()["revision"].clone()),
        (2.into(), 2.into())
    );
    let broken = app.file("iter8-results/result.json", "{");
    broken
        .run(&["run", "--reuseResult"])
        .exits(2)
        .says("nothing to reuse");
}

#[test]
fn tasks_run_over_and_over_until_enough_and_the_last_loop_judges() {
    let server = Server::new(|seen| Answer::status(if seen.number < 6 { 500 } else { 200 }));
    let spec = format!(
        "spec:
- task: http
  with: {{url: '{}', numRequests: 3, qps: 200}}
- task: assess
  with: {{SLOs: [http/error-rate <= 0]}}
",
        server.url("/")
    );
    let app = App::with(&format!(
        "loop: {{times: 9, every: 100ms, until: SLOs()}}\n{spec}"
    ));
    app.run(&["validate"])
        .exits(0)
        .says("in a loop: at most 9 times, every 100ms, until SLOs()");
    app.run(&["run"]).exits(0).says("loop 3 of 9");
    let result = app.result();
    assert_eq!((server.requests(), result["loops"].clone()), (9, 3.into()));
    assert_eq!(result["past"][1]["outcome"], "fail");
}

#[test]
fn a_loop_that_was_never_enough_says_so() {
    let app = App::with("loop: {times: 3, until: Result.NumLoops > 5}\nspec: [{run: echo x}]\n");
    app.run(&["run"])
        .exits(0)
        .says("after 3 loops `Result.NumLoops > 5` was still not true");
    let unknown = App::with("loop: {until: 'Result.Insights.NumVersions > 0'}\nspec: [{run: echo x}]\n");
    unknown
        .run(&["run"])
        .exits(5)
        .says("until: Result.Insights.NumVersions > 0");
}

#[test]
fn an_error_ends_a_loop_and_so_does_a_signal() {
    let app = App::with("loop: {times: 5}\nspec: [{run: 'echo x >> count; test $(wc -l < count) -lt 2'}]\n");
    app.run(&["run"]).exits(3);
    assert_eq!(app.read("count").lines().count(), 2);
    assert_eq!(app.result()["loops"], 2);

    let app = App::with("loop: {times: 5, every: 1h}\nspec: [{run: touch begun}]\n");
    let running = app.start(&["run"]);
    while !app.path("begun").exists() {
        std::thread::sleep(Duration::from_millis(10));
    }
    std::thread::sleep(Duration::from_millis(300));
    running.signal(Signal::INT);
    running.finish().exits(130);
    let result = app.result();
    assert_eq!(
        (result["outcome"].clone(), result["loops"].clone()),
        ("interrupted".into(), 1.into())
    );
}

#[test]
fn a_loop_without_an_end_or_with_a_wrong_one_is_refused() {
    for (text, says) in [
        ("{every: 1s}", "this `loop` would never end"),
        ("{until: 'SLOs('}", "condition: "),
        ("{times: 0}", "experiment.yaml:1:15"),
        ("{time: 5}", "did you mean `times`?"),
        ("5", "a map with the fields of `loop`"),
    ] {
        let app = App::with(&format!("loop: {text}\nspec: [{{run: touch sent}}]\n"));
        app.run(&["run"]).exits(2).says(says);
        assert!(!app.path("sent").exists());
    }
}

#[test]
fn the_result_of_another_experiment_is_not_gone_on_with_unasked() {
    let app = App::with("spec: [{run: echo one}]\n");
    app.run(&["run"]).exits(0);
    let other = app.file("experiment.yaml", "spec: [{run: echo two}]\n");
    other
        .run(&["run", "--reuseResult"])
        .exits(0)
        .says("of another experiment");
    assert_eq!(other.result()["loops"], 1);
    other.run(&["run", "--reuseResult"]).exits(0);
    assert_eq!(other.result()["loops"], 2);
}

#[test]
fn loops_that_failed_are_named_and_what_was_not_measured_again_too() {
    let server = Server::new(|seen| {
        let failing = (seen.number / 5).is_multiple_of(2);
        Answer::status(if failing { 500 } else { 200 })
    });
    let app = App::with(&format!(
        "loop: {{times: 4}}\nspec:\n- task: http\n  with: {{url: '{}', numRequests: 5, qps: 200, connections: 1}}\n- task: assess\n  with: {{SLOs: [http/error-rate <= 50%]}}\n",
        server.url("/")
    ));
    app.run(&["plan"])
        .exits(0)
        .says("20 requests")
        .says("per loop, 4 loops");
    app.run(&["run"]).says(" of 4 loops failed: ");
    assert!(
        app.read("iter8-results/report.md")
            .contains(" of 4 loops failed: ")
    );
}

#[test]
fn a_run_of_flags_alone_goes_on_with_its_own_result_only() {
    let (server, other) = (Server::ok(), Server::ok());
    let app = App::new();
    let run = |server: &Server, more: &[&str]| {
        let url = server.url("/");
        let flags = ["run", "--url", &url, "--numRequests", "2", "--qps", "200"];
        let output = app.run(&[&flags[..], more].concat());
        output.exits(0);
        (app.result(), output)
    };
    run(&server, &[]);
    let (result, _) = run(&server, &["--reuseResult"]);
    assert_eq!(result["loops"], 2);
    let reproduce = result["environment"]["reproduce"].as_str().expect("a command");
    assert!(reproduce.ends_with("--qps 200 --reuseResult"), "{reproduce}");
    // The command of a loop is that of the next one, too.
    assert_eq!(run(&server, &["--reuseResult"]).0["loops"], 3);
    let (result, output) = run(&other, &["--reuseResult"]);
    output.says("of another experiment");
    assert_eq!(result["loops"], 1);
    // Who gives a revision says what is the same.
    run(&server, &["--revision", "7"]);
    let (result, _) = run(&other, &["--revision", "7", "--reuseResult"]);
    assert_eq!(result["loops"], 2);
    assert_eq!(run(&other, &["--reuseResult"]).0["loops"], 3);
    // A file is no run of flags, and the other way round.
    let app = app.file("experiment.yaml", "spec: [{run: echo x}]\n");
    app.run(&["run", "--reuseResult"])
        .exits(0)
        .says("of another experiment");
    assert_eq!(app.result()["loops"], 1);
}
