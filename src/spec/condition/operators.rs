//! The static check of operators: their types, and what is constant.

#![expect(
    clippy::wildcard_enum_match_arm,
    reason = "operators of a family are treated alike"
)]

use super::ConditionError;
use super::ast::{Binary, Constant, NodeId, NodeKind, Unary};
use super::check::{Checked, Checker};
use super::pattern::pattern;
use super::schema::{Family, Type};

/// Either both types pass, or one does and the other is known at run time only, or both are.
fn both(left: &Type, right: &Type, fits: impl Fn(&Type) -> bool) -> bool {
    (left.is_any() || fits(left)) && (right.is_any() || fits(right))
}

fn is_number(ty: &Type) -> bool {
    ty.family() == Family::Number
}

fn is_text(ty: &Type) -> bool {
    ty.family() == Family::Text
}

/// The type of arithmetic on two numbers.
fn combined(left: &Type, right: &Type) -> Type {
    if left.is_any() || right.is_any() {
        Type::Any
    } else if left == right {
        left.clone()
    } else if *left == Type::Float || *right == Type::Float {
        Type::Float
    } else {
        Type::Int
    }
}

impl Checker<'_> {
    pub(super) fn unary(&mut self, id: NodeId, operator: Unary, part: NodeId) -> Checked {
        let ty = self.of(part).clone();
        let (fits, sign) = match operator {
            Unary::Not => (ty == Type::Bool, "not"),
            Unary::Plus => (is_number(&ty), "+"),
            Unary::Minus => (is_number(&ty), "-"),
        };
        if !fits && !ty.is_any() {
            return Err(self.span(id).error(format!("`{sign}` does not take {ty}")));
        }
        let value = match (operator, self.constant(part)) {
            (Unary::Not, Some(Constant::Bool(value))) => Some(Constant::Bool(!value)),
            (Unary::Minus, Some(Constant::Int(value))) => Some(Constant::Int(value.wrapping_neg())),
            (Unary::Minus, Some(Constant::Float(value))) => Some(Constant::Float(-value)),
            (Unary::Plus, Some(value)) => Some(value.clone()),
            _ => None,
        };
        if let Some(value) = value {
            let compared_as = self.compared_as(part);
            self.replace(id, NodeKind::Folded(value, compared_as));
        }
        Ok(if operator == Unary::Not { Type::Bool } else { ty })
    }

    /// The type that decides how `==` compares a node.
    fn compared_as(&self, id: NodeId) -> Type {
        if let NodeKind::Folded(_, ty) = self.kind(id) {
            ty.clone()
        } else {
            self.of(id).clone()
        }
    }

    pub(super) fn binary(&mut self, id: NodeId, operator: Binary, left: NodeId, right: NodeId) -> Checked {
        let (l, r) = (self.of(left).clone(), self.of(right).clone());
        let Some(ty) = result(operator, &l, &r) else {
            return Err(self.mismatch(id, operator, &l, &r));
        };
        match operator {
            Binary::Equal => self.equal(id, left, right)?,
            Binary::And | Binary::Or => self.logic(id, operator, left, right),
            Binary::In => self.membership(id, left, right)?,
            Binary::Matches => self.matches(id, left, right)?,
            Binary::Add
            | Binary::Subtract
            | Binary::Multiply
            | Binary::Divide
            | Binary::Remainder
            | Binary::Power => {
                if let Some(value) = self.arithmetic(id, operator, left, right)? {
                    let compared_as = self.compared_as(left);
                    self.replace(id, NodeKind::Folded(value, compared_as));
                }
            }
            Binary::NotEqual
            | Binary::Less
            | Binary::Greater
            | Binary::AtLeast
            | Binary::AtMost
            | Binary::Contains
            | Binary::StartsWith
            | Binary::EndsWith
            | Binary::Range
            | Binary::Coalesce => {}
        }
        Ok(ty)
    }

    fn mismatch(&self, id: NodeId, operator: Binary, l: &Type, r: &Type) -> ConditionError {
        let mut error = self.span(id).error(match operator {
            Binary::Equal
            | Binary::NotEqual
            | Binary::Less
            | Binary::Greater
            | Binary::AtLeast
            | Binary::AtMost => {
                format!("cannot compare {l} with {r}")
            }
            _ => format!("this operator does not take {l} and {r}"),
        });
        if [l, r].contains(&&Type::FloatPointer) {
            let example = "Result.Insights.NonHistMetricValues[0][\"http/error-rate\"][0]";
            error.hint = Some(format!(
                "`ScalarMetricValue` compares with nil only; numbers: `{example}`"
            ));
        }
        error
    }

    fn equal(&mut self, id: NodeId, left: NodeId, right: NodeId) -> Result<(), ConditionError> {
        let folded = match (self.constant(left), self.constant(right)) {
            (Some(Constant::Int(l)), Some(Constant::Int(r))) => Some(l == r),
            (Some(Constant::Text(l)), Some(Constant::Text(r))) => Some(l == r),
            (Some(Constant::Bool(l)), Some(Constant::Bool(r))) => Some(l == r),
            _ => None,
        };
        if let Some(equal) = folded {
            self.replace(id, NodeKind::Folded(Constant::Bool(equal), Type::Bool));
            return Ok(());
        }
        let (l, r) = (self.compared_as(left), self.compared_as(right));
        if l == Type::Int && r == Type::Int {
            if self.is_fraction(left) || self.is_fraction(right) {
                let mut error = self
                    .span(id)
                    .error("cannot compare a fraction with a whole number");
                error.hint = Some("write the whole number with a decimal point, such as `2.0`".to_owned());
                return Err(error);
            }
            self.replace(id, NodeKind::EqualInts(left, right));
        } else if is_text(&l) && is_text(&r) {
            if l == Type::MetricKind || r == Type::MetricKind {
                return Err(self
                    .span(id)
                    .error("the type of a metric cannot be compared with text"));
            }
            self.replace(id, NodeKind::EqualTexts(left, right));
        }
        Ok(())
    }

    /// Whether a node of whole numbers always gives a fraction, as `/` does.
    fn is_fraction(&self, id: NodeId) -> bool {
        matches!(self.constant(id), Some(Constant::Float(_)))
            || matches!(self.kind(id), NodeKind::Binary(Binary::Divide, ..))
    }

    fn logic(&mut self, id: NodeId, operator: Binary, left: NodeId, right: NodeId) {
        let decided = operator == Binary::Or;
        let flag = |id| match self.constant(id) {
            Some(Constant::Bool(value)) => Some(*value),
            _ => None,
        };
        let kind = match (flag(left), flag(right)) {
            (Some(l), _) if l != decided => self.alias(right),
            (_, Some(r)) if r != decided => self.alias(left),
            (None, None) => return,
            _ => NodeKind::Folded(Constant::Bool(decided), Type::Bool),
        };
        self.replace(id, kind);
    }

    fn alias(&self, id: NodeId) -> NodeKind {
        match self.constant(id) {
            Some(constant) => NodeKind::Folded(constant.clone(), Type::Bool),
            None => NodeKind::Same(id),
        }
    }

    fn membership(&mut self, id: NodeId, left: NodeId, right: NodeId) -> Result<(), ConditionError> {
        let l = self.of(left).clone();
        let refuse = |what: &str| Err(self.span(id).error(format!("{l} is never in {what}")));
        let kind = match self.kind(right) {
            NodeKind::List(items) if !items.is_empty() => {
                let ints: Option<Vec<i64>> = items.iter().map(|item| self.literal_int(*item)).collect();
                let texts: Option<Vec<String>> = items.iter().map(|item| self.literal_text(*item)).collect();
                match (ints, texts) {
                    (Some(ints), _) if l == Type::Int => NodeKind::InInts(left, ints),
                    (_, Some(texts)) if matches!(l, Type::Text | Type::Nil) || l.is_any() => {
                        NodeKind::InTexts(left, texts)
                    }
                    (_, Some(_)) => return refuse("a list of texts"),
                    _ => return Ok(()),
                }
            }
            NodeKind::Binary(Binary::Range, first, last) => {
                let (Some(Constant::Int(first)), Some(Constant::Int(last))) =
                    (self.constant(*first), self.constant(*last))
                else {
                    return Ok(());
                };
                if !is_number(&l) && !l.is_any() {
                    return refuse("a range of numbers");
                }
                NodeKind::InRange(left, *first, *last)
            }
            _ => return Ok(()),
        };
        self.replace(id, kind);
        Ok(())
    }

    fn literal_int(&self, id: NodeId) -> Option<i64> {
        if let NodeKind::Literal(Constant::Int(value)) = self.kind(id) {
            Some(*value)
        } else {
            None
        }
    }

    pub(super) fn literal_text(&self, id: NodeId) -> Option<String> {
        if let NodeKind::Literal(Constant::Text(text)) = self.kind(id) {
            Some(text.clone())
        } else {
            None
        }
    }

    fn matches(&mut self, id: NodeId, left: NodeId, right: NodeId) -> Result<(), ConditionError> {
        if let Some(text) = self.literal_text(right) {
            let regex = pattern(&text).map_err(|message| self.span(right).error(message))?;
            self.replace(id, NodeKind::MatchesPattern(left, regex));
        }
        Ok(())
    }

    fn arithmetic(
        &self,
        id: NodeId,
        operator: Binary,
        left: NodeId,
        right: NodeId,
    ) -> Result<Option<Constant>, ConditionError> {
        Ok(match (self.constant(left), self.constant(right)) {
            (Some(Constant::Int(l)), Some(Constant::Int(r))) => {
                if operator == Binary::Remainder && *r == 0 {
                    return Err(self.span(id).error("integer divide by zero"));
                }
                whole(operator, *l, *r).or_else(|| fraction(operator, *l as f64, *r as f64))
            }
            (Some(Constant::Int(l)), Some(Constant::Float(r))) => fraction(operator, *l as f64, *r),
            (Some(Constant::Float(l)), Some(Constant::Int(r))) => fraction(operator, *l, *r as f64),
            (Some(Constant::Float(l)), Some(Constant::Float(r))) => fraction(operator, *l, *r),
            (Some(Constant::Text(l)), Some(Constant::Text(r))) => Some(Constant::Text(format!("{l}{r}"))),
            _ => None,
        })
    }
}

