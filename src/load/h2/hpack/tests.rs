//! The examples of RFC 7541, appendix C, and what no peer may be able to do.

use http::{HeaderValue, Request};
use proptest::prelude::*;

use super::huffman;
use super::{Decoder, Encoder, HeadId, Malformed};

type Fields = Vec<(String, String)>;

fn bytes(hex: &str) -> Vec<u8> {
    let digits: Vec<u8> = hex.bytes().filter(u8::is_ascii_hexdigit).collect();
    let pair =
        |pair: &[u8]| u8::from_str_radix(std::str::from_utf8(pair).expect("text"), 16).expect("a byte");
    digits.chunks(2).map(pair).collect()
}

fn decode(decoder: &mut Decoder, block: &[u8]) -> Result<Fields, Malformed> {
    let mut fields = Vec::new();
    let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
    decoder.decode(block, |name, value| fields.push((text(name), text(value))))?;
    Ok(fields)
}

/// Each block on the same connection, and the fields in it.
fn all_decode(blocks: &[(&str, &[(&str, &str)])]) {
    let mut decoder = Decoder::new();
    for (block, fields) in blocks {
        let fields: Fields = fields
            .iter()
            .map(|(name, value)| ((*name).into(), (*value).into()))
            .collect();
        assert_eq!(decode(&mut decoder, &bytes(block)), Ok(fields), "{block}");
    }
}

const FIRST: &[(&str, &str)] = &[
    (":method", "GET"),
    (":scheme", "http"),
    (":path", "/"),
    (":authority", "www.example.com"),
];
const SECOND: &[(&str, &str)] = &[
    (":method", "GET"),
    (":scheme", "http"),
    (":path", "/"),
    (":authority", "www.example.com"),
    ("cache-control", "no-cache"),
];
const THIRD: &[(&str, &str)] = &[
    (":method", "GET"),
    (":scheme", "https"),
    (":path", "/index.html"),
    (":authority", "www.example.com"),
    ("custom-key", "custom-value"),
];

#[test]
fn fields_of_every_form_are_decoded() {
    // C.2.1 to C.2.4, each on its own.
    for (block, name, value) in [
        (
            "400a 6375 7374 6f6d 2d6b 6579 0d63 7573 746f 6d2d 6865 6164 6572",
            "custom-key",
            "custom-header",
        ),
        ("040c 2f73 616d 706c 652f 7061 7468", ":path", "/sample/path"),
        ("1008 7061 7373 776f 7264 0673 6563 7265 74", "password", "secret"),
        ("82", ":method", "GET"),
    ] {
        all_decode(&[(block, &[(name, value)])]);
    }
}

#[test]
fn requests_without_huffman_are_decoded() {
    all_decode(&[
        ("8286 8441 0f77 7777 2e65 7861 6d70 6c65 2e63 6f6d", FIRST),
        ("8286 84be 5808 6e6f 2d63 6163 6865", SECOND),
        (
            "8287 85bf 400a 6375 7374 6f6d 2d6b 6579 0c63 7573 746f 6d2d 7661 6c75 65",
            THIRD,
        ),
    ]);
}

#[test]
fn requests_with_huffman_are_decoded() {
    all_decode(&[
        ("8286 8441 8cf1 e3c2 e5f2 3a6b a0ab 90f4 ff", FIRST),
        ("8286 84be 5886 a8eb 1064 9cbf", SECOND),
        (
            "8287 85bf 4088 25a8 49e9 5ba9 7d7f 8925 a849 e95b b8e8 b4bf",
            THIRD,
        ),
    ]);
}

