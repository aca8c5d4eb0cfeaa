//! Good, bad and broken answers over plain TCP.

use std::sync::atomic::{AtomicUsize, Ordering};

use http::{HeaderName, HeaderValue, Method};
use tokio::net::TcpListener;

use super::server::{Reply, Server, answer, ok};
use super::{
    Duration, FailureClass, LoadMeasurement, NetSettings, NonZeroU64, Pace, Rate, RequestSpec, Statistic,
    Stop, Timing, burst, get, load, load_with, ms, only_failure,
};
use crate::load::LoadError;
use crate::net::proxy::ProxySettings;

/// The measurement of a few requests, all of which are answered like this.
async fn answered_with(reply: impl Fn() -> Reply + Send + Sync + 'static) -> LoadMeasurement {
    let server = Server::start(move |_| reply()).await;
    let mut plan = burst(3, 1);
    plan.pool.timeout = ms(400);
    load(&plan, &get(&server.url("/"))).await
}

#[tokio::test]
async fn connections_are_kept_and_every_answer_is_counted() {
    let server = Server::start(ok).await;
    let load = load(&burst(60, 3), &get(&server.url("/a?b=c"))).await;
    assert_eq!((load.requests, load.answered, load.errors), (60, 60, 0));
    assert_eq!((load.connections, server.connections()), (3, 3));
    assert_eq!((load.statuses[&200], load.bytes_received), (60, 120));
    assert_eq!(load.timings[&Timing::Latency].count(), 60);
    assert_eq!(load.timings[&Timing::Connect].count(), 3);
    assert!(load.cold_start.is_some() && load.elapsed > 0.0);
    assert!(
        server
            .seen(|seen| seen.path() == "/a?b=c")
            .iter()
            .all(|right| *right)
    );
}

#[tokio::test]
async fn what_is_sent_is_what_was_asked_for() {
    let server = Server::start(ok).await;
    let mut spec = get(&server.url("/x"));
    spec.method = Method::PUT;
    spec.body = "hello".into();
    spec.headers
        .insert("host", HeaderValue::from_static("app.example"));
    spec.headers
        .insert("user-agent", HeaderValue::from_static("mine"));
    load(&burst(1, 1), &spec).await;
    let head = server.seen(|seen| seen.head.to_lowercase()).remove(0);
    assert!(head.starts_with("put /x http/1.1\r\n"), "{head}");
    for line in ["host: app.example", "user-agent: mine", "content-length: 5"] {
        assert_eq!(head.matches(&format!("\r\n{line}\r\n")).count(), 1, "{head}");
    }
    assert_eq!(server.seen(|seen| seen.body.clone()), ["hello"]);

    load(&burst(1, 1), &get(&server.url("/y"))).await;
    let head = server.seen(|seen| seen.head.clone()).remove(1);
    assert!(head.contains(crate::net::USER_AGENT), "{head}");
}

#[tokio::test]
async fn odd_characters_in_a_url_reach_the_server() {
    let server = Server::start(ok).await;
    let url = server.url("/a b^|`{x}[]\"<>ü%zz;,@!$&'()*+=:~?q=a b^|`{x}[]\"<>ü%zz'#fragment");
    let load = load(&burst(2, 1), &get(&url)).await;
    assert_eq!((load.answered, load.errors), (2, 0), "{:?}", load.failures);
    let path = server.seen(|seen| seen.path().to_owned()).remove(0);
    assert!(
        path.starts_with("/a%20b^|") || path.starts_with("/a%20b%5E"),
        "{path}"
    );
    assert!(path.contains("?q=a%20b") && !path.contains("fragment"), "{path}");
}

