//! [`Client`] against real servers on this machine.

use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};

use super::*;
use crate::net::proxy::ProxySettings;

/// A server that gives every connection to `serve`.
async fn server<F: Future<Output = ()> + Send>(
    serve: impl Fn(TcpStream) -> F + Send + Sync + Copy + 'static,
) -> SocketAddr {
    let listener = TcpListener::bind("127.0.0.1:0").await.expect("bind");
    let address = listener.local_addr().expect("address");
    tokio::spawn(async move {
        while let Ok((stream, _)) = listener.accept().await {
            serve(stream).await;
        }
    });
    address
}

/// The head of a request.
async fn head(stream: &mut TcpStream) -> String {
    let mut head = Vec::new();
    while !head.ends_with(b"\r\n\r\n") {
        match stream.read_u8().await {
            Ok(byte) => head.push(byte),
            Err(_) => break,
        }
    }
    String::from_utf8_lossy(&head).into_owned()
}

async fn answer(stream: &mut TcpStream, text: &str) {
    stream.write_all(text.as_bytes()).await.expect("write");
}

fn client(settings: &NetSettings) -> Client {
    Client::new(settings, Redirects::Follow(3)).expect("client")
}

fn get(url: &str) -> Request {
    Request {
        timeout: Duration::from_secs(5),
        ..Request::get(url.parse().expect(url))
    }
}

async fn failure(url: &str) -> ClientError {
    client(&NetSettings::default())
        .send(get(url))
        .await
        .expect_err("no answer")
}

#[tokio::test]
async fn an_answer_comes_with_status_headers_and_body() {
    let address = server(async |mut stream| {
        let agent = head(&mut stream).await.contains(USER_AGENT);
        let body = format!("HTTP/1.1 201 Created\r\nx-a: b\r\ncontent-length: 5\r\n\r\n{agent:5}");
        answer(&mut stream, &body).await;
    })
    .await;
    let response = client(&NetSettings::default())
        .send(get(&format!("http://{address}/x")))
        .await
        .expect("answer");
    assert_eq!(response.status, 201);
    assert_eq!(response.headers["x-a"], "b");
    assert_eq!(response.whole_body().expect("whole"), "true ");
}

#[tokio::test]
async fn a_long_body_is_cut_at_the_limit() {
    let address = server(async |mut stream| {
        head(&mut stream).await;
        answer(
            &mut stream,
            "HTTP/1.1 200 OK\r\ncontent-length: 10\r\n\r\n0123456789",
        )
        .await;
    })
    .await;
    let mut request = get(&format!("http://{address}/?secret=1"));
    request.body_limit = 4;
    let response = client(&NetSettings::default())
        .send(request)
        .await
        .expect("answer");
    assert_eq!(response.body, "0123");
    let error = response.whole_body().expect_err("cut").to_string();
    assert_eq!(
        error,
        format!("http://{address}/: the answer is longer than 4 bytes")
    );
}

#[tokio::test]
async fn an_override_leads_to_its_address() {
    let address = server(async |mut stream| {
        let host = head(&mut stream)
            .await
            .to_lowercase()
            .contains("host: app.example");
        let text = format!("HTTP/1.1 200 OK\r\ncontent-length: 5\r\n\r\n{host:5}");
        answer(&mut stream, &text).await;
    })
    .await;
    let port = address.port();
    let settings = NetSettings {
        resolve: vec![format!("app.example:{port}:127.0.0.1").parse().expect("override")],
        ..NetSettings::default()
    };
    let response = client(&settings)
        .send(get(&format!("http://app.example:{port}/")))
        .await
        .expect("answer");
    assert_eq!(response.body, "true ");
}

#[tokio::test]
async fn a_proxy_gets_the_whole_url_and_its_credentials() {
    let address = server(async |mut stream| {
        let head = head(&mut stream).await.to_lowercase();
        let right = head.starts_with("get http://app.example/x ")
            && head.contains("proxy-authorization: basic bwu6chc=");
        let text = format!("HTTP/1.1 200 OK\r\ncontent-length: 5\r\n\r\n{right:5}");
        answer(&mut stream, &text).await;
    })
    .await;
    let proxy = format!("http://me:pw@{address}").parse().expect("proxy");
    let settings = NetSettings {
        proxy: ProxySettings::Explicit(proxy),
        ..NetSettings::default()
    };
    let response = client(&settings)
        .send(get("http://app.example/x"))
        .await
        .expect("answer");
    assert_eq!(response.body, "true ");
}

