//! [`Decoder`]: one answer after the other of one connection.

use std::mem;

use httparse::Header;

use super::chunked::Chunked;
use super::head::{Framing, Head, parse};
use super::memo::{HeadMemo, Seen};
use super::{MAX_HEAD, MAX_HEADERS, MAX_INTERIM, MAX_TRAILERS, Violation};

/// What was asked, as far as it decides how the answer is framed. CONNECT and upgrades are not.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(in crate::load) enum Asked {
    /// HEAD: the answer has no body, whatever its headers say.
    Head,
    /// Any other method.
    Other,
}

/// Who takes what is found.
pub(in crate::load) trait Sink {
    /// What is kept of the headers of a final answer, as long as the same head comes again and again.
    type Note;

    /// Makes the note on a head that is not the last one again.
    fn note(&mut self, status: u16, headers: &[Header]) -> Self::Note;

    /// The head of the final answer, once per answer.
    fn head(&mut self, head: &Head, note: &Self::Note);

    /// The next bytes of the body, without its framing; never empty.
    fn body(&mut self, piece: &[u8]);
}

/// What [`Decoder::feed`] took.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(in crate::load) struct Fed {
    /// Bytes of the input that belong to the answer; all of them unless it is complete.
    pub(in crate::load) consumed: usize,
    /// Whether it is complete.
    pub(in crate::load) progress: Progress,
}

/// How far an answer is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(in crate::load) enum Progress {
    /// More of it has to be read.
    NeedMore,
    /// It is complete.
    Complete(End),
}

/// A complete answer.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(in crate::load) struct End {
    /// Status code of the final answer.
    pub(in crate::load) status: u16,
    /// Bytes of the body, without its framing.
    pub(in crate::load) body_bytes: u64,
    /// Whether another request may be sent: the server keeps the connection, and nothing came after the answer.
    pub(in crate::load) reusable: bool,
    /// Whether something came after it on a connection that the server keeps.
    pub(in crate::load) excess: bool,
    /// Interim answers (1xx) before it.
    pub(in crate::load) interim: u8,
}

/// Reads the answers of one connection. Begin, feed until complete, begin again; after a [`Violation`] or an [`End`] that
/// is not reusable the connection is of no use.
#[derive(Debug)]
pub(in crate::load) struct Decoder {
    /// The beginning of a head, or of a trailer section, whose end is not here yet.
    held: Vec<u8>,
    stage: Stage,
    body_bytes: u64,
    /// Bytes of empty lines before the head.
    skipped: u32,
    status: u16,
    interim: u8,
    asked: Asked,
    persistent: bool,
}

#[derive(Debug, Clone, Copy)]
enum Stage {
    /// No answer is due.
    Idle,
    Head,
    /// As many bytes of the body are left.
    Length(u64),
    Chunked(Chunked),
    Trailers,
    UntilClose,
}

impl Decoder {
    /// For a new connection.
    pub(in crate::load) const fn new() -> Self {
        Self {
            held: Vec::new(),
            stage: Stage::Idle,
            body_bytes: 0,
            skipped: 0,
            status: 0,
            interim: 0,
            asked: Asked::Other,
            persistent: false,
        }
    }

    /// Expects the answer to a request that is about to be written.
    pub(in crate::load) fn begin(&mut self, asked: Asked) {
        let mut held = mem::take(&mut self.held);
        held.clear();
        *self = Self {
            held,
            stage: Stage::Head,
            asked,
            ..Self::new()
        };
    }

    /// Bytes kept of what was fed.
    pub(super) fn held(&self) -> usize {
        self.held.len()
    }

