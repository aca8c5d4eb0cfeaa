//! Experiments that run in a cluster: launched, run by pods, launched again, deleted.

use std::io::Read as _;
use std::time::Duration;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use flate2::read::GzDecoder;
use serde_json::Value;

use crate::support::{
    Answer, App, Cluster, Grpc, Namespace, Output, Reflection, Reply, Server, cluster, each,
};

const ISVC: &str = "\
apiVersion: serving.kserve.io/v1beta1
kind: InferenceService
metadata: {name: sklearn-irisv2}
spec: {predictor: {model: {modelFormat: {name: sklearn}}}}
";
const READY: &str = r#"{"conditions": [{"type": "Ready", "status": "True"}]}"#;
/// The image of the tests, and a Job.
pub(crate) const JOB: [&str; 4] = ["--set", "runner=job", "--set", "iter8Image=iter8"];
pub(crate) const NOBODY: [&str; 2] = ["--set", "runner=none"];
/// A load of a minute, which nobody waits for.
const LONG: [&str; 4] = ["--set", "tasks={http}", "--set", "http.duration=60s"];

/// The program beside a cluster.
pub(crate) fn app(cluster: &Cluster) -> App {
    App::new().env("KUBECONFIG", cluster.kubeconfig().display().to_string())
}

/// Values of a short load on a server with one objective.
pub(crate) fn short(server: &Server) -> Vec<String> {
    let url = format!("http.url={}", server.url("/"));
    let objective = "assess.SLOs.upper.http/error-count=0";
    let values = ["tasks={http,assess}", &url, "http.numRequests=4", objective];
    values
        .iter()
        .flat_map(|value| ["--set".to_owned(), (*value).to_owned()])
        .collect()
}

/// Runs `iter8 k WHAT` in a namespace.
pub(crate) fn k(here: &Namespace, what: &str, args: &[&str]) -> Output {
    let all = [&["k", what, "-n", &here.name], args].concat();
    app(here.cluster).run(&all)
}

pub(crate) fn launch(here: &Namespace, values: &[String], more: &[&str]) -> Output {
    let values: Vec<&str> = values.iter().map(String::as_str).collect();
    k(here, "launch", &[&values[..], more].concat())
}

/// Waits until a Job has ended: how, and the log of its pod.
pub(crate) fn ended(here: &Namespace, job: &str) -> (String, String) {
    let path = "jsonpath={.status.conditions[?(@.status==\"True\")].type}";
    let state = || here.kubectl(&["get", "job", job, "-o", path], "");
    here.until("ended", |_| {
        let state = state();
        state.contains("Complete") || state.contains("Failed")
    });
    let log = here.kubectl(&["logs", &format!("job/{job}")], "");
    let state = if state().contains("Complete") {
        "Complete"
    } else {
        "Failed"
    };
    (state.to_owned(), log)
}

/// What is said of the stored result.
pub(crate) fn said(here: &Namespace, field: &str) -> String {
    let path = format!("jsonpath={{.data.{field}}}");
    here.kubectl(&["get", "configmap", "default-result", "-o", &path], "")
}

/// The stored result itself.
pub(crate) fn stored(here: &Namespace) -> Value {
    let path = r"jsonpath={.binaryData.result\.json\.gz}";
    let packed = here.kubectl(&["get", "configmap", "default-result", "-o", path], "");
    let packed = STANDARD.decode(packed.trim()).expect("base64");
    let mut text = String::new();
    GzDecoder::new(packed.as_slice())
        .read_to_string(&mut text)
        .expect("gzip");
    serde_json::from_str(&text).expect("JSON")
}

/// Everything in the cluster that was made for a group of this namespace.
pub(crate) fn left(here: &Namespace) -> String {
    let kinds = "secrets,configmaps,serviceaccounts,roles,rolebindings,jobs,cronjobs,pods";
    let label = "iter8.tools/group";
    let path = "jsonpath={range .items[*]}{.kind}/{.metadata.name}@{.metadata.namespace} {end}";
    let all = here
        .cluster
        .kubectl(&["get", kinds, "-A", "-l", label, "-o", path], "");
    let ours = |one: &&str| one.contains(&format!("@{}", here.name));
    all.split(' ').filter(ours).collect::<Vec<_>>().join(" ")
}

