//! [`Route`]: where connections for an origin go, found out once before the load.

use std::time::Duration;

use url::Url;

use super::addresses::Addresses;
use crate::load::LoadError;
use crate::net::proxy::Proxy;
use crate::net::resolve::resolve;
use crate::net::{NetSettings, display_url, host_and_port};

/// Scheme, host and port: what a connection is for.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub(super) struct Origin {
    pub(super) https: bool,
    /// Without brackets.
    pub(super) host: String,
    pub(super) port: u16,
}

impl Origin {
    /// `None` when it is not http or https, or has no host.
    pub(super) fn of(url: &Url) -> Option<Self> {
        let https = match url.scheme() {
            "http" => false,
            "https" => true,
            _ => return None,
        };
        let (host, port) = host_and_port(url).filter(|(host, _)| !host.is_empty())?;
        Some(Self { https, host, port })
    }
}

/// How to reach an origin.
#[derive(Debug)]
pub(super) struct Route {
    pub(super) origin: Origin,
    pub(super) proxy: Option<Proxy>,
    /// Of the proxy, if there is one.
    pub(super) addresses: Addresses,
}

impl Route {
    /// Resolves a route, and says how long that took.
    pub(super) async fn find(url: &Url, net: &NetSettings) -> Result<(Self, Duration), LoadError> {
        let wrong = || LoadError::Url(display_url(url));
        let origin = Origin::of(url).ok_or_else(wrong)?;
        let proxy = net.proxy.for_url(url)?;
        let (host, port) = match &proxy {
            Some(proxy) => host_and_port(proxy.url()).ok_or_else(wrong)?,
            None => (origin.host.clone(), origin.port),
        };
        let resolved = resolve(&host, port, &net.resolve).await?;
        let route = Self {
            origin,
            proxy,
            addresses: Addresses::new(resolved.addresses),
        };
        Ok((route, resolved.took))
    }

    /// Whether requests name the whole URL, because a proxy forwards them one by one.
    pub(super) fn is_forwarded(&self) -> bool {
        self.proxy.is_some() && !self.origin.https
    }
}
