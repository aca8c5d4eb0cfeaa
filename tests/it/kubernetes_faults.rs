//! Faults that need a cluster and something beside it: clocks that differ, credentials that end, an API server that goes away at
//! the wrong moment, a schedule that comes too early.

use std::io::{BufRead as _, BufReader, Read as _, Write as _};
use std::net::TcpStream;
use std::os::unix::fs::PermissionsExt;
use std::process::{Child, Command, Stdio};
use std::time::Duration;

use jiff::{SignedDuration, Timestamp};

use crate::kubernetes::with_plugin;
use crate::kubernetes_run::{app, ended, k, launch, said, short};
use crate::support::{Answer, App, Cluster, Door, Namespace, Server, cluster, plain, revision};
use crate::traffic::{CANARY, ROUTE, experiment, is_marked, weights};

/// A way to the API server, as an administrator and without TLS, on which its clock is another.
struct OtherClock {
    server: Server,
    proxy: Child,
}

impl OtherClock {
    /// So many seconds ahead.
    fn ahead(cluster: &Cluster, seconds: i64) -> Self {
        let mut proxy = Command::new(cluster.programs().join("kubectl"))
            .arg("--kubeconfig")
            .arg(cluster.kubeconfig())
            .args(["proxy", "--port=0"])
            .stdout(Stdio::piped())
            .spawn()
            .expect("kubectl starts");
        let mut line = String::new();
        let stdout = proxy.stdout.take().expect("its stdout");
        BufReader::new(stdout).read_line(&mut line).expect("its address");
        let address = line.trim().rsplit(' ').next().expect("an address").to_owned();
        let server = Server::new(move |seen| {
            let head = format!(
                "{} {} HTTP/1.0\r\nhost: localhost\r\ncontent-type: {}\r\ncontent-length: {}\r\n\r\n",
                seen.method,
                seen.path,
                seen.header("content-type"),
                seen.body.len()
            );
            let mut far = TcpStream::connect(&address).expect("kubectl serves");
            far.write_all(&[head.as_bytes(), &seen.body].concat())
                .expect("it reads");
            let mut answer = Vec::new();
            far.read_to_end(&mut answer).expect("it answers");
            shifted(&answer, seconds)
        });
        Self { server, proxy }
    }
}

impl Drop for OtherClock {
    fn drop(&mut self) {
        // It may have ended already.
        let _ = self.proxy.kill();
        let _ = self.proxy.wait();
    }
}

/// An answer with its date changed.
fn shifted(answer: &[u8], seconds: i64) -> Answer {
    let end = answer
        .windows(4)
        .position(|four| four == b"\r\n\r\n")
        .expect("headers");
    let head = String::from_utf8_lossy(&answer[..end]).to_lowercase();
    let status = head.split(' ').nth(1).and_then(|code| code.parse().ok());
    assert!(head.contains("\r\ndate: "), "{head}");
    // What the real one says, to the second, by a clock that is another.
    let other = Timestamp::now() + SignedDuration::from_secs(seconds);
    Answer::status(status.expect("a status"))
        .header("content-type", "application/json")
        .header("date", other.strftime("%a, %d %b %Y %H:%M:%S GMT").to_string())
        .body(answer[end + 4..].to_vec())
}

