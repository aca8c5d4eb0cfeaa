//! [`Link`]: a connection on which hyper speaks HTTP/1.1.

use std::sync::Arc;

use bytes::Bytes;
use http_body_util::Full;
use hyper::client::conn::http1::{self, SendRequest};
use rustls::ClientConfig;
use tokio::task::yield_now;
use tokio_util::task::AbortOnDropHandle;

use super::failure;
use super::wire::{Trace, Wire};
use crate::load::{ConnectTimes, Failed};
use crate::net::connect::{self, Opened};
use crate::net::route::Route;

/// A connection that speaks HTTP/1.1.
#[derive(Debug)]
pub(super) struct Link {
    pub(super) sender: SendRequest<Full<Bytes>>,
    pub(super) trace: Trace,
    /// Whether a request was answered on it.
    pub(super) used: bool,
    /// Whether it was closed after its last answer.
    pub(super) closed: bool,
    /// Moves the bytes; ends with the link. What is wrong with what came while no request was under way.
    driver: AbortOnDropHandle<Option<Failed>>,
}

impl Link {
    /// After an answer: closes the connection unless it can take another request at once. It cannot when the server
    /// announced that it closes it, and when the body of the request is still on its way: the server may never read it.
    /// Nor when something came behind the answer, which is a failure.
    pub(super) async fn settle(&mut self) -> Option<Failed> {
        self.used = true;
        self.trace.rest();
        if !self.is_ready() {
            // The driver may have something left to do that takes no waiting.
            yield_now().await;
        }
        if self.is_ready() {
            return None;
        }
        self.closed = true;
        let unasked = self.unasked().await;
        self.driver.abort();
        unasked
    }

    /// What is wrong with what came while no request was under way, where that ended the connection.
    pub(super) async fn unasked(&mut self) -> Option<Failed> {
        if !self.driver.is_finished() {
            return None;
        }
        let ended = (&mut self.driver).await;
        ended.ok().flatten().filter(|_| !self.trace.is_farewell())
    }

    fn is_ready(&self) -> bool {
        self.sender.is_ready() && !self.trace.is_stuck()
    }
}

/// Opens a connection for hyper.
pub(super) async fn open(route: &Route, tls: &Arc<ClientConfig>) -> Result<(Link, ConnectTimes), Failed> {
    let Opened { stream, times } = connect::open(route, tls).await?;
    let trace = Trace::default();
    let wire = Wire::new(stream, trace.clone());
    let (sender, connection) = http1::handshake(wire)
        .await
        .map_err(|error| failure::answering(&error))?;
    let driver = tokio::task::spawn_local(async move {
        // A request that is under way gets the error, too, and reports it.
        connection.await.err().as_ref().and_then(failure::idle_link)
    });
    let link = Link {
        sender,
        trace,
        used: false,
        closed: false,
        driver: AbortOnDropHandle::new(driver),
    };
    Ok((link, times))
}
