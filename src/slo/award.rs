//! [`award`]: rewards × insights → winners and shares of traffic. Pure.
//!
//! # The rules
//! Only a version that met all of its objectives can win, the baseline included: it is no winner by being there, and none
//! where nothing says more. The best value wins; it is certain where the 95 % intervals of all others lie wholly beyond
//! the winner's. A version's share of traffic is its chance to be the best (probability matching, Thompson 1933), the mean
//! over all rewards, and never more than that of who has won them all; where no interval tells, the winner gets twice as
//! much as any other. Who cannot win gets nothing, and one version alone has nothing to win against.

use super::assess::Policy;
use super::assessment::{Judgement, Verdict};
use super::chance::chances;
use super::estimate::{estimate, rests_on};
use super::interval::Interval;
use super::objective::Bound;
use super::proof::{is_of_answers, mostly_failed};
use super::provided;
use super::reward::{Award, Confidence, Contender, Goal, Reward, Weight};
use crate::metrics::{Insights, MetricName, VersionInsights};

/// How much more the winner gets than any other, where no interval says how sure it is.
const WINNER: f64 = 2.0;

/// Compares all versions by every reward. `judged` is all that was judged of them so far, the baseline included.
pub fn award(rewards: &[Reward], judged: &[Judgement], insights: &Insights, policy: Policy) -> Vec<Award> {
    let versions = &insights.versions;
    let of = |reward: &Reward| {
        let contenders = versions.iter().map(|version| {
            let missed = missed(&version.name, judged.iter());
            let value = value(reward, version, policy).and_then(|(value, interval)| {
                let value = provided::aligned(&reward.metric, value, version, versions)?;
                Ok((value, interval))
            });
            contender(version, value, missed.as_ref())
        });
        decide(reward, contenders.collect())
    };
    rewards.iter().map(of).collect()
}

/// The first objective that a version did not meet.
fn missed<'a>(version: &str, mut judged: impl Iterator<Item = &'a Judgement>) -> Option<String> {
    let broken = judged.find(|judgement| {
        judgement.version == version && !judgement.objective.warn && judgement.verdict != Verdict::Met
    });
    broken.map(|judgement| judgement.objective.to_string())
}

fn why_not(objective: &str) -> String {
    format!("it does not meet {objective}")
}

/// Decides an award anew where a version that could have won has broken an objective since.
pub(super) fn exclude<'a>(award: &mut Award, judged: &(impl Iterator<Item = &'a Judgement> + Clone)) {
    let mut changed = false;
    for contender in award.contenders.iter_mut().filter(|one| one.eligible) {
        if let Some(objective) = missed(&contender.version, judged.clone()) {
            contender.eligible = false;
            contender.note = Some(why_not(&objective));
            changed = true;
        }
    }
    if changed {
        let mut contenders = std::mem::take(&mut award.contenders);
        contenders
            .iter_mut()
            .for_each(|contender| contender.chance = None);
        *award = Award {
            task: award.task,
            ..decide(&award.reward, contenders)
        };
    }
}

fn contender(
    version: &VersionInsights,
    value: Result<(f64, Option<Interval>), String>,
    missed: Option<&String>,
) -> Contender {
    let (value, interval, lacking) = match value {
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
            Some(objective) => Some(why_not(objective)),
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
    if let Some(failed) = mostly_failed(&load).filter(|_| is_of_answers(*measure)) {
        return Err(failed);
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
    if contenders.len() == 1 {
        return nobody(
            Confidence::NoData,
            "nothing to compare with: there is one version only",
            contenders,
        );
    }
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

/// The version that has won all of these awards.
pub(super) fn common_winner<'a>(awards: &[&'a Award]) -> Option<&'a str> {
    let mut winners = awards.iter().map(|award| award.winner.as_deref());
    let first = winners.next()??;
    winners.all(|winner| winner == Some(first)).then_some(first)
}

/// Shares of traffic: none where a reward has no winner.
pub(super) fn weights(awards: &[&Award]) -> Vec<Weight> {
    if awards.iter().any(|award| award.winner.is_none()) {
        return Vec::new();
    }
    let mut versions: Vec<&str> = Vec::new();
    for contender in awards.iter().flat_map(|award| &award.contenders) {
        if !versions.contains(&contender.version.as_str()) {
            versions.push(&contender.version);
        }
    }
    let excluded = |version: &str| {
        let mut all = awards.iter().flat_map(|award| &award.contenders);
        all.any(|contender| contender.version == version && !contender.eligible)
    };
    let share = |version: &&str| {
        if excluded(version) {
            return 0.0;
        }
        let sum: f64 = awards.iter().map(|award| share(award, version)).sum();
        sum / awards.len() as f64
    };
    let mut percents = rounded(&versions.iter().map(share).collect::<Vec<_>>());
    // Rounding takes nothing from who has won everything.
    let winner = common_winner(awards).and_then(|name| versions.iter().position(|version| *version == name));
    let most = (0..percents.len()).max_by_key(|index| percents[*index]);
    if let (Some(winner), Some(most)) = (winner, most) {
        let (own, highest) = (percents[winner], percents[most]);
        percents[winner] = highest;
        percents[most] = own;
    }
    let named = versions.iter().zip(percents);
    named
        .map(|(version, percent)| Weight {
            version: (*version).to_owned(),
            percent,
        })
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
