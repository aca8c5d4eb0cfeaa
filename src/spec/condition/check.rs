//! The static check: every name, type and argument of a [`Tree`], before anything is sent.
//!
//! As parts come before wholes in the list of nodes, one loop suffices. It also computes what is constant and picks
//! the special operations, exactly where expr 1.12 does, since results depend on it.

use super::ConditionError;
use super::ast::{Constant, Loop, NodeId, NodeKind, Tree};
use super::lexer::Span;
use super::names::did_you_mean;
use super::schema::{FACTS, Family, Function, LANGUAGE, ROOTS, Shape, Type, methods};

/// Checks a tree and prepares it for evaluation.
pub(super) fn check(tree: &mut Tree) -> Result<(), ConditionError> {
    let mut checker = Checker {
        tree,
        types: Vec::new(),
    };
    for id in 0..checker.tree.nodes.len() {
        let ty = checker.node(id)?;
        checker.types.push(ty);
    }
    let root = checker.tree.root;
    let ty = checker.of(root);
    if *ty == Type::Bool {
        return Ok(());
    }
    Err(checker
        .span(root)
        .error(format!("a condition must give true or false, not {ty}")))
}

/// The state of a check.
pub(super) struct Checker<'t> {
    pub(super) tree: &'t mut Tree,
    /// Types of the nodes so far.
    pub(super) types: Vec<Type>,
}

pub(super) type Checked = Result<Type, ConditionError>;