#[tokio::test]
async fn every_request_has_its_own_uuid() {
    let server = Server::start(ok).await;
    let mut spec = get(&server.url("/{uuid}"));
    spec.method = Method::POST;
    spec.body = "{\"id\": \"{uuid}\"}".into();
    load(&burst(5, 1), &spec).await;
    let mut texts = server.seen(|seen| seen.path().to_owned());
    texts.extend(server.seen(|seen| seen.body.clone()));
    texts.sort();
    texts.dedup();
    assert_eq!(texts.len(), 10);
    assert!(texts.iter().all(|text| !text.contains("uuid")), "{texts:?}");
}

#[tokio::test]
async fn error_ranges_and_expectations_make_errors_of_answers() {
    let server = Server::start(|seen| {
        let status = seen.path().trim_start_matches('/').parse().unwrap_or(200);
        Reply::Say(answer(status, "the body"))
    })
    .await;
    let failure = async |path: &str, change: fn(&mut RequestSpec)| {
        let mut spec = get(&server.url(path));
        change(&mut spec);
        let load = load(&burst(2, 1), &spec).await;
        assert_eq!(load.answered, 2);
        assert_eq!(load.timings[&Timing::Latency].count(), 2);
        if load.errors == 0 {
            return None;
        }
        let (class, count, example) = only_failure(&load);
        assert_eq!(count, 2);
        Some((class, example.to_owned()))
    };
    let status = Some((FailureClass::Status, "503 Service Unavailable".to_owned()));
    assert_eq!(failure("/503", |_| {}).await, status);
    assert_eq!(failure("/302", |_| {}).await, None);
    assert_eq!(
        failure("/503", |spec| spec.error_ranges = vec![500..=502]).await,
        None
    );

    let expectation = |text: &str| Some((FailureClass::Expectation, text.to_owned()));
    assert_eq!(
        failure("/", |spec| spec.expect.body = Some("e bod".into())).await,
        None
    );
    assert_eq!(
        failure("/", |spec| spec.expect.body = Some("other".into())).await,
        expectation("the body does not contain `other`")
    );
    assert_eq!(
        failure("/201", |spec| spec.expect.status = vec![200..=200]).await,
        expectation("status 201 is not an expected one")
    );
    let header = |spec: &mut RequestSpec| {
        let pair = (
            HeaderName::from_static("x-commit"),
            HeaderValue::from_static("abc"),
        );
        spec.expect.headers = vec![pair];
    };
    assert_eq!(
        failure("/", header).await,
        expectation("there is no header x-commit")
    );
}

#[tokio::test]
async fn a_refused_connection_is_an_error_without_latency() {
    let listener = TcpListener::bind("127.0.0.1:0").await.expect("bind");
    let url = format!("http://{}/", listener.local_addr().expect("address"));
    drop(listener);
    let load = load(&burst(10, 2), &get(&url)).await;
    assert_eq!((load.requests, load.errors, load.connections), (10, 10, 0));
    assert_eq!(
        only_failure(&load),
        (FailureClass::Connect, 10, "connection refused")
    );
    assert!(!load.timings.contains_key(&Timing::Latency));
}

#[tokio::test]
async fn a_reset_connection_is_an_error_without_latency() {
    let listener = TcpListener::bind("127.0.0.1:0").await.expect("bind");
    let url = format!("http://{}/", listener.local_addr().expect("address"));
    tokio::spawn(async move {
        while let Ok((stream, _)) = listener.accept().await {
            // Closing with unread bytes resets the connection.
            let _ = stream.readable().await;
        }
    });
    let load = load(&burst(4, 1), &get(&url)).await;
    assert_eq!((load.requests, load.answered, load.errors), (4, 0, 4));
    assert_eq!(load.failures[&FailureClass::Reset].count, 4);
    assert!(!load.timings.contains_key(&Timing::Latency));
}

