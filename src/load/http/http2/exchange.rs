//! One request and its answer on one stream of a [`Session`].

use bytes::Bytes;
use h2::client::{ResponseFuture, SendRequest};
use h2::{Reason, RecvStream, SendStream};

use super::super::exchange::{Broken, Incoming};
use super::super::look::Look;
use super::super::search::Needle;
use super::request::Prepared;
use crate::load::h2::{Session, Shared, Upload, failure, takes_requests};

impl Session {
    /// Sends a request as soon as the server has a stream for it, and reads its answer. When it is dropped before that,
    /// only this stream is reset.
    pub(in super::super) async fn exchange(
        &self,
        request: Prepared,
        needle: Option<&Needle>,
    ) -> Result<Incoming, Broken> {
        let shared = self.shared();
        let Some(turn) = shared.turn().await else {
            return Err(unsent(shared));
        };
        let (head, body) = request.split();
        let written = shared.meter.written();
        let mut requests = self.requests();
        let sent = requests.send_request(head, body.is_empty());
        let (answer, stream) = match sent {
            Ok(sent) => sent,
            Err(error) => return Err(unqueued(&error, &mut requests, shared)),
        };
        let waited = turn.waited;
        let incoming = if body.is_empty() {
            drop(stream);
            read(answer, written, needle, shared).await?
        } else {
            let answer = read(answer, written, needle, shared);
            // Boxed, for most requests have no body, and what is never needed need not be copied.
            Box::pin(upload(stream, body, answer, shared)).await?
        };
        Ok(Incoming { waited, ..incoming })
    }
}

/// Queues the body behind the head, before anything of it is written, and waits for the answer. What of the body the
/// server has not taken by then is never sent.
async fn upload(
    mut stream: SendStream<Upload>,
    body: Bytes,
    answer: impl Future<Output = Result<Incoming, Broken>>,
    shared: &Shared,
) -> Result<Incoming, Broken> {
    let (body, left) = Upload::new(body);
    if let Err(error) = stream.send_data(body, true) {
        return Err(broken(&error, shared, false));
    }
    let outcome = answer.await;
    if outcome.is_ok() && left.get() > 0 {
        stream.send_reset(Reason::CANCEL);
    }
    outcome
}

/// Reads an answer to its end. `written` is how much had been written before the request was queued.
async fn read(
    answer: ResponseFuture,
    written: u64,
    needle: Option<&Needle>,
    shared: &Shared,
) -> Result<Incoming, Broken> {
    let answer = answer.await.map_err(|error| {
        let untouched = error.is_io() && shared.meter.written() == written;
        broken(&error, shared, untouched || failure::is_unprocessed(&error))
    })?;
    let (head, mut body) = answer.into_parts();
    let mut incoming = Incoming {
        status: head.status,
        headers: head.headers,
        first_byte: shared.meter.last_read(),
        end: shared.meter.last_read(),
        bytes: 0,
        seen: Look::new(None).finish(),
        waited: false,
    };
    let mut look = Look::new(needle);
    look.head(incoming.status, &incoming.headers);
    if !body.is_end_stream() {
        // Once it has begun to answer, the server has processed the request, whatever it says.
        incoming.bytes = read_body(&mut body, &mut look)
            .await
            .map_err(|error| broken(&error, shared, false))?;
        incoming.end = shared.meter.last_read();
    }
    incoming.seen = look.finish();
    Ok(incoming)
}

/// How many bytes there were.
async fn read_body(body: &mut RecvStream, look: &mut Look<'_>) -> Result<u64, h2::Error> {
    let mut bytes = 0;
    while let Some(chunk) = body.data().await {
        let chunk = chunk?;
        bytes += chunk.len() as u64;
        look.feed(&chunk);
        if body.is_end_stream() {
            // What it held of the windows is given back when it is dropped.
            return Ok(bytes);
        }
        body.flow_control().release_capacity(chunk.len())?;
    }
    // Trailers end the answer; nothing in them is of interest.
    body.trailers().await?;
    Ok(bytes)
}

fn broken(error: &h2::Error, shared: &Shared, unsent: bool) -> Broken {
    let failed = failure::answering(error, shared.end());
    Broken { failed, unsent }
}

/// The session was closed while the request waited for a stream.
fn unsent(shared: &Shared) -> Broken {
    Broken {
        failed: shared.end().unwrap_or_else(failure::leaving),
        unsent: true,
    }
}

/// The connection did not take the request.
fn unqueued(error: &h2::Error, requests: &mut SendRequest<Upload>, shared: &Shared) -> Broken {
    let over = !takes_requests(requests);
    if over {
        shared.close();
    }
    // Otherwise the request itself is at fault.
    broken(error, shared, over)
}
