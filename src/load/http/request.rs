//! [`render`]: a request in the form of HTTP/1.1 (RFC 9112, sections 3 and 5).

use http::header::{CONTENT_LENGTH, HOST};
use http::{HeaderMap, Method};

/// Appends a request to `out`. `Host` comes first, as RFC 9110, section 7.2, wishes; a length is given where there is a
/// body, and where the method lets one expect it (section 8.6).
pub(super) fn render(method: &Method, target: &[u8], headers: &HeaderMap, body: &[u8], out: &mut Vec<u8>) {
    out.extend_from_slice(method.as_str().as_bytes());
    out.push(b' ');
    out.extend_from_slice(target);
    out.extend_from_slice(b" HTTP/1.1\r\n");
    for value in headers.get_all(HOST) {
        line(HOST.as_str(), value.as_bytes(), out);
    }
    for (name, value) in headers {
        if name != HOST && name != CONTENT_LENGTH {
            line(name.as_str(), value.as_bytes(), out);
        }
    }
    let expected = *method == Method::POST || *method == Method::PUT || *method == Method::PATCH;
    if expected || !body.is_empty() {
        line(CONTENT_LENGTH.as_str(), body.len().to_string().as_bytes(), out);
    }
    out.extend_from_slice(b"\r\n");
    out.extend_from_slice(body);
}

fn line(name: &str, value: &[u8], out: &mut Vec<u8>) {
    out.extend_from_slice(name.as_bytes());
    out.extend_from_slice(b": ");
    out.extend_from_slice(value);
    out.extend_from_slice(b"\r\n");
}
