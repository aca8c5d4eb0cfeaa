//! [`mean_interval`]: where the true mean lies, from sums per block of equal time.

use super::bounds::Interval;
use super::student::student_t_975;

/// The interval of the mean `Σ sum / Σ n`, in the unit of the sums; each pair is a block's requests and their sum.
///
/// Student t over the combined ratio estimator with `B − 1` degrees of freedom: its variance is
/// `B / (B − 1) · Σ (sum_b − mean · n_b)² / (Σ n)²` (Cochran, *Sampling Techniques*, 1977, 6.3). With the `variance`
/// of single requests (unit squared), it is never narrower than their interval as if they were independent. Bounds
/// of a quantity that cannot be negative may be. `None` with fewer than three blocks that have requests, or when a
/// sum is not finite.
pub fn mean_interval(block_sums: &[(u64, f64)], variance: Option<f64>) -> Option<Interval> {
    let blocks = || block_sums.iter().filter(|block| block.0 > 0);
    let count = blocks().count();
    if count < 3 {
        return None;
    }
    let requests: f64 = blocks().map(|block| block.0 as f64).sum();
    let mean = blocks().map(|block| block.1).sum::<f64>() / requests;
    let residuals: f64 = blocks()
        .map(|&(n, sum)| ((sum - mean * n as f64) / requests).powi(2))
        .sum();
    let blocks_half =
        student_t_975(count as u64 - 1) * (residuals * count as f64 / (count as f64 - 1.0)).sqrt();
    let independent_half = variance
        .filter(|variance| variance.is_finite() && *variance > 0.0)
        .map_or(0.0, |variance| {
            student_t_975(degrees(block_sums)) * (variance / requests).sqrt()
        });
    let half = blocks_half.max(independent_half);
    (mean.is_finite() && blocks_half.is_finite()).then(|| Interval::new(mean - half, mean + half))
}

/// Degrees of freedom of the mean of independent requests.
fn degrees(block_sums: &[(u64, f64)]) -> u64 {
    block_sums
        .iter()
        .fold(0_u64, |total, block| total.saturating_add(block.0))
        - 1
}

#[cfg(test)]
mod tests {
    use proptest::prelude::{any, prop_assert, proptest};

    use super::mean_interval;

    #[test]
    fn equal_blocks_give_the_interval_of_their_means() {
        // Means 1, 2, 3: 2 ± 4.3027 · √(1 / 3).
        let interval = mean_interval(&[(10, 10.0), (10, 20.0), (10, 30.0)], None).unwrap();
        assert!(
            (interval.low.unwrap() - (2.0 - 2.484_14)).abs() < 1e-4,
            "{interval:?}"
        );
        assert!(
            (interval.high.unwrap() - (2.0 + 2.484_14)).abs() < 1e-4,
            "{interval:?}"
        );
    }

    #[test]
    fn a_block_weighs_as_many_requests_as_it_has() {
        let interval = mean_interval(&[(1, 100.0), (999, 999.0), (1_000, 1_000.0), (0, 0.0)], None).unwrap();
        assert!(
            interval.contains(1.0495) && !interval.contains(34.0),
            "{interval:?}"
        );
    }

    #[test]
    fn it_is_never_narrower_than_that_of_independent_requests() {
        let blocks = [(100, 200.0); 10];
        let flat = mean_interval(&blocks, None).unwrap();
        assert!((flat.high.unwrap() - flat.low.unwrap()).abs() < 1e-9);
        // √(4 / 1000) · 1.9623 = 0.1241.
        let wide = mean_interval(&blocks, Some(4.0)).unwrap();
        assert!((wide.low.unwrap() - 1.8759).abs() < 1e-4 && (wide.high.unwrap() - 2.1241).abs() < 1e-4);
        assert_eq!(mean_interval(&blocks, Some(f64::NAN)), Some(flat));
    }

    #[test]
    fn three_blocks_with_requests_are_needed() {
        assert_eq!(
            mean_interval(&[(10, 10.0), (10, 20.0), (0, 0.0)], Some(1.0)),
            None
        );
        assert_eq!(mean_interval(&[], None), None);
    }

    #[test]
    fn sums_that_are_not_finite_give_no_interval() {
        for sum in [f64::NAN, f64::INFINITY, f64::MAX] {
            assert_eq!(
                mean_interval(&[(1, sum), (1, sum), (1, 1.0)], None),
                None,
                "{sum}"
            );
        }
    }

    proptest! {
        #[test]
        fn bounds_are_finite_and_in_order(
            blocks in proptest::collection::vec((any::<u64>(), any::<f64>()), 0..20),
            variance in proptest::option::of(any::<f64>()),
        ) {
            if let Some(interval) = mean_interval(&blocks, variance) {
                prop_assert!(interval.low.is_none_or(f64::is_finite) && interval.high.is_none_or(f64::is_finite));
                prop_assert!(interval.low.zip(interval.high).is_none_or(|(low, high)| low <= high));
            }
        }
    }
}
