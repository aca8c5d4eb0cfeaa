//! [`ratio_interval`]: by which factor a candidate's value exceeds a baseline's, when both ran interleaved.

use super::bounds::Interval;
use super::student::student_t_975;

/// The interval of `candidate_q / baseline_q`, a factor above 0, from the same two values per block of equal time.
///
/// `exp(r ± t √(Σ (r_b − r)² / (B (B − 1))))` with `r = ln(candidate / baseline)` over the whole run, `r_b` per
/// block and `B − 1` degrees of freedom. Five blocks keep to 95 %; ten are narrower and cover 85 to 95 %. Requests
/// of both versions must alternate in random order: one after the other, the interval covers far less.
/// Values of a coarse histogram may be equal in all blocks; the interval then has no width, as the values have no
/// finer resolution. Blocks whose values are not positive and finite (a version without requests) are left out;
/// `None` with fewer than three others, or when the values of the whole run are not positive and finite.
pub fn ratio_interval(candidate_q: f64, baseline_q: f64, per_block: &[(f64, f64)]) -> Option<Interval> {
    let overall = log_ratio(candidate_q, baseline_q)?;
    let blocks = || {
        per_block
            .iter()
            .filter_map(|&(candidate, baseline)| log_ratio(candidate, baseline))
    };
    let count = blocks().count();
    if count < 3 {
        return None;
    }
    let squares: f64 = blocks().map(|block| (block - overall).powi(2)).sum();
    let pairs = count as f64 * (count as f64 - 1.0);
    let half = student_t_975(count as u64 - 1) * (squares / pairs).sqrt();
    Some(Interval::new((overall - half).exp(), (overall + half).exp()))
}

fn log_ratio(candidate: f64, baseline: f64) -> Option<f64> {
    let usable = |value: f64| value > 0.0 && value.is_finite();
    (usable(candidate) && usable(baseline)).then(|| candidate.ln() - baseline.ln())
}

#[cfg(test)]
mod tests {
    use proptest::prelude::{any, prop_assert, proptest};

    use super::ratio_interval;

    #[test]
    fn equal_blocks_leave_no_doubt() {
        let interval = ratio_interval(110.0, 100.0, &[(110.0, 100.0); 5]).unwrap();
        assert!((interval.low.unwrap() - 1.1).abs() < 1e-12 && (interval.high.unwrap() - 1.1).abs() < 1e-12);
    }

    #[test]
    fn the_spread_of_the_blocks_widens_by_student_t() {
        // ln ratios −0.1, −0.1, 0, 0.1, 0.1 around 0: √(0.04 / 20) · 2.7764 = 0.12416.
        let per_block: Vec<_> = [-0.1_f64, -0.1, 0.0, 0.1, 0.1]
            .iter()
            .map(|r| (r.exp(), 1.0))
            .collect();
        let interval = ratio_interval(7.0, 7.0, &per_block).unwrap();
        assert!(
            (interval.high.unwrap().ln() - 0.124_16).abs() < 1e-4,
            "{interval:?}"
        );
        assert!(
            (interval.low.unwrap().ln() + 0.124_16).abs() < 1e-4,
            "{interval:?}"
        );
    }

    #[test]
    fn blocks_without_a_value_are_left_out() {
        let mut per_block = vec![(2.0, 1.0), (2.0, 1.0), (f64::NAN, 1.0), (1.0, 0.0)];
        assert_eq!(ratio_interval(2.0, 1.0, &per_block), None);
        per_block.push((2.0, 1.0));
        assert!(ratio_interval(2.0, 1.0, &per_block).is_some());
    }

    #[test]
    fn a_run_without_a_value_has_no_ratio() {
        for (candidate, baseline) in [
            (0.0, 1.0),
            (1.0, 0.0),
            (-1.0, 1.0),
            (f64::NAN, 1.0),
            (1.0, f64::INFINITY),
        ] {
            assert_eq!(ratio_interval(candidate, baseline, &[(1.0, 1.0); 5]), None);
        }
    }

    #[test]
    fn a_bound_beyond_all_numbers_is_open() {
        let per_block = [
            (f64::MAX, f64::MIN_POSITIVE),
            (1.0, 1.0),
            (f64::MIN_POSITIVE, f64::MAX),
        ];
        assert_eq!(ratio_interval(1.0, 1.0, &per_block).unwrap().high, None);
    }

    proptest! {
        #[test]
        fn bounds_are_positive_finite_and_hold_the_observed_ratio(
            candidate in 1e-3..1e9, baseline in 1e-3..1e9,
            per_block in proptest::collection::vec((any::<f64>(), any::<f64>()), 0..12),
        ) {
            if let Some(interval) = ratio_interval(candidate, baseline, &per_block) {
                prop_assert!(interval.low.is_some_and(|low| low >= 0.0));
                prop_assert!(interval.low.is_some_and(|low| low <= candidate / baseline * (1.0 + 1e-12)));
                prop_assert!(interval.high.is_none_or(|high| high >= candidate / baseline * (1.0 - 1e-12)));
                prop_assert!(interval.high.is_none_or(f64::is_finite));
            }
        }
    }
}
