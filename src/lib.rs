//! iter8

pub mod slo;
