//! Regular expressions. Those of Go and of Rust have the same syntax, and neither runs away.

use regex::{Captures, Regex, RegexBuilder};

use super::super::super::value::{Value, WIDEST};
use super::super::{Context, Function, function, int, text};

/// Bytes of a compiled expression, and of a text that one of this size may be held against: a search takes their product
/// in the worst case.
const SIZES: [(usize, usize); 3] = [
    (16 << 10, WIDEST),
    (64 << 10, WIDEST >> 2),
    (1 << 20, WIDEST >> 6),
];

pub(super) const REGEXES: &[Function] = &[
    function("regexMatch", 2, 2, |_, values| {
        let whole = text(values, 1)?;
        Ok(Value::Bool(regex(text(values, 0)?, whole)?.is_match(whole)))
    }),
    function("regexFind", 2, 2, |_, values| {
        let whole = text(values, 1)?;
        let found = regex(text(values, 0)?, whole)?.find(whole);
        Ok(found.map(|found| found.as_str()).unwrap_or_default().into())
    }),
    function("regexFindAll", 3, 3, |context, values| {
        let most = usize::try_from(int(values, 2)?).unwrap_or(usize::MAX);
        let whole = text(values, 1)?;
        let mut all = Vec::new();
        for found in regex(text(values, 0)?, whole)?.find_iter(whole).take(most) {
            context.in_time()?;
            all.push(found.as_str().into());
        }
        Value::list(all)
    }),
    function("regexReplaceAll", 3, 3, |context, values| {
        let replacement = text(values, 2)?;
        // What was found may stand in it many times.
        if replacement.len().saturating_mul(text(values, 1)?.len()) > WIDEST << 3 {
            return Err(format!("a text of more than {WIDEST} bytes"));
        }
        replaced(context, values, |found, out| found.expand(replacement, out))
    }),
    function("regexReplaceAllLiteral", 3, 3, |context, values| {
        let replacement = text(values, 2)?;
        replaced(context, values, |_, out| out.push_str(replacement))
    }),
    function("regexSplit", 3, 3, |context, values| {
        let whole = text(values, 1)?;
        let regex = regex(text(values, 0)?, whole)?;
        let most = usize::try_from(int(values, 2)?).unwrap_or(usize::MAX);
        let mut parts = Vec::new();
        for part in regex.splitn(whole, most) {
            context.in_time()?;
            parts.push(part.into());
        }
        Value::list(parts)
    }),
];

/// An expression that a text can be held against in reasonable time.
fn regex(pattern: &str, whole: &str) -> Result<Regex, String> {
    let mut refused = None;
    for (size, most) in SIZES {
        match RegexBuilder::new(pattern).size_limit(size).build() {
            Ok(regex) if whole.len() <= most => return Ok(regex),
            Ok(_) => {
                return Err(format!(
                    "the expression is too large for a text of {} bytes",
                    whole.len()
                ));
            }
            Err(error) => refused = Some(error.to_string()),
        }
    }
    Err(refused.unwrap_or_default())
}

/// A text with everything that an expression finds replaced.
fn replaced(
    context: &Context<'_>,
    values: &[Value],
    replacement: impl Fn(&Captures<'_>, &mut String),
) -> Result<Value, String> {
    let whole = text(values, 1)?;
    let mut out = String::new();
    let mut end = 0;
    for found in regex(text(values, 0)?, whole)?.captures_iter(whole) {
        context.in_time()?;
        let Some(matched) = found.get(0) else { continue };
        out.push_str(&whole[end..matched.start()]);
        replacement(&found, &mut out);
        end = matched.end();
        if out.len() > WIDEST {
            break;
        }
    }
    out.push_str(&whole[end..]);
    Value::text(out)
}
