//! [`line()`]: the request of a load as a curl command.
//!
//! A header is shown if it is one that carries no secrets, a URL without user information and query; see [`Command`] for
//! the rest.

use bytes::Bytes;
use http::header::{
    ACCEPT, ACCEPT_CHARSET, ACCEPT_ENCODING, ACCEPT_LANGUAGE, CACHE_CONTROL, CONTENT_ENCODING, CONTENT_TYPE,
    EXPECT, HOST, HeaderName, IF_MODIFIED_SINCE, PRAGMA, TE, USER_AGENT,
};
use http::{HeaderValue, Method};

use crate::load::http::{HttpVersion, Part, RequestSpec};
use crate::net::display_url;
use crate::net::proxy::ProxySettings;
use crate::secret::Mask;
use crate::tasks::load::command::{Command, STARS};
use crate::tasks::shell::quoted;

/// The placeholder that needs no rows.
const UUID: &str = "uuid";
/// Headers whose values are shown.
const SHOWN: &[HeaderName] = &[
    ACCEPT,
    ACCEPT_CHARSET,
    ACCEPT_ENCODING,
    ACCEPT_LANGUAGE,
    CACHE_CONTROL,
    CONTENT_ENCODING,
    CONTENT_TYPE,
    EXPECT,
    HOST,
    IF_MODIFIED_SINCE,
    PRAGMA,
    TE,
    USER_AGENT,
];
/// The command that sends one request of a part, on a single line.
pub(super) fn line(part: &Part, mask: &Mask) -> String {
    let mut curl = Curl {
        command: Command::new("curl", placeholders(&part.spec), mask),
    };
    curl.options(part);
    curl.method(&part.spec);
    for (name, value) in &part.spec.headers {
        curl.header(name, value);
    }
    curl.body(&part.spec.body);
    curl.url(&part.spec);
    curl.command.finish()
}

/// The placeholders that a request may have, braces included.
fn placeholders(spec: &RequestSpec) -> Vec<String> {
    let columns = spec.data.iter().flat_map(|rows| rows.columns());
    let names = columns.map(String::as_str).chain([UUID]);
    names.map(|name| format!("{{{name}}}")).collect()
}

/// The command while it is put together.
struct Curl<'a> {
    command: Command<'a>,
}

impl Curl<'_> {
    fn options(&mut self, part: &Part) {
        let version = match part.spec.http_version {
            HttpVersion::Auto => None,
            HttpVersion::Http1 => Some("--http1.1"),
            HttpVersion::Http2 => Some("--http2"),
            HttpVersion::PriorKnowledge => Some("--http2-prior-knowledge"),
        };
        let tls = &part.net.tls;
        let options = [
            version,
            part.spec.compression.then_some("--compressed"),
            tls.insecure_skip_verify.then_some("--insecure"),
        ];
        self.command
            .words
            .extend(options.into_iter().flatten().map(str::to_owned));
        if part.spec.max_redirects > 0 {
            self.command
                .words
                .push(format!("--location --max-redirs {}", part.spec.max_redirects));
        }
        let elsewhere = matches!(part.net.proxy, ProxySettings::Explicit(_)) || !part.net.resolve.is_empty();
        if elsewhere {
            self.command.missing.push("proxy and resolve");
        }
        if tls.ca_cert.is_some() || tls.client_cert.is_some() {
            self.command.missing.push("certificates");
        }
    }

    fn method(&mut self, spec: &RequestSpec) {
        let implied = if spec.body.is_empty() {
            Method::GET
        } else {
            Method::POST
        };
        if spec.method == Method::HEAD && spec.body.is_empty() {
            self.command.words.push("--head".to_owned());
        } else if spec.method != implied {
            self.command
                .words
                .push(format!("-X {}", quoted(spec.method.as_str())));
        }
    }

    fn header(&mut self, name: &HeaderName, value: &HeaderValue) {
        let value = value.to_str().ok();
        let value = value.filter(|_| SHOWN.contains(name));
        let shown = value.map(|value| self.command.mask.apply(value));
        let header = match shown.as_deref() {
            // This is how curl is told to send a header without a value.
            Some("") => format!("{name};"),
            Some(value) => format!("{name}: {value}"),
            None => format!("{name}: {STARS}"),
        };
        self.command.word("-H ", &header);
    }

    fn body(&mut self, body: &Bytes) {
        if body.is_empty() {
            return;
        }
        self.command.content("--data-raw ", body, "the body");
    }

    fn url(&mut self, spec: &RequestSpec) {
        let mut shown = self.command.mask.apply(&display_url(&spec.url));
        for placeholder in &self.command.placeholders {
            let name = &placeholder[1..placeholder.len() - 1];
            shown = shown.replace(&format!("%7B{name}%7D"), placeholder);
        }
        // Braces and brackets are patterns to curl.
        if shown.contains(['{', '}', '[', ']']) {
            self.command.words.push("--globoff".to_owned());
        }
        self.command.word("", &shown);
        let url = &spec.url;
        if !url.username().is_empty() || url.password().is_some() {
            self.command.missing.push("user and password of the URL");
        }
        if url.query().is_some() {
            self.command.missing.push("the query of the URL");
        }
    }
}

