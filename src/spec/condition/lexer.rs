//! The text of a condition → [`Token`]s, each with its place.

use super::ConditionError;

/// Place of something in the text, in bytes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Span {
    pub(super) offset: usize,
    pub(super) length: usize,
}

impl Span {
    pub(super) fn error(self, message: impl Into<String>) -> ConditionError {
        ConditionError {
            message: message.into(),
            offset: self.offset,
            length: self.length,
            hint: None,
        }
    }
}

/// What a token is; its spelling is the text under its span.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum TokenKind {
    /// A name, `true`, `false` or `nil`.
    Name,
    /// A number, not yet read.
    Number,
    /// A string, without quotes and escapes.
    Text(String),
    /// An operator (also `and`, `in`, …) or a bracket.
    Symbol,
    /// The end of the text.
    End,
}

/// One word of a condition.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Token {
    pub(super) kind: TokenKind,
    pub(super) span: Span,
}

/// Operators spelled as words.
pub(super) const WORDS: [&str; 8] = [
    "not",
    "in",
    "or",
    "and",
    "matches",
    "contains",
    "startsWith",
    "endsWith",
];

/// Splits a text into tokens; the last one is [`TokenKind::End`].
pub(super) fn tokens(text: &str) -> Result<Vec<Token>, ConditionError> {
    let mut lexer = Lexer { text, at: 0 };
    let mut tokens = Vec::new();
    loop {
        lexer.skip_blank()?;
        let start = lexer.at;
        let Some(first) = lexer.peek() else {
            tokens.push(Token {
                kind: TokenKind::End,
                span: Span {
                    offset: start,
                    length: 0,
                },
            });
            return Ok(tokens);
        };
        let kind = lexer.token(first)?;
        tokens.push(Token {
            kind,
            span: lexer.since(start),
        });
    }
}

/// Whether a character may stand in a name.
fn in_name(c: char) -> bool {
    c == '_' || c == '$' || c.is_alphanumeric()
}

struct Lexer<'a> {
    text: &'a str,
    at: usize,
}

impl Lexer<'_> {
    fn rest(&self) -> &str {
        self.text.get(self.at..).unwrap_or_default()
    }

    fn peek(&self) -> Option<char> {
        self.rest().chars().next()
    }

    fn next(&mut self) -> Option<char> {
        let next = self.peek()?;
        self.at += next.len_utf8();
        Some(next)
    }

    fn accept(&mut self, wanted: impl Fn(char) -> bool) -> bool {
        let yes = self.peek().is_some_and(wanted);
        if yes {
            self.next();
        }
        yes
    }

    fn since(&self, start: usize) -> Span {
        Span {
            offset: start,
            length: self.at - start,
        }
    }

    fn skip_blank(&mut self) -> Result<(), ConditionError> {
        loop {
            if self.rest().starts_with("//") {
                self.at += self.rest().find('\n').unwrap_or(self.rest().len());
            } else if self.rest().starts_with("/*") {
                let Some(end) = self.rest().get(2..).and_then(|rest| rest.find("*/")) else {
                    let span = Span {
                        offset: self.at,
                        length: self.rest().len(),
                    };
                    return Err(span.error("this comment is never closed"));
                };
                self.at += end + 4;
            } else if !self.accept(char::is_whitespace) {
                return Ok(());
            }
        }
    }

    fn token(&mut self, first: char) -> Result<TokenKind, ConditionError> {
        let start = self.at;
        let second = self.rest().chars().nth(1);
        match first {
            '\'' | '"' => return self.string(first).map(TokenKind::Text),
            '0'..='9' => return self.number(),
            '.' if second.is_some_and(|c| c.is_ascii_digit()) => return self.number(),
            c if in_name(c) => {
                while self.accept(in_name) {}
                let word = &self.text[start..self.at];
                return Ok(if WORDS.contains(&word) {
                    TokenKind::Symbol
                } else {
                    TokenKind::Name
                });
            }
            _ => {}
        }
        self.next();
        match first {
            '(' | ')' | '[' | ']' | '{' | '}' | '#' | ',' | ':' | '%' | '+' | '-' | '^' | '/' => {}
            '&' | '|' | '!' | '=' | '*' | '<' | '>' => {
                self.accept(|c| "&|=*".contains(c));
            }
            '.' => {
                self.accept(|c| c == '.');
            }
            '?' => {
                self.accept(|c| c == '.' || c == '?');
            }
            _ => {
                return Err(self.since(start).error(format!("unexpected character `{first}`")));
            }
        }
        Ok(TokenKind::Symbol)
    }

    fn number(&mut self) -> Result<TokenKind, ConditionError> {
        let start = self.at;
        let mut hex = false;
        if self.accept(|c| c == '0') {
            hex = self.accept(|c| c == 'x');
        }
        while self.accept(|c| {
            c == '_'
                || if hex {
                    c.is_ascii_hexdigit()
                } else {
                    c.is_ascii_digit()
                }
        }) {}
        // Two dots make a range, not a fraction: 1..5.
        if !self.rest().starts_with("..") && self.accept(|c| c == '.') {
            while self.accept(|c| c == '_' || c.is_ascii_digit()) {}
        }
        if self.accept(|c| c == 'e' || c == 'E') {
            self.accept(|c| c == '+' || c == '-');
            while self.accept(|c| c == '_' || c.is_ascii_digit()) {}
        }
        if self.peek().is_some_and(in_name) {
            while self.accept(in_name) {}
            let wrong = &self.text[start..self.at];
            return Err(self.since(start).error(format!("`{wrong}` is not a number")));
        }
        Ok(TokenKind::Number)
    }

    fn string(&mut self, quote: char) -> Result<String, ConditionError> {
        let start = self.at;
        self.next();
        let mut value = String::new();
        loop {
            let place = self.at;
            match self.next() {
                None | Some('\n') => {
                    self.at = place;
                    return Err(self.since(start).error("this string is never closed"));
                }
                Some(c) if c == quote => return Ok(value),
                Some('\\') => match self.escape(quote) {
                    Some(c) => value.push(c),
                    None => return Err(self.since(place).error("unknown escape in a string")),
                },
                Some('\r') => value.push('\n'),
                Some(c) => value.push(c),
            }
        }
    }

    fn escape(&mut self, quote: char) -> Option<char> {
        let (base, digits, first) = match self.next()? {
            'a' => return Some('\u{7}'),
            'b' => return Some('\u{8}'),
            'f' => return Some('\u{c}'),
            'n' => return Some('\n'),
            'r' => return Some('\r'),
            't' => return Some('\t'),
            'v' => return Some('\u{b}'),
            '\\' => return Some('\\'),
            'x' => (16, 2, 0),
            'u' => (16, 4, 0),
            'U' => (16, 8, 0),
            c @ '0'..='3' => (8, 2, c.to_digit(8)?),
            c => return (c == quote).then_some(quote),
        };
        let mut code = first;
        for _ in 0..digits {
            code = code
                .checked_mul(base)?
                .checked_add(self.next()?.to_digit(base)?)?;
        }
        // Half of a surrogate pair is no character.
        (code <= u32::from(char::MAX)).then(|| char::from_u32(code).unwrap_or(char::REPLACEMENT_CHARACTER))
    }
}
