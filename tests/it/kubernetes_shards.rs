//! One load that several pods of an Indexed Job send together, and what becomes of it when one of them is lost.

use std::time::Duration;

use crate::support::{Answer, App, Namespace, Server, cluster};

/// A server beside whose latency that of a busy machine is nothing.
fn slow() -> Server {
    Server::new(|_| Answer::status(200).after(Duration::from_millis(400)))
}

fn app(here: &Namespace) -> App {
    App::new().env("KUBECONFIG", here.cluster.kubeconfig().display().to_string())
}

/// Launches four shards with more values.
fn launch(here: &Namespace, server: &Server, more: &[&str]) {
    let url = format!("http.url={}", server.url("/"));
    let set = [
        "tasks={http,assess}",
        "runner=job",
        "shards=4",
        "iter8Image=iter8",
        &url,
        "assess.SLOs.upper.http/error-count=0",
    ];
    let args = ["k", "launch", "-n", &here.name].into_iter();
    let values = set.iter().chain(more).flat_map(|value| ["--set", value]);
    app(here).run(&args.chain(values).collect::<Vec<_>>()).exits(0);
}

fn gate<'a>(here: &'a Namespace, timeout: &'a str) -> Vec<&'a str> {
    let words = ["k", "assert", "-c", "completed,nofailure,slos", "-n", &here.name];
    [&words[..], &["--timeout", timeout]].concat()
}

#[test]
fn four_pods_send_one_load_and_leave_one_verdict() {
    let Some(cluster) = cluster() else { return };
    let here = cluster.namespace("shards");
    let server = slow();
    launch(&here, &server, &["http.numRequests=40", "http.qps=8"]);
    here.until("merged", |here| {
        let words = [
            "get",
            "configmap",
            "default-result",
            "-o",
            "jsonpath={.data.outcome}",
        ];
        !here.kubectl(&words, "").is_empty()
    });
    app(&here)
        .run(&gate(&here, "10s"))
        .exits(0)
        .says("SLOs are satisfied");
    assert_eq!(server.requests(), 40);
    let report = app(&here).run(&["k", "report", "-n", "shards"]);
    report.exits(0).says("40 requests").says("Shards");
    // Each tells of itself, and the first one of all.
    let log = app(&here).run(&["k", "log", "-n", "shards"]);
    log.exits(0);
    for index in 0..4 {
        log.says(&format!(
            "shard {index}/4 is here; its clock agrees with that of the API server"
        ));
    }
    // The report is printed once, by the one that merges.
    assert_eq!(log.stdout.matches("How this was measured").count(), 1, "{log}");
    assert_eq!(log.stdout.matches(": 10 requests, measured").count(), 4, "{log}");
    let merged = |line: &&str| line.contains("the result is in configmaps/default-result");
    let by: Vec<&str> = log.stdout.lines().filter(merged).collect();
    assert!(by.len() == 1 && by[0].starts_with("[default-1-job-0-"), "{log}");
    app(&here).run(&["k", "delete", "-n", "shards"]).exits(0);
    let left = here.kubectl(&["get", "configmaps,secrets", "-o", "name"], "");
    assert!(!left.contains("default-"), "{left}");
}

#[test]
fn the_share_of_a_pod_that_is_lost_is_named() {
    let Some(cluster) = cluster() else { return };
    let here = cluster.namespace("shards-lost");
    let server = slow();
    launch(&here, &server, &["http.duration=8s", "http.qps=8"]);
    // All are there, and have begun.
    here.until("under load", |_| server.requests() > 8);
    let pods = here.kubectl(&["get", "pods", "-o", "name"], "");
    let pod = pods
        .lines()
        .find(|pod| pod.contains("default-1-job-2-"))
        .expect("a pod");
    here.kubectl(&["delete", pod, "--grace-period=0", "--force"], "");
    here.until("merged", |here| {
        let words = [
            "get",
            "configmap",
            "default-result",
            "-o",
            "jsonpath={.data.outcome}",
        ];
        here.kubectl(&words, "") == "invalid"
    });
    app(&here)
        .run(&gate(&here, "30s"))
        .exits(1)
        .says("3 of 4 shards gave a result");
    app(&here)
        .run(&["k", "report", "-n", "shards-lost"])
        .exits(0)
        .says("1 of 4 shards gave no result (shard 2): 25 % of the load is missing");
}

/// Ends pods of a Job at once: all whose name goes on so.
fn kill(here: &Namespace, job: &str, index: &str) {
    let pods = here.kubectl(&["get", "pods", "-o", "name"], "");
    let begin = format!("{job}-{index}");
    let ours = pods.lines().filter(|pod| pod.contains(&begin));
    let words = ["delete", "--grace-period=0", "--force"];
    let words: Vec<&str> = words.into_iter().chain(ours).collect();
    assert!(words.len() > 3, "{pods}");
    here.kubectl(&words, "");
}

