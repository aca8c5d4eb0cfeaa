//! gRPC without a load: what methods and messages look like, status codes, and single calls.

pub mod code;
pub mod message;
pub mod schema;