#[test]
fn a_pod_whose_clock_is_another_is_named_and_spoils_the_verdict() {
    let Some(cluster) = cluster() else { return };
    let here = cluster.namespace("clocks");
    let server = Server::new(|_| Answer::status(200).after(Duration::from_millis(400)));
    let other = OtherClock::ahead(cluster, 3);
    let url = format!("http.url={}", server.url("/"));
    let values = [
        "tasks={http,assess}",
        "runner=job",
        "shards=2",
        "iter8Image=iter8",
        "http.numRequests=20",
        &url,
        "assess.SLOs.upper.http/error-count=0",
    ];
    let set = values.iter().flat_map(|value| ["--set", value]);
    let words: Vec<&str> = ["k", "launch", "--dry", "-n", "clocks"]
        .into_iter()
        .chain(set)
        .collect();
    let manifests = App::new().run(&words);
    // The second pod finds the API server elsewhere: its own clock cannot be set, for it is that of this machine.
    let script = format!(
        "if [ $JOB_COMPLETION_INDEX = 1 ]; then set -- \"$@\" --kube-apiserver {}; fi; exec /run/iter8 \"$@\"",
        other.server.url("")
    );
    let named = "image: iter8\n";
    assert!(manifests.exits(0).stdout.contains(named), "{manifests}");
    let command = format!("{named}          command: [/bin/sh, -c, '{script}', iter8]\n");
    let manifests = manifests.stdout.replace(&revision(&manifests.stdout), "1");
    here.apply(&manifests.replace(named, &command));
    let (_, log) = ended(&here, "default-1-job");
    assert_eq!(said(&here, "outcome"), "invalid", "{log}");
    let report = k(&here, "report", &[]);
    report
        .exits(0)
        .says("shard 1/2 did not send at the agreed time: its clock is 2.")
        .says("s or more behind that of the API server");
    k(&here, "assert", &["-c", "slos"]).exits(1);
    k(&here, "log", &[]).says("shard 0/2 is here; its clock agrees with that of the API server");
}

/// A token of an account that ends when a Secret is deleted.
fn token(here: &Namespace, secret: &str) -> String {
    here.kubectl(&["create", "secret", "generic", secret], "");
    let bound = ["--bound-object-kind=Secret", "--bound-object-name", secret];
    here.kubectl(&[&["create", "token", "gate"], &bound[..]].concat(), "")
        .trim()
        .to_owned()
}

/// A kubeconfig of the account whose credentials a program gives: those of a file.
fn with_token(here: &Namespace, server: &str, token: &str) -> App {
    let authority = here.cluster.authority().display().to_string();
    let script = "#!/bin/sh\necho x >> asked\nprintf '{\"status\": {\"token\": \"%s\"}}' \"$(cat token)\"\n";
    let app = App::new()
        .file("bin/plugin", script)
        .file("token", token)
        .file("config", with_plugin(server, &authority, "./bin/plugin"));
    std::fs::set_permissions(app.path("bin/plugin"), PermissionsExt::from_mode(0o755)).expect("a mode");
    app
}

#[test]
fn a_gate_whose_token_ends_asks_for_another_and_goes_on() {
    let Some(cluster) = cluster() else { return };
    let here = cluster.namespace("token-ends");
    here.kubectl(&["create", "serviceaccount", "gate"], "");
    here.kubectl(
        &[
            "create",
            "rolebinding",
            "gate",
            "--clusterrole=view",
            "--serviceaccount=token-ends:gate",
        ],
        "",
    );
    let door = Door::to(&cluster.server());
    let good = Server::new(|_| Answer::status(200).after(Duration::from_millis(400)));
    let bad = Server::new(|_| Answer::status(500).after(Duration::from_millis(400)));
    let gone = "does not accept what the credential plugin `./bin/plugin` gave of the user `u` (401)";
    let rows = [
        ("renewed", &good, true, 0, "SLOs are satisfied"),
        ("renewed-late", &bad, false, 1, "SLOs are not satisfied"),
        ("ended", &good, true, 3, gone),
    ];
    for (way, server, cut, code, says) in rows {
        let time = [
            "--set",
            "http.duration=16s",
            "--set",
            "http.numRequests=null",
            "--set",
            "runner=job",
        ];
        launch(
            &here,
            &short(server),
            &[&time[..], &["--set", "iter8Image=iter8"]].concat(),
        )
        .exits(0);
        let app = with_token(&here, &door.url(), &token(&here, way));
        let words = [
            "k",
            "assert",
            "-n",
            "token-ends",
            "--kubeconfig",
            "config",
            "-c",
            "slos",
            "--timeout",
            "36s",
        ];
        let gate = app.start(&words);
        std::thread::sleep(Duration::from_secs(2));
        let next = if code == 3 {
            String::from("nothing")
        } else {
            token(&here, &format!("{way}-next"))
        };
        let app = app.file("token", next);
        here.kubectl(&["delete", "secret", way], "");
        // Tokens are known to be good for ten seconds; who is connected stays so for a minute.
        std::thread::sleep(Duration::from_secs(11));
        if cut {
            door.shut();
            door.open();
        }
        gate.finish().exits(code).says(says);
        assert!(app.read("asked").lines().count() >= 2, "{way}");
    }
}

