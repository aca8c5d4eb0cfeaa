//! Rendering: the tree and data to text. Steps, time, depth and length are bounded.

use std::collections::HashMap;
use std::sync::Arc;

use super::Absent;
use super::ast::{Base, Branch, Command, Node, Operand, Pipe};
use super::budget::Patience;
use super::error::Fault;
use super::format;
use super::functions::{Context, Run as RunFunction};
use super::layout;
use super::random::Random;
use super::value::Value;
use crate::diagnostic::did_you_mean;

/// Nodes and operands that one rendering evaluates.
const STEPS: u32 = 1_000_000;
/// Blocks, templates and parentheses inside each other.
const DEPTH: u32 = 200;
/// Arguments of a function beyond which it is charged for reading lists and maps.
const FEW: usize = 4;
/// Bytes of a rendered text.
const LONGEST: usize = 16 << 20;
/// Functions whose first argument is a map that they change.
const CHANGING: &[&str] = &["set", "unset", "merge", "mergeOverwrite"];

pub(super) fn run(
    body: &[Node],
    defined: &HashMap<String, Vec<Node>>,
    data: &Value,
    absent: Absent,
    (random, patience): (&mut Random, Patience),
) -> Result<String, Fault> {
    let mut run = Run {
        defined,
        absent,
        out: String::new(),
        variables: vec![("$".to_owned(), data.clone())],
        steps: 0,
        depth: 0,
        context: Context { random, patience },
    };
    run.list(body, data)?;
    Ok(run.out)
}

struct Run<'a> {
    defined: &'a HashMap<String, Vec<Node>>,
    absent: Absent,
    out: String,
    variables: Vec<(String, Value)>,
    steps: u32,
    depth: u32,
    context: Context<'a>,
}

/// How a list of nodes ended.
#[derive(PartialEq)]
enum Flow {
    Next,
    Break,
    Continue,
}