impl Checker<'_> {
    pub(super) fn of(&self, id: NodeId) -> &Type {
        &self.types[id]
    }

    pub(super) fn kind(&self, id: NodeId) -> &NodeKind {
        &self.tree.nodes[id].kind
    }

    pub(super) fn span(&self, id: NodeId) -> Span {
        self.tree.nodes[id].span
    }

    pub(super) fn replace(&mut self, id: NodeId, kind: NodeKind) {
        self.tree.nodes[id].kind = kind;
    }

    /// The value of a node that is constant.
    pub(super) fn constant(&self, id: NodeId) -> Option<&Constant> {
        if let NodeKind::Literal(constant) | NodeKind::Folded(constant, _) = self.kind(id) {
            return Some(constant);
        }
        None
    }

    fn node(&mut self, id: NodeId) -> Checked {
        let span = self.span(id);
        let kind = self.kind(id).clone();
        match kind {
            NodeKind::Nil => Ok(Type::Nil),
            NodeKind::Literal(constant) => Ok(constant.ty()),
            NodeKind::Name(name) => root(&name, span),
            NodeKind::Element(list) => self.element(list),
            NodeKind::Unary(operator, part) => self.unary(id, operator, part),
            NodeKind::Binary(operator, left, right) => self.binary(id, operator, left, right),
            NodeKind::Chain(part) => Ok(self.of(part).clone()),
            NodeKind::Member { base, key, .. } => self.member(span, base, key),
            NodeKind::Slice { base, from, to } => self.slice(span, base, [from, to]),
            NodeKind::Call { name, args } => self.call(span, &name, &args),
            NodeKind::MethodCall { base, name, args } => self.method_call(span, base, &name, &args),
            NodeKind::Loop { kind, list, body } => self.loops(kind, list, body),
            NodeKind::Conditional { condition, yes, no } => self.conditional(condition, yes, no),
            NodeKind::List(_) => Ok(Type::list(Type::Any)),
            NodeKind::Map(_) => Ok(Type::map(Type::Any)),
            NodeKind::Folded(..)
            | NodeKind::Same(_)
            | NodeKind::EqualInts(..)
            | NodeKind::EqualTexts(..)
            | NodeKind::MatchesPattern(..)
            | NodeKind::InInts(..)
            | NodeKind::InTexts(..)
            | NodeKind::InRange(..) => Ok(Type::Any),
        }
    }

    fn element(&self, list: NodeId) -> Checked {
        let ty = self.of(list);
        if let Type::List(element) = ty {
            return Ok(element.as_ref().clone());
        }
        if ty.is_any() {
            return Ok(Type::Any);
        }
        Err(self.span(list).error(format!("{ty} is not a list")))
    }

    fn member(&self, span: Span, base: NodeId, key: NodeId) -> Checked {
        let (of, by) = (self.of(base), self.of(key));
        let name = self.literal_text(key);
        let name = name.as_deref();
        if let Some(method) = name.and_then(|name| find(methods(of), name)) {
            let mut error = span.error(format!("`{}` is a function", method.name));
            error.hint = Some(format!("write `{}`", method.call));
            return Err(error);
        }
        let element = if let Type::Object(shape) = of {
            match name {
                Some(name) => return field(*shape, name, span),
                None if *shape == Shape::Task => Type::Any,
                None => {
                    return Err(self
                        .span(key)
                        .error(format!("a field of {of} is chosen by its name")));
                }
            }
        } else if let Type::Map(element) = of {
            if !(matches!(by, Type::Text | Type::Nil) || by.is_any()) {
                return Err(self.span(key).error(format!("a key of a map is text, not {by}")));
            }
            element.as_ref().clone()
        } else if let Type::List(element) = of {
            self.index(key)?;
            element.as_ref().clone()
        } else if *of == Type::Any {
            Type::Any
        } else {
            return Err(match name {
                Some(name) => span.error(format!("{of} has no field `{name}`")),
                None => span.error(format!("{of} has no elements")),
            });
        };
        // What stands in a list is seen itself, not a pointer to it.
        Ok(if element == Type::FloatPointer {
            Type::Float
        } else {
            element
        })
    }

    fn index(&self, id: NodeId) -> Result<(), ConditionError> {
        let ty = self.of(id);
        if ty.is_whole() || ty.is_any() {
            return Ok(());
        }
        Err(self
            .span(id)
            .error(format!("a place in a list is a whole number, not {ty}")))
    }

    fn slice(&self, span: Span, base: NodeId, bounds: [Option<NodeId>; 2]) -> Checked {
        let ty = self.of(base);
        if !(ty.is_any() || matches!(ty, Type::Text | Type::List(_))) {
            return Err(span.error(format!("{ty} has no parts")));
        }
        for bound in bounds.into_iter().flatten() {
            self.index(bound)?;
        }
        Ok(ty.clone())
    }

    fn call(&self, span: Span, name: &str, args: &[NodeId]) -> Checked {
        if let Some(fact) = find(FACTS, name) {
            self.arguments(span, fact, args)?;
            return Ok(fact.gives.clone());
        }
        let &[argument] = args else {
            return Err(if LANGUAGE.iter().any(|(known, ..)| *known == name) {
                span.error(format!("`{name}` takes one argument, not {}", args.len()))
            } else {
                unknown_function(name, span)
            });
        };
        let ty = self.of(argument);
        let any = ty.is_any();
        let fits = match name {
            "len" => any || matches!(ty.family(), Family::Text | Family::List | Family::Map),
            "abs" => any || ty.family() == Family::Number,
            "int" | "float" => any || ty.family() == Family::Number || *ty == Type::Text,
            _ => return Err(unknown_function(name, span)),
        };
        if !fits {
            return Err(self.span(argument).error(format!("`{name}` does not take {ty}")));
        }
        Ok(match name {
            "abs" => ty.clone(),
            "float" => Type::Float,
            _ => Type::Int,
        })
    }

    fn method_call(&self, span: Span, base: NodeId, name: &str, args: &[NodeId]) -> Checked {
        let ty = self.of(base);
        if *ty == Type::Any {
            return Ok(Type::Any);
        }
        let known = methods(ty);
        if let Some(method) = find(known, name) {
            self.arguments(span, method, args)?;
            return Ok(method.gives.clone());
        }
        let mut error = span.error(format!("{ty} has no function `{name}`"));
        error.hint = did_you_mean(name, known.iter().map(|method| (method.name, method.call)));
        if let Type::Object(shape) = ty
            && shape.fields().iter().any(|field| field.name == name)
        {
            error.hint = Some(format!("`{name}` is a field: write it without parentheses"));
        }
        Err(error)
    }

    fn arguments(&self, span: Span, function: &Function, args: &[NodeId]) -> Result<(), ConditionError> {
        let (takes, name) = (function.takes, function.name);
        if args.len() != takes.len() {
            let amount = if args.len() > takes.len() { "many" } else { "few" };
            let mut error = span.error(format!("too {amount} arguments for `{name}`"));
            error.hint = Some(format!("write `{}`", function.call));
            return Err(error);
        }
        for (&id, wanted) in args.iter().zip(takes) {
            let ty = self.of(id);
            if ty != wanted && !ty.is_any() {
                return Err(self
                    .span(id)
                    .error(format!("`{name}` takes {wanted} here, not {ty}")));
            }
        }
        Ok(())
    }

    fn loops(&self, kind: Loop, list: NodeId, body: NodeId) -> Checked {
        let (of, gives) = (self.of(list), self.of(body));
        if !(matches!(of, Type::List(_)) || of.is_any()) {
            return Err(self.span(list).error(format!("{of} is not a list")));
        }
        let flag = *gives == Type::Bool || gives.is_any();
        if !flag && (kind != Loop::Map || *gives == Type::Nil) {
            let wanted = if kind == Loop::Map {
                "a value"
            } else {
                "true or false"
            };
            return Err(self
                .span(body)
                .error(format!("this must give {wanted}, not {gives}")));
        }
        Ok(match kind {
            Loop::All | Loop::None | Loop::Any | Loop::One => Type::Bool,
            Loop::Count => Type::Int,
            Loop::Filter if of.is_any() => Type::list(Type::Any),
            Loop::Filter => of.clone(),
            Loop::Map => Type::list(gives.clone()),
        })
    }

    fn conditional(&self, condition: NodeId, yes: NodeId, no: NodeId) -> Checked {
        let ty = self.of(condition);
        if *ty != Type::Bool && !ty.is_any() {
            return Err(self
                .span(condition)
                .error(format!("`?` needs true or false before it, not {ty}")));
        }
        let (yes, no) = (self.of(yes), self.of(no));
        Ok(match (yes, no) {
            (Type::Nil, other) | (other, Type::Nil) => other.clone(),
            _ if yes == no || *no == Type::Any => yes.clone(),
            _ => Type::Any,
        })
    }
}