#[tokio::test]
async fn broken_answers_are_errors_of_their_class() {
    use FailureClass::{Protocol, Reset, Timeout};
    let head = "HTTP/1.1 200 OK\r\n";
    let huge = format!("{head}x: {}\r\n\r\n", "y".repeat(1 << 20));
    let chunked = format!("{head}transfer-encoding: chunked\r\n\r\n");
    let close = |text: String| move || Reply::SayAndClose(text.clone());
    for (load, class) in [
        (answered_with(close(String::new())).await, Reset),
        (answered_with(close("HTTP/1.1 200".into())).await, Reset),
        (
            answered_with(close(format!("{head}content-length: 10\r\n\r\nshort"))).await,
            Reset,
        ),
        (answered_with(close(format!("{chunked}5\r\nab"))).await, Reset),
        (
            answered_with(close(format!("{chunked}zz\r\nab\r\n"))).await,
            Protocol,
        ),
        (
            answered_with(close("SSH-2.0-OpenSSH_9.6\r\n\r\n".into())).await,
            Protocol,
        ),
        (
            answered_with(close(format!("{head}content-length: many\r\n\r\n"))).await,
            Protocol,
        ),
        (answered_with(close(huge)).await, Protocol),
        (answered_with(|| Reply::Silence).await, Timeout),
        (answered_with(|| Reply::Drip).await, Timeout),
    ] {
        assert_eq!(
            (load.requests, load.answered, load.errors),
            (3, 0, 3),
            "{class:?}"
        );
        let (found, _, example) = only_failure(&load);
        assert_eq!(found, class, "{example}");
        let latencies = load.timings.get(&Timing::Latency);
        match latencies {
            Some(latencies) => {
                assert_eq!((class, latencies.count()), (Timeout, 3));
                assert!(latencies.statistic(Statistic::Min) >= Some(400.0));
            }
            None => assert_ne!(class, Timeout),
        }
    }
}

#[tokio::test]
async fn bytes_behind_an_answer_do_not_reach_the_next_one() {
    let server =
        Server::start(|_| Reply::Say(format!("{}HTTP/1.1 500 Oops\r\n\r\n", answer(200, "ok")))).await;
    let load = load(&burst(6, 1), &get(&server.url("/"))).await;
    assert_eq!(
        (load.statuses.get(&200), load.statuses.get(&500)),
        (Some(&6), None)
    );
    assert_eq!((only_failure(&load).1, load.errors), (6, 6));
}

#[tokio::test]
async fn redirects_are_followed_when_asked_to_be() {
    let other = Server::start(|_| Reply::Say(answer(200, "there"))).await;
    let to = other.url("/there");
    let server = Server::start(move |seen| {
        let location = match seen.path() {
            "/a" => "/b",
            "/b" => &to,
            _ => "/loop",
        };
        Reply::Say(format!(
            "HTTP/1.1 302 Found\r\nlocation: {location}\r\ncontent-length: 0\r\n\r\n"
        ))
    })
    .await;
    let mut spec = get(&server.url("/a"));
    for name in ["authorization", "cookie", "x-api-key", "cf-access-client-secret"] {
        spec.headers.insert(name, HeaderValue::from_static("secret"));
    }
    spec.headers
        .insert("accept-language", HeaderValue::from_static("eo"));
    assert_eq!(load(&burst(2, 1), &spec).await.statuses[&302], 2);

    spec.max_redirects = 5;
    let followed = load(&burst(10, 1), &spec).await;
    assert_eq!(
        (followed.statuses[&200], followed.errors, followed.requests),
        (10, 0, 10)
    );
    assert_eq!((followed.connections, other.connections()), (2, 1));
    assert!(
        other
            .seen(|seen| seen.head.contains("secret"))
            .iter()
            .all(|leaked| !leaked)
    );
    assert!(
        other
            .seen(|seen| seen.head.contains("accept-language: eo"))
            .iter()
            .all(|kept| *kept)
    );
    let stayed = server.seen(|seen| seen.path() == "/b" && seen.head.contains("x-api-key"));
    assert_eq!(stayed.iter().filter(|sent| **sent).count(), 10);
    assert!(
        other
            .seen(|seen| seen.head.contains(&other.address.to_string()))
            .iter()
            .all(|host| *host)
    );

    spec.url = server.url("/loop").parse().expect("url");
    let looping = load(&burst(2, 1), &spec).await;
    assert_eq!(
        only_failure(&looping),
        (FailureClass::Expectation, 2, "more than 5 redirects")
    );
}

