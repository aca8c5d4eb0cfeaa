//! What must stay secret stands in no output: not on the screen, not in a file, not when the target sends it back.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use serde_json::json;

use crate::support::{Answer, App, Output, Server};

const TOKEN: &str = "tok-4f9a7c21e8";
const PASSWORD: &str = "pass-93b1d5f0aa";
const KEY: &str = "key-77aa01bb92";

/// Every file that the program wrote, and what it printed.
fn everything(app: &App, output: &Output) -> Vec<(String, String)> {
    let folder = app.path("iter8-results");
    let mut all = vec![
        ("stdout".to_owned(), output.stdout.clone()),
        ("stderr".to_owned(), output.stderr.clone()),
    ];
    for entry in std::fs::read_dir(folder).expect("results") {
        let path = entry.expect("an entry").path();
        let bytes = std::fs::read(&path).expect("a file");
        all.push((
            path.display().to_string(),
            String::from_utf8_lossy(&bytes).into_owned(),
        ));
    }
    assert!(all.len() >= 9, "all formats were written");
    all
}

fn hidden(app: &App, output: &Output, secrets: &[&str]) {
    for (name, text) in everything(app, output) {
        for secret in secrets {
            assert!(!text.contains(secret), "{secret} stands in {name}:\n{text}");
        }
    }
}

const REPORTS: [&str; 2] = ["--reports", "text,json,csv,junit,openmetrics"];

#[test]
fn values_of_the_environment_in_secret_fields_are_masked_everywhere() {
    // The target sends back what it got: in its address of a log-in, and in its status line's friends.
    let server = Server::new(|seen| {
        let sent = seen.header("x-api-key").to_owned();
        Answer::status(302)
            .header("location", format!("https://login.example/{sent}?token={sent}"))
            .body(sent)
    });
    let app = App::with(
        "spec:\n- run: 'echo \"the key is $KEY\"'\n- task: http\n  with:\n    url: ${URL}\n    numRequests: 4\n    qps: 100\n    bearerToken: ${TOKEN}\n    headers: {x-api-key: '${KEY}'}\n    payloadStr: '{\"password\": \"${PASSWORD}\"}'\n- task: assess\n  with: {objectives: [http/error-rate <= 1%]}\n",
    )
    .env("URL", server.url("/?q=1"))
    .env("TOKEN", TOKEN)
    .env("KEY", KEY)
    .env("PASSWORD", PASSWORD);
    let output = app.run(&[&["run", "-l", "trace"], &REPORTS[..]].concat());
    output.exits(5).says("the key is ***");
    let seen = server.seen();
    assert_eq!(seen[0].header("authorization"), format!("Bearer {TOKEN}"));
    assert_eq!(seen[0].header("x-api-key"), KEY);
    assert!(String::from_utf8_lossy(&seen[0].body).contains(PASSWORD));
    hidden(&app, &output, &[TOKEN, KEY, PASSWORD]);
    for format in ["text", "markdown", "html", "json"] {
        let again = app.run(&["report", "-o", format]);
        for secret in [TOKEN, KEY, PASSWORD] {
            assert!(!again.stdout.contains(secret), "{format}");
        }
    }
}

#[test]
fn secrets_that_stand_in_the_file_or_in_flags_are_masked_too() {
    let server = Server::ok();
    let user_info = server
        .url("/path?token=tok-in-the-query")
        .replace("//", &format!("//ann:{PASSWORD}@"));
    let app = App::new();
    let header = format!("Authorization: Bearer {TOKEN}");
    let args = [
        "run",
        "--url",
        &user_info,
        "--headers",
        &header,
        "--numRequests",
        "3",
        "--qps",
        "100",
    ];
    let output = app.run(&[&args[..], &REPORTS[..]].concat());
    output.exits(0);
    hidden(&app, &output, &[TOKEN, PASSWORD, "tok-in-the-query"]);
    let app = App::with(&format!(
        "spec:\n- task: http\n  with:\n    url: '{}'\n    numRequests: 3\n    qps: 100\n    basicAuth: {{username: ann, password: {PASSWORD}}}\n    headers: {{x-token: {KEY}}}\n",
        server.url("/")
    ));
    let output = app.run(&[&["run"], &REPORTS[..]].concat());
    output.exits(0);
    hidden(&app, &output, &[PASSWORD, KEY]);
}

