//! [`begins_with`]: comparing what came with what came before.
//!
//! Of lengths that are not known beforehand musl compares one byte after the other. Heads of answers are compared with
//! the last one for each request, which took longer than all else that is done with them.

/// Whether `bytes` begin with `beginning`.
pub(super) fn begins_with(bytes: &[u8], beginning: &[u8]) -> bool {
    let Some(bytes) = bytes.get(..beginning.len()) else {
        return false;
    };
    let (theirs, rest) = bytes.as_chunks::<16>();
    let (known, known_rest) = beginning.as_chunks::<16>();
    theirs.iter().eq(known) && rest.iter().eq(known_rest)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_byte_of_every_length_counts() {
        let whole: Vec<u8> = (0..70).collect();
        for length in 0..whole.len() {
            assert!(begins_with(&whole, &whole[..length]));
            assert!(!begins_with(&whole[..length], &whole[..=length]));
            for at in 0..length {
                let mut other = whole.clone();
                other[at] ^= 1;
                assert!(!begins_with(&other, &whole[..length]), "{at} of {length}");
            }
        }
    }
}
