//! ghz beside this program, on the same server and with the same file: what arrives is the same, and so are the counts.

use std::collections::BTreeMap;

use serde_json::{Value, json};

use crate::support::{ADDRESS_PROTO, App, Call, Grpc, Known, Reply, SHOP_PROTO, measured, metric};

/// Keys that both read.
struct Row {
    name: &'static str,
    keys: Value,
    reply: fn(&Call) -> Reply,
}

fn rows() -> Vec<Row> {
    let fails = |call: &Call| match call.number % 5 {
        0 => Reply::status(14, "closed"),
        1 => Reply::trailers_only(5, "none"),
        _ => Reply::ok(),
    };
    let row = |name, keys| Row {
        name,
        keys,
        reply: |_| Reply::ok(),
    };
    vec![
        row(
            "plain",
            json!({"total": 200, "concurrency": 10, "data": {"item": "a"}}),
        ),
        row(
            "connections",
            json!({"total": 200, "concurrency": 10, "connections": 5, "data": {"item": "a"}}),
        ),
        row(
            "paced",
            json!({"total": 100, "rps": 200, "concurrency": 5, "data": {"item": "a"}}),
        ),
        row(
            "elements in turn",
            json!({"total": 9, "concurrency": 1, "data": [{"item": "a"}, {"item": "b"}]}),
        ),
        row(
            "templates",
            json!({"total": 50, "concurrency": 5, "data": {"item": "n{{.RequestNumber}} {{.MethodName}}"},
                   "metadata": {"x-user": "u{{.RequestNumber}}"}}),
        ),
        row(
            "metadata",
            json!({"total": 20, "concurrency": 2, "metadata": {"x-user": "ann", "token-bin": "AP8B"}, "authority": "shop.example"}),
        ),
        row(
            "compression",
            json!({"total": 20, "concurrency": 2, "enable-compression": true, "data": {"item": "a"}}),
        ),
        Row {
            name: "errors",
            keys: json!({"total": 100, "concurrency": 4, "data": {"item": "a"}}),
            reply: fails,
        },
        row(
            "from the server",
            json!({"call": "shop.v1.Shop/Watch", "total": 20, "concurrency": 4, "data": {"amount": 7}}),
        ),
        row(
            "to the server",
            json!({"call": "shop.v1.Shop/Upload", "total": 20, "concurrency": 4, "data": [{"item": "a"}, {"item": "b"}]}),
        ),
        row(
            "to the server, counted",
            json!({"call": "shop.v1.Shop/Upload", "total": 10, "concurrency": 2, "stream-call-count": 5,
                   "data": [{"item": "a"}, {"item": "b"}]}),
        ),
        row(
            "both ways",
            json!({"call": "shop.v1.Shop/Chat", "total": 20, "concurrency": 4, "data": [{"item": "a"}, {"item": "b"}]}),
        ),
        row(
            "by reflection",
            json!({"total": 20, "concurrency": 2, "proto": null}),
        ),
        row(
            "by protoset",
            json!({"total": 20, "concurrency": 2, "proto": null, "protoset": "shop.protoset"}),
        ),
        row(
            "skipped at first",
            json!({"total": 40, "concurrency": 1, "skipFirst": 10}),
        ),
        row(
            "every kind of field",
            json!({"total": 5, "concurrency": 1, "data": {
            "item": "ü", "amount": -1, "cents": "9007199254740993", "note": "AP8=", "size": "LARGE",
            "address": {"zip": 3}, "stock": {"a": 1}, "tags": ["x"], "account": "5", "nick": "n",
            "at": "2026-11-22T10:00:00Z", "wait": "1.5s", "weight": 1.5, "gift": true, "giftNote": ""}}),
        ),
    ]
}

/// What makes two calls the same, whatever their order and what each client says of itself.
fn essence(call: &Call) -> String {
    let mut headers: Vec<String> = call
        .headers
        .iter()
        .filter(|(name, _)| {
            ![
                "user-agent",
                "grpc-timeout",
                "grpc-accept-encoding",
                "content-length",
            ]
            .contains(&name.as_str())
        })
        .map(|(name, value)| {
            format!(
                "{name}: {}",
                String::from_utf8_lossy(value.as_bytes()).trim_end_matches('=')
            )
        })
        .collect();
    headers.sort();
    let authority = if call.authority.starts_with("127.") {
        ""
    } else {
        &call.authority
    };
    format!(
        "{} {authority} {headers:?} {:?} {}",
        call.path, call.messages, call.compressed
    )
}

