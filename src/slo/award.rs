//! [`award`]: rewards × insights → winners and shares of traffic. Pure.
//!
//! # The rules
//! Only a version that met all of its objectives can win, the baseline included: it is no winner by being there, and none
//! where nothing says more. The best value wins; it is certain where the 95 % intervals of all others lie wholly beyond
//! the winner's. A version's share of traffic is its chance to be the best (probability matching, Thompson 1933), the mean
//! over all rewards; where no interval tells, the winner gets twice as much as any other. Who cannot win gets nothing.

use super::assess::{Policy, judge};
use super::assessment::{Judgement, Verdict};
use super::chance::chances;
use super::estimate::{estimate, rests_on};
use super::interval::Interval;
use super::objective::{Bound, Limit, Objective};
use super::reward::{Award, Confidence, Contender, Goal, Reward, Weight};
use crate::metrics::{Insights, Measure, MetricName, VersionInsights};

/// How much more the winner gets than any other, where no interval says how sure it is.
const WINNER: f64 = 2.0;

/// Compares all versions by every reward. `judged` is what was judged of them so far, `objectives` what the baseline, which
/// is not judged, has to meet as well.
pub fn award(
    rewards: &[Reward],
    objectives: &[Objective],
    judged: &[Judgement],
    insights: &Insights,
    policy: Policy,
) -> (Vec<Award>, Vec<Weight>) {
    if rewards.is_empty() {
        return (Vec::new(), Vec::new());
    }
    let missed: Vec<Option<String>> = insights
        .versions
        .iter()
        .map(|version| missed(version, objectives, judged, policy))
        .collect();
    let awards: Vec<Award> = rewards
        .iter()
        .map(|reward| {
            let contenders = insights.versions.iter().zip(&missed);
            let contenders =
                contenders.map(|(version, missed)| contender(reward, version, missed.as_ref(), policy));
            decide(reward, contenders.collect())
        })
        .collect();
    let weights = weights(&awards);
    (awards, weights)
}

/// The first objective that a version did not meet.
fn missed(
    version: &VersionInsights,
    objectives: &[Objective],
    judged: &[Judgement],
    policy: Policy,
) -> Option<String> {
    let broken = |judgement: &Judgement| {
        (!judgement.objective.warn && judgement.verdict != Verdict::Met)
            .then(|| judgement.objective.to_string())
    };
    if version.baseline {
        let absolute = objectives
            .iter()
            .filter(|one| matches!(one.limit, Limit::Value(_)));
        return absolute
            .map(|objective| judge(objective, version, None, policy))
            .find_map(|judgement| broken(&judgement));
    }
    let mut own = judged
        .iter()
        .filter(|judgement| judgement.version == version.name);
    own.find_map(broken)
}

fn contender(
    reward: &Reward,
    version: &VersionInsights,
    missed: Option<&String>,
    policy: Policy,
) -> Contender {
    let (value, interval, lacking) = match value(reward, version, policy) {
        Ok((value, interval)) => (Some(value), interval, None),
        Err(why) => (None, None, Some(why)),
    };
    Contender {
        version: version.name.clone(),
        value,
        interval,
        eligible: missed.is_none(),
        chance: None,
        note: match missed {
            Some(objective) => Some(format!("it does not meet {objective}")),
            None => lacking,
        },
    }
}

/// A version's value and its interval, or why it has none.
fn value(
    reward: &Reward,
    version: &VersionInsights,
    policy: Policy,
) -> Result<(f64, Option<Interval>), String> {
    let given = || {
        let value = version.value(&reward.metric).ok_or("it has no value")?;
        Ok((value, None))
    };
    let MetricName::Load(stream, measure) = &reward.metric else {
        return given();
    };
    let Some(load) = version.measurement(stream) else {
        return given();
    };
    if load.requests > 0
        && load.errors >= load.requests
        && matches!(measure, Measure::Time(..) | Measure::ColdStart)
    {
        return Err(format!("each of {} requests failed", load.requests));
    }
    let bound = match reward.goal {
        Goal::Max => Bound::AtLeast,
        Goal::Min => Bound::AtMost,
    };
    let value = load.value(*measure).filter(|value| value.is_finite());
    let value = value.filter(|_| load.requests > 0).ok_or("it has no value")?;
    let rests_on = rests_on(&load, *measure);
    if rests_on < policy.min_requests {
        return Err(format!(
            "it rests on {rests_on} requests, fewer than minRequests ({})",
            policy.min_requests
        ));
    }
    let interval = estimate(&load, *measure, bound, value).and_then(|estimate| estimate.interval);
    Ok((value, interval))
}

