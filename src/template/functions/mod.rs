//! What templates can call: the functions of Go's language, those of ghz, and those of sprig.
#![expect(
    clippy::wildcard_enum_match_arm,
    reason = "a function takes some kinds of values and refuses all others"
)]

mod built_in;
mod lists;
mod numbers;
mod sprig;
mod texts;
mod times;

use super::Functions;
use super::budget::Patience;
use super::random::Random;
use super::value::Value;

/// What functions need beside their arguments.
pub(super) struct Context<'a> {
    pub(super) random: &'a mut Random,
    /// How long the rendering may take.
    pub(super) patience: Patience,
}

impl Context<'_> {
    /// Fails once the time for the rendering is over.
    pub(super) fn in_time(&self) -> Result<(), String> {
        self.patience.check()
    }
}

type Body = fn(&mut Context<'_>, &[Value]) -> Result<Value, String>;

/// How a function is evaluated.
#[derive(Debug, Clone, Copy)]
pub(super) enum Run {
    /// With all its arguments.
    Now(Body),
    /// Up to the first argument of this truth.
    Lazy(bool),
}

/// A function and how many arguments it takes.
#[derive(Debug)]
pub(super) struct Function {
    pub(super) name: &'static str,
    least: usize,
    most: usize,
    pub(super) run: Run,
}

/// Any number.
const MANY: usize = usize::MAX;

const fn function(name: &'static str, least: usize, most: usize, body: Body) -> Function {
    Function {
        name,
        least,
        most,
        run: Run::Now(body),
    }
}

impl Function {
    /// Whether it takes so many arguments.
    pub(super) fn takes(&self, given: usize) -> Result<(), String> {
        if (self.least..=self.most).contains(&given) {
            return Ok(());
        }
        let wanted = match (self.least, self.most) {
            (least, most) if least == most => least.to_string(),
            (least, MANY) => format!("at least {least}"),
            (least, most) => format!("{least} to {most}"),
        };
        Err(format!("`{}` takes {wanted} arguments, not {given}", self.name))
    }
}

fn all(functions: Functions) -> impl Iterator<Item = &'static Function> {
    let more: &[&[Function]] = match functions {
        Functions::All | Functions::Iter8 => &[texts::TEXTS, numbers::NUMBERS, lists::LISTS, times::TIMES],
        Functions::BuiltIn => &[],
    };
    let first: &[&[Function]] = match functions {
        Functions::Iter8 => sprig::SPRIG,
        Functions::All | Functions::BuiltIn => &[],
    };
    let has =
        move |function: &&Function| functions != Functions::Iter8 || !sprig::LATER.contains(&function.name);
    first
        .iter()
        .flat_map(|functions| functions.iter())
        .chain(built_in::BUILT_IN)
        .chain(more.iter().flat_map(|functions| functions.iter()))
        .filter(has)
}

/// The function called `name`.
pub(super) fn find(name: &str, functions: Functions) -> Option<&'static Function> {
    all(functions).find(|function| function.name == name)
}

/// What to say of a function that there is not, if more than that.
pub(super) fn hint(name: &str, functions: Functions) -> Option<String> {
    match functions {
        Functions::Iter8 => sprig::hint(name),
        Functions::BuiltIn if find(name, Functions::All).is_some() => {
            Some("the functions of templates are switched off".to_owned())
        }
        Functions::BuiltIn | Functions::All => None,
    }
}

/// The names of all functions.
pub(super) fn names(functions: Functions) -> impl Iterator<Item = &'static str> {
    all(functions).map(|function| function.name)
}

/// The argument at `index`; what is missing is nil.
fn argument(values: &[Value], index: usize) -> &Value {
    values.get(index).unwrap_or(&Value::Nil)
}

/// A text argument.
fn text(values: &[Value], index: usize) -> Result<&str, String> {
    match argument(values, index) {
        Value::Text(text) => Ok(text),
        other => Err(format!(
            "argument {} should be a string, not {}",
            index + 1,
            other.kind()
        )),
    }
}

/// An argument that must be an integer.
fn int(values: &[Value], index: usize) -> Result<i64, String> {
    match argument(values, index) {
        Value::Int(value) => Ok(*value),
        other => Err(format!(
            "argument {} should be an integer, not {}",
            index + 1,
            other.kind()
        )),
    }
}

/// A number of things, 0 when negative.
fn count(values: &[Value], index: usize) -> Result<usize, String> {
    Ok(usize::try_from(int(values, index)?.max(0)).unwrap_or(usize::MAX))
}

/// The elements of a list argument.
fn items(values: &[Value], index: usize) -> Result<&[Value], String> {
    match argument(values, index) {
        Value::List(list) => Ok(&list.items),
        other => Err(format!(
            "argument {} should be a list, not {}",
            index + 1,
            other.kind()
        )),
    }
}
