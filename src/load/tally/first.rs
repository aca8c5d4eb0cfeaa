//! [`First`]: what comes first, whatever the order of merging.

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
