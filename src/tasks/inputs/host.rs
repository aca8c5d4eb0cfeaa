//! [`GrpcHost`]: host and port of a gRPC server.

use std::fmt;

use serde_json::json;
use url::Url;

use super::places::Places;
use super::target::wrong_address;
use crate::spec::{Decode, Decoder, Node};

/// Of URLs without a port, as in HTTP.
const PORTS: [(&str, u16); 2] = [("http://", 80), ("https://", 443)];

/// What a host may begin with, and what it says about TLS. Those of gRPC's own name resolution say nothing.
const SCHEMES: &[(&str, Option<bool>)] = &[
    ("grpc://", Some(false)),
    ("grpcs://", Some(true)),
    ("http://", Some(false)),
    ("https://", Some(true)),
    ("dns:///", None),
    ("passthrough:///", None),
];

const EXAMPLE: &str = "for example shop.example:50051";

/// `HOST:PORT`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct GrpcHost {
    /// IPv6 in brackets.
    host: String,
    port: u16,
    /// Whether by TLS, if it was given as a URL.
    scheme: Option<bool>,
}

impl fmt::Display for GrpcHost {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}:{}", self.host, self.port)
    }
}

impl GrpcHost {
    /// With `https://` if it is by TLS, with `http://` if it is not.
    pub(crate) fn url(&self, tls: bool) -> Option<Url> {
        let scheme = if tls { "https" } else { "http" };
        format!("{scheme}://{self}").parse().ok()
    }

    /// Whether by TLS, if it was given as a URL: `HOST:PORT` does not say it.
    pub(crate) fn tls(&self) -> Option<bool> {
        self.scheme
    }

    /// A host, and the scheme of the URL that it was given as.
    fn parse(text: &str) -> Result<(Self, Option<&'static str>), (&'static str, &'static str)> {
        let found = SCHEMES.iter().find(|(scheme, _)| text.starts_with(scheme));
        let (text, tls) = found.map_or((text, None), |(scheme, tls)| (&text[scheme.len()..], *tls));
        if text.contains("://") || text.starts_with("unix:") {
            return Err(("a gRPC server is given as HOST:PORT", EXAMPLE));
        }
        let text = if tls.is_some() {
            text.strip_suffix('/').unwrap_or(text)
        } else {
            text
        };
        if text.contains('/') {
            return Err((
                "a gRPC server is given as HOST:PORT, without a path",
                "leave the path out",
            ));
        }
        // Neither scheme's own port may be lost.
        let read = |scheme: &str| Url::parse(&format!("{scheme}://{text}")).ok();
        let wrong = ("not of the form HOST:PORT", EXAMPLE);
        let (Some(url), Some(other)) = (read("http"), read("https")) else {
            return Err(wrong);
        };
        let bare = url.path() == "/" && url.query().is_none() && url.fragment().is_none();
        let implied = PORTS
            .iter()
            .find(|(scheme, _)| found.is_some_and(|(found, _)| found == scheme));
        let port = url.port().or(other.port()).or(implied.map(|(_, port)| *port));
        match url.host_str() {
            Some(host) if bare && url.username().is_empty() && url.password().is_none() => Ok((
                Self {
                    host: host.to_owned(),
                    port: port.ok_or((
                        "the host has no port, and gRPC has none of its own",
                        "add it: for example shop.example:50051, or shop.example:443 with `insecure: false`",
                    ))?,
                    scheme: tls,
                },
                found.filter(|_| tls.is_some()).map(|(scheme, _)| *scheme),
            )),
            _ => Err(wrong),
        }
    }
}

