//! Strings, characters and numbers as Go writes them.

use super::lex::Kind;

/// A string or character at the beginning of `rest`, and how many bytes it takes.
pub(super) fn quoted(rest: &str) -> Result<(Kind, usize), String> {
    let quote = rest.chars().next().unwrap_or('"');
    let inside = &rest[1..];
    if quote == '`' {
        let end = inside.find('`').ok_or("the raw string is not closed")?;
        return Ok((Kind::Quoted(inside[..end].replace('\r', "")), end + 2));
    }
    let mut bytes = Vec::new();
    let mut at = 0;
    loop {
        match inside[at..].chars().next() {
            None | Some('\n') => return Err("the string is not closed".to_owned()),
            Some('\\') => at += 1 + escape(&inside[at + 1..], quote, &mut bytes)?,
            Some(next) if next == quote => break,
            Some(next) => {
                bytes.extend_from_slice(next.encode_utf8(&mut [0; 4]).as_bytes());
                at += next.len_utf8();
            }
        }
    }
    let text = String::from_utf8_lossy(&bytes).into_owned();
    if quote == '"' {
        return Ok((Kind::Quoted(text), at + 2));
    }
    let mut chars = text.chars();
    match (chars.next(), chars.next()) {
        (Some(only), None) => Ok((Kind::Int(i64::from(u32::from(only))), at + 2)),
        _ => Err("a constant in single quotes has one character; texts stand in double quotes".to_owned()),
    }
}

/// What follows a backslash: its bytes go to `out`; how long it is.
fn escape(rest: &str, quote: char, out: &mut Vec<u8>) -> Result<usize, String> {
    let Some(kind) = rest.chars().next() else {
        return Err("the string is not closed".to_owned());
    };
    let simple = match kind {
        'a' => 7,
        'b' => 8,
        'f' => 12,
        'n' => b'\n',
        'r' => b'\r',
        't' => b'\t',
        'v' => 11,
        '\\' => b'\\',
        _ if kind == quote => u8::try_from(quote).unwrap_or(b'"'),
        _ => return numeric_escape(rest, kind, out),
    };
    out.push(simple);
    Ok(1)
}

fn numeric_escape(rest: &str, kind: char, out: &mut Vec<u8>) -> Result<usize, String> {
    let (start, digits, radix) = match kind {
        'x' => (1, 2, 16),
        'u' => (1, 4, 16),
        'U' => (1, 8, 16),
        '0'..='7' => (0, 3, 8),
        _ => return Err(format!("the escape `\\{kind}` is not known")),
    };
    let bad = || format!("the escape `\\{kind}` needs {digits} digits");
    let text = rest.get(start..start + digits).ok_or_else(bad)?;
    let code = u32::from_str_radix(text, radix)
        .ok()
        .filter(|_| !text.starts_with('+'))
        .ok_or_else(bad)?;
    if matches!(kind, 'u' | 'U') {
        let character = char::from_u32(code).ok_or_else(|| format!("`\\{kind}{text}` is no character"))?;
        out.extend_from_slice(character.encode_utf8(&mut [0; 4]).as_bytes());
    } else {
        out.push(u8::try_from(code).map_err(|error| error.to_string())?);
    }
    Ok(start + digits)
}

/// How many bytes at the beginning belong to a number.
pub(super) fn number_width(rest: &str) -> usize {
    let mut previous = ' ';
    let hex = rest.trim_start_matches(['+', '-']).starts_with("0x");
    rest.char_indices()
        .find(|&(index, c)| {
            let sign = matches!(c, '+' | '-') && (index == 0 || (!hex && matches!(previous, 'e' | 'E')));
            previous = c;
            !(sign || c.is_ascii_alphanumeric() || matches!(c, '.' | '_'))
        })
        .map_or(rest.len(), |(index, _)| index)
}

/// An integer, or a float when it has a point or an exponent.
pub(super) fn number(text: &str) -> Result<Kind, String> {
    let bad = || format!("`{text}` is no number");
    let plain = text.replace('_', "").to_ascii_lowercase();
    let (negative, digits) = match plain.strip_prefix('-') {
        Some(digits) => (true, digits),
        None => (false, plain.strip_prefix('+').unwrap_or(&plain)),
    };
    let (digits, radix) = match digits.get(..2) {
        Some("0x") => (&digits[2..], 16),
        Some("0o") => (&digits[2..], 8),
        Some("0b") => (&digits[2..], 2),
        Some(start) if start.starts_with('0') && digits.chars().all(|c| c.is_digit(8)) => (&digits[1..], 8),
        _ => (digits, 10),
    };
    if radix == 10 && digits.contains(['.', 'e']) && !digits.contains(['n', 'f']) {
        return plain.parse().map(Kind::Float).ok().ok_or_else(bad);
    }
    let value = i128::from_str_radix(digits, radix)
        .ok()
        .filter(|_| !digits.starts_with(['+', '-']))
        .ok_or_else(bad)?;
    let value = if negative { -value } else { value };
    i64::try_from(value)
        .map(Kind::Int)
        .ok()
        .ok_or_else(|| format!("{text} is too large for an integer"))
}