#[test]
fn the_tutorial_of_kserve_runs_as_a_job() {
    let Some(cluster) = cluster() else { return };
    let here = cluster.namespace("run-kserve");
    here.apply(ISVC);
    here.set_status("isvc/sklearn-irisv2", READY);
    let server = Server::ok();
    let url = format!("http.url={}", server.url("/v2/models/sklearn-irisv2/infer"));
    let payload = format!("http.payloadURL={}", server.url("/payload.json"));
    let values = [
        "tasks={ready,http,assess}",
        "ready.isvc=sklearn-irisv2",
        &url,
        &payload,
        "http.contentType=application/json",
        "http.numRequests=8",
        "assess.SLOs.upper.http/latency-mean=500",
        "assess.SLOs.upper.http/error-count=0",
    ];
    let values: Vec<&str> = values.iter().flat_map(|value| ["--set", value]).collect();
    let output = k(&here, "launch", &[&values[..], &JOB].concat());
    output.exits(0).says_all(&[
        "made secrets/default",
        "made jobs.batch/default-1-job",
        "experiment launched: group default, revision 1, in the namespace run-kserve",
        "next: iter8 k assert -c completed,nofailure,slos --timeout 10m -n run-kserve --revision 1",
    ]);
    let (state, log) = ended(&here, "default-1-job");
    assert_eq!(state, "Complete", "{log}");
    assert!(log.contains("ready after"), "{log}");
    assert!(
        log.contains("pass: the result is in configmaps/default-result"),
        "{log}"
    );
    assert_eq!(
        (said(&here, "outcome"), said(&here, "revision")),
        ("pass".into(), "1".into())
    );
    assert!(
        said(&here, "headline").contains("all 2 objectives met"),
        "{}",
        said(&here, "headline")
    );
    let result = stored(&here);
    assert_eq!(
        result["insights"]["versions"][0]["loads"][0]["measurement"]["requests"],
        8
    );
    let posted = server.seen().iter().filter(|seen| seen.method == "POST").count();
    assert_eq!(posted, 8);
    k(&here, "delete", &[]).exits(0).says("group default deleted");
    assert_eq!(left(&here), "");
}

#[test]
fn calls_of_grpc_run_as_a_job() {
    let Some(cluster) = cluster() else { return };
    let here = cluster.namespace("run-grpc");
    let server = Grpc::answering(|_| Reply::ok())
        .reflecting(Reflection::Both)
        .start();
    let host = format!("grpc.host={}", server.host());
    let values = [
        "tasks={grpc,assess}",
        &host,
        "grpc.call=shop.v1.Shop.Quote",
        "grpc.total=5",
        "assess.SLOs.upper.grpc/error-rate=0",
    ];
    let values: Vec<&str> = values.iter().flat_map(|value| ["--set", value]).collect();
    k(&here, "launch", &[&values[..], &JOB].concat()).exits(0);
    let (state, log) = ended(&here, "default-1-job");
    assert_eq!(state, "Complete", "{log}");
    assert_eq!(said(&here, "outcome"), "pass");
    assert_eq!(server.calls().len(), 5);
}

#[test]
fn a_job_succeeds_with_a_verdict_and_fails_without_one() {
    let Some(cluster) = cluster() else { return };
    let rows = [("fail", 500, "Complete"), ("error", 0, "Failed")];
    each(
        &rows,
        |row| row.0,
        |(outcome, status, state)| {
            let here = cluster.namespace(&format!("run-{outcome}"));
            let status = *status;
            let server = Server::new(move |_| {
                if status == 0 {
                    Answer::cut()
                } else {
                    Answer::status(status)
                }
            });
            let mut values = short(&server);
            if status == 0 {
                values[3] = "http.url=http://127.0.0.1:9/".to_owned();
            }
            launch(&here, &values, &JOB).exits(0);
            let (ended, log) = ended(&here, "default-1-job");
            assert_eq!(ended, *state, "{log}");
            assert_eq!(said(&here, "outcome"), *outcome);
        },
    );
}

