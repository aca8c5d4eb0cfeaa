//! Sums and encodings of texts.

use rustls::crypto::ring::cipher_suite::TLS13_AES_128_GCM_SHA256;

use super::super::super::value::Value;
use super::super::{Function, function, text};

pub(super) const HASHES: &[Function] = &[
    function("sha256sum", 1, 1, |_, values| {
        // The same SHA-256 that TLS uses: no second one in the program.
        let rustls::SupportedCipherSuite::Tls13(suite) = TLS13_AES_128_GCM_SHA256 else {
            return Err("there is no SHA-256".to_owned());
        };
        let sum = suite.common.hash_provider.hash(text(values, 0)?.as_bytes());
        Value::text(hexadecimal(sum.as_ref()))
    }),
    function("sha1sum", 1, 1, |_, values| {
        Value::text(hexadecimal(&sha1(text(values, 0)?.as_bytes())))
    }),
    function("adler32sum", 1, 1, |_, values| {
        let (low, high) = text(values, 0)?
            .bytes()
            .fold((1_u32, 0_u32), |(low, high), byte| {
                let low = (low + u32::from(byte)) % 65_521;
                (low, (high + low) % 65_521)
            });
        Value::text(((high << 16) | low).to_string())
    }),
    function("b32enc", 1, 1, |_, values| {
        Value::text(base32(text(values, 0)?.as_bytes()))
    }),
    function("b32dec", 1, 1, |_, values| {
        let bytes = from_base32(text(values, 0)?).ok_or("this is no base32")?;
        Value::text(String::from_utf8_lossy(&bytes).into_owned())
    }),
];

fn hexadecimal(bytes: &[u8]) -> String {
    bytes
        .iter()
        .fold(String::new(), |text, byte| text + &format!("{byte:02x}"))
}

/// SHA-1 (RFC 3174): a check sum here, no security.
fn sha1(message: &[u8]) -> [u8; 20] {
    let mut state = [
        0x6745_2301_u32,
        0xefcd_ab89,
        0x98ba_dcfe,
        0x1032_5476,
        0xc3d2_e1f0,
    ];
    let mut padded = message.to_vec();
    padded.push(0x80);
    while padded.len() % 64 != 56 {
        padded.push(0);
    }
    padded.extend_from_slice(&(message.len() as u64 * 8).to_be_bytes());
    for block in padded.chunks_exact(64) {
        let mut words = [0_u32; 80];
        for (word, bytes) in words.iter_mut().zip(block.chunks_exact(4)) {
            *word = bytes.iter().fold(0, |word, byte| (word << 8) | u32::from(*byte));
        }
        for at in 16..80 {
            words[at] = (words[at - 3] ^ words[at - 8] ^ words[at - 14] ^ words[at - 16]).rotate_left(1);
        }
        let [mut one, mut two, mut three, mut four, mut five] = state;
        for (at, word) in words.iter().enumerate() {
            let (mix, constant) = match at / 20 {
                0 => ((two & three) | (!two & four), 0x5a82_7999),
                1 => (two ^ three ^ four, 0x6ed9_eba1),
                2 => ((two & three) | (two & four) | (three & four), 0x8f1b_bcdc),
                _ => (two ^ three ^ four, 0xca62_c1d6_u32),
            };
            let next = one
                .rotate_left(5)
                .wrapping_add(mix)
                .wrapping_add(five)
                .wrapping_add(constant)
                .wrapping_add(*word);
            (five, four, three, two, one) = (four, three, two.rotate_left(30), one, next);
        }
        for (sum, part) in state.iter_mut().zip([one, two, three, four, five]) {
            *sum = sum.wrapping_add(part);
        }
    }
    let mut out = [0; 20];
    for (bytes, word) in out.chunks_exact_mut(4).zip(state) {
        bytes.copy_from_slice(&word.to_be_bytes());
    }
    out
}

const BASE32: &[u8; 32] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZ234567";

fn base32(bytes: &[u8]) -> String {
    let mut out = String::new();
    for group in bytes.chunks(5) {
        let bits = (0..5).fold(0_u64, |bits, at| {
            (bits << 8) | u64::from(group.get(at).copied().unwrap_or(0))
        });
        let letters = (group.len() * 8).div_ceil(5);
        for at in 0..8 {
            let digit = usize::try_from((bits >> (35 - 5 * at)) & 31).unwrap_or(0);
            out.push(if at < letters {
                char::from(BASE32[digit])
            } else {
                '='
            });
        }
    }
    out
}

fn from_base32(text: &str) -> Option<Vec<u8>> {
    let mut out = Vec::new();
    let (mut bits, mut held) = (0_u32, 0_u32);
    for byte in text.trim_end_matches('=').bytes() {
        let digit = BASE32.iter().position(|letter| *letter == byte)?;
        bits = (bits << 5) | u32::try_from(digit).ok()?;
        held += 5;
        if held >= 8 {
            held -= 8;
            out.push(u8::try_from((bits >> held) & 0xff).ok()?);
            bits &= (1 << held) - 1;
        }
    }
    Some(out)
}
