//! A connection without I/O: bytes in, bytes out.

use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};
use std::task::{Context, Poll, Wake, Waker};

use bytes::Bytes;
use http::Request;
use tokio::time::Instant;

use super::super::hpack::HeadId;
use super::super::raw::{
    ACK, CONTINUATION, DATA, END_HEADERS, END_STREAM, GOAWAY, HEADERS, OK, PING, RST_STREAM, SETTINGS,
    WINDOW_UPDATE, answer, frame, go_away, reset, setting,
};
use super::*;

mod anything;
mod violations;

const PADDED: u8 = 8;
const MAX_CONCURRENT_STREAMS: u16 = 3;
const INITIAL_WINDOW_SIZE: u16 = 4;
const MAX_FRAME_SIZE: u16 = 5;

/// A frame that was written: type, flags, stream, payload.
type Written = (u8, u8, u32, Vec<u8>);

/// A connection whose greetings are over.
fn connection() -> Connection {
    let mut connection = Connection::new();
    receive(&mut connection, &frame(SETTINGS, 0, 0, &[])).expect("settings");
    let greeting = output(&mut connection);
    assert_eq!(greeting[..PREFACE], *b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n");
    let kinds: Vec<u8> = frames(&greeting[PREFACE..]).iter().map(|frame| frame.0).collect();
    assert_eq!(kinds, [SETTINGS, WINDOW_UPDATE, SETTINGS]);
    connection
}

const PREFACE: usize = 24;

fn receive(connection: &mut Connection, bytes: &[u8]) -> Result<(), Reason> {
    connection.receive(bytes, Instant::now())
}

/// All that is to be written, as if a slow stream took it.
fn output(connection: &mut Connection) -> Vec<u8> {
    let mut all = Vec::new();
    loop {
        let output = connection.output();
        let taken = output.len().min(1000);
        all.extend_from_slice(&output[..taken]);
        if taken == 0 {
            return all;
        }
        connection.wrote(taken);
    }
}

fn frames(mut bytes: &[u8]) -> Vec<Written> {
    let mut frames = Vec::new();
    while let Some(head) = Head::read(bytes) {
        let (frame, rest) = bytes.split_at(HEAD + head.length);
        frames.push((head.kind, head.flags, head.stream, frame[HEAD..].to_vec()));
        bytes = rest;
    }
    frames
}

fn written(connection: &mut Connection) -> Vec<Written> {
    frames(&output(connection))
}

fn head() -> Request<()> {
    Request::get("http://shop.example/").body(()).expect("a head")
}

fn get(connection: &mut Connection) -> Key {
    let key = connection.open(&head(), HeadId::new(), true);
    key.expect("a stream")
}

fn post(connection: &mut Connection, body: &[u8]) -> Key {
    let key = connection.open(&head(), HeadId::new(), false).expect("a stream");
    connection.send(key, &Bytes::copy_from_slice(body), true);
    key
}

fn event(connection: &mut Connection, key: Key) -> Option<Event> {
    let mut cx = Context::from_waker(Waker::noop());
    match connection.poll_event(key, &mut cx) {
        Poll::Ready(event) => Some(event),
        Poll::Pending => None,
    }
}

/// The body of an answer that is complete, or why there is none.
fn answered(connection: &mut Connection, key: Key) -> Result<Vec<u8>, Option<Fault>> {
    let mut body = Vec::new();
    loop {
        match event(connection, key) {
            Some(Event::Head(..)) => {}
            Some(Event::Data(data)) => body.extend(data),
            Some(Event::End(_)) => return Ok(body),
            Some(Event::Fault(fault)) => return Err(Some(fault)),
            None => return Err(None),
        }
    }
}

#[test]
fn an_answer_may_come_in_pieces_of_any_size() {
    let mut bytes = frame(HEADERS, END_HEADERS, 1, b"\x08\x03103");
    bytes.extend(frame(HEADERS, 0, 1, OK));
    bytes.extend(frame(CONTINUATION, END_HEADERS, 1, b"\x00\x01a\x01b"));
    bytes.extend(frame(DATA, PADDED, 1, b"\x03hel..."));
    bytes.extend(frame(DATA, 0, 1, b"lo"));
    bytes.extend(frame(PING, 0, 0, &[1; 8]));
    bytes.extend(frame(HEADERS, END_HEADERS | END_STREAM, 1, b"\x00\x01t\x01u"));
    for size in 1..=bytes.len() {
        let mut connection = connection();
        let key = get(&mut connection);
        for piece in bytes.chunks(size) {
            receive(&mut connection, piece).expect("frames");
        }
        let Some(Event::Head(block, false)) = event(&mut connection, key) else {
            panic!("no head in pieces of {size}");
        };
        assert_eq!(block.fields["a"], "b");
        let Some(Event::Data(body)) = event(&mut connection, key) else {
            panic!("no body in pieces of {size}");
        };
        assert_eq!(body, b"hello");
        let Some(Event::End(Some(trailers))) = event(&mut connection, key) else {
            panic!("no trailers in pieces of {size}");
        };
        assert_eq!(trailers.fields["t"], "u");
        let ping = written(&mut connection).pop().expect("an answer to the PING");
        assert_eq!(ping, (PING, ACK, 0, vec![1; 8]));
        connection.close(key);
        assert!(written(&mut connection).is_empty(), "both sides are done");
    }
}

#[test]
fn a_body_is_sent_as_far_as_both_windows_let_it() {
    let mut connection = connection();
    receive(&mut connection, &setting(INITIAL_WINDOW_SIZE, 10)).expect("settings");
    output(&mut connection);
    let key = post(&mut connection, b"0123456789abcdefghij");
    let sent = written(&mut connection);
    assert_eq!(sent[1], (DATA, 0, 1, b"0123456789".to_vec()));
    assert_eq!(sent.len(), 2);
    // The window of the stream alone.
    receive(&mut connection, &frame(WINDOW_UPDATE, 0, 1, &[0, 0, 0, 2])).expect("a window");
    assert_eq!(written(&mut connection), [(DATA, 0, 1, b"ab".to_vec())]);
    // A setting for all streams, which may take back what it gave.
    receive(&mut connection, &setting(INITIAL_WINDOW_SIZE, 4)).expect("settings");
    receive(&mut connection, &setting(INITIAL_WINDOW_SIZE, 13)).expect("settings");
    let data: Vec<Written> = written(&mut connection)
        .into_iter()
        .filter(|frame| frame.0 == DATA)
        .collect();
    assert_eq!(data, [(DATA, 0, 1, b"cde".to_vec())]);
    receive(&mut connection, &frame(WINDOW_UPDATE, 0, 1, &[0, 0, 1, 0])).expect("a window");
    assert_eq!(
        written(&mut connection),
        [(DATA, END_STREAM, 1, b"fghij".to_vec())]
    );
    receive(&mut connection, &answer(1, b"ok")).expect("an answer");
    assert_eq!(answered(&mut connection, key), Ok(b"ok".to_vec()));
}

#[test]
fn the_window_of_the_connection_is_shared_in_turns() {
    let mut connection = connection();
    receive(&mut connection, &setting(INITIAL_WINDOW_SIZE, 1 << 20)).expect("settings");
    receive(&mut connection, &setting(MAX_FRAME_SIZE, 20_000)).expect("settings");
    output(&mut connection);
    let body = vec![b'x'; 60_000];
    post(&mut connection, &body);
    post(&mut connection, &body);
    let sent = |frames: &[Written], stream: u32| -> usize {
        let of_stream = frames.iter().filter(|frame| frame.0 == DATA && frame.2 == stream);
        of_stream.map(|frame| frame.3.len()).sum()
    };
    let frames = written(&mut connection);
    assert!(frames.iter().all(|frame| frame.3.len() <= 20_000));
    assert_eq!(sent(&frames, 1) + sent(&frames, 3), 65_535);
    receive(&mut connection, &frame(WINDOW_UPDATE, 0, 0, &[0, 1, 0, 0])).expect("a window");
    let rest = written(&mut connection);
    assert_eq!(sent(&frames, 1) + sent(&rest, 1), 60_000);
    assert_eq!(sent(&frames, 3) + sent(&rest, 3), 60_000);
    assert_eq!(rest.last().expect("frames").1, END_STREAM);
}

#[test]
fn a_body_does_not_pile_up_before_it_is_written() {
    let mut connection = connection();
    receive(&mut connection, &setting(INITIAL_WINDOW_SIZE, 1 << 30)).expect("settings");
    receive(
        &mut connection,
        &frame(WINDOW_UPDATE, 0, 0, &(1_u32 << 30).to_be_bytes()),
    )
    .expect("a window");
    let key = post(&mut connection, &vec![b'x'; 10 << 20]);
    assert!(connection.output().len() < 2 * BACKLOG);
    assert!(connection.is_congested());
    let mut cx = Context::from_waker(Waker::noop());
    assert!(connection.poll_room(key, &mut cx).is_pending());
    let mut sent = 0;
    while !connection.output().is_empty() {
        connection.wrote(1000.min(connection.output.backlog()));
        sent += 1000;
        assert!(connection.output.bytes.len() < 4 * BACKLOG, "after {sent} bytes");
    }
    assert!(sent > 10 << 20);
    assert_eq!(
        connection.poll_room(key, &mut cx),
        Poll::Ready(false),
        "all is sent"
    );
}

/// Counts how often it is woken.
#[derive(Default)]
struct Woken(AtomicU32);

impl Wake for Woken {
    fn wake(self: Arc<Self>) {
        self.0.fetch_add(1, Ordering::Relaxed);
    }
}

#[test]
fn room_on_a_stream_wakes_who_waits_for_it_and_room_on_all_wakes_all() {
    let mut connection = connection();
    receive(&mut connection, &setting(INITIAL_WINDOW_SIZE, 0)).expect("settings");
    output(&mut connection);
    let woken: Vec<_> = (0..3)
        .map(|_| {
            let key = connection.open(&head(), HeadId::new(), false).expect("a stream");
            (key, Arc::new(Woken::default()))
        })
        .collect();
    let wait = |connection: &mut Connection, room: [bool; 3]| {
        let outcomes = woken.iter().map(|(key, woken)| {
            let waker = Waker::from(Arc::clone(woken));
            connection
                .poll_room(*key, &mut Context::from_waker(&waker))
                .is_ready()
        });
        assert_eq!(outcomes.collect::<Vec<_>>(), room);
        woken
            .iter()
            .map(|(_, woken)| woken.0.load(Ordering::Relaxed))
            .collect::<Vec<_>>()
    };
    assert_eq!(wait(&mut connection, [false; 3]), [0; 3]);
    output(&mut connection);
    assert_eq!(
        wait(&mut connection, [false; 3]),
        [1; 3],
        "there is room to write"
    );
    receive(&mut connection, &frame(WINDOW_UPDATE, 0, 3, &[0, 0, 0, 9])).expect("a window");
    assert_eq!(wait(&mut connection, [false, true, false]), [1, 2, 1]);
    receive(&mut connection, &setting(INITIAL_WINDOW_SIZE, 5)).expect("settings");
    assert_eq!(wait(&mut connection, [true; 3]), [2, 2, 2]);
    woken.iter().for_each(|(key, _)| connection.close(*key));
    assert!(connection.wanting.is_empty());
}

#[test]
fn a_head_that_is_longer_than_a_frame_is_continued() {
    let mut connection = connection();
    let head = Request::get("http://shop.example/").header("x-long", "y".repeat(40_000));
    let head = head.body(()).expect("a head");
    connection.open(&head, HeadId::new(), true).expect("a stream");
    let frames = written(&mut connection);
    let form: Vec<_> = frames.iter().map(|frame| (frame.0, frame.1, frame.2)).collect();
    assert_eq!(
        form,
        [
            (HEADERS, END_STREAM, 1),
            (CONTINUATION, 0, 1),
            (CONTINUATION, END_HEADERS, 1)
        ]
    );
}

#[test]
fn after_a_goaway_no_stream_is_opened_and_those_above_it_are_refused() {
    let mut connection = connection();
    let keys = [get(&mut connection), get(&mut connection), get(&mut connection)];
    receive(&mut connection, &go_away(3, 0)).expect("a farewell");
    assert!(connection.open(&head(), HeadId::new(), true).is_none());
    receive(&mut connection, &go_away(1, 2)).expect("a second thought");
    let refused = |reason| Err(Some(Fault::Refused(reason)));
    assert_eq!(answered(&mut connection, keys[2]), refused(Reason::NO_ERROR));
    assert_eq!(
        answered(&mut connection, keys[1]),
        refused(Reason::INTERNAL_ERROR)
    );
    receive(&mut connection, &answer(1, b"last")).expect("an answer");
    assert_eq!(answered(&mut connection, keys[0]), Ok(b"last".to_vec()));
    assert_eq!(connection.going_away(), Some(Reason::INTERNAL_ERROR));
}

#[test]
fn numbers_of_streams_run_out() {
    let mut connection = connection();
    connection.next = frame::LARGEST;
    let key = get(&mut connection);
    assert!(!connection.is_open());
    assert!(connection.open(&head(), HeadId::new(), true).is_none());
    receive(&mut connection, &answer(frame::LARGEST, b"last")).expect("an answer");
    assert_eq!(answered(&mut connection, key), Ok(b"last".to_vec()));
}

#[test]
fn a_reset_is_told_unless_the_answer_was_complete() {
    let mut connection = connection();
    let (complete, cut_off) = (post(&mut connection, &vec![b'x'; 100_000]), get(&mut connection));
    output(&mut connection);
    receive(&mut connection, &answer(1, b"enough")).expect("an answer");
    receive(&mut connection, &reset(1, 0)).expect("a reset");
    receive(&mut connection, &frame(HEADERS, END_HEADERS, 3, OK)).expect("a head");
    receive(&mut connection, &frame(DATA, 0, 3, b"some")).expect("data");
    receive(&mut connection, &reset(3, 7)).expect("a reset");
    assert_eq!(answered(&mut connection, complete), Ok(b"enough".to_vec()));
    // What came before is told first.
    assert!(matches!(event(&mut connection, cut_off), Some(Event::Head(..))));
    assert!(matches!(event(&mut connection, cut_off), Some(Event::Data(_))));
    assert_eq!(
        answered(&mut connection, cut_off),
        Err(Some(Fault::Reset(Reason::REFUSED_STREAM)))
    );
    connection.close(complete);
    connection.close(cut_off);
    assert!(written(&mut connection).is_empty(), "the server needs no reset");
}

#[test]
fn the_same_head_means_the_same_only_in_the_same_table() {
    let mut connection = connection();
    // `x: 1` into the table, then whatever stands first in it.
    let insert = |value: u8| [&b"\x88\x40\x01x\x01"[..], &[value]].concat();
    let mut seen = String::new();
    for (stream, block) in [
        (1, insert(b'1')),
        (3, b"\x88\xbe".to_vec()),
        (5, b"\x88\xbe".to_vec()),
        (7, insert(b'2')),
        (9, b"\x88\xbe".to_vec()),
        (11, insert(b'1')),
        (13, b"\x88\xbe".to_vec()),
        (15, b"\x88\xbf".to_vec()),
    ] {
        let key = get(&mut connection);
        receive(
            &mut connection,
            &frame(HEADERS, END_HEADERS | END_STREAM, stream, &block),
        )
        .expect("a head");
        let Some(Event::Head(block, true)) = event(&mut connection, key) else {
            panic!("no head on {stream}");
        };
        seen.push_str(block.fields["x"].to_str().expect("text"));
        connection.close(key);
    }
    assert_eq!(seen, "11122112");
}

#[test]
fn the_rest_of_a_frame_is_not_taken_for_that_of_another_stream() {
    let mut connection = connection();
    let given_up = get(&mut connection);
    receive(&mut connection, &frame(HEADERS, END_HEADERS, 1, OK)).expect("a head");
    let data = frame(DATA, END_STREAM, 1, b"for nobody");
    let (before, after) = data.split_at(HEAD + 3);
    receive(&mut connection, before).expect("a part of a frame");
    connection.close(given_up);
    let key = get(&mut connection);
    assert_eq!(key, given_up, "its place is taken");
    receive(&mut connection, after).expect("the rest");
    receive(&mut connection, &answer(3, b"ok")).expect("an answer");
    assert_eq!(answered(&mut connection, key), Ok(b"ok".to_vec()));
}

#[test]
fn no_stream_is_opened_while_too_much_waits_to_be_written() {
    let mut connection = connection();
    let mut cx = Context::from_waker(Waker::noop());
    let mut opened = 0;
    while connection.poll_ready(&mut cx).is_ready() {
        let key = get(&mut connection);
        connection.close(key);
        opened += 1;
    }
    assert!((1000..10_000).contains(&opened), "{opened}");
    assert!(output(&mut connection).len() < 2 * BACKLOG);
    assert!(connection.poll_ready(&mut cx).is_ready());
}

#[test]
fn streams_that_are_over_leave_nothing() {
    let mut connection = connection();
    for n in 0..10_000_u32 {
        let key = get(&mut connection);
        if n % 2 == 0 {
            receive(&mut connection, &answer(2 * n + 1, b"ok")).expect("an answer");
            assert_eq!(answered(&mut connection, key), Ok(b"ok".to_vec()));
        }
        connection.close(key);
        output(&mut connection);
    }
    assert_eq!(connection.busy(), 0);
    assert!(connection.output.bytes.capacity() <= SPARE);
    assert_eq!(connection.streams_allowed(), None);
    receive(&mut connection, &setting(MAX_CONCURRENT_STREAMS, 7)).expect("settings");
    assert_eq!(connection.streams_allowed(), Some(7));
}
