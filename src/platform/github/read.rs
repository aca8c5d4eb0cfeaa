//! [`Inputs`]: the inputs as the runner sets them, `INPUT_` and the name in upper case with `_` for spaces.

use std::collections::BTreeMap;

use crate::diagnostic::{Diagnostic, Place, did_you_mean};
use crate::platform::Env;

use super::inputs::{INPUTS, Input, Kind};

const PREFIX: &str = "INPUT_";
/// Names that the runner accepts for every container action.
const OF_THE_RUNNER: &[&str] = &["ARGS", "ENTRYPOINT"];

/// The inputs that have a value, trimmed. Empty is absent.
#[derive(Clone, Default, PartialEq, Eq)]
pub struct Inputs(BTreeMap<&'static str, String>);

// Values may hold secrets, such as the token.
impl std::fmt::Debug for Inputs {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_set().entries(self.0.keys()).finish()
    }
}

impl Inputs {
    /// Reads and checks all inputs; all that is wrong is the `Err`.
    pub fn read(env: &Env) -> Result<Self, Vec<Diagnostic>> {
        let mut inputs = Self::default();
        let mut found = unknown(env);
        for input in INPUTS {
            match value(env, input) {
                Ok(Some(value)) => {
                    found.extend(check(input, value));
                    inputs.0.insert(input.name, canonical(input, value).to_owned());
                }
                Ok(None) => {}
                Err(why) => found.push(why),
            }
        }
        if found.is_empty() { Ok(inputs) } else { Err(found) }
    }

    /// The value of an input of [`INPUTS`].
    pub fn text(&self, name: &str) -> Option<&str> {
        debug_assert!(INPUTS.iter().any(|input| input.name == name), "no input {name}");
        self.0.get(name).map(String::as_str)
    }

    /// The items of an input with one item per line; blank lines are none.
    pub fn lines(&self, name: &str) -> Vec<&str> {
        self.text(name)
            .into_iter()
            .flat_map(str::lines)
            .map(str::trim)
            .filter(|line| !line.is_empty())
            .collect()
    }

    /// A flag; `None` when not given and without default.
    pub fn flag(&self, name: &str) -> Option<bool> {
        let default = INPUTS
            .iter()
            .find(|input| input.name == name)
            .and_then(|input| input.default);
        self.text(name).or(default).and_then(boolean)
    }

    /// The place to name in an error about an input.
    pub fn place(name: &str) -> Place {
        Place::named(format!("input '{name}'"))
    }
}

/// YAML 1.2 core.
fn boolean(text: &str) -> Option<bool> {
    match text {
        "true" | "True" | "TRUE" => Some(true),
        "false" | "False" | "FALSE" => Some(false),
        _ => None,
    }
}

/// Only spaces are replaced; hyphens and dots stay.
fn variable(name: &str) -> String {
    format!("{PREFIX}{}", name.replace(' ', "_").to_uppercase())
}

fn given<'a>(env: &'a Env, name: &str) -> Option<&'a str> {
    env.get(&variable(name))
        .map(str::trim)
        .filter(|value| !value.is_empty())
}

/// The value under the input's name or its alias.
fn value<'a>(env: &'a Env, input: &Input) -> Result<Option<&'a str>, Diagnostic> {
    let own = given(env, input.name);
    let Some((alias, other)) = input.alias.and_then(|alias| Some((alias, given(env, alias)?))) else {
        return Ok(own);
    };
    match own {
        Some(own) if own != other => Err(Diagnostic::error(format!(
            "`{alias}` is another name of `{}`, and both are given",
            input.name
        ))
        .at(Inputs::place(alias))),
        _ => Ok(Some(other)),
    }
}

/// The word of a choice that is meant, whatever its case: version 1 read `logLevel` so.
fn word(words: &[&'static str], value: &str) -> Option<&'static str> {
    words
        .iter()
        .find(|word| word.eq_ignore_ascii_case(value))
        .copied()
}

fn canonical<'a>(input: &Input, value: &'a str) -> &'a str {
    match input.kind {
        Kind::Choice(words) => word(words, value).unwrap_or(value),
        Kind::Text | Kind::Lines | Kind::Flag => value,
    }
}

fn check(input: &Input, value: &str) -> Option<Diagnostic> {
    let wrong = |message: String| Some(Diagnostic::error(message).at(Inputs::place(input.name)));
    match input.kind {
        Kind::Text | Kind::Lines => None,
        Kind::Flag if boolean(value).is_some() => None,
        Kind::Flag => wrong(format!("{value:?} is neither `true` nor `false`")),
        Kind::Choice(words) if word(words, value).is_some() => None,
        Kind::Choice(words) => {
            let hint = did_you_mean(value, words.iter().copied()).map_or_else(
                || format!("one of {}", words.join(", ")),
                |word| format!("did you mean `{word}`?"),
            );
            wrong(format!("unknown value {value:?}")).map(|diagnostic| diagnostic.hint(hint))
        }
    }
}