#[test]
fn mistakes_do_not_show_the_secret_they_are_about() {
    let app = App::with("spec:\n- task: http\n  with:\n    url: 'http://127.0.0.1:1/'\n    bearerToken: ${TOKEN}\n    headers: {x-key: '${KEY}'}\n")
        .env("TOKEN", format!("{TOKEN}\u{7f}"))
        .env("KEY", format!("{KEY}\u{1}"));
    let output = app.run(&["run"]);
    output.exits(2).says("characters that HTTP does not allow");
    for secret in [TOKEN, KEY] {
        assert!(!output.has(secret), "{output}");
    }
    let target = App::new().run(&[
        "run",
        "--url",
        &format!("http://ann:{PASSWORD}@127.0.0.1:1/"),
        "--readyTimeout",
        "1s",
    ]);
    target.exits(3);
    assert!(!target.has(PASSWORD), "{target}");
}

#[test]
fn proxies_are_used_and_shown_without_their_password() {
    let proxy = Server::ok();
    let with_password = proxy.url("").replace("//", &format!("//ann:{PASSWORD}@"));
    let app = App::new()
        .env("HTTP_PROXY", &with_password)
        .env("http_proxy", &with_password);
    let args = [
        "run",
        "--url",
        "http://shop.example/cart",
        "--numRequests",
        "3",
        "--qps",
        "100",
    ];
    let output = app.run(&[&args[..], &REPORTS[..]].concat());
    output.exits(0).says("through the proxy");
    assert!(
        proxy
            .seen()
            .iter()
            .all(|seen| seen.header("host") == "shop.example")
    );
    assert!(
        proxy
            .seen()
            .iter()
            .all(|seen| !seen.header("proxy-authorization").is_empty())
    );
    hidden(&app, &output, &[PASSWORD]);
    let direct = Server::ok();
    let app = App::new()
        .env("http_proxy", &with_password)
        .env("no_proxy", "127.0.0.1");
    let before = proxy.requests();
    app.run(&[
        "run",
        "--url",
        &direct.url("/"),
        "--numRequests",
        "3",
        "--qps",
        "100",
    ])
    .exits(0);
    assert_eq!((proxy.requests(), direct.requests()), (before, 4));
}

/// What is said of an address that a webhook keeps to itself.
const HOOK: &str = "services/T000/B000/sEcReTpAtH";

#[test]
fn the_address_of_a_webhook_is_shown_nowhere_however_it_is_given() {
    let server = Server::ok();
    let hook = server.url(&format!("/{HOOK}?sig=qUeRySecret"));
    let load = ["http.numRequests=3".to_owned(), "http.qps=100".to_owned()];
    let target = format!("http.url={}", server.url("/"));
    let slack = format!("slack.url={hook}");
    let mut args = vec![
        "launch",
        "--set",
        "tasks={http,slack}",
        "--set",
        &target,
        "--set",
        &slack,
    ];
    load.iter().for_each(|set| args.extend(["--set", set]));
    let app = App::new();
    let output = app.run(&[&args[..], &["-l", "trace"], &REPORTS[..]].concat());
    output.exits(0).says("the webhook at 127.0.0.1");
    assert!(server.seen().iter().any(|seen| seen.path.contains(HOOK)));
    hidden(&app, &output, &[HOOK, "sEcReTpAtH", "qUeRySecret"]);
    assert!(app.read("iter8-results/report.md").contains("slack.url=***"));

    let app = App::with(&format!(
        "spec:\n- task: http\n  with: {{url: '{}', numRequests: 3, qps: 100}}\n- task: notify\n  with: {{url: '{hook}', method: POST}}\n",
        server.url("/")
    ));
    let output = app.run(&[&["run"], &REPORTS[..]].concat());
    output.exits(0);
    hidden(&app, &output, &[HOOK, "sEcReTpAtH", "qUeRySecret"]);
    let output = app.run(&["validate", "experiment.yaml"]);
    output.exits(0).says("POST to the webhook at 127.0.0.1");
    assert!(!output.has("sEcReTpAtH"), "{output}");

    let wrong = App::with(&format!(
        "spec:\n- task: notify\n  with: {{url: '{hook}', methd: POST}}\n"
    ));
    let output = wrong.run(&["run"]);
    output.exits(2).says("methd");
    assert!(!output.has("sEcReTpAtH"), "{output}");
}

