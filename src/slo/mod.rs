//! What was promised, and whether it was kept.

mod assess;
mod assessment;
mod estimate;
mod foresight;
pub mod interval;
mod objective;
mod prospect;

pub use assess::{Policy, assess, limits_errors};
pub use assessment::{Assessment, Certainty, Judgement, OnInconclusive, Verdict};
pub use foresight::{Foresight, ShareForesight, foresee};
pub use objective::{Bound, Limit, Objective, ObjectiveError};
pub use prospect::{Prospect, prospect};
