//! Tokens to a tree. All names of functions and variables are checked here.

use std::collections::HashMap;

use super::Functions;
use super::ast::{Base, Branch, Command, Node, Operand, Pipe};
use super::error::Fault;
use super::functions;
use super::lex::{Kind, Token, lex};
use super::value::Value;
use crate::diagnostic::did_you_mean;

/// Levels of blocks and parentheses.
const DEPTH: usize = 64;
const KEYWORDS: &[&str] = &[
    "if", "else", "end", "range", "with", "define", "block", "template", "break", "continue",
];

type Parsed = (Vec<Node>, HashMap<String, Vec<Node>>);

pub(super) fn parse(text: &str, functions: Functions) -> Result<Parsed, Fault> {
    let mut parser = Parser {
        tokens: lex(text)?,
        next: 0,
        end: text.len(),
        functions,
        variables: vec!["$".to_owned()],
        depth: 0,
        loops: 0,
        defined: HashMap::new(),
        called: Vec::new(),
    };
    let (body, stop) = parser.list()?;
    if let Some((word, at)) = stop {
        return Err(Fault::new(
            at,
            format!("`{word}` without a block that it belongs to"),
        ));
    }
    for (name, at) in &parser.called {
        if !parser.defined.contains_key(name) {
            let meant = did_you_mean(name, parser.defined.keys().map(String::as_str));
            let fault = Fault::new(*at, format!("there is no template `{name}`"));
            return Err(fault.hint(meant.map(|meant| format!("did you mean `{meant}`?"))));
        }
    }
    Ok((body, parser.defined))
}

struct Parser {
    tokens: Vec<Token>,
    next: usize,
    end: usize,
    functions: Functions,
    variables: Vec<String>,
    depth: usize,
    /// How many `range` are open.
    loops: usize,
    defined: HashMap<String, Vec<Node>>,
    called: Vec<(String, usize)>,
}

/// `else` or `end`, which end a list, and where.
type Stop = Option<(String, usize)>;

impl Parser {
    fn peek(&self) -> Option<&Kind> {
        self.tokens.get(self.next).map(|token| &token.kind)
    }

    fn at(&self) -> usize {
        self.tokens.get(self.next).map_or(self.end, |token| token.at)
    }

    fn is_spaced(&self) -> bool {
        self.tokens.get(self.next).is_none_or(|token| token.spaced)
    }

    fn eat(&mut self, kind: &Kind) -> bool {
        let found = self.peek() == Some(kind);
        self.next += usize::from(found);
        found
    }

    fn eat_word(&mut self, wanted: &str) -> bool {
        let found = matches!(self.peek(), Some(Kind::Word(word)) if word == wanted);
        self.next += usize::from(found);
        found
    }

    fn close(&mut self) -> Result<(), Fault> {
        if self.eat(&Kind::Close) {
            Ok(())
        } else {
            Err(self.unexpected("`}}`"))
        }
    }

    fn unexpected(&self, wanted: &str) -> Fault {
        let found = match self.peek() {
            None => "the end of the template".to_owned(),
            Some(Kind::Close) => "`}}`".to_owned(),
            Some(Kind::Word(word) | Kind::Variable(word)) => format!("`{word}`"),
            Some(Kind::Field(name)) => format!("`.{name}`"),
            Some(Kind::Sign(':')) => "`:=`".to_owned(),
            Some(Kind::Sign(sign)) => format!("`{sign}`"),
            Some(Kind::Dot) => "`.`".to_owned(),
            Some(Kind::Quoted(_) | Kind::Int(_) | Kind::Float(_)) => "a constant".to_owned(),
            Some(Kind::Text(_) | Kind::Open) => "text".to_owned(),
        };
        Fault::new(self.at(), format!("expected {wanted}, found {found}"))
    }

    fn enter(&mut self) -> Result<(), Fault> {
        self.depth += 1;
        if self.depth > DEPTH {
            return Err(Fault::new(
                self.at(),
                format!("nested more than {DEPTH} levels deep"),
            ));
        }
        Ok(())
    }

    /// Nodes up to the end, `{{else` or `{{end`.
    fn list(&mut self) -> Result<(Vec<Node>, Stop), Fault> {
        self.enter()?;
        let mut nodes = Vec::new();
        while let Some(token) = self.tokens.get(self.next).cloned() {
            self.next += 1;
            if let Kind::Text(text) = token.kind {
                nodes.push(Node::Text(text));
                continue;
            }
            if let Some(Kind::Word(word)) = self.peek().cloned() {
                if matches!(word.as_str(), "else" | "end") {
                    self.next += 1;
                    self.depth -= 1;
                    return Ok((nodes, Some((word, token.at))));
                }
                if KEYWORDS.contains(&word.as_str()) {
                    self.next += 1;
                    nodes.extend(self.keyword(&word, token.at)?);
                    continue;
                }
            }
            let pipe = self.pipe(true)?;
            self.close()?;
            nodes.push(Node::Action(pipe));
        }
        self.depth -= 1;
        Ok((nodes, None))
    }

