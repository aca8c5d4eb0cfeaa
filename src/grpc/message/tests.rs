//! JSON and bytes to messages: what is written, and what is said of mistakes.

use bytes::Bytes;
use prost_reflect::{DynamicMessage, MessageDescriptor};
use serde_json::{Value, json};

use super::*;
use crate::grpc::schema::Schema;

const PROTO: &str = r#"syntax = "proto3";
package t;
import "google/protobuf/any.proto";
import "google/protobuf/duration.proto";
import "google/protobuf/struct.proto";
import "google/protobuf/wrappers.proto";
enum Color { RED = 0; GREEN = 1; }
message Address { string street_name = 1; int32 zip = 2; Address next = 3; }
message M {
  Address address = 1;
  repeated Address others = 2;
  map<int32, Address> by_number = 3;
  map<string, int64> counts = 4;
  Color color = 5;
  bytes raw = 6;
  uint64 big = 7;
  oneof choice { string a = 8; int32 b = 9; }
  google.protobuf.Duration pause = 10;
  google.protobuf.Struct extra = 11;
  google.protobuf.Int32Value wrapped = 12;
  google.protobuf.Any any = 13;
  repeated int32 numbers = 14;
  google.protobuf.ListValue list = 15;
}
"#;

fn message_of(proto: &str, name: &str) -> MessageDescriptor {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("t.proto");
    std::fs::write(&path, proto).unwrap();
    Schema::from_proto(&[path], &[])
        .unwrap()
        .pool()
        .get_message_by_name(name)
        .unwrap()
}

fn m() -> MessageDescriptor {
    message_of(PROTO, "t.M")
}

fn in_hex(bytes: &[u8]) -> String {
    bytes
        .iter()
        .fold(String::new(), |text, byte| text + &format!("{byte:02x}"))
}

fn hex(value: &Value) -> String {
    in_hex(&encode(value, &m()).unwrap())
}

#[test]
fn the_json_rules_of_proto3_hold() {
    for (value, bytes) in [
        (json!({}), ""),
        (json!({"address": {"streetName": "x"}}), "0a030a0178"),
        (json!({"address": {"street_name": "x"}}), "0a030a0178"),
        (json!({"address": null, "color": null}), ""),
        (json!({"color": "GREEN"}), "2801"),
        (json!({"color": 1}), "2801"),
        (json!({"color": 7}), "2807"),
        (json!({"raw": "AQI="}), "32020102"),
        (json!({"raw": "-_8"}), "3202fbff"),
        (json!({"big": "18446744073709551615"}), "38ffffffffffffffffff01"),
        (json!({"big": 5}), "3805"),
        (json!({"b": 0}), "4800"),
        (
            json!({"pause": "1.5s"}),
            "52080801108 0cab5ee01".split(' ').collect::<String>().as_str(),
        ),
        (json!({"wrapped": 0}), "6200"),
        (json!({"numbers": [1, 2]}), "72020102"),
        (json!({"counts": {"k": "3"}}), "22050a016b1003"),
        (
            json!({"byNumber": {"1": {"zip": 2}}}),
            "1a060801120210 02".split(' ').collect::<String>().as_str(),
        ),
        (json!({"list": [true]}), "7a040a022001"),
        (
            json!({"any": {"@type": "type.googleapis.com/t.Address", "zip": 1}}),
            &format!(
                "6a23{}{}12021001",
                "0a1d",
                in_hex(b"type.googleapis.com/t.Address")
            ),
        ),
    ] {
        assert_eq!(hex(&value), bytes, "{value}");
    }
}

#[test]
fn every_mistake_of_a_message_is_told() {
    let value = json!({"b": 1, "big": "abc", "colour": "GREEN", "address": {"zip": true, "street_nam": "x"}});
    let told = encode(&value, &m()).unwrap_err().to_string();
    for part in [
        "$.big: expected a whole number from 0 of 64 bits, not \"abc\"",
        "$.colour: `t.M` has no field `colour` (did you mean `color`?)",
        "$.address.zip: expected a whole number of 32 bits, not true",
        "$.address.street_nam: `t.Address` has no field `street_nam`",
    ] {
        assert!(told.contains(part), "{part}: {told}");
    }
}