/// The name that a server goes by where that is not its host: `authority`, or `cname`, that of its certificate. With TLS both
/// are one name to gRPC.
#[expect(
    clippy::option_option,
    reason = "no other name, or a mistake that was reported"
)]
pub(crate) fn other_name(
    authority: Option<&String>,
    cname: Option<&String>,
    tls: bool,
    places: Places<'_>,
    decoder: &mut Decoder<'_>,
) -> Option<Option<String>> {
    let mut valid = true;
    for (given, field) in [(authority, "authority"), (cname, "cname")] {
        let wrong = given.filter(|name| name.trim().parse::<http::uri::Authority>().is_err());
        if let Some(name) = wrong {
            decoder.error(
                places.at(field),
                format!("`{name}` is not the name of a host"),
                None,
            );
            valid = false;
        }
    }
    if !valid {
        return None;
    }
    let trimmed = |name: Option<&String>| name.map(|name| name.trim().to_owned());
    match (trimmed(authority), trimmed(cname)) {
        (Some(authority), Some(cname)) if tls && authority != cname => {
            let message = "with TLS, `authority` and `cname` are one name, and they differ";
            decoder.error(
                places.at("cname"),
                message,
                Some("leave one of them out".to_owned()),
            );
            None
        }
        (authority, Some(_)) if !tls => {
            let message = "`cname` changes nothing without TLS";
            let hint = "give `insecure: false`, or `authority`";
            decoder.warning(places.at("cname"), message, Some(hint.to_owned()));
            Some(authority)
        }
        (authority, cname) => Some(authority.or(cname)),
    }
}

impl Decode for GrpcHost {
    const TYPE: &'static str = "HOST:PORT";

    fn schema() -> serde_json::Value {
        json!({ "type": "string", "examples": ["shop.example:50051"] })
    }

    fn decode(node: &Node, decoder: &mut Decoder<'_>) -> Option<Self> {
        let text = String::decode(node, decoder)?;
        match Self::parse(text.trim()) {
            Ok((host, None)) => Some(host),
            Ok((host, Some(scheme))) => {
                let (transport, more) = if host.scheme == Some(true) {
                    ("with TLS", " and `insecure: false`")
                } else {
                    ("without TLS", "")
                };
                let message = format!(
                    "a gRPC server is given as HOST:PORT: `{scheme}` is read as `{host}` {transport}"
                );
                decoder.warning(&node.at, message, Some(format!("write `{host}`{more}")));
                Some(host)
            }
            Err((message, hint)) => {
                wrong_address(node, &text, message.to_owned(), Some(hint.to_owned()), decoder);
                None
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn host_and_port_are_read_as_in_grpc() {
        for (text, read) in [
            ("shop.example:50051", "shop.example:50051"),
            ("dns:///shop.example:50051", "shop.example:50051"),
            ("[::1]:80", "[::1]:80"),
            ("shop.example:80", "shop.example:80"),
            ("shop.example:443", "shop.example:443"),
            ("grpc://a:1", "a:1"),
            ("grpcs://a:1/", "a:1"),
            ("https://a", "a:443"),
            ("http://a", "a:80"),
        ] {
            let host = GrpcHost::parse(text).map(|(host, _)| host.to_string());
            assert_eq!(host, Ok(read.to_owned()), "{text}");
        }
        for text in [
            "",
            ":50051",
            "shop.example",
            "dns:///shop.example",
            "grpc://a",
            "grpcs://a",
            "[::1]",
            "a:b",
            "a:1/x",
            "a:1?x",
            "me@a:1",
            "a b:1",
            "a:1/",
            "a:70000",
            "ftp://a:1",
            "unix:/a.sock",
            "http://a:1/path",
            "[::1",
        ] {
            assert!(GrpcHost::parse(text).is_err(), "{text}");
        }
    }

    #[test]
    fn tls_is_in_the_scheme() {
        for (text, tls, expected) in [
            ("a:50051", true, "https://a:50051/"),
            ("a:50051", false, "http://a:50051/"),
            ("a:443", false, "http://a:443/"),
            ("a:80", true, "https://a:80/"),
        ] {
            let (host, _) = GrpcHost::parse(text).expect("a host");
            assert_eq!(host.url(tls).map(String::from).as_deref(), Some(expected));
            assert_eq!(host.tls(), None);
        }
        for (text, tls) in [("grpc://a:1", false), ("https://a:1", true)] {
            assert_eq!(GrpcHost::parse(text).expect(text).0.tls(), Some(tls));
        }
    }
}
