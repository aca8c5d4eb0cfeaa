//! `traffic` on a real API server: weights that are set, steps, the winner, and the way back.

use std::time::{Duration, Instant};

use rustix::process::Signal;
use serde_json::{Value, json};

use crate::promote::is_not_done;
use crate::support::{Answer, App, Namespace, Running, Server, cluster};

pub(crate) const ROUTE: &str = "\
apiVersion: gateway.networking.k8s.io/v1
kind: HTTPRoute
metadata: {name: shop}
spec:
  parentRefs: [{name: gateway}]
  hostnames: [shop.example.com]
  rules:
  - backendRefs:
    - {name: stable, port: 80, weight: 100}
    - {name: canary, port: 80, weight: 0}
";
pub(crate) const MARK: &str = "iter8.tools/traffic-before";

/// Moves traffic, sends a load, judges.
pub(crate) fn experiment(traffic: &str, server: &Server, limit: &str) -> String {
    let url = server.url("/");
    format!(
        "spec:\n- task: traffic\n  with: {{{traffic}}}\n- task: http\n  with: {{url: '{url}', numRequests: 20, qps: 200}}\n\
         - task: assess\n  with: {{objectives: [http/error-rate {limit}]}}\n"
    )
}

/// Moves traffic, and sends a load that does not end by itself.
pub(crate) fn endless(server: &Server) -> String {
    experiment(CANARY, server, "<= 1%").replace("numRequests: 20, qps: 200", "duration: 10m, qps: 50")
}

pub(crate) const CANARY: &str = "httproute: shop, weights: {stable: 90, canary: 10}, force: true";

/// The weights of the route, in its order.
pub(crate) fn weights(here: &Namespace) -> Vec<u64> {
    let refs = here.get("httproute/shop")["spec"]["rules"][0]["backendRefs"].clone();
    let refs = refs.as_array().expect("a list").clone();
    refs.iter()
        .map(|one| one["weight"].as_u64().expect("a weight"))
        .collect()
}

/// Whether a run that is under way, or was killed, has left its mark.
pub(crate) fn is_marked(here: &Namespace) -> bool {
    here.get("httproute/shop")["metadata"]["annotations"][MARK].is_string()
}

/// A run that has moved the traffic and sends its load.
pub(crate) fn under_way(here: &Namespace, server: &Server) -> (App, Running) {
    let app = here.cluster.app(&endless(server));
    let running = app.start(&["run", "-n", &here.name]);
    let started = Instant::now();
    while server.requests() < 5 {
        assert!(
            started.elapsed() < Duration::from_mins(1),
            "the load does not begin"
        );
        std::thread::sleep(Duration::from_millis(10));
    }
    (app, running)
}

#[test]
fn weights_stay_when_the_run_passes() {
    let Some(cluster) = cluster() else { return };
    let here = cluster.namespace("traffic-pass");
    here.apply(ROUTE);
    let server = Server::ok();
    let (app, output) = here.run(&experiment(CANARY, &server, "<= 1%"), &[]);
    output
        .exits(0)
        .says("httproutes.gateway.networking.k8s.io/shop: canary 0, stable 100 → canary 10, stable 90");
    assert_eq!(weights(&here), [90, 10]);
    assert!(!is_marked(&here));
    let changes = app.result()["changes"].clone();
    assert_eq!(changes.as_array().map(Vec::len), Some(1), "{changes}");
    for (field, value) in [
        ("task", json!(1)),
        ("object", json!("httproutes.gateway.networking.k8s.io/shop")),
        ("namespace", json!("traffic-pass")),
        ("field", json!("spec.rules[0].backendRefs")),
        ("from", json!("canary 0, stable 100")),
        ("to", json!("canary 10, stable 90")),
        ("dryRun", json!(false)),
        ("rolledBack", Value::Null),
    ] {
        assert_eq!(changes[0][field], value, "{field}");
    }
    for file in ["report.md", "report.html"] {
        assert!(
            app.read(&format!("iter8-results/{file}"))
                .contains("Changes in the cluster"),
            "{file}"
        );
    }
    // Once more there is nothing to do.
    let (app, output) = here.run(&experiment(CANARY, &server, "<= 1%"), &[]);
    output.exits(0).says("its traffic was divided so already");
    assert_eq!(app.result()["changes"], Value::Null);
}

