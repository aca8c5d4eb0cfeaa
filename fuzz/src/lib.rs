//! What must hold for what others send, or have written, as functions that panic where it does not.

pub mod bodies;
pub mod connections;
pub mod differences;
pub mod hyper_client;
pub mod laws;
pub mod requests;
