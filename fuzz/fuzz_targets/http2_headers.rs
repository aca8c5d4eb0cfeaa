//! Header blocks of HTTP/2, each behind a byte with its length: the same fields as by another decoder, or both refuse.
#![no_main]

use fluke_hpack::Decoder;
use fluke_hpack::decoder::{DecoderError, IntegerDecodingError};
use iter8::fuzzing::fields;

libfuzzer_sys::fuzz_target!(|input: &[u8]| {
    let mut rest = input;
    let blocks: Vec<&[u8]> = std::iter::from_fn(|| {
        let (length, after) = rest.split_first()?;
        let (block, after) = after.split_at(after.len().min(usize::from(*length)));
        rest = after;
        Some(block)
    })
    .collect();
    let (known, refused) = fields(blocks.iter().copied());
    let mut other = Decoder::new();
    for (block, known) in blocks.iter().zip(&known) {
        match other.decode(block) {
            Ok(fields) => assert_eq!(*known, fields),
            // It takes fewer zeros in front of a number, and no block without a field.
            Err(DecoderError::IntegerDecodingError(IntegerDecodingError::TooManyOctets)) => return,
            Err(DecoderError::SizeUpdateAtEnd) => return assert!(known.is_empty()),
            Err(error) => panic!("we understand what another refuses: {error:?}"),
        }
    }
    // It takes any size of the table at any place, and panics where that is no number.
    if refused && !blocks[known.len()].iter().any(|byte| (0x20..0x40).contains(byte)) {
        assert!(other.decode(blocks[known.len()]).is_err(), "we refuse what another understands");
    }
});
