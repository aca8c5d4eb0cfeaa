//! Which [`FailureClass`] an error of the transport belongs to.

use std::io;

use super::codec::Violation;
use crate::load::Failed;
use crate::metrics::FailureClass;
use crate::net::cause;
use crate::net::greeting::{HTTP2_INSTEAD, begins_http2};
use crate::net::tls::describe_tls_error;

/// The connection or the answer on it was broken.
pub(super) fn answering(error: &hyper::Error) -> Failed {
    if let Some(tls) = describe_tls_error(error) {
        return Failed::new(FailureClass::Tls, tls);
    }
    let kind = cause::find::<io::Error>(error).map(io::Error::kind);
    if error.is_incomplete_message() || kind == Some(io::ErrorKind::UnexpectedEof) {
        return Failed::new(
            FailureClass::Reset,
            "the connection was closed before the answer was complete",
        );
    }
    // A chunk that is none is an io error of one of these kinds.
    let malformed = matches!(
        kind,
        Some(io::ErrorKind::InvalidData | io::ErrorKind::InvalidInput)
    );
    if error.is_parse() || malformed {
        return Failed::new(FailureClass::Protocol, not_http(error));
    }
    let unexpected_bytes = kind.is_none() && !error.is_canceled() && !error.is_closed();
    let class = if unexpected_bytes {
        FailureClass::Protocol
    } else {
        FailureClass::Reset
    };
    Failed::new(class, cause::root(error))
}

/// The connection broke while it was written to or read from.
pub(super) fn reading(error: &io::Error) -> Failed {
    if let Some(tls) = describe_tls_error(error) {
        return Failed::new(FailureClass::Tls, tls);
    }
    if error.kind() == io::ErrorKind::UnexpectedEof {
        return closed();
    }
    Failed::new(FailureClass::Reset, cause::root(error))
}

/// The connection was closed too early.
pub(super) fn closed() -> Failed {
    Failed::new(
        FailureClass::Reset,
        "the connection was closed before the answer was complete",
    )
}

/// The answer breaks the rules of HTTP/1.1 with these bytes.
pub(super) fn violation(violation: Violation, bytes: &[u8]) -> Failed {
    if violation == Violation::Incomplete {
        closed()
    } else if matches!(violation, Violation::Syntax(_)) && begins_http2(bytes) {
        Failed::new(FailureClass::Protocol, HTTP2_INSTEAD)
    } else {
        Failed::new(FailureClass::Protocol, violation.to_string())
    }
}

/// Bytes came while no request was under way. Empty ones are the end of the connection, and so is an answer of 408: with
/// it servers tell clients that they close an idle connection (RFC 9110, section 15.5.9).
pub(super) fn unasked(bytes: &[u8]) -> Option<Failed> {
    if bytes.is_empty() || is_farewell(bytes) {
        return None;
    }
    Some(if begins_http2(bytes) {
        Failed::new(FailureClass::Protocol, HTTP2_INSTEAD)
    } else {
        violation(Violation::Unasked, bytes)
    })
}

/// Whether an answer to nothing says no more than that the server closes the connection.
pub(super) fn is_farewell(bytes: &[u8]) -> bool {
    let version = bytes.strip_prefix(b"HTTP/1.");
    version.is_some_and(|rest| matches!(rest, [b'0' | b'1', b' ', b'4', b'0', b'8', b' ' | b'\r', ..]))
}

/// An idle connection broke: an end like any other, unless it was bytes that are no TLS.
pub(super) fn idle(error: &io::Error) -> Option<Failed> {
    let failed = reading(error);
    (failed.class == FailureClass::Tls).then_some(failed)
}

/// The same of a connection of the library, which takes unasked bytes for an error, too.
pub(super) fn idle_link(error: &hyper::Error) -> Option<Failed> {
    let failed = answering(error);
    if failed.class == FailureClass::Protocol {
        return Some(violation(Violation::Unasked, &[]));
    }
    (failed.class == FailureClass::Tls).then_some(failed)
}

fn not_http(error: &hyper::Error) -> String {
    if error.is_parse_version_h2() {
        return "the server speaks HTTP/2 without being asked to".to_owned();
    }
    if error.is_parse_too_large() {
        return "the header of the answer is too large".to_owned();
    }
    format!("malformed answer: {}", cause::root(error))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_idle_connection_ends_by_its_end_or_by_408_and_fails_by_anything_else() {
        for end in ["", "HTTP/1.1 408 Request Timeout\r\n\r\n", "HTTP/1.0 408\r\n\r\n"] {
            assert_eq!(unasked(end.as_bytes()), None, "{end}");
        }
        for bytes in [
            "x",
            "\r\n",
            "HTTP/1.1 200 OK\r\n\r\n",
            "HTTP/1.1 4080\r\n",
            "HTTP/1.2 408 \r\n",
        ] {
            let failed = unasked(bytes.as_bytes()).expect(bytes);
            assert_eq!(failed.class, FailureClass::Protocol, "{bytes}");
        }
        let settings = unasked(b"\0\0\0\x04\0\0\0\0\0").expect("a failure");
        assert_eq!(settings.example, HTTP2_INSTEAD);
        assert_eq!(idle(&io::ErrorKind::UnexpectedEof.into()), None);
        assert_eq!(idle(&io::ErrorKind::ConnectionReset.into()), None);
        let no_tls = io::Error::other(rustls::Error::InvalidMessage(
            rustls::InvalidMessage::InvalidContentType,
        ));
        assert_eq!(idle(&no_tls).map(|failed| failed.class), Some(FailureClass::Tls));
    }
}
