//! `promote`: what has passed or won becomes what stands, in a cluster or by a pull request, and never otherwise.

use std::time::Duration;

use serde_json::{Value, json};

use crate::action::step;
use crate::pull_request::{AFTER, BRANCH, FILE, github};
use crate::support::{Answer, App, Namespace, Server, cluster, each};

pub(crate) const DEPLOYMENT: &str = "\
apiVersion: apps/v1
kind: Deployment
metadata: {name: shop}
spec:
  replicas: 0
  selector: {matchLabels: {app: shop}}
  template:
    metadata: {labels: {app: shop}}
    spec:
      containers:
      - {name: proxy, image: 'proxy:1', args: [a, b]}
      - {name: shop, image: 'shop:v1', env: [{name: A, value: b}]}
";
const IMAGE: &str =
    "deploy: shop, field: 'spec.template.spec.containers[name=shop].image', value: 'shop:v2', force: true";

fn experiment(promote: &str, server: &Server, limit: &str) -> String {
    format!(
        "spec:\n- task: http\n  with: {{url: '{}', numRequests: 20, qps: 200}}\n- task: assess\n  with: {{objectives: [http/error-rate {limit}]}}\n\
         - task: promote\n  with: {{{promote}}}\n",
        server.url("/")
    )
}

/// The third task is told as not done, and why, wherever it is told.
pub(crate) fn is_not_done(app: &App, why: &str) {
    let task = app.result()["tasks"][2].clone();
    assert_eq!(task["status"], "left", "{task}");
    let told = task["why"].as_str().expect("a reason");
    assert!(told.contains(why), "{told}");
    for (format, says) in [
        ("text", "not done: "),
        ("markdown", "not done: "),
        ("html", "not done: "),
        ("junit", "<skipped message=\"not done: "),
        ("json", "\"status\": \"not done\""),
    ] {
        let output = app.run(&["report", "-o", format]);
        output.exits(0);
        assert!(output.stdout.contains(says), "{format}: {}", output.stdout);
    }
}

fn containers(here: &Namespace) -> Value {
    here.get("deploy/shop")["spec"]["template"]["spec"]["containers"].clone()
}

pub(crate) fn images(here: &Namespace) -> Vec<String> {
    let containers = containers(here);
    let containers = containers.as_array().expect("a list");
    containers
        .iter()
        .map(|one| one["image"].as_str().expect("an image").to_owned())
        .collect()
}

#[test]
fn a_field_is_changed_when_the_verdict_is_a_pass() {
    let Some(cluster) = cluster() else { return };
    let here = cluster.namespace("promote-pass");
    here.apply(DEPLOYMENT);
    let before = containers(&here);
    let server = Server::ok();
    let (app, output) = here.run(&experiment(IMAGE, &server, ">= 1%"), &[]);
    output
        .exits(1)
        .says("nothing was promoted: the verdict so far is fail");
    assert_eq!(containers(&here), before);
    assert_eq!(app.result()["changes"], Value::Null);
    is_not_done(&app, "nothing was promoted: the verdict so far is fail");
    // What follows may still fail: then it is taken back.
    let (app, output) = here.run(
        &format!("{}- run: exit 1\n", experiment(IMAGE, &server, "<= 1%")),
        &[],
    );
    output
        .exits(3)
        .says("deployments.apps/shop: rolled back to shop:v1: the outcome is error");
    assert_eq!(containers(&here), before);
    assert_eq!(app.result()["changes"][0]["rolledBack"]["to"], "shop:v1");
    let (app, output) = here.run(
        &experiment(&format!("{IMAGE}, dryRun: true"), &server, "<= 1%"),
        &[],
    );
    output.exits(0).says("shop:v1 → shop:v2 (only tried: dryRun)");
    assert_eq!(containers(&here), before);
    assert_eq!(app.result()["changes"][0]["dryRun"], true);
    let (app, output) = here.run(&experiment(IMAGE, &server, "<= 1%"), &[]);
    output
        .exits(0)
        .says("spec.template.spec.containers[name=shop].image: shop:v1 → shop:v2");
    assert_eq!(images(&here), ["proxy:1", "shop:v2"]);
    let change = app.result()["changes"][0].clone();
    assert_eq!(
        (&change["from"], &change["to"]),
        (&json!("shop:v1"), &json!("shop:v2"))
    );
    // Nothing else of it has changed.
    assert_eq!(containers(&here)[0], before[0]);
    assert_eq!(containers(&here)[1]["env"], before[1]["env"]);
    here.run(&experiment(IMAGE, &server, "<= 1%"), &[])
        .1
        .exits(0)
        .says("is shop:v2 already");
    // Another field, by position: what was promoted before stays.
    let replicas = "deploy: shop, field: spec.replicas, value: '0', force: true";
    here.run(&experiment(replicas, &server, "<= 1%"), &[])
        .1
        .exits(0)
        .says("is 0 already");
    let argument =
        "deploy: shop, field: 'spec.template.spec.containers[0].image', value: 'proxy:2', force: true";
    here.run(&experiment(argument, &server, "<= 1%"), &[]).1.exits(0);
    assert_eq!(images(&here), ["proxy:2", "shop:v2"]);
    assert_eq!(containers(&here)[0]["args"], before[0]["args"]);
}

