//! Loops: a result that goes on with what an earlier run left. What was measured stays until it is measured anew, verdicts are
//! those of the last loop, and of the loops before only what fits on a page is kept.

use std::collections::BTreeMap;

use jiff::Timestamp;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::{ExperimentResult, Outcome};
use crate::slo::{Assessment, Verdict};

/// How many earlier loops a result keeps.
pub const KEPT: usize = 50;

/// A loop that is over.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct PastLoop {
    /// Its number, from 1.
    pub number: u64,
    /// Its start.
    #[schemars(with = "String")]
    pub started: Timestamp,
    /// How long it took, in seconds.
    pub seconds: f64,
    /// How it ended.
    pub outcome: Outcome,
    /// What was known of the tested version when it ended: values by metric, in the metric's unit.
    pub metrics: BTreeMap<String, f64>,
}

/// What conditions may ask of the loop before until this one knows better.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Before {
    pub(super) assessment: Assessment,
    pub(super) failure: bool,
}

impl ExperimentResult {
    /// Begins another loop: numbers and history go on, tasks and verdicts begin anew.
    pub fn next_loop(&mut self, started: Timestamp) {
        self.ended = true;
        self.conclude();
        self.past.push(PastLoop {
            number: self.loops,
            started: self.started,
            seconds: self.seconds,
            outcome: self.outcome,
            metrics: self.metrics(),
        });
        let surplus = self.past.len().saturating_sub(KEPT);
        self.past.drain(..surplus);
        let imported = self.imported.take();
        self.before = Some(Box::new(Before {
            failure: !self.no_failure() || imported.is_some_and(|imported| imported.failure),
            assessment: std::mem::take(&mut self.assessment),
        }));
        self.first_started.get_or_insert(self.started);
        self.started = started;
        self.seconds = 0.0;
        self.loops = self.loops.saturating_add(1);
        self.insights.age();
        self.tasks.clear();
        self.distrust.clear();
        self.ended = false;
        self.interrupted = None;
        self.history = None;
        self.conclude();
    }

    /// Ends a loop: from here on its own verdicts are the only ones.
    pub fn end_loop(&mut self) {
        self.before = None;
    }

    /// Start of the first loop, or of the CronJob that runs them.
    pub fn since(&self) -> Timestamp {
        self.first_started.unwrap_or(self.started)
    }

    /// The verdicts that are known: those of the loop before until this one has some.
    pub(super) fn known_assessment(&self) -> &Assessment {
        let judged = |assessment: &Assessment| {
            let mut judgements = assessment.judgements.iter();
            judgements.any(|judgement| judgement.verdict != Verdict::NotAssessed)
        };
        match &self.before {
            Some(before) if !judged(&self.assessment) => &before.assessment,
            Some(_) | None => &self.assessment,
        }
    }

    /// Whether a task failed, in this loop or in the one before.
    pub(super) fn known_failure(&self) -> bool {
        !self.no_failure() || self.before.as_ref().is_some_and(|before| before.failure)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::results::{Environment, SourceInfo, TaskRecord, TaskStatus};
    use crate::slo::{Certainty, Judgement};

    fn judged(verdict: Verdict) -> Assessment {
        Assessment {
            judgements: vec![Judgement {
                task: 2,
                objective: "http/error-rate <= 1%".parse().expect("an objective"),
                version: "default".into(),
                verdict,
                value: None,
                interval: None,
                certainty: Certainty::Sure,
                requests: None,
                note: None,
            }],
            ..Assessment::default()
        }
    }

    fn result() -> ExperimentResult {
        let started = Timestamp::UNIX_EPOCH;
        let environment = serde_json::from_value(serde_json::json!({
            "iter8Version": "1", "platform": "", "system": "", "processors": 1, "processor": null,
            "commit": null, "commitUrl": null, "pullRequest": null, "runUrl": null, "reproduce": null,
        }));
        let environment: Environment = environment.expect("an environment");
        let mut result = ExperimentResult::new(SourceInfo::default(), environment, started);
        result.insights = serde_json::from_value(serde_json::json!({
            "versions": [{ "name": "default", "baseline": false, "loads": [], "values": { "a/b": { "value": 1.0 } } }]
        }))
        .expect("insights");
        result
    }

    #[test]
    fn a_loop_knows_the_verdicts_of_the_one_before_until_it_has_its_own() {
        let mut result = result();
        result.assessment = judged(Verdict::Met);
        result.next_loop(Timestamp::UNIX_EPOCH);
        assert_eq!((result.loops, result.facts().result.num_loops), (2, 2));
        assert!(result.facts().slos && result.assessment.judgements.is_empty());
        let insights = result.facts().result.insights.expect("insights");
        assert_eq!(
            insights.slos.expect("objectives").upper[0].metric,
            "http/error-rate"
        );
        assert_eq!(insights.slos_satisfied.expect("verdicts").upper, [[true]]);
        result.assessment = judged(Verdict::NotAssessed);
        assert!(result.facts().slos);
        result.assessment = judged(Verdict::NotMet);
        assert!(!result.facts().slos);
        result.assessment = Assessment::default();
        result.end_loop();
        let insights = result.facts().result.insights.expect("insights");
        assert_eq!(insights.slos_satisfied, None);
    }

    #[test]
    fn a_failure_is_known_for_one_more_loop() {
        let mut result = result();
        result.tasks.push(TaskRecord {
            index: 1,
            name: "run".into(),
            about: String::new(),
            status: TaskStatus::Failed {
                error: "exit 1".into(),
            },
            started: None,
            seconds: None,
            notes: Vec::new(),
        });
        result.next_loop(Timestamp::UNIX_EPOCH);
        assert!(!result.facts().no_failure && result.facts().result.failure);
        assert_eq!(result.past[0].outcome, Outcome::Error);
        result.end_loop();
        assert!(result.facts().no_failure);
        result.next_loop(Timestamp::UNIX_EPOCH);
        assert!(result.facts().no_failure);
    }

    #[test]
    fn the_history_of_loops_is_bounded_and_the_count_is_not() {
        let mut result = result();
        let later = Timestamp::from_second(60).expect("a time");
        for _ in 0..KEPT + 7 {
            result.next_loop(later);
        }
        assert_eq!((result.past.len(), result.loops), (KEPT, KEPT as u64 + 8));
        assert_eq!(result.past[0].number, 8);
        assert_eq!(result.since(), Timestamp::UNIX_EPOCH);
        assert_eq!(result.past[0].metrics.get("a/b"), Some(&1.0));
        let text = serde_json::to_string(&result).expect("JSON");
        let read: ExperimentResult = serde_json::from_str(&text).expect("a result");
        assert_eq!(read.past, result.past);
    }
}
