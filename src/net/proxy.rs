//! Which requests go through which [`Proxy`].

use std::fmt;
use std::net::IpAddr;
use std::str::FromStr;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use url::Url;

use super::{host_and_port, is_loopback};
use crate::secret::Secret;

/// An HTTP proxy. Shown without its credentials.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Proxy {
    /// Without user information.
    url: Url,
    credentials: Option<(Secret, Secret)>,
}

/// A proxy that cannot be used.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum ProxyError {
    /// Not a URL with a host.
    #[error("the proxy is not a URL such as `http://proxy.example:3128`")]
    NotAUrl,
    /// SOCKS and the like.
    #[error("proxies of the kind `{0}://` are not supported; give one with http:// or https://")]
    Scheme(String),
}

impl FromStr for Proxy {
    type Err = ProxyError;

    fn from_str(text: &str) -> Result<Self, ProxyError> {
        let text = text.trim();
        let with_scheme = if text.contains("://") {
            text.to_owned()
        } else {
            format!("http://{text}")
        };
        // The URL is not quoted and the cause adds nothing: both may hold a password.
        let Ok(mut url) = with_scheme.parse::<Url>() else {
            return Err(ProxyError::NotAUrl);
        };
        if !matches!(url.scheme(), "http" | "https") {
            return Err(ProxyError::Scheme(url.scheme().to_owned()));
        }
        let credentials = (!url.username().is_empty() || url.password().is_some()).then(|| {
            (
                Secret::new(percent_decoded(url.username())),
                Secret::new(percent_decoded(url.password().unwrap_or_default())),
            )
        });
        // Neither fails for a URL with a host, which http and https always have.
        let _ = url.set_username("");
        let _ = url.set_password(None);
        Ok(Self { url, credentials })
    }
}

impl fmt::Display for Proxy {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.url.as_str().trim_end_matches('/'))
    }
}

impl Proxy {
    /// Its address, without credentials.
    pub fn url(&self) -> &Url {
        &self.url
    }

    /// Its address with credentials, for a client that takes them from there.
    pub(crate) fn with_credentials(&self) -> Url {
        let mut url = self.url.clone();
        if let Some((user, password)) = &self.credentials {
            // Neither fails for a URL with a host, which http and https always have.
            let _ = url.set_username(user.expose());
            let _ = url.set_password(Some(password.expose()));
        }
        url
    }

    /// The value of `Proxy-Authorization`, if it needs one.
    pub fn authorization(&self) -> Option<Secret> {
        self.credentials.as_ref().map(|(user, password)| {
            let pair = format!("{}:{}", user.expose(), password.expose());
            Secret::new(format!("Basic {}", STANDARD.encode(pair)))
        })
    }
}

pub(crate) fn percent_decoded(text: &str) -> String {
    let mut bytes = Vec::with_capacity(text.len());
    let mut rest = text.as_bytes();
    while let Some((&first, tail)) = rest.split_first() {
        let hex = tail
            .get(..2)
            .filter(|_| first == b'%')
            .and_then(|pair| std::str::from_utf8(pair).ok())
            .and_then(|pair| u8::from_str_radix(pair, 16).ok());
        let used = if hex.is_some() { 2 } else { 0 };
        bytes.push(hex.unwrap_or(first));
        rest = &tail[used..];
    }
    String::from_utf8_lossy(&bytes).into_owned()
}

/// The values of `HTTP_PROXY`, `HTTPS_PROXY` and `NO_PROXY`.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct ProxyEnv {
    /// For `http://` targets.
    pub http: Option<Secret>,
    /// For `https://` targets.
    pub https: Option<Secret>,
    /// Hosts that are reached directly.
    pub no_proxy: Option<String>,
}

/// Where the choice of a proxy comes from.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub enum ProxySettings {
    /// No proxy at all.
    #[default]
    Direct,
    /// The user named one; it is used for everything, this machine included.
    Explicit(Proxy),
    /// The environment's convention; this machine is always reached directly.
    Environment(ProxyEnv),
}

impl ProxySettings {
    /// The proxy for a URL, if it goes through one.
    pub fn for_url(&self, url: &Url) -> Result<Option<Proxy>, ProxyError> {
        let env = match self {
            Self::Direct => return Ok(None),
            Self::Explicit(proxy) => return Ok(Some(proxy.clone())),
            Self::Environment(env) => env,
        };
        let value = if url.scheme() == "https" {
            &env.https
        } else {
            &env.http
        };
        let value = value
            .as_ref()
            .map(Secret::expose)
            .filter(|value| !value.trim().is_empty());
        let exempt = env.no_proxy.as_deref().unwrap_or_default();
        match value {
            Some(value) if !is_loopback(url) && !is_exempt(url, exempt) => value.parse().map(Some),
            _ => Ok(None),
        }
    }
}

