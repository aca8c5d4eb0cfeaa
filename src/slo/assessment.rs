//! [`Assessment`]: a verdict for every objective and version, with what it rests on.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::award::{common_winner, exclude, weights};
use super::interval::Interval;
use super::objective::Objective;
use super::reward::{Award, Weight};

/// Whether a promise was kept.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub enum Verdict {
    /// Kept.
    Met,
    /// Broken.
    NotMet,
    /// The data cannot tell, and `onInconclusive: fail` makes that count.
    Undecided,
    /// There is nothing to judge: no requests, no such metric, too few requests.
    NoData,
    /// A task error stopped the run before this could be judged, or its `assess` task was skipped.
    NotAssessed,
}

/// What to do where the interval straddles the limit.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub enum OnInconclusive {
    /// The observed value decides.
    #[default]
    Observed,
    /// Counts as met.
    Pass,
    /// Counts as undecided: the outcome is `inconclusive`.
    Fail,
}

/// How sure a verdict is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub enum Certainty {
    /// The whole 95 % interval lies on one side of the limit, or the value is a plain count.
    Sure,
    /// The interval straddles the limit, or a ratio has none.
    #[serde(rename_all = "camelCase")]
    Unsure {
        /// About how many more requests would decide it, if that can be said.
        more_requests: Option<u64>,
    },
}

/// One objective, judged on one version.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct Judgement {
    /// The `assess` task that judged it, from 1: later ones judge later measurements and replace nothing.
    #[serde(default)]
    pub task: usize,
    /// What was promised.
    pub objective: Objective,
    /// Of which version.
    pub version: String,
    /// Kept or not.
    pub verdict: Verdict,
    /// The observed value in the unit of the limit (against a baseline: the ratio).
    pub value: Option<f64>,
    /// Its 95 % interval, where the data give one.
    pub interval: Option<Interval>,
    /// How sure the verdict is.
    pub certainty: Certainty,
    /// Requests it rests on; `None` for values from providers.
    pub requests: Option<u64>,
    /// What a reader should know: why there are no data, that bursts could not be seen.
    pub note: Option<String>,
}

impl Judgement {
    /// One that was not made, and why.
    pub fn not_assessed(task: usize, objective: Objective, why: &str) -> Self {
        Self {
            task,
            objective,
            version: String::new(),
            verdict: Verdict::NotAssessed,
            value: None,
            interval: None,
            certainty: Certainty::Sure,
            requests: None,
            note: Some(why.to_owned()),
        }
    }
}

/// Everything that was judged.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct Assessment {
    /// In the order of the experiment, versions within an objective.
    pub judgements: Vec<Judgement>,
    /// How the baseline does by the objectives with an absolute limit: shown nowhere, but only who meets them can win.
    #[serde(skip)]
    pub(crate) of_baseline: Vec<Judgement>,
    /// Rewards and who has won them, in the order of the experiment.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub awards: Vec<Award>,
    /// Shares of traffic that follow from the rewards; empty without rewards, and where nobody may get any.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub weights: Vec<Weight>,
}

impl Assessment {
    /// Adds what a later `assess` task judged; nothing that was judged before is forgotten. Who breaks an objective now
    /// loses what it had won, and the shares follow from all rewards.
    pub fn merge(&mut self, newer: Assessment) {
        self.judgements.extend(newer.judgements);
        self.of_baseline.extend(newer.of_baseline);
        self.awards.extend(newer.awards);
        let judged = || self.judgements.iter().chain(&self.of_baseline);
        for award in &mut self.awards {
            exclude(award, &judged());
        }
        self.weights = weights(&self.latest());
    }

    /// The rewards; of one that was assessed again the last time counts.
    fn latest(&self) -> Vec<&Award> {
        let later = |index: usize, award: &Award| {
            let mut after = self.awards.iter().skip(index + 1);
            after.any(|other| other.reward == award.reward)
        };
        let all = self.awards.iter().enumerate();
        all.filter(|(index, award)| !later(*index, award))
            .map(|(_, award)| award)
            .collect()
    }

    /// The version that has won every reward; of a reward that was assessed again the last time counts.
    pub fn unanimous(&self) -> Option<&str> {
        common_winner(&self.latest())
    }

    /// Forgets what tasks judged: they are about to judge anew.
    pub fn forget(&mut self, tasks: std::ops::RangeInclusive<usize>) {
        let others = |task: usize| !tasks.contains(&task);
        self.judgements.retain(|judgement| others(judgement.task));
        self.of_baseline.retain(|judgement| others(judgement.task));
        self.awards.retain(|award| others(award.task));
        self.weights = weights(&self.latest());
    }

    /// Whether anything was judged at all.
    pub fn was_judged(&self) -> bool {
        let mut judged = self.judgements.iter();
        judged.any(|judgement| judgement.verdict != Verdict::NotAssessed) || !self.awards.is_empty()
    }

    /// Whether every objective that can fail the run was met (true without objectives).
    pub fn all_met(&self) -> bool {
        self.judgements
            .iter()
            .all(|judgement| judgement.objective.warn || judgement.verdict == Verdict::Met)
    }
}