#[test]
fn a_webhook_in_a_file_of_values_is_hidden_from_the_log_of_a_job_too() {
    let server = Server::ok();
    let hook = server.url(&format!("/{HOOK}?sig=qUeRySecret"));
    let values = format!(
        "tasks: [http, slack]\nhttp: {{url: '{}', numRequests: 3, qps: 100}}\nslack: {{url: '{hook}'}}\n",
        server.url("/")
    );
    let app = App::new()
        .file("values.yaml", values)
        .env("GITHUB_ACTIONS", "true");
    let output = app.run(&[&["launch", "-f", "values.yaml", "-l", "trace"], &REPORTS[..]].concat());
    // The host is no secret, wherever it stands.
    output
        .exits(0)
        .says(&format!("the webhook at 127.0.0.1:{}", server.port()))
        .says(&format!("on 4 connections to {}", server.url("/")));
    assert!(
        app.read("iter8-results/report.txt")
            .contains("webhook at 127.0.0.1")
    );
    for secret in ["sEcReTpAtH", "qUeRySecret"] {
        for (name, text) in everything(&app, &output) {
            let mut lines = text.lines().filter(|line| line.contains(secret));
            assert_eq!(
                lines.find(|line| !line.starts_with("::add-mask::")),
                None,
                "{name}"
            );
        }
    }
    for secret in [HOOK, "qUeRySecret"] {
        assert!(output.has(&format!("::add-mask::{secret}")), "{output}");
    }
}

#[test]
fn the_query_of_a_target_is_in_no_output() {
    let server = Server::ok();
    let app = App::with(&format!(
        "spec:\n- task: http\n  with:\n    url: '{}'\n    endpoints:\n      a: {{}}\n      b: {{url: '{}'}}\n    numRequests: 3\n    qps: 100\n",
        server.url("/?token=mAiNqUeRy&version=1"),
        server.url("/b?page=checkout-page")
    ));
    let output = app.run(&[&["run"], &REPORTS[..]].concat());
    output.exits(0);
    hidden(&app, &output, &["mAiNqUeRy", "checkout-page"]);
    assert!(
        server
            .seen()
            .iter()
            .any(|seen| seen.path.contains("token=mAiNqUeRy"))
    );
}

#[test]
fn a_secret_in_a_path_is_masked_though_it_is_encoded_there() {
    let server = Server::ok();
    let secret = "pa ss-93b1<x>d5f0aa";
    let app = App::with(
        "spec:\n- task: http\n  with: {url: '${BASE}/${KEY}/items', headers: {x-key: '${KEY}'}, numRequests: 3, qps: 100}\n- task: assess\n  with: {objectives: \
         [http/error-rate <= 1%]}\n",
    )
    .env("BASE", server.url(""))
    .env("KEY", secret);
    let output = app.run(&[&["run", "-l", "trace"], &REPORTS[..]].concat());
    output.exits(0).says("/***/items");
    assert!(server.seen().iter().all(|seen| seen.path.contains("93b1")));
    hidden(&app, &output, &[secret, "ss-93b1", "d5f0aa"]);
}

/// Long enough to be cut anywhere, with no part of it in any report by chance.
const LONG: &str = "Zq9xKw7vPl3mRt5yHn2cJd8fGs4bTqWm6rXe1uAo";

/// Nothing of a secret, not even a part of this many characters.
fn hidden_in_part(app: &App, output: &Output, secret: &str, length: usize) {
    for (name, text) in everything(app, output) {
        for at in 0..=secret.len() - length {
            let part = &secret[at..at + length];
            assert!(!text.contains(part), "{part} stands in {name}:\n{text}");
        }
    }
}