#[test]
fn a_table_that_is_too_small_loses_its_oldest_fields() {
    // C.5 and C.6, whose table has 256 bytes: that is said first.
    let answers: [&[(&str, &str)]; 3] = [
        &[
            (":status", "302"),
            ("cache-control", "private"),
            ("date", "Mon, 21 Oct 2013 20:13:21 GMT"),
            ("location", "https://www.example.com"),
        ],
        &[
            (":status", "307"),
            ("cache-control", "private"),
            ("date", "Mon, 21 Oct 2013 20:13:21 GMT"),
            ("location", "https://www.example.com"),
        ],
        &[
            (":status", "200"),
            ("cache-control", "private"),
            ("date", "Mon, 21 Oct 2013 20:13:22 GMT"),
            ("location", "https://www.example.com"),
            ("content-encoding", "gzip"),
            (
                "set-cookie",
                "foo=ASDJKHQKBZXOQWEOPIUAXQWEOIU; max-age=3600; version=1",
            ),
        ],
    ];
    all_decode(&[
        (
            "3fe101 4803 3330 3258 0770 7269 7661 7465 611d 4d6f 6e2c 2032 3120 4f63 7420 3230 3133
             2032 303a 3133 3a32 3120 474d 546e 1768 7474 7073 3a2f 2f77 7777 2e65 7861 6d70 6c65 2e63 6f6d",
            answers[0],
        ),
        ("4803 3330 37c1 c0bf", answers[1]),
        (
            "88c1 611d 4d6f 6e2c 2032 3120 4f63 7420 3230 3133 2032 303a 3133 3a32 3220 474d 54c0 5a04 677a 6970
             7738 666f 6f3d 4153 444a 4b48 514b 425a 584f 5157 454f 5049 5541 5851 5745 4f49 553b 206d 6178 2d61
             6765 3d33 3630 303b 2076 6572 7369 6f6e 3d31",
            answers[2],
        ),
    ]);
    all_decode(&[
        (
            "3fe101 4882 6402 5885 aec3 771a 4b61 96d0 7abe 9410 54d4 44a8 2005 9504 0b81 66e0 82a6 2d1b ff6e 919d
             29ad 1718 63c7 8f0b 97c8 e9ae 82ae 43d3",
            answers[0],
        ),
        ("4883 640e ffc1 c0bf", answers[1]),
        (
            "88c1 6196 d07a be94 1054 d444 a820 0595 040b 8166 e084 a62d 1bff c05a 839b d9ab 77ad 94e7 821d d7f2 e6c7
             b335 dfdf cd5b 3960 d5af 2708 7f36 72c1 ab27 0fb5 291f 9587 3160 65c0 03ed 4ee5 b106 3d50 07",
            answers[2],
        ),
    ]);
}

#[test]
fn what_is_no_header_block_is_refused() {
    for block in [
        // Index 0, and one that nothing has.
        "80",
        "be",
        "ff00",
        // A name of an index that nothing has.
        "7e 01 61",
        // An integer without an end, one that is too large, and one of too many bytes.
        "ff",
        "ffffffffff7f",
        "ff8080808080808000",
        // Strings that are longer than the block.
        "0001",
        "000161",
        "00016105",
        "007f",
        // Huffman: the end of a string in it, padding of zeros, of more than seven bits, and half a character.
        "0084ffffffff00",
        "008118 00",
        "0082 1fff 00",
        "008100 00",
        // A table larger than it may be, and a size behind a field.
        "3fe21f",
        "8220",
    ] {
        assert_eq!(
            decode(&mut Decoder::new(), &bytes(block)),
            Err(Malformed),
            "{block}"
        );
    }
}

#[test]
fn every_byte_has_a_code_that_ends_where_it_should() {
    // `a` is 00011, `&` 11111000: with and without padding.
    for (text, decoded) in [
        ("1f", "a"),
        ("f8", "&"),
        ("1c64", "abc"),
        ("1c7f", "ab"),
        ("", ""),
    ] {
        let mut out = Vec::new();
        assert_eq!(huffman::decode(&bytes(text), &mut out), Ok(()), "{text}");
        assert_eq!(out, decoded.as_bytes());
    }
    // The longest codes: 30 bits and two of padding.
    for (text, byte) in [("fffffff3", 10), ("fffffff7", 13), ("fffffffb", 22)] {
        let mut out = Vec::new();
        assert_eq!(huffman::decode(&bytes(text), &mut out), Ok(()));
        assert_eq!(out, [byte]);
    }
}

