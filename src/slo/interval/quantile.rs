//! [`quantile_ranks`]: which of the sorted requests bound a percentile. Ranks, not values: the histogram has those.

use super::TAIL;
use super::beta::binomial_cdf;
use super::blocks::DesignEffect;
use super::student::student_t_975;

/// The 1-based ranks, among `n` sorted values, between which the `q`-quantile lies in 95 % of runs.
///
/// Student-t ranks `n (q ± t √(q (1 − q) D / n))` with the design effect `D` of "above the sample quantile", widened
/// to the exact binomial ranks where those are wider (Hahn & Meeker, *Statistical Intervals*, 1991, 5.2); the exact
/// ones alone with fewer than three blocks. `None` is an open side, where no rank of 1…n bounds the quantile: 100
/// requests have no upper bound of the 0.99 quantile, 368 are the fewest that have. Both sides are open when `n` is
/// 0 or `q` is not between 0 and 1.
pub fn quantile_ranks(n: u64, q: f64, effect: &DesignEffect) -> (Option<u64>, Option<u64>) {
    if n == 0 || q.is_nan() || q <= 0.0 || q >= 1.0 {
        return (None, None);
    }
    let (low, high) = exact_ranks(n, q);
    if effect.blocks < 3 {
        return (low, high);
    }
    let (wide_low, wide_high) = student_ranks(n, q, effect);
    (wider(low, wide_low, u64::min), wider(high, wide_high, u64::max))
}

fn wider(one: Option<u64>, other: Option<u64>, choose: fn(u64, u64) -> u64) -> Option<u64> {
    one.zip(other).map(|(one, other)| choose(one, other))
}

/// The narrowest ranks that hold for independent requests: at most 2.5 % to be wrong on either side.
fn exact_ranks(n: u64, q: f64) -> (Option<u64>, Option<u64>) {
    let trials = n as f64;
    // Requests at or below the true quantile are binomial. Rank r is above it when at most r − 1 of them are.
    let low = first_rank(n, |rank| binomial_cdf(rank as f64 - 1.0, trials, q) > TAIL);
    let high = first_rank(n, |rank| binomial_cdf(rank as f64 - 1.0, trials, q) >= 1.0 - TAIL);
    // `low` is the first rank that is too high to be a lower bound.
    (
        Some(low.saturating_sub(1)).filter(|&rank| rank >= 1),
        Some(high).filter(|&rank| rank <= n),
    )
}

/// The smallest rank of 1…n for which `holds`, which must be monotone; n + 1 when there is none.
fn first_rank(n: u64, holds: impl Fn(u64) -> bool) -> u64 {
    let (mut low, mut high) = (1, n.saturating_add(1));
    while low < high {
        let middle = low + (high - low) / 2;
        if holds(middle) {
            high = middle;
        } else {
            low = middle + 1;
        }
    }
    low
}

fn student_ranks(n: u64, q: f64, effect: &DesignEffect) -> (Option<u64>, Option<u64>) {
    let half = student_t_975(effect.blocks as u64 - 1) * (q * (1.0 - q) / effect.effective(n)).sqrt();
    let requests = n as f64;
    (
        rank(n, (requests * (q - half)).floor()),
        rank(n, (requests * (q + half)).ceil()),
    )
}

