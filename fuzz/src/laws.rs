//! What must hold for the decoder alone.

use iter8::fuzzing::{Memory, Replayed, replay};

/// Checks an answer to HEAD and to GET, cut in several ways, with a fresh memory and with a used one.
///
/// # Panics
///
/// Where a law is broken.
pub fn check(answer: &[u8]) {
    for bodiless in [false, true] {
        let whole = replay([answer], bodiless, &mut Memory::default());
        let mut used = Memory::default();
        let again: Vec<Replayed> = (0..2).map(|_| replay([answer], bodiless, &mut used)).collect();
        assert_eq!(
            again,
            [whole.clone(), whole.clone()],
            "a repeated answer is another one"
        );
        same(
            answer,
            &whole,
            &replay(answer.chunks(1), bodiless, &mut Memory::default()),
            "byte by byte",
        );
        same(
            answer,
            &whole,
            &replay(answer.chunks(1), bodiless, &mut used),
            "byte by byte, known",
        );
        for seed in 0..4 {
            let cuts = pieces(answer, seed);
            same(
                answer,
                &whole,
                &replay(cuts, bodiless, &mut Memory::default()),
                "cut at random",
            );
        }
    }
}

fn same(answer: &[u8], whole: &Replayed, cut: &Replayed, how: &str) {
    for replayed in [whole, cut] {
        let broken = &replayed.broken;
        assert!(
            broken.is_empty(),
            "{how}: {broken:?}\nanswer: {}",
            answer.escape_ascii()
        );
    }
    assert!(
        whole == cut,
        "{how}: {whole:?}\n{cut:?}\nanswer: {}",
        answer.escape_ascii()
    );
}

/// Cuts an answer into pieces of sizes that its bytes and `seed` decide.
pub fn pieces(answer: &[u8], seed: u64) -> impl Iterator<Item = &[u8]> {
    // FNV-1a, then a step of splitmix per piece.
    let hash = answer
        .iter()
        .fold(0xcbf2_9ce4_8422_2325 ^ seed, |hash: u64, byte| {
            (hash ^ u64::from(*byte)).wrapping_mul(0x0100_0000_01b3)
        });
    let (mut random, mut rest) = (hash, answer);
    std::iter::from_fn(move || {
        if rest.is_empty() {
            return None;
        }
        random = random.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mixed = (random ^ (random >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        // Small pieces and large ones alike.
        let most = 1_u64 << ((mixed >> 60) + 1);
        let size = usize::try_from(1 + (mixed >> 20) % most).unwrap_or(1);
        let (piece, after) = rest.split_at(size.min(rest.len()));
        rest = after;
        Some(piece)
    })
}
