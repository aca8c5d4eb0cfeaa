//! What stands in the way of moving traffic is told before anything is sent, and nothing is changed then.

use serde_json::json;

use crate::support::{App, Server, cluster, each};
use crate::traffic::{CANARY, ROUTE, experiment, is_marked, weights};

#[test]
fn a_field_that_somebody_else_manages_is_left_alone_unless_taken_over() {
    let Some(cluster) = cluster() else { return };
    let here = cluster.namespace("traffic-managed");
    here.kubectl(
        &["apply", "--server-side", "--field-manager=argo", "-f", "-"],
        ROUTE,
    );
    let server = Server::ok();
    let polite = "httproute: shop, weights: {stable: 90, canary: 10}";
    let (app, output) = here.run(&experiment(polite, &server, "<= 1%"), &[]);
    output.exits(3).says("others manage fields of httproutes.gateway.networking.k8s.io/shop: .spec.rules (by argo); `force: true`");
    assert_eq!((weights(&here), server.requests()), (vec![100, 0], 0));
    assert!(!is_marked(&here));
    assert_eq!(app.result()["changes"], serde_json::Value::Null);
    here.run(&experiment(CANARY, &server, "<= 1%"), &[]).1.exits(0);
    assert_eq!(weights(&here), [90, 10]);
    // From here on they are ours.
    here.run(
        &experiment(
            "httproute: shop, weights: {stable: 80, canary: 20}",
            &server,
            "<= 1%",
        ),
        &[],
    )
    .1
    .exits(0);
    assert_eq!(weights(&here), [80, 20]);
}

#[test]
fn what_was_applied_under_our_name_before_stays() {
    let Some(cluster) = cluster() else { return };
    let here = cluster.namespace("traffic-ours");
    here.kubectl(
        &["apply", "--server-side", "--field-manager=iter8", "-f", "-"],
        ROUTE,
    );
    let polite = "httproute: shop, weights: {stable: 90, canary: 10}";
    here.run(&experiment(polite, &Server::ok(), "<= 1%"), &[])
        .1
        .exits(0);
    assert_eq!(weights(&here), [90, 10]);
    let spec = here.get("httproute/shop")["spec"].clone();
    assert_eq!(
        (&spec["hostnames"], &spec["parentRefs"][0]["name"]),
        (&json!(["shop.example.com"]), &json!("gateway"))
    );
}

