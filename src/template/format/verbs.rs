//! `printf` (<https://pkg.go.dev/fmt>): flags, width, precision and the verbs that templates use.

use super::super::value::{Value, WIDEST};
use super::{exponent, float, quote, show};

/// Widths and precisions are no larger, so that they cannot make texts without end.
const LARGEST: usize = 10_000;

#[derive(Default)]
#[expect(clippy::struct_excessive_bools, reason = "they are the five flags of a verb")]
struct Verb {
    minus: bool,
    plus: bool,
    zero: bool,
    blank: bool,
    sharp: bool,
    width: Option<usize>,
    precision: Option<usize>,
}

/// `fmt.Sprintf`: what does not fit is written into the text, as Go does.
pub(in super::super) fn printf(pattern: &str, values: &[Value]) -> Result<String, String> {
    let mut out = String::new();
    let mut values = values.iter();
    let mut chars = pattern.chars().peekable();
    while let Some(next) = chars.next() {
        if out.len() > WIDEST {
            return Err(format!("a text of more than {WIDEST} bytes"));
        }
        if next != '%' {
            out.push(next);
            continue;
        }
        let mut verb = Verb::default();
        while let Some(flag) = chars.next_if(|c| "-+0 #".contains(*c)) {
            match flag {
                '-' => verb.minus = true,
                '+' => verb.plus = true,
                '0' => verb.zero = true,
                ' ' => verb.blank = true,
                _ => verb.sharp = true,
            }
        }
        verb.width = number(&mut chars, &mut values, &mut verb.minus)?;
        if chars.next_if_eq(&'.').is_some() {
            verb.precision = Some(number(&mut chars, &mut values, &mut false)?.unwrap_or(0));
        }
        match chars.next() {
            None => out.push_str("%!(NOVERB)"),
            Some('%') => out.push('%'),
            Some(letter) => match values.next() {
                None => out.push_str(&format!("%!{letter}(MISSING)")),
                Some(value) => verb.write(letter, value, &mut out),
            },
        }
    }
    let mut separator = "%!(EXTRA ";
    for value in values.by_ref() {
        out.push_str(separator);
        out.push_str(&named(value));
        separator = ", ";
    }
    if separator == ", " {
        out.push(')');
    }
    Ok(out)
}

/// Digits, or the next value for `*`.
fn number<'a>(
    chars: &mut std::iter::Peekable<std::str::Chars<'_>>,
    values: &mut impl Iterator<Item = &'a Value>,
    negative: &mut bool,
) -> Result<Option<usize>, String> {
    let mut found = None;
    if chars.next_if_eq(&'*').is_some()
        && let Some(Value::Int(value)) = values.next()
    {
        *negative |= *value < 0;
        found = Some(usize::try_from(value.unsigned_abs()).unwrap_or(usize::MAX));
    }
    while let Some(digit) = chars.next_if(char::is_ascii_digit) {
        let digit = digit.to_digit(10).unwrap_or(0) as usize;
        found = Some(found.unwrap_or(0_usize).saturating_mul(10).saturating_add(digit));
    }
    match found {
        Some(number) if number > LARGEST => Err(format!("a width or precision above {LARGEST}")),
        found => Ok(found),
    }
}

fn named(value: &Value) -> String {
    let mut out = String::new();
    if !matches!(value, Value::Nil) {
        out.push_str(value.kind());
        out.push('=');
    }
    show(value, &mut out);
    out
}

/// Parts with blanks between them; it stops a bit beyond the largest text.
fn enclosed(open: &str, mut parts: impl Iterator<Item = String>) -> String {
    let mut out = open.to_owned();
    let mut separator = "";
    // A part is not even made once there is no room for it.
    while out.len() <= WIDEST
        && let Some(part) = parts.next()
    {
        out.push_str(separator);
        out.push_str(&part);
        separator = " ";
    }
    out.push(']');
    out
}

impl Verb {
    fn write(&self, letter: char, value: &Value, out: &mut String) {
        let Some(text) = self.text(letter, value) else {
            out.push_str(&format!("%!{letter}({})", named(value)));
            return;
        };
        let is_number =
            matches!(value, Value::Int(_) | Value::Float(_)) && !matches!(letter, 'q' | 'c' | 'T');
        let missing = self.width.unwrap_or(0).saturating_sub(text.chars().count());
        if self.minus {
            out.push_str(&text);
            out.extend(std::iter::repeat_n(' ', missing));
        } else if self.zero && (is_number || matches!(value, Value::Text(_))) {
            // Zeros stand between the sign and the digits.
            let (sign, digits) = match text.strip_prefix(['+', '-', ' ']) {
                Some(digits) if is_number => (&text[..1], digits),
                _ => ("", text.as_str()),
            };
            out.push_str(sign);
            out.extend(std::iter::repeat_n('0', missing));
            out.push_str(digits);
        } else {
            out.extend(std::iter::repeat_n(' ', missing));
            out.push_str(&text);
        }
    }

