//! Servers that break the rules, and what it costs them.

use super::*;

#[test]
fn violations_of_the_connection_have_the_codes_of_the_specification() {
    let long = frame(DATA, 0, 1, &vec![0; PAYLOAD + 1]);
    let window = |stream, more: u32| frame(WINDOW_UPDATE, 0, stream, &more.to_be_bytes());
    let begun = frame(HEADERS, 0, 1, OK);
    let mut interleaved = begun.clone();
    interleaved.extend(frame(PING, 0, 0, &[0; 8]));
    let mut of_another = begun;
    of_another.extend(frame(CONTINUATION, END_HEADERS, 3, b""));
    let mut twice_over = answer(1, b"");
    twice_over.extend(frame(DATA, 0, 1, b"x"));
    let mut head_after_end = answer(1, b"");
    head_after_end.extend(frame(HEADERS, END_HEADERS, 1, OK));
    let mut farther = go_away(1, 0);
    farther.extend(go_away(3, 0));
    for (bytes, reason) in [
        (long, Reason::FRAME_SIZE_ERROR),
        (frame(SETTINGS, 0, 0, &[0; 5]), Reason::FRAME_SIZE_ERROR),
        (frame(SETTINGS, ACK, 0, &[0; 6]), Reason::FRAME_SIZE_ERROR),
        (frame(SETTINGS, 0, 1, &[]), Reason::PROTOCOL_ERROR),
        (setting(2, 1), Reason::PROTOCOL_ERROR),
        (setting(INITIAL_WINDOW_SIZE, 1 << 31), Reason::FLOW_CONTROL_ERROR),
        (setting(MAX_FRAME_SIZE, 100), Reason::PROTOCOL_ERROR),
        (setting(MAX_FRAME_SIZE, 1 << 24), Reason::PROTOCOL_ERROR),
        (frame(PING, 0, 0, &[0; 7]), Reason::FRAME_SIZE_ERROR),
        (frame(PING, 0, 1, &[0; 8]), Reason::PROTOCOL_ERROR),
        (frame(GOAWAY, 0, 0, &[0; 7]), Reason::FRAME_SIZE_ERROR),
        (frame(GOAWAY, 0, 1, &[0; 8]), Reason::PROTOCOL_ERROR),
        (farther, Reason::PROTOCOL_ERROR),
        (frame(RST_STREAM, 0, 1, &[0; 3]), Reason::FRAME_SIZE_ERROR),
        (reset(0, 8), Reason::PROTOCOL_ERROR),
        (reset(2, 8), Reason::PROTOCOL_ERROR),
        (reset(3, 8), Reason::PROTOCOL_ERROR),
        (frame(WINDOW_UPDATE, 0, 0, &[0; 3]), Reason::FRAME_SIZE_ERROR),
        (window(0, 0), Reason::PROTOCOL_ERROR),
        (window(0, (1 << 31) - 1), Reason::FLOW_CONTROL_ERROR),
        (window(3, 1), Reason::PROTOCOL_ERROR),
        (frame(2, 0, 0, &[0; 5]), Reason::PROTOCOL_ERROR),
        (frame(5, END_HEADERS, 1, &[0; 5]), Reason::PROTOCOL_ERROR),
        (frame(HEADERS, END_HEADERS, 0, OK), Reason::PROTOCOL_ERROR),
        (frame(HEADERS, END_HEADERS, 1, &[0xff]), Reason::COMPRESSION_ERROR),
        (
            frame(HEADERS, END_HEADERS | PADDED, 1, &[9, 0x88]),
            Reason::PROTOCOL_ERROR,
        ),
        (
            frame(HEADERS, END_HEADERS | 0x20, 1, &[0; 4]),
            Reason::FRAME_SIZE_ERROR,
        ),
        (frame(CONTINUATION, END_HEADERS, 1, OK), Reason::PROTOCOL_ERROR),
        (interleaved, Reason::PROTOCOL_ERROR),
        (of_another, Reason::PROTOCOL_ERROR),
        (frame(DATA, 0, 0, b"x"), Reason::PROTOCOL_ERROR),
        (frame(DATA, 0, 3, b"x"), Reason::PROTOCOL_ERROR),
        (frame(DATA, PADDED, 1, &[2, 0]), Reason::PROTOCOL_ERROR),
        (frame(DATA, PADDED, 1, &[]), Reason::FRAME_SIZE_ERROR),
        (twice_over, Reason::STREAM_CLOSED),
        (head_after_end, Reason::STREAM_CLOSED),
    ] {
        let mut connection = connection();
        get(&mut connection);
        output(&mut connection);
        assert_eq!(receive(&mut connection, &bytes), Err(reason), "{bytes:?}");
        let (kind, .., payload) = written(&mut connection).pop().expect("the server is told");
        assert_eq!(
            (kind, &payload[4..]),
            (GOAWAY, &reason.0.to_be_bytes()[..]),
            "{bytes:?}"
        );
    }
}

