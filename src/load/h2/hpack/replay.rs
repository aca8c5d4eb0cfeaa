//! [`fields`]: header blocks through the decoder, for tests and fuzzers outside of this crate.

use super::{Decoder, TABLE};

/// Name and value of a field.
pub type Pair = (Vec<u8>, Vec<u8>);

/// The fields of the header blocks of a connection, up to the first one that cannot be decoded; and whether there is one.
///
/// # Panics
///
/// If the dynamic table is larger than it may be, which is a mistake in iter8.
pub fn fields<'a>(blocks: impl IntoIterator<Item = &'a [u8]>) -> (Vec<Vec<Pair>>, bool) {
    let mut decoder = Decoder::new();
    let mut all = Vec::new();
    for block in blocks {
        let mut pairs = Vec::new();
        let outcome = decoder.decode(block, |name, value| pairs.push((name.to_vec(), value.to_vec())));
        assert!(decoder.size() <= TABLE, "the table is too large");
        if outcome.is_err() {
            return (all, true);
        }
        all.push(pairs);
    }
    (all, false)
}
