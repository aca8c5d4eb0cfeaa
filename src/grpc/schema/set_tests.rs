//! Descriptor sets, complete and not, of syntaxes and editions.

use prost_reflect::prost::Message;
use prost_reflect::{DescriptorPool, Kind};
use prost_types::FileDescriptorSet;
use serde_json::{Value, json};

use super::tests::{GREETER, greeter};
use super::*;
use crate::grpc::message;

/// An encoded `FileDescriptorProto` from its JSON.
fn file(json: &Value) -> Vec<u8> {
    let descriptor = DescriptorPool::global()
        .get_message_by_name("google.protobuf.FileDescriptorProto")
        .unwrap();
    message::encode(json, &descriptor).unwrap().to_vec()
}

fn set(schema: &Schema, names: &[&str]) -> Vec<u8> {
    let files = schema
        .pool()
        .file_descriptor_protos()
        .filter(|file| names.contains(&file.name()))
        .cloned()
        .collect();
    FileDescriptorSet { file: files }.encode_to_vec()
}

#[test]
fn a_set_needs_no_well_known_files() {
    let schema = greeter();
    let root = schema
        .services()
        .first()
        .and_then(|name| schema.pool().get_service_by_name(name))
        .unwrap();
    let bytes = set(&schema, &[root.parent_file().name(), "common/name.proto"]);
    assert!(
        Schema::from_protoset("a.protoset", &bytes)
            .unwrap()
            .method("helloworld.Greeter/Chat")
            .is_ok()
    );
}

#[test]
fn bad_sets_say_what_they_are() {
    let schema = greeter();
    let root = schema
        .pool()
        .get_service_by_name("helloworld.Greeter")
        .unwrap()
        .parent_file()
        .name()
        .to_owned();
    let incomplete = set(&schema, &[&root]);
    for (bytes, message) in [
        (Vec::new(), "a.protoset is empty".to_owned()),
        (
            GREETER.into(),
            "a.protoset is not a set of Protobuf descriptors".to_owned(),
        ),
        (
            incomplete,
            format!("a.protoset is incomplete: `{root}` imports `common/name.proto`"),
        ),
    ] {
        let error = Schema::from_protoset("a.protoset", &bytes).unwrap_err();
        assert_eq!(error.to_string(), message);
        assert!(error.hint().unwrap().contains("--include_imports"));
    }
}

#[test]
fn files_of_reflection_may_come_twice() {
    let a = file(&json!({"name": "a.proto", "syntax": "proto3", "dependency": ["b.proto"]}));
    let b = file(&json!({"name": "b.proto", "syntax": "proto3", "messageType": [{"name": "B"}]}));
    let schema = Schema::from_files(&[&a, &b, &a]).unwrap();
    assert!(schema.pool().get_message_by_name("B").is_some());
    assert_eq!(Schema::imports(&a).unwrap(), ["b.proto"]);
}

fn edition(features: &Value, messages: &Value, enums: &Value) -> Result<Schema, SchemaError> {
    let options = json!({"features": features});
    Schema::from_files(&[file(&json!({
        "name": "e.proto", "syntax": "editions", "edition": "EDITION_2023", "package": "e",
        "options": options, "messageType": messages, "enumType": enums,
    }))])
}

fn field(name: &str, number: u32, label: &str, kind: &str, features: &Value) -> Value {
    json!({"name": name, "jsonName": name, "number": number, "label": format!("LABEL_{label}"),
        "type": format!("TYPE_{kind}"), "options": {"features": features}})
}

fn hex(schema: &Schema, message: &str, data: &Value) -> String {
    let descriptor = schema.pool().get_message_by_name(message).unwrap();
    let bytes = message::encode(data, &descriptor).unwrap();
    bytes
        .iter()
        .fold(String::new(), |text, byte| text + &format!("{byte:02x}"))
}

#[test]
fn the_features_of_an_edition_decide_what_is_written() {
    let none = json!({});
    let fields = json!([
        field("explicit", 1, "OPTIONAL", "INT32", &none),
        field(
            "implicit",
            2,
            "OPTIONAL",
            "INT32",
            &json!({"fieldPresence": "IMPLICIT"})
        ),
        field("packed", 3, "REPEATED", "INT32", &none),
        field(
            "expanded",
            4,
            "REPEATED",
            "INT32",
            &json!({"repeatedFieldEncoding": "EXPANDED"})
        ),
        field("texts", 5, "REPEATED", "STRING", &none),
    ]);
    let schema = edition(&none, &json!([{"name": "M", "field": fields}]), &json!([])).unwrap();
    assert_eq!(
        hex(&schema, "e.M", &json!({"explicit": 0, "implicit": 0})),
        "0800"
    );
    assert_eq!(
        hex(&schema, "e.M", &json!({"packed": [1, 2], "expanded": [1, 2]})),
        "1a02010220012002"
    );
    assert_eq!(hex(&schema, "e.M", &json!({"texts": [""]})), "2a00");
}

#[test]
fn the_features_of_a_file_hold_for_what_is_in_it() {
    let features = json!({"fieldPresence": "IMPLICIT", "repeatedFieldEncoding": "EXPANDED"});
    let inner = json!({"name": "In", "options": {"features": {"repeatedFieldEncoding": "PACKED"}},
        "field": [field("p", 1, "REPEATED", "INT32", &json!({}))]});
    let fields = json!([
        field("n", 1, "OPTIONAL", "INT32", &json!({})),
        field("e", 2, "REPEATED", "INT32", &json!({})),
    ]);
    let schema = edition(
        &features,
        &json!([{"name": "M", "field": fields, "nestedType": [inner]}]),
        &json!([]),
    )
    .unwrap();
    assert_eq!(hex(&schema, "e.M", &json!({"n": 0, "e": [1, 2]})), "10011002");
    assert_eq!(hex(&schema, "e.M.In", &json!({"p": [1, 2]})), "0a020102");
}

