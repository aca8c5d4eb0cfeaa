//! [`Reader`]: takes in the answer of one call, as far as it has come.

use std::task::{Context, Poll, ready};

use http::{HeaderMap, StatusCode};
use tokio::time::Instant;
use url::Url;

use super::frame::{Encoding, Frames};
use super::status::{Status, of_class, of_reset};
use crate::grpc::code::Code;
use crate::load::h2::{Begun, Block, Broken, Event, is_farewell};
use crate::load::{Answer, Aside, Failed, Messages};
use crate::metrics::FailureClass;
use crate::net::wall::{self, WallKind, is_grpc};

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

/// What the head or the trailers of an answer say, found out once for all answers that have them.
#[derive(Debug)]
struct Note {
    status: Option<Status>,
    /// It begins an answer of gRPC.
    good: bool,
    /// How messages are compressed, if it says so.
    encoding: Option<Encoding>,
}

impl Note {
    fn of(block: &Block) -> Self {
        let encoding = block.fields.get("grpc-encoding");
        Self {
            status: Status::of(&block.fields),
            good: block.status == Some(StatusCode::OK) && is_grpc(&block.fields),
            encoding: encoding.is_some().then(|| Encoding::of(encoding)),
        }
    }
}

/// The answer of one call.
#[derive(Debug)]
pub(super) struct Reader<'a> {
    reading: &'a Reading,
    /// When the call was sent.
    sent: Instant,
    /// Whether the answer has begun.
    begun: bool,
    frames: Frames,
    first_byte: Instant,
    last_byte: Instant,
    bytes: u64,
    /// A status in the head, for which there was more to come.
    early: Option<Box<Status>>,
    foreign: Option<Box<Foreign>>,
}

impl<'a> Reader<'a> {
    pub(super) fn new(reading: &'a Reading, sent: Instant) -> Self {
        Self {
            reading,
            sent,
            begun: false,
            frames: Frames::new(Encoding::Identity, reading.max),
            first_byte: sent,
            last_byte: sent,
            bytes: 0,
            early: None,
            foreign: None,
        }
    }

    /// Takes in what has come. When the outcome is an error, the stream is of no more use.
    pub(super) fn poll(
        &mut self,
        begun: &mut Begun<'_>,
        cx: &mut Context<'_>,
        messages: &mut Messages,
    ) -> Poll<Result<Answer, Undone>> {
        loop {
            let event = ready!(begun.poll(cx))?;
            (self.first_byte, self.last_byte) = begun.times();
            let answer = match event {
                Event::Head(head, alone) => self.head(&head, alone),
                Event::Data(chunk) => {
                    let answer = self.data(&chunk, messages)?;
                    begun.give_back(chunk);
                    answer
                }
                Event::End(trailers) => Some(self.trailers(trailers.as_deref(), messages)),
            };
            if let Some(answer) = answer {
                return Poll::Ready(Ok(answer));
            }
        }
    }

    /// Takes in the head, which may be all there is.
    fn head(&mut self, head: &Block, complete: bool) -> Option<Answer> {
        self.begun = true;
        let note = head.note(Note::of)?;
        if complete && let Some(status) = &note.status {
            if status.code != Code::OK {
                return Some(self.ended(status, FailureClass::Status));
            }
            if note.good {
                return Some(self.well_ended(&Messages::default()));
            }
        }
        if note.good {
            if let Some(encoding) = &note.encoding {
                self.frames = Frames::new(encoding.clone(), self.reading.max);
            }
            // That a call went well can only be said at its end.
            let early = note.status.as_ref().filter(|status| status.code != Code::OK);
            self.early = early.cloned().map(Box::new);
            return None;
        }
        self.foreign = Some(Box::new(Foreign {
            status: head.status.unwrap_or_default(),
            headers: head.fields.clone(),
            beginning: Vec::new(),
        }));
        complete.then(|| self.foreign_ended())
    }

    /// Takes in a part of the body. The answer, when that is enough.
    fn data(&mut self, chunk: &[u8], messages: &mut Messages) -> Result<Option<Answer>, Undone> {
        self.bytes += chunk.len() as u64;
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
            messages.streamed(complete, self.last_byte, self.sent);
            if messages.received >= self.reading.enough {
                // As many as were wanted: nothing is wrong with the call.
                return Ok(Some(self.ended(&Status::new(Code::OK, ""), FailureClass::Status)));
            }
        } else {
            messages.received += complete;
        }
        Ok(None)
    }

    fn trailers(&mut self, trailers: Option<&Block>, messages: &Messages) -> Answer {
        if self.foreign.is_some() {
            return self.foreign_ended();
        }
        let note = trailers.and_then(|trailers| trailers.note(Note::of));
        let status = note.and_then(|note| note.status.as_ref());
        let Some(status) = status.or(self.early.as_deref()) else {
            return self.ended(&Status::missing(), FailureClass::Protocol);
        };
        if status.code != Code::OK {
            return self.ended(status, FailureClass::Status);
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
        if !self.begun {
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
        let wall = wall.filter(|wall| wall.kind != WallKind::Grpc);
        let mut answer = self.ended(&Status::of_foreign(status, &headers), FailureClass::Protocol);
        answer.aside = wall.map(|wall| Aside::Wall(format!("{}; {}", wall.description, wall.hint)));
        answer
    }

    fn ended(&self, status: &Status, class: FailureClass) -> Answer {
        Answer {
            status: Some(status.code.0),
            first_byte: self.first_byte,
            end: self.last_byte,
            bytes: self.bytes,
            failure: status.failed(class),
            aside: None,
        }
    }
}
