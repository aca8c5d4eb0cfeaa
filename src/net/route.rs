//! [`Route`]: where connections for an origin go, found out once before the load.

use std::time::Duration;

use url::Url;

use super::addresses::Addresses;
use super::proxy::{Proxy, ProxyError};
use super::resolve::{ResolveError, resolve};
use super::{NetSettings, display_url, host_and_port};

/// Scheme, host and port: what a connection is for.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct Origin {
    /// Whether with TLS.
    pub https: bool,
    /// Without brackets.
    pub host: String,
    /// Port.
    pub port: u16,
}

impl Origin {
    /// `None` when it is not http or https, or has no host.
    pub fn of(url: &Url) -> Option<Self> {
        let https = match url.scheme() {
            "http" => false,
            "https" => true,
            _ => return None,
        };
        let (host, port) = host_and_port(url).filter(|(host, _)| !host.is_empty())?;
        Some(Self { https, host, port })
    }
}

/// Why there is no route.
#[derive(Debug, thiserror::Error)]
pub enum RouteError {
    /// Not http or https, or without a host.
    #[error("{0} is not an http:// or https:// URL")]
    Url(String),
    /// The name of the target or of its proxy has no address.
    #[error(transparent)]
    Resolve(#[from] ResolveError),
    /// The proxy cannot be used.
    #[error(transparent)]
    Proxy(#[from] ProxyError),
}

/// How to reach an origin.
#[derive(Debug)]
pub struct Route {
    /// What it leads to.
    pub origin: Origin,
    /// The name that the certificate of the origin must have, if it is not its host.
    pub server_name: Option<String>,
    /// What it leads through.
    pub proxy: Option<Proxy>,
    /// Of the proxy, if there is one.
    pub(crate) addresses: Addresses,
}

impl Route {
    /// Resolves a route, and says how long that took.
    pub async fn find(url: &Url, net: &NetSettings) -> Result<(Self, Duration), RouteError> {
        let wrong = || RouteError::Url(display_url(url));
        let origin = Origin::of(url).ok_or_else(wrong)?;
        let proxy = net.proxy.for_url(url)?;
        let (host, port) = match &proxy {
            Some(proxy) => host_and_port(proxy.url()).ok_or_else(wrong)?,
            None => (origin.host.clone(), origin.port),
        };
        let resolved = resolve(&host, port, &net.resolve).await?;
        let route = Self {
            origin,
            server_name: None,
            proxy,
            addresses: Addresses::new(resolved.addresses),
        };
        Ok((route, resolved.took))
    }

    /// Whether requests name the whole URL, because a proxy forwards them one by one.
    pub fn is_forwarded(&self) -> bool {
        self.proxy.is_some() && !self.origin.https
    }
}
