//! A result in a few lines of plain words, for messages.

use crate::metrics::Unit;
use crate::results::{ExperimentResult, Outcome};
use crate::slo::{Judgement, Verdict};

/// Lines on objectives.
const MOST: usize = 20;
/// Reasons of an outcome.
const REASONS: usize = 3;

/// How it stands, in a line; then what made it so; then a line for each objective.
pub(super) struct Summary {
    /// `fail: 1 of 3 objectives not met`.
    pub(super) headline: String,
    /// What made it so, where that is not told by the objectives.
    pub(super) reasons: Vec<String>,
    /// A line for each objective.
    pub(super) objectives: Vec<String>,
    /// Where to read more.
    pub(super) link: Option<String>,
    pub(super) outcome: Outcome,
    /// Whether it is a pass that proves nothing: requests failed, and nothing was promised of them; or what was promised
    /// was not kept, and nobody was to fail for it.
    pub(super) doubtful: bool,
}

impl Summary {
    pub(super) fn of(result: &ExperimentResult) -> Self {
        let judged = &result.assessment.judgements;
        let kept = judged.iter().filter(|one| one.verdict == Verdict::Met).count();
        let unjudged = unjudged(result);
        let told = match judged.len() {
            0 => "nothing was judged".to_owned(),
            1 if kept == 1 => "the objective is met".to_owned(),
            1 => "the objective is not met".to_owned(),
            all => format!("{kept} of {all} objectives met"),
        };
        let several = result.insights.versions.len() > 1;
        let mut objectives: Vec<String> = judged.iter().take(MOST).map(|one| line(one, several)).collect();
        if judged.len() > MOST {
            objectives.push(format!("and {} more", judged.len() - MOST));
        }
        let of_objectives = matches!(result.outcome, Outcome::Fail | Outcome::Inconclusive);
        let reasons = if of_objectives {
            &[]
        } else {
            result.because.as_slice()
        };
        let winner = result
            .winner()
            .map(|winner| format!("; the winner is {winner}"))
            .unwrap_or_default();
        Self {
            doubtful: unjudged.is_some() || unenforced(result),
            headline: unjudged.unwrap_or_else(|| format!("{}: {told}{winner}", result.outcome.name())),
            reasons: reasons.iter().take(REASONS).cloned().collect(),
            objectives,
            link: result.environment.run_url.clone(),
            outcome: result.outcome,
        }
    }

    /// The headline and what made it so, on one line.
    pub(super) fn sentence(self) -> String {
        let told = std::iter::once(self.headline).chain(self.reasons);
        told.collect::<Vec<_>>().join("; ")
    }
}

/// Whether objectives that are not met were to fail nothing (`validateSLOs: false`).
fn unenforced(result: &ExperimentResult) -> bool {
    let mut judged = result.assessment.judgements.iter();
    result.outcome == Outcome::Pass && judged.any(|one| one.verdict != Verdict::Met && !one.objective.warn)
}

/// What reports say of a pass where requests failed and nothing was promised of them.
fn unjudged(result: &ExperimentResult) -> Option<String> {
    let nothing = result.assessment.judgements.is_empty() && result.assessment.awards.is_empty();
    let (requests, errors) = result.sent();
    (nothing && result.outcome == Outcome::Pass && errors > 0).then(|| {
        let share = observed(errors as f64 / requests as f64, Unit::Fraction);
        let noun = if requests == 1 { "request" } else { "requests" };
        format!("{share} of {requests} {noun} failed, and no objective was judged")
    })
}

fn line(one: &Judgement, several: bool) -> String {
    let verdict = match one.verdict {
        Verdict::Met => "met",
        Verdict::NotMet if one.objective.warn => "not met (warning)",
        Verdict::NotMet => "not met",
        Verdict::Undecided => "undecided",
        Verdict::NoData => "no data",
        Verdict::NotAssessed => "not assessed",
    };
    let version = if several {
        format!(" [{}]", one.version)
    } else {
        String::new()
    };
    let value = one
        .value
        .map(|value| format!(", observed {}", observed(value, one.objective.unit())))
        .unwrap_or_default();
    format!("{verdict}: {}{version}{value}", one.objective)
}

/// A value with its unit, as reports show it.
fn observed(value: f64, unit: Unit) -> String {
    match unit {
        Unit::Fraction => format!("{} %", digits(value * 100.0)),
        Unit::Milliseconds => format!("{} ms", digits(value)),
        Unit::PerSecond => format!("{}/s", digits(value)),
        Unit::Bytes => format!("{} bytes", digits(value)),
        Unit::Count | Unit::Plain => digits(value),
    }
}

/// Four digits that count; a value that broke a limit never becomes 0.
fn digits(value: f64) -> String {
    if value == 0.0 || !value.is_finite() {
        return value.to_string();
    }
    #[expect(clippy::cast_possible_truncation, reason = "the exponent of a float is small")]
    let places = (3 - value.abs().log10().floor() as i32).clamp(0, 12);
    let text = format!(
        "{value:.precision$}",
        precision = usize::try_from(places).unwrap_or(0)
    );
    if text.contains('.') {
        text.trim_end_matches('0').trim_end_matches('.').to_owned()
    } else {
        text
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn values_have_the_units_of_reports() {
        for (value, unit, text) in [
            (1.0, Unit::Fraction, "100 %"),
            (27.912_3, Unit::Milliseconds, "27.91 ms"),
            (19.96, Unit::PerSecond, "19.96/s"),
            (512.0, Unit::Bytes, "512 bytes"),
            (3.0, Unit::Count, "3"),
            (0.5, Unit::Plain, "0.5"),
        ] {
            assert_eq!(observed(value, unit), text);
        }
    }

    #[test]
    fn numbers_keep_what_counts() {
        for (value, text) in [
            (0.0, "0"),
            (0.000_012_341, "0.00001234"),
            (12.345_67, "12.35"),
            (1_234_567.0, "1234567"),
            (1.0, "1"),
        ] {
            assert_eq!(digits(value), text);
        }
    }
}
