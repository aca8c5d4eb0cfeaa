//! `==` and `in` of values, in counted steps.

#![expect(
    clippy::wildcard_enum_match_arm,
    reason = "an operation takes few kinds of values and refuses all others"
)]

use super::ConditionError;
use super::ast::NodeId;
use super::eval::Evaluation;
use super::value::{List, Map, Value};

impl<'a> Evaluation<'a> {
    pub(super) fn equal(&mut self, id: NodeId, l: &Value<'a>, r: &Value<'a>) -> Result<bool, ConditionError> {
        self.step(id, 1)?;
        if l.is_nil() && r.is_nil() {
            return Ok(true);
        }
        Ok(match (l, r) {
            (Value::Bool(l), Value::Bool(r)) => l == r,
            (Value::Int(l) | Value::Long(l), Value::Int(r) | Value::Long(r)) => l == r,
            (Value::Text(l), Value::Text(r)) => l == r,
            (Value::Time(l), Value::Time(r)) | (Value::MetricKind(l), Value::MetricKind(r)) => l == r,
            (Value::Object(l), Value::Object(r)) => l == r,
            (Value::List(l), Value::List(r)) => return self.equal_lists(id, l, r),
            (Value::Map(l), Value::Map(r)) => return self.equal_maps(id, l, r),
            #[expect(clippy::float_cmp, reason = "the language compares numbers exactly")]
            (l, r) => match (l.number(), r.number(), l, r) {
                (Some(l), Some(r), ..) => l == r,
                (_, _, Value::FloatPointer(l), Value::FloatPointer(r)) => l == r,
                _ => false,
            },
        })
    }

    /// Elements are equal only if their types are, too.
    fn equal_elements(&mut self, id: NodeId, l: &Value<'a>, r: &Value<'a>) -> Result<bool, ConditionError> {
        Ok(std::mem::discriminant(l) == std::mem::discriminant(r) && self.equal(id, l, r)?)
    }

    fn equal_lists(&mut self, id: NodeId, l: &List<'a>, r: &List<'a>) -> Result<bool, ConditionError> {
        if !l.comparable(r) || l.len() != r.len() {
            return Ok(false);
        }
        for index in 0..l.len() {
            let (Some(l), Some(r)) = (l.get(index), r.get(index)) else {
                return Ok(false);
            };
            if !self.equal_elements(id, &l, &r)? {
                return Ok(false);
            }
        }
        Ok(true)
    }

    fn equal_maps(&mut self, id: NodeId, l: &Map<'a>, r: &Map<'a>) -> Result<bool, ConditionError> {
        let (Some(left), Some(right)) = (l.made(), r.made()) else {
            return Ok(l.same_facts(r));
        };
        if left.len() != right.len() {
            return Ok(false);
        }
        for (key, value) in left {
            let Some(other) = right.get(key) else {
                return Ok(false);
            };
            if !self.equal_elements(id, value, other)? {
                return Ok(false);
            }
        }
        Ok(true)
    }

    pub(super) fn contained(
        &mut self,
        id: NodeId,
        needle: &Value<'a>,
        whole: &Value<'a>,
    ) -> Result<bool, ConditionError> {
        match whole {
            Value::List(list) => {
                for index in 0..list.len() {
                    if let Some(element) = list.get(index)
                        && self.equal(id, &element, needle)?
                    {
                        return Ok(true);
                    }
                }
                Ok(false)
            }
            Value::Map(map) => match needle {
                Value::Nil => Ok(map.has("")),
                Value::Text(key) => Ok(map.has(key)),
                _ => Err(self.needed(id, "text", needle)),
            },
            Value::Object(object) => match needle {
                Value::Text(name) => Ok(object.field(name).is_some()),
                _ => Err(self.needed(id, "text", needle)),
            },
            Value::Nil => Ok(false),
            _ => Err(self.span(id).error(format!("nothing is in {}", whole.noun()))),
        }
    }
}