/// `INPUT_*` that nobody declared but that look like an input: a misspelt `slos` would pass whatever the target does.
/// Others are somebody else's: a container action inherits what the workflow sets.
fn unknown(env: &Env) -> Vec<Diagnostic> {
    let names = || {
        INPUTS
            .iter()
            .flat_map(|input| [Some(input.name), input.alias])
            .flatten()
    };
    env.with_prefix(PREFIX)
        .filter(|(_, value)| !value.trim().is_empty())
        .filter(|(name, _)| !names().any(|known| variable(known) == *name))
        .filter_map(|(name, _)| name.strip_prefix(PREFIX))
        .filter(|name| !OF_THE_RUNNER.contains(name))
        .filter_map(|name| {
            let meant = did_you_mean(name, names())?;
            let place = Inputs::place(&name.to_lowercase());
            Some(
                Diagnostic::error("unknown input")
                    .at(place)
                    .hint(format!("did you mean `{meant}`?")),
            )
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(variables: &[(&str, &str)]) -> Result<Inputs, Vec<Diagnostic>> {
        Inputs::read(&variables.iter().copied().collect())
    }

    #[test]
    fn names_are_those_of_the_runner() {
        assert_eq!(variable("fail-on"), "INPUT_FAIL-ON");
        assert_eq!(variable("values file.x"), "INPUT_VALUES_FILE.X");
    }

    #[test]
    fn values_are_trimmed_and_empty_is_absent() {
        let inputs = read(&[("INPUT_URL", " https://a \n"), ("INPUT_QPS", "  ")]).unwrap();
        assert_eq!(inputs.text("url"), Some("https://a"));
        assert_eq!(inputs.text("qps"), None);
    }

    #[test]
    fn lists_have_an_item_per_line() {
        let inputs = read(&[(
            "INPUT_SLOS",
            "\n http/latency-p95 <= 200ms\r\n\n http/error-rate <= 1%\n",
        )])
        .unwrap();
        assert_eq!(
            inputs.lines("slos"),
            ["http/latency-p95 <= 200ms", "http/error-rate <= 1%"]
        );
        assert_eq!(inputs.lines("headers"), [""; 0]);
    }

    #[test]
    fn flags_follow_yaml_and_fall_back_to_their_default() {
        assert_eq!(read(&[]).unwrap().flag("summary"), Some(true));
        assert_eq!(
            read(&[("INPUT_SUMMARY", "FALSE")]).unwrap().flag("summary"),
            Some(false)
        );
        for wrong in ["yes", "1", "tRUE", "true\n::error::x"] {
            let errors = read(&[("INPUT_VALIDATESLOS", wrong)]).unwrap_err();
            assert_eq!(errors[0].place, Some(Place::named("input 'validateSLOs'")));
        }
    }

    #[test]
    fn a_choice_is_known_by_its_word_in_any_case() {
        let inputs = read(&[("INPUT_LOGLEVEL", "INFO")]).unwrap();
        assert_eq!(inputs.text("logLevel"), Some("info"));
    }

    #[test]
    fn all_mistakes_are_listed_at_once() {
        let errors = read(&[
            ("INPUT_ONINCONCLUSIVE", "observe"),
            ("INPUT_SUMMARY", "perhaps"),
            ("INPUT_NUMREQUEST", "5"),
        ])
        .unwrap_err();
        assert_eq!(errors.len(), 3);
        let text = format!("{errors:?}");
        assert!(text.contains("did you mean `observed`?"), "{text}");
        assert!(text.contains("neither `true` nor `false`"), "{text}");
        assert!(text.contains("did you mean `numRequests`?"), "{text}");
    }

    #[test]
    fn an_alias_works_and_may_not_contradict() {
        let payload = |variables| read(variables).map(|inputs| inputs.text("payloadStr").map(str::to_owned));
        assert_eq!(payload(&[("INPUT_PAYLOAD", "a")]).unwrap().as_deref(), Some("a"));
        assert_eq!(
            payload(&[("INPUT_PAYLOAD", "a"), ("INPUT_PAYLOADSTR", "a")])
                .unwrap()
                .as_deref(),
            Some("a")
        );
        assert!(payload(&[("INPUT_PAYLOAD", "a"), ("INPUT_PAYLOADSTR", "b")]).is_err());
    }

    #[test]
    fn a_near_miss_is_an_error_and_a_stranger_is_not() {
        let strangers = [
            ("INPUT_SOMETHING_ELSE", "x"),
            ("INPUT_ARGS", "x"),
            ("INPUT_ENTRYPOINT", "x"),
        ];
        assert!(read(&strangers).is_ok());
        let errors = read(&[("INPUT_BASELINE-URL", "https://a"), strangers[0]]).unwrap_err();
        assert_eq!(errors.len(), 1);
        assert_eq!(errors[0].hint.as_deref(), Some("did you mean `baselineURL`?"));
    }

    #[test]
    fn debug_shows_no_token() {
        let inputs = read(&[("INPUT_TOKEN", "ghs_hunter2")]).unwrap();
        assert_eq!(format!("{inputs:?}"), r#"{"token"}"#);
    }
}
