//! [`Prose`]: text with its meaning (plain, code, link, strong) but without any format's markup or escaping.

use serde::{Serialize, Serializer};

/// What a piece of text is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Kind {
    /// Words.
    Text,
    /// A name, URL or command, shown as it is: often of foreign origin.
    Code,
    /// A link to this address; the text is a name.
    Link(String),
}

/// Text of one kind.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Piece {
    /// What it is.
    pub kind: Kind,
    /// Whether it stands out.
    pub strong: bool,
    /// The text itself, raw: any character may be in it.
    pub text: String,
}

/// A sentence or a table cell.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Prose(pub Vec<Piece>);

impl Prose {
    /// Nothing yet.
    pub fn new() -> Self {
        Self::default()
    }

    fn piece(mut self, kind: Kind, text: impl Into<String>) -> Self {
        self.0.push(Piece {
            kind,
            strong: false,
            text: text.into(),
        });
        self
    }

    /// Adds words.
    #[must_use]
    pub fn text(self, text: impl Into<String>) -> Self {
        self.piece(Kind::Text, text)
    }

    /// Adds a name, URL or command.
    #[must_use]
    pub fn code(self, text: impl Into<String>) -> Self {
        self.piece(Kind::Code, text)
    }

    /// Adds a link if the address is one that browsers may open, otherwise its name as code.
    #[must_use]
    pub fn link(self, text: impl Into<String>, url: Option<&str>) -> Self {
        let safe = |url: &&str| {
            (url.starts_with("https://") || url.starts_with("http://"))
                && url
                    .chars()
                    .all(|c| c.is_ascii_graphic() && !"<>\"'`()[]|\\".contains(c))
        };
        match url.filter(safe) {
            Some(url) => self.piece(Kind::Link(url.to_owned()), text),
            None => self.code(text),
        }
    }

    /// Adds all of `other`.
    #[must_use]
    pub fn then(mut self, other: Self) -> Self {
        self.0.extend(other.0);
        self
    }

    /// Makes all of it stand out.
    #[must_use]
    pub fn strong(mut self) -> Self {
        self.0.iter_mut().for_each(|piece| piece.strong = true);
        self
    }

    /// With a capital letter at its start, if it starts with words.
    #[must_use]
    pub fn capitalised(mut self) -> Self {
        // A name is written as it is.
        let is_word = |piece: &&mut Piece| piece.kind == Kind::Text && !piece.text.starts_with("gRPC");
        if let Some(piece) = self.0.first_mut().filter(is_word) {
            let mut rest = piece.text.chars();
            if let Some(first) = rest.next() {
                piece.text = first.to_uppercase().chain(rest).collect();
            }
        }
        self
    }

    /// Whether there is nothing in it.
    pub fn is_empty(&self) -> bool {
        self.0.iter().all(|piece| piece.text.is_empty())
    }

    /// Its words alone.
    pub fn plain(&self) -> String {
        self.0.iter().map(|piece| piece.text.as_str()).collect()
    }

    /// The items with commas and a last `and`.
    pub fn list(items: Vec<Self>) -> Self {
        let last = items.len().saturating_sub(1);
        let mut out = Self::new();
        for (index, item) in items.into_iter().enumerate() {
            out = match index {
                0 => item,
                _ if index == last => out.text(" and ").then(item),
                _ => out.text(", ").then(item),
            };
        }
        out
    }
}

impl<T: Into<String>> From<T> for Prose {
    fn from(text: T) -> Self {
        Self::new().text(text)
    }
}

impl Serialize for Prose {
    fn serialize<S: Serializer>(&self, out: S) -> Result<S::Ok, S::Error> {
        out.serialize_str(&self.plain())
    }
}

/// `text` on one line, with what cannot be seen or turns the reading direction replaced by a space.
pub(crate) fn visible(text: &str) -> String {
    text.chars()
        .map(|c| match c {
            c if c.is_control() => ' ',
            '\u{200b}' | '\u{200e}' | '\u{200f}' | '\u{2028}'..='\u{202e}' | '\u{2066}'..='\u{2069}' => ' ',
            '\u{feff}' | '\u{fffe}' | '\u{ffff}' => '\u{fffd}',
            c => c,
        })
        .collect()
}

/// At most `most` characters of `text`; `…` says that more was there.
pub(crate) fn clipped(text: &str, most: usize) -> String {
    if text.chars().count() <= most {
        return text.to_owned();
    }
    let mut out: String = text.chars().take(most.saturating_sub(1)).collect();
    out.push('…');
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lists_read_as_people_write_them() {
        let list =
            |items: &[&str]| Prose::list(items.iter().map(|item| Prose::from(*item)).collect()).plain();
        assert_eq!(list(&[]), "");
        assert_eq!(list(&["a"]), "a");
        assert_eq!(list(&["a", "b", "c"]), "a, b and c");
    }

    #[test]
    fn only_web_addresses_become_links() {
        let kind = |url| Prose::new().link("x", Some(url)).0[0].kind.clone();
        assert_eq!(
            kind("https://x.example/1"),
            Kind::Link("https://x.example/1".into())
        );
        assert_eq!(kind("javascript:alert(1)"), Kind::Code);
        assert_eq!(kind("https://x\"onclick=1"), Kind::Code);
    }

    #[test]
    fn invisible_characters_become_spaces() {
        assert_eq!(visible("a\u{1b}[31m\nb\u{202e}c\0"), "a [31m b c ");
        assert_eq!(clipped("ééé", 2), "é…");
    }
}
