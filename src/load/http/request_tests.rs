//! Requests as bytes, read back by a parser that is not ours.

use http::header::{ACCEPT, CONTENT_TYPE};
use proptest::prelude::*;

use super::*;
use crate::net::proxy::percent_decoded;

/// A request as it is read back.
#[derive(Debug, PartialEq)]
struct Parsed {
    method: String,
    target: String,
    headers: Vec<(String, String)>,
    body: Vec<u8>,
}

impl Parsed {
    fn of(bytes: &[u8]) -> Self {
        let mut space = [httparse::EMPTY_HEADER; 32];
        let mut request = httparse::Request::new(&mut space);
        let parsed = request.parse(bytes).expect("HTTP/1.1");
        let httparse::Status::Complete(length) = parsed else {
            panic!("the head does not end: {bytes:?}")
        };
        assert_eq!(request.version, Some(1));
        let text = |bytes: &[u8]| String::from_utf8(bytes.to_vec()).expect("UTF-8");
        Self {
            method: request.method.expect("a method").to_owned(),
            target: request.path.expect("a target").to_owned(),
            headers: request
                .headers
                .iter()
                .map(|header| (header.name.to_owned(), text(header.value)))
                .collect(),
            body: bytes[length..].to_vec(),
        }
    }

    fn header(&self, name: &str) -> Option<&str> {
        let mut found = self.headers.iter().filter(|(known, _)| known == name);
        let value = found.next().map(|(_, value)| value.as_str());
        assert_eq!(found.next(), None, "{name} twice");
        value
    }
}

fn rows(columns: &[&str], values: &[&[&str]]) -> Arc<Rows> {
    let mut rows = Rows::new(columns.iter().map(ToString::to_string).collect()).expect("columns");
    for row in values {
        rows.push(row.iter().copied()).expect("a row");
    }
    Arc::new(rows)
}

fn spec(method: Method, body: impl Into<Bytes>) -> RequestSpec {
    let mut spec = RequestSpec::get("http://app.example/".parse().expect("a URL"));
    spec.method = method;
    spec.body = body.into();
    spec
}