    fn keyword(&mut self, word: &str, at: usize) -> Result<Option<Node>, Fault> {
        Ok(match word {
            "if" => Some(Node::If(self.branch("if", at)?)),
            "with" => Some(Node::With(self.branch("with", at)?)),
            "range" => Some(Node::Range(self.branch("range", at)?)),
            "break" | "continue" => {
                self.close()?;
                if self.loops == 0 {
                    return Err(Fault::new(at, format!("`{word}` outside of `range`")));
                }
                Some(if word == "break" {
                    Node::Break
                } else {
                    Node::Continue
                })
            }
            "define" => {
                self.define(at)?;
                None
            }
            "block" => {
                let (name, data) = self.define(at)?;
                Some(Node::Call { name, data, at })
            }
            _ => {
                let name = self.name()?;
                let data = if self.peek() == Some(&Kind::Close) {
                    None
                } else {
                    Some(self.pipe(false)?)
                };
                self.close()?;
                self.called.push((name.clone(), at));
                Some(Node::Call { name, data, at })
            }
        })
    }

    fn name(&mut self) -> Result<String, Fault> {
        match self.peek().cloned() {
            Some(Kind::Quoted(name)) => {
                self.next += 1;
                Ok(name)
            }
            _ => Err(self.unexpected("the name of a template in quotes")),
        }
    }

    /// `define "name"` or `block "name" pipe`, to its end.
    fn define(&mut self, at: usize) -> Result<(String, Option<Pipe>), Fault> {
        let name = self.name()?;
        let data = if self.peek() == Some(&Kind::Close) {
            None
        } else {
            Some(self.pipe(false)?)
        };
        self.close()?;
        let variables = std::mem::replace(&mut self.variables, vec!["$".to_owned()]);
        let loops = std::mem::take(&mut self.loops);
        let (body, stop) = self.list()?;
        self.end_of(stop, "define", at)?;
        self.variables = variables;
        self.loops = loops;
        self.defined.insert(name.clone(), body);
        Ok((name, data))
    }

    fn end_of(&mut self, stop: Stop, word: &str, at: usize) -> Result<(), Fault> {
        match stop {
            Some((end, _)) if end == "end" => self.close(),
            Some((other, at)) => Err(Fault::new(at, format!("`{other}` does not belong in `{word}`"))),
            None => Err(Fault::new(at, format!("`{word}` has no `{{{{end}}}}`"))),
        }
    }

    /// What follows `if`, `with` and `range`, to the end.
    fn branch(&mut self, word: &str, at: usize) -> Result<Branch, Fault> {
        let scope = self.variables.len();
        let pipe = self.pipe_of(true, word == "range")?;
        self.close()?;
        self.loops += usize::from(word == "range");
        let (body, stop) = self.list()?;
        self.loops -= usize::from(word == "range");
        let otherwise = match stop {
            Some((stop, at)) if stop == "else" => self.otherwise(word, at)?,
            stop => {
                self.end_of(stop, word, at)?;
                Vec::new()
            }
        };
        self.variables.truncate(scope);
        Ok(Branch {
            pipe,
            body,
            otherwise,
        })
    }

    fn otherwise(&mut self, word: &str, at: usize) -> Result<Vec<Node>, Fault> {
        // `{{else if}}` is an `if` inside that shares the `end`.
        for (chained, of) in [("if", "if"), ("with", "with")] {
            if word == of && self.eat_word(chained) {
                self.enter()?;
                let branch = self.branch(chained, at)?;
                self.depth -= 1;
                return Ok(vec![if chained == "if" {
                    Node::If(branch)
                } else {
                    Node::With(branch)
                }]);
            }
        }
        self.close()?;
        let (body, stop) = self.list()?;
        self.end_of(stop, "else", at)?;
        Ok(body)
    }

    fn pipe(&mut self, declares: bool) -> Result<Pipe, Fault> {
        self.pipe_of(declares, false)
    }

    fn pipe_of(&mut self, declares: bool, range: bool) -> Result<Pipe, Fault> {
        let at = self.at();
        let (variables, assigns) = if declares {
            self.declaration(range)?
        } else {
            (Vec::new(), false)
        };
        let mut commands = vec![self.command(false)?];
        while self.eat(&Kind::Sign('|')) {
            commands.push(self.command(true)?);
        }
        if !assigns {
            self.variables.extend(variables.iter().cloned());
        }
        Ok(Pipe {
            variables,
            assigns,
            commands,
            at,
        })
    }

