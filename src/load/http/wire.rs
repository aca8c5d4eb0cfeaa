//! [`Wire`]: any byte stream as hyper wants it, which keeps a [`Trace`] of what went over it.

use std::cell::Cell;
use std::fmt;
use std::io;
use std::mem::MaybeUninit;
use std::pin::Pin;
use std::rc::Rc;
use std::task::{Context, Poll, ready};

use hyper::rt::ReadBufCursor;
use tokio::io::{AsyncRead as _, AsyncWrite as _, ReadBuf};
use tokio::time::Instant;

use super::failure::is_farewell;
use crate::net::connect::{Duplex, is_hung_up};

/// Most bytes taken in by one read.
const READ: usize = 16 << 10;

/// What went over a wire since the current request began.
#[derive(Debug, Clone, Copy, Default)]
#[expect(clippy::struct_excessive_bools, reason = "each says something of its own")]
struct Marks {
    first_byte: Option<Instant>,
    written: bool,
    stuck: bool,
    check: bool,
    /// A request is under way.
    asked: bool,
    /// What came meanwhile says that the server closes the connection.
    farewell: bool,
}

/// What went over a wire since the current request began.
#[derive(Debug, Clone, Default)]
pub(super) struct Trace(Rc<Cell<Marks>>);

impl Trace {
    /// A request is about to be sent, on a new connection or on one that was kept.
    pub(super) fn begin(&self, kept: bool) {
        self.0.set(Marks {
            check: kept,
            asked: true,
            ..Marks::default()
        });
    }

    /// The request has its answer.
    pub(super) fn rest(&self) {
        self.mark(|marks| marks.asked = false);
    }

    /// Whether the server, while no request was under way, said no more than that it closes the connection.
    pub(super) fn is_farewell(&self) -> bool {
        self.0.get().farewell
    }

    /// When the first byte of the answer came; `None` while nothing came.
    pub(super) fn first_byte(&self) -> Option<Instant> {
        self.0.get().first_byte
    }

    /// Whether any byte of the request was handed over. If not, the server cannot have taken it.
    pub(super) fn is_written(&self) -> bool {
        self.0.get().written
    }

    /// Whether bytes of the request wait because the server does not take them.
    pub(super) fn is_stuck(&self) -> bool {
        self.0.get().stuck
    }

    fn mark(&self, change: impl FnOnce(&mut Marks)) {
        let mut marks = self.0.get();
        change(&mut marks);
        self.0.set(marks);
    }
}

/// A byte stream for hyper.
pub(super) struct Wire {
    stream: Box<dyn Duplex>,
    trace: Trace,
}

impl Wire {
    pub(super) fn new(stream: Box<dyn Duplex>, trace: Trace) -> Self {
        Self { stream, trace }
    }

    /// Before the first byte of a request on a connection that was kept: the server may have closed it meanwhile.
    fn check(&self) -> io::Result<()> {
        if self.trace.0.get().check {
            self.trace.mark(|marks| marks.check = false);
            if is_hung_up(self.stream.socket()) {
                return Err(io::ErrorKind::ConnectionReset.into());
            }
        }
        Ok(())
    }

    fn wrote(&self, written: Poll<io::Result<usize>>) -> Poll<io::Result<usize>> {
        self.trace.mark(|marks| {
            marks.stuck = written.is_pending();
            marks.written |= matches!(written, Poll::Ready(Ok(1..)));
        });
        written
    }
}

impl fmt::Debug for Wire {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Wire")
            .field("trace", &self.trace)
            .finish_non_exhaustive()
    }
}

impl hyper::rt::Read for Wire {
    fn poll_read(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        mut buf: ReadBufCursor<'_>,
    ) -> Poll<io::Result<()>> {
        // hyper's buffer can only be lent to Tokio by unsafe code; this copy is small beside the system call.
        let mut space = [const { MaybeUninit::<u8>::uninit() }; READ];
        let room = buf.remaining().min(READ);
        let mut read = ReadBuf::uninit(&mut space[..room]);
        ready!(Pin::new(&mut self.stream).poll_read(cx, &mut read))?;
        if !read.filled().is_empty() {
            self.trace.mark(|marks| {
                marks.first_byte.get_or_insert_with(Instant::now);
                marks.farewell |= !marks.asked && is_farewell(read.filled());
            });
        }
        buf.put_slice(read.filled());
        Poll::Ready(Ok(()))
    }
}

impl hyper::rt::Write for Wire {
    fn poll_write(mut self: Pin<&mut Self>, cx: &mut Context<'_>, buf: &[u8]) -> Poll<io::Result<usize>> {
        self.check()?;
        let written = Pin::new(&mut self.stream).poll_write(cx, buf);
        self.wrote(written)
    }

    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        let flushed = Pin::new(&mut self.stream).poll_flush(cx);
        self.trace.mark(|marks| marks.stuck |= flushed.is_pending());
        flushed
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
        self.check()?;
        let written = Pin::new(&mut self.stream).poll_write_vectored(cx, bufs);
        self.wrote(written)
    }
}
