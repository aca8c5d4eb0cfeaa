//! Who is told of a result: what is sent, what becomes of failures, and that no token is ever shown.

use serde_json::Value;

use crate::support::{Answer, App, Output, Server, free_port};

const TOKEN: &str = "ghp-not-a-real-token-42";

/// A load that all that follows can tell of.
const LOAD: &str = "spec:\n- task: http\n  with: {url: 'ADDR/', numRequests: 5, qps: 200}\n- task: assess\n  with: {objectives: [http/error-rate <= 1%]}\n";

fn app(server: &Server, tasks: &str) -> App {
    App::with(&format!("{LOAD}{tasks}").replace("ADDR", &server.url("")))
        .env("TOKEN", TOKEN)
        .env("GITHUB_API_URL", server.url(""))
        .env("HOOK", server.url("/services/T000/B000/secretpath"))
}

fn run(server: &Server, tasks: &str) -> Output {
    app(server, tasks).run(&["run"])
}

/// A receiver that answers like this to all but the load.
fn receiver(status: u16, body: &'static str) -> Server {
    Server::new(move |seen| {
        match seen.path.as_str() {
        "/" => Answer::status(200),
        "/payload.tpl" => Answer::status(200).body("{\"done\": {{ .Report.NumCompletedTasks }}, \"of\": {{ .Report.NumTasks }}, \"slos\": {{ .Report.Experiment.Result.Insights.SLOsSatisfied.Upper | toJson }}}"),
        _ => Answer::status(status).body(body),
    }
    })
}

fn told(server: &Server) -> crate::support::Seen {
    server
        .seen()
        .into_iter()
        .rfind(|seen| seen.path != "/")
        .expect("somebody was told")
}

fn json(body: &[u8]) -> Value {
    serde_json::from_slice(body).unwrap_or_else(|error| panic!("{error}: {}", String::from_utf8_lossy(body)))
}

#[test]
fn a_webhook_is_called_with_parameters_and_headers() {
    let server = receiver(204, "");
    run(
        &server,
        "- task: notify\n  with: {url: 'ADDR/hook?a=1', params: {b: 'x y', c: 2}, headers: {x-team: shop}}\n",
    )
    .exits(0);
    let seen = told(&server);
    assert_eq!(
        (seen.method.as_str(), seen.path.as_str()),
        ("GET", "/hook?a=1&b=x+y&c=2")
    );
    assert_eq!(seen.header("x-team"), "shop");
}

#[test]
fn payload_templates_come_by_url_by_file_and_in_place() {
    let server = receiver(200, "ok");
    for (given, file) in [
        ("payloadTemplateURL: ADDR/payload.tpl", ""),
        (
            "payloadTemplateURL: payload.tpl",
            "{\"done\": {{ .Summary.NumCompletedTasks }}, \"of\": {{ .Summary.NumTasks }}, \"slos\": [[true]]}",
        ),
        (
            "payloadTemplate: '{\"done\": 2, \"of\": 3, \"slos\": [[true]]}'",
            "",
        ),
        (
            "payloadTemplate: '{\"done\": 2, \"of\": {{ len .Report.Experiment.Spec }}, \"slos\": [[{{ eq .outcome \"pass\" }}]]}'",
            "",
        ),
    ] {
        let app = app(
            &server,
            &format!("- task: notify\n  with:\n    url: ADDR/hook\n    {given}\n"),
        )
        .file("payload.tpl", file);
        app.run(&["run"]).exits(0);
        let seen = told(&server);
        assert_eq!(seen.method, "POST", "{given}");
        assert_eq!(seen.header("content-type"), "application/json", "{given}");
        assert_eq!(
            json(&seen.body),
            json(b"{\"done\": 2, \"of\": 3, \"slos\": [[true]]}"),
            "{given}"
        );
    }
}

#[test]
fn a_payload_in_place_may_hold_addresses() {
    let server = receiver(200, "ok");
    let tasks = "- task: notify\n  with: {url: ADDR/hook, payloadTemplate: '{\"see\": \"https://example.com/{{ .outcome }}\"}'}\n";
    run(&server, tasks).exits(0);
    assert_eq!(json(&told(&server).body)["see"], "https://example.com/pass");
}

