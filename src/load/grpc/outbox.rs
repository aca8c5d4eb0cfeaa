//! [`Outbox`]: what calls send, made ready once and kept by each worker for itself, so that no two of them count the
//! users of the same bytes.

use std::borrow::Cow;
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use http::header::{
    CONNECTION, CONTENT_LENGTH, CONTENT_TYPE, HOST, TE, TRANSFER_ENCODING, UPGRADE, USER_AGENT,
};
use http::uri::{Authority, PathAndQuery, Scheme};
use http::{HeaderMap, HeaderName, HeaderValue, Method, Request, Uri, Version};

use super::frame::framed;
use super::halt::{Halt, Unmade};
use super::spec::{CallKind, CallNumber, CallSpec, Calls, Messages, Render, RenderedCall, StreamSpec};
use super::status::Status;
use crate::grpc::code::Code;
use crate::load::h2::HeadId;
use crate::net::USER_AGENT as ITER8;

/// From this time on a time-out is none.
const NO_TIMEOUT: Duration = Duration::from_hours(24 * 365);
/// Fields that belong to the protocol, beside those that begin with `grpc-`.
const RESERVED: [HeaderName; 9] = [
    CONNECTION,
    CONTENT_LENGTH,
    CONTENT_TYPE,
    HOST,
    TE,
    TRANSFER_ENCODING,
    UPGRADE,
    HeaderName::from_static("keep-alive"),
    HeaderName::from_static("proxy-connection"),
];

/// Whether a name belongs to the protocol, so that metadata cannot have it.
pub fn is_reserved(name: &HeaderName) -> bool {
    RESERVED.contains(name) || name.as_str().starts_with("grpc-")
}

/// A message that is ready to be sent, or why it cannot be.
type Framed = Result<Bytes, Status>;

/// What calls send.
#[derive(Debug)]
pub(super) struct Outbox {
    /// With the metadata, where it is always the same.
    head: Request<()>,
    id: HeadId,
    contents: Contents,
    kind: CallKind,
    stream: StreamSpec,
    compression: bool,
    max: usize,
    halt: Halt,
}

#[derive(Debug)]
enum Contents {
    Fixed { messages: Vec<Framed>, in_turn: bool },
    Rendered(Arc<dyn Render>),
}

impl Outbox {
    /// What a call of `spec` sends to `authority`, with so much time for each; a call that cannot be made ends all of them by
    /// `halt`.
    pub(super) fn new(spec: &CallSpec, authority: &Authority, timeout: Duration, halt: Halt) -> Self {
        let frame = |message: &Bytes| framed(message, spec.compression, spec.max_send);
        let mut head = head(spec, authority, timeout);
        let contents = match &spec.calls {
            Calls::Fixed { metadata, messages } => {
                add(head.headers_mut(), metadata);
                let (messages, in_turn) = match messages {
                    Messages::Same(messages) => (messages, false),
                    Messages::InTurn(messages) => (messages, true),
                };
                Contents::Fixed {
                    messages: messages.iter().map(frame).collect(),
                    in_turn,
                }
            }
            Calls::Rendered(render) => Contents::Rendered(Arc::clone(render)),
        };
        Self {
            head,
            id: HeadId::new(),
            contents,
            kind: spec.kind,
            stream: spec.stream,
            compression: spec.compression,
            max: spec.max_send,
            halt,
        }
    }

    /// What a call sends.
    pub(super) fn parcel(&self, call: CallNumber) -> Result<Parcel<'_>, Status> {
        let rendered = match &self.contents {
            Contents::Fixed { .. } => None,
            Contents::Rendered(render) => {
                // Until all workers have heard of it.
                if let Some(unmade) = self.halt.reason() {
                    return Err(Status::new(Code::CANCELLED, unmade.to_string()));
                }
                Some(render.begin(call).map_err(|why| self.unmade(call, why))?)
            }
        };
        Ok(Parcel {
            outbox: self,
            call,
            rendered,
            unmade: false,
        })
    }

    /// The load cannot make a call of its own: it ends.
    fn unmade(&self, call: CallNumber, why: String) -> Status {
        self.halt.because(Unmade {
            method: self.head.uri().path().trim_start_matches('/').to_owned(),
            n: call.n,
            why: why.clone(),
        });
        Status::new(Code::INTERNAL, why)
    }

    fn frame(&self, message: &Bytes) -> Framed {
        framed(message, self.compression, self.max)
    }
}

/// What one call sends, however often it is tried.
#[derive(Debug)]
pub(super) struct Parcel<'a> {
    outbox: &'a Outbox,
    call: CallNumber,
    /// Unless it is what all calls send.
    rendered: Option<Box<dyn RenderedCall + 'a>>,
    /// What it is to send cannot be made.
    pub(super) unmade: bool,
}

impl<'a> Parcel<'a> {
    /// The head of the call as it is sent, and what it is known by.
    pub(super) fn known_head(&self) -> (Cow<'a, Request<()>>, HeadId) {
        if self.rendered.is_some() {
            return (Cow::Owned(self.head()), HeadId::new());
        }
        (Cow::Borrowed(&self.outbox.head), self.outbox.id)
    }