#[test]
fn the_share_of_the_pod_that_merges_is_named_like_any_other() {
    let Some(cluster) = cluster() else { return };
    let here = cluster.namespace("shards-first");
    let server = slow();
    launch(&here, &server, &["http.duration=8s", "http.qps=8"]);
    here.until("under load", |_| server.requests() > 8);
    kill(&here, "default-1-job", "0-");
    // The others still send.
    app(&here)
        .run(&["k", "report", "-n", &here.name])
        .exits(2)
        .says("has no result of its revision 1 yet");
    app(&here)
        .run(&gate(&here, "50s"))
        .exits(1)
        .says("error: the Job default-1-job failed")
        .says("no shard merged the results: they are merged here")
        .says("experiment did not complete: 3 of 4 shards gave a result; shard 0 gave none");
    app(&here)
        .run(&["k", "report", "-n", &here.name])
        .exits(0)
        .says("invalid")
        .says("1 of 4 shards gave no result (shard 0): 25 % of the load is missing");
    // What shards of another revision left does not count, wherever it is.
    let place = r"jsonpath={.binaryData.result\.json\.gz}";
    let stale = here.kubectl(&["get", "configmap", "default-shard-1", "-o", place], "");
    assert!(stale.len() > 1000, "{stale}");
    let before = server.requests();
    launch(&here, &server, &["http.duration=30s", "http.qps=8"]);
    here.until("under load again", |_| server.requests() > before + 8);
    kill(&here, "default-2-job", "");
    let patch = format!(r#"{{"binaryData": {{"result.json.gz": "{}"}}}}"#, stale.trim());
    here.kubectl(
        &[
            "patch",
            "configmap",
            "default-shard-1",
            "--type=merge",
            "-p",
            &patch,
        ],
        "",
    );
    let none = app(&here).run(&gate(&here, "50s"));
    none.exits(1).says("error: the Job default-2-job failed");
    assert!(!none.has("merged here"), "{none}");
    app(&here)
        .run(&["k", "report", "-n", &here.name])
        .exits(2)
        .says("none of the 4 shards of revision 2 left a result");
}

#[test]
fn a_first_pod_that_has_to_go_leaves_what_it_measured_and_the_others_go_on() {
    let Some(cluster) = cluster() else { return };
    let here = cluster.namespace("shards-evicted");
    let server = slow();
    launch(&here, &server, &["http.duration=8s", "http.qps=8"]);
    here.until("under load", |_| server.requests() > 8);
    let pods = here.kubectl(&["get", "pods", "-o", "name"], "");
    let pod = pods.lines().find(|pod| pod.contains("default-1-job-0-"));
    here.kubectl(&["delete", "--wait=false", pod.expect("a pod")], "");
    app(&here)
        .run(&gate(&here, "50s"))
        .exits(1)
        .says("experiment did not complete: shard 0 did not come to its end");
    app(&here)
        .run(&["k", "report", "-n", &here.name])
        .exits(0)
        .says("Shard 0 did not come to the end (stopped by SIGTERM): up to 25 % of the load is missing");
}

#[test]
fn a_shard_that_cannot_be_read_counts_as_lost_and_the_others_are_merged() {
    let Some(cluster) = cluster() else { return };
    let here = cluster.namespace("shards-unread");
    let server = slow();
    launch(&here, &server, &["http.duration=6s", "http.qps=8"]);
    here.until("under load", |_| server.requests() > 8);
    here.kubectl(&["delete", "configmap", "default-shard-3"], "");
    app(&here)
        .run(&gate(&here, "50s"))
        .exits(1)
        .says("experiment did not complete: 3 of 4 shards gave a result; shard 3 gave none");
    app(&here)
        .run(&["k", "log", "-n", &here.name])
        .exits(0)
        .says("shard 3 counts as lost: there is no group")
        .says("invalid: the result is in configmaps/default-result");
}

#[test]
fn what_cannot_be_divided_is_not_launched() {
    let app = App::new();
    let dry = |more: &[&str]| {
        let words = [
            "k",
            "launch",
            "--dry",
            "--set",
            "tasks={http}",
            "--set",
            "http.url=http://a.b/",
        ];
        app.run(&[&words[..], more].concat())
    };
    let cron = [
        "--set",
        "runner=cronjob",
        "--set",
        "cronjobSchedule=@hourly",
        "--set",
        "shards=4",
    ];
    dry(&cron)
        .exits(2)
        .says("only a `job` can be divided into shards");
    dry(&["--set", "runner=job", "--set", "shards=1000"])
        .exits(2)
        .says("an experiment has 1 to 200 shards in a cluster, not 1000");
    let few = [
        "--set",
        "runner=job",
        "--set",
        "shards=8",
        "--set",
        "http.qps=max",
        "--set",
        "http.connections=4",
    ];
    dry(&few).exits(2).says("nothing was written");
    let good = dry(&["--set", "runner=job", "--set", "shards=3"]);
    good.exits(0);
    for text in [
        "completionMode: Indexed",
        "completions: 3",
        "parallelism: 3",
        "backoffLimitPerIndex: 0",
        "--shard=$(JOB_COMPLETION_INDEX)/3",
        "name: default-shard-2",
    ] {
        assert!(good.stdout.contains(text), "{text}\n{good}");
    }
    assert!(!good.stdout.contains("backoffLimit: 0"), "{good}");
}
