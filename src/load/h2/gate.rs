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
    stage: Cell<Stage>,
    waker: RefCell<Option<Waker>>,
}

#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
enum Stage {
    #[default]
    Waits,
    Called,
    Through,
}

/// One that waits, until it is dropped.
struct Waiting<'a> {
    gate: &'a Gate,
    ticket: Rc<Ticket>,
}

impl Drop for Waiting<'_> {
    fn drop(&mut self) {
        match self.ticket.stage.get() {
            Stage::Waits => {
                let mut waiting = self.gate.waiting.borrow_mut();
                waiting.retain(|other| !Rc::ptr_eq(other, &self.ticket));
            }
            // It does not come.
            Stage::Called => self.gate.leave(),
            Stage::Through => {}
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
            if ticket.stage.get() == Stage::Called {
                ticket.stage.set(Stage::Through);
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
            self.active.set(self.active.get() + 1);
            ticket.stage.set(Stage::Called);
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

#[cfg(test)]
mod tests {
    use std::pin::pin;
    use std::task::Context;

    use super::*;

    #[test]
    fn those_that_gave_up_leave_nothing_and_take_no_place() {
        let gate = Gate::default();
        let mut cx = Context::from_waker(Waker::noop());
        for _ in 0..1000 {
            assert!(pin!(gate.enter()).poll(&mut cx).is_pending());
        }
        assert!(gate.waiting.borrow().is_empty());
        {
            let mut called = pin!(gate.enter());
            assert!(called.as_mut().poll(&mut cx).is_pending());
            gate.allow(1);
            assert_eq!((gate.active(), gate.try_enter()), (1, false));
        }
        assert!(gate.try_enter());
        gate.leave();
        assert_eq!(gate.active(), 0);
    }
}
