//! One request and its answer on one stream of a [`Session`].

use std::future::poll_fn;
use std::pin::Pin;
use std::task::{Context, Poll, ready};

use h2::client::ResponseFuture;
use h2::{Reason, RecvStream};
use http::{HeaderMap, Response, StatusCode};
use tokio::time::Instant;

use super::super::exchange::{Broken, Incoming};
use super::super::look::Look;
use super::super::search::Needle;
use super::request::Prepared;
use crate::load::h2::{self as http2, Begun, Session, Shared, Upload};

/// Bytes of a body that are taken before the server hears of it. Many streams that do so must not fill the window of
/// their connection.
const AT_ONCE: usize = 2 << 10;

impl From<http2::Broken> for Broken {
    fn from(broken: http2::Broken) -> Self {
        Self {
            failed: broken.failed,
            unsent: broken.unsent,
        }
    }
}

impl Session {
    /// Sends a request as soon as the server has a stream for it, and reads its answer. When it is dropped before that,
    /// only this stream is reset.
    pub(in super::super) async fn exchange(
        &self,
        request: &Prepared,
        needle: Option<&Needle>,
    ) -> Result<Incoming, Broken> {
        let shared = self.shared();
        let body = &request.body;
        let Begun {
            turn,
            answer,
            mut stream,
            written,
        } = self
            .begin(|| Ok::<_, Broken>(request.head.clone()), body.is_empty())
            .await?;
        // The body is queued behind the head, before anything of it is written.
        let left = if body.is_empty() {
            None
        } else {
            let (body, left) = Upload::new(body.clone());
            let queued = stream.send_data(body, true);
            queued.map_err(|error| http2::Broken::new(&error, shared, false))?;
            Some(left)
        };
        let mut reader = Reader::new(shared, answer, written, needle);
        poll_fn(|cx| reader.poll(cx)).await?;
        // What of the body the server has not taken by now is never sent.
        if left.is_some_and(|left| left.get() > 0) {
            stream.send_reset(Reason::CANCEL);
        }
        Ok(reader.finish(turn.waited))
    }
}

/// An answer, as far as it has come. It is one machine, for futures of futures are copied into each other.
struct Reader<'a> {
    shared: &'a Shared,
    /// How much had been written on the connection before the request.
    written: u64,
    state: State,
    look: Look<'a>,
    status: StatusCode,
    headers: HeaderMap,
    first_byte: Instant,
    end: Instant,
    bytes: u64,
    /// Bytes that the server has not heard of.
    held: usize,
}

enum State {
    Head(ResponseFuture),
    Body(RecvStream),
    Trailers(RecvStream),
    Over,
}

impl<'a> Reader<'a> {
    fn new(shared: &'a Shared, answer: ResponseFuture, written: u64, needle: Option<&'a Needle>) -> Self {
        let now = shared.meter.last_read();
        Self {
            shared,
            written,
            state: State::Head(answer),
            look: Look::new(needle),
            status: StatusCode::OK,
            headers: HeaderMap::new(),
            first_byte: now,
            end: now,
            bytes: 0,
            held: 0,
        }
    }

    /// Takes in what has come, to the end of the answer.
    fn poll(&mut self, cx: &mut Context<'_>) -> Poll<Result<(), http2::Broken>> {
        loop {
            match &mut self.state {
                State::Head(answer) => {
                    let answer = ready!(Pin::new(answer).poll(cx));
                    let answer =
                        answer.map_err(|error| http2::Broken::early(&error, self.shared, self.written))?;
                    self.head(answer);
                }
                State::Body(body) => match ready!(body.poll_data(cx)) {
                    Some(chunk) => {
                        let chunk = chunk.map_err(|error| self.broken(&error))?;
                        self.data(&chunk)?;
                    }
                    None => {
                        if let State::Body(body) = std::mem::replace(&mut self.state, State::Over) {
                            self.state = State::Trailers(body);
                        }
                    }
                },
                State::Trailers(body) => {
                    // They end the answer; nothing in them is of interest.
                    let trailers = ready!(body.poll_trailers(cx));
                    trailers.map_err(|error| self.broken(&error))?;
                    self.over();
                }
                State::Over => return Poll::Ready(Ok(())),
            }
        }
    }

    fn broken(&self, error: &h2::Error) -> http2::Broken {
        // Once it has begun to answer, the server has processed the request, whatever it says.
        http2::Broken::new(error, self.shared, false)
    }

    fn over(&mut self) {
        self.end = self.shared.meter.last_read();
        self.state = State::Over;
    }

    fn head(&mut self, answer: Response<RecvStream>) {
        let (head, body) = answer.into_parts();
        (self.status, self.headers) = (head.status, head.headers);
        self.first_byte = self.shared.meter.last_read();
        self.look.head(self.status, &self.headers);
        if body.is_end_stream() {
            self.over();
        } else {
            self.state = State::Body(body);
        }
    }

    fn data(&mut self, chunk: &[u8]) -> Result<(), http2::Broken> {
        self.bytes += chunk.len() as u64;
        self.look.feed(chunk);
        let State::Body(body) = &mut self.state else {
            return Ok(());
        };
        if body.is_end_stream() {
            // What it held of the windows is given back when it is dropped.
            self.over();
            return Ok(());
        }
        self.held += chunk.len();
        if self.held >= AT_ONCE {
            let held = std::mem::take(&mut self.held);
            let released = body.flow_control().release_capacity(held);
            released.map_err(|error| self.broken(&error))?;
        }
        Ok(())
    }

    fn finish(self, waited: bool) -> Incoming {
        Incoming {
            status: self.status,
            headers: self.headers,
            first_byte: self.first_byte,
            end: self.end,
            bytes: self.bytes,
            seen: self.look.finish(),
            waited,
        }
    }
}
