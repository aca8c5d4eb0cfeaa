//! Connections that are kept: whatever happens on them after a good answer is counted as what it is, once.

use std::io::{BufRead as _, BufReader, Write as _};
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use serde_json::{Value, json};

use crate::support::{Faulty, each, judged_load};

/// A good answer.
const GOOD: &[u8] = b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok";

/// What comes in place of an answer, and what is to be made of it.
struct Fault {
    name: &'static str,
    answer: Vec<u8>,
    /// Sent again and again after it, until the client has seen enough.
    endless: &'static [u8],
    class: &'static str,
    says: &'static str,
}

fn fault(name: &'static str, answer: impl Into<Vec<u8>>, class: &'static str, says: &'static str) -> Fault {
    Fault {
        name,
        answer: answer.into(),
        endless: b"",
        class,
        says,
    }
}

impl Fault {
    fn endless(mut self, piece: &'static [u8]) -> Self {
        self.endless = piece;
        self
    }
}

#[rustfmt::skip] // a table
fn faults() -> Vec<Fault> {
    let head = |headers: &str| format!("HTTP/1.1 200 OK\r\n{headers}\r\n\r\n");
    let invalid = "not a valid answer";
    let early = "closed before the answer was complete";
    vec![
        fault("half a head", "HTTP/1.1 200 OK\r\nContent-Le", "reset", early),
        fault("truncated body", head("Content-Length: 9") + "short", "reset", early),
        fault("truncated chunks", head("Transfer-Encoding: chunked") + "5\r\nhello\r\n", "reset", early),
        fault("truncated trailers", head("Transfer-Encoding: chunked") + "0\r\nX-Sum: 1\r\n", "reset", early),
        fault("garbage", "SSH-2.0-OpenSSH_9.6\r\n\r\n", "protocol", invalid),
        fault("binary garbage", [0_u8, 1, 2, 255, 13, 10, 13, 10], "protocol", invalid),
        fault("HTTP/2 unasked", *b"\0\0\0\x04\0\0\0\0\0", "protocol", invalid),
        fault("broken chunks", head("Transfer-Encoding: chunked") + "zz\r\nhello\r\n", "protocol", "invalid chunk size"),
        fault("a chunk longer than its size", head("Transfer-Encoding: chunked") + "2\r\nhello\r\n0\r\n\r\n", "protocol", "does not end where its size says"),
        fault("a chunk size that overflows", head("Transfer-Encoding: chunked") + "10000000000000000\r\n", "protocol", "invalid chunk size"),
        fault("a negative length", head("Content-Length: -1"), "protocol", "invalid content-length"),
        fault("two lengths", head("Content-Length: 2\r\nContent-Length: 3") + "ok!", "protocol", "invalid content-length"),
        fault("two lengths in a line", head("Content-Length: 2, 3") + "ok!", "protocol", "invalid content-length"),
        fault("both length and chunks", head("Content-Length: 2\r\nTransfer-Encoding: chunked") + "2\r\nok\r\n0\r\n\r\n", "protocol", "both content-length and transfer-encoding"),
        fault("another protocol", "HTTP/1.1 101 Switching Protocols\r\nUpgrade: x\r\nConnection: upgrade\r\n\r\n", "protocol", "changes the protocol without being asked to"),
        fault("an endless header", "HTTP/1.1 200 OK\r\n", "protocol", "too many headers")
        .endless(b"X-More: and more and more and more and more\r\n"),
        fault("an endless header line", "HTTP/1.1 200 OK\r\nX-Long: ", "protocol", "header of the answer is too large")
        .endless(b"and more "),
        fault("endless empty lines", "", "protocol", "header of the answer is too large")
        .endless(b"\r\n"),
        fault("an endless chunk extension", head("Transfer-Encoding: chunked") + "2;a=", "protocol", "too long a chunk extension")
        .endless(b"and-more-"),
        fault("endless trailers", head("Transfer-Encoding: chunked") + "0\r\n", "protocol", "trailers are too large")
        .endless(b"X-More: and more and more\r\n"),
        fault("endless interim answers", "", "protocol", "too many interim answers")
        .endless(b"HTTP/1.1 103 Early Hints\r\n\r\n"),
    ]
}