#[test]
fn weights_go_back_when_the_run_does_not_pass() {
    let Some(cluster) = cluster() else { return };
    let here = cluster.namespace("traffic-fail");
    here.apply(ROUTE);
    let server = Server::ok();
    let good = experiment(CANARY, &server, "<= 1%");
    let rows = [
        (experiment(CANARY, &server, ">= 1%"), 1, "fail"),
        (format!("{good}- run: exit 3\n"), 3, "error"),
        (
            good.replace(
                "http/error-rate <= 1%",
                "http/latency-p95 <= 1s, http-api/latency-p95 <= 1s",
            ),
            2,
            "",
        ),
        (
            good.replace(
                "- task: assess\n  with: {",
                "- task: assess\n  with: {minRequests: 1000, ",
            ),
            5,
            "invalid",
        ),
    ];
    for (text, code, outcome) in rows {
        let (app, output) = here.run(&text, &[]);
        output.exits(code);
        assert_eq!(weights(&here), [100, 0], "{outcome}");
        assert!(!is_marked(&here), "{outcome}");
        if code == 2 {
            continue;
        }
        output.says("rolled back to canary 0, stable 100");
        // Nothing but the list of weights, however often: neither our mark nor what others wrote beside it.
        assert_eq!(managed(&here), json!({"f:spec": {"f:rules": {}}}));
        let change = app.result()["changes"][0].clone();
        assert_eq!(change["rolledBack"]["why"], format!("the outcome is {outcome}"));
        assert_eq!(change["rolledBack"]["to"], "canary 0, stable 100");
        assert!(
            app.read("iter8-results/report.md")
                .contains("rolled back to canary 0, stable 100")
        );
    }
}

/// Which fields of the route are managed by us.
fn managed(here: &Namespace) -> Value {
    let text = here.kubectl(
        &["get", "httproute/shop", "-o", "json", "--show-managed-fields"],
        "",
    );
    let route: Value = serde_json::from_str(&text).expect("JSON");
    let managers = route["metadata"]["managedFields"].as_array().expect("managers");
    let ours = managers.iter().find(|one| one["manager"] == "iter8");
    ours.expect("us")["fieldsV1"].clone()
}

const STEPS: &str = "httproute: shop, to: canary, steps: [10, 50, 100], force: true";

#[test]
fn every_step_is_measured_and_judged() {
    let Some(cluster) = cluster() else { return };
    let here = cluster.namespace("traffic-steps");
    here.apply(ROUTE);
    let server = Server::ok();
    let (app, output) = here.run(&experiment(STEPS, &server, "<= 1%"), &[]);
    output.exits(0).says("step 2 of 3: canary 50, stable 50");
    assert_eq!(weights(&here), [0, 100]);
    assert!(!is_marked(&here));
    assert_eq!(server.requests(), 60);
    let changes = app.result()["changes"].as_array().expect("changes").clone();
    let steps: Vec<(&str, &str)> = changes
        .iter()
        .map(|change| {
            (
                change["to"].as_str().expect("a text"),
                change["outcome"].as_str().expect("an outcome"),
            )
        })
        .collect();
    assert_eq!(
        steps,
        [
            ("canary 10, stable 90", "pass"),
            ("canary 50, stable 50", "pass"),
            ("canary 100, stable 0", "pass")
        ]
    );
    // Only the last step's verdict is left, once.
    assert_eq!(
        app.result()["assessment"]["judgements"].as_array().map(Vec::len),
        Some(1)
    );
}

#[test]
fn the_first_step_that_fails_is_the_last() {
    let Some(cluster) = cluster() else { return };
    let here = cluster.namespace("traffic-stop");
    here.apply(ROUTE);
    let server = Server::new(|seen| Answer::status(if seen.number > 20 { 500 } else { 200 }));
    let text = experiment(STEPS, &server, "<= 1%");
    let (app, output) = here.run(&format!("{text}- run: echo afterwards\n"), &[]);
    output
        .exits(1)
        .says("rolled back to canary 0, stable 100: step 2 of 3: the outcome is fail")
        .says("afterwards");
    assert_eq!(weights(&here), [100, 0]);
    assert!(!is_marked(&here));
    assert_eq!(server.requests(), 40);
    let changes = app.result()["changes"].clone();
    assert_eq!(changes.as_array().map(Vec::len), Some(2), "{changes}");
    assert_eq!(
        (&changes[0]["outcome"], &changes[1]["outcome"]),
        (&json!("pass"), &json!("fail"))
    );
    assert_eq!(changes[1]["rolledBack"]["to"], "canary 0, stable 100");
}

