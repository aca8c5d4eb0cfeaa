//! [`apply`]: assignments as Helm reads them, `a.b[0].c=v,d={x,y}`, put into a tree of values.
//!
//! The grammar is Helm's, mistakes included: a key ends at `=`, `[`, `.` or `,`, `\` takes the next character as it is, and
//! nothing is quoted.

use crate::spec::{At, Key, Node, Value};

/// The flag that an assignment came by.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Flag {
    /// `--set`: `null` removes, the type of the field reads the rest.
    Set,
    /// `--set-string`: always a string.
    SetString,
    /// `--set-file`: the content of a file.
    SetFile,
}

impl Flag {
    /// Its name, without dashes.
    pub fn name(self) -> &'static str {
        match self {
            Self::Set => "set",
            Self::SetString => "set-string",
            Self::SetFile => "set-file",
        }
    }
}

/// Largest index of a list, as in Helm.
const LARGEST_INDEX: usize = 65_536;
/// Most maps and lists inside of each other; Helm allows as many maps.
const DEEPEST: usize = 30;

/// Gives the content of a file that `--set-file` names.
pub type ReadFile<'a> = &'a mut dyn FnMut(&str) -> Result<String, String>;

/// Puts the assignments of one flag into `values`, a map.
///
/// # Errors
/// What is wrong with the first assignment that cannot be read, in words.
pub fn apply(values: &mut Node, flag: Flag, text: &str, read_file: ReadFile<'_>) -> Result<(), String> {
    let mut parser = Parser {
        text: text.chars().collect(),
        at: 0,
        flag,
        read_file,
        path: String::new(),
    };
    while !parser.is_done() {
        parser.path.clear();
        parser.key(entries(values, "the values")?, 0)?;
    }
    Ok(())
}

struct Parser<'a> {
    text: Vec<char>,
    at: usize,
    flag: Flag,
    read_file: ReadFile<'a>,
    /// The path of the key that is read, for places: its value may be a secret.
    path: String,
}

/// A map's entries; nothing becomes an empty map, anything else is not overwritten.
fn entries<'n>(node: &'n mut Node, name: &str) -> Result<&'n mut Vec<(Key, Node)>, String> {
    if node.value == Value::Null {
        node.value = Value::Map(Vec::new());
    }
    let found = node.value.describe();
    match &mut node.value {
        Value::Map(entries) => Ok(entries),
        Value::Null
        | Value::Bool(_)
        | Value::Int(_)
        | Value::Float(_)
        | Value::String(_)
        | Value::Text(_)
        | Value::List(_) => Err(format!("`{name}` is {found} already, and no map")),
    }
}

/// A list's items; nothing becomes an empty list.
fn items<'n>(node: &'n mut Node, name: &str) -> Result<&'n mut Vec<Node>, String> {
    if node.value == Value::Null {
        node.value = Value::List(Vec::new());
    }
    let found = node.value.describe();
    match &mut node.value {
        Value::List(items) => Ok(items),
        Value::Null
        | Value::Bool(_)
        | Value::Int(_)
        | Value::Float(_)
        | Value::String(_)
        | Value::Text(_)
        | Value::Map(_) => Err(format!("`{name}` is {found} already, and no list")),
    }
}

/// One level more, if there is one.
fn deeper(depth: usize) -> Result<usize, String> {
    if depth < DEEPEST {
        Ok(depth + 1)
    } else {
        Err(format!("more than {DEEPEST} names are nested in each other"))
    }
}

