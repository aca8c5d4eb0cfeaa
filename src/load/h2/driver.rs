//! The two tasks behind a session: [`drive`] moves its bytes, [`watch`] finds out when the server has gone silent.

use std::cell::RefCell;
use std::future::poll_fn;
use std::io;
use std::pin::Pin;
use std::rc::Rc;
use std::task::{Context, Poll, ready};

use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::task::{AbortHandle, yield_now};
use tokio::time::{Instant, sleep, timeout};

use super::failure;
use super::reason::Reason;
use super::session::Limits;
use super::shared::{End, Shared};

/// Bytes that a connection reads or writes before the others have their turn: a flood of tiny frames, which cost much time
/// each, must not keep them from being read, nor timers from being looked at; nor large bodies the answers that have come.
pub(in super::super) const TURN: usize = 128 << 10;
/// Most bytes taken in by one read.
const READ: usize = 64 << 10;

thread_local! {
    /// What was read last, on any connection of a worker.
    static INPUT: RefCell<Vec<u8>> = RefCell::new(vec![0; READ]);
}

/// The bytes of a connection.
pub(super) struct Driver<S> {
    stream: S,
    shared: Rc<Shared>,
    /// Bytes were written that the stream may still hold.
    unflushed: bool,
    /// The server takes nothing more, but may have said why.
    refused: bool,
}

impl<S: AsyncRead + AsyncWrite + Unpin> Driver<S> {
    pub(super) fn new(stream: S, shared: Rc<Shared>) -> Self {
        Self {
            stream,
            shared,
            unflushed: false,
            refused: false,
        }
    }

    /// Moves what can be moved, but no more than a turn, and tells the lanes what it changes for them. Ready when the
    /// connection is over; `None` when it is somebody else's turn.
    pub(super) fn poll(&mut self, cx: &mut Context<'_>) -> Poll<Option<End>> {
        self.shared.driver_is_here(cx);
        self.write(cx);
        let mut left = TURN;
        loop {
            if self.is_done() {
                return Poll::Ready(Some(self.closed()));
            }
            // Answers that wait for requests to be written would be late, and a server may write before it reads. But one
            // that does not read what it asked for is not read either.
            if !self.refused && self.shared.connection.borrow().is_flooded() {
                return Poll::Pending;
            }
            let outcome = ready!(self.read(cx));
            self.shared.look();
            match outcome {
                Ok(read) => left = left.saturating_sub(read),
                Err(end) => {
                    // It is told why; whether it hears of it makes no difference.
                    self.write(cx);
                    return Poll::Ready(Some(end));
                }
            }
            if left == 0 {
                return Poll::Ready(None);
            }
            if self.shared.connection.borrow().has_output() {
                self.settle(cx);
            }
        }
    }

    /// Answers to what was read leave with the requests of the lanes that were woken, unless there are many of them.
    fn settle(&mut self, cx: &mut Context<'_>) {
        if self.shared.connection.borrow().is_congested() {
            self.write(cx);
        } else {
            self.shared.call_driver();
        }
    }

    /// Hands over as much as the system takes, but no more than a turn.
    fn write(&mut self, cx: &mut Context<'_>) {
        if self.refused {
            return;
        }
        let mut left = TURN;
        let outcome = loop {
            let mut connection = self.shared.connection.borrow_mut();
            let output = connection.output();
            if output.is_empty() {
                break Poll::Ready(Ok(()));
            }
            match Pin::new(&mut self.stream).poll_write(cx, output) {
                Poll::Pending => break Poll::Pending,
                Poll::Ready(Ok(0)) => break Poll::Ready(Err(io::ErrorKind::WriteZero.into())),
                Poll::Ready(Ok(written)) => {
                    connection.wrote(written);
                    self.unflushed = true;
                    left = left.saturating_sub(written);
                    if left == 0 {
                        self.shared.call_driver();
                        break Poll::Ready(Ok(()));
                    }
                }
                Poll::Ready(Err(error)) => break Poll::Ready(Err(error)),
            }
        };
        let outcome = match outcome {
            Poll::Ready(Ok(())) if self.unflushed => Pin::new(&mut self.stream).poll_flush(cx),
            Poll::Ready(_) | Poll::Pending => outcome,
        };
        match outcome {
            Poll::Ready(Ok(())) => self.unflushed = false,
            Poll::Ready(Err(error)) => {
                self.shared.meter.failed(&error);
                self.shared.close();
                self.refused = true;
            }
            Poll::Pending => {}
        }
    }

    /// Takes in what has come: how many bytes, or why there will be no more.
    fn read(&mut self, cx: &mut Context<'_>) -> Poll<Result<usize, End>> {
        INPUT.with_borrow_mut(|input| {
            let mut space = ReadBuf::new(input);
            if let Err(error) = ready!(Pin::new(&mut self.stream).poll_read(cx, &mut space)) {
                self.shared.meter.failed(&error);
                return Poll::Ready(Err(self.closed()));
            }
            let bytes = space.filled();
            if bytes.is_empty() {
                return Poll::Ready(Err(self.closed()));
            }
            let now = Instant::now();
            self.shared.meter.read(bytes);
            let outcome = self.shared.connection.borrow_mut().receive(bytes, now);
            let end = |reason| End::Said(failure::violated(reason));
            Poll::Ready(outcome.map(|()| bytes.len()).map_err(end))
        })
    }

    /// Whether the server takes no more requests and has answered all it has.
    fn is_done(&self) -> bool {
        let connection = self.shared.connection.borrow();
        connection.going_away().is_some() && connection.busy() == 0
    }

    /// What the end of the byte stream means.
    fn closed(&self) -> End {
        let going_away = self.shared.connection.borrow().going_away();
        if let Some(reason) = going_away.filter(|reason| *reason != Reason::NO_ERROR) {
            return End::Said(failure::gone_away(reason));
        }
        self.shared.meter.fault().map_or(End::Closed, End::Broken)
    }
}

/// Moves bytes until the connection is over.
pub(super) async fn drive<S: AsyncRead + AsyncWrite + Unpin>(mut driver: Driver<S>) {
    let end = loop {
        if let Some(end) = poll_fn(|cx| driver.poll(cx)).await {
            break end;
        }
        yield_now().await;
    };
    driver.shared.finish(end);
    // With TLS the server is told; whether it hears of it makes no difference.
    let _ = poll_fn(|cx| Poll::Ready(Pin::new(&mut driver.stream).poll_shutdown(cx))).await;
}

/// Asks for a sign of life when requests wait and nothing comes, and ends the connection when there is none.
pub(super) async fn watch(shared: Rc<Shared>, limits: Limits, connection: AbortHandle) {
    loop {
        let before = shared.meter.received();
        sleep(limits.ping_after).await;
        if !(limits.ping_idle || shared.is_busy()) || shared.meter.received() != before {
            continue;
        }
        if shared.is_over() {
            return;
        }
        let pong = shared.pong.notified();
        shared.connection.borrow_mut().send_ping();
        shared.call_driver();
        if timeout(limits.pong_within, pong).await.is_err() && shared.meter.received() == before {
            shared.finish(End::Said(failure::silent()));
            connection.abort();
            return;
        }
    }
}