#[test]
fn a_signal_takes_the_traffic_back() {
    let Some(cluster) = cluster() else { return };
    let here = cluster.namespace("traffic-term");
    here.apply(ROUTE);
    let server = Server::ok();
    let (app, running) = under_way(&here, &server);
    assert_eq!(weights(&here), [90, 10]);
    assert!(is_marked(&here));
    running.signal(Signal::TERM);
    let signalled = Instant::now();
    running
        .finish()
        .exits(143)
        .says("rolled back to canary 0, stable 100: the run was stopped");
    assert!(
        signalled.elapsed() < Duration::from_secs(5),
        "{:?}",
        signalled.elapsed()
    );
    assert_eq!(weights(&here), [100, 0]);
    assert!(!is_marked(&here));
    assert_eq!(
        app.result()["changes"][0]["rolledBack"]["why"],
        "the run was stopped"
    );
}

#[test]
fn what_a_killed_run_left_the_next_one_takes_back() {
    let Some(cluster) = cluster() else { return };
    let here = cluster.namespace("traffic-kill");
    here.apply(ROUTE);
    let server = Server::ok();
    let (_app, running) = under_way(&here, &server);
    running.signal(Signal::KILL);
    drop(running.finish());
    assert_eq!(weights(&here), [90, 10]);
    assert!(is_marked(&here));
    // Whoever only tries changes nothing.
    let tried = experiment(&format!("{CANARY}, dryRun: true"), &server, "<= 1%");
    here.run(&tried, &[])
        .1
        .exits(3)
        .says("moved by another run (run ")
        .says("which has not ended");
    assert!(is_marked(&here));
    let (app, output) = here.run(&experiment(CANARY, &server, ">= 1%"), &[]);
    output.exits(1);
    assert_eq!(weights(&here), [100, 0]);
    assert!(!is_marked(&here));
    let changes = app.result()["changes"].clone();
    assert_eq!(changes.as_array().map(Vec::len), Some(2), "{changes}");
    let why = changes[0]["rolledBack"]["why"].as_str().expect("a reason");
    assert!(
        why.starts_with("another run moved it and did not end (run "),
        "{why}"
    );
    assert_eq!(changes[1]["rolledBack"]["why"], "the outcome is fail");
}

#[test]
fn of_two_runs_the_earlier_notices_that_it_was_taken_over() {
    let Some(cluster) = cluster() else { return };
    let here = cluster.namespace("traffic-two");
    here.apply(ROUTE);
    let server = Server::ok();
    let (app, running) = under_way(&here, &server);
    here.run(&experiment(CANARY, &Server::ok(), "<= 1%"), &[])
        .1
        .exits(0);
    running.signal(Signal::TERM);
    running
        .finish()
        .exits(143)
        .says("somebody else has taken its traffic over");
    assert_eq!(weights(&here), [90, 10]);
    let error = app.result()["changes"][0]["error"].clone();
    assert!(
        error
            .as_str()
            .is_some_and(|text| text.contains("not rolled back")),
        "{error}"
    );
}

#[test]
fn the_winner_gets_all_if_there_is_one() {
    let Some(cluster) = cluster() else { return };
    let here = cluster.namespace("traffic-winner");
    here.apply(ROUTE);
    let server = Server::new(|seen| {
        let slow = if seen.path == "/v1" { 30 } else { 0 };
        Answer::status(200).after(Duration::from_millis(slow))
    });
    let text = |objective: &str| {
        format!(
            "spec:\n- task: http\n  with:\n    numRequests: 100\n    qps: 50\n    versions: [{{name: v1, url: '{}', baseline: true}}, \
             {{name: v2, url: '{}'}}]\n- task: assess\n  with: {{objectives: [{objective}], rewards: {{min: [http/latency-p95]}}}}\n\
             - task: traffic\n  with: {{httproute: shop, weights: winner, versions: {{v1: stable, v2: canary}}, force: true}}\n",
            server.url("/v1"),
            server.url("/v2"),
        )
    };
    let (app, output) = here.run(&text("http/error-rate >= 1%"), &[]);
    output.exits(1).says("stays as it is: the verdict so far is fail");
    assert_eq!(weights(&here), [100, 0]);
    is_not_done(&app, "stays as it is: the verdict so far is fail");
    let (app, output) = here.run(&text("http/error-rate <= 1%"), &[]);
    output.exits(0);
    assert_eq!(weights(&here), [0, 100]);
    assert_eq!(app.result()["changes"][0]["to"], "canary 100, stable 0");
    let shares = text("http/error-rate <= 1%").replace("weights: winner", "weights: shares");
    let (app, output) = here.run(&shares, &[]);
    output.exits(0);
    let percent = |version: usize| app.result()["assessment"]["weights"][version]["percent"].as_u64();
    assert_eq!(
        weights(&here).into_iter().map(Some).collect::<Vec<_>>(),
        [percent(0), percent(1)]
    );
    // Before anything is sent: every version has a destination.
    let sent = server.requests();
    let (_, output) = here.run(
        &text("http/error-rate <= 1%").replace("v2: canary", "v3: canary"),
        &[],
    );
    output
        .exits(3)
        .says("it has no destination v2; it has stable, canary");
    assert_eq!(server.requests(), sent);
}

