//! URLs as they were typed: [`absolute`].

use url::Url;

/// The URL of a text as the tasks read it: without a scheme it is `http://`.
pub(super) fn absolute(text: &str) -> Option<Url> {
    let text = text.trim();
    let url = if text.contains("://") {
        Url::parse(text)
    } else {
        Url::parse(&format!("http://{text}"))
    };
    url.ok()
        .filter(|url| matches!(url.scheme(), "http" | "https") && url.has_host())
}