impl Run<'_> {
    fn step(&mut self, at: usize) -> Result<(), Fault> {
        self.charge(at, 1)
    }

    fn charge(&mut self, at: usize, effort: usize) -> Result<(), Fault> {
        self.steps = self
            .steps
            .saturating_add(u32::try_from(effort).unwrap_or(u32::MAX));
        if self.steps > STEPS {
            return Err(Fault::new(
                at,
                format!("the template takes more than {STEPS} steps"),
            ));
        }
        self.context.in_time().map_err(|what| Fault::new(at, what))
    }

    fn list(&mut self, nodes: &[Node], dot: &Value) -> Result<Flow, Fault> {
        for node in nodes {
            let flow = self.node(node, dot)?;
            if flow != Flow::Next {
                return Ok(flow);
            }
        }
        Ok(Flow::Next)
    }

    fn node(&mut self, node: &Node, dot: &Value) -> Result<Flow, Fault> {
        self.step(0)?;
        match node {
            Node::Text(text) => self.write(0, |out| out.push_str(text))?,
            Node::Action(pipe) => {
                let value = self.pipe(pipe, dot)?;
                if pipe.variables.is_empty() {
                    if matches!(value, Value::Nil) && self.absent == Absent::Refused {
                        let hint = "check its name, or give it a value with `default`".to_owned();
                        let of = pipe
                            .name()
                            .map_or_else(String::new, |name| format!(" for `{name}`"));
                        return Err(
                            Fault::new(pipe.at, format!("there is no value to print{of}")).hint(Some(hint))
                        );
                    }
                    self.write(pipe.at, |out| format::print(&value, out))?;
                }
            }
            Node::If(branch) => return self.scoped(branch.pipe.at, |run| run.choose(branch, dot, false)),
            Node::With(branch) => return self.scoped(branch.pipe.at, |run| run.choose(branch, dot, true)),
            Node::Range(branch) => return self.scoped(branch.pipe.at, |run| run.range(branch, dot)),
            Node::Call { name, data, at } => {
                self.scoped(*at, |run| run.call(name, data.as_ref(), *at, dot))?;
            }
            Node::Break => return Ok(Flow::Break),
            Node::Continue => return Ok(Flow::Continue),
        }
        Ok(Flow::Next)
    }

    fn write(&mut self, at: usize, write: impl FnOnce(&mut String)) -> Result<(), Fault> {
        write(&mut self.out);
        if self.out.len() > LONGEST {
            return Err(Fault::new(
                at,
                format!("the template makes a text of more than {LONGEST} bytes"),
            ));
        }
        Ok(())
    }

    /// Runs `inner` one level deeper; its variables end with it.
    fn scoped<T>(
        &mut self,
        at: usize,
        inner: impl FnOnce(&mut Self) -> Result<T, Fault>,
    ) -> Result<T, Fault> {
        self.depth += 1;
        if self.depth > DEPTH {
            return Err(Fault::new(
                at,
                format!("templates and blocks are nested more than {DEPTH} levels deep"),
            ));
        }
        let variables = self.variables.len();
        let result = inner(self);
        self.variables.truncate(variables);
        self.depth -= 1;
        result
    }

    fn choose(&mut self, branch: &Branch, dot: &Value, becomes_dot: bool) -> Result<Flow, Fault> {
        let value = self.pipe(&branch.pipe, dot)?;
        if !value.is_true() {
            return self.list(&branch.otherwise, dot);
        }
        self.list(&branch.body, if becomes_dot { &value } else { dot })
    }

    fn call(&mut self, name: &str, data: Option<&Pipe>, at: usize, dot: &Value) -> Result<(), Fault> {
        let data = data.map_or(Ok(Value::Nil), |pipe| self.pipe(pipe, dot))?;
        let defined = self.defined;
        let body = defined
            .get(name)
            .ok_or_else(|| Fault::new(at, format!("there is no template `{name}`")))?;
        let outer = std::mem::replace(&mut self.variables, vec![("$".to_owned(), data.clone())]);
        let result = self.list(body, &data);
        self.variables = outer;
        result.map(|_| ())
    }

    fn range(&mut self, branch: &Branch, dot: &Value) -> Result<Flow, Fault> {
        let over = self.value(&branch.pipe, dot)?;
        let mut pairs: Box<dyn Iterator<Item = (Value, Value)>> = match &over {
            Value::List(list) => Box::new(
                list.items
                    .iter()
                    .enumerate()
                    .map(|(index, item)| (number(index), item.clone())),
            ),
            Value::Map(map) => Box::new(
                map.entries
                    .iter()
                    .map(|(key, item)| (key.as_str().into(), item.clone())),
            ),
            Value::Int(end) => Box::new((0..*end).map(|index| (Value::Int(index), Value::Int(index)))),
            Value::Nil => Box::new(std::iter::empty()),
            Value::Bool(_) | Value::Float(_) | Value::Text(_) | Value::Time(_) | Value::Record(_) => {
                return Err(Fault::new(
                    branch.pipe.at,
                    format!("`range` cannot go over a {}", over.kind()),
                ));
            }
        };
        let Some(first) = pairs.next() else {
            return self.list(&branch.otherwise, dot);
        };
        let scope = self.variables.len();
        for (key, item) in std::iter::once(first).chain(pairs) {
            self.step(branch.pipe.at)?;
            self.set_range(&branch.pipe, key, &item)?;
            let flow = self.list(&branch.body, &item)?;
            self.variables.truncate(scope);
            if flow == Flow::Break {
                break;
            }
        }
        Ok(Flow::Next)
    }

    fn set_range(&mut self, pipe: &Pipe, key: Value, item: &Value) -> Result<(), Fault> {
        match pipe.variables.as_slice() {
            [] => Ok(()),
            [one] => self.set(pipe, one, item.clone()),
            [first, second, ..] => {
                self.set(pipe, first, key)?;
                self.set(pipe, second, item.clone())
            }
        }
    }

    fn set(&mut self, pipe: &Pipe, name: &str, value: Value) -> Result<(), Fault> {
        if !pipe.assigns {
            self.variables.push((name.to_owned(), value));
            return Ok(());
        }
        let found = self.variables.iter_mut().rev().find(|(known, _)| known == name);
        let (_, place) =
            found.ok_or_else(|| Fault::new(pipe.at, format!("there is no variable `{name}`")))?;
        *place = value;
        Ok(())
    }

    fn pipe(&mut self, pipe: &Pipe, dot: &Value) -> Result<Value, Fault> {
        let value = self.value(pipe, dot)?;
        for name in &pipe.variables {
            self.set(pipe, name, value.clone())?;
        }
        Ok(value)
    }

    fn value(&mut self, pipe: &Pipe, dot: &Value) -> Result<Value, Fault> {
        let mut value = None;
        for command in &pipe.commands {
            value = Some(self.command(command, dot, value)?);
        }
        Ok(value.unwrap_or_default())
    }

    fn command(&mut self, command: &Command, dot: &Value, last: Option<Value>) -> Result<Value, Fault> {
        let head = &command.head;
        if let (Base::Function(function), true) = (&head.base, head.fields.is_empty()) {
            if let RunFunction::Lazy(stops) = function.run {
                return self.lazy(&command.arguments, dot, last, stops);
            }
            let values = self.arguments(&command.arguments, dot, last)?;
            let value = self.apply(head, &values)?;
            if CHANGING.contains(&function.name) {
                self.change(command, &value)?;
            }
            return Ok(value);
        }
        let base = self.base(head, dot)?;
        let values = self.arguments(&command.arguments, dot, last)?;
        follow(base, &head.fields, &values).map_err(|fault| Fault {
            offset: head.at,
            ..fault
        })
    }

    /// Functions that change a map: where that is a variable, it has the new value from here on. Maps are shared and
    /// never change, so where it is anything else that others may see, this is refused.
    fn change(&mut self, command: &Command, value: &Value) -> Result<(), Fault> {
        let Some(changed) = command.arguments.first() else {
            return Ok(());
        };
        match &changed.base {
            Base::Variable(name) if changed.fields.is_empty() && name != "$" => {
                let found = self.variables.iter_mut().rev().find(|(known, _)| known == name);
                if let Some((_, place)) = found {
                    *place = value.clone();
                }
                Ok(())
            }
            Base::Function(_) | Base::Pipe(_) => Ok(()),
            Base::Variable(_) | Base::Dot | Base::Constant(_) => {
                let hint = "copy it first: `{{ $copy := merge dict .it }}`".to_owned();
                Err(Fault::new(changed.at, "only maps in a variable can be changed").hint(Some(hint)))
            }
        }
    }

    fn arguments(
        &mut self,
        operands: &[Operand],
        dot: &Value,
        last: Option<Value>,
    ) -> Result<Vec<Value>, Fault> {
        let mut values = Vec::with_capacity(operands.len() + 1);
        for operand in operands {
            values.push(self.operand(operand, dot)?);
        }
        values.extend(last);
        Ok(values)
    }

    /// `and` and `or`: the first value whose truth is `stops`, or the last; those after it are not evaluated.
    fn lazy(
        &mut self,
        operands: &[Operand],
        dot: &Value,
        last: Option<Value>,
        stops: bool,
    ) -> Result<Value, Fault> {
        let mut value = Value::Nil;
        for operand in operands {
            value = self.operand(operand, dot)?;
            if value.is_true() == stops {
                return Ok(value);
            }
        }
        Ok(last.unwrap_or(value))
    }

    fn operand(&mut self, operand: &Operand, dot: &Value) -> Result<Value, Fault> {
        let base = self.base(operand, dot)?;
        follow(base, &operand.fields, &[]).map_err(|fault| Fault {
            offset: operand.at,
            ..fault
        })
    }

    fn base(&mut self, operand: &Operand, dot: &Value) -> Result<Value, Fault> {
        self.step(operand.at)?;
        match &operand.base {
            Base::Dot => Ok(dot.clone()),
            Base::Constant(value) => Ok(value.clone()),
            Base::Variable(name) => {
                let found = self.variables.iter().rev().find(|(known, _)| known == name);
                Ok(found.map(|(_, value)| value.clone()).unwrap_or_default())
            }
            Base::Function(_) => self.apply(operand, &[]),
            Base::Pipe(pipe) => self.scoped(operand.at, |run| run.pipe(pipe, dot)),
        }
    }

    fn apply(&mut self, operand: &Operand, values: &[Value]) -> Result<Value, Fault> {
        let Base::Function(function) = &operand.base else {
            return Ok(Value::Nil);
        };
        // Most functions read their texts to the end, however short what they make of them is, and those that take any number
        // of lists read each of them.
        let reads = |value: &&Value| values.len() > FEW || matches!(value, Value::Text(_));
        let read = values.iter().filter(reads).map(Value::reading);
        self.charge(operand.at, read.sum())?;
        let result = match function.run {
            RunFunction::Now(run) => function
                .takes(values.len())
                .and_then(|()| run(&mut self.context, values)),
            RunFunction::Lazy(_) => function.takes(values.len()).map(|()| Value::Nil),
        };
        if let Ok(value) = &result {
            let effort = u32::try_from(value.effort()).unwrap_or(u32::MAX);
            self.steps = self.steps.saturating_add(effort);
        }
        result.map_err(|what| Fault::new(operand.at, format!("`{}`: {what}", function.name)))
    }
}

