//! [`GrpcHost`]: host and port of a gRPC server.

use std::fmt;

use serde_json::json;
use url::Url;

use crate::spec::{Decode, Decoder, Node};

/// As in gRPC, where none is given.
const PORT: u16 = 443;

/// `HOST:PORT`. Whether by TLS is said elsewhere.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct GrpcHost {
    /// IPv6 in brackets.
    host: String,
    port: u16,
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

    fn parse(text: &str) -> Result<Self, (&'static str, &'static str)> {
        const EXAMPLE: &str = "for example shop.example:50051";
        let text = ["dns:///", "passthrough:///"]
            .iter()
            .find_map(|scheme| text.strip_prefix(scheme))
            .unwrap_or(text);
        if text.contains("://") {
            return Err((
                "a gRPC server is given as HOST:PORT, without a scheme",
                "`insecure: false` says that it speaks TLS",
            ));
        }
        // Neither scheme's own port may be lost.
        let read = |scheme: &str| Url::parse(&format!("{scheme}://{text}")).ok();
        let wrong = ("not of the form HOST:PORT", EXAMPLE);
        let (Some(url), Some(other)) = (read("http"), read("https")) else {
            return Err(wrong);
        };
        let bare =
            url.path() == "/" && !text.ends_with('/') && url.query().is_none() && url.fragment().is_none();
        match url.host_str() {
            Some(host) if bare && url.username().is_empty() && url.password().is_none() => Ok(Self {
                host: host.to_owned(),
                port: url.port().or(other.port()).unwrap_or(PORT),
            }),
            _ => Err(wrong),
        }
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
            Ok(host) => Some(host),
            Err((message, hint)) => {
                decoder.error(&node.at, message, Some(hint.into()));
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
            ("shop.example", "shop.example:443"),
        ] {
            assert_eq!(
                GrpcHost::parse(text).map(|host| host.to_string()),
                Ok(read.to_owned())
            );
        }
        for text in [
            "", ":50051", "a:b", "a:1/x", "a:1?x", "me@a:1", "a b:1", "a:1/", "a:70000",
        ] {
            assert!(GrpcHost::parse(text).is_err(), "{text}");
        }
        let (_, hint) = GrpcHost::parse("https://a:1").expect_err("a scheme");
        assert!(hint.contains("insecure: false"));
    }

    #[test]
    fn tls_is_in_the_scheme() {
        let host = GrpcHost::parse("a:50051").expect("a host");
        assert_eq!(
            host.url(true).map(String::from).as_deref(),
            Some("https://a:50051/")
        );
        assert_eq!(
            host.url(false).map(String::from).as_deref(),
            Some("http://a:50051/")
        );
    }
}