    /// Reads on in the answer, up to its end.
    pub(in crate::load) fn feed<S: Sink>(
        &mut self,
        input: &[u8],
        memo: &mut HeadMemo<S::Note>,
        sink: &mut S,
    ) -> Result<Fed, Violation> {
        let mut consumed = 0;
        while consumed < input.len() {
            let step = self.step(&input[consumed..], memo, sink);
            let (taken, complete) = step.inspect_err(|_| self.stage = Stage::Idle)?;
            consumed += taken;
            if complete {
                let mut end = self.end();
                end.excess = end.reusable && consumed < input.len();
                end.reusable &= !end.excess;
                let progress = Progress::Complete(end);
                return Ok(Fed { consumed, progress });
            }
        }
        let progress = Progress::NeedMore;
        Ok(Fed { consumed, progress })
    }

    /// The other side closed the connection: the end of a body that lasts until then, or of an answer that has none.
    pub(in crate::load) fn finish(&mut self) -> Result<End, Violation> {
        match self.stage {
            Stage::UntilClose => Ok(self.end()),
            Stage::Head => {
                self.stage = Stage::Idle;
                // What is wrong with the beginning of a head is told rather than that it has no end.
                parse(&self.held, |_, _, _| ())?;
                Err(Violation::Incomplete)
            }
            Stage::Idle | Stage::Length(_) | Stage::Chunked(_) | Stage::Trailers => {
                self.stage = Stage::Idle;
                Err(Violation::Incomplete)
            }
        }
    }

    fn end(&mut self) -> End {
        self.stage = Stage::Idle;
        End {
            status: self.status,
            body_bytes: self.body_bytes,
            reusable: self.persistent,
            excess: false,
            interim: self.interim,
        }
    }

    /// Takes at least one byte of `rest`, which is not empty; true if the answer ends there.
    fn step<S: Sink>(
        &mut self,
        rest: &[u8],
        memo: &mut HeadMemo<S::Note>,
        sink: &mut S,
    ) -> Result<(usize, bool), Violation> {
        match &mut self.stage {
            Stage::Idle => Err(Violation::Unasked),
            Stage::Head if self.held.is_empty() => self.read_head(rest, memo, sink),
            Stage::Head => self.read_split_head(rest, memo, sink),
            Stage::Length(left) => {
                let size = usize::try_from(*left).unwrap_or(usize::MAX).min(rest.len());
                *left -= size as u64;
                let complete = *left == 0;
                self.body_bytes += size as u64;
                sink.body(&rest[..size]);
                Ok((size, complete))
            }
            Stage::Chunked(chunked) => {
                let passed = chunked.feed(rest, sink)?;
                self.body_bytes += passed.data;
                if passed.last {
                    self.stage = Stage::Trailers;
                }
                Ok((passed.taken, false))
            }
            Stage::Trailers => self.read_trailers(rest, memo),
            Stage::UntilClose => {
                self.body_bytes += rest.len() as u64;
                sink.body(rest);
                Ok((rest.len(), false))
            }
        }
    }

    fn read_head<S: Sink>(
        &mut self,
        rest: &[u8],
        memo: &mut HeadMemo<S::Note>,
        sink: &mut S,
    ) -> Result<(usize, bool), Violation> {
        let room = MAX_HEAD - self.skipped as usize;
        let window = &rest[..rest.len().min(room)];
        if let Some(taken) = self.take_head(window, memo, sink)? {
            return Ok(taken);
        }
        if window.len() == room {
            return Err(Violation::HeadTooLarge);
        }
        self.held = memo.lend();
        self.held.extend_from_slice(window);
        Ok((window.len(), false))
    }

    /// Reads on in a head whose beginning is held. It is parsed at an empty line and each time that its size doubles: what
    /// is no head is found out early, and small pieces do not make it slow.
    fn read_split_head<S: Sink>(
        &mut self,
        rest: &[u8],
        memo: &mut HeadMemo<S::Note>,
        sink: &mut S,
    ) -> Result<(usize, bool), Violation> {
        let before = self.held.len();
        let room = MAX_HEAD - self.skipped as usize;
        let end = empty_line(&self.held, rest);
        let taken = end.unwrap_or(rest.len()).min(room - before);
        self.held.extend_from_slice(&rest[..taken]);
        if end == Some(taken) {
            let held = mem::take(&mut self.held);
            let taken_head = self.take_head(&held, memo, sink)?;
            if taken_head.is_none() {
                // Empty lines alone, before the head.
                self.skipped += u32::try_from(held.len()).unwrap_or(u32::MAX);
            }
            memo.recycle(held);
            return Ok((taken, taken_head.is_some_and(|(_, complete)| complete)));
        }
        let full = self.held.len() == room;
        if full || before.ilog2() != self.held.len().ilog2() {
            parse(&self.held, |_, _, _| ())?;
        }
        if full {
            return Err(Violation::HeadTooLarge);
        }
        Ok((taken, false))
    }

