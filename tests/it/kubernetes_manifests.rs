//! The objects of an experiment: what is written, and that a real API server takes it and allows no more than it must.

use serde_json::Value;

use crate::support::{App, Namespace, Output, cluster, each, revision};

/// Values that a run on Kubernetes needs, with a URL.
const HTTP: [&str; 6] = [
    "--set",
    "tasks={http,assess}",
    "--set",
    "http.url=http://shop.default/",
    "--set",
    "assess.SLOs.upper.http/latency-mean=50",
];
const JOB: [&str; 2] = ["--set", "runner=job"];
const ISTIO: [&str; 8] = [
    "-c",
    "slo-validation-istio",
    "--set",
    "cronjobSchedule=*/1 * * * *",
    "--set",
    "versionInfo.destination_workload=hello",
    "--set",
    "providerURL=http://prometheus.istio-system:9090/api/v1/query",
];

fn dry(app: &App, args: &[&str]) -> Output {
    app.run(&[&["k", "launch", "--dry"], args].concat())
}

/// The objects of a manifest.
pub(crate) fn objects(text: &str) -> Vec<Value> {
    text.split("---\n")
        .skip(1)
        .map(|document| serde_yaml::from_str(document).unwrap_or_else(|why| panic!("{why}\n{document}")))
        .collect()
}

#[test]
fn the_file_and_stdout_are_the_same_objects() {
    let app = App::new();
    let output = dry(&app, &[&HTTP[..], &JOB].concat());
    output.exits(0).says("wrote ./manifest.yaml");
    assert_eq!(app.read("manifest.yaml"), output.stdout);
    let kinds: Vec<Value> = objects(&output.stdout)
        .iter()
        .map(|object| object["kind"].clone())
        .collect();
    assert_eq!(
        kinds,
        [
            "ServiceAccount",
            "Secret",
            "ConfigMap",
            "Role",
            "RoleBinding",
            "Job"
        ]
    );
    // The next one takes its place; what is no file of ours stays.
    dry(&app, &[&HTTP[..], &["--set", "runner=none"]].concat())
        .exits(0)
        .says("runner is none: nothing runs the experiment until somebody does");
    let app = App::new().file("manifest.yaml", "kind: Mine\n");
    dry(&app, &[&HTTP[..], &JOB].concat())
        .exits(2)
        .says("manifest.yaml is there already, and no chart made it");
    assert_eq!(app.read("manifest.yaml"), "kind: Mine\n");
}

#[test]
fn the_experiment_in_the_secret_is_one() {
    let app = App::new();
    let output = dry(&app, &[&HTTP[..], &JOB].concat());
    let secret = &objects(&output.exits(0).stdout)[1];
    let text = secret["stringData"]["experiment.yaml"]
        .as_str()
        .expect("an experiment");
    App::with(text).run(&["validate"]).exits(0);
}

#[test]
fn what_would_go_wrong_in_a_pod_is_refused_here() {
    let rows: &[(&str, &[&str], &str)] = &[
        ("no runner", &[], "nothing would run: the values name no `runner`"),
        (
            "no schedule",
            &["--set", "runner=cronjob"],
            "a cronjob needs a `cronjobSchedule`",
        ),
        (
            "Iter8's image",
            &["--set", "runner=job", "--set", "iter8Image=iter8/iter8:0.15"],
            "`iter8/iter8:0.15` is an image of Iter8, which cannot run this experiment",
        ),
        (
            "a file",
            &["--set", "runner=job", "--set", "http.payloadFile=body.json"],
            "the experiment reads the file body.json, which no pod has",
        ),
        (
            "a group",
            &["--set", "runner=job", "-g", "My Group"],
            "`My Group` is no name of a group",
        ),
        (
            "a namespace",
            &["--set", "runner=job", "-n", "a/b"],
            "`a/b` is no name of a namespace",
        ),
        (
            "a log level",
            &["--set", "runner=job", "--set", "logLevel=loud"],
            "`loud` is no log level",
        ),
        (
            "a value",
            &["--set", "runner=job", "--set", "http.qsp=5"],
            "did you mean `qps`?",
        ),
    ];
    each(
        rows,
        |row| row.0,
        |(_, args, says)| {
            let app = App::new().file("body.json", "{}");
            dry(&app, &[&HTTP[..], args].concat()).exits(2).says(says);
            assert!(!app.path("manifest.yaml").exists());
        },
    );
    let app = App::new();
    dry(
        &app,
        &[&HTTP[..], &JOB, &["--set", "http.headers.x=${TOKEN}"]].concat(),
    )
    .exits(0);
    let values = "http: {headers: {x: '${TOKEN}'}}";
    let app = App::new().file("v.yaml", values).env("TOKEN", "abcdef");
    dry(&app, &[&HTTP[..], &JOB, &["-f", "v.yaml"]].concat())
        .exits(0)
        .says("`${TOKEN}` is read where the experiment runs");
}