    /// The head of the call.
    pub(super) fn head(&self) -> Request<()> {
        let mut head = self.outbox.head.clone();
        if let Some(rendered) = &self.rendered {
            add(head.headers_mut(), rendered.metadata());
        }
        head
    }

    /// The only message of a call whose client does not stream.
    pub(super) fn only(&mut self) -> Framed {
        const NONE: &str = "there is no message to send";
        if let Contents::Fixed { messages, in_turn } = &self.outbox.contents {
            let length = messages.len().max(1) as u64;
            let index = if *in_turn { self.call.n % length } else { 0 };
            let message = usize::try_from(index).ok().and_then(|index| messages.get(index));
            return match message {
                Some(message) => message.clone(),
                None => Err(self.unmade(NONE.to_owned())),
            };
        }
        match self.render(0)? {
            Some(message) => self.outbox.frame(&message),
            None => Err(self.unmade(NONE.to_owned())),
        }
    }

    fn unmade(&mut self, why: String) -> Status {
        self.unmade = true;
        self.outbox.unmade(self.call, why)
    }

    /// Message `index` of a call whose client streams, and whether it is known to be the last; `None` when there are no
    /// more.
    pub(super) fn next(&mut self, index: usize) -> Result<Option<(Bytes, bool)>, Status> {
        let wanted = self
            .outbox
            .stream
            .call_count
            .map(|count| usize::try_from(count.get()).unwrap_or(usize::MAX));
        if wanted.is_some_and(|wanted| index >= wanted) {
            return Ok(None);
        }
        if let Contents::Fixed { messages, .. } = &self.outbox.contents {
            let (at, end) = match wanted {
                Some(wanted) => (index % messages.len().max(1), wanted),
                None => (index, messages.len()),
            };
            let Some(message) = messages.get(at) else {
                return Ok(None);
            };
            return Ok(Some((message.clone()?, index + 1 == end)));
        }
        let Some(message) = self.render(index)? else {
            return Ok(None);
        };
        Ok(Some((self.outbox.frame(&message)?, wanted == Some(index + 1))))
    }

    fn render(&mut self, index: usize) -> Result<Option<Bytes>, Status> {
        let Some(rendered) = &mut self.rendered else {
            return Ok(None);
        };
        let message = rendered.message(index);
        message.map_err(|why| self.unmade(why))
    }

    /// How streams go.
    pub(super) fn stream(&self) -> &StreamSpec {
        &self.outbox.stream
    }

    /// Which sides stream.
    pub(super) fn kind(&self) -> CallKind {
        self.outbox.kind
    }
}

/// What every call begins with.
fn head(spec: &CallSpec, authority: &Authority, timeout: Duration) -> Request<()> {
    let mut head = Request::new(());
    *head.version_mut() = Version::HTTP_2;
    *head.method_mut() = Method::POST;
    let mut uri = http::uri::Parts::default();
    let https = spec.url.scheme() == "https";
    uri.scheme = Some(if https { Scheme::HTTPS } else { Scheme::HTTP });
    // Copies, so that each worker has its own.
    uri.authority = Authority::try_from(authority.as_str()).ok();
    uri.path_and_query = PathAndQuery::try_from(spec.path.as_str()).ok();
    *head.uri_mut() = Uri::from_parts(uri).unwrap_or_default();
    let headers = head.headers_mut();
    headers.insert(TE, HeaderValue::from_static("trailers"));
    headers.insert(CONTENT_TYPE, HeaderValue::from_static("application/grpc"));
    headers.insert(USER_AGENT, HeaderValue::from_static(ITER8));
    if spec.compression {
        headers.insert("grpc-encoding", HeaderValue::from_static("gzip"));
    }
    // As clients of grpc-go do.
    headers.insert("grpc-accept-encoding", HeaderValue::from_static("gzip"));
    if let Some(timeout) = timeout_value(timeout) {
        headers.insert("grpc-timeout", timeout);
    }
    head
}

/// Adds metadata to a head.
fn add(headers: &mut HeaderMap, metadata: &HeaderMap) {
    if metadata.contains_key(USER_AGENT) {
        headers.remove(USER_AGENT);
    }
    for (name, value) in metadata {
        if !is_reserved(name) {
            headers.append(name.clone(), value.clone());
        }
    }
}

/// As it stands in `grpc-timeout`: at most eight digits and a unit. `None` when there is no time-out.
fn timeout_value(timeout: Duration) -> Option<HeaderValue> {
    const MOST: u128 = 99_999_999;
    if timeout >= NO_TIMEOUT {
        return None;
    }
    let nanos = timeout.as_nanos();
    let units = [(1_000, 'u'), (1_000_000, 'm'), (1_000_000_000, 'S')];
    let (value, unit) = units
        .into_iter()
        .map(|(unit, name)| (nanos.div_ceil(unit), name))
        .find(|(value, _)| *value <= MOST)?;
    HeaderValue::try_from(format!("{value}{unit}")).ok()
}

