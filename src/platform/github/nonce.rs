//! [`nonce`]: a text that nobody outside this process can guess, for delimiters and stop tokens.

use std::hash::{BuildHasher as _, RandomState};

/// 32 hexadecimal digits, different at every call. The keys of `RandomState` come from the operating system, and its
/// hash is a keyed pseudo-random function.
pub(super) fn nonce() -> String {
    let [high, low] = [RandomState::new().hash_one(1), RandomState::new().hash_one(2)];
    format!("{high:016x}{low:016x}")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn no_two_are_equal() {
        let many: std::collections::BTreeSet<_> = (0..1000).map(|_| nonce()).collect();
        assert_eq!(many.len(), 1000);
        assert!(many.iter().all(|nonce| nonce.len() == 32));
    }
}
