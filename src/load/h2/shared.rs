//! [`Shared`]: what the lanes of a session and the tasks that drive it know of each other.

use std::cell::{Cell, RefCell};
use std::task::{Context, Waker};

use bytes::Bytes;
use http::Request;
use tokio::sync::Notify;

use super::connection::{Connection, Key};
use super::failure;
use super::gate::Gate;
use super::hpack::HeadId;
use super::meter::Meter;
use crate::load::Failed;

/// More streams than any client has at the same time.
const MANY: usize = 1 << 20;

/// Why a session is over.
#[derive(Debug, Clone)]
pub(super) enum End {
    /// The byte stream ended.
    Closed,
    /// The byte stream failed.
    Broken(Failed),
    /// One of the sides said so.
    Said(Failed),
}

impl End {
    /// What is to be said of a request that was under way.
    pub(super) fn failed(self) -> Failed {
        match self {
            Self::Closed => failure::closed(),
            Self::Broken(failed) | Self::Said(failed) => failed,
        }
    }
}

/// The state of a session.
#[derive(Debug)]
pub(in super::super) struct Shared {
    pub(in super::super) meter: Meter,
    pub(super) connection: RefCell<Connection>,
    pub(super) gate: Gate,
    usable: Cell<bool>,
    broken: Notify,
    end: RefCell<Option<End>>,
    /// Of the task that moves bytes.
    driver: RefCell<Option<Waker>>,
    /// It was woken.
    called: Cell<bool>,
    /// A PING was answered.
    pub(super) pong: Notify,
}

impl Shared {
    /// The state of a session without a stream yet.
    pub(super) fn new() -> Self {
        Self {
            meter: Meter::new(),
            connection: RefCell::new(Connection::new()),
            gate: Gate::default(),
            usable: Cell::new(true),
            broken: Notify::new(),
            end: RefCell::default(),
            driver: RefCell::default(),
            called: Cell::default(),
            pong: Notify::new(),
        }
    }

    /// Opens a stream with the head of a request; `None` when there are no more streams.
    pub(super) fn open(&self, head: &Request<()>, id: HeadId, complete: bool) -> Option<Key> {
        let mut connection = self.connection.borrow_mut();
        let key = connection.open(head, id, complete);
        let open = connection.is_open();
        drop(connection);
        if open {
            self.call_driver();
        } else {
            self.close();
        }
        key
    }

    /// Sends the next part of a request.
    pub(super) fn send(&self, key: Key, data: &Bytes, last: bool) {
        self.connection.borrow_mut().send(key, data, last);
        self.call_driver();
    }

    /// Ends the interest in a stream.
    pub(super) fn release(&self, key: Key) {
        let mut connection = self.connection.borrow_mut();
        connection.close(key);
        let writes = connection.has_output() || !self.is_usable();
        drop(connection);
        if writes {
            self.call_driver();
        }
        self.gate.leave();
    }

    /// Windows may have been given back.
    pub(super) fn call_if_needed(&self) {
        if self.connection.borrow().has_output() {
            self.call_driver();
        }
    }

    /// There is something to write.
    pub(super) fn call_driver(&self) {
        if !self.called.replace(true)
            && let Some(driver) = &*self.driver.borrow()
        {
            driver.wake_by_ref();
        }
    }

    /// The task that moves bytes is at work.
    pub(super) fn driver_is_here(&self, cx: &Context<'_>) {
        self.called.set(false);
        let mut driver = self.driver.borrow_mut();
        if driver.as_ref().is_none_or(|known| !known.will_wake(cx.waker())) {
            *driver = Some(cx.waker().clone());
        }
    }

    /// Takes in what the server has changed.
    pub(super) fn look(&self) {
        let mut connection = self.connection.borrow_mut();
        if connection.take_pong() {
            self.pong.notify_waiters();
        }
        let streams = connection.streams_allowed();
        let open = connection.is_open();
        drop(connection);
        if self.is_usable() {
            let streams = streams.and_then(|streams| usize::try_from(streams).ok());
            self.gate.allow(streams.unwrap_or(MANY).min(MANY));
            if !open {
                self.close();
            }
        }
    }

    /// Whether requests are under way.
    pub(super) fn is_busy(&self) -> bool {
        self.gate.active() > 0
    }

    /// Whether it takes requests.
    pub(super) fn is_usable(&self) -> bool {
        self.usable.get()
    }

    /// No more requests: those that wait for a stream go elsewhere, those that are under way may finish.
    pub(super) fn close(&self) {
        if self.usable.replace(false) {
            self.gate.close();
            self.broken.notify_waiters();
        }
    }

    /// Waits until [`Self::close`].
    pub(super) async fn closed(&self) {
        let closed = self.broken.notified();
        if self.is_usable() {
            closed.await;
        }
    }

    /// The session is over; the first reason counts.
    pub(super) fn finish(&self, end: End) {
        self.end.borrow_mut().get_or_insert(end);
        self.close();
        self.connection.borrow_mut().wake_all();
    }

    /// Why the session is over, if it is.
    pub(super) fn end(&self) -> Option<End> {
        self.end.borrow().clone()
    }

    /// Whether it is.
    pub(super) fn is_over(&self) -> bool {
        self.end.borrow().is_some()
    }

    /// What is to be said of a request for which there is no stream any more.
    pub(super) fn farewell(&self) -> Failed {
        match self.end() {
            Some(End::Broken(failed) | End::Said(failed)) => failed,
            Some(End::Closed) | None => {
                let why = self.connection.borrow().going_away();
                why.map_or_else(failure::leaving, failure::gone_away)
            }
        }
    }
}
