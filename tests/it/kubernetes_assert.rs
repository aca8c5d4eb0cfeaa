//! The gate on the result of a group: before, while and after it runs, and everything that keeps a result from coming.

use std::time::{Duration, Instant};

use serde_json::json;

use crate::support::{Answer, App, Cluster, Door, Namespace, Server, cluster};

const ALL: [&str; 2] = ["-c", "completed,nofailure,slos"];
/// A pass in half a second.
const SHORT: [&str; 2] = ["http.numRequests=10", "http.qps=20"];

/// A server beside whose latency that of a busy machine is nothing.
fn slow() -> Server {
    Server::new(|_| Answer::status(200).after(Duration::from_millis(400)))
}

/// Launches an experiment whose target is a server of the test.
fn launch(here: &Namespace, server: &Server, more: &[&str]) {
    let url = format!("http.url={}", server.url("/"));
    let set = [
        "tasks={http,assess}",
        "runner=job",
        "iter8Image=iter8",
        &url,
        "assess.SLOs.upper.http/error-count=0",
    ];
    let args = ["k", "launch", "-n", &here.name].into_iter();
    let values = set.iter().chain(more).flat_map(|value| ["--set", value]);
    app(here.cluster)
        .run(&args.chain(values).collect::<Vec<_>>())
        .exits(0);
}

/// The program with the cluster in its environment.
fn app(cluster: &Cluster) -> App {
    App::new().env("KUBECONFIG", cluster.kubeconfig().display().to_string())
}

