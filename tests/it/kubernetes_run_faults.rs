//! What may come between a launch and its result: rights, other people's objects, API servers that go away, other launches.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use rustix::process::Signal;
use serde_json::{Value, json};

use crate::kubernetes_run::{JOB, NOBODY, app, ended, k, launch, left, said, short};
use crate::support::{Answer, App, Door, Namespace, Running, Server, cluster};

#[test]
fn what_would_be_refused_makes_nothing() {
    let Some(cluster) = cluster() else { return };
    let here = cluster.namespace("refused");
    let server = Server::ok();
    let values = short(&server);
    launch(&here, &values, &[])
        .exits(2)
        .says("nothing would run: the values name no `runner`");
    // The last of the objects is the one that the API does not take.
    let output = launch(
        &here,
        &values,
        &[&JOB[..], &["--set", "resources.requests.memory=much"]].concat(),
    );
    output.exits(3).says("nothing was launched");
    assert!(!output.has("made "), "{output}");
    assert_eq!(left(&here), "");
    let huge = format!("http: {{payloadStr: '{}'}}", "x".repeat(1 << 20));
    let folder = App::new()
        .env("KUBECONFIG", cluster.kubeconfig().display().to_string())
        .file("huge.yaml", huge);
    let values: Vec<&str> = values.iter().map(String::as_str).collect();
    folder
        .run(
            &[
                &["k", "launch", "-n", "refused", "-f", "huge.yaml"],
                &values[..],
                &JOB,
            ]
            .concat(),
        )
        .exits(2)
        .says("and a Secret holds 1048576: it does not fit into the cluster")
        .says("give what is large as a URL")
        .says("nothing was launched");
    assert_eq!(left(&here), "");
}

#[test]
fn what_is_somebody_elses_is_not_touched() {
    let Some(cluster) = cluster() else { return };
    let here = cluster.namespace("foreign");
    let server = Server::ok();
    for (kind, object) in [
        ("secret/default", "secrets/default"),
        ("role/default", "roles.rbac.authorization.k8s.io/default"),
    ] {
        let name = kind.split_once('/').expect("a kind").0;
        let manifest = match name {
            "secret" => "apiVersion: v1\nkind: Secret\nmetadata: {name: default}\nstringData: {mine: x}\n",
            _ => {
                "apiVersion: rbac.authorization.k8s.io/v1\nkind: Role\nmetadata: {name: default}\nrules: []\n"
            }
        };
        here.apply(manifest);
        let before = here.kubectl(&["get", kind, "-o", "jsonpath={.metadata.resourceVersion}"], "");
        launch(&here, &short(&server), &JOB)
            .exits(2)
            .says(&format!(
                "{object} is there already, and was not made for this group"
            ))
            .says("nothing was launched");
        k(&here, "delete", &[])
            .exits(0)
            .says("there is nothing to delete");
        let after = here.kubectl(&["get", kind, "-o", "jsonpath={.metadata.resourceVersion}"], "");
        assert_eq!(before, after);
        here.kubectl(&["delete", kind], "");
    }
    assert_eq!(left(&here), "");
}

#[test]
fn of_two_that_launch_at_once_no_two_runs_stay() {
    let Some(cluster) = cluster() else { return };
    let here = cluster.namespace("together");
    let server = Server::ok();
    let values = short(&server);
    launch(&here, &values, &NOBODY).exits(0);
    let values: Vec<&str> = values.iter().map(String::as_str).collect();
    let args = [&["k", "launch", "-n", "together"], &values[..], &JOB].concat();
    let apps = [app(cluster), app(cluster), app(cluster)];
    let running: Vec<_> = apps.iter().map(|app| app.start(&args)).collect();
    for output in running.into_iter().map(Running::finish) {
        if output.code != Some(0) {
            output.exits(3).says("somebody else launches the same group");
        }
    }
    let jobs = here.kubectl(&["get", "jobs", "-o", "name"], "");
    assert!(jobs.lines().count() <= 1, "{jobs}");
    launch(&here, &short(&server), &JOB).exits(0);
    let jobs = here.kubectl(&["get", "jobs", "-o", "name"], "");
    assert_eq!(jobs.lines().count(), 1, "{jobs}");
}

