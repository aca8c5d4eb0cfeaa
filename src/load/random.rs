//! [`Random`]: a small random generator for identifiers, the order of requests and the gaps between them.

use std::hash::{BuildHasher as _, Hasher as _, RandomState};

/// From one state to the next.
const STEP: u64 = 0x9e37_79b9_7f4a_7c15;

/// SplitMix64 (<https://prng.di.unimi.it/splitmix64.c>). Not for secrets.
#[derive(Debug, Clone)]
pub(super) struct Random(u64);

impl Random {
    /// Seeded by the system.
    pub(super) fn new() -> Self {
        // Its keys are random for each value; there is nothing to hash.
        Self::seeded(RandomState::new().build_hasher().finish())
    }

    /// The same seed gives the same numbers.
    pub(super) fn seeded(seed: u64) -> Self {
        Self(seed)
    }

    /// 64 random bits.
    pub(super) fn bits(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(STEP);
        let mut z = self.0;
        z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        z ^ (z >> 31)
    }

    /// Passes over so many numbers.
    pub(super) fn pass(&mut self, numbers: u64) {
        self.0 = self.0.wrapping_add(numbers.wrapping_mul(STEP));
    }

    /// A whole number below `limit`; zero when `limit` is zero. Uneven by less than `limit` in 2⁶⁴.
    pub(super) fn below(&mut self, limit: u64) -> u64 {
        let wide = u128::from(self.bits()) * u128::from(limit);
        // The upper half of a product of two 64-bit numbers.
        u64::try_from(wide >> 64).unwrap_or(u64::MAX)
    }

    /// A number in [0, 1), in steps of 2⁻⁵³.
    pub(super) fn fraction(&mut self) -> f64 {
        (self.bits() >> 11) as f64 / (1_u64 << 53) as f64
    }

    /// An exponentially distributed number of mean one.
    pub(super) fn exponential(&mut self) -> f64 {
        -(1.0 - self.fraction()).ln()
    }

    /// Puts the items in a random order; all orders are equally likely.
    pub(super) fn shuffle<T>(&mut self, items: &mut [T]) {
        for (last, limit) in (1..items.len()).zip(2..) {
            let other = usize::try_from(self.below(limit)).unwrap_or(last);
            items.swap(last, other);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_seed_gives_the_published_numbers() {
        // The first numbers of the reference implementation for the seed 1234567.
        let mut random = Random::seeded(1_234_567);
        let numbers: Vec<u64> = (0..3).map(|_| random.bits()).collect();
        assert_eq!(
            numbers,
            [
                6_457_827_717_110_365_317,
                3_203_168_211_198_807_973,
                9_817_491_932_198_370_423
            ]
        );
    }

    #[test]
    fn numbers_that_are_passed_over_are_those_that_were_not_drawn() {
        let (mut drawn, mut passed) = (Random::seeded(9), Random::seeded(9));
        for _ in 0..1000 {
            drawn.bits();
        }
        passed.pass(1000);
        assert_eq!(passed.bits(), drawn.bits());
    }

    #[test]
    fn the_system_gives_another_seed_each_time() {
        assert_ne!(Random::new().bits(), Random::new().bits());
    }

    #[test]
    fn numbers_below_a_limit_are_about_equally_frequent() {
        let mut random = Random::seeded(1);
        let mut seen = [0_u32; 5];
        for _ in 0..10_000 {
            seen[usize::try_from(random.below(5)).expect("below 5")] += 1;
        }
        assert!(seen.iter().all(|seen| (1850..2150).contains(seen)), "{seen:?}");
        assert_eq!(random.below(0), 0);
        assert_eq!(random.below(1), 0);
    }

    #[test]
    fn every_order_is_about_equally_frequent() {
        let mut random = Random::seeded(2);
        let mut seen = std::collections::BTreeMap::new();
        for _ in 0..6000 {
            let mut items = [0, 1, 2];
            random.shuffle(&mut items);
            *seen.entry(items).or_insert(0_u32) += 1;
        }
        assert_eq!(seen.len(), 6);
        assert!(seen.values().all(|seen| (860..1140).contains(seen)), "{seen:?}");
    }

    #[test]
    fn exponential_numbers_have_mean_and_variance_one() {
        let mut random = Random::seeded(3);
        let numbers: Vec<f64> = (0..100_000).map(|_| random.exponential()).collect();
        let mean = numbers.iter().sum::<f64>() / 1e5;
        let variance = numbers.iter().map(|n| (n - mean).powi(2)).sum::<f64>() / 1e5;
        assert!((mean - 1.0).abs() < 0.02, "{mean}");
        assert!((variance - 1.0).abs() < 0.06, "{variance}");
        assert!(numbers.iter().all(|n| *n >= 0.0 && n.is_finite()));
    }
}
