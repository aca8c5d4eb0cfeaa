//! What the user asked for: the experiment file and its parts.

pub mod condition;
