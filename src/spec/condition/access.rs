//! `base.name`, `base[key]` and `base[from:to]`.

#![expect(
    clippy::wildcard_enum_match_arm,
    reason = "an operation takes few kinds of values and refuses all others"
)]

use std::borrow::Cow;

use super::ConditionError;
use super::ast::NodeId;
use super::eval::{BYTES_PER_STEP, Evaluated, Evaluation};
use super::operations::integer;
use super::value::{List, Value};

impl<'a> Evaluation<'a> {
    pub(super) fn member(&mut self, id: NodeId, base: &Value<'a>, key: NodeId) -> Evaluated<'a> {
        let key_value = self.value(key)?;
        let value = match (base, &key_value) {
            (Value::Object(object), Value::Text(name)) => object
                .field(name)
                .ok_or_else(|| self.span(id).error(format!("there is no field `{name}`")))?,
            (Value::Map(map), Value::Text(name)) => map.get(name),
            (Value::Map(map), Value::Nil) => map.get(""),
            (Value::List(list), place) => {
                let index = integer(place).ok_or_else(|| self.needed(key, "a whole number", place))?;
                let element = from_end(index, list.len()).and_then(|index| list.get(index));
                element.ok_or_else(|| {
                    self.span(id)
                        .error(format!("there is no element {index} in a list of {}", list.len()))
                })?
            }
            (Value::Nil, Value::Text(name)) => {
                return Err(self.span(id).error(format!("cannot get `{name}` of nil")));
            }
            _ => return Err(self.span(id).error(format!("{} has no such part", base.noun()))),
        };
        Ok(value.dereferenced())
    }

    pub(super) fn slice(
        &mut self,
        id: NodeId,
        base: &Value<'a>,
        from: Option<NodeId>,
        to: Option<NodeId>,
    ) -> Evaluated<'a> {
        let length = match base {
            Value::List(list) => list.len(),
            Value::Text(text) => text.len(),
            _ => return Err(self.span(id).error(format!("{} has no parts", base.noun()))),
        };
        let to = self.bound(to, length)?.unwrap_or(length).min(length);
        let from = self.bound(from, length)?.unwrap_or(0).min(to);
        // What is copied is counted; parts of the facts are only looked at.
        let copied = match base {
            Value::List(List::Made(_)) => to - from,
            Value::Text(_) => (to - from) / BYTES_PER_STEP,
            _ => 0,
        };
        self.step(id, copied)?;
        let part = match base {
            Value::List(list) => list.slice(from, to).map(Value::List),
            Value::Text(text) => text
                .get(from..to)
                .map(|part| Value::Text(Cow::Owned(part.to_owned()))),
            _ => None,
        };
        part.ok_or_else(|| self.span(id).error("this part does not exist"))
    }

    fn bound(&mut self, bound: Option<NodeId>, length: usize) -> Result<Option<usize>, ConditionError> {
        let Some(id) = bound else { return Ok(None) };
        let value = self.value(id)?;
        let index = integer(&value).ok_or_else(|| self.needed(id, "a whole number", &value))?;
        let index = from_end(index, length);
        index
            .map(Some)
            .ok_or_else(|| self.span(id).error("this place does not exist"))
    }
}

/// An index that counts from the end if it is negative.
fn from_end(index: i64, length: usize) -> Option<usize> {
    let index = if index < 0 {
        index.checked_add(i64::try_from(length).ok()?)?
    } else {
        index
    };
    usize::try_from(index).ok()
}
