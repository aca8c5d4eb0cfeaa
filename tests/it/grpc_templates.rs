//! Templates of ghz in data and metadata: rendered for each call, and only where there are any.

use std::collections::BTreeSet;

use crate::support::{Call, Grpc, each, judged_calls};

/// Five calls, one at a time.
const FIVE: &str = "total: 5, concurrency: 1, timeout: 10s";

#[track_caller]
fn items(template: &str) -> Vec<String> {
    let server = Grpc::shop();
    let data = format!("{{\"item\":\"{}\"}}", template.replace('"', "\\\""));
    let keys = format!("{FIVE}, data: '{}'", data.replace('\'', "''"));
    let (_, _, output) = judged_calls(&server.host(), "Quote", &keys, &[]);
    output.exits(0);
    server.calls().iter().map(|call| call.item().to_owned()).collect()
}

#[test]
fn a_template_knows_its_call() {
    #[rustfmt::skip] // a table
    let rows = [
        ("{{.RequestNumber}}", ["0", "1", "2", "3", "4"]),
        ("{{.FullyQualifiedName}}", ["shop.v1.Shop.Quote"; 5]),
        ("{{.MethodName}} {{.ServiceName}}", ["Quote Shop"; 5]),
        ("{{.InputName}} {{.OutputName}}", ["Order Order"; 5]),
        ("{{.IsClientStreaming}} {{.IsServerStreaming}}", ["false false"; 5]),
        ("{{if .IsServerStreaming}}a{{else}}b{{end}}", ["b"; 5]),
        ("{{ printf `%03d` .RequestNumber }}", ["000", "001", "002", "003", "004"]),
        ("{{ upper `abc` }}", ["ABC"; 5]),
        ("{{ mod .RequestNumber 2 }}", ["0", "1", "0", "1", "0"]),
        ("{{ add .RequestNumber 10 }}", ["10", "11", "12", "13", "14"]),
        ("{{ if eq .RequestNumber 2 }}two{{ end }}", ["", "", "two", "", ""]),
        ("{{ range $i, $e := list 1 2 }}{{ $i }}{{ $e }}{{ end }}", ["0112"; 5]),
        ("{{- .MethodName | lower | quote | len -}}", ["7"; 5]),
    ];
    each(
        &rows,
        |row| row.0,
        |(template, expected)| assert_eq!(items(template), expected),
    );
}

/// Whether a text can have come of a template.
type Valid = fn(&str) -> bool;

#[test]
fn what_is_random_or_new_differs() {
    let rows: [(&str, Valid); 7] = [
        ("{{newUUID}}", is_uuid),
        ("{{.UUID}}", is_uuid),
        ("{{randomString 20}}", |text| {
            text.len() == 20 && text.chars().all(|c| c.is_ascii_alphanumeric())
        }),
        ("{{randomString 0}}", |text| (2..=16).contains(&text.len())),
        ("{{randomInt 100000000 900000000}}", |text| {
            text.parse::<u64>()
                .is_ok_and(|n| (100_000_000..900_000_000).contains(&n))
        }),
        ("{{.TimestampUnixNano}}", |text| {
            text.len() == 19 && text.parse::<u64>().is_ok()
        }),
        ("{{.TimestampUnixMilli}} {{.RequestNumber}}", |text| {
            text.len() == 15
        }),
    ];
    each(
        &rows,
        |row| row.0,
        |(template, valid)| {
            let items = items(template);
            assert!(items.iter().all(|item| valid(item)), "{items:?}");
            assert_eq!(items.iter().collect::<BTreeSet<_>>().len(), 5, "{items:?}");
        },
    );
    for template in ["{{.Timestamp}}", "{{.TimestampUnix}}", "{{.WorkerID}}"] {
        assert!(items(template).iter().all(|item| !item.is_empty()), "{template}");
    }
    assert!(items("{{.Timestamp}}")[0].contains('T'));
}

fn is_uuid(text: &str) -> bool {
    let lengths: Vec<_> = text.split('-').map(str::len).collect();
    lengths == [8, 4, 4, 4, 12] && text.as_bytes()[14] == b'4'
}

#[test]
fn metadata_is_rendered_too() {
    let server = Grpc::shop();
    let keys = format!("{FIVE}, metadata: {{x-user: 'u{{{{.RequestNumber}}}}', x-trace: '{{{{newUUID}}}}'}}");
    let (_, _, output) = judged_calls(&server.host(), "Quote", &keys, &[]);
    output.exits(0);
    for call in server.calls() {
        assert_eq!(call.header("x-user"), format!("u{}", call.number));
        assert!(is_uuid(call.header("x-trace")));
    }
}

#[test]
fn numbers_and_elements_can_be_templates() {
    let server = Grpc::shop();
    let data =
        r#"[{"item":"a{{.RequestNumber}}","amount":"{{.RequestNumber}}"},{"item":"b{{.RequestNumber}}"}]"#;
    let keys = format!("{FIVE}, data: '{data}'");
    let (_, _, output) = judged_calls(&server.host(), "Quote", &keys, &[]);
    output.exits(0);
    let items: Vec<_> = server.calls().iter().map(|call| call.item().to_owned()).collect();
    assert_eq!(items, ["a0", "b1", "a2", "b3", "a4"]);
    assert_eq!(server.calls()[4].messages[0]["amount"], 4);
}

#[test]
fn each_call_of_many_lanes_has_its_own_number() {
    let server = Grpc::shop();
    let keys = "total: 300, concurrency: 20, connections: 4, data: '{\"item\":\"{{.RequestNumber}}\"}'";
    let (_, _, output) = judged_calls(&server.host(), "Quote", keys, &[]);
    output.exits(0);
    let number = |call: &Call| call.item().parse::<usize>().expect("a number");
    let numbers: BTreeSet<_> = server.calls().iter().map(number).collect();
    assert_eq!(numbers, (0..300).collect());
}

#[test]
fn a_template_that_is_wrong_is_told_before_any_call() {
    let rows = [
        ("not closed", "{{.RequestNumber", "data"),
        ("no such field", "{{.RequestNumbr}}", "RequestNumbr"),
        ("no such function", "{{newUID}}", "newUID"),
        ("no end", "{{if true}}x", "end"),
        ("not enough", "{{randomInt 1}}", "randomInt"),
    ];
    each(
        &rows,
        |row| row.0,
        |(_, template, says)| {
            let server = Grpc::shop();
            let keys = format!("{FIVE}, data: '{{\"item\":\"{template}\"}}'");
            let (_, _, output) = judged_calls(&server.host(), "Quote", &keys, &[]);
            assert!(matches!(output.code, Some(2 | 3)), "{output}");
            output.says(says);
            assert!(server.calls().is_empty());
        },
    );
}
