//! Tests of reading: nothing is dropped in silence.

use super::*;

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
