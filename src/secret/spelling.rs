//! [`Spelled`]: where a secret stands in a text, however whoever sends it back has escaped it, whole or cut.

use std::ops::Range;

/// Characters of a secret, at the end of a text, that may be its beginning.
const AT_END: usize = 6;
/// The same before `…`, which says that something was cut.
const BEFORE_CUT: usize = 4;
/// Backslashes that may stand for one: those of five texts in each other's quotes.
const MOST_BACKSLASHES: usize = 32;
/// Characters of an escape that may be left of it where a text was cut.
const UNFINISHED: usize = 10;
/// Longest name or number of an entity, and of a letter in braces.
const LONGEST_NAME: usize = 10;
/// So often may an encoded byte be encoded again.
const MOST_ENCODED: usize = 8;

/// A secret to look for.
pub(super) struct Spelled {
    letters: Vec<char>,
    /// How many letters are none of the secret, but stand before it.
    public: usize,
}

impl Spelled {
    /// A text of which the first bytes are no secret.
    pub(super) fn new(text: &str, public: usize) -> Self {
        Self {
            letters: text.chars().collect(),
            public: text[..public].chars().count(),
        }
    }

    /// What of `text` is to be hidden, if the secret, or the beginning of it that was left by a cut, begins at `start`.
    fn at(&self, text: &str, start: usize) -> Option<Range<usize>> {
        let mut ends = vec![start];
        let mut hidden_from = start;
        let mut cut = None;
        // A few letters in the middle of a word are those of the word.
        let is_inside = text[..start]
            .chars()
            .next_back()
            .is_some_and(char::is_alphanumeric);
        for (known, letter) in self.letters.iter().enumerate() {
            if known == self.public {
                hidden_from = *ends.first()?;
            }
            if known > self.public && (known >= AT_END || !is_inside) {
                let found = ends.iter().filter_map(|end| left_by_cut(text, *end, known)).max();
                cut = found.or(cut);
            }
            let mut next: Vec<usize> = Vec::new();
            for end in &ends {
                each_reading(text, *end, |read, after| {
                    if read == *letter && !next.contains(&after) {
                        next.push(after);
                    }
                });
            }
            if next.is_empty() {
                return cut.map(|end| hidden_from..end);
            }
            ends = next;
        }
        ends.into_iter().max().map(|end| hidden_from..end)
    }
}

/// The parts of a text in which a secret stands, from the first to the last; none overlaps another.
pub(super) fn found(text: &str, secrets: &[Spelled]) -> Vec<Range<usize>> {
    if secrets.is_empty() {
        return Vec::new();
    }
    let mut all: Vec<Range<usize>> = Vec::new();
    let mut first = Vec::new();
    for (start, _) in text.char_indices() {
        first.clear();
        each_reading(text, start, |read, _| first.push(read));
        let begun = secrets.iter().filter(|secret| {
            let letter = secret.letters.first();
            letter.is_some_and(|letter| first.contains(letter))
        });
        all.extend(begun.filter_map(|secret| secret.at(text, start)));
    }
    all.sort_by_key(|range| range.start);
    let mut apart: Vec<Range<usize>> = Vec::with_capacity(all.len());
    for range in all {
        match apart.last_mut() {
            Some(last) if range.start < last.end => last.end = last.end.max(range.end),
            _ => apart.push(range),
        }
    }
    apart
}

/// Where the text ends that a cut left, if what stands from `at` on is nothing, or the rest of an escape.
fn left_by_cut(text: &str, at: usize, known: usize) -> Option<usize> {
    let rest = &text[at..];
    let escape = if rest.starts_with(['\\', '&', '%', '\'']) {
        let inside = |c: &char| c.is_ascii_alphanumeric() || "\\&%#{'".contains(*c);
        let letters = rest.chars().take(UNFINISHED).take_while(inside);
        letters.map(char::len_utf8).sum()
    } else {
        0
    };
    let end = at + escape;
    // Bytes that were cut inside a letter are shown as U+FFFD.
    let after = text[end..].trim_start_matches('\u{fffd}');
    let is_cut = if after.is_empty() {
        known >= AT_END
    } else {
        after.starts_with('…') && known >= BEFORE_CUT
    };
    is_cut.then_some(end)
}

/// Calls `tell` with every letter that what stands at `at` may mean, and with where it ends.
fn each_reading(text: &str, at: usize, mut tell: impl FnMut(char, usize)) {
    let rest = &text[at..];
    let Some(letter) = rest.chars().next() else {
        return;
    };
    let mut told = |(read, length): (char, usize)| tell(read, at + length);
    told((letter, letter.len_utf8()));
    match letter {
        '\\' => {
            backslashed(rest, &mut told);
            entity(rest).into_iter().for_each(told);
        }
        '&' => entity(rest).into_iter().for_each(told),
        '%' => percent(rest, told),
        // Forms write a space so, and YAML a quote between quotes.
        '+' => told((' ', 1)),
        '\'' if rest.starts_with("''") => told(('\'', 2)),
        _ => {}
    }
}

