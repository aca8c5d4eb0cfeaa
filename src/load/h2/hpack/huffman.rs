//! [`decode`]: strings in the Huffman code of RFC 7541, appendix B.
//!
//! # Why
//! The code is canonical: codes of one length follow each other in the order of their symbols, and longer ones lie behind
//! shorter ones. So the lengths say everything, and the tables are made of them when iter8 is compiled.

use super::Malformed;

/// Bits of the code of each byte, and of the end of a string.
#[rustfmt::skip]
const LENGTHS: [u8; SYMBOLS] = [
    13, 23, 28, 28, 28, 28, 28, 28, 28, 24, 30, 28, 28, 30, 28, 28, 28, 28, 28, 28, 28, 28, 30, 28, 28, 28, 28, 28, 28, 28, 28, 28,
    6, 10, 10, 12, 13, 6, 8, 11, 10, 10, 8, 11, 8, 6, 6, 6, 5, 5, 5, 6, 6, 6, 6, 6, 6, 6, 7, 8, 15, 6, 12, 10,
    13, 6, 7, 7, 7, 7, 7, 7, 7, 7, 7, 7, 7, 7, 7, 7, 7, 7, 7, 7, 7, 7, 7, 7, 8, 7, 8, 13, 19, 13, 14, 6,
    15, 5, 6, 5, 6, 5, 6, 6, 6, 5, 7, 7, 6, 6, 6, 5, 6, 7, 6, 5, 5, 6, 7, 7, 7, 7, 7, 15, 11, 14, 13, 28,
    20, 22, 20, 20, 22, 22, 22, 23, 22, 23, 23, 23, 23, 23, 24, 23, 24, 24, 22, 23, 24, 23, 23, 23, 23, 21, 22, 23, 22, 23, 23, 24,
    22, 21, 20, 22, 22, 23, 23, 21, 23, 22, 22, 24, 21, 22, 23, 23, 21, 21, 22, 21, 23, 22, 23, 23, 20, 22, 22, 22, 23, 22, 22, 23,
    26, 26, 20, 19, 22, 23, 22, 25, 26, 26, 26, 27, 27, 26, 24, 25, 19, 21, 26, 27, 27, 26, 27, 24, 21, 21, 26, 26, 28, 27, 27, 27,
    20, 24, 20, 21, 22, 21, 21, 23, 22, 22, 25, 25, 24, 24, 26, 23, 26, 27, 26, 26, 27, 27, 27, 27, 27, 28, 27, 27, 27, 27, 27, 26,
    30,
];

const SYMBOLS: usize = 257;
/// The end of a string; it never stands in one.
const END: u16 = 256;
/// Bits of the longest code.
const LONGEST: usize = 30;
/// Bits of the codes that are looked up in one step: those of most characters of text.
const SHORT: usize = 8;

/// All that is known of the code.
struct Code {
    /// Symbols in the order of their codes.
    symbols: [u16; SYMBOLS],
    /// For each length, the place of its first symbol among those.
    places: [u16; LONGEST + 1],
    /// For each length, its first code.
    firsts: [u32; LONGEST + 1],
    /// For each length, where longer codes begin, as the first of 32 bits.
    limits: [u64; LONGEST + 1],
    /// The symbol and the length that some first bits are the code of; the length is 0 where it is longer.
    short: [(u16, u8); 1 << SHORT],
}

static CODE: Code = code();

#[expect(clippy::cast_possible_truncation, reason = "lengths are at most 30")]
const fn code() -> Code {
    let mut code = Code {
        symbols: [0; SYMBOLS],
        places: [0; LONGEST + 1],
        firsts: [0; LONGEST + 1],
        limits: [0; LONGEST + 1],
        short: [(0, 0); 1 << SHORT],
    };
    let (mut length, mut place, mut next) = (1, 0, 0_u32);
    while length <= LONGEST {
        next <<= 1;
        code.places[length] = place;
        code.firsts[length] = next;
        let mut symbol = 0;
        while symbol <= END {
            if LENGTHS[symbol as usize] as usize == length {
                code.symbols[place as usize] = symbol;
                if length <= SHORT {
                    let spare = SHORT - length;
                    let (mut at, end) = ((next as usize) << spare, (next as usize + 1) << spare);
                    while at < end {
                        code.short[at] = (symbol, length as u8);
                        at += 1;
                    }
                }
                place += 1;
                next += 1;
            }
            symbol += 1;
        }
        code.limits[length] = (next as u64) << (32 - length);
        length += 1;
    }
    code
}

/// The symbol that 32 bits begin with, and the length of its code.
#[expect(clippy::cast_possible_truncation, reason = "lengths are at most 30")]
fn first(bits: u32) -> (u16, u32) {
    let (symbol, length) = CODE.short[(bits >> (32 - SHORT)) as usize];
    if length > 0 {
        return (symbol, u32::from(length));
    }
    let longer = SHORT + 1..=LONGEST;
    let length = longer
        .into_iter()
        .find(|length| u64::from(bits) < CODE.limits[*length]);
    let length = length.unwrap_or(LONGEST);
    let nth = (bits >> (32 - length)) - CODE.firsts[length];
    let place = CODE.places[length] as usize + nth as usize;
    (CODE.symbols.get(place).copied().unwrap_or(END), length as u32)
}

/// Appends the decoded string.
#[expect(
    clippy::cast_possible_truncation,
    reason = "of the bits that are held the first 32 are taken, and all symbols but the last are bytes"
)]
pub(super) fn decode(text: &[u8], out: &mut Vec<u8>) -> Result<(), Malformed> {
    let mut text = text.iter();
    let (mut held, mut count) = (0_u64, 0_u32);
    loop {
        while count < 32
            && let Some(byte) = text.next()
        {
            held = held << 8 | u64::from(*byte);
            count += 8;
        }
        // What is missing at the end is filled with ones, as the padding is.
        let bits = if count >= 32 {
            (held >> (count - 32)) as u32
        } else {
            (held << (32 - count)) as u32 | u32::MAX.checked_shr(count).unwrap_or(0)
        };
        let (symbol, length) = first(bits);
        if symbol == END || length > count {
            return if count < 8 && bits == u32::MAX {
                Ok(())
            } else {
                Err(Malformed)
            };
        }
        out.push(symbol as u8);
        count -= length;
        held &= (1 << count) - 1;
    }
}
