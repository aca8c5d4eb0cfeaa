//! [`Templates`]: the placeholders of a request, read; [`Mistake`]: what is wrong with them, before anything is sent.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use bytes::Bytes;
use http::header::{AUTHORIZATION, CONTENT_TYPE};
use http::{HeaderMap, HeaderName, HeaderValue};
use url::Url;

use super::rows::Rows;
use super::spec::RequestSpec;
use super::template::{Syntax, Template, UUID_NAME};
use crate::diagnostic::did_you_mean;
use crate::net::proxy::percent_decoded;

/// A part of a request.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Place {
    /// The URL.
    Url,
    /// The value of a header.
    Header(HeaderName),
    /// The body.
    Body,
    /// The values of a column.
    Rows,
}

/// A placeholder, or a value for one, that cannot be used.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{problem}")]
pub struct Mistake {
    /// Where.
    pub place: Place,
    /// What.
    pub problem: Problem,
}

/// What is wrong.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Problem {
    /// A name that is no column.
    #[error("unknown placeholder `{{{name}}}`")]
    Unknown {
        /// The name.
        name: String,
        /// All columns.
        columns: Vec<String>,
    },
    /// A placeholder where requests cannot differ.
    #[error("`{{{0}}}` stands in the host of the URL, which is the same for all requests")]
    Host(String),
    /// A placeholder in credentials, which are encoded before.
    #[error("`{{{0}}}` stands in a user or password, which are the same for all requests")]
    User(String),
    /// A value that HTTP forbids.
    #[error(
        "row {row}: the value of `{column}` holds characters that HTTP does not allow in the header `{header}`"
    )]
    Value {
        /// From 1.
        row: usize,
        /// Its column.
        column: String,
        /// Where it would be sent.
        header: HeaderName,
    },
}

impl Mistake {
    /// What to try.
    pub fn hint(&self) -> Option<String> {
        match &self.problem {
            Problem::Unknown { name, columns } => {
                let known = columns.iter().map(String::as_str).chain([UUID_NAME]);
                Some(match did_you_mean(name, known) {
                    Some(meant) => format!("did you mean `{{{meant}}}`?"),
                    None => format!(
                        "columns are {}; `{{ {name} }}`, with spaces, is sent as it is",
                        columns.join(", ")
                    ),
                })
            }
            Problem::Host(_) => Some(
                "path, query, headers and body can have placeholders; `endpoints` can have hosts".to_owned(),
            ),
            Problem::User(_) => Some(
                "give a column with what is to be sent, and a header `Authorization: '{column}'`".to_owned(),
            ),
            Problem::Value { .. } => None,
        }
    }
}

/// What varies in a request.
#[derive(Debug)]
pub(super) struct Templates {
    pub(super) target: Template,
    /// With what was read, in the order of sending.
    pub(super) headers: Vec<(HeaderName, HeaderValue, Template)>,
    pub(super) body: Template,
}

/// Looks for mistakes in the placeholders of a request.
pub fn check(spec: &RequestSpec) -> Vec<Mistake> {
    templates(spec).err().unwrap_or_default()
}

/// Whether anything of its rows stands in a request.
pub fn uses_rows(spec: &RequestSpec) -> bool {
    templates(spec).is_ok_and(|read| {
        let headers = read.headers.iter().map(|(_, _, template)| template);
        let mut all = headers.chain([&read.target, &read.body]);
        all.any(|template| template.columns().next().is_some())
    })
}

fn templates(spec: &RequestSpec) -> Result<Templates, Vec<Mistake>> {
    let query = spec.url.query().unwrap_or_default();
    let target = format!("{}?{query}", spec.url.path());
    Templates::read(spec, &target.into(), &spec.headers)
}

/// Words in braces in the path and query of a URL that would be placeholders if there were rows with such columns.
pub fn sent_literally(url: &Url) -> Vec<String> {
    let target = format!("{}?{}", url.path(), url.query().unwrap_or_default());
    let read = Template::parse(&target.into(), Syntax::Target, Some(&[]));
    read.err().unwrap_or_default()
}

