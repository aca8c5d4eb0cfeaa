//! [`Reader`]: values of a stored file with Go's rules: keys in any case, the last of equal keys, unknown keys ignored,
//! wrong types refused where they stand.

use jiff::Timestamp;

use crate::diagnostic::Diagnostic;
use crate::spec::{Key, Node, SourceFile, Value};

/// The value under a key; `null` is the same as absent.
pub(super) fn field<'n>(node: &'n Node, name: &str) -> Option<&'n Node> {
    entry(node, name).map(|(_, value)| value)
}

/// The same with its key.
pub(super) fn entry<'n>(node: &'n Node, name: &str) -> Option<(&'n Key, &'n Node)> {
    let mut found = node.pairs().iter().rev();
    let (key, value) = found.find(|(key, _)| key.name.eq_ignore_ascii_case(name))?;
    (value.value != Value::Null).then_some((key, value))
}

/// Reads values and says where one is wrong.
#[derive(Debug, Clone, Copy)]
pub(super) struct Reader<'a> {
    source: &'a SourceFile,
}

impl<'a> Reader<'a> {
    pub(super) fn new(source: &'a SourceFile) -> Self {
        Self { source }
    }

    /// An error at a value.
    pub(super) fn error(self, node: &Node, message: impl Into<String>) -> Diagnostic {
        Diagnostic::error(message).at(node.at.place(self.source))
    }

    fn expected(self, node: &Node, what: &str) -> Diagnostic {
        let message = format!("expected {what}, found {}", node.value.describe());
        self.error(node, message)
            .hint("the file is no result of Iter8, or it was cut short: run the experiment again")
    }

    /// The value of a key as `read` takes it; absent is nothing.
    pub(super) fn optional<T>(
        self,
        node: &Node,
        name: &str,
        read: impl FnOnce(Self, &Node) -> Result<T, Diagnostic>,
    ) -> Result<Option<T>, Diagnostic> {
        field(node, name).map(|value| read(self, value)).transpose()
    }

    /// The entries of a map, each key once.
    pub(super) fn map<T>(
        self,
        node: &Node,
        mut read: impl FnMut(Self, &Node) -> Result<T, Diagnostic>,
    ) -> Result<Vec<(String, T)>, Diagnostic> {
        self.is_map(node)?;
        let entries = node.pairs().iter();
        entries
            .map(|(key, value)| Ok((key.name.clone(), read(self, value)?)))
            .collect()
    }

    /// That a value is a map.
    pub(super) fn is_map(self, node: &Node) -> Result<(), Diagnostic> {
        if matches!(node.value, Value::Map(_) | Value::Null) {
            Ok(())
        } else {
            Err(self.expected(node, "a map"))
        }
    }

    /// The items of a list.
    pub(super) fn list<T>(
        self,
        node: &Node,
        mut read: impl FnMut(Self, &Node) -> Result<T, Diagnostic>,
    ) -> Result<Vec<T>, Diagnostic> {
        if !matches!(node.value, Value::List(_) | Value::Null) {
            return Err(self.expected(node, "a list"));
        }
        node.items().iter().map(|item| read(self, item)).collect()
    }

    /// A finite number.
    pub(super) fn number(self, node: &Node) -> Result<f64, Diagnostic> {
        let value = match &node.value {
            Value::Null => 0.0,
            Value::Int(value) => *value as f64,
            Value::Float(value) => *value,
            Value::Bool(_) | Value::String(_) | Value::Text(_) | Value::List(_) | Value::Map(_) => {
                return Err(self.expected(node, "a number"));
            }
        };
        if value.is_finite() {
            return Ok(value);
        }
        Err(self.error(node, "a value that is no number cannot be shown or judged"))
    }

    /// A whole number, not negative.
    pub(super) fn count(self, node: &Node) -> Result<u64, Diagnostic> {
        let number = match &node.value {
            Value::Null => return Ok(0),
            Value::Int(value) => u64::try_from(*value).ok(),
            #[expect(
                clippy::cast_possible_truncation,
                clippy::cast_sign_loss,
                reason = "checked to be whole and in range"
            )]
            Value::Float(value) => {
                (value.fract() == 0.0 && (0.0..9e15).contains(value)).then_some(*value as u64)
            }
            Value::Bool(_) | Value::String(_) | Value::Text(_) | Value::List(_) | Value::Map(_) => None,
        };
        number.ok_or_else(|| self.expected(node, "a whole number from 0"))
    }

    /// A position in a list; -1 is none.
    pub(super) fn position(self, node: &Node) -> Result<Option<usize>, Diagnostic> {
        if matches!(node.value, Value::Int(value) if value < 0) {
            return Ok(None);
        }
        Ok(usize::try_from(self.count(node)?).ok())
    }

    /// `true` or `false`.
    pub(super) fn boolean(self, node: &Node) -> Result<bool, Diagnostic> {
        if let Value::Bool(value) = node.value {
            return Ok(value);
        }
        if node.value == Value::Null {
            return Ok(false);
        }
        Err(self.expected(node, "true or false"))
    }

    /// A text.
    pub(super) fn text(self, node: &Node) -> Result<String, Diagnostic> {
        match node.as_text() {
            Some(text) => Ok(text.to_owned()),
            None if node.value == Value::Null => Ok(String::new()),
            None => Err(self.expected(node, "a text")),
        }
    }

    /// A time; the zero of Go is none.
    pub(super) fn time(self, node: &Node) -> Result<Option<Timestamp>, Diagnostic> {
        let text = self.text(node)?;
        if text.is_empty() || text.starts_with("0001-01-01") {
            return Ok(None);
        }
        text.parse()
            .map(Some)
            .map_err(|cause: jiff::Error| self.error(node, format!("not a time: {cause}")))
    }
}
