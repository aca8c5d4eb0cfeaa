//! [`Session`]: one connection, its handshake and its end.

use std::future::poll_fn;
use std::rc::Rc;
use std::task::Poll;
use std::time::Duration;

use tokio::io::{AsyncRead, AsyncWrite};
use tokio::task::spawn_local;
use tokio::time::timeout;
use tokio_util::task::AbortOnDropHandle;

use super::driver::{Driver, drive, watch};
use super::failure;
use super::meter::Greeting;
use super::shared::{End, Shared};
use crate::load::Failed;
use crate::metrics::FailureClass;

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
    shared: Rc<Shared>,
    _driver: AbortOnDropHandle<()>,
    _watch: AbortOnDropHandle<()>,
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
        let mut driver = Driver::new(io, Rc::clone(&shared));
        let outcome = poll_fn(|cx| {
            let outcome = driver.poll(cx);
            match shared.meter.greeting() {
                Greeting::Foreign => Poll::Ready(Err(failure::foreign())),
                Greeting::Alert => Poll::Ready(Err(failure::secured())),
                Greeting::Settings if !matches!(outcome, Poll::Ready(Some(_))) => Poll::Ready(Ok(())),
                greeting @ (Greeting::Awaited | Greeting::Settings) => match outcome {
                    Poll::Ready(Some(end)) => Poll::Ready(Err(ungreeted(greeting, end, &shared))),
                    Poll::Ready(None) | Poll::Pending => Poll::Pending,
                },
            }
        });
        outcome.await?;
        let driver = spawn_local(drive(driver));
        let watch = watch(Rc::clone(&shared), limits, driver.abort_handle());
        Ok(Self(Rc::new(Inner {
            shared,
            _driver: AbortOnDropHandle::new(driver),
            _watch: AbortOnDropHandle::new(spawn_local(watch)),
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
        self.shared().gate.waited()
    }

    #[cfg(test)]
    /// How many streams the server allows at the same time.
    pub(in super::super) fn streams(&self) -> usize {
        self.shared().gate.allowed()
    }

    pub(in super::super) fn shared(&self) -> &Shared {
        &self.0.shared
    }
}

/// Why a connection ended before it began.
fn ungreeted(greeting: Greeting, end: End, shared: &Shared) -> Failed {
    if greeting == Greeting::Settings {
        return match end {
            End::Closed => shared.farewell(),
            End::Broken(failed) | End::Said(failed) => failed,
        };
    }
    match shared.meter.fault() {
        Some(fault) if fault.class == FailureClass::Tls => fault,
        _ if shared.meter.received() == 0 => failure::unwelcome(),
        _ => failure::foreign(),
    }
}
