//! [`owned`]: the fields of an object that a manager has applied, with the values that they have now.
//!
//! # Why
//! A server-side apply says everything that its manager wants: what it applied before and leaves out now is removed. So who
//! changes one more field says all others again. Which those are stands in `metadata.managedFields`
//! (<https://kubernetes.io/docs/reference/using-api/server-side-apply/#field-management>).

use serde_json::{Map, Value, json};

/// The fields that `manager` has applied, with name, kind and namespace: what it would apply to change nothing.
pub fn owned(object: &Value, manager: &str) -> Value {
    let is_ours = |entry: &&Value| {
        let sub = entry["subresource"].as_str().unwrap_or_default();
        entry["manager"] == manager && entry["operation"] == "Apply" && sub.is_empty()
    };
    let entries = object["metadata"]["managedFields"].as_array();
    let fields = entries.into_iter().flatten().find(is_ours);
    let mut fields = fields.cloned();
    // Who once said of these maps that they are there has said nothing of what others put into them.
    let all = fields.as_mut().and_then(|entry| entry.pointer_mut("/fieldsV1"));
    if let Some(all) = all.and_then(Value::as_object_mut)
        && let Some(said) = all.get_mut("f:metadata").and_then(Value::as_object_mut)
    {
        let says = |set: &Value| {
            set.as_object()
                .is_some_and(|set| set.keys().any(|key| key != "."))
        };
        said.retain(|_, set| says(set));
        if said.is_empty() {
            all.remove("f:metadata");
        }
    }
    let mut out = match fields.as_ref().and_then(|entry| entry["fieldsV1"].as_object()) {
        Some(fields) if !fields.is_empty() => extract(fields, object),
        Some(_) | None => json!({}),
    };
    for key in ["apiVersion", "kind"] {
        out[key] = object[key].clone();
    }
    for key in ["name", "namespace"] {
        if let Some(value) = object["metadata"].get(key) {
            out["metadata"][key] = value.clone();
        }
    }
    out
}

/// The part of a value that a set of fields names.
fn extract(fields: &Map<String, Value>, value: &Value) -> Value {
    if fields.is_empty() {
        return value.clone();
    }
    let nested = |set: &Value, value: &Value| match set.as_object() {
        Some(set) => extract(set, value),
        None => value.clone(),
    };
    match value {
        Value::Object(all) => {
            let named = fields.iter().filter_map(|(key, set)| {
                let name = key.strip_prefix("f:")?;
                Some((name.to_owned(), nested(set, all.get(name)?)))
            });
            Value::Object(named.collect())
        }
        Value::Array(all) => {
            let one = |(index, item): (usize, &Value)| {
                let (key, set) = fields.iter().find(|(key, _)| is_element(key, index, item))?;
                let mut part = nested(set, item);
                // Without its keys nobody knows which element it is.
                if let (Some(keys), Value::Object(part)) = (keys(key), &mut part) {
                    part.extend(keys);
                }
                Some(part)
            };
            Value::Array(all.iter().enumerate().filter_map(one).collect())
        }
        Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_) => value.clone(),
    }
}

/// The keys by which an element of a list is known, if it is by keys.
fn keys(key: &str) -> Option<Map<String, Value>> {
    serde_json::from_str(key.strip_prefix("k:")?).ok()
}

fn is_element(key: &str, index: usize, item: &Value) -> bool {
    if let Some(keys) = keys(key) {
        return keys.iter().all(|(name, value)| item.get(name) == Some(value));
    }
    if let Some(value) = key.strip_prefix("v:") {
        return serde_json::from_str::<Value>(value).is_ok_and(|value| value == *item);
    }
    key.strip_prefix("i:").is_some_and(|at| at.parse() == Ok(index))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn object(fields: &Value) -> Value {
        json!({
            "apiVersion": "apps/v1", "kind": "Deployment",
            "metadata": {
                "name": "shop", "namespace": "prod", "annotations": {"a": "1", "b": "2"},
                "managedFields": [
                    {"manager": "kubectl", "operation": "Apply", "fieldsV1": {"f:spec": {}}},
                    {"manager": "iter8", "operation": "Apply", "subresource": "status", "fieldsV1": {"f:status": {}}},
                    {"manager": "iter8", "operation": "Update", "fieldsV1": {"f:spec": {}}},
                    {"manager": "iter8", "operation": "Apply", "fieldsV1": fields},
                ],
            },
            "spec": {
                "replicas": 2,
                "rules": [{"x": 1}],
                "tags": ["a", "b"],
                "containers": [{"name": "one", "image": "a", "port": 1}, {"name": "two", "image": "b"}],
            },
            "status": {},
        })
    }

    #[test]
    fn what_was_applied_before_is_said_again_with_the_values_of_now() {
        let fields = json!({
            "f:metadata": {"f:annotations": {"f:b": {}}},
            "f:spec": {
                "f:rules": {},
                "f:tags": {"v:\"b\"": {}},
                "f:containers": {"k:{\"name\":\"two\"}": {".": {}, "f:image": {}}},
                "f:gone": {},
            },
        });
        let expected = json!({
            "apiVersion": "apps/v1", "kind": "Deployment",
            "metadata": {"name": "shop", "namespace": "prod", "annotations": {"b": "2"}},
            "spec": {"rules": [{"x": 1}], "tags": ["b"], "containers": [{"name": "two", "image": "b"}]},
        });
        assert_eq!(owned(&object(&fields), "iter8"), expected);
    }

    #[test]
    fn annotations_of_others_are_not_said_again() {
        let bare = json!({
            "apiVersion": "apps/v1", "kind": "Deployment", "metadata": {"name": "shop", "namespace": "prod"},
        });
        for annotations in [json!({}), json!({".": {}})] {
            let fields = json!({"f:metadata": {"f:annotations": annotations}});
            assert_eq!(owned(&object(&fields), "iter8"), bare);
        }
    }

    #[test]
    fn who_applied_nothing_owns_nothing() {
        let expected = json!({
            "apiVersion": "apps/v1", "kind": "Deployment", "metadata": {"name": "shop", "namespace": "prod"},
        });
        assert_eq!(owned(&object(&json!({})), "iter8"), expected);
        assert_eq!(
            owned(&object(&json!({"f:spec": {"f:replicas": {}}})), "flagger"),
            expected
        );
    }
}