#[test]
#[expect(clippy::too_many_lines, reason = "a table")]
fn mistakes_have_the_path_of_the_value() {
    for (value, text, hint) in [
        (
            json!({"adress": {}}),
            "$.adress: `t.M` has no field `adress`",
            Some("did you mean `address`?"),
        ),
        (
            json!({"address": {"zipp": 1}}),
            "$.address.zipp: `t.Address` has no field `zipp`",
            Some("did you mean `zip`?"),
        ),
        (
            json!({"address": {"x": 1}}),
            "$.address.x: `t.Address` has no field `x`",
            Some("there is `next`, `street_name`, `zip`"),
        ),
        (
            json!({"address": {"zip": "abc"}}),
            "$.address.zip: expected a whole number of 32 bits, not \"abc\"",
            None,
        ),
        (
            json!({"address": {"next": {"next": {"zip": true}}}}),
            "$.address.next.next.zip: expected a whole number of 32 bits, not true",
            None,
        ),
        (
            json!({"address": [1]}),
            "$.address: expected an object with the fields of `t.Address`, not an array",
            None,
        ),
        (
            json!({"others": [{}, {"zip": 1.5}]}),
            "$.others[1].zip: expected a whole number of 32 bits, not 1.5",
            None,
        ),
        (
            json!({"others": {}}),
            "$.others: expected an array, not an object",
            None,
        ),
        (json!({"numbers": [1, null]}), "$.numbers[1]: ", None),
        (
            json!({"byNumber": {"1": {}, "2": {"zip": []}}}),
            "$.byNumber.2.zip: expected a whole number of 32 bits, not an array",
            None,
        ),
        (
            json!({"byNumber": {"x": {}}}),
            "$.byNumber.x: the key should be a whole number of 32 bits",
            None,
        ),
        (
            json!({"counts": {"a b": "x"}}),
            "$.counts[\"a b\"]: expected a whole number of 64 bits, not \"x\"",
            None,
        ),
        (
            json!({"color": "GREE"}),
            "$.color: expected a name of the enum `t.Color`, not \"GREE\"",
            Some("did you mean `GREEN`?"),
        ),
        (
            json!({"raw": "%"}),
            "$.raw: expected text in base64, not \"%\"",
            None,
        ),
        (
            json!({"pause": "soon"}),
            "$.pause: expected seconds such as \"1.5s\", not \"soon\"",
            None,
        ),
        (json!({"pause": {}}), "$.pause: ", None),
        (json!({"a": "x", "b": 1}), "$: ", None),
        (json!({"wrapped": "x"}), "$.wrapped: ", None),
        (
            json!({"any": {"@type": "type.googleapis.com/no.Such"}}),
            "$.any: ",
            None,
        ),
        (
            json!([1]),
            "$: expected an object with the fields of `t.M`, not an array",
            None,
        ),
        (
            json!("x"),
            "$: expected an object with the fields of `t.M`, not \"x\"",
            None,
        ),
        (json!({"[no.such.ext]": 1}), "$[\"[no.such.ext]\"]: ", None),
    ] {
        let error = encode(&value, &m()).expect_err(&value.to_string());
        let found = error.to_string();
        if text.ends_with(": ") {
            assert!(
                found.starts_with(text) && found.len() > text.len(),
                "{value}: {found}"
            );
        } else {
            assert_eq!(found, text);
        }
        assert_eq!(error.hint(), hint, "{value}: {found}");
    }
}