impl Templates {
    /// Reads a request whose target and headers are complete; fails with all that is wrong.
    pub(super) fn read(
        spec: &RequestSpec,
        target: &Bytes,
        headers: &HeaderMap,
    ) -> Result<Self, Vec<Mistake>> {
        let mut reader = Reader {
            rows: spec.data.as_deref(),
            mistakes: Vec::new(),
        };
        reader.check_fixed(spec);
        let target = reader.parse(target, Syntax::Target, &Place::Url);
        let headers = headers
            .iter()
            .map(|(name, value)| {
                let text = Bytes::copy_from_slice(value.as_bytes());
                let template = reader.parse(&text, Syntax::Plain, &Place::Header(name.clone()));
                reader.check_values(name, &template);
                (name.clone(), value.clone(), template)
            })
            .collect();
        let syntax = if is_json(&spec.headers) {
            Syntax::Json
        } else {
            Syntax::Plain
        };
        let body = reader.parse(&spec.body, syntax, &Place::Body);
        if reader.mistakes.is_empty() {
            Ok(Self {
                target,
                headers,
                body,
            })
        } else {
            Err(reader.mistakes)
        }
    }
}

/// Collects mistakes on the way.
struct Reader<'a> {
    rows: Option<&'a Rows>,
    mistakes: Vec<Mistake>,
}

impl Reader<'_> {
    fn columns(&self) -> Option<&[String]> {
        self.rows.map(Rows::columns)
    }

    fn refuse(&mut self, place: Place, problem: Problem) {
        self.mistakes.push(Mistake { place, problem });
    }

    fn parse(&mut self, text: &Bytes, syntax: Syntax, place: &Place) -> Template {
        Template::parse(text, syntax, self.columns()).unwrap_or_else(|unknown| {
            let columns = self.columns().unwrap_or_default().to_vec();
            for name in unknown {
                let columns = columns.clone();
                self.refuse(place.clone(), Problem::Unknown { name, columns });
            }
            Template::text(Bytes::new())
        })
    }

    /// Every value that may stand in a header; the first wrong one of a column is reported.
    fn check_values(&mut self, header: &HeaderName, template: &Template) {
        let Some(rows) = self.rows else {
            return;
        };
        for column in template.columns() {
            let wrong = (0..rows.len()).find(|row| !is_allowed(rows.value(*row, column)));
            if let Some(row) = wrong {
                let problem = Problem::Value {
                    row: row + 1,
                    column: rows.columns()[column].clone(),
                    header: header.clone(),
                };
                self.refuse(Place::Rows, problem);
            }
        }
    }

    /// What is the same for all requests: host and credentials.
    fn check_fixed(&mut self, spec: &RequestSpec) {
        let host = spec.url.host_str().unwrap_or_default();
        if let Some(name) = self.named(host) {
            self.refuse(Place::Url, Problem::Host(name));
        }
        let user = [spec.url.username(), spec.url.password().unwrap_or_default()].map(percent_decoded);
        if let Some(name) = user.iter().find_map(|text| self.named(text)) {
            self.refuse(Place::Url, Problem::User(name));
        }
        let credentials = spec.headers.get(AUTHORIZATION).and_then(credentials);
        if let Some(name) = credentials.and_then(|text| self.named(&text)) {
            self.refuse(Place::Header(AUTHORIZATION), Problem::User(name));
        }
    }

    /// The first placeholder of a text.
    fn named(&self, text: &str) -> Option<String> {
        let text = Bytes::copy_from_slice(text.as_bytes());
        match Template::parse(&text, Syntax::Target, self.columns()) {
            Err(unknown) => unknown.into_iter().next(),
            Ok(template) if template.constant().is_some() => None,
            Ok(template) => {
                let column = template.columns().next();
                let name = column.and_then(|column| self.columns()?.get(column).cloned());
                Some(name.unwrap_or_else(|| UUID_NAME.to_owned()))
            }
        }
    }
}

/// User and password of basic authentication.
fn credentials(value: &HeaderValue) -> Option<String> {
    let encoded = value.to_str().ok()?.strip_prefix("Basic ")?;
    String::from_utf8(STANDARD.decode(encoded).ok()?).ok()
}

/// RFC 9110, section 5.5.
fn is_allowed(value: &str) -> bool {
    value
        .bytes()
        .all(|byte| byte == b'\t' || !byte.is_ascii_control())
}

