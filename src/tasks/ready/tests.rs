//! Which fields go together.

use std::path::Path;

use crate::diagnostic::Diagnostic;
use crate::secret::Mask;
use crate::spec::{Decoder, Experiment, Node, SourceFile};
use crate::tasks::Pipeline;

/// What is wrong with an experiment, each with its line and column.
fn check(text: &str) -> Vec<String> {
    let source = SourceFile::new("e.yaml", text);
    let root = Node::parse(&source).expect("YAML");
    let mut decoder = Decoder::new(&source, Path::new("."), &|_| None, Mask::default());
    if let Some(experiment) = Experiment::read(&root, &mut decoder) {
        let _ = Pipeline::build(&experiment, &mut decoder);
    }
    let found = decoder
        .into_diagnostics()
        .into_iter()
        .filter(Diagnostic::is_error);
    let shown = found.map(|found| {
        let place = found.place.expect("a place").to_string();
        format!("{}: {}", place.trim_start_matches("e.yaml:"), found.message)
    });
    shown.collect()
}

#[test]
fn a_ready_task_asks_a_page_a_grpc_server_or_a_cluster() {
    let ready = |fields: &str| check(&format!("spec:\n- task: ready\n  with: {{{fields}}}\n"));
    for good in [
        "grpc: 'a:1'",
        "grpc: 'a:1', service: '', timeout: 5s, headers: {token: abc}",
        "grpc: 'a:1', insecure: false",
        "grpc: 'a:1', insecure: true, service: pkg.Svc",
        "service: web",
        "deploy: a, namespace: b, conditions: [Available, Progressing], timeout: 5s",
        "resource: pods, name: a",
        "resource: a, group: b.c, version: v1, name: d, condition: Ready",
    ] {
        assert_eq!(ready(good), [""; 0], "{good}");
    }
    for (bad, says) in [
        ("url: http://a, grpc: 'a:1'", "3:31: give either `url` or `grpc`"),
        (
            "timeout: 5s",
            "3:9: a `ready` task needs `url`, `grpc` or an object such as `deploy`",
        ),
        ("url: http://a, service: x", "3:34: `service` goes with `grpc`"),
        (
            "url: http://a, insecure: true",
            "3:35: `insecure` goes with `grpc`",
        ),
        ("grpc: 'a:1', body: x", "3:29: `body` goes with `url`"),
        ("deploy: a, url: http://a", "3:18: give either `url` or `deploy`"),
        ("deploy: a, header: {x: y}", "3:21: `header` goes with `url`"),
        ("deploy: a, bearerToken: x", "3:34: `bearerToken` goes with `url`"),
        (
            "url: http://a, namespace: b",
            "3:36: `namespace` goes with `resource`",
        ),
        (
            "deploy: a, svc: b",
            "3:18: `svc` says which object is meant, and so does `deploy`",
        ),
        (
            "deploy: a, name: b",
            "3:27: `deploy` says which object is meant, and so does `name`",
        ),
        ("deploy: a/b", "3:18: `a/b` is no name in Kubernetes"),
        (
            "resource: pods",
            "3:9: an object needs `name`, the one it is known by",
        ),
        (
            "name: a",
            "3:9: an object needs `resource`, its kind in the plural, such as `deployments`",
        ),
        (
            "resource: a, group: b, name: c",
            "3:9: an object needs `version`, that of its group, such as `v1`",
        ),
        ("grpc: 'ftp://a:1'", "3:16: a gRPC server is given as HOST:PORT"),
        (
            "grpc: 'a:1/x'",
            "3:16: a gRPC server is given as HOST:PORT, without a path",
        ),
        (
            "grpc: 'a:1', servce: x",
            "3:23: unknown field `servce` in a `ready` task",
        ),
    ] {
        assert_eq!(ready(bad), [says], "{bad}");
    }
    let both = "grpc: 'a:1', insecure: true, insecureSkipVerify: true";
    let refused = "3:59: `insecureSkipVerify` is for TLS, and `insecure: true` is without";
    assert!(ready(both).contains(&refused.to_owned()), "{:?}", ready(both));
}