#[test]
fn a_list_that_the_api_takes_as_one_is_said_as_a_whole() {
    let Some(cluster) = cluster() else { return };
    let here = cluster.namespace("promote-list");
    here.apply(crate::traffic::ROUTE);
    let port = "resource: httproutes, group: gateway.networking.k8s.io, name: shop, value: '8080', force: true, \
                field: 'spec.rules[0].backendRefs[name=canary].port'";
    here.run(&experiment(port, &Server::ok(), "<= 1%"), &[])
        .1
        .exits(0);
    let spec = here.get("httproute/shop")["spec"].clone();
    let refs = &spec["rules"][0]["backendRefs"];
    assert_eq!(
        (&refs[0]["port"], &refs[1]["port"], &refs[0]["weight"]),
        (&json!(80), &json!(8080), &json!(100))
    );
    assert_eq!(spec["hostnames"], json!(["shop.example.com"]));
}

#[test]
fn the_winner_is_promoted_if_there_is_one() {
    let Some(cluster) = cluster() else { return };
    let here = cluster.namespace("promote-winner");
    here.apply(DEPLOYMENT);
    let server = Server::new(|seen| {
        let slow = if seen.path == "/v3" { 0 } else { 30 };
        Answer::status(200).after(Duration::from_millis(slow))
    });
    let text = |rewards: &str| {
        format!(
            "spec:\n- task: http\n  with:\n    numRequests: 100\n    qps: 50\n    versions: [{{name: v1, url: '{}'}}, {{name: v2, url: '{}'}}, {{name: v3, url: '{}'}}]\n\
             - task: assess\n  with: {{objectives: [http/error-rate <= 1%]{rewards}}}\n\
             - task: promote\n  with: {{{}}}\n",
            server.url("/v1"),
            server.url("/v2"),
            server.url("/v3"),
            IMAGE.replace("'shop:v2'", "'shop:{{ .winner }}'"),
        )
    };
    // Both keep their promises, and nothing says which is better.
    let (_, output) = here.run(&text(""), &[]);
    output.exits(0).says("nothing was promoted: no version has won");
    assert_eq!(images(&here)[1], "shop:v1");
    here.run(&text(", rewards: {min: [http/latency-p95]}"), &[])
        .1
        .exits(0);
    assert_eq!(images(&here)[1], "shop:v3");
}

