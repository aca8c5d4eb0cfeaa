//! gRPC without a load: what methods and messages look like, status codes, call templates, single calls, reflection and
//! health.

pub mod channel;
pub mod health;
pub mod message;
pub mod reflection;
pub mod schema;
pub mod template;

#[cfg(test)]
mod tests;

/// Status codes: what is measured of a call has one, too.
pub use crate::metrics::code;
