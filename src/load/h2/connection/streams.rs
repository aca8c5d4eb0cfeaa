//! [`Streams`]: the state of every stream that is of interest to somebody, and what is still known of the others.

use std::collections::{HashMap, VecDeque};
use std::hash::{BuildHasherDefault, Hasher};
use std::rc::Rc;
use std::task::{Context, Waker};

use bytes::Bytes;
use tokio::time::Instant;

use super::super::blocks::Block;
use super::super::reason::Reason;
use super::super::settings::STREAM_WINDOW;

/// Streams that we reset and whose late frames are told from violations.
const RESET: usize = 4096;

/// Names the state of a stream, until that is freed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(in super::super) struct Key(u32);

impl Key {
    fn index(self) -> usize {
        self.0 as usize
    }
}

/// How far an answer is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Phase {
    Head,
    Body,
    Ended,
}

/// Why a stream was cut off, while its connection was not.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(in super::super) enum Fault {
    /// By the server.
    Reset(Reason),
    /// By us, for what the server sent on it.
    Violation(Reason),
    /// The server is going away and did not process it.
    Refused(Reason),
}

/// The state of a stream.
#[derive(Debug)]
pub(in super::super) struct Stream {
    pub(super) id: u32,
    /// How many bytes were to be written before its first one.
    pub(in super::super) begins_at: u64,
    pub(super) phase: Phase,
    /// Whether frames with its number mean it.
    pub(super) linked: bool,
    pub(in super::super) fault: Option<Fault>,
    /// Whoever waits for news.
    waker: Option<Waker>,
    /// The answer never has a body.
    pub(super) bodiless: bool,
    /// A head that nobody has taken.
    pub(super) head: Option<Rc<Block>>,
    /// The part of the body that nobody has taken.
    pub(super) body: Vec<u8>,
    pub(super) trailers: Option<Rc<Block>>,
    /// When the head came.
    pub(in super::super) first_byte: Instant,
    /// When the last of what is here came.
    pub(in super::super) last_byte: Instant,
    /// Bytes of the body that must still come.
    pub(super) length: Option<u64>,
    /// What the server may still send.
    pub(super) receive_window: i64,
    /// What was taken and the server has not heard of.
    pub(super) taken: u32,
    pub(super) upload: Upload,
}

/// What of a request is still to be sent.
#[derive(Debug)]
pub(super) struct Upload {
    /// What the server takes.
    pub(super) window: i64,
    /// What waits for that.
    pub(super) rest: Bytes,
    /// Whether the request ends with it.
    pub(super) end: End,
    /// Whether it waits for its turn.
    pub(super) listed: bool,
    /// Whether whoever sends it waits for room to send more.
    pub(super) wanting: bool,
}

/// The end of a request.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum End {
    /// More may follow.
    Open,
    /// Nothing follows what waits.
    Known,
    /// It is written.
    Written,
}

impl Upload {
    /// Whether there is something to write, be it the end alone.
    pub(super) fn is_due(&self) -> bool {
        match self.end {
            End::Open => !self.rest.is_empty(),
            End::Known => true,
            End::Written => false,
        }
    }

    /// Whether all is written.
    pub(super) fn is_over(&self) -> bool {
        self.end == End::Written
    }
}

impl Stream {
    /// That of a request whose head is about to be written, and is all there is if it is `complete`.
    pub(super) fn new(id: u32, begins_at: u64, now: Instant, window: i64, complete: bool) -> Self {
        Self {
            id,
            begins_at,
            phase: Phase::Head,
            linked: true,
            fault: None,
            waker: None,
            bodiless: false,
            head: None,
            body: Vec::new(),
            trailers: None,
            first_byte: now,
            last_byte: now,
            length: None,
            receive_window: i64::from(STREAM_WINDOW),
            taken: 0,
            upload: Upload {
                window,
                rest: Bytes::new(),
                end: if complete { End::Written } else { End::Open },
                listed: false,
                wanting: false,
            },
        }
    }

    /// Whoever asks waits for news.
    pub(super) fn wake_later(&mut self, cx: &Context<'_>) {
        let known = self.waker.as_ref();
        if known.is_none_or(|known| !known.will_wake(cx.waker())) {
            self.waker = Some(cx.waker().clone());
        }
    }

