//! From JSON to messages: what is taken, and what is refused with the place where it is wrong.

use serde_json::{Value, json};

use crate::support::{ADDRESS_PROTO, App, Call, Grpc, Reflection, Reply, SHOP_PROTO, each, judged_calls};

/// JSON, and what the server reads.
fn taken() -> Vec<(&'static str, Value, Value)> {
    let same = |name, value: Value| (name, value.clone(), value);
    vec![
        same(
            "every plain kind",
            json!({"item": "ü", "amount": -3, "gift": true, "weight": 1.5}),
        ),
        same(
            "64 bits as text",
            json!({"cents": "9007199254740993", "account": "18446744073709551615"}),
        ),
        (
            "64 bits as a number",
            json!({"cents": 12}),
            json!({"cents": "12"}),
        ),
        same("an enum by name", json!({"size": "LARGE"})),
        ("an enum by number", json!({"size": 2}), json!({"size": "LARGE"})),
        same("bytes", json!({"note": "aGVsbG8="})),
        ("bytes for URLs", json!({"note": "_-8"}), json!({"note": "/+8="})),
        same(
            "a message in it",
            json!({"address": {"street": "Main", "zip": 12}}),
        ),
        same("a map", json!({"stock": {"a": 1, "b": 2}})),
        same(
            "a list",
            json!({"tags": ["x", "y"], "parts": [{"item": "a"}, {"item": "b"}]}),
        ),
        same("one of", json!({"card": "visa"})),
        same("a wrapper", json!({"nick": ""})),
        same("a time", json!({"at": "2026-11-22T10:00:00Z"})),
        ("a duration", json!({"wait": "1.5s"}), json!({"wait": "1.500s"})),
        same(
            "any",
            json!({"extra": {"@type": "type.googleapis.com/shop.v1.Address", "street": "Main"}}),
        ),
        (
            "anything",
            json!({"free": {"a": [1, "b", null]}}),
            json!({"free": {"a": [1.0, "b", null]}}),
        ),
        same("given though empty", json!({"giftNote": ""})),
        (
            "names of the file",
            json!({"gift_note": "x"}),
            json!({"giftNote": "x"}),
        ),
        (
            "null is nothing",
            json!({"item": null, "address": null}),
            json!({}),
        ),
        (
            "numbers as text",
            json!({"amount": "7", "weight": "NaN"}),
            json!({"amount": 7, "weight": "NaN"}),
        ),
        ("whole floats", json!({"amount": 3.0}), json!({"amount": 3})),
    ]
}

#[test]
fn json_becomes_a_message_by_the_rules_of_proto3() {
    each(
        &taken(),
        |row| row.0,
        |(_, data, read)| {
            let server = Grpc::shop();
            let keys = format!("total: 2, concurrency: 1, timeout: 10s, data: {data}");
            let (_, _, output) = judged_calls(&server.host(), "Quote", &keys, &[]);
            output.exits(0);
            for call in server.calls() {
                assert_eq!(&call.messages[0], read);
            }
        },
    );
}