#[test]
fn a_namespace_that_is_on_its_way_out_takes_nothing() {
    let Some(cluster) = cluster() else { return };
    let here = cluster.namespace("run-leaving");
    here.apply("apiVersion: v1\nkind: ConfigMap\nmetadata: {name: kept, finalizers: [example.com/kept]}");
    cluster.kubectl(&["delete", "namespace", "run-leaving", "--wait=false"], "");
    let server = Server::ok();
    launch(&here, &short(&server), &JOB)
        .exits(3)
        .says("the namespace run-leaving is being deleted")
        .says("nothing was launched");
    let patch = r#"{"metadata": {"finalizers": null}}"#;
    here.kubectl(&["patch", "configmap", "kept", "--type=merge", "-p", patch], "");
}

#[test]
fn every_right_that_is_missing_is_named_until_there_are_enough() {
    let Some(cluster) = cluster() else { return };
    let here = cluster.namespace("rights");
    here.kubectl(
        &[
            "create",
            "role",
            "learned",
            "--verb=get",
            "--resource=pods",
            "--resource-name=none",
        ],
        "",
    );
    here.kubectl(
        &[
            "create",
            "rolebinding",
            "learned",
            "--role=learned",
            "--user=guest",
        ],
        "",
    );
    let server = Server::ok();
    let mut rules = Vec::new();
    let values = short(&server);
    let values: Vec<&str> = values.iter().map(String::as_str).collect();
    let made = [&["k", "launch", "-n", "rights"], &values[..], &JOB].concat();
    learn(&here, "learned", &made, &mut rules);
    let (state, log) = ended(&here, "default-1-job");
    assert_eq!(state, "Complete", "{log}");
    learn(&here, "learned", &made, &mut rules);
    learn(&here, "learned", &["k", "delete", "-n", "rights"], &mut rules);
    assert_eq!(left(&here), "");
    for verb in ["get", "list", "create", "update", "patch", "delete"] {
        let named = format!("verbs: [\"{verb}\"]");
        assert!(
            rules.iter().any(|rule| rule.contains(&named)),
            "{verb}: {rules:#?}"
        );
    }
}

#[test]
fn the_rights_of_the_documentation_are_enough() {
    let Some(cluster) = cluster() else { return };
    let here = cluster.namespace("documented");
    let page = concat!(env!("CARGO_MANIFEST_DIR"), "/docs/kubernetes.md");
    let page = std::fs::read_to_string(page).expect("the page");
    let (_, rest) = page
        .split_once("### Rights of who launches")
        .expect("the section");
    let rules = rest
        .split("```")
        .nth(1)
        .expect("the rules")
        .trim_start_matches("yaml");
    here.apply(&format!(
        "apiVersion: rbac.authorization.k8s.io/v1\nkind: Role\nmetadata: {{name: launcher}}\n{rules}"
    ));
    here.kubectl(
        &[
            "create",
            "rolebinding",
            "launcher",
            "--role=launcher",
            "--user=guest",
        ],
        "",
    );
    let server = Server::ok();
    let guest = ["--kube-context", "guest"];
    let values = short(&server);
    // It may take a moment until the rights are known everywhere.
    here.until("launched", |_| {
        launch(&here, &values, &[&JOB[..], &guest].concat()).code == Some(0)
    });
    launch(&here, &values, &[&JOB[..], &guest].concat()).exits(0);
    k(&here, "delete", &guest).exits(0);
    assert_eq!(left(&here), "");
}