#[test]
fn a_cronjob_goes_on_with_its_result() {
    let Some(cluster) = cluster() else { return };
    let here = cluster.namespace("run-cron");
    let server = Server::ok();
    let cron = [
        "--set",
        "runner=cronjob",
        "--set",
        "cronjobSchedule=0 0 1 1 *",
        "--set",
        "iter8Image=iter8",
    ];
    launch(&here, &short(&server), &cron)
        .exits(0)
        .says("made cronjobs.batch/default-1-cronjob")
        .says("next: iter8 k report -n run-cron");
    for (name, loops) in [("first", 1), ("second", 2)] {
        here.kubectl(&["create", "job", name, "--from=cronjob/default-1-cronjob"], "");
        let (state, log) = ended(&here, name);
        assert_eq!(state, "Complete", "{log}");
        let result = stored(&here);
        assert_eq!(result["loops"], loops, "{log}");
        let past = result["past"].as_array().map_or(0, Vec::len);
        assert_eq!(past as u64 + 1, loops);
    }
    k(&here, "delete", &[]).exits(0);
    assert_eq!(left(&here), "");
}

#[test]
fn the_tutorial_of_istio_judges_again_and_again() {
    let Some(cluster) = cluster() else { return };
    let here = cluster.namespace("run-istio");
    let prometheus = Server::new(|_| {
        let one = r#"{"status": "success", "data": {"resultType": "vector", "result": [{"metric": {}, "value": [1700000000, "0"]}]}}"#;
        Answer::status(200)
            .body(one)
            .header("content-type", "application/json")
    });
    let url = format!("providerURL={}", prometheus.url("/api/v1/query"));
    let values = [
        "cronjobSchedule=*/1 * * * *",
        "versionInfo.destination_workload=hello",
        "versionInfo.destination_workload_namespace=run-istio",
        "iter8Image=iter8",
        &url,
    ];
    let values: Vec<&str> = values.iter().flat_map(|value| ["--set", value]).collect();
    let chart = ["-c", "slo-validation-istio", "--noDownload"];
    k(&here, "launch", &[&chart, &values[..]].concat())
        .exits(0)
        .says("made cronjobs.batch/default-1-cronjob");
    // A minute begins at some time within the first.
    std::thread::sleep(Duration::from_secs(25));
    here.until("judged", |_| !said(&here, "outcome").is_empty());
    assert_eq!(said(&here, "outcome"), "pass", "{}", said(&here, "headline"));
    // The first run has none before it, and asks since the launch, of a minute at least.
    let windows: Vec<u64> = prometheus
        .seen()
        .iter()
        .map(|seen| {
            let (_, window) = seen.path.rsplit_once("%5B").expect("a range");
            let (seconds, _) = window.split_once("s%5D").expect("seconds");
            seconds.parse().expect("a number")
        })
        .collect();
    assert!(!windows.is_empty());
    assert!(
        windows.iter().all(|seconds| (60..240).contains(seconds)),
        "{windows:?}"
    );
    k(&here, "delete", &[]).exits(0);
    assert_eq!(left(&here), "");
}