#[test]
fn a_delimited_message_is_a_group_but_a_map_is_not() {
    let features = json!({"messageEncoding": "DELIMITED"});
    let with_type = |mut field: Value, name: &str| {
        field["typeName"] = json!(name);
        field
    };
    let none = json!({});
    let entry = json!({"name": "MapEntry", "options": {"mapEntry": true}, "field": [
        field("key", 1, "OPTIONAL", "STRING", &none),
        with_type(field("value", 2, "OPTIONAL", "MESSAGE", &none), ".e.In"),
    ]});
    let fields = json!([
        with_type(field("in", 1, "OPTIONAL", "MESSAGE", &none), ".e.In"),
        with_type(
            field(
                "plain",
                2,
                "OPTIONAL",
                "MESSAGE",
                &json!({"messageEncoding": "LENGTH_PREFIXED"})
            ),
            ".e.In"
        ),
        with_type(field("map", 3, "REPEATED", "MESSAGE", &none), ".e.M.MapEntry"),
    ]);
    let messages = json!([
        {"name": "In", "field": [field("n", 1, "OPTIONAL", "INT32", &none)]},
        {"name": "M", "field": fields, "nestedType": [entry]},
    ]);
    let schema = edition(&features, &messages, &json!([])).unwrap();
    assert_eq!(hex(&schema, "e.M", &json!({"in": {"n": 5}})), "0b08050c");
    assert_eq!(hex(&schema, "e.M", &json!({"plain": {"n": 5}})), "12020805");
    assert_eq!(
        hex(&schema, "e.M", &json!({"map": {"k": {"n": 5}}})),
        "1a070a016b12020805"
    );
}

#[test]
fn an_edition_may_have_required_fields_and_enums_without_zero() {
    let fields = json!([field(
        "must",
        1,
        "OPTIONAL",
        "INT32",
        &json!({"fieldPresence": "LEGACY_REQUIRED"})
    )]);
    let enums = json!([{"name": "E", "options": {"features": {"enumType": "CLOSED"}}, "value": [{"name": "ONE", "number": 1}]}]);
    let schema = edition(&json!({}), &json!([{"name": "M", "field": fields}]), &enums).unwrap();
    assert_eq!(hex(&schema, "e.M", &json!({"must": 0})), "0800");
    let message = schema.pool().get_message_by_name("e.M").unwrap();
    let error = message::encode(&json!({}), &message).unwrap_err();
    assert_eq!(error.to_string(), "$: `e.M` requires the field `must`");
    assert_eq!(message.get_field(1).unwrap().kind(), Kind::Int32);
}

#[test]
fn dialects_that_nobody_knows_are_refused() {
    for (header, dialect) in [
        (
            json!({"syntax": "editions", "edition": "EDITION_99999_TEST_ONLY"}),
            "an edition newer than 2024 (number 99999)",
        ),
        (
            json!({"syntax": "editions", "edition": 5}),
            "the edition number 5",
        ),
        (json!({"syntax": "editions"}), "the syntax `editions`"),
        (json!({"syntax": "proto9"}), "the syntax `proto9`"),
    ] {
        let mut descriptor = header;
        descriptor["name"] = json!("e.proto");
        let error = Schema::from_files(&[file(&descriptor)]).unwrap_err();
        assert_eq!(
            error.to_string(),
            format!(
                "the descriptors of the server has the file `e.proto` in {dialect}, which is not known here"
            )
        );
    }
    let newer = json!({"name": "e.proto", "syntax": "editions", "edition": 1001});
    assert!(Schema::from_files(&[file(&newer)]).is_ok());
}

#[test]
fn a_map_that_is_none_is_refused() {
    let entry = json!({"name": "XEntry", "options": {"mapEntry": true}, "field": [
        {"name": "key", "number": 1, "label": "LABEL_OPTIONAL", "type": "TYPE_DOUBLE"},
        {"name": "value", "number": 2, "label": "LABEL_OPTIONAL", "type": "TYPE_INT32"},
    ]});
    let bytes = file(&json!({"name": "m.proto", "messageType": [{"name": "M", "nestedType": [entry]}]}));
    let error = Schema::from_files(&[bytes]).unwrap_err();
    assert!(
        error
            .to_string()
            .ends_with("`m.proto`: `M.XEntry` is no entry of a map, but says it is one"),
        "{error}"
    );
}

#[test]
fn damaged_descriptors_never_panic() {
    let schema = greeter();
    let names: Vec<String> = schema.pool().files().map(|file| file.name().to_owned()).collect();
    let good = set(&schema, &names.iter().map(String::as_str).collect::<Vec<_>>());
    let mut state = 1_u64;
    for _ in 0..3_000 {
        let mut bytes = good.clone();
        for _ in 0..3 {
            state = state
                .wrapping_mul(6_364_136_223_846_793_005)
                .wrapping_add(1_442_695_040_888_963_407);
            let at = usize::try_from(state >> 33).unwrap() % bytes.len();
            bytes[at] = bytes[at].wrapping_add(u8::try_from(state >> 24 & 0xff).unwrap());
        }
        if let Ok(schema) = Schema::from_protoset("damaged", &bytes) {
            for service in schema.services() {
                let _ = schema.method(&format!("{service}/SayHello"));
            }
        }
    }
}
