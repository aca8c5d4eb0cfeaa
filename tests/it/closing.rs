//! Servers that close connections, with and without a word: no request is lost, none is sent twice that must not be.

use std::io::Write as _;
use std::thread;
use std::time::Duration;

use crate::support::{Faulty, each, judged_load};

/// A good answer.
const GOOD: &[u8] = b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok";

/// A server that closes each connection after a number of answers.
struct Closing {
    name: String,
    method: &'static str,
    after: usize,
    announced: bool,
    connections: usize,
}

#[test]
fn a_server_that_closes_after_some_answers_costs_connections_and_no_request() {
    let mut rows = Vec::new();
    for method in ["GET", "POST"] {
        for after in [1, 3, 100] {
            for announced in [true, false] {
                for connections in [1, 50] {
                    rows.push(Closing {
                        name: format!("{method} {after} {announced} {connections}"),
                        method,
                        after,
                        announced,
                        connections,
                    });
                }
            }
        }
    }
    each(
        &rows,
        |row| &row.name,
        |row| {
            let (after, announced) = (row.after, row.announced);
            let server = Faulty::counting(move |stream, index| {
                let last = index + 1 == after;
                let close = if last && announced {
                    "Connection: close\r\n"
                } else {
                    ""
                };
                let answer = format!("HTTP/1.1 200 OK\r\n{close}Content-Length: 2\r\n\r\nok");
                if !last {
                    return stream.write_all(answer.as_bytes()).is_ok();
                }
                // The end of the answer waits for the end of the connection (Nagle), so that both arrive at once.
                let _ = stream.set_nodelay(false);
                let (first, rest) = answer.split_at(1);
                let _ = stream.write_all(first.as_bytes());
                let _ = stream.write_all(rest.as_bytes());
                false
            });
            let requests: u64 = if after == 100 { 450 } else { 120 };
            let body = if row.method == "POST" {
                ", payloadStr: hello"
            } else {
                ""
            };
            let more = format!(
                "numRequests: {requests}, qps: max, connections: {}, method: {}{body}",
                row.connections, row.method
            );
            let (measured, _, output) = judged_load(&server.url(), &more, &[]);
            let errors = measured["errors"].as_u64().expect("a number");
            if row.method == "POST" && !announced {
                // One that is written in the very moment of the close is lost, and never sent again.
                assert!(errors <= requests / 4, "{output}");
            } else {
                assert_eq!(errors, 0, "{output}");
            }
            assert_eq!(measured["answered"], requests - errors, "{output}");
            assert_eq!(server.requests() as u64, requests - errors, "{output}");
            let connections = server.connections() as u64;
            assert!(connections >= server.requests() as u64 / after as u64, "{output}");
            assert_eq!(measured["connections"], connections, "{output}");
            if row.connections == 1 && errors == 0 {
                let reconnects = if announced { 0 } else { connections - 1 };
                assert_eq!(measured["reconnects"], reconnects, "{output}");
            }
        },
    );
}

#[test]
fn a_connection_that_was_closed_while_idle_is_replaced_without_an_error() {
    let rows = [
        ("GET", ""),
        ("POST", ", payloadStr: hello"),
        ("POST", ", payloadStr: hello, followRedirects: true"),
    ];
    each(
        &rows,
        |row| row.1,
        |(method, more)| {
            let server = Faulty::new(|stream| {
                let sent = stream.write_all(GOOD).is_ok();
                let patience = Some(Duration::from_millis(50));
                stream.set_read_timeout(patience).expect("a socket");
                sent
            });
            let more = format!("numRequests: 10, qps: 8, connections: 1, method: {method}{more}");
            let (measured, app, output) = judged_load(&server.url(), &more, &[]);
            output.exits(0);
            assert_eq!(
                (&measured["answered"], &measured["errors"]),
                (&10.into(), &0.into())
            );
            let reconnects = server.connections() - 1;
            assert!(reconnects >= 5, "{output}");
            assert_eq!(measured["reconnects"], reconnects, "{output}");
            assert_eq!(server.requests(), 10);
            let told = format!("{reconnects} of them because the server had closed an idle one");
            app.run(&["report"]).says(&told);
        },
    );
}

