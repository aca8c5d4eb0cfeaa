//! [`Begun`]: one request on its way on one stream of a [`Session`], and what it means when it does not arrive.

use std::future::poll_fn;
use std::rc::Rc;
use std::task::{Context, Poll, ready};

use bytes::Bytes;
use http::Request;
use tokio::time::Instant;

use super::blocks::Block;
use super::connection::{self, Fault, Key};
use super::failure;
use super::hpack::HeadId;
use super::reason::Reason;
use super::session::Session;
use super::shared::{End, Shared};
use crate::load::{Failed, Way};

/// How often a request that the server did not process is sent again: it may be overloaded.
const REFUSALS: u32 = 1;
/// The same when the server, all being well, takes no more requests on the session: among many streams, those that find
/// the last places on each new session are always others.
const FAREWELLS: u32 = 32;

/// Whether a request that the server surely did not process is sent again after so many tries.
pub(in super::super) fn is_sent_again(farewell: bool, tries: u32) -> bool {
    tries <= if farewell { FAREWELLS } else { REFUSALS }
}

/// A request whose head is queued. Nothing is written before the task that queued it yields, so that what it sends next
/// leaves in the same write. When it is dropped before both sides are done, the stream is reset, and that alone.
#[derive(Debug)]
pub(in super::super) struct Begun<'a> {
    shared: &'a Shared,
    key: Key,
}

/// What came on a stream.
#[derive(Debug)]
pub(in super::super) enum Event {
    /// The head of the answer, and whether it is all there is.
    Head(Rc<Block>, bool),
    /// The next part of its body. The buffer is worth giving back.
    Data(Vec<u8>),
    /// Its end, with trailers if it has any.
    End(Option<Rc<Block>>),
}

/// Why nothing complete came back.
#[derive(Debug, Clone)]
pub(in super::super) struct Broken {
    /// In words.
    pub(in super::super) failed: Failed,
    /// The server surely did not process the request: it can be sent again.
    pub(in super::super) unsent: bool,
    /// With what the stream was reset, and whether by the server.
    pub(in super::super) reset: Option<(Reason, bool)>,
}

impl Drop for Begun<'_> {
    fn drop(&mut self) {
        self.shared.release(self.key);
    }
}

impl Begun<'_> {
    /// Sends the next part of the body as soon as the server takes it; `last` when nothing follows.
    pub(in super::super) fn send(&mut self, data: &Bytes, last: bool) {
        self.shared.send(self.key, data, last);
    }

    /// Waits until the next part can be sent at once. Whether it can be at all.
    pub(in super::super) fn poll_room(&mut self, cx: &mut Context<'_>) -> Poll<bool> {
        if self.shared.is_over() {
            return Poll::Ready(false);
        }
        self.shared.connection.borrow_mut().poll_room(self.key, cx)
    }

    /// What came of the answer, one after the other.
    pub(in super::super) fn poll(&mut self, cx: &mut Context<'_>) -> Poll<Result<Event, Broken>> {
        let event = self.shared.connection.borrow_mut().poll_event(self.key, cx);
        if event.is_pending() && self.shared.is_over() {
            return Poll::Ready(Err(self.cut_off()));
        }
        Poll::Ready(match ready!(event) {
            connection::Event::Head(head, alone) => Ok(Event::Head(head, alone)),
            connection::Event::Data(data) => {
                self.shared.call_if_needed();
                Ok(Event::Data(data))
            }
            connection::Event::End(trailers) => Ok(Event::End(trailers)),
            connection::Event::Fault(fault) => Err(self.faulty(fault)),
        })
    }

    /// Gives the buffer of a part of the body back.
    pub(in super::super) fn give_back(&mut self, buffer: Vec<u8>) {
        self.shared.connection.borrow_mut().give_back(self.key, buffer);
    }

    /// When the head came, and the last of what is here.
    pub(in super::super) fn times(&self) -> (Instant, Instant) {
        self.shared.connection.borrow_mut().times(self.key)
    }

    /// The connection ended first.
    fn cut_off(&self) -> Broken {
        let connection = &mut *self.shared.connection.borrow_mut();
        let (begins_at, begun) = connection.progress(self.key);
        let end = self.shared.end();
        let abrupt = matches!(end, Some(End::Closed | End::Broken(_)));
        Broken {
            failed: end.map_or_else(failure::closed, End::failed),
            unsent: abrupt && !begun && connection.written() <= begins_at,
            reset: None,
        }
    }

    fn faulty(&self, fault: Fault) -> Broken {
        // Once it has begun to answer, the server has processed the request, whatever it says.
        let (_, begun) = self.shared.connection.borrow_mut().progress(self.key);
        match fault {
            Fault::Reset(reason) => Broken {
                failed: failure::reset_by_server(reason),
                unsent: reason == Reason::REFUSED_STREAM && !begun,
                reset: Some((reason, true)),
            },
            Fault::Violation(reason) => Broken {
                failed: failure::malformed(reason),
                unsent: false,
                reset: Some((reason, false)),
            },
            Fault::Refused(reason) => Broken {
                failed: failure::gone_away(reason),
                unsent: !begun,
                reset: None,
            },
        }
    }
}

impl Session {
    /// Queues the head of a request as soon as the server has a stream for it; `way` tells whether it had none at first.
    /// `complete` when nothing follows.
    pub(in super::super) async fn begin(
        &self,
        head: &Request<()>,
        id: HeadId,
        complete: bool,
        way: &mut Way,
    ) -> Result<Begun<'_>, Broken> {
        let shared = self.shared();
        if shared.is_congested() {
            // Requests of which nothing is written must not pile up.
            poll_fn(|cx| shared.poll_ready(cx)).await;
        }
        if !shared.gate.try_enter() {
            way.waited = true;
            if !shared.gate.enter().await {
                return Err(unsent(shared));
            }
        }
        let Some(key) = shared.open(head, id, complete) else {
            shared.gate.leave();
            return Err(unsent(shared));
        };
        Ok(Begun { shared, key })
    }
}

/// The session was closed before there was a stream for the request.
fn unsent(shared: &Shared) -> Broken {
    Broken {
        failed: shared.farewell(),
        unsent: true,
        reset: None,
    }
}
