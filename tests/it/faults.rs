//! What goes wrong on the way and at the other end: each fault has its outcome and is told in plain words.

use std::time::Duration;

use serde_json::Value;

use crate::support::{Answer, App, Certificate, Faulty, Flaw, Output, Server, each};

/// A time-out that is reached.
const SOON: &str = ", timeout: 300ms";

/// A load of a few requests on a URL, with objectives, without a probe before it.
pub(crate) fn load(url: &str, more: &str) -> (App, Output) {
    let app = App::with(&format!(
        "spec:\n- task: http\n  with: {{url: '{url}', numRequests: 8, qps: 200, connections: 8{more}}}\n- task: assess\n  with: {{objectives: [http/error-rate <= 1%]}}\n"
    ));
    let output = app.run(&["run"]);
    (app, output)
}

fn measurement(app: &App) -> Value {
    app.result()["insights"]["versions"][0]["loads"][0]["measurement"].clone()
}

/// A fault: its name, a server with it, and what is to come of it.
struct Row {
    name: &'static str,
    url: String,
    code: i32,
    /// The class of its failures; empty if nothing fails.
    class: &'static str,
    answered: u64,
    says: &'static [&'static str],
    faulty: Option<Faulty>,
}

impl Row {
    fn new(name: &'static str, code: i32, class: &'static str, says: &'static [&'static str]) -> Self {
        Self {
            name,
            url: String::new(),
            code,
            class,
            answered: 0,
            says,
            faulty: None,
        }
    }

    fn at(mut self, url: impl Into<String>) -> Self {
        self.url = url.into();
        self
    }

    fn faulty(mut self, faulty: Faulty) -> Self {
        self.url = faulty.url();
        self.faulty = Some(faulty);
        self
    }

    /// Only what is to time out gets little time.
    fn more(&self) -> &'static str {
        if self.class == "timeout" { SOON } else { "" }
    }

    fn answered(mut self, answered: u64) -> Self {
        self.answered = answered;
        self
    }
}

fn check(row: &Row) {
    let (app, output) = load(&row.url, row.more());
    output.exits(row.code);
    output.says_all(row.says);
    let result = app.result();
    let measurement = measurement(&app);
    assert_eq!(measurement["requests"], 8, "{output}");
    assert_eq!(measurement["answered"], row.answered, "{output}");
    if let Some(faulty) = &row.faulty {
        assert!(
            faulty.requests() <= 8,
            "{} requests arrived: nothing is sent twice",
            faulty.requests()
        );
    }
    if row.class.is_empty() {
        assert_eq!(measurement["errors"], 0, "{output}");
    } else {
        assert_eq!(measurement["errors"], 8, "{output}");
        assert_eq!(
            measurement["failures"][row.class]["count"], 8,
            "{}",
            measurement["failures"]
        );
        assert_ne!(result["outcome"], "pass");
    }
    // What is wrong stands in every report, not only in the log.
    if let Some(text) = row.says.first() {
        let markdown = app.run(&["report", "-o", "markdown"]);
        markdown.says(text);
    }
    if row.answered == 0 && row.class != "timeout" {
        let times = &measurement["timings"]["latency"]["count"];
        assert!(
            times.is_null() || times == 0,
            "a latency of requests that nobody answered: {times}"
        );
    }
}

