//! Objects of a real API server that are waited for, and everything that may stand in the way.

use std::io::copy;
use std::net::{TcpListener, TcpStream};
use std::os::unix::fs::PermissionsExt;
use std::time::Duration;

use serde_json::json;

use crate::support::{Answer, App, Certificate, Cluster, Flaw, Server, cluster, each, free_port, waiting};

const SLEEPER: &str = "\
apiVersion: apps/v1
kind: Deployment
metadata: {name: shop}
spec:
  selector: {matchLabels: {app: shop}}
  template:
    metadata: {labels: {app: shop}}
    spec:
      terminationGracePeriodSeconds: 1
      containers: [{name: c, image: host, args: [-c, exec sleep 600]}]
";
const KSVC: &str = "\
apiVersion: serving.knative.dev/v1
kind: Service
metadata: {name: hello}
spec: {template: {spec: {containers: [{image: any}]}}}
";
const ISVC: &str = "\
apiVersion: serving.kserve.io/v1beta1
kind: InferenceService
metadata: {name: iris}
spec: {predictor: {model: {modelFormat: {name: sklearn}}}}
";
const READY: &str = r#"{"conditions": [{"type": "Ready", "status": "True"}]}"#;

#[test]
fn a_deployment_is_waited_for_until_its_pods_are_there() {
    let Some(cluster) = cluster() else { return };
    let here = cluster.namespace("deployment");
    let app = waiting_for(cluster, "deploy: shop, timeout: 30s");
    let started = app.start(&["run", "-n", "deployment"]);
    std::thread::sleep(Duration::from_millis(500));
    here.apply(SLEEPER);
    let output = started.finish();
    output
        .exits(0)
        .says("waiting for deployments.apps/shop: it does not exist in the namespace deployment");
    output.says("ready after");
    // Any object, by its parts; the namespace may be the task's.
    let parts =
        "resource: deployments, group: apps, version: v1, name: shop, conditions: [Available, Progressing]";
    here.wait_for(parts, &[]).exits(0);
    let app = waiting_for(cluster, &format!("{parts}, namespace: deployment"));
    app.run(&["run"]).exits(0);
}

#[test]
fn a_rollout_is_over_when_no_pod_of_before_answers() {
    let Some(cluster) = cluster() else { return };
    let here = cluster.namespace("rollout");
    here.apply(SLEEPER);
    here.wait_for("deploy: shop, timeout: 60s", &[]).exits(0);
    // The pods of before stay, and the Deployment stays available.
    here.kubectl(&["set", "image", "deploy/shop", "c=nowhere"], "");
    here.wait_for("deploy: shop, timeout: 3s", &[])
        .exits(3)
        .says("deployments.apps/shop is not ready after 3 s");
    let parts = "resource: deployments, group: apps, version: v1, name: shop, timeout: 3s";
    here.wait_for(parts, &[]).exits(3);
    here.wait_for(&format!("{parts}, condition: Available"), &[])
        .exits(0);
    here.kubectl(&["rollout", "undo", "deploy/shop"], "");
    here.wait_for("deploy: shop, timeout: 60s", &[]).exits(0);
}

/// The program with an experiment whose one task waits.
fn waiting_for(cluster: &Cluster, with: &str) -> App {
    cluster.app(&waiting(with))
}

#[test]
fn a_condition_that_is_not_true_tells_why() {
    let Some(cluster) = cluster() else { return };
    let here = cluster.namespace("condition");
    here.apply(KSVC);
    here.wait_for("ksvc: hello, timeout: 1s", &[])
        .exits(3)
        .says("services.serving.knative.dev/hello is not ready after 1 s: it has no status yet");
    let broken = r#"{"conditions": [{"type": "Ready", "status": "False", "reason": "RevisionMissing", "message": "no image"}]}"#;
    here.set_status("ksvc/hello", broken);
    here.wait_for("ksvc: hello, timeout: 1s", &[])
        .exits(3)
        .says("condition Ready is False (RevisionMissing): no image");
    here.set_status("ksvc/hello", READY);
    here.wait_for("ksvc: hello, timeout: 5s", &[]).exits(0);
    here.wait_for("ksvc: hello, condition: Routed, timeout: 1s", &[])
        .exits(3)
        .says("it has no condition Routed; it has Ready");
    here.wait_for("ksvc: hello, conditions: [Ready, Routed], timeout: 1s", &[])
        .exits(3)
        .says("it has no condition Routed");
}

