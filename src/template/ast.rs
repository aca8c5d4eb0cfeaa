//! What a template is made of, after parsing. Positions are byte offsets.

use super::functions::Function;
use super::value::Value;

/// One piece of a template.
#[derive(Debug, Clone)]
pub(super) enum Node {
    Text(String),
    Action(Pipe),
    If(Branch),
    With(Branch),
    Range(Branch),
    Call {
        name: String,
        data: Option<Pipe>,
        at: usize,
    },
    Break,
    Continue,
}

/// A condition and its two bodies.
#[derive(Debug, Clone)]
pub(super) struct Branch {
    pub(super) pipe: Pipe,
    pub(super) body: Vec<Node>,
    pub(super) otherwise: Vec<Node>,
}

/// Commands, each given the value of the one before, and the variables that take the result.
#[derive(Debug, Clone)]
pub(super) struct Pipe {
    pub(super) variables: Vec<String>,
    pub(super) assigns: bool,
    pub(super) commands: Vec<Command>,
    pub(super) at: usize,
}

/// A value, or a function and its arguments.
#[derive(Debug, Clone)]
pub(super) struct Command {
    pub(super) head: Operand,
    pub(super) arguments: Vec<Operand>,
}

/// A value and the fields to follow from it.
#[derive(Debug, Clone)]
pub(super) struct Operand {
    pub(super) base: Base,
    pub(super) fields: Vec<String>,
    pub(super) at: usize,
}

/// Where a value comes from.
#[derive(Debug, Clone)]
pub(super) enum Base {
    Dot,
    Constant(Value),
    Variable(String),
    Function(&'static Function),
    Pipe(Box<Pipe>),
}

impl Pipe {
    /// What the value that goes through is called in the template, if it has a name.
    pub(super) fn name(&self) -> Option<String> {
        let first = self.commands.first()?;
        let operand = match (&first.head.base, first.arguments.as_slice()) {
            // Of several arguments it is not known which one has nothing.
            (Base::Function(_), [only]) => only,
            (_, []) => &first.head,
            _ => return None,
        };
        let base = match &operand.base {
            Base::Dot if operand.fields.is_empty() => ".",
            Base::Dot => "",
            Base::Variable(name) => name,
            Base::Pipe(inner) => return inner.name(),
            Base::Constant(_) | Base::Function(_) => return None,
        };
        let fields = operand.fields.iter().map(|field| format!(".{field}"));
        Some(std::iter::once(base.to_owned()).chain(fields).collect())
    }
}
