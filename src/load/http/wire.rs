//! [`Wire`]: any byte stream as hyper wants it, which notes when an answer begins.

use std::cell::Cell;
use std::fmt;
use std::io;
use std::mem::MaybeUninit;
use std::pin::Pin;
use std::rc::Rc;
use std::task::{Context, Poll, ready};

use hyper::rt::ReadBufCursor;
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::time::Instant;

/// A TCP or TLS stream, or one inside another.
pub(super) trait Duplex: AsyncRead + AsyncWrite + Unpin {}

impl<T: AsyncRead + AsyncWrite + Unpin> Duplex for T {}

/// Most bytes taken in by one read.
const READ: usize = 16 << 10;

/// When the first byte of the current answer came.
#[derive(Debug, Clone, Default)]
pub(super) struct FirstByte(Rc<Cell<Option<Instant>>>);

impl FirstByte {
    /// A request is about to be sent.
    pub(super) fn reset(&self) {
        self.0.set(None);
    }

    /// `None` while nothing came.
    pub(super) fn get(&self) -> Option<Instant> {
        self.0.get()
    }
}

/// A byte stream for hyper.
pub(super) struct Wire {
    stream: Box<dyn Duplex>,
    first_byte: FirstByte,
}

impl Wire {
    pub(super) fn new(stream: Box<dyn Duplex>, first_byte: FirstByte) -> Self {
        Self { stream, first_byte }
    }
}

impl fmt::Debug for Wire {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Wire")
            .field("first_byte", &self.first_byte)
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
        if !read.filled().is_empty() && self.first_byte.0.get().is_none() {
            self.first_byte.0.set(Some(Instant::now()));
        }
        buf.put_slice(read.filled());
        Poll::Ready(Ok(()))
    }
}

impl hyper::rt::Write for Wire {
    fn poll_write(mut self: Pin<&mut Self>, cx: &mut Context<'_>, buf: &[u8]) -> Poll<io::Result<usize>> {
        Pin::new(&mut self.stream).poll_write(cx, buf)
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
        Pin::new(&mut self.stream).poll_write_vectored(cx, bufs)
    }
}