#[tokio::test]
async fn errors_say_which_phase_failed() {
    let closed = server(async |mut stream| {
        head(&mut stream).await;
    })
    .await;
    let error = failure(&format!("http://{closed}/")).await;
    assert!(matches!(error, ClientError::Reset { .. }), "{error:?}");

    let garbage = server(async |mut stream| {
        stream.read_u8().await.expect("a byte");
        answer(&mut stream, "SSH-2.0-OpenSSH\r\n\r\n").await;
    })
    .await;
    let error = failure(&format!("http://{garbage}/")).await;
    assert!(matches!(error, ClientError::Protocol { .. }), "{error:?}");
    let error = failure(&format!("https://{garbage}/")).await;
    assert!(matches!(error, ClientError::Tls { .. }), "{error:?}");

    let looping = server(async |mut stream| {
        head(&mut stream).await;
        answer(
            &mut stream,
            "HTTP/1.1 302 Found\r\nlocation: /\r\ncontent-length: 0\r\nconnection: close\r\n\r\n",
        )
        .await;
    })
    .await;
    let error = failure(&format!("http://{looping}/")).await;
    assert!(matches!(error, ClientError::TooManyRedirects { .. }), "{error:?}");

    let error = failure("http://no-such-host.invalid/").await;
    assert_eq!(error.to_string(), "host not found: no-such-host.invalid");
    let error = failure("ftp://app.example/").await;
    assert!(matches!(error, ClientError::Url(_)), "{error:?}");
}

#[tokio::test]
async fn nobody_listening_and_nobody_answering_are_told_apart() {
    let listener = TcpListener::bind("127.0.0.1:0").await.expect("bind");
    let address = listener.local_addr().expect("address");
    let mut request = get(&format!("http://{address}/"));
    request.timeout = Duration::from_millis(100);
    let error = client(&NetSettings::default())
        .send(request)
        .await
        .expect_err("silence");
    assert!(matches!(error, ClientError::TimedOut { .. }), "{error:?}");
    drop(listener);
    let error = failure(&format!("http://{address}/")).await;
    assert_eq!(error.to_string(), format!("connection refused by {address}"));
}

/// The paths that were asked, and the status of the answer, when `/` redirects with `status` to `to`.
async fn redirected(method: Method, body: &'static str, status: u16, to: &str) -> (u16, Option<String>) {
    let listener = TcpListener::bind("127.0.0.1:0").await.expect("bind");
    let address = listener.local_addr().expect("address");
    let to = to.replace("SAME", &format!("http://{address}"));
    let there = to.clone();
    let serves = tokio::spawn(async move {
        while let Ok((mut stream, _)) = listener.accept().await {
            let head = head(&mut stream).await;
            let text = if head.contains(" /there ") {
                let whole = head.starts_with("GET") || head.contains("content-length: 4");
                let status = if whole { 200 } else { 400 };
                format!("HTTP/1.1 {status} X\r\ncontent-length: 0\r\nconnection: close\r\n\r\n")
            } else {
                format!(
                    "HTTP/1.1 {status} X\r\nlocation: {there}\r\ncontent-length: 0\r\nconnection: close\r\n\r\n"
                )
            };
            answer(&mut stream, &text).await;
        }
    });
    let client = Client::new(&NetSettings::default(), Redirects::Faithful(2)).expect("client");
    let request = Request {
        body: body.into(),
        ..Request::new(method, format!("http://{address}/").parse().expect("a URL"))
    };
    let response = client.send(request).await.expect("answer");
    serves.abort();
    let leads = response.leads_to().map(|url| url.to_string());
    (response.status.as_u16(), leads)
}

#[tokio::test]
async fn a_request_is_redirected_whole_and_to_its_own_server_or_not_at_all() {
    for status in [301, 302, 303, 307, 308] {
        assert_eq!(
            redirected(Method::GET, "", status, "/there").await,
            (200, None),
            "{status}"
        );
        let (found, leads) = redirected(Method::POST, "body", status, "SAME/there").await;
        if status < 307 {
            assert_eq!(found, status);
            assert!(leads.is_some_and(|to| to.ends_with("/there")));
        } else {
            assert_eq!((found, leads), (200, None), "{status}");
        }
        for elsewhere in [
            "http://127.0.0.1:1/there",
            "https://127.0.0.1/there",
            "//localhost/there",
        ] {
            let (found, leads) = redirected(Method::GET, "", status, elsewhere).await;
            assert_eq!(found, status, "{elsewhere}");
            assert!(leads.is_some());
        }
    }
}

#[tokio::test]
async fn faithful_redirects_have_an_end() {
    let address = server(async |mut stream| {
        head(&mut stream).await;
        answer(
            &mut stream,
            "HTTP/1.1 302 X\r\nlocation: /\r\ncontent-length: 0\r\n\r\n",
        )
        .await;
    })
    .await;
    let client = Client::new(&NetSettings::default(), Redirects::Faithful(2)).expect("client");
    let error = client
        .send(get(&format!("http://{address}/")))
        .await
        .expect_err("a loop");
    assert!(matches!(error, ClientError::TooManyRedirects { .. }), "{error}");
}
