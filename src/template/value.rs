//! [`Value`]: what templates work with.

use std::collections::BTreeMap;
use std::fmt;
use std::sync::Arc;

use jiff::Zoned;

/// Levels that lists and maps may be nested.
const DEPTH: usize = 50;
/// Bytes and elements of a list with all that is in it.
const HEAVIEST: usize = 16 << 20;
/// Elements of a list.
pub(super) const LONGEST: usize = 100_000;
/// Bytes of a text that a function makes.
pub(super) const WIDEST: usize = 1 << 20;

/// Data with fields that are known beforehand, as a struct in Go.
pub trait Record: fmt::Debug + Send + Sync {
    /// The value of a field; `None` when there is no such field.
    fn field(&self, name: &str) -> Option<Value>;
    /// All fields.
    fn names(&self) -> &'static [&'static str];
    /// What a field is called in JSON and YAML; `None` where it is left out there.
    fn in_json(&self, name: &'static str) -> Option<&'static str> {
        Some(name)
    }
}

/// A value inside a template.
#[derive(Debug, Clone, Default)]
pub enum Value {
    /// Go's `nil`, also what a map does not have.
    #[default]
    Nil,
    /// true or false.
    Bool(bool),
    /// Any of Go's integers.
    Int(i64),
    /// Go's `float64`.
    Float(f64),
    /// A string.
    Text(Arc<str>),
    /// A point in time.
    Time(Arc<Zoned>),
    /// A list.
    List(Arc<List>),
    /// A map with text as keys.
    Map(Arc<Map>),
    /// A struct.
    Record(Arc<dyn Record>),
}

/// How deep a value is and what it holds, shared parts counted each time: what it takes to write it.
#[derive(Debug, Clone, Copy)]
struct Extent {
    depth: usize,
    weight: usize,
}

/// Elements, no deeper than `DEPTH`.
#[derive(Debug)]
pub struct List {
    pub(super) items: Vec<Value>,
    extent: Extent,
}

/// Entries, no deeper than `DEPTH`.
#[derive(Debug)]
pub struct Map {
    pub(super) entries: BTreeMap<String, Value>,
    extent: Extent,
}

impl From<&str> for Value {
    fn from(text: &str) -> Self {
        Self::Text(text.into())
    }
}

impl From<String> for Value {
    fn from(text: String) -> Self {
        Self::Text(text.into())
    }
}

impl Value {
    /// A list, unless it is too long, too deep or too large.
    pub fn list(items: Vec<Self>) -> Result<Self, String> {
        if items.len() > LONGEST {
            return Err(format!("a list of more than {LONGEST} elements"));
        }
        let extent = around(items.iter(), 0)?;
        Ok(Self::List(Arc::new(List { items, extent })))
    }

    /// A map, unless it is too deep or too large.
    pub fn map(entries: BTreeMap<String, Self>) -> Result<Self, String> {
        let extent = around(entries.values(), entries.keys().map(String::len).sum())?;
        Ok(Self::Map(Arc::new(Map { entries, extent })))
    }

    /// A text, unless it is too wide.
    pub(super) fn text(text: String) -> Result<Self, String> {
        if text.len() > WIDEST {
            return Err(format!("a text of more than {WIDEST} bytes"));
        }
        Ok(text.into())
    }

    /// Whether `if` takes it as true: anything but a zero, an empty text or list, and nothing.
    pub fn is_true(&self) -> bool {
        match self {
            Self::Nil => false,
            Self::Bool(value) => *value,
            Self::Int(value) => *value != 0,
            Self::Float(value) => *value != 0.0,
            Self::Text(text) => !text.is_empty(),
            Self::List(list) => !list.items.is_empty(),
            Self::Map(map) => !map.entries.is_empty(),
            Self::Time(_) | Self::Record(_) => true,
        }
    }

