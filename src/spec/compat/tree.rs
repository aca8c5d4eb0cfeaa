//! What the eras do to a tree: look up, take, rename and put entries. Iter8 read keys in any case, and so does this.

use crate::spec::node::{At, Key, Node, Value};

impl Node {
    /// The value of a key in any case.
    pub(super) fn find(&self, name: &str) -> Option<&Node> {
        let mut entries = self.pairs().iter();
        entries
            .find(|(key, _)| key.name.eq_ignore_ascii_case(name))
            .map(|(_, node)| node)
    }

    /// The same, to be changed.
    pub(super) fn find_mut(&mut self, name: &str) -> Option<&mut Node> {
        let Value::Map(entries) = &mut self.value else {
            return None;
        };
        let found = entries
            .iter_mut()
            .find(|(key, _)| key.name.eq_ignore_ascii_case(name));
        found.map(|(_, node)| node)
    }

    /// Takes the entry of a key in any case out of a map.
    pub(super) fn take(&mut self, name: &str) -> Option<(Key, Node)> {
        let Value::Map(entries) = &mut self.value else {
            return None;
        };
        let position = entries
            .iter()
            .position(|(key, _)| key.name.eq_ignore_ascii_case(name))?;
        Some(entries.remove(position))
    }

    /// Gives a key another name, in its place.
    pub(super) fn rename(&mut self, from: &str, to: &str) {
        let Value::Map(entries) = &mut self.value else {
            return;
        };
        let found = entries
            .iter_mut()
            .find(|(key, _)| key.name.eq_ignore_ascii_case(from));
        if let Some((key, _)) = found {
            to.clone_into(&mut key.name);
        }
    }

    /// Adds an entry to a map; of nothing it makes one.
    pub(super) fn put(&mut self, key: Key, node: Node) {
        if self.value == Value::Null {
            self.value = Value::Map(Vec::new());
        }
        if let Value::Map(entries) = &mut self.value {
            entries.push((key, node));
        }
    }

    /// The same with a key and a value that stand where something else stood.
    pub(super) fn put_at(&mut self, name: &str, value: Value, at: &At) {
        self.put(key_at(name, at), node_at(value, at));
    }
}

/// A key that stands where something else stood.
pub(super) fn key_at(name: &str, at: &At) -> Key {
    Key {
        name: name.to_owned(),
        at: at.clone(),
    }
}

/// A value that stands where something else stood.
pub(super) fn node_at(value: Value, at: &At) -> Node {
    Node {
        value,
        at: at.clone(),
    }
}
