//! What a kubeconfig says, as servers on this machine see it.

#[path = "transport_scene.rs"]
mod scene;

use scene::{Authority, Folder, PATIENCE, Server, cluster, connected, get, head, plain, refused, trusted};

use std::net::SocketAddr;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use serde_json::{Value, json};
use tokio::io::{AsyncWriteExt as _, copy_bidirectional};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::mpsc::{Receiver, channel};

use super::super::client::Asked;
use super::super::{Access, Surroundings};
use super::*;
use crate::net::proxy::ProxyEnv;
use crate::secret::Secret;

#[tokio::test]
async fn a_server_is_shown_who_asks() {
    let mut server = Server::start(None).await;
    for (user, shows) in [
        (json!({"token": "abc"}), "authorization: Bearer abc"),
        (
            json!({"username": "me", "password": "pw"}),
            "authorization: Basic bWU6cHc=",
        ),
        (
            json!({"auth-provider": {"name": "oidc", "config": {"id-token": "xyz"}}}),
            "authorization: Bearer xyz",
        ),
        (
            json!({"as": "jane", "as-groups": ["a", "b"]}),
            "impersonate-group: a\r\nimpersonate-group: b",
        ),
        (json!({"as": "jane", "as-groups": null}), "impersonate-user: jane"),
    ] {
        let cluster = cluster(&plain(&server), &user).await;
        get(&cluster, "/version").await.expect("an answer");
        let head = server.head().await;
        assert!(head.contains(&format!("\r\n{shows}\r\n")), "{head}");
        assert!(head.starts_with("GET /version HTTP/1.1\r\n"), "{head}");
        assert!(
            head.contains(&format!("\r\nhost: {}\r\n", server.address)),
            "{head}"
        );
        drop(cluster);
        assert_eq!(server.head().await, "the end");
    }
    let nobody = cluster(&plain(&server), &json!({})).await;
    get(&nobody, "/version").await.expect("an answer");
    assert!(!server.head().await.contains("authorization"));
}

#[tokio::test]
async fn flags_say_whom_to_act_as() {
    let mut server = Server::start(None).await;
    let folder = Folder::new(
        &plain(&server),
        &json!({"token": "abc", "as": "nobody", "as-groups": ["none"]}),
    );
    let access = Access {
        as_user: Some("jane".into()),
        as_groups: vec!["a".into(), "b".into()],
        ..folder.access()
    };
    get(&connected(&access).await, "/version")
        .await
        .expect("an answer");
    let head = server.head().await;
    for shows in [
        "authorization: Bearer abc",
        "impersonate-user: jane",
        "impersonate-group: a\r\nimpersonate-group: b",
    ] {
        assert!(head.contains(&format!("\r\n{shows}\r\n")), "{head}");
    }
    assert!(!head.contains("no"), "{head}");
}

#[tokio::test]
async fn who_logs_in_by_what_is_gone_is_told() {
    let server = Server::start(None).await;
    let folder = Folder::new(&plain(&server), &json!({"auth-provider": {"name": "gcp"}}));
    let error = folder.access().connect().await.err().expect("an error");
    assert!(error.to_string().contains("auth-provider `gcp`"), "{error}");
    assert!(error.is_of_settings(), "{error}");
}

#[tokio::test]
async fn a_client_certificate_is_shown_from_data_and_from_files() {
    let authority = Authority::new("ours");
    let mut server = Server::start(Some(authority.acceptor("127.0.0.1", true))).await;
    let (certificate, key) = authority.sign("me");
    let user = json!({
        "client-certificate-data": STANDARD.encode(&certificate),
        "client-key-data": STANDARD.encode(&key),
    });
    get(&cluster(&trusted(&server, &authority), &user).await, "/version")
        .await
        .expect("an answer");
    server.head().await;
    let files = json!({"client-certificate": "me.crt", "client-key": "me.key", "client-key-data": ""});
    let mut near = trusted(&server, &authority);
    near["certificate-authority"] = "ca.crt".into();
    near["certificate-authority-data"] = Value::Null;
    let folder = Folder::new(&near, &files);
    folder.file("me.crt", &certificate);
    folder.file("me.key", &key);
    folder.file("ca.crt", &authority.pem);
    get(&connected(&folder.access()).await, "/version")
        .await
        .expect("an answer");
    let without = refused(&cluster(&trusted(&server, &authority), &json!({})).await).await;
    assert!(
        without.ends_with("the server wants a client certificate (give `clientCert` and `clientKey`)"),
        "{without}"
    );
    let half = Folder::new(
        &trusted(&server, &authority),
        &json!({"client-certificate": "me.crt"}),
    );
    half.file("me.crt", &certificate);
    let error = half.access().connect().await.err().expect("an error").to_string();
    assert!(
        error.ends_with("there is a client-certificate, and no client-key"),
        "{error}"
    );
}