    /// What it is, for messages.
    pub(super) fn kind(&self) -> &'static str {
        match self {
            Self::Nil => "nil",
            Self::Bool(_) => "bool",
            Self::Int(_) => "int",
            Self::Float(_) => "float64",
            Self::Text(_) => "string",
            Self::Time(_) => "time.Time",
            Self::List(_) => "[]interface {}",
            Self::Map(_) => "map[string]interface {}",
            Self::Record(_) => "struct",
        }
    }

    fn extent(&self) -> Extent {
        match self {
            Self::List(list) => list.extent,
            Self::Map(map) => map.extent,
            Self::Text(text) => Extent {
                depth: 0,
                weight: 1 + text.len(),
            },
            Self::Nil | Self::Bool(_) | Self::Int(_) | Self::Float(_) | Self::Time(_) | Self::Record(_) => {
                Extent { depth: 0, weight: 1 }
            }
        }
    }

    /// The effort of making it, in steps.
    pub(super) fn effort(&self) -> usize {
        match self {
            Self::List(list) => list.items.len() / 8,
            Self::Map(map) => map.entries.len() / 8,
            Self::Text(text) => text.len() / 256,
            Self::Nil | Self::Bool(_) | Self::Int(_) | Self::Float(_) | Self::Time(_) | Self::Record(_) => 0,
        }
    }

    /// The effort of reading all of it, in steps.
    pub(super) fn reading(&self) -> usize {
        if matches!(self, Self::Text(_)) {
            self.effort()
        } else {
            self.extent().weight / 64
        }
    }

    /// From JSON, as Go reads it: all numbers are floats.
    pub fn from_json(json: serde_json::Value) -> Result<Self, String> {
        Ok(match json {
            serde_json::Value::Null => Self::Nil,
            serde_json::Value::Bool(value) => Self::Bool(value),
            serde_json::Value::Number(number) => Self::Float(number.as_f64().unwrap_or(f64::NAN)),
            serde_json::Value::String(text) => text.into(),
            serde_json::Value::Array(items) => {
                Self::list(items.into_iter().map(Self::from_json).collect::<Result<_, _>>()?)?
            }
            serde_json::Value::Object(members) => {
                let entries = members
                    .into_iter()
                    .map(|(key, value)| Ok((key, Self::from_json(value)?)));
                Self::map(entries.collect::<Result<_, String>>()?)?
            }
        })
    }

    /// As JSON, with the names that structs have there.
    pub fn to_json(&self) -> serde_json::Value {
        let text = super::json::write(self, super::json::Html::Kept);
        // What was written here is JSON, unless it was too long.
        serde_json::from_str(&text).unwrap_or_default()
    }

    /// What a map has under a key.
    pub fn get(&self, key: &str) -> Option<Self> {
        let Self::Map(map) = self else {
            return None;
        };
        map.entries.get(key).cloned()
    }

    /// A map with what `upper` has put over what `lower` has; maps in both are put over each other likewise.
    pub fn merged(lower: &Self, upper: &Self) -> Result<Self, String> {
        let (Self::Map(below), Self::Map(above)) = (lower, upper) else {
            return Ok(upper.clone());
        };
        let mut entries = below.entries.clone();
        for (key, value) in &above.entries {
            let value = match entries.get(key) {
                Some(known) => Self::merged(known, value)?,
                None => value.clone(),
            };
            entries.insert(key.clone(), value);
        }
        Self::map(entries)
    }
}

fn around<'a>(values: impl Iterator<Item = &'a Value>, weight: usize) -> Result<Extent, String> {
    let mut extent = Extent {
        depth: 1,
        weight: weight + 1,
    };
    for inner in values.map(Value::extent) {
        extent.depth = extent.depth.max(inner.depth + 1);
        extent.weight += inner.weight;
    }
    if extent.depth > DEPTH {
        return Err(format!("lists nested more than {DEPTH} levels deep"));
    }
    if extent.weight > HEAVIEST {
        return Err(format!("lists that hold more than {HEAVIEST} bytes"));
    }
    Ok(extent)
}
