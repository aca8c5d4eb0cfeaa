//! [`Condition`]: the `if:` of a task, checked when it is read and evaluated over [`Facts`] before the task runs.
//!
//! The language is that of Iter8 0.15 (antonmedv/expr 1.12 over Iter8's experiment): `not SLOs()`,
//! `Result.NumLoops == 10`, `any(Result.Insights.SLOs.Upper, {.Limit > 60})`. [`names()`] lists what can be asked.
//!
//! # Why
//! - Where expr itself compiles by type, so does the check here: `1 / 2 == 0.5` holds, while `4 / 2 == 2` is an error
//!   because expr compares two whole-number expressions as such, and `/` gives a fraction.
//! - Meant differences: `1 + 1 not in [2]` negates, which expr 1.12 forgets after arithmetic; a missing text is in no
//!   list or map instead of an error; what can only fail (an unknown field of a task, a metric's type `==` a text) is
//!   an error of the check even where the run would not reach it; an empty list of the facts is nil.
//! - Text comes from experiment files, so its size, nesting, ranges, patterns and steps are limited.

mod access;
mod ast;
mod check;
mod eval;
mod facts;
mod lexer;
mod methods;
mod names;
mod operations;
mod operators;
mod parser;
mod pattern;
mod relations;
mod schema;
mod value;

#[cfg(test)]
mod tests;

pub use facts::{
    BucketFacts, Facts, InsightsFacts, LimitFacts, MetricFacts, ResultFacts, RewardFacts, SloFacts,
    TaskFacts, VerdictFacts, VersionFacts, WinnerFacts,
};
pub use names::{Name, names};

/// The longest condition, in bytes.
const MAX_LENGTH: usize = 4096;

/// A condition that passed the check.
#[derive(Debug, Clone)]
pub struct Condition {
    text: String,
    tree: ast::Tree,
}

/// Why a condition is wrong, or could not be evaluated.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{message}")]
pub struct ConditionError {
    /// What is wrong, in one line.
    pub message: String,
    /// Where it starts in the text, in bytes.
    pub offset: usize,
    /// How many bytes are concerned, 0 at the end of the text.
    pub length: usize,
    /// What to write instead, if that is known.
    pub hint: Option<String>,
}

impl Condition {
    /// Reads and checks a condition: syntax, names, types and arguments.
    pub fn parse(text: &str) -> Result<Self, ConditionError> {
        if text.len() > MAX_LENGTH {
            let whole = lexer::Span {
                offset: 0,
                length: text.len(),
            };
            return Err(whole.error(format!("a condition of more than {MAX_LENGTH} bytes")));
        }
        let mut tree = parser::parse(text)?;
        check::check(&mut tree)?;
        Ok(Self {
            text: text.to_owned(),
            tree,
        })
    }

    /// The text it was read from.
    pub fn text(&self) -> &str {
        &self.text
    }

    /// Whether the condition holds. Errors depend on the facts: no such element, a field of nil, a bad pattern made
    /// by an expression, too many steps.
    pub fn evaluate(&self, facts: &Facts) -> Result<bool, ConditionError> {
        eval::evaluate(&self.tree, facts)
    }
}

impl PartialEq for Condition {
    fn eq(&self, other: &Self) -> bool {
        self.text == other.text
    }
}

impl Eq for Condition {}