#[tokio::test]
async fn a_certificate_may_be_of_another_name_or_of_any() {
    let authority = Authority::new("ours");
    let mut server = Server::start(Some(authority.acceptor("api.example", false))).await;
    let near = trusted(&server, &authority);
    let error = refused(&cluster(&near, &json!({})).await).await;
    assert!(
        error.ends_with("the server's certificate is for api.example, not for 127.0.0.1"),
        "{error}"
    );
    let mut named = near.clone();
    named["tls-server-name"] = "api.example".into();
    get(&cluster(&named, &json!({})).await, "/version")
        .await
        .expect("an answer");
    let (_, name, head) = server.next().await;
    assert_eq!(name, "api.example");
    assert!(
        head.contains(&format!("\r\nhost: {}\r\n", server.address)),
        "{head}"
    );
    server.head().await;
    let any = json!({"server": near["server"], "insecure-skip-tls-verify": true});
    get(&cluster(&any, &json!({})).await, "/version")
        .await
        .expect("an answer");
    let other = trusted(&server, &Authority::new("theirs"));
    let error = refused(&cluster(&other, &json!({})).await).await;
    assert!(error.contains("unknown issuer"), "{error}");
}

/// A proxy: what it is asked for first is told, and everything behind goes to `target`.
async fn proxy(target: SocketAddr) -> (SocketAddr, Receiver<String>) {
    let listener = TcpListener::bind("127.0.0.1:0").await.expect("a port");
    let address = listener.local_addr().expect("an address");
    let (sender, seen) = channel(9);
    tokio::spawn(async move {
        loop {
            let (mut near, _) = listener.accept().await.expect("a connection");
            let asked = head(&mut near).await.expect("a head");
            let mut far = TcpStream::connect(target).await.expect("the target");
            if asked.starts_with("CONNECT ") {
                near.write_all(b"HTTP/1.1 200 OK\r\n\r\n")
                    .await
                    .expect("a client");
            } else {
                far.write_all(asked.as_bytes()).await.expect("the target");
            }
            sender.send(asked).await.expect("a test");
            tokio::spawn(async move { copy_bidirectional(&mut near, &mut far).await });
        }
    });
    (address, seen)
}

#[tokio::test]
async fn a_file_names_a_proxy_for_its_cluster() {
    let authority = Authority::new("ours");
    let server = Server::start(Some(authority.acceptor("api.example", false))).await;
    let (address, mut seen) = proxy(server.address).await;
    let mut far = trusted(&server, &authority);
    far["server"] = "https://api.example:6443/k8s".into();
    far["proxy-url"] = format!("http://me:pw@{address}").into();
    get(&cluster(&far, &json!({})).await, "/version")
        .await
        .expect("an answer");
    let asked = seen.recv().await.expect("a tunnel");
    assert!(
        asked.starts_with("CONNECT api.example:6443 HTTP/1.1\r\n"),
        "{asked}"
    );
    assert!(
        asked.contains("\r\nProxy-Authorization: Basic bWU6cHc=\r\n"),
        "{asked}"
    );
    // Nobody is asked directly where the proxy is away.
    far["proxy-url"] = "http://127.0.0.1:9".into();
    let error = refused(&cluster(&far, &json!({})).await).await;
    assert_eq!(
        error,
        "the API server https://api.example:6443/k8s cannot be reached: connection refused (through the proxy http://127.0.0.1:9)"
    );
    far["proxy-url"] = "socks5://127.0.0.1:9".into();
    let folder = Folder::new(&far, &json!({}));
    let error = folder
        .access()
        .connect()
        .await
        .err()
        .expect("an error")
        .to_string();
    assert!(error.contains("`socks5://` are not supported"), "{error}");
}

#[tokio::test]
async fn the_environment_names_proxies_and_exceptions() {
    let mut server = Server::start(None).await;
    let (address, mut seen) = proxy(server.address).await;
    let far = json!({"server": "http://api.invalid:8080/k8s"});
    let folder = Folder::new(&far, &json!({"token": "abc"}));
    let mut access = Access {
        surroundings: Surroundings {
            proxies: ProxyEnv {
                http: Some(Secret::new(format!("http://me:pw@{address}"))),
                ..ProxyEnv::default()
            },
            ..Surroundings::default()
        },
        ..folder.access()
    };
    get(&connected(&access).await, "/version")
        .await
        .expect("an answer");
    let asked = seen.recv().await.expect("a request");
    assert!(
        asked.starts_with("GET http://api.invalid:8080/k8s/version HTTP/1.1\r\n"),
        "{asked}"
    );
    assert!(
        asked.contains("\r\nproxy-authorization: Basic bWU6cHc=\r\n"),
        "{asked}"
    );
    assert!(asked.contains("\r\nhost: api.invalid:8080\r\n"), "{asked}");
    server.head().await;
    access.surroundings.proxies.no_proxy = Some(".invalid".into());
    let error = refused(&connected(&access).await).await;
    assert!(
        error.ends_with("cannot be reached: host not found: api.invalid"),
        "{error}"
    );
    // This machine is reached directly.
    access.server = Some(format!("http://{}", server.address));
    access.surroundings.proxies.no_proxy = None;
    get(&connected(&access).await, "/version")
        .await
        .expect("an answer");
    assert!(seen.try_recv().is_err());
}

