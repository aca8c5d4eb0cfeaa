//! [`Upload`]: the body of a request on the way.

use std::cell::Cell;
use std::rc::Rc;

use bytes::{Buf, Bytes};

/// The body of a request, which tells how much of it is still to be sent.
#[derive(Debug)]
pub(in super::super) struct Upload {
    body: Bytes,
    left: Rc<Cell<usize>>,
}

impl Upload {
    /// The body, and what is left of it.
    pub(in super::super) fn new(body: Bytes) -> (Self, Rc<Cell<usize>>) {
        let left = Rc::new(Cell::new(body.len()));
        let upload = Self {
            body,
            left: Rc::clone(&left),
        };
        (upload, left)
    }
}

impl Buf for Upload {
    fn remaining(&self) -> usize {
        self.body.len()
    }

    fn chunk(&self) -> &[u8] {
        &self.body
    }

    fn advance(&mut self, count: usize) {
        self.body.advance(count);
        self.left.set(self.body.len());
    }
}
