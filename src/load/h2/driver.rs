//! The two tasks behind a session: [`drive`] moves its frames, [`watch`] finds out when the server has gone silent.

use std::future::poll_fn;
use std::pin::Pin;
use std::rc::Rc;
use std::task::{Context, Poll, Waker};

use h2::client::{Connection, SendRequest};
use h2::{Ping, PingPong};
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::task::{AbortHandle, yield_now};
use tokio::time::{sleep, timeout};

use super::failure;
use super::session::Limits;
use super::shared::Shared;
use super::upload::Upload;
use super::wire::Wire;

/// The frames of a connection.
pub(in super::super) struct Driver<S: AsyncRead + AsyncWrite + Unpin> {
    pub(in super::super) connection: Connection<Wire<S>, Upload>,
    /// Only asked whether the connection takes requests.
    pub(in super::super) requests: SendRequest<Upload>,
    pub(in super::super) shared: Rc<Shared>,
}

impl<S: AsyncRead + AsyncWrite + Unpin> Driver<S> {
    /// Moves what can be moved, and tells the lanes what it changes for them.
    pub(in super::super) fn poll(&mut self, cx: &mut Context<'_>) -> Poll<Result<(), h2::Error>> {
        let outcome = Pin::new(&mut self.connection).poll(cx);
        let shared = &self.shared;
        if shared.is_usable() {
            shared.allow(self.connection.max_concurrent_send_streams());
            if !takes_requests(&mut self.requests) {
                shared.close();
            }
        }
        outcome
    }
}

/// Whether a connection takes requests: not after a GOAWAY, and not after the last of its stream numbers.
pub(in super::super) fn takes_requests(requests: &mut SendRequest<Upload>) -> bool {
    let mut cx = Context::from_waker(Waker::noop());
    !matches!(requests.poll_ready(&mut cx), Poll::Ready(Err(_)))
}

/// Bytes that a connection reads before the others have their turn: a flood of tiny frames, which cost much time each,
/// must not keep them from being read, nor timers from being looked at.
pub(in super::super) const TURN: usize = 128 << 10;

/// Moves frames until the connection is over.
pub(in super::super) async fn drive<S: AsyncRead + AsyncWrite + Unpin>(mut driver: Driver<S>) {
    let outcome = loop {
        driver.shared.meter.allow(TURN);
        let turn = poll_fn(|cx| match driver.poll(cx) {
            Poll::Pending if driver.shared.meter.is_exhausted() => Poll::Ready(None),
            outcome @ (Poll::Pending | Poll::Ready(_)) => outcome.map(Some),
        });
        if let Some(outcome) = turn.await {
            break outcome;
        }
        yield_now().await;
    };
    let why = outcome.err().map(|error| {
        let end = driver.shared.end();
        failure::answering(&error, end)
    });
    driver.shared.finish(why);
}

/// Asks for a sign of life when requests wait and nothing comes, and ends the connection when there is none.
pub(in super::super) async fn watch(
    mut pings: PingPong,
    shared: Rc<Shared>,
    limits: Limits,
    connection: AbortHandle,
) {
    loop {
        let before = shared.meter.received();
        sleep(limits.ping_after).await;
        if !(limits.ping_idle || shared.is_busy()) || shared.meter.received() != before {
            continue;
        }
        // One that is still unanswered, though other things came, is as good as a new one.
        if pings.send_ping(Ping::opaque()).is_err_and(|error| error.is_io()) {
            return;
        }
        let pong = poll_fn(|cx| pings.poll_pong(cx));
        match timeout(limits.pong_within, pong).await {
            Ok(Ok(_)) => {}
            Ok(Err(_closed)) => return,
            Err(_elapsed) if shared.meter.received() != before => {}
            Err(_elapsed) => {
                shared.finish(Some(failure::silent()));
                connection.abort();
                return;
            }
        }
    }
}
