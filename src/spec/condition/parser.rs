//! Tokens → [`Tree`], by precedence climbing.
//!
//! A chain of operators is a loop here; only brackets, prefixes, `?:` and `**` recurse, and they are counted.

use super::ConditionError;
use super::ast::{Binary, Constant, Loop, Node, NodeId, NodeKind, Tree, Unary};
use super::lexer::{Span, Token, TokenKind, WORDS, tokens};

/// How deeply brackets and the like may be nested.
const MAX_DEPTH: usize = 64;

/// Reads a condition.
pub(super) fn parse(text: &str) -> Result<Tree, ConditionError> {
    let mut parser = Parser {
        text,
        tokens: tokens(text)?,
        at: 0,
        nodes: Vec::new(),
        loops: Vec::new(),
        depth: 0,
    };
    if parser.at_end() {
        return Err(parser.span().error("the condition is empty"));
    }
    let root = parser.expression(0)?;
    if parser.at_end() {
        return Ok(Tree {
            nodes: parser.nodes,
            root,
        });
    }
    Err(parser.unexpected())
}

struct Parser<'a> {
    text: &'a str,
    /// Never empty: the last one is the end, and `at` never goes beyond it.
    tokens: Vec<Token>,
    at: usize,
    nodes: Vec<Node>,
    /// The lists of the loops around, innermost last.
    loops: Vec<NodeId>,
    depth: usize,
}

type Parsed = Result<NodeId, ConditionError>;

impl<'a> Parser<'a> {
    fn kind(&self) -> &TokenKind {
        self.tokens
            .get(self.at)
            .map_or(&TokenKind::End, |token| &token.kind)
    }

    fn span(&self) -> Span {
        let end = Span {
            offset: self.text.len(),
            length: 0,
        };
        self.tokens.get(self.at).map_or(end, |token| token.span)
    }

