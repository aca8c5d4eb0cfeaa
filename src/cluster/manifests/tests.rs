//! What the manifests say. That an API server takes them is shown end to end.

use serde_json::{Value, json};

use super::{Group, Launch, PodExtras, Runner, elsewhere, kinds, manifests, name_of};
use crate::cluster::{ObjectName, Resource};

fn launch() -> Launch {
    Launch {
        group: Group {
            name: "shop".into(),
            namespace: "prod".into(),
        },
        revision: 3,
        files: vec![("experiment.yaml".into(), b"spec: []\n".to_vec())],
        runner: Runner::Job,
        image: "registry.example/iter8:1".into(),
        log_level: "info".into(),
        resources: json!({}),
        account: None,
        deadline: 3600,
        ttl: None,
        pod: PodExtras::default(),
        result_claim: None,
        result_url: None,
        reads: Vec::new(),
        changes: Vec::new(),
    }
}

fn object(group: &str, plural: &str, namespace: Option<&str>, name: &str) -> ObjectName {
    ObjectName {
        resource: Resource {
            group: group.into(),
            version: "v1".into(),
            plural: plural.into(),
        },
        namespace: namespace.map(str::to_owned),
        name: name.into(),
    }
}

/// Kind, namespace and name of each.
fn names(objects: &[Value]) -> Vec<String> {
    let text =
        |object: &Value, pointer: &str| object.pointer(pointer).and_then(Value::as_str).map(str::to_owned);
    objects
        .iter()
        .map(|object| {
            ["/kind", "/metadata/namespace", "/metadata/name"]
                .map(|pointer| text(object, pointer).expect(pointer))
                .join(" ")
        })
        .collect()
}

fn of_kind<'a>(objects: &'a [Value], kind: &str) -> &'a Value {
    objects.iter().find(|object| object["kind"] == kind).expect(kind)
}

#[test]
fn an_experiment_is_these_objects() {
    let mut launch = launch();
    launch.reads = vec![
        object("", "services", None, "web"),
        object("apps", "deployments", Some("other"), "db"),
        object("", "services", None, "api"),
        object("", "services", None, "web"),
    ];
    let objects = manifests(&launch);
    assert_eq!(
        names(&objects),
        [
            "ServiceAccount prod shop-iter8-sa",
            "Secret prod shop",
            "ConfigMap prod shop-result",
            "Role prod shop",
            "RoleBinding prod shop",
            "Role other shop-ready",
            "RoleBinding other shop-ready",
            "Role prod shop-ready",
            "RoleBinding prod shop-ready",
            "Job prod shop-3-job",
        ]
    );
    assert_eq!(
        objects[7]["rules"],
        json!([{"apiGroups": [""], "resources": ["services"], "resourceNames": ["web", "api"], "verbs": ["get"]}])
    );
    assert_eq!(objects[6]["subjects"][0]["namespace"], "prod");
}

#[test]
fn nothing_may_be_done_but_what_the_run_needs() {
    let objects = manifests(&launch());
    assert_eq!(
        of_kind(&objects, "Role")["rules"],
        json!([
            {"apiGroups": [""], "resources": ["secrets"], "resourceNames": ["shop"], "verbs": ["get"]},
            {"apiGroups": [""], "resources": ["configmaps"], "resourceNames": ["shop-result"], "verbs": ["get", "update"]},
        ])
    );
}

#[test]
fn an_account_that_is_given_has_its_rights_already() {
    let mut launch = launch();
    launch.account = Some("mine".into());
    let objects = manifests(&launch);
    assert_eq!(
        names(&objects),
        [
            "Secret prod shop",
            "ConfigMap prod shop-result",
            "Job prod shop-3-job"
        ]
    );
    assert_eq!(
        objects[2]["spec"]["template"]["spec"]["serviceAccountName"],
        "mine"
    );
}

#[test]
fn a_cronjob_goes_on_with_its_result_and_never_overlaps() {
    let mut launch = launch();
    launch.runner = Runner::CronJob {
        schedule: "*/5 * * * *".into(),
    };
    let objects = manifests(&launch);
    let cron = of_kind(&objects, "CronJob");
    assert_eq!(cron["metadata"]["name"], "shop-3-cronjob");
    assert_eq!(cron["spec"]["schedule"], "*/5 * * * *");
    assert_eq!(cron["spec"]["concurrencyPolicy"], "Forbid");
    let args = &cron["spec"]["jobTemplate"]["spec"]["template"]["spec"]["containers"][0]["args"];
    assert_eq!(
        args.as_array().and_then(|args| args.last()),
        Some(&json!("--reuseResult"))
    );
    launch.runner = Runner::Nothing;
    let kinds = names(&manifests(&launch));
    assert!(kinds.iter().all(|name| !name.contains("ob ")), "{kinds:?}");
}

