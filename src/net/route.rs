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

/// What connections are for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Purpose {
    /// HTTP of any version. A proxy forwards plaintext requests one by one.
    Http,
    /// gRPC: HTTP/2 alone, through a tunnel where there is a proxy.
    Grpc,
}

/// How to reach an origin.
#[derive(Debug)]
pub struct Route {
    /// What it leads to.
    pub origin: Origin,
    /// What for.
    pub purpose: Purpose,
    /// The name that the certificate of the origin must have, if it is not its host.
    pub server_name: Option<String>,
    /// What it leads through.
    pub proxy: Option<Proxy>,
    /// Of the proxy, if there is one.
    pub(crate) addresses: Addresses,
}

impl Route {
    /// Resolves a route for HTTP, and says how long that took.
    pub async fn find(url: &Url, net: &NetSettings) -> Result<(Self, Duration), RouteError> {
        let proxy = net.proxy.for_url(url)?;
        Self::through(proxy, url, net, Purpose::Http).await
    }

    /// Resolves a route for gRPC, and says how long that took. Plaintext goes through a tunnel too, so that its proxy is
    /// the one for `https://`.
    pub async fn for_grpc(url: &Url, net: &NetSettings) -> Result<(Self, Duration), RouteError> {
        let mut tunnelled = url.clone();
        if let (Some((_, port)), Ok(())) = (host_and_port(url), tunnelled.set_scheme("https")) {
            // A port fails only for URLs without a host, for which there is no route.
            let _ = tunnelled.set_port(Some(port));
        }
        let proxy = net.proxy.for_url(&tunnelled)?;
        Self::through(proxy, url, net, Purpose::Grpc).await
    }

    async fn through(
        proxy: Option<Proxy>,
        url: &Url,
        net: &NetSettings,
        purpose: Purpose,
    ) -> Result<(Self, Duration), RouteError> {
        let wrong = || RouteError::Url(display_url(url));
        let origin = Origin::of(url).ok_or_else(wrong)?;
        let (host, port) = match &proxy {
            Some(proxy) => host_and_port(proxy.url()).ok_or_else(wrong)?,
            None => (origin.host.clone(), origin.port),
        };
        let resolved = resolve(&host, port, &net.resolve).await?;
        let route = Self {
            origin,
            purpose,
            server_name: None,
            proxy,
            addresses: Addresses::new(resolved.addresses),
        };
        Ok((route, resolved.took))
    }

    /// The same with a certificate of another name, if one is given.
    #[must_use]
    pub fn named(mut self, server_name: Option<String>) -> Self {
        self.server_name = server_name;
        self
    }

    /// Whether requests name the whole URL, because a proxy forwards them one by one.
    pub fn is_forwarded(&self) -> bool {
        self.proxy.is_some() && !self.origin.https && self.purpose == Purpose::Http
    }
}
