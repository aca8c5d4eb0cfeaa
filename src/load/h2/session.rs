//! [`Session`]: one connection, its handshake and its end.

use std::future::poll_fn;
use std::rc::Rc;
use std::task::Poll;
use std::time::Duration;

use h2::client::{Builder, SendRequest};
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::task::spawn_local;
use tokio::time::timeout;
use tokio_util::task::AbortOnDropHandle;

use super::driver::{Driver, drive, watch};
use super::failure;
use super::shared::Shared;
use super::upload::Upload;
use super::wire::{Greeting, Wire};
use crate::load::Failed;
use crate::metrics::FailureClass;

/// What one stream may send before it hears from us.
const STREAM_WINDOW: u32 = 1 << 20;
/// What all streams together may send before they hear from us.
const CONNECTION_WINDOW: u32 = 8 << 20;
/// Largest header of an answer, as RFC 9113, section 6.5.2 counts it.
const HEADER_LIST: u32 = 64 << 10;
/// Streams that we reset and whose late frames are still ignored, and for how long.
const RESET_STREAMS: usize = 1024;
const RESET_MEMORY: Duration = Duration::from_secs(30);
/// What small frames that are not taken yet may cost, as the `h2` crate counts it: a stream of small messages that comes
/// faster than it is counted is no attack. As many come between two turns of a lane at most.
const SMALL_FRAMES: usize = 64 << 20;
/// Malformed answers after which a connection is given up.
const MALFORMED: usize = 1 << 16;

/// How long the server may be silent.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(in super::super) struct Limits {
    /// Until its settings come.
    pub(in super::super) settings_within: Duration,
    /// While requests are under way, until it is sent a PING.
    pub(in super::super) ping_after: Duration,
    /// Whether it is sent one while none are, too.
    pub(in super::super) ping_idle: bool,
    /// After a PING, until the connection is given up.
    pub(in super::super) pong_within: Duration,
}

impl Default for Limits {
    fn default() -> Self {
        Self {
            settings_within: Duration::from_secs(10),
            ping_after: Duration::from_secs(10),
            ping_idle: false,
            pong_within: Duration::from_secs(10),
        }
    }
}

/// One HTTP/2 connection, shared by all its clones. It ends with the last of them.
#[derive(Debug, Clone)]
pub(in super::super) struct Session(Rc<Inner>);

#[derive(Debug)]
struct Inner {
    requests: SendRequest<Upload>,
    shared: Rc<Shared>,
    _driver: AbortOnDropHandle<()>,
    _watch: Option<AbortOnDropHandle<()>>,
}

impl Session {
    /// Greets a server that is known to speak HTTP/2 (by ALPN or by the user's word), and waits for its settings: no
    /// request is sent before it is known how many the server takes. Must be called inside a `LocalSet`.
    pub(in super::super) async fn open(
        io: impl AsyncRead + AsyncWrite + Unpin + 'static,
        limits: Limits,
    ) -> Result<Self, Failed> {
        let seconds = limits.settings_within.as_secs_f64();
        timeout(limits.settings_within, Self::greet(io, limits))
            .await
            .unwrap_or_else(|_elapsed| Err(failure::mute(seconds)))
    }

    async fn greet(
        io: impl AsyncRead + AsyncWrite + Unpin + 'static,
        limits: Limits,
    ) -> Result<Self, Failed> {
        let shared = Rc::new(Shared::new());
        let wire = Wire::new(io, Rc::clone(&shared));
        let (requests, mut connection) = builder()
            .handshake(wire)
            .await
            .map_err(|error| failure::answering(&error, shared.end()))?;
        let pings = connection.ping_pong();
        let mut driver = Driver {
            connection,
            requests: requests.clone(),
            shared: Rc::clone(&shared),
        };
        let outcome = poll_fn(|cx| {
            let outcome = driver.poll(cx);
            match driver.shared.meter.greeting() {
                Greeting::Foreign => Poll::Ready(Err(failure::foreign())),
                Greeting::Alert => Poll::Ready(Err(failure::secured())),
                Greeting::Settings if outcome.is_pending() => Poll::Ready(Ok(())),
                greeting @ (Greeting::Awaited | Greeting::Settings) => {
                    outcome.map(|outcome| Err(ungreeted(greeting, outcome, &driver.shared)))
                }
            }
        });
        outcome.await?;
        let driver = spawn_local(drive(driver));
        let watch = pings.map(|pings| {
            let watch = watch(pings, Rc::clone(&shared), limits, driver.abort_handle());
            AbortOnDropHandle::new(spawn_local(watch))
        });
        Ok(Self(Rc::new(Inner {
            requests,
            shared,
            _driver: AbortOnDropHandle::new(driver),
            _watch: watch,
        })))
    }

    /// Whether it takes requests: the server has not said that it is going away, nor gone.
    pub(in super::super) fn is_usable(&self) -> bool {
        self.shared().is_usable()
    }

    /// Waits until it takes no more requests.
    pub(in super::super) async fn broken(&self) {
        self.shared().closed().await;
    }

    #[cfg(test)]
    /// How many requests so far had to wait because the server allows no more streams at the same time.
    pub(in super::super) fn waited_for_stream(&self) -> u64 {
        self.shared().waited()
    }

    #[cfg(test)]
    /// How many streams the server allows at the same time.
    pub(in super::super) fn streams(&self) -> usize {
        self.shared().allowed()
    }

    pub(in super::super) fn shared(&self) -> &Shared {
        &self.0.shared
    }

    /// A handle for one request: one that sends several may refuse a stream in place of queueing it.
    pub(in super::super) fn requests(&self) -> SendRequest<Upload> {
        self.0.requests.clone()
    }
}

fn builder() -> Builder {
    let mut builder = Builder::new();
    builder
        .enable_push(false)
        .initial_window_size(STREAM_WINDOW)
        .initial_connection_window_size(CONNECTION_WINDOW)
        .max_header_list_size(HEADER_LIST)
        .data_frame_budget(SMALL_FRAMES)
        .max_concurrent_reset_streams(RESET_STREAMS)
        .reset_stream_duration(RESET_MEMORY)
        .max_local_error_reset_streams(Some(MALFORMED));
    builder
}

/// Why a connection ended before it began.
fn ungreeted(greeting: Greeting, outcome: Result<(), h2::Error>, shared: &Shared) -> Failed {
    if greeting == Greeting::Settings {
        return outcome.map_or_else(
            |error| failure::answering(&error, shared.end()),
            |()| failure::leaving(),
        );
    }
    match shared.meter.fault() {
        Some(fault) if fault.class == FailureClass::Tls => fault,
        _ if shared.meter.received() == 0 => failure::unwelcome(),
        _ => failure::foreign(),
    }
}
