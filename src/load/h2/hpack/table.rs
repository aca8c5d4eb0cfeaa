//! [`Table`]: the dynamic table of a decoder.

use std::collections::VecDeque;
use std::rc::Rc;

use super::TABLE;

/// What an entry costs beside its name and value.
const OVERHEAD: usize = 32;

/// Name and value of a header field.
#[derive(Debug, PartialEq, Eq)]
pub(in super::super) struct Field {
    pub(in super::super) name: Box<[u8]>,
    pub(in super::super) value: Box<[u8]>,
}

/// What a field costs in a table or in a list (RFC 7541, section 4.1).
pub(super) const fn cost(name: &[u8], value: &[u8]) -> usize {
    name.len() + value.len() + OVERHEAD
}

impl Field {
    fn cost(&self) -> usize {
        cost(&self.name, &self.value)
    }
}

/// The fields that indexes above the static table stand for.
#[derive(Debug)]
pub(super) struct Table {
    /// The newest first.
    fields: VecDeque<Rc<Field>>,
    size: usize,
    most: usize,
    version: u64,
}

impl Table {
    pub(super) fn new() -> Self {
        Self {
            fields: VecDeque::new(),
            size: 0,
            most: TABLE,
            version: 0,
        }
    }

    /// What its fields cost.
    pub(super) fn size(&self) -> usize {
        self.size
    }

    /// Counts the changes: while it stays, every index means the same.
    pub(super) fn version(&self) -> u64 {
        self.version
    }

    /// The field of an index, counted from 0.
    pub(super) fn get(&self, index: usize) -> Option<&Rc<Field>> {
        self.fields.get(index)
    }

    /// Adds a field; the oldest ones make room.
    pub(super) fn insert(&mut self, field: Rc<Field>) {
        self.version += 1;
        let cost = field.cost();
        self.shrink(self.most.saturating_sub(cost));
        if cost <= self.most {
            self.size += cost;
            self.fields.push_front(field);
        }
    }

    /// Changes the size.
    pub(super) fn resize(&mut self, most: usize) {
        self.version += 1;
        self.most = most;
        self.shrink(most);
    }

    fn shrink(&mut self, size: usize) {
        while self.size > size
            && let Some(oldest) = self.fields.pop_back()
        {
            self.size -= oldest.cost();
        }
    }
}
