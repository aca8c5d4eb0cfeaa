//! Flags over a file.

use super::*;
use crate::spec::{SourceFile, Value};

/// Flags as they are typed, `--` left out: fields of the load, of the verdict, `slo` and `readyTimeout`.
fn given(flags: &[(&str, &str)]) -> Given {
    let mut given = Given {
        patience: "10s",
        ..Given::default()
    };
    for (key, value) in flags {
        let (name, text, at) = ((*key).to_owned(), (*value).to_owned(), format!("flag --{key}"));
        match *key {
            "slo" => given.objectives.push((text, at)),
            "readyTimeout" => given.ready_timeout = Some((text, at)),
            "minRequests" | "onInconclusive" => given.judge.push((name, text, at)),
            _ => given.load.push((name, vec![text], at)),
        }
    }
    given
}

/// The tasks of a file with flags over it, one per line, and what is wrong with the flags.
fn over(file: &str, flags: &[(&str, &str)]) -> (String, Vec<String>) {
    let source = SourceFile::new("e.yaml", file);
    let root = Node::parse(&source).expect("yaml");
    let (mut root, found) = given(flags).over(root, &source);
    let tasks = edit::tasks(&mut root).map(|tasks| tasks.iter().map(show).collect::<Vec<_>>());
    let found = found.iter().map(|diagnostic| {
        let place = diagnostic.place.as_ref().expect("a place");
        format!("{place}: {}", diagnostic.message)
    });
    (tasks.unwrap_or_default().join("\n"), found.collect())
}

fn tasks(file: &str, flags: &[(&str, &str)]) -> String {
    let (tasks, found) = over(file, flags);
    assert_eq!(found, Vec::<String>::new());
    tasks
}

fn show(node: &Node) -> String {
    match &node.value {
        Value::Null => "null".to_owned(),
        Value::Bool(value) => value.to_string(),
        Value::Int(value) => value.to_string(),
        Value::Float(value) => value.to_string(),
        Value::String(text) | Value::Text(text) => text.clone(),
        Value::List(items) => format!("[{}]", items.iter().map(show).collect::<Vec<_>>().join(", ")),
        Value::Map(entries) => {
            let shown = entries
                .iter()
                .map(|(key, node)| format!("{}: {}", key.name, show(node)));
            format!("{{{}}}", shown.collect::<Vec<_>>().join(", "))
        }
    }
}

#[test]
fn flags_reach_keys_in_any_case() {
    assert_eq!(
        tasks(
            "Spec:\n- Task: http\n  With: {URL: http://a/, QPS: 1}\n- TASK: assess\n  with:\n",
            &[
                ("qps", "5"),
                ("slo", "http/error-rate <= 1%"),
                ("minRequests", "7")
            ],
        ),
        "{Task: http, With: {URL: http://a/, qps: 5}}\n\
         {TASK: assess, with: {minRequests: 7}}\n\
         {task: assess, with: {objectives: [http/error-rate <= 1%], minRequests: 7}}"
    );
}

#[test]
fn a_task_without_fields_gets_those_of_the_flags() {
    assert_eq!(
        tasks(
            "spec: [{task: ready, with: {url: http://a/}}, {task: http}]",
            &[("url", "http://b/")]
        ),
        "{task: ready, with: {url: http://b/}}\n{task: http, with: {url: http://b/}}"
    );
}

#[test]
fn a_flag_that_would_change_nothing_is_a_mistake() {
    let flags = [("qps", "5"), ("readyTimeout", "5s"), ("minRequests", "7")];
    let (_, found) = over("spec: [{run: echo}]", &flags);
    assert_eq!(
        found,
        [
            "flag --qps: `qps` would change nothing: the experiment has no `http` task",
            "flag --readyTimeout: `readyTimeout` would change nothing: the experiment has no `ready` task",
            "flag --minRequests: `minRequests` would change nothing: the experiment has no `assess` task",
        ]
    );
    let (_, found) = over(
        "spec: [{task: assess}, {task: http}, {task: ready, with: {url: a}}]",
        &flags,
    );
    assert!(found.is_empty(), "{found:?}");
    let alone = |flags: &[(&str, &str)]| given(flags).alone().1.len();
    assert_eq!(alone(&[("url", "http://a/"), ("onInconclusive", "fail")]), 1);
    assert_eq!(
        alone(&[
            ("url", "http://a/"),
            ("onInconclusive", "fail"),
            ("slo", "x <= 1")
        ]),
        0
    );
}

