//! [`Meter`]: the account of what went over a byte stream.

use std::cell::{Cell, RefCell};
use std::io;

use super::failure;
use super::frame::{HEAD, Head, flag, kind};
use crate::load::Failed;

/// How a record of TLS begins that holds an alert (RFC 8446, section 5.1).
const ALERT: [u8; 2] = [21, 3];

/// What the server began with.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(in super::super) enum Greeting {
    /// Nothing, or a part of its settings.
    Awaited,
    /// Its settings, as RFC 9113, section 3.4 wants it.
    Settings,
    /// An alert of TLS: it wants that.
    Alert,
    /// Something else.
    Foreign,
}

/// What went over a wire.
#[derive(Debug)]
pub(in super::super) struct Meter {
    received: Cell<u64>,
    /// The first bytes that came.
    head: Cell<[u8; HEAD]>,
    fault: RefCell<Option<Failed>>,
}

impl Meter {
    pub(in super::super) fn new() -> Self {
        Self {
            received: Cell::default(),
            head: Cell::default(),
            fault: RefCell::default(),
        }
    }

    /// Bytes that came.
    pub(in super::super) fn received(&self) -> u64 {
        self.received.get()
    }

    /// The first error of the stream, if there was one.
    pub(in super::super) fn fault(&self) -> Option<Failed> {
        self.fault.borrow().clone()
    }

    /// What the server began with.
    pub(in super::super) fn greeting(&self) -> Greeting {
        if self.received() >= ALERT.len() as u64 && self.head.get().starts_with(&ALERT) {
            return Greeting::Alert;
        }
        if self.received() < HEAD as u64 {
            return Greeting::Awaited;
        }
        let Some(head) = Head::read(&self.head.get()) else {
            return Greeting::Awaited;
        };
        if head.kind != kind::SETTINGS || head.has(flag::ACK) || head.stream != 0 {
            return Greeting::Foreign;
        }
        if self.received() < (HEAD + head.length) as u64 {
            return Greeting::Awaited;
        }
        Greeting::Settings
    }

    /// These bytes came.
    pub(super) fn read(&self, bytes: &[u8]) {
        let received = self.received();
        if received < HEAD as u64 {
            let mut head = self.head.get();
            let empty = head.iter_mut().skip(usize::try_from(received).unwrap_or(HEAD));
            empty.zip(bytes).for_each(|(place, byte)| *place = *byte);
            self.head.set(head);
        }
        self.received.set(received + bytes.len() as u64);
    }

    /// The stream failed.
    pub(super) fn failed(&self, error: &io::Error) {
        self.fault
            .borrow_mut()
            .get_or_insert_with(|| failure::transport(error));
    }
}
