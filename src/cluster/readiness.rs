//! [`unready`]: whether an object is as it should be, from what the API says of it.

use serde_json::Value;

use super::foreign;

/// Why an object is not ready; `None` if it is. Every condition must be true, and be said of the object as it is now.
pub fn unready(object: &Value, conditions: &[String]) -> Option<String> {
    if let Some(since) = object["metadata"]["deletionTimestamp"].as_str() {
        return Some(format!("it is being deleted, since {}", foreign(since)));
    }
    if conditions.is_empty() {
        return None;
    }
    let Some(status) = object["status"].as_object() else {
        return Some("it has no status yet".into());
    };
    let generation = object["metadata"]["generation"].as_i64();
    let outdated = |seen: &Value| {
        let (now, seen) = (generation?, seen.as_i64()?);
        (seen < now).then(|| {
            format!("its controller has not seen its latest change yet (generation {now}, seen is {seen})")
        })
    };
    if let Some(why) = status.get("observedGeneration").and_then(outdated) {
        return Some(why);
    }
    let Some(list) = status.get("conditions").and_then(Value::as_array) else {
        return Some("its status has no conditions yet".into());
    };
    conditions.iter().find_map(|wanted| {
        let kind = |condition: &&Value| {
            condition["type"]
                .as_str()
                .is_some_and(|kind| kind.eq_ignore_ascii_case(wanted))
        };
        let Some(condition) = list.iter().find(kind) else {
            return Some(missing(wanted, list));
        };
        let state = condition["status"].as_str().unwrap_or("unknown");
        if !state.eq_ignore_ascii_case("true") {
            return Some(unmet(wanted, state, condition));
        }
        outdated(&condition["observedGeneration"])
    })
}

fn missing(wanted: &str, list: &[Value]) -> String {
    let names: Vec<&str> = list
        .iter()
        .filter_map(|condition| condition["type"].as_str())
        .collect();
    if names.is_empty() {
        "its status has no conditions yet".into()
    } else {
        format!(
            "it has no condition {wanted}; it has {}",
            foreign(&names.join(", "))
        )
    }
}

/// A condition that does not hold, with its reason and message.
fn unmet(wanted: &str, state: &str, condition: &Value) -> String {
    let text = |field: &str| condition[field].as_str().filter(|text| !text.is_empty());
    let mut said = format!("condition {wanted} is {}", foreign(state));
    if let Some(reason) = text("reason") {
        said.push_str(&format!(" ({})", foreign(reason)));
    }
    if let Some(message) = text("message") {
        said.push_str(&format!(": {}", foreign(message)));
    }
    said
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn judged(object: &Value, conditions: &[&str]) -> Option<String> {
        let conditions: Vec<String> = conditions.iter().map(|name| (*name).to_owned()).collect();
        unready(object, &conditions)
    }

    #[test]
    fn existence_is_enough_where_no_condition_is_named() {
        assert_eq!(judged(&json!({"metadata": {}}), &[]), None);
        let leaving = json!({"metadata": {"deletionTimestamp": "2026-01-01T00:00:00Z"}});
        assert_eq!(
            judged(&leaving, &[]).as_deref(),
            Some("it is being deleted, since 2026-01-01T00:00:00Z")
        );
    }

    #[test]
    fn what_is_not_said_yet_is_not_true() {
        for (object, why) in [
            (json!({"metadata": {}}), "it has no status yet"),
            (json!({"status": {}}), "its status has no conditions yet"),
            (
                json!({"status": {"conditions": []}}),
                "its status has no conditions yet",
            ),
            (
                json!({"status": {"conditions": [{"type": "A", "status": "True"}, {"type": "B", "status": "True"}]}}),
                "it has no condition Ready; it has A, B",
            ),
        ] {
            assert_eq!(judged(&object, &["Ready"]).as_deref(), Some(why));
        }
    }

    #[test]
    fn a_false_condition_tells_its_reason_and_message() {
        let of = |condition: Value| json!({"status": {"conditions": [condition]}});
        let whole =
            of(json!({"type": "Ready", "status": "False", "reason": "NoRevision", "message": "it broke"}));
        assert_eq!(
            judged(&whole, &["Ready"]).as_deref(),
            Some("condition Ready is False (NoRevision): it broke")
        );
        let bare = of(json!({"type": "Ready", "status": "Unknown", "reason": ""}));
        assert_eq!(
            judged(&bare, &["Ready"]).as_deref(),
            Some("condition Ready is Unknown")
        );
        assert_eq!(
            judged(&of(json!({"type": "Ready"})), &["Ready"]).as_deref(),
            Some("condition Ready is unknown")
        );
    }

    #[test]
    fn case_does_not_matter_as_in_iter8() {
        let object = json!({"status": {"conditions": [{"type": "Ready", "status": "true"}]}});
        assert_eq!(judged(&object, &["ready"]), None);
    }

    #[test]
    fn every_condition_must_be_true() {
        let object = json!({"status": {"conditions": [
            {"type": "A", "status": "True"}, {"type": "B", "status": "False"}]}});
        assert_eq!(judged(&object, &["A"]), None);
        assert_eq!(
            judged(&object, &["A", "B"]).as_deref(),
            Some("condition B is False")
        );
    }

    #[test]
    fn what_was_said_of_an_older_generation_does_not_count() {
        let ready = json!([{"type": "Ready", "status": "True"}]);
        let object = |generation: i64, observed: i64| {
            json!({"metadata": {"generation": generation},
                   "status": {"observedGeneration": observed, "conditions": ready}})
        };
        assert_eq!(judged(&object(3, 3), &["Ready"]), None);
        let why = judged(&object(3, 2), &["Ready"]).expect("stale");
        assert!(why.contains("generation 3, seen is 2"), "{why}");
        let of_condition = json!({"metadata": {"generation": 2},
            "status": {"conditions": [{"type": "Ready", "status": "True", "observedGeneration": 1}]}});
        assert!(judged(&of_condition, &["Ready"]).is_some());
    }
}