/// Answers well and badly in turn on each connection, and counts how often it was bad.
fn every_second(fault: &Fault) -> (Faulty, Arc<AtomicUsize>) {
    let (answer, endless) = (fault.answer.clone(), fault.endless);
    let bad = Arc::new(AtomicUsize::new(0));
    let counted = Arc::clone(&bad);
    let server = Faulty::counting(move |stream, index| {
        if index == 0 {
            return stream.write_all(GOOD).is_ok();
        }
        counted.fetch_add(1, Ordering::SeqCst);
        let mut open = stream.write_all(&answer).is_ok() && !endless.is_empty();
        while open {
            open = stream.write_all(&endless.repeat(100)).is_ok();
        }
        false
    });
    (server, bad)
}

#[test]
fn a_fault_on_a_kept_connection_is_counted_once_and_the_next_request_has_a_new_one() {
    each(
        &faults(),
        |fault| fault.name,
        |fault| {
            for (connections, requests) in [(1, 8), (50, 120)] {
                let (server, bad) = every_second(fault);
                let more = format!("numRequests: {requests}, qps: max, connections: {connections}");
                let (measured, _, output) = judged_load(&server.url(), &more, &[]);
                let bad = bad.load(Ordering::SeqCst);
                output.exits(1).says(fault.says);
                assert_eq!(measured["requests"], requests, "{output}");
                assert_eq!(measured["errors"], bad, "{output}");
                assert_eq!(measured["failures"][fault.class]["count"], bad, "{output}");
                assert_eq!(measured["answered"], requests - bad, "{output}");
                assert_eq!(server.requests(), requests, "nothing is sent twice");
                assert_eq!(measured["connections"], server.connections(), "{output}");
                if connections == 1 {
                    assert_eq!(bad, requests / 2);
                }
            }
        },
    );
}

#[test]
fn an_answer_that_never_ends_times_out_and_takes_its_connection_with_it() {
    let rows = [
        ("no answer", ""),
        ("half a head", "HTTP/1.1 200 OK\r\n"),
        ("half a body", "HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\nhalf"),
        (
            "half a chunk",
            "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n9\r\nhalf",
        ),
        ("an interim answer alone", "HTTP/1.1 100 Continue\r\n\r\n"),
    ];
    each(
        &rows,
        |row| row.0,
        |&(_, text): &(&'static str, &'static str)| {
            for (connections, requests) in [(1, 2), (50, 100)] {
                let server = Faulty::counting(move |stream, index| {
                    let answer = if index == 0 { GOOD } else { text.as_bytes() };
                    stream.write_all(answer).is_ok()
                });
                let more =
                    format!("numRequests: {requests}, qps: max, connections: {connections}, timeout: 600ms");
                let (measured, _, output) = judged_load(&server.url(), &more, &[]);
                output.exits(1).says("timed out");
                let late = server.requests() - server.connections();
                assert_eq!(measured["requests"], requests, "{output}");
                assert_eq!(measured["failures"]["timeout"]["count"], late, "{output}");
                assert_eq!(measured["answered"], requests - late, "{output}");
                assert_eq!(server.requests(), requests, "nothing is sent twice");
            }
        },
    );
}

