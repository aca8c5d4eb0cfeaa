//! [`Random`]: where random strings, numbers and UUIDs come from. Quick, and no secret.

use std::hash::{BuildHasher, RandomState};

/// A SplitMix64 generator (<https://prng.di.unimi.it/splitmix64.c>), one per lane.
#[derive(Debug, Clone)]
pub struct Random(u64);

impl Random {
    /// The same sequence for the same seed.
    pub fn seeded(seed: u64) -> Self {
        Self(seed)
    }

    /// Another sequence each time.
    pub fn from_system() -> Self {
        Self(RandomState::new().hash_one(0_u8))
    }

    /// The next 64 bits.
    pub fn bits(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut bits = self.0;
        bits = (bits ^ (bits >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        bits = (bits ^ (bits >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        bits ^ (bits >> 31)
    }

    /// A number from 0 to below `end`, which must not be 0.
    pub(super) fn below(&mut self, end: u64) -> u64 {
        let wide = u128::from(self.bits()) * u128::from(end);
        u64::try_from(wide >> 64).unwrap_or(0)
    }

    /// A UUID of version 4.
    pub fn uuid(&mut self) -> u128 {
        let bits = u128::from(self.bits()) << 64 | u128::from(self.bits());
        bits & !(0xf << 76) & !(0x3 << 62) | (0x4 << 76) | (0x2 << 62)
    }

    /// `length` characters out of `alphabet`, which must not be empty.
    pub(super) fn text(&mut self, length: usize, alphabet: &[u8]) -> String {
        (0..length)
            .map(|_| {
                let at = usize::try_from(self.below(alphabet.len() as u64)).unwrap_or(0);
                char::from(alphabet[at])
            })
            .collect()
    }
}

/// The usual form of a UUID.
pub fn uuid_text(bits: u128) -> String {
    let hex = format!("{bits:032x}");
    format!(
        "{}-{}-{}-{}-{}",
        &hex[..8],
        &hex[8..12],
        &hex[12..16],
        &hex[16..20],
        &hex[20..]
    )
}