/// Runs a command as the guest again and again, and gives it, in a role, the rule that it asks for.
pub(crate) fn learn(here: &Namespace, holder: &str, args: &[&str], rules: &mut Vec<String>) {
    let args = [args, &["--kube-context", "guest"]].concat();
    for _ in 0..60 {
        let output = app(here.cluster).run(&args);
        if output.code == Some(0) {
            return;
        }
        output.exits(3);
        let held = output.stderr.lines();
        let mut held = held.filter_map(|line| line.split_once("not currently held: - "));
        let rule = if let Some((_, lacking)) = held.next_back() {
            output.says("an account can give no more rights than it has");
            let mut lacking = lacking.split(" - ").map(|rule| format!("- {rule}"));
            let new = lacking.find(|rule| !rules.contains(rule));
            // What was given is not known everywhere yet.
            new.unwrap_or_else(|| rules.first().expect("a rule").clone())
        } else {
            let mut lines = output.stderr.lines();
            let rule = lines.find_map(|line| line.split_once("bound to that account: "));
            let (_, rule) = rule.unwrap_or_else(|| panic!("no rule is named\n{output}"));
            rule.to_owned()
        };
        if rules.contains(&rule) {
            // It is not known everywhere yet.
            std::thread::sleep(Duration::from_millis(200));
            continue;
        }
        rules.push(rule);
        here.apply(&format!(
            "apiVersion: rbac.authorization.k8s.io/v1\nkind: Role\nmetadata: {{name: {holder}}}\nrules:\n{}\n",
            rules.join("\n")
        ));
    }
    panic!("never enough: {rules:#?}");
}

#[test]
fn an_api_server_that_goes_away_while_it_runs_is_waited_for() {
    let Some(cluster) = cluster() else { return };
    let here = cluster.namespace("outage");
    let server = Server::ok();
    let door = Door::to(&cluster.server());
    let values = short(&server);
    launch(
        &here,
        &[&values[..], &["--set".into(), "http.duration=2s".into()]].concat(),
        &NOBODY,
    )
    .exits(0)
    .says("runner is none: nothing runs the experiment until somebody does")
    .says("next: iter8 k run -n outage");
    let app = app(cluster);
    let running = app.start(&["k", "run", "-n", "outage", "--kube-apiserver", &door.url()]);
    here.until("begun", |_| server.requests() > 0);
    door.shut();
    std::thread::sleep(Duration::from_secs(3));
    door.open();
    running
        .finish()
        .exits(0)
        .says("cannot be reached")
        .says("trying again in")
        .says("pass: the result is in configmaps/default-result");
    assert_eq!(said(&here, "outcome"), "pass");
    assert_eq!(app.result()["revision"], 1);
}

#[test]
fn a_result_that_cannot_be_kept_is_in_the_log() {
    let Some(cluster) = cluster() else { return };
    let here = cluster.namespace("outage-for-good");
    let server = Server::ok();
    let door = Door::to(&cluster.server());
    launch(&here, &short(&server), &NOBODY).exits(0);
    let app = app(cluster);
    let running = app.start(&[
        "k",
        "run",
        "-n",
        "outage-for-good",
        "--kube-apiserver",
        &door.url(),
    ]);
    here.until("begun", |_| server.requests() > 0);
    door.shut();
    here.until("ended", |_| {
        let path = app.path("iter8-results/report.html");
        path.exists()
    });
    std::thread::sleep(Duration::from_secs(1));
    running.signal(Signal::TERM);
    std::thread::sleep(Duration::from_millis(300));
    running.signal(Signal::TERM);
    let output = running.finish();
    output
        .exits(6)
        .says("the result could not be kept in the cluster; it follows as one line of JSON");
    let line = output.stdout.lines().last().expect("a line");
    let result: Value = serde_json::from_str(line).expect("JSON");
    assert_eq!(result["outcome"], "pass");
    assert_eq!(said(&here, "outcome"), "");
}

