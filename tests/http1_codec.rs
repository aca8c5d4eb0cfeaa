//! The corpus of the fuzzers through their checks: the laws of the HTTP/1.1 decoder, and hyper as its oracle.

#[path = "../fuzz/src/lib.rs"]
pub mod checks;

use std::path::Path;
use std::sync::LazyLock;

use checks::differences::{self, DIFFERENCES};
use checks::laws;
use proptest::collection::vec;
use proptest::prelude::*;
use proptest::sample::{Index, select};
use proptest::test_runner::RngSeed;

/// The names of the seeds and the answers in them.
static CORPUS: LazyLock<Vec<(String, Vec<u8>)>> = LazyLock::new(|| {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("fuzz/corpus/http1_response");
    let mut seeds: Vec<_> = std::fs::read_dir(folder)
        .expect("the corpus")
        .map(|entry| entry.expect("a seed").path())
        .map(|path| {
            let name = path.file_name().expect("a name").to_string_lossy().into_owned();
            (name, std::fs::read(path).expect("a seed"))
        })
        .collect();
    seeds.sort();
    seeds
});

fn chunks(chunks: &str) -> Vec<u8> {
    format!("HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n{chunks}").into_bytes()
}

/// Answers at the bounds, too large for the corpus.
fn large() -> Vec<Vec<u8>> {
    let head = |size: usize| {
        let pad = "x".repeat(size - 43);
        format!("HTTP/1.1 200 OK\r\nContent-Length: 0\r\na: {pad}\r\n\r\n").into_bytes()
    };
    let extension = |count: usize, size: usize| {
        let chunk = format!("1;{}\r\nx\r\n", "e".repeat(size));
        chunks(&format!("{}0\r\n\r\n", chunk.repeat(count)))
    };
    let trailer = |size: usize| chunks(&format!("0\r\na: {}\r\n\r\n", "x".repeat(size - 7)));
    vec![
        head(256 << 10),
        head((256 << 10) + 1),
        extension(1, 16_000),
        extension(1, 17_000),
        extension(3, 6_000),
        chunks(&format!("1{}\r\nx\r\n0\r\n\r\n", " ".repeat(17_000))),
        chunks(&format!("{}1\r\nx\r\n0\r\n\r\n", "0".repeat(17_000))),
        trailer((16 << 10) - 1),
        trailer(16 << 10),
    ]
}

#[test]
fn every_seed_keeps_the_laws() {
    assert!(CORPUS.len() >= 100, "{} seeds", CORPUS.len());
    for (_, answer) in CORPUS.iter() {
        laws::check(answer);
    }
    large().iter().for_each(|answer| laws::check(answer));
}

#[test]
fn every_seed_is_what_hyper_takes_it_for() {
    for (_, answer) in CORPUS.iter() {
        differences::check(answer);
    }
    large().iter().for_each(|answer| differences::check(answer));
}

#[test]
fn every_accepted_difference_is_seen() {
    let answers: Vec<Vec<u8>> = CORPUS
        .iter()
        .map(|(_, answer)| answer.clone())
        .chain(large())
        .collect();
    let differing: Vec<_> = answers
        .iter()
        .map(|answer| differences::compare(answer, false))
        .filter(|case| !differences::agree(case))
        .collect();
    for difference in DIFFERENCES {
        assert!(
            differing.iter().any(|case| (difference.explains)(case)),
            "no seed shows that {} ({})",
            difference.name,
            difference.paragraph
        );
    }
}

#[test]
fn seeds_that_are_named_faults_are_refused_and_others_answered() {
    for (name, answer) in CORPUS.iter() {
        let verdict = differences::compare(answer, false).ours.verdict;
        let broken = name.starts_with("fault-") || name.starts_with("cut-") || name == "trailers-many";
        assert_eq!(verdict.is_err(), broken, "{name}: {verdict:?}");
    }
}

/// One change to an answer.
#[derive(Debug, Clone)]
enum Change {
    Byte(Index, u8),
    Cut(Index),
    Remove(Index, usize),
    Insert(Index, &'static [u8]),
    Append(Index),
}

/// What decides how an answer is read.
const WORDS: &[&[u8]] = &[
    b"\r",
    b"\n",
    b"\r\n",
    b"\r\n\r\n",
    b" ",
    b"\t",
    b",",
    b";",
    b":",
    b"0",
    b"1",
    b"f",
    b"\xff",
    b"\0",
    b"close",
    b"keep-alive",
    b"chunked",
    b"\r\nTransfer-Encoding: chunked",
    b"\r\nContent-Length: 2",
    b"\r\nConnection: close",
    b"HTTP/1.0 200 OK\r\n",
    b"HTTP/1.1 100 Continue\r\n\r\n",
    b"0\r\n\r\n",
];

fn change() -> impl Strategy<Value = Change> {
    prop_oneof![
        (any::<Index>(), any::<u8>()).prop_map(|(at, byte)| Change::Byte(at, byte)),
        any::<Index>().prop_map(Change::Cut),
        (any::<Index>(), 1..8_usize).prop_map(|(at, size)| Change::Remove(at, size)),
        (any::<Index>(), select(WORDS)).prop_map(|(at, word)| Change::Insert(at, word)),
        any::<Index>().prop_map(Change::Append),
    ]
}

fn changed(mut answer: Vec<u8>, changes: &[Change]) -> Vec<u8> {
    for change in changes {
        let place = |at: &Index| at.index(answer.len() + 1);
        match change {
            Change::Byte(at, byte) => {
                let at = place(at);
                answer.splice(at..(at + 1).min(answer.len()), [*byte]);
            }
            Change::Cut(at) => {
                let at = place(at);
                answer.truncate(at);
            }
            Change::Remove(at, size) => {
                let at = place(at);
                answer.drain(at..(at + size).min(answer.len()));
            }
            Change::Insert(at, word) => {
                let at = place(at);
                answer.splice(at..at, word.iter().copied());
            }
            Change::Append(seed) => answer.extend_from_slice(&seed.get(&CORPUS).1),
        }
    }
    answer
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 1_500, rng_seed: RngSeed::Fixed(1), failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn changed_seeds_keep_the_laws_and_agree_with_hyper(seed: Index, changes in vec(change(), 1..5)) {
        let answer = changed(seed.get(&CORPUS).1.clone(), &changes);
        laws::check(&answer);
        differences::check(&answer);
    }
}