#[test]
fn what_was_said_of_an_older_generation_does_not_count() {
    let Some(cluster) = cluster() else { return };
    let here = cluster.namespace("generation");
    here.apply(KSVC);
    let said = r#"{"observedGeneration": 1, "conditions": [{"type": "Ready", "status": "True"}]}"#;
    here.set_status("ksvc/hello", said);
    here.wait_for("ksvc: hello, timeout: 1s", &[]).exits(0);
    here.apply(&KSVC.replace("image: any", "image: other"));
    here.wait_for("ksvc: hello, timeout: 1s", &[])
        .exits(3)
        .says("its controller has not seen its latest change yet (generation 2, seen is 1)");
}

#[test]
fn values_of_the_chart_wait_as_in_the_tutorials() {
    let Some(cluster) = cluster() else { return };
    let here = cluster.namespace("tutorial");
    here.apply(ISVC);
    here.set_status("isvc/iris", READY);
    let server = Server::ok();
    let url = format!("http.url={}", server.url("/"));
    let app = App::new().env("KUBECONFIG", cluster.kubeconfig().display().to_string());
    let args = [
        "launch",
        "-n",
        "tutorial",
        "--set",
        "tasks={ready,http,assess}",
        "--set",
        "ready.isvc=iris",
    ];
    let more = [
        "--set",
        "http.numRequests=5",
        "--set",
        "assess.SLOs.upper.http/error-count=0",
        "--set",
        &url,
    ];
    app.run(&[&args[..], &more[..]].concat())
        .exits(0)
        .says("ready after");
}

#[test]
fn every_shortcut_finds_its_kind() {
    let Some(cluster) = cluster() else { return };
    let here = cluster.namespace("shortcuts");
    here.apply(ISVC);
    here.set_status("isvc/iris", READY);
    here.kubectl(&["create", "configmap", "settings"], "");
    here.kubectl(&["create", "service", "clusterip", "web", "--tcp=80"], "");
    here.apply(
        "apiVersion: networking.istio.io/v1beta1\nkind: VirtualService\nmetadata: {name: routes}\nspec: {}",
    );
    let waits = [
        "isvc: iris",
        "cm: settings",
        "svc: web",
        "service: web",
        "vs: routes",
    ];
    each(
        &waits,
        |with| with,
        |with| {
            here.wait_for(&format!("{with}, timeout: 2s"), &[]).exits(0);
        },
    );
    // Nobody installed Litmus.
    here.wait_for("chaosengine: storm, timeout: 1s", &[])
        .exits(3)
        .says("this cluster has no API group litmuschaos.io, so no chaosengines.litmuschaos.io");
}

#[test]
fn kinds_that_the_api_does_not_have_are_told_from_objects_that_it_does_not_have() {
    let Some(cluster) = cluster() else { return };
    let here = cluster.namespace("kinds");
    for (with, says) in [
        ("deploy: nobody", "it does not exist in the namespace kinds"),
        (
            "resource: deployment, group: apps, version: v1, name: a",
            "the API group apps v1 has no resource deployment; did you mean `deployments`?",
        ),
        (
            "resource: po, name: a",
            "the API group core v1 has no resource po; did you mean `pods`?",
        ),
        (
            "resource: deployments, group: apps, version: v1beta9, name: a",
            "this cluster has no version v1beta9 of the API group apps; it has v1",
        ),
    ] {
        let output = here.wait_for(&format!("{with}, timeout: 1s"), &[]);
        output.exits(3).says(says);
    }
    here.wait_for("svc: web, namespace: nowhere, timeout: 1s", &[])
        .exits(3)
        .says("there is no namespace nowhere");
    // What has no namespace is found all the same.
    here.wait_for(
        "resource: nodes, name: loopback, condition: Ready, timeout: 2s",
        &[],
    )
    .exits(0);
}