#[test]
fn a_right_that_is_missing_is_told_with_its_rule() {
    let Some(cluster) = cluster() else { return };
    let here = cluster.namespace("traffic-rights");
    here.apply(ROUTE);
    let role = |verbs: &str| {
        here.apply(&format!(
            "apiVersion: rbac.authorization.k8s.io/v1\nkind: Role\nmetadata: {{name: move}}\nrules:\n\
             - {{apiGroups: [gateway.networking.k8s.io], resources: [httproutes], resourceNames: [shop], verbs: [{verbs}]}}\n"
        ));
    };
    role("get");
    here.kubectl(
        &["create", "rolebinding", "move", "--role=move", "--user=guest"],
        "",
    );
    let server = Server::ok();
    let guest = ["--kube-context", "guest"];
    // A right may take a moment to be known.
    std::thread::sleep(std::time::Duration::from_secs(1));
    let (_, output) = here.run(&experiment(CANARY, &server, "<= 1%"), &guest);
    output.exits(3).says("guest may not patch httproutes.gateway.networking.k8s.io called shop in the namespace traffic-rights");
    output.says(r#"resourceNames: ["shop"], verbs: ["patch"]"#);
    assert_eq!((weights(&here), server.requests()), (vec![100, 0], 0));
    role("get, patch");
    std::thread::sleep(std::time::Duration::from_secs(1));
    here.run(&experiment(CANARY, &server, "<= 1%"), &guest).1.exits(0);
    assert_eq!(weights(&here), [90, 10]);
}

#[test]
fn a_trial_changes_nothing() {
    let Some(cluster) = cluster() else { return };
    let here = cluster.namespace("traffic-dry");
    here.apply(ROUTE);
    for (traffic, tried) in [
        (CANARY, vec!["canary 10, stable 90"]),
        (
            "httproute: shop, to: canary, steps: [10, 50], force: true",
            vec!["canary 10, stable 90", "canary 50, stable 50"],
        ),
    ] {
        let text = experiment(&format!("{traffic}, dryRun: true"), &Server::ok(), "<= 1%");
        let (app, output) = here.run(&text, &[]);
        output.exits(0).says("only tried");
        assert_eq!(weights(&here), [100, 0]);
        assert!(!is_marked(&here));
        let changes = app.result()["changes"].as_array().expect("changes").clone();
        let all: Vec<&str> = changes
            .iter()
            .filter(|change| change["dryRun"] == true)
            .filter_map(|change| change["to"].as_str())
            .collect();
        assert_eq!(all, tried);
    }
}

#[test]
fn names_that_the_object_does_not_have_are_told_before_anything_is_sent() {
    let Some(cluster) = cluster() else { return };
    let here = cluster.namespace("traffic-names");
    here.apply(ROUTE);
    here.apply(
        "apiVersion: serving.kserve.io/v1beta1\nkind: InferenceService\nmetadata: {name: raw, annotations: {serving.kserve.io/deploymentMode: RawDeployment}}\n\
         spec: {predictor: {model: {modelFormat: {name: sklearn}}}}\n",
    );
    let server = Server::ok();
    let rows = [
        (
            "httproute: shop, weights: {stable: 90, cannary: 10}",
            "it has no destination cannary; did you mean canary? it has stable, canary",
        ),
        (
            "httproute: shop, weights: {stable: 100}",
            "nothing says what canary gets",
        ),
        (
            "httproute: shop, weights: {stable: 50, 'stable:80': 50}",
            "has two weights",
        ),
        (
            "httproute: shop, rule: 1, weights: {stable: 90, canary: 10}",
            "it has no rule 1; it has 1, from 0",
        ),
        (
            "httproute: shop, to: stable, steps: [50]",
            "all of its traffic goes to stable already",
        ),
        (
            "httproute: other, weights: {stable: 90, canary: 10}",
            "httproutes.gateway.networking.k8s.io/other does not exist in the namespace traffic-names",
        ),
        (
            "isvc: raw, weights: {latest: 10, previous: 90}",
            "it is deployed as RawDeployment",
        ),
    ];
    each(
        &rows,
        |row| row.0,
        |(traffic, says)| {
            let (_, output) = here.run(&experiment(traffic, &server, "<= 1%"), &[]);
            output.exits(3).says(says);
        },
    );
    assert_eq!((weights(&here), server.requests()), (vec![100, 0], 0));
}

#[test]
fn mistakes_are_found_without_a_cluster() {
    let server = Server::ok();
    let whole = |traffic: &str| experiment(traffic, &server, "<= 1%");
    let load = "- task: http\n  with: {url: 'http://127.0.0.1:1/'}\n";
    let assess = "- task: assess\n  with: {objectives: [http/error-rate <= 1%]}\n";
    let steps = "- task: traffic\n  with: {httproute: shop, to: a, steps: [10, 20]}\n";
    let rows = [
        (
            whole("weights: {a: 100}"),
            "needs `httproute`, `vs`, `ksvc` or `isvc`",
        ),
        (
            whole("httproute: a, vs: b, weights: {a: 100}"),
            "`httproute` says which object is meant, and so does `vs`",
        ),
        (
            whole("httproute: a/b, weights: {a: 100}"),
            "`a/b` is no name in Kubernetes",
        ),
        (whole("httproute: a"), "nothing says how traffic is to be divided"),
        (
            whole("httproute: a, weights: {a: 60, b: 60}"),
            "the weights add up to 120",
        ),
        (whole("httproute: a, weights: {a: 101, b: -1}"), "not negative"),
        (
            whole("httproute: a, weights: loser"),
            "expected weights, found `loser`",
        ),
        (
            whole("httproute: a, weights: {a: 100}, to: b, steps: [1]"),
            "either `weights` or `to`",
        ),
        (whole("httproute: a, to: b"), "`to` goes with `steps`"),
        (
            whole("httproute: a, weights: {a: 100}, steps: [1]"),
            "`steps` goes with `to`",
        ),
        (
            whole("httproute: a, to: b, steps: [10, 10]"),
            "each more than the one before",
        ),
        (
            whole("httproute: a, to: b, steps: [0, 10]"),
            "percent from 1 to 100",
        ),
        (
            whole("httproute: a, weights: {a: 100}, versions: {a: b}"),
            "`versions` goes with `weights: winner`",
        ),
        (
            whole("ksvc: a, rule: 1, weights: {a: 100}"),
            "`rule` goes with `httproute` or `vs`",
        ),
        (whole("isvc: a, weights: {v1: 100}"), "there is no `v1`"),
        (
            whole("httproute: a, weights: winner"),
            "nothing is judged before this task",
        ),
        (
            format!("spec:\n{load}{steps}"),
            "nothing behind this task judges its steps",
        ),
        (
            format!("spec:\n{load}{steps}{assess}"),
            "nothing that the steps repeat measures http/error-rate",
        ),
        (
            format!(
                "spec:\n{steps}{}{assess}",
                load.replace("http\n", "http\n  if: Completed()\n")
            ),
            "cannot have an `if`",
        ),
        (
            format!("spec:\n{steps}{load}{assess}loop: {{times: 2}}\n"),
            "`steps` and `loop` do not go together",
        ),
    ];
    each(
        &rows,
        |row| row.1,
        |(text, says)| {
            App::with(text).run(&["validate"]).exits(2).says(says);
        },
    );
    let shard = App::with(&whole("httproute: a, weights: {a: 100}"));
    shard
        .run(&["run", "--shard", "0/2"])
        .exits(2)
        .says("task 1 (traffic) changes a cluster, and every shard would do it");
    let plan = App::with(&format!(
        "spec:\n{}{load}{assess}",
        steps.replace("20]", "20], hold: 2m")
    ));
    let text = plan.run(&["plan"]);
    text.exits(0).says("a 10,").says("200 requests in 4 min 25 s");
}