#[test]
fn no_payload_holds_scripts_or_secrets() {
    let server = Server::new(|seen| match seen.path.as_str() {
        "/db" => Answer::status(200).body("{\"n\": 1}"),
        _ => Answer::status(200).body("ok"),
    });
    let template = "url: {{ .url }}/db\nheaders: {x-key: '{{ .key }}'}\nmetrics:\n- {name: m, units: 'per {{ .key }}', description: 'read with {{ .key }}', jqExpression: .n}\n";
    let tasks = "- run: echo the-inner-host\n- task: custommetrics\n  with: {templates: {db: db.tpl}, values: {url: 'ADDR', key: '${KEY}'}}\n- task: notify\n  with: {url: ADDR/hook, payloadTemplate: '{{ .Report | toJson }}'}\n- task: github\n  with: {owner: octo, repo: shop, token: '${TOKEN}', softFailure: false}\n";
    let app = app(&server, tasks)
        .file("db.tpl", template)
        .env("KEY", "key-of-the-provider-77");
    let output = app.run(&["run", "--reports", "text,json,csv,openmetrics"]);
    output.exits(0).says("read with ***");
    let told: Vec<_> = server
        .seen()
        .into_iter()
        .filter(|seen| seen.method == "POST")
        .collect();
    assert_eq!(told.len(), 2);
    for seen in &told {
        let body = String::from_utf8_lossy(&seen.body);
        assert!(body.contains("read with ***"), "{body}");
        assert!(
            !body.contains("the-inner-host") && !body.contains("key-of-the-provider-77"),
            "{body}"
        );
    }
    // Iter8's shape is kept: a script is told from a task.
    assert_eq!(json(&told[0].body)["experiment"]["spec"][2]["run"], "***");
    for file in [
        "result.json",
        "report.md",
        "report.html",
        "report.txt",
        "report.csv",
        "metrics.txt",
    ] {
        let text = app.read(&format!("iter8-results/{file}"));
        assert!(!text.contains("key-of-the-provider-77"), "{file}");
    }
}

#[test]
fn a_payload_of_nothing_is_no_payload() {
    let server = receiver(200, "ok");
    for (template, code, says) in [
        (
            "{\"client_payload\": {{ .Reprot | toJson }}}",
            2,
            "did you mean `.Report`?",
        ),
        (
            "{\"sha\": {{ .metrics.nosuch }}}",
            3,
            "there is no value to print for `.metrics.nosuch`",
        ),
        ("{{ if .winner }}x{{ end }}", 3, "comes to nothing"),
    ] {
        let tasks = format!(
            "- task: notify\n  with: {{url: ADDR/hook, payloadTemplate: '{template}', softFailure: true}}\n"
        );
        run(&server, &tasks).exits(code).says(says);
    }
    // Iter8 1.x sent null to GitHub and Slack: its own templates read `.Report`, which was called `.Summary` by then.
    run(&server, "- task: notify\n  with: {url: ADDR/hook, payloadTemplate: '[{{ .Summary | toPrettyJson }}, {{ .Report | toJson }}]'}\n").exits(0);
    assert_eq!(
        json(&told(&server).body)[0]["experiment"]["result"]["failure"],
        false
    );
}

#[test]
fn a_payload_template_that_is_not_there_is_an_error() {
    let server = receiver(404, "404 page not found");
    let output = run(
        &server,
        "- task: notify\n  with: {url: ADDR/hook, payloadTemplateURL: ADDR/no.tpl, softFailure: true}\n",
    );
    output
        .exits(3)
        .says("cannot download the payload template")
        .says("status 404");
    assert!(server.seen().iter().all(|seen| seen.path != "/hook"));
}

#[test]
fn a_receiver_that_fails_is_an_error_or_a_note_but_never_silent() {
    let server = receiver(500, "out of order");
    let output = run(
        &server,
        "- task: notify\n  with: {url: ADDR/hook, method: POST}\n- run: 'echo after'\n",
    );
    output.exits(3).says("status 500 and says \"out of order\"");
    assert_eq!(
        server.seen().iter().filter(|seen| seen.path == "/hook").count(),
        1,
        "a POST is not repeated"
    );
    let soft = app(
        &server,
        "- task: notify\n  with: {url: ADDR/hook, softFailure: true}\n- run: 'echo after'\n",
    );
    soft.run(&["run"])
        .exits(0)
        .says("status 500")
        .says("softFailure")
        .says("after");
    assert!(soft.read("iter8-results/report.md").contains("status 500"));
    assert!(
        server.seen().iter().filter(|seen| seen.path == "/hook").count() >= 4,
        "a GET is repeated"
    );
}

#[test]
fn a_receiver_that_is_too_busy_is_asked_again() {
    let server = Server::new(|seen| match (seen.path.as_str(), seen.number) {
        ("/", _) => Answer::status(200),
        (_, 5) => Answer::status(429).header("retry-after", "1"),
        _ => Answer::status(200),
    });
    run(
        &server,
        "- task: notify\n  with: {url: ADDR/hook, method: POST}\n",
    )
    .exits(0);
    assert_eq!(server.requests(), 7);
}

