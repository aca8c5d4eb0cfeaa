//! What must hold for every answer of an HTTP/1.1 server, as functions that panic where it does not.

pub mod differences;
pub mod hyper_client;
pub mod laws;
