//! [`Objective`]: `http/latency-p95 <= 200ms`, `http/error-rate <= 1%`, `http/latency-p95 <= 1.1x base`.

use std::fmt;
use std::str::FromStr;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::diagnostic::did_you_mean;
use crate::metrics::{MetricName, MetricNameError, Unit};

/// Which side of the limit is good. The limit itself is always good.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub enum Bound {
    /// `<=`
    AtMost,
    /// `>=`
    AtLeast,
}

impl Bound {
    /// `<=` or `>=`.
    pub fn symbol(self) -> &'static str {
        match self {
            Self::AtMost => "<=",
            Self::AtLeast => ">=",
        }
    }
}

/// What a metric is compared with.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub enum Limit {
    /// A number in the metric's unit, or in that in which it was written.
    Value(f64),
    /// A multiple of the baseline's value.
    TimesBaseline(f64),
}

/// One promise about one metric.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct Objective {
    /// The metric.
    pub metric: MetricName,
    /// Upper or lower.
    pub bound: Bound,
    /// The limit.
    pub limit: Limit,
    /// Unit of a limit that was written with one, where only a provider knows that of the metric: values are converted to it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub written: Option<Unit>,
    /// A broken objective is reported but does not fail the run.
    #[serde(default)]
    pub warn: bool,
}

impl fmt::Display for Objective {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} {} ", self.metric.usual(), self.bound.symbol())?;
        match (self.limit, self.unit()) {
            (Limit::TimesBaseline(factor), _) => write!(f, "{factor}x base"),
            (Limit::Value(value), Unit::Milliseconds) => write!(f, "{value}ms"),
            (Limit::Value(value), Unit::Fraction) => write!(f, "{}%", tidy(value * 100.0)),
            (Limit::Value(value), Unit::Count | Unit::PerSecond | Unit::Bytes | Unit::Plain) => {
                write!(f, "{value}")
            }
        }
    }
}

/// 0.07 × 100 is 7.000000000000001 in binary; nobody wrote that.
fn tidy(value: f64) -> f64 {
    (value * 1e9).round() / 1e9
}

/// Why a text is no objective.
#[derive(Debug, Clone, PartialEq, thiserror::Error)]
pub enum ObjectiveError {
    /// Neither `<=` nor `>=`.
    #[error("`{0}` is no objective: expected METRIC <= LIMIT or METRIC >= LIMIT")]
    Shape(String),
    /// `<`, `>`, `=` or `==`.
    #[error("`{found}` is no comparison of objectives")]
    Comparison {
        /// What was written.
        found: String,
        /// What is meant.
        meant: &'static str,
    },
    /// The metric cannot be.
    #[error(transparent)]
    Metric(#[from] MetricNameError),
    /// The limit is no number.
    #[error("`{0}` is no limit: expected a number, perhaps with us, ms, s, % or `x base`")]
    Limit(String),
    /// The limit's unit is not the metric's.
    #[error("a limit in `{unit}` does not fit {metric}")]
    Unit {
        /// Unit that was written.
        unit: String,
        /// Metric it was written for.
        metric: String,
        /// Units that fit.
        fits: &'static str,
    },
    /// More than everything.
    #[error("a limit of {limit} for {metric}, which is at most 1")]
    AboveAll {
        /// The limit, a fraction.
        limit: f64,
        /// The metric.
        metric: String,
    },
    /// Everything, where one percent may be meant.
    #[error("a limit of 1 for {metric} is 100 %, which every load keeps")]
    Everything {
        /// The metric.
        metric: String,
    },
    /// Less than nothing.
    #[error("a limit of {limit} for {metric}, which is never negative")]
    Negative {
        /// The limit.
        limit: f64,
        /// The metric.
        metric: String,
    },
}

impl ObjectiveError {
    /// What to try.
    pub fn hint(&self) -> Option<String> {
        match self {
            Self::Shape(_) => {
                Some("for example `http/latency-p95 <= 200ms` or `http/error-rate <= 1%`".into())
            }
            Self::Comparison { meant, .. } => {
                Some(format!("write `{meant}`: a value equal to its limit is met"))
            }
            Self::Metric(cause) => cause.hint(),
            Self::Limit(text) => {
                let unit = text
                    .trim_start_matches(|c: char| c.is_ascii_digit() || c == '.')
                    .trim();
                did_you_mean(unit, ["us", "ms", "s", "%", "x base"])
                    .map(|unit| format!("did you mean `{unit}`?"))
            }
            Self::Unit { fits, .. } => Some(format!("use {fits}")),
            Self::AboveAll { limit, .. } if *limit <= 100.0 && limit.fract() == 0.0 => Some(format!(
                "{limit} % is written {limit}%, or {} as a number",
                tidy(limit / 100.0)
            )),
            Self::AboveAll { .. } => Some("100 % is written 100%, or 1 as a number".into()),
            Self::Everything { .. } => {
                Some("1 % is written 1% (or 0.01); leave it out if everything may fail".into())
            }
            Self::Negative { .. } => Some("give a limit from 0".into()),
        }
    }
}

impl Objective {
    /// An objective whose limit its metric can have: a share is at most 1, and what is counted or timed is not negative.
    pub fn new(metric: MetricName, bound: Bound, limit: Limit) -> Result<Self, ObjectiveError> {
        let (Limit::Value(value) | Limit::TimesBaseline(value)) = limit;
        let unit = metric.unit();
        if value < 0.0 && (unit != Unit::Plain || matches!(limit, Limit::TimesBaseline(_))) {
            return Err(ObjectiveError::Negative {
                limit: value,
                metric: metric.to_string(),
            });
        }
        if unit == Unit::Fraction && matches!(limit, Limit::Value(value) if value > 1.0) {
            return Err(ObjectiveError::AboveAll {
                limit: value,
                metric: metric.to_string(),
            });
        }
        Ok(Self {
            metric,
            bound,
            limit,
            written: None,
            warn: false,
        })
    }

