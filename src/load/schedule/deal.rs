//! [`Deal`]: which endpoint each turn goes to, and in which order its versions are served.

use super::super::Mix;
use super::super::random::Random;

/// Deals turns to the endpoints by weight.
///
/// The turns come in blocks of as many as the weights add up to, without their common divisor. Within a block the
/// endpoints are in random order, drawn like cards from a deck: nobody can fall in step with them, and after every whole
/// block the shares are exact.
#[derive(Debug, Clone)]
pub(super) struct Deal {
    random: Random,
    /// Turns of each endpoint in a block.
    weights: Vec<u64>,
    /// Of these, those that are left in this block.
    left: Vec<u64>,
    /// Their sum.
    turns_left: u64,
    /// Turns that each endpoint has had.
    had: Vec<u64>,
    /// The versions, in the order of this turn.
    order: Vec<usize>,
}

/// Whom a turn was dealt to.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Dealt {
    /// Index of the endpoint.
    pub(super) endpoint: usize,
    /// How many turns the endpoint had before.
    pub(super) before: u64,
}

impl Deal {
    pub(super) fn new(mix: &Mix, random: Random) -> Self {
        let weights: Vec<u64> = mix.weights.iter().map(|weight| u64::from(weight.get())).collect();
        let divisor = weights.iter().copied().fold(0, common_divisor).max(1);
        Self {
            random,
            left: vec![0; weights.len()],
            turns_left: 0,
            had: vec![0; weights.len()],
            order: (0..mix.versions.get()).collect(),
            weights: weights.into_iter().map(|weight| weight / divisor).collect(),
        }
    }

    /// How many parts the load has.
    pub(super) fn parts(&self) -> usize {
        self.weights.len() * self.order.len()
    }

    /// The next turn.
    pub(super) fn turn(&mut self) -> Dealt {
        // Always from the same order: a turn does not depend on the ones that were passed over.
        self.order
            .iter_mut()
            .zip(0..)
            .for_each(|(place, version)| *place = version);
        self.random.shuffle(&mut self.order);
        let endpoint = self.endpoint();
        let before = self.had[endpoint];
        self.had[endpoint] += 1;
        Dealt { endpoint, before }
    }

    /// Whether turns can be passed over without dealing them.
    pub(super) fn can_pass(&self) -> bool {
        self.weights.len() == 1
    }

    /// Passes over so many turns, if that can be done.
    pub(super) fn pass(&mut self, turns: u64) {
        if let [had] = self.had.as_mut_slice() {
            *had = had.saturating_add(turns);
            // As many as it takes to put the versions in order.
            let draws = self.order.len().saturating_sub(1) as u64;
            self.random.pass(turns.wrapping_mul(draws));
        }
    }

    /// Which version is the `position`-th of the turn.
    pub(super) fn version(&self, position: usize) -> usize {
        self.order[position]
    }

    /// A random number in [0, 1) that belongs to the turn.
    pub(super) fn fraction(&mut self) -> f64 {
        self.random.fraction()
    }

    fn endpoint(&mut self) -> usize {
        if self.weights.len() == 1 {
            return 0;
        }
        if self.turns_left == 0 {
            self.left.clone_from(&self.weights);
            self.turns_left = self.weights.iter().sum();
        }
        let mut card = self.random.below(self.turns_left);
        self.turns_left -= 1;
        let mut endpoint = 0;
        while card >= self.left[endpoint] {
            card -= self.left[endpoint];
            endpoint += 1;
        }
        self.left[endpoint] -= 1;
        endpoint
    }
}

fn common_divisor(a: u64, b: u64) -> u64 {
    if b == 0 { a } else { common_divisor(b, a % b) }
}

#[cfg(test)]
mod tests {
    use std::num::{NonZeroU32, NonZeroUsize};

    use super::*;

    fn mix(weights: &[u32], versions: usize) -> Mix {
        Mix {
            weights: weights
                .iter()
                .filter_map(|weight| NonZeroU32::new(*weight))
                .collect(),
            versions: NonZeroUsize::new(versions).expect("a version"),
        }
    }

    fn endpoints(weights: &[u32], seed: u64, turns: usize) -> Vec<usize> {
        let mut deal = Deal::new(&mix(weights, 1), Random::seeded(seed));
        (0..turns).map(|_| deal.turn().endpoint).collect()
    }

    #[test]
    fn every_block_has_the_exact_shares() {
        // A common divisor of 50: blocks of ten.
        for block in endpoints(&[350, 50, 100], 7, 1000).chunks(10) {
            let share = |endpoint| block.iter().filter(|dealt| **dealt == endpoint).count();
            assert_eq!([share(0), share(1), share(2)], [7, 1, 2]);
        }
    }

    #[test]
    fn the_order_is_random_and_repeated_with_the_seed() {
        let dealt = endpoints(&[1, 1], 1, 64);
        assert_eq!(dealt, endpoints(&[1, 1], 1, 64));
        assert_ne!(dealt, endpoints(&[1, 1], 2, 64));
        let first = dealt.chunks(2).filter(|block| block[0] == 0).count();
        assert!((8..=24).contains(&first), "{first} of 32");
    }

    #[test]
    fn turns_are_numbered_for_each_endpoint() {
        let mut deal = Deal::new(&mix(&[3, 2], 1), Random::seeded(5));
        let mut seen = [0, 0];
        for _ in 0..100 {
            let dealt = deal.turn();
            assert_eq!(dealt.before, seen[dealt.endpoint]);
            seen[dealt.endpoint] += 1;
        }
        assert_eq!(seen, [60, 40]);
    }

    #[test]
    fn huge_weights_need_no_memory() {
        let dealt = endpoints(&[u32::MAX, 1, u32::MAX - 1], 3, 1000);
        let first = dealt.iter().filter(|endpoint| **endpoint == 0).count();
        assert!((400..600).contains(&first), "{first}");
    }

    #[test]
    fn either_version_is_first_about_as_often() {
        let mut deal = Deal::new(&mix(&[1], 2), Random::seeded(11));
        let mut first = 0;
        for _ in 0..10_000 {
            deal.turn();
            let [a, b] = [deal.version(0), deal.version(1)];
            assert_eq!(a + b, 1);
            first += usize::from(a == 0);
        }
        assert!((4800..5200).contains(&first), "{first}");
    }
}
