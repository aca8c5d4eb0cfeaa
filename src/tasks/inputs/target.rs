//! [`Target`]: an absolute `http://` or `https://` URL.

use serde_json::json;
use url::Url;

use crate::net::display_url;
use crate::net::proxy::percent_decoded;
use crate::secret::Mask;
use crate::spec::{Decode, Decoder, Node};

/// A URL that requests can be sent to.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Target(pub(crate) Url);

impl std::fmt::Display for Target {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(&display_url(&self.0))
    }
}

impl Target {
    fn parse(text: &str) -> Result<Self, (String, Option<String>)> {
        if text.is_empty() {
            return Err(("the URL is empty".into(), None));
        }
        // Iter8 took `example.com` for `http://example.com`.
        let absolute = if text.contains("://") {
            text.to_owned()
        } else {
            format!("http://{text}")
        };
        let url = Url::parse(&absolute).map_err(|cause| {
            (
                format!("not a URL: {cause}"),
                Some("for example https://example.com/path".into()),
            )
        })?;
        match url.scheme() {
            "http" | "https" if url.has_host() => Ok(Self(url)),
            "http" | "https" => Err(("the URL has no host".into(), None)),
            other => Err((
                format!("`{other}://` cannot be tested"),
                Some("use http:// or https://".into()),
            )),
        }
    }
}

/// Hides the user and the password of a URL, usable or not.
pub(super) fn hide_user(mask: &Mask, url: &str) {
    let rest = url.split_once("://").map_or(url, |(_, rest)| rest);
    let authority = rest.split(['/', '?', '#']).next().unwrap_or(rest);
    let Some((user, _)) = authority.rsplit_once('@') else {
        return;
    };
    let (name, password) = user.split_once(':').unwrap_or((user, ""));
    for part in [user, name, password] {
        mask.add(part);
        mask.add(&percent_decoded(part));
    }
}

impl Decode for Target {
    const TYPE: &'static str = "URL";

    fn schema() -> serde_json::Value {
        json!({ "type": "string", "format": "uri-reference" })
    }

    fn decode(node: &Node, decoder: &mut Decoder<'_>) -> Option<Self> {
        let text = String::decode(node, decoder)?;
        decoder.hide(Some(node), &text, hide_user);
        match Self::parse(text.trim()) {
            Ok(target) => Some(target),
            Err((message, hint)) => {
                decoder.error(&node.at, message, hint);
                None
            }
        }
    }
}
