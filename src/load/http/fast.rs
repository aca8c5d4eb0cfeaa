//! [`Connection`]: HTTP/1.1 on a stream without a library between, for what a load sends a million times.
//!
//! # Why
//! One write and one read per request, no task beside the lane's own, no copy of a body, and nothing allocated: that is
//! what makes a request as cheap as the system allows. Only the framing of answers is ours ([`super::codec`]).

use std::cell::RefCell;
use std::future::poll_fn;
use std::io;
use std::pin::Pin;
use std::task::{Context, Poll, ready};

use tokio::io::{AsyncRead as _, AsyncWrite as _, ReadBuf};
use tokio::time::Instant;

use super::codec::{Asked, Decoder, End, HeadMemo, Progress, Sink, Violation};
use super::failure;
use crate::load::Failed;
use crate::net::connect::{Duplex, is_hung_up, is_reset};

/// Most bytes taken in by one read.
const READ: usize = 64 << 10;

/// What all connections of a worker use in turn.
#[derive(Debug)]
pub(super) struct Bench<N> {
    /// What was read last.
    input: RefCell<Box<[u8]>>,
    memo: RefCell<HeadMemo<N>>,
}

impl<N> Bench<N> {
    pub(super) fn new() -> Self {
        Self {
            input: RefCell::new(vec![0; READ].into()),
            memo: RefCell::new(HeadMemo::default()),
        }
    }
}

/// One connection.
pub(super) struct Connection {
    stream: Box<dyn Duplex>,
    decoder: Decoder,
    /// Whether a request was answered on it.
    used: bool,
    /// For requests that are not the same each time.
    pub(super) scratch: Vec<u8>,
}

/// A complete answer.
#[derive(Debug)]
pub(super) struct Done {
    pub(super) end: End,
    pub(super) first_byte: Instant,
    pub(super) last_byte: Instant,
    /// What is wrong with the bytes behind it, if any came with it.
    pub(super) unasked: Option<Box<Failed>>,
}

/// Why nothing complete came back.
#[derive(Debug)]
pub(super) struct Broken {
    pub(super) failed: Failed,
    /// The connection had been used, and the server closed it before the first byte of this answer.
    pub(super) stale: bool,
    /// Whether a byte of the request was handed over: if not, the server cannot have taken it.
    pub(super) written: bool,
    /// Whether the connection was reset, which is what a system does with bytes that its server did not read before it
    /// closed. A server that read the request and closes ends the connection in order.
    pub(super) reset: bool,
}

/// An exchange under way.
struct Exchange<'a, S: Sink> {
    /// The second part may be empty.
    request: [&'a [u8]; 2],
    written: usize,
    flushed: bool,
    /// The server takes no more, but may have answered.
    refused: Option<io::Error>,
    first_byte: Option<Instant>,
    /// Reading failed.
    reset: bool,
    sink: &'a mut S,
}

impl<'a, S: Sink> Exchange<'a, S> {
    /// What is to be written next.
    fn rest(&self) -> Option<&'a [u8]> {
        let [head, body] = self.request;
        if self.written < head.len() {
            return Some(&head[self.written..]);
        }
        body.get(self.written - head.len()..)
            .filter(|rest| !rest.is_empty())
    }
}

impl Connection {
    pub(super) fn new(stream: Box<dyn Duplex>) -> Self {
        Self {
            stream,
            decoder: Decoder::new(),
            used: false,
            scratch: Vec::new(),
        }
    }

    /// Sends a request and takes in its answer.
    pub(super) async fn exchange<S: Sink>(
        &mut self,
        request: [&[u8]; 2],
        asked: Asked,
        bench: &Bench<S::Note>,
        sink: &mut S,
    ) -> Result<Done, Broken> {
        self.decoder.begin(asked);
        let mut exchange = Exchange {
            request,
            written: 0,
            flushed: false,
            refused: None,
            first_byte: None,
            reset: false,
            sink,
        };
        let outcome = poll_fn(|context| self.poll(&mut exchange, bench, context)).await;
        let Exchange {
            written,
            first_byte,
            reset: was_reset,
            ..
        } = exchange;
        match outcome {
            Ok(mut done) => {
                self.used = true;
                // What the server did not wait for would be read as the beginning of the next request.
                done.end.reusable &= written == request[0].len() + request[1].len();
                Ok(done)
            }
            Err(failed) => Err(Broken {
                stale: self.used && first_byte.is_none(),
                written: written > 0,
                reset: was_reset || is_reset(self.stream.socket()),
                failed,
            }),
        }
    }

