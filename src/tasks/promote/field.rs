//! [`Field`]: one value of an object: how it is found, and how an apply says it and nothing else.
//!
//! # Whole lists, or one of their elements
//! Of a list that the API merges by a key (containers by their name) an apply says one element; a list that it takes as
//! one must be said as a whole. Which it is, a trial tells: what the API would make of the apply has to be the object of
//! now with that one value changed.

use serde_json::{Map, Value, json};

use crate::edit::{Path, Step};

/// Where a value stands in an object, every position known.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Field {
    parts: Vec<Part>,
}

#[derive(Debug, Clone, PartialEq)]
enum Part {
    Key(String),
    /// A position in a list, and the key and value by which the element is known, if it is.
    Element(usize, Option<(String, String)>),
}

impl Field {
    /// Finds what a path means in an object; the value must be there, and be one.
    pub(super) fn of(path: &Path, object: &Value) -> Result<Self, String> {
        let mut parts = Vec::new();
        let mut value = object;
        for step in path.steps() {
            let part = find(step, value).ok_or_else(|| format!("it has no {path}: there is no {step}"))?;
            value = match &part {
                Part::Key(key) => &value[key.as_str()],
                Part::Element(index, _) => &value[*index],
            };
            parts.push(part);
        }
        if value.is_object() || value.is_array() || value.is_null() {
            return Err(format!("its {path} is no single value"));
        }
        Ok(Self { parts })
    }

    /// The value.
    pub(super) fn value<'a>(&self, object: &'a Value) -> &'a Value {
        self.parts.iter().fold(object, |value, part| match part {
            Part::Key(key) => &value[key.as_str()],
            Part::Element(index, _) => &value[*index],
        })
    }

    /// The object with another value.
    pub(super) fn replaced(&self, object: &Value, value: &Value) -> Value {
        let mut new = object.clone();
        let place = self.parts.iter().fold(&mut new, |place, part| match part {
            Part::Key(key) => &mut place[key.as_str()],
            Part::Element(index, _) => &mut place[*index],
        });
        *place = value.clone();
        new
    }

    /// What an apply says of it, beside the fields that it said before: one element of each list; `None` if an element is
    /// known by nothing but its position.
    pub(super) fn say_element(&self, said: &mut Value, value: &Value) -> Option<()> {
        let mut place = said;
        for part in &self.parts {
            place = match part {
                Part::Key(key) => {
                    if !place.is_object() {
                        *place = Value::Object(Map::new());
                    }
                    &mut place[key.as_str()]
                }
                Part::Element(_, None) => return None,
                Part::Element(_, Some((key, name))) => {
                    if !place.is_array() {
                        *place = json!([]);
                    }
                    let list = place.as_array_mut()?;
                    let known = list.iter().position(|item| is_called(&item[key.as_str()], name));
                    let index = known.unwrap_or(list.len());
                    if known.is_none() {
                        list.push(json!({ key: name }));
                    }
                    list.get_mut(index)?
                }
            };
        }
        *place = value.clone();
        Some(())
    }

    /// The same with the first list on its way as a whole, from the new object.
    pub(super) fn say_list(&self, said: &mut Value, new: &Value) {
        let (mut place, mut from) = (said, new);
        for part in &self.parts {
            let Part::Key(key) = part else { break };
            if !place.is_object() {
                *place = Value::Object(Map::new());
            }
            place = &mut place[key.as_str()];
            from = &from[key.as_str()];
        }
        *place = from.clone();
    }
}

fn is_called(value: &Value, name: &str) -> bool {
    match value {
        Value::String(text) => text == name,
        Value::Number(number) => number.to_string() == name,
        Value::Bool(value) => value.to_string() == name,
        Value::Null | Value::Array(_) | Value::Object(_) => false,
    }
}

fn find(step: &Step, value: &Value) -> Option<Part> {
    let list = value.as_array();
    match step {
        Step::Key(key) => match list {
            Some(list) => {
                let index = key.parse().ok().filter(|index| *index < list.len());
                index.map(|index| Part::Element(index, None))
            }
            None => value.get(key).map(|_| Part::Key(key.clone())),
        },
        Step::Index(index) => list?.get(*index).map(|_| Part::Element(*index, None)),
        Step::Having(key, name) => {
            let mut named = list?
                .iter()
                .enumerate()
                .filter(|(_, item)| is_called(&item[key.as_str()], name));
            let (index, _) = named.next()?;
            let known = (key.clone(), name.clone());
            named
                .next()
                .is_none()
                .then_some(Part::Element(index, Some(known)))
        }
    }
}

