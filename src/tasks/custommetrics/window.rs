//! The time that metrics are about: from `startingTime` to now.

use jiff::Timestamp;
use jiff::tz::TimeZone;

use crate::template::{Value, layout};

/// What a start is called in the values, latest form first.
pub(super) const KEYS: [&str; 2] = ["startingTime", "StartingTime"];
/// What is computed, and was as well up to 0.9.
pub(super) const COMPUTED: [&str; 2] = ["elapsedTimeSeconds", "ElapsedTime"];

/// As Iter8 0.10 wrote it.
const LAYOUT: &str = "Jan 2, 2006 at 3:04pm (MST)";
/// Starts that are this far ahead may be the fault of a clock.
const AHEAD: i64 = 5;

/// The start that values give; `None` if they give none.
pub(super) fn start(values: &Value) -> Result<Option<Timestamp>, String> {
    let given = KEYS.iter().filter_map(|key| values.get(key)).find(Value::is_true);
    let Some(given) = given else {
        return Ok(None);
    };
    read(&given).map(Some)
}

fn read(given: &Value) -> Result<Timestamp, String> {
    let refused = |shown: &str| {
        format!("`{shown}` is no time: write it as in RFC 3339, for example 2026-05-01T10:00:00Z")
    };
    match given {
        // Unix seconds, as up to 0.9; values are floats.
        #[expect(
            clippy::cast_possible_truncation,
            reason = "what does not fit is refused by the timestamp"
        )]
        Value::Float(seconds) => Timestamp::from_second(*seconds as i64).map_err(|error| error.to_string()),
        Value::Text(text) => {
            let text = text.trim();
            let seconds = text
                .parse()
                .ok()
                .and_then(|seconds| Timestamp::from_second(seconds).ok());
            let read = text.parse::<Timestamp>().ok().or(seconds);
            read.or_else(|| {
                Some(
                    layout::parse(LAYOUT, text)?
                        .with_time_zone(TimeZone::UTC)
                        .timestamp(),
                )
            })
            .ok_or_else(|| refused(text))
        }
        Value::Nil
        | Value::Bool(_)
        | Value::Int(_)
        | Value::Time(_)
        | Value::List(_)
        | Value::Map(_)
        | Value::Record(_) => Err(refused("it")),
    }
}

/// Whole seconds from `start` to `now`, at least 1: a window of no length is an error to Prometheus.
pub(super) fn elapsed(start: Timestamp, now: Timestamp) -> Result<i64, String> {
    let seconds = now.as_second() - start.as_second();
    if seconds < -AHEAD {
        return Err(format!("it is {start}, which is still to come"));
    }
    Ok(seconds.max(1))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn of(text: &str) -> Result<Option<Timestamp>, String> {
        let values = Value::from_json(serde_json::json!({ "startingTime": text })).expect("values");
        start(&values)
    }

    #[test]
    fn starts_of_all_eras_are_read() {
        let wanted: Timestamp = "2023-05-01T10:04:00Z".parse().expect("a time");
        for text in [
            "2023-05-01T10:04:00Z",
            "2023-05-01T12:04:00+02:00",
            "May 1, 2023 at 10:04am (UTC)",
            "1682935440",
        ] {
            assert_eq!(of(text), Ok(Some(wanted)), "{text}");
        }
        let seconds = Value::from_json(serde_json::json!({ "StartingTime": 1_682_935_440 })).expect("values");
        assert_eq!(start(&seconds), Ok(Some(wanted)));
        assert_eq!(
            start(&Value::from_json(serde_json::json!({})).expect("values")),
            Ok(None)
        );
        for text in ["yesterday", "2023-05-01", "2023-05-01 10:04"] {
            assert!(of(text).is_err_and(|why| why.contains(text)), "{text}");
        }
    }

    #[test]
    fn a_window_has_a_length_and_does_not_lie_ahead() {
        let at = |seconds| Timestamp::from_second(seconds).expect("a time");
        assert_eq!(elapsed(at(1_000), at(1_090)), Ok(90));
        assert_eq!(elapsed(at(1_000), at(1_000)), Ok(1));
        assert!(elapsed(at(2_000), at(1_000)).is_err());
    }
}
