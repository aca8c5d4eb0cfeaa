//! Fields of a task, and the loads they come to or what is said about them.

use std::path::Path;

use super::HttpKind;
use crate::load::http::HttpVersion;
use crate::load::{Arrivals, Pace};
use crate::secret::Mask;
use crate::spec::{Decoder, Node, SourceFile};
use crate::tasks::load::batch::{self, Batch};
use crate::tasks::load::input::LoadInput;
use crate::tasks::load::versions;
use crate::tasks::{Task, TaskKind as _};

/// `line:column: message` of everything that is found in the fields of a task, and its loads if there is nothing wrong.
fn read(fields: &str) -> (Option<Vec<Batch<HttpKind>>>, Vec<String>) {
    let source = SourceFile::new("e.yaml", fields);
    let root = Node::parse(&source).expect("yaml");
    let nothing = |_: &str| None;
    let mut decoder = Decoder::new(&source, Path::new("."), &nothing, Mask::default());
    let batches = LoadInput::decode(&root, &mut decoder).and_then(|input| {
        let versions = versions::versions(&input, &mut decoder);
        batch::batches(&input, versions.as_deref(), &mut decoder)
    });
    let found = decoder.into_diagnostics().into_iter().map(|found| {
        let place = found.place.map(|place| place.to_string()).unwrap_or_default();
        let hint = found.hint.map(|hint| format!(" ({hint})")).unwrap_or_default();
        format!("{}: {}{hint}", place.trim_start_matches("e.yaml:"), found.message)
    });
    (batches, found.collect())
}

#[track_caller]
pub(super) fn loads(fields: &str) -> Vec<Batch<HttpKind>> {
    let (batches, found) = read(fields);
    assert_eq!(found, Vec::<String>::new());
    batches.expect("loads")
}

#[track_caller]
fn refused(fields: &str, expected: &[&str]) {
    assert_eq!(read(fields).1, expected, "{fields}");
}

fn targets(batch: &Batch<HttpKind>) -> Vec<String> {
    batch
        .parts
        .iter()
        .map(|part| part.call.spec.url.to_string())
        .collect()
}

fn told(fields: &str) -> String {
    let batches = loads(&format!("url: http://a\n{fields}\n"));
    let part = &batches[0].parts[0];
    part.describe()
}

fn about(fields: &str) -> String {
    let source = SourceFile::new("e.yaml", fields);
    let root = Node::parse(&source).expect("yaml");
    let mut decoder = Decoder::new(&source, Path::new("."), &|_| None, Mask::default());
    let task: Box<dyn Task> = HttpKind.parse(&root, &mut decoder).expect("a task");
    task.about()
}

#[test]
fn plans_are_told_in_words() {
    for (fields, expected) in [
        ("", "100 requests at 8/s on 4 connections"),
        (
            "duration: 30s\nqps: max\nconnections: 1",
            "requests for 30s as fast as possible on 1 connection",
        ),
        (
            "qps: 5\narrivals: poisson",
            "100 requests at 5/s at random intervals on 4 connections",
        ),
        (
            "httpVersion: h2c\nstreams: 8",
            "100 requests at 8/s on 4 connections of 8 streams",
        ),
        (
            "stages: [{duration: 30s, qps: 50}, {duration: 1m, from: 50, qps: 200}, {duration: 5s, from: 200, qps: 0}]",
            "stages: 30s at 50/s, 1m from 50/s to 200/s, 5s from 200/s to 0/s on 4 connections",
        ),
        (
            "numRequests: 9\nstages: [{duration: 2s, qps: 1.5}]",
            "at most 9 requests in stages: 2s at 1.5/s on 4 connections",
        ),
    ] {
        assert_eq!(told(fields), expected, "{fields}");
    }
}

