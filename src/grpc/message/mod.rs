//! Messages: JSON and raw bytes to what a call sends, by the JSON rules of proto3
//! (<https://protobuf.dev/programming-guides/json/>).

mod binary;
mod error;
mod json;
mod required;

pub use binary::split;
pub use error::MessageError;
pub use json::{encode, encode_all};

#[cfg(test)]
mod tests;