    /// `$x :=`, `$x =` or, in a range, `$i, $x :=`.
    fn declaration(&mut self, range: bool) -> Result<(Vec<String>, bool), Fault> {
        let start = self.next;
        let mut names = Vec::new();
        while let Some(Kind::Variable(name)) = self.peek().cloned() {
            self.next += 1;
            names.push(name);
            if !(range && names.len() < 2 && self.eat(&Kind::Sign(','))) {
                break;
            }
        }
        let declares = !names.is_empty() && self.eat(&Kind::Sign(':'));
        if !declares && (names.is_empty() || !self.eat(&Kind::Sign('='))) {
            self.next = start;
            return Ok((Vec::new(), false));
        }
        if let (false, Some(unknown)) = (
            declares,
            names.iter().find(|name| !self.variables.contains(*name)),
        ) {
            return Err(Fault::new(self.at(), format!("there is no variable `{unknown}`")));
        }
        Ok((names, !declares))
    }

    fn command(&mut self, is_piped: bool) -> Result<Command, Fault> {
        let at = self.at();
        let head = self.operand()?;
        let mut arguments = Vec::new();
        while !matches!(self.peek(), None | Some(Kind::Close | Kind::Sign('|' | ')'))) {
            if !self.is_spaced() {
                return Err(self.unexpected("a blank between arguments"));
            }
            arguments.push(self.operand()?);
        }
        let given = arguments.len() + usize::from(is_piped);
        if matches!(head.base, Base::Constant(Value::Nil)) {
            return Err(Fault::new(at, "`nil` alone is no command"));
        }
        match &head.base {
            Base::Function(function) if head.fields.is_empty() => {
                function.takes(given).map_err(|what| Fault::new(at, what))?;
            }
            // Methods of times have arguments.
            _ if given > 0 && head.fields.is_empty() => {
                return Err(Fault::new(
                    at,
                    "only functions take arguments, and only they can follow `|`",
                ));
            }
            Base::Dot | Base::Constant(_) | Base::Variable(_) | Base::Function(_) | Base::Pipe(_) => {}
        }
        Ok(Command { head, arguments })
    }

    fn operand(&mut self) -> Result<Operand, Fault> {
        let at = self.at();
        let (base, first) = self.base()?;
        let mut fields: Vec<String> = first.into_iter().collect();
        while let (false, Some(Kind::Field(name))) = (self.is_spaced(), self.peek().cloned()) {
            self.next += 1;
            fields.push(name);
        }
        if let (Base::Constant(_), false) = (&base, fields.is_empty()) {
            return Err(Fault::new(at, "a constant has no fields"));
        }
        Ok(Operand { base, fields, at })
    }

    /// Where an operand begins, with its field when it is `.name`.
    fn base(&mut self) -> Result<(Base, Option<String>), Fault> {
        let at = self.at();
        let kind = self.peek().cloned();
        self.next += 1;
        let base = match kind {
            Some(Kind::Dot) => Base::Dot,
            Some(Kind::Field(name)) => return Ok((Base::Dot, Some(name))),
            Some(Kind::Variable(name)) => {
                if !self.variables.contains(&name) {
                    let meant = did_you_mean(&name, self.variables.iter().map(String::as_str));
                    let hint = meant.map(|meant| format!("did you mean `{meant}`?"));
                    return Err(Fault::new(at, format!("there is no variable `{name}`")).hint(hint));
                }
                Base::Variable(name)
            }
            Some(Kind::Quoted(text)) => Base::Constant(text.into()),
            Some(Kind::Int(value)) => Base::Constant(Value::Int(value)),
            Some(Kind::Float(value)) => Base::Constant(Value::Float(value)),
            Some(Kind::Word(word)) => self.word(&word, at)?,
            Some(Kind::Sign('(')) => {
                self.enter()?;
                let pipe = self.pipe(true)?;
                if !self.eat(&Kind::Sign(')')) {
                    return Err(self.unexpected("`)`"));
                }
                self.depth -= 1;
                Base::Pipe(Box::new(pipe))
            }
            Some(Kind::Text(_) | Kind::Open | Kind::Close | Kind::Sign(_)) | None => {
                self.next -= 1;
                return Err(self.unexpected("a value"));
            }
        };
        Ok((base, None))
    }

    fn word(&self, word: &str, at: usize) -> Result<Base, Fault> {
        match word {
            "true" | "false" => return Ok(Base::Constant(Value::Bool(word == "true"))),
            "nil" => return Ok(Base::Constant(Value::Nil)),
            _ if KEYWORDS.contains(&word) => {
                return Err(Fault::new(at, format!("`{word}` is out of place here")));
            }
            _ => {}
        }
        let found = functions::find(word, self.functions);
        found.map(Base::Function).ok_or_else(|| {
            let known = functions::names(self.functions);
            let meant = || did_you_mean(word, known).map(|meant| format!("did you mean `{meant}`?"));
            let hint = functions::hint(word, self.functions).or_else(meant);
            Fault::new(at, format!("there is no function `{word}`")).hint(hint)
        })
    }
}
