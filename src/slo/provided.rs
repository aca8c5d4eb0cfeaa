//! What providers gave, held against objectives: whose unit is whose.

use super::objective::Objective;
use crate::metrics::{MetricName, Unit, VersionInsights, between, converted};

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

/// The unit that a provider gives a metric; what a load measured is in ours.
fn unit<'a>(metric: &MetricName, version: &'a VersionInsights) -> Option<&'a str> {
    if matches!(metric, MetricName::Load(..)) {
        return None;
    }
    version.values.get(&metric.to_string())?.unit.as_deref()
}

/// A version's value in the unit in which another version gives the metric. Where one does not say its unit, it is taken to
/// be the other's.
pub(super) fn as_given_by(
    metric: &MetricName,
    value: f64,
    version: &VersionInsights,
    other: &VersionInsights,
) -> Result<f64, String> {
    let (Some(own), Some(theirs)) = (unit(metric, version), unit(metric, other)) else {
        return Ok(value);
    };
    let misfit = || format!("its unit is `{own}`, that of {} is `{theirs}`", other.name);
    between(value, own, theirs).ok_or_else(misfit)
}

/// A version's value in the unit of the first version that gives the metric one, so that those of all can be compared.
pub(super) fn aligned(
    metric: &MetricName,
    value: f64,
    version: &VersionInsights,
    all: &[VersionInsights],
) -> Result<f64, String> {
    let units = || all.iter().filter_map(|version| unit(metric, version));
    let Some(first) = all.iter().find(|version| unit(metric, version).is_some()) else {
        return Ok(value);
    };
    let differ = units().zip(units().skip(1)).any(|(one, next)| one != next);
    if differ && unit(metric, version).is_none() {
        return Err("it has no unit, and those of the others differ".to_owned());
    }
    as_given_by(metric, value, version, first)
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
    fn versions_are_compared_with_the_baseline_in_one_unit() {
        let both = |own: (f64, &str), other: (f64, &str)| {
            let versions = vec![
                version("stable", true, other.0, other.1),
                version("canary", false, own.0, own.1),
            ];
            judged("db/m <= 1.1x base", versions)
        };
        for (own, other, verdict) in [
            ((1.0, "s"), (2.0, "s"), Verdict::Met),
            ((1.0, "s"), (2.0, ""), Verdict::Met),
            ((200.0, "ms"), (200.0, "msec"), Verdict::Met),
            ((200.0, "ms"), (0.2, "s"), Verdict::Met),
            ((0.3, "s"), (200.0, "ms"), Verdict::NotMet),
            ((40.0, "percent"), (0.4, "ratio"), Verdict::Met),
        ] {
            assert_eq!(both(own, other).verdict, verdict, "{own:?} {other:?}");
        }
        let judgement = both((1.0, "EUR"), (2.0, "USD"));
        assert_eq!(judgement.verdict, Verdict::NoData);
        let note = judgement.note.as_deref();
        assert_eq!(note, Some("its unit is `EUR`, that of stable is `USD`"));
    }
}
