//! [`ObjectiveRow`]: one objective on one version, in the user's words and with the numbers that decided.

use serde::Serialize;
use std::fmt::Write as _;

use super::known::{Known, metric_name};
use crate::metrics::{MetricName, Unit};
use crate::report::number;
use crate::report::prose::Prose;
use crate::slo::{Bound, Certainty, Judgement, Limit, Verdict};

/// The symbol of a verdict; never shown without its word.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "camelCase")]
pub enum Sign {
    /// Not met.
    NotMet,
    /// There is nothing to judge by, or it cannot be trusted.
    NoData,
    /// Met or not met, but not sure; or undecided.
    Unsure,
    /// Met.
    Met,
    /// Skipped or not reached.
    Skipped,
}

impl Sign {
    /// For pages and comments.
    pub fn emoji(self) -> &'static str {
        match self {
            Self::Met => "✅",
            Self::NotMet => "❌",
            Self::Unsure => "⚠️",
            Self::NoData => "⛔",
            Self::Skipped => "⏭️",
        }
    }

    /// For terminals: one column wide in every font.
    pub fn glyph(self) -> &'static str {
        match self {
            Self::Met => "✓",
            Self::NotMet => "✗",
            Self::Unsure => "!",
            Self::NoData => "?",
            Self::Skipped => "-",
        }
    }
}

/// One objective, judged on one version.
#[derive(Debug, Clone, PartialEq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct ObjectiveRow {
    /// Symbol.
    pub sign: Sign,
    /// Verdict in words, with what would decide it and what to know about it.
    pub words: String,
    /// Verdict alone, in words.
    pub verdict: &'static str,
    /// Whether it was kept.
    #[serde(skip)]
    pub judged: Verdict,
    /// A broken one does not fail the run.
    pub warn: bool,
    /// The version that was judged.
    pub version: String,
    /// The metric in the user's words.
    pub name: Prose,
    /// The objective as it is written: `http/latency-p95 <= 200ms`.
    pub objective: String,
    /// The task that judged it, where several judge the same.
    #[serde(skip)]
    pub task: Option<usize>,
    /// The metric's canonical name.
    pub metric: String,
    /// Unit of the numbers (a ratio is plain).
    pub unit: Unit,
    /// What was measured, in the unit.
    pub value: Option<f64>,
    /// Lower end of the 95 % interval; nothing means open.
    pub low: Option<f64>,
    /// Upper end of the 95 % interval; nothing means open.
    pub high: Option<f64>,
    /// The limit, in the unit; against a baseline a ratio.
    pub limit: f64,
    /// Whether value and limit are ratios to the baseline.
    pub relative: bool,
    /// What was measured, for people.
    pub measured: String,
    /// The interval, for people; empty when there is none.
    pub interval: String,
    /// The limit, for people.
    pub limit_text: String,
    /// About how many more requests would decide it.
    pub more_requests: Option<u64>,
    /// Requests it rests on.
    pub requests: Option<u64>,
    /// What a reader should know.
    pub note: Option<String>,
}

impl ObjectiveRow {
    /// Whether its number decided about the run.
    pub fn decides(&self) -> bool {
        matches!(self.judged, Verdict::NotMet | Verdict::Undecided)
    }
}

/// All rows: broken ones first, then those without data, unsure and met ones; otherwise as in the experiment.
pub(super) fn rows(known: &Known<'_>) -> Vec<ObjectiveRow> {
    let judgements = &known.result.assessment.judgements;
    // The same promise may be judged after each of several loads.
    let again = |judgement: &Judgement| {
        judgements
            .iter()
            .any(|other| other.objective == judgement.objective && other.task != judgement.task)
    };
    let mut rows: Vec<ObjectiveRow> = judgements
        .iter()
        .map(|judgement| {
            let mut row = row(judgement);
            if let Some(unit) = foreign_unit(known, &row) {
                if row.value.is_some() {
                    row.measured.push_str(&unit);
                }
                row.limit_text.push_str(&unit);
            }
            if again(judgement) {
                row.task = Some(judgement.task);
                row.name = row.name.text(format!(" (task {})", judgement.task));
            }
            row
        })
        .collect();
    rows.sort_by_key(|row| (row.judged != Verdict::NotMet, row.sign));
    rows
}