/// What backslashes stand for, in JSON and in texts of programs; each may itself be escaped, any number of times.
fn backslashed(rest: &str, tell: &mut impl FnMut((char, usize))) {
    let slashes = run_of(rest, "\\", MOST_BACKSLASHES);
    let escape = &rest[slashes..];
    (2..=slashes).for_each(|length| tell(('\\', length)));
    let letter = escape.chars().next();
    let read = match letter {
        Some('u') => unicode(&escape[1..]).map(|(read, length)| (read, 1 + length)),
        Some('x') => escape.get(1..3).and_then(hex).map(|read| (read, 3)),
        Some('n') => Some(('\n', 1)),
        Some('r') => Some(('\r', 1)),
        Some('t') => Some(('\t', 1)),
        Some('b') => Some(('\u{8}', 1)),
        Some('f') => Some(('\u{c}', 1)),
        Some(other) if !other.is_alphanumeric() => Some((other, other.len_utf8())),
        _ => None,
    };
    if let Some((read, length)) = read {
        tell((read, slashes + length));
    }
}

/// The four digits after `\u`, or two such escapes that are one letter, or `{…}`.
fn unicode(digits: &str) -> Option<(char, usize)> {
    if let Some(inside) = digits.strip_prefix('{') {
        let digits = &inside[..end_of_name(inside, b'}')?];
        return Some((hex(digits)?, digits.len() + 2));
    }
    let first = u32::from_str_radix(digits.get(..4)?, 16).ok()?;
    if let Some(letter) = char::from_u32(first) {
        return Some((letter, 4));
    }
    let slashes = run_of(&digits[4..], "\\", MOST_BACKSLASHES);
    let escape = &digits[4 + slashes..];
    let second = u32::from_str_radix(escape.strip_prefix('u')?.get(..4)?, 16).ok()?;
    let pair = [u16::try_from(first).ok()?, u16::try_from(second).ok()?];
    let letter = char::decode_utf16(pair).next()?.ok()?;
    Some((letter, 4 + slashes + 5))
}

/// An entity of HTML; the `&` of it may be one, too, or an escape of JSON.
fn entity(rest: &str) -> Option<(char, usize)> {
    let mut name = match rest.strip_prefix('&') {
        Some(name) => name,
        None => rest[run_of(rest, "\\", MOST_BACKSLASHES)..].strip_prefix("u0026")?,
    };
    let length = |name: &str, after: usize| rest.len() - name.len() + after;
    while let Some(inner) = name.strip_prefix("amp;") {
        if !is_entity(inner) {
            break;
        }
        name = inner;
    }
    let inside = &name[..end_of_name(name, b';')?];
    let letter = letter_of(inside)?;
    Some((letter, length(name, inside.len() + 1)))
}

/// Whether a text begins with what may stand behind `&`.
fn is_entity(text: &str) -> bool {
    end_of_name(text, b';').is_some_and(|end| letter_of(&text[..end]).is_some())
}

/// The letter of an entity, without `&` and `;`.
fn letter_of(inside: &str) -> Option<char> {
    match inside {
        "amp" => Some('&'),
        "lt" => Some('<'),
        "gt" => Some('>'),
        "quot" => Some('"'),
        "apos" => Some('\''),
        _ => {
            let number = inside.strip_prefix('#')?;
            match number.strip_prefix(['x', 'X']) {
                Some(digits) => hex(digits),
                None => char::from_u32(number.parse().ok()?),
            }
        }
    }
}

/// Bytes as URLs write them; the `%` of each may itself be written so, any number of times.
fn percent(rest: &str, mut tell: impl FnMut((char, usize))) {
    let nested = 1 + run_of(&rest[1..], "25", MOST_ENCODED);
    (3..=nested).step_by(2).for_each(|length| tell(('%', length)));
    if let Some(read) = encoded(rest) {
        tell(read);
    }
}

/// The letter that one or more encoded bytes are.
fn encoded(rest: &str) -> Option<(char, usize)> {
    let mut bytes = Vec::new();
    let mut after = rest;
    loop {
        let digits = after.strip_prefix('%')?;
        let digits = &digits[run_of(digits, "25", MOST_ENCODED)..];
        let byte = digits
            .get(..2)
            .filter(|two| two.bytes().all(|digit| digit.is_ascii_hexdigit()))?;
        bytes.push(u8::from_str_radix(byte, 16).ok()?);
        after = &digits[2..];
        match std::str::from_utf8(&bytes) {
            Ok(text) => return Some((text.chars().next()?, rest.len() - after.len())),
            Err(error) if error.error_len().is_some() => return None,
            Err(_) => {}
        }
    }
}

/// How many bytes at the beginning of a text are one piece again and again, at most so often: texts are long, and a look
/// from each letter of one to its end would take for ever.
fn run_of(text: &str, piece: &str, most: usize) -> usize {
    let pieces = text.as_bytes().chunks(piece.len()).take(most);
    piece.len() * pieces.take_while(|found| *found == piece.as_bytes()).count()
}

/// Where a short name ends, at a byte of ASCII.
fn end_of_name(text: &str, end: u8) -> Option<usize> {
    text.bytes().take(LONGEST_NAME).position(|byte| byte == end)
}

fn hex(digits: &str) -> Option<char> {
    char::from_u32(u32::from_str_radix(digits, 16).ok()?)
}
