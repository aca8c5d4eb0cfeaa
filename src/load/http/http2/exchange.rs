//! One request and its answer on one stream of a [`Session`].

use bytes::Bytes;
use h2::client::ResponseFuture;
use h2::{Reason, RecvStream, SendStream};

use super::super::exchange::{Broken, Incoming};
use super::super::look::Look;
use super::super::search::Needle;
use super::request::Prepared;
use crate::load::h2::{self as http2, Begun, Session, Shared, Upload};

impl From<http2::Broken> for Broken {
    fn from(broken: http2::Broken) -> Self {
        Self {
            failed: broken.failed,
            unsent: broken.unsent,
        }
    }
}

impl Session {
    /// Sends a request as soon as the server has a stream for it, and reads its answer. When it is dropped before that,
    /// only this stream is reset.
    pub(in super::super) async fn exchange(
        &self,
        request: &Prepared,
        needle: Option<&Needle>,
    ) -> Result<Incoming, Broken> {
        let shared = self.shared();
        let body = &request.body;
        let Begun {
            turn,
            answer,
            stream,
            written,
        } = self.begin(|| request.head.clone(), body.is_empty()).await?;
        let incoming = if body.is_empty() {
            drop(stream);
            read(answer, written, needle, shared).await?
        } else {
            let answer = read(answer, written, needle, shared);
            // Boxed, for most requests have no body, and what is never needed need not be copied.
            Box::pin(upload(stream, body.clone(), answer, shared)).await?
        };
        let waited = turn.waited;
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
        return Err(http2::Broken::new(&error, shared, false).into());
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
    let answer = answer
        .await
        .map_err(|error| http2::Broken::early(&error, shared, written))?;
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
            .map_err(|error| http2::Broken::new(&error, shared, false))?;
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
