//! gRPC without a load: what methods and messages look like, status codes, and single calls.

/// Status codes: what is measured of a call has one, too.
pub use crate::metrics::code;