/// An HTTP load, and an empty place for its limits.
const LOAD: [&str; 4] = ["--set", "tasks={http,assess}", "--set", "http.url=http://shop/"];
/// The same by the chart of 0.10.
const OLD: [&str; 4] = ["-c", "load-test-http", "--set", "url=http://shop/"];

#[test]
fn what_a_run_would_refuse_is_refused_where_it_is_launched() {
    let rows: &[(&[&str], &str, &str)] = &[
        (
            &["--set", "tasks={http}", "--set", "http.url=http://shop/"],
            "assess.SLOs.upper.http/error-rate=0",
            "add it behind what it judges: --set \"tasks={http,assess}\"",
        ),
        (
            &LOAD,
            "assess.SLOs.upper.http/latency-meen=50",
            "did you mean `http/latency-mean`?",
        ),
        (
            &OLD,
            "SLOs.http/latency-meen=50",
            "did you mean `http/latency-mean`?",
        ),
        (
            &LOAD,
            "assess.SLOs.upper.grpc/latency-mean=50",
            "no task measures grpc/latency/mean",
        ),
        (
            &LOAD,
            "assess.SLOs.upper.http/error-rate=50",
            "50 % is written 50%, or 0.5 as a number",
        ),
        (
            &[
                "--set",
                "tasks={ready,http}",
                "--set",
                "http.url=http://shop/,ready.deploy=shop",
            ],
            "ready.timeout=5",
            "write `5s` for seconds",
        ),
        (
            &["--set", "tasks={assess,http}", "--set", "http.url=http://shop/"],
            "assess.SLOs.upper.http/error-rate=0",
            "put the `assess` task behind it",
        ),
        (
            &["--set", "tasks={assess}"],
            "assess.SLOs.upper.http/error-rate=0",
            "add an `http` task before it",
        ),
    ];
    each(
        rows,
        |row| row.1,
        |(values, wrong, says)| {
            let app = App::new();
            let args = [values, &["--set", *wrong][..]].concat();
            dry(&app, &[&args[..], &JOB].concat())
                .exits(2)
                .says("nothing was written")
                .says(says);
            assert!(!app.path("manifest.yaml").exists());
            app.run(&[&["launch"], &args[..]].concat()).exits(2).says(says);
        },
    );
    // What only the pod knows may be right there.
    let values = "assess: {SLOs: {upper: {http/error-rate: '${LIMIT}'}}}";
    let app = App::new().file("v.yaml", values);
    dry(&app, &[&LOAD[..], &JOB, &["-f", "v.yaml"]].concat()).exits(0);
    let given = format!("{values}\nenvFrom: [{{configMapRef: {{name: limits}}}}]\n");
    let app = app.file("v.yaml", given);
    let output = dry(&app, &[&LOAD[..], &JOB, &["-f", "v.yaml"]].concat());
    assert!(!output.exits(0).has("--> v.yaml"), "{output}");
    output.says("next: iter8 k assert -c completed,nofailure,slos");
    // Names of metrics of the first charts are read as today's.
    dry(
        &App::new(),
        &[&OLD[..], &["--set", "SLOs.error-rate=0,SLOs.mean-latency=50"]].concat(),
    )
    .exits(0);
    // A file is looked for from its folder, wherever that is.
    let app = App::new();
    let folder = app.path("in").display().to_string();
    let args = [
        &LOAD[..],
        &JOB,
        &["--set", "http.payloadFile=b.json", "--runDir", &folder],
    ]
    .concat();
    dry(
        &app,
        &[&args[..], &["--set", "assess.SLOs.upper.http/error-rate=0"]].concat(),
    )
    .exits(2)
    .says("the experiment reads the file b.json, which no pod has");
}

