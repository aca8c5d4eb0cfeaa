//! [`HealthProbe`]: asks a gRPC server for its health (`grpc.health.v1`).

use std::time::Duration;

use tokio::time::Instant;
use url::Url;

use super::HealthOf;
use super::wait::{Form, Probe, Refusal};
use crate::grpc::channel::{CallError, Channel, ChannelError, Server, foreign};
use crate::grpc::code::Code;
use crate::grpc::health::{Health, check};
use crate::net::NetSettings;
use crate::secret::Mask;
use crate::tasks::TaskError;
use crate::tasks::inputs::Sender;

/// A server that is asked.
pub(super) struct HealthProbe<'a> {
    of: &'a HealthOf,
    server: Server,
    sender: &'a Sender,
    settings: NetSettings,
    mask: &'a Mask,
}

impl<'a> HealthProbe<'a> {
    pub(super) fn new(of: &'a HealthOf, sender: &'a Sender, mask: &'a Mask) -> Result<Self, TaskError> {
        let settings = sender.settings().map_err(|error| TaskError::from_error(&error))?;
        let server = Server::called(of.url.clone(), of.authority.clone());
        Ok(Self {
            of,
            server,
            sender,
            settings,
            mask,
        })
    }

    fn judge(&self, health: Health) -> Result<(), Refusal> {
        let who = match self.of.service.as_str() {
            "" => "it".to_owned(),
            service => format!("its service `{service}`"),
        };
        Err(Refusal::answered(match health {
            Health::Serving => return Ok(()),
            Health::Unknown | Health::NoSuchService | Health::Unimplemented if self.of.any => return Ok(()),
            Health::NotServing => format!("{who} is NOT_SERVING"),
            Health::Unknown => format!("{who} does not know its health (UNKNOWN)"),
            Health::NoSuchService => match self.of.service.as_str() {
                "" => "it has no health of the server as a whole (NOT_FOUND); give a `service`".to_owned(),
                service => format!("it knows no health of a service `{service}` (NOT_FOUND)"),
            },
            Health::Unimplemented => {
                "it has no health checks (grpc.health.v1.Health is UNIMPLEMENTED)".to_owned()
            }
        }))
    }
}

impl Probe for HealthProbe<'_> {
    fn target(&self) -> String {
        self.of.to_string()
    }

    fn url(&self) -> Option<&Url> {
        Some(&self.of.url)
    }

    fn form(&self) -> Form {
        Form::Host
    }

    async fn attempt(&self, patience: Duration) -> Result<(), Refusal> {
        let started = Instant::now();
        let channel = Channel::connect(&self.server, &self.settings, patience)
            .await
            .map_err(|error| unconnected(&error))?;
        let left = patience.saturating_sub(started.elapsed());
        match check(&channel, &self.of.service, &self.sender.headers, left).await {
            Ok(health) => self.judge(health),
            Err(
                CallError::TimedOut(_)
                | CallError::Status {
                    code: Code::DEADLINE_EXCEEDED,
                    ..
                },
            ) => Err(Refusal::late(format!("it did not answer within {patience:?}"))),
            // Whoever refuses to say how it is does answer calls; a proxy says so that nobody is there yet.
            Err(CallError::Status { code, .. }) if self.of.any && code != Code::UNAVAILABLE => Ok(()),
            Err(error) => {
                let words = foreign(&self.mask.apply(&error.to_string()));
                Err(Refusal::answered(format!("its health check failed: {words}")))
            }
        }
    }
}

/// A name may appear and a server start; a wrong address stays as it is. The target is named by who tells the reason.
fn unconnected(error: &ChannelError) -> Refusal {
    let reason = match error {
        ChannelError::Connect { source, .. } => source.to_string(),
        ChannelError::NotHttp2 { reason, .. } => reason.clone(),
        ChannelError::TimedOut { after, .. } => format!("no connection within {after:?}"),
        ChannelError::Route(_) | ChannelError::TlsSettings(_) | ChannelError::Authority(_) => {
            TaskError::from_error(error).message
        }
    };
    Refusal {
        unreachable: error.is_unreachable(),
        final_: error.is_final(),
        late: matches!(error, ChannelError::TimedOut { .. }),
        ..Refusal::answered(reason)
    }
}
