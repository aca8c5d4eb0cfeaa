//! [`Reply`]: what a call is answered with.

use std::time::Duration;

use bytes::Bytes;
use h2::Reason;

/// How the call ends.
#[derive(Debug, Clone)]
pub(super) enum End {
    /// With a status in the trailers, or in the headers if there is nothing else.
    Status { code: u16, message: String },
    /// Without trailers, or with some that have no status.
    NoStatus { trailers: bool },
    /// With RST_STREAM.
    Reset(Reason),
    /// With a closed connection.
    HangUp,
    /// Never.
    Never,
}

/// What the messages are.
#[derive(Debug, Clone)]
pub(super) enum Body {
    /// What the method is for.
    Method,
    /// These bytes, framed or not.
    Bytes(Bytes),
    /// None, and no headers of their own.
    TrailersOnly,
}

/// An answer; it does what the method is for unless it is told otherwise.
#[derive(Debug, Clone)]
pub(crate) struct Reply {
    pub(super) http: u16,
    pub(super) headers: Vec<(&'static str, String)>,
    pub(super) trailers: Vec<(&'static str, String)>,
    pub(super) body: Body,
    pub(super) end: End,
    pub(super) delay: Duration,
    pub(super) gap: Duration,
}

impl Reply {
    /// What the method is for, and OK.
    pub(crate) fn ok() -> Self {
        Self::status(0, "")
    }

    /// What the method is for, and this status.
    pub(crate) fn status(code: u16, message: &str) -> Self {
        Self {
            http: 200,
            headers: vec![("content-type", "application/grpc".to_owned())],
            trailers: Vec::new(),
            body: Body::Method,
            end: End::Status {
                code,
                message: message.to_owned(),
            },
            delay: Duration::ZERO,
            gap: Duration::ZERO,
        }
    }

    /// A status in place of headers, as servers answer what they refuse.
    pub(crate) fn trailers_only(code: u16, message: &str) -> Self {
        Self {
            body: Body::TrailersOnly,
            ..Self::status(code, message)
        }
    }

    /// An answer that is not of gRPC.
    pub(crate) fn http(status: u16, content_type: &str, body: &str) -> Self {
        Self {
            http: status,
            headers: vec![("content-type", content_type.to_owned())],
            end: End::NoStatus { trailers: false },
            ..Self::ok().bytes(body.as_bytes().to_vec())
        }
    }

    /// What the method is for, and then trailers without a status, or no trailers.
    pub(crate) fn without_status(trailers: bool) -> Self {
        Self {
            end: End::NoStatus { trailers },
            ..Self::ok()
        }
    }

    /// RST_STREAM in place of the end.
    pub(crate) fn reset(reason: Reason) -> Self {
        Self {
            end: End::Reset(reason),
            ..Self::ok()
        }
    }

    /// The connection is closed in place of the end.
    pub(crate) fn hang_up() -> Self {
        Self {
            end: End::HangUp,
            ..Self::ok()
        }
    }

    /// No end.
    pub(crate) fn never() -> Self {
        Self {
            end: End::Never,
            ..Self::ok()
        }
    }

    /// These bytes in place of messages.
    pub(crate) fn bytes(mut self, bytes: impl Into<Bytes>) -> Self {
        self.body = Body::Bytes(bytes.into());
        self
    }

    /// With a header.
    pub(crate) fn header(mut self, name: &'static str, value: &str) -> Self {
        self.headers.push((name, value.to_owned()));
        self
    }

    /// With a trailer.
    pub(crate) fn trailer(mut self, name: &'static str, value: &str) -> Self {
        self.trailers.push((name, value.to_owned()));
        self
    }

    /// Later.
    pub(crate) fn after(mut self, delay: Duration) -> Self {
        self.delay = delay;
        self
    }

    /// With a pause before each message but the first.
    pub(crate) fn pausing(mut self, gap: Duration) -> Self {
        self.gap = gap;
        self
    }
}