impl Parser<'_> {
    fn is_done(&self) -> bool {
        self.at >= self.text.len()
    }

    fn next(&mut self) -> Option<char> {
        let next = self.text.get(self.at).copied();
        self.at += usize::from(next.is_some());
        next
    }

    /// Characters up to one of `stop`, which is taken; `None` where the text ends before.
    fn until(&mut self, stop: &[char]) -> (String, Option<char>) {
        let mut read = String::new();
        while let Some(next) = self.next() {
            match next {
                '\\' => read.extend(self.next()),
                next if stop.contains(&next) => return (read, Some(next)),
                next => read.push(next),
            }
        }
        (read, None)
    }

    /// Where the value under the key that was read comes from.
    fn here(&self) -> At {
        At::Named(format!(
            "flag --{} {}",
            self.flag.name(),
            self.path.trim_end_matches('.')
        ))
    }

    fn node(&self, value: Value) -> Node {
        Node {
            value,
            at: self.here(),
        }
    }

    fn key(&mut self, map: &mut Vec<(Key, Node)>, depth: usize) -> Result<(), String> {
        let (name, stop) = self.until(&['=', '[', ',', '.']);
        let Some(stop) = stop else {
            return Err(format!("the key `{}{name}` has no value", self.path));
        };
        self.path.push_str(&name.replace('.', "\\."));
        match stop {
            '=' => {
                let value = self.value()?;
                if !name.is_empty() {
                    self.slot(map, &name).1 = value;
                }
                Ok(())
            }
            ',' => Err(format!("the key `{}` has no value", self.path)),
            '[' => {
                let path = self.path.clone();
                let index = self.index()?;
                let list = items(&mut self.slot(map, &name).1, &path)?;
                self.item(list, index, depth)
            }
            _ => self.below(map, &name, deeper(depth)?),
        }
    }

    /// What follows a dot.
    fn below(&mut self, map: &mut Vec<(Key, Node)>, name: &str, depth: usize) -> Result<(), String> {
        let path = self.path.clone();
        self.path.push('.');
        let inner = entries(&mut self.slot(map, name).1, &path)?;
        self.key(inner, depth)?;
        if inner.is_empty() {
            return Err(format!("the key `{path}` has no value"));
        }
        Ok(())
    }

    /// The entry of a name; a new one if there is none.
    fn slot<'m>(&self, map: &'m mut Vec<(Key, Node)>, name: &str) -> &'m mut (Key, Node) {
        let index = map.iter().position(|(key, _)| key.name == name);
        let index = index.unwrap_or_else(|| {
            let key = Key {
                name: name.to_owned(),
                at: self.here(),
            };
            map.push((key, self.node(Value::Null)));
            map.len() - 1
        });
        &mut map[index]
    }

    /// The index up to `]`.
    fn index(&mut self) -> Result<usize, String> {
        let (text, stop) = self.until(&[']']);
        if stop.is_none() {
            return Err(format!("the index of `{}` does not end with `]`", self.path));
        }
        let index = match text.parse::<i64>() {
            Ok(index) if index < 0 => return Err(format!("an index cannot be negative: {index}")),
            Ok(index) => usize::try_from(index).unwrap_or(usize::MAX),
            Err(cause) => return Err(format!("the index `{text}` of `{}`: {cause}", self.path)),
        };
        if index > LARGEST_INDEX {
            return Err(format!(
                "the index {index} is larger than {LARGEST_INDEX}, the largest there is"
            ));
        }
        self.path.push_str(&format!("[{index}]"));
        Ok(index)
    }

    fn item(&mut self, list: &mut Vec<Node>, index: usize, depth: usize) -> Result<(), String> {
        // Helm counts only maps; lists without end would be as bad.
        let depth = deeper(depth)?;
        let (surplus, stop) = self.until(&['[', '.', '=']);
        if !surplus.is_empty() {
            return Err(format!("`{surplus}` after the index of `{}`", self.path));
        }
        let Some(stop) = stop else {
            return Err(format!("`{}` has no value", self.path));
        };
        while list.len() <= index {
            list.push(self.node(Value::Null));
        }
        match stop {
            '=' => {
                list[index] = self.value()?;
                Ok(())
            }
            '[' => {
                let path = self.path.clone();
                let next = self.index()?;
                let inner = items(&mut list[index], &path)?;
                self.item(inner, next, depth)
            }
            _ => {
                // As in Helm, what is no map gives way.
                if !matches!(list[index].value, Value::Map(_)) {
                    list[index] = self.node(Value::Map(Vec::new()));
                }
                let path = self.path.clone();
                self.path.push('.');
                let inner = entries(&mut list[index], &path)?;
                self.key(inner, depth)
            }
        }
    }

    /// What follows `=`, up to the comma before the next key.
    fn value(&mut self) -> Result<Node, String> {
        if self.text.get(self.at) != Some(&'{') {
            let (text, _) = self.until(&[',']);
            return self.scalar(text);
        }
        self.at += 1;
        let mut list = Vec::new();
        loop {
            let (text, stop) = self.until(&[',', '}']);
            let Some(stop) = stop else {
                return Err(format!("the list of `{}` does not end with `}}`", self.path));
            };
            list.push(self.scalar(text)?);
            if stop == '}' {
                if self.text.get(self.at) == Some(&',') {
                    self.at += 1;
                }
                return Ok(self.node(Value::List(list)));
            }
        }
    }

    fn scalar(&mut self, text: String) -> Result<Node, String> {
        let value = match self.flag {
            Flag::Set if text.eq_ignore_ascii_case("null") => Value::Null,
            Flag::Set => Value::Text(text),
            // What the shell or a file gives is meant as it is.
            Flag::SetString => Value::String(literal(&text)),
            Flag::SetFile => Value::String(literal(&(self.read_file)(&text)?)),
        };
        Ok(self.node(value))
    }
}

/// A text that refers to no variable of the environment, whatever it looks like.
fn literal(text: &str) -> String {
    text.replace("${", "$${")
}

/// What Helm makes of the text of `--set`: booleans and whole numbers are told from strings; fractions are strings.
pub(super) fn typed(text: &str) -> Value {
    if text.eq_ignore_ascii_case("true") {
        return Value::Bool(true);
    }
    if text.eq_ignore_ascii_case("false") {
        return Value::Bool(false);
    }
    match text.parse::<i64>() {
        Ok(number) if text == "0" || !text.starts_with('0') => Value::Int(number.into()),
        Ok(_) | Err(_) => Value::String(literal(text)),
    }
}

#[cfg(test)]
#[path = "set_tests.rs"]
mod tests;