#[test]
fn what_is_on_its_way_out_is_not_ready() {
    let Some(cluster) = cluster() else { return };
    let here = cluster.namespace("leaving");
    here.apply("apiVersion: v1\nkind: ConfigMap\nmetadata: {name: kept, finalizers: [example.com/kept]}");
    here.kubectl(&["delete", "configmap", "kept", "--wait=false"], "");
    here.wait_for("cm: kept, timeout: 1s", &[])
        .exits(3)
        .says("it is being deleted, since");
    cluster.kubectl(&["delete", "namespace", "leaving", "--wait=false"], "");
    here.wait_for("cm: other, timeout: 1s", &[])
        .exits(3)
        .says("the namespace leaving is being deleted");
    here.kubectl(
        &[
            "patch",
            "configmap",
            "kept",
            "--type=merge",
            "-p",
            r#"{"metadata": {"finalizers": null}}"#,
        ],
        "",
    );
}

#[test]
fn a_right_that_is_missing_is_named_with_the_rule_that_gives_it() {
    let Some(cluster) = cluster() else { return };
    let here = cluster.namespace("forbidden");
    here.apply(KSVC);
    here.set_status("ksvc/hello", READY);
    let guest = ["--kube-context", "guest"];
    let output = here.wait_for("ksvc: hello, timeout: 1s", &guest);
    output.exits(3).says(
        "forbidden: guest may not get services.serving.knative.dev called hello in the namespace forbidden; a rule for a Role in \
         the namespace forbidden, bound to that account:",
    );
    let rule = output
        .stderr
        .lines()
        .find_map(|line| line.split_once("account: "))
        .expect("a rule")
        .1;
    let rule = &rule[..=rule.rfind('}').expect("its end")];
    here.apply(&format!(
        "apiVersion: rbac.authorization.k8s.io/v1\nkind: Role\nmetadata: {{name: wait}}\nrules:\n{rule}\n"
    ));
    here.kubectl(
        &["create", "rolebinding", "wait", "--role=wait", "--user=guest"],
        "",
    );
    here.wait_for("ksvc: hello, timeout: 10s", &guest).exits(0);
    here.wait_for("ksvc: other, timeout: 1s", &guest)
        .exits(3)
        .says("forbidden: guest may not get");
    // What has no namespace needs a role without one.
    here.wait_for("resource: nodes, name: loopback, timeout: 1s", &guest)
        .exits(3)
        .says("forbidden: guest may not get nodes called loopback; a rule for a ClusterRole, bound to that account:");
}

#[test]
fn credentials_that_are_refused_end_the_wait_at_once() {
    let Some(cluster) = cluster() else { return };
    let here = cluster.namespace("expired");
    let output = here.wait_for("svc: web, timeout: 30s", &["--kube-token", "not-a-token"]);
    output
        .exits(3)
        .says("does not accept the token of --kube-token (401): expired, revoked, or of another cluster");
    assert!(!output.has("not-a-token"), "{output}");
    assert!(!output.has("after 30 s"), "{output}");
}