#[test]
fn slack_gets_a_message_that_is_valid() {
    let server = receiver(200, "ok");
    let app = app(&server, "- task: slack\n  with: {url: '${HOOK}'}\n");
    app.run(&["run"]).exits(0).says("the webhook at 127.0.0.1");
    let seen = told(&server);
    assert_eq!(
        (seen.method.as_str(), seen.path.as_str()),
        ("POST", "/services/T000/B000/secretpath")
    );
    let text = json(&seen.body)["text"].as_str().expect("a text").to_owned();
    for part in [
        ":white_check_mark:",
        "*iter8* pass",
        "the objective is met",
        "http/error-rate &lt;= 1%",
    ] {
        assert!(text.contains(part), "{part}: {text}");
    }
    for file in ["result.json", "report.md", "report.html"] {
        assert!(
            !app.read(&format!("iter8-results/{file}")).contains("secretpath"),
            "{file}"
        );
    }
}

#[test]
fn slack_that_cannot_be_reached_is_told_and_its_address_is_not() {
    let server = receiver(200, "ok");
    let hook = format!("http://127.0.0.1:{}/services/T000/B000/secretpath", free_port());
    for (more, code) in [("", 0), (", softFailure: false", 3)] {
        let app = app(
            &server,
            &format!("- task: slack\n  with: {{url: '${{DEAD}}'{more}}}\n"),
        )
        .env("DEAD", hook.clone());
        let output = app.run(&["run", "-l", "trace"]);
        output
            .exits(code)
            .says("cannot notify the webhook at 127.0.0.1")
            .says("connection refused");
        if code == 0 {
            output.says("warning: not sent: cannot notify");
        }
        assert!(!output.has("secretpath"), "{output}");
        assert!(!app.read("iter8-results/result.json").contains("secretpath"));
    }
    let refusing = receiver(403, "invalid_token");
    run(&refusing, "- task: slack\n  with: {url: '${HOOK}'}\n")
        .exits(0)
        .says("invalid_token")
        .says("make a new one");
}

#[test]
fn github_gets_an_event_with_the_members_that_iter8_sent() {
    let server = receiver(204, "");
    run(
        &server,
        "- task: github\n  with: {owner: octo, repo: shop, token: '${TOKEN}'}\n",
    )
    .exits(0);
    let seen = told(&server);
    assert_eq!(
        (seen.method.as_str(), seen.path.as_str()),
        ("POST", "/repos/octo/shop/dispatches")
    );
    assert_eq!(seen.header("authorization"), format!("token {TOKEN}"));
    assert_eq!(seen.header("accept"), "application/vnd.github+json");
    let body = json(&seen.body);
    assert_eq!(body["event_type"], "iter8");
    let payload = body["client_payload"].as_object().expect("an object");
    assert_eq!(payload.len(), 10, "{payload:?}");
    assert_eq!(payload["outcome"], "pass");
    assert_eq!(payload["numTasks"], 3);
    assert_eq!(
        payload["experiment"]["result"]["insights"]["SLOsSatisfied"]["upper"],
        json(b"[[true]]")
    );
    assert_eq!(payload["experiment"]["spec"][0]["task"], "http");
    assert!(!String::from_utf8_lossy(&seen.body).contains(TOKEN));
}

#[test]
fn the_repository_of_the_job_is_the_default() {
    let server = receiver(204, "");
    let app = app(
        &server,
        "- task: github\n  with: {token: '${TOKEN}', eventType: shop-tested}\n",
    )
    .env("GITHUB_REPOSITORY", "octo/cart");
    app.run(&["run"]).exits(0);
    assert_eq!(told(&server).path, "/repos/octo/cart/dispatches");
    assert_eq!(json(&told(&server).body)["event_type"], "shop-tested");
}

#[test]
fn a_wrong_token_is_said_and_never_printed() {
    let server = Server::new(|seen| match seen.path.as_str() {
        "/" => Answer::status(200),
        _ => Answer::status(401).body(format!(
            "{{\"message\":\"Bad credentials {}\"}}",
            seen.header("authorization")
        )),
    });
    for (more, code) in [("", 0), (", softFailure: false", 3)] {
        let app = app(
            &server,
            &format!("- task: github\n  with: {{owner: octo, repo: shop, token: '${{TOKEN}}'{more}}}\n"),
        );
        let output = app.run(&["run", "-l", "trace", "--reports", "text,json"]);
        output
            .exits(code)
            .says("status 401")
            .says("the token is wrong or has expired")
            .says("Bad credentials token ***");
        assert!(!output.has(TOKEN), "{output}");
        for file in ["result.json", "report.md", "report.html", "report.txt"] {
            assert!(
                !app.read(&format!("iter8-results/{file}")).contains(TOKEN),
                "{file}"
            );
        }
    }
}