/// Arithmetic on whole numbers that stays whole; it wraps around. None for `/`, `**` and a remainder of zero.
pub(super) fn whole(operator: Binary, l: i64, r: i64) -> Option<Constant> {
    Some(Constant::Int(match operator {
        Binary::Add => l.wrapping_add(r),
        Binary::Subtract => l.wrapping_sub(r),
        Binary::Multiply => l.wrapping_mul(r),
        Binary::Remainder if r != 0 => l.wrapping_rem(r),
        _ => return None,
    }))
}

/// Arithmetic on numbers. None for a remainder.
pub(super) fn fraction(operator: Binary, l: f64, r: f64) -> Option<Constant> {
    Some(Constant::Float(match operator {
        Binary::Add => l + r,
        Binary::Subtract => l - r,
        Binary::Multiply => l * r,
        Binary::Divide => l / r,
        Binary::Power => l.powf(r),
        _ => return None,
    }))
}

/// The type that an operator gives; none if it does not take the operands.
fn result(operator: Binary, l: &Type, r: &Type) -> Option<Type> {
    let any = l.is_any() || r.is_any();
    let (fits, ty) = match operator {
        Binary::Equal | Binary::NotEqual => {
            let nil = *l == Type::Nil || *r == Type::Nil;
            (nil || any || l.family() == r.family(), Type::Bool)
        }
        Binary::And | Binary::Or => (both(l, r, |ty| *ty == Type::Bool), Type::Bool),
        Binary::Less | Binary::Greater | Binary::AtLeast | Binary::AtMost => {
            (both(l, r, is_number) || both(l, r, is_text), Type::Bool)
        }
        // Two values of unknown type might be times, whose difference is a whole number.
        Binary::Subtract if l.is_any() && r.is_any() => (true, Type::Long),
        Binary::Subtract | Binary::Multiply | Binary::Divide => (both(l, r, is_number), combined(l, r)),
        Binary::Power => (both(l, r, is_number), Type::Float),
        Binary::Remainder => (both(l, r, Type::is_whole), combined(l, r)),
        Binary::Add if both(l, r, is_text) && !any => (true, Type::Text),
        Binary::Add => (both(l, r, is_number) || both(l, r, is_text), combined(l, r)),
        Binary::In => (takes_membership(l, r), Type::Bool),
        Binary::Matches | Binary::Contains | Binary::StartsWith | Binary::EndsWith => {
            (both(l, r, is_text), Type::Bool)
        }
        Binary::Range => (both(l, r, Type::is_whole), Type::list(Type::Int)),
        Binary::Coalesce => (true, coalesced(l, r)),
    };
    fits.then_some(ty)
}

fn takes_membership(l: &Type, r: &Type) -> bool {
    match r.family() {
        Family::List | Family::Map | Family::Any => true,
        Family::Struct | Family::Pointer => *r != Type::FloatPointer && (is_text(l) || l.is_any()),
        Family::Text | Family::Nil | Family::Bool | Family::Number => false,
    }
}

fn coalesced(l: &Type, r: &Type) -> Type {
    match (l, r) {
        (Type::Nil, other) | (other, Type::Nil) => other.clone(),
        _ if l == r || *l == Type::Any => l.clone(),
        _ => Type::Any,
    }
}