fn number(index: usize) -> Value {
    Value::Int(i64::try_from(index).unwrap_or(i64::MAX))
}

/// The value behind `fields`; the last may be a method with arguments. The place is filled in by the caller.
fn follow(base: Value, fields: &[String], arguments: &[Value]) -> Result<Value, Fault> {
    let mut value = base;
    for (index, name) in fields.iter().enumerate() {
        // What a map has not has no fields either, and that is no mistake.
        if let Value::Map(map) = &value
            && !map.entries.contains_key(name)
        {
            return Ok(Value::Nil);
        }
        let given = if index + 1 == fields.len() { arguments } else { &[] };
        value = field(&value, name, given)?;
    }
    Ok(value)
}

fn field(value: &Value, name: &str, arguments: &[Value]) -> Result<Value, Fault> {
    if let Value::Time(time) = value {
        return method(time, name, arguments);
    }
    if !arguments.is_empty() {
        return Err(Fault::new(
            0,
            format!("`.{name}` is no function and takes no arguments"),
        ));
    }
    match value {
        Value::Map(map) => Ok(map.entries.get(name).cloned().unwrap_or_default()),
        Value::Record(record) => record.field(name).ok_or_else(|| {
            let meant = did_you_mean(name, record.names().iter().copied());
            let hint = meant.map_or_else(
                || format!("there are {}", record.names().join(", ")),
                |meant| format!("did you mean `.{meant}`?"),
            );
            Fault::new(0, format!("there is no field `.{name}`")).hint(Some(hint))
        }),
        Value::Nil => Err(Fault::new(
            0,
            format!("nothing has the field `.{name}`: the value is nil"),
        )),
        Value::Bool(_)
        | Value::Int(_)
        | Value::Float(_)
        | Value::Text(_)
        | Value::List(_)
        | Value::Time(_) => Err(Fault::new(
            0,
            format!("a {} has no field `.{name}`", value.kind()),
        )),
    }
}