/// A text as a value of the kind that is there.
pub(super) fn typed(text: &str, now: &Value) -> Result<Value, String> {
    let text = text.trim();
    match now {
        Value::Number(_) => match serde_json::from_str::<Value>(text) {
            Ok(number @ Value::Number(_)) => Ok(number),
            Ok(_) | Err(_) => Err(format!("it is a number, and {text:?} is none")),
        },
        Value::Bool(_) => {
            let value = text.parse::<bool>();
            value
                .map(Value::Bool)
                .map_err(|_cause| format!("it is true or false, and {text:?} is neither"))
        }
        Value::Null | Value::String(_) | Value::Array(_) | Value::Object(_) => {
            Ok(Value::String(text.to_owned()))
        }
    }
}

/// A value as people write it.
pub(super) fn shown(value: &Value) -> String {
    match value {
        Value::String(text) => text.clone(),
        Value::Null | Value::Bool(_) | Value::Number(_) | Value::Array(_) | Value::Object(_) => {
            value.to_string()
        }
    }
}

/// Whether the API made of an object what was meant: what it says itself of every object is its own.
pub(super) fn is_meant(answer: &Value, meant: &Value) -> bool {
    let content = |object: &Value| {
        let mut content = object.as_object().cloned().unwrap_or_default();
        content.remove("metadata");
        content.remove("status");
        content
    };
    content(answer) == content(meant)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn object() -> Value {
        json!({"kind": "Deployment", "spec": {"replicas": 2, "paused": false, "template": {"spec": {"containers": [
            {"name": "side", "image": "proxy:1"}, {"name": "shop", "image": "shop:1", "port": 80},
        ]}}}})
    }

    fn field(path: &str) -> Result<Field, String> {
        Field::of(&path.parse().expect("a path"), &object())
    }

    const IMAGE: &str = "spec.template.spec.containers[name=shop].image";

    #[test]
    fn an_element_with_a_name_is_said_alone() {
        let image = field(IMAGE).expect("a field");
        assert_eq!(image.value(&object()), "shop:1");
        let mut said = json!({"kind": "Deployment", "spec": {"replicas": 2}});
        image.say_element(&mut said, &json!("shop:2")).expect("a name");
        let containers = json!([{"name": "shop", "image": "shop:2"}]);
        assert_eq!(
            said,
            json!({"kind": "Deployment", "spec": {"replicas": 2, "template": {"spec": {"containers": containers}}}})
        );
        // What was said of it before is said again.
        image.say_element(&mut said, &json!("shop:3")).expect("a name");
        assert_eq!(
            said["spec"]["template"]["spec"]["containers"],
            json!([{"name": "shop", "image": "shop:3"}])
        );
    }

    #[test]
    fn a_list_is_said_as_a_whole() {
        let image = field("spec.template.spec.containers[1].image").expect("a field");
        let new = image.replaced(&object(), &json!("shop:2"));
        assert_eq!(image.say_element(&mut json!({}), &json!("shop:2")), None);
        let mut said = json!({});
        image.say_list(&mut said, &new);
        let containers =
            json!([{"name": "side", "image": "proxy:1"}, {"name": "shop", "image": "shop:2", "port": 80}]);
        assert_eq!(
            said,
            json!({"spec": {"template": {"spec": {"containers": containers}}}})
        );
        assert!(is_meant(&new, &image.replaced(&object(), &json!("shop:2"))));
        assert!(!is_meant(&object(), &new));
    }

    #[test]
    fn what_is_not_there_is_refused() {
        for (path, says) in [
            ("spec.replica", "there is no replica"),
            (
                "spec.template.spec.containers[name=web].image",
                "there is no [name=web]",
            ),
            ("spec.template.spec.containers[2].image", "there is no [2]"),
            ("spec.template", "is no single value"),
        ] {
            let why = field(path).expect_err(path);
            assert!(why.contains(says), "{why}");
        }
    }

    #[test]
    fn a_value_keeps_its_kind() {
        assert_eq!(typed("3", &json!(2)), Ok(json!(3)));
        assert_eq!(typed("3", &json!("2")), Ok(json!("3")));
        assert_eq!(typed("true", &json!(false)), Ok(json!(true)));
        assert!(typed("three", &json!(2)).is_err());
        assert!(typed("1", &json!(false)).is_err());
    }
}