/// A position as a rank of 1…n, or nothing when it lies outside.
#[expect(
    clippy::cast_possible_truncation,
    clippy::cast_sign_loss,
    reason = "checked to be whole and in 1…n"
)]
fn rank(n: u64, position: f64) -> Option<u64> {
    (position >= 1.0 && position <= n as f64).then_some(position as u64)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::{any, prop_assert, prop_assert_eq, proptest};

    use super::{DesignEffect, exact_ranks, quantile_ranks};

    const UNSEEN: DesignEffect = DesignEffect {
        value: 1.0,
        seen: false,
        blocks: 1,
    };

    fn effect(value: f64) -> DesignEffect {
        DesignEffect {
            value,
            seen: true,
            blocks: 10,
        }
    }

    #[test]
    fn exact_ranks_are_those_of_the_binomial_tables() {
        let table = [
            (100, 0.5, (Some(40), Some(61))),
            (100, 0.95, (Some(90), Some(100))),
            (1_000, 0.5, (Some(469), Some(532))),
            (1_000, 0.95, (Some(936), Some(964))),
            (1_000, 0.99, (Some(983), Some(997))),
            (1_000_000, 0.99, (Some(989_805), Some(990_196))),
            (1_000_000_000, 0.999, (Some(998_998_041), Some(999_001_960))),
        ];
        for (n, q, ranks) in table {
            assert_eq!(quantile_ranks(n, q, &UNSEEN), ranks, "n {n}, q {q}");
        }
    }

    #[test]
    fn a_hundred_requests_have_no_upper_bound_of_the_99th_percentile() {
        let (low, high) = quantile_ranks(100, 0.99, &UNSEEN);
        assert!(low.is_some());
        assert_eq!(high, None);
    }

    #[test]
    fn an_upper_bound_of_the_99th_percentile_needs_368_requests() {
        assert_eq!(quantile_ranks(367, 0.99, &UNSEEN).1, None);
        assert_eq!(quantile_ranks(368, 0.99, &UNSEEN).1, Some(368));
    }

    #[test]
    fn a_lower_bound_of_the_first_percentile_needs_as_many() {
        assert_eq!(quantile_ranks(367, 0.01, &UNSEEN).0, None);
        assert_eq!(quantile_ranks(368, 0.01, &UNSEEN).0, Some(1));
    }

    #[test]
    fn the_design_effect_widens_by_its_square_root() {
        // t with 9 degrees is 2.262; √(0.25 · 4 / 1000) = 0.03162; 1000 · (0.5 ± 0.07153).
        assert_eq!(quantile_ranks(1_000, 0.5, &effect(4.0)), (Some(428), Some(572)));
        assert_eq!(quantile_ranks(1_000, 0.5, &effect(1_000.0)), (None, None));
    }

    #[test]
    fn nothing_bounds_what_is_not_a_quantile_or_has_no_requests() {
        for q in [0.0, 1.0, -0.1, 1.1, f64::NAN, f64::INFINITY] {
            assert_eq!(quantile_ranks(1_000, q, &UNSEEN), (None, None), "{q}");
        }
        assert_eq!(quantile_ranks(0, 0.5, &UNSEEN), (None, None));
        assert_eq!(quantile_ranks(1, 0.5, &UNSEEN), (None, None));
    }

    #[test]
    fn a_trillion_requests_bound_their_median_within_a_million_ranks() {
        let (low, high) = quantile_ranks(1_000_000_000_000, 0.5, &UNSEEN);
        assert!(low.unwrap().abs_diff(499_999_020_018) < 10, "{low:?}");
        assert!(high.unwrap().abs_diff(500_000_979_983) < 10, "{high:?}");
        quantile_ranks(u64::MAX, 0.5, &effect(3.0));
    }

    proptest! {
        #[test]
        fn ranks_are_in_order_within_the_run_and_never_narrower_than_exact(
            n in 0_u64..2_000_000_000_000, q in 0.0..=1.0, value in any::<f64>(), blocks in 0_usize..40,
        ) {
            let (low, high) = quantile_ranks(n, q, &DesignEffect { value, seen: true, blocks });
            prop_assert!(low.is_none_or(|low| 1 <= low && low <= n));
            prop_assert!(high.is_none_or(|high| 1 <= high && high <= n));
            if let (Some(low), Some(high)) = (low, high) {
                prop_assert!(low < high);
            }
            if 0.0 < q && q < 1.0 {
                let (exact_low, exact_high) = exact_ranks(n, q);
                prop_assert!(low.is_none_or(|low| low <= exact_low.unwrap()));
                prop_assert!(high.is_none_or(|high| high >= exact_high.unwrap()));
            }
        }

        #[test]
        fn ranks_mirror_when_the_order_is_reversed(n in 1_u64..100_000, q in 0.01_f64..0.5) {
            let (low, high) = exact_ranks(n, q);
            let (mirror_low, mirror_high) = exact_ranks(n, 1.0 - q);
            prop_assert_eq!(low.map(|low| n + 1 - low), mirror_high);
            prop_assert_eq!(high.map(|high| n + 1 - high), mirror_low);
        }
    }
}
