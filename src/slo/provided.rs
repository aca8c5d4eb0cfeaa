//! What providers gave, held against objectives: whose unit is whose.

use super::objective::Objective;
use crate::metrics::{MetricName, Unit, VersionInsights, converted};

/// Why a value from outside may be missing.
pub(super) const NOT_PROVIDED: &str = "no provider gave this metric a value";
/// What to do about a metric without a unit.
const STATE_UNIT: &str = "state its unit beside its query, such as `unit: percent`, fraction, ms or s";

/// A provider's value in the unit of an objective.
pub(super) fn value(objective: &Objective, version: &VersionInsights) -> Result<f64, String> {
    let value = version
        .value(&objective.metric)
        .ok_or_else(|| NOT_PROVIDED.to_owned())?;
    let Some(ours) = objective.written else {
        return Ok(value);
    };
    let theirs = unit(&objective.metric, version);
    converted(value, theirs, ours).ok_or_else(|| match (theirs, ours) {
        (None, Unit::Fraction) => {
            format!("the limit is a percentage, and {value} without a unit is no share: {STATE_UNIT}")
        }
        _ => misfit(theirs),
    })
}

/// The unit that a provider gives a metric.
fn unit<'a>(metric: &MetricName, version: &'a VersionInsights) -> Option<&'a str> {
    version.values.get(&metric.to_string())?.unit.as_deref()
}

/// Whether two versions give a metric in the same unit, as far as they say.
pub(super) fn same_unit(
    metric: &MetricName,
    version: &VersionInsights,
    baseline: &VersionInsights,
) -> Result<(), String> {
    match (unit(metric, version), unit(metric, baseline)) {
        (Some(own), Some(other)) if own != other => {
            Err(format!("its unit is `{own}`, that of the baseline is `{other}`"))
        }
        _ => Ok(()),
    }
}

/// Why a limit that was written with a unit cannot be held against a metric of this unit, whatever its value is.
pub fn ill_suited(objective: &Objective, unit: Option<&str>) -> Option<String> {
    let ours = objective.written?;
    converted(0.0, unit, ours).is_none().then(|| misfit(unit))
}

fn misfit(theirs: Option<&str>) -> String {
    match theirs {
        Some(theirs) => {
            format!(
                "the limit is not in the unit of the metric, which is `{theirs}`: write a plain number in it"
            )
        }
        None => {
            format!("the limit has a unit and the metric has none: write a plain number, or {STATE_UNIT}")
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::metrics::{Insights, Provided};
    use crate::slo::{Judgement, Policy, Verdict, assess};

    fn version(name: &str, baseline: bool, value: f64, unit: &str) -> VersionInsights {
        let provided = Provided {
            unit: Some(unit.to_owned()).filter(|unit| !unit.is_empty()),
            ..Provided::from(value)
        };
        VersionInsights {
            name: name.to_owned(),
            baseline,
            values: [("db/m".to_owned(), provided)].into(),
            ..VersionInsights::default()
        }
    }

    fn judged(objective: &str, versions: Vec<VersionInsights>) -> Judgement {
        let objective = objective.parse().expect(objective);
        assess(&[objective], &Insights { versions }, Policy::default())
            .judgements
            .remove(0)
    }

    #[test]
    fn a_limit_with_a_unit_is_held_against_the_value_in_that_unit() {
        for (value, unit, objective, verdict) in [
            (42.0, "percent", "db/m >= 99%", Verdict::NotMet),
            (99.0, "percent", "db/m >= 99%", Verdict::Met),
            (0.9, "percent", "db/m <= 1%", Verdict::Met),
            (0.07, "fraction", "db/m >= 7%", Verdict::Met),
            (0.07, "", "db/m >= 7%", Verdict::Met),
            (42.0, "", "db/m >= 99%", Verdict::NoData),
            (42.0, "", "db/m <= 1%", Verdict::NoData),
            (42.0, "EUR", "db/m <= 1%", Verdict::NoData),
            (0.3, "s", "db/m <= 250ms", Verdict::NotMet),
            (0.25, "s", "db/m <= 250ms", Verdict::Met),
            (300.0, "msec", "db/m <= 0.25s", Verdict::NotMet),
            (200.0, "", "db/m <= 250ms", Verdict::NoData),
            (200.0, "requests", "db/m <= 250ms", Verdict::NoData),
            // A bare number is in the unit of the provider, whatever that is.
            (42.0, "percent", "db/m >= 99", Verdict::NotMet),
            (42.0, "EUR", "db/m <= 43", Verdict::Met),
        ] {
            let judgement = judged(objective, vec![version("default", false, value, unit)]);
            assert_eq!(judgement.verdict, verdict, "{value} {unit}: {objective}");
            assert_eq!(
                judgement.note.is_some(),
                verdict == Verdict::NoData,
                "{judgement:?}"
            );
        }
    }

    #[test]
    fn versions_in_different_units_are_not_compared() {
        let both = |own: &str, other: &str| {
            let versions = vec![
                version("stable", true, 2.0, other),
                version("canary", false, 1.0, own),
            ];
            judged("db/m <= 1.1x base", versions).verdict
        };
        assert_eq!(both("s", "s"), Verdict::Met);
        assert_eq!(both("s", ""), Verdict::Met);
        assert_eq!(both("s", "ms"), Verdict::NoData);
    }
}