#[test]
fn a_result_that_github_would_not_take_is_made_smaller() {
    let server = Server::new(|seen| match seen.path.as_str() {
        "/" => Answer::status(200),
        "/db" => Answer::status(200).body("{\"n\": 1}"),
        _ => Answer::status(204),
    });
    let template = "url: {{ .url }}/db\nmetrics:\n{{- range until 900 }}\n- {name: 'a-metric-with-a-rather-long-name-{{ . }}', description: 'what it means is said at some length here', jqExpression: .n}\n{{- end }}\n";
    let tasks = "- task: custommetrics\n  with: {templates: {db: db.tpl}, values: {url: 'ADDR'}}\n- task: github\n  with: {owner: octo, repo: shop, token: '${TOKEN}', softFailure: false}\n";
    app(&server, tasks)
        .file("db.tpl", template)
        .run(&["run"])
        .exits(0);
    let body = told(&server).body;
    assert!(body.len() < 65_000, "{}", body.len());
    assert_eq!(json(&body)["client_payload"]["outcome"], "pass");
}

#[test]
fn a_failing_run_is_told_as_it_stands() {
    let server = Server::new(|seen| match seen.path.as_str() {
        "/" => Answer::status(500),
        _ => Answer::status(200).body("ok"),
    });
    run(&server, "- task: slack\n  with: {url: '${HOOK}'}\n- task: notify\n  if: not SLOs()\n  with: {url: ADDR/hook, payloadTemplate: '{\"outcome\": {{ .outcome | toJson }}, \"rate\": {{ index .metrics \"http/error-rate\" }}}'}\n").exits(1);
    assert_eq!(
        json(&told(&server).body),
        json(b"{\"outcome\": \"fail\", \"rate\": 1}")
    );
    let slack = server
        .seen()
        .into_iter()
        .find(|seen| seen.path.starts_with("/services"))
        .expect("Slack");
    let text = json(&slack.body)["text"].as_str().expect("a text").to_owned();
    assert!(
        text.starts_with(":x: *iter8* fail: the objective is not met"),
        "{text}"
    );
    assert!(
        text.contains("not met: http/error-rate &lt;= 1%, observed 100 %"),
        "{text}"
    );
}

#[test]
fn the_templates_that_iter8s_charts_name_are_ours() {
    let server = receiver(200, "ok");
    let base = "https://raw.githubusercontent.com/iter8-tools/iter8/iter8-0.13.7/templates/notify/_payload";
    run(
        &server,
        &format!("- task: notify\n  with: {{url: ADDR/hook, method: POST, payloadTemplateURL: '{base}-slack.tpl', softFailure: true}}\n"),
    )
    .exits(0);
    assert!(
        json(&told(&server).body)["text"]
            .as_str()
            .is_some_and(|text| text.contains("iter8"))
    );
    run(
        &server,
        &format!("- task: notify\n  with: {{url: ADDR/hook, method: POST, headers: {{Authorization: token {TOKEN}}}, payloadTemplateURL: '{base}-github.tpl', softFailure: true}}\n"),
    )
    .exits(0);
    let body = json(&told(&server).body);
    assert_eq!(
        (&body["event_type"], &body["client_payload"]["numLoops"]),
        (&json(b"\"iter8\""), &json(b"1"))
    );
    let github = |more: &str| {
        let tasks = format!(
            "- task: github\n  with: {{owner: octo, repo: shop, token: '${{TOKEN}}', eventType: shop-tested, {more}}}\n"
        );
        run(&server, &tasks)
    };
    github(&format!("payloadTemplateURL: '{base}-github.tpl'")).exits(0);
    assert_eq!(json(&told(&server).body)["event_type"], "shop-tested");
    github("payloadTemplate: '{\"event_type\": \"other\"}'")
        .exits(2)
        .says("`eventType` is not used");
    // What the chart addresses to github.com goes to the GitHub of the job.
    let sent = server.requests();
    run(
        &server,
        &format!("- task: notify\n  with: {{url: 'https://api.github.com/repos/octo/shop/dispatches', method: POST, headers: {{Authorization: token {TOKEN}}}, payloadTemplateURL: '{base}-github.tpl'}}\n"),
    )
    .exits(0);
    assert!(server.requests() > sent);
    assert_eq!(told(&server).path, "/repos/octo/shop/dispatches");
}
