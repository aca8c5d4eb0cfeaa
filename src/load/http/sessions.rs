//! [`Sessions`]: the HTTP/2 connections of one kind of request on one worker, each shared by as many lanes as the user
//! wants requests on it at a time.

use std::borrow::Cow;
use std::cell::{OnceCell, RefCell};

use super::http2;
use super::prepared::{Prepared, authority};
use crate::load::h2::{self, Limits};
use crate::load::random::Random;
use crate::load::{ConnectTimes, Failed};
use crate::net::connect::{Duplex, Opened};

pub(super) use crate::load::h2::Session;

/// The sessions that are open, and what is sent on them.
#[derive(Debug)]
pub(super) struct Sessions {
    open: h2::Sessions,
    /// The request, when it is the same each time.
    request: OnceCell<http2::Prepared>,
}

impl Sessions {
    /// None is open.
    pub(super) fn new() -> Self {
        Self {
            open: h2::Sessions::new(Limits::default()),
            request: OnceCell::new(),
        }
    }

    /// Greets a server that speaks HTTP/2.
    pub(super) async fn greet(stream: Box<dyn Duplex>) -> Result<Session, Failed> {
        Session::open(stream, Limits::default()).await
    }

    /// The session of a number. The first of its lanes opens it, the others wait for that.
    pub(super) async fn get(
        &self,
        number: u32,
        open: impl AsyncFnOnce() -> Result<Opened, Failed>,
    ) -> Result<(Session, Option<ConnectTimes>), Failed> {
        self.open.get(number, open).await
    }

    /// Request `n`.
    pub(super) fn request(
        &self,
        prepared: &Prepared,
        n: u64,
        random: &RefCell<Random>,
    ) -> Result<Cow<'_, http2::Prepared>, Failed> {
        if let Some(known) = self.request.get() {
            return Ok(Cow::Borrowed(known));
        }
        let outgoing = prepared.rendering.outgoing(n, &mut random.borrow_mut())?;
        let https = prepared.route.origin.https;
        let request = http2::Prepared::new(outgoing, https, &authority(&prepared.spec.url))?;
        if prepared.rendering.is_constant() {
            return Ok(Cow::Borrowed(self.request.get_or_init(|| request)));
        }
        Ok(Cow::Owned(request))
    }
}