#[test]
fn what_changes_nothing_is_warned_of() {
    let closed = "url: http://a\nqps: max\nduration: 1s\nmaxConnections: 9\n";
    let (batches, found) = read(closed);
    assert_eq!(
        found,
        [
            "4:17: `maxConnections` changes nothing with `qps: max`: a closed loop opens `connections`, 4 (raise `connections`, or give `qps` a number)"
        ]
    );
    let part = &batches.expect("a load")[0].parts[0];
    assert_eq!(
        part.describe(),
        "requests for 1s as fast as possible on 4 connections"
    );
    assert_eq!(
        told("maxConnections: 9"),
        "100 requests at 8/s on 4 to 9 connections"
    );
    let (batches, found) = read("url: 'http://a/{id}/{uuid}?q={word}&j={ x }'\n");
    assert!(batches.is_some());
    let literal = |word: &str| {
        format!(
            "1:6: `{{{word}}}` is sent literally: there is no `data` with such a column (give `data`, or write `%7B` and `%7D`)"
        )
    };
    assert_eq!(found, [literal("id"), literal("word")]);
}

#[test]
fn stages_last_as_long_as_they_say_and_take_the_place_of_an_inherited_pace() {
    let batches = loads(
        "url: http://a\nqps: 3\nnumRequests: 7\nendpoints:\n  a: {stages: [{duration: 2s, qps: 5}, {duration: 3s, from: 0, qps: 5}]}\n  b: {}\n",
    );
    let plan = &batches[0].plan;
    assert!(matches!(&plan.pace, Pace::Stages(stages) if stages.len() == 2 && stages[1].from.is_none()));
    assert_eq!(plan.stop.time(), Some(std::time::Duration::from_secs(5)));
    assert_eq!(plan.stop.count(), None);
    assert_eq!(batches[1].plan.stop.count(), Some(7));
    let batches =
        loads("url: http://a\nstages: [{duration: 2s, qps: 5}]\nendpoints: {a: {qps: 9, duration: 5s}}\n");
    assert!(matches!(batches[0].plan.pace, Pace::PerSecond(rate) if rate.get() > 8.9));
}

#[test]
fn half_a_pace_does_not_replace_inherited_stages() {
    let stages = "url: http://a\nstages: [{duration: 2s, qps: 5}]\n";
    for (own, expected) in [
        ("qps: 9", "3:22: `qps` and `stages` are both given"),
        ("duration: 9s", "3:27: `duration` and `stages` are both given"),
    ] {
        refused(
            &format!("{stages}endpoints: {{a: {{{own}}}}}\n"),
            &[&format!(
                "{expected} (the `stages` are inherited: give both `qps` and `duration`, or `stages`)"
            )],
        );
    }
}

#[test]
fn stages_that_cannot_be_are_refused_where_they_stand() {
    for (fields, expected) in [
        (
            "stages: []",
            "2:1: no stages: nothing would be sent (give at least one, such as `{duration: 30s, qps: 50}`)",
        ),
        ("stages: [{qps: 5}]", "2:10: a stage needs `duration`"),
        ("stages: [{duration: 5s}]", "2:10: a stage needs `qps`"),
        (
            "stages: [{duration: 5s, qps: 0}]",
            "2:30: a stage without a rate sends nothing (a ramp begins or ends above 0)",
        ),
        (
            "stages: [{duration: 5s, qps: 0, from: 0}]",
            "2:30: a stage without a rate sends nothing (a ramp begins or ends above 0)",
        ),
        (
            "stages: [{duration: 0s, qps: 1}]",
            "2:21: a stage of no `duration` sends nothing",
        ),
        (
            "stages: [{duration: 5s, qps: max}]",
            "2:30: expected a number, found `max`",
        ),
        (
            "stages: [{duration: 5s, qps: -1}]",
            "2:30: expected a number from 0, found -1 (a stage has a pace; to send as fast as possible, write `qps: max` for the whole load)",
        ),
        (
            "stages: [{duration: 5s, qsp: 1, qps: 1}]",
            "2:25: unknown field `qsp` in a stage (did you mean `qps`?)",
        ),
        (
            "stages: [{duration: 5s, qps: 1}]\nqps: 5",
            "3:6: `qps` and `stages` are both given (each stage has its own `qps`: leave one of them out)",
        ),
        (
            "duration: 5s\nstages: [{duration: 5s, qps: 1}]",
            "2:11: `duration` and `stages` are both given (each stage has its own `duration`: leave one of them out)",
        ),
        (
            "arrivals: random",
            "2:11: expected constant or poisson, found `random` (known are constant, poisson)",
        ),
        (
            "arrivals: poison",
            "2:11: expected constant or poisson, found `poison` (did you mean `poisson`?)",
        ),
        (
            "arrivals: poisson\nqps: max",
            "2:11: with `qps: max` requests follow their answers, not `arrivals: poisson` (give `qps` a number, or leave `arrivals` out)",
        ),
    ] {
        refused(&format!("url: http://a\n{fields}\n"), &[expected]);
    }
}