    /// Takes the head that `bytes` begin with, if it is complete: its length, and whether it is the whole answer.
    fn take_head<S: Sink>(
        &mut self,
        bytes: &[u8],
        memo: &mut HeadMemo<S::Note>,
        sink: &mut S,
    ) -> Result<Option<(usize, bool)>, Violation> {
        let (length, said, note) = match memo.look(bytes, sink)? {
            Seen::Partial => return Ok(None),
            Seen::Interim(101, _) => return Err(Violation::Upgraded),
            Seen::Interim(_, length) => {
                self.interim += 1;
                self.skipped = 0;
                let few = self.interim <= MAX_INTERIM;
                return few
                    .then_some(Some((length, false)))
                    .ok_or(Violation::TooManyInterim);
            }
            Seen::Final(length, said, note) => (length, said, note),
        };
        let head = said.answers(self.asked == Asked::Head)?;
        sink.head(&head, note);
        self.status = head.status;
        self.persistent = head.reusable;
        self.stage = match head.framing {
            Framing::Empty | Framing::Length(0) => return Ok(Some((length, true))),
            Framing::Length(left) => Stage::Length(left),
            Framing::Chunked => Stage::Chunked(Chunked::new()),
            Framing::UntilClose => Stage::UntilClose,
        };
        Ok(Some((length, false)))
    }

    /// RFC 9112, section 7.1.2. Trailers are checked and dropped; there rarely are any.
    fn read_trailers<N>(&mut self, rest: &[u8], memo: &mut HeadMemo<N>) -> Result<(usize, bool), Violation> {
        if self.held.is_empty() {
            if rest.starts_with(b"\r\n") {
                return Ok((2, true));
            }
            self.held = memo.lend();
        }
        let feed = rest.iter().position(|byte| *byte == b'\n');
        let taken = feed.map_or(rest.len(), |feed| feed + 1);
        if self.held.len() + taken >= MAX_TRAILERS {
            return Err(Violation::TrailersTooLarge);
        }
        self.held.extend_from_slice(&rest[..taken]);
        if feed.is_none() {
            return Ok((taken, false));
        }
        if !self.held.ends_with(b"\r\n") {
            return Err(Violation::Trailer);
        }
        let complete = self.held == b"\r\n" || self.held.ends_with(b"\r\n\r\n");
        if complete {
            let held = mem::take(&mut self.held);
            let mut lines = [httparse::EMPTY_HEADER; MAX_HEADERS];
            match httparse::parse_headers(&held, &mut lines) {
                Ok(httparse::Status::Complete((length, _))) if length == held.len() => {}
                Ok(_) | Err(_) => return Err(Violation::Trailer),
            }
            memo.recycle(held);
        }
        Ok((taken, complete))
    }
}

/// The number of bytes of `rest`, which follows on `held`, up to the end of its first empty line.
fn empty_line(held: &[u8], rest: &[u8]) -> Option<usize> {
    let byte_before = |at: usize, back: usize| match at.checked_sub(back) {
        Some(at) => Some(rest[at]),
        None => held.len().checked_sub(back - at).map(|at| held[at]),
    };
    let feeds = (0..rest.len()).filter(|at| rest[*at] == b'\n');
    feeds
        .filter(|at| match byte_before(*at, 1) {
            Some(b'\r') => byte_before(*at, 2) == Some(b'\n'),
            before => before == Some(b'\n'),
        })
        .map(|at| at + 1)
        .next()
}
