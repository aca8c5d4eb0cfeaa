//! Regular expressions. Those of Go and of Rust have the same syntax, and neither runs away.

use regex::{Regex, RegexBuilder};

use super::super::super::value::{Value, WIDEST};
use super::super::{Function, function, int, text};

pub(super) const REGEXES: &[Function] = &[
    function("regexMatch", 2, 2, |_, values| {
        Ok(Value::Bool(regex(text(values, 0)?)?.is_match(text(values, 1)?)))
    }),
    function("regexFind", 2, 2, |_, values| {
        let found = regex(text(values, 0)?)?
            .find(text(values, 1)?)
            .map(|found| found.as_str());
        Ok(found.unwrap_or_default().into())
    }),
    function("regexFindAll", 3, 3, |_, values| {
        let most = usize::try_from(int(values, 2)?).unwrap_or(usize::MAX);
        let regex = regex(text(values, 0)?)?;
        let found = regex.find_iter(text(values, 1)?).take(most);
        Value::list(found.map(|found| found.as_str().into()).collect())
    }),
    function("regexReplaceAll", 3, 3, |_, values| {
        let replacement = text(values, 2)?;
        within(text(values, 1)?, replacement)?;
        Value::text(
            regex(text(values, 0)?)?
                .replace_all(text(values, 1)?, replacement)
                .into_owned(),
        )
    }),
    function("regexReplaceAllLiteral", 3, 3, |_, values| {
        let replacement = text(values, 2)?;
        within(text(values, 1)?, replacement)?;
        let literal = regex::NoExpand(replacement);
        Value::text(
            regex(text(values, 0)?)?
                .replace_all(text(values, 1)?, literal)
                .into_owned(),
        )
    }),
    function("regexSplit", 3, 3, |_, values| {
        let (regex, whole) = (regex(text(values, 0)?)?, text(values, 1)?);
        let parts: Vec<Value> = match usize::try_from(int(values, 2)?) {
            Ok(most) => regex.splitn(whole, most).map(Value::from).collect(),
            Err(_) => regex.split(whole).map(Value::from).collect(),
        };
        Value::list(parts)
    }),
];

fn regex(pattern: &str) -> Result<Regex, String> {
    RegexBuilder::new(pattern)
        .size_limit(1 << 20)
        .build()
        .map_err(|error| error.to_string())
}

/// A replacement at each place of a text is no longer than a text may be.
fn within(whole: &str, replacement: &str) -> Result<(), String> {
    if whole.len().saturating_add(1).saturating_mul(replacement.len()) > WIDEST << 3 {
        return Err(format!("a text of more than {WIDEST} bytes"));
    }
    Ok(())
}