impl Constant {
    /// The type of a literal.
    pub(super) fn ty(&self) -> Type {
        match self {
            Self::Bool(_) => Type::Bool,
            Self::Int(_) => Type::Int,
            Self::Float(_) => Type::Float,
            Self::Text(_) => Type::Text,
        }
    }
}

fn find(functions: &'static [Function], name: &str) -> Option<&'static Function> {
    functions.iter().find(|function| function.name == name)
}

fn root(name: &str, span: Span) -> Checked {
    if let Some(root) = ROOTS.iter().find(|root| root.name == name) {
        return Ok((root.gives)());
    }
    let function = FACTS
        .iter()
        .map(|fact| (fact.name, fact.call))
        .chain(LANGUAGE.iter().map(|(name, call, _)| (*name, *call)))
        .find(|(known, _)| *known == name);
    if let Some((_, call)) = function {
        let mut error = span.error(format!("`{name}` is a function"));
        error.hint = Some(format!("write `{call}`"));
        return Err(error);
    }
    Err(unknown_name(name, span))
}

fn unknown_name(name: &str, span: Span) -> ConditionError {
    let mut error = span.error(format!("unknown name `{name}`"));
    error.hint = match name {
        "Tasks" => Some("it is called `Spec`".to_owned()),
        "null" | "None" => Some("did you mean `nil`?".to_owned()),
        _ => did_you_mean(name, all_names()),
    };
    error
}

fn unknown_function(name: &str, span: Span) -> ConditionError {
    let mut error = span.error(format!("unknown function `{name}`"));
    error.hint = did_you_mean(name, all_names());
    error
}

/// Every top-level name, and how it is written.
fn all_names() -> impl Iterator<Item = (&'static str, &'static str)> {
    let roots = ROOTS.iter().map(|root| (root.name, root.name));
    let facts = FACTS.iter().map(|fact| (fact.name, fact.call));
    let language = LANGUAGE.iter().map(|(name, call, _)| (*name, *call));
    let constants = ["true", "false"].map(|name| (name, name));
    roots.chain(facts).chain(language).chain(constants)
}

fn field(shape: Shape, name: &str, span: Span) -> Checked {
    if let Some(field) = shape.fields().iter().find(|field| field.name == name) {
        return Ok((field.gives)());
    }
    let ty = Type::Object(shape);
    let fields = shape.fields().iter().map(|field| (field.name, field.name));
    let functions = methods(&ty).iter().map(|method| (method.name, method.call));
    let mut error = span.error(format!("{ty} has no field `{name}`"));
    error.hint = did_you_mean(name, fields.chain(functions));
    Err(error)
}
