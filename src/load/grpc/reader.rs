//! [`Reader`]: takes in the answer of one call, as far as it has come.

use std::pin::Pin;
use std::task::{Context, Poll, ready};

use h2::RecvStream;
use h2::client::ResponseFuture;
use http::{HeaderMap, StatusCode};
use tokio::time::Instant;
use url::Url;

use super::frame::{Encoding, Frames};
use super::status::{Status, of_class, of_reset};
use crate::grpc::channel::is_grpc;
use crate::grpc::code::Code;
use crate::load::h2::{Broken, Shared, is_farewell};
use crate::load::{Answer, Failed, Messages};
use crate::metrics::FailureClass;
use crate::net::wall;

/// Bytes of a stream that are taken before the server hears of it. Many streams that do so must not fill the window of
/// their connection.
const AT_ONCE: usize = 2 << 10;

/// How answers are read.
#[derive(Debug)]
pub(super) struct Reading {
    pub(super) url: Url,
    /// Bytes of the largest message.
    pub(super) max: usize,
    /// Whether an answer has any number of messages, and not just one.
    pub(super) streams: bool,
    /// After so many messages the call is cancelled.
    pub(super) enough: u64,
}

/// Why there is no complete answer.
#[derive(Debug)]
pub(super) struct Undone {
    /// In the words of gRPC.
    pub(super) failed: Failed,
    /// The server surely did not process the call: it can be made again.
    pub(super) unsent: bool,
    /// The server takes no more calls on the connection, and for no other reason.
    pub(super) farewell: bool,
}

impl From<Broken> for Undone {
    fn from(broken: Broken) -> Self {
        let farewell = is_farewell(&broken.failed);
        let Failed { class, example, .. } = broken.failed;
        let code = broken.reset.map_or_else(
            || of_class(class),
            |(reason, by_server)| of_reset(reason, by_server),
        );
        Self {
            failed: Failed {
                status: Some(code.0),
                ..Failed::new(class, format!("{code}: {example}"))
            },
            unsent: broken.unsent,
            farewell,
        }
    }
}

impl Undone {
    /// We do not make the call, or do not go on with it, because of what was to be sent or was received.
    pub(super) fn refused(status: &Status) -> Self {
        // A limit of the user's says nothing against the other side.
        let class = if status.code == Code::RESOURCE_EXHAUSTED {
            FailureClass::Status
        } else {
            FailureClass::Protocol
        };
        let unknown = || Failed::new(class, status.message.clone());
        Self {
            failed: status.failed(class).unwrap_or_else(unknown),
            unsent: false,
            farewell: false,
        }
    }
}

/// An answer that is not gRPC.
#[derive(Debug)]
struct Foreign {
    status: StatusCode,
    headers: HeaderMap,
    /// Of its body.
    beginning: Vec<u8>,
}

#[derive(Debug)]
enum State {
    Head(ResponseFuture),
    Body(RecvStream),
}

/// The answer of one call.
#[derive(Debug)]
pub(super) struct Reader<'a> {
    reading: &'a Reading,
    shared: &'a Shared,
    /// How much had been written on the connection before the call.
    written: u64,
    /// When the call was sent.
    sent: Instant,
    state: State,
    /// There is no more data, only trailers.
    over: bool,
    frames: Frames,
    first_byte: Instant,
    bytes: u64,
    /// Bytes that the server has not heard of.
    held: usize,
    /// A status in the head, for which there was more to come.
    early: Option<Box<Status>>,
    foreign: Option<Box<Foreign>>,
}

impl<'a> Reader<'a> {
    pub(super) fn new(
        reading: &'a Reading,
        shared: &'a Shared,
        answer: ResponseFuture,
        (written, sent): (u64, Instant),
    ) -> Self {
        Self {
            reading,
            shared,
            written,
            sent,
            state: State::Head(answer),
            over: false,
            frames: Frames::new(Encoding::Identity, reading.max),
            first_byte: sent,
            bytes: 0,
            held: 0,
            early: None,
            foreign: None,
        }
    }

    /// Takes in what has come. When the outcome is an error, the stream is of no more use.
    pub(super) fn poll(
        &mut self,
        cx: &mut Context<'_>,
        messages: &mut Messages,
    ) -> Poll<Result<Answer, Undone>> {
        loop {
            match &mut self.state {
                State::Head(answer) => {
                    let answer = ready!(Pin::new(answer).poll(cx));
                    let answer = answer.map_err(|error| Broken::early(&error, self.shared, self.written))?;
                    if let Some(answer) = self.head(answer) {
                        return Poll::Ready(Ok(answer));
                    }
                }
                State::Body(body) if !self.over => match ready!(body.poll_data(cx)) {
                    Some(chunk) => {
                        let chunk = chunk.map_err(|error| self.broken(&error))?;
                        if let Some(answer) = self.data(&chunk, messages)? {
                            return Poll::Ready(Ok(answer));
                        }
                    }
                    None => self.over = true,
                },
                State::Body(body) => {
                    let trailers = ready!(body.poll_trailers(cx));
                    let trailers = trailers.map_err(|error| self.broken(&error))?;
                    return Poll::Ready(Ok(self.trailers(trailers.as_ref(), messages)));
                }
            }
        }
    }

