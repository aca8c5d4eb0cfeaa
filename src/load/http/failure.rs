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

fn not_http(error: &hyper::Error) -> String {
    if error.is_parse_version_h2() {
        return "the server speaks HTTP/2 without being asked to".to_owned();
    }
    if error.is_parse_too_large() {
        return "the header of the answer is too large".to_owned();
    }
    format!("malformed answer: {}", cause::root(error))
}
