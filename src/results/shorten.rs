//! [`Detail`]: what a result can do without where there is little room for it. Verdicts, counts and latencies are no details.

use super::ExperimentResult;
use crate::metrics::{LoadMeasurement, Slices, Timing};

/// Loops that are kept of those before.
const LOOPS: usize = 5;

/// A part of a result that can be left out.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Detail {
    /// What loads measured over time.
    Slices,
    /// The slowest requests.
    Exemplars,
    /// All loops before but the last few.
    Loops,
    /// The times of the phases of requests.
    Phases,
}

impl Detail {
    /// All, the one that is missed least first.
    pub const ALL: [Self; 4] = [Self::Slices, Self::Exemplars, Self::Loops, Self::Phases];

    /// In words.
    pub fn about(self) -> &'static str {
        match self {
            Self::Slices => "its course over time",
            Self::Exemplars => "the slowest requests",
            Self::Loops => "loops but the last few",
            Self::Phases => "the times of phases",
        }
    }
}

impl ExperimentResult {
    /// Leaves a detail out.
    pub fn leave_out(&mut self, detail: Detail) {
        if detail == Detail::Loops {
            let surplus = self.past.len().saturating_sub(LOOPS);
            self.past.drain(..surplus);
            return;
        }
        let versions = self.insights.versions.iter_mut();
        for load in versions.flat_map(|version| &mut version.loads) {
            leave_out(&mut load.measurement, detail);
        }
    }

    /// Says on the first load, or on the first task, what a reader should know.
    pub fn note(&mut self, text: String) {
        let load = |name: &str| ["http", "grpc"].contains(&name);
        let index = self.tasks.iter().position(|task| load(&task.name)).unwrap_or(0);
        if let Some(task) = self.tasks.get_mut(index) {
            task.notes.push(text);
        }
    }
}

fn leave_out(measurement: &mut LoadMeasurement, detail: Detail) {
    match detail {
        Detail::Slices => measurement.slices = Slices::default(),
        Detail::Exemplars => measurement.exemplars.clear(),
        Detail::Phases => {
            let is_whole = |timing: &Timing| matches!(timing, Timing::Latency | Timing::ServiceTime);
            measurement.timings.retain(|timing, _| is_whole(timing));
        }
        Detail::Loops => {}
    }
}