#[test]
fn a_post_that_was_written_is_not_sent_again_and_a_get_is() {
    // The second request of each connection is taken, and the connection closed in place of an answer.
    let run = |more: &str| {
        let server = Faulty::counting(|stream, index| index == 0 && stream.write_all(GOOD).is_ok());
        let (measured, _, output) = judged_load(&server.url(), more, &[]);
        (measured, output, server)
    };
    let (measured, output, server) =
        run("numRequests: 8, qps: max, connections: 1, method: POST, payloadStr: hello");
    output.exits(1).says("closed before the answer was complete");
    assert_eq!(
        (&measured["answered"], &measured["failures"]["reset"]["count"]),
        (&4.into(), &4.into()),
        "{output}"
    );
    assert_eq!(server.requests(), 8, "a POST is never sent twice");
    // RFC 9110, section 9.2.2: a client may repeat what is as good twice as once. Where the server was slow to close, it
    // may have worked on the request, and that is an error.
    let (measured, output, server) = run("numRequests: 8, qps: max, connections: 1");
    let [answered, errors, reconnects] =
        ["answered", "errors", "reconnects"].map(|name| measured[name].as_u64().expect("a number"));
    assert_eq!(answered + errors, 8, "{output}");
    assert!(reconnects >= 1, "{output}");
    assert_eq!(server.requests() as u64, 8 + reconnects, "{output}");
}

#[test]
fn a_request_that_the_server_worked_on_and_dropped_is_an_error() {
    let server = Faulty::counting(|stream, index| {
        if index > 0 {
            thread::sleep(Duration::from_millis(9));
        }
        index == 0 && stream.write_all(GOOD).is_ok()
    });
    let (measured, _, output) = judged_load(&server.url(), "numRequests: 8, qps: 50, connections: 1", &[]);
    output.exits(1).says("closed before the answer was complete");
    assert_eq!(
        (
            &measured["answered"],
            &measured["errors"],
            &measured["reconnects"]
        ),
        (&4.into(), &4.into(), &0.into()),
        "{output}"
    );
    assert_eq!(server.requests(), 8, "none was sent twice");
}

#[test]
fn connections_live_as_long_as_the_server_says() {
    let rows = [
        ("HTTP/1.0", "HTTP/1.0 200 OK\r\nContent-Length: 2\r\n\r\nok", 8),
        (
            "HTTP/1.0 that keeps it",
            "HTTP/1.0 200 OK\r\nConnection: keep-alive\r\nContent-Length: 2\r\n\r\nok",
            1,
        ),
        ("HTTP/1.1", "HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok", 1),
        ("no content", "HTTP/1.1 204 No Content\r\n\r\n", 1),
        (
            "one of several options",
            "HTTP/1.1 200 OK\r\nConnection: x, CLOSE\r\nContent-Length: 2\r\n\r\nok",
            8,
        ),
        (
            "after interim answers",
            "HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 103 Early Hints\r\n\r\nHTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok",
            1,
        ),
    ];
    each(
        &rows,
        |row| row.0,
        |&(_, answer, connections): &(&'static str, &'static str, usize)| {
            let server = Faulty::new(|stream| stream.write_all(answer.as_bytes()).is_ok());
            let more =
                "numRequests: 8, qps: max, connections: 1, headers: {Expect: 100-continue}, payloadStr: hi";
            let (measured, _, output) = judged_load(&server.url(), more, &[]);
            output.exits(0);
            assert_eq!(
                (&measured["answered"], &measured["reconnects"]),
                (&8.into(), &0.into())
            );
            assert_eq!(
                (server.requests(), server.connections()),
                (8, connections),
                "{output}"
            );
        },
    );
}