#[test]
fn the_protocol_must_fit_the_url_and_streams_the_protocol() {
    for (fields, expected) in [
        (
            "url: http://a\nhttpVersion: 2",
            "2:14: `httpVersion: 2` is agreed on over TLS, and the URL is http:// (write `h2c` if the server speaks HTTP/2 without TLS)",
        ),
        (
            "url: https://a\nhttpVersion: h2c",
            "2:14: `httpVersion: h2c` is HTTP/2 without TLS, and the URL is https:// (write `2`)",
        ),
        (
            "url: https://a\nhttpVersion: 3",
            "2:14: expected auto, 1.1, 2 or h2c, found `3` (did you mean `2`?)",
        ),
        (
            "url: https://a\nstreams: 2",
            "2:10: `streams: 2` needs HTTP/2 (add `httpVersion: 2`, or `httpVersion: h2c` for a http:// URL)",
        ),
        (
            "url: https://a\nhttpVersion: 1.1\nstreams: 2",
            "3:10: `streams: 2` needs HTTP/2 (add `httpVersion: 2`, or `httpVersion: h2c` for a http:// URL)",
        ),
        (
            "url: https://a\nhttpVersion: 2\nstreams: 900000",
            "3:10: 4 connections of 900000 streams are more than 1000000 requests at a time",
        ),
        (
            "url: https://a\nstreams: 0",
            "2:10: expected a whole number from 1, found 0",
        ),
        (
            "url: http://a\ntraceparent: true\nheaders: {TraceParent: x}",
            "2:14: `traceparent: true` sends the header `traceparent`, which `headers` has, too (leave one of them out)",
        ),
        (
            "url: http://a\ncompression: true\nheaders: {accept-encoding: br}",
            "2:14: `compression: true` sends the header `accept-encoding`, which `headers` has, too (leave one of them out)",
        ),
    ] {
        refused(&format!("{fields}\n"), &[expected]);
    }
    let batches = loads(
        "url: https://a\nhttpVersion: 2\nstreams: 10\ncompression: true\ntraceparent: true\narrivals: poisson\n",
    );
    let part = &batches[0].parts[0];
    assert_eq!(
        (part.call.spec.http_version, part.pool.streams.get()),
        (HttpVersion::Http2, 10)
    );
    assert!(part.call.spec.compression && part.call.spec.traceparent);
    assert_eq!(batches[0].plan.arrivals, Arrivals::Poisson);
    for (text, expected) in [
        ("1.1", HttpVersion::Http1),
        ("'1.1'", HttpVersion::Http1),
        ("auto", HttpVersion::Auto),
    ] {
        let batches = loads(&format!("url: http://a\nhttpVersion: {text}\n"));
        assert_eq!(batches[0].parts[0].call.spec.http_version, expected);
    }
}

#[test]
fn versions_inherit_what_they_do_not_say() {
    let batches = loads(
        "timeout: 1s\nheaders: {x-a: task, x-b: task}\npayloadStr: task\nbearerToken: abcdef\nversions:\n\
         - {name: old, url: http://old/, payloadFile: Cargo.toml}\n\
         - {name: new, url: http://new/, timeout: 5s, connections: 9, headers: {X-A: new}, basicAuth: 'u:pw'}\n",
    );
    let [batch] = batches.as_slice() else {
        panic!("one load")
    };
    assert_eq!(targets(batch), ["http://old/", "http://new/"]);
    assert_eq!((batch.mix.weights.len(), batch.mix.versions.get()), (1, 2));
    let (old, new) = (&batch.parts[0], &batch.parts[1]);
    assert_eq!(new.call.spec.headers["x-a"], "new");
    assert_eq!(new.call.spec.headers["x-b"], "task");
    assert_eq!(new.call.spec.headers["authorization"], "Basic dTpwdw==");
    assert_eq!(old.call.spec.headers["authorization"], "Bearer abcdef");
    assert_eq!((old.pool.connections.get(), new.pool.connections.get()), (4, 9));
    assert_eq!((old.pool.timeout.as_secs(), new.pool.timeout.as_secs()), (1, 5));
    assert!(old.call.spec.body.starts_with(b"[package]") && new.call.spec.body == "task");
}

