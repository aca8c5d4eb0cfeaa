//! [`Places`]: where a field of a load was given: by a version, by an endpoint, or by the task they inherit from.

use crate::spec::{At, Key, Node, Value};

/// The maps that give the fields of one load.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Places<'a> {
    own: &'a Node,
    /// Those it inherits from, nearest first.
    bases: [Option<&'a Node>; 2],
}

impl<'a> Places<'a> {
    /// Of a task.
    pub(crate) fn of(own: &'a Node) -> Self {
        Self {
            own,
            bases: [None; 2],
        }
    }

    /// Of an endpoint or a version of a task, or of a version of an endpoint: what it inherits from comes behind.
    pub(crate) fn within(self, base: &'a Node) -> Self {
        Self {
            own: self.own,
            bases: match self.bases {
                [None, _] => [Some(base), None],
                [near, _] => [near, Some(base)],
            },
        }
    }

    /// The load itself.
    pub(crate) fn own(self) -> &'a At {
        &self.own.at
    }

    /// Whether a field is given, rightly or wrongly.
    pub(crate) fn given(self, field: &str) -> bool {
        self.entry(field).is_some()
    }

    /// Whether a field is given, and not as an empty text.
    pub(crate) fn filled(self, field: &str) -> bool {
        let empty = |node: &Node| matches!(&node.value, Value::String(text) if text.trim().is_empty());
        self.node(field).is_some_and(|node| !empty(node))
    }

    /// How far away a field is given: 0 by the load itself, 1 by the first that it inherits from.
    pub(crate) fn distance(self, field: &str) -> Option<usize> {
        self.nodes().position(|node| node.field(field).is_some())
    }

    /// Whether a field is given by the load itself and not inherited.
    pub(crate) fn is_own(self, field: &str) -> bool {
        self.own.field(field).is_some()
    }

    /// What is given for a field.
    pub(crate) fn node(self, field: &str) -> Option<&'a Node> {
        self.entry(field).map(|(_, node)| node)
    }

    /// Where a field is given; the load itself if it is not.
    pub(crate) fn at(self, field: &str) -> &'a At {
        self.entry(field).map_or(&self.own.at, place)
    }

    /// What is given for a key inside a field that is a map; the nearest wins.
    pub(crate) fn inside(self, field: &str, key: &str) -> Option<&'a Node> {
        let of = |node: &'a Node| {
            let Value::Map(entries) = &node.field(field)?.1.value else {
                return None;
            };
            let mut entries = entries.iter();
            entries.find(|(own, _)| own.name.eq_ignore_ascii_case(key))
        };
        self.nodes().find_map(of).map(|(_, node)| node)
    }

    fn entry(self, field: &str) -> Option<&'a (Key, Node)> {
        self.nodes().find_map(|node| node.field(field))
    }

    fn nodes(self) -> impl Iterator<Item = &'a Node> {
        std::iter::once(self.own).chain(self.bases.into_iter().flatten())
    }
}

/// A value, or the key of one that has several parts.
fn place((key, node): &(Key, Node)) -> &At {
    match node.value {
        Value::List(_) | Value::Map(_) => &key.at,
        Value::Null
        | Value::Bool(_)
        | Value::Int(_)
        | Value::Float(_)
        | Value::String(_)
        | Value::Text(_) => &node.at,
    }
}
