//! [`Sessions`]: the connections of one target on one worker, each shared by several lanes.

use std::cell::RefCell;
use std::collections::BTreeMap;
use std::rc::Rc;

use tokio::sync::Mutex;

use super::session::{Limits, Session};
use crate::load::{ConnectTimes, Failed};
use crate::net::connect::Opened;

/// The sessions that are open, by their number.
#[derive(Debug)]
pub(in super::super) struct Sessions {
    limits: Limits,
    open: RefCell<BTreeMap<u32, Rc<Mutex<Option<Session>>>>>,
}

impl Sessions {
    /// None yet.
    pub(in super::super) fn new(limits: Limits) -> Self {
        Self {
            limits,
            open: RefCell::default(),
        }
    }

    /// The session of a number. The first lane that wants it opens it, the others wait for that; without times, another
    /// lane had opened it.
    pub(in super::super) async fn get(
        &self,
        number: u32,
        open: impl AsyncFnOnce() -> Result<Opened, Failed>,
    ) -> Result<(Session, Option<ConnectTimes>), Failed> {
        let shared = Rc::clone(self.open.borrow_mut().entry(number).or_default());
        let mut known = shared.lock().await;
        if let Some(session) = known.as_ref().filter(|session| session.is_usable()) {
            return Ok((session.clone(), None));
        }
        let Opened { stream, times } = open().await?;
        let session = Session::open(stream, self.limits).await?;
        *known = Some(session.clone());
        Ok((session, Some(ConnectTimes { http2: true, ..times })))
    }
}