#[test]
fn what_nobody_can_ask_is_refused_before_anything_is_made() {
    let http = ["--set", "tasks={http}", "--set"];
    let grpc = ["--set", "tasks={grpc}", "--set", "grpc.call=a.b.C.D", "--set"];
    let istio = [&ISTIO[..6], &["--set"]].concat();
    let rows: &[(&[&str], &str, &str)] = &[
        (&http, "http.url=ftp://a", "use http:// or https://"),
        (&http, "http.url=http://", "for example https://example.com/path"),
        (&http, "http.url=", "the URL is empty"),
        (
            &grpc,
            "grpc.host=ftp://a:1",
            "a gRPC server is given as HOST:PORT",
        ),
        (&grpc, "grpc.host=shop", "the host has no port"),
        (
            &istio,
            "providerURL=prometheus:9090/api/v1/query",
            "begins with http:// or https://",
        ),
        (
            &istio,
            "providerURL=http://prometheus:9090",
            "the URL of Prometheus has no path",
        ),
    ];
    each(
        rows,
        |row| row.1,
        |(values, wrong, says)| {
            let app = App::new();
            let runner = if values.contains(&"-c") { &[][..] } else { &JOB };
            let args = [values, &[*wrong][..]].concat();
            dry(&app, &[&args[..], runner].concat()).exits(2).says(says);
            app.run(&[&["launch", "--dry"], &args[..]].concat())
                .exits(2)
                .says(says);
            assert!(!app.path("manifest.yaml").exists() && !app.path("experiment.yaml").exists());
        },
    );
    // What the environment gives, or a name nearby, may be right where it runs.
    let app = App::new().file("v.yaml", "http: {url: '${TARGET}'}");
    dry(&app, &[&http[..2], &JOB, &["-f", "v.yaml"]].concat()).exits(0);
    dry(&app, &[&http[..], &["http.url=shop"], &JOB].concat())
        .exits(0)
        .says("`shop` is read as http://shop/, a host of that name");
    // A file that is not there is told once.
    let args = ["http.url=http://a.example/,http.payloadFile=none.json"];
    let output = dry(&app, &[&http[..], &args, &JOB].concat());
    output.exits(2).says("1 mistake; nothing was written");
    assert_eq!(output.stderr.matches("none.json").count(), 1, "{output}");
}

#[test]
fn a_target_that_is_the_pod_itself_is_warned_of() {
    let launched = |url: &str, runner: &str| {
        let url = format!("http.url={url}");
        let runner = format!("runner={runner}");
        let more = ["--set", &url, "--set", &runner, "-n", "prod"];
        let output = dry(&App::new(), &[&HTTP[..], &more].concat());
        output.exits(0);
        output
    };
    let warning =
        "warning: `localhost:8080` is the pod itself where this runs in a pod, in which nothing else runs";
    launched("http://localhost:8080/a", "job")
        .says(warning)
        .says("name the Service: http://NAME.prod.svc");
    let grpc = [
        "--set",
        "tasks={grpc}",
        "--set",
        "grpc.host=localhost:8080,grpc.call=a.b.C.D",
        "-n",
        "prod",
    ];
    dry(&App::new(), &[&grpc[..], &JOB].concat())
        .exits(0)
        .says(warning)
        .says("name the Service: NAME.prod.svc:PORT");
    for (url, runner) in [
        ("http://localhost:8080/a", "none"),
        ("http://shop.prod.svc/localhost", "job"),
    ] {
        let output = launched(url, runner);
        assert!(!output.has("the pod itself"), "{url} {runner}: {output}");
    }
}

#[test]
fn a_target_that_refuses_the_pod_is_named_as_its_field_takes_it() {
    let refused = |with: &str| {
        let experiment = format!("spec:\n- task: {with}\n");
        App::with(&experiment)
            .env("ITER8_JOB", "default-1-job")
            .run(&["run"])
    };
    let hint = "inside a pod `localhost` is the pod itself: use the name of the target's Service, such as ";
    for with in [
        "grpc\n  with: {host: 'localhost:1', call: a.b.C.D, total: 1}",
        "ready\n  with: {grpc: 'localhost:1', timeout: 1s}",
    ] {
        let output = refused(with);
        output.says(&format!("{hint}NAME.NAMESPACE.svc:PORT"));
    }
    refused("http\n  with: {url: 'http://localhost:1/', numRequests: 1}")
        .says(&format!("{hint}http://NAME.NAMESPACE.svc:PORT/"));
}