#[test]
fn contexts_that_are_not_there_are_told_with_those_that_are() {
    let Some(cluster) = cluster() else { return };
    let app = waiting_for(cluster, "svc: web, timeout: 30s");
    app.run(&["run", "--kube-context", "geust"])
        .exits(3)
        .says("there is no context `geust` in")
        .says("did you mean `guest`? it has admin, guest");
    let nowhere = App::with(&waiting("svc: web, timeout: 30s"));
    nowhere
        .run(&["run"])
        .exits(3)
        .says("no Kubernetes cluster is known: KUBECONFIG is not set")
        .says("name a file by --kubeconfig or KUBECONFIG");
    nowhere
        .run(&["run", "--kubeconfig", "missing"])
        .exits(3)
        .says("missing: No such file or directory");
    let odd = App::with(&waiting("svc: web, timeout: 30s")).file("config", "contexts: [");
    odd.run(&["run", "--kubeconfig", "config"])
        .exits(3)
        .says("config: it is not a kubeconfig");
    let empty = App::with(&waiting("svc: web, timeout: 30s")).file("config", "");
    empty
        .run(&["run", "--kubeconfig", "config"])
        .exits(3)
        .says("no context is chosen in config; it has none");
}

#[test]
fn files_of_kubeconfig_are_read_together() {
    let Some(cluster) = cluster() else { return };
    let here = cluster.namespace("merged");
    here.kubectl(&["create", "configmap", "a"], "");
    let mine = "{contexts: [{name: mine, context: {cluster: loopback, user: admin, namespace: merged}}], current-context: mine}";
    let app = App::with(&waiting("cm: a, timeout: 2s")).file("mine", mine);
    let list = format!(
        "{}:missing:{}",
        app.path("mine").display(),
        cluster.kubeconfig().display()
    );
    app.env("KUBECONFIG", list).run(&["run"]).exits(0);
}

#[test]
fn flags_alone_lead_to_a_cluster() {
    let Some(cluster) = cluster() else { return };
    let here = cluster.namespace("flags");
    here.kubectl(&["create", "configmap", "a"], "");
    here.kubectl(
        &["create", "role", "r", "--verb=get", "--resource=configmaps"],
        "",
    );
    here.kubectl(&["create", "rolebinding", "r", "--role=r", "--user=guest"], "");
    let (server, token) = (cluster.server(), cluster.token());
    let authority = cluster.authority().display().to_string();
    let app = App::with(&waiting("cm: a, timeout: 10s"));
    let args = [
        "run",
        "-n",
        "flags",
        "--kube-apiserver",
        &server,
        "--kube-token",
        &token,
    ];
    app.run(&[&args[..], &["--kube-ca-file", &authority]].concat())
        .exits(0);
    // Nobody is trusted without being asked to.
    app.run(&args).exits(3).says(&format!("the API server {server}:"));
    let other = Certificate::new(Flaw::None);
    let app = app.file("other.pem", &other.authority);
    app.run(&[&args[..], &["--kube-ca-file", "other.pem"]].concat())
        .exits(3)
        .says(&format!("the API server {server}:"));
    // The administrator acts as the guest.
    let app = waiting_for(cluster, "svc: a, timeout: 1s");
    app.run(&[
        "run",
        "-n",
        "flags",
        "--kube-as-user",
        "guest",
        "--kube-as-group",
        "friends",
    ])
    .exits(3)
    .says("forbidden: guest may not get services called a in the namespace flags");
    app.run(&["run", "--kube-as-group", "friends"])
        .exits(3)
        .says("--kube-as-group goes with --kube-as-user");
}

