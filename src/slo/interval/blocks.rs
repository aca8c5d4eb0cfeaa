//! [`design_effect`]: how many times fewer independent requests a run is worth, seen from [`Block`]s of equal time.

use super::student::{student_t, student_t_975};

/// Blocks with fewer requests than this say too little by themselves and are joined with their neighbours.
pub const MINIMUM_PER_BLOCK: u64 = 10;

/// Blocks below which the spread between them tells nothing.
const MINIMUM_BLOCKS: usize = 3;

/// What happened in one of several stretches of a run, all of the same duration and in order of time.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Block {
    /// Requests of this stretch.
    pub requests: u64,
    /// Those of them that took longer than the value in question, or failed; more than `requests` counts as all.
    pub above: u64,
}

/// How strongly the requests of a run hang together.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct DesignEffect {
    /// Requests that are worth one independent request: at least 1, which is independence, and at most all of them.
    pub value: f64,
    /// Whether bursts could be seen: not with fewer than three blocks, nor when all or none are above in every block.
    pub seen: bool,
    /// Blocks that were compared, after joining small ones.
    pub blocks: usize,
}

impl DesignEffect {
    /// The independent requests that `n` requests are worth: from 1 to `n`; 0 when there are none.
    pub(super) fn effective(&self, n: u64) -> f64 {
        let n = n as f64;
        n / self.value.max(1.0).min(n.max(1.0))
    }

    /// The trials of an exact interval that stand for `n` requests; 0 when there are none.
    ///
    /// [`Self::effective`] times `(t_{n−1} / t_{B−1})²` when bursts were seen: an effect that is itself estimated from
    /// `B` blocks is as uncertain as `B − 1` degrees of freedom are (Korn & Graubard, Survey Methodology 24, 1998).
    pub(super) fn trials(&self, n: u64) -> f64 {
        self.trials_by(n, student_t_975)
    }

    /// The same for an interval of another confidence, which leaves out `tail` on either side.
    pub(super) fn trials_at(&self, n: u64, tail: f64) -> f64 {
        self.trials_by(n, |df| student_t(df, tail))
    }

    fn trials_by(&self, n: u64, student: impl Fn(u64) -> f64) -> f64 {
        let effective = self.effective(n);
        if !self.seen {
            return effective;
        }
        // Such blocks hold at least this many requests: the factor is at most 1, and trials grow with requests.
        let blocks = self.blocks as u64;
        let requests = n.max(blocks.saturating_mul(MINIMUM_PER_BLOCK));
        let t = |count: u64| student(count.saturating_sub(1));
        effective * (t(requests) / t(blocks)).powi(2)
    }
}

/// Kish's design effect of the share above: its variance, seen from the blocks, over that of independent requests.
///
/// With `n_b` requests and `a_b` above per block, `p` the share above of all `n` requests, `B` blocks:
/// `B / (B − 1) · Σ (a_b − p n_b)² / n²` over `p (1 − p) / n`, not below 1 (Kish, *Survey Sampling*, 1965; the variance
/// is that of the ratio estimator, Cochran, *Sampling Techniques*, 1977, 6.3). A block weighs as many requests as it
/// has, so a ramp does not look like bursts. About ten blocks serve best. Blocks under [`MINIMUM_PER_BLOCK`] requests
/// are joined first. When bursts cannot be seen, the value is 1 and `seen` is false: a report has to say so.
pub fn design_effect(blocks: &[Block]) -> DesignEffect {
    let blocks = join_small(blocks, MINIMUM_PER_BLOCK);
    let count = blocks.len();
    let requests: f64 = blocks.iter().map(|block| block.requests as f64).sum();
    let above: f64 = blocks.iter().map(|block| block.above as f64).sum();
    if count < MINIMUM_BLOCKS || above <= 0.0 || above >= requests {
        return DesignEffect {
            value: 1.0,
            seen: false,
            blocks: count,
        };
    }
    let share = above / requests;
    let squares: f64 = blocks
        .iter()
        .map(|block| (block.above as f64 - share * block.requests as f64).powi(2))
        .sum();
    let correction = count as f64 / (count as f64 - 1.0);
    // Both variances times n²: that of independent requests is p (1 − p) / n.
    let independent = share * (1.0 - share) * requests;
    DesignEffect {
        value: (correction * squares / independent).max(1.0).min(requests),
        seen: true,
        blocks: count,
    }
}

