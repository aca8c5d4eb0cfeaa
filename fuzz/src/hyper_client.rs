//! The same answer through hyper's client, without a socket, a clock or a runtime: [`answer`] is the oracle.

use std::cell::Cell;
use std::io;
use std::pin::{Pin, pin};
use std::rc::Rc;
use std::task::{Context, Poll, Waker};

use bytes::Bytes;
use http::{HeaderMap, Method, Request};
use http_body_util::{BodyExt as _, Empty};
use hyper::client::conn::http1;
use hyper::rt::{Read, ReadBufCursor, Write};

/// What hyper made of an answer.
#[derive(Debug)]
pub struct Answer {
    /// Status code.
    pub status: u16,
    /// Bytes of the body.
    pub body_bytes: u64,
    /// Whether another request could have been sent.
    pub reusable: bool,
    /// Whether more came, which is an error of the connection.
    pub unasked: bool,
    /// As it keeps them.
    pub headers: HeaderMap,
}

/// A connection on which a server has written its answer and closes when it is told to.
struct Connection {
    answer: Bytes,
    state: Rc<State>,
}

#[derive(Default)]
struct State {
    asked: Cell<bool>,
    closed: Cell<bool>,
    /// Reads so far.
    reads: Cell<usize>,
}

impl Read for Connection {
    fn poll_read(
        mut self: Pin<&mut Self>,
        _: &mut Context<'_>,
        mut buffer: ReadBufCursor<'_>,
    ) -> Poll<io::Result<()>> {
        if !self.state.asked.get() || (self.answer.is_empty() && !self.state.closed.get()) {
            return Poll::Pending;
        }
        let size = self.answer.len().min(buffer.remaining());
        let piece = self.answer.split_to(size);
        buffer.put_slice(&piece);
        self.state.reads.set(self.state.reads.get() + 1);
        Poll::Ready(Ok(()))
    }
}

impl Write for Connection {
    fn poll_write(self: Pin<&mut Self>, _: &mut Context<'_>, bytes: &[u8]) -> Poll<io::Result<usize>> {
        self.state.asked.set(true);
        Poll::Ready(Ok(bytes.len()))
    }

    fn poll_flush(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<io::Result<()>> {
        Poll::Ready(Ok(()))
    }

    fn poll_shutdown(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<io::Result<()>> {
        Poll::Ready(Ok(()))
    }
}

/// Rounds without a read after which nothing more happens.
const QUIET: usize = 4;

/// Asks on a connection on which the server answers with these bytes. It closes it when hyper waits for more.
pub fn answer(bytes: &[u8], bodiless: bool) -> Result<Answer, String> {
    let state = Rc::new(State::default());
    let io = Connection {
        answer: Bytes::copy_from_slice(bytes),
        state: Rc::clone(&state),
    };
    let mut context = Context::from_waker(Waker::noop());
    let Poll::Ready(Ok((mut sender, connection))) = pin!(http1::handshake(io)).poll(&mut context) else {
        return Err("no handshake".to_owned());
    };
    let mut connection = pin!(connection);
    let mut gone = None;
    let mut request = Request::new(Empty::<Bytes>::new());
    *request.method_mut() = if bodiless { Method::HEAD } else { Method::GET };
    let exchange = sender.send_request(request);
    let mut exchange = pin!(async {
        let (head, mut body) = exchange.await?.into_parts();
        let mut body_bytes = 0;
        while let Some(frame) = body.frame().await {
            body_bytes += frame?.data_ref().map_or(0, |data| data.len() as u64);
        }
        Ok::<_, hyper::Error>((head, body_bytes))
    });
    let (mut reads, mut quiet) = (0, 0);
    let (head, body_bytes) = loop {
        poll(&mut gone, connection.as_mut(), &mut context);
        if let Poll::Ready(done) = exchange.as_mut().poll(&mut context) {
            break done.map_err(|error| describe(&error))?;
        }
        quiet = if state.reads.get() == reads { quiet + 1 } else { 0 };
        reads = state.reads.get();
        if quiet > QUIET {
            if state.closed.replace(true) {
                return Err("hyper waits for what cannot come".to_owned());
            }
            quiet = 0;
        }
    };
    // What came behind the answer is found out when the connection is idle.
    for _ in 0..QUIET {
        poll(&mut gone, connection.as_mut(), &mut context);
    }
    Ok(Answer {
        status: head.status.as_u16(),
        body_bytes,
        reusable: gone.is_none() && sender.is_ready(),
        unasked: matches!(gone, Some(Err(_))),
        headers: head.headers,
    })
}

/// Lets a connection go on that has not ended.
fn poll<T>(ended: &mut Option<T>, connection: Pin<&mut impl Future<Output = T>>, context: &mut Context<'_>) {
    if ended.is_none()
        && let Poll::Ready(outcome) = connection.poll(context)
    {
        *ended = Some(outcome);
    }
}

fn describe(error: &hyper::Error) -> String {
    match std::error::Error::source(error) {
        Some(cause) => format!("{error}: {cause}"),
        None => error.to_string(),
    }
}