#[test]
fn shards_are_pods_of_one_job_each_with_an_object_for_its_result() {
    let mut launch = launch();
    launch.runner = Runner::Shards(2);
    let objects = manifests(&launch);
    let there = names(&objects);
    for index in 0..2 {
        assert!(
            there.contains(&format!("ConfigMap prod shop-shard-{index}")),
            "{there:?}"
        );
    }
    let role = of_kind(&objects, "Role");
    let results = json!(["shop-result", "shop-shard-0", "shop-shard-1"]);
    assert_eq!(role["rules"][1]["resourceNames"], results);
    assert_eq!(role["rules"][1]["verbs"], json!(["get", "update"]));
    let spec = &of_kind(&objects, "Job")["spec"];
    assert_eq!(
        (&spec["completions"], &spec["parallelism"]),
        (&json!(2), &json!(2))
    );
    assert_eq!(
        (&spec["backoffLimitPerIndex"], &spec["backoffLimit"]),
        (&json!(0), &json!(null))
    );
    let args = spec["template"]["spec"]["containers"][0]["args"].as_array();
    let last = args.and_then(|args| args.last());
    assert_eq!(last, Some(&json!("--shard=$(JOB_COMPLETION_INDEX)/2")));
}

#[test]
fn a_processor_is_not_limited_unless_that_is_asked_for() {
    let resources = |asked: Value| {
        let mut launch = launch();
        launch.resources = asked;
        of_kind(&manifests(&launch), "Job")["spec"]["template"]["spec"]["containers"][0]["resources"].clone()
    };
    assert_eq!(
        resources(json!({})),
        json!({"requests": {"cpu": "250m", "memory": "64Mi"}, "limits": {"memory": "128Mi"}})
    );
    assert_eq!(
        resources(json!({"limits": {"cpu": 2, "memory": null}, "requests": {"cpu": "1"}})),
        json!({"requests": {"cpu": "1", "memory": "64Mi"}, "limits": {"cpu": 2}})
    );
}

#[test]
fn whole_results_go_to_a_volume_that_the_user_of_the_pod_may_write_to() {
    let mut launch = launch();
    let none = manifests(&launch);
    let pod = |objects: &[Value]| of_kind(objects, "Job")["spec"]["template"]["spec"].clone();
    assert_eq!(pod(&none)["securityContext"]["fsGroup"], json!(null));
    launch.result_claim = Some("kept".into());
    let pod = pod(&manifests(&launch));
    let volume = json!({"name": "results", "persistentVolumeClaim": {"claimName": "kept"}});
    assert_eq!(pod["volumes"][2], volume);
    let mount = json!({"name": "results", "mountPath": "/results"});
    assert_eq!(pod["containers"][0]["volumeMounts"][2], mount);
    assert_eq!(
        pod["securityContext"]["fsGroup"],
        pod["securityContext"]["runAsUser"]
    );
    let args = pod["containers"][0]["args"].as_array();
    assert_eq!(
        args.and_then(|args| args.last()),
        Some(&json!("--resultVolume=kept"))
    );
}

#[test]
fn the_address_of_whole_results_is_in_the_secret_and_nowhere_else() {
    let mut launch = launch();
    launch.result_url = Some(crate::secret::Secret::new("https://a.example/x?sig=signature"));
    for object in manifests(&launch) {
        let is_there = object.to_string().contains("signature");
        assert_eq!(is_there, object["kind"] == "Secret", "{object}");
    }
}

#[test]
fn a_group_is_called_as_objects_are() {
    for name in ["default", "a", "load-1", &"x".repeat(33)] {
        assert_eq!(Group::check_name(name), Ok(()), "{name}");
    }
    for name in ["", "A", "a.b", "-a", "a-", "ä", &"x".repeat(34)] {
        assert!(Group::check_name(name).is_err(), "{name}");
    }
}

#[test]
fn the_longest_names_are_taken_at_the_last_revision() {
    let group = Group {
        name: "x".repeat(33),
        namespace: "prod".into(),
    };
    // Of a CronJob the API takes 52, of a Job 63.
    assert_eq!(group.cronjob(u32::MAX).len(), 52);
    assert!(group.job(u32::MAX).len() <= 63);
}

#[test]
fn a_pod_is_told_its_job_by_what_no_other_one_has() {
    let objects = manifests(&launch());
    let env = &of_kind(&objects, "Job")["spec"]["template"]["spec"]["containers"][0]["env"];
    let path = "metadata.labels['batch.kubernetes.io/controller-uid']";
    assert_eq!(
        env,
        &json!([{"name": super::JOB, "valueFrom": {"fieldRef": {"fieldPath": path}}}])
    );
}

