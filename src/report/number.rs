//! Numbers as people read them: the only place that rounds. Three significant digits, always with a unit, tied to
//! it by a no-break space, and never a rounded number that contradicts what was decided from the exact one.

use crate::metrics::Unit;
use crate::slo::interval::Interval;

/// Between a number and its unit, so that tables do not break there.
const JOIN: char = '\u{a0}';
/// What stands for a number that is not there.
pub const NONE: &str = "–";
/// Significant digits of a measured number.
const DIGITS: usize = 3;
/// Significant digits of a number that somebody else measured, as exactly as anybody may want it.
const GIVEN: usize = 6;
/// Significant digits that hold any number that somebody wrote as a limit.
const EXACT: usize = 12;
/// Significant digits of a 64-bit float.
const ALL: usize = 17;

/// A measured value: `312 ms`, `0.31 %`, `39.8/s`.
pub fn measured(value: f64, unit: Unit) -> String {
    scaled(value, unit, DIGITS).text
}

/// A value that somebody else measured: `12.345 ms`.
pub fn given(value: f64, unit: Unit) -> String {
    scaled(value, unit, GIVEN).text
}

/// A limit as its author wrote it: all digits, no trailing zeros.
pub fn limit(value: f64, unit: Unit) -> String {
    scaled(value, unit, EXACT).text
}

/// A measured value that is compared with a limit: as many digits as it takes to stay on its side of the limit.
pub fn against(value: f64, limit: f64, unit: Unit) -> String {
    compared(value, limit, unit, DIGITS)
}

/// The same for a value that somebody else measured.
pub fn given_against(value: f64, limit: f64, unit: Unit) -> String {
    compared(value, limit, unit, GIVEN)
}

fn compared(value: f64, limit: f64, unit: Unit, least: usize) -> String {
    if value.to_bits() == limit.to_bits() {
        return self::limit(limit, unit);
    }
    let wanted = value.partial_cmp(&limit);
    (least..=ALL)
        .map(|digits| scaled(value, unit, digits))
        .find(|shown| shown.value.partial_cmp(&limit) == wanted)
        .unwrap_or_else(|| scaled(value, unit, ALL))
        .text
}

/// A ratio to the baseline: `1.26×`, with digits as [`against`].
pub fn ratio(value: f64, limit: Option<f64>) -> String {
    match limit {
        Some(limit) => against(value, limit, Unit::Plain) + "×",
        None => measured(value, Unit::Plain) + "×",
    }
}

/// Both sides of an interval: `287 – 341 ms`, `391 ms – open`. `times` marks ratios.
pub fn interval(interval: Interval, limit: Option<f64>, unit: Unit, times: bool) -> String {
    let side = |value: Option<f64>| match value {
        Some(value) if value.is_finite() => Some(match limit {
            Some(limit) => against(value, limit, unit),
            None => measured(value, unit),
        }),
        _ => None,
    };
    let suffix = if times { "×" } else { "" };
    let (low, high) = (side(interval.low), side(interval.high));
    let (low, high) = match (low, high) {
        (Some(low), Some(high)) => (without_shared_unit(&low, &high), high + suffix),
        (Some(low), None) => (low + suffix, "open".to_owned()),
        (None, Some(high)) => ("open".to_owned(), high + suffix),
        (None, None) => ("open".to_owned(), "open".to_owned()),
    };
    // Browsers break behind a dash even before a no-break space; the word joiner forbids it.
    format!("{low}{JOIN}–\u{2060}{JOIN}{high}")
}

/// `287 ms` beside `341 ms` is `287`.
fn without_shared_unit(low: &str, high: &str) -> String {
    let unit = |text: &str| {
        text.find(|c: char| !c.is_ascii_digit() && !matches!(c, '.' | ',' | '-' | '−'))
            .map(|at| text[at..].to_owned())
    };
    match (unit(low), unit(high)) {
        (Some(of_low), Some(of_high)) if of_low == of_high => {
            low.trim_end_matches(of_low.as_str()).to_owned()
        }
        _ => low.to_owned(),
    }
}

/// A number of things: `2,400`.
pub fn count(n: u64) -> String {
    grouped(&n.to_string())
}

/// `count` with its noun: `1 request`, `2,400 requests`.
pub fn counted(n: u64, noun: &str) -> String {
    let plural = if n == 1 { "" } else { "s" };
    format!("{}{JOIN}{noun}{plural}", count(n))
}

/// A share of a whole: `28 %`; nothing of nothing is no number.
pub fn share(part: u64, whole: u64) -> String {
    if whole == 0 {
        return NONE.to_owned();
    }
    measured(part as f64 / whole as f64, Unit::Fraction)
}

