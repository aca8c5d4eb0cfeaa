//! URLs as they were typed: [`absolute`], and [`moved`] to another origin.

use url::{Position, Url};

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

/// A URL whose origin is not known before the environment is asked.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct FromEnvironment;

/// The same path, query and fragment under scheme, user, host and port of `origin`; `None` if `text` is no URL.
pub(super) fn moved(text: &str, origin: &Url) -> Result<Option<String>, FromEnvironment> {
    let text = text.trim();
    let authority = text.find("://").map_or(0, |at| at + "://".len());
    // Further slashes mean nothing there.
    let host = text.len() - text[authority..].trim_start_matches(['/', '\\']).len();
    let end = text[host..]
        .find(['/', '\\', '?', '#'])
        .map_or(text.len(), |at| host + at);
    let (head, tail) = text.split_at(end);
    if head.contains("${") {
        return Err(FromEnvironment);
    }
    if absolute(head).is_none() {
        return Ok(None);
    }
    // What was typed on the command line is not read from the environment.
    let origin = origin[..Position::BeforePath].replace("${", "$${");
    Ok(Some(format!("{origin}{tail}")))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_moved_url_keeps_its_path_and_query() {
        let origin = absolute("https://me:pw@pr-42.example:8443/ignored?x").expect("a URL");
        let to = |tail: &str| Ok(Some(format!("https://me:pw@pr-42.example:8443{tail}")));
        for (text, tail) in [
            ("http://app.example:80/orders?id=1#top", "/orders?id=1#top"),
            ("http://old:secret@app.example", ""),
            ("app.example/a/{uuid}", "/a/{uuid}"),
            (" localhost:8080?q=b ", "?q=b"),
            ("http:///app.example/a", "/a"),
            ("http://app.example/${ID}?${Q:-a/b}", "/${ID}?${Q:-a/b}"),
        ] {
            assert_eq!(moved(text, &origin), to(tail), "{text}");
        }
    }

    #[test]
    fn an_origin_of_the_environment_cannot_be_replaced() {
        let origin = absolute("pr-42.example").expect("a URL");
        for text in [
            "${URL}",
            "${URL}/a",
            "http://${HOST}/a",
            "${URL:-http://a}/b",
            "http://a:${PORT}",
        ] {
            assert_eq!(moved(text, &origin), Err(FromEnvironment), "{text}");
        }
        for text in ["", "ftp://a/b", "http://", "http://a:b/"] {
            assert_eq!(moved(text, &origin), Ok(None), "{text}");
        }
    }
}