    fn spelling(&self, span: Span) -> &'a str {
        self.text
            .get(span.offset..span.offset + span.length)
            .unwrap_or_default()
    }

    fn at_end(&self) -> bool {
        *self.kind() == TokenKind::End
    }

    /// The operator or bracket ahead, or an empty text.
    fn symbol(&self) -> &'a str {
        if *self.kind() == TokenKind::Symbol {
            self.spelling(self.span())
        } else {
            ""
        }
    }

    fn advance(&mut self) -> Span {
        let span = self.span();
        self.at += 1;
        span
    }

    fn accept(&mut self, symbol: &str) -> bool {
        let yes = self.symbol() == symbol;
        if yes {
            self.at += 1;
        }
        yes
    }

    fn expect(&mut self, symbol: &str) -> Result<(), ConditionError> {
        if self.accept(symbol) {
            return Ok(());
        }
        let mut error = self.unexpected();
        if error.hint.is_none() {
            error.hint = Some(format!("`{symbol}` was expected here"));
        }
        Err(error)
    }

    fn unexpected(&self) -> ConditionError {
        let span = self.span();
        if self.at_end() {
            return span.error("the condition ends too early");
        }
        let spelling = self.spelling(span);
        let mut error = span.error(format!("unexpected `{spelling}`"));
        error.hint = match spelling {
            "=" => Some("did you mean `==`?".to_owned()),
            "&" => Some("did you mean `&&`?".to_owned()),
            "|" => Some("did you mean `||`?".to_owned()),
            "#" if self.loops.is_empty() => {
                Some("`#` is the element of a loop; a comment starts with `//`".to_owned())
            }
            _ => WORDS
                .iter()
                .find(|word| word.eq_ignore_ascii_case(spelling) && **word != spelling)
                .map(|word| format!("did you mean `{word}`?")),
        };
        error
    }

    fn push(&mut self, span: Span, kind: NodeKind) -> NodeId {
        self.nodes.push(Node { kind, span });
        self.nodes.len() - 1
    }

    fn literal(&mut self, span: Span, constant: Constant) -> NodeId {
        self.push(span, NodeKind::Literal(constant))
    }

    fn nested(&mut self, inner: impl FnOnce(&mut Self) -> Parsed) -> Parsed {
        if self.depth == MAX_DEPTH {
            return Err(self
                .span()
                .error(format!("nested more than {MAX_DEPTH} levels deep")));
        }
        self.depth += 1;
        let result = inner(self);
        self.depth -= 1;
        result
    }

    fn whole(&mut self) -> Parsed {
        self.nested(|parser| parser.expression(0))
    }

    /// The operator ahead if it binds at least as tightly as asked: its tokens, itself, its precedence, negated or not.
    fn operator(&self, least: u32) -> Option<(usize, Binary, u32, bool)> {
        let negated = self.symbol() == "not";
        let token = self.tokens.get(self.at + usize::from(negated))?;
        if token.kind != TokenKind::Symbol {
            return None;
        }
        let (operator, precedence) = Binary::spelled(self.spelling(token.span))?;
        (precedence >= least).then_some((1 + usize::from(negated), operator, precedence, negated))
    }

    fn expression(&mut self, least: u32) -> Parsed {
        let mut left = self.operand()?;
        let mut previous = None;
        while let Some((tokens, operator, precedence, negated)) = self.operator(least) {
            self.at += tokens - 1;
            let span = self.advance();
            if previous == Some(Binary::Coalesce) && operator != Binary::Coalesce {
                let mut error = span.error("`??` and another operator side by side are ambiguous");
                error.hint = Some("put parentheses around one of them".to_owned());
                return Err(error);
            }
            let right = if operator == Binary::Power {
                self.nested(|parser| parser.expression(precedence))?
            } else {
                self.expression(precedence + 1)?
            };
            left = self.push(span, NodeKind::Binary(operator, left, right));
            if negated {
                left = self.push(span, NodeKind::Unary(Unary::Not, left));
            }
            previous = Some(operator);
        }
        if least == 0 {
            self.conditional(left)
        } else {
            Ok(left)
        }
    }

    fn conditional(&mut self, condition: NodeId) -> Parsed {
        let span = self.span();
        if !self.accept("?") {
            return Ok(condition);
        }
        let yes = if self.accept(":") {
            condition
        } else {
            let yes = self.whole()?;
            self.expect(":")?;
            yes
        };
        let no = self.whole()?;
        Ok(self.push(span, NodeKind::Conditional { condition, yes, no }))
    }

    fn operand(&mut self) -> Parsed {
        let span = self.span();
        let prefix = match self.symbol() {
            "not" | "!" => Some((Unary::Not, 50)),
            "-" => Some((Unary::Minus, 90)),
            "+" => Some((Unary::Plus, 90)),
            _ => None,
        };
        if let Some((operator, precedence)) = prefix {
            self.advance();
            let inner = self.nested(|parser| parser.expression(precedence))?;
            let node = self.push(span, NodeKind::Unary(operator, inner));
            return self.postfix(node);
        }
        match (self.symbol(), self.loops.last().copied()) {
            ("(", _) => {
                self.advance();
                let inner = self.whole()?;
                self.expect(")")?;
                self.postfix(inner)
            }
            ("#" | ".", Some(list)) => {
                // In `.Limit` the dot belongs to the name that follows.
                self.accept("#");
                let node = self.push(span, NodeKind::Element(list));
                self.postfix(node)
            }
            ("[", _) => {
                let node = self.list()?;
                self.postfix(node)
            }
            ("{", _) => {
                let node = self.map()?;
                self.postfix(node)
            }
            _ => self.word(),
        }
    }

    fn word(&mut self) -> Parsed {
        let span = self.span();
        let spelling = self.spelling(span);
        match self.kind().clone() {
            TokenKind::Text(text) => {
                self.advance();
                Ok(self.literal(span, Constant::Text(text)))
            }
            TokenKind::Number => {
                self.advance();
                let constant =
                    number(spelling).ok_or_else(|| span.error(format!("`{spelling}` is not a number")))?;
                Ok(self.literal(span, constant))
            }
            TokenKind::Name => {
                self.advance();
                match spelling {
                    "true" => Ok(self.literal(span, Constant::Bool(true))),
                    "false" => Ok(self.literal(span, Constant::Bool(false))),
                    "nil" => Ok(self.push(span, NodeKind::Nil)),
                    name => {
                        let node = self.named(span, name)?;
                        self.postfix(node)
                    }
                }
            }
            TokenKind::Symbol | TokenKind::End => Err(self.unexpected()),
        }
    }

    fn named(&mut self, span: Span, name: &str) -> Parsed {
        if self.symbol() != "(" {
            return Ok(self.push(span, NodeKind::Name(name.to_owned())));
        }
        let Some(kind) = Loop::named(name) else {
            let args = self.arguments()?;
            return Ok(self.push(
                span,
                NodeKind::Call {
                    name: name.to_owned(),
                    args,
                },
            ));
        };
        self.advance();
        let list = self.whole()?;
        self.expect(",")?;
        let braces = self.accept("{");
        self.loops.push(list);
        let body = self.whole();
        self.loops.pop();
        let body = body?;
        if braces {
            self.expect("}")?;
        }
        self.expect(")")?;
        Ok(self.push(span, NodeKind::Loop { kind, list, body }))
    }

    fn arguments(&mut self) -> Result<Vec<NodeId>, ConditionError> {
        self.expect("(")?;
        let mut args = Vec::new();
        while !self.accept(")") {
            if !args.is_empty() {
                self.expect(",")?;
            }
            args.push(self.whole()?);
        }
        Ok(args)
    }

    fn list(&mut self) -> Parsed {
        let span = self.advance();
        let mut items = Vec::new();
        while !self.accept("]") {
            if !items.is_empty() {
                self.expect(",")?;
                if self.accept("]") {
                    break;
                }
            }
            items.push(self.whole()?);
        }
        Ok(self.push(span, NodeKind::List(items)))
    }

    fn map(&mut self) -> Parsed {
        let span = self.advance();
        let mut pairs = Vec::new();
        while !self.accept("}") {
            if !pairs.is_empty() {
                self.expect(",")?;
                if self.accept("}") {
                    break;
                }
            }
            let key = self.map_key()?;
            self.expect(":")?;
            pairs.push((key, self.whole()?));
        }
        Ok(self.push(span, NodeKind::Map(pairs)))
    }

    fn map_key(&mut self) -> Parsed {
        let span = self.span();
        let text = match self.kind() {
            TokenKind::Text(text) => text.clone(),
            TokenKind::Number | TokenKind::Name => self.spelling(span).to_owned(),
            TokenKind::Symbol if self.symbol() == "(" => return self.whole(),
            TokenKind::Symbol | TokenKind::End => return Err(self.unexpected()),
        };
        self.advance();
        Ok(self.literal(span, Constant::Text(text)))
    }

    fn postfix(&mut self, mut node: NodeId) -> Parsed {
        loop {
            node = match self.symbol() {
                "." | "?." => self.property(node)?,
                "[" => self.subscript(node)?,
                _ => return Ok(node),
            };
        }
    }

    fn property(&mut self, base: NodeId) -> Parsed {
        let optional = self.symbol() == "?.";
        self.advance();
        let span = self.span();
        let name = self.spelling(span);
        if *self.kind() != TokenKind::Name && !WORDS.contains(&name) {
            return Err(span.error("a name was expected after the dot"));
        }
        self.advance();
        let (chained, base) = if let NodeKind::Chain(inner) = self.nodes[base].kind {
            (true, inner)
        } else {
            (false, base)
        };
        let node = if self.symbol() == "(" {
            let args = self.arguments()?;
            self.push(
                span,
                NodeKind::MethodCall {
                    base,
                    name: name.to_owned(),
                    args,
                },
            )
        } else {
            let key = self.literal(span, Constant::Text(name.to_owned()));
            self.push(span, NodeKind::Member { base, key, optional })
        };
        Ok(if chained || optional {
            self.push(span, NodeKind::Chain(node))
        } else {
            node
        })
    }

    fn subscript(&mut self, base: NodeId) -> Parsed {
        let span = self.advance();
        let from = if self.symbol() == ":" {
            None
        } else {
            Some(self.whole()?)
        };
        if let (Some(key), false) = (from, self.symbol() == ":") {
            self.expect("]")?;
            return Ok(self.push(
                span,
                NodeKind::Member {
                    base,
                    key,
                    optional: false,
                },
            ));
        }
        self.expect(":")?;
        let to = if self.symbol() == "]" {
            None
        } else {
            Some(self.whole()?)
        };
        self.expect("]")?;
        Ok(self.push(span, NodeKind::Slice { base, from, to }))
    }
}

fn number(spelling: &str) -> Option<Constant> {
    let digits = spelling.replace('_', "");
    if let Some(hex) = digits.strip_prefix("0x") {
        return i64::from_str_radix(hex, 16).ok().map(Constant::Int);
    }
    if digits.contains(['.', 'e', 'E']) {
        let value: f64 = digits.parse().ok()?;
        return value.is_finite().then_some(Constant::Float(value));
    }
    digits.parse().ok().map(Constant::Int)
}
