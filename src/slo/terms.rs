//! [`Terms`]: what one `assess` task asks of what was measured. A run judges by them once, at that task; results of shards
//! carry them to where all measurements are together.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::assess::{Policy, assess};
use super::assessment::Assessment;
use super::award::award;
use super::objective::Objective;
use super::reward::Reward;
use crate::metrics::Insights;

/// What an `assess` task asks.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct Terms {
    /// The task, from 1.
    pub task: usize,
    /// Its `if:`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub condition: Option<String>,
    /// What was promised.
    pub objectives: Vec<Objective>,
    /// What versions are compared by.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub rewards: Vec<Reward>,
    /// What decides where the data do not.
    #[serde(flatten)]
    pub policy: Policy,
}

impl Terms {
    /// Judges what was measured. Who broke an objective of an earlier task wins nothing here.
    pub fn judge(&self, insights: &Insights, earlier: &Assessment) -> Assessment {
        let mut assessment = assess(&self.objectives, insights, self.policy);
        let judged: Vec<_> = [earlier, &assessment]
            .into_iter()
            .flat_map(|all| all.judgements.iter().chain(&all.of_baseline))
            .cloned()
            .collect();
        assessment.awards = award(&self.rewards, &judged, insights, self.policy);
        assessment
            .judgements
            .iter_mut()
            .for_each(|judgement| judgement.task = self.task);
        assessment
            .awards
            .iter_mut()
            .for_each(|award| award.task = self.task);
        assessment
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::metrics::{Load, LoadMeasurement, VersionInsights};

    #[test]
    fn terms_that_were_stored_judge_alike() {
        let load: Load = serde_json::from_value(serde_json::json!({
            "stream": "http", "target": "", "plan": "",
            "measurement": LoadMeasurement { requests: 10, errors: 3, ..LoadMeasurement::default() },
        }))
        .expect("a load");
        let insights = Insights {
            versions: vec![VersionInsights {
                name: "default".into(),
                loads: vec![load],
                ..VersionInsights::default()
            }],
        };
        let terms = Terms {
            task: 3,
            condition: None,
            objectives: vec!["http/error-count <= 2".parse().expect("an objective")],
            rewards: Vec::new(),
            policy: Policy {
                min_requests: 5,
                ..Policy::default()
            },
        };
        let text = serde_json::to_string(&terms).expect("JSON");
        let read: Terms = serde_json::from_str(&text).expect("terms");
        assert_eq!(read, terms);
        let judged = read.judge(&insights, &Assessment::default());
        assert_eq!(judged, terms.judge(&insights, &Assessment::default()));
        assert_eq!(judged.judgements[0].task, 3);
        assert!(!judged.all_met());
    }
}
