//! [`Target`]: what a protocol must do to be put under load, and what it reports of each request.

use std::borrow::Cow;
use tokio::time::Instant;

use super::Seat;
use super::tally::Messages;
use crate::metrics::FailureClass;
use crate::net::connect::ConnectError;

pub use crate::net::connect::ConnectTimes;

/// A server, reached by one protocol. Generic and never boxed: `send` is the hot path.
#[expect(
    async_fn_in_trait,
    reason = "only ever awaited on one thread, generic and never boxed"
)]
pub trait Target: 'static {
    /// One connection.
    type Conn: 'static;

    /// Opens the connection of a lane. Without times, another lane that shares it had opened it.
    async fn connect(&self, seat: Seat) -> Result<(Self::Conn, Option<ConnectTimes>), Failed>;

    /// Sends request number `n` (from 0, of this target), begun at `sent`, and takes in its answer. May be dropped at
    /// any await when its time is over; the connection is dropped then, too. What is in `way` by then is counted.
    async fn send(&self, conn: &mut Self::Conn, n: u64, sent: Instant, way: &mut Way) -> Sample;

    /// Waits until an unused connection can take no more requests, because the server closed it or sent what nobody
    /// asked for: why the next request fails, if the end is more than an end. May be dropped at any time without harm to
    /// the connection.
    async fn broken(&self, conn: &mut Self::Conn) -> Option<Failed>;

    /// The status under which a failure is counted that has none of its own; `None` where only answers have a status.
    fn status_of(_class: FailureClass) -> Option<u16> {
        None
    }

    /// The messages of the last request, also of one that was dropped; `None` where a request and its answer are all
    /// there is.
    fn messages(_conn: &mut Self::Conn) -> Option<&mut Messages> {
        None
    }
}

/// A request that counts as an error.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Failed {
    /// In which way.
    pub class: FailureClass,
    /// What happened, in words.
    pub example: Cow<'static, str>,
    /// The status under which it is counted, where every request ends with one.
    pub status: Option<u16>,
}

impl Failed {
    /// A failure.
    pub fn new(class: FailureClass, example: impl Into<Cow<'static, str>>) -> Self {
        Self {
            class,
            example: example.into(),
            status: None,
        }
    }

    /// Whether the request counts with the time it took: it would have taken longer still.
    pub(super) fn has_latency(&self) -> bool {
        matches!(self.class, FailureClass::Timeout | FailureClass::CutOff)
    }
}

impl From<ConnectError> for Failed {
    fn from(error: ConnectError) -> Self {
        match error {
            ConnectError::Refused(why) => Self::new(FailureClass::Connect, why),
            ConnectError::Local(why) => Self::new(FailureClass::Local, why),
            ConnectError::Tls(why) => Self::new(FailureClass::Tls, why),
        }
    }
}

/// An answer that is not what its URL was to show.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Aside {
    /// Something in front of the application gave it: what, and what to do about it.
    Wall(String),
    /// A redirect within the site that was not followed: where to.
    Redirect(String),
}

/// A complete answer.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Answer {
    /// Its status, if the protocol has one.
    pub status: Option<u16>,
    /// When its first byte came.
    pub first_byte: Instant,
    /// When it was complete.
    pub end: Instant,
    /// Bytes of its body.
    pub bytes: u64,
    /// Why it counts as an error all the same.
    pub failure: Option<Failed>,
    /// What it is instead of what was asked for.
    pub aside: Option<Aside>,
}

/// What became of a request.
#[derive(Debug)]
pub struct Sample {
    /// The answer, or why there is none.
    pub result: Result<Answer, Failed>,
    /// Whether the connection can take another request.
    pub reusable: bool,
}

/// What happened on the way to an answer, whether or not it came.
#[derive(Debug, Default)]
pub struct Way {
    /// Connections that were opened (after a stale one, or for a redirect).
    pub connects: Vec<ConnectTimes>,
    /// Whether the request was held back because the server allows no more at the same time.
    pub waited: bool,
    /// How often the server had closed a kept connection before the request can have reached it.
    pub reconnects: u32,
    /// The request could not be made, which says nothing of the server: it is counted nowhere.
    pub unmade: bool,
}
