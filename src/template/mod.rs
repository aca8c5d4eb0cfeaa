//! [`Template`]: texts with values in them, such as ghz's `{{.RequestNumber}}`, in the language of Go's `text/template`
//! (<https://pkg.go.dev/text/template>) with the functions of ghz and of sprig.
//!
//! # Why an engine of our own
//! The crates that there are print some numbers and strings otherwise than Go does, and overflow the stack on nesting.
//! Here all is bounded: nesting, steps, lists, and what is written.

mod ast;
mod budget;
mod error;
mod exec;
mod format;
mod functions;
mod json;
pub mod layout;
mod lex;
mod literal;
mod parse;
mod random;
mod value;
mod yaml;

use std::collections::{BTreeSet, HashMap};
use std::sync::Arc;

use ast::Node;
use lex::Kind;

pub use budget::Budget;
pub use error::TemplateError;
pub use random::{Random, uuid_text};
pub use value::{Record, Value};

/// Which functions a template may use.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Functions {
    /// Those of the language, of ghz and of sprig.
    All,
    /// Those of the language and of sprig 2.22, as in the templates of Iter8.
    Iter8,
    /// Those of the language alone, as with `disable-template-functions`.
    BuiltIn,
}

/// What an action prints for a value that is not there.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub enum Absent {
    /// `<no value>`, as Go does.
    #[default]
    Printed,
    /// Nothing: it is an error.
    Refused,
}

/// What a template may look up in its data.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Names {
    /// Fields, `.Name` of anything.
    pub fields: BTreeSet<String>,
    /// Texts in quotes, which functions such as `index` take for names.
    pub quoted: BTreeSet<String>,
}

/// A template that is parsed: whatever can be wrong without data has been found.
#[derive(Debug, Clone)]
pub struct Template {
    source: Arc<str>,
    body: Vec<Node>,
    defined: HashMap<String, Vec<Node>>,
}

impl Template {
    /// Parses a template. A function that there is not, and a wrong number of arguments, are errors here already.
    pub fn parse(text: &str, functions: Functions) -> Result<Self, TemplateError> {
        let (body, defined) = parse::parse(text, functions).map_err(|fault| fault.at(text))?;
        Ok(Self {
            source: text.into(),
            body,
            defined,
        })
    }

    /// Whether it renders to the same text always, because it has no actions (comments are none).
    pub fn is_constant(&self) -> bool {
        self.body.iter().all(|node| matches!(node, Node::Text(_)))
    }

    /// What its actions name; the text around them names nothing.
    pub fn names(&self) -> Names {
        let mut names = Names::default();
        // It was parsed, so that it can be read again.
        for token in lex::lex(&self.source).unwrap_or_default() {
            match token.kind {
                Kind::Field(name) => names.fields.insert(name),
                Kind::Quoted(text) => names.quoted.insert(text),
                Kind::Text(_)
                | Kind::Open
                | Kind::Close
                | Kind::Word(_)
                | Kind::Dot
                | Kind::Variable(_)
                | Kind::Int(_)
                | Kind::Float(_)
                | Kind::Sign(_) => false,
            };
        }
        names
    }

    /// Its text for a record of data.
    pub fn render(&self, data: impl Record + 'static, random: &mut Random) -> Result<String, TemplateError> {
        self.render_value(&Value::Record(Arc::new(data)), random)
    }

    /// Its text for any data.
    pub fn render_value(&self, data: &Value, random: &mut Random) -> Result<String, TemplateError> {
        self.render_with(data, Absent::Printed, random)
    }

    /// The same, and what is to happen with values that are not there.
    pub fn render_with(
        &self,
        data: &Value,
        absent: Absent,
        random: &mut Random,
    ) -> Result<String, TemplateError> {
        self.render_within(data, absent, random, &mut Budget::of_one())
    }

    /// The same, as one of several renderings that share their time.
    pub fn render_within(
        &self,
        data: &Value,
        absent: Absent,
        random: &mut Random,
        budget: &mut Budget,
    ) -> Result<String, TemplateError> {
        let patience = budget.for_next();
        let rendered =
            budget.spend(|| exec::run(&self.body, &self.defined, data, absent, (random, patience)));
        rendered.map_err(|fault| fault.at(&self.source))
    }
}

#[cfg(test)]
mod tests;