#[tokio::test]
async fn a_connection_is_used_again_unless_its_server_ends_it() {
    let mut server = Server::start(None).await;
    let near = json!({"server": format!("http://{}/k8s/c-1/", server.address)});
    let cluster = cluster(&near, &json!({})).await;
    let mut connections = Vec::new();
    for path in ["/a?b=c", "/ends", "/ends", "/d"] {
        get(&cluster, path).await.expect("an answer");
        let (number, _, head) = server.next().await;
        assert!(
            head.starts_with(&format!("GET /k8s/c-1{path} HTTP/1.1\r\n")),
            "{head}"
        );
        connections.push(number);
    }
    assert_eq!(connections, [0, 0, 1, 2]);
}

#[tokio::test]
async fn an_answer_that_goes_on_has_a_connection_of_its_own_until_it_is_dropped() {
    let mut server = Server::start(None).await;
    let cluster = cluster(&plain(&server), &json!({})).await;
    let lines = cluster.stream("/lines", Asked::DISCOVERY, PATIENCE, 9).await;
    let mut lines = lines.expect("an answer");
    assert_eq!(server.next().await.0, 0);
    assert_eq!(lines.next().await.expect("a line").as_deref(), Some(&b"a"[..]));
    get(&cluster, "/version").await.expect("an answer");
    assert_eq!(server.next().await.0, 1);
    assert_eq!(lines.next().await.expect("a line").as_deref(), Some(&b"b"[..]));
    drop(lines);
    let (number, _, end) = server.next().await;
    assert_eq!((number, end.as_str()), (0, "the end"));
    let cut = cluster.stream("/lines/ends", Asked::DISCOVERY, PATIENCE, 9).await;
    let mut cut = cut.expect("an answer");
    cut.next().await.expect("a line");
    cut.next().await.expect("a line");
    let error = cut.next().await.expect_err("it is not over").to_string();
    assert!(error.contains("cannot be reached: "), "{error}");
}

#[tokio::test]
async fn what_is_no_answer_is_told() {
    let server = Server::start(None).await;
    let cluster = cluster(&plain(&server), &json!({})).await;
    let shown = format!("http://{}", server.address);
    let deadline = || Instant::now() + Duration::from_millis(200);
    let error = cluster
        .get("/silence", Asked::DISCOVERY, deadline())
        .await
        .expect_err("no answer");
    assert!(matches!(error, ClusterError::TimedOut { .. }), "{error}");
    let error = cluster
        .stream("/silence", Asked::DISCOVERY, Duration::from_millis(200), 9)
        .await;
    assert!(matches!(error, Err(ClusterError::TimedOut { .. })));
    let error = get(&cluster, "/page").await.expect_err("no JSON").to_string();
    assert!(
        error.starts_with(&format!(
            "{shown} does not answer as an API server does: its answer is not JSON ("
        )),
        "{error}"
    );
    let error = get(&cluster, "/odd").await.expect_err("no HTTP").to_string();
    assert!(
        error.starts_with(&format!("the API server {shown} cannot be reached: invalid HTTP")),
        "{error}"
    );
    let closed = TcpListener::bind("127.0.0.1:0").await.expect("a port");
    let address = closed.local_addr().expect("an address");
    drop(closed);
    let away = Folder::new(&json!({"server": format!("https://{address}")}), &json!({}));
    let error = refused(&connected(&away.access()).await).await;
    assert_eq!(
        error,
        format!("the API server https://{address} cannot be reached: connection refused")
    );
}

#[tokio::test]
async fn who_hangs_up_may_be_back() {
    let listener = TcpListener::bind("127.0.0.1:0").await.expect("a port");
    let address = listener.local_addr().expect("an address");
    tokio::spawn(async move {
        loop {
            drop(listener.accept().await.expect("a connection"));
        }
    });
    let near = json!({"server": format!("https://{address}")});
    let error = get(&cluster(&near, &json!({})).await, "/version").await;
    let error = error.expect_err("no answer");
    assert!(error.may_pass(), "{error}");
}
