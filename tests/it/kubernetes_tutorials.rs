//! The tutorials: each command of their pages is run, with the manifests that they name, and prints what they say.

use std::time::Duration;

use crate::kubernetes_run::ended;
use crate::prometheus::proxies;
use crate::support::{
    Answer, Grpc, INFERENCE_PROTO, Namespace, Prometheus, Reflection, Reply, Server, Tutorial, cluster,
};

const READY: &str = r#"{"conditions": [{"type": "Ready", "status": "True"}]}"#;

/// A server beside whose latency that of a busy machine is little; it has the files of this repository, too.
fn server() -> Server {
    Server::new(|seen| {
        if let Some(file) = Tutorial::file(&seen.path) {
            return Answer::status(200).body(file);
        }
        if seen.path.ends_with("open_inference_grpc.proto") {
            return Answer::status(200).body(INFERENCE_PROTO);
        }
        Answer::status(200).after(Duration::from_millis(20))
    })
}

/// Another address of a server.
fn elsewhere(server: &Server) -> String {
    server.url("").replace("127.0.0.1", "localhost")
}

/// Waits until a Job of the namespace has ended.
fn over(here: &Namespace, job: &str) {
    let (state, log) = ended(here, job);
    assert_eq!(state, "Complete", "{log}");
}

/// The Job that a CronJob made, once there is one.
fn made(here: &Namespace) -> String {
    let jobs = || here.kubectl(&["get", "jobs", "-o", "name"], "");
    here.until("begun", |_| !jobs().is_empty());
    jobs()
        .lines()
        .next()
        .expect("a Job")
        .trim_start_matches("job.batch/")
        .to_owned()
}

#[test]
fn a_model_of_kserve_is_tested_and_its_canary_grows() {
    let Some(cluster) = cluster() else { return };
    let server = server();
    let model = Grpc::answering(|_| Reply::ok())
        .reflecting(Reflection::Off)
        .start();
    let (files, at) = Tutorial::files(&server.url(""));
    let (inference, host) = (server.url("/open"), model.host());
    let addresses = [
        (files, at.as_str()),
        ("http://sklearn-irisv2.models.svc.cluster.local", &server.url("")),
        ("http://sklearn-irisv2.models.example.com", &elsewhere(&server)),
        ("sklearn-irisv2-grpc.models.svc.cluster.local:80", &host),
        ("https://raw.githubusercontent.com/kserve", &inference),
    ];
    let here = cluster.within("models");
    Tutorial::new(cluster, "kserve", &addresses).play(|command| {
        if command.contains("irisv2.yaml") {
            here.set_status("isvc/sklearn-irisv2", READY);
        } else if command.contains("irisv2-grpc.yaml") {
            here.set_status("isvc/sklearn-irisv2-grpc", READY);
        } else if command.contains("create job now") {
            over(&here, "now");
        } else if command.contains("run examples") {
            let percent = &here.get("isvc/sklearn-irisv2")["spec"]["predictor"]["canaryTrafficPercent"];
            assert_eq!(*percent, 100);
        }
    });
    // Once, or again where the machine was busy.
    let calls = model.calls().len();
    assert!(calls >= 40 && calls.is_multiple_of(40), "{calls}");
}

#[test]
fn a_service_of_knative_is_tested_and_its_next_revision_gets_the_traffic() {
    let Some(cluster) = cluster() else { return };
    let server = server();
    let addresses = [
        ("http://hello.apps.svc.cluster.local", server.url("")),
        ("http://hello.apps.example.com", elsewhere(&server)),
    ];
    let addresses = addresses.each_ref().map(|(there, here)| (*there, here.as_str()));
    let here = cluster.within("apps");
    Tutorial::new(cluster, "knative", &addresses).play(|command| {
        let revision = if command.contains("hello.yaml") {
            "hello-1"
        } else if command.contains("hello-2.yaml") {
            "hello-2"
        } else {
            return;
        };
        let status = READY.replacen(
            '{',
            &format!("{{\"latestReadyRevisionName\": \"{revision}\", "),
            1,
        );
        here.set_status("ksvc/hello", &status);
    });
}

#[test]
fn mirrored_traffic_is_judged_by_what_istio_sees_and_then_moved() {
    let Some(cluster) = cluster() else { return };
    let proxies = proxies("shop-v2");
    let Some(prometheus) = Prometheus::scraping(&proxies) else {
        return;
    };
    // The CronJob may run at once: there must be something to read then.
    prometheus.wait_for("istio_requests_total", Duration::from_secs(8));
    let url = prometheus.url();
    let addresses = [("http://prometheus.istio-system:9090", url.as_str())];
    let here = cluster.within("shop");
    Tutorial::new(cluster, "istio", &addresses).play(|command| {
        if command.contains("k launch") {
            // A minute begins at some time within the next.
            std::thread::sleep(Duration::from_secs(20));
            over(&here, &made(&here));
        } else if command.contains("create job now") {
            over(&here, "now");
        }
    });
}
