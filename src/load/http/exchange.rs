//! One request and its answer on a [`Link`]: [`exchange`].

use std::ops::Deref;
use std::rc::Rc;

use bytes::Bytes;
use http::{HeaderMap, Method, Request, StatusCode, Uri};
use http_body_util::{BodyExt as _, Full};
use tokio::time::Instant;

use super::codec::Violation;
use super::failure;
use super::link::Link;
use super::look::{Look, Seen, Wanted};
use super::search::Needle;
use crate::load::Failed;
use crate::load::h2::Block;

/// What is sent.
#[derive(Debug, Clone)]
pub(super) struct Outgoing {
    pub(super) method: Method,
    pub(super) uri: Uri,
    pub(super) headers: HeaderMap,
    pub(super) body: Bytes,
}

/// What came back, read to its end.
#[derive(Debug)]
pub(super) struct Incoming {
    pub(super) status: StatusCode,
    pub(super) headers: Headers,
    pub(super) first_byte: Instant,
    pub(super) end: Instant,
    /// Bytes of the body.
    pub(super) bytes: u64,
    /// What was seen in the body.
    pub(super) seen: Seen,
    /// Whether a wall may have answered in place of the application.
    pub(super) suspect: bool,
    /// What is wrong with the bytes behind it, if any came with it.
    pub(super) unasked: Option<Failed>,
}

/// The headers of an answer.
#[derive(Debug)]
pub(super) enum Headers {
    /// Its own.
    Own(HeaderMap),
    /// Those of many answers of HTTP/2.
    Shared(Rc<Block>),
}

impl Deref for Headers {
    type Target = HeaderMap;

    fn deref(&self) -> &HeaderMap {
        match self {
            Self::Own(headers) => headers,
            Self::Shared(block) => &block.fields,
        }
    }
}

/// Why nothing complete came back.
#[derive(Debug)]
pub(super) struct Broken {
    pub(super) failed: Failed,
    /// The server had closed the connection before a byte of the request was written: it cannot have taken it.
    pub(super) unsent: bool,
}

/// Sends a request and reads its answer.
pub(super) async fn exchange(
    link: &mut Link,
    outgoing: Outgoing,
    needle: Option<&Needle>,
) -> Result<Incoming, Broken> {
    let broken = |error: &hyper::Error, link: &Link| Broken {
        failed: failure::answering(error),
        unsent: link.used && !link.trace.is_written(),
    };
    link.trace.begin(link.used);
    let mut request = Request::new(Full::new(outgoing.body));
    *request.method_mut() = outgoing.method;
    *request.uri_mut() = outgoing.uri;
    *request.headers_mut() = outgoing.headers;
    let answer = match link.sender.send_request(request).await {
        Ok(answer) => answer,
        Err(error) => return Err(broken(&error, link)),
    };
    let (head, mut body) = answer.into_parts();
    if head.status == StatusCode::SWITCHING_PROTOCOLS {
        return Err(Broken {
            failed: failure::violation(Violation::Upgraded, &[]),
            unsent: false,
        });
    }
    let mut bytes = 0;
    let mut look = Look::new(needle);
    let wanted = Wanted::of(head.status, &head.headers);
    look.begin(wanted, wanted.suspect, &head.headers);
    while let Some(frame) = body.frame().await {
        let frame = frame.map_err(|error| broken(&error, link))?;
        let Ok(chunk) = frame.into_data() else {
            continue;
        };
        bytes += chunk.len() as u64;
        look.feed(&chunk);
    }
    let end = Instant::now();
    let unasked = link.settle().await;
    Ok(Incoming {
        status: head.status,
        headers: Headers::Own(head.headers),
        first_byte: link.trace.first_byte().unwrap_or(end),
        end,
        bytes,
        seen: look.finish(),
        suspect: wanted.suspect,
        unasked,
    })
}
