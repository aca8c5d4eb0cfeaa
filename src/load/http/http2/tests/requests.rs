//! What a request of HTTP/1.1 becomes in HTTP/2.

use bytes::Bytes;
use http::header::{CONTENT_LENGTH, HOST, TE};
use http::{HeaderMap, HeaderName, HeaderValue, Method, Uri};

use super::{Prepared, Server, exchange, get, outgoing, prepared, run};
use crate::load::http::exchange::Outgoing;
use crate::metrics::FailureClass;

fn with(headers: &[(&'static str, &'static str)]) -> Outgoing {
    let mut request = outgoing(Method::GET, "");
    for (name, value) in headers {
        request
            .headers
            .append(HeaderName::from_static(name), HeaderValue::from_static(value));
    }
    request
}

fn sent(outgoing: Outgoing) -> HeaderMap {
    let prepared = Prepared::new(outgoing, false, "localhost").expect("a request");
    prepared.head.into_parts().0.headers
}

#[test]
fn fields_of_the_connection_are_not_sent() {
    let headers = sent(with(&[
        ("connection", "close, X-Hop"),
        ("x-hop", "1"),
        ("keep-alive", "5"),
        ("proxy-connection", "keep-alive"),
        ("transfer-encoding", "chunked"),
        ("upgrade", "h2c"),
        ("http2-settings", "AAMAAABk"),
        ("te", "gzip"),
        ("x-kept", "2"),
    ]));
    let names: Vec<_> = headers.keys().map(HeaderName::as_str).collect();
    assert_eq!(names, ["x-kept"]);
}

#[test]
fn of_te_only_trailers_is_sent() {
    let headers = sent(with(&[("te", "gzip, Trailers")]));
    assert_eq!(headers[TE], "trailers");
}

#[test]
fn a_host_field_is_the_authority_and_is_not_sent_itself() {
    run(async {
        let server = Server::hello().await;
        let session = server.session().await;
        let request = with(&[("host", "shop.example:8443")]);
        let request = Prepared::new(request, false, "localhost").expect("a request");
        exchange(&session, &request).await.expect("an answer");
        let last = server.seen.last.borrow_mut().take().expect("a request");
        assert_eq!(last.uri().to_string(), "http://shop.example:8443/path?query");
        assert!(!last.headers().contains_key(HOST));
    });
}

#[test]
fn scheme_authority_and_path_are_sent() {
    run(async {
        let server = Server::hello().await;
        let session = server.session().await;
        exchange(&session, &get()).await.expect("an answer");
        let last = server.seen.last.borrow_mut().take().expect("a request");
        assert_eq!(last.uri().to_string(), "http://localhost:8080/path?query");
        assert_eq!(last.method(), Method::GET);
    });
}

#[test]
fn what_is_no_host_is_refused_before_anything_is_sent() {
    let request = with(&[("host", "a b")]);
    let failed = Prepared::new(request, true, "localhost").expect_err("no host");
    assert_eq!(failed.class, FailureClass::Protocol);
    assert!(failed.example.starts_with("`a b` cannot be the host"));
}

#[test]
fn a_uri_that_names_a_server_keeps_only_its_path() {
    let mut request = outgoing(Method::GET, "");
    request.uri = Uri::from_static("http://proxy.example/a?b");
    let prepared = Prepared::new(request, true, "shop.example").expect("a request");
    assert_eq!(prepared.head.uri().to_string(), "https://shop.example/a?b");
}

#[test]
fn the_length_is_that_of_the_body() {
    let length = |prepared: Prepared| prepared.head.headers().get(CONTENT_LENGTH).cloned();
    assert_eq!(length(prepared(Method::PUT, "abc")).expect("a length"), "3");
    assert_eq!(length(prepared(Method::POST, "")).expect("a length"), "0");
    assert_eq!(length(get()), None);
    let mut request = with(&[("content-length", "9")]);
    request.body = Bytes::from_static(b"ab");
    let request = Prepared::new(request, false, "localhost").expect("a request");
    assert_eq!(length(request).expect("a length"), "2");
}
