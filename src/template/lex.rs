//! Text to tokens. What is inside an action keeps whether a blank stood before it: `.a.b` is one value, `.a .b` are two.

use super::error::Fault;
use super::literal;

/// A piece of a template, with its byte offset.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Token {
    pub(super) kind: Kind,
    pub(super) at: usize,
    pub(super) spaced: bool,
}

/// What a token is.
#[derive(Debug, Clone, PartialEq)]
pub(super) enum Kind {
    /// Outside of actions.
    Text(String),
    /// `{{`
    Open,
    /// `}}`
    Close,
    /// A keyword or the name of a function.
    Word(String),
    /// `.name`
    Field(String),
    Dot,
    /// `$` or `$name`, with the `$`.
    Variable(String),
    Quoted(String),
    Int(i64),
    Float(f64),
    /// `(`, `)`, `|`, `,`, `=` or `:=` as `:`.
    Sign(char),
}

const BLANKS: [char; 4] = [' ', '\t', '\r', '\n'];

pub(super) fn lex(text: &str) -> Result<Vec<Token>, Fault> {
    let mut lexer = Lexer {
        text,
        at: 0,
        tokens: Vec::new(),
    };
    let mut trim = false;
    while lexer.at < text.len() {
        let start = lexer.at;
        let found = text[start..].find("{{").map(|found| start + found);
        let end = found.unwrap_or(text.len());
        let trims_left = found.is_some_and(|open| is_trim_left(&text[open + 2..]));
        lexer.push_text(start, end, trim, trims_left);
        let Some(open) = found else { break };
        lexer.at = open + 2 + usize::from(trims_left);
        trim = lexer.action(open)?;
    }
    Ok(lexer.tokens)
}

fn is_trim_left(inside: &str) -> bool {
    inside
        .strip_prefix('-')
        .is_some_and(|rest| rest.starts_with(BLANKS))
}

struct Lexer<'a> {
    text: &'a str,
    at: usize,
    tokens: Vec<Token>,
}

impl<'a> Lexer<'a> {
    fn rest(&self) -> &'a str {
        &self.text[self.at..]
    }

    fn push(&mut self, kind: Kind, at: usize, spaced: bool) {
        self.tokens.push(Token { kind, at, spaced });
    }

    fn push_text(&mut self, start: usize, end: usize, trim_start: bool, trim_end: bool) {
        let mut text = &self.text[start..end];
        if trim_start {
            text = text.trim_start_matches(BLANKS);
        }
        if trim_end {
            text = text.trim_end_matches(BLANKS);
        }
        if !text.is_empty() {
            self.push(Kind::Text(text.to_owned()), start, false);
        }
    }

    /// Whether `}}` or ` -}}` is next, and whether it trims.
    fn closes(&self) -> Option<(usize, bool)> {
        let blanks = self.rest().len() - self.rest().trim_start_matches(BLANKS).len();
        let rest = &self.rest()[blanks..];
        if rest.starts_with("}}") {
            Some((blanks + 2, false))
        } else if blanks > 0 && rest.starts_with("-}}") {
            Some((blanks + 3, true))
        } else {
            None
        }
    }

    /// All up to the end of the action that began at `open`; whether the text after it is trimmed.
    fn action(&mut self, open: usize) -> Result<bool, Fault> {
        let inside = self.rest().trim_start_matches(BLANKS);
        let blanks = self.rest().len() - inside.len();
        let may_be_comment = blanks == 0 || self.text[..self.at].ends_with('-');
        if inside.starts_with("/*") && may_be_comment {
            return self.comment(open, blanks);
        }
        self.push(Kind::Open, open, false);
        loop {
            if let Some((width, trims)) = self.closes() {
                self.push(Kind::Close, self.at, true);
                self.at += width;
                return Ok(trims);
            }
            let before = self.at;
            self.at = self.text.len() - self.rest().trim_start_matches(BLANKS).len();
            if self.at >= self.text.len() {
                return Err(Fault::new(
                    open,
                    "the action is not closed: there is no `}}` after this `{{`",
                ));
            }
            self.token(before < self.at)?;
        }
    }

    fn comment(&mut self, open: usize, blanks: usize) -> Result<bool, Fault> {
        let Some(end) = self.rest()[blanks + 2..].find("*/") else {
            return Err(Fault::new(open, "the comment is not closed"));
        };
        self.at += blanks + 2 + end + 2;
        match self.closes() {
            Some((width, trims)) if trims || width == 2 => {
                self.at += width;
                Ok(trims)
            }
            Some(_) | None => Err(Fault::new(open, "a comment must end with `*/}}` or `*/ -}}`")),
        }
    }

    fn token(&mut self, spaced: bool) -> Result<(), Fault> {
        let (rest, at) = (self.rest(), self.at);
        let Some(first) = rest.chars().next() else {
            return Ok(());
        };
        let next = rest[first.len_utf8()..].chars().next();
        let (kind, width) = match first {
            '(' | ')' | '|' | ',' | '=' => (Kind::Sign(first), 1),
            ':' if next == Some('=') => (Kind::Sign(':'), 2),
            '.' if !next.is_some_and(|next| next.is_ascii_digit()) => {
                let name = word(&rest[1..]);
                let kind = if name.is_empty() {
                    Kind::Dot
                } else {
                    Kind::Field(name.to_owned())
                };
                (kind, 1 + name.len())
            }
            '$' => {
                let width = 1 + word(&rest[1..]).len();
                (Kind::Variable(rest[..width].to_owned()), width)
            }
            '"' | '`' | '\'' => {
                let (kind, width) = literal::quoted(rest).map_err(|what| Fault::new(at, what))?;
                (kind, width)
            }
            '+' | '-' | '.' | '0'..='9' => {
                let width = literal::number_width(rest);
                (
                    literal::number(&rest[..width]).map_err(|what| Fault::new(at, what))?,
                    width,
                )
            }
            _ if first.is_alphabetic() || first == '_' => {
                let name = word(rest);
                (Kind::Word(name.to_owned()), name.len())
            }
            _ => return Err(Fault::new(at, format!("unexpected `{first}` in an action"))),
        };
        self.push(kind, at, spaced);
        self.at += width;
        Ok(())
    }
}

/// The name that `rest` begins with.
fn word(rest: &str) -> &str {
    let end = rest
        .find(|c: char| !(c.is_alphanumeric() || c == '_'))
        .unwrap_or(rest.len());
    &rest[..end]
}
