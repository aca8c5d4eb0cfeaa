//! Times, from sprig. They are in UTC unless a zone is named.

use std::sync::Arc;

use jiff::tz::TimeZone;
use jiff::{Timestamp, Zoned};

use super::super::layout;
use super::super::value::Value;
use super::{Function, argument, function, text};

pub(super) const TIMES: &[Function] = &[
    function("now", 0, 0, |_, _| {
        Ok(Value::Time(Arc::new(Timestamp::now().to_zoned(TimeZone::UTC))))
    }),
    function("date", 2, 2, |_, values| {
        Value::text(layout::format(&time(argument(values, 1)), text(values, 0)?))
    }),
    function("dateInZone", 3, 3, |_, values| {
        in_zone(text(values, 0)?, argument(values, 1), text(values, 2)?)
    }),
    function("htmlDate", 1, 1, |_, values| {
        Value::text(layout::format(&time(argument(values, 0)), "2006-01-02"))
    }),
    function("unixEpoch", 1, 1, |_, values| match argument(values, 0) {
        Value::Time(time) => Value::text(time.timestamp().as_second().to_string()),
        other => Err(format!("argument 1 should be a time, not {}", other.kind())),
    }),
];

/// A time as `layout` says, in a zone.
pub(super) fn in_zone(layout: &str, at: &Value, name: &str) -> Result<Value, String> {
    let zone = if matches!(name, "" | "UTC") {
        TimeZone::UTC
    } else {
        TimeZone::get(name).map_err(|error| error.to_string())?
    };
    Value::text(layout::format(&time(at).with_time_zone(zone), layout))
}

/// A time, or seconds since 1970; anything else is now, as in sprig.
pub(super) fn time(value: &Value) -> Zoned {
    let at = match value {
        Value::Time(time) => return time.as_ref().clone(),
        Value::Int(seconds) => Timestamp::from_second(*seconds).ok(),
        _ => None,
    };
    at.unwrap_or_else(Timestamp::now).to_zoned(TimeZone::UTC)
}
