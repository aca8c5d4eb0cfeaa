//! Where results are kept: whole ones on a volume or at a URL, and what there is of a run that is killed.

use std::io::Write as _;
use std::os::unix::fs::PermissionsExt;
use std::path::PathBuf;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use flate2::Compression;
use flate2::write::GzEncoder;
use rustix::process::{Pid, Signal, kill_process};
use serde_json::{Value, json};

use crate::kubernetes_run::{JOB, NOBODY, app, ended, k, launch, left, said, short, stored};
use crate::support::{Answer, App, Namespace, Relay, Seen, Server, cluster, kubeconfig};

/// A claim, which the node of the tests has a folder for.
fn claim(here: &Namespace, mode: &str) -> PathBuf {
    here.apply(&format!(
        "apiVersion: v1\nkind: PersistentVolumeClaim\nmetadata: {{name: kept}}\n\
         spec: {{accessModes: [{mode}], storageClassName: none, resources: {{requests: {{storage: 1Mi}}}}}}\n"
    ));
    let folder = here.cluster.kubeconfig().with_file_name("pods");
    folder.join("claims").join(&here.name).join("kept")
}

fn result(folder: &std::path::Path) -> Value {
    let text = std::fs::read_to_string(folder.join("result.json")).expect("a result");
    serde_json::from_str(&text).expect("JSON")
}

#[test]
fn a_whole_result_and_its_reports_go_to_a_volume() {
    let Some(cluster) = cluster() else { return };
    let here = cluster.namespace("whole-volume");
    let folder = claim(&here, "ReadWriteOnce");
    let server = Server::ok();
    let kept = ["--set", "resultVolume=kept"];
    launch(&here, &short(&server), &[&JOB[..], &kept].concat()).exits(0);
    let (state, log) = ended(&here, "default-1-job");
    assert_eq!(state, "Complete", "{log}");
    let own = folder.join("default/1");
    assert_eq!(result(&own)["outcome"], "pass");
    for file in ["report.html", "report.md", "junit.xml"] {
        assert!(own.join(file).is_file(), "{file}");
    }
    let place = "default/1 on the volume of the claim kept";
    assert_eq!(said(&here, "whole"), place);
    assert!(log.contains(&format!("the whole result is in {place}")), "{log}");
    // Files of the pod end with it.
    assert!(!log.contains("details in"), "{log}");
    assert!(
        log.contains("details by iter8 k report -o html -n whole-volume -g default"),
        "{log}"
    );
    // A file stands where the next folder would be.
    std::fs::write(folder.join("default/2"), "").expect("a file");
    launch(&here, &short(&server), &[&JOB[..], &kept].concat()).exits(0);
    let (state, log) = ended(&here, "default-2-job");
    assert_eq!(state, "Failed", "{log}");
    assert!(
        log.contains("error: the whole result is not in default/2 on the volume"),
        "{log}"
    );
    assert_eq!(
        (said(&here, "outcome"), said(&here, "whole")),
        ("pass".into(), String::new())
    );
    k(&here, "report", &[])
        .exits(0)
        .says("the whole result is not in default/2");
    k(&here, "delete", &[]).exits(0);
    assert_eq!(left(&here), "");
    assert!(own.is_dir(), "what is kept stays");
}

#[test]
fn a_claim_that_takes_nothing_is_told_before_anything_is_made() {
    let Some(cluster) = cluster() else { return };
    let here = cluster.namespace("whole-claim");
    let server = Server::ok();
    let kept = [&JOB[..], &["--set", "resultVolume=kept"]].concat();
    launch(&here, &short(&server), &kept)
        .exits(2)
        .says("there is no PersistentVolumeClaim `kept` in the namespace whole-claim")
        .says("nothing was launched");
    claim(&here, "ReadOnlyMany");
    launch(&here, &short(&server), &kept)
        .exits(2)
        .says("takes no files: it is ReadOnlyMany");
    assert_eq!(left(&here), "");
    here.kubectl(&["delete", "pvc", "kept"], "");
    claim(&here, "ReadWriteOnce");
    let shards = [&kept[..], &["--set", "shards=2", "--set", "http.numRequests=2"]].concat();
    launch(&here, &short(&server), &shards)
        .exits(0)
        .says("is not ReadWriteMany: shards on other nodes than the first do not begin");
    k(&here, "delete", &[]).exits(0);
}