fn headers(all: &[(HeaderName, &'static str)]) -> HeaderMap {
    let mut map = HeaderMap::new();
    for (name, value) in all {
        map.append(name, HeaderValue::from_static(value));
    }
    map
}

fn rendering(spec: &RequestSpec, target: &'static str, headers: &HeaderMap) -> Rendering {
    Rendering::new(spec, &target.into(), headers, None).expect("no mistakes")
}

fn bytes(rendering: &Rendering, n: u64) -> Vec<u8> {
    let mut scratch = b"left over".to_vec();
    rendering.bytes(n, &mut Random::new(), &mut scratch).concat()
}

fn parsed(rendering: &Rendering, n: u64) -> Parsed {
    Parsed::of(&bytes(rendering, n))
}

#[test]
fn a_constant_request_is_never_written_again() {
    let headers = headers(&[(ACCEPT, "*/*"), (HOST, "app.example")]);
    let rendering = rendering(&spec(Method::GET, ""), "/a?b={c}", &headers);
    let expected = b"GET /a?b={c} HTTP/1.1\r\nhost: app.example\r\naccept: */*\r\n\r\n";
    let mut scratch = Vec::new();
    let [head, body] = rendering.bytes(3, &mut Random::new(), &mut scratch);
    assert_eq!((head, body), (&expected[..], &[][..]));
    assert_eq!(scratch.capacity(), 0);
}

#[test]
fn lengths_are_sent_with_bodies_and_with_methods_that_usually_have_one() {
    let host = headers(&[(HOST, "a")]);
    let length = |method: &Method, body: &'static str| {
        let rendering = rendering(&spec(method.clone(), body), "/", &host);
        let outgoing = rendering.outgoing(0, &mut Random::new()).expect("a request");
        let parsed = parsed(&rendering, 0);
        assert_eq!(
            (parsed.body.as_slice(), &outgoing.body[..]),
            (body.as_bytes(), body.as_bytes())
        );
        // Whoever frames a body knows its length.
        let framed = outgoing.headers.contains_key(CONTENT_LENGTH);
        assert_eq!(
            framed,
            body.is_empty() && parsed.header("content-length").is_some()
        );
        parsed.header("content-length").map(str::to_owned)
    };
    for method in [Method::POST, Method::PUT, Method::PATCH] {
        assert_eq!(length(&method, "").as_deref(), Some("0"), "{method}");
        assert_eq!(length(&method, "abc").as_deref(), Some("3"), "{method}");
    }
    for method in [Method::GET, Method::HEAD, Method::DELETE, Method::OPTIONS] {
        assert_eq!(length(&method, ""), None, "{method}");
        assert_eq!(length(&method, "abc").as_deref(), Some("3"), "{method}");
    }
}

#[test]
fn framing_given_by_hand_is_replaced() {
    let wrong = headers(&[
        (HOST, "a"),
        (CONTENT_LENGTH, "77"),
        (TRANSFER_ENCODING, "chunked"),
    ]);
    for body in ["abc", "{uuid}"] {
        let rendering = rendering(&spec(Method::POST, body), "/", &wrong);
        let parsed = parsed(&rendering, 0);
        assert_eq!(parsed.header("transfer-encoding"), None);
        assert_eq!(
            parsed.header("content-length"),
            Some(parsed.body.len().to_string().as_str())
        );
    }
}

#[test]
fn a_large_constant_body_is_not_copied() {
    let body = Bytes::from(vec![b'x'; SMALL + 1]);
    for target in ["/", "/{uuid}"] {
        let rendering = rendering(
            &spec(Method::POST, body.clone()),
            target,
            &headers(&[(HOST, "a")]),
        );
        let mut scratch = Vec::new();
        let [head, sent] = rendering.bytes(0, &mut Random::new(), &mut scratch);
        assert_eq!(sent.as_ptr(), body.as_ptr());
        let length = (SMALL + 1).to_string();
        assert_eq!(Parsed::of(head).header("content-length"), Some(length.as_str()));
    }
}

#[test]
fn each_request_has_the_values_of_its_row_wherever_they_stand() {
    let mut spec = spec(Method::POST, "{\"name\": \"{name}\", \"id\": {id}}");
    spec.data = Some(rows(&["id", "name"], &[&["1", "a/b"], &["22", "\"é\""]]));
    let headers = headers(&[
        (HOST, "a"),
        (CONTENT_TYPE, "application/json"),
        (ACCEPT, "x;{id};{name}"),
    ]);
    spec.headers = headers.clone();
    let rendering = rendering(&spec, "/%7Bname%7D?q={id}", &headers);
    let expected = [
        ("/a%2Fb?q=1", "x;1;a/b", "{\"name\": \"a/b\", \"id\": 1}"),
        (
            "/%22%C3%A9%22?q=22",
            "x;22;\"é\"",
            "{\"name\": \"\\\"é\\\"\", \"id\": 22}",
        ),
    ];
    for n in 0..4 {
        let (target, accept, body) = expected[usize::try_from(n % 2).expect("small")];
        let parsed = parsed(&rendering, n);
        assert_eq!(parsed.target, target);
        assert_eq!(parsed.header("accept"), Some(accept));
        assert_eq!(
            parsed.header("content-length"),
            Some(body.len().to_string().as_str())
        );
        assert_eq!(parsed.body, body.as_bytes());
        let outgoing = rendering.outgoing(n, &mut Random::new()).expect("a request");
        assert_eq!(outgoing.uri.to_string(), target);
        assert_eq!(outgoing.headers[ACCEPT].as_bytes(), accept.as_bytes());
        assert_eq!(outgoing.body, body.as_bytes());
    }
}

#[test]
fn secret_headers_stay_secret_when_they_vary() {
    let mut spec = spec(Method::GET, "");
    spec.data = Some(rows(&["token"], &[&["hunter2"]]));
    let mut value = HeaderValue::from_static("Bearer {token}");
    value.set_sensitive(true);
    let headers = HeaderMap::from_iter([(http::header::AUTHORIZATION, value)]);
    let outgoing = rendering(&spec, "/", &headers).outgoing(0, &mut Random::new());
    let outgoing = outgoing.expect("a request");
    assert_eq!(outgoing.headers["authorization"], "Bearer hunter2");
    assert!(!format!("{outgoing:?}").contains("hunter2"));
}

#[test]
fn each_request_of_a_run_has_its_trace_context_unless_the_user_gave_one() {
    let run = RunId::new(&mut Random::new());
    let spec = spec(Method::GET, "");
    let traced = |headers: &HeaderMap, n: u64| {
        let rendering = Rendering::new(&spec, &"/".into(), headers, Some(run)).expect("no mistakes");
        let outgoing = rendering.outgoing(n, &mut Random::new()).expect("a request");
        let seen = parsed(&rendering, n).header("traceparent").map(str::to_owned);
        assert_eq!(outgoing.headers["traceparent"].to_str().ok(), seen.as_deref());
        seen.expect("a trace context").into_bytes()
    };
    let host = headers(&[(HOST, "a")]);
    assert_eq!(traced(&host, 7), run.trace_context(7));
    assert_ne!(traced(&host, 8), traced(&host, 7));
    assert_eq!(traced(&headers(&[(TRACEPARENT, "mine")]), 7), b"mine");
}

#[test]
fn what_is_written_uses_the_same_memory_again() {
    let mut spec = spec(Method::POST, "{uuid}");
    spec.data = Some(rows(&["v"], &[&["1"], &["2"]]));
    let rendering = rendering(&spec, "/{v}", &headers(&[(HOST, "a")]));
    let mut scratch = Vec::new();
    let mut random = Random::new();
    rendering.bytes(0, &mut random, &mut scratch);
    let (place, room) = (scratch.as_ptr(), scratch.capacity());
    for n in 1..10 {
        rendering.bytes(n, &mut random, &mut scratch);
    }
    assert_eq!((scratch.as_ptr(), scratch.capacity()), (place, room));
}

proptest! {
    #[test]
    fn no_value_leaves_its_place(values in prop::collection::vec(any::<String>(), 1..4), n in any::<u64>()) {
        let mut spec = spec(Method::PUT, "<{v}>{uuid}");
        let all: Vec<[&str; 1]> = values.iter().map(|value| [value.as_str()]).collect();
        let all: Vec<&[&str]> = all.iter().map(<[&str; 1]>::as_slice).collect();
        spec.data = Some(rows(&["v"], &all));
        let host = headers(&[(HOST, "a")]);
        let rendering = rendering(&spec, "/x/{v}?y={v}", &host);
        let value = &values[usize::try_from(n % values.len() as u64).expect("small")];
        let whole = bytes(&rendering, n);
        let parsed = Parsed::of(&whole);
        prop_assert_eq!(percent_decoded(&parsed.target), format!("/x/{value}?y={value}"));
        prop_assert_eq!(parsed.headers.len(), 2);
        let length = parsed.header("content-length").expect("a length");
        prop_assert_eq!(length, parsed.body.len().to_string());
        let begin = format!("<{value}>");
        prop_assert!(parsed.body.starts_with(begin.as_bytes()));
        // Two headers, the request line and the empty one.
        let head = &whole[..whole.len() - parsed.body.len()];
        let head = std::str::from_utf8(head).expect("ASCII");
        prop_assert_eq!((head.matches('\n').count(), head.matches('\r').count()), (4, 4));
    }

    #[test]
    fn a_value_is_refused_or_is_the_header(value in any::<String>()) {
        let mut spec = spec(Method::GET, "");
        spec.data = Some(rows(&["v"], &[&[&value]]));
        let headers = headers(&[(HOST, "a"), (ACCEPT, "<{v}>")]);
        if let Ok(rendering) = Rendering::new(&spec, &"/".into(), &headers, None) {
            let parsed = parsed(&rendering, 0);
            prop_assert_eq!(parsed.headers.len(), 2);
            let expected = format!("<{value}>");
            prop_assert_eq!(parsed.header("accept"), Some(expected.as_str()));
            prop_assert!(rendering.outgoing(0, &mut Random::new()).is_ok());
        } else {
            prop_assert!(value.chars().any(|c| c.is_ascii_control() && c != '\t'));
        }
    }
}
