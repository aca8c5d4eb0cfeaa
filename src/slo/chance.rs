//! [`chances`]: how likely each of several values is the best.

use statrs::function::erf::erfc;

use super::interval::{Interval, Z_975};
use super::reward::Goal;

/// Standard deviations to either side of a value that are looked at,
const WIDTH: f64 = 6.0;
/// in so many steps.
const STEPS: i32 = 600;

/// For each value and its 95 % interval the chance that it is the best, 0 to 1, together 1. Each is taken for normal, with
/// the interval's middle and width; an open side is as far away as the other. Nothing where an interval is open on both.
pub(super) fn chances(goal: Goal, known: &[(f64, Interval)]) -> Option<Vec<f64>> {
    let sign = match goal {
        Goal::Max => 1.0,
        Goal::Min => -1.0,
    };
    let normal: Vec<(f64, f64)> = known
        .iter()
        .map(|(value, interval)| {
            let (middle, half) = match (interval.low, interval.high) {
                (Some(low), Some(high)) => (f64::midpoint(low, high), (high - low) / 2.0),
                (Some(bound), None) | (None, Some(bound)) => (*value, (value - bound).abs()),
                (None, None) => return None,
            };
            Some((sign * middle, half / Z_975))
        })
        .collect::<Option<_>>()?;
    let alone = |index: usize| -> f64 {
        let (middle, deviation) = normal[index];
        let mut sum = 0.0;
        for step in 0..=STEPS {
            let z = WIDTH * (2.0 * f64::from(step) / f64::from(STEPS) - 1.0);
            let at = middle + z * deviation;
            let others = normal.iter().enumerate().filter(|(other, _)| *other != index);
            let beaten: f64 = others
                .map(|(_, (middle, deviation))| below(at, *middle, *deviation))
                .product();
            sum += (-z * z / 2.0).exp() * beaten;
        }
        sum
    };
    let sums: Vec<f64> = (0..normal.len()).map(alone).collect();
    let total: f64 = sums.iter().sum();
    (total > 0.0 && total.is_finite()).then(|| sums.into_iter().map(|sum| sum / total).collect())
}

/// The chance that a normal value lies below a number.
fn below(number: f64, middle: f64, deviation: f64) -> f64 {
    if deviation > 0.0 {
        return erfc((middle - number) / (deviation * std::f64::consts::SQRT_2)) / 2.0;
    }
    match number.total_cmp(&middle) {
        std::cmp::Ordering::Less => 0.0,
        std::cmp::Ordering::Equal => 0.5,
        std::cmp::Ordering::Greater => 1.0,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn known(all: &[(f64, f64, f64)]) -> Vec<(f64, Interval)> {
        all.iter()
            .map(|(value, low, high)| {
                (
                    *value,
                    Interval {
                        low: Some(*low),
                        high: Some(*high),
                    },
                )
            })
            .collect()
    }

    #[test]
    fn equal_values_have_equal_chances() {
        let chances = chances(Goal::Min, &known(&[(10.0, 8.0, 12.0); 4])).expect("intervals");
        assert!(
            chances.iter().all(|chance| (chance - 0.25).abs() < 1e-9),
            "{chances:?}"
        );
    }

    #[test]
    fn two_values_differ_as_the_difference_of_two_normals_does() {
        // Standard deviations of 1; the difference of 1 is 1/√2 of its own: Φ(0.7071) = 0.7602.
        let all = known(&[(1.0, 1.0 - Z_975, 1.0 + Z_975), (0.0, -Z_975, Z_975)]);
        let most = chances(Goal::Max, &all).expect("intervals");
        assert!(
            (most[0] - 0.7602).abs() < 1e-4 && (most[1] - 0.2398).abs() < 1e-4,
            "{most:?}"
        );
        let least = chances(Goal::Min, &all).expect("intervals");
        assert!((least[1] - most[0]).abs() < 1e-9);
    }

    #[test]
    fn values_without_width_and_open_sides_have_chances_too() {
        let exact = chances(Goal::Min, &known(&[(1.0, 1.0, 1.0), (2.0, 2.0, 2.0)])).expect("intervals");
        assert_eq!(exact, [1.0, 0.0]);
        let open = Interval {
            low: Some(8.0),
            high: None,
        };
        let open = chances(Goal::Min, &[(10.0, open), (10.0, open)]).expect("one side");
        assert!((open[0] - 0.5).abs() < 1e-9);
        assert_eq!(chances(Goal::Min, &[(10.0, Interval::OPEN)]), None);
    }
}