#[test]
fn a_server_that_breaks_the_rules_is_counted_as_what_it_does() {
    let long_header = format!(
        "HTTP/1.1 200 OK\r\nConnection: close\r\nX-Long: {}\r\nContent-Length: 2\r\n\r\nok",
        "x".repeat(64 << 10)
    );
    let huge_header = format!(
        "HTTP/1.1 200 OK\r\nX-Long: {}\r\nContent-Length: 2\r\n\r\nok",
        "x".repeat(2 << 20)
    );
    let close = "Connection: close\r\n";
    let rows = [
        Row::new("accepts and never answers", 1, "timeout", &["timed out"]).faulty(Faulty::silent()),
        Row::new("a byte a second", 1, "timeout", &["timed out"]).faulty(Faulty::slow()),
        Row::new(
            "reset in the middle",
            1,
            "reset",
            &["connection closed in the middle"],
        )
        .faulty(Faulty::reset()),
        Row::new(
            "closes without an answer",
            1,
            "reset",
            &["connection closed in the middle"],
        )
        .faulty(Faulty::bytes("")),
        Row::new(
            "truncated body",
            1,
            "reset",
            &["closed before the answer was complete"],
        )
        .faulty(Faulty::bytes(
            "HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\nshort",
        )),
        Row::new(
            "truncated chunks",
            1,
            "reset",
            &["closed before the answer was complete"],
        )
        .faulty(Faulty::bytes(
            "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nhello\r\n",
        )),
        Row::new("broken chunks", 1, "protocol", &["not a valid answer"]).faulty(Faulty::bytes(
            "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\nzz\r\nhello\r\n",
        )),
        Row::new("two content-lengths", 1, "protocol", &["not a valid answer"]).faulty(Faulty::bytes(
            "HTTP/1.1 200 OK\r\nContent-Length: 2\r\nContent-Length: 3\r\n\r\nok!",
        )),
        Row::new(
            "content-length that is no number",
            1,
            "protocol",
            &["not a valid answer"],
        )
        .faulty(Faulty::bytes("HTTP/1.1 200 OK\r\nContent-Length: two\r\n\r\nok")),
        Row::new("garbage", 1, "protocol", &["not a valid answer"])
            .faulty(Faulty::bytes("SSH-2.0-OpenSSH_9.6\r\n\r\n")),
        Row::new("binary garbage", 1, "protocol", &["not a valid answer"])
            .faulty(Faulty::bytes([0_u8, 1, 2, 255, 13, 10, 13, 10])),
        Row::new("status that is none", 1, "protocol", &["not a valid answer"])
            .faulty(Faulty::bytes("HTTP/1.1 99999 OK\r\n\r\n")),
        Row::new("64 KB of header", 0, "", &[])
            .faulty(Faulty::bytes(long_header))
            .answered(8),
        Row::new(
            "2 MB of header",
            1,
            "protocol",
            &["header of the answer is too large"],
        )
        .faulty(Faulty::bytes(huge_header)),
        Row::new("more than the content-length", 0, "", &[])
            .faulty(Faulty::bytes(format!(
                "HTTP/1.1 200 OK\r\n{close}Content-Length: 2\r\n\r\nokmore"
            )))
            .answered(8),
        Row::new("no length, closed at the end", 0, "", &[])
            .faulty(Faulty::bytes("HTTP/1.0 200 OK\r\n\r\nall of it"))
            .answered(8),
    ];
    each(&rows, |row| row.name, check);
}

#[test]
fn what_cannot_be_reached_is_an_error_not_a_verdict() {
    let refused = {
        let listener = std::net::TcpListener::bind(("127.0.0.1", 0)).expect("a free port");
        format!("http://{}/", listener.local_addr().expect("an address"))
    };
    let plain = Server::ok();
    let rows = [
        Row::new(
            "refused",
            3,
            "connect",
            &["connection refused", "all 8 requests failed"],
        )
        .at(refused),
        Row::new("TLS at a plain port", 3, "tls", &["does not speak TLS"])
            .at(format!("https://127.0.0.1:{}/", plain.port())),
    ];
    each(&rows, |row| row.name, check);
    let (app, output) = load("http://no-such-host.invalid/", "");
    output.exits(3).says("no-such-host.invalid").says("not assessed");
    assert_eq!(app.result()["outcome"], "error");
}

#[test]
fn certificates_are_checked_and_the_report_says_what_is_wrong() {
    let rows = [
        (
            "other name",
            Flaw::OtherName,
            true,
            "certificate is for other.example, not for 127.0.0.1",
        ),
        (
            "expired",
            Flaw::Expired,
            true,
            "certificate expired on 2021-01-01",
        ),
        ("unknown issuer", Flaw::None, false, "issuer"),
    ];
    each(
        &rows,
        |row| row.0,
        |(_, flaw, trusted, says)| {
            let certificate = Certificate::new(*flaw);
            let server = Server::tls(&certificate, |_| Answer::status(200));
            let ca = if *trusted { ", caCert: ca.pem" } else { "" };
            let run = |more: &str| {
                let app = App::with(&format!(
                    "spec:\n- task: http\n  with: {{url: '{}', numRequests: 4, qps: 100{more}}}\n",
                    server.url("/")
                ))
                .file("ca.pem", &certificate.authority);
                (app.run(&["run"]), app)
            };
            let (output, app) = run(ca);
            output.exits(3).says(says);
            assert_eq!(measurement(&app)["failures"]["tls"]["count"], 4);
            assert_eq!(
                server.requests(),
                0,
                "nothing is sent over a connection that is not trusted"
            );
            let (output, _) = run(", insecureSkipVerify: true");
            output.exits(0).says("accepts any certificate");
            assert_eq!(server.requests(), 4);
            if *flaw == Flaw::None {
                run(", caCert: ca.pem").0.exits(0);
                assert_eq!(server.requests(), 8);
            }
        },
    );
}

#[test]
fn a_name_can_be_given_another_address() {
    let certificate = Certificate::new(Flaw::OtherName);
    let server = Server::tls(&certificate, |_| Answer::status(200));
    let port = server.port();
    let app = App::new().file("ca.pem", &certificate.authority);
    let url = format!("https://other.example:{port}/");
    let resolve = format!("other.example:{port}:127.0.0.1");
    let args = [
        "run",
        "--url",
        &url,
        "--resolve",
        &resolve,
        "--caCert",
        "ca.pem",
        "--numRequests",
        "4",
        "--qps",
        "100",
    ];
    app.run(&args).exits(0);
    assert_eq!(server.seen()[0].header("host"), format!("other.example:{port}"));
}