#[tokio::test]
async fn walls_are_counted() {
    let server = Server::start(|_| {
        Reply::Say(
            "HTTP/1.1 307 X\r\nlocation: https://vercel.com/sso-api?url=x\r\ncontent-length: 0\r\n\r\n"
                .into(),
        )
    })
    .await;
    let load = load(&burst(4, 1), &get(&server.url("/"))).await;
    assert_eq!(load.errors, 0);
    assert_eq!(load.walls.values().sum::<u64>(), 4);
}

#[tokio::test]
async fn a_wall_is_recognised_however_its_page_is_cut() {
    let page = format!(
        "{}<title>Authentication Required</title>{}",
        "<!-- a long head -->".repeat(400),
        "<p>text</p>".repeat(2000)
    );
    for size in [7, 1000, 5000, page.len()] {
        let mut chunks = String::new();
        for chunk in page.as_bytes().chunks(size) {
            let text = String::from_utf8_lossy(chunk);
            chunks += &format!("{:x}\r\n{text}\r\n", chunk.len());
        }
        let head = "HTTP/1.1 200 OK\r\ncontent-type: text/html\r\ntransfer-encoding: chunked\r\n\r\n";
        let server = Server::start(move |_| Reply::Say(format!("{head}{chunks}0\r\n\r\n"))).await;
        let load = load(&burst(3, 1), &get(&server.url("/"))).await;
        assert_eq!(
            (load.answered, load.walls.values().sum()),
            (3, 3),
            "in parts of {size}"
        );
    }
}

#[tokio::test]
async fn a_wall_that_comes_late_is_found_though_not_each_page_is_looked_at() {
    let (pages, wall) = (AtomicUsize::new(0), "<title>Authentication Required</title>");
    let server = Server::start(move |_| {
        let number = pages.fetch_add(1, Ordering::Relaxed);
        // Each page is another.
        let page = format!("<p>{number}</p>{}", if number < 200 { "" } else { wall });
        let length = page.len();
        Reply::Say(format!(
            "HTTP/1.1 200 OK\r\ncontent-type: text/html\r\ncontent-length: {length}\r\n\r\n{page}"
        ))
    })
    .await;
    let load = load(&burst(300, 1), &get(&server.url("/"))).await;
    let walls = load.walls.values().sum::<u64>();
    assert!((84..=100).contains(&walls), "{walls} of 100");
}

#[tokio::test]
async fn a_proxy_forwards_http_with_credentials() {
    let server = Server::start(ok).await;
    let proxy = format!("http://me:pw@{}", server.address).parse().expect("proxy");
    let net = NetSettings {
        proxy: ProxySettings::Explicit(proxy),
        ..NetSettings::default()
    };
    let load = load_with(&burst(3, 1), &get("http://app.invalid/x?y"), &net).await;
    assert_eq!((load.answered, load.errors), (3, 0));
    assert!(
        server
            .seen(|seen| seen.path() == "http://app.invalid/x?y")
            .iter()
            .all(|right| *right)
    );
    let credentials = "proxy-authorization: basic bwu6chc=";
    assert!(
        server
            .seen(|seen| seen.head.to_lowercase().contains(credentials))
            .iter()
            .all(|right| *right)
    );
}

