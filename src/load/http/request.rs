//! [`Rendering`]: the bytes of each request of a load, prepared once: what never varies is never built again.
//!
//! The wire form is that of RFC 9112: the request line, `host` first, then the headers as given (names in lower case, as
//! hyper sends them), and `content-length` where there is a body or the method is one that usually has one (RFC 9110,
//! section 8.6). Requests are never chunked, so framing that was given by hand is replaced.

use std::io::Write as _;
use std::sync::Arc;

use bytes::Bytes;
use http::header::{CONNECTION, CONTENT_LENGTH, HOST, TRANSFER_ENCODING};
use http::{HeaderMap, HeaderName, HeaderValue, Method, Uri};

use super::exchange::Outgoing;
use super::ids::RunId;
use super::placeholders::{Mistake, Templates};
use super::rows::Rows;
use super::spec::RequestSpec;
use super::template::{Template, Turn};
use crate::load::Failed;
use crate::load::random::Random;
use crate::metrics::FailureClass;

/// Constant bodies up to this size stand right behind the head, so that one write sends both.
const SMALL: usize = 16 << 10;

const TRACEPARENT: HeaderName = HeaderName::from_static("traceparent");

/// A request, ready to be sent any number of times.
#[derive(Debug)]
pub(super) struct Rendering {
    method: Method,
    target: Template,
    /// The headers that never vary.
    headers: HeaderMap,
    varying: Vec<VaryingHeader>,
    body: Template,
    rows: Option<Arc<Rows>>,
    /// What is sent first in HTTP/1.1.
    head: Template,
    rest: Rest,
}

#[derive(Debug)]
struct VaryingHeader {
    name: HeaderName,
    value: Template,
    sensitive: bool,
}

/// What follows the head in HTTP/1.1.
#[derive(Debug)]
enum Rest {
    /// Nothing: a body stands in it.
    Nothing,
    /// A constant body.
    Body(Bytes),
    /// The length of the body, the end of the head and the body, which vary.
    Rendered,
}

impl Rendering {
    /// Prepares a request. `target` is what stands in its request line, `headers` are complete but for framing;
    /// with a `run`, each request has a trace context, unless the user gave one.
    pub(super) fn new(
        spec: &RequestSpec,
        target: &Bytes,
        headers: &HeaderMap,
        run: Option<RunId>,
    ) -> Result<Self, Vec<Mistake>> {
        let read = Templates::read(spec, target, headers)?;
        let mut all = read.headers;
        all.retain(|(name, ..)| *name != CONTENT_LENGTH && *name != TRANSFER_ENCODING);
        all.sort_by_key(|(name, ..)| *name != HOST); // stable
        if let Some(run) = run.filter(|_| !headers.contains_key(TRACEPARENT)) {
            let value = HeaderValue::from_static("");
            all.push((TRACEPARENT, value, Template::trace_context(run)));
        }
        let (head, rest) = wire_form(&spec.method, &read.target, &all, &read.body);
        let mut headers = HeaderMap::new();
        let mut varying = Vec::new();
        for (name, written, value) in all {
            if value.constant().is_some() {
                headers.append(name, written);
            } else {
                let sensitive = written.is_sensitive();
                varying.push(VaryingHeader {
                    name,
                    value,
                    sensitive,
                });
            }
        }
        if read.body.constant().is_some_and(Bytes::is_empty) && has_length(&spec.method) {
            headers.insert(CONTENT_LENGTH, HeaderValue::from_static("0"));
        }
        Ok(Self {
            method: spec.method.clone(),
            target: read.target,
            headers,
            varying,
            body: read.body,
            rows: spec.data.clone(),
            head,
            rest,
        })
    }

