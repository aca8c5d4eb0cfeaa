//! The corpora of the fuzzers of encoded bodies, of placeholders and of connections, through their checks.

#[path = "../fuzz/src/lib.rs"]
pub mod checks;

use std::path::Path;
use std::sync::LazyLock;

use checks::{bodies, connections, requests};
use iter8::fuzzing::render;
use proptest::prelude::*;
use proptest::sample::Index;
use proptest::test_runner::RngSeed;

/// Encoded bodies; those that unfold to a megabyte take long in a debug build.
static SMALL_BODIES: LazyLock<Vec<(String, Vec<u8>)>> = LazyLock::new(|| {
    let small = |input: &[u8]| bodies::unfolded(input).is_some_and(|unfolded| unfolded.body.len() < 10_000);
    let mut seeds = seeds("gzip");
    seeds.retain(|(_, input)| small(input));
    seeds
});

static CONNECTIONS: LazyLock<Vec<(String, Vec<u8>)>> = LazyLock::new(|| seeds("http2_connection"));

static REQUESTS: LazyLock<Vec<(String, Vec<u8>)>> = LazyLock::new(|| seeds("placeholders"));

/// The seeds of a target and their names.
fn seeds(target: &str) -> Vec<(String, Vec<u8>)> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR"))
        .join("fuzz/corpus")
        .join(target);
    let mut seeds: Vec<_> = std::fs::read_dir(folder)
        .expect("the corpus")
        .map(|entry| entry.expect("a seed").path())
        .map(|path| {
            let name = path.file_name().expect("a name").to_string_lossy().into_owned();
            (name, std::fs::read(path).expect("a seed"))
        })
        .collect();
    seeds.sort();
    assert!(seeds.len() >= 20, "{target}: {} seeds", seeds.len());
    seeds
}

/// Cuts a seed and changes a byte of it.
fn changed(seeds: &[(String, Vec<u8>)], seed: Index, cut: Index, at: Index, byte: u8) -> Vec<u8> {
    let mut input = seed.get(seeds).1.clone();
    input.truncate(input.len() - cut.index(input.len()) / 4);
    let at = at.index(input.len());
    input[at] = byte;
    input
}

#[test]
fn bodies_that_are_named_faults_are_refused_and_others_decoded() {
    for (name, input) in seeds("gzip") {
        bodies::check(&input);
        let unfolded = bodies::unfolded(&input).expect("a known encoding");
        assert_eq!(
            unfolded.failure.is_some(),
            name.starts_with("fault-"),
            "{name}: {:?}",
            unfolded.failure
        );
    }
}

#[test]
fn requests_that_are_named_faults_are_refused_and_others_sent() {
    for (name, input) in REQUESTS.iter() {
        requests::check(input);
        let (spec, _) = requests::spec(input).expect("a request");
        assert_eq!(render(&spec, 1).is_none(), name.starts_with("fault-"), "{name}");
    }
}

#[test]
fn servers_that_are_named_faults_break_the_rules_and_others_are_understood() {
    for (name, server) in CONNECTIONS.iter() {
        connections::check(server);
        let heard = connections::heard([&server[..]]);
        let outcome = (heard.violation.as_ref(), heard.replies[0].end.as_ref());
        let expected = match name.split('-').next() {
            Some("fault") => outcome.0.is_some(),
            Some("malformed") => matches!(outcome, (None, Some(Err(_)))),
            _ => matches!(outcome, (None, Some(Ok(())))),
        };
        assert!(expected, "{name}: {outcome:?}");
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 500, rng_seed: RngSeed::Fixed(1), failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn changed_bodies_keep_the_laws(seed: Index, cut: Index, at: Index, byte: u8) {
        bodies::check(&changed(&SMALL_BODIES, seed, cut, at, byte));
    }

    #[test]
    fn changed_servers_keep_the_laws(seed: Index, cut: Index, at: Index, byte: u8) {
        connections::check(&changed(&CONNECTIONS, seed, cut, at, byte));
    }

    #[test]
    fn changed_requests_keep_the_laws(seed: Index, cut: Index, at: Index, byte: u8) {
        requests::check(&changed(&REQUESTS, seed, cut, at, byte));
    }
}
