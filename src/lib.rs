//! iter8

pub mod spec;
