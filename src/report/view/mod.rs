//! [`View`]: a result as its readers see it. Everything is titled, rounded, labelled and ordered here, in pure
//! functions, so that a format only has to lay it out and to escape it.

mod changes;
mod charts;
mod generator;
mod headline;
mod history;
mod known;
mod loads;
mod loops;
mod measured;
mod objectives;
mod provided;
mod rewards;
mod sections;
mod shards;
mod slowest;
mod tasks;

pub use charts::{ChartSet, Distribution, Mark, PhaseBar, PhasePart, Share, Spread, TimePoint, Timeline};
pub use headline::Headline;
pub use loads::{LoadRow, MetricRow, TimingRow};
pub use objectives::{ObjectiveRow, Sign};
pub use rewards::RewardRow;
pub use slowest::{RequestRow, SlowRow};
pub use tasks::TaskRow;

use jiff::Timestamp;
use serde::Serialize;

use super::prose::Prose;
use super::table::{Align, Section, Table};
use crate::results::{ExperimentResult, Imported, Outcome, SourceInfo};
use crate::slo::Weight;
use known::Known;

/// Version of the view as JSON; additions raise the minor, anything else the major.
const SCHEMA_VERSION: &str = "1.0.0";

/// A result as its readers see it.
#[derive(Debug, Clone, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct View {
    /// Version of this form, semver.
    pub schema_version: &'static str,
    /// How the run ended.
    pub outcome: Outcome,
    /// The verdict.
    pub headline: Headline,
    /// What is wrong, or what was shown, in a sentence or two that a developer can act on.
    pub summary: Prose,
    /// Verdict and finding in one plain sentence, without a symbol.
    pub reason: String,
    /// What a reader should doubt.
    pub warnings: Vec<Prose>,
    /// Commit, target and load.
    pub context: Prose,
    /// Every objective on every version, broken ones first.
    pub objectives: Vec<ObjectiveRow>,
    /// Every reward and who has won it.
    pub rewards: Vec<RewardRow>,
    /// Shares of traffic that follow from the rewards.
    pub weights: Vec<Weight>,
    /// Tables, in the order of reading.
    pub sections: Vec<Section>,
    /// Pictures, the most telling first.
    pub charts: Vec<ChartSet>,
    /// Mean time per request, split into phases, of each endpoint and version.
    pub phases: Vec<PhaseBar>,
    /// The slowest requests, those of tested versions first.
    pub slowest: Vec<SlowRow>,
    /// Commands that send one request of each load again.
    pub requests: Vec<RequestRow>,
    /// How this was measured.
    pub measured: Vec<Prose>,
    /// A command that repeats the run.
    pub reproduce: Option<String>,
    /// The experiment as its author wrote it.
    pub experiment: SourceInfo,
    /// The tasks and what became of them.
    pub tasks: Vec<TaskRow>,
    /// Every metric as a bare number.
    pub metrics: Vec<MetricRow>,
    /// Counts and times of every load as bare numbers.
    pub loads: Vec<LoadRow>,
    /// Start of the run.
    pub started: Timestamp,
    /// Duration of the run in seconds.
    pub seconds: f64,
    /// Version of iter8 that made the result.
    pub iter8_version: String,
    /// What Iter8 stored of the run as a whole, where it made the result.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub imported: Option<Imported>,
}

/// The loops that did not pass, where there were several: the outcome is that of the last.
fn failed_loops(result: &ExperimentResult) -> Option<Prose> {
    let past = result.past.iter().map(|one| (one.number, one.outcome));
    let all: Vec<(u64, Outcome)> = past.chain([(result.loops, result.outcome)]).collect();
    let failed: Vec<String> = all
        .iter()
        .filter(|(_, outcome)| *outcome != Outcome::Pass)
        .map(|(number, _)| number.to_string())
        .collect();
    (all.len() > 1 && !failed.is_empty()).then(|| {
        let counts = format!(
            "{} of {} loops failed: {}",
            failed.len(),
            all.len(),
            failed.join(", ")
        );
        Prose::from(format!("{counts}. The outcome is that of the last loop."))
    })
}

impl View {
    /// The view of a result.
    pub fn of(result: &ExperimentResult) -> Self {
        let known = Known::of(result);
        let objectives = objectives::rows(&known);
        let rewards = rewards::rows(&known);
        let told = headline::tell(&known, &objectives, &rewards);
        let tasks = tasks::rows(result);
        let slowest = slowest::rows(&known);
        Self {
            schema_version: SCHEMA_VERSION,
            outcome: result.outcome,
            reason: told.reason,
            headline: told.headline,
            summary: told.summary,
            warnings: failed_loops(result)
                .into_iter()
                .chain(changes::warnings(result))
                .chain(measured::warnings(&known))
                .collect(),
            context: measured::context(&known),
            sections: sections::all(&known, &rewards, &slowest, &tasks),
            charts: charts::all(&known),
            phases: charts::phases(&known),
            requests: slowest::requests(&known),
            measured: measured::how(&known),
            reproduce: result.environment.reproduce.clone(),
            experiment: result.experiment.clone(),
            metrics: loads::metrics(&known),
            loads: loads::rows(&known),
            started: result.started,
            seconds: result.seconds,
            iter8_version: result.environment.iter8_version.clone(),
            imported: result.imported.clone(),
            weights: result.assessment.weights.clone(),
            objectives,
            rewards,
            slowest,
            tasks,
        }
    }

    /// The objectives as a table: mark, objective, version if there are several, measured, interval, limit, verdict.
    /// The text form spells the verdict beside the mark.
    pub fn objectives_table(&self, sign: impl Fn(Sign) -> &'static str) -> Table {
        let mut table = Table::new(&[
            ("", Align::Center),
            ("Objective", Align::Left),
            ("Version", Align::Left),
            ("Measured", Align::Right),
            ("95 % interval", Align::Center),
            ("Limit", Align::Right),
            ("Verdict", Align::Left),
        ]);
        let first = self.objectives.first().map(|row| row.version.as_str());
        let several = self
            .objectives
            .iter()
            .any(|row| Some(row.version.as_str()) != first);
        for row in &self.objectives {
            let measured = Prose::from(row.measured.as_str());
            let version = if several {
                Prose::new().code(row.version.as_str())
            } else {
                Prose::new()
            };
            table.rows.push(vec![
                sign(row.sign).into(),
                row.name.clone(),
                version,
                if row.decides() {
                    measured.strong()
                } else {
                    measured
                },
                row.interval.as_str().into(),
                row.limit_text.as_str().into(),
                row.words.as_str().into(),
            ]);
        }
        table.without_empty_columns()
    }
}