    /// There is news.
    pub(super) fn wake(&mut self) {
        if let Some(waker) = self.waker.take() {
            waker.wake();
        }
    }
}

/// What a number of a stream means.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Found {
    Live(Key),
    /// We have reset it; the server may not have known.
    GivenUp,
    /// The server had ended it.
    Over,
}

/// Numbers follow each other: this spreads them well enough.
#[derive(Default)]
pub(super) struct Spread(u64);

impl Hasher for Spread {
    fn finish(&self) -> u64 {
        self.0
    }

    fn write(&mut self, bytes: &[u8]) {
        bytes.iter().for_each(|byte| self.write_u32(u32::from(*byte)));
    }

    fn write_u32(&mut self, number: u32) {
        self.0 = (self.0 ^ u64::from(number)).wrapping_mul(0x9e37_79b9_7f4a_7c15);
    }
}

/// All streams of a connection.
#[derive(Debug, Default)]
pub(super) struct Streams {
    slots: Vec<Option<Stream>>,
    free: Vec<Key>,
    /// By number. `None`: we have reset it.
    numbers: HashMap<u32, Option<Key>, BuildHasherDefault<Spread>>,
    /// Those that we have reset, the first first.
    given_up: VecDeque<u32>,
    /// Up to this number it is not known any more which ones we have reset.
    forgotten: u32,
    /// Buffers of streams that are freed.
    buffers: Vec<Vec<u8>>,
}

impl Streams {
    pub(super) fn insert(&mut self, mut stream: Stream) -> Key {
        stream.body = self.buffers.pop().unwrap_or_default();
        let id = stream.id;
        let key = if let Some(key) = self.free.pop() {
            self.slots[key.index()] = Some(stream);
            key
        } else {
            let key = Key(u32::try_from(self.slots.len()).unwrap_or(u32::MAX));
            self.slots.push(Some(stream));
            key
        };
        self.numbers.insert(id, Some(key));
        key
    }

    pub(super) fn get(&mut self, key: Key) -> Option<&mut Stream> {
        self.slots.get_mut(key.index())?.as_mut()
    }

    /// What a number means; none that was never given out.
    pub(super) fn find(&self, id: u32) -> Found {
        match self.numbers.get(&id) {
            Some(Some(key)) => Found::Live(*key),
            Some(None) => Found::GivenUp,
            None if id <= self.forgotten => Found::GivenUp,
            None => Found::Over,
        }
    }

    /// Frames with this number no longer mean its stream, if it still is of interest.
    pub(super) fn unlink(&mut self, key: Key, by_us: bool) {
        let Some(stream) = self.get(key) else {
            return;
        };
        if !std::mem::take(&mut stream.linked) {
            return;
        }
        let id = stream.id;
        if !by_us {
            self.numbers.remove(&id);
            return;
        }
        self.numbers.insert(id, None);
        self.given_up.push_back(id);
        if self.given_up.len() > RESET
            && let Some(oldest) = self.given_up.pop_front()
        {
            self.numbers.remove(&oldest);
            self.forgotten = self.forgotten.max(oldest);
        }
    }

    /// Nobody is interested in a stream any more, and no frame means it.
    pub(super) fn free(&mut self, key: Key) {
        if let Some(Some(mut stream)) = self.slots.get_mut(key.index()).map(Option::take) {
            self.free.push(key);
            stream.body.clear();
            if stream.body.capacity() <= KEPT {
                self.buffers.push(stream.body);
            }
        }
    }

    pub(super) fn all(&mut self) -> impl Iterator<Item = (Key, &mut Stream)> {
        let slots = self.slots.iter_mut().enumerate();
        slots.filter_map(|(index, stream)| Some((Key(u32::try_from(index).ok()?), stream.as_mut()?)))
    }

    /// How many are of interest.
    pub(super) fn count(&self) -> usize {
        self.slots.len() - self.free.len()
    }
}

/// Bytes of the largest buffer that is kept for the next stream.
const KEPT: usize = 32 << 10;
