//! Which [`FailureClass`] an error of HTTP/2 belongs to, and what it means in words.

use std::io;

use super::reason::Reason;
use crate::load::Failed;
use crate::metrics::FailureClass;
use crate::net::cause;
use crate::net::tls::describe_tls_error;

const CLOSED: &str = "the connection was closed before the answer was complete";

/// The byte stream failed.
pub(in super::super) fn transport(error: &io::Error) -> Failed {
    use io::ErrorKind::{BrokenPipe, ConnectionReset, UnexpectedEof};

    if let Some(tls) = describe_tls_error(error) {
        return Failed::new(FailureClass::Tls, tls);
    }
    if matches!(error.kind(), UnexpectedEof | BrokenPipe | ConnectionReset) {
        return Failed::new(FailureClass::Reset, CLOSED);
    }
    Failed::new(FailureClass::Reset, cause::root(error))
}

/// The connection went away without any other reason.
pub(in super::super) fn closed() -> Failed {
    Failed::new(FailureClass::Reset, CLOSED)
}

/// The server does not take this request, nor any other.
pub(in super::super) fn leaving() -> Failed {
    Failed::new(FailureClass::Reset, "the server is closing the connection")
}

/// Whether a request failed because the server takes no more on this connection, and for no other reason.
pub(in super::super) fn is_farewell(failed: &Failed) -> bool {
    *failed == leaving()
}

/// The server began with something that is not HTTP/2.
pub(in super::super) fn foreign() -> Failed {
    Failed::new(FailureClass::Protocol, "the server does not speak HTTP/2")
}

/// The server began with an alert of TLS.
pub(in super::super) fn secured() -> Failed {
    Failed::new(
        FailureClass::Protocol,
        "the server does not speak HTTP/2 without TLS: it answered with a TLS alert",
    )
}

/// The server left when it was greeted.
pub(in super::super) fn unwelcome() -> Failed {
    Failed::new(
        FailureClass::Reset,
        "the server closed the connection when it was spoken to in HTTP/2",
    )
}

/// The server began with nothing.
pub(in super::super) fn mute(seconds: f64) -> Failed {
    Failed::new(
        FailureClass::Protocol,
        format!("the server sent no HTTP/2 settings within {seconds} s"),
    )
}

/// The server stopped to answer.
pub(in super::super) fn silent() -> Failed {
    Failed::new(FailureClass::Reset, "no answer to an HTTP/2 PING")
}

/// We reset a stream for what the server sent on it.
pub(super) fn malformed(reason: Reason) -> Failed {
    Failed::new(
        FailureClass::Protocol,
        format!(
            "not a valid HTTP/2 answer: {reason} (a header field is malformed or too large, or the body is not as long as Content-Length says)"
        ),
    )
}

/// The server reset a stream.
pub(super) fn reset_by_server(reason: Reason) -> Failed {
    let meaning = match reason {
        Reason::NO_ERROR => " (before the answer was complete)",
        Reason::REFUSED_STREAM => " (it did not process the request)",
        Reason::ENHANCE_YOUR_CALM => " (it is sent more than it is willing to take)",
        Reason::HTTP_1_1_REQUIRED => " (it wants HTTP/1.1 for this request)",
        _ => "",
    };
    let example = format!("the server reset the stream: {reason}{meaning}");
    Failed::new(FailureClass::Reset, example)
}

/// The server ended the connection.
pub(super) fn gone_away(reason: Reason) -> Failed {
    let (class, meaning) = match reason {
        Reason::NO_ERROR => return leaving(),
        Reason::ENHANCE_YOUR_CALM => (
            FailureClass::Reset,
            " (it is sent more than it is willing to take)",
        ),
        Reason::HTTP_1_1_REQUIRED => (FailureClass::Protocol, " (it wants HTTP/1.1)"),
        Reason::PROTOCOL_ERROR
        | Reason::FLOW_CONTROL_ERROR
        | Reason::SETTINGS_TIMEOUT
        | Reason::STREAM_CLOSED
        | Reason::FRAME_SIZE_ERROR
        | Reason::COMPRESSION_ERROR
        | Reason::INADEQUATE_SECURITY => (FailureClass::Protocol, ""),
        _ => (FailureClass::Reset, ""),
    };
    let example = format!("the server ended the connection: {reason}{meaning}");
    Failed::new(class, example)
}

/// We ended the connection.
pub(super) fn violated(reason: Reason) -> Failed {
    let example = if reason == Reason::ENHANCE_YOUR_CALM {
        "the server sends too many useless frames or too large a header (ENHANCE_YOUR_CALM)".to_owned()
    } else {
        format!("the server breaks the rules of HTTP/2: {reason}")
    };
    Failed::new(FailureClass::Protocol, example)
}