#[cfg(test)]
mod tests {
    use std::num::NonZeroU64;

    use tokio_util::sync::CancellationToken;

    use super::*;

    const CALL: CallNumber = CallNumber { n: 4, lane: 0 };

    fn spec() -> CallSpec {
        let path = PathAndQuery::from_static("/pkg.Svc/Call");
        CallSpec::unary(
            "http://app.example:8080".parse().expect("a URL"),
            path,
            Bytes::from_static(b"one"),
        )
    }

    fn outbox(spec: &CallSpec) -> Outbox {
        Outbox::new(
            spec,
            &Authority::from_static("app.example:8080"),
            Duration::from_secs(20),
            Halt::new(&CancellationToken::new()),
        )
    }

    fn only(spec: &CallSpec) -> Framed {
        outbox(spec).parcel(CALL).expect("a call").only()
    }

    fn three() -> Vec<Bytes> {
        [b"a", b"b", b"c"].map(|text| Bytes::from_static(text)).to_vec()
    }

    fn body(framed: &[u8]) -> &[u8] {
        &framed[5..]
    }

    #[test]
    fn the_head_is_that_of_a_call() {
        let mut spec = spec();
        let metadata = HeaderMap::from_iter([
            (TE, HeaderValue::from_static("gzip")),
            (USER_AGENT, HeaderValue::from_static("mine")),
            (HeaderName::from_static("x-trace"), HeaderValue::from_static("1")),
        ]);
        spec.calls = Calls::Fixed {
            metadata,
            messages: Messages::Same(Vec::new()),
        };
        let outbox = outbox(&spec);
        let mut parcel = outbox.parcel(CALL).expect("a call");
        let head = parcel.head();
        assert_eq!(head.uri().to_string(), "http://app.example:8080/pkg.Svc/Call");
        let fields: Vec<_> = head
            .headers()
            .iter()
            .map(|(name, value)| format!("{name}: {}", value.to_str().expect("text")))
            .collect();
        for field in [
            "te: trailers",
            "content-type: application/grpc",
            "user-agent: mine",
            "grpc-accept-encoding: gzip",
            "grpc-timeout: 20000000u",
            "x-trace: 1",
        ] {
            assert!(fields.iter().any(|known| known == field), "{field}: {fields:?}");
        }
        assert_eq!(fields.len(), 6, "{fields:?}");
        assert!(parcel.only().is_err());
        let told = outbox
            .halt
            .reason()
            .map(|unmade| (unmade.method.as_str(), unmade.n));
        assert_eq!(told, Some(("pkg.Svc/Call", 4)));
    }

    #[test]
    fn a_timeout_has_at_most_eight_digits() {
        let value = |timeout| timeout_value(timeout).map(|value| value.to_str().expect("text").to_owned());
        assert_eq!(value(Duration::from_millis(20)).as_deref(), Some("20000u"));
        assert_eq!(value(Duration::from_mins(10)).as_deref(), Some("600000m"));
        assert_eq!(value(Duration::from_hours(48)).as_deref(), Some("172800S"));
        assert_eq!(value(Duration::from_nanos(1)).as_deref(), Some("1u"));
        assert_eq!(value(Duration::MAX), None);
    }

    #[test]
    fn messages_take_turns_from_call_to_call() {
        let mut spec = spec();
        let messages = |messages| Calls::Fixed {
            metadata: HeaderMap::new(),
            messages,
        };
        spec.calls = messages(Messages::InTurn(three()));
        assert_eq!(body(&only(&spec).expect("a message")), b"b");
        spec.calls = messages(Messages::Same(three()));
        assert_eq!(body(&only(&spec).expect("a message")), b"a");
    }

    #[test]
    fn a_stream_sends_each_message_once_or_as_many_as_are_wanted() {
        let mut spec = spec();
        spec.calls = Calls::Fixed {
            metadata: HeaderMap::new(),
            messages: Messages::Same(three()),
        };
        let all = |spec: &CallSpec| {
            let outbox = outbox(spec);
            let mut parcel = outbox.parcel(CALL).expect("a call");
            let mut sent = String::new();
            let mut ended = false;
            while let Some((message, last)) = parcel.next(sent.len()).expect("messages") {
                assert!(!ended);
                sent.push_str(std::str::from_utf8(body(&message)).expect("text"));
                ended = last;
            }
            assert!(ended);
            sent
        };
        assert_eq!(all(&spec), "abc");
        spec.stream.call_count = NonZeroU64::new(5);
        assert_eq!(all(&spec), "abcab");
        spec.stream.call_count = NonZeroU64::new(2);
        assert_eq!(all(&spec), "ab");
    }

    #[test]
    fn what_is_too_large_is_not_sent() {
        let mut spec = spec();
        spec.max_send = 2;
        let refused = only(&spec).expect_err("too large");
        assert_eq!(refused.code, Code::RESOURCE_EXHAUSTED);
    }
}