/// Answers with the token that was sent, behind as many letters as the request asks for.
fn echo_behind_letters() -> Server {
    Server::new(|seen| {
        let sent = seen.header("authorization").replace("Bearer ", "") + seen.header("x-key");
        let letters = seen.header("x-pad").parse().unwrap_or(0);
        let said = format!("{} {sent} and words that follow", "y".repeat(letters));
        match seen.path.split('?').next() {
            Some("/body") => Answer::status(400).body(said),
            Some("/jq") => Answer::status(200).body(json!({ "x": said }).to_string()),
            Some("/prom/api/v1/query") => Answer::status(200)
                .body(json!({"status": "error", "errorType": "bad", "error": said}).to_string()),
            _ => Answer::status(200),
        }
    })
}

#[test]
fn a_secret_in_an_answer_that_is_cut_is_not_shown_in_part() {
    let server = echo_behind_letters();
    let notify = "- task: notify\n  with: {url: 'BASE/body', headers: {x-pad: 'PAD'}, bearerToken: '${TOK}', softFailure: true}\n";
    let prometheus = "- task: custommetrics\n  with: {prometheus: {url: 'BASE/prom', headers: {x-pad: 'PAD'}, bearerToken: '${TOK}', queries: {x: up}}}\n";
    let jq = "- task: custommetrics\n  with:\n    values: {tok: '${TOK}'}\n    templates:\n      p: \"url: BASE/jq\\nheaders: {x-key: '{{.tok}}', x-pad: 'PAD'}\\nmetrics:\\n- {name: a, type: gauge, jqExpression: '[.x]'}\\n\"\n";
    for (task, letters) in [
        (notify, [165, 179, 192]),
        (prometheus, [165, 179, 192]),
        (jq, [45, 56, 67]),
    ] {
        for pad in letters {
            let experiment =
                format!("spec:\n- task: http\n  with: {{url: 'BASE/', numRequests: 3, qps: 100}}\n{task}");
            let experiment = experiment
                .replace("BASE", &server.url(""))
                .replace("PAD", &pad.to_string());
            let app = App::with(&experiment).env("TOK", LONG);
            let output = app.run(&[&["run", "-l", "trace"], &REPORTS[..]].concat());
            assert!(output.has("y ***…"), "{output}");
            hidden_in_part(&app, &output, LONG, 5);
        }
    }
}

#[test]
fn a_secret_that_an_answer_escapes_is_masked() {
    let token = "Zq9xKw/7vPl3m<Rt5yHn>&2cJd8f\"Gs4bTq'Wm6rXe";
    let server = Server::new(|seen| {
        let sent = seen.header("authorization").replace("Bearer ", "");
        let json = json!({ "error": format!("bad token {sent}") }).to_string();
        let go = |json: &str| {
            json.replace('&', "\\u0026")
                .replace('<', "\\u003c")
                .replace('>', "\\u003e")
        };
        let html = sent
            .replace('&', "&amp;")
            .replace('<', "&lt;")
            .replace('>', "&gt;");
        Answer::status(400).body(match seen.path.as_str() {
            "/php" => json.replace('/', "\\/"),
            "/go" => go(&json),
            "/python" => html.replace('"', "&quot;").replace('\'', "&#x27;"),
            "/go-html" => html.replace('"', "&#34;").replace('\'', "&#39;"),
            _ => return Answer::status(200),
        })
    });
    let notify = |path: &str| {
        format!(
            "- task: notify\n  with: {{url: '{}', bearerToken: '${{TOK}}', softFailure: true}}\n",
            server.url(path)
        )
    };
    let tasks: String = ["/php", "/go", "/python", "/go-html"].map(notify).concat();
    let app = App::with(&format!(
        "spec:\n- task: http\n  with: {{url: '{}', numRequests: 3, qps: 100}}\n{tasks}",
        server.url("/")
    ))
    .env("TOK", token);
    let output = app.run(&[&["run", "-l", "trace"], &REPORTS[..]].concat());
    output.exits(0).says("bad token ***");
    hidden(
        &app,
        &output,
        &["Zq9xKw", "7vPl3m", "Rt5yHn", "2cJd8f", "Gs4bTq", "Wm6rXe"],
    );
}

