//! Intervals of a share: error rates, and "how many requests took longer than the limit".

use super::beta::{beta_cdf, beta_quantile};
use super::blocks::DesignEffect;
use super::bounds::Interval;
use super::{TAIL, Z_975};

/// Where the true share lies, when `hits` of `n` requests were hits: Korn–Graubard, that is Clopper–Pearson at fewer
/// requests of the same share.
///
/// Bounds are fractions of 0…1. `D` is the design effect of the same indicator ("failed", "took longer than L");
/// `n / D` independent requests stand for `n`, times `(t_{n−1} / t_{B−1})²` when `D` was seen in `B` blocks. Without a hit the lower bound is 0 and the upper
/// one about 3.7 D / n (the rule of three, 3 / n, is the one-sided bound): 100 clean requests do not show an error
/// rate of at most 1 %. It covers at least 95 % when requests are independent; while slow moments last a tenth of the
/// run, about 80 % (the textbook 25 to 70 %); while they last a thirtieth, about 90 % (the textbook 20 to 45 %). Open on both sides when `n` is 0; more hits than requests count as all.
/// Sources: Clopper & Pearson, Biometrika 26 (1934); Korn & Graubard, Survey Methodology 24 (1998).
pub fn share_interval(hits: u64, n: u64, effect: &DesignEffect) -> Interval {
    if n == 0 {
        return Interval::OPEN;
    }
    let hits = hits.min(n);
    let trials = effect.trials(n);
    // The smaller side is computed: shares near 1 would lose all digits of their distance from 1.
    if hits <= n / 2 {
        let (low, high) = clopper_pearson(hits as f64 / n as f64, trials);
        Interval::new(low, high)
    } else {
        let (low, high) = clopper_pearson((n - hits) as f64 / n as f64, trials);
        Interval::new(1.0 - high, 1.0 - low)
    }
}

/// Whether the true share lies above `limit`, when `hits` of `n` requests were hits, at a confidence of 1 − `tail`: the lower
/// bound of [`share_interval`] at that confidence, without its bisection. Never when `n` is 0.
pub fn share_is_above(limit: f64, hits: u64, n: u64, effect: &DesignEffect, tail: f64) -> bool {
    let hits = hits.min(n);
    if n == 0 || hits == 0 {
        return false;
    }
    let share = hits as f64 / n as f64;
    let trials = effect.trials_at(n, tail);
    share > limit && beta_cdf(share * trials, (1.0 - share) * trials + 1.0, limit) < tail
}

/// Both bounds for an observed share in `trials` independent trials, of which there may be a fraction.
fn clopper_pearson(share: f64, trials: f64) -> (f64, f64) {
    let hits = share * trials;
    let misses = trials - hits;
    let low = if hits > 0.0 {
        beta_quantile(TAIL, hits, misses + 1.0)
    } else {
        0.0
    };
    let high = if misses > 0.0 {
        beta_quantile(1.0 - TAIL, hits + 1.0, misses)
    } else {
        1.0
    };
    (low.min(share), high.max(share))
}

/// Where the true share lies, for display: Wilson's score interval, which looks sensible with few requests.
///
/// Bounds are fractions of 0…1. It assumes independent requests and covers 95 % on average, not always, so verdicts
/// use [`share_interval`]. Open on both sides when `n` is 0; more hits than requests count as all.
/// Source: Wilson, JASA 22 (1927).
pub fn wilson(hits: u64, n: u64) -> Interval {
    if n == 0 {
        return Interval::OPEN;
    }
    let requests = n as f64;
    let share = hits.min(n) as f64 / requests;
    let shrink = Z_975 * Z_975 / requests;
    let centre = (share + shrink / 2.0) / (1.0 + shrink);
    let half = Z_975 * (share * (1.0 - share) / requests + shrink / (4.0 * requests)).sqrt() / (1.0 + shrink);
    // The share is always inside; rounding must not push it out at 0 and 1.
    Interval::new(
        (centre - half).clamp(0.0, share),
        (centre + half).clamp(share, 1.0),
    )
}

#[cfg(test)]
mod tests {
    use proptest::prelude::{any, prop_assert, prop_assert_eq, proptest};

    use super::{DesignEffect, Interval, share_interval, share_is_above, wilson};

    const INDEPENDENT: DesignEffect = DesignEffect {
        value: 1.0,
        seen: false,
        blocks: 10,
    };

    fn effect(value: f64) -> DesignEffect {
        DesignEffect {
            value,
            seen: true,
            blocks: 10,
        }
    }

    #[track_caller]
    fn assert_near(actual: Interval, low: f64, high: f64, tolerance: f64) {
        let (actual_low, actual_high) = (actual.low.unwrap(), actual.high.unwrap());
        let near = (actual_low - low).abs() <= tolerance && (actual_high - high).abs() <= tolerance;
        assert!(near, "{actual_low}…{actual_high} is not about {low}…{high}");
    }

    proptest! {
        #[test]
        fn a_share_is_above_what_lies_below_its_interval(
            n in 1_u64..2_000, part in 0.0..1.0_f64, limit in 0.0..1.0_f64, value in 1.0..5.0_f64,
        ) {
            #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "a part of a count")]
            let hits = (n as f64 * part) as u64;
            let effect = effect(value);
            let low = share_interval(hits, n, &effect).low.unwrap();
            // At the limit itself both may round differently.
            if (low - limit).abs() > 1e-6 {
                prop_assert_eq!(share_is_above(limit, hits, n, &effect, super::TAIL), low > limit);
            }
            prop_assert!(!share_is_above(limit, hits, n, &effect, 1e-4) || low > limit);
        }
    }