    /// The bytes of request `n` in HTTP/1.1, in two parts of which the second may be empty: borrowed where nothing
    /// varies, else written into `scratch`, which is worth keeping.
    pub(super) fn bytes<'a>(
        &'a self,
        n: u64,
        random: &mut Random,
        scratch: &'a mut Vec<u8>,
    ) -> [&'a [u8]; 2] {
        let turn = self.turn(n);
        match (&self.rest, self.head.constant()) {
            (Rest::Nothing, Some(head)) => [head, &[]],
            (Rest::Body(body), Some(head)) => [head, body],
            (rest, _) => {
                scratch.clear();
                self.head.render_into(scratch, turn, random);
                let body: &[u8] = match rest {
                    Rest::Nothing => &[],
                    Rest::Body(body) => body,
                    Rest::Rendered => {
                        // Writing to memory cannot fail.
                        let _ = write!(scratch, "{}\r\n\r\n", self.body.length(turn));
                        self.body.render_into(scratch, turn, random);
                        &[]
                    }
                };
                [scratch, body]
            }
        }
    }

    /// Whether the request itself asks for the connection to be closed after its answer (RFC 9112, section 9.6).
    pub(super) fn closes(&self) -> bool {
        let named = self.headers.get_all(CONNECTION).into_iter();
        named
            .filter_map(|value| value.to_str().ok())
            .flat_map(|options| options.split(','))
            .any(|option| option.trim().eq_ignore_ascii_case("close"))
    }

    /// Whether the same stands in every request line.
    pub(super) fn has_one_target(&self) -> bool {
        self.target.constant().is_some()
    }

    /// Whether every request is the same.
    pub(super) fn is_constant(&self) -> bool {
        let varies = !self.varying.is_empty() || !self.has_one_target();
        !varies && self.body.constant().is_some()
    }

    /// Request `n`, for a protocol that frames it itself.
    pub(super) fn outgoing(&self, n: u64, random: &mut Random) -> Result<Outgoing, Failed> {
        let turn = self.turn(n);
        let wrong = |error: http::Error| Failed::new(FailureClass::Protocol, error.to_string());
        let uri =
            Uri::from_maybe_shared(self.target.fill(turn, random)).map_err(|error| wrong(error.into()))?;
        let mut headers = self.headers.clone();
        for header in &self.varying {
            let value = header.value.fill(turn, random);
            let mut value = HeaderValue::from_maybe_shared(value).map_err(|error| wrong(error.into()))?;
            value.set_sensitive(header.sensitive);
            headers.append(header.name.clone(), value);
        }
        Ok(Outgoing {
            method: self.method.clone(),
            uri,
            headers,
            body: self.body.fill(turn, random),
        })
    }

    fn turn(&self, n: u64) -> Turn<'_> {
        Turn {
            n,
            rows: self.rows.as_deref(),
        }
    }
}

/// Whether a request without a body says so.
fn has_length(method: &Method) -> bool {
    [Method::POST, Method::PUT, Method::PATCH].contains(method)
}

fn wire_form(
    method: &Method,
    target: &Template,
    headers: &[(HeaderName, HeaderValue, Template)],
    body: &Template,
) -> (Template, Rest) {
    let mut head = vec![
        Template::text(format!("{method} ")),
        target.clone(),
        Template::text(" HTTP/1.1\r\n"),
    ];
    for (name, _, value) in headers {
        head.push(Template::text(format!("{name}: ")));
        head.push(value.clone());
        head.push(Template::text("\r\n"));
    }
    let rest = match body.constant() {
        None => {
            head.push(Template::text("content-length: "));
            Rest::Rendered
        }
        Some(body) => {
            if !body.is_empty() || has_length(method) {
                head.push(Template::text(format!("content-length: {}\r\n", body.len())));
            }
            head.push(Template::text("\r\n"));
            if body.len() > SMALL {
                Rest::Body(body.clone())
            } else {
                head.push(Template::text(body.clone()));
                Rest::Nothing
            }
        }
    };
    (Template::concat(head), rest)
}

#[cfg(test)]
#[path = "request_tests.rs"]
mod tests;