#[test]
fn other_kinds_of_objects_divide_traffic_too() {
    let Some(cluster) = cluster() else { return };
    let here = cluster.namespace("traffic-kinds");
    here.apply(
        "apiVersion: networking.istio.io/v1beta1\nkind: VirtualService\nmetadata: {name: shop}\nspec:\n  hosts: [shop]\n  http:\n  \
         - {name: api, route: [{destination: {host: shop-api}}]}\n  - name: web\n    route:\n    \
         - {destination: {host: shop, subset: v1}, weight: 100}\n    - {destination: {host: shop, subset: v2}, weight: 0}\n",
    );
    here.apply(
        "apiVersion: serving.knative.dev/v1\nkind: Service\nmetadata: {name: hello}\nspec:\n  template: {spec: {containers: [{image: any}]}}\n  \
         traffic: [{revisionName: hello-1, percent: 100}]\n",
    );
    here.set_status("ksvc/hello", r#"{"latestReadyRevisionName": "hello-2"}"#);
    here.apply(
        "apiVersion: serving.kserve.io/v1beta1\nkind: InferenceService\nmetadata: {name: iris, annotations: {serving.kserve.io/deploymentMode: Serverless}}\n\
         spec: {predictor: {model: {modelFormat: {name: sklearn}}}}\n",
    );
    let server = Server::ok();
    let pass = |traffic: &str, code: i32| {
        let limit = if code == 0 { "<= 1%" } else { ">= 1%" };
        here.run(&experiment(traffic, &server, limit), &[]).1.exits(code);
    };
    let vs = "vs: shop, rule: web, weights: {v1: 25, shop/v2: 75}, force: true";
    let routes = || here.get("vs/shop")["spec"]["http"].clone();
    let before = routes();
    pass(vs, 1);
    assert_eq!(routes(), before);
    pass(vs, 0);
    assert_eq!(
        (
            &routes()[1]["route"][0]["weight"],
            &routes()[1]["route"][1]["weight"]
        ),
        (&json!(25), &json!(75))
    );
    assert_eq!(routes()[0], before[0]);
    let ksvc = "ksvc: hello, to: hello-2, steps: [30], force: true";
    let traffic = || here.get("ksvc/hello")["spec"]["traffic"].clone();
    pass(ksvc, 1);
    assert_eq!(traffic(), json!([{"revisionName": "hello-1", "percent": 100}]));
    pass(ksvc, 0);
    assert_eq!(
        (&traffic()[0]["percent"], &traffic()[1]["percent"]),
        (&json!(70), &json!(30))
    );
    let isvc = "isvc: iris, weights: {latest: 20, previous: 80}, force: true";
    let percent = || here.get("isvc/iris")["spec"]["predictor"]["canaryTrafficPercent"].clone();
    pass(isvc, 1);
    assert_eq!(percent(), Value::Null);
    pass(isvc, 0);
    assert_eq!(percent(), json!(20));
    assert_eq!(
        here.get("isvc/iris")["spec"]["predictor"]["model"]["modelFormat"]["name"],
        "sklearn"
    );
}

#[test]
fn a_pod_has_the_rights_it_needs_and_takes_traffic_back_when_it_is_deleted() {
    let Some(cluster) = cluster() else { return };
    let here = cluster.namespace("traffic-pod");
    here.apply(ROUTE);
    let server = Server::ok();
    let url = format!("http.url={}", server.url("/"));
    let values = [
        "tasks={traffic,http,assess}",
        "traffic.httproute=shop",
        "traffic.weights.stable=90",
        "traffic.weights.canary=10",
        "traffic.force=true",
        &url,
        "http.duration=60s",
        "assess.SLOs.upper.http/error-count=0",
        "runner=job",
        "iter8Image=iter8",
    ];
    let values: Vec<&str> = values.iter().flat_map(|value| ["--set", value]).collect();
    let app = App::new().env("KUBECONFIG", cluster.kubeconfig().display().to_string());
    let launch = ["k", "launch", "-n", "traffic-pod"];
    app.run(&[&launch[..], &values].concat()).exits(0);
    here.until("moved", |_| server.requests() > 3);
    assert_eq!(weights(&here), [90, 10]);
    app.run(&["k", "delete", "-n", "traffic-pod"]).exits(0);
    assert_eq!(weights(&here), [100, 0]);
    assert!(!is_marked(&here));
}