#[tokio::test]
async fn a_relative_redirect_is_relative_to_the_request_that_was_sent() {
    let server = Server::start(|seen| {
        if seen.path().contains("/profile") {
            Reply::Say("HTTP/1.1 302 Found\r\nlocation: me/\r\ncontent-length: 0\r\n\r\n".to_owned())
        } else {
            Reply::Say(answer(200, "ok"))
        }
    })
    .await;
    let mut spec = get(&server.url("/users/{uuid}/profile?a=b"));
    spec.max_redirects = 3;
    let load = load(&burst(2, 1), &spec).await;
    assert_eq!((load.answered, load.errors), (2, 0), "{:?}", load.failures);
    let paths = server.seen(|seen| seen.path().to_owned());
    for hops in paths.chunks(2) {
        let folder = hops[0].strip_suffix("profile?a=b").expect("the first hop");
        assert!(!folder.contains("uuid"), "{folder}");
        assert_eq!(hops[1], format!("{folder}me/"));
    }
}

#[tokio::test]
async fn a_body_that_cannot_be_decoded_fails_only_where_something_is_looked_for_in_it() {
    for encoding in ["br", "zstd", "gzip"] {
        let server = Server::start(move |_| {
            Reply::Say(format!(
                "HTTP/1.1 200 OK\r\ncontent-type: text/html\r\ncontent-encoding: {encoding}\r\n\
                 content-length: 4\r\n\r\n\u{1}\u{2}\u{3}\u{4}"
            ))
        })
        .await;
        let mut spec = get(&server.url("/"));
        let unasked = load(&burst(3, 1), &spec).await;
        assert_eq!(
            (unasked.answered, unasked.errors),
            (3, 0),
            "{:?}",
            unasked.failures
        );
        spec.expect.body = Some("ok".into());
        let asked = load(&burst(3, 1), &spec).await;
        assert_eq!(only_failure(&asked).1, 3, "{encoding}");
    }
}

#[tokio::test]
async fn what_cannot_run_at_all_is_an_error_of_the_load() {
    let failure = async |url: &str| {
        let shutdown = super::CancellationToken::new();
        super::run_one(
            &burst(1, 1),
            &get(url),
            &NetSettings::default(),
            &shutdown,
            |_| {},
        )
        .await
        .expect_err(url)
    };
    let unknown = failure("http://no-such-host.invalid/").await;
    assert!(matches!(unknown, LoadError::Resolve(_)), "{unknown:?}");
    let scheme = failure("ftp://user:pw@app.example/").await;
    assert_eq!(
        scheme.to_string(),
        "ftp://app.example/ is not an http:// or https:// URL"
    );
}

#[tokio::test]
async fn a_paced_load_sends_its_due_requests_and_reports_on_the_way() {
    let server = Server::start(ok).await;
    let mut plan = burst(1, 4);
    plan.plan.stop = Stop::For(ms(1200));
    plan.plan.pace = Pace::PerSecond(Rate::per_second(50.0).expect("a rate"));
    let (report, reports) = std::sync::mpsc::channel();
    let shutdown = super::CancellationToken::new();
    let progress = move |progress: crate::load::Progress| report.send(progress).expect("a listener");
    let load = super::run_one(
        &plan,
        &get(&server.url("/")),
        &NetSettings::default(),
        &shutdown,
        progress,
    )
    .await
    .expect("runs");
    assert_eq!((load.requests, load.errors, load.unsent), (60, 0, 0));
    assert_eq!(server.seen(|_| ()).len(), 60);
    assert!(load.elapsed >= 1.18, "{}", load.elapsed);
    let reports: Vec<_> = reports.iter().collect();
    assert!(reports.len() >= 2, "{}", reports.len());
    let last = reports.last().expect("one");
    assert_eq!((last.sent, last.total), (60, Some(60)));
    assert!(last.elapsed >= Duration::from_secs(1));
}

#[tokio::test]
async fn memory_does_not_grow_with_the_number_of_requests() {
    let server = Server::start(ok).await;
    let size = async |requests| {
        let mut plan = burst(1, 4);
        plan.plan.stop = Stop::After(NonZeroU64::new(requests).expect("not zero"));
        let load = load(&plan, &get(&server.url("/"))).await;
        serde_json::to_string(&load).expect("json").len()
    };
    let (few, many) = (size(300).await, size(3000).await);
    assert!(many < 5 * few, "{few} and {many} bytes");
}