const SECRET: &str = "sig=a-signature-of-the-owner";

/// What takes results.
fn bucket(status: impl Fn(usize) -> u16 + Send + Sync + 'static) -> Server {
    let count = Arc::new(AtomicUsize::new(0));
    Server::new(move |_| Answer::status(status(count.fetch_add(1, Ordering::SeqCst))))
}

fn at(bucket: &Server, path: &str) -> [String; 2] {
    [
        "--set".into(),
        format!("resultURL={}", bucket.url(&format!("{path}?{SECRET}"))),
    ]
}

#[test]
fn shards_and_their_merged_result_are_sent_to_a_url_that_nobody_sees() {
    let Some(cluster) = cluster() else { return };
    let here = cluster.namespace("whole-url");
    let (server, bucket) = (
        Server::new(|_| Answer::status(200).after(std::time::Duration::from_millis(300))),
        bucket(|_| 201),
    );
    let url = at(&bucket, "/{namespace}/{group}-{revision}-{shard}.json");
    let more = ["--set", "shards=2", "--set", "http.qps=4", &url[0], &url[1]];
    let output = launch(&here, &short(&server), &[&JOB[..], &more].concat());
    output.exits(0);
    let (state, log) = ended(&here, "default-1-job");
    assert_eq!(state, "Complete", "{log}");
    let seen = bucket.seen();
    let mut paths: Vec<&str> = seen.iter().map(|seen| seen.path.as_str()).collect();
    paths.sort_unstable();
    let expected = ["0", "1", "all"].map(|shard| format!("/whole-url/default-1-{shard}.json?{SECRET}"));
    assert_eq!(paths, expected);
    let of_all = |seen: &&Seen| seen.path.contains("-all.json");
    let whole = seen.iter().find(of_all).expect("the merged one");
    assert_eq!(whole.method, "PUT");
    let whole: Value = serde_json::from_slice(&whole.body).expect("JSON");
    assert_eq!(whole["shards"]["count"], 2);
    let shown = bucket.url("/whole-url/default-1-all.json");
    assert_eq!(said(&here, "whole"), shown);
    let all = here.kubectl(&["get", "configmaps,jobs,pods", "-o", "yaml"], "");
    let log = k(&here, "log", &[]).stdout;
    assert!(log.contains(&format!("the whole result is in {shown}")), "{log}");
    let report = k(&here, "report", &["-o", "json"]).stdout;
    for text in [all, log, report, format!("{}{}", output.stdout, output.stderr)] {
        assert!(!text.contains("a-signature"), "{text}");
    }
}

#[test]
fn what_does_not_take_a_result_is_asked_again_and_told_at_last() {
    let Some(cluster) = cluster() else { return };
    let here = cluster.namespace("whole-faults");
    let server = Server::ok();
    // Away at first, and then there.
    let slow = bucket(|count| if count < 2 { 503 } else { 200 });
    let url = at(&slow, "/up");
    let more = [NOBODY[0], NOBODY[1], &url[0], &url[1]];
    launch(&here, &short(&server), &more).exits(0);
    k(&here, "run", &[])
        .exits(0)
        .says("/up answers with 503 Service Unavailable; trying again in 0.5 s")
        .says("the whole result is in");
    assert_eq!((slow.requests(), said(&here, "whole")), (3, slow.url("/up")));
    // Refused for good.
    let shut = bucket(|_| 403);
    let url = at(&shut, "/up");
    let more = [NOBODY[0], NOBODY[1], &url[0], &url[1]];
    launch(&here, &short(&server), &more).exits(0);
    let output = k(&here, "run", &[]);
    output
        .exits(6)
        .says("pass: the result is in configmaps/default-result")
        .says("error: the whole result is not in")
        .says("/up answers with 403 Forbidden")
        .says("is it signed for PUT, and still valid?");
    assert!(!output.has("a-signature"), "{output}");
    assert_eq!((shut.requests(), said(&here, "outcome")), (1, "pass".into()));
    k(&here, "assert", &["-c", "completed,slos"]).exits(0);
    k(&here, "report", &[])
        .exits(0)
        .says("the whole result is not in");
    // What is no address is told before anything is sent, and not shown.
    let odd = format!("resultURL=s3://bucket/x?{SECRET}");
    let output = App::new().run(&[
        "k",
        "launch",
        "--dry",
        "--set",
        "tasks={http}",
        "--set",
        "http.url=http://a.b/",
        "--set",
        "runner=job",
        "--set",
        &odd,
    ]);
    output
        .exits(2)
        .says("results cannot be sent there: it is no http:// or https:// URL");
    assert!(!output.has("a-signature"), "{output}");
}

