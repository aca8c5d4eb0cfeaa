//! What was promised, and whether it was kept.

mod assess;
mod assessment;
mod award;
mod chance;
mod estimate;
mod foresight;
pub mod interval;
mod objective;
mod proof;
mod prospect;
mod provided;
mod reward;
mod terms;

pub use assess::{Policy, assess};
pub use assessment::{Assessment, Certainty, Judgement, OnInconclusive, Verdict};
pub use award::award;
pub use foresight::{Foresight, ShareForesight, foresee};
pub use objective::{Bound, Limit, Objective, ObjectiveError};
pub use proof::limits_errors;
pub use prospect::{Prospect, prospect};
pub use provided::ill_suited;
pub use reward::{Award, Confidence, Contender, Goal, Reward, Weight};
pub use terms::Terms;
