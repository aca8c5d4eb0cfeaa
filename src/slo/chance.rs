//! [`chances`]: how likely each of several values is the best.

use statrs::function::erf::erfc;

use super::interval::{Interval, Z_975};
use super::reward::Goal;

/// Standard deviations to either side of a value that are looked at,
const WIDTH: f64 = 6.0;
/// in so many steps.
const STEPS: i32 = 600;

/// How much farther than anything known an end lies that nobody knows.
const FAR: f64 = 1e6;

/// For each value and its 95 % interval the chance that it is the best, 0 to 1, together 1. Each is taken for normal around
/// its value; its width is that of the side which faces the others, the worse one of the best value and the better one of
/// every other, so that an end which is far away or unknown makes them equal. No other has more than the best value. Nothing
/// without values.
pub(super) fn chances(goal: Goal, known: &[(f64, Interval)]) -> Option<Vec<f64>> {
    let sign = match goal {
        Goal::Max => 1.0,
        Goal::Min => -1.0,
    };
    let mut best = 0;
    for (index, (value, _)) in known.iter().enumerate() {
        if sign * value > sign * known.get(best)?.0 {
            best = index;
        }
    }
    let half = |index: usize, (value, interval): &(f64, Interval)| {
        let end = if (index == best) == (goal == Goal::Max) {
            interval.low
        } else {
            interval.high
        };
        end.map(|end| (value - end).abs())
    };
    let halves: Vec<Option<f64>> = known
        .iter()
        .enumerate()
        .map(|(index, one)| half(index, one))
        .collect();
    let largest = (known.iter().map(|(value, _)| value.abs())).fold(1.0, f64::max);
    let largest = halves.iter().flatten().copied().fold(largest, f64::max);
    let normal: Vec<(f64, f64)> = known
        .iter()
        .zip(&halves)
        .map(|((value, _), half)| (sign * value, half.unwrap_or(largest * FAR) / Z_975))
        .collect();
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
    let mut sums: Vec<f64> = (0..normal.len()).map(alone).collect();
    let most = *sums.get(best)?;
    sums.iter_mut().for_each(|sum| *sum = sum.min(most));
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
        assert_eq!(chances(Goal::Min, &[]), None);
    }

    #[test]
    fn a_wide_or_open_end_makes_chances_equal_and_never_turns_them_round() {
        let wide = chances(Goal::Min, &known(&[(10.0, 9.0, 11.0), (7.0, 6.9, 100.0)])).expect("values");
        assert!(wide[1] >= 0.5 && wide[1] < 0.6, "{wide:?}");
        let open = |low, high| Interval { low, high };
        let all = [(10.0, open(Some(9.0), Some(11.0))), (7.0, open(Some(6.9), None))];
        let open_end = chances(Goal::Min, &all).expect("values");
        assert!((open_end[1] - 0.5).abs() < 5e-3, "{open_end:?}");
        // An end that faces nobody changes nothing.
        let all = [(10.0, open(Some(9.0), None)), (7.0, open(None, Some(7.1)))];
        assert!(chances(Goal::Min, &all).expect("values")[1] > 0.99);
        // Two that are wide together are no better than the best.
        let many = known(&[(7.0, 6.9, 7.1), (8.0, -90.0, 100.0), (8.0, -90.0, 100.0)]);
        let many = chances(Goal::Min, &many).expect("values");
        assert!(many.iter().all(|chance| *chance <= many[0]), "{many:?}");
    }
}