#[test]
fn violations_of_a_stream_end_that_alone() {
    let head = |end| frame(HEADERS, END_HEADERS | end, 1, OK);
    let behind = |frame: Vec<u8>| [head(0), frame].concat();
    let long = b"\x88\x0f\x0d\x015";
    for (bytes, reason) in [
        (frame(DATA, 0, 1, b"x"), Reason::PROTOCOL_ERROR),
        (
            frame(HEADERS, END_HEADERS, 1, b"\x00\x01a\x01b"),
            Reason::PROTOCOL_ERROR,
        ),
        (
            frame(HEADERS, END_HEADERS, 1, b"\x88\x88"),
            Reason::PROTOCOL_ERROR,
        ),
        (
            frame(HEADERS, END_HEADERS, 1, b"\x00\x01a\x01b\x88"),
            Reason::PROTOCOL_ERROR,
        ),
        (
            frame(HEADERS, END_HEADERS, 1, b"\x88\x82"),
            Reason::PROTOCOL_ERROR,
        ),
        (
            frame(HEADERS, END_HEADERS, 1, b"\x08\x03abc"),
            Reason::PROTOCOL_ERROR,
        ),
        (
            frame(HEADERS, END_HEADERS, 1, b"\x08\x03101"),
            Reason::PROTOCOL_ERROR,
        ),
        (
            frame(HEADERS, END_HEADERS | END_STREAM, 1, b"\x08\x03103"),
            Reason::PROTOCOL_ERROR,
        ),
        (
            frame(HEADERS, END_HEADERS, 1, b"\x88\x0f\x0d\x01x"),
            Reason::PROTOCOL_ERROR,
        ),
        (
            frame(HEADERS, END_HEADERS, 1, b"\x88\x00\x01a\x02b\n"),
            Reason::PROTOCOL_ERROR,
        ),
        (
            frame(HEADERS, END_HEADERS, 1, b"\x88\x00\x01A\x01b"),
            Reason::PROTOCOL_ERROR,
        ),
        (
            frame(HEADERS, END_HEADERS, 1, b"\x88\x0f\x0d\x015\x0f\x0d\x016"),
            Reason::PROTOCOL_ERROR,
        ),
        (
            frame(HEADERS, END_HEADERS | END_STREAM, 1, long),
            Reason::PROTOCOL_ERROR,
        ),
        (
            behind(frame(HEADERS, END_HEADERS, 1, b"\x00\x01a\x01b")),
            Reason::PROTOCOL_ERROR,
        ),
        (
            behind(frame(HEADERS, END_HEADERS | END_STREAM, 1, OK)),
            Reason::PROTOCOL_ERROR,
        ),
        (frame(WINDOW_UPDATE, 0, 1, &[0; 4]), Reason::PROTOCOL_ERROR),
        (
            frame(WINDOW_UPDATE, 0, 1, &[0x7f, 0xff, 0xff, 0xff]),
            Reason::FLOW_CONTROL_ERROR,
        ),
        (frame(2, 0, 1, &[0; 4]), Reason::FRAME_SIZE_ERROR),
    ] {
        let mut connection = connection();
        let (key, other) = (get(&mut connection), get(&mut connection));
        output(&mut connection);
        assert_eq!(receive(&mut connection, &bytes), Ok(()), "{bytes:?}");
        let told = written(&mut connection);
        assert_eq!(
            told,
            [(RST_STREAM, 0, 1, reason.0.to_be_bytes().to_vec())],
            "{bytes:?}"
        );
        assert_eq!(
            answered(&mut connection, key),
            Err(Some(Fault::Violation(reason)))
        );
        // What was on its way is passed over.
        receive(&mut connection, &answer(1, b"late")).expect("no harm");
        connection.close(key);
        receive(&mut connection, &frame(DATA, 0, 1, b"later")).expect("no harm");
        receive(&mut connection, &answer(3, b"ok")).expect("an answer");
        assert_eq!(answered(&mut connection, other), Ok(b"ok".to_vec()));
    }
}

#[test]
fn a_server_that_ignores_our_windows_is_refused() {
    let chunk = frame(DATA, 0, 1, &vec![0; PAYLOAD]);
    let mut connection = connection();
    let key = get(&mut connection);
    receive(&mut connection, &frame(HEADERS, END_HEADERS, 1, OK)).expect("a head");
    for _ in 0..(1 << 20) / PAYLOAD {
        receive(&mut connection, &chunk).expect("a window of 1 MiB");
    }
    receive(&mut connection, &chunk).expect("an error of the stream");
    let reset = written(&mut connection).pop().expect("a frame");
    assert_eq!(
        reset,
        (
            RST_STREAM,
            0,
            1,
            Reason::FLOW_CONTROL_ERROR.0.to_be_bytes().to_vec()
        )
    );
    // What was thrown away was taken: of a window of 8 MiB nothing is lost.
    connection.close(key);
    for _ in 0..(64 << 20) / PAYLOAD {
        receive(&mut connection, &chunk).expect("it is passed over");
    }
    // One stream after the other, none of which anybody reads.
    let mut outcome = Ok(());
    for stream in 1..10 {
        get(&mut connection);
        let id = 2 * stream + 1;
        outcome = outcome.and_then(|()| receive(&mut connection, &frame(HEADERS, END_HEADERS, id, OK)));
        for _ in 0..(1 << 20) / PAYLOAD {
            outcome = outcome.and_then(|()| receive(&mut connection, &frame(DATA, 0, id, &vec![0; PAYLOAD])));
        }
    }
    assert_eq!(outcome, Err(Reason::FLOW_CONTROL_ERROR));
}
