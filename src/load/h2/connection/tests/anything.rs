//! Servers that do anything.

use proptest::prelude::*;

use super::*;

/// What a server may do: frames of every form, on streams that exist and on some that do not.
fn anything() -> impl Strategy<Value = Vec<u8>> {
    let block = prop_oneof![
        Just(OK.to_vec()),
        Just(b"\x88\x40\x01x\x01y".to_vec()),
        Just(b"\x88\xbe".to_vec()),
        Just(b"\x00\x01a\x01b".to_vec()),
        prop::collection::vec(any::<u8>(), 0..20),
    ];
    let payload = prop::collection::vec(any::<u8>(), 0..40);
    let stream = prop_oneof![0..12_u32, any::<u32>()];
    prop_oneof![
        (0..11_u8, any::<u8>(), stream.clone(), payload)
            .prop_map(|(kind, flags, stream, payload)| frame(kind, flags, stream, &payload)),
        (0..8_u8, 0..12_u32, block).prop_map(|(flags, stream, block)| frame(HEADERS, flags, stream, &block)),
        (0..6_u32).prop_map(|stream| answer(2 * stream + 1, b"body")),
        (0..6_u32, any::<u32>()).prop_map(|(stream, more)| frame(
            WINDOW_UPDATE,
            0,
            stream,
            &more.to_be_bytes()
        )),
        (0..8_u16, any::<u32>()).prop_map(|(id, value)| setting(id, value)),
        (0..6_u32, 0..20_u32).prop_map(|(stream, code)| reset(2 * stream + 1, code)),
        (0..12_u32, 0..3_u32).prop_map(|(last, code)| go_away(last, code)),
        prop::collection::vec(any::<u8>(), 0..30),
    ]
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(2000))]

    #[test]
    fn no_server_can_make_us_panic_or_keep_much(
        script in prop::collection::vec((anything(), 0..6_u8, 1..50_usize), 1..30),
    ) {
        let mut connection = connection();
        let mut keys = Vec::new();
        for (bytes, act, size) in script {
            match act {
                0 => keys.extend(connection.open(&head(), HeadId::new(), true)),
                1 => keys.extend(connection.open(&head(), HeadId::new(), false).inspect(|key| {
                    connection.send(*key, &Bytes::from(vec![0; size * 1000]), size % 2 == 0);
                })),
                2 => if let Some(key) = keys.pop() { connection.close(key) },
                3 => for key in &keys { let _ = answered(&mut connection, *key); },
                4 => { output(&mut connection); }
                _ => connection.wake_all(),
            }
            let mut outcome = Ok(());
            for piece in bytes.chunks(size) {
                outcome = outcome.and_then(|()| receive(&mut connection, piece));
            }
            if outcome.is_err() {
                break;
            }
            prop_assert!(connection.held.len() <= HEAD + PAYLOAD);
            prop_assert!(connection.output.backlog() < 2 * BACKLOG + 100 * HEAD);
        }
        for key in keys.drain(..) {
            let _ = answered(&mut connection, key);
            connection.close(key);
        }
        prop_assert_eq!(connection.busy(), 0);
        let sent = output(&mut connection);
        prop_assert!(!connection.has_output() || connection.send_window <= 0 || sent.is_empty());
    }

    #[test]
    fn pieces_do_not_matter(script in prop::collection::vec(anything(), 1..12), size in 1..40_usize) {
        let bytes = script.concat();
        let outcome = |size: usize| {
            let mut connection = connection();
            let keys: Vec<Key> = (0..4).map(|_| get(&mut connection)).collect();
            let mut outcome = Ok(());
            for piece in bytes.chunks(size) {
                outcome = outcome.and_then(|()| receive(&mut connection, piece));
            }
            let answers: Vec<_> = keys.iter().map(|key| answered(&mut connection, *key)).collect();
            (outcome, answers, output(&mut connection))
        };
        prop_assert_eq!(outcome(size), outcome(bytes.len().max(1)));
    }
}
