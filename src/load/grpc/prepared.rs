//! [`Prepared`]: what is the same for all calls of a method, made once and shared by all workers.

use std::sync::Arc;
use std::time::Duration;

use http::uri::Authority;
use rustls::ClientConfig;

use super::halt::Halt;
use super::outbox::Outbox;
use super::reader::Reading;
use super::spec::CallSpec;
use crate::load::LoadError;
use crate::load::h2::Limits;
use crate::net::route::Route;
use crate::net::tls::client_config;
use crate::net::{NetSettings, display_url, host_and_port};

/// One method of one server.
#[derive(Debug)]
pub(super) struct Prepared {
    spec: CallSpec,
    /// For one call.
    pub(super) timeout: Duration,
    authority: Authority,
    pub(super) reading: Reading,
    pub(super) route: Route,
    pub(super) tls: Arc<ClientConfig>,
    pub(super) limits: Limits,
}

impl Prepared {
    /// Prepares calls with so much time for each; also says how long the name look-up took.
    pub(super) async fn new(
        spec: &CallSpec,
        net: &NetSettings,
        timeout: Duration,
    ) -> Result<(Self, Duration), LoadError> {
        let wrong = || LoadError::Url(display_url(&spec.url));
        let (mut route, dns) = Route::for_grpc(&spec.url, net).await?;
        let (_, port) = host_and_port(&spec.url).ok_or_else(wrong)?;
        let authority = match &spec.authority {
            Some(authority) => {
                let authority = Authority::try_from(authority.as_str())
                    .map_err(|_invalid| LoadError::Authority(authority.clone()))?;
                let name = authority.host().trim_start_matches('[').trim_end_matches(']');
                route.server_name = Some(name.to_owned());
                authority
            }
            // With its port, even where it is the default: gRPC has none.
            None => Authority::try_from(format!("{}:{port}", spec.url.host_str().unwrap_or_default()))
                .map_err(|_invalid| wrong())?,
        };
        if spec.pick_first {
            route.addresses.stay();
        }
        let mut tls = client_config(&net.tls)?;
        tls.alpn_protocols = vec![b"h2".to_vec()];
        let enough = spec.stream.call_count.filter(|_| !spec.kind.client_streams());
        let prepared = Self {
            timeout,
            authority,
            reading: Reading {
                url: spec.url.clone(),
                max: spec.max_recv,
                streams: spec.kind.server_streams(),
                enough: enough.map_or(u64::MAX, std::num::NonZeroU64::get),
            },
            route,
            tls: Arc::new(tls),
            limits: limits(spec.keepalive),
            spec: spec.clone(),
        };
        Ok((prepared, dns))
    }

    /// What one worker sends, until `halt`.
    pub(super) fn outbox(&self, halt: Halt) -> Outbox {
        Outbox::new(&self.spec, &self.authority, self.timeout, halt)
    }
}

fn limits(keepalive: Option<Duration>) -> Limits {
    Limits {
        ping_after: keepalive.unwrap_or(Duration::MAX),
        ping_idle: true,
        pong_within: keepalive.unwrap_or(Duration::MAX),
        ..Limits::default()
    }
}
