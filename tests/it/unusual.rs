//! What is unusual but right is no failure.

use std::io::Write as _;
use std::time::Duration;

use crate::support::{App, Faulty, Server, each};

/// An answer: its name, the method of the request, its bytes, and whether the connection stays open after it.
struct Row {
    name: &'static str,
    method: &'static str,
    answer: &'static [u8],
    open: bool,
}

const fn row(name: &'static str, method: &'static str, answer: &'static [u8], open: bool) -> Row {
    Row {
        name,
        method,
        answer,
        open,
    }
}

#[rustfmt::skip] // a table
const ROWS: &[Row] = &[
    row("HEAD with a length and no body", "HEAD", b"HTTP/1.1 200 OK\r\nContent-Length: 1000\r\n\r\n", true),
    row("204 without a length", "GET", b"HTTP/1.1 204 No Content\r\n\r\n", true),
    row("304 with a length and no body", "GET", b"HTTP/1.1 304 Not Modified\r\nContent-Length: 5\r\n\r\n", true),
    row("early hints before the answer", "GET", b"HTTP/1.1 103 Early Hints\r\nLink: </a.css>; rel=preload\r\n\r\nHTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok", true),
    row("chunks with extensions and trailers", "GET", b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n2;a=b\r\nok\r\n0\r\nX-Sum: 1\r\n\r\n", true),
    row("chunked in capitals", "GET", b"HTTP/1.1 200 OK\r\nTRANSFER-ENCODING: Chunked\r\n\r\n2\r\nok\r\n0\r\n\r\n", true),
    row("no reason phrase", "GET", b"HTTP/1.1 200\r\nContent-Length: 2\r\n\r\nok", true),
    row("a status of the server's own", "GET", b"HTTP/1.1 299 Fine\r\nContent-Length: 0\r\n\r\n", true),
    row("the same length twice", "GET", b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\nContent-Length: 2\r\n\r\nok", true),
    row("bytes in headers that are no text", "GET", b"HTTP/1.1 200 OK\r\nX-Name: caf\xe9\r\nContent-Length: 2\r\n\r\nok", true),
    row("HTTP/1.0 that closes", "GET", b"HTTP/1.0 200 OK\r\nContent-Length: 2\r\n\r\nok", false),
    row("closes without saying so", "GET", b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok", false),
    row("closes and says so", "GET", b"HTTP/1.1 200 OK\r\nConnection: close\r\nContent-Length: 2\r\n\r\nok", false),
];

#[test]
fn answers_that_are_rare_but_valid_are_answers() {
    each(
        ROWS,
        |row| row.name,
        |row| {
            let (answer, open) = (row.answer, row.open);
            let server = Faulty::new(move |stream| stream.write_all(answer).is_ok() && open);
            let app = App::with(&format!(
                "spec:\n- task: http\n  with: {{url: '{}', method: {}, numRequests: 12, qps: 50}}\n- task: assess\n  with: {{objectives: [http/error-count <= 0]}}\n",
                server.url(),
                row.method
            ));
            app.run(&["run"]).exits(0);
            let measured = &app.result()["insights"]["versions"][0]["loads"][0]["measurement"];
            assert_eq!(measured["answered"], 12, "{measured}");
            assert_eq!(server.requests(), 12);
            let connections = measured["connections"].as_u64().unwrap_or_default();
            assert!(
                connections <= if open { 4 } else { 12 },
                "{connections} connections"
            );
        },
    );
}

#[test]
fn addresses_are_sent_as_they_are_written() {
    let server = Server::ok();
    let port = server.port();
    let host = format!("127.0.0.1:{port}");
    let rows = [
        ("no path", format!("http://{host}"), "/", host.clone()),
        ("no scheme", format!("{host}/a"), "/a", host.clone()),
        (
            "fragment",
            format!("http://{host}/a?b=c#d"),
            "/a?b=c",
            host.clone(),
        ),
        (
            "escapes",
            format!("http://{host}/a%2Fb/%C3%A9?q=%20x"),
            "/a%2Fb/%C3%A9?q=%20x",
            host.clone(),
        ),
        ("letters", format!("http://{host}/é"), "/%C3%A9", host.clone()),
        (
            "a name",
            format!("http://localhost:{port}/"),
            "/",
            format!("localhost:{port}"),
        ),
    ];
    for (name, url, path, host) in rows {
        let app = App::new();
        app.run(&["run", "--url", &url, "--numRequests", "3", "--qps", "100"])
            .exits(0);
        let last = server.seen().pop().expect("a request");
        assert_eq!(
            (last.path.as_str(), last.header("host")),
            (path, host.as_str()),
            "{name}"
        );
    }
}

#[test]
fn each_request_of_a_load_has_an_id_of_its_own_in_its_address() {
    let server = Server::ok();
    let app = App::with(&format!(
        "spec:\n- task: http\n  with: {{url: '{}', numRequests: 9, qps: 200}}\n",
        server.url("/items/{uuid}?key={uuid}")
    ));
    app.run(&["run"]).exits(0);
    let seen = server.seen();
    let ids: std::collections::HashSet<&str> = seen
        .iter()
        .flat_map(|seen| seen.path.trim_start_matches("/items/").split("?key="))
        .collect();
    assert_eq!(ids.len(), 18, "{seen:?}");
    assert!(ids.iter().all(|id| id.len() == 36), "{ids:?}");
}

#[test]
fn warm_up_is_neither_counted_nor_judged() {
    let server = Server::new(|seen| match seen.number {
        0..4 => crate::support::Answer::status(500).after(Duration::from_millis(100)),
        _ => crate::support::Answer::status(200),
    });
    let url = server.url("/");
    let app = App::with(&format!(
        "spec:\n- task: http\n  with: {{url: '{url}', numRequests: 4, qps: 100, warmup: true}}\n- task: http\n  with: {{url: '{url}', numRequests: 10, qps: 100}}\n- task: assess\n  with: {{objectives: [http/error-rate <= 0, http/request-count >= 10]}}\n"
    ));
    app.run(&["run"]).exits(0);
    assert_eq!(server.requests(), 14);
    let loads = app.result()["insights"]["versions"][0]["loads"]
        .as_array()
        .cloned()
        .unwrap_or_default();
    assert_eq!(loads.len(), 1);
    assert_eq!(loads[0]["measurement"]["requests"], 10);
}
