//! Evaluates one expression on one answer, in this process: only [`child`](super::child) does that.

use jaq_core::load::{Arena, File, Loader};
use jaq_core::native::{bome, run, v};
use jaq_core::{Compiler, Ctx, Native, Vars, data, unwrap_valr};
use jaq_json::{Error, Num, Val};
use jaq_std::ValT as _;

use super::number::{go_float, jq_number};
use super::{DEEPEST, Reading};

/// Characters of a value that a message shows.
const SHOWN: usize = 80;
/// What `tonumber` says of null: there was no value, so it is no fault.
const OF_NULL: &str = "tonumber cannot be applied to: null";

/// What stands before every expression: what gojq has otherwise than jaq, or jaq has not.
const PRELUDE: &str = "\
def tonumber: iter8_number;
def env: {};
def input: error(\"input(s)/0 is not allowed\");
def inputs: error(\"input(s)/0 is not allowed\");
";

/// The first output of an expression, as a number.
pub(super) fn evaluate(program: &str, answer: &[u8]) -> Reading {
    if let Some(why) = too_deep(answer) {
        return Reading::Fault(why);
    }
    let input = match jaq_json::read::parse_single(answer) {
        Ok(input) => input,
        Err(error) => return Reading::Fault(format!("the answer is not JSON: {error}")),
    };
    match first(program, input) {
        Ok(None) => Reading::Nothing("the expression gives nothing".to_owned()),
        Ok(Some(Ok(value))) => number(&value),
        Ok(Some(Err(error))) => failed(error),
        Err(why) => Reading::Fault(why),
    }
}

/// The first output; none if there is none.
fn first(program: &str, input: Val) -> Result<Option<Result<Val, Error>>, String> {
    let defs = jaq_core::defs().chain(jaq_std::defs()).chain(jaq_json::defs());
    let funs = jaq_core::funs().chain(jaq_std::funs()).chain(jaq_json::funs());
    let arena = Arena::default();
    let body = if program.trim().is_empty() { "." } else { program };
    let code = format!("{PRELUDE}{body}");
    let file = File {
        code: code.as_str(),
        path: (),
    };
    let modules = Loader::new(defs)
        .load(&arena, file)
        .map_err(|errors| not_read(&errors))?;
    let filter = Compiler::default()
        .with_funs(funs.chain(own()))
        .with_global_vars(["$ENV"])
        .compile(modules)
        .map_err(|errors| {
            let unknown = errors.into_iter().flat_map(|(_, found)| found);
            let mut names = unknown.map(|(name, what)| format!("there is no {} `{name}`", what.as_str()));
            names.next().unwrap_or_else(|| "it cannot be compiled".to_owned())
        })?;
    let ctx = Ctx::<data::JustLut<Val>>::new(&filter.lut, Vars::new([Val::obj(jaq_json::Map::default())]));
    Ok(filter.id.run((ctx, input)).map(unwrap_valr).next())
}

/// `iter8_number`, which is `tonumber` as gojq has it.
fn own() -> impl Iterator<Item = jaq_core::native::Filter<Native<data::JustLut<Val>>>> {
    let number: jaq_core::native::Filter<jaq_core::RunPtr<data::JustLut<Val>>> =
        ("iter8_number", v(0), |cv| {
            bome(match &cv.1 {
                Val::Num(_) => Ok(cv.1.clone()),
                Val::Null => Err(Error::str(OF_NULL)),
                Val::TStr(text) => {
                    let text = String::from_utf8_lossy(text);
                    jq_number(&text)
                        .map(|value| Val::Num(Num::Float(value)))
                        .ok_or_else(|| Error::str(format!("invalid number: {text:?}")))
                }
                other @ (Val::Bool(_) | Val::BStr(_) | Val::Arr(_) | Val::Obj(_)) => {
                    Err(Error::str(format!("tonumber cannot be applied to: {other}")))
                }
            })
        });
    std::iter::once(run::<data::JustLut<Val>>(number))
}

fn not_read(errors: &jaq_core::load::Errors<&str, ()>) -> String {
    use jaq_core::load::Error as Load;
    let near = |rest: &str| match rest.trim() {
        "" => "its end".to_owned(),
        rest => format!("`{}`", cut(rest)),
    };
    let of = |error: &Load<&str>| match error {
        Load::Io(_) => "it cannot import modules".to_owned(),
        Load::Lex(found) => found.first().map_or_else(
            || "it cannot be read".to_owned(),
            |(expected, rest)| format!("expected {} at {}", expected.as_str(), near(rest)),
        ),
        Load::Parse(found) => found.first().map_or_else(
            || "it cannot be read".to_owned(),
            |(expected, rest)| format!("expected {} at {}", expected.as_str(), near(rest)),
        ),
    };
    errors
        .first()
        .map_or_else(|| "it cannot be read".to_owned(), |(_, error)| of(error))
}

fn number(value: &Val) -> Reading {
    let of = |value: f64, shown: &str| {
        if value.is_finite() {
            Reading::Value(value)
        } else {
            Reading::Nothing(format!("the value is {shown}"))
        }
    };
    match value {
        Val::Null => Reading::Nothing("the value is null".to_owned()),
        Val::Num(_) => {
            let number = value.as_f64().unwrap_or(f64::NAN);
            let shown = if number.is_nan() { "NaN" } else { "infinite" };
            of(number, shown)
        }
        Val::TStr(text) => {
            let text = String::from_utf8_lossy(text);
            match go_float(&text) {
                Some(number) => of(number, &text),
                None => Reading::Fault(format!(
                    "it gives the text {}, which is no number",
                    cut(&format!("{text:?}"))
                )),
            }
        }
        Val::Bool(_) => Reading::Fault(format!("it gives {value}, which is no number")),
        Val::Arr(_) | Val::Obj(_) | Val::BStr(_) => Reading::Fault(format!(
            "it gives {}, which is no number",
            cut(&value.to_string())
        )),
    }
}

/// An expression that failed. Where that was for want of a value, it is no fault.
fn failed(error: Error) -> Reading {
    let value = error.into_val();
    let text = if let Val::TStr(text) = &value {
        String::from_utf8_lossy(text).into_owned()
    } else {
        value.to_string()
    };
    if text == OF_NULL {
        return Reading::Nothing("the value is null".to_owned());
    }
    let quoted = text.strip_prefix("invalid number: \"");
    if let Some(text) = quoted.and_then(|text| text.strip_suffix('"'))
        && go_float(text).is_some_and(|number| !number.is_finite())
    {
        return Reading::Nothing(format!("the value is {text}"));
    }
    Reading::Fault(format!("it fails: {}", cut(&text)))
}

fn cut(text: &str) -> String {
    let mut short: String = text.chars().take(SHOWN).collect();
    if short.len() < text.len() {
        short.push('…');
    }
    short
}

/// Why an answer cannot be read without danger to the stack.
fn too_deep(answer: &[u8]) -> Option<String> {
    let (mut depth, mut in_text, mut escaped) = (0_usize, false, false);
    for byte in answer {
        match byte {
            _ if escaped => escaped = false,
            b'\\' if in_text => escaped = true,
            b'"' => in_text = !in_text,
            b'[' | b'{' if !in_text => depth += 1,
            b']' | b'}' if !in_text => depth = depth.saturating_sub(1),
            _ => {}
        }
        if depth > DEEPEST * 2 {
            return Some(format!(
                "the answer is nested more than {} levels deep",
                DEEPEST * 2
            ));
        }
    }
    None
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(program: &str) -> Reading {
        let answer = br#"{"a":1,"n":"12.5","nan":"NaN","t":true,"list":[3,1],"empty":[],"data":{"result":[{"value":[1.5,"42.5"]}]}}"#;
        evaluate(program, answer)
    }

    #[test]
    fn both_spellings_of_iter8s_templates_work() {
        assert_eq!(read(".data.result[0].value[1] | tonumber"), Reading::Value(42.5));
        assert_eq!(
            read(".data.result.[0].value.[1] | tonumber"),
            Reading::Value(42.5)
        );
    }

    #[test]
    fn the_first_output_counts_and_texts_are_numbers() {
        assert_eq!(read(".list[]"), Reading::Value(3.0));
        assert_eq!(read(".n"), Reading::Value(12.5));
        assert_eq!(read(".list | add / length"), Reading::Value(2.0));
    }

    #[test]
    fn what_has_no_value_is_no_fault() {
        for program in [
            ".missing",
            ".empty[0].value[1] | tonumber",
            ".empty[]",
            ".nan",
            ".nan | tonumber",
            "nan",
            "infinite",
            "env.HOME",
            "$ENV.HOME",
        ] {
            assert!(
                matches!(read(program), Reading::Nothing(_)),
                "{program}: {:?}",
                read(program)
            );
        }
    }

    #[test]
    fn what_is_no_number_is_a_fault_in_words() {
        for (program, says) in [
            (".t", "gives true"),
            (".list", "gives [3,1]"),
            ("\"abc\"", "\"abc\""),
            ("\"abc\" | tonumber", "invalid number: \"abc\""),
            ("error(\"boom\")", "boom"),
            (".a.b", "it fails"),
            ("nosuch", "there is no"),
            (".a |", "its end"),
            (".a)", "`)`"),
            ("import \"x\" as x; 1", "expected"),
            ("input", "input"),
        ] {
            let found = read(program);
            assert!(
                matches!(&found, Reading::Fault(text) if text.contains(says)),
                "{program}: {found:?}"
            );
        }
    }

    #[test]
    fn an_answer_that_is_too_deep_or_no_json_is_a_fault() {
        let deep = format!("{}{}", "[".repeat(5_000), "]".repeat(5_000));
        assert!(matches!(evaluate(".", deep.as_bytes()), Reading::Fault(why) if why.contains("nested")));
        assert!(matches!(evaluate(".", b"<html>"), Reading::Fault(why) if why.contains("not JSON")));
        assert_eq!(evaluate(".a", br#"{"a":1,"b":"[[[\"[["}"#), Reading::Value(1.0));
    }
}
