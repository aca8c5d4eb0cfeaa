//! [`Target`]: an absolute `http://` or `https://` URL.

use serde_json::json;
use url::Url;

use super::secretive::is_secret_parameter;
use crate::net::display_url;
use crate::net::proxy::percent_decoded;
use crate::secret::Mask;
use crate::spec::{Decode, Decoder, Node};

/// Characters of a value that is worth hiding.
const LONG: usize = 6;

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

/// Whether a text is a single word: the name of a host nearby, or no URL at all.
fn is_word(text: &str) -> bool {
    !text.contains(['.', ':', '/', '{']) && !text.eq_ignore_ascii_case("localhost")
}

/// Hides the user and the password of a URL, usable or not, and the header that they come to.
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
    mask.add_basic(&percent_decoded(name), &percent_decoded(password));
}

/// Hides the query of a URL, which is never shown. A value alone may be an ordinary word of the reports: without its name
/// it is hidden only where that says that it is a secret.
fn hide_query(mask: &Mask, url: &str) {
    let Some((_, rest)) = url.split_once('?') else {
        return;
    };
    let query = rest.split('#').next().unwrap_or(rest);
    mask.add(&format!("?{query}"));
    for pair in query.split('&') {
        let (name, value) = pair.split_once('=').unwrap_or((pair, ""));
        if value.chars().count() >= LONG {
            mask.add(pair);
        }
        if is_secret_parameter(name) {
            mask.add(value);
            mask.add(&percent_decoded(value));
        }
    }
}

/// Hides what no URL is shown with.
fn hide_unshown(mask: &Mask, url: &str) {
    hide_user(mask, url);
    hide_query(mask, url);
}

impl Decode for Target {
    const TYPE: &'static str = "URL";

    fn schema() -> serde_json::Value {
        json!({ "type": "string", "format": "uri-reference" })
    }

    fn decode(node: &Node, decoder: &mut Decoder<'_>) -> Option<Self> {
        let text = String::decode(node, decoder)?;
        decoder.hide(Some(node), &text, hide_unshown);
        match Self::parse(text.trim()) {
            Ok(target) => {
                if is_word(text.trim()) {
                    let message = format!("`{}` is read as {target}, a host of that name", text.trim());
                    let hint = "write the scheme if that is meant: http:// or https://".to_owned();
                    decoder.warning(&node.at, message, Some(hint));
                }
                Some(target)
            }
            Err((message, hint)) => {
                wrong_address(node, &text, message, hint, decoder);
                None
            }
        }
    }
}

/// Reports an address that nobody can ask: certainly wrong, wherever it is asked, unless part of it is put in later.
pub(super) fn wrong_address(
    node: &Node,
    text: &str,
    message: String,
    hint: Option<String>,
    decoder: &mut Decoder<'_>,
) {
    let is_filled_in = |text: &str| text.contains('{');
    if is_filled_in(text) || node.as_text().is_some_and(is_filled_in) {
        decoder.error(&node.at, message, hint);
    } else {
        decoder.misshapen(&node.at, message, hint);
    }
}

#[cfg(test)]
mod tests {
    use base64::Engine as _;
    use base64::engine::general_purpose::STANDARD;

    use super::*;

    #[test]
    fn the_header_of_a_user_and_a_password_is_hidden() {
        let mask = Mask::default();
        hide_user(&mask, "http://me:p%40ss%2Fw@h.example/");
        hide_user(&mask, "token-as-a-user@proxy.example:3128");
        for (user, password) in [("me", "p@ss/w"), ("token-as-a-user", "")] {
            let sent = STANDARD.encode(format!("{user}:{password}"));
            assert_eq!(mask.apply(&format!("got Basic {sent}!")), "got Basic ***!");
        }
        hide_user(&mask, "http://h.example/@me:you");
        let none = STANDARD.encode(":");
        assert_eq!(mask.apply(&none), none);
    }

    #[test]
    fn a_query_is_hidden_and_ordinary_words_are_not() {
        let mask = Mask::default();
        hide_unshown(
            &mask,
            "http://ann:hunter22@h.example/a?page=checkout&token=mAi%4eQuE&version=1#x",
        );
        for (text, shown) in [
            (
                "url: http://ann:hunter22@h.example/a?page=checkout&token=mAi%4eQuE&version=1",
                "url: http://***@h.example/a***",
            ),
            ("it sent back mAi%4eQuE and mAiNQuE", "it sent back *** and ***"),
            (
                "http-checkout: version=1, 1 of 100",
                "http-checkout: version=1, 1 of 100",
            ),
            ("/b?page=checkout", "/b***"), // the query, cut,
        ] {
            assert_eq!(mask.apply(text), shown);
        }
    }
}
