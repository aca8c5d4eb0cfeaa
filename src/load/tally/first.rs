//! [`First`] and [`add_named`]: what tallies of several workers merge by.

use std::collections::BTreeMap;

/// The first of something, by the number of its request: the same whatever the order of merging.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct First<T> {
    pub(super) n: u64,
    pub(super) value: T,
}

pub(super) fn earlier<T: Clone>(mine: &mut Option<First<T>>, other: Option<&First<T>>) {
    if let Some(other) = other
        && mine.as_ref().is_none_or(|mine| other.n < mine.n)
    {
        *mine = Some(other.clone());
    }
}

/// Adds to the count of a name, of which there are at most `most` and then the `others`.
pub(super) fn add_named(
    counts: &mut BTreeMap<String, u64>,
    most: usize,
    others: &str,
    name: &str,
    count: u64,
) {
    if let Some(counted) = counts.get_mut(name) {
        *counted += count;
    } else {
        let name = if counts.len() < most { name } else { others };
        *counts.entry(name.to_owned()).or_default() += count;
    }
}