#[test]
fn the_last_requests_are_waited_for_as_long_as_the_most_patient_version_says() {
    let batches =
        loads("url: http://a\nduration: 1s\nversions: [{name: a}, {name: b, timeout: 9s}, {name: c}]\n");
    assert_eq!(batches[0].plan.grace.as_secs(), 9);
}

#[test]
fn endpoints_of_versions_keep_their_paths() {
    let batches = loads(
        "versions: [{name: old, url: 'https://me:pw@old:8443/ignored'}, {name: new, url: http://new}]\n\
         endpoints: {home: {url: http://app/?a=1}, cart: {url: 'http://app/cart/{uuid}'}, bare: {}}\n",
    );
    let urls: Vec<Vec<String>> = batches.iter().map(targets).collect();
    assert_eq!(
        urls,
        [
            ["https://me:pw@old:8443/?a=1", "http://new/?a=1"],
            [
                "https://me:pw@old:8443/cart/%7Buuid%7D",
                "http://new/cart/%7Buuid%7D"
            ],
            ["https://me:pw@old:8443/ignored", "http://new/"],
        ]
    );
}

#[test]
fn versions_that_cannot_be_compared_are_refused_where_they_stand() {
    for (fields, expected) in [
        (
            "versions: [{name: a}]",
            &[
                "2:1: `versions` are compared, and there is 1 (give at least two; a single one is named by `version: NAME`)",
            ][..],
        ),
        (
            "versions: [{name: a}, {name: a}]",
            &["2:30: another version is called `a`, too (give each a name of its own)"],
        ),
        (
            "versions: [{name: a}, {qps: 8}]",
            &["2:23: a version needs `name`"],
        ),
        (
            "versions: [{name: a}, {name: ' '}]",
            &["2:30: a version needs `name`"],
        ),
        (
            "versions: [{name: a, baseline: true}, {name: b, baseline: true}]",
            &["2:59: `a` is the baseline already (the others are compared with one version)"],
        ),
        (
            "versions: [{name: a, baseline: false}, {name: b}]",
            &[
                "2:32: no version is the baseline (the first version is, unless another one says `baseline: true`)",
            ],
        ),
        (
            "versions: [{name: a}, {name: b, qps: 5}]",
            &["2:38: `qps` is not the same for all versions: their requests alternate (give it to the task)"],
        ),
        (
            "versions: [{name: a, duration: 5s}, {name: b}]",
            &[
                "2:32: `duration` is not the same for all versions: their requests alternate (give it to the task)",
            ],
        ),
        (
            "versions: [{name: a}, {name: b, arrivals: poisson}]",
            &[
                "2:43: `arrivals` is not the same for all versions: their requests alternate (give it to the task)",
            ],
        ),
        (
            "baselineURL: http://b\nversions: [{name: a}, {name: b}]",
            &[
                "2:14: `versions` and `baselineURL` are both given (leave `baselineURL` out and say `baseline: true` in `versions`)",
            ],
        ),
        (
            "version: x\nversions: [{name: a}, {name: b}]",
            &["2:10: `versions` and `version` are both given (leave it out: each of them has its `name`)"],
        ),
        (
            "baselineURL: http://b\nversion: baseline",
            &["3:10: `baseline` is the version of `baselineURL` (give it another name)"],
        ),
        (
            "baselineURL: ftp://b",
            &["2:14: `ftp://` cannot be tested (use http:// or https://)"],
        ),
        (
            "baselineURL: http://b\nqps: max",
            &[
                "3:6: with `qps: max` and a number of requests the faster version ends first, and the other goes on alone (give `duration` and no `numRequests`: versions are compared side by side all the time)",
            ],
        ),
        ("baselineURL: http://b\nqps: max\nduration: 5s", &[]),
        ("baselineURL: http://b\nqps: max\nwarmup: true", &[]),
        // What is wrong beside them is listed, too.
        (
            "versions: [{name: a}]\ntimeout: 0s",
            &[
                "2:1: `versions` are compared, and there is 1 (give at least two; a single one is named by `version: NAME`)",
                "3:10: a `timeout` of 0 lets no request succeed",
            ],
        ),
    ] {
        refused(&format!("url: http://a\n{fields}\n"), expected);
    }
    let (_, found) = read("url: http://a\nversions: [{name: a}, {name: b, metod: PUT}]\n");
    assert_eq!(
        found,
        ["2:33: unknown field `metod` in a version (did you mean `method`?)"]
    );
    refused(
        "versions: [{name: a, url: http://a}, {name: b}]\n",
        &["1:38: the version `b` needs `url`"],
    );
    refused("baselineURL: http://b\n", &["1:1: an `http` task needs `url`"]);
    loads("url: http://a\nversions: [{name: a, qps: 5}, {name: b, qps: 5}]\n");
}

