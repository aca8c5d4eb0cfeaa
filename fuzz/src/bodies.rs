//! What must hold for the decoder of encoded bodies, and flate2's readers as its oracle.

use std::io::Read;

use flate2::read::{DeflateDecoder, MultiGzDecoder, ZlibDecoder};
use http::HeaderValue;
use iter8::fuzzing::{Unfolded, unfold};

use super::laws::pieces;

/// Most bytes that may come out of a body.
const MOST: usize = 1 << 20;
/// Most bytes of one piece of it.
const PIECE: usize = 256 << 10;

/// Checks a line with the Content-Encoding and the body after it, cut in several ways.
///
/// # Panics
///
/// Where a law is broken.
pub fn check(input: &[u8]) {
    let Some(whole) = unfolded(input) else {
        return;
    };
    bounded(&whole);
    let (coding, body) = split(input).expect("what was unfolded");
    for cut in [
        unfold(&coding, body.chunks(1), MOST),
        unfold(&coding, pieces(body, 1), MOST),
    ] {
        let cut = cut.expect("the same encoding");
        bounded(&cut);
        same(&whole, &cut);
    }
    if let Some(expected) = expected(&coding, body) {
        same(&expected, &whole);
    }
}

/// What a body unfolds to; `None` if its encoding is not known.
pub fn unfolded(input: &[u8]) -> Option<Unfolded> {
    let (coding, body) = split(input)?;
    unfold(&coding, [body], MOST)
}

fn split(input: &[u8]) -> Option<(HeaderValue, &[u8])> {
    let feed = input.iter().position(|byte| *byte == b'\n')?;
    let coding = HeaderValue::from_bytes(&input[..feed]).ok()?;
    Some((coding, &input[feed + 1..]))
}

fn bounded(unfolded: &Unfolded) {
    assert!(!unfolded.idle, "an empty piece");
    assert!(unfolded.largest <= PIECE, "a piece of {} bytes", unfolded.largest);
    assert!(
        unfolded.body.len() <= MOST + PIECE,
        "{} bytes",
        unfolded.body.len()
    );
}

/// How much of a broken body comes out before it breaks is chance.
fn same(one: &Unfolded, other: &Unfolded) {
    assert_eq!(
        one.failure.is_some(),
        other.failure.is_some(),
        "{:?}, {:?}",
        one.failure,
        other.failure
    );
    let common = one.body.len().min(other.body.len());
    assert!(one.body[..common] == other.body[..common], "other bytes");
    assert!(
        one.failure.is_some() || one.body.len() == other.body.len(),
        "other lengths"
    );
}

/// The same by a reader that has all of the body; `None` for one without an encoding.
fn expected(coding: &HeaderValue, body: &[u8]) -> Option<Unfolded> {
    let coding = coding.to_str().ok()?.to_ascii_lowercase();
    let first = body.first()?;
    let mut reader: Box<dyn Read + '_> = if coding.contains("gzip") {
        Box::new(MultiGzDecoder::new(body))
    } else if !coding.contains("deflate") {
        Box::new(body)
    } else if first & 0x8f == 0x08 {
        Box::new(ZlibDecoder::new(body))
    } else {
        Box::new(DeflateDecoder::new(body))
    };
    let mut out = Vec::new();
    let read = reader.by_ref().take(MOST as u64 + 1).read_to_end(&mut out);
    let failure = match read {
        Err(cause) => Some(cause.to_string()),
        Ok(_) => (out.len() > MOST).then(|| "too much".to_owned()),
    };
    Some(Unfolded {
        largest: out.len(),
        idle: false,
        body: out,
        failure,
    })
}
