//! [`requests_to_decide`]: how long a run would have to be for its interval to clear the limit.

use super::TAIL;
use super::beta::beta_cdf;
use super::blocks::DesignEffect;

/// More requests than this are no advice.
const TOO_MANY: u64 = 1_000_000_000;

/// About how many requests, in total, would put the interval of a share wholly on one side of `limit_share`.
///
/// The interval is that of [`share_interval`](super::share_interval); both shares are fractions of 0…1. It supposes
/// that more requests show the same share and the same effect in as many blocks. "On one side" is that of a verdict:
/// at most the limit, or above it. `None` when the shares are too close (more than 10^9 requests), or the observed
/// one is not a share.
pub fn requests_to_decide(observed_share: f64, limit_share: f64, effect: &DesignEffect) -> Option<u64> {
    if !(0.0..=1.0).contains(&observed_share) || limit_share.is_nan() {
        return None;
    }
    let decided = |n: u64| decides(observed_share, limit_share, effect.trials(n));
    if !decided(TOO_MANY) {
        return None;
    }
    let (mut low, mut high) = (0, TOO_MANY);
    while high - low > 1 {
        let middle = low + (high - low) / 2;
        if decided(middle) {
            high = middle;
        } else {
            low = middle;
        }
    }
    Some(high)
}

/// Whether the Clopper–Pearson interval clears the limit, without computing the interval: one probability tells.
fn decides(share: f64, limit: f64, trials: f64) -> bool {
    let (hits, misses) = (share * trials, (1.0 - share) * trials);
    if share <= limit {
        // The upper bound is at most the limit.
        limit >= 1.0 || misses > 0.0 && beta_cdf(hits + 1.0, misses, limit) >= 1.0 - TAIL
    } else {
        // The lower bound is above the limit.
        beta_cdf(hits, misses + 1.0, limit) < TAIL
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::{any, prop_assert, proptest};

    use super::super::{DesignEffect, share_interval};
    use super::requests_to_decide;

    const UNSEEN: DesignEffect = DesignEffect {
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

    #[test]
    fn no_error_shows_one_percent_after_368_requests() {
        assert_eq!(requests_to_decide(0.0, 0.01, &UNSEEN), Some(368));
    }

    #[test]
    fn the_design_effect_multiplies_the_requests() {
        let unseen = |value| DesignEffect { value, ..UNSEEN };
        assert_eq!(requests_to_decide(0.0, 0.01, &unseen(10.0)), Some(3_671));
        assert_eq!(requests_to_decide(0.0, 0.01, &unseen(f64::NAN)), Some(368));
        assert_eq!(requests_to_decide(0.0, 0.01, &unseen(f64::INFINITY)), None);
    }

    #[test]
    fn an_effect_seen_in_ten_blocks_needs_a_third_more() {
        // 3,671 · (2.262157 / 1.960)²
        assert_eq!(requests_to_decide(0.0, 0.01, &effect(10.0)), Some(4_888));
    }

    #[test]
    fn shares_that_are_equal_or_nearly_so_are_never_decided() {
        assert_eq!(requests_to_decide(0.01, 0.01, &UNSEEN), None);
        assert_eq!(requests_to_decide(0.01, 0.010_000_01, &UNSEEN), None);
        assert_eq!(requests_to_decide(0.0, 0.0, &UNSEEN), None);
    }

    #[test]
    fn what_is_no_share_is_never_decided() {
        for share in [-0.1, 1.1, f64::NAN] {
            assert_eq!(requests_to_decide(share, 0.5, &UNSEEN), None);
        }
        assert_eq!(requests_to_decide(0.5, f64::NAN, &UNSEEN), None);
    }

    #[test]
    fn a_limit_that_no_share_can_break_or_keep_is_decided_at_once() {
        assert_eq!(requests_to_decide(0.5, 1.0, &UNSEEN), Some(1));
        assert_eq!(requests_to_decide(0.5, -0.1, &UNSEEN), Some(1));
    }

    proptest! {
        #[test]
        fn that_many_requests_decide_and_a_thousand_fewer_do_not(
            hits in 1_u64..200, limit in 0.001..0.3, value in 1.0..20.0,
        ) {
            // The observed share is hits per thousand, so whole thousands of requests have whole hits.
            let decided = |thousands: u64| {
                let interval = share_interval(hits * thousands, 1_000 * thousands, &effect(value));
                interval.wholly_at_most(limit) || interval.wholly_above(limit)
            };
            if let Some(needed) = requests_to_decide(hits as f64 / 1_000.0, limit, &effect(value)) {
                prop_assert!(decided(needed.div_ceil(1_000)));
                prop_assert!(needed < 2_000 || !decided((needed - 1) / 1_000));
            }
        }

        #[test]
        fn a_larger_effect_never_needs_fewer(share in 0.0..=1.0, limit in 0.0..=1.0, value in 1.0..50.0) {
            let needed = |value| requests_to_decide(share, limit, &effect(value));
            let (one, many) = (needed(1.0), needed(value));
            prop_assert!(many.is_none_or(|many| one.is_some_and(|one| one <= many)));
        }

        #[test]
        fn nothing_makes_it_fail(
            share in any::<f64>(), limit in any::<f64>(),
            value in any::<f64>(), seen in any::<bool>(), blocks in any::<usize>(),
        ) {
            let effect = DesignEffect { value, seen, blocks };
            prop_assert!(requests_to_decide(share, limit, &effect).is_none_or(|n| (1..=1_000_000_000).contains(&n)));
        }
    }
}