    fn poll<S: Sink>(
        &mut self,
        exchange: &mut Exchange<'_, S>,
        bench: &Bench<S::Note>,
        context: &mut Context<'_>,
    ) -> Poll<Result<Done, Failed>> {
        self.write(exchange, context);
        let mut input = bench.input.borrow_mut();
        loop {
            let mut read = ReadBuf::new(&mut input);
            let outcome = ready!(Pin::new(&mut self.stream).poll_read(context, &mut read));
            let now = Instant::now();
            let piece = read.filled();
            if let Err(error) = outcome {
                exchange.reset = true;
                return Poll::Ready(Err(failure::reading(&error)));
            }
            if piece.is_empty() {
                return Poll::Ready(self.closed(exchange, now));
            }
            let first_byte = *exchange.first_byte.get_or_insert(now);
            let mut memo = bench.memo.borrow_mut();
            match self.decoder.feed(piece, &mut memo, exchange.sink) {
                Ok(fed) => match fed.progress {
                    Progress::NeedMore => {}
                    Progress::Complete(end) => {
                        return Poll::Ready(Ok(Done {
                            end,
                            first_byte,
                            last_byte: now,
                            unasked: if end.excess {
                                failure::unasked(&piece[fed.consumed..]).map(Box::new)
                            } else {
                                None
                            },
                        }));
                    }
                },
                Err(violation) => return Poll::Ready(Err(failure::violation(violation, piece))),
            }
        }
    }

    /// Hands over as much of the request as the system takes.
    fn write<S: Sink>(&mut self, exchange: &mut Exchange<'_, S>, context: &mut Context<'_>) {
        while exchange.refused.is_none()
            && let Some(rest) = exchange.rest()
        {
            match Pin::new(&mut self.stream).poll_write(context, rest) {
                Poll::Pending => return,
                Poll::Ready(Ok(0)) => exchange.refused = Some(io::ErrorKind::WriteZero.into()),
                Poll::Ready(Ok(more)) => exchange.written += more,
                Poll::Ready(Err(error)) => exchange.refused = Some(error),
            }
        }
        if exchange.refused.is_none() && !exchange.flushed {
            match Pin::new(&mut self.stream).poll_flush(context) {
                Poll::Pending => {}
                Poll::Ready(Ok(())) => exchange.flushed = true,
                Poll::Ready(Err(error)) => exchange.refused = Some(error),
            }
        }
    }

    /// The server closed the connection: the end of the answer, or of hope for one.
    fn closed<S: Sink>(&mut self, exchange: &Exchange<'_, S>, now: Instant) -> Result<Done, Failed> {
        match self.decoder.finish() {
            Ok(end) => Ok(Done {
                end,
                first_byte: exchange.first_byte.unwrap_or(now),
                last_byte: now,
                unasked: None,
            }),
            Err(Violation::Incomplete) => match &exchange.refused {
                Some(error) => Err(failure::reading(error)),
                None => Err(failure::closed()),
            },
            Err(violation) => Err(failure::violation(violation, &[])),
        }
    }

    /// Whether the server is known to have closed the connection since it was used last. Asks the system, for the event
    /// loop hears of an end only when it sleeps: a server that leaves right after an answer would cost the next request.
    pub(super) fn is_over(&self) -> bool {
        self.used && is_hung_up(self.stream.socket())
    }

    /// Waits until the unused connection can take no more requests: the server closed it, or sent what nobody asked for,
    /// which is a failure.
    pub(super) async fn broken<N>(&mut self, bench: &Bench<N>) -> Option<Failed> {
        poll_fn(|context| {
            let mut input = bench.input.borrow_mut();
            let mut read = ReadBuf::new(&mut input);
            // Nothing is due: the end, an error and bytes are all the end of it.
            let outcome = ready!(Pin::new(&mut self.stream).poll_read(context, &mut read));
            Poll::Ready(match outcome {
                Ok(()) => failure::unasked(read.filled()),
                Err(error) => failure::idle(&error),
            })
        })
        .await
    }
}

impl std::fmt::Debug for Connection {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Connection")
            .field("decoder", &self.decoder)
            .field("used", &self.used)
            .finish_non_exhaustive()
    }
}
