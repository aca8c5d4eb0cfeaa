//! What an answer is worth: [`Judge`] says why it counts as an error, and which wall answered in place of the
//! application.

use http::header::LOCATION;
use http::{HeaderMap, HeaderName, HeaderValue, StatusCode};
use url::Url;

use super::exchange::Incoming;
use super::search::Needle;
use super::spec::RequestSpec;
use crate::load::{Aside, Failed};
use crate::metrics::FailureClass;
use crate::net::display_url;
use crate::net::wall::{self, Wall, WallKind, is_grpc};

/// What counts as a good answer.
#[derive(Debug)]
pub(super) struct Judge {
    error_ranges: Vec<std::ops::RangeInclusive<u16>>,
    expect: super::spec::Expect,
    pub(super) needle: Option<Needle>,
    /// Requests say that they are calls of gRPC.
    calls: bool,
}

impl Judge {
    pub(super) fn new(spec: &RequestSpec) -> Self {
        Self {
            error_ranges: spec.error_ranges.clone(),
            needle: spec.expect.body.clone().map(Needle::new),
            expect: spec.expect.clone(),
            calls: is_grpc(&spec.headers),
        }
    }

    /// Why an answer with this head counts as an error, if it does. `values` gives the values of a header.
    pub(super) fn head<'v, V>(&self, status: u16, values: impl Fn(&HeaderName) -> V) -> Option<Failed>
    where
        V: Iterator<Item = &'v [u8]>,
    {
        if self.error_ranges.iter().any(|range| range.contains(&status)) {
            let reason = StatusCode::from_u16(status)
                .ok()
                .and_then(|status| status.canonical_reason());
            let example = format!("{status} {}", reason.unwrap_or_default());
            return Some(Failed::new(FailureClass::Status, example.trim_end().to_owned()));
        }
        if !self.expect.status.is_empty() && !self.expects(status) {
            return Some(unexpected(format!("status {status} is not an expected one")));
        }
        for (name, wanted) in &self.expect.headers {
            let mut found = values(name).peekable();
            let first = found.peek().map(|value| String::from_utf8_lossy(value));
            if !found.any(|value| value == wanted.as_bytes()) {
                return Some(unexpected(match first {
                    Some(first) => format!("header {name} is `{first}`"),
                    None => format!("there is no header {name}"),
                }));
            }
        }
        None
    }

    /// Why an answer without the text in its body counts as an error.
    pub(super) fn not_found(&self) -> Failed {
        let text = self.needle.as_ref().map(Needle::text).unwrap_or_default();
        let text = String::from_utf8_lossy(text);
        unexpected(format!("the body does not contain `{text}`"))
    }

    /// Why an answer that a library read counts as an error.
    pub(super) fn answer(&self, incoming: &mut Incoming) -> Option<Failed> {
        let values = |name: &HeaderName| {
            let all = incoming.headers.get_all(name).into_iter();
            all.map(HeaderValue::as_bytes)
        };
        let head = self.head(incoming.status.as_u16(), values);
        let seen = &mut incoming.seen;
        head.or_else(|| seen.failed.take())
            .or_else(|| (!seen.found).then(|| self.not_found()))
    }

    /// Whether the text that is looked for is one of a page for logging in.
    fn names_login(&self) -> bool {
        let text = self.needle.as_ref().map(Needle::text);
        text.is_some_and(|text| wall::names_login(&String::from_utf8_lossy(text)))
    }

    /// Whether the status was asked for: such an answer is the application's, whatever it looks like.
    pub(super) fn expects(&self, status: u16) -> bool {
        self.expect.status.iter().any(|range| range.contains(&status))
    }

    /// What an answer is that is not followed anywhere, if it is not the application's page: a wall, or a redirect that
    /// nobody asked for.
    pub(super) fn aside(
        &self,
        requested: &Url,
        status: StatusCode,
        headers: &HeaderMap,
        beginning: &[u8],
    ) -> Option<Aside> {
        if let Some(wall) = self.wall(requested, status, headers, beginning) {
            return Some(describe(&wall));
        }
        let is_error = self
            .error_ranges
            .iter()
            .any(|range| range.contains(&status.as_u16()));
        redirect_url(requested, status, headers)
            .filter(|_| !is_error && !self.expects(status.as_u16()))
            .map(|to| Aside::Redirect(display_url(&to)))
    }

    /// The wall that answered in place of the application. Who names a status that is no success, or the
    /// title of a page for logging in, knows what answers.
    pub(super) fn wall(
        &self,
        requested: &Url,
        status: StatusCode,
        headers: &HeaderMap,
        beginning: &[u8],
    ) -> Option<Wall> {
        wall::recognise(requested, status, headers, beginning).filter(|wall| match wall.kind {
            WallKind::Grpc => !self.calls,
            // A redirect, a refusal and the like may be what is asked for; that 200 is, does not say that a log-in is.
            WallKind::OtherHost | WallKind::RateLimit => !self.expects(status.as_u16()),
            WallKind::Login | WallKind::Challenge | WallKind::Placeholder if !status.is_success() => {
                !self.expects(status.as_u16())
            }
            WallKind::Login => !self.names_login(),
            WallKind::Challenge | WallKind::Placeholder => true,
        })
    }
}

/// A wall in words.
pub(super) fn describe(wall: &Wall) -> Aside {
    Aside::Wall(format!("{}; {}", wall.description, wall.hint))
}

/// Where a redirect leads, if it is one.
pub(super) fn redirect_url(from: &Url, status: StatusCode, headers: &HeaderMap) -> Option<Url> {
    if !matches!(status.as_u16(), 301 | 302 | 303 | 307 | 308) {
        return None;
    }
    let location = headers.get(LOCATION)?.to_str().ok()?;
    from.join(location).ok()
}

fn unexpected(example: String) -> Failed {
    Failed::new(FailureClass::Expectation, example)
}
