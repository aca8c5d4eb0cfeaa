//! [`Connection`]: the client's side of one HTTP/2 connection, without any I/O: bytes in, bytes out, and streams on which
//! requests are sent and answers come.
//!
//! Whoever has the socket feeds what it reads to [`Connection::receive`] and writes what [`Connection::output`] has;
//! whoever has a request opens a stream and takes its events. An error of a stream ends that alone; one of the connection is what
//! `receive` returns.

mod answers;
mod control;
pub(crate) mod replay;
mod requests;
mod streams;

use std::collections::VecDeque;
use std::task::{Context, Poll, Waker};

use tokio::time::Instant;

use self::answers::{Assembly, Run};
use self::streams::Streams;
use super::blocks::Blocks;
use super::frame::{self, HEAD, Head, PAYLOAD, kind};
use super::hpack::Encoder;
use super::reason::Reason;
use super::settings::{CONNECTION_WINDOW, OURS, Settings, WINDOW};

pub(super) use self::answers::Event;
pub(super) use self::streams::{Fault, Key};

/// Frames of no use that a server may send between two answers. A few are harmless, and no more than a mistake.
const USELESS: u32 = 10_000;
/// Bytes that wait to be written from which on no more of requests is made ready.
const BACKLOG: usize = 64 << 10;
/// The same from which on nothing more is read: so much only comes together when what is read wants answers, too.
const FLOODED: usize = 4 * BACKLOG;
/// Bytes of the largest buffer that is kept when it is empty.
const SPARE: usize = 128 << 10;

/// One connection.
#[derive(Debug)]
pub(super) struct Connection {
    /// The beginning of a frame whose end is not here yet.
    held: Vec<u8>,
    /// A DATA frame whose payload is coming.
    run: Option<Run>,
    /// A header block whose end is not here yet.
    assembly: Option<Assembly>,
    blocks: Blocks,
    /// When what is being read came.
    now: Instant,
    output: Output,
    encoder: Encoder,
    settings: Settings,
    streams: Streams,
    /// What the server takes on all streams together.
    send_window: i64,
    /// What the server may still send on all streams together.
    receive_window: i64,
    /// What was taken and the server has not heard of.
    taken: u32,
    /// Streams whose request waits for its turn to go on.
    sending: VecDeque<Key>,
    /// Streams that wait for room to send more.
    wanting: Vec<Key>,
    /// Those that wait until a stream can be opened.
    waiting: Vec<Waker>,
    /// The number of the next stream.
    next: u32,
    /// The last stream that the server processes, and why.
    going_away: Option<(u32, Reason)>,
    useless: u32,
    /// A PING was answered, and nobody has asked since.
    pong: bool,
}

/// What waits to be written.
#[derive(Debug)]
struct Output {
    bytes: Vec<u8>,
    /// How many of them were written.
    written: usize,
    /// How many there were in all.
    total: u64,
}

impl Output {
    fn backlog(&self) -> usize {
        self.bytes.len() - self.written
    }
}

impl Connection {
    /// A connection on which the preface waits to be written.
    pub(super) fn new() -> Self {
        let mut bytes = frame::PREFACE.to_vec();
        frame::put_settings(&mut bytes, &OURS);
        frame::put_window(&mut bytes, 0, CONNECTION_WINDOW - WINDOW);
        Self {
            held: Vec::new(),
            run: None,
            assembly: None,
            blocks: Blocks::new(),
            now: Instant::now(),
            output: Output {
                bytes,
                written: 0,
                total: 0,
            },
            encoder: Encoder::new(),
            settings: Settings::default(),
            streams: Streams::default(),
            send_window: i64::from(WINDOW),
            receive_window: i64::from(CONNECTION_WINDOW),
            taken: 0,
            sending: VecDeque::new(),
            wanting: Vec::new(),
            waiting: Vec::new(),
            next: 1,
            going_away: None,
            useless: 0,
            pong: false,
        }
    }

    /// Takes in what came at `now`. After an error the connection is of no use; the server is told why.
    pub(super) fn receive(&mut self, mut bytes: &[u8], now: Instant) -> Result<(), Reason> {
        self.now = now;
        let outcome = self.frames(&mut bytes);
        if let Err(reason) = outcome {
            frame::put_go_away(&mut self.output.bytes, reason);
        }
        outcome
    }

    fn frames(&mut self, bytes: &mut &[u8]) -> Result<(), Reason> {
        while !bytes.is_empty() {
            if let Some(run) = self.run.take() {
                self.go_on(run, bytes);
                continue;
            }
            if self.held.is_empty() && self.whole(bytes)? {
                continue;
            }
            self.piece(bytes)?;
        }
        Ok(())
    }

    /// Takes the frame that some bytes begin with, in place. Whether there was one.
    fn whole(&mut self, bytes: &mut &[u8]) -> Result<bool, Reason> {
        let Some(head) = self.head(bytes)? else {
            return Ok(false);
        };
        if head.kind == kind::DATA && !head.has(frame::flag::PADDED) {
            *bytes = &bytes[HEAD..];
            let run = self.data(&head, head.length)?;
            self.go_on(run, bytes);
            return Ok(true);
        }
        let Some((taken, rest)) = bytes.split_at_checked(HEAD + head.length) else {
            return Ok(false);
        };
        *bytes = rest;
        self.frame(&head, &taken[HEAD..])?;
        Ok(true)
    }

