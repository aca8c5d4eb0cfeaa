//! Which cluster is meant, and what is said where none is. What API servers answer is tested against a real one.

use std::path::PathBuf;

use super::{Access, ClusterError, Forbidden, ObjectName, Resource, Surroundings};
use crate::secret::Secret;

const CONFIG: &str = "\
current-context: one
clusters: [{name: k, cluster: {server: 'https://k.example:6443'}}]
users: [{name: u, user: {token: t}}]
contexts:
- {name: one, context: {cluster: k, user: u, namespace: shop}}
- {name: two, context: {cluster: k, user: u}}
- {name: lost, context: {cluster: gone, user: u}}
- {name: nobody, context: {cluster: k, user: gone}}
";

struct Files(tempfile::TempDir);

impl Files {
    fn new() -> Self {
        Self(tempfile::tempdir().expect("a folder"))
    }

    fn file(&self, name: &str, text: &str) -> PathBuf {
        let path = self.0.path().join(name);
        std::fs::create_dir_all(path.parent().expect("a folder")).expect("a folder");
        std::fs::write(&path, text).expect("a file");
        path
    }
}

fn namespace(access: &Access) -> String {
    access.namespace().unwrap_or_else(|error| error.to_string())
}

#[test]
fn files_are_taken_from_flags_then_the_variable_then_home() {
    let files = Files::new();
    let named = |namespace: &str| CONFIG.replace("shop", namespace);
    let surroundings = Surroundings {
        home: Some(files.0.path().to_owned()),
        ..Surroundings::default()
    };
    files.file(".kube/config", &named("of-home"));
    let mut access = Access {
        surroundings,
        ..Access::default()
    };
    assert_eq!(namespace(&access), "of-home");
    let first = files.file("first", "current-context: two");
    let second = files.file("second", &named("of-variable"));
    let list = format!("{}:{}:/missing", first.display(), second.display());
    access.surroundings.kubeconfig = Some(list);
    assert_eq!(namespace(&access), "default", "the first file's context wins");
    access.context = Some("one".into());
    assert_eq!(namespace(&access), "of-variable");
    access.kubeconfig = Some(files.file("flag", &named("of-flag")));
    assert_eq!(namespace(&access), "of-flag");
    access.namespace = Some("given".into());
    assert_eq!(namespace(&access), "given");
}

#[test]
fn what_is_wrong_with_files_is_said_with_their_names() {
    let files = Files::new();
    let path = files.file("config", CONFIG);
    let failed = |access: Access| access.namespace().expect_err("an error");
    let of = |context: &str| Access {
        kubeconfig: Some(path.clone()),
        context: Some(context.into()),
        ..Access::default()
    };
    let error = failed(of("tow"));
    assert!(
        error.to_string().starts_with("there is no context `tow` in /"),
        "{error}"
    );
    assert_eq!(
        error.hint().as_deref(),
        Some("did you mean `two`? it has one, two, lost, nobody")
    );
    for (context, says) in [
        (
            "lost",
            "the context `lost` is of the cluster `gone`, which is not there",
        ),
        (
            "nobody",
            "the context `nobody` is of the user `gone`, which is not there",
        ),
    ] {
        let error = failed(of(context)).to_string();
        assert!(error.ends_with(says), "{error}");
    }
    let variable = Access {
        surroundings: Surroundings {
            kubeconfig: Some("/missing/config".into()),
            ..Surroundings::default()
        },
        ..Access::default()
    };
    assert_eq!(
        failed(variable).to_string(),
        "/missing/config: KUBECONFIG names it, and it is not there"
    );
    let none = failed(Access::default());
    assert!(matches!(none, ClusterError::NoCluster { .. }), "{none}");
    let empty = Access {
        kubeconfig: Some(files.file("empty", "")),
        ..Access::default()
    };
    let error = failed(empty);
    assert!(
        error.to_string().starts_with("no context is chosen in /"),
        "{error}"
    );
    assert_eq!(error.hint().as_deref(), Some("it has none"));
}

#[test]
fn an_address_must_be_one() {
    let of = |server: &str| Access {
        server: Some(server.into()),
        ..Access::default()
    };
    for server in ["k.example", "ftp://k.example", "https://", "https://a b"] {
        let error = of(server).namespace().expect_err(server);
        assert!(matches!(error, ClusterError::Settings(_)), "{error}");
    }
    assert_eq!(namespace(&of("https://k.example:6443")), "default");
    let groups = Access {
        as_groups: vec!["a".into()],
        ..of("https://k.example")
    };
    let error = groups.namespace().expect_err("groups of nobody");
    assert!(error.to_string().contains("--kube-as-user"), "{error}");
}

#[test]
fn a_token_of_a_flag_is_not_shown() {
    let access = Access {
        server: Some("https://k.example".into()),
        token: Some(Secret::new("hunter2")),
        ..Access::default()
    };
    assert!(!format!("{access:?}").contains("hunter2"));
}

#[test]
fn a_rule_is_yaml_of_one_line() {
    let mut forbidden = Forbidden {
        user: Some("guest".into()),
        verb: "get",
        resource: Resource {
            group: "apps".into(),
            version: "v1".into(),
            plural: "deployments".into(),
        },
        name: Some("shop".into()),
        namespace: Some("prod".into()),
    };
    assert_eq!(
        forbidden.rule(),
        r#"- {apiGroups: ["apps"], resources: ["deployments"], resourceNames: ["shop"], verbs: ["get"]}"#
    );
    assert_eq!(
        forbidden.to_string(),
        "forbidden: guest may not get deployments.apps called shop in the namespace prod"
    );
    (forbidden.user, forbidden.name, forbidden.namespace) = (None, None, None);
    forbidden.resource.group.clear();
    assert_eq!(
        forbidden.rule(),
        r#"- {apiGroups: [""], resources: ["deployments"], verbs: ["get"]}"#
    );
    assert_eq!(
        forbidden.to_string(),
        "forbidden: this account may not get deployments"
    );
}

#[test]
fn a_name_stands_in_a_path() {
    for name in ["a", "a.b-c", "system:node:x", "A"] {
        assert!(ObjectName::is_name(name), "{name}");
    }
    for name in [
        "",
        ".",
        "..",
        "a/b",
        "a%2f",
        "a b",
        "a?b",
        "ä",
        "a\n",
        &"x".repeat(254),
    ] {
        assert!(!ObjectName::is_name(name), "{name}");
    }
}
