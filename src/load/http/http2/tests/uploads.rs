//! Large bodies on their way to a server, and what they must not hold up.

use std::cell::Cell;
use std::pin::Pin;
use std::rc::Rc;
use std::task::{Context, Poll};
use std::{io, time::Duration};

use http::Method;
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::task::{spawn_local, yield_now};
use tokio::time::sleep;

use super::raw::{HEADERS, Raw, WINDOW_UPDATE, answer, frame, setting};
use super::{Limits, Session, asking, exchange, prepared, run};
use crate::load::h2::TURN;

/// SETTINGS_INITIAL_WINDOW_SIZE.
const INITIAL_WINDOW_SIZE: u16 = 4;
/// More than the system takes of what nobody reads.
const HUGE: usize = 64 << 20;

/// The greeting of a server that takes a gigabyte.
fn roomy() -> Vec<u8> {
    let mut greeting = setting(INITIAL_WINDOW_SIZE, 1 << 30);
    greeting.extend(frame(WINDOW_UPDATE, 0, 0, &(1_u32 << 30).to_be_bytes()));
    greeting
}

#[test]
fn an_answer_is_read_while_the_body_of_another_request_is_stuck() {
    run(async {
        let (mut raw, session) = Raw::session_with(&roomy(), Limits::default()).await;
        let asked = asking(&session);
        let first = raw.wait_for(HEADERS).await;
        let (other, request) = (session.clone(), prepared(Method::POST, vec![b'x'; HUGE]));
        let stuck = spawn_local(async move { exchange(&other, &request).await });
        raw.wait_for(HEADERS).await;
        // Until the system takes no more.
        sleep(Duration::from_millis(100)).await;
        raw.send(&answer(first.stream, b"x")).await;
        asked.await.expect("no panic").expect("an answer");
        assert!(!stuck.is_finished());
        stuck.abort();
    });
}

/// Takes all at once, and has a greeting to say.
struct Hungry {
    greeting: Vec<u8>,
    /// Bytes in all, since the last read, and the most between two reads.
    taken: Rc<[Cell<usize>; 3]>,
}

impl AsyncRead for Hungry {
    fn poll_read(
        mut self: Pin<&mut Self>,
        _: &mut Context<'_>,
        buf: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        let [_, since, most] = &*self.taken;
        most.set(most.get().max(since.replace(0)));
        if self.greeting.is_empty() {
            return Poll::Pending;
        }
        buf.put_slice(&std::mem::take(&mut self.greeting));
        Poll::Ready(Ok(()))
    }
}

impl AsyncWrite for Hungry {
    fn poll_write(self: Pin<&mut Self>, _: &mut Context<'_>, bytes: &[u8]) -> Poll<io::Result<usize>> {
        for count in &self.taken[..2] {
            count.set(count.get() + bytes.len());
        }
        Poll::Ready(Ok(bytes.len()))
    }

    fn poll_flush(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<io::Result<()>> {
        Poll::Ready(Ok(()))
    }

    fn poll_shutdown(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<io::Result<()>> {
        Poll::Ready(Ok(()))
    }
}

#[test]
fn what_comes_is_read_between_the_parts_of_a_body_however_fast_the_server_takes_them() {
    run(async {
        let taken = Rc::new([const { Cell::new(0) }; 3]);
        let io = Hungry {
            greeting: roomy(),
            taken: Rc::clone(&taken),
        };
        let session = Session::open(io, Limits::default()).await.expect("a session");
        let request = prepared(Method::POST, vec![b'x'; HUGE]);
        let asked = spawn_local(async move { exchange(&session, &request).await });
        while taken[0].get() < HUGE {
            yield_now().await;
        }
        asked.abort();
        // The last write of a turn may be longer than what was left of it.
        assert!(taken[2].get() <= 2 * TURN, "{}", taken[2].get());
    });
}
