//! [`design_effect`]: how many times fewer independent requests a run is worth, seen from [`Block`]s of equal time.

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
}

/// Kish's design effect of the share above: the variance of the blocks' shares over that of independent requests.
///
/// With share `f_b` per block and `p` overall, `B` blocks, `n` requests: `var(f_b) / (p (1 − p) / (n / B))`, not
/// below 1 (Kish, *Survey Sampling*, 1965). Blocks count alike: with very unequal numbers of requests, as on a ramp,
/// the value errs on the large side. About ten blocks serve best. Blocks under [`MINIMUM_PER_BLOCK`] requests
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
    let share = |block: &Block| block.above as f64 / block.requests as f64;
    let mean = blocks.iter().map(share).sum::<f64>() / count as f64;
    let spread = blocks
        .iter()
        .map(|block| (share(block) - mean).powi(2))
        .sum::<f64>()
        / (count as f64 - 1.0);
    let overall = above / requests;
    let independent = overall * (1.0 - overall) / (requests / count as f64);
    DesignEffect {
        value: (spread / independent).max(1.0).min(requests),
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

    proptest! {
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
