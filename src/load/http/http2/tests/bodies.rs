//! Answers of every form, and bodies of every size.

use std::cell::Cell;
use std::rc::Rc;
use std::time::Duration;

use bytes::Bytes;
use futures_util::future::join_all;
use h2::server::{Builder, SendResponse};
use http::{HeaderMap, Method, Response, StatusCode};
use tokio::time::sleep;

use super::Memory;
use super::raw::{
    DATA, END_HEADERS, END_STREAM, HEADERS, OK, RST_STREAM, Raw, WINDOW_UPDATE, answer, frame, reset, setting,
};
use super::{Limits, Server, ask, asking, exchange, get, prepared, run};
use crate::load::Way;
use crate::load::http::search::Needle;

const BIG: usize = 24 << 20;
/// SETTINGS_INITIAL_WINDOW_SIZE.
const INITIAL_WINDOW_SIZE: u16 = 4;

/// Answers 200 with a body that takes as long as flow control lets it.
fn pour(respond: &mut SendResponse<Bytes>, size: usize) {
    if let Ok(mut stream) = respond.send_response(Response::new(()), false) {
        let _ = stream.send_data(vec![b'x'; size].into(), true);
    }
}

#[test]
fn a_big_answer_is_read_to_its_end() {
    run(async {
        let server = Server::start(Builder::new(), |_, mut respond| async move {
            pour(&mut respond, BIG);
        })
        .await;
        let session = server.session().await;
        let incoming = ask(&session).await.expect("an answer");
        assert_eq!(incoming.bytes, BIG as u64);
        assert!(incoming.first_byte < incoming.end);
        assert!(incoming.seen.beginning.is_empty(), "no wall can stand in it");
    });
}

#[test]
fn windows_are_given_back_whatever_the_size_of_the_answers() {
    run(async {
        // Three times the window of the connection, in answers that need none of their own.
        let server = Server::start(Builder::new(), |_, mut respond| async move {
            pour(&mut respond, 100_000);
        })
        .await;
        let session = server.session().await;
        for _ in 0..25 {
            let answers = join_all((0..10).map(|_| ask(&session))).await;
            for incoming in answers {
                assert_eq!(incoming.expect("an answer").bytes, 100_000);
            }
        }
    });
}

#[test]
fn a_big_answer_costs_few_window_updates() {
    run(async {
        let (mut raw, session) = Raw::session().await;
        let asked = asking(&session);
        let request = raw.wait_for(HEADERS).await;
        raw.send(&frame(HEADERS, END_HEADERS, request.stream, OK)).await;
        let chunk = frame(DATA, 0, request.stream, &[b'x'; 16_384]);
        let mut updates = 0;
        // Half of the window of a stream, four times.
        for _ in 0..4 {
            for _ in 0..32 {
                raw.send(&chunk).await;
            }
            raw.wait_for(WINDOW_UPDATE).await;
            updates += 1;
        }
        raw.send(&frame(DATA, END_STREAM, request.stream, b"")).await;
        let incoming = asked.await.expect("no panic").expect("an answer");
        assert_eq!(incoming.bytes, 128 * 16_384);
        assert_eq!(updates, 4);
    });
}

#[test]
fn a_big_body_is_sent_to_its_end() {
    run(async {
        let received = Rc::new(Cell::new(0));
        let counter = Rc::clone(&received);
        let server = Server::start(Builder::new(), move |request, mut respond| {
            let counter = Rc::clone(&counter);
            async move {
                let mut body = request.into_body();
                while let Some(Ok(chunk)) = body.data().await {
                    counter.set(counter.get() + chunk.len());
                    let _ = body.flow_control().release_capacity(chunk.len());
                }
                super::say(&mut respond, "thanks");
            }
        })
        .await;
        let session = server.session().await;
        let request = prepared(Method::PUT, vec![b'x'; BIG]);
        let incoming = exchange(&session, &request).await.expect("an answer");
        assert_eq!((incoming.bytes, received.get()), (6, BIG));
    });
}

#[test]
fn an_early_answer_to_a_big_body_is_an_answer() {
    run(async {
        let (mut raw, session) = Raw::session().await;
        for with_reset in [true, false] {
            let (session, request) = (session.clone(), prepared(Method::POST, vec![b'x'; BIG]));
            let asked = tokio::task::spawn_local(async move { exchange(&session, &request).await });
            let request = raw.wait_for(HEADERS).await;
            let mut bytes = answer(request.stream, b"no, thanks");
            if with_reset {
                bytes.extend(reset(request.stream, u32::from(h2::Reason::NO_ERROR)));
            }
            raw.send(&bytes).await;
            let incoming = asked.await.expect("no panic").expect("an answer");
            assert_eq!(incoming.bytes, 10);
            if !with_reset {
                // Nobody needs the rest.
                let given_up = raw.wait_for(RST_STREAM).await;
                assert_eq!(given_up.stream, request.stream);
            }
        }
        assert!(session.is_usable());
    });
}