/// Answers with the credentials that were sent, in a header and in the body.
fn echo_credentials() -> Server {
    Server::new(|seen| {
        let sent = seen.header("authorization").to_owned() + seen.header("proxy-authorization");
        Answer::status(if seen.path.ends_with("/load") { 200 } else { 401 })
            .header("x-echo", sent.clone())
            .body(format!("bad credentials {sent}"))
    })
}

#[test]
fn the_header_that_a_user_and_a_password_come_to_is_masked() {
    let server = echo_credentials();
    let sent = STANDARD.encode("ann:p@ss/93b1d5f0aa");
    let given = server.url("").replace("//", "//ann:p%40ss%2F93b1d5f0aa@");
    let load = "- task: http\n  with: {url: 'TARGET/load', numRequests: 3, qps: 100, PROXYexpect: {header: {x-echo: other}}}\n";
    let ready =
        "- task: ready\n  with: {url: 'TARGET/', timeout: 1s, status: 401, PROXYheader: {x-echo: other}}\n";
    let metrics = "- task: custommetrics\n  with: {prometheus: {url: 'TARGET/', PROXYqueries: {x: up}}}\n";
    let notify = "- task: notify\n  with: {url: 'TARGET/hook', PROXYmethod: GET}\n";
    for task in [load, ready, metrics, notify] {
        for (target, proxy, variable) in [
            (given.as_str(), String::new(), ""),
            ("http://shop.example", format!("proxy: '{given}', "), ""),
            ("http://shop.example", String::new(), given.as_str()),
        ] {
            let before = server.requests();
            let task = task.replace("TARGET", target).replace("PROXY", &proxy);
            let app = App::with(&format!("spec:\n{task}"))
                .env("http_proxy", variable)
                .env("HTTP_PROXY", variable);
            let output = app.run(&[&["run", "-l", "trace"], &REPORTS[..]].concat());
            let seen = server.seen();
            let is_sent = |name: &str| seen[before].header(name) == format!("Basic {sent}");
            assert!(
                is_sent("authorization") || is_sent("proxy-authorization"),
                "{task}"
            );
            assert!(output.has("Basic ***"), "{task}{output}");
            hidden(&app, &output, &[&sent, "93b1d5f0aa"]);
        }
    }
}

#[test]
fn a_default_of_a_secret_is_masked_though_the_variable_is_set() {
    let server = Server::ok();
    let given = server.url("");
    let host = given.trim_start_matches("http://");
    let load = format!(
        "- task: http\n  with: {{url: 'http://ann:${{PASS:-dEfAuLt-1a2b}}@{host}/?token=${{KEY:-dEfAuLt-3c4d}}', numRequests: 3, qps: 100, headers: {{Authorization: \"${{TOK:-Bearer dEfAuLt-5e6f}}\"}}}}\n"
    );
    let notify = format!(
        "- task: notify\n  with: {{url: '{given}/hook', params: {{token: '${{KEY:-dEfAuLt-7g8h}}'}}, bearerToken: '${{TOK:-dEfAuLt-9i0j}}'}}\n"
    );
    let metrics = format!(
        "- task: custommetrics\n  with: {{prometheus: {{url: '{given}', basicAuth: {{username: ann, password: '${{PASS:-dEfAuLt-1k2l}}'}}, proxy: \"${{PROXY:-http://me:dEfAuLt-3m4n@{host}}}\", queries: {{x: up}}}}}}\n"
    );
    let grpc = format!(
        "- task: grpc\n  with: {{host: '{host}', call: a.B/C, total: 1, metadata: {{authorization: \"${{TOK:-Bearer dEfAuLt-5o6p}}\"}}}}\n"
    );
    for task in [&load, &notify, &metrics, &grpc] {
        for set in [true, false] {
            let mut app = App::with(&format!("spec:\n{task}"));
            if set {
                app = app
                    .env("PASS", PASSWORD)
                    .env("KEY", KEY)
                    .env("TOK", TOKEN)
                    .env("PROXY", &given);
            }
            let output = app.run(&[&["run", "-l", "trace"], &REPORTS[..]].concat());
            assert!(app.read("iter8-results/report.html").contains(":-"), "{output}");
            hidden(&app, &output, &[TOKEN, PASSWORD, KEY, "dEfAuLt"]);
        }
    }
}