#[test]
fn what_follows_an_answer_is_nobodys_answer() {
    // In one piece with the answer, or while the connection is idle.
    let rows = [
        ("at once", Duration::ZERO),
        ("a little later", Duration::from_millis(5)),
    ];
    let again = b"HTTP/1.1 500 Not Asked For\r\nContent-Length: 0\r\n\r\n";
    each(
        &rows,
        |row| row.0,
        |(_, later)| {
            let later = *later;
            for (connections, qps) in [(1, 8), (50, 12)] {
                let server = Faulty::new(move |stream| {
                    if later.is_zero() {
                        return stream.write_all(&[GOOD, again].concat()).is_ok();
                    }
                    let sent = stream.write_all(GOOD);
                    std::thread::sleep(later);
                    sent.and_then(|()| stream.write_all(again)).is_ok()
                });
                let more = format!("numRequests: 6, qps: {qps}, connections: {connections}");
                let (measured, _, output) = judged_load(&server.url(), &more, &[]);
                output.exits(1).says("bytes that nobody asked for");
                assert_eq!(measured["requests"], 6, "{output}");
                let number = |value: &Value| value.as_u64().expect("a number");
                let answered = number(&measured["answered"]);
                let errors = number(&measured["errors"]);
                if later.is_zero() {
                    assert_eq!((answered, errors), (6, 6), "{output}");
                } else {
                    // It is the failure of the next request, which is not sent, unless a slow client saw it with the answer.
                    assert!((3..6).contains(&answered), "{output}");
                    assert!(errors >= 3 && answered + errors >= 6, "{output}");
                }
                assert_eq!(measured["statuses"], json!({ "200": answered }), "{output}");
                assert_eq!(measured["failures"]["protocol"]["count"], errors, "{output}");
                assert_eq!(measured["reconnects"], 0, "{output}");
                let seen = (server.requests() as u64, server.connections() as u64);
                assert_eq!(seen, (answered, answered), "{output}");
            }
        },
    );
}

#[test]
fn an_answer_that_comes_before_the_upload_has_ended_is_an_answer() {
    // The server leaves the connection open and unread, or closes it, which resets it.
    let rows = [("stays", true), ("closes", false)];
    each(
        &rows,
        |row| row.0,
        |(_, stays)| {
            let stays = *stays;
            for connections in [1, 50] {
                let server = Faulty::sockets(move |mut stream, counts| {
                    let copy = stream.try_clone().expect("a socket");
                    let mut line = String::new();
                    let mut reader = BufReader::with_capacity(64, copy);
                    if reader.read_line(&mut line).unwrap_or_default() == 0 {
                        return;
                    }
                    counts.request();
                    let _ = stream.write_all(b"HTTP/1.1 200 Enough\r\nContent-Length: 2\r\n\r\nok");
                    let open = if stays {
                        Duration::from_secs(30)
                    } else {
                        Duration::from_millis(20)
                    };
                    std::thread::sleep(open);
                });
                let more = format!("numRequests: 3, qps: 100, connections: {connections}, payloadFile: big");
                let big = vec![b'x'; 8 << 20];
                let (measured, _, output) = judged_load(&server.url(), &more, &[("big", &big)]);
                output.exits(0);
                assert_eq!(measured["answered"], 3, "{output}");
                assert_eq!((server.requests(), server.connections()), (3, 3));
            }
        },
    );
}

#[test]
fn a_body_that_ends_with_its_connection_is_whole() {
    let rows = [
        ("HTTP/1.1", "HTTP/1.1 200 OK\r\n\r\n"),
        ("HTTP/1.0", "HTTP/1.0 200 OK\r\n\r\n"),
        (
            "a coding that is not chunked",
            "HTTP/1.1 200 OK\r\nTransfer-Encoding: gzip\r\n\r\n",
        ),
    ];
    each(
        &rows,
        |row| row.0,
        |(_, head)| {
            for connections in [1, 50] {
                let answer = [head.as_bytes(), &vec![b'x'; 100_000]].concat();
                let server = Faulty::bytes(answer);
                let more = format!("numRequests: 20, qps: max, connections: {connections}");
                let (measured, _, output) = judged_load(&server.url(), &more, &[]);
                output.exits(0);
                assert_eq!(measured["bytesReceived"], 2_000_000, "{output}");
                assert_eq!((server.requests(), server.connections()), (20, 20));
            }
        },
    );
}
