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