fn head(path: &str, fields: &[(&'static str, &str)]) -> Request<()> {
    let mut head = Request::get(format!("http://shop.example{path}"));
    for (name, value) in fields {
        head = head.header(*name, *value);
    }
    head.body(()).expect("a head")
}

fn encode(encoder: &mut Encoder, head: &Request<()>, id: HeadId) -> Vec<u8> {
    let mut block = Vec::new();
    encoder.encode(head, id, &mut block);
    block
}

#[test]
fn a_head_that_is_sent_again_is_a_byte_for_each_field() {
    let (mut encoder, mut decoder) = (Encoder::new(), Decoder::new());
    let head = head(
        "/a?b",
        &[("user-agent", "iter8"), ("x-own", "1"), ("accept", "*/*")],
    );
    let id = HeadId::new();
    let first = encode(&mut encoder, &head, id);
    let fields = decode(&mut decoder, &first).expect("a block");
    assert_eq!(
        fields[..2],
        [
            (":method".into(), "GET".into()),
            (":scheme".into(), "http".into())
        ]
    );
    assert_eq!(fields.len(), 7);
    for _ in 0..3 {
        let block = encode(&mut encoder, &head, id);
        assert_eq!(block.len(), 7);
        assert_eq!(decode(&mut decoder, &block).as_ref(), Ok(&fields));
    }
}

#[test]
fn a_head_that_is_sent_again_behind_new_fields_is_still_itself() {
    let (mut encoder, mut decoder) = (Encoder::new(), Decoder::new());
    let (first, id) = (head("/first", &[("x-one", "1")]), HeadId::new());
    let second = head("/second", &[("x-two", "2")]);
    let mut sent = |head: &Request<()>, id| {
        let block = encode(&mut encoder, head, id);
        decode(&mut decoder, &block).expect("a block")
    };
    let whole = sent(&first, id);
    assert_eq!(sent(&first, id), whole);
    sent(&second, HeadId::new());
    assert_eq!(sent(&first, id), whole);
}

#[test]
fn what_varies_is_written_out_and_drives_nothing_out() {
    let (mut encoder, mut decoder) = (Encoder::new(), Decoder::new());
    let mut lengths = Vec::new();
    for n in 0..500 {
        let head = head(
            &format!("/item/{n:03}"),
            &[("x-constant", "always"), ("x-number", &format!("{n:03}"))],
        );
        let block = encode(&mut encoder, &head, HeadId::new());
        lengths.push(block.len());
        let fields = decode(&mut decoder, &block).expect("a block");
        assert_eq!(fields[3].1, format!("/item/{n:03}"));
        assert_eq!(fields[5].1, format!("{n:03}"));
    }
    // Method, scheme, authority, a path of nine bytes, a constant and a number of three bytes.
    assert!(
        lengths[1..]
            .iter()
            .all(|length| *length == 3 + (1 + 1 + 9) + 1 + (2 + 1 + 3)),
        "{lengths:?}"
    );
}

#[test]
fn secrets_are_never_indexed() {
    let mut head = head("/", &[("authorization", "Bearer 1"), ("cookie", "a=b")]);
    let mut secret = HeaderValue::from_static("key");
    secret.set_sensitive(true);
    head.headers_mut().insert("x-key", secret);
    let (mut encoder, id) = (Encoder::new(), HeadId::new());
    for _ in 0..3 {
        let block = encode(&mut encoder, &head, id);
        for literal in [
            "1f08 0842 6561 7265 7220 31",
            "1f11 03 613d62",
            "10 05 782d6b6579 03 6b6579",
        ] {
            let literal = bytes(literal);
            assert!(
                block.windows(literal.len()).any(|window| window == literal),
                "{block:x?}"
            );
        }
    }
}

#[test]
fn the_server_says_how_large_its_table_is() {
    let head = head("/a", &[("x-own", "1")]);
    let (mut encoder, mut decoder) = (Encoder::new(), Decoder::new());
    let id = HeadId::new();
    let mut lengths = Vec::new();
    for size in [100_000, 100_000, 0, 0, 50, 50, 4096, 4096] {
        encoder.allow(size);
        let block = encode(&mut encoder, &head, id);
        assert_eq!(decode(&mut decoder, &block).expect("a block").len(), 5);
        lengths.push(block.len());
    }
    let whole = 2 + (1 + 1 + 12) + (1 + 1 + 2) + (1 + 1 + 5 + 1 + 1);
    // With what says that the size has changed; 50 bytes have room for one of the fields, 4096 for all.
    assert_eq!(lengths[..4], [whole, 5, whole + 2, whole]);
    assert_eq!(lengths[6..], [whole + 4, 5]);
    assert!(lengths[5] < whole && lengths[5] > 5, "{lengths:?}");
}

proptest! {
    #[test]
    fn no_bytes_harm_a_decoder(blocks in prop::collection::vec(prop::collection::vec(any::<u8>(), 0..60), 1..10)) {
        let mut decoder = Decoder::new();
        for block in blocks {
            let _ = decode(&mut decoder, &block);
        }
    }

    #[test]
    fn what_is_encoded_is_decoded(
        heads in prop::collection::vec(("[a-z/]{0,5}", "[ -~]{0,200}", "[a-z]{1,3}"), 1..40),
        sizes in prop::collection::vec(0..5000_usize, 1..40),
    ) {
        let (mut encoder, mut decoder) = (Encoder::new(), Decoder::new());
        for ((path, value, name), size) in heads.iter().zip(sizes.iter().cycle()) {
            let mut head = head(&format!("/{path}"), &[]);
            let name: http::HeaderName = name.parse().expect("a name");
            let value = HeaderValue::from_str(value.trim()).expect("a value");
            head.headers_mut().insert(name.clone(), value.clone());
            if size % 7 == 0 {
                encoder.allow(*size);
            }
            let fields = decode(&mut decoder, &encode(&mut encoder, &head, HeadId::new())).expect("a block");
            let value = value.to_str().expect("text").to_owned();
            prop_assert_eq!(fields.last(), Some(&(name.as_str().to_owned(), value)));
            prop_assert_eq!(&fields[3].1, &format!("/{path}"));
        }
    }
}
