//! gRPC without a load: what methods and messages look like, status codes, what templates know of a call, single calls, reflection and
//! health.

mod call;
pub mod channel;
pub mod health;
pub mod message;
pub mod reflection;
pub mod schema;

#[cfg(test)]
mod tests;

pub use call::{CallData, CallNames};

/// Status codes: what is measured of a call has one, too.
pub use crate::metrics::code;