    /// The value without its padding; `None` when the verb is not for it.
    fn text(&self, letter: char, value: &Value) -> Option<String> {
        match (letter, value) {
            ('T', value) => Some(value.kind().to_owned()),
            ('v', Value::Float(_)) if self.precision.is_some() => self.of_float('g', value),
            ('v', Value::Text(text)) if self.sharp => Some(quote(text)),
            ('v', Value::Int(_)) => self.of_int('d', value),
            ('v', Value::Text(_)) => self.text('s', value),
            ('v', Value::Float(number)) => Some(self.signed(*number >= 0.0, &float(*number))),
            ('v', value) => {
                let mut out = String::new();
                show(value, &mut out);
                Some(out)
            }
            ('t', Value::Bool(value)) => Some(value.to_string()),
            (_, Value::Text(text)) => self.of_text(letter, text),
            (_, Value::Int(_)) => self.of_int(letter, value),
            (_, Value::Float(_)) => self.of_float(letter, value),
            ('s', Value::Time(_)) => self.text('v', value),
            (_, Value::List(list)) => Some(enclosed(
                "[",
                list.items.iter().map(|item| self.element(letter, item)),
            )),
            (_, Value::Map(map)) => {
                let entry = |(key, item): (&String, &Value)| {
                    let key = self.element(letter, &key.as_str().into());
                    format!("{key}:{}", self.element(letter, item))
                };
                Some(enclosed("map[", map.entries.iter().map(entry)))
            }
            (_, Value::Nil | Value::Bool(_) | Value::Time(_) | Value::Record(_)) => None,
        }
    }

    fn element(&self, letter: char, value: &Value) -> String {
        self.text(letter, value)
            .unwrap_or_else(|| format!("%!{letter}({})", named(value)))
    }

    fn of_text(&self, letter: char, text: &str) -> Option<String> {
        let cut: String = text.chars().take(self.precision.unwrap_or(usize::MAX)).collect();
        let hex = |digits: fn(u8) -> String| cut.bytes().map(digits).collect::<String>();
        match letter {
            's' => Some(cut),
            'q' if self.sharp && !cut.contains('`') => Some(format!("`{cut}`")),
            'q' => Some(quote(&cut)),
            'x' => Some(hex(|byte| format!("{byte:02x}"))),
            'X' => Some(hex(|byte| format!("{byte:02X}"))),
            _ => None,
        }
    }

    fn of_int(&self, letter: char, value: &Value) -> Option<String> {
        let Value::Int(value) = *value else { return None };
        let size = value.unsigned_abs();
        let digits = match letter {
            'd' => size.to_string(),
            'b' => format!("{size:b}"),
            'o' => format!("{}{size:o}", if self.sharp { "0" } else { "" }),
            'O' => format!("0o{size:o}"),
            'x' => format!("{}{size:x}", if self.sharp { "0x" } else { "" }),
            'X' => format!("{}{size:X}", if self.sharp { "0X" } else { "" }),
            'c' => return Some(character(value).to_string()),
            'q' => return Some(format!("'{}'", character(value).escape_debug())),
            'U' => return Some(format!("U+{size:04X}")),
            _ => return None,
        };
        let digits = format!("{digits:0>width$}", width = self.precision.unwrap_or(0));
        let text = if value < 0 { format!("-{digits}") } else { digits };
        Some(self.signed(value >= 0, &text))
    }

    fn of_float(&self, letter: char, value: &Value) -> Option<String> {
        let Value::Float(value) = *value else { return None };
        if !value.is_finite() {
            return matches!(letter, 'f' | 'F' | 'e' | 'E' | 'g' | 'G').then(|| float(value));
        }
        let precision = self.precision.unwrap_or(6);
        let text = match letter {
            'f' | 'F' => format!("{value:.precision$}"),
            'e' => exponent(&format!("{value:.precision$e}")),
            'E' => exponent(&format!("{value:.precision$e}")).to_uppercase(),
            'g' | 'G' => match self.precision {
                None => float(value),
                Some(digits) => general(value, digits.max(1)),
            },
            _ => return None,
        };
        Some(self.signed(value >= 0.0, &text))
    }

    fn signed(&self, is_positive: bool, text: &str) -> String {
        match (is_positive, self.plus, self.blank) {
            (true, true, _) => format!("+{text}"),
            (true, false, true) => format!(" {text}"),
            _ => text.to_owned(),
        }
    }
}

fn character(value: i64) -> char {
    u32::try_from(value)
        .ok()
        .and_then(char::from_u32)
        .unwrap_or('\u{fffd}')
}

/// `%g` with a number of digits.
fn general(value: f64, digits: usize) -> String {
    let scientific = format!("{value:.precision$e}", precision = digits - 1);
    let power: i64 = scientific
        .split_once('e')
        .and_then(|(_, power)| power.parse().ok())
        .unwrap_or(0);
    let trimmed = |text: &str| {
        if text.contains('.') {
            text.trim_end_matches('0').trim_end_matches('.').to_owned()
        } else {
            text.to_owned()
        }
    };
    let places = i64::try_from(digits).unwrap_or(i64::MAX) - 1 - power;
    if power < -4 || places < 0 {
        let (mantissa, power) = scientific.split_once('e').unwrap_or((&scientific, "0"));
        return exponent(&format!("{}e{power}", trimmed(mantissa)));
    }
    trimmed(&format!(
        "{value:.precision$}",
        precision = usize::try_from(places).unwrap_or(0)
    ))
}
