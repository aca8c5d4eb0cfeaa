//! Tests of reading: nothing is dropped in silence.

use super::*;

#[test]
fn a_variable_that_is_empty_is_told_to_be_so() {
    let source = SourceFile::new("e.yaml", "['${EMPTY}', '${GONE}', '${EMPTY:-default}']");
    let root = Node::parse(&source).expect("yaml");
    let lookup = |name: &str| (name == "EMPTY").then(String::new);
    let mut decoder = Decoder::new(&source, Path::new("."), &lookup, Mask::default());
    let read: Vec<Option<String>> = root.items().iter().map(|item| decoder.read(item)).collect();
    assert_eq!(read, [None, None, Some("default".to_owned())]);
    let said: Vec<String> = decoder
        .into_diagnostics()
        .into_iter()
        .map(|found| found.message)
        .collect();
    assert_eq!(
        said,
        ["EMPTY is empty in the environment", "the environment has no GONE"]
    );
}

#[derive(Debug, Clone, PartialEq)]
struct Silent;

impl Decode for Silent {
    const TYPE: &'static str = "something else";

    fn schema() -> serde_json::Value {
        serde_json::Value::Null
    }

    fn decode(_: &Node, decoder: &mut Decoder<'_>) -> Option<Self> {
        decoder.warning(&At::Named("e".into()), "a doubt", None);
        None
    }
}

crate::fields! {
    /// Fields of a type that refuses and does not say so.
    struct Holder in "a holder" {
        /// Alone.
        one: Silent = ["one"],
        /// In a list.
        list: Vec<Silent> = ["list"],
        /// In a map.
        map: crate::spec::Map<Silent> = ["map"],
    }
}

#[test]
fn what_is_read_to_nothing_is_always_reported() {
    let source = SourceFile::new("e.yaml", "one: 1\nlist: [2, 3]\nmap: {a: 4}\n");
    let root = Node::parse(&source).expect("yaml");
    let mut decoder = Decoder::new(&source, Path::new("."), &|_| None, Mask::default());
    assert_eq!(Holder::decode(&root, &mut decoder), Some(Holder::default()));
    let places: Vec<String> = decoder
        .into_diagnostics()
        .iter()
        .filter(|found| found.is_error() && found.message == "expected something else, found a number")
        .filter_map(|found| found.place.as_ref().map(ToString::to_string))
        .collect();
    assert_eq!(places, ["e.yaml:1:6", "e.yaml:2:8", "e.yaml:2:11", "e.yaml:3:10"]);
}
