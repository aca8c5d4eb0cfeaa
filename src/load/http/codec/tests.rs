//! Tests of the decoder: what it finds, what it refuses, what it costs.

use super::replay::{Memory, Replayed, replay};
use super::*;

/// Counts what it is told.
#[derive(Default)]
struct Count {
    notes: usize,
    heads: Vec<Head>,
    pieces: Vec<Vec<u8>>,
}

impl Sink for Count {
    type Note = usize;

    fn note(&mut self, _: u16, headers: &[httparse::Header]) -> usize {
        self.notes += 1;
        headers.len()
    }

    fn head(&mut self, head: &Head, _: &usize) {
        self.heads.push(*head);
    }

    fn body(&mut self, piece: &[u8]) {
        self.pieces.push(piece.to_vec());
    }
}

fn whole(answer: &[u8]) -> Replayed {
    replay([answer], false, &mut Memory::default())
}

fn bytewise(answer: &[u8]) -> Replayed {
    replay(answer.chunks(1), false, &mut Memory::default())
}

/// Status, body and whether the connection may be used again, however the answer is cut.
#[track_caller]
fn answers(answer: &[u8], status: u16, body: &[u8], reusable: bool) {
    for replayed in [whole(answer), bytewise(answer)] {
        let verdict = replayed.verdict.unwrap();
        assert_eq!((verdict.status, verdict.reusable), (status, reusable));
        assert_eq!(replayed.body, body);
        assert_eq!(replayed.broken, Vec::<&str>::new());
    }
}

#[track_caller]
fn refuses(answer: &[u8], violation: Violation) {
    for replayed in [whole(answer), bytewise(answer)] {
        assert_eq!(replayed.verdict, Err(violation));
    }
}

#[track_caller]
fn with_headers(headers: &str) -> Vec<u8> {
    format!("HTTP/1.1 200 OK\r\n{headers}\r\n\r\n").into_bytes()
}

fn chunks(chunks: &str) -> Vec<u8> {
    let mut answer = with_headers("Transfer-Encoding: chunked");
    answer.extend_from_slice(chunks.as_bytes());
    answer
}

#[test]
fn a_decoder_is_small() {
    assert!(
        size_of::<Decoder>() <= 64,
        "{} bytes for every connection",
        size_of::<Decoder>()
    );
}

#[test]
fn a_body_of_known_length_ends_there() {
    answers(
        b"HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nhello",
        200,
        b"hello",
        true,
    );
    answers(b"HTTP/1.1 404\r\ncontent-length:0\r\n\r\n", 404, b"", true);
}

#[test]
fn what_follows_an_answer_ends_the_use_of_its_connection() {
    let answer = b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nokHTTP";
    answers(answer, 200, b"ok", false);
    let mut decoder = Decoder::new();
    decoder.begin(Asked::Other);
    let fed = decoder
        .feed(answer, &mut HeadMemo::default(), &mut Count::default())
        .unwrap();
    assert_eq!(fed.consumed, answer.len() - 4);
    assert!(matches!(
        fed.progress,
        Progress::Complete(End {
            reusable: false,
            excess: true,
            ..
        })
    ));
}

#[test]
fn the_same_head_again_is_neither_parsed_nor_noted() {
    let (mut memo, mut count) = (HeadMemo::default(), Count::default());
    let mut decoder = Decoder::new();
    let answer = b"HTTP/1.1 200 OK\r\nDate: one\r\nContent-Length: 2\r\n\r\nok";
    let other = b"HTTP/1.1 200 OK\r\nDate: two\r\nContent-Length: 2\r\n\r\nok";
    for (answer, notes) in [(answer, 1), (answer, 1), (other, 2), (other, 2), (answer, 3)] {
        // As a whole and cut within the head.
        for pieces in [vec![&answer[..]], vec![&answer[..9], &answer[9..]]] {
            decoder.begin(Asked::Other);
            for piece in pieces {
                decoder.feed(piece, &mut memo, &mut count).unwrap();
            }
            assert_eq!(count.notes, notes);
            assert_eq!(count.pieces.pop().unwrap(), b"ok");
        }
    }
    assert_eq!(count.heads.len(), 10);
}

#[test]
fn a_known_head_is_framed_anew_by_each_question() {
    let (mut memo, mut count) = (HeadMemo::default(), Count::default());
    let mut decoder = Decoder::new();
    let head = with_headers("Content-Length: 9");
    for (asked, complete) in [(Asked::Other, false), (Asked::Head, true), (Asked::Other, false)] {
        decoder.begin(asked);
        let fed = decoder.feed(&head, &mut memo, &mut count).unwrap();
        assert_eq!(fed.progress != Progress::NeedMore, complete);
    }
    assert_eq!(count.notes, 1);
}

#[test]
fn a_body_is_handed_out_as_it_was_read() {
    let mut count = Count::default();
    let mut decoder = Decoder::new();
    decoder.begin(Asked::Other);
    let mut memo = HeadMemo::default();
    let first = chunks("3\r\nabc\r\n5\r\nde");
    decoder.feed(&first, &mut memo, &mut count).unwrap();
    decoder.feed(b"fgh\r\n0\r\n\r\n", &mut memo, &mut count).unwrap();
    assert_eq!(count.pieces, [&b"abc"[..], b"de", b"fgh"]);
}