    /// Keeps what is needed of some bytes for a frame that they are only a part of, and takes it when it is complete.
    fn piece(&mut self, bytes: &mut &[u8]) -> Result<(), Reason> {
        let known = self.head(&self.held)?;
        let wanted = known.map_or(HEAD, |head| HEAD + head.length);
        let more = (wanted - self.held.len()).min(bytes.len());
        self.held.extend_from_slice(&bytes[..more]);
        *bytes = &bytes[more..];
        let Some(head) = self.head(&self.held)? else {
            return Ok(());
        };
        let is_run = head.kind == kind::DATA && !head.has(frame::flag::PADDED);
        if is_run || self.held.len() == HEAD + head.length {
            let mut whole = std::mem::take(&mut self.held);
            if is_run {
                let run = self.data(&head, head.length)?;
                self.go_on(run, &mut &[][..]);
            } else {
                self.frame(&head, &whole[HEAD..])?;
            }
            whole.clear();
            self.held = whole;
        }
        Ok(())
    }

    fn head(&self, bytes: &[u8]) -> Result<Option<Head>, Reason> {
        let Some(head) = Head::read(bytes) else {
            return Ok(None);
        };
        if head.length > PAYLOAD {
            return Err(Reason::FRAME_SIZE_ERROR);
        }
        // Nothing comes between the parts of a header block.
        if let Some(assembly) = &self.assembly
            && (head.kind != kind::CONTINUATION || head.stream != assembly.stream)
        {
            return Err(Reason::PROTOCOL_ERROR);
        }
        Ok(Some(head))
    }

    fn frame(&mut self, head: &Head, payload: &[u8]) -> Result<(), Reason> {
        match head.kind {
            kind::DATA => self.padded_data(head, payload),
            kind::HEADERS => self.headers(head, payload),
            kind::CONTINUATION => self.continuation(head, payload),
            kind::PRIORITY => self.priority(head),
            kind::RST_STREAM => self.reset_by_server(head, payload),
            kind::SETTINGS => self.take_settings(head, payload),
            // We do not let it.
            kind::PUSH_PROMISE => Err(Reason::PROTOCOL_ERROR),
            kind::PING => self.ping(head, payload),
            kind::GOAWAY => self.go_away(head, payload),
            kind::WINDOW_UPDATE => self.window_update(head, payload),
            _ => Ok(()),
        }
    }

    /// What can be written.
    pub(super) fn output(&mut self) -> &[u8] {
        self.pump();
        &self.output.bytes[self.output.written..]
    }

    /// So much of it was written.
    pub(super) fn wrote(&mut self, bytes: usize) {
        let output = &mut self.output;
        output.written += bytes;
        output.total += bytes as u64;
        if output.backlog() == 0 {
            output.bytes.clear();
            output.written = 0;
            if output.bytes.capacity() > SPARE {
                output.bytes = Vec::new();
            }
        } else if output.written >= BACKLOG {
            // A slow stream may never take all there is.
            output.bytes.drain(..output.written);
            output.written = 0;
        }
        if output.backlog() < BACKLOG {
            self.wake_wanting();
            self.waiting.drain(..).for_each(Waker::wake);
        }
    }

    /// Whether so much waits to be written that no more requests should be.
    pub(super) fn is_congested(&self) -> bool {
        self.output.backlog() >= BACKLOG
    }

    /// Whether so much waits to be written that nothing more should be read.
    pub(super) fn is_flooded(&self) -> bool {
        self.output.backlog() >= FLOODED
    }

    /// Waits until little enough waits to be written that more requests should be.
    pub(super) fn poll_ready(&mut self, cx: &mut Context<'_>) -> Poll<()> {
        if !self.is_congested() {
            return Poll::Ready(());
        }
        self.waiting.push(cx.waker().clone());
        Poll::Pending
    }

    /// Whether anything waits to be written.
    pub(super) fn has_output(&self) -> bool {
        self.output.backlog() > 0 || !self.sending.is_empty()
    }

    /// Bytes that were written.
    pub(super) fn written(&self) -> u64 {
        self.output.total
    }

    /// Whether new streams can be opened.
    pub(super) fn is_open(&self) -> bool {
        self.going_away.is_none() && self.next <= frame::LARGEST
    }

    /// How many streams the server takes at the same time; `None` is any number.
    pub(super) fn streams_allowed(&self) -> Option<u32> {
        self.settings.streams
    }

    /// Why the server is going away, if it is.
    pub(super) fn going_away(&self) -> Option<Reason> {
        self.going_away.map(|(_, reason)| reason)
    }

    /// How many streams are of interest to somebody.
    pub(super) fn busy(&self) -> usize {
        self.streams.count()
    }

    /// Counts a frame that does nothing.
    fn useless(&mut self) -> Result<(), Reason> {
        self.useless += 1;
        if self.useless > USELESS {
            return Err(Reason::ENHANCE_YOUR_CALM);
        }
        Ok(())
    }
}

/// A length as windows count, which may fall below zero.
fn signed(length: usize) -> i64 {
    i64::try_from(length).unwrap_or(i64::MAX)
}

#[cfg(test)]
mod tests;
