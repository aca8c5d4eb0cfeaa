//! [`Shared`]: what the lanes of a session and the tasks that drive it know of each other.

use std::cell::{Cell, RefCell};

use tokio::sync::{Notify, Semaphore, SemaphorePermit};

use super::wire::Meter;
use crate::load::Failed;

/// More streams than any client has at the same time.
const MANY: usize = 1 << 20;

/// The state of a session.
#[derive(Debug)]
pub(in super::super) struct Shared {
    pub(in super::super) meter: Meter,
    /// A permit for each stream that the server allows, given in the order in which they were asked for.
    streams: Semaphore,
    /// Permits that exist, given or not.
    permits: Cell<usize>,
    /// Requests that hold a permit.
    active: Cell<usize>,
    /// Requests that had to wait for one.
    #[cfg(test)]
    waited: Cell<u64>,
    usable: Cell<bool>,
    broken: Notify,
    /// Why the session is over.
    end: RefCell<Option<Failed>>,
}

/// The right to one stream, until it is dropped.
#[derive(Debug)]
pub(in super::super) struct Turn<'a> {
    /// Whether it had to be waited for.
    pub(in super::super) waited: bool,
    shared: &'a Shared,
    _permit: SemaphorePermit<'a>,
}

impl Drop for Turn<'_> {
    fn drop(&mut self) {
        self.shared.active.set(self.shared.active.get() - 1);
    }
}

impl Shared {
    /// The state of a session without a stream yet.
    pub(in super::super) fn new() -> Self {
        Self {
            meter: Meter::new(),
            streams: Semaphore::new(0),
            permits: Cell::default(),
            active: Cell::default(),
            #[cfg(test)]
            waited: Cell::default(),
            usable: Cell::new(true),
            broken: Notify::new(),
            end: RefCell::default(),
        }
    }

    /// Waits for a stream; `None` when the session can take no more requests.
    pub(in super::super) async fn turn(&self) -> Option<Turn<'_>> {
        let (permit, waited) = if let Ok(permit) = self.streams.try_acquire() {
            (permit, false)
        } else {
            #[cfg(test)]
            if self.is_usable() {
                self.waited.set(self.waited.get() + 1);
            }
            (self.streams.acquire().await.ok()?, true)
        };
        self.active.set(self.active.get() + 1);
        Some(Turn {
            waited,
            shared: self,
            _permit: permit,
        })
    }

    /// Takes in how many streams the server allows. What is taken back becomes effective as streams end.
    pub(in super::super) fn allow(&self, streams: usize) {
        let streams = streams.min(MANY);
        let permits = self.permits.get();
        if streams > permits {
            self.streams.add_permits(streams - permits);
            self.permits.set(streams);
        } else if streams < permits {
            let taken = self.streams.forget_permits(permits - streams);
            self.permits.set(permits - taken);
        }
    }

    #[cfg(test)]
    /// How many streams the server allows.
    pub(in super::super) fn allowed(&self) -> usize {
        self.permits.get()
    }

    /// Whether requests are under way.
    pub(in super::super) fn is_busy(&self) -> bool {
        self.active.get() > 0
    }

    #[cfg(test)]
    /// How many requests had to wait for a stream.
    pub(in super::super) fn waited(&self) -> u64 {
        self.waited.get()
    }

    pub(in super::super) fn is_usable(&self) -> bool {
        self.usable.get()
    }

    /// No more requests: those that wait for a stream go elsewhere, those that are under way may finish.
    pub(in super::super) fn close(&self) {
        if self.usable.replace(false) {
            self.streams.close();
            self.broken.notify_waiters();
        }
    }

    /// Waits until [`Self::close`].
    pub(in super::super) async fn closed(&self) {
        let closed = self.broken.notified();
        if self.is_usable() {
            closed.await;
        }
    }

    /// The session is over; the first reason counts.
    pub(in super::super) fn finish(&self, why: Option<Failed>) {
        if let Some(why) = why {
            self.end.borrow_mut().get_or_insert(why);
        }
        self.close();
    }

    /// Why the connection is gone, if anything is known of it.
    pub(in super::super) fn end(&self) -> Option<Failed> {
        self.meter.fault().or_else(|| self.end.borrow().clone())
    }
}