#[test]
fn bytes_that_nobody_asked_for_are_refused() {
    let mut decoder = Decoder::new();
    let unasked = decoder.feed(b"HTTP", &mut HeadMemo::default(), &mut Count::default());
    assert_eq!(unasked, Err(Violation::Unasked));
}

#[test]
fn answers_without_a_body_end_with_their_head() {
    answers(
        b"HTTP/1.1 204 No Content\r\nTransfer-Encoding: chunked\r\n\r\n",
        204,
        b"",
        true,
    );
    answers(
        b"HTTP/1.1 304 Not Modified\r\nContent-Length: 5\r\n\r\n",
        304,
        b"",
        true,
    );
    let head = with_headers("Content-Length: 5");
    let replayed = replay([&head[..]], true, &mut Memory::default());
    assert!(replayed.verdict.unwrap().reusable);
}

#[test]
fn without_a_length_the_body_lasts_until_the_connection_is_closed() {
    answers(b"HTTP/1.1 200 OK\r\n\r\nall of it", 200, b"all of it", false);
    for coding in ["gzip", "chunked, gzip", "identity", ""] {
        let mut answer = with_headers(&format!("Transfer-Encoding: {coding}"));
        answer.extend_from_slice(b"0\r\n\r\n");
        answers(&answer, 200, b"0\r\n\r\n", false);
    }
}

#[test]
fn chunks_are_told_from_their_framing() {
    answers(
        &chunks("5\r\nhello\r\n00A ;x=\"y\"\r\n0123456789\r\n0;last\r\n\r\n"),
        200,
        b"hello0123456789",
        true,
    );
    answers(
        &chunks("1\r\nx\r\n0\r\nSum: 1\r\nMore: 2\r\n\r\n"),
        200,
        b"x",
        true,
    );
    for coding in [
        "gzip, Chunked",
        "chunked,",
        "gzip\r\nTRANSFER-ENCODING:\tchunked ",
    ] {
        let mut answer = with_headers(&format!("Transfer-Encoding: {coding}"));
        answer.extend_from_slice(b"1\r\nx\r\n0\r\n\r\n");
        answers(&answer, 200, b"x", true);
    }
}

#[test]
fn broken_chunks_are_refused() {
    for sizes in [
        "\r\n",
        "x\r\n",
        "+1\r\nx",
        "-1\r\nx",
        "0x1\r\nx",
        "1 1\r\nx",
        "1\nx",
        "1\rx",
        "1;a\nx",
        "1;a\rx",
        "10000000000000000\r\n",
    ] {
        refuses(&chunks(sizes), Violation::ChunkSize);
    }
    for data in ["1\r\nxy\r\n", "1\r\nx\n0\r\n", "1\r\nx\rx"] {
        refuses(&chunks(data), Violation::ChunkEnd);
    }
    for trailers in [
        "0\r\nno line\r\n\r\n",
        "0\r\na: b\n\r\n",
        "0\r\n\n",
        "0\r\na: b\r\n c\r\n\r\n",
    ] {
        refuses(&chunks(trailers), Violation::Trailer);
    }
}

#[test]
fn an_answer_that_ends_early_is_incomplete() {
    for answer in [
        &b""[..],
        b"\r\n",
        b"HTTP/1.1 2",
        b"HTTP/1.1 200 OK\r\n",
        b"HTTP/1.1 100 Continue\r\n\r\n",
        b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\no",
        &chunks("2\r\nok"),
        &chunks("2\r\nok\r\n0\r\n"),
        &chunks("0\r\n\r"),
        &chunks("0\r\na: b\r\n"),
    ] {
        refuses(answer, Violation::Incomplete);
    }
}

#[test]
fn only_lengths_that_agree_are_lengths() {
    for headers in ["Content-Length: 2, 2", "Content-Length: 2\r\nContent-Length: 02"] {
        let mut answer = with_headers(headers);
        answer.extend_from_slice(b"ok");
        answers(&answer, 200, b"ok", true);
    }
    for length in [
        "",
        "-1",
        "+2",
        "two",
        "2 2",
        "0x2",
        "2.0",
        "2,",
        "2, 3",
        "18446744073709551616",
        "2\r\nContent-Length: 3",
    ] {
        refuses(
            &with_headers(&format!("Content-Length: {length}")),
            Violation::Length,
        );
    }
}

#[test]
fn framings_that_contradict_each_other_are_refused() {
    let both = with_headers("Content-Length: 2\r\nTransfer-Encoding: chunked");
    refuses(&both, Violation::LengthAndCoding);
    refuses(
        b"HTTP/1.0 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n",
        Violation::OldCoding,
    );
}