fn essences(server: &Grpc) -> BTreeMap<String, usize> {
    let mut all = BTreeMap::new();
    for call in server.calls() {
        *all.entry(essence(&call)).or_default() += 1;
    }
    all
}

fn files() -> App {
    App::new()
        .file("shop.proto", SHOP_PROTO)
        .file("shop/address.proto", ADDRESS_PROTO)
        .file("shop.protoset", crate::support::protoset())
}

/// Codes by ghz's names, which are those of Go.
fn codes(of_ghz: &Value) -> BTreeMap<String, u64> {
    let codes = of_ghz["statusCodeDistribution"].as_object().expect("codes");
    let number = |name: &str| match name {
        "OK" => "0",
        "NotFound" => "5",
        "Unavailable" => "14",
        other => panic!("not expected: {other}"),
    };
    codes
        .iter()
        .map(|(name, count)| (number(name).to_owned(), count.as_u64().expect("a number")))
        .collect()
}

#[test]
#[expect(clippy::print_stdout, reason = "distributions are shown, and never judged")]
fn the_same_file_makes_the_same_calls_and_the_same_counts() {
    let Some(known) = Known::here() else { return };
    for row in rows() {
        let (ours, theirs) = (
            Grpc::answering(row.reply).start(),
            Grpc::answering(row.reply).start(),
        );
        let mut keys =
            json!({"call": "shop.v1.Shop/Quote", "proto": "shop.proto", "insecure": true, "timeout": "10s"});
        let all = keys.as_object_mut().expect("an object");
        for (name, value) in row.keys.as_object().expect("an object") {
            all.insert(name.clone(), value.clone());
        }
        all.retain(|_, value| !value.is_null());

        let mut app = files();
        let path = |app: &App, name: &str| app.path(name).display().to_string();
        let (config, proto, set) = (
            path(&app, "ghz.json"),
            path(&app, "shop.proto"),
            path(&app, "shop.protoset"),
        );
        let mut of_ghz = keys.clone();
        of_ghz["host"] = theirs.host().into();
        for (key, path) in [("proto", proto), ("protoset", set)] {
            if of_ghz.get(key).is_some() {
                of_ghz[key] = path.into();
            }
        }
        app = app.file("ghz.json", of_ghz.to_string());
        let (done, text) = known.run("ghz", &["--config", &config, "-O", "json"]);
        assert!(done, "{}: {text}", row.name);
        let reported: Value = serde_json::from_str(&text).unwrap_or_else(|error| panic!("{error}: {text}"));

        keys["host"] = ours.host().into();
        app = app.file(
            "experiment.yaml",
            json!({"spec": [{"task": "grpc", "with": keys}]}).to_string(),
        );
        let output = app.run(&["run"]);
        output.exits(0);
        let measured = measured(&app);
        assert_eq!(measured["requests"], reported["count"], "{}: {output}", row.name);
        let statuses: BTreeMap<String, u64> =
            serde_json::from_value(measured["statuses"].clone()).expect("codes and counts");
        assert_eq!(statuses, codes(&reported), "{}", row.name);
        assert_eq!(essences(&ours), essences(&theirs), "{}", row.name);
        assert_eq!(ours.connections(), theirs.connections(), "{}", row.name);

        let ms = |of: &Value| of.as_f64().unwrap_or_default() / 1e6;
        let percentile = |at: u64| {
            let found = reported["latencyDistribution"]
                .as_array()?
                .iter()
                .find(|row| row["percentage"] == at)?;
            Some(ms(&found["latency"]))
        };
        println!(
            "{}: mean, p50, p95, p99 in ms: ghz {:.2} {:.2?} {:.2?} {:.2?}, iter8 {:.2} {:.2} {:.2} {:.2}",
            row.name,
            ms(&reported["average"]),
            percentile(50),
            percentile(95),
            percentile(99),
            metric(&app, "grpc/service-time-mean"),
            metric(&app, "grpc/service-time-p50"),
            metric(&app, "grpc/service-time-p95"),
            metric(&app, "grpc/service-time-p99"),
        );
    }
}
