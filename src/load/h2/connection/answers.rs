//! HEADERS, CONTINUATION and DATA: what answers are made of, and how they are handed on.

use std::rc::Rc;
use std::task::{Context, Poll};

use super::super::blocks::Block;
use super::super::frame::{self, Head, PAYLOAD, flag};
use super::super::reason::Reason;
use super::super::settings::{CONNECTION_WINDOW, STREAM_WINDOW};
use super::streams::{Fault, Found, Key, Phase};
use super::{Connection, signed};

/// Frames of the longest header block that is taken, and its bytes: more than the largest header can need.
const PARTS: u32 = 64;
const BLOCK: usize = 256 << 10;
/// What a HEADERS frame says of priority, which means nothing any more.
const PRIORITY: usize = 5;

/// A header block that comes in parts.
#[derive(Debug)]
pub(super) struct Assembly {
    pub(super) stream: u32,
    ends_stream: bool,
    block: Vec<u8>,
    parts: u32,
}

/// A DATA frame whose payload is coming.
#[derive(Debug, Clone, Copy)]
pub(super) struct Run {
    stream: u32,
    /// `None` when nobody is interested.
    key: Option<Key>,
    /// Bytes that have not come.
    pub(super) left: usize,
    ends_stream: bool,
}

/// What became of an answer.
#[derive(Debug)]
pub(in super::super) enum Event {
    /// The head came, and whether it is all there is.
    Head(Rc<Block>, bool),
    /// The next part of the body came.
    Data(Vec<u8>),
    /// It is complete, with trailers if it has any.
    End(Option<Rc<Block>>),
    /// It will never be complete.
    Fault(Fault),
}

impl Connection {
    pub(super) fn headers(&mut self, head: &Head, payload: &[u8]) -> Result<(), Reason> {
        self.find(head)?;
        let mut block = head.unpadded(payload)?;
        if head.has(flag::PRIORITY) {
            block = block.get(PRIORITY..).ok_or(Reason::FRAME_SIZE_ERROR)?;
        }
        let ends_stream = head.has(flag::END_STREAM);
        if head.has(flag::END_HEADERS) {
            return self.block(head.stream, block, ends_stream);
        }
        self.assembly = Some(Assembly {
            stream: head.stream,
            ends_stream,
            block: block.to_vec(),
            parts: 1,
        });
        Ok(())
    }

    pub(super) fn continuation(&mut self, head: &Head, payload: &[u8]) -> Result<(), Reason> {
        // It is of the same stream: that was looked at.
        let mut assembly = self.assembly.take().ok_or(Reason::PROTOCOL_ERROR)?;
        assembly.parts += 1;
        if assembly.parts > PARTS || assembly.block.len() + payload.len() > BLOCK {
            return Err(Reason::ENHANCE_YOUR_CALM);
        }
        assembly.block.extend_from_slice(payload);
        if head.has(flag::END_HEADERS) {
            return self.block(assembly.stream, &assembly.block, assembly.ends_stream);
        }
        self.assembly = Some(assembly);
        Ok(())
    }

    /// Takes a complete header block. It is decoded whoever it is for, because of the dynamic table.
    fn block(&mut self, stream: u32, bytes: &[u8], ends_stream: bool) -> Result<(), Reason> {
        let block = self.blocks.read(bytes)?;
        let key = match self.streams.find(stream) {
            Found::Live(key) => key,
            Found::GivenUp => return Ok(()),
            Found::Over => return Err(Reason::STREAM_CLOSED),
        };
        let now = self.now;
        let Some(stream) = self.streams.get(key) else {
            return Ok(());
        };
        let status = block.status.map(|status| status.as_u16());
        match (stream.phase, status) {
            (Phase::Ended, _) => return Err(Reason::STREAM_CLOSED),
            (Phase::Head, Some(100..200)) if !block.malformed && !ends_stream && status != Some(101) => {
                return self.useless();
            }
            (Phase::Head, Some(200..)) if !block.malformed => {
                let bodiless = stream.bodiless || matches!(status, Some(204 | 304));
                stream.length = block.length.filter(|_| !bodiless);
                stream.head = Some(block);
                stream.first_byte = now;
                stream.phase = Phase::Body;
            }
            (Phase::Body, None) if !block.malformed && ends_stream => stream.trailers = Some(block),
            (Phase::Head | Phase::Body, _) => {
                self.violated(key, Reason::PROTOCOL_ERROR);
                return Ok(());
            }
        }
        stream.last_byte = now;
        self.useless = 0;
        if ends_stream {
            self.ended(key);
        } else if let Some(stream) = self.streams.get(key) {
            stream.wake();
        }
        Ok(())
    }

    /// The server has ended its side of a stream.
    fn ended(&mut self, key: Key) {
        let Some(stream) = self.streams.get(key) else {
            return;
        };
        if stream.length.is_some_and(|missing| missing > 0) {
            return self.violated(key, Reason::PROTOCOL_ERROR);
        }
        stream.phase = Phase::Ended;
        stream.wake();
    }

