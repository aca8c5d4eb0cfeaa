//! The tree of a condition, kept as a flat list in which every node comes after its parts.
//!
//! # Why
//! A flat list is checked by one loop, dropped without recursion and cannot overflow the stack, however long a chain
//! of operators is.

use regex::Regex;

use super::lexer::Span;
use super::schema::Type;

/// Index of a node in its [`Tree`].
pub(super) type NodeId = usize;

/// A parsed condition; the last node is the whole.
#[derive(Debug, Clone)]
pub(super) struct Tree {
    pub(super) nodes: Vec<Node>,
    pub(super) root: NodeId,
}

/// One operation and where it stands.
#[derive(Debug, Clone)]
pub(super) struct Node {
    pub(super) kind: NodeKind,
    pub(super) span: Span,
}

/// A value known before the run.
#[derive(Debug, Clone, PartialEq)]
pub(super) enum Constant {
    Bool(bool),
    Int(i64),
    Float(f64),
    Text(String),
}

/// An operation.
#[derive(Debug, Clone)]
pub(super) enum NodeKind {
    Nil,
    /// Written in the text.
    Literal(Constant),
    /// A top-level name.
    Name(String),
    /// `#`: the element of the innermost loop, over the list of the given node.
    Element(NodeId),
    Unary(Unary, NodeId),
    Binary(Binary, NodeId, NodeId),
    /// Where `?.` inside ends with nil.
    Chain(NodeId),
    /// `base.name`, `base[key]`.
    Member {
        base: NodeId,
        key: NodeId,
        optional: bool,
    },
    /// `base[from:to]`.
    Slice {
        base: NodeId,
        from: Option<NodeId>,
        to: Option<NodeId>,
    },
    /// `name(args)`.
    Call {
        name: String,
        args: Vec<NodeId>,
    },
    /// `base.name(args)`.
    MethodCall {
        base: NodeId,
        name: String,
        args: Vec<NodeId>,
    },
    /// `all(list, {body})` and its like.
    Loop {
        kind: Loop,
        list: NodeId,
        body: NodeId,
    },
    Conditional {
        condition: NodeId,
        yes: NodeId,
        no: NodeId,
    },
    List(Vec<NodeId>),
    Map(Vec<(NodeId, NodeId)>),
    /// Computed by the check. The type is that of the leftmost number in the text, which decides how `==` compares.
    Folded(Constant, Type),
    /// Replaced by one of its parts in the check.
    Same(NodeId),
    /// `==` of two whole numbers.
    EqualInts(NodeId, NodeId),
    /// `==` of two texts.
    EqualTexts(NodeId, NodeId),
    /// `matches` with a pattern written in the text.
    MatchesPattern(NodeId, Regex),
    /// `in` a list of literal whole numbers.
    InInts(NodeId, Vec<i64>),
    /// `in` a list of literal texts.
    InTexts(NodeId, Vec<String>),
    /// `in` a range of constants.
    InRange(NodeId, i64, i64),
}

impl NodeKind {
    /// The part that is evaluated first and may itself be a long chain.
    pub(super) fn first_part(&self) -> Option<NodeId> {
        match self {
            Self::Unary(_, part)
            | Self::Binary(_, part, _)
            | Self::Chain(part)
            | Self::Member { base: part, .. }
            | Self::Slice { base: part, .. }
            | Self::MethodCall { base: part, .. }
            | Self::Same(part)
            | Self::EqualInts(part, _)
            | Self::EqualTexts(part, _)
            | Self::MatchesPattern(part, _)
            | Self::InInts(part, _)
            | Self::InTexts(part, _)
            | Self::InRange(part, _, _) => Some(*part),
            Self::Nil
            | Self::Literal(_)
            | Self::Name(_)
            | Self::Element(_)
            | Self::Call { .. }
            | Self::Loop { .. }
            | Self::Conditional { .. }
            | Self::List(_)
            | Self::Map(_)
            | Self::Folded(..) => None,
        }
    }
}

/// Operators with one operand.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Unary {
    Not,
    Plus,
    Minus,
}

/// Operators with two operands.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Binary {
    Or,
    And,
    Equal,
    NotEqual,
    Less,
    Greater,
    AtLeast,
    AtMost,
    In,
    Matches,
    Contains,
    StartsWith,
    EndsWith,
    Range,
    Add,
    Subtract,
    Multiply,
    Divide,
    Remainder,
    Power,
    Coalesce,
}

impl Binary {
    /// The operator of a spelling, with its precedence; a higher one binds more tightly.
    pub(super) fn spelled(text: &str) -> Option<(Self, u32)> {
        Some(match text {
            "or" | "||" => (Self::Or, 10),
            "and" | "&&" => (Self::And, 15),
            "==" => (Self::Equal, 20),
            "!=" => (Self::NotEqual, 20),
            "<" => (Self::Less, 20),
            ">" => (Self::Greater, 20),
            ">=" => (Self::AtLeast, 20),
            "<=" => (Self::AtMost, 20),
            "in" => (Self::In, 20),
            "matches" => (Self::Matches, 20),
            "contains" => (Self::Contains, 20),
            "startsWith" => (Self::StartsWith, 20),
            "endsWith" => (Self::EndsWith, 20),
            ".." => (Self::Range, 25),
            "+" => (Self::Add, 30),
            "-" => (Self::Subtract, 30),
            "*" => (Self::Multiply, 60),
            "/" => (Self::Divide, 60),
            "%" => (Self::Remainder, 60),
            "**" | "^" => (Self::Power, 100),
            "??" => (Self::Coalesce, 500),
            _ => return None,
        })
    }
}

/// Functions that take a list and an expression for each element.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Loop {
    All,
    None,
    Any,
    One,
    Filter,
    Map,
    Count,
}

impl Loop {
    /// The function of a name.
    pub(super) fn named(name: &str) -> Option<Self> {
        Some(match name {
            "all" => Self::All,
            "none" => Self::None,
            "any" => Self::Any,
            "one" => Self::One,
            "filter" => Self::Filter,
            "map" => Self::Map,
            "count" => Self::Count,
            _ => return None,
        })
    }
}