#[test]
fn a_second_launch_takes_the_place_of_the_first_which_still_runs() {
    let Some(cluster) = cluster() else { return };
    let (here, other) = (cluster.namespace("again"), cluster.namespace("again-elsewhere"));
    other.kubectl(&["create", "configmap", "there"], "");
    let server = Server::ok();
    let url = format!("http.url={}", server.url("/"));
    let waits = [
        "tasks={ready,http}",
        "ready.cm=there",
        "ready.namespace=again-elsewhere",
        "http.duration=60s",
        &url,
    ];
    let values: Vec<&str> = waits.iter().flat_map(|value| ["--set", value]).collect();
    k(&here, "launch", &[&values[..], &JOB].concat())
        .exits(0)
        .says("made roles.rbac.authorization.k8s.io/default-ready in the namespace again-elsewhere");
    here.until("begun", |_| server.requests() > 0);
    let pull = r#"{"imagePullSecrets": [{"name": "mine"}]}"#;
    here.kubectl(
        &[
            "patch",
            "serviceaccount",
            "default-iter8-sa",
            "--type=merge",
            "-p",
            pull,
        ],
        "",
    );
    launch(&here, &short(&server), &JOB).exits(0).says_all(&[
        "replaced secrets/default",
        "removed jobs.batch/default-1-job",
        "removed roles.rbac.authorization.k8s.io/default-ready in the namespace again-elsewhere",
        "made jobs.batch/default-2-job",
        "revision 2",
    ]);
    let jobs = here.kubectl(&["get", "jobs", "-o", "name"], "");
    assert_eq!(jobs.trim(), "job.batch/default-2-job");
    let account = here.kubectl(&["get", "serviceaccount", "default-iter8-sa", "-o", "json"], "");
    assert!(
        account.contains("\"mine\""),
        "what others added is lost: {account}"
    );
    let (state, log) = ended(&here, "default-2-job");
    assert_eq!(state, "Complete", "{log}");
    assert_eq!(said(&here, "revision"), "2");
    let roles = other.kubectl(&["get", "roles", "-o", "name"], "");
    assert_eq!(roles.trim(), "");
}

#[test]
fn a_run_that_goes_on_is_ended_by_a_delete_and_nothing_is_left() {
    let Some(cluster) = cluster() else { return };
    let (here, other) = (cluster.namespace("gone"), cluster.namespace("gone-elsewhere"));
    other.kubectl(&["create", "configmap", "there"], "");
    let server = Server::ok();
    let url = format!("http.url={}", server.url("/"));
    let waits = [
        "ready.cm=there",
        "ready.namespace=gone-elsewhere",
        &url,
        "tasks={ready,http}",
    ];
    let values: Vec<&str> = waits.iter().flat_map(|value| ["--set", value]).collect();
    k(&here, "launch", &[&LONG, &values[..], &JOB].concat()).exits(0);
    here.until("begun", |_| server.requests() > 0);
    // Another group of the same namespace stays.
    launch(&here, &short(&server), &["-g", "other", "--set", "runner=none"]).exits(0);
    k(&here, "delete", &[]).exits(0).says_all(&[
        "removed jobs.batch/default-1-job",
        "removed roles.rbac.authorization.k8s.io/default-ready in the namespace gone-elsewhere",
        "removed secrets/default",
        "group default deleted",
    ]);
    let of_other = "ConfigMap/other-result@gone Role/other@gone RoleBinding/other@gone Secret/other@gone ServiceAccount/other-iter8-sa@gone";
    let mut remains: Vec<String> = left(&here).split(' ').map(str::to_owned).collect();
    remains.sort();
    assert_eq!(remains.join(" "), of_other);
    assert_eq!(left(&other), "");
    let before = server.requests();
    std::thread::sleep(Duration::from_millis(500));
    assert_eq!(server.requests(), before, "somebody still sends");
    k(&here, "delete", &[])
        .exits(0)
        .says("warning: there is nothing to delete: no group default in the namespace gone");
    app(cluster)
        .run(&["k", "delete", "-n", "nowhere"])
        .exits(0)
        .says("warning: there is nothing to delete: there is no namespace nowhere");
}

#[test]
fn a_pod_that_is_evicted_leaves_what_was_measured() {
    let Some(cluster) = cluster() else { return };
    let here = cluster.namespace("evicted");
    let server = Server::ok();
    let url = format!("http.url={}", server.url("/"));
    k(&here, "launch", &[&LONG[..], &["--set", &url], &JOB].concat()).exits(0);
    here.until("begun", |_| server.requests() > 3);
    here.kubectl(
        &[
            "delete",
            "pods",
            "-l",
            "iter8.tools/group=default",
            "--wait=false",
        ],
        "",
    );
    here.until("stored", |_| said(&here, "outcome") == "interrupted");
    let result = stored(&here);
    assert_eq!(result["interrupted"], "SIGTERM");
    let requests = result["insights"]["versions"][0]["loads"][0]["measurement"]["requests"].as_u64();
    assert!(requests.is_some_and(|requests| requests > 0), "{requests:?}");
}
