//! Names to addresses: [`resolve`], with the user's [`Override`]s in curl's form `host:port:address`.

use std::fmt;
use std::net::{IpAddr, SocketAddr};
use std::str::FromStr;
use std::time::Duration;

use tokio::time::{Instant, timeout};

/// A name server that does not answer for this long will not answer.
const PATIENCE: Duration = Duration::from_secs(10);

/// "Use these addresses for this host and port", as in curl's `--resolve`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Override {
    /// Host name in lower case, or `*` for every host.
    host: String,
    port: u16,
    addresses: Vec<IpAddr>,
}

/// An [`Override`] that cannot be read.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("`{0}` is not of the form `host:port:address`")]
pub struct OverrideError(String);

impl FromStr for Override {
    type Err = OverrideError;

    fn from_str(text: &str) -> Result<Self, OverrideError> {
        let wrong = || OverrideError(text.to_owned());
        let mut parts = text.trim().splitn(3, ':');
        let (Some(host), Some(port), Some(addresses)) = (parts.next(), parts.next(), parts.next()) else {
            return Err(wrong());
        };
        let addresses: Vec<IpAddr> = addresses
            .split(',')
            .filter_map(|address| {
                address
                    .trim()
                    .trim_start_matches('[')
                    .trim_end_matches(']')
                    .parse()
                    .ok()
            })
            .collect();
        let wanted = text.matches(',').count() + 1;
        match port.parse() {
            Ok(port) if !host.is_empty() && addresses.len() == wanted => Ok(Self {
                host: host.trim_start_matches('+').to_ascii_lowercase(),
                port,
                addresses,
            }),
            _ => Err(wrong()),
        }
    }
}

impl fmt::Display for Override {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let addresses: Vec<_> = self
            .addresses
            .iter()
            .map(|address| match address {
                IpAddr::V4(v4) => v4.to_string(),
                IpAddr::V6(v6) => format!("[{v6}]"),
            })
            .collect();
        write!(f, "{}:{}:{}", self.host, self.port, addresses.join(","))
    }
}

impl Override {
    /// The addresses, if this override is for `host`; any port will do when none is given.
    pub fn addresses_for(&self, host: &str, port: Option<u16>) -> Option<&[IpAddr]> {
        let host_fits = self.host == "*" || self.host.eq_ignore_ascii_case(host.trim_end_matches('.'));
        (host_fits && port.is_none_or(|port| port == self.port)).then_some(self.addresses.as_slice())
    }
}

/// The addresses of a host, never empty, and how long it took to learn them.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Resolved {
    /// In the order of preference.
    pub addresses: Vec<SocketAddr>,
    /// Zero when nobody had to be asked.
    pub took: Duration,
}

/// A name without addresses.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum ResolveError {
    /// No such name, or nobody to ask.
    #[error("host not found: {0}")]
    NotFound(String),
    /// The name server does not answer.
    #[error("host not found: {0} (no answer from the name server within 10 s)")]
    TimedOut(String),
}

/// Looks up `host` (a name or an address without brackets), the user's overrides first.
pub async fn resolve(host: &str, port: u16, overrides: &[Override]) -> Result<Resolved, ResolveError> {
    let known = |addresses: &[IpAddr]| Resolved {
        addresses: addresses
            .iter()
            .map(|address| SocketAddr::new(*address, port))
            .collect(),
        took: Duration::ZERO,
    };
    if let Some(addresses) = overrides
        .iter()
        .find_map(|entry| entry.addresses_for(host, Some(port)))
    {
        return Ok(known(addresses));
    }
    if let Ok(address) = host.parse::<IpAddr>() {
        return Ok(known(&[address]));
    }
    let started = Instant::now();
    let Ok(answer) = timeout(PATIENCE, tokio::net::lookup_host((host, port))).await else {
        return Err(ResolveError::TimedOut(host.to_owned()));
    };
    let mut addresses: Vec<SocketAddr> = answer.map_or_else(|_| Vec::new(), Iterator::collect);
    addresses.dedup();
    if addresses.is_empty() {
        return Err(ResolveError::NotFound(host.to_owned()));
    }
    Ok(Resolved {
        addresses,
        took: started.elapsed(),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn overrides_are_read_in_curls_form() {
        for good in ["app.example:443:127.0.0.1", "*:80:[::1],10.0.0.1"] {
            assert_eq!(good.parse::<Override>().expect(good).to_string(), good);
        }
        for bad in [
            "",
            "app.example",
            "app.example:443",
            "app.example:https:127.0.0.1",
            "a:1:nonsense",
            "a:1:",
            ":1:::1",
        ] {
            assert!(bad.parse::<Override>().is_err(), "{bad}");
        }
    }

    #[tokio::test]
    async fn an_override_answers_for_its_host_and_port_only() {
        let overrides = ["App.example:443:127.0.0.9".parse().expect("override")];
        let found = resolve("app.example", 443, &overrides).await.expect("found");
        assert_eq!(found.addresses, ["127.0.0.9:443".parse().expect("address")]);
        assert_eq!(overrides[0].addresses_for("app.example", Some(80)), None);
        assert_eq!(overrides[0].addresses_for("other.example", None), None);
    }

    #[tokio::test]
    async fn addresses_need_no_lookup_and_unknown_names_are_named() {
        let found = resolve("::1", 80, &[]).await.expect("address");
        assert_eq!(found.addresses, ["[::1]:80".parse().expect("address")]);
        let error = resolve("no-such-host.invalid", 80, &[])
            .await
            .expect_err("unknown");
        assert!(
            error
                .to_string()
                .starts_with("host not found: no-such-host.invalid"),
            "{error}"
        );
    }
}
