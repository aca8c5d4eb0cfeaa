//! Which [`FailureClass`] an error of the transport belongs to.

use std::io;

use super::codec::Violation;
use crate::load::Failed;
use crate::metrics::FailureClass;
use crate::net::cause;
use crate::net::tls::{describe_handshake_error, describe_tls_error};

/// TCP could not connect.
pub(super) fn connecting(error: &io::Error) -> Failed {
    if let Some(what) = ran_out_of(error) {
        let example = format!("this machine ran out of {what}: {}", cause::root(error));
        return Failed::new(FailureClass::Local, example);
    }
    let example = if error.kind() == io::ErrorKind::ConnectionRefused {
        "connection refused".to_owned()
    } else {
        cause::root(error)
    };
    Failed::new(FailureClass::Connect, example)
}

/// What this machine lacks to open a connection, when that and not the target is the cause.
pub(super) fn ran_out_of(error: &io::Error) -> Option<&'static str> {
    #[cfg(unix)]
    {
        use rustix::io::Errno;

        match Errno::from_io_error(error)? {
            Errno::ADDRNOTAVAIL => Some("local ports"),
            Errno::MFILE | Errno::NFILE => Some("open files"),
            Errno::NOBUFS | Errno::NOMEM => Some("memory for connections"),
            _ => None,
        }
    }
    #[cfg(not(unix))]
    (error.raw_os_error().is_some() && error.kind() == io::ErrorKind::AddrNotAvailable)
        .then_some("local ports")
}

/// The TLS handshake failed.
pub(super) fn handshaking(error: &io::Error) -> Failed {
    Failed::new(FailureClass::Tls, describe_handshake_error(error))
}

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

/// The answer breaks the rules of HTTP/1.1.
pub(super) fn violation(violation: Violation) -> Failed {
    if violation == Violation::Incomplete {
        closed()
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

#[cfg(all(test, unix))]
mod tests {
    use rustix::io::Errno;

    use super::*;

    #[test]
    fn what_this_machine_lacks_is_not_the_targets_failure() {
        let failed = |errno: Errno| connecting(&errno.into());
        for (errno, what) in [
            (Errno::ADDRNOTAVAIL, "local ports"),
            (Errno::MFILE, "open files"),
            (Errno::NFILE, "open files"),
            (Errno::NOBUFS, "memory"),
        ] {
            let failed = failed(errno);
            assert_eq!(failed.class, FailureClass::Local);
            assert!(failed.example.contains(what), "{}", failed.example);
        }
        for errno in [Errno::CONNREFUSED, Errno::NETUNREACH, Errno::TIMEDOUT] {
            assert_eq!(failed(errno).class, FailureClass::Connect);
        }
    }
}
