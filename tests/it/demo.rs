//! `iter8 demo`: one command, no network, and everything a first look needs.

use crate::support::{App, each};

#[test]
fn the_demo_passes_and_the_broken_demo_fails() {
    let demos: [(&str, fn()); 2] = [("demo", passes), ("broken", fails)];
    each(&demos, |demo| demo.0, |demo| demo.1());
}

fn passes() {
    let app = App::new();
    let run = app.run_undisturbed(&["demo", "--reports", "json,junit,csv,text,openmetrics"]);
    run.exits(0);
    assert!(run.stderr.contains("task 1/5: ready"), "{run}");
    run.says("all 6 objectives met");
    let result = app.result();
    assert_eq!(result["outcome"], "pass");
    assert_eq!(
        result["assessment"]["judgements"].as_array().map(Vec::len),
        Some(6)
    );
    for (format, file) in [
        ("markdown", "report.md"),
        ("html", "report.html"),
        ("json", "report.json"),
        ("junit", "junit.xml"),
        ("csv", "report.csv"),
        ("text", "report.txt"),
        ("openmetrics", "metrics.txt"),
    ] {
        let written = app.read(&format!("iter8-results/{file}"));
        let again = app.run(&["report", "-o", format]);
        again.exits(0);
        assert!(!written.is_empty(), "{file}");
        assert_eq!(again.stdout, written, "{file} differs from `report -o {format}`");
        assert_eq!(again.stderr, "", "{format}");
    }
    let text = app.run(&["report"]).stdout;
    assert!(
        run.stdout.starts_with(&text),
        "the run printed another report: {run}\n{text}"
    );
    app.run(&["assert", "-c", "completed,nofailure,slos"]).exits(0);
}

fn fails() {
    let app = App::new();
    let run = app.run_undisturbed(&["demo", "--broken"]);
    run.exits(1).says("not met  checkout latency p95");
    let result = app.result();
    assert_eq!(result["outcome"], "fail");
    for file in ["report.md", "report.html"] {
        assert!(
            app.read(&format!("iter8-results/{file}")).contains("not met"),
            "{file}"
        );
    }
    // Rendering is no verdict; asserting is.
    app.run(&["report"]).exits(0);
    app.run(&["assert", "-c", "slos"])
        .exits(1)
        .says("SLOs are not satisfied");
    app.run(&["assert", "-c", "completed,nofailure"]).exits(0);
}
