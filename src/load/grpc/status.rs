//! [`Status`]: how a call ended, from what the server said or did not say.

use http::header::CONTENT_TYPE;
use http::{HeaderMap, HeaderValue, StatusCode};

use crate::grpc::code::Code;
use crate::load::Failed;
use crate::load::h2::Reason;
use crate::metrics::FailureClass;
use crate::net::proxy::percent_decoded;

/// Bytes of a message of the server that are looked at.
const MESSAGE: usize = 1 << 10;

/// A code, and what it means here.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Status {
    pub(super) code: Code,
    pub(super) message: String,
}

impl Status {
    pub(super) fn new(code: Code, message: impl Into<String>) -> Self {
        Self {
            code,
            message: message.into(),
        }
    }

    /// What `grpc-status` and `grpc-message` say, in the trailers or in a head that is all there is; `None` when they
    /// are not there.
    pub(super) fn of(fields: &HeaderMap) -> Option<Self> {
        let status = fields.get("grpc-status")?;
        if status.as_bytes() == b"0" {
            return Some(Self::new(Code::OK, String::new()));
        }
        let code = status.to_str().ok().and_then(|status| status.parse().ok());
        let Some(code) = code else {
            let text = format!(
                "grpc-status is `{}`, which is no status code",
                String::from_utf8_lossy(status.as_bytes())
            );
            return Some(Self::new(Code::UNKNOWN, text));
        };
        let message = fields.get("grpc-message").map(message);
        Some(Self::new(code, message.unwrap_or_default()))
    }

    /// There is no `grpc-status`.
    pub(super) fn missing() -> Self {
        Self::new(Code::UNKNOWN, "the answer ended without a grpc-status")
    }

    /// An answer that is not gRPC (<https://github.com/grpc/grpc/blob/master/doc/http-grpc-status-mapping.md>).
    pub(super) fn of_foreign(status: StatusCode, headers: &HeaderMap) -> Self {
        let code = match status.as_u16() {
            400 => Code::INTERNAL,
            401 => Code::UNAUTHENTICATED,
            403 => Code::PERMISSION_DENIED,
            404 => Code::UNIMPLEMENTED,
            429 | 502 | 503 | 504 => Code::UNAVAILABLE,
            _ => Code::UNKNOWN,
        };
        let kind = headers.get(CONTENT_TYPE).map_or_else(
            || "without a content-type".to_owned(),
            |kind| format!("with content-type `{}`", String::from_utf8_lossy(kind.as_bytes())),
        );
        let text = format!("the server answered HTTP {status} {kind}, which is not gRPC");
        Self::new(code, text)
    }

    /// As a failure; `None` when it is none.
    pub(super) fn failed(&self, class: FailureClass) -> Option<Failed> {
        if self.code == Code::OK {
            return None;
        }
        let example = if self.message.is_empty() {
            self.code.to_string()
        } else {
            format!("{}: {}", self.code, self.message)
        };
        Some(Failed {
            status: Some(self.code.0),
            ..Failed::new(class, example)
        })
    }
}

/// The code of a call whose stream was reset, by the server or because of what it sent.
pub(super) fn of_reset(reason: Reason, by_server: bool) -> Code {
    match reason {
        _ if !by_server => Code::INTERNAL,
        Reason::REFUSED_STREAM => Code::UNAVAILABLE,
        Reason::CANCEL => Code::CANCELLED,
        Reason::ENHANCE_YOUR_CALM => Code::RESOURCE_EXHAUSTED,
        Reason::INADEQUATE_SECURITY => Code::PERMISSION_DENIED,
        _ => Code::INTERNAL,
    }
}

/// The code of a call that ended without a word from the server.
pub(super) fn of_class(class: FailureClass) -> Code {
    match class {
        FailureClass::Timeout => Code::DEADLINE_EXCEEDED,
        FailureClass::CutOff => Code::CANCELLED,
        FailureClass::Connect | FailureClass::Local | FailureClass::Tls | FailureClass::Reset => {
            Code::UNAVAILABLE
        }
        FailureClass::Protocol => Code::INTERNAL,
        FailureClass::Status | FailureClass::Expectation => Code::UNKNOWN,
    }
}

fn message(value: &HeaderValue) -> String {
    let bytes = value.as_bytes();
    let bytes = &bytes[..bytes.len().min(MESSAGE)];
    percent_decoded(&String::from_utf8_lossy(bytes))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn fields(pairs: &[(&'static str, &'static str)]) -> HeaderMap {
        let pair = |(name, value): &(&'static str, &'static str)| {
            (
                http::HeaderName::from_static(name),
                HeaderValue::from_static(value),
            )
        };
        pairs.iter().map(pair).collect()
    }

    #[test]
    fn a_message_is_decoded_and_bounded() {
        let status = Status::of(&fields(&[
            ("grpc-status", "5"),
            ("grpc-message", "no %E2%82%AC, 100%"),
        ]));
        let status = status.expect("a status");
        let failed = status.failed(FailureClass::Status).expect("a failure");
        assert_eq!(failed.example, "NOT_FOUND: no €, 100%");
        assert_eq!(failed.status, Some(5));
        let long = HeaderValue::try_from("x".repeat(5000)).expect("a value");
        assert_eq!(message(&long).len(), MESSAGE);
    }

    #[test]
    fn what_is_no_code_is_unknown() {
        let status = Status::of(&fields(&[("grpc-status", "OK")])).expect("a status");
        assert_eq!(status.code, Code::UNKNOWN);
        assert!(status.message.contains("`OK`"), "{}", status.message);
        let status = Status::of(&fields(&[("grpc-status", "99")])).expect("a status");
        assert_eq!(status.code, Code(99));
        assert_eq!(Status::of(&HeaderMap::new()), None);
    }

    #[test]
    fn http_statuses_have_codes() {
        for (status, code) in [
            (400, Code::INTERNAL),
            (401, Code::UNAUTHENTICATED),
            (403, Code::PERMISSION_DENIED),
            (404, Code::UNIMPLEMENTED),
            (429, Code::UNAVAILABLE),
            (502, Code::UNAVAILABLE),
            (503, Code::UNAVAILABLE),
            (504, Code::UNAVAILABLE),
            (200, Code::UNKNOWN),
            (500, Code::UNKNOWN),
        ] {
            let status = StatusCode::from_u16(status).expect("a status");
            assert_eq!(
                Status::of_foreign(status, &HeaderMap::new()).code,
                code,
                "{status}"
            );
        }
    }
}
