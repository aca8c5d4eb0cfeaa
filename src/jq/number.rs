//! Numbers in texts, as Go's `strconv.ParseFloat` and gojq's `tonumber` read them.

/// A text as Go reads it: `1_000`, `+5`, `0x1p4`, `Inf` and `NaN` are numbers, ` 7 ` and `0x1F` are not.
pub(super) fn go_float(text: &str) -> Option<f64> {
    let (negative, size) = match text.strip_prefix('-') {
        Some(size) => (true, size),
        None => (false, text.strip_prefix('+').unwrap_or(text)),
    };
    let signed = |value: f64| if negative { -value } else { value };
    match size.to_ascii_lowercase().as_str() {
        "inf" | "infinity" => return Some(signed(f64::INFINITY)),
        "nan" => return Some(f64::NAN),
        _ => {}
    }
    let digits = without_underscores(size)?;
    let value = match digits.strip_prefix("0x").or_else(|| digits.strip_prefix("0X")) {
        Some(hexadecimal) => hex_float(hexadecimal)?,
        None => decimal(&digits)?,
    };
    Some(signed(value))
}

/// A text that is a number in the language of jq.
pub(super) fn jq_number(text: &str) -> Option<f64> {
    let size = text.strip_prefix(['+', '-']).unwrap_or(text);
    let value = decimal(size)?;
    Some(if text.starts_with('-') { -value } else { value })
}

/// Digits with a point and an exponent, and nothing else.
fn decimal(text: &str) -> Option<f64> {
    let plain = text
        .bytes()
        .all(|byte| byte.is_ascii_digit() || matches!(byte, b'.' | b'e' | b'E' | b'+' | b'-'));
    let starts = text.starts_with(|c: char| c.is_ascii_digit() || c == '.');
    text.parse().ok().filter(|_| plain && starts)
}

/// Underscores stand between digits, or behind `0x`.
fn without_underscores(text: &str) -> Option<String> {
    let mut before = ' ';
    let mut chars = text.chars().peekable();
    let mut out = String::with_capacity(text.len());
    while let Some(c) = chars.next() {
        if c == '_' {
            let joins = before.is_ascii_hexdigit() || matches!(before, 'x' | 'X');
            if !joins || !chars.peek().is_some_and(char::is_ascii_hexdigit) {
                return None;
            }
        } else {
            out.push(c);
        }
        before = c;
    }
    Some(out)
}

/// `1.8p3`: the power of two is not optional.
fn hex_float(text: &str) -> Option<f64> {
    let (mantissa, power) = text.split_once(['p', 'P'])?;
    let power: i32 = power.parse().ok()?;
    let (whole, fraction) = mantissa.split_once('.').unwrap_or((mantissa, ""));
    if whole.is_empty() && fraction.is_empty() {
        return None;
    }
    let mut value = 0.0_f64;
    for digit in whole.chars().chain(fraction.chars()) {
        value = value * 16.0 + f64::from(digit.to_digit(16)?);
    }
    let places = i32::try_from(fraction.len()).ok()?;
    Some(value * 2_f64.powi(power.saturating_sub(places.saturating_mul(4))))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn texts_are_read_as_go_reads_them() {
        for (text, value) in [
            ("42.5", 42.5),
            ("-3", -3.0),
            ("+1e3", 1000.0),
            (".5", 0.5),
            ("5.", 5.0),
            ("1_000", 1000.0),
            ("0x1p4", 16.0),
            ("0x_1.8p1", 3.0),
            ("-Inf", f64::NEG_INFINITY),
        ] {
            assert_eq!(go_float(text), Some(value), "{text}");
        }
        assert!(go_float("nan").is_some_and(f64::is_nan));
        for text in [
            "", " 7 ", "0x1F", "_1", "1_", "1__0", "--1", "true", "1e", "infinite",
        ] {
            assert_eq!(go_float(text), None, "{text}");
        }
    }

    #[test]
    fn tonumber_takes_numbers_of_jq_alone() {
        assert_eq!(jq_number("12.5"), Some(12.5));
        assert_eq!(jq_number("-1e3"), Some(-1000.0));
        for text in ["NaN", "+Inf", " 7 ", "0x1F", "1_000", "text", ""] {
            assert_eq!(jq_number(text), None, "{text}");
        }
    }
}