/// What follows numbers in a unit that a provider gave its metric.
fn foreign_unit(known: &Known<'_>, row: &ObjectiveRow) -> Option<String> {
    let versions = known.versions.iter();
    let mut own = versions.filter(|version| version.insights.name == row.version);
    let unit = own.find_map(|version| version.insights.values.get(&row.metric)?.unit.as_deref())?;
    (row.unit == Unit::Plain && !row.relative).then(|| format!("\u{a0}{unit}"))
}

fn row(judgement: &Judgement) -> ObjectiveRow {
    let objective = &judgement.objective;
    let (limit, relative) = match objective.limit {
        Limit::Value(limit) => (limit, false),
        Limit::TimesBaseline(factor) => (factor, true),
    };
    let unit = if relative { Unit::Plain } else { objective.unit() };
    let value = judgement.value.filter(|value| value.is_finite());
    let measured = match value {
        Some(value) if relative => number::ratio(value, Some(limit)),
        Some(value) => number::against(value, limit, unit),
        None => number::NONE.to_owned(),
    };
    let (low, high) = judgement
        .interval
        .map_or((None, None), |interval| (interval.low, interval.high));
    let more_requests = match judgement.certainty {
        Certainty::Sure => None,
        Certainty::Unsure { more_requests } => more_requests,
    };
    let verdict = verdict_word(judgement.verdict);
    ObjectiveRow {
        sign: sign(judgement),
        words: words(judgement, verdict),
        verdict,
        judged: judgement.verdict,
        warn: objective.warn,
        version: judgement.version.clone(),
        name: name(&objective.metric, relative),
        objective: objective.to_string(),
        task: None,
        metric: objective.metric.to_string(),
        unit,
        value,
        low,
        high,
        limit,
        relative,
        measured,
        interval: judgement
            .interval
            .map(|interval| number::interval(interval, Some(limit), unit, relative))
            .unwrap_or_default(),
        limit_text: limit_text(objective.bound, limit, unit, relative),
        more_requests,
        requests: judgement.requests,
        note: judgement.note.clone(),
    }
}

fn name(metric: &MetricName, relative: bool) -> Prose {
    let name = metric_name(metric);
    if relative {
        name.text(" against baseline")
    } else {
        name
    }
}

fn limit_text(bound: Bound, limit: f64, unit: Unit, relative: bool) -> String {
    let limit = number::limit(limit, unit) + if relative { "×" } else { "" };
    match bound {
        Bound::AtMost => limit,
        Bound::AtLeast => format!("≥\u{a0}{limit}"),
    }
}

fn sign(judgement: &Judgement) -> Sign {
    match (judgement.verdict, judgement.certainty) {
        (Verdict::Met, Certainty::Sure) => Sign::Met,
        (Verdict::NotMet, Certainty::Sure) => Sign::NotMet,
        (Verdict::Met | Verdict::NotMet, Certainty::Unsure { .. }) | (Verdict::Undecided, _) => Sign::Unsure,
        (Verdict::NoData, _) => Sign::NoData,
        (Verdict::NotAssessed, _) => Sign::Skipped,
    }
}

fn verdict_word(verdict: Verdict) -> &'static str {
    match verdict {
        Verdict::Met => "met",
        Verdict::NotMet => "not met",
        Verdict::Undecided => "undecided",
        Verdict::NoData => "no data",
        Verdict::NotAssessed => "not assessed",
    }
}

fn words(judgement: &Judgement, verdict: &str) -> String {
    let mut words = match (judgement.verdict, judgement.value) {
        (Verdict::NoData, Some(_)) => "proves nothing".to_owned(),
        _ => verdict.to_owned(),
    };
    if let Certainty::Unsure { more_requests } = judgement.certainty {
        if judgement.verdict != Verdict::Undecided {
            words.push_str(", but not sure");
        }
        if let Some(more) = more_requests {
            let more = number::counted(more, "more request");
            let _ = write!(words, ": about {more} would tell");
        }
    }
    if judgement.objective.warn {
        words.push_str(" (only warns)");
    }
    if let Some(note) = &judgement.note {
        words.push_str("; ");
        words.push_str(note);
    }
    words
}
