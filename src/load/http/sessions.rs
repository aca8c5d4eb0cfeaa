//! [`Sessions`]: the HTTP/2 connections of one kind of request on one worker, each shared by as many lanes as the user
//! wants requests on it at a time.

use std::cell::{OnceCell, RefCell};
use std::collections::BTreeMap;
use std::rc::Rc;

use tokio::sync::Mutex;

use super::http2;
use super::prepared::{Prepared, authority};
use crate::load::h2::Limits;
use crate::load::random::Random;
use crate::load::{ConnectTimes, Failed};
use crate::net::connect::{Duplex, Opened};

pub(super) use crate::load::h2::{Session, is_farewell};

/// The sessions that are open, by their number.
#[derive(Debug)]
pub(super) struct Sessions {
    open: RefCell<BTreeMap<u32, Rc<Mutex<Option<Session>>>>>,
    /// The request, when it is the same each time.
    request: OnceCell<http2::Prepared>,
}

impl Sessions {
    /// None is open.
    pub(super) fn new() -> Self {
        Self {
            open: RefCell::default(),
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
        let shared = Rc::clone(self.open.borrow_mut().entry(number).or_default());
        let mut known = shared.lock().await;
        if let Some(session) = known.as_ref().filter(|session| session.is_usable()) {
            return Ok((session.clone(), None));
        }
        let Opened { stream, times, .. } = open().await?;
        let session = Self::greet(stream).await?;
        *known = Some(session.clone());
        Ok((session, Some(times)))
    }

    /// Request `n`.
    pub(super) fn request(
        &self,
        prepared: &Prepared,
        n: u64,
        random: &RefCell<Random>,
    ) -> Result<http2::Prepared, Failed> {
        if let Some(known) = self.request.get() {
            return Ok(known.clone());
        }
        let outgoing = prepared.rendering.outgoing(n, &mut random.borrow_mut())?;
        let https = prepared.route.origin.https;
        let request = http2::Prepared::new(outgoing, https, &authority(&prepared.spec.url))?;
        if prepared.rendering.is_constant() {
            // Nobody else sets it meanwhile.
            let _ = self.request.set(request.clone());
        }
        Ok(request)
    }
}