#[test]
fn a_body_that_the_server_never_takes_harms_no_other_request() {
    run(async {
        let (mut raw, session) = Raw::session_with(&setting(INITIAL_WINDOW_SIZE, 0), Limits::default()).await;
        let (other, request) = (session.clone(), prepared(Method::POST, "never"));
        let stuck = tokio::task::spawn_local(async move { exchange(&other, &request).await });
        let post = raw.wait_for(HEADERS).await;
        let asked = asking(&session);
        let request = raw.wait_for(HEADERS).await;
        raw.send(&answer(request.stream, b"x")).await;
        asked.await.expect("no panic").expect("an answer");
        assert!(!stuck.is_finished());
        // This is what happens when its time is over.
        stuck.abort();
        let given_up = raw.wait_for(RST_STREAM).await;
        assert_eq!(given_up.stream, post.stream);
        assert!(session.is_usable());
    });
}

#[test]
fn answers_without_a_body_are_complete() {
    run(async {
        let server = Server::start(Builder::new(), |request, mut respond| async move {
            let mut response = Response::new(());
            *response.status_mut() = match request.method().as_str() {
                "GET" => StatusCode::NOT_MODIFIED,
                "HEAD" => StatusCode::OK,
                _ => StatusCode::NO_CONTENT,
            };
            if request.method() != Method::DELETE {
                response
                    .headers_mut()
                    .insert("content-length", http::HeaderValue::from_static("1000"));
            }
            let _ = respond.send_response(response, true);
        })
        .await;
        let session = server.session().await;
        for (method, status) in [(Method::GET, 304), (Method::HEAD, 200), (Method::DELETE, 204)] {
            let incoming = exchange(&session, &prepared(method, ""))
                .await
                .expect("an answer");
            assert_eq!((incoming.status.as_u16(), incoming.bytes), (status, 0));
            assert_eq!(incoming.first_byte, incoming.end);
        }
    });
}

#[test]
fn informational_answers_are_passed_over_and_trailers_end_an_answer() {
    run(async {
        let (mut raw, session) = Raw::session().await;
        let asked = asking(&session);
        let request = raw.wait_for(HEADERS).await;
        // `:status: 103`, as a literal.
        raw.send(&frame(HEADERS, END_HEADERS, request.stream, b"\x08\x03103"))
            .await;
        raw.send(&frame(HEADERS, END_HEADERS, request.stream, OK)).await;
        raw.send(&frame(DATA, 0, request.stream, b"body")).await;
        sleep(Duration::from_millis(10)).await;
        assert!(!asked.is_finished());
        let trailers = b"\x00\x01a\x01b";
        raw.send(&frame(
            HEADERS,
            END_HEADERS | END_STREAM,
            request.stream,
            trailers,
        ))
        .await;
        let incoming = asked.await.expect("no panic").expect("an answer");
        assert_eq!((incoming.status.as_u16(), incoming.bytes), (200, 4));
    });
}

#[test]
fn a_text_is_looked_for_and_the_beginning_of_an_error_page_is_kept() {
    run(async {
        let server = Server::start(Builder::new(), |_, mut respond| async move {
            let mut response = Response::new(());
            *response.status_mut() = StatusCode::FORBIDDEN;
            let Ok(mut stream) = respond.send_response(response, false) else {
                return;
            };
            let _ = stream.send_data(Bytes::from_static(b"<p>Log "), false);
            let _ = stream.send_data(Bytes::from_static(b"in</p>"), false);
            let _ = stream.send_trailers(HeaderMap::new());
        })
        .await;
        let (session, request, mut way) = (server.session().await, get(), Way::default());
        let memory = &Memory::default();
        for (text, found) in [("Log in", true), ("Log out", false)] {
            let needle = Needle::new(Bytes::from_static(text.as_bytes()));
            let asked = session.exchange(&request, Some(&needle), memory, &mut way);
            let incoming = asked.await.expect("an answer");
            assert_eq!(incoming.seen.found, found, "{text}");
            assert_eq!(incoming.seen.beginning, b"<p>Log in</p>");
        }
        assert!(ask(&session).await.expect("an answer").seen.found);
    });
}
