//! [`Gate`]: how many requests the server allows at the same time, and those that wait for their turn.

use std::cell::{Cell, RefCell};
use std::collections::VecDeque;
use std::future::poll_fn;
use std::rc::Rc;
use std::task::{Poll, Waker};

/// Lets as many through as are allowed, in the order in which they came.
#[derive(Debug, Default)]
pub(super) struct Gate {
    allowed: Cell<usize>,
    /// Those that are through.
    active: Cell<usize>,
    closed: Cell<bool>,
    waiting: RefCell<VecDeque<Rc<Ticket>>>,
    /// Those that had to wait.
    #[cfg(test)]
    waited: Cell<u64>,
}

/// What one that waits is known by.
#[derive(Debug, Default)]
struct Ticket {
    called: Cell<bool>,
    gone: Cell<bool>,
    waker: RefCell<Option<Waker>>,
}

/// One that waits, until it is dropped.
struct Waiting<'a> {
    gate: &'a Gate,
    ticket: Rc<Ticket>,
}

impl Drop for Waiting<'_> {
    fn drop(&mut self) {
        self.ticket.gone.set(true);
        // It was called and does not come.
        if self.ticket.called.get() {
            self.gate.leave();
        }
    }
}

impl Gate {
    /// Goes through, or says that one has to wait.
    pub(super) fn try_enter(&self) -> bool {
        let free = self.active.get() < self.allowed.get() && !self.closed.get();
        if free && self.waiting.borrow().is_empty() {
            self.active.set(self.active.get() + 1);
            return true;
        }
        false
    }

    /// Waits for its turn and goes through; whether that is still possible.
    pub(super) async fn enter(&self) -> bool {
        if self.closed.get() {
            return false;
        }
        #[cfg(test)]
        self.waited.set(self.waited.get() + 1);
        let ticket = Rc::new(Ticket::default());
        self.waiting.borrow_mut().push_back(Rc::clone(&ticket));
        let waiting = Waiting { gate: self, ticket };
        poll_fn(|cx| {
            let ticket = &waiting.ticket;
            if ticket.called.replace(false) {
                return Poll::Ready(true);
            }
            if self.closed.get() {
                return Poll::Ready(false);
            }
            *ticket.waker.borrow_mut() = Some(cx.waker().clone());
            Poll::Pending
        })
        .await
    }

    /// One that went through is done.
    pub(super) fn leave(&self) {
        self.active.set(self.active.get().saturating_sub(1));
        self.call();
    }

    /// How many may be through. What is taken back becomes effective as they leave.
    pub(super) fn allow(&self, most: usize) {
        if self.allowed.replace(most) < most {
            self.call();
        }
    }

    fn call(&self) {
        let mut waiting = self.waiting.borrow_mut();
        while self.active.get() < self.allowed.get()
            && let Some(ticket) = waiting.pop_front()
        {
            if ticket.gone.get() {
                continue;
            }
            self.active.set(self.active.get() + 1);
            ticket.called.set(true);
            if let Some(waker) = ticket.waker.take() {
                waker.wake();
            }
        }
    }

    /// Lets nobody through any more.
    pub(super) fn close(&self) {
        self.closed.set(true);
        for ticket in self.waiting.borrow_mut().drain(..) {
            if let Some(waker) = ticket.waker.take() {
                waker.wake();
            }
        }
    }

    /// How many are through.
    pub(super) fn active(&self) -> usize {
        self.active.get()
    }

    #[cfg(test)]
    pub(super) fn allowed(&self) -> usize {
        self.allowed.get()
    }

    #[cfg(test)]
    pub(super) fn waited(&self) -> u64 {
        self.waited.get()
    }
}