    #[test]
    fn bounds_are_those_of_the_printed_tables() {
        assert_near(share_interval(0, 100, &INDEPENDENT), 0.0, 0.0362, 5e-5);
        assert_near(share_interval(5, 100, &INDEPENDENT), 0.0164, 0.1128, 5e-5);
        assert_near(share_interval(1, 10, &INDEPENDENT), 0.0025, 0.4450, 5e-5);
        assert_near(share_interval(10, 10, &INDEPENDENT), 0.6915, 1.0, 5e-5);
        assert_near(
            share_interval(50, 1_000, &INDEPENDENT),
            0.037_335_4,
            0.065_390_5,
            1e-7,
        );
        assert_near(
            share_interval(5_000, 1_000_000, &INDEPENDENT),
            0.004_862_692,
            0.005_140_187,
            1e-9,
        );
        assert_near(
            share_interval(12_345, 1_000_000_000, &INDEPENDENT),
            1.212_818e-5,
            1.256_472e-5,
            1e-11,
        );
    }

    #[test]
    fn without_a_hit_the_upper_bound_is_3_7_over_n() {
        for n in [1_000, 1_000_000, 1_000_000_000_000] {
            let high = share_interval(0, n, &INDEPENDENT).high.unwrap();
            let expected = 3.688_88 / n as f64;
            assert!((high / expected - 1.0).abs() < 3e-3, "{n}: {high}");
        }
    }

    #[test]
    fn a_hundred_clean_requests_do_not_show_one_percent() {
        assert!(!share_interval(0, 100, &INDEPENDENT).wholly_at_most(0.01));
        assert!(!share_interval(0, 367, &INDEPENDENT).wholly_at_most(0.01));
        assert!(share_interval(0, 368, &INDEPENDENT).wholly_at_most(0.01));
    }

    #[test]
    fn the_design_effect_divides_the_requests() {
        let unseen = DesignEffect {
            seen: false,
            ..effect(10.0)
        };
        assert_eq!(
            share_interval(50, 1_000, &unseen),
            share_interval(5, 100, &INDEPENDENT)
        );
    }

    #[test]
    fn an_effect_seen_in_ten_blocks_is_less_certain_than_a_known_one() {
        // 3.762460 hits in 75.2492 trials: 100 · (1.962341 / 2.262157)².
        assert_near(
            share_interval(50, 1_000, &effect(10.0)),
            0.013_066_105,
            0.126_237_53,
            1e-6,
        );
    }

    #[test]
    fn shares_near_one_mirror_those_near_zero() {
        let few = share_interval(1, 1_000_000_000_000, &INDEPENDENT);
        let many = share_interval(999_999_999_999, 1_000_000_000_000, &INDEPENDENT);
        assert_near(many, 1.0 - few.high.unwrap(), 1.0 - few.low.unwrap(), 0.0);
    }

    #[test]
    fn nothing_is_known_without_requests() {
        assert_eq!(share_interval(0, 0, &INDEPENDENT), Interval::OPEN);
        assert_eq!(wilson(3, 0), Interval::OPEN);
    }

    #[test]
    fn wilson_is_that_of_the_printed_tables() {
        assert_near(wilson(0, 100), 0.0, 0.0370, 5e-5);
        assert_near(wilson(5, 100), 0.0215, 0.1118, 5e-5);
        assert_near(wilson(10, 10), 0.7225, 1.0, 5e-5);
    }

    proptest! {
        #[test]
        fn bounds_hold_the_observed_share_within_zero_and_one(
            hits in 0_u64..2_000_000_000_000, n in 1_u64..1_000_000_000_000, value in any::<f64>(),
        ) {
            let share = hits.min(n) as f64 / n as f64;
            for interval in [share_interval(hits, n, &effect(value)), wilson(hits, n)] {
                let (low, high) = (interval.low.unwrap(), interval.high.unwrap());
                prop_assert!(0.0 <= low && high <= 1.0, "{interval:?}");
                prop_assert!(low <= share + 1e-15 && share <= high + 1e-15, "{interval:?} {share}");
            }
        }

        #[test]
        fn more_requests_of_the_same_share_narrow(hits in 0_u64..50, extra in 0_u64..500, factor in 2_u64..1_000) {
            let n = hits + extra + 1;
            let few = share_interval(hits, n, &INDEPENDENT);
            let many = share_interval(hits * factor, n * factor, &INDEPENDENT);
            prop_assert!(few.low.unwrap() <= many.low.unwrap() && many.high.unwrap() <= few.high.unwrap());
        }

        #[test]
        fn a_larger_effect_widens(hits in 0_u64..1_000, value in 1.0..100.0, factor in 1.1..10.0) {
            let narrow = share_interval(hits, 1_000, &effect(value));
            let wide = share_interval(hits, 1_000, &effect(value * factor));
            prop_assert!(wide.low.unwrap() <= narrow.low.unwrap() && narrow.high.unwrap() <= wide.high.unwrap());
        }

        #[test]
        fn one_more_hit_moves_both_bounds_up(hits in 0_u64..999) {
            let (one, more) = (share_interval(hits, 1_000, &INDEPENDENT), share_interval(hits + 1, 1_000, &INDEPENDENT));
            prop_assert!(one.low.unwrap() < more.low.unwrap() && one.high.unwrap() < more.high.unwrap());
        }
    }
}
