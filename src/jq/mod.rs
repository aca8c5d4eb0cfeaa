//! [`Reader`]: numbers out of JSON answers by jq expressions, which other people write.
//!
//! # Why a child process
//! A hostile or unlucky expression (`def f: 1 + f; f`, a text doubled sixty times) overflows the stack or uses up all
//! memory, which no Rust code can catch: it aborts the process. So expressions are evaluated in a child process of this
//! very program, with limits on memory, processor time and the time of each answer; one child serves a few expressions.
//!
//! # Why not gojq's language to the letter
//! jaq is close to it; `engine` brings what Iter8's users meet into line (`tonumber`, an empty environment).

mod child;
mod engine;
mod number;
mod reader;

pub use child::serve;
pub use reader::{JqError, Reader};

/// Bytes of an expression.
pub const LONGEST: usize = 4096;
/// Brackets inside each other in an expression, and levels of a JSON answer.
pub const DEEPEST: usize = 50;

/// What an expression made of an answer.
#[derive(Debug, Clone, PartialEq, serde::Serialize, serde::Deserialize)]
#[serde(rename_all = "camelCase")]
pub enum Reading {
    /// A finite number.
    Value(f64),
    /// No number: nothing at all, null, NaN, infinity. In words.
    Nothing(String),
    /// The expression is wrong, fails, or gives something that can be no number. In words.
    Fault(String),
}

/// What is wrong with an expression before it is tried; limits alone.
pub fn check(program: &str) -> Result<(), String> {
    if program.len() > LONGEST {
        return Err(format!("it is longer than {LONGEST} bytes ({})", program.len()));
    }
    let mut depth = 0_usize;
    for c in program.chars() {
        match c {
            '(' | '[' | '{' => depth += 1,
            ')' | ']' | '}' => depth = depth.saturating_sub(1),
            _ => {}
        }
        if depth > DEEPEST {
            return Err(format!("its brackets are nested more than {DEEPEST} levels deep"));
        }
    }
    Ok(())
}