#[test]
fn a_baseline_url_is_short_for_two_versions() {
    let batches =
        loads("url: http://new/x\nbaselineURL: http://old/x\nendpoints: {cart: {url: http://new/cart}}\n");
    assert_eq!(targets(&batches[0]), ["http://old/cart", "http://new/cart"]);
    assert_eq!(
        about("url: http://new/x\nbaselineURL: http://old/x\n"),
        "100 requests at 8/s on 4 connections to http://old/x (baseline) and http://new/x (default)"
    );
}

#[test]
fn weights_put_endpoints_into_one_load() {
    let batches = loads(
        "url: http://a/\nqps: 40\nversions: [{name: old}, {name: new}]\nendpoints: {home: {weight: 3}, cart: {weight: 1, url: http://a/cart}}\n",
    );
    let [batch] = batches.as_slice() else {
        panic!("one load")
    };
    assert_eq!(
        batch
            .mix
            .weights
            .iter()
            .map(|weight| weight.get())
            .collect::<Vec<_>>(),
        [3, 1]
    );
    assert_eq!(
        targets(batch),
        ["http://a/", "http://a/", "http://a/cart", "http://a/cart"]
    );
    let shares: Vec<_> = (0..4).map(|part| batch.share(part)).collect();
    assert_eq!(shares, [Some(0.75), Some(0.75), Some(0.25), Some(0.25)]);
    assert_eq!(loads("url: http://a\nendpoints: {a: {}, b: {}}\n").len(), 2);
    assert_eq!(
        about("url: http://a\nendpoints: {a: {weight: 1}, b: {weight: 1}}\n"),
        "100 requests at 8/s by weight to 2 endpoints: a, b"
    );
}

#[test]
fn weights_that_cannot_be_are_refused_where_they_stand() {
    for (fields, expected) in [
        (
            "endpoints:\n  a: {weight: 1}\n  b: {}\n",
            "4:6: other endpoints have a `weight`, this one has none (give each one, to send to all at the same time, or none, one after the other)",
        ),
        (
            "endpoints:\n  a: {weight: 1, qps: 5}\n  b: {weight: 1}\n",
            "3:23: an endpoint with a `weight` has no `qps` of its own (give it to the task: it is the total, and the weights share it out)",
        ),
        (
            "qps: max\nendpoints: {a: {weight: 1}, b: {weight: 2}}\n",
            "2:6: with `qps: max` the fastest endpoint gets the most requests, whatever its `weight` (give `qps` a number, or leave the weights out)",
        ),
        (
            "endpoints: {a: {weight: 0}}\n",
            "2:25: expected a whole number from 1, found 0",
        ),
        (
            "endpoints: {a: {weight: 9999999999}}\n",
            "2:25: a `weight` is below 2^32",
        ),
        ("weight: 1\n", "2:1: unknown field `weight` in an `http` task"),
    ] {
        let (batches, found) = read(&format!("url: http://a\n{fields}"));
        assert!(batches.is_none() || fields.starts_with("weight"), "{fields}");
        assert_eq!(found.len(), 1, "{found:?}");
        assert!(found[0].starts_with(expected), "{found:?}");
    }
}