/// A duration in seconds: `350 ms`, `30 s`, `2 min 5 s`, `1 h 10 min`.
pub fn duration(seconds: f64) -> String {
    if !seconds.is_finite() || seconds < 0.0 {
        return NONE.to_owned();
    }
    if seconds == 0.0 {
        return format!("0{JOIN}s");
    }
    if seconds < 59.95 {
        return measured(seconds * 1e3, Unit::Milliseconds);
    }
    #[expect(
        clippy::cast_possible_truncation,
        clippy::cast_sign_loss,
        reason = "not negative; a float beyond 2^64 saturates"
    )]
    let whole = seconds.round() as u64;
    let (hours, minutes, rest) = (whole / 3600, whole % 3600 / 60, whole % 60);
    let parts = [(hours, "h"), (minutes, "min"), (rest, "s")];
    let shown: Vec<String> = parts
        .iter()
        .filter(|(n, _)| *n > 0)
        .take(2)
        .map(|(n, unit)| format!("{}{JOIN}{unit}", count(*n)))
        .collect();
    shown.join(&JOIN.to_string())
}

/// A number for machines: shortest decimal that reads back equal, no exponent, no unit.
pub fn plain(value: f64) -> String {
    if value.is_nan() {
        "NaN".to_owned()
    } else if value.is_infinite() {
        if value > 0.0 { "+Inf" } else { "-Inf" }.to_owned()
    } else {
        format!("{value}")
    }
}

/// A number as shown, and what the shown text says in the metric's unit.
struct Shown {
    text: String,
    value: f64,
}

/// Steps of a unit: factor to the unit shown, and its symbol, smallest first.
fn scales(unit: Unit) -> &'static [(f64, &'static str)] {
    match unit {
        Unit::Milliseconds => &[(1e-3, "\u{a0}µs"), (1.0, "\u{a0}ms"), (1e3, "\u{a0}s")],
        Unit::Bytes => &[
            (1.0, "\u{a0}B"),
            (1e3, "\u{a0}kB"),
            (1e6, "\u{a0}MB"),
            (1e9, "\u{a0}GB"),
        ],
        Unit::Fraction => &[(1e-2, "\u{a0}%")],
        Unit::PerSecond => &[(1.0, "/s")],
        Unit::Count | Unit::Plain => &[(1.0, "")],
    }
}

fn scaled(value: f64, unit: Unit, digits: usize) -> Shown {
    let steps = scales(unit);
    if !value.is_finite() {
        let text = if value.is_nan() {
            NONE.to_owned()
        } else {
            plain(value)
        };
        return Shown { text, value };
    }
    let largest = steps.len() - 1;
    let zero_step = usize::from(unit == Unit::Milliseconds);
    let mut chosen = if value == 0.0 { zero_step } else { largest };
    if value != 0.0 {
        // The first step whose rounded number stays below 1,000; the last step takes everything.
        chosen = (0..largest)
            .find(|step| rounded(value / steps[*step].0, digits).1.abs() < 1e3)
            .unwrap_or(largest);
    }
    let (factor, symbol) = steps[chosen];
    let (text, number) = rounded(value / factor, digits);
    Shown {
        text: text + symbol,
        value: number * factor,
    }
}

/// Rounds to significant digits, never cutting digits before the point; the text and the number it says.
fn rounded(value: f64, digits: usize) -> (String, f64) {
    if value == 0.0 {
        return ("0".to_owned(), 0.0);
    }
    let magnitude = value.abs();
    if !(1e-9..1e15).contains(&magnitude) {
        let text = format!("{value:.*e}", digits.saturating_sub(1));
        let number = text.parse().unwrap_or(value);
        return (text, number);
    }
    // The exponent after rounding: 999.6 to three digits is 1000, which has four before the point.
    let scientific = format!("{magnitude:.*e}", digits.saturating_sub(1));
    let exponent: i32 = scientific
        .rsplit_once('e')
        .and_then(|(_, exponent)| exponent.parse().ok())
        .unwrap_or_default();
    let before = exponent + 1;
    let decimals = usize::try_from(i32::try_from(digits).unwrap_or(3) - before).unwrap_or(0);
    let text = format!("{value:.decimals$}");
    let text = if text.contains('.') {
        text.trim_end_matches('0').trim_end_matches('.').to_owned()
    } else {
        text
    };
    let number = text.parse().unwrap_or(value);
    (grouped(&text), number)
}

