//! [`Weights`]: which destination gets how much, in percent.

use std::collections::BTreeMap;
use std::fmt;

use serde::{Deserialize, Serialize};

/// All of the traffic.
pub(super) const WHOLE: u64 = 100;

/// Weights by destination; `None` is one that has none.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Weights(pub(super) BTreeMap<String, Option<u64>>);

impl Weights {
    /// So many percent for one; the others share the rest as they shared it before. `None` if they had nothing.
    pub(super) fn step(&self, one: &str, percent: u64) -> Option<Self> {
        let others: Vec<(&String, u64)> = self
            .0
            .iter()
            .filter(|(name, _)| *name != one)
            .map(|(name, weight)| (name, weight.unwrap_or(0)))
            .collect();
        let sum: u64 = others.iter().map(|(_, weight)| weight).sum();
        if sum == 0 {
            return None;
        }
        let rest = WHOLE.saturating_sub(percent);
        // The largest remainders get what rounding down leaves.
        let mut shares: Vec<(&String, u64, u64)> = others
            .iter()
            .map(|(name, weight)| {
                let share = u128::from(*weight) * u128::from(rest);
                let (whole, left) = (share / u128::from(sum), share % u128::from(sum));
                let small = |number: u128| u64::try_from(number).unwrap_or(0);
                (*name, small(whole), small(left))
            })
            .collect();
        let given: u64 = shares.iter().map(|(_, whole, _)| whole).sum();
        shares.sort_by_key(|(_, _, left)| std::cmp::Reverse(*left));
        let missing = usize::try_from(rest.saturating_sub(given)).unwrap_or(0);
        shares
            .iter_mut()
            .take(missing)
            .for_each(|(_, whole, _)| *whole += 1);
        let mut all: BTreeMap<_, _> = shares
            .into_iter()
            .map(|(name, whole, _)| (name.clone(), Some(whole)))
            .collect();
        all.insert(one.to_owned(), Some(percent));
        Some(Self(all))
    }
}

impl fmt::Display for Weights {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.0.is_empty() {
            return f.write_str("none");
        }
        for (index, (name, weight)) in self.0.iter().enumerate() {
            let comma = if index == 0 { "" } else { ", " };
            match weight {
                Some(weight) => write!(f, "{comma}{name} {weight}")?,
                None => write!(f, "{comma}{name} without a weight")?,
            }
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn weights(all: &[(&str, u64)]) -> Weights {
        Weights(
            all.iter()
                .map(|(name, weight)| ((*name).to_owned(), Some(*weight)))
                .collect(),
        )
    }

    #[test]
    fn the_others_share_the_rest_as_before() {
        let two = weights(&[("canary", 0), ("stable", 100)]);
        assert_eq!(
            two.step("canary", 10),
            Some(weights(&[("canary", 10), ("stable", 90)]))
        );
        let three = weights(&[("a", 2), ("b", 1), ("c", 0)]);
        assert_eq!(
            three.step("c", 50),
            Some(weights(&[("a", 33), ("b", 17), ("c", 50)]))
        );
        assert_eq!(
            three.step("c", 100),
            Some(weights(&[("a", 0), ("b", 0), ("c", 100)]))
        );
        // One that is not there yet.
        assert_eq!(
            weights(&[("old", 100)]).step("new", 5),
            Some(weights(&[("new", 5), ("old", 95)]))
        );
    }

    #[test]
    fn nothing_can_be_taken_from_who_has_nothing() {
        assert_eq!(
            weights(&[("canary", 100), ("stable", 0)]).step("canary", 10),
            None
        );
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(200))]
        #[test]
        fn a_step_adds_up_to_all_of_the_traffic(others in prop::collection::vec(0_u64..1_000_000, 1..8), percent in 0_u64..=100) {
            let named: Vec<(String, u64)> = others.iter().enumerate().map(|(index, weight)| (format!("v{index}"), *weight)).collect();
            let named: Vec<(&str, u64)> = named.iter().map(|(name, weight)| (name.as_str(), *weight)).collect();
            if let Some(step) = weights(&named).step("canary", percent) {
                prop_assert_eq!(step.0.values().flatten().sum::<u64>(), WHOLE);
                prop_assert_eq!(step.0["canary"], Some(percent));
            } else {
                prop_assert!(others.iter().all(|weight| *weight == 0));
            }
        }
    }
}
