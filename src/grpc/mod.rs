//! gRPC without a load: what methods and messages look like, status codes, and single calls.

pub mod channel;
pub mod code;
pub mod health;
pub mod reflection;

#[cfg(test)]
mod tests;
