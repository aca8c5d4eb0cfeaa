//! [`Interval`]: where a value may lie, and what that says about a limit. It computes no bounds itself.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// A closed interval in the unit of the value it belongs to; a missing side is open: the data give no bound there.
///
/// The default is open on both sides, which is what no data at all say.
#[derive(Debug, Clone, Copy, PartialEq, Default, Serialize, Deserialize, JsonSchema)]
pub struct Interval {
    /// Lower bound, inclusive; `None` when the data give none.
    pub low: Option<f64>,
    /// Upper bound, inclusive; `None` when the data give none.
    pub high: Option<f64>,
}

impl Interval {
    /// Open on both sides: nothing is known.
    pub const OPEN: Self = Self {
        low: None,
        high: None,
    };

    /// Both bounds; a bound that is not a finite number becomes open.
    pub(super) fn new(low: f64, high: f64) -> Self {
        Self {
            low: Some(low).filter(|low| low.is_finite()),
            high: Some(high).filter(|high| high.is_finite()),
        }
    }

    /// `value` is within the bounds; an open side excludes nothing, and `NaN` is never within.
    pub fn contains(&self, value: f64) -> bool {
        !value.is_nan()
            && self.low.is_none_or(|low| low <= value)
            && self.high.is_none_or(|high| value <= high)
    }

    /// No value of the interval is above `limit`. An open upper side never is.
    pub fn wholly_at_most(&self, limit: f64) -> bool {
        self.high.is_some_and(|high| high <= limit)
    }

    /// Every value of the interval is above `limit`. An open lower side never is.
    pub fn wholly_above(&self, limit: f64) -> bool {
        self.low.is_some_and(|low| low > limit)
    }

    /// No value of the interval is below `limit`. An open lower side never is.
    pub fn wholly_at_least(&self, limit: f64) -> bool {
        self.low.is_some_and(|low| low >= limit)
    }

    /// Every value of the interval is below `limit`. An open upper side never is.
    pub fn wholly_below(&self, limit: f64) -> bool {
        self.high.is_some_and(|high| high < limit)
    }
}

#[cfg(test)]
mod tests {
    use super::Interval;

    const CLOSED: Interval = Interval {
        low: Some(2.0),
        high: Some(3.0),
    };

    #[test]
    fn bounds_belong_to_the_interval() {
        assert!(CLOSED.contains(2.0) && CLOSED.contains(3.0));
        assert!(!CLOSED.contains(1.999) && !CLOSED.contains(3.001) && !CLOSED.contains(f64::NAN));
    }

    #[test]
    fn a_limit_is_kept_when_no_value_exceeds_it() {
        assert!(CLOSED.wholly_at_most(3.0) && !CLOSED.wholly_at_most(2.999));
        assert!(CLOSED.wholly_at_least(2.0) && !CLOSED.wholly_at_least(2.001));
    }

    #[test]
    fn a_limit_is_broken_only_when_every_value_exceeds_it() {
        assert!(CLOSED.wholly_above(1.999) && !CLOSED.wholly_above(2.0));
        assert!(CLOSED.wholly_below(3.001) && !CLOSED.wholly_below(3.0));
    }

    #[test]
    fn an_open_side_decides_nothing_and_excludes_nothing() {
        let open = Interval::OPEN;
        assert!(open.contains(f64::MAX) && open.contains(f64::MIN) && !open.contains(f64::NAN));
        assert!(!open.wholly_at_most(f64::INFINITY) && !open.wholly_above(f64::NEG_INFINITY));
        assert!(!open.wholly_at_least(f64::NEG_INFINITY) && !open.wholly_below(f64::INFINITY));
        assert_eq!(Interval::default(), open);
    }

    #[test]
    fn a_limit_that_is_no_number_decides_nothing() {
        assert!(!CLOSED.wholly_at_most(f64::NAN) && !CLOSED.wholly_above(f64::NAN));
        assert!(!CLOSED.wholly_at_least(f64::NAN) && !CLOSED.wholly_below(f64::NAN));
    }

    #[test]
    fn json_shows_an_open_side_as_null() {
        let half = Interval::new(1.5, f64::INFINITY);
        let json = serde_json::to_string(&half).unwrap();
        assert_eq!(json, r#"{"low":1.5,"high":null}"#);
        assert_eq!(serde_json::from_str::<Interval>(&json).unwrap(), half);
    }
}
