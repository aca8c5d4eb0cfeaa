//! The HTML report in a real browser: it needs nothing but itself.

use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

use crate::support::{App, Server, find, plain};

#[test]
fn the_html_report_opens_offline_and_shows_verdict_and_charts() {
    let Some(chromium) = find("chromium") else { return };
    let (app, server) = (App::new(), Server::ok());
    let url = server.url("/");
    let slo = "http/latency-p95 <= 5s";
    app.run(&[
        "run",
        "--url",
        &url,
        "--numRequests",
        "100",
        "--qps",
        "500",
        "--slo",
        slo,
    ])
    .exits(0);
    let before = server.connections();
    let page = format!("file://{}", app.path("iter8-results/report.html").display());
    let mut browser = Command::new(chromium)
        .args([
            "--headless",
            "--no-sandbox",
            "--disable-gpu",
            "--disable-dev-shm-usage",
            "--dump-dom",
        ])
        .arg(format!("--user-data-dir={}", app.path("profile").display()))
        .arg(page)
        .stdout(Stdio::from(
            std::fs::File::create(app.path("dom.html")).expect("a file"),
        ))
        .stderr(Stdio::null())
        .spawn()
        .expect("chromium starts");
    let started = Instant::now();
    while browser.try_wait().expect("a child").is_none() {
        if started.elapsed() > Duration::from_secs(30) {
            browser.kill().expect("a child can be killed");
            browser.wait().expect("a child");
            panic!("chromium does not end");
        }
        std::thread::sleep(Duration::from_millis(20));
    }
    let dom = app.read("dom.html");
    assert!(plain(&dom).contains("the objective is met"), "{dom}");
    assert!(dom.contains("<svg"), "no chart");
    assert!(
        !dom.contains("<script") && !dom.contains("src=\"http") && !dom.contains("<link"),
        "not of one piece"
    );
    assert_eq!(server.connections(), before, "the page loads nothing");
}