fn decide(reward: &Reward, mut contenders: Vec<Contender>) -> Award {
    let nobody = |confidence, note: &str, contenders| Award {
        task: 0,
        reward: reward.clone(),
        winner: None,
        confidence,
        contenders,
        note: Some(note.to_owned()),
    };
    if contenders.iter().all(|contender| contender.value.is_none()) {
        return nobody(Confidence::NoData, "no version has a value", contenders);
    }
    let lacking = contenders
        .iter()
        .find(|contender| contender.eligible && contender.value.is_none());
    if let Some(lacking) = lacking {
        let why = lacking.note.as_deref().unwrap_or("it has no value");
        let note = format!("{} cannot be compared: {why}", lacking.version);
        return nobody(Confidence::NoData, &note, contenders);
    }
    let better = |one: f64, other: f64| match reward.goal {
        Goal::Max => one > other,
        Goal::Min => one < other,
    };
    let mut best: Option<(usize, f64)> = None;
    for (index, contender) in contenders
        .iter()
        .enumerate()
        .filter(|(_, contender)| contender.eligible)
    {
        if let Some(value) = contender.value
            && best.is_none_or(|(_, so_far)| better(value, so_far))
        {
            best = Some((index, value));
        }
    }
    let Some((best, _)) = best else {
        return nobody(
            Confidence::NoWinner,
            "no version meets all of its objectives",
            contenders,
        );
    };
    let eligible: Vec<usize> = (0..contenders.len())
        .filter(|index| contenders[*index].eligible)
        .collect();
    let known: Vec<(f64, Interval)> = eligible
        .iter()
        .filter_map(|index| Some((contenders[*index].value?, contenders[*index].interval?)))
        .collect();
    if known.len() == eligible.len()
        && let Some(chances) = chances(reward.goal, &known)
    {
        for (index, chance) in eligible.iter().zip(chances) {
            contenders[*index].chance = Some(chance);
        }
    }
    let others: Vec<&Contender> = eligible
        .iter()
        .filter(|index| **index != best)
        .map(|index| &contenders[*index])
        .collect();
    Award {
        task: 0,
        reward: reward.clone(),
        winner: Some(contenders[best].version.clone()),
        confidence: confidence(reward.goal, &contenders[best], &others),
        contenders,
        note: None,
    }
}

fn confidence(goal: Goal, best: &Contender, others: &[&Contender]) -> Confidence {
    if others.is_empty() {
        return Confidence::Alone;
    }
    let Some(own) = best.interval else {
        return Confidence::Unknown;
    };
    let mut certain = true;
    for other in others {
        let Some(theirs) = other.interval else {
            return Confidence::Unknown;
        };
        certain &= match goal {
            Goal::Max => own.low.zip(theirs.high).is_some_and(|(low, high)| high < low),
            Goal::Min => own.high.zip(theirs.low).is_some_and(|(high, low)| high < low),
        };
    }
    if certain {
        Confidence::Certain
    } else {
        Confidence::NotCertain
    }
}

/// Shares of traffic: none where a reward has no winner.
fn weights(awards: &[Award]) -> Vec<Weight> {
    let Some(first) = awards.first() else {
        return Vec::new();
    };
    if awards.iter().any(|award| award.winner.is_none()) {
        return Vec::new();
    }
    let share =
        |version: &str| awards.iter().map(|award| share(award, version)).sum::<f64>() / awards.len() as f64;
    let shares: Vec<f64> = first
        .contenders
        .iter()
        .map(|contender| share(&contender.version))
        .collect();
    let percents = rounded(&shares);
    let versions = first.contenders.iter().map(|contender| contender.version.clone());
    versions
        .zip(percents)
        .map(|(version, percent)| Weight { version, percent })
        .collect()
}

/// What one reward alone would give a version, 0 to 1.
fn share(award: &Award, version: &str) -> f64 {
    let Some(contender) = award
        .contenders
        .iter()
        .find(|contender| contender.version == version)
    else {
        return 0.0;
    };
    if !contender.eligible {
        return 0.0;
    }
    let eligible = award
        .contenders
        .iter()
        .filter(|contender| contender.eligible)
        .count();
    contender.chance.unwrap_or_else(|| {
        let parts = WINNER + (eligible - 1) as f64;
        let own = if award.winner.as_deref() == Some(version) {
            WINNER
        } else {
            1.0
        };
        own / parts
    })
}

/// Whole percents that add up to 100: what is cut off goes to those who lost most by it.
fn rounded(shares: &[f64]) -> Vec<u32> {
    let total: f64 = shares.iter().sum();
    if total <= 0.0 || !total.is_finite() {
        return vec![0; shares.len()];
    }
    let exact: Vec<f64> = shares.iter().map(|share| share / total * 100.0).collect();
    #[expect(
        clippy::cast_possible_truncation,
        clippy::cast_sign_loss,
        reason = "from 0 to 100"
    )]
    let mut percents: Vec<u32> = exact.iter().map(|percent| percent.floor() as u32).collect();
    let mut order: Vec<usize> = (0..exact.len()).collect();
    order.sort_by(|a, b| exact[*b].fract().total_cmp(&exact[*a].fract()));
    let missing = 100_u32.saturating_sub(percents.iter().sum());
    for index in order.into_iter().cycle().take(missing as usize) {
        percents[index] += 1;
    }
    percents
}

#[cfg(test)]
#[path = "award_tests.rs"]
mod tests;
