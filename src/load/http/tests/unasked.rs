//! What a server sends when nothing was asked for: a failure, whoever speaks HTTP/1.1 and with or without TLS, and never
//! just another connection.

use super::secure::{Identity, net, url};
use super::server::{Reply, Server, answer};
use super::*;
use crate::load::http::codec::Violation;

/// The ways in which HTTP/1.1 is spoken: whether by the library, and whether over TLS.
const WAYS: [(bool, bool); 4] = [(false, false), (false, true), (true, false), (true, true)];

/// Loads a server that replies the same to all, on one connection at a time.
async fn load_of(
    reply: fn() -> Reply,
    asked: &Asked,
    by_library: bool,
    tls: bool,
) -> (LoadMeasurement, Server) {
    let (server, spec, net) = if tls {
        let good = Identity::new("localhost", 4000);
        let server = Server::start_tls(good.server(None), move |_| reply()).await;
        (server.clone(), get(&url(&server)), net(&server, Some(&good)))
    } else {
        let server = Server::start(move |_| reply()).await;
        (server.clone(), get(&server.url("/")), NetSettings::default())
    };
    let spec = RequestSpec {
        max_redirects: u8::from(by_library),
        ..spec
    };
    (load_with(asked, &spec, &net).await, server)
}

/// As many requests, so slowly that what follows an answer is there before the next.
fn slow(requests: u64) -> Asked {
    let mut asked = burst(requests, 1);
    asked.plan.pace = Pace::PerSecond(Rate::per_second(12.0).expect("a rate"));
    asked
}

fn assert_unasked(load: &LoadMeasurement, count: u64) {
    let expected = Violation::Unasked.to_string();
    let found = only_failure(load);
    assert_eq!(found, (FailureClass::Protocol, count, expected.as_str()));
    assert_eq!((load.errors, load.reconnects), (count, 0));
}

#[tokio::test]
async fn an_answer_that_more_bytes_follow_is_an_error() {
    let garbage = || Reply::Say(answer(200, "ok") + "garbage");
    let twice = || Reply::Say(answer(200, "ok") + &answer(200, "ok"));
    for (by_library, tls) in WAYS {
        for reply in [garbage, twice] {
            let (load, server) = load_of(reply, &burst(4, 1), by_library, tls).await;
            assert_unasked(&load, 4);
            assert_eq!((load.requests, load.answered, server.connections()), (4, 4, 4));
        }
    }
    // Nobody waits for what follows on a connection that the server closes.
    let closes =
        || Reply::SayAndClose("HTTP/1.1 200 OK\r\nconnection: close\r\ncontent-length: 2\r\n\r\nokay".into());
    for (by_library, tls) in WAYS {
        let (load, _) = load_of(closes, &burst(4, 1), by_library, tls).await;
        assert_eq!((load.answered, load.errors), (4, 0), "{:?}", load.failures);
    }
}

#[tokio::test]
async fn bytes_on_an_idle_connection_are_the_failure_of_the_next_request_alone() {
    let garbage = || Reply::SayAndSay(answer(200, "ok"), "garbage".to_owned());
    let twice = || Reply::SayAndSay(answer(200, "ok"), answer(200, "ok"));
    for (by_library, tls) in WAYS {
        for reply in [garbage, twice] {
            let (load, server) = load_of(reply, &slow(6), by_library, tls).await;
            // A client that is held up sees it with the answer, and then it is an error of that one.
            assert_unasked(&load, load.errors);
            assert!(
                (3..6).contains(&load.answered) && load.errors >= 3,
                "by library: {by_library}, tls: {tls}: {load:?}"
            );
            assert_eq!((load.requests, load.connections), (6, load.answered));
            assert_eq!(server.seen(|_| ()).len() as u64, load.answered);
        }
    }
}

#[tokio::test]
async fn a_server_that_says_408_to_an_idle_client_has_closed_the_connection() {
    let farewell = || {
        let timed_out = "HTTP/1.1 408 Request Timeout\r\nconnection: close\r\ncontent-length: 0\r\n\r\n";
        Reply::SayAndSay(answer(200, "ok"), timed_out.to_owned())
    };
    for (by_library, tls) in WAYS {
        let (load, _) = load_of(farewell, &slow(4), by_library, tls).await;
        // A client that is held up may have asked again before it could see it.
        let said = load.failures.get(&FailureClass::Protocol);
        assert!(said.is_none() && load.answered == 4, "{load:?}");
        assert!(
            (1..=3).contains(&load.reconnects),
            "by library: {by_library}, tls: {tls}"
        );
    }
}