#[test]
fn a_cluster_with_authorities_of_its_own_trusts_no_other() {
    let system = Certificate::new(Flaw::None);
    let server = Server::tls(&system, |_| {
        Answer::status(200).body(r#"{"metadata": {"name": "a"}}"#)
    });
    let app = App::with(&waiting("cm: a, timeout: 5s"))
        .file("system.pem", &system.authority)
        .file("own.pem", Certificate::new(Flaw::None).authority);
    let trusted = app.path("system.pem").display().to_string();
    let app = app.env("SSL_CERT_FILE", trusted);
    let url = server.url("");
    let args = ["run", "--kube-apiserver", &url];
    app.run(&args).exits(0);
    app.run(&[&args[..], &["--kube-ca-file", "own.pem"]].concat())
        .exits(3)
        .says(&format!("the API server {url}: the server's certificate is"));
}

#[test]
fn an_api_server_that_comes_late_is_waited_for() {
    let Some(cluster) = cluster() else { return };
    let here = cluster.namespace("late");
    here.kubectl(&["create", "configmap", "a"], "");
    let port = free_port();
    let server = format!("https://127.0.0.1:{port}");
    here.wait_for("cm: a, timeout: 1s", &["--kube-apiserver", &server])
        .exits(3)
        .says(&format!(
            "the API server {server} cannot be reached: connection refused"
        ));
    let app = waiting_for(cluster, "cm: a, timeout: 30s");
    let started = app.start(&["run", "-n", "late", "--kube-apiserver", &server]);
    std::thread::sleep(Duration::from_millis(800));
    let target = cluster.server().trim_start_matches("https://").to_owned();
    let listener = TcpListener::bind(("127.0.0.1", port)).expect("the port");
    std::thread::spawn(move || forward(&listener, &target));
    started
        .finish()
        .exits(0)
        .says("connection refused")
        .says("ready after");
}

/// Hands connections on.
fn forward(listener: &TcpListener, target: &str) {
    for near in listener.incoming().map_while(Result::ok) {
        let far = TcpStream::connect(target).expect("the target");
        let (mut near_in, mut far_in) = (
            near.try_clone().expect("a clone"),
            far.try_clone().expect("a clone"),
        );
        let (mut near, mut far) = (near, far);
        std::thread::spawn(move || copy(&mut near_in, &mut far));
        std::thread::spawn(move || copy(&mut far_in, &mut near));
    }
}

/// A kubeconfig whose user is a program.
pub(crate) fn with_plugin(server: &str, authority: &str, plugin: &str) -> String {
    json!({
        "current-context": "c",
        "contexts": [{"name": "c", "context": {"cluster": "c", "user": "u"}}],
        "clusters": [{"name": "c", "cluster": {"server": server, "certificate-authority": authority}}],
        "users": [{"name": "u", "user": {"exec": {
            "apiVersion": "client.authentication.k8s.io/v1", "command": plugin, "args": ["login"],
            "env": [{"name": "REALM", "value": "tests"}], "interactiveMode": "Never",
            "installHint": "get it at https://example.com/plugin",
        }}}],
    })
    .to_string()
}

/// A program in the folder of an app.
fn with_script(app: App, script: &str) -> App {
    let app = app.file("bin/plugin", format!("#!/bin/sh\n{script}\n"));
    std::fs::set_permissions(app.path("bin/plugin"), PermissionsExt::from_mode(0o755)).expect("a mode");
    app
}

#[test]
fn a_credential_plugin_is_asked() {
    let Some(cluster) = cluster() else { return };
    let here = cluster.namespace("plugin");
    here.kubectl(&["create", "configmap", "a"], "");
    here.kubectl(
        &["create", "role", "r", "--verb=get", "--resource=configmaps"],
        "",
    );
    here.kubectl(&["create", "rolebinding", "r", "--role=r", "--user=guest"], "");
    let authority = cluster.authority().display().to_string();
    let config = with_plugin(&cluster.server(), &authority, "./bin/plugin");
    let token = cluster.token();
    let good = format!(
        "[ \"$1 $REALM\" = 'login tests' ] || exit 9\ncase $KUBERNETES_EXEC_INFO in *ExecCredential*) ;; *) exit 8;; esac\n\
         echo '{{\"kind\": \"ExecCredential\", \"status\": {{\"token\": \"{token}\"}}}}'"
    );
    for (script, code, says) in [
        (good.as_str(), 0, "ready after"),
        (
            "echo no session >&2; exit 3",
            3,
            "ended with exit status: 3: no session",
        ),
        ("echo '{}'", 3, "does not print an ExecCredential with a `status`"),
        (
            "echo '{\"status\": {}}'",
            3,
            "gives neither a token nor a certificate with its key",
        ),
    ] {
        let app = App::with(&waiting("cm: a, timeout: 10s")).file("config", &config);
        let output = with_script(app, script).run(&["run", "-n", "plugin", "--kubeconfig", "config"]);
        output.exits(code).says(says);
    }
    let absent = with_plugin(&cluster.server(), &authority, "no-such-plugin");
    App::with(&waiting("cm: a, timeout: 10s"))
        .file("config", absent)
        .run(&["run", "--kubeconfig", "config"])
        .exits(3)
        .says("the credential plugin `no-such-plugin` is not installed here; get it at https://example.com/plugin");
}

#[test]
fn credentials_that_end_while_it_waits_are_asked_for_again() {
    let absent = r#"{"kind": "Status", "status": "Failure", "reason": "NotFound", "code": 404, "message": "x",
                     "details": {"name": "a", "kind": "configmaps"}}"#;
    let refused =
        r#"{"kind": "Status", "status": "Failure", "reason": "Unauthorized", "code": 401, "message": "x"}"#;
    let server = Server::new(move |seen| {
        let answer = |status, body: &'static str| {
            Answer::status(status)
                .body(body)
                .header("content-type", "application/json")
        };
        if seen.header("authorization") == "Bearer token-2" {
            answer(200, r#"{"metadata": {"name": "a"}}"#)
        } else if seen.number > 3 {
            answer(401, refused)
        } else {
            answer(404, absent)
        }
    });
    let config =
        with_plugin(&server.url(""), "", "./bin/plugin").replace(r#""certificate-authority":"","#, "");
    let app = App::with(&waiting("cm: a, timeout: 20s")).file("config", config);
    let script =
        "echo x >> asked; n=$(wc -l < asked); echo \"{\\\"status\\\": {\\\"token\\\": \\\"token-$n\\\"}}\"";
    let app = with_script(app, script);
    app.run(&["run", "--kubeconfig", "config"]).exits(0);
    assert_eq!(app.read("asked").lines().count(), 2);
}

#[test]
fn a_pod_asks_by_its_own_account() {
    let Some(cluster) = cluster() else { return };
    let here = cluster.namespace("inside");
    here.kubectl(&["create", "configmap", "a"], "");
    here.kubectl(&["create", "serviceaccount", "tester"], "");
    let experiment = waiting("cm: a, timeout: 10s");
    let folder = App::new().file("experiment.yaml", &experiment);
    let file = format!("--from-file={}", folder.path("experiment.yaml").display());
    here.kubectl(&["create", "configmap", "experiment", &file], "");
    let pod = |name: &str| {
        format!(
            "apiVersion: v1\nkind: Pod\nmetadata: {{name: {name}}}\nspec:\n  serviceAccountName: tester\n  restartPolicy: Never\n  \
             containers:\n  - {{name: c, image: iter8, args: [run, --runDir, /mnt], volumeMounts: [{{name: e, mountPath: /mnt}}]}}\n  \
             volumes: [{{name: e, configMap: {{name: experiment}}}}]\n"
        )
    };
    let ended = |name: &str| {
        let phase = || here.kubectl(&["get", "pod", name, "-o", "jsonpath={.status.phase}"], "");
        here.until("ended", |_| ["Succeeded", "Failed"].contains(&phase().as_str()));
        (phase(), here.kubectl(&["logs", name], ""))
    };
    here.apply(&pod("without"));
    let (phase, log) = ended("without");
    assert_eq!(phase, "Failed", "{log}");
    let refused = "forbidden: system:serviceaccount:inside:tester may not get configmaps called a in the namespace inside";
    assert!(log.contains(refused), "{log}");
    here.kubectl(
        &[
            "create",
            "role",
            "r",
            "--verb=get",
            "--resource=configmaps",
            "--resource-name=a",
        ],
        "",
    );
    here.kubectl(
        &[
            "create",
            "rolebinding",
            "r",
            "--role=r",
            "--serviceaccount=inside:tester",
        ],
        "",
    );
    here.apply(&pod("with"));
    let (phase, log) = ended("with");
    assert_eq!(phase, "Succeeded", "{log}");
    assert!(log.contains("ready after"), "{log}");
}
