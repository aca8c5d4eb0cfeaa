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

#[test]
fn a_template_that_fails_during_the_load_is_a_fault_of_the_run_and_not_of_the_server() {
    let three = "{{if ge .RequestNumber 3}}";
    let rows = [
        (
            "an impossible value",
            format!(r#"data: '{{"amount":"{three}many{{{{else}}}}1{{{{end}}}}"}}'"#),
            "Quote",
            ["`data`", "$.amount"],
        ),
        (
            "no JSON",
            format!(r#"data: '{{"item":{three}oops{{{{else}}}}"a"{{{{end}}}}}}'"#),
            "Quote",
            ["`data`", "not JSON"],
        ),
        (
            "nothing to send",
            format!(r#"data: '[{three}{{{{else}}}}{{"item":"a"}}{{{{end}}}}]'"#),
            "Quote",
            ["shop.v1.Shop/Quote", "no message to send"],
        ),
        (
            "metadata",
            "metadata: {x-user: '{{index (list 1 2 3) .RequestNumber}}'}".to_owned(),
            "Quote",
            ["metadata `x-user`", "index"],
        ),
        (
            "a message of a stream",
            format!(r#"data: '[{{"amount":1}},{{"amount":"{three}many{{{{else}}}}1{{{{end}}}}"}}]'"#),
            "Upload",
            ["`data`", "$.amount"],
        ),
    ];
    each(
        &rows,
        |row| row.0,
        |(_, keys, method, says)| {
            let server = Grpc::shop();
            let keys = format!("total: 500, concurrency: 1, timeout: 10s, {keys}");
            let (measured, app, output) = judged_calls(&server.host(), method, &keys, &[]);
            output.exits(3).says("call 3 (counted from 0)").says_all(says);
            assert_eq!(app.result()["outcome"], "error", "{output}");
            assert_eq!(measured["requests"], 3, "what was sent is kept: {measured}");
            assert_eq!(measured["errors"], 0, "nothing is said of the server: {measured}");
            assert_eq!(server.calls().len(), 3, "the load ends at once");
        },
    );
}

#[test]
fn a_call_has_one_time_and_is_rendered_once() {
    let list = r#"[{{range $i := until 3}}{{if $i}},{{end}}{"item":"{{$.TimestampUnixNano}} {{$.UUID}} {{now.UnixNano}}"}{{end}}]"#;
    let each_alone =
        r#"[{"item":"{{.TimestampUnixNano}} {{.UUID}}"},{"item":"{{.TimestampUnixNano}} {{.UUID}}"}]"#;
    let rows = [
        ("a template that comes to a list", list, "stream-interval: 2ms"),
        (
            "over and over",
            list,
            "stream-interval: 2ms, stream-call-count: 6",
        ),
        ("a list of templates", each_alone, "stream-interval: 2ms"),
    ];
    each(
        &rows,
        |row| row.0,
        |(_, data, keys)| {
            let server = Grpc::shop();
            let keys = format!(
                "{FIVE}, {keys}, data: '{data}', metadata: {{x-user: '{{{{.TimestampUnixNano}}}} {{{{.UUID}}}}'}}"
            );
            let (_, _, output) = judged_calls(&server.host(), "Upload", &keys, &[]);
            output.exits(0);
            let calls = server.calls();
            assert_eq!(calls.len(), 5);
            for call in &calls {
                let items = || {
                    call.messages
                        .iter()
                        .map(|message| message["item"].as_str().expect("text"))
                };
                assert!(
                    items().all(|item| item.starts_with(call.header("x-user"))),
                    "{} is not the time of {:?}",
                    call.header("x-user"),
                    call.messages
                );
                // `now` is the time of the rendering: what comes again was not rendered again.
                let again = items().skip(3);
                assert!(
                    items().zip(again).all(|(first, again)| first == again),
                    "{:?}",
                    call.messages
                );
            }
            let times: BTreeSet<_> = calls.iter().map(|call| call.header("x-user")).collect();
            assert_eq!(times.len(), 5, "each call has its own");
        },
    );
}

#[test]
fn messages_that_are_rendered_one_by_one_have_times_of_their_own() {
    let server = Grpc::shop();
    let keys = format!(
        "{FIVE}, stream-interval: 2ms, stream-dynamic-messages: true, stream-call-count: 3, data: '{{\"item\":\"{{{{.TimestampUnixNano}}}}\"}}'"
    );
    let (_, _, output) = judged_calls(&server.host(), "Upload", &keys, &[]);
    output.exits(0);
    for call in server.calls() {
        let items: BTreeSet<_> = call
            .messages
            .iter()
            .map(|message| message["item"].to_string())
            .collect();
        assert_eq!(items.len(), 3, "{:?}", call.messages);
    }
}
