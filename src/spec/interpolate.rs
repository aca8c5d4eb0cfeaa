//! `${NAME}`, `${NAME:-default}` and `$${`: values from the environment.

use std::cell::{Cell, RefCell};

/// A name that has neither a value nor a default.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Undefined(pub(super) String);

/// The text with its references replaced, the values that came from outside, and the defaults that were taken.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Expanded {
    pub(super) text: String,
    pub(super) values: Vec<String>,
    pub(super) defaults: Vec<String>,
}

/// Replaces every reference in `text`; `None` when there is none.
pub(super) fn expand(
    text: &str,
    lookup: impl Fn(&str) -> Option<String>,
) -> Result<Option<Expanded>, Undefined> {
    if !text.contains("${") {
        return Ok(None);
    }
    let mut out = Expanded {
        text: String::with_capacity(text.len()),
        values: Vec::new(),
        defaults: Vec::new(),
    };
    let mut rest = text;
    while let Some(at) = rest.find("${") {
        let before = &rest[..at];
        if let Some(literal) = before.strip_suffix('$') {
            out.text.push_str(literal);
            out.text.push_str("${");
            rest = &rest[at + 2..];
            continue;
        }
        out.text.push_str(before);
        let after = &rest[at + 2..];
        match after
            .find('}')
            .map(|end| (after[..end].split_once(":-"), &after[..end], &after[end + 1..]))
        {
            Some((split, whole, tail)) if is_name(split.map_or(whole, |(name, _)| name)) => {
                let name = split.map_or(whole, |(name, _)| name);
                match (lookup(name), split) {
                    (Some(value), _) => {
                        out.text.push_str(&value);
                        out.values.push(value);
                    }
                    (None, Some((_, default))) => {
                        out.text.push_str(default);
                        out.defaults.push(default.to_owned());
                    }
                    (None, None) => return Err(Undefined(name.to_owned())),
                }
                rest = tail;
            }
            // Not a reference: `${`, `${a b}` and the like stay as they are.
            _ => {
                out.text.push_str("${");
                rest = after;
            }
        }
    }
    out.text.push_str(rest);
    Ok(Some(out))
}

/// The names that a text refers to, whether or not it has a default for them.
pub fn references(text: &str) -> Vec<String> {
    let names = RefCell::new(Vec::new());
    let expanded = expand(text, |name| {
        names.borrow_mut().push(name.to_owned());
        Some(String::new())
    });
    // Every name has a value here.
    expanded.map_or_else(|Undefined(name)| vec![name], |_| names.take())
}

/// Defaults of one text that are tried on their own.
const MOST_DEFAULTS: usize = 32;

/// What a text may be by its defaults, whatever the environment holds: with one of them, with all, and each alone. Names
/// without a value stay as they are.
pub(super) fn by_defaults(text: &str) -> Vec<String> {
    let taking = |takes: &dyn Fn(usize) -> bool| {
        let seen = Cell::new(0);
        let expanded = expand(text, |name| {
            let at = seen.replace(seen.get() + 1);
            (!takes(at)).then(|| format!("${{{name}}}"))
        });
        expanded.ok().flatten()
    };
    let one = |at: usize| taking(&|other| other == at);
    // So many that nobody writes them are not all tried on their own.
    let (with, taken): (Vec<usize>, Vec<Expanded>) = (0..references(text).len().min(MOST_DEFAULTS))
        .filter_map(|at| Some((at, one(at)?)))
        .unzip();
    let all = (with.len() > 1)
        .then(|| taking(&|at| with.contains(&at)))
        .flatten();
    taken
        .into_iter()
        .chain(all)
        .flat_map(|expanded| std::iter::once(expanded.text).chain(expanded.defaults))
        .collect()
}

fn is_name(text: &str) -> bool {
    let mut letters = text.chars();
    letters
        .next()
        .is_some_and(|c| c.is_ascii_alphabetic() || c == '_')
        && letters.all(|c| c.is_ascii_alphanumeric() || c == '_')
}

#[cfg(test)]
mod tests {
    use super::*;

    fn text(input: &str) -> Result<String, Undefined> {
        let lookup = |name: &str| (name == "HOST").then(|| "example.com".to_owned());
        Ok(expand(input, lookup)?.map_or_else(|| input.to_owned(), |expanded| expanded.text))
    }

    #[test]
    fn references_defaults_and_literals() {
        assert_eq!(text("http://${HOST}/"), Ok("http://example.com/".into()));
        assert_eq!(text("${PORT:-8080}"), Ok("8080".into()));
        assert_eq!(text("${PORT:-}"), Ok(String::new()));
        assert_eq!(text("$${HOST} ${HOST}"), Ok("${HOST} example.com".into()));
        assert_eq!(
            text("${ not a name } $5 {uuid} ${"),
            Ok("${ not a name } $5 {uuid} ${".into())
        );
        assert_eq!(text("${TOKEN}"), Err(Undefined("TOKEN".into())));
    }

    #[test]
    fn names_are_told_whether_they_are_defined_or_not() {
        let text = "${A}/$${B}/${C:-d}/${ no name }/${";
        assert_eq!(super::references(text), ["A", "C"]);
        assert!(super::references("plain").is_empty());
    }

    #[test]
    fn a_text_is_told_with_its_defaults_whatever_is_set() {
        assert_eq!(
            by_defaults("http://${HOST}/${A:-one}?k=${B:-two}"),
            [
                "http://${HOST}/one?k=${B}",
                "one",
                "http://${HOST}/${A}?k=two",
                "two",
                "http://${HOST}/one?k=two",
                "one",
                "two"
            ]
        );
        assert!(by_defaults("${HOST} $${A:-b}").is_empty());
    }

    #[test]
    fn what_a_value_holds_is_not_expanded_again() {
        let expanded = expand("${A}", |_| Some("${B}".into()))
            .expect("defined")
            .expect("a reference");
        assert_eq!(expanded.text, "${B}");
        assert_eq!(expanded.values, ["${B}"]);
    }
}