#[test]
fn traffic_is_taken_back_once_an_api_server_that_was_away_is_back() {
    let Some(cluster) = cluster() else { return };
    let here = cluster.namespace("traffic-outage");
    here.apply(ROUTE);
    let server = Server::new(|_| Answer::status(200).after(Duration::from_millis(300)));
    let door = Door::to(&cluster.server());
    // On a busy machine only what has a pace is not to be trusted.
    let bad = experiment(CANARY, &server, ">= 1%").replace("qps: 200", "qps: max");
    let app = cluster.app(&bad);
    let running = app.start(&["run", "-n", "traffic-outage", "--kube-apiserver", &door.url()]);
    here.until("under load", |_| server.requests() > 0);
    door.shut();
    assert_eq!(weights(&here), [90, 10]);
    std::thread::sleep(Duration::from_secs(6));
    assert!(is_marked(&here));
    door.open();
    running
        .finish()
        .exits(1)
        .says("rolled back to canary 0, stable 100: the outcome is fail");
    assert_eq!(weights(&here), [100, 0]);
    assert!(!is_marked(&here));
}

#[test]
fn traffic_that_cannot_be_taken_back_is_an_error_and_the_next_run_does_it() {
    let Some(cluster) = cluster() else { return };
    let here = cluster.namespace("traffic-stuck");
    here.apply(ROUTE);
    let server = Server::new(|_| Answer::status(200).after(Duration::from_millis(300)));
    let door = Door::to(&cluster.server());
    let bad = experiment(CANARY, &server, ">= 1%").replace("qps: 200", "qps: max");
    let app = cluster.app(&bad);
    let running = app.start(&["run", "-n", "traffic-stuck", "--kube-apiserver", &door.url()]);
    here.until("under load", |_| server.requests() > 0);
    door.shut();
    running
        .finish()
        .exits(3)
        .says("not rolled back to canary 0, stable 100")
        .says("cannot be reached: connection refused; the next run with this object does it, or set them by hand");
    assert_eq!(weights(&here), [90, 10]);
    assert!(is_marked(&here));
    let (next, output) = here.run(&bad, &[]);
    output.exits(1);
    assert_eq!(weights(&here), [100, 0]);
    assert!(!is_marked(&here));
    let why = next.result()["changes"][0]["rolledBack"]["why"].clone();
    assert!(
        why.as_str().is_some_and(|why| why.contains("did not end")),
        "{why}"
    );
}

#[test]
fn a_run_of_a_cronjob_that_is_not_over_keeps_the_next_one_from_coming() {
    let Some(cluster) = cluster() else { return };
    let here = cluster.namespace("overlap");
    let server = Server::ok();
    let cron = [
        "--set",
        "runner=cronjob",
        "--set",
        "cronjobSchedule=*/1 * * * *",
        "--set",
        "iter8Image=iter8",
        "--set",
        "http.duration=3m",
        "--set",
        "http.numRequests=null",
    ];
    launch(&here, &short(&server), &cron).exits(0);
    // As if the schedule had begun it: so that two minutes need not pass.
    here.kubectl(
        &["create", "job", "first", "--from=cronjob/default-1-cronjob"],
        "",
    );
    let uid = here.kubectl(&["get", "job", "first", "-o", "jsonpath={.metadata.uid}"], "");
    let active = format!(
        "{{\"active\": [{{\"apiVersion\": \"batch/v1\", \"kind\": \"Job\", \"name\": \"first\", \"namespace\": \"overlap\", \"uid\": \"{uid}\"}}]}}"
    );
    here.set_status("cronjob/default-1-cronjob", &active);
    // A minute begins at some time within the next.
    std::thread::sleep(Duration::from_secs(15));
    here.until("left out", |here| {
        let events = here.kubectl(&["get", "events", "-o", "jsonpath={.items[*].reason}"], "");
        events.contains("JobAlreadyActive")
    });
    let jobs = here.kubectl(&["get", "jobs", "-o", "name"], "");
    assert_eq!(jobs.trim(), "job.batch/first");
    k(&here, "delete", &[]).exits(0).says("removed jobs.batch/first");
}