#[test]
fn what_stands_in_the_way_is_told_before_anything_is_sent() {
    let Some(cluster) = cluster() else { return };
    let here = cluster.namespace("promote-faults");
    here.apply(DEPLOYMENT);
    let server = Server::ok();
    let polite = IMAGE.replace(", force: true", "");
    let rows = [
        (
            polite.clone(),
            "others manage fields of deployments.apps/shop: .spec.template.spec.containers[name=\"shop\"].image (by kubectl-client-side-apply)",
        ),
        (IMAGE.replace("name=shop", "name=web"), "there is no [name=web]"),
        (IMAGE.replace("].image", "].env"), "is no single value"),
        (
            IMAGE.replace("shop,", "other,"),
            "deployments.apps/other does not exist in the namespace promote-faults",
        ),
        (
            "deploy: shop, field: spec.replicas, value: many, force: true".to_owned(),
            "it is a number, and \"many\" is none",
        ),
    ];
    each(
        &rows,
        |row| row.1,
        |(promote, says)| {
            here.run(&experiment(promote, &server, "<= 1%"), &[])
                .1
                .exits(3)
                .says(says);
        },
    );
    assert_eq!(server.requests(), 0);
    assert_eq!(images(&here), ["proxy:1", "shop:v1"]);
    let guest = here
        .run(&experiment(IMAGE, &server, "<= 1%"), &["--kube-context", "guest"])
        .1;
    guest
        .exits(3)
        .says("guest may not get deployments.apps called shop");
    assert_eq!(server.requests(), 0);
}

#[test]
fn mistakes_are_found_without_a_cluster() {
    let server = Server::ok();
    let rows = [
        (
            experiment("field: a, value: b", &server, "<= 1%"),
            "one of `deploy`, `ksvc`, `isvc`, `resource` and `pullRequest`",
        ),
        (
            experiment("deploy: a, ksvc: b, field: a, value: b", &server, "<= 1%"),
            "one of `deploy`",
        ),
        (
            experiment("deploy: a, value: b", &server, "<= 1%"),
            "needs `field`",
        ),
        (
            experiment("deploy: a, field: a", &server, "<= 1%"),
            "needs `value`",
        ),
        (
            experiment("deploy: a, field: a..b, value: b", &server, "<= 1%"),
            "is no path",
        ),
        (
            experiment("deploy: a/b, field: a, value: b", &server, "<= 1%"),
            "no name in Kubernetes",
        ),
        (
            experiment("deploy: a, name: b, field: a, value: b", &server, "<= 1%"),
            "`name` goes with `resource`",
        ),
        (
            experiment("resource: pods, field: a, value: b", &server, "<= 1%"),
            "needs `name`",
        ),
        (
            experiment(
                "deploy: a, pullRequest: {changes: [{file: a, content: b}]}",
                &server,
                "<= 1%",
            ),
            "`deploy` is of a change in a cluster",
        ),
        (
            "spec:\n- task: promote\n  with: {deploy: a, field: a, value: b}\n".to_owned(),
            "nothing is judged before this task",
        ),
    ];
    each(
        &rows,
        |row| row.1,
        |(text, says)| {
            App::with(text).run(&["validate"]).exits(2).says(says);
        },
    );
}

#[test]
fn a_pull_request_promotes_what_has_passed() {
    let target = Server::ok();
    let promote = format!("pullRequest: {{changes: [{{file: {FILE}, yaml: image.tag, value: v2}}]}}");
    for (limit, code) in [(">= 1%", 1), ("<= 1%", 0)] {
        let github = github();
        let text = experiment(&promote, &target, limit);
        let app = github.step(step(&[]).file("experiment.yaml", &text));
        let output = app.run(&["action"]);
        output.exits(code);
        if code == 0 {
            assert_eq!(github.content(BRANCH, FILE).expect("a file").1, AFTER);
        } else {
            output.says("nothing was promoted: the verdict so far is fail");
            assert!(github.pulls().is_empty());
            is_not_done(&app, "nothing was promoted: the verdict so far is fail");
        }
    }
}
