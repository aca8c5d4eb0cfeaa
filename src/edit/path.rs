//! [`Path`]: where a value stands in a YAML file, such as `spec.containers[name=web].image`.

use std::fmt;
use std::str::FromStr;

/// One step.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Step {
    /// A key of a map, or where it is a number and stands at a list, a position.
    Key(String),
    /// A position in a list, from 0.
    Index(usize),
    /// The element of a list that has this value under this key.
    Having(String, String),
}

/// Steps from the root of a document; at least one. Keys with dots or brackets in them stand in double quotes.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Path {
    text: String,
    pub(super) steps: Vec<Step>,
}

/// A text that is no path.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum PathError {
    /// Nothing, or nothing between two dots.
    #[error("a key is missing")]
    Empty,
    /// A quote without its other half.
    #[error("a quote is not closed")]
    Quote,
    /// A bracket without its other half.
    #[error("a bracket is not closed")]
    Bracket,
    /// Something in brackets that is neither.
    #[error("brackets hold a position or KEY=VALUE")]
    Inside,
    /// Text right after quotes or brackets.
    #[error("expected `.` or `[` there")]
    Next,
}

impl Path {
    /// From the root.
    pub fn steps(&self) -> &[Step] {
        &self.steps
    }
}

impl FromStr for Path {
    type Err = PathError;

    fn from_str(text: &str) -> Result<Self, PathError> {
        let mut steps = Vec::new();
        let mut rest = text;
        let mut first = true;
        while !rest.is_empty() || first {
            if let Some(inside) = rest.strip_prefix('[') {
                let (inside, tail) = inside.split_once(']').ok_or(PathError::Bracket)?;
                steps.push(bracketed(inside)?);
                rest = tail;
            } else {
                if !first {
                    rest = rest.strip_prefix('.').ok_or(PathError::Next)?;
                }
                let (key, tail) = key(rest)?;
                steps.push(Step::Key(key.to_owned()));
                rest = tail;
            }
            first = false;
        }
        Ok(Self {
            text: text.to_owned(),
            steps,
        })
    }
}

/// A key and what follows it.
fn key(text: &str) -> Result<(&str, &str), PathError> {
    if let Some(quoted) = text.strip_prefix('"') {
        return quoted.split_once('"').ok_or(PathError::Quote);
    }
    let end = text.find(['.', '[']).unwrap_or(text.len());
    if end == 0 {
        return Err(PathError::Empty);
    }
    Ok(text.split_at(end))
}

fn bracketed(inside: &str) -> Result<Step, PathError> {
    if let Ok(index) = inside.parse() {
        return Ok(Step::Index(index));
    }
    let (key, value) = inside.split_once('=').ok_or(PathError::Inside)?;
    let value = value.trim().trim_matches('"');
    if key.trim().is_empty() || value.is_empty() {
        return Err(PathError::Inside);
    }
    Ok(Step::Having(key.trim().to_owned(), value.to_owned()))
}

impl fmt::Display for Path {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.text)
    }
}

impl fmt::Display for Step {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Key(key) if key.contains(['.', '[']) => write!(f, "\"{key}\""),
            Self::Key(key) => f.write_str(key),
            Self::Index(index) => write!(f, "[{index}]"),
            Self::Having(key, value) => write!(f, "[{key}={value}]"),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn paths_are_read_step_by_step() {
        let key = |text: &str| Step::Key(text.into());
        let having = Step::Having("name".into(), "web".into());
        for (text, steps) in [
            ("tag", vec![key("tag")]),
            ("image.tag", vec![key("image"), key("tag")]),
            ("a.0.b", vec![key("a"), key("0"), key("b")]),
            ("a[2].b", vec![key("a"), Step::Index(2), key("b")]),
            ("[0].b", vec![Step::Index(0), key("b")]),
            ("c[name=web].image", vec![key("c"), having, key("image")]),
            ("a.\"x.y/z\".b", vec![key("a"), key("x.y/z"), key("b")]),
        ] {
            let path: Path = text.parse().expect(text);
            assert_eq!(path.steps, steps, "{text}");
            assert_eq!(path.to_string(), text);
        }
    }

    #[test]
    fn what_is_no_path_is_refused() {
        for (text, error) in [
            ("", PathError::Empty),
            (".a", PathError::Empty),
            ("a..b", PathError::Empty),
            ("a.", PathError::Empty),
            ("a.\"b", PathError::Quote),
            ("a[1", PathError::Bracket),
            ("a[]", PathError::Inside),
            ("a[b=]", PathError::Inside),
            ("a[1]b", PathError::Next),
        ] {
            assert_eq!(text.parse::<Path>(), Err(error), "{text}");
        }
    }
}
