//! Providers that fail, and answers without a value: each is said, and none passes.

use std::time::{Duration, Instant};

use rustix::process::Signal;

use crate::support::{Answer, App, Server, each};

/// What a provider does, how the run ends when its metric is judged, and what is said.
struct Row {
    name: &'static str,
    /// The answer to the query.
    status: u16,
    body: &'static str,
    program: &'static str,
    code: i32,
    says: &'static [&'static str],
}

const VECTOR: &str = ".data.result[0].value[1] | tonumber";

#[rustfmt::skip] // a table
const ROWS: &[Row] = &[
    Row { name: "a value", status: 200, body: r#"{"n": 5}"#, program: ".n", code: 0, says: &["db/m"] },
    Row { name: "a text that is a number", status: 200, body: r#"{"n": "5"}"#, program: ".n", code: 0, says: &[] },
    Row { name: "not JSON", status: 200, body: "<html>sign in</html>", program: ".n", code: 3, says: &["is not JSON", "<html>sign in</html>"] },
    Row { name: "nothing at all", status: 200, body: "", program: ".n", code: 3, says: &["is not JSON", "it is empty"] },
    Row { name: "a server error", status: 503, body: "overloaded", program: ".n", code: 3, says: &["status 503", "overloaded"] },
    Row { name: "a wrong path", status: 404, body: "404 page not found", program: ".n", code: 3, says: &["status 404", "check the path"] },
    Row { name: "an error of Prometheus", status: 400, body: r#"{"status":"error","errorType":"bad_data","error":"parse error: unclosed left parenthesis"}"#, program: VECTOR, code: 3, says: &["the provider says: parse error: unclosed left parenthesis"] },
    Row { name: "an empty vector", status: 200, body: r#"{"status":"success","data":{"resultType":"vector","result":[]}}"#, program: VECTOR, code: 5, says: &["db/m has no value", "empty result"] },
    Row { name: "the first of several series", status: 200, body: r#"{"status":"success","data":{"resultType":"vector","result":[{"metric":{"a":"b"},"value":[1,"1"]},{"metric":{"a":"c"},"value":[1,"99"]}]}}"#, program: VECTOR, code: 3, says: &["takes one of several series", "2 series, such as {a=\"b\"} and {a=\"c\"}"] },
    Row { name: "the first of several series over time", status: 200, body: r#"{"status":"success","data":{"resultType":"matrix","result":[{"metric":{"a":"b"},"values":[[1,"1"]]},{"metric":{"a":"c"},"values":[[1,"99"]]}]}}"#, program: ".data.result[0].values[-1][1]", code: 3, says: &["takes one of several series"] },
    Row { name: "the sum of several series", status: 200, body: r#"{"status":"success","data":{"resultType":"vector","result":[{"metric":{"a":"b"},"value":[1,"0.1"]},{"metric":{"a":"c"},"value":[1,"0.2"]},{"metric":{"a":"d"},"value":[1,"0.7"]}]}}"#, program: "[.data.result[].value[1] | tonumber] | add", code: 0, says: &[] },
    Row { name: "an error that answers with 200", status: 200, body: r#"{"status":"error","error":"query timed out"}"#, program: VECTOR, code: 3, says: &["the provider says: query timed out"] },
    Row { name: "an error of which jq makes a value", status: 200, body: r#"{"status":"error","error":"query timed out"}"#, program: ".n // 0", code: 3, says: &["query timed out"] },
    Row { name: "NaN in a text", status: 200, body: r#"{"status":"success","data":{"resultType":"vector","result":[{"metric":{},"value":[1,"NaN"]}]}}"#, program: VECTOR, code: 5, says: &["the value is NaN"] },
    Row { name: "NaN without tonumber", status: 200, body: r#"{"n":"NaN"}"#, program: ".n", code: 5, says: &["the value is NaN"] },
    Row { name: "infinity", status: 200, body: r#"{"n":"+Inf"}"#, program: ".n", code: 5, says: &["the value is +Inf"] },
    Row { name: "null", status: 200, body: r#"{"n": null}"#, program: ".n", code: 5, says: &["the value is null"] },
    Row { name: "no output", status: 200, body: r#"{"n": []}"#, program: ".n[]", code: 5, says: &["gives nothing"] },
    Row { name: "a jq error", status: 200, body: r#"{"n": {}}"#, program: ".n + 1", code: 3, says: &["jqExpression `.n + 1`", "it fails"] },
    Row { name: "jq that cannot be read", status: 200, body: r#"{"n": 1}"#, program: ".n |", code: 3, says: &["jqExpression `.n |`", "expected"] },
    Row { name: "an unknown function", status: 200, body: r#"{"n": 1}"#, program: ".n | tonumbr", code: 3, says: &["there is no", "tonumbr"] },
    Row { name: "a boolean", status: 200, body: r#"{"n": true}"#, program: ".n", code: 3, says: &["gives true, which is no number"] },
    Row { name: "an object", status: 200, body: r#"{"n": {"a": 1}}"#, program: ".n", code: 3, says: &["which is no number"] },
    Row { name: "a word", status: 200, body: r#"{"n": "many"}"#, program: ".n", code: 3, says: &["the text \"many\", which is no number"] },
    Row { name: "jq without end", status: 200, body: r#"{"n": 1}"#, program: "def f: 1 + f; f", code: 3, says: &["too much memory or nested too deep"] },
    Row { name: "the environment", status: 200, body: r#"{"n": 1}"#, program: "env.PATH", code: 5, says: &["the value is null"] },
];

fn app(row: &Row, server: &Server, judged: bool) -> App {
    let program = row.program.replace('\'', "''");
    let template = format!(
        "url: {{{{ .url }}}}/db\nmetrics:\n- {{name: m, type: gauge, description: d, jqExpression: '{program}'}}\n"
    );
    let assess = if judged {
        "- task: assess\n  with: {objectives: [db/m <= 10]}\n"
    } else {
        ""
    };
    let text = format!(
        "spec:\n- task: custommetrics\n  with:\n    templates: {{db: db.tpl}}\n    values: {{url: '{}'}}\n{assess}",
        server.url("")
    );
    App::with(&text).file("db.tpl", template)
}

#[test]
fn what_a_provider_answers_is_a_value_an_error_or_no_data_and_never_passed_over() {
    each(
        ROWS,
        |row| row.name,
        |row| {
            let (status, body) = (row.status, row.body);
            let server = Server::new(move |_| Answer::status(status).body(body));
            let output = app(row, &server, true).run(&["run"]);
            output.exits(row.code).says_all(row.says);
            // Without an objective, a metric without a value is told all the same; an error is one.
            let code = if row.code == 5 { 0 } else { row.code };
            let alone = app(row, &server, false).run(&["run"]);
            alone.exits(code).says_all(row.says);
        },
    );
}

#[test]
fn queries_are_repeated_while_a_server_starts_up() {
    let server = Server::new(|seen| match seen.number {
        0 => Answer::status(503),
        1 => Answer::cut(),
        _ => Answer::status(200).body(r#"{"n": 5}"#),
    });
    app(&ROWS[0], &server, true).run(&["run"]).exits(0);
    assert_eq!(server.requests(), 3);
}

#[test]
fn a_query_that_is_posted_is_not_repeated() {
    let server = Server::new(|_| Answer::status(503).body("no"));
    let template = format!(
        "url: {}/db\nmethod: POST\nmetrics:\n- {{name: m, body: '{{\"a\": 1}}', jqExpression: .n}}\n",
        server.url("")
    );
    let app = App::with("spec:\n- task: custommetrics\n  with: {templates: {db: db.tpl}}\n")
        .file("db.tpl", template);
    app.run(&["run"]).exits(3).says("status 503: no");
    assert_eq!(server.requests(), 1);
    assert_eq!(&server.seen()[0].body[..], b"{\"a\": 1}");
}

#[test]
fn a_provider_that_nobody_reaches_is_asked_no_thousand_times() {
    let port = crate::support::free_port();
    let template = format!(
        "url: http://127.0.0.1:{port}/db\nmetrics:\n{{{{- range until 100 }}}}\n- {{name: 'm{{{{ . }}}}', jqExpression: .n}}\n{{{{- end }}}}\n"
    );
    let app = App::with("spec:\n- task: custommetrics\n  with: {templates: {db: db.tpl}}\n")
        .file("db.tpl", template);
    let output = app.run(&["run"]);
    output
        .exits(3)
        .says(&format!("connection refused by 127.0.0.1:{port}"))
        .says("more were not asked after that");
}

#[test]
fn an_answer_that_does_not_come_is_an_error_in_time() {
    let server = Server::new(|_| Answer::status(200).body("{}").after(Duration::from_secs(30)));
    let template = format!(
        "url: {}/db\nmetrics:\n- {{name: m, jqExpression: .n}}\n",
        server.url("")
    );
    let text = "spec:\n- task: custommetrics\n  with: {templates: {db: db.tpl}, timeout: 500ms}\n";
    App::with(text)
        .file("db.tpl", template)
        .run(&["run"])
        .exits(3)
        .says("did not answer within 500ms");
}

#[test]
fn templates_that_cannot_be_used_say_so() {
    let server = Server::new(|seen| match seen.path.as_str() {
        "/broken.tpl" => Answer::status(200).body("url: {{ .open"),
        "/function.tpl" => Answer::status(200).body("url: {{ getHostByName \"x\" }}"),
        "/value.tpl" => Answer::status(200).body("url: http://x/{{ .datbase }}\nmetrics: []\n"),
        "/yaml.tpl" => Answer::status(200).body("url: http://x\nmetrics: {a: b\n"),
        "/word.tpl" => Answer::status(200).body("just words"),
        "/empty.tpl" => Answer::status(200).body("url: http://x\nmetrics: []\n"),
        "/nothing.tpl" => Answer::status(200).body(
            "metrics:\n- {jqExpression: .a}\n- {name: b}\n- {name: c, type: histogram, jqExpression: .c}\n",
        ),
        "/slip.tpl" => Answer::status(200).body("url: http://x\nmetrcs: []\n"),
        _ => Answer::status(404).body("404 page not found"),
    });
    let rows: &[(&str, &[&str])] = &[
        (
            "nowhere.tpl",
            &["cannot download the template of `db`", "status 404"],
        ),
        ("broken.tpl", &["not closed"]),
        (
            "function.tpl",
            &["there is no function `getHostByName`", "templates send nothing"],
        ),
        ("value.tpl", &["there is no value to print", "default"]),
        ("yaml.tpl", &["not usable YAML"]),
        ("word.tpl", &["not a map with `url` and `metrics`"]),
        ("empty.tpl", &["0 metrics"]),
        (
            "nothing.tpl",
            &[
                "no `url`",
                "no `name`",
                "db/b has no `jqExpression`",
                "expected gauge or counter, found `histogram`",
            ],
        ),
        ("slip.tpl", &["unknown field `metrcs`", "did you mean `metrics`?"]),
    ];
    each(
        rows,
        |(name, _)| name,
        |(name, says)| {
            let text = format!(
                "spec:\n- task: custommetrics\n  with: {{templates: {{db: '{}'}}, values: {{database: x}}}}\n",
                server.url(&format!("/{name}"))
            );
            App::with(&text).run(&["run"]).exits(3).says_all(says);
        },
    );
}

#[test]
fn a_metric_that_the_template_has_not_is_told_with_what_was_meant() {
    let server = Server::new(|seen| match seen.path.as_str() {
        "/db.tpl" => {
            Answer::status(200).body("url: {{ .url }}/q\nmetrics:\n- {name: orders, jqExpression: .n}\n")
        }
        _ => Answer::status(200).body("{\"n\": 1}"),
    });
    let text = "spec:\n- task: custommetrics\n  with: {templates: {db: URL/db.tpl}, values: {url: 'URL'}}\n- task: assess\n  with: {objectives: [db/oders >= 1]}\n";
    let output = App::with(&text.replace("URL", &server.url(""))).run(&["run"]);
    output
        .exits(5)
        .says("the template has no metric db/oders; did you mean `db/orders`?");
}

#[test]
fn an_expression_that_kills_its_process_leaves_the_others_alone() {
    let server = Server::new(|_| Answer::status(200).body("{\"n\": 5}"));
    let template = format!(
        "url: {}/db\nmetrics:\n- {{name: before, jqExpression: .n}}\n- {{name: deep, jqExpression: 'def f: 1 + f; f'}}\n- {{name: huge, jqExpression: '\"x\" | until(false; . + .)'}}\n- {{name: after, jqExpression: .n}}\n",
        server.url("")
    );
    let app = App::with("spec:\n- task: custommetrics\n  with: {templates: {db: db.tpl}}\n")
        .file("db.tpl", template);
    app.run(&["run"]).exits(3).says("db/deep").says("db/huge");
    let values = app.result()["insights"]["versions"][0]["values"].clone();
    assert_eq!(
        (
            values["db/before"]["value"].as_f64(),
            values["db/after"]["value"].as_f64()
        ),
        (Some(5.0), Some(5.0))
    );
}

#[test]
fn a_run_that_is_stopped_ends_soon_whatever_its_expressions_do() {
    let server = Server::new(|_| Answer::status(200).body("{\"n\": 5}"));
    let template = format!(
        "url: {}/db\nmetrics:\n- {{name: before, jqExpression: .n}}\n{{{{- range until 20 }}}}\n- {{name: 'm{{{{ . }}}}', jqExpression: 'last(range(1e12))'}}\n{{{{- end }}}}\n",
        server.url("")
    );
    let app = App::with("spec:\n- task: custommetrics\n  with: {templates: {db: db.tpl}}\n- task: assess\n  with: {objectives: [db/before <= 10]}\n")
        .file("db.tpl", template);
    let running = app.start(&["run"]);
    while server.requests() < 8 {
        std::thread::sleep(Duration::from_millis(10));
    }
    std::thread::sleep(Duration::from_millis(500));
    running.signal(Signal::TERM);
    let asked = Instant::now();
    running.finish().exits(143);
    // One expression alone may take 5 s.
    assert!(asked.elapsed() < Duration::from_secs(5), "{:?}", asked.elapsed());
    let result = app.result();
    assert_eq!(result["outcome"], "interrupted");
    assert_eq!(
        result["insights"]["versions"][0]["values"]["db/before"]["value"],
        5.0
    );
}

#[test]
fn a_template_that_cannot_be_filled_names_the_value_and_nothing_is_guessed_of_its_metrics() {
    let template = "url: http://127.0.0.1:1/q\nmetrics:\n- {name: up, jqExpression: '.{{ .job }}'}\n";
    let text = "spec:\n- task: custommetrics\n  with: {templates: {myprom: db.tpl}, values: {jbo: x}}\n- task: assess\n  with: {objectives: [myprom/up >= 1, myprom/down <= 1]}\n";
    let output = App::with(text).file("db.tpl", template).run(&["run"]);
    output.exits(2).says("there is no value to print for `.job`");
    assert!(!output.has("no task measures"), "{output}");
}

#[test]
fn a_limit_in_a_unit_of_a_provider_is_told_to_be_a_plain_number() {
    let text = "spec:\n- task: assess\n  with: {objectives: [prometheus/memory <= 50MB]}\n";
    let output = App::with(text).run(&["run"]);
    output.exits(2).says("plain numbers in the unit of the provider");
    assert!(!output.has("did you mean"), "{output}");
}

#[test]
fn a_query_is_redirected_neither_without_its_body_nor_to_another_server() {
    let other = Server::new(|_| Answer::status(200).body(r#"{"n": 0}"#));
    let elsewhere = other.url("/db");
    let server = Server::new(move |seen| match seen.path.as_str() {
        "/there" => Answer::status(200).body(r#"{"n": 0}"#),
        "/away" => Answer::status(307).header("location", &elsewhere),
        _ => Answer::status(302).header("location", "/there"),
    });
    let run = |path: &str, method: &str| {
        let template = format!(
            "url: {}\nmethod: {method}\nheaders: {{X-Api-Key: key-of-the-provider}}\nmetrics:\n- {{name: m, jqExpression: .n}}\n",
            server.url(path)
        );
        App::with("spec:\n- task: custommetrics\n  with: {templates: {db: db.tpl}}\n- task: assess\n  with: {objectives: [db/m <= 1]}\n")
            .file("db.tpl", template)
            .run(&["run"])
    };
    run("/near", "GET").exits(0);
    run("/near", "POST")
        .exits(3)
        .says("redirects to")
        .says("give the URL that it leads to");
    for method in ["GET", "POST"] {
        run("/away", method).exits(3).says(&other.url("/db"));
    }
    assert_eq!(other.requests(), 0);
}

#[test]
fn values_that_the_provider_warns_of_are_not_trusted() {
    let server = Server::new(|_| {
        Answer::status(200).body(r#"{"status":"success","data":{"resultType":"vector","result":[{"metric":{},"value":[1,"5"]}]},"warnings":["store 7 did not answer"],"infos":["it may be no counter"]}"#)
    });
    let template = app(
        &Row {
            program: VECTOR,
            ..ROWS[0]
        },
        &server,
        true,
    )
    .run(&["run"]);
    let text = format!(
        "spec:\n- task: custommetrics\n  with: {{prometheus: {{url: '{}', queries: {{m: up}}}}}}\n- task: assess\n  with: {{objectives: [prometheus/m <= 10]}}\n",
        server.url("")
    );
    for output in [template, App::with(&text).run(&["run"])] {
        output
            .exits(5)
            .says("the provider warns: store 7 did not answer")
            .says("the provider informs: it may be no counter");
    }
}

#[test]
fn what_is_sure_to_be_invalid_is_found_before_anything_is_sent() {
    let load = "- task: http\n  with: {url: 'http://127.0.0.1:1/'}\n";
    let compared =
        "- task: http\n  with: {url: 'http://127.0.0.1:1/', versions: [{name: old}, {name: new}]}\n";
    let read = |versions: &str| {
        format!(
            "- task: custommetrics\n  with: {{prometheus: {{url: 'http://127.0.0.1:1/', queries: {{up: up}}}}{versions}}}\n"
        )
    };
    let two = read(", versionValues: [{zone: a}, {zone: b}]");
    let same = read(", versions: [{name: old, baseline: true}, {name: new}]");
    let other = read(", versionValues: [{name: new}]");
    for (tasks, objective, says) in [
        (
            format!("{load}{two}"),
            "http/error-rate <= 1%",
            "no task measures http/error-rate of `version 0`, `version 1`",
        ),
        (
            format!("{load}{two}"),
            "prometheus/up <= 1",
            "no task measures prometheus/up of `default`",
        ),
        (
            format!("{compared}{}", read("")),
            "http/error-rate <= 1%",
            "no task measures http/error-rate of `default`",
        ),
        (
            format!("{load}{}", read("")),
            "prometheus/up <= 1.1x base",
            "there is no baseline to compare with",
        ),
        (
            format!("{compared}{other}"),
            "prometheus/up <= 1.1x base",
            "there is no baseline to compare with",
        ),
    ] {
        let judged = format!("spec:\n{tasks}- task: assess\n  with: {{objectives: ['{objective}']}}\n");
        App::with(&judged).run(&["validate"]).exits(2).says(says);
        // What only warns makes no run invalid.
        let warned = format!(
            "spec:\n{tasks}- task: assess\n  with: {{objectives: [{{objective: '{objective}', warn: true}}]}}\n"
        );
        let code = if objective.ends_with("base") { 2 } else { 0 };
        App::with(&warned).run(&["validate"]).exits(code);
    }
    for (tasks, objective) in [
        (format!("{load}{}", read("")), "prometheus/up <= 1"),
        (format!("{compared}{same}"), "prometheus/up <= 1.1x base"),
        (format!("{compared}{same}"), "http/latency-p95 <= 1.1x base"),
        (format!("{compared}{other}"), "http/error-rate <= 1%"),
    ] {
        let text = format!("spec:\n{tasks}- task: assess\n  with: {{objectives: ['{objective}']}}\n");
        App::with(&text).run(&["validate"]).exits(0);
    }
    // Files of Iter8 run as they did, to the same end.
    let old = format!(
        "spec:\n{load}{two}- task: assess\n  with: {{SLOs: {{upper: [{{metric: http/error-rate, limit: 0}}]}}}}\nresult: {{iter8Version: v0.13}}\n"
    );
    App::with(&old)
        .run(&["validate"])
        .exits(0)
        .says("no task measures http/error-rate of `version 0`");
}

#[test]
fn a_search_that_failed_in_part_is_not_trusted() {
    let body = r#"{"timed_out":false,"_shards":{"total":5,"failed":1},"aggregations":{"a":{"value":3}}}"#;
    let row = Row {
        body,
        program: ".aggregations.a.value",
        ..ROWS[0]
    };
    let server = Server::new(move |_| Answer::status(200).body(body));
    let output = app(&row, &server, true).run(&["run"]);
    output.exits(5).says("the provider warns: 1 of 5 shards failed");
}

#[test]
fn a_limit_with_a_unit_is_not_held_against_a_number_in_another() {
    let server = Server::new(|_| {
        Answer::status(200).body(
            r#"{"status":"success","data":{"resultType":"vector","result":[{"metric":{},"value":[1,"42"]}]}}"#,
        )
    });
    let run = |query: &str, objective: &str| {
        let text = format!(
            "spec:\n- task: custommetrics\n  with: {{prometheus: {{url: '{}', provider: shop, queries: {{m: {query}}}}}}}\n- task: assess\n  with: {{objectives: ['{objective}']}}\n",
            server.url("")
        );
        App::with(&text).run(&["run"])
    };
    run("{query: up, unit: percent}", "shop/m >= 99%")
        .exits(1)
        .says("is 42 %, the limit is at least 99 %");
    run("{query: up, unit: percent}", "shop/m >= 40%").exits(0);
    run("{query: up, unit: percent}", "shop/m >= 40").exits(0);
    run("{query: up, unit: s}", "shop/m <= 1s").exits(1);
    run("{query: up, unit: ms}", "shop/m <= 1s").exits(0);
    run("up", "shop/m >= 99%")
        .exits(5)
        .says("42 without a unit is no share");
    let asked = server.requests();
    run("up", "shop/m <= 250ms").exits(2).says("the metric has none");
    run("{query: up, unit: EUR}", "shop/m <= 1%")
        .exits(2)
        .says("which is `EUR`");
    assert_eq!(server.requests(), asked);
}

#[test]
fn a_template_that_is_fetched_may_bring_a_unit_that_does_not_fit() {
    let server = Server::new(|seen| match seen.path.as_str() {
        "/db.tpl" => Answer::status(200)
            .body("url: {{ .url }}/q\nmetrics:\n- {name: m, units: EUR, jqExpression: .n}\n"),
        _ => Answer::status(200).body("{\"n\": 1}"),
    });
    let text = "spec:\n- task: custommetrics\n  with: {templates: {db: URL/db.tpl}, values: {url: 'URL'}}\n- task: assess\n  with: {objectives: [db/m <= 250ms]}\n";
    let output = App::with(&text.replace("URL", &server.url(""))).run(&["run"]);
    output.exits(5).says("which is `EUR`");
}

#[test]
fn an_error_under_status_200_is_an_error_whatever_the_expression_makes_of_it() {
    for (body, said) in [
        (r#"{"error": "NRQL Syntax Error"}"#, "NRQL Syntax Error"),
        (
            r#"{"data": {"nrql": null}, "errors": [{"message": "timeout"}]}"#,
            "timeout",
        ),
    ] {
        let server = Server::new(move |_| Answer::status(200).body(body));
        let template = "url: URL/q\nmetrics:\n- {name: errors, jqExpression: '.count // 0'}\n";
        let text = "spec:\n- task: custommetrics\n  with: {templates: {db: db.tpl}}\n- task: assess\n  with: {objectives: [db/errors <= 0]}\n";
        let app = App::with(text).file("db.tpl", template.replace("URL", &server.url("")));
        app.run(&["run"])
            .exits(3)
            .says(&format!("the provider says: {said}"));
    }
    // What only is called so is a value.
    let server = Server::new(|_| Answer::status(200).body(r#"{"error": 0, "errors": []}"#));
    let template = "url: URL/q\nmetrics:\n- {name: errors, jqExpression: .error}\n";
    let text = "spec:\n- task: custommetrics\n  with: {templates: {db: db.tpl}}\n- task: assess\n  with: {objectives: [db/errors <= 0]}\n";
    App::with(text)
        .file("db.tpl", template.replace("URL", &server.url("")))
        .run(&["run"])
        .exits(0);
}