#[test]
fn a_missing_required_field_is_an_error_at_any_depth() {
    let proto = "message M { optional In in = 1; repeated In ins = 2; map<string, In> map = 3; }
        message In { required int32 n = 1; }";
    let message = message_of(proto, "M");
    for (value, text) in [
        (json!({"in": {}}), "$.in: `In` requires the field `n`"),
        (
            json!({"ins": [{"n": 0}, {}]}),
            "$.ins[1]: `In` requires the field `n`",
        ),
        (json!({"map": {"a": {}}}), "$.map[…]: `In` requires the field `n`"),
    ] {
        assert_eq!(encode(&value, &message).unwrap_err().to_string(), text);
    }
    assert!(encode(&json!({"in": {"n": 0}}), &message).is_ok());
}

#[test]
fn groups_and_extensions_of_proto2_are_written() {
    let proto = "syntax = \"proto2\"; package p;
        message M { optional group Result = 1 { optional int32 n = 1; } extensions 100 to 200; }
        extend M { optional int32 more = 100; }";
    let message = message_of(proto, "p.M");
    let bytes = encode(&json!({"result": {"n": 1}, "[p.more]": 2}), &message).unwrap();
    assert_eq!(bytes.as_ref(), [0x0b, 0x08, 0x01, 0x0c, 0xa0, 0x06, 0x02]);
}

#[test]
fn an_array_is_several_messages() {
    let two = encode_all(r#"[{"b": 1}, {"b": 2}]"#, &m()).unwrap();
    assert_eq!(
        two,
        [Bytes::from_static(&[0x48, 1]), Bytes::from_static(&[0x48, 2])]
    );
    assert_eq!(
        encode_all(r#"{"b": 1}"#, &m()).unwrap(),
        [Bytes::from_static(&[0x48, 1])]
    );
    assert_eq!(encode_all("[]", &m()).unwrap(), Vec::<Bytes>::new());
    assert_eq!(
        encode_all("[{}, {\"zip\": 1}]", &m()).unwrap_err().to_string(),
        "$[1].zip: `t.M` has no field `zip`"
    );
    let error = encode_all("{\"b\": 1,\n x}", &m()).unwrap_err().to_string();
    assert_eq!(
        error,
        "the data is not JSON: key must be a string at line 2 column 2"
    );
}

#[test]
fn nesting_is_bounded() {
    let nested = |levels: usize| (0..levels).fold(json!({}), |inner, _| json!({"next": inner}));
    let address = message_of(PROTO, "t.Address");
    assert!(encode(&nested(99), &address).is_ok());
    assert_eq!(
        encode(&nested(100), &address).unwrap_err(),
        MessageError::TooDeep { limit: 100 }
    );
    let text = "[".repeat(100_000);
    assert!(matches!(
        encode_all(&text, &address),
        Err(MessageError::NotJson { .. })
    ));
    let deep_list = (0..98).fold(json!([]), |inner, _| json!([inner]));
    let _ = encode(&json!({"extra": {"x": deep_list}}), &m());
}

#[test]
fn bytes_are_one_message_or_several_with_their_lengths() {
    let message = m();
    let one = encode(
        &json!({"b": 1, "a": null, "address": {"streetName": "a street that is long"}}),
        &message,
    )
    .unwrap();
    assert_eq!(split(&one, &message).unwrap(), std::slice::from_ref(&one));
    let mut several = Vec::new();
    for _ in 0..2 {
        several.push(u8::try_from(one.len()).unwrap());
        several.extend_from_slice(&one);
    }
    assert_eq!(
        split(&several.into(), &message).unwrap(),
        [one.clone(), one.clone()]
    );
    assert_eq!(split(&Bytes::new(), &message).unwrap(), Vec::<Bytes>::new());
    assert!(DynamicMessage::decode(message.clone(), one).is_ok());
}

#[test]
fn bytes_that_are_no_message_are_refused() {
    let message = m();
    for bytes in [&[0x0a, 0x7f][..], &[0xff; 12], &[0x0b; 1_000], b"hello world"] {
        let error = split(&Bytes::copy_from_slice(bytes), &message).unwrap_err();
        assert!(
            error.to_string().starts_with("the bytes are neither a `t.M` nor"),
            "{error}"
        );
    }
}
