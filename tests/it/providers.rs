//! The templates under `examples/providers` against servers that speak the formats of New Relic, Sysdig and Elasticsearch.

use serde_json::{Value, json};

use crate::support::{Answer, App, Output, Seen, Server};

fn template(name: &str) -> String {
    let path = format!("{}/examples/providers/{name}.tpl", env!("CARGO_MANIFEST_DIR"));
    std::fs::read_to_string(&path).unwrap_or_else(|error| panic!("{path}: {error}"))
}

fn run(name: &str, values: &str, objectives: &str, server: &Server) -> Output {
    let text = format!(
        "spec:\n- task: custommetrics\n  with:\n    templates: {{{name}: {name}.tpl}}\n    values: {{{values}}}\n- task: assess\n  with: {{objectives: [{objectives}]}}\n"
    );
    let app = App::with(&text.replace("ADDR", &server.url("")))
        .file(&format!("{name}.tpl"), template(name))
        .env("KEY", "key-of-the-provider");
    app.run(&["validate"]).exits(0);
    app.run(&["run"])
}

fn nrql(seen: &Seen) -> String {
    let url = url::Url::parse(&format!("http://x{}", seen.path)).expect("a URL");
    url.query_pairs()
        .find(|(key, _)| key == "nrql")
        .map(|(_, value)| value.into_owned())
        .expect("NRQL")
}

#[test]
fn new_relic() {
    let server = Server::new(|seen| {
        if seen.header("x-query-key") != "key-of-the-provider" {
            return Answer::status(403).body(r#"{"error":"Invalid query key"}"#);
        }
        let result = match nrql(seen) {
            query if query.contains("percentage") => json!({ "result": 2.5 }),
            query if query.contains("average") => json!({ "average": 0.125 }),
            _ => json!({ "count": 480 }),
        };
        Answer::status(200).body(json!({ "results": [result], "metadata": { "contents": [] } }).to_string())
    });
    let values = "newRelicURL: 'ADDR', accountID: '42', app: shop, queryKey: '${KEY}'";
    run(
        "newrelic",
        values,
        "newrelic/error-rate <= 0.025, newrelic/latency-mean <= 125, newrelic/request-count >= 480",
        &server,
    )
    .exits(0);
    let seen = server.seen();
    assert_eq!(seen.len(), 3);
    assert!(seen[0].path.starts_with("/v1/accounts/42/query?"));
    let query = seen
        .iter()
        .map(nrql)
        .find(|query| query.contains("count(*) FROM"))
        .expect("a count");
    assert!(
        query.starts_with("SELECT count(*) FROM Transaction WHERE appName = 'shop' SINCE ")
            && query.ends_with(" seconds ago"),
        "{query}"
    );
    let values = "newRelicURL: 'ADDR', accountID: '42', app: shop, queryKey: wrong-key-1";
    run("newrelic", values, "newrelic/error-rate <= 0.1", &server)
        .exits(3)
        .says("status 403")
        .says("Invalid query key");
}

#[test]
fn sysdig() {
    let server = Server::new(|seen| {
        if seen.method != "POST" || seen.header("authorization") != "Bearer key-of-the-provider" {
            return Answer::status(401);
        }
        let asked: Value = serde_json::from_slice(&seen.body).expect("JSON");
        assert_eq!(asked["filter"], "kubernetes.pod.label.app = 'shop'");
        assert!(asked["last"].as_i64().is_some_and(|seconds| seconds >= 1));
        let value = if asked["metrics"][0]["id"] == "cpu.cores.used" {
            0.25
        } else {
            1_000_000.0
        };
        Answer::status(200)
            .body(json!({ "data": [{ "t": 1_582_756_200, "d": [value] }], "start": 1, "end": 2 }).to_string())
    });
    let values = "sysdigURL: 'ADDR', app: shop, token: '${KEY}'";
    run(
        "sysdig",
        values,
        "sysdig/cpu-cores <= 0.25, sysdig/memory-bytes <= 1000000",
        &server,
    )
    .exits(0);
    run("sysdig", values, "sysdig/cpu-cores <= 0.2", &server).exits(1);
}

#[test]
fn elastic() {
    let server = Server::new(|seen| {
        // Basic authentication of `reader:key-of-the-provider`.
        if seen.path != "/sales/_search"
            || seen.header("authorization") != "Basic cmVhZGVyOmtleS1vZi10aGUtcHJvdmlkZXI="
        {
            return Answer::status(401).body(r#"{"error":{"type":"security_exception"},"status":401}"#);
        }
        let asked: Value = serde_json::from_slice(&seen.body).expect("JSON");
        assert_eq!(asked["query"]["bool"]["filter"][0]["term"]["app"], "shop");
        let since = asked["query"]["bool"]["filter"][1]["range"]["@timestamp"]["gte"]
            .as_str()
            .expect("a start")
            .to_owned();
        assert!(since.starts_with("now-") && since.ends_with('s'), "{since}");
        Answer::status(200).body(
            json!({ "took": 1, "hits": { "total": { "value": 12, "relation": "eq" } }, "aggregations": { "sales": { "value": 23.5 } } })
                .to_string(),
        )
    });
    let values = "elasticURL: 'ADDR', index: sales, app: shop, user: reader, password: '${KEY}'";
    run(
        "elastic",
        values,
        "elastic/sales-mean >= 23.5, elastic/sales-count >= 12",
        &server,
    )
    .exits(0);
}
