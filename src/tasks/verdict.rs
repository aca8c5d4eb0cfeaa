//! What tasks that act on a verdict ask of a result before its run has ended.

use crate::results::{ExperimentResult, Outcome, OutcomeReason};
use crate::slo::{Award, Confidence};

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

/// How likely the best of several versions must be the best to be acted on, 0 to 1.
const LIKELY: f64 = 0.95;

/// Who has won, where that may be acted on; or why nobody has.
pub(super) fn winner(so_far: &ExperimentResult) -> Result<&str, String> {
    passed(so_far)?;
    let winner = so_far.winner().ok_or_else(|| "no version has won".to_owned())?;
    let awards = &so_far.assessment.awards;
    // Of a reward that was assessed again the last time counts.
    let is_last = |(index, award): &(usize, &Award)| {
        !awards[index + 1..]
            .iter()
            .any(|later| later.reward == award.reward)
    };
    let mut doubts = awards
        .iter()
        .enumerate()
        .filter(is_last)
        .filter_map(|(_, award)| doubt(award));
    match doubts.next() {
        Some(doubt) => Err(format!("{winner} looks best, but that is not certain ({doubt})")),
        None => Ok(winner),
    }
}

/// How likely a winner is the best, if that is not enough. Values without intervals say nothing of it.
fn doubt(award: &Award) -> Option<String> {
    if award.confidence != Confidence::NotCertain {
        return None;
    }
    let mut contenders = award.contenders.iter();
    let own = contenders.find(|contender| award.winner.as_ref() == Some(&contender.version))?;
    match own.chance {
        Some(chance) if chance >= LIKELY => None,
        Some(chance) => Some(format!(
            "{}: {:.0} %, of 95 % that it takes",
            award.reward,
            (chance * 100.0).floor()
        )),
        None => Some(format!("{}: the intervals overlap", award.reward)),
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn award(confidence: &str, chance: Option<f64>) -> Award {
        let award = json!({"reward": {"metric": "http/latency-p95", "goal": "min"}, "winner": "v2", "confidence": confidence, "note": null,
            "contenders": [
                {"version": "v1", "value": 1.0, "interval": null, "eligible": true, "chance": chance.map(|own| 1.0 - own), "note": null},
                {"version": "v2", "value": 1.0, "interval": null, "eligible": true, "chance": chance, "note": null}]});
        serde_json::from_value(award).expect("an award")
    }

    #[test]
    fn who_may_not_be_the_best_is_not_acted_on() {
        for (confidence, chance, is_acted_on) in [
            ("certain", Some(0.9), true),
            ("notCertain", Some(0.61), false),
            ("notCertain", Some(0.949), false),
            ("notCertain", Some(0.95), true),
            ("notCertain", None, false),
            // Of metrics of providers nobody knows.
            ("unknown", None, true),
            ("alone", None, true),
        ] {
            let doubt = doubt(&award(confidence, chance));
            assert_eq!(doubt.is_none(), is_acted_on, "{confidence} {chance:?}: {doubt:?}");
        }
        let why = doubt(&award("notCertain", Some(0.9496))).expect("a doubt");
        assert!(why.contains("94 %, of 95 %"), "{why}");
    }
}
