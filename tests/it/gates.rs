//! iter8 as the gate of others: the manifests of the documentation, as far as a cluster without those tools goes.

use serde_json::{Value, json};

use crate::support::{Answer, App, BUSY, Namespace, Server, cluster};

/// The objects of the page, by their kind.
fn object(kind: &str) -> Value {
    let page = concat!(env!("CARGO_MANIFEST_DIR"), "/docs/gates.md");
    let text = std::fs::read_to_string(page).expect("the page");
    let blocks = text
        .split("```yaml\n")
        .skip(1)
        .filter_map(|rest| rest.split_once("```"));
    let mut objects = blocks.map(|(block, _)| serde_yaml::from_str::<Value>(block).expect("YAML"));
    objects.find(|object| object["kind"] == kind).expect(kind)
}

/// The Job that Argo Rollouts makes of the template.
fn job(name: &str, url: &str) -> Value {
    let mut spec = object("AnalysisTemplate")["spec"]["metrics"][0]["provider"]["job"]["spec"].clone();
    let text = spec.to_string().replace("{{args.url}}", url);
    spec = serde_json::from_str(&text).expect("JSON");
    json!({"apiVersion": "batch/v1", "kind": "Job", "metadata": {"name": name}, "spec": spec})
}

fn ended(here: &Namespace, name: &str) -> String {
    let job = here.get(&format!("job/{name}"));
    let conditions = job["status"]["conditions"]
        .as_array()
        .cloned()
        .unwrap_or_default();
    let kinds = conditions.iter().filter(|one| one["status"] == "True");
    let kinds: Vec<&str> = kinds.filter_map(|one| one["type"].as_str()).collect();
    kinds
        .into_iter()
        .find(|kind| ["Complete", "Failed"].contains(kind))
        .unwrap_or_default()
        .to_owned()
}

#[test]
fn the_job_of_argo_rollouts_fails_unless_the_objectives_are_met() {
    let Some(cluster) = cluster() else { return };
    let here = cluster.namespace("gate-argo");
    cluster.kubectl(
        &[
            "label",
            "namespace",
            "gate-argo",
            "pod-security.kubernetes.io/enforce=restricted",
        ],
        "",
    );
    for (name, status, end, says) in [
        ("good", 200, "Complete", "pass: details in"),
        ("bad", 500, "Failed", "fail: details in"),
    ] {
        let server = Server::new(move |_| Answer::status(status));
        let mut job = job(name, &server.url("/"));
        // As it is written, the API takes it; the node of the tests knows its program by another name.
        let whole = here.kubectl(&["apply", "--dry-run=server", "-f", "-"], &job.to_string());
        assert!(whole.contains("created"), "{whole}");
        job["spec"]["template"]["spec"]["containers"][0]["image"] = "iter8".into();
        let mut log = String::new();
        for _ in 0..5 {
            here.apply(&job.to_string());
            here.until("ended", |here| !ended(here, name).is_empty());
            log = here.kubectl(&["logs", &format!("job/{name}")], "");
            if !log.contains(BUSY) {
                break;
            }
            here.kubectl(&["delete", "job", name], "");
        }
        assert_eq!(ended(&here, name), end, "{log}");
        assert!(log.contains(says), "{log}");
    }
}

#[test]
fn the_command_of_flagger_fails_unless_the_objectives_are_met() {
    let canary = object("Canary");
    let command = canary["spec"]["analysis"]["webhooks"][0]["metadata"]["cmd"]
        .as_str()
        .expect("a command")
        .to_owned();
    for (status, code) in [(200, 0), (500, 1)] {
        let server = Server::new(move |_| Answer::status(status));
        let command = command
            .replace("/tools/iter8", "iter8")
            .replace("http://shop-canary.prod/", &server.url("/"))
            .replace("/tmp/iter8", "results");
        let run = || App::new().shell(&command);
        let output = std::iter::repeat_with(run)
            .take(5)
            .find(|output| !output.has(BUSY))
            .expect("a machine with time for it");
        output.exits(code);
        assert!(server.requests() >= 200, "{output}");
    }
}

#[test]
fn the_load_tester_of_flagger_is_what_the_api_takes_and_the_webhook_calls() {
    let Some(cluster) = cluster() else { return };
    let here = cluster.namespace("gate-flagger");
    let (deployment, service) = (object("Deployment"), object("Service"));
    for object in [&deployment, &service] {
        let said = here.kubectl(&["apply", "--dry-run=server", "-f", "-"], &object.to_string());
        assert!(said.contains("created"), "{said}");
    }
    // What the webhook calls is this Service, and its pods are those of the Deployment.
    let url = &object("Canary")["spec"]["analysis"]["webhooks"][0]["url"];
    let name = service["metadata"]["name"].as_str().expect("a name");
    assert_eq!(*url, format!("http://{name}.prod/"));
    let template = &deployment["spec"]["template"];
    assert_eq!(template["metadata"]["labels"], service["spec"]["selector"]);
    let port = &template["spec"]["containers"][0]["ports"][0]["containerPort"];
    assert_eq!(*port, service["spec"]["ports"][0]["targetPort"]);
}