#[test]
fn an_api_server_takes_every_manifest_without_a_warning() {
    let Some(cluster) = cluster() else { return };
    let here = cluster.namespace("taken");
    cluster.kubectl(&["create", "namespace", "taken-elsewhere"], "");
    restrict(&here);
    let ready = [
        "--set",
        "tasks={ready,http}",
        "--set",
        "ready.deploy=shop",
        "--set",
        "ready.isvc=iris",
    ];
    let elsewhere = ["--set", "ready.namespace=taken-elsewhere"];
    let cron = ["--set", "runner=cronjob", "--set", "cronjobSchedule=@hourly"];
    let resources = [
        "--set",
        "resources.limits.cpu=2",
        "--set",
        "resources.requests.memory=1Gi",
    ];
    let more = [
        "--set",
        "activeDeadlineSeconds=60",
        "--set",
        "logLevel=debug",
        "--set",
        "serviceAccountName=default",
    ];
    let plenty = ["--set", "resources.limits.memory=1Gi"];
    let rows: &[(&str, Vec<&str>)] = &[
        ("job", [&HTTP[..], &JOB].concat()),
        ("cronjob", [&HTTP[..], &cron].concat()),
        ("ready", [&HTTP[..4], &ready, &JOB].concat()),
        ("elsewhere", [&HTTP[..4], &ready, &elsewhere, &JOB].concat()),
        ("istio", ISTIO.to_vec()),
        (
            "load-test-http",
            vec!["-c", "load-test-http", "--set", "url=http://shop/"],
        ),
        ("settings", [&HTTP[..], &JOB, &resources, &plenty, &more].concat()),
    ];
    each(
        rows,
        |row| row.0,
        |(name, args)| {
            let app = App::new();
            let output = dry(&app, &[&args[..], &["-n", "taken", "-g", name]].concat());
            output.exits(0);
            let (taken, stdout, stderr) = cluster.try_kubectl(
                &["apply", "--dry-run=server", "--server-side", "-f", "-"],
                &output.stdout,
            );
            assert!(taken && stderr.is_empty(), "{stderr}\n{}", output.stdout);
            assert_eq!(stdout.lines().count(), objects(&output.stdout).len(), "{stdout}");
        },
    );
}

/// Lets in only pods that hold to the strictest of the standards for pods.
fn restrict(here: &Namespace) {
    let label = "pod-security.kubernetes.io";
    let labels = ["enforce", "warn"].map(|mode| format!("{label}/{mode}=restricted"));
    here.cluster
        .kubectl(&["label", "namespace", &here.name, &labels[0], &labels[1]], "");
}

#[test]
fn a_pod_is_let_in_and_may_do_no_more_than_it_must() {
    let Some(cluster) = cluster() else { return };
    let here = cluster.namespace("let-in");
    restrict(&here);
    let app = App::new();
    let ready = [
        "--set",
        "tasks={ready,http}",
        "--set",
        "ready.deploy=shop",
        "-n",
        "let-in",
        "-g",
        "load",
    ];
    let output = dry(&app, &[&HTTP[..4], &ready, &JOB].concat());
    let manifests = &output.exits(0).stdout;
    here.apply(manifests);
    // Its image is nowhere to be had; the pod is.
    let pods = || here.kubectl(&["get", "pods", "-l", "iter8.tools/group=load", "-o", "name"], "");
    let name = format!("pod/load-{}-job-", revision(manifests));
    here.until("a pod", |_| pods().starts_with(&name));
    let account = "--as=system:serviceaccount:let-in:load-iter8-sa";
    for (args, allowed) in [
        (["get", "secret/load"], true),
        (["update", "secret/load"], false),
        (["get", "secret/other"], false),
        (["list", "secrets"], false),
        (["get", "configmap/load-result"], true),
        (["update", "configmap/load-result"], true),
        (["create", "configmaps"], false),
        (["delete", "configmap/load-result"], false),
        (["get", "deployments.apps/shop"], true),
        (["get", "deployments.apps/other"], false),
        (["patch", "deployments.apps/shop"], false),
        (["get", "pods"], false),
    ] {
        let (_, answer, _) =
            cluster.try_kubectl(&["auth", "can-i", "-n", "let-in", args[0], args[1], account], "");
        assert_eq!(answer.trim() == "yes", allowed, "{args:?}: {answer}");
    }
}

#[test]
fn the_namespace_is_that_of_the_context() {
    let config = "{contexts: [{name: c, context: {cluster: k, user: u, namespace: mine}}], current-context: c, \
                  clusters: [{name: k, cluster: {server: 'https://127.0.0.1:1'}}], users: [{name: u, user: {token: secret-token}}]}";
    let app = App::new().file("config", config);
    let namespaces = |args: &[&str]| {
        let output = dry(&app, &[&HTTP[..], &JOB, args].concat());
        let all = objects(&output.exits(0).stdout);
        let names = all.iter().map(|object| {
            object["metadata"]["namespace"]
                .as_str()
                .expect("a namespace")
                .to_owned()
        });
        names
            .collect::<std::collections::BTreeSet<String>>()
            .into_iter()
            .collect::<Vec<_>>()
    };
    assert_eq!(namespaces(&["--kubeconfig", "config"]), ["mine"]);
    assert_eq!(namespaces(&["--kubeconfig", "config", "-n", "other"]), ["other"]);
    assert_eq!(namespaces(&[]), ["default"]);
    dry(
        &app,
        &[
            &HTTP[..],
            &JOB,
            &["--kubeconfig", "config", "--kube-context", "d"],
        ]
        .concat(),
    )
    .exits(2)
    .says("there is no context `d` in config");
}
