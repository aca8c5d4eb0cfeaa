//! [`Places`]: where a field of a load was given: by an endpoint itself or by the task it inherits from.

use crate::spec::{At, Key, Node, Value};

/// The maps that give the fields of one load.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Places<'a> {
    own: &'a Node,
    base: Option<&'a Node>,
}

impl<'a> Places<'a> {
    /// Of a task.
    pub(crate) fn of(own: &'a Node) -> Self {
        Self { own, base: None }
    }

    /// Of an endpoint of a task.
    pub(crate) fn within(own: &'a Node, base: &'a Node) -> Self {
        Self {
            own,
            base: Some(base),
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

    /// What is given for a field.
    pub(crate) fn node(self, field: &str) -> Option<&'a Node> {
        self.entry(field).map(|(_, node)| node)
    }

    /// Where a field is given; the load itself if it is not.
    pub(crate) fn at(self, field: &str) -> &'a At {
        self.entry(field).map_or(&self.own.at, place)
    }

    /// What is given for a key inside a field that is a map; an endpoint's own wins.
    pub(crate) fn inside(self, field: &str, key: &str) -> Option<&'a Node> {
        let of = |node: &'a Node| node.field(field)?.1.field(key);
        let (_, node) = of(self.own).or_else(|| of(self.base?))?;
        Some(node)
    }

    fn entry(self, field: &str) -> Option<&'a (Key, Node)> {
        self.own.field(field).or_else(|| self.base?.field(field))
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