/// Whether a list such as `localhost, .svc, example.com:8080, 10.0.0.0/8` names the host of `url`.
fn is_exempt(url: &Url, list: &str) -> bool {
    let Some((host, port)) = host_and_port(url) else {
        return false;
    };
    let host = host.trim_end_matches('.').to_ascii_lowercase();
    let address: Option<IpAddr> = host.parse().ok();
    list.split([',', ' '])
        .map(str::trim)
        .filter(|entry| !entry.is_empty())
        .any(|entry| {
            if entry == "*" {
                return true;
            }
            match address {
                Some(address) => names_address(entry, address, port),
                None => names_host(entry, &host, port),
            }
        })
}

fn names_host(entry: &str, host: &str, port: u16) -> bool {
    let (name, wanted) = match entry.rsplit_once(':') {
        Some((name, wanted)) => (name, wanted.parse().ok()),
        None => (entry, None),
    };
    let name = name
        .trim_start_matches("*.")
        .trim_start_matches('.')
        .to_ascii_lowercase();
    let name_fits = host
        .strip_suffix(&name)
        .is_some_and(|front| front.is_empty() || front.ends_with('.'));
    !name.is_empty() && name_fits && wanted.is_none_or(|wanted: u16| wanted == port)
}

fn names_address(entry: &str, address: IpAddr, port: u16) -> bool {
    if let Ok(socket) = entry.parse::<std::net::SocketAddr>() {
        return socket.ip() == address && socket.port() == port;
    }
    let (network, bits) = match entry.split_once('/') {
        Some((network, bits)) => (network, bits.parse::<u32>().ok()),
        None => (entry, Some(u32::MAX)),
    };
    let network = network.trim_start_matches('[').trim_end_matches(']');
    let (Ok(network), Some(bits)) = (network.parse::<IpAddr>(), bits) else {
        return false;
    };
    match (network, address) {
        (IpAddr::V4(network), IpAddr::V4(address)) => {
            let differ = network.to_bits() ^ address.to_bits();
            differ.leading_zeros() >= bits.min(32)
        }
        (IpAddr::V6(network), IpAddr::V6(address)) => {
            let differ = network.to_bits() ^ address.to_bits();
            differ.leading_zeros() >= bits.min(128)
        }
        (IpAddr::V4(_), IpAddr::V6(_)) | (IpAddr::V6(_), IpAddr::V4(_)) => false,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn through(settings: &ProxySettings, url: &str) -> Option<String> {
        let url = url.parse().expect(url);
        settings
            .for_url(&url)
            .expect("a usable proxy")
            .map(|proxy| proxy.to_string())
    }

    fn environment(no_proxy: &str) -> ProxySettings {
        ProxySettings::Environment(ProxyEnv {
            http: Some(Secret::new("proxy.example:3128")),
            https: Some(Secret::new("http://me:s%40cret@secure.example")),
            no_proxy: Some(no_proxy.to_owned()),
        })
    }

    #[test]
    fn credentials_are_sent_but_not_shown() {
        let proxy: Proxy = "http://me:s%40cret@proxy.example:8080".parse().expect("proxy");
        assert_eq!(proxy.to_string(), "http://proxy.example:8080");
        assert!(!format!("{proxy:?}").contains("cret"));
        let sent = proxy.authorization().expect("credentials");
        assert_eq!(sent.expose(), format!("Basic {}", STANDARD.encode("me:s@cret")));
    }

    #[test]
    fn what_is_no_http_proxy_is_refused() {
        assert_eq!(
            "socks5://p:1".parse::<Proxy>(),
            Err(ProxyError::Scheme("socks5".into()))
        );
        assert_eq!("http://".parse::<Proxy>(), Err(ProxyError::NotAUrl));
    }

    #[test]
    fn the_environment_chooses_by_scheme_and_spares_loopback() {
        let env = environment("");
        assert_eq!(
            through(&env, "http://app.example").as_deref(),
            Some("http://proxy.example:3128")
        );
        assert_eq!(
            through(&env, "https://app.example").as_deref(),
            Some("http://secure.example")
        );
        assert_eq!(through(&env, "http://localhost:8080"), None);
        assert_eq!(through(&env, "http://127.0.0.1"), None);
        let named = ProxySettings::Explicit("http://p.example:1".parse().expect("proxy"));
        assert_eq!(
            through(&named, "http://127.0.0.1").as_deref(),
            Some("http://p.example:1")
        );
    }

    #[test]
    fn exempt_hosts_go_directly() {
        let list = "example.com, .svc, one.example:8080,10.0.0.0/8 fd00::/8";
        for direct in [
            "http://example.com",
            "http://a.EXAMPLE.com",
            "http://x.svc",
            "http://one.example:8080",
            "http://10.9.8.7",
            "http://[fd00::7]",
        ] {
            assert_eq!(through(&environment(list), direct), None, "{direct}");
        }
        for proxied in [
            "http://notexample.com",
            "http://one.example",
            "http://11.0.0.1",
            "http://[fe80::7]",
        ] {
            assert!(through(&environment(list), proxied).is_some(), "{proxied}");
        }
        assert_eq!(through(&environment("*"), "http://any.example"), None);
    }
}
