//! The evaluation of a checked [`Tree`] over [`Facts`].
//!
//! Chains of operators are a loop; the stack is used for brackets and right-hand sides only, whose depth the parser
//! limits. Every operation counts as a step, and steps are limited.

#![expect(
    clippy::wildcard_enum_match_arm,
    reason = "an operation takes few kinds of values and refuses all others"
)]

use std::borrow::Cow;
use std::collections::BTreeMap;
use std::rc::Rc;

use super::ConditionError;
use super::ast::{Binary, Constant, Loop, NodeId, NodeKind, Tree, Unary};
use super::facts::Facts;
use super::lexer::Span;
use super::methods;
use super::operations::{arithmetic, integer, real, whole_operands};
use super::pattern::pattern;
use super::value::{List, Map, Object, Value};

/// How many operations one evaluation may take.
const MAX_STEPS: usize = 100_000;
/// How many elements a range may have.
const MAX_RANGE: usize = 10_000;
/// What compiling a pattern costs, in steps.
const PATTERN_STEPS: usize = 1_000;
/// How many bytes of text are searched in one step.
pub(super) const BYTES_PER_STEP: usize = 64;

/// Evaluates a checked tree.
pub(super) fn evaluate(tree: &Tree, facts: &Facts) -> Result<bool, ConditionError> {
    let mut evaluation = Evaluation {
        tree,
        facts,
        elements: Vec::new(),
        steps: 0,
    };
    match evaluation.value(tree.root)? {
        Value::Bool(value) => Ok(value),
        other => {
            let span = evaluation.span(tree.root);
            Err(span.error(format!(
                "a condition must give true or false, not {}",
                other.noun()
            )))
        }
    }
}

/// An evaluation under way.
pub(super) struct Evaluation<'a> {
    tree: &'a Tree,
    facts: &'a Facts,
    /// The elements of the loops around, innermost last.
    elements: Vec<Value<'a>>,
    steps: usize,
}

/// A value, or why there is none.
pub(super) type Evaluated<'a> = Result<Value<'a>, ConditionError>;

/// What an operation on its first part leads to.
enum Flow<'a> {
    On(Value<'a>),
    /// `?.` found nil: the chain around it is nil.
    Nil,
}

impl<'a> Evaluation<'a> {
    pub(super) fn span(&self, id: NodeId) -> Span {
        self.tree.nodes[id].span
    }

