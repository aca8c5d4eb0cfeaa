//! Connections that are kept between requests, and what their end means.

use http::Method;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpListener;

use super::server::{Reply, Server, answer};
use super::*;

#[tokio::test]
async fn a_server_that_closes_after_each_answer_costs_connections_not_errors() {
    let polite = "HTTP/1.1 200 OK\r\nconnection: close\r\ncontent-length: 2\r\n\r\nok";
    let server = Server::start(move |_| Reply::SayAndClose(polite.to_owned())).await;
    let announced = load(&burst(20, 2), &get(&server.url("/"))).await;
    assert_eq!(
        (announced.answered, announced.errors),
        (20, 0),
        "{:?}",
        announced.failures
    );
    assert_eq!((announced.connections, server.connections()), (20, 20));

    let server = Server::start(|_| Reply::SayAndLeave(answer(200, "ok"))).await;
    let mut paced = burst(10, 1);
    paced.plan.pace = Pace::PerSecond(Rate::per_second(10.0).expect("a rate"));
    let silent = load(&paced, &get(&server.url("/"))).await;
    assert_eq!((silent.answered, silent.errors), (10, 0), "{:?}", silent.failures);
    assert_eq!((silent.connections, silent.reconnects), (10, 9));
}

#[tokio::test]
async fn a_request_that_a_kept_connection_lost_is_sent_again_only_if_twice_is_as_good_as_once() {
    // Each connection answers once, takes the next request, and closes without a word.
    let server = Server::start(|seen| {
        if seen.index == 0 {
            Reply::Say(answer(200, "ok"))
        } else {
            Reply::SayAndClose(String::new())
        }
    })
    .await;
    let mut spec = get(&server.url("/"));
    let idempotent = load(&burst(10, 1), &spec).await;
    assert_eq!((idempotent.answered, idempotent.errors), (10, 0));
    assert_eq!((idempotent.connections, idempotent.reconnects), (10, 9));
    assert_eq!(server.seen(|_| ()).len(), 19);

    spec.method = Method::POST;
    let load = load(&burst(10, 1), &spec).await;
    assert_eq!((load.answered, load.errors, load.connections), (5, 5, 5));
    assert_eq!(load.failures[&FailureClass::Reset].count, 5);
    assert_eq!(load.reconnects, 0);
    assert_eq!(server.seen(|_| ()).len(), 29);
}

#[tokio::test]
async fn a_request_that_the_server_dropped_while_it_worked_on_it_is_an_error() {
    let server = Server::start(|seen| match seen.index {
        0 => Reply::Say(answer(200, "ok")),
        _ => Reply::Drop(ms(80)),
    })
    .await;
    let load = load(&burst(10, 1), &get(&server.url("/"))).await;
    assert_eq!((load.answered, load.errors, load.connections), (5, 5, 5));
    assert_eq!(load.failures[&FailureClass::Reset].count, 5);
    assert_eq!(load.reconnects, 0);
    assert_eq!(server.seen(|_| ()).len(), 10);
}

#[tokio::test]
async fn a_connection_whose_request_is_still_being_sent_is_not_used_again() {
    // It answers as soon as it has the head, and never reads the body.
    let listener = TcpListener::bind("127.0.0.1:0").await.expect("bind");
    let url = format!("http://{}/", listener.local_addr().expect("address"));
    tokio::spawn(async move {
        let mut open = Vec::new();
        while let Ok((mut stream, _)) = listener.accept().await {
            let mut head = [0; 512];
            let _ = stream.read(&mut head).await;
            let _ = stream.write_all(answer(413, "too large").as_bytes()).await;
            open.push(stream);
        }
    });
    let mut spec = get(&url);
    spec.method = Method::POST;
    spec.body = vec![b'x'; 16 << 20].into();
    let mut plan = burst(4, 1);
    plan.pool.timeout = ms(1500);
    let load = load(&plan, &spec).await;
    assert_eq!((load.answered, load.connections), (4, 4), "{:?}", load.failures);
    assert_eq!(only_failure(&load).0, FailureClass::Status);
    assert_eq!(load.reconnects, 0);
}
