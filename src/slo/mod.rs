//! What was promised, and whether it was kept.

mod assessment;
pub mod interval;
mod objective;

pub use assessment::{Assessment, Certainty, Judgement, OnInconclusive, Verdict};
pub use objective::{Bound, Limit, Objective, ObjectiveError};
