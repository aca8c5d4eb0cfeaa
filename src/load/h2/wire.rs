//! [`Wire`]: a byte stream that keeps account of what went over it, in a [`Meter`].

use std::cell::{Cell, RefCell};
use std::io;
use std::pin::Pin;
use std::rc::Rc;
use std::task::{Context, Poll, ready};

use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::time::Instant;

use super::failure;
use super::shared::Shared;
use crate::load::Failed;

/// Bytes of the head of a frame (RFC 9113, section 4.1).
const HEAD: usize = 9;
/// The type of a SETTINGS frame.
const SETTINGS: u8 = 4;
/// How a record of TLS begins that holds an alert (RFC 8446, section 5.1).
const ALERT: [u8; 2] = [21, 3];
/// The flag of a SETTINGS frame that acknowledges one.
const ACK: u8 = 1;

/// What the server began with.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(in super::super) enum Greeting {
    /// Nothing, or a part of its settings.
    Awaited,
    /// Its settings, as RFC 9113, section 3.4 wants it.
    Settings,
    /// An alert of TLS: it wants that.
    Alert,
    /// Something else.
    Foreign,
}

/// What went over a wire.
#[derive(Debug)]
pub(in super::super) struct Meter {
    last_read: Cell<Instant>,
    received: Cell<u64>,
    /// Bytes that may still be read in this turn.
    allowed: Cell<usize>,
    written: Cell<u64>,
    /// The first bytes that came.
    head: Cell<[u8; HEAD]>,
    fault: RefCell<Option<Failed>>,
}

impl Meter {
    pub(in super::super) fn new() -> Self {
        Self {
            last_read: Cell::new(Instant::now()),
            received: Cell::default(),
            allowed: Cell::new(usize::MAX),
            written: Cell::default(),
            head: Cell::default(),
            fault: RefCell::default(),
        }
    }

    /// When bytes last came. All that was read so far had come by then.
    pub(in super::super) fn last_read(&self) -> Instant {
        self.last_read.get()
    }

    /// Bytes that came.
    pub(in super::super) fn received(&self) -> u64 {
        self.received.get()
    }

    /// From now on only about so many bytes are read. When they are, the wire says that it waits, and will wake nobody.
    pub(in super::super) fn allow(&self, bytes: usize) {
        self.allowed.set(bytes);
    }

    /// Whether all that may be read was read.
    pub(in super::super) fn is_exhausted(&self) -> bool {
        self.allowed.get() == 0
    }

    /// Bytes that were handed over to the system.
    pub(in super::super) fn written(&self) -> u64 {
        self.written.get()
    }

    /// The first error of the stream, if there was one.
    pub(in super::super) fn fault(&self) -> Option<Failed> {
        self.fault.borrow().clone()
    }

    /// What the server began with.
    pub(in super::super) fn greeting(&self) -> Greeting {
        if self.received() >= ALERT.len() as u64 && self.head.get().starts_with(&ALERT) {
            return Greeting::Alert;
        }
        if self.received() < HEAD as u64 {
            return Greeting::Awaited;
        }
        let [high, middle, low, kind, flags, stream @ ..] = self.head.get();
        if kind != SETTINGS || flags & ACK != 0 || stream != [0; 4] {
            return Greeting::Foreign;
        }
        let length = u32::from_be_bytes([0, high, middle, low]);
        if self.received() < HEAD as u64 + u64::from(length) {
            return Greeting::Awaited;
        }
        Greeting::Settings
    }

    fn read(&self, bytes: &[u8]) {
        if bytes.is_empty() {
            return;
        }
        self.last_read.set(Instant::now());
        let received = self.received();
        if received < HEAD as u64 {
            let mut head = self.head.get();
            let empty = head.iter_mut().skip(usize::try_from(received).unwrap_or(HEAD));
            empty.zip(bytes).for_each(|(place, byte)| *place = *byte);
            self.head.set(head);
        }
        self.received.set(received + bytes.len() as u64);
        self.allowed.set(self.allowed.get().saturating_sub(bytes.len()));
    }

    fn failed(&self, error: &io::Error) {
        self.fault
            .borrow_mut()
            .get_or_insert_with(|| failure::transport(error));
    }

    fn wrote(&self, outcome: &Poll<io::Result<usize>>) {
        match outcome {
            Poll::Ready(Ok(bytes)) => self.written.set(self.written() + *bytes as u64),
            Poll::Ready(Err(error)) => self.failed(error),
            Poll::Pending => {}
        }
    }
}

/// A byte stream with a meter.
#[derive(Debug)]
pub(in super::super) struct Wire<S> {
    stream: S,
    shared: Rc<Shared>,
}

impl<S> Wire<S> {
    pub(in super::super) fn new(stream: S, shared: Rc<Shared>) -> Self {
        Self { stream, shared }
    }

    fn meter(&self) -> &Meter {
        &self.shared.meter
    }
}

impl<S: AsyncRead + Unpin> AsyncRead for Wire<S> {
    fn poll_read(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buf: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        if self.meter().is_exhausted() {
            return Poll::Pending;
        }
        let before = buf.filled().len();
        let outcome = ready!(Pin::new(&mut self.stream).poll_read(cx, buf));
        match &outcome {
            Ok(()) => self.meter().read(&buf.filled()[before..]),
            Err(error) => self.meter().failed(error),
        }
        Poll::Ready(outcome)
    }
}

impl<S: AsyncWrite + Unpin> AsyncWrite for Wire<S> {
    fn poll_write(mut self: Pin<&mut Self>, cx: &mut Context<'_>, buf: &[u8]) -> Poll<io::Result<usize>> {
        let outcome = Pin::new(&mut self.stream).poll_write(cx, buf);
        self.meter().wrote(&outcome);
        outcome
    }

    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_flush(cx)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_shutdown(cx)
    }

    fn is_write_vectored(&self) -> bool {
        self.stream.is_write_vectored()
    }

    fn poll_write_vectored(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        bufs: &[io::IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        let outcome = Pin::new(&mut self.stream).poll_write_vectored(cx, bufs);
        self.meter().wrote(&outcome);
        outcome
    }
}
