//! Trees of values: merging, and looking into them.

use super::set::typed;
use crate::spec::{Key, Node, Value, to_yaml};

/// `over` put over `base`, as Helm merges: maps entry by entry, anything else is replaced; `null` removes.
pub fn merge(base: Node, over: Node) -> Node {
    match (base.value, over.value) {
        (Value::Map(mut entries), Value::Map(new)) => {
            for (key, node) in new {
                match entries.iter_mut().find(|(known, _)| known.name == key.name) {
                    Some((_, old)) => *old = merge(old.clone(), node),
                    None => entries.push((key, node)),
                }
            }
            Node {
                value: Value::Map(entries),
                at: over.at,
            }
        }
        (_, value) => Node { value, at: over.at },
    }
}

/// Whether it is a map.
pub(super) fn is_map(node: &Node) -> bool {
    matches!(node.value, Value::Map(_))
}

/// Text as from a flag, which the type of a field reads.
pub(super) fn untyped(text: impl Into<String>, at: &Node) -> Node {
    Node {
        value: Value::Text(text.into()),
        at: at.at.clone(),
    }
}

/// A key that stands where something else does.
pub(super) fn key(name: &str, node: &Node) -> Key {
    Key {
        name: name.to_owned(),
        at: node.at.clone(),
    }
}

/// A map that stands where something else does.
pub(super) fn map(entries: Vec<(Key, Node)>, at: &Node) -> Node {
    Node {
        value: Value::Map(entries),
        at: at.at.clone(),
    }
}

/// A text of ours that stands where something else does.
pub(super) fn string(text: impl Into<String>, at: &Node) -> Node {
    Node {
        value: Value::String(text.into()),
        at: at.at.clone(),
    }
}

/// A list that stands where something else does.
pub(super) fn list(items: Vec<Node>, at: &Node) -> Node {
    Node {
        value: Value::List(items),
        at: at.at.clone(),
    }
}

/// A task with its inputs.
pub(super) fn task(name: &str, with: &Node) -> Node {
    let entries = vec![
        (key("task", with), string(name, with)),
        (key("with", with), with.clone()),
    ];
    map(entries, with)
}

/// A tree whose texts of flags have the types that Helm gives them: for values that no field reads.
pub(super) fn with_types(node: &Node) -> Node {
    let value = match &node.value {
        Value::Text(text) => typed(text),
        Value::List(items) => Value::List(items.iter().map(with_types).collect()),
        Value::Map(entries) => Value::Map(
            entries
                .iter()
                .map(|(key, node)| (key.clone(), with_types(node)))
                .collect(),
        ),
        value @ (Value::Null | Value::Bool(_) | Value::Int(_) | Value::Float(_) | Value::String(_)) => {
            value.clone()
        }
    };
    Node {
        value,
        at: node.at.clone(),
    }
}

/// The YAML of a tree, in which texts of flags have the types that Helm gives them.
pub fn written(node: &Node) -> String {
    to_yaml(&with_types(node))
}

/// A number, if the text of a flag is one: limits were printed into the file as they are.
pub(super) fn number(node: &Node) -> Node {
    let value = match &node.value {
        Value::Text(text) => match (text.parse::<i64>(), text.parse::<f64>()) {
            (Ok(number), _) => Value::Int(number.into()),
            (_, Ok(number)) if number.is_finite() => Value::Float(number),
            _ => node.value.clone(),
        },
        Value::Null
        | Value::Bool(_)
        | Value::Int(_)
        | Value::Float(_)
        | Value::String(_)
        | Value::List(_)
        | Value::Map(_) => node.value.clone(),
    };
    Node {
        value,
        at: node.at.clone(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::spec::SourceFile;

    fn parse(text: &str) -> Node {
        Node::parse(&SourceFile::new("v.yaml", text)).expect("YAML")
    }

    #[test]
    fn maps_merge_and_everything_else_is_replaced() {
        let merged = merge(
            parse("a: {x: 1, y: 2}\nl: [1, 2]\ns: text\n"),
            parse("a: {y: 3, z: 4}\nl: [5]\ns: {k: 1}\n"),
        );
        let value = |path: &[&str]| {
            let found = path.iter().try_fold(&merged, |node, name| node.get(name));
            found.map(|node| node.value.clone())
        };
        assert_eq!(value(&["a", "x"]), Some(Value::Int(1)));
        assert_eq!(value(&["a", "y"]), Some(Value::Int(3)));
        assert_eq!(value(&["a", "z"]), Some(Value::Int(4)));
        assert!(matches!(value(&["l"]), Some(Value::List(items)) if items.len() == 1));
        assert_eq!(value(&["s", "k"]), Some(Value::Int(1)));
    }

    #[test]
    fn what_no_field_reads_gets_the_types_of_helm() {
        let text = |text: &str| with_types(&Node::text("flag --set a", text)).value;
        assert_eq!(text("7"), Value::Int(7));
        assert_eq!(text("True"), Value::Bool(true));
        assert_eq!(text("007"), Value::String("007".into()));
        assert_eq!(text("1.5"), Value::String("1.5".into()));
    }
}
