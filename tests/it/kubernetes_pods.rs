//! What values add to the pod of an experiment: on a real API server, and in a pod that runs.

use serde_json::{Value, json};

use crate::kubernetes_manifests::objects;
use crate::kubernetes_run::{JOB, ended, k, said};
use crate::support::{App, Output, Server, cluster, each};

/// Everything that can be added.
const VALUES: &str = "\
tasks: [http]
http: {url: http://shop.default/}
env:
- {name: PLAIN, value: '8080'}
- {name: TOKEN, valueFrom: {secretKeyRef: {name: shop, key: token}}}
envFrom:
- configMapRef: {name: settings}
imagePullSecrets: [mine, {name: other}]
nodeSelector: {kubernetes.io/arch: amd64}
tolerations:
- {key: dedicated, operator: Equal, value: load, effect: NoSchedule}
podAnnotations: {team/contact: shop}
podLabels: {team: shop}
ttlSecondsAfterFinished: 600
";

/// What the manifest of a Job or a CronJob has of them.
fn check(job: &Value) {
    assert_eq!(job["ttlSecondsAfterFinished"], 600, "{job:#}");
    let meta = &job["template"]["metadata"];
    assert_eq!(meta["labels"]["team"], "shop");
    assert_eq!(meta["annotations"]["team/contact"], "shop");
    assert_eq!(meta["annotations"]["sidecar.istio.io/inject"], "false");
    let pod = &job["template"]["spec"];
    assert_eq!(pod["nodeSelector"], json!({"kubernetes.io/arch": "amd64"}));
    assert_eq!(pod["tolerations"][0]["value"], "load");
    assert_eq!(
        pod["imagePullSecrets"],
        json!([{"name": "mine"}, {"name": "other"}])
    );
    let container = &pod["containers"][0];
    assert_eq!(container["env"][1], json!({"name": "PLAIN", "value": "8080"}));
    assert_eq!(container["env"][2]["valueFrom"]["secretKeyRef"]["key"], "token");
    assert_eq!(container["envFrom"][0]["configMapRef"]["name"], "settings");
}

#[test]
fn a_job_on_the_api_server_has_what_is_added_to_its_pod() {
    let Some(cluster) = cluster() else { return };
    let here = cluster.namespace("pod-values");
    let config = cluster.kubeconfig().display().to_string();
    let app = App::new().env("KUBECONFIG", config).file("v.yaml", VALUES);
    let cron = ["--set", "runner=cronjob", "--set", "cronjobSchedule=0 0 1 1 *"];
    for (runner, kind, spec) in [
        (&["--set", "runner=job"][..], "job", "/spec"),
        (&cron, "cronjob", "/spec/jobTemplate/spec"),
    ] {
        let args = [
            &["k", "launch", "-n", &here.name, "-f", "v.yaml", "-g", kind],
            runner,
        ]
        .concat();
        let dry = app.run(&[&args[..], &["--dry"]].concat());
        let written = objects(&dry.exits(0).stdout);
        check(written.last().and_then(|job| job.pointer(spec)).expect(spec));
        app.run(&args).exits(0);
        let job = here.get(&format!("{kind}/{kind}-1-{kind}"));
        check(job.pointer(spec).expect(spec));
    }
    // The API server knows the fields that nobody here does.
    app.run(&[
        "k",
        "launch",
        "-n",
        &here.name,
        "-f",
        "v.yaml",
        "--set",
        "runner=job",
        "--set",
        "env[1].valueFrom.secretRef.key=b",
    ])
    .exits(3)
    .says("nothing was launched");
}

#[test]
fn a_mistake_in_the_pod_is_told_where_it_stands() {
    let rows = [
        ("env: {A: b}", "v.yaml:4:6", "expected a list, found a map"),
        (
            "env: [{name: ITER8_JOB, value: a}]",
            "v.yaml:4:14",
            "the variable `ITER8_JOB` is told by what runs the pod",
        ),
        (
            "nodeSelector: {disk: 1}",
            "v.yaml:4:22",
            "expected a string, found a number",
        ),
        (
            "podLabels:\n  iter8.tools/namespace: other",
            "v.yaml:5:3",
            "says whose pod it is",
        ),
        (
            "podLabels:\n  batch.kubernetes.io/controller-uid: other",
            "v.yaml:5:3",
            "says whose pod it is",
        ),
        (
            "ttlSecondsAfterFinished: soon",
            "v.yaml:4:26",
            "expected a whole number that is not negative, found `soon`",
        ),
        (
            "envForm: [{secretRef: {name: all}}]",
            "v.yaml:4:1",
            "did you mean `envFrom`?",
        ),
    ];
    each(
        &rows,
        |row| row.0,
        |(values, place, says)| {
            let text = format!("tasks: [http]\nhttp: {{url: http://shop.default/}}\nrunner: job\n{values}\n");
            let app = App::new().file("v.yaml", text);
            app.run(&["k", "launch", "--dry", "-f", "v.yaml"])
                .exits(2)
                .says(place)
                .says(says);
            assert!(!app.path("manifest.yaml").exists());
        },
    );
}

/// An experiment whose header and whose object are of the environment.
const TOLD: &str = "\
tasks: [ready, http]
ready: {deploy: web, timeout: '${PATIENCE}'}
http: {url: http://shop.default/, headers: {authorization: 'Bearer ${TOKEN}', region: '${REGION}'}}
runner: job
";

fn dry(values: &str) -> Output {
    App::new()
        .file("v.yaml", values)
        .run(&["k", "launch", "--dry", "-f", "v.yaml"])
}

#[test]
fn only_names_that_nobody_gives_to_the_pod_are_told() {
    let all = dry(TOLD);
    all.exits(0)
        .says("`${PATIENCE}`, `${REGION}`, `${TOKEN}` are read where the experiment runs");
    let token = "{name: TOKEN, valueFrom: {secretKeyRef: {name: shop, key: token}}}";
    let some = dry(&format!("{TOLD}env: [{token}, {{name: PATIENCE, value: 5s}}]\n"));
    some.exits(0)
        .says("warning: `${REGION}` is read where the experiment runs");
    assert!(!some.has("has no TOKEN"), "{some}");
    let none = dry(&format!("{TOLD}envFrom: [{{secretRef: {{name: all}}}}]\n"));
    none.exits(0);
    assert!(!none.has("is read where") && !none.has("has no "), "{none}");
    // The object is waited for, whatever else is not known here.
    let names = objects(&none.stdout);
    let ready = names
        .iter()
        .find(|object| object["metadata"]["name"] == "default-ready");
    assert_eq!(
        ready.expect("a role")["rules"][0]["resourceNames"],
        json!(["web"])
    );
    // Nobody can have the right to an object without a name.
    let nameless = TOLD.replace("deploy: web", "deploy: '${NAME}'");
    let values = format!("{nameless}envFrom: [{{secretRef: {{name: all}}}}]\n");
    dry(&values)
        .exits(2)
        .says("an object whose name has a variable that only the pod knows");
    dry(&format!("{values}serviceAccountName: mine\n")).exits(0);
}

#[test]
fn an_experiment_reads_the_variables_of_its_pod() {
    let Some(cluster) = cluster() else { return };
    let here = cluster.namespace("pod-env");
    here.kubectl(
        &[
            "create",
            "secret",
            "generic",
            "shop",
            "--from-literal=token=s3cret-token",
        ],
        "",
    );
    here.kubectl(
        &["create", "configmap", "settings", "--from-literal=TENANT=acme"],
        "",
    );
    let server = Server::ok();
    let values = format!(
        "tasks: [http, assess]\n\
         http: {{url: '{}${{SHOP_PATH}}', numRequests: 2, headers: {{authorization: 'Bearer ${{TOKEN}}', tenant: '${{TENANT}}'}}}}\n\
         assess: {{SLOs: {{upper: {{http/error-count: 0}}}}}}\n\
         env:\n- {{name: SHOP_PATH, value: /basket}}\n\
         - {{name: TOKEN, valueFrom: {{secretKeyRef: {{name: shop, key: token}}}}}}\n\
         envFrom:\n- configMapRef: {{name: settings}}\n",
        server.url("")
    );
    let config = cluster.kubeconfig().display().to_string();
    let app = App::new().env("KUBECONFIG", config).file("v.yaml", values);
    let launched = app.run(&[&["k", "launch", "-n", &here.name, "-f", "v.yaml"][..], &JOB].concat());
    launched.exits(0);
    assert!(!launched.has("is read where"), "{launched}");
    let (state, log) = ended(&here, "default-1-job");
    assert_eq!(
        (state.as_str(), said(&here, "outcome").as_str()),
        ("Complete", "pass"),
        "{log}"
    );
    let seen = server.seen();
    assert_eq!(seen.len(), 2, "{log}");
    assert_eq!(seen[0].path, "/basket");
    assert_eq!(seen[0].header("authorization"), "Bearer s3cret-token");
    assert_eq!(seen[0].header("tenant"), "acme");
    let report = k(&here, "report", &["-o", "json"]);
    for output in [&log, &launched.stderr, &report.exits(0).stdout] {
        assert!(!output.contains("s3cret-token"), "{output}");
    }
}