    fn kind(&self, id: NodeId) -> &'a NodeKind {
        &self.tree.nodes[id].kind
    }

    pub(super) fn step(&mut self, id: NodeId, steps: usize) -> Result<(), ConditionError> {
        self.steps += steps;
        if self.steps > MAX_STEPS {
            return Err(self
                .span(id)
                .error(format!("the condition takes more than {MAX_STEPS} steps")));
        }
        Ok(())
    }

    pub(super) fn value(&mut self, id: NodeId) -> Evaluated<'a> {
        let mut rest = Vec::new();
        let mut at = id;
        while let Some(part) = self.kind(at).first_part() {
            rest.push(at);
            at = part;
        }
        self.step(at, 1)?;
        let mut value = self.first(at)?;
        while let Some(at) = rest.pop() {
            self.step(at, 1)?;
            value = match self.apply(at, value)? {
                Flow::On(value) => value,
                Flow::Nil => {
                    while let Some(skipped) = rest.pop() {
                        if matches!(self.kind(skipped), NodeKind::Chain(_)) {
                            break;
                        }
                    }
                    Value::Nil
                }
            };
        }
        Ok(value)
    }

    fn flag(&mut self, id: NodeId) -> Result<bool, ConditionError> {
        let value = self.value(id)?;
        self.as_flag(id, &value)
    }

    fn as_flag(&self, id: NodeId, value: &Value<'a>) -> Result<bool, ConditionError> {
        if let Value::Bool(value) = value {
            return Ok(*value);
        }
        Err(self
            .span(id)
            .error(format!("true or false is needed here, not {}", value.noun())))
    }

    /// Evaluates a node that does not start with another one.
    fn first(&mut self, id: NodeId) -> Evaluated<'a> {
        match self.kind(id) {
            NodeKind::Literal(constant) | NodeKind::Folded(constant, _) => Ok(match constant {
                Constant::Bool(value) => Value::Bool(*value),
                Constant::Int(value) => Value::Int(*value),
                Constant::Float(value) => Value::Float(*value),
                Constant::Text(text) => Value::Text(Cow::Borrowed(text)),
            }),
            NodeKind::Name(name) if name == "Result" => Ok(Value::Object(Object::Result(&self.facts.result))),
            NodeKind::Name(_) => Ok(Value::List(List::Tasks(&self.facts.spec))),
            NodeKind::Element(_) => Ok(self.elements.last().cloned().unwrap_or(Value::Nil)),
            NodeKind::Call { name, args } => self.call(id, name, args),
            NodeKind::Loop { kind, list, body } => self.run_loop(*kind, *list, *body),
            NodeKind::Conditional { condition, yes, no } => {
                let chosen = if self.flag(*condition)? { yes } else { no };
                self.value(*chosen)
            }
            NodeKind::List(items) => {
                let items: Result<Vec<_>, _> = items.iter().map(|item| self.value(*item)).collect();
                Ok(Value::List(List::Made(items?.into())))
            }
            NodeKind::Map(pairs) => self.map(pairs),
            // The remaining kinds start with another node.
            _ => Ok(Value::Nil),
        }
    }

    fn map(&mut self, pairs: &'a [(NodeId, NodeId)]) -> Evaluated<'a> {
        let mut map = BTreeMap::new();
        for (key, value) in pairs {
            let name = self.value(*key)?;
            let Value::Text(name) = name else {
                return Err(self
                    .span(*key)
                    .error(format!("a key of a map is text, not {}", name.noun())));
            };
            let value = self.value(*value)?;
            map.entry(name).or_insert(value);
        }
        Ok(Value::Map(Map::Made(Rc::new(map))))
    }

    fn call(&mut self, id: NodeId, name: &str, args: &'a [NodeId]) -> Evaluated<'a> {
        let Some(argument) = args.first() else {
            return Ok(Value::Bool(match name {
                "Completed" => self.facts.completed,
                "NoFailure" => self.facts.no_failure,
                _ => self.facts.slos,
            }));
        };
        let value = self.value(*argument)?;
        let result = match (name, &value) {
            ("len", Value::List(list)) => length(list.len()),
            ("len", Value::Map(map)) => length(map.len()),
            ("len", Value::Text(text)) => length(text.len()),
            ("len", Value::MetricKind(text)) => length(text.len()),
            ("abs", Value::Int(number)) => Some(Value::Int(number.wrapping_abs())),
            ("abs", Value::Long(number)) => Some(Value::Long(number.wrapping_abs())),
            ("abs", Value::Float(number)) => Some(Value::Float(number.abs())),
            ("int", value) => integer(value).map(Value::Int),
            ("float", value) => real(value).map(Value::Float),
            _ => None,
        };
        result.ok_or_else(|| {
            self.span(id)
                .error(format!("`{name}` does not take {}", value.noun()))
        })
    }

    fn run_loop(&mut self, kind: Loop, list: NodeId, body: NodeId) -> Evaluated<'a> {
        let value = self.value(list)?;
        let Value::List(items) = value else {
            return Err(self.span(list).error(format!("{} is not a list", value.noun())));
        };
        let mut made = Vec::new();
        let mut hits = 0;
        for index in 0..items.len() {
            let element = items.get(index).unwrap_or(Value::Nil);
            self.elements.push(element.clone());
            let result = self.value(body);
            self.elements.pop();
            let result = result?;
            if kind == Loop::Map {
                made.push(result);
                continue;
            }
            let hit = self.as_flag(body, &result)?;
            match kind {
                Loop::All if !hit => return Ok(Value::Bool(false)),
                Loop::None if hit => return Ok(Value::Bool(false)),
                Loop::Any if hit => return Ok(Value::Bool(true)),
                Loop::Filter if hit => made.push(element),
                _ => hits += i64::from(hit),
            }
        }
        Ok(match kind {
            Loop::All | Loop::None => Value::Bool(true),
            Loop::Any => Value::Bool(false),
            Loop::One => Value::Bool(hits == 1),
            Loop::Count => Value::Int(hits),
            Loop::Filter | Loop::Map => Value::List(List::Made(made.into())),
        })
    }

    /// Continues from the value of the first part of a node.
    fn apply(&mut self, id: NodeId, value: Value<'a>) -> Result<Flow<'a>, ConditionError> {
        let result = match self.kind(id) {
            NodeKind::Unary(operator, part) => self.unary(id, *operator, *part, value)?,
            NodeKind::Binary(operator, left, right) => self.binary(id, *operator, *left, *right, value)?,
            NodeKind::Member { optional: true, .. } if value.is_nil() => return Ok(Flow::Nil),
            NodeKind::Member { key, .. } => self.member(id, &value, *key)?,
            NodeKind::Slice { from, to, .. } => self.slice(id, &value, *from, *to)?,
            NodeKind::MethodCall { name, args, .. } => {
                let args: Result<Vec<_>, _> = args.iter().map(|arg| self.value(*arg)).collect();
                methods::call(&value, name, &args?).map_err(|message| self.span(id).error(message))?
            }
            NodeKind::EqualInts(_, right) => {
                let right = self.value(*right)?;
                let (Value::Int(l), Value::Int(r)) = (&value, &right) else {
                    return Err(self.refuse(id, "compare", &value, &right));
                };
                Value::Bool(l == r)
            }
            NodeKind::EqualTexts(_, right) => {
                let right = self.value(*right)?;
                let (Value::Text(l), Value::Text(r)) = (&value, &right) else {
                    return Err(self.refuse(id, "compare", &value, &right));
                };
                Value::Bool(l == r)
            }
            NodeKind::MatchesPattern(left, regex) => {
                let text = self.text(*left, &value)?;
                self.step(id, text.len() / BYTES_PER_STEP)?;
                Value::Bool(regex.is_match(text))
            }
            NodeKind::InInts(left, ints) => match value {
                Value::Int(value) => Value::Bool(ints.contains(&value)),
                other => return Err(self.needed(*left, "a whole number", &other)),
            },
            NodeKind::InTexts(left, texts) => {
                let text = if value.is_nil() {
                    ""
                } else {
                    self.text(*left, &value)?
                };
                Value::Bool(texts.iter().any(|candidate| candidate == text))
            }
            NodeKind::InRange(left, first, last) => Value::Bool(match value {
                Value::Int(value) | Value::Long(value) => (*first..=*last).contains(&value),
                Value::Float(value) => *first as f64 <= value && value <= *last as f64,
                other => return Err(self.needed(*left, "a number", &other)),
            }),
            // What remains is the value of its part.
            _ => value,
        };
        Ok(Flow::On(result))
    }

    pub(super) fn needed(&self, id: NodeId, wanted: &str, found: &Value<'a>) -> ConditionError {
        self.span(id)
            .error(format!("{wanted} is needed here, not {}", found.noun()))
    }

    fn refuse(&self, id: NodeId, verb: &str, l: &Value<'a>, r: &Value<'a>) -> ConditionError {
        self.span(id)
            .error(format!("cannot {verb} {} with {}", l.noun(), r.noun()))
    }

    fn text<'v>(&self, id: NodeId, value: &'v Value<'a>) -> Result<&'v str, ConditionError> {
        if let Value::Text(text) = value {
            Ok(text)
        } else {
            Err(self.needed(id, "text", value))
        }
    }

    fn unary(&self, id: NodeId, operator: Unary, part: NodeId, value: Value<'a>) -> Evaluated<'a> {
        Ok(match (operator, value) {
            (Unary::Not, value) => Value::Bool(!self.as_flag(part, &value)?),
            (Unary::Plus, value) => value,
            (Unary::Minus, Value::Int(number)) => Value::Int(number.wrapping_neg()),
            (Unary::Minus, Value::Long(number)) => Value::Long(number.wrapping_neg()),
            (Unary::Minus, Value::Float(number)) => Value::Float(-number),
            (Unary::Minus, other) => return Err(self.needed(id, "a number", &other)),
        })
    }

    fn binary(
        &mut self,
        id: NodeId,
        operator: Binary,
        left: NodeId,
        right: NodeId,
        l: Value<'a>,
    ) -> Evaluated<'a> {
        match operator {
            Binary::And | Binary::Or => {
                let decided = self.as_flag(left, &l)? == (operator == Binary::Or);
                return if decided { Ok(l) } else { self.value(right) };
            }
            Binary::Coalesce => return if l.is_nil() { self.value(right) } else { Ok(l) },
            _ => {}
        }
        let r = self.value(right)?;
        match operator {
            Binary::Equal => self.equal(id, &l, &r).map(Value::Bool),
            Binary::NotEqual => self.equal(id, &l, &r).map(|equal| Value::Bool(!equal)),
            Binary::In => self.contained(id, &l, &r).map(Value::Bool),
            Binary::Range => self.range(id, &l, &r),
            Binary::Matches | Binary::Contains | Binary::StartsWith | Binary::EndsWith => {
                let (text, part) = (self.text(left, &l)?, self.text(right, &r)?);
                self.step(id, text.len() / BYTES_PER_STEP)?;
                Ok(Value::Bool(match operator {
                    Binary::Contains => text.contains(part),
                    Binary::StartsWith => text.starts_with(part),
                    Binary::EndsWith => text.ends_with(part),
                    _ => {
                        self.step(id, PATTERN_STEPS)?;
                        let regex = pattern(part).map_err(|message| self.span(right).error(message))?;
                        regex.is_match(text)
                    }
                }))
            }
            _ => {
                if operator == Binary::Remainder && whole_operands(&l, &r).is_some_and(|(_, r)| r == 0) {
                    return Err(self.span(id).error("integer divide by zero"));
                }
                let result =
                    arithmetic(operator, &l, &r).ok_or_else(|| self.refuse(id, "combine", &l, &r))?;
                if let Value::Text(text) = &result {
                    self.step(id, text.len() / BYTES_PER_STEP)?;
                }
                Ok(result)
            }
        }
    }

    fn range(&self, id: NodeId, first: &Value<'a>, last: &Value<'a>) -> Evaluated<'a> {
        let (Some(first), Some(last)) = (integer(first), integer(last)) else {
            return Err(self.refuse(id, "make a range of", first, last));
        };
        let length = i128::from(last) - i128::from(first) + 1;
        match usize::try_from(length.max(0)) {
            Ok(length) if length <= MAX_RANGE => Ok(Value::List(List::Range { first, length })),
            _ => Err(self
                .span(id)
                .error(format!("a range of more than {MAX_RANGE} elements"))),
        }
    }
}

fn length<'a>(length: usize) -> Option<Value<'a>> {
    i64::try_from(length).ok().map(Value::Int)
}
