//! [`Begun`]: one request on its way on one stream of a [`Session`], and what it means when it does not arrive.

use h2::client::{ResponseFuture, SendRequest};
use h2::{Reason, SendStream};
use http::Request;

use super::session::Session;
use super::shared::{Shared, Turn};
use super::upload::Upload;
use super::{failure, takes_requests};
use crate::load::Failed;

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
/// leaves in the same write.
#[derive(Debug)]
pub(in super::super) struct Begun<'a> {
    /// The right to the stream.
    pub(in super::super) turn: Turn<'a>,
    /// The head of the answer, in the future.
    pub(in super::super) answer: ResponseFuture,
    /// Where the body goes.
    pub(in super::super) stream: SendStream<Upload>,
    /// How much had been written on the connection before.
    pub(in super::super) written: u64,
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

impl Broken {
    /// A stream that failed, or its connection.
    pub(in super::super) fn new(error: &h2::Error, shared: &Shared, unsent: bool) -> Self {
        Self {
            failed: failure::answering(error, shared.end()),
            unsent,
            reset: error
                .reason()
                .filter(|_| error.is_reset())
                .map(|reason| (reason, error.is_remote())),
        }
    }

    /// The same before the answer began. `written` is how much had been written before the request was queued.
    pub(in super::super) fn early(error: &h2::Error, shared: &Shared, written: u64) -> Self {
        let untouched = error.is_io() && shared.meter.written() == written;
        Self::new(error, shared, untouched || failure::is_unprocessed(error))
    }
}

impl Session {
    /// Queues the head of a request as soon as the server has a stream for it. `complete` when nothing follows.
    pub(in super::super) async fn begin(
        &self,
        head: impl FnOnce() -> Request<()>,
        complete: bool,
    ) -> Result<Begun<'_>, Broken> {
        let shared = self.shared();
        let Some(turn) = shared.turn().await else {
            return Err(unsent(shared));
        };
        let written = shared.meter.written();
        let mut requests = self.requests();
        match requests.send_request(head(), complete) {
            Ok((answer, stream)) => Ok(Begun {
                turn,
                answer,
                stream,
                written,
            }),
            Err(error) => Err(unqueued(&error, &mut requests, shared)),
        }
    }
}

/// The session was closed while the request waited for a stream.
fn unsent(shared: &Shared) -> Broken {
    Broken {
        failed: shared.end().unwrap_or_else(failure::leaving),
        unsent: true,
        reset: None,
    }
}

/// The connection did not take the request.
fn unqueued(error: &h2::Error, requests: &mut SendRequest<Upload>, shared: &Shared) -> Broken {
    let over = !takes_requests(requests);
    if over {
        shared.close();
    }
    // Otherwise the request itself is at fault.
    Broken::new(error, shared, over)
}
