//! Addresses of webhooks: their paths and queries are their passwords, and only their hosts are shown.

use url::Url;

use crate::net::host_and_port;
use crate::secret::Mask;
use crate::spec::{Decoder, Node, Value};

/// Characters of a part of a path that is no ordinary word.
const WORD: usize = 12;
/// Characters of a part with digits that is no ordinary word.
const MIXED: usize = 8;

/// `the webhook at HOST`: the rest of its URL is a secret.
pub(super) fn webhook(url: &Url) -> String {
    let host = host_and_port(url).map_or_else(String::new, |(host, port)| {
        if url.port().is_some() {
            format!("{host}:{port}")
        } else {
            host
        }
    });
    format!("the webhook at {host}")
}

/// Hides the `url` of a task as it is written, before anything is said of the task.
pub(super) fn hide_given(with: &Node, decoder: &Decoder<'_>) {
    if let Some((_, node)) = with.field("url")
        && let Value::String(text) | Value::Text(text) = &node.value
    {
        decoder.hide(Some(node), text, hide_address);
    }
}

/// Hides an address but for its host. One ordinary word as a path is hidden only beside the host: alone it may stand
/// anywhere in a report.
pub(super) fn hide_address(mask: &Mask, address: &str) {
    let address = address.trim().trim_end_matches('}'); // of `${NAME:-address}`
    let rest = address.split_once("://").map_or(address, |(_, rest)| rest);
    let Some(start) = rest.find(['/', '?', '#']) else {
        return;
    };
    let (authority, tail) = rest.split_at(start);
    if tail == "/" {
        return;
    }
    let host = authority.rsplit_once('@').map_or(authority, |(_, host)| host);
    let (slash, secret) = tail.split_at(1);
    mask.add_behind(&format!("{host}{slash}"), secret);
    let mut parts = tail.split(['?', '#']);
    let path = parts.next().unwrap_or_default().trim_matches('/');
    parts.for_each(|part| mask.add(part));
    if path.contains('/') || is_unusual(path) {
        mask.add(path);
    }
    path.split('/')
        .filter(|part| is_unusual(part))
        .for_each(|part| mask.add(part));
}

/// Whether a part of a path is hardly a word of a report.
fn is_unusual(part: &str) -> bool {
    let has = |is: fn(&char) -> bool| part.chars().any(|c| is(&c));
    let is_mixed = has(char::is_ascii_digit) && has(char::is_ascii_alphabetic);
    part.len() >= WORD || part.len() >= MIXED && is_mixed
}

#[cfg(test)]
mod tests {
    use super::*;

    fn shown(address: &str, text: &str) -> String {
        let mask = Mask::default();
        hide_address(&mask, address);
        mask.apply(text)
    }

    #[test]
    fn only_the_host_of_a_webhook_is_shown() {
        let slack = "https://hooks.slack.com/services/T00/B00/sEcReT";
        for (address, text, expected) in [
            (
                slack,
                "url: https://hooks.slack.com/services/T00/B00/sEcReT",
                "url: https://hooks.slack.com/***",
            ),
            (slack, "no /services/T00/B00/sEcReT here", "no /*** here"),
            (
                "${BASE}/services/T00/B00/sEcReT",
                "'${BASE}/services/T00/B00/sEcReT'",
                "'${BASE}/***'",
            ),
            (
                "${HOOK:-http://h/x/sEcReT}",
                "${HOOK:-http://h/x/sEcReT}",
                "${HOOK:-http://h/***}",
            ),
            (
                "http://h/in?key=s3cret#frag-s3c",
                "http://h/in?key=s3cret#frag-s3c",
                "http://h/***",
            ),
            (
                "http://h/w/abcdefgh12345678",
                "unknown hook abcdefgh12345678",
                "unknown hook ***",
            ),
        ] {
            assert_eq!(shown(address, text), expected, "{address}");
        }
    }

    #[test]
    fn ordinary_words_stay_in_reports() {
        for address in [
            "http://h.example/status",
            "http://h.example/",
            "h.example",
            "${HOOK}",
        ] {
            let text = "status 404 at h.example, ${HOOK}";
            assert_eq!(shown(address, text), text, "{address}");
        }
        assert_eq!(
            shown("http://h.example/status", "http://h.example/status"),
            "http://h.example/***"
        );
    }
}
