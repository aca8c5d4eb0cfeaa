//! The functions of objects: `Result.Insights.ScalarMetricValue(0, "a/b")`, `Result.StartTime.Year()`.

use std::borrow::Cow;

use jiff::{Timestamp, Zoned};

use super::value::{Object, Value};

/// Calls a function of a value; the error is a message.
pub(super) fn call<'a>(base: &Value<'a>, name: &str, args: &[Value<'a>]) -> Result<Value<'a>, String> {
    let unknown = || format!("{} has no function `{name}` for these arguments", base.noun());
    match (base, name, args) {
        (
            Value::Object(Object::Insights(insights)),
            "ScalarMetricValue",
            [Value::Int(version), Value::Text(metric)],
        ) => {
            let value = insights.scalar_metric_value(place(*version)?, metric);
            Ok(value.map_or(Value::Nil, Value::FloatPointer))
        }
        (Value::Object(Object::Insights(insights)), "TrackVersionStr", [Value::Int(version)]) => insights
            .track_version(place(*version)?)
            .map(|text| Value::Text(Cow::Owned(text)))
            .ok_or_else(|| format!("there is no version {version}")),
        (Value::Time(text), _, []) => of_time(text, name).ok_or_else(unknown),
        (Value::Nil, ..) => Err(format!("cannot call `{name}` of nil")),
        _ => Err(unknown()),
    }
}

fn place(version: i64) -> Result<usize, String> {
    usize::try_from(version).map_err(|error| format!("there is no version {version}: {error}"))
}

fn of_time<'a>(text: &str, name: &str) -> Option<Value<'a>> {
    let instant: Timestamp = text.parse().ok()?;
    let offset = jiff::fmt::temporal::Pieces::parse(text).ok()?.to_numeric_offset();
    let time: Zoned = instant.to_zoned(offset.unwrap_or(jiff::tz::Offset::UTC).to_time_zone());
    Some(match name {
        "Year" => Value::Int(time.year().into()),
        "Day" => Value::Int(time.day().into()),
        "YearDay" => Value::Int(time.day_of_year().into()),
        "Hour" => Value::Int(time.hour().into()),
        "Minute" => Value::Int(time.minute().into()),
        "Second" => Value::Int(time.second().into()),
        "Nanosecond" => Value::Int(time.subsec_nanosecond().into()),
        "Unix" => Value::Long(instant.as_second()),
        "UnixMilli" => Value::Long(instant.as_millisecond()),
        "UnixMicro" => Value::Long(instant.as_microsecond()),
        "UnixNano" => Value::Long(i64::try_from(instant.as_nanosecond()).ok()?),
        "IsZero" => Value::Bool(time.year() == 1 && time.day_of_year() == 1),
        _ => return None,
    })
}
