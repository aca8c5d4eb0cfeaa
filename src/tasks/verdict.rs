//! What tasks that act on a verdict ask of a result before its run has ended.

use crate::results::{ExperimentResult, Outcome, OutcomeReason};

/// Whether nothing speaks against a change so far, or what does.
pub(super) fn not_broken(so_far: &ExperimentResult) -> Result<(), String> {
    let OutcomeReason { outcome, because } = OutcomeReason::so_far(so_far);
    if outcome == Outcome::Pass {
        return Ok(());
    }
    let why = because
        .first()
        .map_or_else(String::new, |why| format!(" ({why})"));
    Err(format!("the verdict so far is {}{why}", outcome.name()))
}

/// Whether something was judged, and all of it was good.
pub(super) fn passed(so_far: &ExperimentResult) -> Result<(), String> {
    not_broken(so_far)?;
    if so_far.assessment.was_judged() {
        Ok(())
    } else {
        Err("nothing was judged".to_owned())
    }
}

/// Who has won, where that may be acted on; or why nobody has.
pub(super) fn winner(so_far: &ExperimentResult) -> Result<&str, String> {
    passed(so_far)?;
    so_far.winner().ok_or_else(|| "no version has won".to_owned())
}