const ENDPOINTS: &str = "
spec:
- task: http
  with:
    url: http://a/
    payloadFile: body.json
    endpoints:
      home: {numRequests: 9, timeout: 1s}
      order: {URL: 'app.example:1/order?id=1', payloadURL: http://c/, headers: {x-a: own, x-b: own}}
";

#[test]
fn flags_win_over_endpoints_and_over_rivals() {
    assert_eq!(
        tasks(
            ENDPOINTS,
            &[("duration", "5s"), ("payloadStr", "{}"), ("headers", "X-A: flag")]
        ),
        "{task: http, with: {url: http://a/, endpoints: {home: {timeout: 1s}, \
         order: {URL: app.example:1/order?id=1, headers: {x-b: own}}}, duration: 5s, payloadStr: {}, headers: {X-A: flag}}}"
    );
}

#[test]
fn a_header_leaves_those_of_other_names_where_they_are() {
    assert_eq!(
        tasks(
            "spec: [{task: http, with: {url: http://a/, Headers: {Authorization: t, X-Trace: file}}}]",
            &[("headers", "x-trace: flag")]
        ),
        "{task: http, with: {url: http://a/, headers: {Authorization: t, x-trace: flag}}}"
    );
}

#[test]
fn stages_are_not_dropped_for_a_pace_or_a_duration() {
    let stages = "stages: [{duration: 5s, qps: 5}]";
    let refused = [
        "flag --qps: `--qps` cannot change a load with `stages`",
        "flag --duration: `--duration` cannot change a load with `stages`",
    ];
    for with in [
        stages.to_owned(),
        format!("endpoints: {{a: {{{stages}}}, b: {{{stages}}}}}"),
        format!("versions: [{{name: a, {stages}}}, {{name: b, {stages}}}]"),
    ] {
        let file = format!("spec: [{{task: http, with: {{url: http://a/, {with}}}}}]");
        let flags = [("qps", "9"), ("duration", "1m"), ("numRequests", "7")];
        assert_eq!(over(&file, &flags).1, refused, "{with}");
        assert!(over(&file, &flags[2..]).1.is_empty(), "{with}");
    }
}

#[test]
fn a_url_replaces_the_origin_of_endpoints() {
    let (shown, found) = over(ENDPOINTS, &[("url", "https://pr-42.example/x")]);
    assert_eq!(found, Vec::<String>::new());
    assert!(shown.contains("URL: https://pr-42.example/order?id=1"), "{shown}");
    assert!(shown.ends_with(", url: https://pr-42.example/x}}"), "{shown}");
    let file = "spec:\n- task: http\n  with:\n    endpoints:\n      home: {url: '${URL}/a'}\n";
    assert_eq!(
        over(file, &[("url", "https://pr-42.example/")]).1,
        [
            "e.yaml:5:19: `url` cannot be put over that of the endpoint `home`: its host comes from the environment"
        ]
    );
}

#[test]
fn the_probe_reaches_the_url_as_the_load_does() {
    let file = "spec: [{run: make certificates}, \
                {task: http, with: {url: http://a/, BearerToken: t, caCert: ca.pem, timeout: 1s, qps: 3, insecureSkipVerify: true}}]";
    assert_eq!(
        tasks(
            file,
            &[
                ("url", "https://b/"),
                ("basicAuth", "me:pw"),
                ("readyTimeout", "5s")
            ]
        ),
        "{run: make certificates}\n\
         {task: ready, with: {caCert: ca.pem, insecureSkipVerify: true, basicAuth: me:pw, url: https://b/, status: any, timeout: 5s}}\n\
         {task: http, with: {caCert: ca.pem, timeout: 1s, qps: 3, insecureSkipVerify: true, url: https://b/, basicAuth: me:pw}}"
    );
}

#[test]
fn a_ready_task_of_the_file_waits_for_the_url_that_was_given() {
    let file = "spec: [{task: ready, with: {url: http://a/, status: 200, timeout: 1s}}]";
    assert_eq!(
        tasks(
            file,
            &[("url", "https://b/"), ("headers", "x: y"), ("readyTimeout", "5s")]
        ),
        "{task: ready, with: {status: 200, url: https://b/, headers: {x: y}, timeout: 5s}}"
    );
    assert_eq!(
        tasks(file, &[("readyTimeout", "5s")]),
        "{task: ready, with: {url: http://a/, status: 200, timeout: 5s}}"
    );
}

#[test]
fn a_health_page_keeps_its_path_on_the_host_that_was_given() {
    let page = |url: &str| format!("spec: [{{task: ready, with: {{url: '{url}'}}}}]");
    let moved = |url: &str| tasks(&page(url), &[("url", "https://b/app")]);
    assert_eq!(
        moved("http://a:80/healthz?full=1"),
        "{task: ready, with: {url: https://b/healthz?full=1}}"
    );
    assert_eq!(
        moved("${HOST}/healthz"),
        "{task: ready, with: {url: https://b/app}}"
    );
}

#[test]
fn urls_go_to_the_versions_they_are_of() {
    let file = "spec: [{task: ready, with: {url: http://a/}}, {task: http, with: {qps: 3, \
                versions: [{name: new, url: http://n/, qps: 3}, {name: old, baseline: true, url: http://o/, headers: {X-A: old, x-b: old}}]}}]";
    assert_eq!(
        tasks(
            file,
            &[
                ("url", "http://pr/"),
                ("baselineURL", "http://main/"),
                ("qps", "9"),
                ("headers", "x-a: flag")
            ]
        ),
        "{task: ready, with: {url: http://pr/, headers: {x-a: flag}}}\n\
         {task: ready, with: {headers: {x-a: flag, x-b: old}, url: http://main/, status: any, timeout: 10s}}\n\
         {task: http, with: {versions: [{name: new, url: http://pr/}, \
         {name: old, baseline: true, headers: {x-b: old}, url: http://main/}], qps: 9, headers: {x-a: flag}}}"
    );
    let three = "spec: [{task: http, with: {url: http://a/, versions: [{name: a}, {name: b, url: http://b/}, {name: c}]}}]";
    let (_, found) = over(three, &[("url", "http://pr/")]);
    assert_eq!(
        found,
        ["flag --url: `url` is that of the version to judge, and the file has several"]
    );
    let headers = "spec: [{task: ready, with: {url: http://a/}}, {task: http, with: {url: http://a/, versions: [{name: a}, {name: b, headers: {x: y}}]}}]";
    assert!(tasks(headers, &[("url", "http://pr/")]).ends_with("headers: {x: y}}], url: http://pr/}}"));
}

#[test]
fn a_file_that_waits_for_something_else_does_not_wait_for_the_url() {
    let file = "spec: [{task: ready, with: {grpc: 'db:1'}}, {task: http, with: {url: http://a/}}]";
    assert_eq!(
        tasks(file, &[("url", "http://pr/")]),
        "{task: ready, with: {grpc: db:1}}\n\
         {task: ready, with: {url: http://pr/, status: any, timeout: 10s}}\n\
         {task: http, with: {url: http://pr/}}"
    );
}

#[test]
fn both_urls_are_probed_before_the_load() {
    let urls = [
        ("url", "http://new/"),
        ("baselineURL", "http://old/"),
        ("bearerToken", "t"),
    ];
    let probed = "{task: ready, with: {bearerToken: t, url: http://old/, status: any, timeout: 10s}}\n";
    let first = "{task: ready, with: {url: http://new/, bearerToken: t, status: any, timeout: 10s}}\n";
    let versions = "spec: [{task: http, with: {url: http://a/, versions: [{name: n, url: http://n/}, {name: o, baseline: true}]}}]";
    assert!(
        tasks(versions, &[("url", "http://pr/")])
            .starts_with("{task: ready, with: {url: http://pr/, status: any, timeout: 10s}}\n"),
        "the URL that was given, not that of the task"
    );
    let (root, found) = given(&urls).alone();
    assert!(found.is_empty(), "{found:?}");
    let alone =
        edit::tasks(&mut root.clone()).map(|tasks| tasks.iter().map(show).collect::<Vec<_>>().join("\n"));
    let load = "{task: http, with: {url: http://new/, baselineURL: http://old/, bearerToken: t}}";
    assert_eq!(alone.expect("tasks"), format!("{first}{probed}{load}"));
    let first = first.replace(
        "url: http://new/, bearerToken: t",
        "bearerToken: t, url: http://new/",
    );
    let over = tasks(
        "spec: [{task: http, with: {numRequests: 5}}]",
        &[&urls[..], &[("duration", "4s")]].concat(),
    );
    assert_eq!(
        over,
        format!("{first}{probed}{}", load.replace("t}}", "t, duration: 4s}}"))
    );
}

#[test]
fn both_hosts_are_probed_before_the_load() {
    let hosts = [
        ("host", "new:1"),
        ("baselineHost", "old:1"),
        ("call", "a.B/C"),
        ("skipTLS", "true"),
        ("cname", "name"),
    ];
    let names = "skipTLS: true, cname: name";
    let of_new = format!("{{task: ready, with: {{{names}, grpc: new:1, status: any, timeout: 10s}}}}\n");
    let of_old = of_new.replace("new:1", "old:1");
    let load = format!("{{task: grpc, with: {{host: new:1, baselineHost: old:1, call: a.B/C, {names}}}}}");
    let (root, found) = given(&hosts).alone();
    assert!(found.is_empty(), "{found:?}");
    let alone =
        edit::tasks(&mut root.clone()).map(|tasks| tasks.iter().map(show).collect::<Vec<_>>().join("\n"));
    assert_eq!(alone.expect("tasks"), format!("{of_new}{of_old}{load}"));
    let mut in_action = hosts;
    in_action[1].0 = "baselineURL";
    let (root, _) = given(&in_action).alone();
    let alone =
        edit::tasks(&mut root.clone()).map(|tasks| tasks.iter().map(show).collect::<Vec<_>>().join("\n"));
    assert_eq!(alone.expect("tasks"), format!("{of_new}{of_old}{load}"));
    let over = tasks("spec: [{task: grpc, with: {total: 5}}]", &hosts);
    assert_eq!(
        over,
        format!("{of_new}{of_old}{}", load.replace("{host", "{total: 5, host"))
    );
    assert_eq!(
        tasks(
            "spec: [{task: grpc, with: {total: 5, versions: [{name: new, host: a:1}, {name: old, host: b:1, baseline: true}]}}]",
            &hosts[..3]
        ),
        "{task: ready, with: {grpc: new:1, status: any, timeout: 10s}}\n\
         {task: ready, with: {grpc: old:1, status: any, timeout: 10s}}\n\
         {task: grpc, with: {total: 5, versions: [{name: new, host: new:1}, {name: old, baseline: true, host: old:1}], call: a.B/C}}"
    );
    // As with URLs, what stands in a file is waited for if the file says so.
    let file = "spec: [{task: grpc, with: {host: a:1, baselineHost: b:1, call: a.B/C}}]";
    assert!(!tasks(file, &[("total", "5")]).contains("ready"));
}

#[test]
fn a_host_over_a_ready_task_brings_the_way_to_it() {
    let file = "spec: [{task: ready, with: {grpc: a:1, insecure: false, service: s}}, {task: grpc, with: {call: a.B/C}}]";
    let ready = |flags: &[(&str, &str)]| {
        tasks(file, flags)
            .lines()
            .next()
            .map(str::to_owned)
            .expect("a task")
    };
    assert_eq!(
        ready(&[
            ("host", "b:1"),
            ("cacert", "ca.pem"),
            ("cert", "c.pem"),
            ("key", "k.pem"),
            ("authority", "name")
        ]),
        "{task: ready, with: {insecure: false, service: s, grpc: b:1, caCert: ca.pem, cert: c.pem, key: k.pem, authority: name}}"
    );
    assert_eq!(
        ready(&[("host", "b:1"), ("insecure", "true")]),
        "{task: ready, with: {service: s, grpc: b:1}}"
    );
}

#[test]
fn a_probe_reaches_a_version_as_the_load_does() {
    let file = "spec: [{task: grpc, with: {call: a.B/C, cacert: task.pem, proxy: none, versions: [\
                {name: new, host: a:1, caCert: new.pem, clientCert: new.crt}, \
                {name: old, host: b:1, baseline: true, skipTLS: true}]}}]";
    let all = tasks(file, &[("host", "pr:1"), ("baselineHost", "main:1")]);
    let mut each = all.lines();
    assert_eq!(
        each.next(),
        Some(
            "{task: ready, with: {proxy: none, caCert: new.pem, clientCert: new.crt, grpc: pr:1, status: any, timeout: 10s}}"
        )
    );
    assert_eq!(
        each.next(),
        Some(
            "{task: ready, with: {caCert: task.pem, proxy: none, skipTLS: true, grpc: main:1, status: any, timeout: 10s}}"
        )
    );
    let url = "spec: [{task: http, with: {url: https://a/, caCert: task.pem, versions: [\
               {name: old}, {name: new, caCert: new.pem, headers: {authorization: t}}]}}]";
    assert!(tasks(url, &[("url", "https://pr/")]).starts_with(
        "{task: ready, with: {caCert: new.pem, headers: {authorization: t}, url: https://pr/, status: any,"
    ));
}

#[test]
fn a_probe_reaches_endpoints_as_the_load_does() {
    let file = "spec: [{task: grpc, with: {host: a:1, endpoints: {one: {call: a.B/C, insecure: false}, two: {call: a.B/D, insecure: false}}}}]";
    assert!(
        tasks(file, &[("host", "pr:1")])
            .starts_with("{task: ready, with: {insecure: false, grpc: pr:1, status: any,")
    );
}

#[test]
fn a_flag_takes_the_place_of_a_field_of_another_name() {
    let file = "spec: [{task: ready, with: {grpc: a:1, clientCert: file.crt, clientKey: file.key, insecureSkipVerify: true}}, \
                {task: grpc, with: {host: a:1, call: a.B/C, clientCert: file.crt, clientKey: file.key, dataFile: a.json, \
                versions: [{name: old, cert: old.crt}, {name: new, clientCert: new.crt}], endpoints: {e: {clientCert: e.crt}}}}]";
    let flags = [
        ("host", "pr:1"),
        ("cert", "flag.crt"),
        ("key", "flag.key"),
        ("skipTLS", "false"),
        ("data", "{}"),
    ];
    assert_eq!(
        tasks(file, &flags),
        "{task: ready, with: {grpc: pr:1, cert: flag.crt, key: flag.key}}\n\
         {task: grpc, with: {call: a.B/C, versions: [{name: old}, {name: new}], endpoints: {e: {}}, \
         host: pr:1, cert: flag.crt, key: flag.key, skipTLS: false, data: {}}}"
    );
}

#[test]
fn a_rate_takes_the_place_of_a_schedule_with_all_that_belongs_to_it() {
    let file = "spec: [{task: grpc, with: {host: a:1, load-schedule: step, loadStart: 5, load-step: 5, load-end: 9, \
                concurrency-schedule: line, concurrency-step: 1}}]";
    assert_eq!(
        tasks(file, &[("rps", "7")]),
        "{task: grpc, with: {host: a:1, concurrency-schedule: line, concurrency-step: 1, rps: 7}}"
    );
    assert!(tasks(file, &[("load-start", "7")]).contains("load-schedule: step, load-step: 5, load-end: 9"));
}
