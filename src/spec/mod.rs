//! What the user asked for: a located experiment, or all that is wrong with it.

pub mod compat;
pub mod condition;
mod decode;
mod duration;
mod experiment;
#[macro_use]
mod fields;
mod interpolate;
mod node;
mod source;
mod values;
mod yaml;

pub use decode::{Decode, Decoder, Fields, Lookup, Mistakes, unset};
pub use duration::{Period, PeriodError};
pub use experiment::{Entry, Experiment, Work, chart_of};
pub use fields::Field;
pub use interpolate::references;
pub use node::{At, Key, Node, Value, same_field};
pub use source::{SourceError, SourceFile, read_file};
pub use values::Map;
pub use yaml::to_yaml;
