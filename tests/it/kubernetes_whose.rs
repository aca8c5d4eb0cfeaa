//! Whose a result is: that of a Job is replaced by no run from elsewhere, and what no Job left is no Job's verdict.

use crate::kubernetes_run::{JOB, NOBODY, ended, k, launch, said, short};
use crate::support::{Namespace, Output, Server, cluster};

const NAMELESS: &str = "warning: the result that is stored was left by none of the Jobs";

fn gate(here: &Namespace, more: &[&str]) -> Output {
    k(
        here,
        "assert",
        &[&["-c", "completed,nofailure,slos"], more].concat(),
    )
}

/// Says who left the result: nobody knows whose it is then.
fn forget(here: &Namespace) {
    let words = ["annotate", "configmap", "default-result", "--overwrite"];
    here.kubectl(&[&words[..], &["iter8.tools/job="]].concat(), "");
}

#[test]
fn the_result_of_a_job_is_replaced_by_no_run_from_elsewhere() {
    let Some(cluster) = cluster() else { return };
    let here = cluster.namespace("whose-result");
    let server = Server::ok();
    launch(&here, &short(&server), &JOB).exits(0);
    // Before there is a result, and after.
    let refused = || {
        for more in [&[][..], &["--revision", "1"], &["--reuseResult"]] {
            k(&here, "run", more)
                .exits(2)
                .says("a Job runs revision 1 of the group `default`, and its result is not replaced from elsewhere")
                .says("run it again by `iter8 k launch`")
                .says("nothing was sent");
        }
    };
    refused();
    let (state, log) = ended(&here, "default-1-job");
    assert_eq!(state, "Complete", "{log}");
    refused();
    here.kubectl(&["delete", "job", "default-1-job", "--cascade=foreground"], "");
    refused();
    assert_eq!(server.requests(), 4);
    let report = k(&here, "report", &[]);
    report.exits(0);
    // Nothing tells to run it from elsewhere.
    for text in [&log, &report.stdout] {
        assert!(!text.contains("Reproduce") && !text.contains("k run"), "{text}");
    }
    assert_eq!(
        (gate(&here, &[]).exits(0).code, report.stderr.as_str()),
        (Some(0), "")
    );
    let cron = ["--set", "runner=cronjob", "--set", "cronjobSchedule=0 0 1 1 *"];
    launch(&here, &short(&server), &cron).exits(0);
    k(&here, "run", &["--reuseResult"])
        .exits(2)
        .says("a Job runs revision 2");
}

#[test]
fn what_no_job_left_is_no_verdict_of_one() {
    let Some(cluster) = cluster() else { return };
    let here = cluster.namespace("whose-none");
    let server = Server::ok();
    launch(&here, &short(&server), &JOB).exits(0);
    let (state, log) = ended(&here, "default-1-job");
    assert_eq!(state, "Complete", "{log}");
    forget(&here);
    gate(&here, &[]).exits(1).says(NAMELESS);
    k(&here, "report", &[]).exits(0).says(NAMELESS);
    // The same once nothing is there to compare it with, however long is waited.
    here.kubectl(&["delete", "job", "default-1-job", "--cascade=foreground"], "");
    let gone = gate(&here, &["--timeout", "10m", "--revision", "1"]);
    gone.exits(1)
        .says(NAMELESS)
        .says("error: nothing runs revision 1");
    assert!(!gone.has("SLOs are satisfied"), "{gone}");
    k(&here, "report", &[]).exits(0).says(NAMELESS);
}

#[test]
fn where_nothing_is_to_run_it_whoever_does_leaves_the_verdict() {
    let Some(cluster) = cluster() else { return };
    let here = cluster.namespace("whose-hand");
    let server = Server::ok();
    launch(&here, &short(&server), &NOBODY).exits(0);
    k(&here, "report", &[])
        .exits(2)
        .says("has no result of its revision 1 yet")
        .says("it was launched with runner=none: `iter8 k run` runs it");
    for _ in 0..2 {
        k(&here, "run", &[])
            .exits(0)
            .says("Reproduce $ iter8 k run -n whose-hand -g default --revision 1");
        let verdict = gate(&here, &["--revision", "1"]);
        verdict.exits(0);
        let report = k(&here, "report", &[]);
        report.exits(0).says("Reproduce");
        assert_eq!(report.stderr, "");
        assert!(!verdict.has("warning"), "{verdict}");
    }
    assert_eq!((server.requests(), said(&here, "outcome")), (8, "pass".into()));
}

#[test]
fn of_a_job_that_failed_no_result_is_waited_for() {
    let Some(cluster) = cluster() else { return };
    let here = cluster.namespace("whose-failed");
    let broken = "image: host\n          command: [/bin/false]";
    here.apply(&here.manifests("iter8").replace("image: iter8", broken));
    assert_eq!(ended(&here, "default-1-job").0, "Failed");
    let report = k(&here, "report", &[]);
    report
        .exits(2)
        .says("the group default has no result of its revision 1: its Job default-1-job failed and left none")
        .says("none will come; `iter8 k assert` says more of why");
    assert!(!report.has("waits for it"), "{report}");
    // Who may not see Jobs knows no more than that there is none.
    let role = ["create", "role", "r", "--verb=get", "--resource=configmaps"];
    here.kubectl(&role, "");
    here.kubectl(&["create", "rolebinding", "r", "--role=r", "--user=guest"], "");
    k(&here, "report", &["--kube-as-user", "guest"])
        .exits(2)
        .says("has no result of its revision 1 yet");
}