/// Joins consecutive blocks until each holds at least `minimum` requests (at least 1); what is left at the end goes
/// to the last one. Fewer requests than `minimum` in all make one block, none at all make no block.
pub fn join_small(blocks: &[Block], minimum: u64) -> Vec<Block> {
    let mut joined: Vec<Block> = Vec::new();
    let mut open = Block::default();
    for &block in blocks {
        open = add(open, block);
        if open.requests >= minimum.max(1) {
            joined.push(std::mem::take(&mut open));
        }
    }
    if open.requests > 0 {
        let rest = joined.pop().map_or(open, |last| add(last, open));
        joined.push(rest);
    }
    joined
}

fn add(one: Block, other: Block) -> Block {
    Block {
        requests: one.requests.saturating_add(other.requests),
        above: one.above.saturating_add(other.above.min(other.requests)),
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::{any, prop_assert, prop_assert_eq, proptest};

    use super::{Block, DesignEffect, design_effect, join_small};

    fn blocks(pairs: &[(u64, u64)]) -> Vec<Block> {
        pairs
            .iter()
            .map(|&(requests, above)| Block { requests, above })
            .collect()
    }

    #[test]
    fn evenly_spread_hits_are_as_good_as_independent() {
        let effect = design_effect(&blocks(&[(100, 5); 10]));
        assert_eq!(
            effect,
            DesignEffect {
                value: 1.0,
                seen: true,
                blocks: 10
            }
        );
    }

    #[test]
    fn the_effect_is_the_ratio_of_the_variances() {
        // Shares 0.1, 0.2, 0.6: mean 0.3, variance 0.07; independent: 0.3 · 0.7 / 100 = 0.0021.
        let effect = design_effect(&blocks(&[(100, 10), (100, 20), (100, 60)]));
        assert!((effect.value - 0.07 / 0.0021).abs() < 1e-9, "{effect:?}");
    }

    #[test]
    fn a_block_weighs_as_many_requests_as_it_has() {
        // 0.15 overall: 5 too few, 5 too many, none: 3 / 2 · 50 / (400 · 0.15 · 0.85).
        let effect = design_effect(&blocks(&[(100, 10), (100, 20), (200, 30)]));
        assert!((effect.value - 75.0 / 51.0).abs() < 1e-9, "{effect:?}");
        let small_and_odd = design_effect(&blocks(&[(10, 5), (1_000, 100), (1_000, 100)]));
        assert!((small_and_odd.value - 1.0).abs() < 1e-12, "{small_and_odd:?}");
    }

    #[test]
    fn one_bad_block_of_ten_leaves_nine_effective_requests() {
        let mut all = blocks(&[(100, 0); 10]);
        all[3].above = 100;
        let effect = design_effect(&all);
        assert!((effect.effective(1000) - 9.0).abs() < 1e-9, "{effect:?}");
    }

    #[test]
    fn bursts_cannot_be_seen_without_hits_or_with_nothing_else() {
        for above in [0, 100] {
            let effect = design_effect(&blocks(&[(100, above); 10]));
            assert_eq!(
                effect,
                DesignEffect {
                    value: 1.0,
                    seen: false,
                    blocks: 10
                }
            );
        }
    }

    #[test]
    fn bursts_cannot_be_seen_with_fewer_than_three_blocks() {
        assert_eq!(
            design_effect(&blocks(&[(100, 1), (100, 50)])),
            DesignEffect {
                value: 1.0,
                seen: false,
                blocks: 2
            }
        );
        assert_eq!(
            design_effect(&[]),
            DesignEffect {
                value: 1.0,
                seen: false,
                blocks: 0
            }
        );
        // Ten blocks of two requests hold twenty: two blocks of ten.
        assert_eq!(design_effect(&blocks(&[(2, 1); 10])).blocks, 2);
    }

    #[test]
    fn small_blocks_join_their_neighbours_and_the_rest_joins_the_last() {
        let joined = join_small(&blocks(&[(4, 1), (7, 2), (30, 3), (0, 0), (9, 4)]), 10);
        assert_eq!(joined, blocks(&[(11, 3), (39, 7)]));
        assert_eq!(join_small(&blocks(&[(3, 1), (4, 1)]), 10), blocks(&[(7, 2)]));
        assert_eq!(join_small(&blocks(&[(0, 0), (0, 9)]), 0), blocks(&[]));
    }

    #[test]
    fn effective_requests_stay_within_the_run_whatever_the_effect() {
        for (value, expected) in [
            (f64::NAN, 50.0),
            (f64::INFINITY, 1.0),
            (-3.0, 50.0),
            (5.0, 10.0),
            (1e9, 1.0),
        ] {
            let effect = DesignEffect {
                value,
                seen: true,
                blocks: 10,
            };
            assert!((effect.effective(50) - expected).abs() < 1e-12, "{value}");
            assert!(effect.effective(0).abs() < 1e-12, "{value}");
        }
    }

    #[test]
    fn an_effect_seen_in_ten_blocks_leaves_three_quarters_of_the_trials() {
        let (value, blocks) = (4.0, 10);
        let unseen = DesignEffect {
            value,
            seen: false,
            blocks,
        };
        assert!((unseen.trials(1_000) - 250.0).abs() < 1e-9);
        // 250 · (1.962341 / 2.262157)²
        let seen = DesignEffect {
            value,
            seen: true,
            blocks,
        };
        assert!(
            (seen.trials(1_000) - 188.123).abs() < 1e-3,
            "{}",
            seen.trials(1_000)
        );
        assert!(seen.trials(0).abs() < 1e-12);
    }

    proptest! {
        #[test]
        fn trials_are_never_more_than_the_requests(
            n in any::<u64>(), value in any::<f64>(), seen in any::<bool>(), blocks in any::<usize>(),
        ) {
            let trials = DesignEffect { value, seen, blocks }.trials(n);
            prop_assert!((n == 0 || trials > 0.0) && trials <= n as f64, "{trials}");
        }

        #[test]
        fn more_requests_than_the_effect_are_worth_more_trials(
            value in 1.0..100.0, extra in 0_u64..100_000, seen in any::<bool>(), blocks in 3_usize..40,
        ) {
            let effect = DesignEffect { value, seen, blocks };
            prop_assert!(effect.trials(100 + extra) < effect.trials(101 + extra));
        }

        #[test]
        fn the_effect_is_a_finite_number_from_one_to_the_requests(
            pairs in proptest::collection::vec((any::<u64>(), any::<u64>()), 0..30),
        ) {
            let effect = design_effect(&blocks(&pairs));
            let requests: f64 = pairs.iter().map(|pair| pair.0 as f64).sum();
            prop_assert!(effect.value >= 1.0 && effect.value <= requests.max(1.0));
        }

        #[test]
        fn joining_loses_nothing_and_leaves_no_small_block(
            pairs in proptest::collection::vec((0_u64..40, 0_u64..40), 0..30), minimum in 0_u64..50,
        ) {
            let joined = join_small(&blocks(&pairs), minimum);
            let total = |blocks: &[Block]| blocks.iter().map(|block| block.requests).sum::<u64>();
            prop_assert_eq!(total(&joined), pairs.iter().map(|pair| pair.0).sum::<u64>());
            prop_assert_eq!(
                joined.iter().map(|block| block.above).sum::<u64>(),
                pairs.iter().map(|pair| pair.1.min(pair.0)).sum::<u64>()
            );
            prop_assert!(joined.len() <= 1 || joined.iter().all(|block| block.requests >= minimum.max(1)));
        }
    }
}