/// `application/json` and every type that says it is JSON, too (RFC 6838, section 4.2.8).
fn is_json(headers: &HeaderMap) -> bool {
    let Some(value) = headers.get(CONTENT_TYPE).and_then(|value| value.to_str().ok()) else {
        return false;
    };
    let essence = value
        .split(';')
        .next()
        .unwrap_or(value)
        .trim()
        .to_ascii_lowercase();
    essence == "application/json" || essence.ends_with("+json")
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use super::*;

    fn spec(url: &str, columns: &[&str], values: &[&[&str]]) -> RequestSpec {
        let mut spec = RequestSpec::get(url.parse().expect("a URL"));
        let mut rows = Rows::new(columns.iter().map(ToString::to_string).collect()).expect("columns");
        for row in values {
            rows.push(row.iter().copied()).expect("a row");
        }
        spec.data = Some(Arc::new(rows));
        spec
    }

    fn with_header(mut spec: RequestSpec, name: HeaderName, value: &'static str) -> RequestSpec {
        spec.headers.insert(name, HeaderValue::from_static(value));
        spec
    }

    /// Place, message and hint of each mistake.
    fn found(spec: &RequestSpec) -> Vec<(Place, String, String)> {
        let text = |mistake: Mistake| {
            let hint = mistake.hint().unwrap_or_default();
            (mistake.place.clone(), mistake.to_string(), hint)
        };
        check(spec).into_iter().map(text).collect()
    }

    #[test]
    fn all_mistakes_are_found_and_say_what_is_meant() {
        let url = "http://app.example/{nmae}?q={id}";
        let mut spec = with_header(
            spec(url, &["id", "name"], &[&["1", "a"]]),
            CONTENT_TYPE,
            "a/{other}",
        );
        spec.body = "{\"a\": {uuidd}}".into();
        let found = found(&spec);
        let unknown = |name: &str| format!("unknown placeholder `{{{name}}}`");
        assert_eq!(found.len(), 3, "{found:?}");
        assert_eq!(
            found[0],
            (Place::Url, unknown("nmae"), "did you mean `{name}`?".into())
        );
        assert_eq!(
            (&found[1].0, &found[1].1),
            (&Place::Header(CONTENT_TYPE), &unknown("other"))
        );
        assert!(found[1].2.contains("columns are id, name"), "{}", found[1].2);
        assert_eq!(
            found[2],
            (Place::Body, unknown("uuidd"), "did you mean `{uuid}`?".into())
        );
    }

    #[test]
    fn without_rows_no_word_is_a_mistake() {
        let mut spec = RequestSpec::get("http://app.example/{a}?{b}".parse().expect("a URL"));
        spec.body = "{c}".into();
        assert_eq!(check(&spec), []);
    }

    #[test]
    fn host_and_credentials_are_the_same_for_all_requests() {
        let urls = [
            ("http://{id}.example/", "host"),
            ("http://{other}.example/", "host"),
            ("http://{uuid}.example/", "host"),
            ("http://{id}:x@app.example/", "user or password"),
            ("http://x:{id}@app.example/", "user or password"),
        ];
        for (url, what) in urls {
            let found = found(&spec(url, &["id"], &[&["1"]]));
            assert_eq!(found.len(), 1, "{url}: {found:?}");
            assert!(found[0].1.contains(what), "{url}: {found:?}");
        }
        // ann:{id}
        let basic = with_header(
            spec("http://app.example/", &["id"], &[&["1"]]),
            AUTHORIZATION,
            "Basic YW5uOntpZH0=",
        );
        assert_eq!(found(&basic)[0].0, Place::Header(AUTHORIZATION));
        let whole = with_header(basic, AUTHORIZATION, "Basic {id}");
        assert_eq!(found(&whole), []);
    }

    #[test]
    fn values_that_would_break_a_header_are_refused_by_row_and_column() {
        for wrong in ["a\r\nx: y", "a\nb", "\0", "\u{7f}", "\u{1b}[1m"] {
            let values: &[&[&str]] = &[&["1", "fine\té"], &["2", wrong]];
            let spec = spec("http://app.example/{name}", &["id", "name"], values);
            assert_eq!(found(&spec), [], "not in a header");
            let found = found(&with_header(spec, AUTHORIZATION, "Bearer {id}{name}"));
            assert_eq!(found.len(), 1, "{found:?}");
            assert_eq!(found[0].0, Place::Rows);
            assert!(
                found[0].1.starts_with("row 2: the value of `name` holds"),
                "{found:?}"
            );
            assert!(!found[0].1.contains(wrong));
        }
    }

    #[test]
    fn bodies_of_json_are_known_by_their_type() {
        let json = |value: &'static str| {
            is_json(&HeaderMap::from_iter([(
                CONTENT_TYPE,
                HeaderValue::from_static(value),
            )]))
        };
        assert!(json("application/json") && json("Application/JSON; charset=utf-8"));
        assert!(json("application/problem+json") && json("application/vnd.x+JSON ;a=b"));
        assert!(!json("text/plain") && !json("application/jsonx") && !json(""));
        assert!(!is_json(&HeaderMap::new()));
    }
}