    /// A DATA frame begins, of which so many bytes are data.
    pub(super) fn data(&mut self, head: &Head, data: usize) -> Result<Run, Reason> {
        let found = self.find(head)?;
        let ends_stream = head.has(flag::END_STREAM);
        if data == 0 && !ends_stream {
            self.useless()?;
        }
        let length = signed(head.length);
        self.receive_window -= length;
        if self.receive_window < 0 {
            return Err(Reason::FLOW_CONTROL_ERROR);
        }
        let key = match found {
            Found::Live(key) => self.accepts(key, length, data)?,
            Found::GivenUp => None,
            Found::Over => return Err(Reason::STREAM_CLOSED),
        };
        let padding = head.length - data;
        match key {
            Some(key) => self.taken(key, padding),
            None => self.taken_of_all(padding),
        }
        Ok(Run {
            stream: head.stream,
            key,
            left: data,
            ends_stream,
        })
    }

    /// Whether a stream takes a DATA frame of this length, with so many bytes of data.
    fn accepts(&mut self, key: Key, length: i64, data: usize) -> Result<Option<Key>, Reason> {
        let Some(stream) = self.streams.get(key) else {
            return Ok(None);
        };
        if stream.phase == Phase::Ended {
            return Err(Reason::STREAM_CLOSED);
        }
        stream.receive_window -= length;
        let mut wrong = None;
        if stream.phase == Phase::Head {
            wrong = Some(Reason::PROTOCOL_ERROR);
        } else if stream.receive_window < 0 {
            wrong = Some(Reason::FLOW_CONTROL_ERROR);
        } else if stream.bodiless && data > 0 {
            wrong = Some(Reason::PROTOCOL_ERROR);
        } else if let Some(missing) = &mut stream.length {
            match missing.checked_sub(data as u64) {
                Some(left) => *missing = left,
                None => wrong = Some(Reason::PROTOCOL_ERROR),
            }
        }
        if let Some(reason) = wrong {
            self.violated(key, reason);
            return Ok(None);
        }
        Ok(Some(key))
    }

    /// Takes what has come of the payload of a DATA frame.
    pub(super) fn go_on(&mut self, mut run: Run, bytes: &mut &[u8]) {
        let (piece, rest) = bytes.split_at(run.left.min(bytes.len()));
        *bytes = rest;
        run.left -= piece.len();
        // It may have been reset or dropped meanwhile.
        let now = self.now;
        let stream = run.key.and_then(|key| self.streams.get(key));
        if let Some(stream) = stream.filter(|stream| stream.linked && stream.id == run.stream) {
            if !piece.is_empty() {
                stream.body.extend_from_slice(piece);
                stream.last_byte = now;
                stream.wake();
            }
        } else {
            run.key = None;
            self.taken_of_all(piece.len());
        }
        if run.left > 0 {
            self.run = Some(run);
        } else if let Some(key) = run.key.filter(|_| run.ends_stream) {
            if let Some(stream) = self.streams.get(key) {
                stream.last_byte = now;
            }
            self.useless = 0;
            self.ended(key);
        }
    }

    pub(super) fn padded_data(&mut self, head: &Head, payload: &[u8]) -> Result<(), Reason> {
        let mut data = head.unpadded(payload)?;
        let run = self.data(head, data.len())?;
        self.go_on(run, &mut data);
        Ok(())
    }

    /// So many bytes of a stream are not kept any more: the server may send as many.
    fn taken(&mut self, key: Key, bytes: usize) {
        self.taken_of_all(bytes);
        let Some(stream) = self.streams.get(key) else {
            return;
        };
        stream.taken += u32::try_from(bytes).unwrap_or(0);
        if stream.taken >= STREAM_WINDOW / 2 && stream.linked && stream.phase == Phase::Body {
            frame::put_window(&mut self.output.bytes, stream.id, stream.taken);
            stream.receive_window += i64::from(stream.taken);
            stream.taken = 0;
        }
    }

    pub(super) fn taken_of_all(&mut self, bytes: usize) {
        self.taken += u32::try_from(bytes).unwrap_or(0);
        if self.taken >= CONNECTION_WINDOW / 2 {
            frame::put_window(&mut self.output.bytes, 0, self.taken);
            self.receive_window += i64::from(self.taken);
            self.taken = 0;
        }
    }

    /// What came on a stream, one after the other.
    pub(in super::super) fn poll_event(&mut self, key: Key, cx: &mut Context<'_>) -> Poll<Event> {
        let Some(stream) = self.streams.get(key) else {
            return Poll::Ready(Event::End(None));
        };
        if let Some(head) = stream.head.take() {
            let more = !stream.body.is_empty() || stream.trailers.is_some();
            return Poll::Ready(Event::Head(head, stream.phase == Phase::Ended && !more));
        }
        if !stream.body.is_empty() {
            let body = std::mem::take(&mut stream.body);
            self.taken(key, body.len());
            return Poll::Ready(Event::Data(body));
        }
        if let Some(fault) = stream.fault {
            return Poll::Ready(Event::Fault(fault));
        }
        if stream.phase == Phase::Ended {
            return Poll::Ready(Event::End(stream.trailers.take()));
        }
        stream.wake_later(cx);
        Poll::Pending
    }

    /// Takes back the buffer of a part of a body.
    pub(in super::super) fn give_back(&mut self, key: Key, mut buffer: Vec<u8>) {
        if let Some(stream) = self.streams.get(key)
            && stream.body.capacity() == 0
            && buffer.capacity() <= 2 * PAYLOAD
        {
            buffer.clear();
            stream.body = buffer;
        }
    }

    /// When the head of an answer came, and the last of what is here of it.
    pub(in super::super) fn times(&mut self, key: Key) -> (tokio::time::Instant, tokio::time::Instant) {
        match self.streams.get(key) {
            Some(stream) => (stream.first_byte, stream.last_byte),
            None => (self.now, self.now),
        }
    }
}
