//! Times.

use std::sync::Arc;

use jiff::tz::TimeZone;
use jiff::{SignedDuration, Timestamp};

use super::super::super::layout;
use super::super::super::value::Value;
use super::super::times::{in_zone, time};
use super::super::{Function, argument, function, text};

pub(super) const TIMES: &[Function] = &[
    function("ago", 1, 1, |_, values| {
        let since = Timestamp::now().duration_since(time(argument(values, 0)).timestamp());
        Value::text(elapsed(since.as_secs()))
    }),
    function("toDate", 2, 2, |_, values| {
        // What cannot be read is the zero time, as in sprig.
        let found = layout::parse(text(values, 0)?, text(values, 1)?);
        let zero = || jiff::civil::date(1, 1, 1).to_zoned(TimeZone::UTC).ok();
        let found = found.or_else(zero).ok_or("no time")?;
        Ok(Value::Time(Arc::new(found)))
    }),
    function("date_in_zone", 3, 3, |_, values| {
        in_zone(text(values, 0)?, argument(values, 1), text(values, 2)?)
    }),
    function("htmlDateInZone", 2, 2, |_, values| {
        in_zone("2006-01-02", argument(values, 0), text(values, 1)?)
    }),
    function("dateModify", 2, 2, |_, values| modified(values)),
    function("date_modify", 2, 2, |_, values| modified(values)),
];

fn modified(values: &[Value]) -> Result<Value, String> {
    let at = time(argument(values, 1));
    // What is no duration changes nothing, as in sprig.
    let moved = duration(text(values, 0)?).and_then(|by| at.checked_add(by).ok());
    Ok(Value::Time(Arc::new(moved.unwrap_or(at))))
}

/// As Go writes a duration of whole seconds.
fn elapsed(seconds: i64) -> String {
    let sign = if seconds < 0 { "-" } else { "" };
    let seconds = seconds.unsigned_abs();
    let (hours, minutes, rest) = (seconds / 3_600, seconds / 60 % 60, seconds % 60);
    match (hours, minutes) {
        (0, 0) => format!("{sign}{rest}s"),
        (0, _) => format!("{sign}{minutes}m{rest}s"),
        _ => format!("{sign}{hours}h{minutes}m{rest}s"),
    }
}

/// `-1.5h`, `1h30m`, `300ms`.
fn duration(text: &str) -> Option<SignedDuration> {
    let (negative, mut rest) = match text.strip_prefix('-') {
        Some(rest) => (true, rest),
        None => (false, text.strip_prefix('+').unwrap_or(text)),
    };
    let mut seconds = 0.0;
    while !rest.is_empty() {
        let digits = rest.find(|c: char| !(c.is_ascii_digit() || c == '.'))?;
        let (number, tail) = rest.split_at(digits);
        let letters = tail
            .find(|c: char| c.is_ascii_digit() || c == '.')
            .unwrap_or(tail.len());
        let (unit, tail) = tail.split_at(letters);
        let scale = match unit {
            "h" => 3600.0,
            "m" => 60.0,
            "s" => 1.0,
            "ms" => 1e-3,
            "us" | "µs" => 1e-6,
            "ns" => 1e-9,
            _ => return None,
        };
        seconds += number.parse::<f64>().ok()? * scale;
        rest = tail;
    }
    SignedDuration::try_from_secs_f64(if negative { -seconds } else { seconds }).ok()
}