#[test]
fn who_asks_is_told_each_right_that_is_missing_and_those_of_the_documentation_are_enough() {
    let Some(cluster) = cluster() else { return };
    let here = cluster.namespace("asking");
    let server = Server::new(|_| Answer::status(200).after(Duration::from_millis(400)));
    launch(
        &here,
        &short(&server),
        &["--set", "runner=job", "--set", "iter8Image=iter8"],
    )
    .exits(0);
    here.kubectl(
        &[
            "create",
            "role",
            "asks",
            "--verb=get",
            "--resource=pods",
            "--resource-name=none",
        ],
        "",
    );
    here.kubectl(
        &["create", "rolebinding", "asks", "--role=asks", "--user=guest"],
        "",
    );
    let mut rules = Vec::new();
    for words in [
        &["k", "assert", "-n", "asking", "-c", "slos", "--timeout", "20s"][..],
        &["k", "report", "-n", "asking"],
        &["k", "log", "-n", "asking"],
    ] {
        crate::kubernetes_run_faults::learn(&here, "asks", words, &mut rules);
    }
    for verb in ["list", "watch"] {
        let named = format!("verbs: [\"{verb}\"]");
        assert!(
            rules.iter().any(|rule| rule.contains(&named)),
            "{verb}: {rules:#?}"
        );
    }
    let page = include_str!("../../docs/kubernetes.md");
    let (_, rest) = page
        .split_once("Who asks needs these rights")
        .expect("the section");
    let rules = rest
        .split("```")
        .nth(1)
        .expect("the rules")
        .trim_start_matches("yaml");
    let other = cluster.namespace("asking-documented");
    launch(
        &other,
        &short(&server),
        &["--set", "runner=job", "--set", "iter8Image=iter8"],
    )
    .exits(0);
    other.apply(&format!(
        "apiVersion: rbac.authorization.k8s.io/v1\nkind: Role\nmetadata: {{name: asks}}\n{rules}"
    ));
    other.kubectl(
        &["create", "rolebinding", "asks", "--role=asks", "--user=guest"],
        "",
    );
    let app = app(cluster);
    let words = [
        "k",
        "assert",
        "-n",
        "asking-documented",
        "--kube-context",
        "guest",
        "-c",
        "slos",
        "--timeout",
        "30s",
    ];
    // It may take a moment until the rights are known everywhere.
    other.until("let in", |_| {
        let output = app.run(&words);
        assert!(!output.has("warning: forbidden"), "{output}");
        output.code == Some(0)
    });
    app.run(&["k", "log", "-n", "asking-documented", "--kube-context", "guest"])
        .exits(0);
}

#[test]
fn what_the_documentation_says_of_faults_is_what_tests_have_seen() {
    let page = include_str!("../../docs/kubernetes.md");
    let (_, rest) = page.split_once("## Faults").expect("the section");
    let (table, _) = rest.split_once("\n## ").expect("its end");
    let folder = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/it");
    let files = std::fs::read_dir(folder)
        .expect("the tests")
        .map(|file| file.expect("a file").path());
    let about = |path: &std::path::PathBuf| {
        let name = path
            .file_name()
            .and_then(|name| name.to_str())
            .unwrap_or_default();
        name.starts_with("kubernetes") || name.starts_with("traffic")
    };
    let tests: String = files
        .filter(about)
        .map(|path| std::fs::read_to_string(path).expect("a test"))
        .collect();
    // As the compiler reads it, where a text is broken or quotes.
    let tests = tests.replace("\\\n", "").replace("\\\"", "\"");
    let tests = plain(&tests);
    let rows: Vec<&str> = table
        .lines()
        .filter(|line| line.starts_with("| "))
        .skip(2)
        .collect();
    assert_eq!(rows.len(), 21);
    for row in rows {
        let words = row.split(" | ").nth(1).expect("a column");
        let spans = words.split('`').skip(1).step_by(2);
        for piece in spans.flat_map(|span| span.split('…')) {
            let piece = plain(piece.trim_matches(['`', ' ']));
            assert!(tests.contains(&piece), "no test has seen `{piece}`: {row}");
        }
    }
}
