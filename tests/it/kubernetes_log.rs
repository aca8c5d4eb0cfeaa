//! What the pods of a group say, and what an API server tells that has forgotten what was seen.

use std::time::Duration;

use serde_json::json;

use crate::support::{Answer, App, Namespace, Server, cluster};

/// Launches an experiment whose pod says something else.
fn saying(here: &Namespace, script: &str) {
    let command = format!("image: host\n          command: [/bin/sh, -c, '{script}']");
    here.apply(&here.manifests("host").replace("image: host", &command));
}

fn app(here: &Namespace) -> App {
    App::new().env("KUBECONFIG", here.cluster.kubeconfig().display().to_string())
}

#[test]
fn a_log_is_followed_from_before_its_begin_to_its_end() {
    let Some(cluster) = cluster() else { return };
    let here = cluster.namespace("log-follow");
    saying(&here, "for n in 1 2 3 4 5 6; do echo line $n; sleep 0.5; done");
    let output = app(&here).run(&["k", "log", "--follow", "-n", "log-follow"]);
    output.exits(0);
    let all = "line 1\nline 2\nline 3\nline 4\nline 5\nline 6\n".to_owned();
    assert_eq!(output.stdout, all, "{output}");
    // The same, told once.
    let output = app(&here).run(&["k", "log", "-n", "log-follow"]);
    assert_eq!(output.exits(0).stdout, all, "{output}");
    // Of what is gone nothing is left.
    here.kubectl(&["delete", "job", "default-1-job"], "");
    app(&here)
        .run(&["k", "log", "-n", "log-follow"])
        .exits(3)
        .says("nothing runs revision 1");
}

#[test]
fn several_pods_are_told_apart_and_nothing_in_a_log_is_a_command() {
    let Some(cluster) = cluster() else { return };
    let here = cluster.namespace("log-several");
    let script = r#"image: host
          command: [/bin/sh, -c, "echo ::set-output name=a::b; printf '\\033[2J\\033[8mgone\\n'"]"#;
    let manifest = here.manifests("host").replace("image: host", script).replace(
        "backoffLimit: 0",
        "backoffLimit: 0\n  completions: 2\n  parallelism: 2",
    );
    here.apply(&manifest);
    let output = app(&here).run(&["k", "log", "-f", "-n", "log-several"]);
    output.exits(0);
    assert_eq!(output.stdout.lines().count(), 4, "{output}");
    assert!(
        output
            .stdout
            .lines()
            .any(|line| line.starts_with("[default-1-job-")),
        "{output}"
    );
    assert!(!output.stdout.contains('\u{1b}'), "{output}");
    assert!(
        !output.stdout.lines().any(|line| line.starts_with("::")),
        "{output}"
    );
}

#[test]
fn what_an_api_server_has_forgotten_is_listed_anew() {
    let labels = json!({"app.kubernetes.io/managed-by": "iter8", "iter8.tools/group": "default", "iter8.tools/namespace": "default"});
    let result = json!({"metadata": {"name": "default-result", "resourceVersion": "9", "labels": labels,
                        "annotations": {"iter8.tools/revision": "1"}}});
    let job = json!({"metadata": {"name": "default-1-job", "uid": "u"}, "spec": {}, "status": {}});
    let failed = json!({"metadata": {"name": "default-1-job", "uid": "u"}, "status": {"conditions": [
        {"type": "Failed", "status": "True", "reason": "Made", "message": "up"}]}});
    let gone = json!({"type": "ERROR", "object": {"kind": "Status", "code": 410, "message": "too old resource version"}});
    let list = |items: &[&serde_json::Value]| {
        json!({"metadata": {"resourceVersion": "9"}, "items": items}).to_string()
    };
    let (before, after, results, none) = (list(&[&job]), list(&[&failed]), list(&[&result]), list(&[]));
    let server = Server::new(move |seen| {
        let (path, query) = seen.path.split_once('?').unwrap_or((&seen.path, ""));
        let watch = query.contains("watch=1");
        let text = match path.rsplit('/').next().unwrap_or_default() {
            "jobs" if watch => format!("{gone}\n"),
            _ if watch => {
                return Answer::status(200).body("").after(Duration::from_millis(500));
            }
            // The first answer is the only one without it.
            "jobs" if seen.number < 6 => before.clone(),
            "jobs" => after.clone(),
            "configmaps" => results.clone(),
            "default-result" => result.to_string(),
            _ => none.clone(),
        };
        Answer::status(200)
            .body(text)
            .header("content-type", "application/json")
    });
    let url = server.url("");
    App::new()
        .run(&[
            "k",
            "assert",
            "-c",
            "slos",
            "--timeout",
            "20s",
            "--kube-apiserver",
            &url,
        ])
        .exits(1)
        .says("error: the Job default-1-job failed: Made: up");
    let lists = server
        .seen()
        .iter()
        .filter(|seen| seen.path.contains("/jobs?label"))
        .count();
    assert!(lists >= 2, "{lists}");
}