/// What Go's `time.Time` can do that templates use.
fn method(time: &Arc<jiff::Zoned>, name: &str, arguments: &[Value]) -> Result<Value, Fault> {
    let at = time.timestamp();
    Ok(match (name, arguments) {
        ("Unix", []) => Value::Int(at.as_second()),
        ("UnixMilli", []) => Value::Int(at.as_millisecond()),
        ("UnixMicro", []) => Value::Int(at.as_microsecond()),
        ("UnixNano", []) => Value::Int(i64::try_from(at.as_nanosecond()).unwrap_or(i64::MAX)),
        ("Year", []) => Value::Int(time.year().into()),
        ("Day", []) => Value::Int(time.day().into()),
        ("Hour", []) => Value::Int(time.hour().into()),
        ("Minute", []) => Value::Int(time.minute().into()),
        ("Second", []) => Value::Int(time.second().into()),
        ("Nanosecond", []) => Value::Int(time.subsec_nanosecond().into()),
        ("YearDay", []) => Value::Int(time.day_of_year().into()),
        ("UTC", []) => Value::Time(Arc::clone(time)),
        ("Format", [Value::Text(layout)]) => layout::format(time, layout).into(),
        _ => {
            return Err(Fault::new(
                0,
                format!("a time has no `.{name}` with {} arguments", arguments.len()),
            ));
        }
    })
}
