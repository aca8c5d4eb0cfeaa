//! What must hold for a connection of HTTP/2, whatever its server sends.

use std::iter::once;

use iter8::fuzzing::{Act, Conversation, converse};

use super::laws::pieces;

/// What is under way when the server begins: streams 1, 3, 5, 7 and 9.
const ASKED: [Act; 5] = [Act::Get, Act::Head, Act::Post, Act::Get, Act::Get];

/// What becomes of the first requests, which nobody touches while the server speaks.
pub fn heard<'a>(pieces: impl IntoIterator<Item = &'a [u8]>) -> Conversation {
    let first = once((&[][..], ASKED.to_vec()));
    let others = pieces.into_iter().map(|piece| (piece, Vec::new()));
    converse(first.chain(others))
}

/// Checks what a server sends, cut in several ways, to a client that waits and to clients that do something else meanwhile.
///
/// # Panics
///
/// Where a law is broken.
pub fn check(server: &[u8]) {
    let told = |what: &str| format!("{what}\nserver: {}", server.escape_ascii());
    let whole = heard([server]);
    assert!(
        whole.broken.is_empty(),
        "{}",
        told(&format!("{:?}", whole.broken))
    );
    let body: usize = whole.replies.iter().map(|reply| reply.body.len()).sum();
    assert!(body <= server.len(), "{}", told("a body is made up"));
    assert!(
        heard(server.chunks(1)) == whole,
        "{}",
        told("byte by byte, it is another")
    );
    for seed in 0..4 {
        let cut = heard(pieces(server, seed));
        assert!(cut == whole, "{}", told("in pieces, it is another"));
        let lively = converse(lively(server, seed));
        assert!(
            lively.broken.is_empty(),
            "{}",
            told(&format!("{:?}", lively.broken))
        );
    }
}

/// Pieces, and what a client does before each, as `seed` decides.
fn lively(server: &[u8], seed: u64) -> impl Iterator<Item = (&[u8], Vec<Act>)> {
    let mut random = seed;
    let acts = move |piece: &[u8]| {
        let more = piece.iter().fold(piece.len() as u64, |sum, byte| {
            sum * 31 % 65_521 + u64::from(*byte)
        });
        random = random
            .wrapping_add(more)
            .wrapping_mul(0x9e37_79b9_7f4a_7c15)
            .rotate_left(17);
        match random >> 60 {
            0..4 => vec![Act::Get],
            4 => vec![Act::Head],
            5..7 => vec![
                Act::Post,
                Act::Write(usize::try_from(random % 70_000).unwrap_or(0)),
            ],
            7..9 => vec![Act::GiveUp],
            9 => vec![Act::Take, Act::GiveUp, Act::Get],
            10..12 => vec![Act::Take],
            12..14 => vec![Act::Write(usize::MAX)],
            _ => vec![Act::Listen],
        }
    };
    let first = once((&[][..], ASKED.to_vec()));
    first.chain(pieces(server, seed).scan(acts, |acts, piece| Some((piece, acts(piece)))))
}