/// Loops that were before, with so many values each that nobody foresees.
fn loops(values: usize) -> Vec<Value> {
    let mut state: u64 = 7;
    let mut next = || {
        state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1);
        (state >> 11) as f64 / (1_u64 << 53) as f64
    };
    let begun = |number| json!({"number": number, "started": "2026-05-01T10:00:00Z", "seconds": 1.0, "outcome": "pass"});
    (1..50)
        .map(|number| {
            let mut one = begun(number);
            let metrics = (0..values).map(|index| (format!("shop/m{index}"), json!(next())));
            one["metrics"] = metrics.collect::<serde_json::Map<_, _>>().into();
            one
        })
        .collect()
}

fn packed(result: &Value) -> Vec<u8> {
    let mut encoder = GzEncoder::new(Vec::new(), Compression::default());
    encoder.write_all(result.to_string().as_bytes()).expect("memory");
    encoder.finish().expect("memory")
}

#[test]
fn of_a_result_that_a_configmap_does_not_hold_the_verdict_stays_as_it_is() {
    let Some(cluster) = cluster() else { return };
    let here = cluster.namespace("shortened");
    let server = Server::new(|seen| Answer::status(if seen.number < 6 { 200 } else { 500 }));
    launch(&here, &short(&server), &NOBODY).exits(0);
    k(&here, "run", &[]).exits(0);
    // More than the program puts into a ConfigMap, and less than the API takes.
    let mut earlier = stored(&here);
    earlier["loops"] = 50.into();
    earlier["past"] = loops(200).into();
    let values = 200 * 1_028_000 / packed(&earlier).len();
    earlier["past"] = loops(values).into();
    let bytes = packed(&earlier);
    assert!((1_010_000..1_045_000).contains(&bytes.len()), "{}", bytes.len());
    let mut object = here.get("configmap/default-result");
    object["binaryData"]["result.json.gz"] = STANDARD.encode(bytes).into();
    here.kubectl(&["replace", "-f", "-"], &object.to_string());

    let app = app(cluster);
    let output = app.run(&["k", "run", "-n", "shortened", "--reuseResult"]);
    output
        .exits(0)
        .says("fail: the result is in configmaps/default-result");
    let (whole, short) = (app.result(), stored(&here));
    assert_eq!(whole["past"].as_array().map(Vec::len), Some(50));
    assert_eq!(short["past"].as_array().map(Vec::len), Some(5));
    for exact in ["outcome", "because", "assessment", "terms", "loops", "ended"] {
        assert_eq!(short[exact], whole[exact], "{exact}");
        assert!(!whole[exact].is_null(), "{exact}");
    }
    let load = |result: &Value| result["insights"]["versions"][0]["loads"][0]["measurement"].clone();
    for exact in ["requests", "answered", "errors", "statuses"] {
        assert_eq!(load(&short)[exact], load(&whole)[exact], "{exact}");
    }
    assert_eq!(
        load(&short)["timings"]["latency"],
        load(&whole)["timings"]["latency"]
    );
    assert_eq!(
        (&whole["outcome"], &load(&whole)["errors"]),
        (&json!("fail"), &json!(2))
    );
    assert_eq!(said(&here, "outcome"), "fail");
    k(&here, "assert", &["-c", "slos"])
        .exits(1)
        .says("SLOs are not satisfied");
    let lacks = "stored without its course over time, the slowest requests, loops but the last few: all of it does not fit";
    k(&here, "report", &[]).exits(0).says(lacks);
}

/// The API server, which does not know tokens any more that it saw before a load began.
fn forgetful(relay: &Relay, begun: &Arc<AtomicBool>) -> Server {
    let (way, begun, old) = (relay.way(), Arc::clone(begun), Mutex::new(Vec::<String>::new()));
    Server::new(move |seen| {
        let token = seen.header("authorization").to_owned();
        let mut old = old.lock().expect("a lock");
        if !begun.load(Ordering::Relaxed) {
            old.push(token);
        } else if old.contains(&token) {
            let body = r#"{"kind": "Status", "status": "Failure", "reason": "Unauthorized", "code": 401, "message": "x"}"#;
            return Answer::status(401)
                .header("content-type", "application/json")
                .body(body);
        }
        way.hand_on(seen)
    })
}

