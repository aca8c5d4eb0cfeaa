//! [`check`]: asks a server how it is (<https://github.com/grpc/grpc/blob/master/doc/health-checking.md>).

use std::time::Duration;

use http::HeaderMap;
use tonic_health::pb::health_check_response::ServingStatus;
use tonic_health::pb::{HealthCheckRequest, HealthCheckResponse};

use super::channel::{CallError, Channel};
use super::code::Code;

/// How a server, or one of its services, is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Health {
    /// It takes calls.
    Serving,
    /// It takes none now.
    NotServing,
    /// It does not say.
    Unknown,
    /// The server knows no service of this name.
    NoSuchService,
    /// The server has no `grpc.health.v1`.
    Unimplemented,
}

/// Asks for the health of `service`; an empty name means the whole server. Any other answer than one of [`Health`] is
/// an error.
pub async fn check(
    channel: &Channel,
    service: &str,
    metadata: &HeaderMap,
    patience: Duration,
) -> Result<Health, CallError> {
    let question = HealthCheckRequest {
        service: service.to_owned(),
    };
    let path = "/grpc.health.v1.Health/Check";
    let answer: Result<HealthCheckResponse, _> = channel.call(path, question, metadata, patience).await;
    match answer {
        Ok(answer) => Ok(match answer.status() {
            ServingStatus::Serving => Health::Serving,
            ServingStatus::NotServing => Health::NotServing,
            ServingStatus::Unknown => Health::Unknown,
            ServingStatus::ServiceUnknown => Health::NoSuchService,
        }),
        Err(CallError::Status {
            code: Code::UNIMPLEMENTED,
            ..
        }) => Ok(Health::Unimplemented),
        Err(CallError::Status {
            code: Code::NOT_FOUND,
            ..
        }) => Ok(Health::NoSuchService),
        Err(error) => Err(error),
    }
}