#[test]
fn a_timeout_counts_as_at_least_the_timeout() {
    let server = Faulty::silent();
    let (app, output) = load(&server.url(), SOON);
    output.exits(1);
    let latency = &measurement(&app)["timings"]["latency"];
    assert_eq!(latency["count"], 8);
    assert!(
        latency["minNs"].as_u64().is_some_and(|ns| ns >= 300_000_000),
        "{latency}"
    );
}

#[test]
fn a_stall_is_seen_by_the_requests_that_were_due_during_it() {
    let stall = Duration::from_millis(500);
    let server = Server::new(move |seen| match seen.number {
        0 => Answer::status(200).after(stall),
        _ => Answer::status(200),
    });
    let app = App::with(&format!(
        "spec:\n- task: http\n  with: {{url: '{}', numRequests: 50, qps: 100, connections: 1}}\n",
        server.url("/")
    ));
    app.run(&["run"]).exits(0).says("waited because");
    let timings = &measurement(&app)["timings"];
    let mean = |name: &str| {
        timings[name]["sumSeconds"].as_f64().unwrap_or_default()
            / timings[name]["count"].as_f64().unwrap_or(1.0)
    };
    // Half of the requests were due during the stall: their mean wait is a quarter of a second.
    assert!(mean("latency") > 0.15, "{}", mean("latency"));
    assert!(mean("service-time") < 0.1, "{}", mean("service-time"));
}

#[test]
fn large_bodies_are_read_to_their_end_and_not_kept() {
    let body = bytes::Bytes::from(vec![b'x'; 100 << 20]);
    let server = Server::new(move |_| Answer::status(200).body(body.clone()));
    let app = App::with(&format!(
        "spec:\n- task: http\n  with: {{url: '{}', numRequests: 2, qps: 50, timeout: 30s}}\n",
        server.url("/")
    ));
    app.run(&["run"]).exits(0);
    assert_eq!(measurement(&app)["bytesReceived"], 200 << 20);
}

#[test]
fn statuses_decide_as_the_contract_says() {
    let all_500 = Server::new(|_| Answer::status(500));
    let (_, output) = load(&all_500.url("/"), "");
    output.exits(1).says("500 (8)");
    let (app, output) = load(&all_500.url("/"), ", errorRanges: [{lower: 400, upper: 499}]");
    output.exits(0);
    assert_eq!(measurement(&app)["statuses"]["500"], 8);
    let (app, output) = load(&all_500.url("/"), ", expect: {status: 200}");
    output.exits(1);
    assert_eq!(measurement(&app)["answered"], 8);
    let (_, output) = load(&Server::ok().url("/"), ", expect: {body: absent}");
    output.exits(1).says("not the expected answer");
    let (_, output) = load(&Server::ok().url("/"), ", expect: {body: ell, status: 2xx}");
    output.exits(0);
}

#[test]
fn redirects_are_answers_unless_they_are_followed() {
    let server = Server::new(|seen| match seen.path.as_str() {
        "/loop" => Answer::status(302).header("location", "/loop"),
        "/old" => Answer::status(301).header("location", "/new"),
        _ => Answer::status(200),
    });
    let (app, output) = load(&server.url("/old"), "");
    output.exits(0);
    assert_eq!(measurement(&app)["statuses"]["301"], 8);
    let (app, output) = load(&server.url("/old"), ", followRedirects: true");
    output.exits(0);
    assert_eq!(measurement(&app)["statuses"]["200"], 8);
    assert_eq!(measurement(&app)["requests"], 8);
    let (app, output) = load(&server.url("/loop"), ", followRedirects: true");
    output.exits(1).says("redirect");
    assert_eq!(measurement(&app)["errors"], 8);
}

#[test]
fn no_objectives_is_a_pass_and_says_what_was_measured() {
    let app = App::new();
    let server = Server::ok();
    app.run(&[
        "run",
        "--url",
        &server.url("/"),
        "--numRequests",
        "5",
        "--qps",
        "100",
    ])
    .exits(0)
    .says("5 requests");
    assert_eq!(app.result()["outcome"], "pass");
}

#[test]
fn scripts_that_fail_or_hang_stop_the_run() {
    let app = App::with("spec:\n- run: echo last words; exit 3\n- run: touch later\n");
    app.run(&["run"])
        .exits(3)
        .says("exit status: 3")
        .says("last words");
    assert!(!app.path("later").exists());
    let hanging = App::with("spec:\n- run: sleep 60\n  with: {timeout: 300ms}\n");
    hanging.run(&["run"]).exits(3).says("did not end within");
}
