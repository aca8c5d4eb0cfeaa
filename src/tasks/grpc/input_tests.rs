//! Fields of a task, and the loads they come to or what is said about them.

use std::path::Path;
use std::time::Duration;

use super::GrpcKind;
use crate::load::grpc::{CallKind, Calls, Messages};
use crate::load::{AtOnce, MOST_AT_ONCE, Pace, UnderWay};
use crate::secret::Mask;
use crate::spec::{Decoder, Node, SourceFile};
use crate::tasks::load::batch::{self, Batch};
use crate::tasks::load::input::LoadInput;
use crate::tasks::load::versions;
use crate::tasks::{Task, TaskKind as _};

const PROTO: &str = r#"syntax = "proto3";
package shop;
message Quote { string item = 1; int32 amount = 2; Place place = 3; }
message Place { string street = 1; }
service Shop {
  rpc Ask(Quote) returns (Quote);
  rpc Upload(stream Quote) returns (Quote);
}
"#;

/// A folder with `shop.proto`.
fn folder() -> tempfile::TempDir {
    let folder = tempfile::tempdir().expect("a folder");
    for (name, text) in [
        ("shop.proto", PROTO),
        (
            "broken.proto",
            "syntax = \"proto3\";\nmessage Quote {\n  strng item = 1;\n}\n",
        ),
        ("data.json", r#"[{"item": "a"}, {"item": "b"}]"#),
        ("meta.json", r#"{"x-user": "ann"}"#),
    ] {
        std::fs::write(folder.path().join(name), text).expect("a file");
    }
    folder
}

/// `line:column: message` of everything that is found in the fields of a task, and its loads if there is nothing wrong.
fn read(fields: &str) -> (Option<Vec<Batch<GrpcKind>>>, Vec<String>) {
    let folder = folder();
    let source = SourceFile::new("e.yaml", fields);
    let root = Node::parse(&source).expect("yaml");
    let nothing = |_: &str| None;
    let mut decoder = Decoder::new(&source, folder.path(), &nothing, Mask::default());
    let batches = LoadInput::decode(&root, &mut decoder).and_then(|input| {
        let versions = versions::versions(&input, &mut decoder);
        batch::batches(&input, versions.as_deref(), &mut decoder)
    });
    let found = decoder.into_diagnostics().into_iter().map(|found| {
        let place = found.place.map(|place| place.to_string()).unwrap_or_default();
        let place = place
            .trim_start_matches("e.yaml:")
            .replace(&folder.path().display().to_string(), "");
        let hint = found.hint.map(|hint| format!(" ({hint})")).unwrap_or_default();
        format!("{place}: {}{hint}", found.message)
    });
    (batches, found.collect())
}

const CALL: &str = "host: 127.0.0.1:50051\ncall: shop.Shop/Ask\n";

/// The only load of fields that nothing is said about.
#[track_caller]
fn load(fields: &str) -> Batch<GrpcKind> {
    let (batches, found) = read(&format!("{CALL}{fields}\n"));
    assert_eq!(found, Vec::<String>::new(), "{fields}");
    let mut batches = batches.expect("loads");
    assert_eq!(batches.len(), 1);
    batches.remove(0)
}

#[track_caller]
fn refused(fields: &str, expected: &[&str]) {
    assert_eq!(read(fields).1, expected, "{fields}");
}

fn about(fields: &str) -> String {
    let source = SourceFile::new("e.yaml", fields);
    let root = Node::parse(&source).expect("yaml");
    let mut decoder = Decoder::new(&source, Path::new("."), &|_| None, Mask::default());
    let task: Box<dyn Task> = GrpcKind.parse(&root, &mut decoder).expect("a task");
    task.about()
}

#[test]
fn plans_are_told_in_words() {
    for (fields, expected) in [
        ("", "200 calls as fast as possible, 50 at a time on 1 connection"),
        (
            "duration: 30s\nrps: 100\nconcurrency: 8\nconnections: 4",
            "calls for 30s at 100/s, at most 8 at a time on 4 connections",
        ),
        ("rps: 10\nasync: true", "200 calls at 10/s on 1 connection"),
        (
            "async: true\ntotal: 7",
            "7 calls as fast as possible, 7 at a time on 1 connection",
        ),
        (
            "max-duration: 5s\nrps: 10\nskipFirst: 3",
            "at most 200 calls within 5s at 10/s, at most 50 at a time on 1 connection, the first 3 not counted",
        ),
        (
            "duration: 3s\nload-schedule: step\nload-start: 10\nload-step: 10\nload-step-duration: 1s\nload-end: 20",
            "stages: 1s at 10/s, 2s at 20/s, at most 50 at a time on 1 connection",
        ),
        (
            "duration: 3s\nloadSchedule: line\nloadStart: 10\nloadStep: -5\nloadEnd: 5",
            "stages: 1s at 10/s, 2s at 5/s, at most 50 at a time on 1 connection",
        ),
        (
            "duration: 9s\nconcurrency-schedule: step\nconcurrency-step: 5\nconcurrency-step-duration: 1s\nconcurrency-end: 11",
            "calls for 9s as fast as possible, 1 to 11 at a time on 1 connection",
        ),
    ] {
        assert_eq!(load(fields).parts[0].describe(), expected, "{fields}");
    }
    assert_eq!(
        about(&format!("{CALL}rps: 5\n")),
        "200 calls at 5/s, at most 50 at a time on 1 connection to 127.0.0.1:50051/shop.Shop/Ask"
    );
}

#[test]
fn zeros_that_iter8_writes_into_files_mean_nothing() {
    let written = "authority: ''\nbinary-file: ''\ncacert: ''\ncert: ''\ncname: ''\nconcurrency: 1\nconcurrency-end: 0\n\
        concurrency-max-duration: 0s\nconcurrency-schedule: const\nconcurrency-start: 1\nconcurrency-step: 0\n\
        concurrency-step-duration: 0s\nconnect-timeout: 10s\nconnections: 1\ncount-errors: true\ncpus: 0\n\
        data: {item: 'n{{.RequestNumber}}'}\ndata-file: ''\ndisable-template-data: false\ndisable-template-functions: false\n\
        duration: 0s\nduration-stop: close\nendpoints: null\nformat: summary\ninsecure: true\nkeepalive: 0s\nkey: ''\n\
        lb-strategy: ''\nload-end: 0\nload-max-duration: 0s\nload-schedule: const\nload-start: 0\nload-step: 0\n\
        load-step-duration: 0s\nmax-duration: 0s\nmax-recv-message-size: ''\nmax-send-message-size: ''\nmetadata-file: ''\n\
        output: ''\nproto: shop.proto\nprotoset: ''\nrps: 0\nskipFirst: 0\nskipTLS: false\nstream-call-count: 0\n\
        stream-call-duration: 0s\nstream-dynamic-messages: false\nstream-interval: 0s\ntimeout: 5s\ntotal: 3";
    let batch = load(written);
    assert_eq!(
        batch.parts[0].describe(),
        "3 calls as fast as possible, 1 at a time on 1 connection"
    );
    let part = &batch.parts[0];
    assert_eq!(part.call.reach.url.as_str(), "http://127.0.0.1:50051/");
    assert_eq!(part.pool.timeout, Duration::from_secs(5));
    // There is no `duration` that could end calls.
    assert_eq!(part.plan.under_way, UnderWay::Finish);
    let assembled = part.call.assembled.as_ref().expect("known");
    assert!(matches!(assembled.calls, Calls::Rendered(_)));
}

#[test]
fn defaults_are_those_of_the_documentation() {
    let batch = load("");
    let part = &batch.parts[0];
    assert_eq!(part.pool.timeout, Duration::from_secs(20));
    assert_eq!(part.plan.under_way, UnderWay::Finish);
    assert_eq!(part.plan.pace, Pace::Free);
    assert_eq!((part.call.max_recv, part.call.max_send), (4 << 20, usize::MAX));
    assert_eq!(part.call.reach.connect_timeout, Duration::from_secs(10));
    assert!(part.call.assembled.is_none(), "by reflection");
    assert_eq!(
        load("timeout: 0").parts[0].pool.timeout,
        Duration::from_hours(10_000)
    );
    let free = load("rps: 5\nasync: true");
    assert_eq!(free.parts[0].pool.at_once, AtOnce::Lanes(MOST_AT_ONCE));
}

#[test]
fn messages_are_made_while_the_experiment_is_checked() {
    let made = |fields: &str| {
        let batch = load(&format!("proto: shop.proto\n{fields}"));
        batch.parts[0].call.assembled.clone().expect("known")
    };
    let fixed = |fields: &str| match made(fields).calls {
        Calls::Fixed { messages, metadata } => (messages, metadata),
        Calls::Rendered(_) => panic!("fixed: {fields}"),
    };
    let same = |messages: Messages| match messages {
        Messages::Same(messages) => messages,
        Messages::InTurn(_) => panic!("the same"),
    };
    assert_eq!(same(fixed("").0), [""]);
    assert_eq!(same(fixed("data: {item: a, amount: 2}").0), ["\n\x01a\x10\x02"]);
    assert_eq!(same(fixed(r#"data: '{"item": "a"}'"#).0), ["\n\x01a"]);
    assert!(
        matches!(fixed("data-file: data.json").0, Messages::InTurn(list) if list == ["\n\x01a", "\n\x01b"])
    );
    let (_, metadata) = fixed("metadata-file: meta.json");
    assert_eq!(metadata["x-user"], "ann");
    let (_, metadata) = fixed("metadata: {X-User: ann, token-bin: AP8B}");
    assert_eq!(
        (&metadata["x-user"], &metadata["token-bin"]),
        (&"ann".parse().expect("text"), &"AP8B".parse().expect("text"))
    );
    let upload = made("data: [{item: a}, {item: b}]\nendpoints: {up: {call: shop.Shop.Upload}}");
    assert_eq!(
        (upload.kind, upload.path.as_str()),
        (CallKind::ClientStreaming, "/shop.Shop/Upload")
    );
    assert!(matches!(upload.calls, Calls::Fixed { messages: Messages::Same(list), .. } if list.len() == 2));
    let literal = fixed("data: {item: '{{.RequestNumber}}'}\ndisable-template-data: true");
    assert_eq!(same(literal.0), ["\n\x12{{.RequestNumber}}"]);
    for varies in [
        "data: {item: '{{.RequestNumber}}'}",
        "metadata: {x-user: '{{newUUID}}'}",
    ] {
        assert!(matches!(made(varies).calls, Calls::Rendered(_)), "{varies}");
    }
}

#[test]
fn what_means_tls_is_tls() {
    for (fields, expected) in [
        ("", "http://127.0.0.1:50051/"),
        ("insecure: true", "http://127.0.0.1:50051/"),
        ("insecure: false", "https://127.0.0.1:50051/"),
        ("skipTLS: false", "http://127.0.0.1:50051/"),
    ] {
        assert_eq!(
            load(fields).parts[0].call.reach.url.as_str(),
            expected,
            "{fields}"
        );
    }
    let (batches, found) = read(&format!("{CALL}skipTLS: true\n"));
    assert_eq!(found.len(), 1, "{found:?}");
    assert_eq!(
        batches.expect("a load")[0].parts[0].call.reach.url.scheme(),
        "https"
    );
    let (batches, found) = read("host: grpcs://a:1\ncall: a.B/C\n");
    assert_eq!(
        found,
        [
            "1:7: a gRPC server is given as HOST:PORT: `grpcs://` is read as `a:1` with TLS (write `a:1` and `insecure: false`)"
        ]
    );
    assert_eq!(
        batches.expect("a load")[0].parts[0].call.reach.url.as_str(),
        "https://a:1/"
    );
    assert_eq!(
        load("insecure: false\ncname: shop.example").parts[0]
            .call
            .reach
            .authority
            .as_deref(),
        Some("shop.example")
    );
}

#[test]
fn endpoints_inherit_what_they_do_not_say() {
    let (batches, found) = read(
        "host: a:1\nproto: shop.proto\ntotal: 10\nmetadata: {x-a: task, x-b: task}\ndata: {item: task}\nendpoints:\n\
         \x20 one: {call: shop.Shop/Ask, data-file: data.json, metadata: {X-A: own}}\n\
         \x20 two: {call: shop.Shop/Upload, duration: 5s, host: 'b:2'}\n",
    );
    assert_eq!(found, Vec::<String>::new());
    let batches = batches.expect("two loads");
    let (one, two) = (&batches[0].parts[0], &batches[1].parts[0]);
    assert_eq!(
        (one.call.reach.host.as_str(), two.call.reach.host.as_str()),
        ("a:1", "b:2")
    );
    assert_eq!((one.plan.stop.count(), two.plan.stop.count()), (Some(10), None));
    let sent = one.call.assembled.as_ref().expect("known");
    let Calls::Fixed { metadata, messages } = &sent.calls else {
        panic!("fixed")
    };
    assert_eq!(
        (&metadata["x-a"], &metadata["x-b"]),
        (&"own".parse().expect("text"), &"task".parse().expect("text"))
    );
    assert!(matches!(messages, Messages::InTurn(_)));
}

#[test]
fn versions_are_called_side_by_side() {
    let (batches, found) = read("host: new:1\nbaselineHost: old:1\ncall: a.B/C\nrps: 5\n");
    assert_eq!(found, Vec::<String>::new());
    let hosts: Vec<String> = batches.expect("a load")[0]
        .parts
        .iter()
        .map(|part| part.call.reach.host.clone())
        .collect();
    assert_eq!(hosts, ["old:1", "new:1"]);
    refused(
        "host: new:1\nbaselineHost: old:1\ncall: a.B/C\n",
        &[
            "1:1: with `rps: 0` and a number of calls the faster version ends first, and the other goes on alone (give `duration` and no `total`: versions are compared side by side all the time)",
        ],
    );
    refused(
        "call: a.B/C\nversions: [{name: a, host: 'a:1'}, {name: b, host: 'b:1', load-start: 5}]\nrps: 5\n",
        &[
            "2:71: `load-start` changes nothing without `load-schedule` (write `load-schedule: step` or `load-schedule: line`, or leave it out)",
            "2:71: `load-start` is not the same for all versions: their calls alternate (give it to the task)",
        ],
    );
}

#[test]
#[expect(clippy::too_many_lines, reason = "a table")]
fn what_cannot_be_is_refused_where_it_stands() {
    for (fields, expected) in [
        (
            "rps: 5",
            &[
                "1:1: a `grpc` task needs `host`",
                "1:1: a `grpc` task needs `call`",
            ][..],
        ),
        (
            "host: a:1\ncall: Ask",
            &["2:7: `Ask` is not the name of a method (it is like `package.Service/Method`)"],
        ),
        (
            "host: a:1/x\ncall: a.B/C",
            &["1:7: a gRPC server is given as HOST:PORT, without a path (leave the path out)"],
        ),
        (
            "host: a:1\ncall: a.B/C\nconcurrency: 2\nconnections: 5",
            &[
                "4:14: the number of connections cannot be greater than concurrency: `connections` is 5, `concurrency` 2",
            ],
        ),
        (
            "host: a:1\ncall: a.B/C\nconnections: 51",
            &[
                "3:14: the number of connections cannot be greater than concurrency: `connections` is 51, `concurrency` 50",
            ],
        ),
        (
            "host: a:1\ncall: a.B/C\nconcurency: 2",
            &["3:1: unknown field `concurency` in a `grpc` task (did you mean `concurrency`?)"],
        ),
        (
            "host: a:1\ncall: a.B/C\ndata: {}\ndata-file: data.json",
            &["4:12: `data` and `data-file` both give the messages (leave one of them out)"],
        ),
        (
            "host: a:1\ncall: shop.Shop/Ask\nproto: shop.proto\nprotoset: shop.proto",
            &["4:11: `proto` and `protoset` both give the descriptors (leave one of them out)"],
        ),
        (
            "host: a:1\ncall: shop.Shop/Aks\nproto: shop.proto",
            &["2:7: the service `shop.Shop` has no method `Aks` (did you mean `Ask`?)"],
        ),
        (
            "host: a:1\ncall: shop.Shop/Ask\nproto: shop.proto\ndata: {item: a, place: {stret: b}}",
            &["4:32: $.place.stret: `shop.Place` has no field `stret` (did you mean `street`?)"],
        ),
        (
            "host: a:1\ncall: shop.Shop/Ask\nproto: shop.proto\ndata:\n- {item: a}\n- {amount: x}",
            &["6:12: $.amount: "],
        ),
        (
            "host: a:1\ncall: shop.Shop/Ask\nproto: shop.proto\ndata: {item: '{{.RequestNumer}}'}",
            &["4:1: "],
        ),
        (
            "host: a:1\ncall: shop.Shop/Ask\nproto: shop.proto\ndata: {item: '{{newUID}}'}",
            &["4:1: line 1, column "],
        ),
        (
            "host: a:1\ncall: shop.Shop/Ask\nproto: nowhere.proto",
            &["3:8: cannot read "],
        ),
        (
            "host: a:1\ncall: shop.Shop/Ask\nmetadata: {grpc-timeout: 1S}",
            &["3:26: `grpc-timeout` is given by gRPC itself"],
        ),
        (
            "host: a:1\ncall: shop.Shop/Ask\nmetadata: {token-bin: 'no base64!'}",
            &["3:23: the value of `token-bin` is not base64"],
        ),
        (
            "host: a:1\ncall: a.B/C\nload-schedule: linear",
            &["3:16: expected const, step or line, found `linear` (did you mean `line`?)"],
        ),
        (
            "host: a:1\ncall: a.B/C\nload-schedule: step\nload-start: 5",
            &[
                "3:16: `load-schedule: step` needs `load-step` (by how much a step changes it; it may be negative)",
                "3:16: `load-schedule: step` needs `load-step-duration`",
            ],
        ),
        (
            "host: a:1\ncall: a.B/C\nload-schedule: line\nload-start: 5\nload-step: 5\nload-end: 2",
            &["6:11: steps of 5 do not lead from 5 to 2"],
        ),
        (
            "host: a:1\ncall: a.B/C\nduration: 5s\nasync: true",
            &[
                "4:8: with `async: true` and no `rps`, calls without end would be made at once (give `rps` a number)",
            ],
        ),
        (
            "host: a:1\ncall: a.B/C\ntotal: 5\nskipFirst: 5",
            &["4:12: `skipFirst` leaves nothing to count of 5 calls"],
        ),
        (
            "host: a:1\ncall: a.B/C\ninsecure: false\ncname: a.example\nauthority: b.example",
            &["4:8: with TLS, `authority` and `cname` are one name, and they differ (leave one of them out)"],
        ),
        (
            "host: a:1\ncall: a.B/C\ncert: data.json",
            &["3:7: `cert` and `key` must be given together"],
        ),
        (
            "host: a:1\ncall: a.B/C\nduration-stop: kill",
            &["3:16: expected wait, close or ignore, found `kill` (known are wait, close, ignore)"],
        ),
        (
            "host: a:1\ncall: a.B/C\nmax-recv-message-size: lots",
            &["3:24: expected a number of bytes, found `lots`"],
        ),
        (
            "host: a:1\ncall: a.B/C\nrps: -1",
            &["3:6: expected a number from 0, found -1 (0 sends as fast as possible)"],
        ),
    ] {
        let (_, found) = read(&format!("{fields}\n"));
        assert_eq!(found.len(), expected.len(), "{fields}: {found:#?}");
        for (found, expected) in found.iter().zip(expected) {
            assert!(found.starts_with(expected), "{fields}\n{found}\n{expected}");
        }
    }
}

#[test]
fn a_mistake_in_a_proto_file_is_shown_in_it() {
    let (_, found) = read("host: a:1\ncall: shop.Shop/Ask\nproto: broken.proto\n");
    assert_eq!(found.len(), 1, "{found:?}");
    assert!(found[0].starts_with("/broken.proto:3:3: "), "{found:?}");
}

#[test]
fn what_changes_nothing_is_warned_of() {
    for (fields, expected) in [
        (
            "cpus: 2\ntags: {a: b}\nname: x",
            "3:7: `cpus`, `name`, `tags` change nothing: only ghz itself needs such keys",
        ),
        (
            "total: 5\nduration: 5s",
            "4:11: `total` and `duration` are both given: whichever comes first ends the load",
        ),
        (
            "duration: 5s\nmax-duration: 3s",
            "4:15: `duration` and `max-duration` are both given: the shorter one ends the load",
        ),
        (
            "cname: a",
            "3:8: `cname` changes nothing without TLS (give `insecure: false`, or `authority`)",
        ),
        (
            "import-paths: [a]",
            "3:1: `import-paths` changes nothing without `proto`",
        ),
    ] {
        let (batches, found) = read(&format!("{CALL}{fields}\n"));
        assert!(batches.is_some(), "{fields}: {found:?}");
        assert_eq!(found.len(), 1, "{fields}: {found:?}");
        assert_eq!(found[0], expected, "{fields}");
    }
}