/// `k assert` of the group `default`.
fn words<'a>(here: &'a Namespace, more: &[&'a str]) -> Vec<&'a str> {
    [&["k", "assert", "-n", &here.name], &ALL[..], more].concat()
}

/// Launches what its author changed by hand.
fn apply_changed(here: &Namespace, from: &str, to: &str) {
    let manifests = here.manifests("iter8");
    assert!(manifests.contains(from), "{manifests}");
    here.apply(&manifests.replace(from, to));
}

#[test]
fn a_result_is_waited_for_and_checked() {
    let Some(cluster) = cluster() else { return };
    let here = cluster.namespace("gate");
    let server = slow();
    launch(&here, &server, &["http.duration=4s", "http.qps=5"]);
    let app = app(cluster);
    // Asked once, nothing is there.
    app.run(&words(&here, &[]))
        .exits(1)
        .says("error: the Job default-1-job is not over")
        .says("assert conditions failed");
    app.run(&words(&here, &["--timeout", "1s"]))
        .exits(1)
        .says("waiting for the Job default-1-job");
    app.run(&words(&here, &["--timeout", "35s"]))
        .exits(0)
        .says("SLOs are satisfied")
        .says("all conditions were satisfied");
    app.run(&words(&here, &[])).exits(0);
    app.run(&["k", "report", "-n", "gate"])
        .exits(0)
        .says("✓ met errors 0 0");
    let html = app.run(&["k", "report", "-n", "gate", "-o", "html"]);
    assert!(html.exits(0).stdout.starts_with("<!DOCTYPE html>"), "{html}");
    // Launched anew, the result of before does not count.
    launch(&here, &server, &["http.duration=60s", "http.qps=10"]);
    app.run(&words(&here, &[]))
        .exits(1)
        .says("error: the Job default-2-job is not over");
    app.run(&["k", "report", "-n", "gate"])
        .exits(2)
        .says("the group default has no result of its revision 2 yet");
}

#[test]
fn what_a_result_says_is_judged_as_one_that_is_stored_here() {
    let Some(cluster) = cluster() else { return };
    let here = cluster.namespace("gate-fail");
    let server = Server::new(|_| Answer::status(500));
    launch(&here, &server, &SHORT);
    let app = app(cluster);
    app.run(&words(&here, &["--timeout", "35s"]))
        .exits(1)
        .says("experiment completed")
        .says("SLOs are not satisfied: http/error-count <= 0 is not met");
    let others = ["k", "assert", "-n", "gate-fail", "-c", "completed,noFailure"];
    app.run(&others).exits(0);
    app.run(&["k", "assert", "-n", "gate-fail"])
        .exits(2)
        .says("no condition: nothing would be checked");
    app.run(&["k", "assert", "-n", "gate-fail", "-c", "sols"])
        .exits(2)
        .says("did you mean `slos`?");
    // Where the Job is gone, its result is still there.
    here.kubectl(&["delete", "job", "default-1-job"], "");
    app.run(&others).exits(0);
}

#[test]
fn no_group_and_no_cluster_are_never_a_pass() {
    let Some(cluster) = cluster() else { return };
    let here = cluster.namespace("gate-empty");
    let app = app(cluster);
    let text =
        "there is no group `default` in the namespace gate-empty: configmaps/default-result does not exist";
    for command in [
        words(&here, &["--timeout", "20s"]),
        vec!["k", "report", "-n", "gate-empty"],
        vec!["k", "log", "-n", "gate-empty"],
    ] {
        app.run(&command).exits(2).says(text);
    }
    app.run(&["k", "assert", "-n", "nowhere", "-c", "slos"])
        .exits(3)
        .says("there is no namespace nowhere");
    app.run(&words(&here, &["--kube-context", "guest", "--timeout", "20s"]))
        .exits(3)
        .says("forbidden: guest may not list")
        .says("a rule for a Role in the namespace gate-empty");
    app.run(&words(&here, &["--kube-apiserver", "https://127.0.0.1:9"]))
        .exits(3)
        .says("connection refused");
    App::new()
        .run(&["k", "assert", "-c", "slos"])
        .exits(2)
        .says("no Kubernetes cluster is known");
    // Somebody else's object is no result, and neither is rubbish.
    here.kubectl(
        &["create", "configmap", "default-result", "--from-literal=a=b"],
        "",
    );
    app.run(&words(&here, &[]))
        .exits(2)
        .says("was not made for this group");
    here.kubectl(&["delete", "configmap", "default-result"], "");
    let url = "http.url=http://127.0.0.1:9/";
    app.run(&[
        "k",
        "launch",
        "-n",
        "gate-empty",
        "--set",
        "tasks={http}",
        "--set",
        "runner=none",
        "--set",
        url,
    ])
    .exits(0);
    app.run(&words(&here, &["--timeout", "3s"]))
        .exits(1)
        .says("nothing runs revision 1: there is neither a Job nor a CronJob of it");
    let rubbish = r#"{"binaryData": {"result.json.gz": "AAAA"}}"#;
    here.kubectl(
        &[
            "patch",
            "configmap",
            "default-result",
            "--type=merge",
            "-p",
            rubbish,
        ],
        "",
    );
    app.run(&words(&here, &[])).exits(2).says("cannot be read");
}

#[test]
fn an_image_that_cannot_be_pulled_ends_the_wait_early() {
    let Some(cluster) = cluster() else { return };
    let here = cluster.namespace("gate-image");
    launch(&here, &Server::ok(), &["iter8Image=registry.example/missing:1"]);
    let started = Instant::now();
    app(cluster)
        .run(&words(&here, &["--timeout", "10m"]))
        .exits(1)
        .says("warning: the pod default-1-job-")
        .says("ErrImagePull: Failed to pull image \"registry.example/missing:1\": not found")
        .says("ImagePullBackOff: Back-off pulling image \"registry.example/missing:1\"")
        .says("error: the Job default-1-job is not over");
    assert!(started.elapsed() < Duration::from_secs(40));
    app(cluster)
        .run(&["k", "log", "-n", "gate-image"])
        .exits(3)
        .says("ImagePullBackOff")
        .says("nothing was logged");
}

#[test]
fn a_pod_without_a_node_is_told_with_the_words_of_the_scheduler() {
    let Some(cluster) = cluster() else { return };
    let here = cluster.namespace("gate-node");
    apply_changed(
        &here,
        "restartPolicy: Never",
        "restartPolicy: Never\n      nodeSelector: {disk: fast}",
    );
    app(cluster)
        .run(&words(&here, &["--timeout", "5s"]))
        .exits(1)
        .says("Unschedulable: 0/1 nodes are available: 1 node(s) didn't match Pod's node affinity/selector.");
}

#[test]
fn a_run_that_crashes_is_told_with_the_end_of_its_log() {
    let Some(cluster) = cluster() else { return };
    let here = cluster.namespace("gate-crash");
    apply_changed(
        &here,
        "image: iter8",
        "image: host\n          command: [/bin/sh, -c, 'echo all is lost; head -c 3000000 /dev/zero | tr \"\\0\" x; exit 7']",
    );
    let output = app(cluster).run(&words(&here, &["--timeout", "30s"]));
    output
        .exits(1)
        .says("error: the Job default-1-job failed: BackoffLimitExceeded")
        .says("its container iter8 ended with exit code 7")
        .says("| all is lost")
        .says("| xxx");
    // A result that could not be kept is a line of megabytes.
    assert!(output.stderr.len() < 10_000, "{}", output.stderr.len());
}

#[test]
fn a_pod_that_is_evicted_leaves_what_it_measured_and_no_pass() {
    let Some(cluster) = cluster() else { return };
    let here = cluster.namespace("gate-evict");
    let server = Server::ok();
    launch(&here, &server, &["http.duration=50s", "http.qps=10"]);
    let pod = running(&here);
    let gate = app(cluster).start(&words(&here, &["--timeout", "35s"]));
    std::thread::sleep(Duration::from_millis(500));
    here.set_status(
        &pod,
        r#"{"phase": "Failed", "reason": "Evicted", "message": "The node was low on memory."}"#,
    );
    let output = gate.finish();
    output.exits(1).says("Evicted: The node was low on memory.");
    output.says("not all conditions were satisfied");
}

/// The pod of a group, once it runs.
fn running(here: &Namespace) -> String {
    let pods = || {
        here.kubectl(
            &[
                "get",
                "pods",
                "-o",
                "name",
                "--field-selector=status.phase=Running",
            ],
            "",
        )
    };
    here.until("running", |_| !pods().is_empty());
    // Its process has begun to listen for signals.
    std::thread::sleep(Duration::from_secs(1));
    pods().trim().to_owned()
}

#[test]
fn a_pod_that_may_not_be_made_is_told_with_the_words_of_admission() {
    let Some(cluster) = cluster() else { return };
    let here = cluster.namespace("gate-quota");
    here.apply("apiVersion: v1\nkind: ResourceQuota\nmetadata: {name: none}\nspec: {hard: {pods: '0'}}");
    here.until("in force", |here| {
        here.kubectl(
            &["get", "quota", "none", "-o", "jsonpath={.status.hard.pods}"],
            "",
        ) == "0"
    });
    launch(&here, &Server::ok(), &SHORT);
    app(cluster)
        .run(&words(&here, &["--timeout", "10m"]))
        .exits(1)
        .says("default-1-job has no pod: FailedCreate: Error creating: pods \"default-1-job-")
        .says("exceeded quota: none");
}

#[test]
fn a_run_that_takes_too_long_or_is_deleted_ends_the_wait() {
    let Some(cluster) = cluster() else { return };
    let here = cluster.namespace("gate-late");
    let server = Server::ok();
    let long = ["http.duration=50s", "http.qps=10"];
    launch(&here, &server, &[long[0], long[1], "activeDeadlineSeconds=3"]);
    app(cluster)
        .run(&words(&here, &["--timeout", "35s"]))
        .exits(1)
        .says("it took longer than its activeDeadlineSeconds (3 s), and was ended");
    launch(&here, &server, &long);
    running(&here);
    let gate = app(cluster).start(&words(&here, &["--timeout", "35s"]));
    std::thread::sleep(Duration::from_secs(1));
    here.kubectl(&["delete", "job", "default-2-job", "--cascade=foreground"], "");
    gate.finish().exits(1).says("the Job default-2-job was deleted");
}

#[test]
fn an_api_server_that_goes_away_is_waited_for() {
    let Some(cluster) = cluster() else { return };
    let here = cluster.namespace("gate-outage");
    let door = Door::to(&cluster.server());
    let target = slow();
    launch(&here, &target, &["http.duration=6s", "http.qps=5"]);
    let server = door.url();
    let through = ["--timeout", "35s", "--kube-apiserver", &server];
    let gate = app(cluster).start(&words(&here, &through));
    let log = app(cluster).start(&[
        "k",
        "log",
        "--follow",
        "-n",
        &here.name,
        "--kube-apiserver",
        &server,
    ]);
    std::thread::sleep(Duration::from_secs(2));
    door.shut();
    std::thread::sleep(Duration::from_secs(5));
    door.open();
    gate.finish()
        .exits(0)
        .says(&format!("warning: the API server {server} cannot be reached"))
        .says("the API server is back");
    let log = log.finish();
    log.exits(0);
    let lines = |text: &str| log.stdout.lines().filter(|line| line.contains(text)).count();
    // Nothing is missing, and nothing is there twice.
    assert_eq!(
        (lines("the result is in"), lines("task 1: http: completed")),
        (1, 1),
        "{log}"
    );
    // Who cannot be asked knows nothing.
    door.shut();
    app(cluster)
        .run(&words(&here, &["--timeout", "2s", "--kube-apiserver", &server]))
        .exits(3)
        .says("cannot be reached");
}

#[test]
fn a_later_run_that_leaves_nothing_spoils_the_result_of_an_earlier_one() {
    let Some(cluster) = cluster() else { return };
    let here = cluster.namespace("gate-cron");
    let server = Server::ok();
    launch(
        &here,
        &server,
        &["runner=cronjob", "cronjobSchedule=0 0 1 1 *", SHORT[0], SHORT[1]],
    );
    let app = app(cluster);
    app.run(&words(&here, &["--timeout", "2s"]))
        .exits(1)
        .says("the CronJob default-1-cronjob (0 0 1 1 *) has not run yet");
    let log = ["k", "log", "-n", "gate-cron"];
    app.run(&log)
        .exits(3)
        .says("the CronJob default-1-cronjob has not run yet");
    let run = |name: &str| {
        here.kubectl(&["create", "job", name, "--from=cronjob/default-1-cronjob"], "");
    };
    run("first");
    app.run(&words(&here, &["--timeout", "35s"])).exits(0);
    run("second");
    let over = |name: &str| {
        let status = here.kubectl(
            &["get", "job", name, "-o", "jsonpath={.status.conditions[*].type}"],
            "",
        );
        status.contains("Complete") || status.contains("Failed")
    };
    here.until("over", |_| over("second"));
    app.run(&words(&here, &[])).exits(0);
    // The history of the loops.
    app.run(&["k", "report", "-n", "gate-cron"])
        .exits(0)
        .says("Loops");
    let broken = json!([{"op": "replace", "path": "/spec/jobTemplate/spec/template/spec/containers/0/image", "value": "host"}]);
    here.kubectl(
        &[
            "patch",
            "cronjob",
            "default-1-cronjob",
            "--type=json",
            "-p",
            &broken.to_string(),
        ],
        "",
    );
    // Jobs are told apart by the second.
    std::thread::sleep(Duration::from_secs(1));
    run("third");
    here.until("over", |_| over("third"));
    app.run(&words(&here, &["--timeout", "20s"]))
        .exits(1)
        .says("error: the Job third failed");
    let suspend = |whether: &str| {
        let patch = format!(r#"{{"spec": {{"suspend": {whether}}}}}"#);
        here.kubectl(&["patch", "cronjob", "default-1-cronjob", "-p", &patch], "");
    };
    suspend("true");
    let asked = Instant::now();
    app.run(&words(&here, &["--timeout", "10m"]))
        .exits(1)
        .says("error: the Job third failed");
    // Nothing is left that tells of the third run, and the result is of the second.
    here.kubectl(&["delete", "job", "--all"], "");
    app.run(&words(&here, &["--timeout", "10m"]))
        .exits(1)
        .says("error: the CronJob default-1-cronjob is suspended");
    app.run(&["k", "log", "--follow", "-n", "gate-cron"])
        .exits(3)
        .says("the CronJob default-1-cronjob is suspended");
    assert!(asked.elapsed() < Duration::from_mins(1));
    suspend("false");
    app.run(&words(&here, &["--timeout", "1s"]))
        .exits(1)
        .says("none of its Jobs is there any more");
    let gone = "the CronJob default-1-cronjob has run before, and none of its Jobs is there any more";
    app.run(&log).exits(3).says(gone);
}