/// Commas between thousands.
fn grouped(number: &str) -> String {
    let (sign, number) = match number.strip_prefix('-') {
        Some(rest) => ("−", rest),
        None => ("", number),
    };
    let (whole, fraction) = match number.split_once('.') {
        Some((whole, fraction)) => (whole, Some(fraction)),
        None => (number, None),
    };
    let mut out = String::from(sign);
    for (index, digit) in whole.chars().enumerate() {
        if index > 0 && (whole.len() - index).is_multiple_of(3) {
            out.push(',');
        }
        out.push(digit);
    }
    if let Some(fraction) = fraction {
        out.push('.');
        out.push_str(fraction);
    }
    out
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn spaced(text: &str) -> String {
        text.replace(JOIN, " ").replace('\u{2060}', "")
    }

    #[test]
    fn numbers_have_three_digits_and_a_unit() {
        for (value, unit, expected) in [
            (312.4, Unit::Milliseconds, "312 ms"),
            (48.0, Unit::Milliseconds, "48 ms"),
            (0.5, Unit::Milliseconds, "500 µs"),
            (0.9996, Unit::Milliseconds, "1 ms"),
            (999.6, Unit::Milliseconds, "1 s"),
            (1234.5, Unit::Milliseconds, "1.23 s"),
            (0.0, Unit::Milliseconds, "0 ms"),
            (0.00314, Unit::Fraction, "0.314 %"),
            (1.0, Unit::Fraction, "100 %"),
            (39.84, Unit::PerSecond, "39.8/s"),
            (2417.0, Unit::Count, "2,417"),
            (1_234_567.0, Unit::Bytes, "1.23 MB"),
            (-0.25, Unit::Plain, "−0.25"),
            (f64::NAN, Unit::Count, NONE),
        ] {
            assert_eq!(spaced(&measured(value, unit)), expected, "{value} {unit:?}");
        }
    }

    #[test]
    fn a_value_that_broke_a_limit_of_zero_is_not_zero() {
        assert_eq!(spaced(&against(0.000_001, 0.0, Unit::Fraction)), "0.0001 %");
        assert!(
            !against(1e-300, 0.0, Unit::Plain)
                .trim_end_matches('%')
                .starts_with("0.00")
        );
    }

    #[test]
    fn digits_are_added_until_value_and_limit_differ() {
        assert_eq!(spaced(&against(250.04, 250.0, Unit::Milliseconds)), "250.04 ms");
        assert_eq!(spaced(&against(250.0, 250.0, Unit::Milliseconds)), "250 ms");
        assert_eq!(spaced(&against(1000.3, 1000.0, Unit::Milliseconds)), "1.0003 s");
        assert_eq!(ratio(1.1004, Some(1.1)), "1.1004×");
    }

    #[test]
    fn intervals_share_their_unit_and_say_what_is_open() {
        let of = |low, high| spaced(&interval(Interval { low, high }, None, Unit::Milliseconds, false));
        assert_eq!(of(Some(287.0), Some(341.0)), "287 – 341 ms");
        assert_eq!(of(Some(0.9), Some(1.2)), "900 µs – 1.2 ms");
        assert_eq!(of(Some(391.0), None), "391 ms – open");
        assert_eq!(of(None, None), "open – open");
        let ratio = Interval {
            low: Some(1.15),
            high: Some(1.38),
        };
        assert_eq!(
            spaced(&interval(ratio, Some(1.1), Unit::Plain, true)),
            "1.15 – 1.38×"
        );
    }

    #[test]
    fn durations_use_the_two_largest_units() {
        assert_eq!(spaced(&duration(30.0)), "30 s");
        assert_eq!(spaced(&duration(125.0)), "2 min 5 s");
        assert_eq!(spaced(&duration(4200.0)), "1 h 10 min");
        assert_eq!(spaced(&duration(59.97)), "1 min");
        assert_eq!(duration(f64::NAN), NONE);
    }

    fn any_unit() -> impl Strategy<Value = Unit> {
        prop_oneof![
            Just(Unit::Count),
            Just(Unit::Fraction),
            Just(Unit::Milliseconds),
            Just(Unit::PerSecond),
            Just(Unit::Bytes),
            Just(Unit::Plain)
        ]
    }

    proptest! {
        #[test]
        fn every_float_can_be_shown(value in any::<f64>(), limit in any::<f64>(), unit in any_unit()) {
            prop_assert!(!measured(value, unit).is_empty());
            prop_assert!(!against(value, limit, unit).is_empty());
            prop_assert!(!duration(value).is_empty());
        }

        #[test]
        fn a_shown_number_is_within_half_a_percent(value in 1e-6..1e9_f64, unit in any_unit()) {
            let shown = scaled(value, unit, DIGITS).value;
            prop_assert!((shown / value - 1.0).abs() < 5.1e-3, "{value} is shown as {shown}");
        }

        #[test]
        fn a_shown_number_stays_on_its_side_of_the_limit(limit in 1e-3..1e5_f64, part in -1e-2..1e-2_f64) {
            let value = limit * (1.0 + part);
            let text = against(value, limit, Unit::Plain).replace(',', "");
            let shown: f64 = text.parse().expect("a plain number");
            prop_assert_eq!(shown.partial_cmp(&limit), value.partial_cmp(&limit));
        }

        #[test]
        fn what_is_not_zero_is_not_shown_as_zero(value in -1e-3..1e-3_f64) {
            let text = measured(value, Unit::Fraction);
            prop_assert_eq!(value == 0.0, text.starts_with("0\u{a0}"));
        }
    }
}