#[test]
fn a_result_of_an_older_revision_is_not_kept() {
    let Some(cluster) = cluster() else { return };
    let here = cluster.namespace("older");
    let server = Server::ok();
    let values = short(&server);
    let two = ["--set".to_owned(), "http.duration=2s".to_owned()];
    launch(&here, &[&values[..], &two].concat(), &NOBODY).exits(0);
    let app = app(cluster);
    let running = app.start(&["k", "run", "-n", "older", "--revision", "1"]);
    here.until("begun", |_| server.requests() > 0);
    launch(&here, &values, &NOBODY).exits(0).says("revision 2");
    running
        .finish()
        .exits(3)
        .says("this is revision 1 of the experiment, and 2 is the current one")
        .says("the result of this run is not kept");
    assert_eq!(said(&here, "outcome"), "");
    let before = server.requests();
    k(&here, "run", &["--revision", "1"])
        .exits(3)
        .says("nothing was sent");
    assert_eq!(server.requests(), before);
    k(&here, "run", &[]).exits(0);
    assert_eq!(said(&here, "revision"), "2");
    k(&here, "run", &["-g", "nobody"])
        .exits(2)
        .says("there is no group `nobody` in the namespace older");
}

#[test]
fn a_group_that_is_deleted_while_it_runs_keeps_no_result() {
    let Some(cluster) = cluster() else { return };
    let here = cluster.namespace("deleted");
    let server = Server::ok();
    let two = ["--set".to_owned(), "http.duration=2s".to_owned()];
    launch(&here, &[&short(&server)[..], &two].concat(), &NOBODY).exits(0);
    let app = app(cluster);
    let running = app.start(&["k", "run", "-n", "deleted"]);
    here.until("begun", |_| server.requests() > 0);
    k(&here, "delete", &[]).exits(0);
    running
        .finish()
        .exits(3)
        .says(
            "there is no group `default` in the namespace deleted: configmaps/default-result does not exist",
        )
        .says("the result of this run is not kept");
}

/// What an API server has of a group whose one task is a load on a server.
fn object(kind: &str, name: &str, revision: u32, more: &Value) -> Value {
    let mut object = json!({
        "apiVersion": "v1", "kind": kind,
        "metadata": {
            "name": name, "namespace": "twice", "resourceVersion": "1",
            "labels": {"app.kubernetes.io/managed-by": "iter8", "iter8.tools/group": "default", "iter8.tools/namespace": "twice"},
            "annotations": {"iter8.tools/revision": revision.to_string(), "iter8.tools/runner": "none"},
        },
    });
    for (name, value) in more.as_object().expect("a map") {
        object[name] = value.clone();
    }
    object
}

#[test]
fn of_two_that_write_at_once_the_one_of_the_revision_wins() {
    let target = Server::ok();
    let experiment = format!(
        "spec:\n- task: http\n  with: {{url: '{}', numRequests: 2}}\n",
        target.url("/")
    );
    // After the conflict the result is of the same revision, or of another, later or earlier.
    for (then, exit) in [(1, 0), (2, 3), (0, 3)] {
        let puts = Arc::new(AtomicUsize::new(0));
        let (count, experiment) = (Arc::clone(&puts), STANDARD.encode(&experiment));
        let api = Server::new(move |seen| {
            let answer = |status, body: Value| {
                Answer::status(status)
                    .body(body.to_string())
                    .header("content-type", "application/json")
            };
            let conflicts = count.load(Ordering::SeqCst);
            if seen.path.contains("/secrets/") {
                return answer(
                    200,
                    object(
                        "Secret",
                        "default",
                        1,
                        &json!({"data": {"experiment.yaml": experiment}}),
                    ),
                );
            }
            if seen.method != "PUT" {
                let revision = if conflicts == 0 { 1 } else { then };
                return answer(200, object("ConfigMap", "default-result", revision, &json!({})));
            }
            if count.fetch_add(1, Ordering::SeqCst) == 0 {
                let status = json!({"kind": "Status", "apiVersion": "v1", "status": "Failure", "reason": "Conflict", "code": 409,
                                    "message": "the object has been modified"});
                return answer(409, status);
            }
            answer(200, serde_json::from_slice(&seen.body).expect("JSON"))
        });
        App::new()
            .run(&["k", "run", "-n", "twice", "--kube-apiserver", &api.url("")])
            .exits(exit);
        assert_eq!(puts.load(Ordering::SeqCst), if exit == 0 { 2 } else { 1 });
    }
}
