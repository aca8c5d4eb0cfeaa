//! Metrics from providers: what is asked, for which version and window, and where the values are seen.

use serde_json::Value;

use crate::support::{Answer, App, Server};

/// A template as Iter8's users have them: it counts orders, and says how it was asked.
const SHOP: &str = "\
url: {{ .url }}/db/{{ .database }}
provider: shop
method: {{ default \"GET\" .method }}
headers:
  x-key: {{ default \"none\" .key | quote }}
metrics:
- name: orders
  type: counter
  description: number of orders
  params:
  - {name: query, value: 'orders of {{ .app }} & co'}
  - {name: seconds, value: '{{ .elapsedTimeSeconds }}'}
  jqExpression: .orders.count | tonumber
- name: basket
  type: gauge
  description: mean basket
  units: EUR
  params: [{name: q, value: basket}]
  jqExpression: .values | add / length
";

/// A database that answers, and a place where the template is.
fn database() -> Server {
    Server::new(|seen| match seen.path.as_str() {
        "/shop.tpl" => Answer::status(200).body(SHOP),
        _ if seen.path.starts_with("/db/broken") => Answer::status(200).body("{}"),
        _ if seen.path.starts_with("/db/slow") => {
            Answer::status(200).body(r#"{"orders":{"count":"7"},"values":[10,50]}"#)
        }
        _ => Answer::status(200).body(r#"{"orders":{"count":"3"},"values":[10,20,30]}"#),
    })
}

fn run(server: &Server, experiment: &str) -> (App, crate::support::Output) {
    let app = App::with(&experiment.replace("URL", &server.url("")));
    let output = app.run(&["run", "--reports", "text,json,csv,junit,openmetrics"]);
    (app, output)
}

/// The parameter of a query.
fn parameter(path: &str, name: &str) -> String {
    let url = url::Url::parse(&format!("http://x{path}")).expect("a URL");
    let found = url.query_pairs().find(|(key, _)| key == name);
    found.map(|(_, value)| value.into_owned()).unwrap_or_default()
}

#[test]
fn a_template_is_asked_for_each_version_and_judged() {
    let server = database();
    let (app, output) = run(
        &server,
        "spec:\n- task: custommetrics\n  with:\n    templates: {shop: URL/shop.tpl}\n    values: {url: 'URL', database: hello, app: none}\n    versionValues:\n    - {name: stable, app: one, key: k1}\n    - {name: canary, app: two, database: slow}\n- task: assess\n  with:\n    SLOs:\n      upper: [{metric: shop/basket, limit: 25}]\n      lower: [{metric: shop/orders, limit: 1}]\n- run: 'echo more than three'\n  if: Result.Insights.NonHistMetricValues[1][\"shop/orders\"][0] == 7\n",
    );
    // The basket of one version is 20, that of the other 30.
    output
        .exits(1)
        .says("shop/basket of canary is 30, the limit is 25");
    let asked: Vec<_> = server
        .seen()
        .into_iter()
        .filter(|seen| seen.path.contains("query="))
        .collect();
    assert_eq!(asked.len(), 2);
    let of = |app: &str| {
        let wanted = format!("orders of {app} & co");
        asked
            .iter()
            .find(|seen| parameter(&seen.path, "query") == wanted)
            .expect(app)
    };
    assert_eq!(of("one").header("x-key"), "k1");
    // What one version adds, the next does not have.
    assert_eq!(of("two").header("x-key"), "none");
    assert_eq!(of("one").header("content-type"), "application/json;charset=utf-8");
    assert!(of("two").path.starts_with("/db/slow"));
    let result = app.result();
    let versions = result["insights"]["versions"]
        .as_array()
        .expect("versions")
        .clone();
    assert_eq!(versions[0]["name"], "stable");
    assert_eq!(versions[0]["values"]["shop/orders"]["value"], 3.0);
    assert_eq!(versions[1]["values"]["shop/basket"]["value"], 30.0);
    assert_eq!(versions[1]["values"]["shop/basket"]["unit"], "EUR");
    assert_eq!(versions[1]["values"]["shop/basket"]["description"], "mean basket");
}

#[test]
fn values_stand_in_all_reports_with_unit_and_meaning() {
    let server = database();
    let (app, output) = run(
        &server,
        "spec:\n- task: custommetrics\n  with:\n    templates: {shop: URL/shop.tpl}\n    values: {url: 'URL', database: hello, app: one}\n- task: assess\n  with: {objectives: [shop/basket <= 20]}\n",
    );
    output
        .exits(0)
        .says("shop/basket")
        .says("EUR")
        .says("mean basket");
    for (file, has_unit) in [
        ("report.md", true),
        ("report.html", true),
        ("report.txt", true),
        ("report.json", true),
        ("report.csv", true),
        ("junit.xml", false),
        ("metrics.txt", false),
    ] {
        let report = app.read(&format!("iter8-results/{file}"));
        assert!(report.contains("shop/basket"), "{file}");
        assert!(!has_unit || report.contains("EUR"), "{file}");
    }
    let report = app.read("iter8-results/report.md");
    assert!(
        report.matches("EUR").count() >= 3,
        "value and limit of the objective: {report}"
    );
}

#[test]
fn the_window_begins_where_it_is_told_and_is_never_empty() {
    let server = database();
    let seconds = |values: &str| {
        let before = server.requests();
        let text = format!(
            "spec:\n- task: custommetrics\n  with:\n    templates: {{shop: URL/shop.tpl}}\n    values: {{url: 'URL', database: hello, app: one{values}}}\n"
        );
        run(&server, &text).1.exits(0);
        let seen = server.seen().split_off(before);
        let asked = seen
            .iter()
            .find(|seen| seen.path.contains("seconds="))
            .expect("a query");
        parameter(&asked.path, "seconds")
            .parse::<i64>()
            .expect("whole seconds")
    };
    let at = |ago: i64| {
        jiff::Timestamp::now()
            .checked_sub(jiff::SignedDuration::from_secs(ago))
            .expect("a time")
    };
    let since = seconds(&format!(", startingTime: '{}'", at(90)));
    assert!((90..120).contains(&since), "{since}");
    // In the first second of a run Iter8 asked for a window of 0 s, which is an error to Prometheus.
    assert!((1..20).contains(&seconds("")));
    assert!((1..20).contains(&seconds(&format!(", startingTime: '{}'", at(0)))));
}

#[test]
fn a_thousand_metrics_take_eight_connections_at_most() {
    let server = Server::new(|seen| {
        if seen.path == "/many.tpl" {
            return Answer::status(200).body("url: {{ .url }}/db\nmetrics:\n{{- range until 1000 }}\n- name: m{{ . }}\n  params: [{name: n, value: '{{ . }}'}]\n  jqExpression: .n | tonumber\n{{- end }}\n");
        }
        let number = parameter(&seen.path, "n");
        Answer::status(200).body(format!("{{\"n\":\"{number}\"}}"))
    });
    let (app, output) = run(
        &server,
        "spec:\n- task: custommetrics\n  with:\n    templates: {many: URL/many.tpl}\n    values: {url: 'URL'}\n- task: assess\n  with: {objectives: [many/m999 >= 999]}\n",
    );
    output.exits(0);
    assert_eq!(server.requests(), 1001);
    assert!(server.connections() <= 9, "{}", server.connections());
    let values = app.result()["insights"]["versions"][0]["values"].clone();
    assert_eq!(values.as_object().expect("values").len(), 1000);
    assert_eq!(values["many/m500"]["value"], 500.0);
}

#[test]
fn the_forms_before_0_11_are_read() {
    let server = database();
    let spec = SHOP
        .replace("URL", &server.url(""))
        .replace("provider: shop", "provider: store");
    let experiment = |with: &str| {
        let text = "spec:\n- task: custommetrics\n  with:\n    WITH\n    versionInfo:\n    - {url: 'URL', database: hello, app: hello, startingTime: 'May 1, 2023 at 10:04am (UTC)'}\n    - {url: 'URL', database: slow, app: world}\n- task: assess\n  with: {objectives: [store/basket <= 40]}\n";
        text.replace("URL", &server.url("")).replace("WITH", with)
    };
    for with in ["providers: [shop]", "timeout: 5s"] {
        let app = App::with(&experiment(with)).file("shop.metrics.yaml", &spec);
        app.run(&["run"]).exits(0);
        let versions = app.result()["insights"]["versions"].clone();
        assert_eq!(versions[0]["name"], "version 0", "{with}");
        assert_eq!(versions[1]["values"]["store/orders"]["value"], 7.0, "{with}");
    }
    let missing = App::with(&experiment("providers: [shop]"));
    missing.run(&["validate"]).exits(2).says("shop.metrics.yaml");
}

#[test]
fn prometheus_is_asked_without_a_template() {
    let server = Server::new(|seen| {
        let query = parameter(&seen.path, "query");
        let result = match query.as_str() {
            "none" => "[]",
            "many" => {
                r#"[{"metric":{"code":"200"},"value":[1,"1"]},{"metric":{"code":"503"},"value":[1,"2"]}]"#
            }
            _ => r#"[{"metric":{},"value":[1,"0.005"]}]"#,
        };
        Answer::status(200).body(format!(
            r#"{{"status":"success","data":{{"resultType":"vector","result":{result}}}}}"#
        ))
    });
    let ask = |query: &str, more: &str, objective: &str| {
        let text = format!(
            "spec:\n- task: custommetrics\n  with:\n    values: {{app: shop}}\n    prometheus:\n      url: URL\n      provider: istio\n      bearerToken: ${{PROM_TOKEN}}\n{more}      queries:\n        error-rate: {{query: '{query}', unit: fraction, description: failed}}\n- task: assess\n  with: {{objectives: ['{objective}']}}\n"
        );
        let app = App::with(&text.replace("URL", &server.url(""))).env("PROM_TOKEN", "prom-token-77");
        app.run(&["run"])
    };
    let rate = "sum(rate(errors{app=\"{{ .app }}\"}[$window]))";
    ask(rate, "      window: 2m\n", "istio/error-rate <= 1%").exits(0);
    ask(rate, "      window: 2m\n", "istio/error-rate <= 0.1%").exits(1);
    let seen = server.seen();
    assert_eq!(
        parameter(&seen[0].path, "query"),
        "sum(rate(errors{app=\"shop\"}[120000ms]))"
    );
    assert!(seen[0].path.starts_with("/api/v1/query?"));
    assert_eq!(seen[0].header("authorization"), "Bearer prom-token-77");
    ask("none", "", "istio/error-rate <= 1%")
        .exits(5)
        .says("empty result");
    let many = ask("many", "", "istio/error-rate <= 1%");
    many.exits(3)
        .says("2 series, such as {code=\"200\"}")
        .says("sum(");
    ask("x", "", "istio/eror-rate <= 1%")
        .exits(2)
        .says("did you mean `istio/error-rate`?");
}

#[test]
fn keys_of_providers_are_masked_everywhere() {
    let key = "nrql-key-4711aa";
    let server = Server::new(move |_| Answer::status(403).body(format!("no such key: {key}")));
    let template = "url: {{ .url }}/q?key={{ .key }}\nheaders: {x-key: '{{ .key }}'}\nmetrics:\n- {name: a, jqExpression: .a}\n";
    let text = "spec:\n- task: custommetrics\n  with:\n    templates: {db: db.tpl}\n    values: {url: 'URL', key: '${KEY}'}\n";
    let app = App::with(&text.replace("URL", &server.url("")))
        .file("db.tpl", template)
        .env("KEY", key);
    let output = app.run(&["run", "-l", "trace", "--reports", "text,json"]);
    output
        .exits(3)
        .says("403")
        .says("no such key: ***")
        .says("check the token");
    assert_eq!(server.seen()[0].header("x-key"), key);
    assert!(!output.has(key), "{output}");
    for file in ["result.json", "report.md", "report.html", "report.txt"] {
        assert!(
            !app.read(&format!("iter8-results/{file}")).contains(key),
            "{file}"
        );
    }
}

#[test]
fn secrets_among_values_are_masked_though_they_are_written_out() {
    let server = Server::new(|_| Answer::status(200).body("{\"n\": 1}"));
    let template = "url: {{ .url }}/q\nheaders: {x-query-key: '{{ .db.queryKey }}', authorization: 'Basic {{ printf \"%s:%s\" .user .password | b64enc }}'}\nmetrics:\n- {name: a, jqExpression: .n}\n";
    let text = "spec:\n- task: custommetrics\n  with:\n    templates: {db: db.tpl}\n    values: {url: 'URL', user: elastic, password: ElasticPw1234, db: {queryKey: NRIQ-LITERAL-123}, api_token: unread-7788}\n";
    let app = App::with(&text.replace("URL", &server.url(""))).file("db.tpl", template);
    let output = app.run(&["run", "-l", "trace", "--reports", "text,json"]);
    output.exits(0).says("no template reads the value `api_token`");
    assert_eq!(server.seen()[0].header("x-query-key"), "NRIQ-LITERAL-123");
    for secret in ["ElasticPw1234", "NRIQ-LITERAL-123", "unread-7788"] {
        assert!(!output.has(secret), "{output}");
        for file in ["result.json", "report.md", "report.html", "report.txt"] {
            let text = app.read(&format!("iter8-results/{file}"));
            assert!(!text.contains(secret), "{secret} in {file}");
        }
    }
}

#[test]
fn one_version_joins_the_version_of_a_load() {
    let server = database();
    let (app, output) = run(
        &server,
        "spec:\n- task: http\n  with: {url: 'URL/', numRequests: 5, qps: 100}\n- task: custommetrics\n  with:\n    templates: {shop: URL/shop.tpl}\n    values: {url: 'URL', database: hello, app: one}\n- task: assess\n  with: {objectives: [http/error-rate <= 1%, shop/orders >= 3]}\n",
    );
    output.exits(0);
    let versions: Vec<Value> = app.result()["insights"]["versions"]
        .as_array()
        .expect("versions")
        .clone();
    assert_eq!(versions.len(), 1);
    assert_eq!(versions[0]["values"]["shop/orders"]["value"], 3.0);
}

#[test]
fn an_empty_answer_does_not_leave_the_answer_of_the_loop_before() {
    let server = Server::new(|seen| {
        let values = if seen.number == 0 { "[1]" } else { "[]" };
        Answer::status(200).body(format!("{{\"values\":{values}}}"))
    });
    let template = "{url: 'URL/', provider: db, method: GET, metrics: [{name: errors, type: gauge, jqExpression: '.values[0]'}]}";
    let app = App::with(
        "loop: {times: 2}\nspec:\n- task: custommetrics\n  with: {templates: {db: db.tpl}}\n- task: assess\n  with: {objectives: [db/errors <= 5]}\n",
    )
    .file("db.tpl", template.replace("URL", &server.url("")));
    app.run(&["run"]).exits(5).says("db/errors");
    let version = &app.result()["insights"]["versions"][0];
    assert_eq!(version["absent"][0], "db/errors");
}

#[test]
fn a_value_that_no_template_reads_is_found_before_anything_is_sent() {
    let template = "url: http://127.0.0.1:1/q\nmetrics:\n- name: up\n  params: [{name: q, value: 'up{ {{- range $k, $v := .labels }}{{ $k }}={{ $v | quote }},{{ end -}} }'}]\n  jqExpression: .n\n";
    let check = |values: &str| {
        let text = format!(
            "spec:\n- task: custommetrics\n  with: {{templates: {{db: db.tpl}}, values: {{{values}}}, versionValues: [{{name: one}}]}}\n"
        );
        App::with(&text).file("db.tpl", template).run(&["validate"])
    };
    // Without its labels the query would be about everything.
    check("lables: {app: shop}")
        .exits(2)
        .says("no template reads the value `lables`")
        .says("did you mean `labels`?");
    check("labels: {app: shop}, team: cart")
        .exits(0)
        .says("no template reads the value `team`");
    let output = check("labels: {app: shop}, startingTime: '2023-05-01T10:04:00Z'");
    output.exits(0);
    assert!(!output.has("no template reads"), "{output}");
}

#[test]
fn the_name_of_a_version_is_no_secret() {
    let server = database();
    let text = "spec:\n- task: custommetrics\n  with:\n    templates: {shop: URL/shop.tpl}\n    values: {url: 'URL', database: hello, key: '${KEY}'}\n    versionValues:\n    - {app: '${OLD}', name: '${OLD}'}\n    - {name: '${NEW}', app: '${NEW}'}\n- task: assess\n  with: {objectives: [shop/basket <= 10]}\n";
    let app = App::with(&text.replace("URL", &server.url("")))
        .env("KEY", "key-of-the-shop-77")
        .env("OLD", "checkout-stable")
        .env("NEW", "checkout-canary");
    let output = app.run(&["run", "-l", "trace"]);
    output.exits(1).says("checkout-stable").says("checkout-canary");
    assert!(!output.has("key-of-the-shop-77"), "{output}");
    let report = app.read("iter8-results/report.md");
    assert!(
        report.contains("checkout-stable") && report.contains("checkout-canary"),
        "{report}"
    );
}