#[test]
fn everything_of_a_group_is_known_again() {
    let mut launch = launch();
    launch.reads = vec![object("", "services", Some("other"), "web")];
    let objects = manifests(&launch);
    for object in &objects {
        assert!(launch.group.owns(object), "{object}");
        let name = name_of(object).expect("a kind that is known");
        assert!(kinds().any(|(_, resource)| resource == name.resource), "{name}");
        assert_eq!(super::revision(object), Some(3));
    }
    assert_eq!(elsewhere(of_kind(&objects, "Secret")), ["other"]);
    let twin = Group {
        namespace: "other".into(),
        ..launch.group.clone()
    };
    assert!(!twin.owns(&objects[0]));
    launch.reads.clear();
    assert!(elsewhere(of_kind(&manifests(&launch), "Secret")).is_empty());
}

#[test]
fn what_is_changed_may_be_patched_by_its_name_and_nothing_else() {
    let mut launch = launch();
    launch.reads = vec![
        object("", "services", None, "web"),
        object("apps", "deployments", None, "db"),
    ];
    launch.changes = vec![
        object("apps", "deployments", None, "db"),
        object("g", "httproutes", Some("other"), "shop"),
    ];
    let objects = manifests(&launch);
    let rules: Vec<&Value> = objects
        .iter()
        .filter(|object| object["kind"] == "Role" && object["metadata"]["name"] == "shop-ready")
        .map(|role| &role["rules"])
        .collect();
    let rule = |group: &str, plural: &str, name: &str, verbs: &[&str]| json!({"apiGroups": [group], "resources": [plural], "resourceNames": [name], "verbs": verbs});
    assert_eq!(
        rules,
        [
            &json!([rule("g", "httproutes", "shop", &["get", "patch"])]),
            &json!([
                rule("", "services", "web", &["get"]),
                rule("apps", "deployments", "db", &["get", "patch"])
            ]),
        ]
    );
    assert_eq!(elsewhere(of_kind(&objects, "Secret")), ["other"]);
}

fn map(entries: &Value) -> serde_json::Map<String, Value> {
    entries.as_object().cloned().expect("a map")
}

#[test]
fn a_pod_has_what_is_added_to_it_and_stays_that_of_its_group() {
    let mut launch = launch();
    launch.ttl = Some(60);
    launch.pod = PodExtras {
        env: vec![json!({"name": "A", "value": "b"})],
        env_from: vec![json!({"secretRef": {"name": "all"}})],
        pull_secrets: vec![json!({"name": "mine"})],
        node_selector: map(&json!({"disk": "ssd"})),
        tolerations: vec![json!({"operator": "Exists"})],
        annotations: map(&json!({"sidecar.istio.io/inject": "true", "a": "b"})),
        labels: map(&json!({"team": "shop", "iter8.tools/group": "other"})),
    };
    let cron = Runner::CronJob {
        schedule: "@hourly".into(),
    };
    for (runner, kind, spec) in [
        (Runner::Job, "Job", "/spec"),
        (Runner::Shards(2), "Job", "/spec"),
        (cron, "CronJob", "/spec/jobTemplate/spec"),
    ] {
        launch.runner = runner;
        let objects = manifests(&launch);
        let job = of_kind(&objects, kind).pointer(spec).expect(spec);
        assert_eq!(job["ttlSecondsAfterFinished"], 60);
        let meta = &job["template"]["metadata"];
        assert_eq!(
            meta["annotations"],
            json!({"sidecar.istio.io/inject": "true", "a": "b"})
        );
        assert_eq!(meta["labels"]["team"], "shop");
        assert_eq!(meta["labels"]["iter8.tools/group"], "shop");
        let pod = &job["template"]["spec"];
        assert_eq!(pod["imagePullSecrets"], json!([{"name": "mine"}]));
        assert_eq!(pod["nodeSelector"], json!({"disk": "ssd"}));
        assert_eq!(pod["tolerations"], json!([{"operator": "Exists"}]));
        let container = &pod["containers"][0];
        assert_eq!(container["env"][0]["name"], super::JOB);
        assert_eq!(container["env"][1], json!({"name": "A", "value": "b"}));
        assert_eq!(container["envFrom"], json!([{"secretRef": {"name": "all"}}]));
    }
}

#[test]
fn nothing_is_added_to_a_pod_where_nothing_is_asked_for() {
    let objects = manifests(&launch());
    let spec = &of_kind(&objects, "Job")["spec"];
    let pod = &spec["template"]["spec"];
    assert_eq!(spec["ttlSecondsAfterFinished"], json!(null));
    for field in ["imagePullSecrets", "nodeSelector", "tolerations"] {
        assert_eq!(pod[field], json!(null), "{field}");
    }
    assert_eq!(pod["containers"][0]["envFrom"], json!(null));
}