    fn broken(&self, error: &h2::Error) -> Undone {
        // Once it has begun to answer, the server has processed the call, whatever it says.
        Broken::new(error, self.shared, false).into()
    }

    /// Takes in the head, which may be all there is.
    fn head(&mut self, answer: http::Response<RecvStream>) -> Option<Answer> {
        self.first_byte = self.shared.meter.last_read();
        let (head, body) = answer.into_parts();
        let complete = body.is_end_stream();
        self.state = State::Body(body);
        let status = Status::of(&head.headers);
        let good = head.status == StatusCode::OK && is_grpc(&head.headers);
        if complete && let Some(status) = &status {
            if status.code != Code::OK {
                return Some(self.ended(status, FailureClass::Status));
            }
            if good {
                return Some(self.well_ended(&Messages::default()));
            }
        }
        if good {
            let encoding = head.headers.get("grpc-encoding");
            if encoding.is_some() {
                self.frames = Frames::new(Encoding::of(encoding), self.reading.max);
            }
            // That a call went well can only be said at its end.
            self.early = status.filter(|status| status.code != Code::OK).map(Box::new);
            return None;
        }
        self.foreign = Some(Box::new(Foreign {
            status: head.status,
            headers: head.headers,
            beginning: Vec::new(),
        }));
        complete.then(|| self.foreign_ended())
    }

    /// Takes in a part of the body. The answer, when that is enough.
    fn data(&mut self, chunk: &[u8], messages: &mut Messages) -> Result<Option<Answer>, Undone> {
        self.bytes += chunk.len() as u64;
        self.held += chunk.len();
        if self.held >= AT_ONCE
            && let State::Body(body) = &mut self.state
        {
            let held = std::mem::take(&mut self.held);
            // No more than what came.
            let _ = body.flow_control().release_capacity(held);
        }
        if let Some(foreign) = &mut self.foreign {
            let room = wall::PREFIX - foreign.beginning.len().min(wall::PREFIX);
            foreign.beginning.extend(chunk.iter().take(room));
            let enough = foreign.beginning.len() >= wall::PREFIX;
            return Ok(enough.then(|| self.foreign_ended()));
        }
        let complete = self
            .frames
            .feed(chunk)
            .map_err(|status| Undone::refused(&status))?;
        if self.reading.streams {
            messages.streamed(complete, self.shared.meter.last_read(), self.sent);
            if messages.received >= self.reading.enough {
                // As many as were wanted: nothing is wrong with the call.
                return Ok(Some(self.ended(&Status::new(Code::OK, ""), FailureClass::Status)));
            }
        } else {
            messages.received += complete;
        }
        Ok(None)
    }

    fn trailers(&mut self, trailers: Option<&HeaderMap>, messages: &Messages) -> Answer {
        if self.foreign.is_some() {
            return self.foreign_ended();
        }
        let status = trailers.and_then(Status::of);
        let Some(status) = status.or_else(|| self.early.take().map(|status| *status)) else {
            return self.ended(&Status::missing(), FailureClass::Protocol);
        };
        if status.code != Code::OK {
            return self.ended(&status, FailureClass::Status);
        }
        self.well_ended(messages)
    }

    /// The server says that all went well.
    fn well_ended(&self, messages: &Messages) -> Answer {
        let wrong = if self.frames.is_cut_off() {
            "the answer ended in the middle of a message"
        } else if self.reading.streams || messages.received == 1 {
            return self.ended(&Status::new(Code::OK, ""), FailureClass::Status);
        } else if messages.received == 0 {
            "the answer is OK, but has no message"
        } else {
            "the answer of a method that does not stream has more than one message"
        };
        self.ended(&Status::new(Code::INTERNAL, wrong), FailureClass::Protocol)
    }

    /// The time that the user gave the stream is over: that is as it should be, unless there is no answer.
    pub(super) fn timed_out(&mut self) -> Result<Answer, Undone> {
        if self.foreign.is_some() {
            return Ok(self.foreign_ended());
        }
        if matches!(self.state, State::Head(_)) {
            return Err(Undone {
                failed: Failed::new(FailureClass::Timeout, "no answer within `stream-call-duration`"),
                unsent: false,
                farewell: false,
            });
        }
        // As it was wanted, we end the call.
        Ok(Answer {
            end: Instant::now(),
            failure: None,
            ..self.ended(&Status::new(Code::CANCELLED, ""), FailureClass::Status)
        })
    }

    fn foreign_ended(&mut self) -> Answer {
        let Some(foreign) = self.foreign.take() else {
            return self.ended(&Status::missing(), FailureClass::Protocol);
        };
        let Foreign {
            status,
            headers,
            beginning,
        } = *foreign;
        let wall = wall::recognise(&self.reading.url, status, &headers, &beginning);
        let mut answer = self.ended(&Status::of_foreign(status, &headers), FailureClass::Protocol);
        answer.wall = wall.map(|wall| format!("{}; {}", wall.description, wall.hint));
        answer
    }

    fn ended(&self, status: &Status, class: FailureClass) -> Answer {
        Answer {
            status: Some(status.code.0),
            first_byte: self.first_byte,
            end: self.shared.meter.last_read(),
            bytes: self.bytes,
            failure: status.failed(class),
            wall: None,
        }
    }
}