#[cfg(test)]
mod tests {
    use std::num::NonZeroU32;
    use std::sync::Arc;
    use std::time::Duration;

    use url::Url;

    use super::*;
    use crate::load::http::Rows;
    use crate::load::{AtOnce, Pool};
    use crate::net::NetSettings;
    use crate::tasks::load::command::LONGEST;

    fn part(url: &str) -> Part {
        Part {
            spec: RequestSpec::get(Url::parse(url).expect(url)),
            net: NetSettings::default(),
            pool: Pool {
                connections: NonZeroU32::MIN,
                max_connections: NonZeroU32::MIN,
                streams: NonZeroU32::MIN,
                at_once: AtOnce::Streams,
                timeout: Duration::from_secs(3),
                connection_warmup: 0,
            },
        }
    }

    fn with(url: &str, headers: &[(&'static str, &'static str)], body: &'static str) -> Part {
        let mut part = part(url);
        for (name, value) in headers {
            let name = HeaderName::from_static(name);
            part.spec.headers.append(name, HeaderValue::from_static(value));
        }
        part.spec.body = Bytes::from_static(body.as_bytes());
        part
    }

    fn of(part: &Part) -> String {
        line(part, &Mask::default())
    }

    #[test]
    fn a_plain_request_needs_nothing_but_its_url() {
        assert_eq!(of(&part("https://app.example/a")), "curl https://app.example/a");
    }

    #[test]
    fn method_headers_and_body_are_those_of_the_request() {
        let json = [("content-type", "application/json"), ("accept", "")];
        let mut put = with("http://app.example/", &json, r#"{"name": "it's"}"#);
        put.spec.method = Method::PUT;
        put.spec.http_version = HttpVersion::PriorKnowledge;
        put.spec.max_redirects = 10;
        assert_eq!(
            of(&put),
            r#"curl --http2-prior-knowledge --location --max-redirs 10 -X PUT -H 'content-type: application/json' -H 'accept;' --data-raw '{"name": "it'\''s"}' http://app.example/"#
        );
        let mut head = part("http://app.example/");
        head.spec.method = Method::HEAD;
        assert_eq!(of(&head), "curl --head http://app.example/");
    }

    #[test]
    fn what_may_be_secret_is_left_out_and_said() {
        let secret = with(
            "http://me:s3cret@app.example/a?t=s3cret#s3cret",
            &[("x-internal", "s3cret"), ("authorization", "Bearer s3cret")],
            r#"{"apiKey": "s3cret"}"#,
        );
        assert_eq!(
            of(&secret),
            "curl -X GET -H 'x-internal: ***' -H 'authorization: ***' --data-raw '***' http://app.example/a  # left out: \
             the body, user and password of the URL and the query of the URL, stars stand for values that may be secret"
        );
    }

    #[test]
    fn secrets_of_the_environment_are_masked_before_they_are_quoted() {
        let mask = Mask::default();
        mask.add("it's-a-s3cret");
        let sent = with(
            "http://app.example/it's-a-s3cret",
            &[("user-agent", "me it's-a-s3cret")],
            "it's-a-s3cret",
        );
        let line = line(&sent, &mask);
        assert!(!line.contains("s3cret"), "{line}");
        assert!(line.contains("-H 'user-agent: me ***'"), "{line}");
        assert!(line.contains(" 'http://app.example/***'"), "{line}");
    }

    #[test]
    fn long_and_binary_bodies_are_left_out() {
        let mut sent = part("http://app.example/");
        for body in [vec![b'a'; LONGEST + 1], vec![0xff, 0xfe]] {
            sent.spec.body = body.into();
            sent.spec.method = Method::POST;
            assert_eq!(
                of(&sent),
                "curl --data-raw '***' http://app.example/  # left out: the body"
            );
        }
    }

    #[test]
    fn placeholders_stay_and_are_explained() {
        let mut rows = Rows::new(vec!["city".into()]).expect("columns");
        rows.push(["Rome"]).expect("a row");
        let mut sent = with(
            "http://app.example/{city}/{other}",
            &[("user-agent", "{uuid}")],
            "{city}",
        );
        sent.spec.method = Method::POST;
        sent.spec.data = Some(Arc::new(rows));
        assert_eq!(
            of(&sent),
            "curl -H 'user-agent: {uuid}' --data-raw '{city}' --globoff 'http://app.example/{city}/%7Bother%7D'  # names \
             in braces stand for values that differ from request to request"
        );
    }

    #[test]
    fn comments_mean_nothing_to_a_shell() {
        let mut all = with("http://me@app.example/{uuid}?q", &[("x-a", "b")], "token");
        all.net.resolve = vec!["app.example:80:127.0.0.1".parse().expect("an override")];
        let line = of(&all);
        let (_, comment) = line.split_once("  # ").expect("a comment");
        let plain = |c: char| c.is_ascii_alphanumeric() || " ,:".contains(c);
        assert!(comment.chars().all(plain), "{comment}");
    }
}
