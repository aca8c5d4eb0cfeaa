//! How to reach a server: names, proxies, TLS, one-off requests, and what stands in the way of the application.

mod addresses;
pub mod cause;
pub mod client;
pub mod connect;
pub mod greeting;
mod login_page;
pub mod proxy;
pub mod resolve;
pub mod route;
pub mod tls;
mod trusted;
pub mod wall;

use url::{Host, Url};

use proxy::ProxySettings;
use resolve::Override;
use tls::TlsSettings;

/// What iter8 calls itself in requests, unless the user says otherwise.
pub const USER_AGENT: &str = concat!("iter8/", env!("CARGO_PKG_VERSION"));

/// How connections are made, the same for probes, downloads and load.
#[derive(Debug, Clone, Default)]
pub struct NetSettings {
    /// Certificates, keys and what to trust.
    pub tls: TlsSettings,
    /// Which requests go through which proxy.
    pub proxy: ProxySettings,
    /// Addresses to use instead of asking for them.
    pub resolve: Vec<Override>,
}

/// A URL as people may see it: without user information, query and fragment.
pub fn display_url(url: &Url) -> String {
    let mut shown = url.clone();
    shown.set_query(None);
    shown.set_fragment(None);
    // Both fail only for URLs that cannot have user information.
    let _ = shown.set_username("");
    let _ = shown.set_password(None);
    shown.to_string()
}

/// Whether a URL's host is this machine itself.
pub fn is_loopback(url: &Url) -> bool {
    match url.host() {
        Some(Host::Domain(name)) => {
            let name = name.trim_end_matches('.');
            name.eq_ignore_ascii_case("localhost") || name.to_ascii_lowercase().ends_with(".localhost")
        }
        Some(Host::Ipv4(address)) => address.is_loopback(),
        Some(Host::Ipv6(address)) => {
            address.is_loopback() || address.to_ipv4_mapped().is_some_and(|v4| v4.is_loopback())
        }
        None => false,
    }
}

/// The host of a URL without the brackets of IPv6, and its port; `None` without a host or known port.
pub fn host_and_port(url: &Url) -> Option<(String, u16)> {
    let host = match url.host()? {
        Host::Domain(name) => name.to_owned(),
        Host::Ipv4(address) => address.to_string(),
        Host::Ipv6(address) => address.to_string(),
    };
    Some((host, url.port_or_known_default()?))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn url(text: &str) -> Url {
        text.parse().expect(text)
    }

    #[test]
    fn a_displayed_url_keeps_no_secret() {
        let shown = display_url(&url("https://me:pw@app.example:8443/a/b?token=x#frag"));
        assert_eq!(shown, "https://app.example:8443/a/b");
    }

    #[test]
    fn loopback_has_many_names() {
        for local in [
            "http://localhost",
            "http://APP.localhost./",
            "http://127.8.0.1",
            "http://[::1]:80",
        ] {
            assert!(is_loopback(&url(local)), "{local}");
        }
        for remote in ["http://localhost.example", "http://10.0.0.1", "http://[fe80::1]"] {
            assert!(!is_loopback(&url(remote)), "{remote}");
        }
    }

    #[test]
    fn an_ipv6_host_loses_its_brackets() {
        assert_eq!(
            host_and_port(&url("https://[::1]/")),
            Some(("::1".to_owned(), 443))
        );
    }
}