    /// Refuses a limit of 1 for a share that is at most 1, if nobody wrote that it is 100 %.
    pub fn unless_everything(self) -> Result<Self, ObjectiveError> {
        let is_share = self.metric.unit() == Unit::Fraction && self.bound == Bound::AtMost;
        if is_share && matches!(self.limit, Limit::Value(value) if value >= 1.0) {
            let metric = self.metric.to_string();
            return Err(ObjectiveError::Everything { metric });
        }
        Ok(self)
    }

    /// Unit of the values that are compared, and of a limit that is a number.
    pub fn unit(&self) -> Unit {
        self.written.unwrap_or_else(|| self.metric.unit())
    }
}

impl FromStr for Objective {
    type Err = ObjectiveError;

    fn from_str(text: &str) -> Result<Self, ObjectiveError> {
        let text = text.trim();
        let at = text
            .find(['<', '>', '=', '≤', '≥'])
            .ok_or_else(|| ObjectiveError::Shape(text.to_owned()))?;
        let rest = &text[at..];
        let length = rest.find(|c: char| !"<>=≤≥".contains(c)).unwrap_or(rest.len());
        let (symbol, limit) = rest.split_at(length);
        let bound = match symbol {
            "<=" | "≤" => Bound::AtMost,
            ">=" | "≥" => Bound::AtLeast,
            _ => {
                let meant = if symbol.contains('>') { ">=" } else { "<=" };
                return Err(ObjectiveError::Comparison {
                    found: symbol.to_owned(),
                    meant,
                });
            }
        };
        let metric: MetricName = text[..at].parse()?;
        let (limit, unit) = parse_limit(limit, &metric)?;
        let written = unit.filter(|unit| *unit != metric.unit());
        let objective = Self::new(metric, bound, limit)?;
        let objective = if unit.is_none() {
            objective.unless_everything()?
        } else {
            objective
        };
        Ok(Self { written, ..objective })
    }
}

/// A limit, and its unit if it was written with one.
fn parse_limit(text: &str, metric: &MetricName) -> Result<(Limit, Option<Unit>), ObjectiveError> {
    let text = text.trim();
    let refused = || ObjectiveError::Limit(text.to_owned());
    let end = text
        .find(|c: char| !(c.is_ascii_digit() || c == '.' || c == '-'))
        .unwrap_or(text.len());
    let (number, unit) = text.split_at(end);
    let number: f64 = number
        .parse()
        .ok()
        .filter(|number: &f64| number.is_finite())
        .ok_or_else(refused)?;
    let unit = unit.trim();
    // Quotients, not products: 7 / 100 is 0.07 to the last bit, 7 * 0.01 is not.
    let (value, written) = match unit {
        "" => (number, None),
        "x base" | "x baseline" | "× base" => return Ok((Limit::TimesBaseline(number), None)),
        "%" => (number / 100.0, Some(Unit::Fraction)),
        "us" | "µs" => (number / 1e3, Some(Unit::Milliseconds)),
        "ms" => (number, Some(Unit::Milliseconds)),
        "s" => (number * 1e3, Some(Unit::Milliseconds)),
        "/s" if metric.unit() == Unit::PerSecond => (number, None),
        _ => return Err(refused()),
    };
    let fits = match metric.unit() {
        Unit::Milliseconds => "us, ms or s",
        Unit::Fraction => "a percentage such as 1%, or a fraction such as 0.01",
        Unit::Plain | Unit::Count | Unit::PerSecond | Unit::Bytes => "a plain number",
    };
    if written.is_some_and(|unit| unit != metric.unit()) && metric.unit() != Unit::Plain {
        return Err(ObjectiveError::Unit {
            unit: unit.to_owned(),
            metric: metric.to_string(),
            fits,
        });
    }
    Ok((Limit::Value(value), written))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parse(text: &str) -> Result<Objective, ObjectiveError> {
        text.parse()
    }

    fn value(text: &str) -> f64 {
        match parse(text).expect(text).limit {
            Limit::Value(value) => value,
            Limit::TimesBaseline(_) => panic!("{text} is relative"),
        }
    }

    #[test]
    fn limits_are_converted_to_the_unit_of_the_metric() {
        assert!((value("http/latency-p95 <= 200ms") - 200.0).abs() < 1e-9);
        assert!((value("http/latency-p95<=1.5s") - 1500.0).abs() < 1e-9);
        assert!((value("http/latency-p95 <= 900us") - 0.9).abs() < 1e-9);
        assert!((value("http/latency-p95 <= 200") - 200.0).abs() < 1e-9);
        assert!((value("http/error-rate <= 1%") - 0.01).abs() < 1e-9);
        assert!((value("http/error-rate <= 0.01") - 0.01).abs() < 1e-9);
        assert!((value("http/request-count >= 100") - 100.0).abs() < 1e-9);
        assert_eq!(value("http/error-rate <= 7%").to_bits(), 0.07_f64.to_bits());
    }

    #[test]
    fn objectives_print_as_they_are_written() {
        for text in [
            "http/latency-p95 <= 200ms",
            "http/error-rate <= 7%",
            "http-cart/request-count >= 100",
            "grpc/latency-p99 <= 50ms",
            "http/latency-p95 <= 1.1x base",
            "shop/availability >= 99%",
            "shop/latency <= 250ms",
            "shop/latency <= 250",
        ] {
            assert_eq!(parse(text).expect(text).to_string(), text);
        }
    }

    #[test]
    fn a_limit_for_a_metric_of_a_provider_remembers_the_unit_it_was_written_in() {
        for (text, written, limit) in [
            ("shop/ok >= 99%", Some(Unit::Fraction), 0.99),
            ("shop/ok >= 0.99", None, 0.99),
            ("shop/wait <= 1.5s", Some(Unit::Milliseconds), 1500.0),
            ("shop/wait <= 900us", Some(Unit::Milliseconds), 0.9),
            ("shop/wait <= 1.5x base", None, 1.5),
        ] {
            let objective = parse(text).expect(text);
            assert_eq!(objective.written, written, "{text}");
            let (Limit::Value(value) | Limit::TimesBaseline(value)) = objective.limit;
            assert!((value - limit).abs() < 1e-12, "{text}");
            let stored = serde_json::to_string(&objective).expect("JSON");
            assert_eq!(
                serde_json::from_str::<Objective>(&stored).ok(),
                Some(objective),
                "{text}"
            );
        }
    }

    #[test]
    fn strict_comparisons_are_refused_with_a_hint() {
        for (text, meant) in [
            ("http/error-rate < 1%", "<="),
            ("http/throughput > 5", ">="),
            ("http/error-rate = 0", "<="),
            ("http/error-rate =< 0", "<="),
        ] {
            let error = parse(text).expect_err(text);
            assert!(
                error.hint().is_some_and(|hint| hint.contains(meant)),
                "{text}: {error:?}"
            );
        }
    }

    #[test]
    fn limits_that_no_value_can_reach_are_refused() {
        for (text, hint) in [
            ("http/error-rate <= 5", "5 % is written 5%"),
            ("http/error-rate <= 1", "1 % is written 1%"),
            ("http/error-rate <= 150%", "100 % is written 100%"),
            ("http/error-rate <= 500", "100 % is written 100%"),
            ("http/error-rate >= -0.1", "from 0"),
            ("http/latency-p95 <= -5ms", "from 0"),
            ("http/request-count >= -1", "from 0"),
            ("http/latency-p95 <= -1x base", "from 0"),
        ] {
            let error = parse(text).expect_err(text);
            assert!(
                error.hint().is_some_and(|found| found.contains(hint)),
                "{text}: {error:?} {:?}",
                error.hint()
            );
        }
        for text in [
            "http/error-rate <= 100%",
            "http/error-rate >= 1",
            "http/error-rate <= 1x base",
            "http/error-rate <= 3x base",
            "prometheus/delta >= -5",
        ] {
            assert!(parse(text).is_ok(), "{text}");
        }
    }

    #[test]
    fn limits_without_a_number_or_with_a_foreign_unit_are_refused() {
        for text in [
            "http/latency-p95 <= fast",
            "http/latency-p95 <=",
            "http/latency-p95 <= 1%",
            "http/error-rate <= 5ms",
            "http/request-count >= 5s",
            "http/latency-p95 <= 5 parsecs",
            "http/latency-p95 <= NaN",
            "http/latency-p95",
            "",
        ] {
            assert!(parse(text).is_err(), "{text}");
        }
    }
}