/// Data that does not fit, and what is said of it.
const REFUSED: &[(&str, &str, &[&str])] = &[
    (
        "an unknown field",
        r#"{"itme": "x"}"#,
        &["itme", "did you mean `item`"],
    ),
    (
        "deep",
        r#"{"address": {"zip": "north"}}"#,
        &[
            "$.address.zip",
            "expected a whole number of 32 bits, not \"north\"",
        ],
    ),
    (
        "an unknown field deep down",
        r#"{"address": {"zipp": 1}}"#,
        &["$.address", "did you mean `zip`"],
    ),
    (
        "in a list",
        r#"{"parts": [{}, {"amount": "x"}]}"#,
        &["$.parts[1].amount"],
    ),
    ("in a map", r#"{"stock": {"a": "many"}}"#, &["$.stock", "a"]),
    ("too large a number", r#"{"amount": 3000000000}"#, &["$.amount"]),
    ("a broken number", r#"{"amount": 1.5}"#, &["$.amount"]),
    ("an unknown name", r#"{"size": "HUGE"}"#, &["$.size", "HUGE"]),
    ("no base64", r#"{"note": "&&&"}"#, &["$.note"]),
    ("two of one", r#"{"card": "visa", "account": 3}"#, &["payment"]),
    ("a wrong kind", r#"{"item": 5}"#, &["$.item"]),
    ("no time", r#"{"at": "yesterday"}"#, &["$.at"]),
    (
        "text in place of a message",
        r#"{"address": "here"}"#,
        &["$.address"],
    ),
    (
        "no object",
        "\"text\"",
        &["expected an object with the fields of"],
    ),
];

#[test]
fn what_does_not_fit_is_told_with_its_path_before_anything_is_sent() {
    each(
        REFUSED,
        |row| row.0,
        |(name, data, says)| {
            let server = Grpc::shop();
            let yaml = data.replace('\'', "''");
            let (_, _, output) =
                judged_calls(&server.host(), "Quote", &format!("total: 2, data: '{yaml}'"), &[]);
            output.exits(3).says_all(says);
            assert!(server.calls().is_empty(), "{name}");

            let files = [
                ("shop.proto", SHOP_PROTO.as_bytes()),
                ("shop/address.proto", ADDRESS_PROTO.as_bytes()),
            ];
            let keys = format!("total: 2, data: '{yaml}', proto: shop.proto");
            let (_, _, output) = judged_calls(&server.host(), "Quote", &keys, &files);
            assert!(matches!(output.code, Some(2 | 3)), "{output}");
            output.says_all(says);
            assert!(server.calls().is_empty(), "{name}");
        },
    );
}

#[test]
fn json_that_is_none_is_told_with_its_line() {
    let server = Grpc::shop();
    let (_, _, output) = judged_calls(
        &server.host(),
        "Quote",
        "total: 2, data-file: data.json",
        &[("data.json", b"{\n  \"item\": \"x\",\n  \"amount\" 3\n}\n")],
    );
    assert!(matches!(output.code, Some(2 | 3)), "{output}");
    output.says("data-file").says("line 3");
    assert!(server.calls().is_empty());
}

#[test]
fn proto2_has_its_own_rules_and_is_called_too() {
    // Same numbers as `Order` has, so the server reads the same.
    let proto = r#"syntax = "proto2";
package shop.v1;
service Shop { rpc Quote(Request) returns (Request); }
message Request {
  required string item = 1;
  optional int32 amount = 2 [default = 7];
  repeated group Part = 20 { optional string name = 1; }
  extensions 100 to 199;
}
"#;
    let server = Grpc::answering(|_| Reply::ok())
        .reflecting(Reflection::Off)
        .start();
    let keys = "total: 3, concurrency: 1, proto: old.proto, data: {item: x, amount: 4}";
    let (_, _, output) = judged_calls(&server.host(), "Quote", keys, &[("old.proto", proto.as_bytes())]);
    output.exits(0);
    let read = |call: &Call| call.messages == [json!({"item": "x", "amount": 4})];
    assert!(server.calls().iter().all(read), "{:?}", server.calls());
    let keys = "total: 3, proto: old.proto, data: {amount: 4}";
    let (_, _, output) = judged_calls(&server.host(), "Quote", keys, &[("old.proto", proto.as_bytes())]);
    assert!(
        matches!(output.code, Some(2 | 3)),
        "a field that is required is missing: {output}"
    );
    output.says("item");
}

#[test]
fn validate_reads_the_descriptors_and_the_data_that_are_here() {
    let file = |keys: &str| {
        App::with(&format!(
            "spec:\n- task: grpc\n  with: {{host: '127.0.0.1:1', call: shop.v1.Shop/Quote, proto: shop.proto, {keys}}}\n"
        ))
        .file("shop.proto", SHOP_PROTO)
        .file("shop/address.proto", ADDRESS_PROTO)
    };
    file("data: {item: x}")
        .run(&["validate", "experiment.yaml"])
        .exits(0);
    file("data: {itme: x}")
        .run(&["validate", "experiment.yaml"])
        .exits(2)
        .says("did you mean `item`");
    file("load-schedule: line, load-start: 5, load-step: 5, duration: 10s")
        .run(&["validate", "experiment.yaml"])
        .exits(0);
}
