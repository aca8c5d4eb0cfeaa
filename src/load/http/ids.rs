//! What is new in each request: [`uuid`]s, and the trace contexts of a run, [`RunId`].

use crate::load::random::Random;

/// By which the trace ids of a run are spread.
const STEP: u64 = 0x9e37_79b9_7f4a_7c15;
const HEX: &[u8; 16] = b"0123456789abcdef";

/// Length of a UUID as text.
pub(super) const UUID: usize = 36;
/// Length of a trace context as text.
pub(super) const TRACE_CONTEXT: usize = 55;

/// A UUID of version 4: RFC 9562, section 5.4.
pub(super) fn uuid(random: &mut Random) -> [u8; UUID] {
    let bits = (u128::from(random.bits()) << 64) | u128::from(random.bits());
    let versioned = (bits & !(0xf << 76) & !(0x3 << 62)) | (0x4 << 76) | (0x2 << 62);
    let mut text = [b'-'; UUID];
    // Digits 8, 12, 16 and 20 stand behind a dash.
    for (from, to) in [(0, 8), (9, 13), (14, 18), (19, 23), (24, 36)] {
        let before = [8, 12, 16, 20].iter().filter(|digit| from > **digit).count();
        write_hex(versioned << (4 * (from - before)), &mut text[from..to]);
    }
    text
}

/// <https://prng.di.unimi.it/splitmix64.c>; a bijection.
fn mixed(mut z: u64) -> u64 {
    z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    z ^ (z >> 31)
}

/// The first digits of a number, as many as there is room for.
fn write_hex(number: u128, digits: &mut [u8]) {
    let mut rest = number;
    for digit in digits {
        *digit = HEX[(rest >> 124) as usize];
        rest <<= 4;
    }
}

/// What the trace contexts of a run have in common. They are a function of it and the number of a request, so that any
/// of them can be named again later without being kept.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct RunId(u64);

impl RunId {
    pub(super) fn new(random: &mut Random) -> Self {
        // A trace id of zeros alone is not valid.
        Self(random.bits() | 1)
    }
}

impl RunId {
    /// The trace id of a request: its first half is that of the run, its second half differs for each request.
    pub(super) fn trace_id(self, n: u64) -> u128 {
        (u128::from(self.0) << 64) | u128::from(mixed(self.0.wrapping_add(n.wrapping_mul(STEP))))
    }

    /// The same as text.
    pub(super) fn traceparent(self, n: u64) -> String {
        self.trace_context(n).iter().copied().map(char::from).collect()
    }

    /// The value of `traceparent` for a request, not sampled: <https://www.w3.org/TR/trace-context/#traceparent-header>.
    pub(super) fn trace_context(self, n: u64) -> [u8; TRACE_CONTEXT] {
        let trace = self.trace_id(n);
        // A parent id of zeros alone is not valid either.
        let parent = mixed(mixed(self.0) ^ n) | 1;
        let mut text = *b"00-00000000000000000000000000000000-0000000000000000-00";
        write_hex(trace, &mut text[3..35]);
        write_hex(u128::from(parent) << 64, &mut text[36..52]);
        text
    }
}

#[cfg(test)]
mod tests {
    use std::collections::HashSet;

    use super::*;

    fn matches(text: &[u8], pattern: &str) -> bool {
        let text = std::str::from_utf8(text).expect("text");
        regex::Regex::new(pattern).expect("pattern").is_match(text)
    }

    #[test]
    fn a_uuid_is_random_and_of_version_4() {
        let mut random = Random::new();
        let all: HashSet<[u8; UUID]> = (0..100).map(|_| uuid(&mut random)).collect();
        assert_eq!(all.len(), 100);
        let pattern = "^[0-9a-f]{8}-[0-9a-f]{4}-4[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}$";
        assert!(all.iter().all(|uuid| matches(uuid, pattern)), "{all:?}");
        for position in (0..UUID).filter(|position| ![8, 13, 14, 18, 23].contains(position)) {
            let digits: HashSet<u8> = all.iter().map(|uuid| uuid[position]).collect();
            assert!(digits.len() > 2, "position {position}");
        }
    }

    #[test]
    fn the_trace_context_of_a_request_is_its_own_and_can_be_named_again() {
        let run = RunId::new(&mut Random::new());
        let all: HashSet<[u8; TRACE_CONTEXT]> = (0..100).map(|n| run.trace_context(n)).collect();
        assert_eq!(all.len(), 100);
        for n in [0, 7, u64::MAX] {
            let context = run.trace_context(n);
            assert_eq!(context, run.trace_context(n));
            assert!(
                matches(&context, "^00-[0-9a-f]{32}-[0-9a-f]{16}-00$"),
                "{context:?}"
            );
            assert_eq!(context[3..35], *format!("{:032x}", run.trace_id(n)).as_bytes());
        }
    }
}
