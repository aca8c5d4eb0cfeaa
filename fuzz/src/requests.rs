//! What must hold for requests that are filled from templates and rows.

use std::collections::HashSet;
use std::str::from_utf8;
use std::sync::Arc;

use http::header::{CONTENT_LENGTH, HOST, TRANSFER_ENCODING};
use http::{HeaderMap, HeaderName, HeaderValue, Method};
use iter8::fuzzing::{Rendered, render};
use iter8::load::http::{RequestSpec, Rows};
use url::Url;

/// Between the parts of an input.
const PART: u8 = 0x1d;
/// Between rows.
const ROW: u8 = 0x1e;
/// Between the values of a row.
const VALUE: u8 = 0x1f;

/// Most headers of an input.
const HEADERS: usize = 32;
/// Most rows that are sent.
const TURNS: u64 = 8;
/// Most bytes of a URI.
const LONGEST: usize = u16::MAX as usize - 1;

/// Checks the requests that an input asks for. Its parts: a line `METHOD URL` and the lines of the headers, the body, and
/// rows of which the first names the columns.
///
/// # Panics
///
/// Where a law is broken.
pub fn check(input: &[u8]) {
    let Some((spec, rows)) = spec(input) else {
        return;
    };
    for rendered in render(&spec, rows.min(TURNS) + 1).unwrap_or_default() {
        one_request(&spec, &rendered);
    }
}

/// What is written is one request, whatever stands in the rows, and it is what other protocols send.
fn one_request(spec: &RequestSpec, rendered: &Rendered) {
    let shown = rendered.bytes.escape_ascii();
    let mut lines = [httparse::EMPTY_HEADER; HEADERS + 2];
    let mut request = httparse::Request::new(&mut lines);
    let Ok(httparse::Status::Complete(head)) = request.parse(&rendered.bytes) else {
        panic!("no request: {shown}");
    };
    assert_eq!(request.method, Some(spec.method.as_str()), "{shown}");
    let mut headers = HeaderMap::new();
    for line in request.headers.iter() {
        let value = HeaderValue::from_bytes(line.value).expect("a value");
        headers.append(line.name.parse::<HeaderName>().expect("a name"), value);
    }
    let said = headers.remove(CONTENT_LENGTH);
    let said = said.map_or("0".to_owned(), |length| {
        length.to_str().expect("a number").to_owned()
    });
    assert_eq!(said, (rendered.bytes.len() - head).to_string(), "{shown}");
    let names: HashSet<&HeaderName> = headers.keys().collect();
    let given = spec.headers.keys().chain([&HOST]);
    let expected: HashSet<_> = given
        .filter(|name| ![CONTENT_LENGTH, TRANSFER_ENCODING].contains(name))
        .collect();
    assert_eq!(names, expected, "{shown}");
    let target = request.path.expect("a target");
    match &rendered.framed {
        Ok(framed) => {
            assert_eq!(framed.uri(), target, "{shown}");
            assert_eq!(framed.body(), &rendered.bytes[head..], "{shown}");
            let mut framed = framed.headers().clone();
            framed.remove(CONTENT_LENGTH);
            let trimmed = framed
                .iter()
                .map(|(name, value)| (name, value.as_bytes().trim_ascii()));
            let other: HashSet<_> = trimmed.collect();
            let own: HashSet<_> = headers
                .iter()
                .map(|(name, value)| (name, value.as_bytes()))
                .collect();
            assert_eq!(own, other, "{shown}");
        }
        Err(why) => assert!(target.len() > LONGEST, "{why}: {shown}"),
    }
}

/// A request and the number of its rows.
pub fn spec(input: &[u8]) -> Option<(RequestSpec, u64)> {
    let mut parts = input.splitn(3, |byte| *byte == PART);
    let mut lines = parts.next()?.split(|byte| *byte == b'\n');
    let (method, url) = from_utf8(lines.next()?).ok()?.split_once(' ')?;
    let url = Url::parse(url)
        .ok()
        .filter(|url| ["http", "https"].contains(&url.scheme()))?;
    let mut spec = RequestSpec::get(url);
    spec.method = Method::from_bytes(method.as_bytes()).ok()?;
    for line in lines.filter(|line| !line.is_empty()) {
        let colon = line.iter().position(|byte| *byte == b':')?;
        let name = HeaderName::from_bytes(&line[..colon]).ok()?;
        let value = HeaderValue::from_bytes(line[colon + 1..].trim_ascii()).ok()?;
        spec.headers.insert(name, value);
    }
    if spec.headers.len() > HEADERS {
        return None;
    }
    spec.body = parts.next().unwrap_or_default().to_vec().into();
    let Some(table) = parts.next() else {
        return Some((spec, 1));
    };
    let rows = rows(from_utf8(table).ok()?)?;
    let count = rows.len() as u64;
    spec.data = Some(Arc::new(rows));
    Some((spec, count))
}

fn rows(table: &str) -> Option<Rows> {
    let mut lines = table
        .split(char::from(ROW))
        .map(|row| row.split(char::from(VALUE)));
    let mut rows = Rows::new(lines.next()?.map(str::to_owned).collect()).ok()?;
    for line in lines {
        rows.push(line).ok()?;
    }
    Some(rows)
}