#[test]
fn a_connection_persists_by_its_version_and_its_options() {
    for (version, options, persists) in [
        ("1.1", "x-other: close", true),
        ("1.1", "Connection: keep-alive", true),
        ("1.1", "Connection: close", false),
        ("1.1", "connection: Upgrade,\tCLOSE", false),
        ("1.1", "Connection: close\r\nConnection: keep-alive", false),
        ("1.1", "Connection: closed", true),
        ("1.0", "x-other: keep-alive", false),
        ("1.0", "Connection: Keep-Alive", true),
        ("1.0", "Connection: keep-alive, close", false),
    ] {
        let answer = format!("HTTP/{version} 200 OK\r\n{options}\r\nContent-Length: 0\r\n\r\n");
        answers(answer.as_bytes(), 200, b"", persists);
    }
}

#[test]
fn interim_answers_are_passed_over() {
    let interim = b"HTTP/1.1 103 Early Hints\r\nLink: </a.css>\r\nConnection: close\r\n\r\n";
    let last = b"HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n";
    let some = |count: u8| [interim.repeat(usize::from(count)), last.to_vec()].concat();
    answers(&some(MAX_INTERIM), 200, b"", true);
    assert_eq!(whole(&some(3)).verdict.unwrap().interim, 3);
    refuses(&some(MAX_INTERIM + 1), Violation::TooManyInterim);
    refuses(
        b"HTTP/1.1 101 Switching Protocols\r\nUpgrade: x\r\n\r\n",
        Violation::Upgraded,
    );
}

#[test]
fn what_is_no_head_is_refused_before_it_ends() {
    for (garbage, error) in [
        (&b"SSH-2.0-OpenSSH"[..], httparse::Error::Version),
        (b"HTTP/2.0 200", httparse::Error::Version),
        (b"HTTP/1.1 20x OK", httparse::Error::Status),
        (b"HTTP/1.1 200 OK\r\nno colon\r\n", httparse::Error::HeaderName),
        (
            b"HTTP/1.1 200 OK\r\na: b\r\n folded\r\n",
            httparse::Error::HeaderName,
        ),
        (b"HTTP/1.1 200 OK\r\na: b\rc\r\n", httparse::Error::HeaderValue),
    ] {
        refuses(garbage, Violation::Syntax(error));
        let mut decoder = Decoder::new();
        decoder.begin(Asked::Other);
        let fed = decoder.feed(garbage, &mut HeadMemo::default(), &mut Count::default());
        assert_eq!(fed, Err(Violation::Syntax(error)));
    }
    refuses(b"HTTP/1.1 099 Odd\r\n\r\n", Violation::Status);
}

#[test]
fn a_head_may_have_so_many_lines_and_bytes() {
    let lines = |count: usize| with_headers(&format!("Content-Length: 0{}", "\r\na: b".repeat(count - 1)));
    answers(&lines(MAX_HEADERS), 200, b"", true);
    refuses(
        &lines(MAX_HEADERS + 1),
        Violation::Syntax(httparse::Error::TooManyHeaders),
    );
    let bytes = |size: usize| {
        let bare = with_headers("Content-Length: 0\r\na: ").len();
        with_headers(&format!("Content-Length: 0\r\na: {}", "x".repeat(size - bare)))
    };
    answers(&bytes(MAX_HEAD), 200, b"", true);
    refuses(&bytes(MAX_HEAD + 1), Violation::HeadTooLarge);
    let late = [b"\r\n".to_vec(), bytes(MAX_HEAD - 1)].concat();
    refuses(&late, Violation::HeadTooLarge);
}

#[test]
fn nothing_is_read_without_an_end() {
    let endless = |start: &[u8], more: &str| [start, more.repeat(400_000 / more.len()).as_bytes()].concat();
    refuses(&endless(b"", "\r\n"), Violation::HeadTooLarge);
    refuses(&endless(b"", "\n"), Violation::HeadTooLarge);
    refuses(&endless(b"HTTP/1.1 200 O", "K"), Violation::HeadTooLarge);
    refuses(&endless(b"HTTP/1.1 200 OK\r\na: ", "b"), Violation::HeadTooLarge);
    refuses(
        &endless(b"HTTP/1.1 200 OK\r\n", "a: b\r\n"),
        Violation::Syntax(httparse::Error::TooManyHeaders),
    );
    refuses(
        &endless(b"", "HTTP/1.1 100 Continue\r\n\r\n"),
        Violation::TooManyInterim,
    );
    refuses(&endless(&chunks(""), "0"), Violation::ChunkLine);
    refuses(&endless(&chunks("1"), " "), Violation::ChunkLine);
    refuses(&endless(&chunks("1;"), "x"), Violation::ChunkLine);
    refuses(&endless(&chunks("0\r\n"), "x"), Violation::TrailersTooLarge);
    refuses(
        &endless(&chunks("0\r\n"), "a: b\r\n"),
        Violation::TrailersTooLarge,
    );
}

#[test]
fn many_padded_chunks_are_no_long_line() {
    let answer = chunks(&format!("{}0\r\n\r\n", "00000001;a=b\r\nx\r\n".repeat(5_000)));
    answers(&answer, 200, "x".repeat(5_000).as_bytes(), true);
}

#[test]
fn empty_lines_before_a_head_are_passed_over() {
    answers(
        b"\r\n\n\r\nHTTP/1.1 200 OK\nContent-Length: 2\n\nok",
        200,
        b"ok",
        true,
    );
}
