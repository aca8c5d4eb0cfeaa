//! `iter8 k launch FILE`: an experiment file, and the files that it reads, in a cluster.

use crate::kubernetes_manifests::objects;
use crate::kubernetes_run::{ended, left};
use crate::support::{ADDRESS_PROTO, Answer, App, Grpc, Namespace, Reply, SHOP_PROTO, Server, cluster, each};

/// The image of the tests.
const IMAGE: [&str; 2] = ["--set", "iter8Image=iter8"];

/// The program beside a cluster, with an experiment.
fn app(here: &Namespace, experiment: &str) -> App {
    App::with(experiment).env("KUBECONFIG", here.cluster.kubeconfig().display().to_string())
}

/// Launches `experiment.yaml`.
fn launch<'a>(here: &'a Namespace, more: &[&'a str]) -> Vec<&'a str> {
    let words = ["k", "launch", "experiment.yaml", "-n", &here.name];
    [&words[..], &IMAGE, more].concat()
}

#[test]
fn a_file_runs_as_a_job_with_the_files_that_it_reads() {
    let Some(cluster) = cluster() else { return };
    let here = cluster.namespace("file-alone");
    let server = Server::ok();
    let experiment = format!(
        "# Ours.\nspec:\n- task: http\n  with:\n    url: {}\n    numRequests: 4\n    payloadFile: data/Body_1.bin\n\
         - task: assess\n  with: {{objectives: [http/error-count <= 0]}}\n",
        server.url("/")
    );
    let body = [0xff, 0x00, b'\r', b'\n', 0xfe];
    let app = app(&here, &experiment).file("data/Body_1.bin", body);
    app.run(&launch(&here, &[])).exits(0).says_all(&[
        "made jobs.batch/default-1-job",
        "next: iter8 k assert -c completed,nofailure,slos --timeout 10m -n file-alone --revision 1",
    ]);
    let gate = [
        "k",
        "assert",
        "-c",
        "completed,nofailure,slos",
        "--timeout",
        "50s",
        "-n",
        "file-alone",
    ];
    app.run(&gate).exits(0).says("SLOs are satisfied");
    let seen = server.seen();
    assert_eq!(seen.len(), 4);
    assert!(
        seen.iter()
            .all(|seen| seen.method == "POST" && seen.body[..] == body)
    );
    app.run(&["k", "report", "-n", "file-alone"])
        .exits(0)
        .says("4 requests");
    // What is in the cluster is the file as it is.
    let path = r"jsonpath={.data.experiment\.yaml}";
    let stored = here.kubectl(&["get", "secret", "default", "-o", path], "");
    assert!(stored.starts_with("IyBPdXJzLgpzcGVjOg"), "{stored}");
    app.run(&["k", "delete", "-n", "file-alone"])
        .exits(0)
        .says("group default deleted");
    assert_eq!(left(&here), "");
}

#[test]
fn a_file_is_divided_among_shards() {
    let Some(cluster) = cluster() else { return };
    let here = cluster.namespace("file-shards");
    let server = Server::new(|_| Answer::status(200).after(std::time::Duration::from_millis(400)));
    let experiment = format!(
        "spec:\n- task: http\n  with: {{url: '{}', numRequests: 20, qps: 5, payloadFile: body.json}}\n\
         - task: assess\n  with: {{objectives: [http/error-count <= 0]}}\n",
        server.url("/")
    );
    let app = app(&here, &experiment).file("body.json", "{\"a\": 1}\n");
    app.run(&launch(&here, &["--set", "shards=2"])).exits(0);
    let gate = [
        "k",
        "assert",
        "-c",
        "completed,nofailure,slos",
        "--timeout",
        "60s",
    ];
    app.run(&[&gate[..], &["-n", "file-shards"]].concat())
        .exits(0)
        .says("SLOs are satisfied");
    assert_eq!(server.requests(), 20);
    assert!(server.seen().iter().all(|seen| seen.body == "{\"a\": 1}\n"));
    app.run(&["k", "report", "-n", "file-shards"])
        .exits(0)
        .says("20 requests")
        .says("Shards");
}

#[test]
fn a_proto_travels_with_what_it_imports() {
    let Some(cluster) = cluster() else { return };
    let here = cluster.namespace("file-proto");
    let server = Grpc::answering(|_| Reply::ok()).start();
    let experiment = format!(
        "spec:\n- task: grpc\n  with:\n    host: {}\n    call: shop.v1.Shop.Quote\n    total: 3\n    proto: api/shop.proto\n",
        server.host()
    );
    let app = app(&here, &experiment)
        .file("api/shop.proto", SHOP_PROTO)
        .file("api/shop/address.proto", ADDRESS_PROTO);
    app.run(&launch(&here, &[]))
        .exits(0)
        // Nothing is judged.
        .says("next: iter8 k assert -c completed,nofailure --timeout 10m -n file-proto --revision 1");
    let (state, log) = ended(&here, "default-1-job");
    assert_eq!(state, "Complete", "{log}");
    assert_eq!(server.calls().len(), 3);
}

#[test]
fn a_mistake_in_a_file_makes_nothing() {
    let Some(cluster) = cluster() else { return };
    let here = cluster.namespace("file-wrong");
    let rows = [
        (
            "a field",
            "spec:\n- task: http\n  with: {url: http://a.example/, qsp: 1}\n",
            "experiment.yaml:3:34",
            "did you mean `qps`?",
        ),
        (
            "a file that is not there",
            "spec:\n- task: http\n  with: {url: http://a.example/, payloadFile: none.json}\n",
            "experiment.yaml:3:47",
            "cannot read ./none.json",
        ),
        (
            "no target",
            "spec:\n- task: http\n  with: {qps: 1}\n",
            "experiment.yaml:",
            "url",
        ),
        (
            "no tasks",
            "spec: []\n",
            "experiment.yaml:1:1",
            "the experiment has no tasks",
        ),
        (
            "values of a chart",
            "tasks: [http]\nhttp: {url: http://a.example/}\n",
            "experiment.yaml",
            "iter8 k launch -f experiment.yaml",
        ),
    ];
    each(
        &rows,
        |row| row.0,
        |(_, experiment, place, says)| {
            app(&here, experiment)
                .run(&launch(&here, &[]))
                .exits(2)
                .says(place)
                .says(says);
            assert_eq!(left(&here), "");
        },
    );
}

const PLAIN: &str = "spec:\n- task: http\n  with: {url: http://a.example/, payloadFile: body.json}\n";

#[test]
fn a_file_stands_alone() {
    let app = App::with(PLAIN)
        .file("body.json", "{}")
        .file("v.yaml", "tasks: [http]\nrunner: job\n");
    let rows: &[(&str, &[&str], &str)] = &[
        (
            "a chart",
            &["-c", "iter8"],
            "an experiment file and -c both say what is launched",
        ),
        (
            "the folder of one",
            &["--sourceDir", "charts/iter8"],
            "an experiment file and --sourceDir both say what is launched",
        ),
        (
            "values of a task",
            &["--set", "http.url=http://a.example/"],
            "`http` is a value of a chart, and the tasks stand in the file",
        ),
        (
            "a file of values",
            &["-f", "v.yaml"],
            "`tasks` is a value of a chart, and the tasks stand in the file",
        ),
        (
            "letters in another order",
            &["--set", "shrads=2"],
            "did you mean `shards`?",
        ),
        ("a letter less", &["--set", "shard=2"], "did you mean `shards`?"),
        (
            "a letter more",
            &["--set", "nodeSelectors.disk=ssd"],
            "did you mean `nodeSelector`?",
        ),
        (
            "a long one",
            &["--set", "ttlSecondsAfterFinishd=5"],
            "did you mean `ttlSecondsAfterFinished`?",
        ),
        (
            "nothing that is known",
            &["--set", "colour=blue"],
            "unknown value `colour` of a run in Kubernetes",
        ),
    ];
    each(
        rows,
        |row| row.0,
        |(_, args, says)| {
            let words = ["k", "launch", "experiment.yaml", "--dry"];
            app.run(&[&words[..], args].concat()).exits(2).says(says);
            assert!(!app.path("manifest.yaml").exists());
        },
    );
    for (flag, says) in [
        ("--shards", "--set shards=2"),
        ("--runner", "--set runner=cronjob"),
        ("--cronjobSchedule", "--set cronjobSchedule=VALUE"),
    ] {
        let output = app.run(&["k", "launch", "experiment.yaml", flag, "s3cret"]);
        output.exits(2).says(says);
        assert!(
            !output.has("similar argument") && !output.has("s3cret"),
            "{output}"
        );
    }
    app.run(&["k", "launch", "other.yaml", "--dry"])
        .exits(2)
        .says("cannot read the experiment ./other.yaml");
}

#[test]
fn a_file_in_another_folder_is_launched_as_it_is_run() {
    let app = App::new()
        .file("w2/experiment.yaml", PLAIN)
        .file("w2/body.json", "{}");
    for command in [&["k", "launch", "--dry"][..], &["run"], &["plan"]] {
        let run = |words: &[&str]| app.run(&[command, words].concat());
        run(&["w2/experiment.yaml"])
            .exits(2)
            .says("cannot read ./body.json")
            .says("this one is beside the experiment: --runDir w2 experiment.yaml");
        let twice = run(&["--runDir", "w2", "w2/experiment.yaml"]);
        twice
            .exits(2)
            .says("cannot read the experiment w2/w2/experiment.yaml")
            .says("the file is looked for in --runDir w2: name it experiment.yaml");
        assert!(!twice.has("test a URL"), "{twice}");
    }
    app.run(&["k", "launch", "--dry", "--runDir", "w2", "experiment.yaml"])
        .exits(0);
    let none = app.run(&["k", "launch", "--dry", "w3/experiment.yaml"]);
    none.exits(2)
        .says("the file is looked for in --runDir, by default the folder where you are");
    assert!(!none.has("iter8 run"), "{none}");
}

#[test]
fn what_cannot_travel_with_a_file_is_refused() {
    let large = vec![b'x'; 1_100_000];
    let rows: &[(&str, &str, &[u8], &str)] = &[
        ("outside", "../body.json", b"{}", "which no pod has"),
        (
            "another name",
            "a body.json",
            b"{}",
            "no key of a Secret can be called so",
        ),
        ("large", "large.json", &large, "it is larger than 1 MiB"),
    ];
    each(
        rows,
        |row| row.0,
        |(_, name, content, says)| {
            let experiment = PLAIN.replace("body.json", &format!("'{name}'"));
            let app = App::new()
                .file("in/experiment.yaml", experiment)
                .file(&format!("in/{name}"), content);
            app.run(&["k", "launch", "experiment.yaml", "--dry", "--runDir", "in"])
                .exits(2)
                .says(says)
                .says("URL");
            assert!(!app.path("in/manifest.yaml").exists());
        },
    );
    // Neither does what is named by its whole path, even if it lies there.
    let app = App::new().file("in/body.json", "{}");
    let whole = app.path("in/body.json").display().to_string();
    let app = app.file("in/experiment.yaml", PLAIN.replace("body.json", &whole));
    let folder = app.path("in").display().to_string();
    for folder in ["in", folder.as_str()] {
        app.run(&["k", "launch", "experiment.yaml", "--dry", "--runDir", folder])
            .exits(2)
            .says("which no pod has");
    }
    // Two files of more than half a Secret.
    let half = vec![b'x'; 600_000];
    let both = format!(
        "{PLAIN}- task: http\n  with: {{url: http://b.example/, payloadFile: other.json, warmup: true}}\n"
    );
    App::with(&both)
        .file("body.json", &half)
        .file("other.json", &half)
        .run(&["k", "launch", "experiment.yaml", "--dry"])
        .exits(2)
        .says("a Secret holds 1048576");
    // An import that is found by where the program runs.
    let grpc = "spec:\n- task: grpc\n  with: {host: 'a.example:1', call: shop.v1.Shop.Quote, proto: api/shop.proto}\n";
    let app = App::with(grpc)
        .file("api/shop.proto", SHOP_PROTO)
        .file("shop/address.proto", ADDRESS_PROTO);
    app.run(&["validate"]).exits(0);
    app.run(&["k", "launch", "experiment.yaml", "--dry"])
        .exits(2)
        .says("imports shop/address.proto, which is found in the folder that the program runs in");
    let named = grpc.replace("proto: api", "import-paths: [.], proto: api");
    app.file("experiment.yaml", named)
        .run(&["k", "launch", "experiment.yaml", "--dry"])
        .exits(0);
}

#[test]
fn all_specs_of_metrics_beside_a_file_travel() {
    let experiment = "spec:\n- task: custommetrics\n  with: {versionInfo: [{}]}\n- task: assess\n  with: {objectives: [a/m <= 1, b/m <= 1]}\n";
    let spec = |provider: &str| {
        format!(
            "url: http://127.0.0.1:9/\nprovider: {provider}\nmethod: GET\nmetrics:\n- name: m\n  type: gauge\n  description: d\n  params: [{{name: q, value: x}}]\n  jqExpression: .x\n"
        )
    };
    let mut app = App::with(experiment);
    for name in ["a", "b"] {
        app = app.file(&format!("{name}.metrics.yaml"), spec(name));
    }
    let output = app.run(&["k", "launch", "experiment.yaml", "--dry"]);
    let all = objects(&output.exits(0).stdout);
    for name in ["a", "b"] {
        assert_eq!(all[1]["stringData"][format!("{name}.metrics.yaml")], spec(name));
    }
}

#[test]
fn objects_of_a_file_are_written_down_and_replaced() {
    let app = App::with(PLAIN).file("body.json", "{}\n");
    let dry = ["k", "launch", "experiment.yaml", "--dry"];
    let output = app.run(&dry);
    let all = objects(&output.exits(0).stdout);
    assert_eq!(all[1]["stringData"]["body.json"], "{}\n");
    assert_eq!(all[1]["stringData"]["experiment.yaml"], PLAIN);
    assert_eq!(all.last().expect("a Job")["kind"], "Job");
    assert_eq!(app.read("manifest.yaml"), output.stdout);
    let cron = ["--set", "runner=cronjob", "--set", "cronjobSchedule=@hourly"];
    let output = app.run(&[&dry[..], &cron].concat());
    let all = objects(&output.exits(0).stdout);
    assert_eq!(all.last().expect("a CronJob")["kind"], "CronJob");
    // A schedule alone starts nothing that is not asked for.
    for file in [
        &["experiment.yaml"][..],
        &["-c", "load-test-http", "--set", "url=http://a.example/"],
    ] {
        let words = [
            &["k", "launch", "--dry", "--set", "cronjobSchedule=* * * * *"],
            file,
        ]
        .concat();
        app.run(&words)
            .exits(2)
            .says("a `job` has no schedule, and `cronjobSchedule` is given")
            .says("say --set runner=cronjob");
    }
    // What only this machine has is told once.
    let told = PLAIN.replace("payloadFile", "headers: {a: '${TOKEN}'}, payloadFile");
    let output = App::with(&told).file("body.json", "{}").run(&dry);
    output
        .exits(0)
        .says("`${TOKEN}` is read where the experiment runs");
    assert_eq!(output.stderr.matches("TOKEN").count(), 1, "{output}");
    assert_eq!(output.stderr.matches("warning").count(), 1, "{output}");
    // A loop takes its time.
    let looped = format!("{PLAIN}loop: {{times: 100, every: 1m}}\n");
    let app = App::with(&looped).file("body.json", "{}");
    let all = objects(&app.run(&dry).exits(0).stdout);
    assert_eq!(
        all.last().expect("a Job")["spec"]["activeDeadlineSeconds"],
        6000 + 3600
    );
    let until = format!("{PLAIN}loop: {{until: 'SLOs()'}}\n");
    App::with(&until)
        .file("body.json", "{}")
        .run(&dry)
        .exits(0)
        .says("nobody knows how often the experiment loops");
}
