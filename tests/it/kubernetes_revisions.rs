//! One launch after the other: whose result it is that a gate sees, and what becomes of a run that goes on.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use crate::kubernetes_run::{JOB, NOBODY, app, ended, k, launch, left, short};
use crate::support::{Answer, App, Namespace, Output, Server, cluster, revision};
use crate::traffic::{ROUTE, is_marked, weights};

const GATE: [&str; 3] = ["-c", "completed,nofailure,slos", "--timeout"];

fn gate(here: &Namespace, timeout: &str, more: &[&str]) -> Output {
    k(here, "assert", &[&GATE[..], &[timeout], more].concat())
}

/// A server all of whose answers are failures but those of one path.
fn server() -> Server {
    Server::new(|seen| {
        let status = if seen.path == "/bad" { 500 } else { 200 };
        Answer::status(status).after(Duration::from_millis(300))
    })
}

/// Values of a load of some seconds.
fn load(server: &Server, path: &str) -> Vec<String> {
    let mut values = short(server);
    let url = format!("http.url={}", server.url(path));
    for set in [
        url.as_str(),
        "http.duration=4s",
        "http.qps=4",
        "http.numRequests=4000",
    ] {
        values.extend(["--set".to_owned(), set.to_owned()]);
    }
    values
}

#[test]
fn manifests_that_are_written_and_applied_again_are_another_launch() {
    let Some(cluster) = cluster() else { return };
    let here = cluster.namespace("applied");
    let server = server();
    let written = |path: &str| {
        let values = load(&server, path);
        let values: Vec<&str> = values.iter().map(String::as_str).collect();
        let output = k(&here, "launch", &[&["--dry"], &values[..], &JOB].concat());
        let manifests = output.exits(0).stdout.clone();
        output.says(&format!("--revision {}", revision(&manifests)));
        manifests
    };
    let first = written("/");
    let number = revision(&first);
    let job = format!("default-{number}-job");
    here.apply(&first);
    gate(&here, "50s", &["--revision", &number]).exits(0);
    // What a Job left outlives it.
    here.kubectl(&["delete", "job", &job, "--cascade=foreground"], "");
    gate(&here, "0s", &[]).exits(0);
    // Another one of the same name and revision has left nothing yet.
    here.apply(&first);
    gate(&here, "0s", &[])
        .exits(1)
        .says(&format!("error: the Job {job} is not over"));
    k(&here, "report", &[]).exits(0).says(&format!(
        "warning: the Job {job} has not ended: this is the result of an earlier run"
    ));
    // Who may read the result alone is shown it.
    let role = ["create", "role", "r", "--verb=get", "--resource=configmaps"];
    here.kubectl(&role, "");
    here.kubectl(&["create", "rolebinding", "r", "--role=r", "--user=guest"], "");
    let guest = k(&here, "report", &["--kube-as-user", "guest"]);
    assert_eq!(
        (guest.exits(0).stderr.as_str(), guest.stdout.is_empty()),
        ("", false)
    );
    gate(&here, "50s", &[]).exits(0);
    assert_eq!(k(&here, "report", &[]).exits(0).stderr, "");
    // One that leaves nothing does not get the result of the one before.
    here.kubectl(&["delete", "job", &job, "--cascade=foreground"], "");
    let broken = "image: host\n          command: [/bin/false]";
    here.apply(&first.replace("image: iter8", broken));
    assert_eq!(ended(&here, &job).0, "Failed");
    k(&here, "report", &[]).exits(0).says(&format!(
        "warning: this is the result of an earlier run: the Job {job}, which is over, left none"
    ));
    // Neither is the verdict of one experiment that of the next.
    let second = written("/bad");
    assert_ne!(revision(&second), number);
    here.apply(&second);
    gate(&here, "0s", &[]).exits(1).says("is not over");
    gate(&here, "50s", &["--revision", &revision(&second)])
        .exits(1)
        .says("SLOs are not satisfied");
    for what in ["assert", "report"] {
        let more: &[&str] = if what == "assert" { &GATE[..2] } else { &[] };
        k(&here, what, &[more, &["--revision", &number]].concat())
            .exits(3)
            .says("is the current one");
    }
    k(&here, "log", &["--revision", &number]).exits(0);
}

#[test]
fn the_pass_of_somebody_elses_launch_is_none() {
    let Some(cluster) = cluster() else { return };
    let here = cluster.namespace("whose");
    let server = server();
    launch(
        &here,
        &load(&server, "/bad"),
        &[&JOB[..], &["--set", "http.duration=60s"]].concat(),
    )
    .exits(0)
    .says("--timeout 10m -n whose --revision 1");
    let beside = app(cluster);
    let words = [&["k", "assert", "-n", "whose"], &GATE[..], &["50s"]].concat();
    let waiting = beside.start(&words);
    here.until("begun", |_| server.requests() > 0);
    std::thread::sleep(Duration::from_secs(1));
    launch(&here, &short(&server), &JOB)
        .exits(0)
        .says("-n whose --revision 2");
    waiting
        .finish()
        .exits(3)
        .says("the group was launched anew: revision 2 is the current one, and nothing will be known of 1");
    gate(&here, "50s", &["--revision", "2"]).exits(0);
    gate(&here, "50s", &["--revision", "1"])
        .exits(3)
        .says("the group was launched anew");
    gate(&here, "1s", &["--revision", "9"])
        .exits(3)
        .says("waiting for revision 9: 2 is the current one")
        .says("revision 9 was not launched: 2 is the current one");
    k(&here, "report", &["--revision", "2"]).exits(0);
}