#[test]
fn a_run_beside_the_cluster_whose_token_ends_keeps_its_result_with_another() {
    let Some(cluster) = cluster() else { return };
    let here = cluster.namespace("run-renewed");
    let relay = Relay::to(cluster);
    let begun = Arc::new(AtomicBool::new(false));
    let api = forgetful(&relay, &begun);
    let late = Arc::clone(&begun);
    let target = Server::new(move |_| {
        late.store(true, Ordering::Relaxed);
        Answer::status(200)
    });
    let exec = json!({"apiVersion": "client.authentication.k8s.io/v1", "command": "./plugin", "interactiveMode": "Never"});
    let giving = "echo '{\"kind\": \"ExecCredential\", \"status\": {\"token\": \"token-'$n'\"}}'\n";
    let kept = "pass: the result is in configmaps/default-result";
    for (each, asked, code, outcome, says) in [
        ("", 2, 0, "pass", kept),
        // One that gives nothing new: the result is in the log at last.
        ("n=1\n", 2, 6, "", "it follows as one line of JSON"),
        // One that fails once gave some before, and does again.
        ("[ $n -ne 2 ] || exit 1\n", 3, 0, "pass", kept),
    ] {
        begun.store(false, Ordering::Relaxed);
        launch(&here, &short(&target), &NOBODY).exits(0);
        let script = format!("#!/bin/sh\necho x >> asked\nn=$(wc -l < asked)\n{each}{giving}");
        let app = App::new()
            .file("config", kubeconfig(&api, &json!({ "exec": exec })))
            .file("plugin", script);
        std::fs::set_permissions(app.path("plugin"), PermissionsExt::from_mode(0o755)).expect("a mode");
        app.run(&["k", "run", "-n", "run-renewed", "--kubeconfig", "config"])
            .exits(code)
            .says(says);
        assert_eq!(said(&here, "outcome"), outcome);
        assert!(begun.load(Ordering::Relaxed));
        assert_eq!(app.read("asked").lines().count(), asked);
    }
}

/// Ends the process of a pod as a kernel does that has no memory left.
fn kill(here: &Namespace) {
    let words = format!("k\0run\0--namespace\0{}\0", here.name);
    let mut found = 0;
    for entry in std::fs::read_dir("/proc")
        .expect("processes")
        .filter_map(Result::ok)
    {
        let line = std::fs::read(entry.path().join("cmdline")).unwrap_or_default();
        let pid = entry
            .file_name()
            .to_string_lossy()
            .parse()
            .ok()
            .and_then(Pid::from_raw);
        if let Some(pid) = pid.filter(|_| String::from_utf8_lossy(&line).contains(&words)) {
            kill_process(pid, Signal::KILL).expect("killed");
            found += 1;
        }
    }
    assert_eq!(found, 1);
}

#[test]
fn a_pod_that_runs_out_of_memory_leaves_what_was_measured_and_no_pass() {
    let Some(cluster) = cluster() else { return };
    let here = cluster.namespace("oom");
    let server = Server::ok();
    let mut values = short(&server);
    values[1] = "tasks={http,assess,ready}".to_owned();
    let waits = ["--set", "ready.cm=never", "--set", "ready.timeout=60s"];
    launch(&here, &values, &[&JOB[..], &waits].concat()).exits(0);
    here.until("kept", |here| said(here, "revision") == "1");
    // It goes on, and nothing takes that for a verdict.
    assert_eq!(said(&here, "outcome"), "");
    k(&here, "assert", &["-c", "slos"])
        .exits(1)
        .says("the run did not come to its end");
    kill(&here);
    let (state, _) = ended(&here, "default-1-job");
    assert_eq!(state, "Failed");
    k(
        &here,
        "assert",
        &["-c", "completed,nofailure,slos", "--timeout", "20s"],
    )
    .exits(1)
    .says_all(&[
        "error: the Job default-1-job failed",
        "its container iter8 was killed: it used more memory than its limit",
        "until then 2 of 3 tasks were done, and 4 requests measured",
        "experiment did not complete: the run did not come to its end",
    ]);
    k(&here, "report", &[])
        .exits(0)
        .says("4 requests")
        .says("not ended, the run still goes on or was killed");
}