#[test]
fn who_is_replaced_takes_back_what_it_changed() {
    let Some(cluster) = cluster() else { return };
    let here = cluster.namespace("replaced");
    here.apply(ROUTE);
    let server = Server::ok();
    let moves = [
        "tasks={traffic,http,assess}",
        "traffic.httproute=shop",
        "traffic.weights.stable=90",
        "traffic.weights.canary=10",
        "traffic.force=true",
        "http.duration=60s",
        "http.numRequests=4000",
    ];
    let mut values = short(&server);
    for set in moves {
        values.extend(["--set".to_owned(), set.to_owned()]);
    }
    launch(&here, &values, &JOB).exits(0);
    here.until("moved", |here| server.requests() > 3 && weights(here) == [90, 10]);
    // It knows nothing of the route, and its account may not touch it.
    launch(&here, &short(&server), &JOB)
        .exits(0)
        .says("removed jobs.batch/default-1-job")
        .says("removed roles.rbac.authorization.k8s.io/default-ready");
    assert_eq!(weights(&here), [100, 0]);
    assert!(!is_marked(&here));
    assert_eq!(ended(&here, "default-2-job").0, "Complete");
}

#[test]
fn a_run_that_writes_at_that_moment_hinders_no_launch() {
    let Some(cluster) = cluster() else { return };
    let here = cluster.namespace("busy");
    let server = Server::ok();
    launch(&here, &short(&server), &NOBODY).exits(0);
    let over = Arc::new(AtomicBool::new(false));
    let writers: Vec<_> = ["a", "b"]
        .into_iter()
        .map(|name| {
            let over = Arc::clone(&over);
            std::thread::spawn(move || {
                for count in 0_u64.. {
                    if over.load(Ordering::SeqCst) {
                        break;
                    }
                    let note = format!("{name}={count}");
                    let words = ["annotate", "-n", "busy", "configmap", "default-result", &note];
                    cluster.try_kubectl(&[&words[..], &["--overwrite"]].concat(), "");
                }
            })
        })
        .collect();
    let outputs: Vec<Output> = (0..3).map(|_| launch(&here, &short(&server), &NOBODY)).collect();
    over.store(true, Ordering::SeqCst);
    for writer in writers {
        writer.join().expect("a writer");
    }
    for (output, number) in outputs.iter().zip(2..) {
        output.exits(0).says(&format!("revision {number}"));
    }
}

#[test]
fn of_two_that_wait_for_the_end_of_the_same_run_the_later_one_launches() {
    let Some(cluster) = cluster() else { return };
    let here = cluster.namespace("queue");
    let folder = App::new();
    let end = folder.path("end");
    let script = format!(
        "image: host\n          command: [/bin/sh, -c, 'trap : TERM; while [ ! -e {} ]; do sleep 0.2; done']",
        end.display()
    );
    here.apply(&here.manifests("iter8").replace("image: iter8", &script));
    let running = [
        "get",
        "pods",
        "-o",
        "name",
        "--field-selector=status.phase=Running",
    ];
    here.until("running", |here| !here.kubectl(&running, "").is_empty());
    let server = Server::ok();
    let values = short(&server);
    let values: Vec<&str> = values.iter().map(String::as_str).collect();
    let words = [&["k", "launch", "-n", "queue"], &values[..], &JOB].concat();
    let (one, other) = (app(cluster), app(cluster));
    let begun = |number: &str| {
        let path = r"jsonpath={.metadata.annotations.iter8\.tools/revision}";
        here.until("begun", |here| {
            here.kubectl(&["get", "configmap", "default-result", "-o", path], "") == number
        });
    };
    let earlier = one.start(&words);
    begun("2");
    let later = other.start(&words);
    begun("3");
    std::fs::write(&end, "").expect("a file");
    earlier
        .finish()
        .exits(3)
        .says("somebody else launches the same group");
    later.finish().exits(0).says("revision 3");
    let jobs = here.kubectl(&["get", "jobs", "-o", "name"], "");
    assert_eq!(jobs.trim(), "job.batch/default-3-job");
}

#[test]
fn what_no_account_can_be_given_is_refused() {
    let Some(cluster) = cluster() else { return };
    let here = cluster.namespace("scopes");
    let values = [
        "tasks={ready,http}",
        "ready.resource=namespaces",
        "ready.version=v1",
        "ready.name=scopes",
        "http.url=http://127.0.0.1:9/",
    ];
    let values: Vec<String> = values
        .iter()
        .flat_map(|value| ["--set".to_owned(), (*value).to_owned()])
        .collect();
    launch(&here, &values, &NOBODY)
        .exits(2)
        .says(
            "namespaces/scopes has no namespace: the account that is made for the experiment may not read it",
        )
        .says("--set serviceAccountName=NAME")
        .says("nothing was launched");
    assert_eq!(left(&here), "");
    let account = [&NOBODY[..], &["--set", "serviceAccountName=mine"]].concat();
    launch(&here, &values, &account).exits(0);
}
