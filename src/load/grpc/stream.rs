//! [`exchange`]: one call on which one side streams, or both. Sending and receiving go on at the same time.

use std::cell::Cell;
use std::future::poll_fn;
use std::pin::Pin;
use std::rc::Rc;
use std::task::{Context, Poll, ready};
use std::time::Duration;

use bytes::{Bytes, BytesMut};
use h2::{Reason, SendStream};
use http::Request;
use tokio::time::{Instant, Sleep, sleep};

use super::outbox::Parcel;
use super::reader::{Reader, Reading, Undone};
use super::status::Status;
use crate::load::h2::{Begun, Session, Upload};
use crate::load::{Answer, Messages};

/// Bytes of small messages that go into one frame, where they need not wait for each other: some servers take many small
/// frames for an attack.
const TOGETHER: usize = 8 << 10;

/// A timer that can be waited for anywhere.
type Timer = Pin<Box<Sleep>>;

/// Makes a call. Also says whether it had to wait for a stream.
pub(super) async fn exchange(
    parcel: &mut Parcel<'_>,
    reading: &Reading,
    session: &Session,
    head: Request<()>,
    sent: Instant,
    messages: &mut Messages,
) -> Result<(Answer, bool), Undone> {
    let Begun {
        turn,
        answer,
        stream,
        written,
    } = session.begin(|| head, false).await?;
    let mut sender = Sender::new(parcel, stream);
    let mut reader = Reader::new(reading, session.shared(), answer, (written, sent));
    let answer = poll_fn(|cx| {
        match sender.poll(cx, messages) {
            Poll::Ready(Ok(Sent::Enough)) => return Poll::Ready(reader.timed_out()),
            Poll::Ready(Err(status)) => return Poll::Ready(Err(Undone::refused(&status))),
            Poll::Ready(Ok(Sent::All)) | Poll::Pending => {}
        }
        reader.poll(cx, messages)
    });
    let answer = answer.await?;
    sender.stop();
    Ok((answer, turn.waited))
}

/// What became of the client's side of a call.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Sent {
    /// It is half-closed, or the server wants no more.
    All,
    /// The time of the call is over, and only the server streams.
    Enough,
}

/// The client's side of a call.
#[derive(Debug)]
struct Sender<'a, 'b> {
    parcel: &'a mut Parcel<'b>,
    stream: SendStream<Upload>,
    /// Of the next message.
    index: usize,
    /// Until the next message.
    pause: Option<Timer>,
    /// Until the client sends no more.
    end: Option<Timer>,
    over: bool,
    /// Messages that wait for others to go with them; empty between two polls.
    batch: BytesMut,
    /// How much of the last frame the server has not taken.
    left: Rc<Cell<usize>>,
}

impl<'a, 'b> Sender<'a, 'b> {
    fn new(parcel: &'a mut Parcel<'b>, stream: SendStream<Upload>) -> Self {
        let timer = |after: Duration| Box::pin(sleep(after));
        Self {
            end: parcel.stream().call_duration.map(timer),
            parcel,
            stream,
            index: 0,
            pause: None,
            over: false,
            batch: BytesMut::new(),
            left: Rc::default(),
        }
    }

    /// Sends what is to be sent by now and what the server has room for.
    fn poll(&mut self, cx: &mut Context<'_>, messages: &mut Messages) -> Poll<Result<Sent, Status>> {
        if let Some(end) = &mut self.end
            && end.as_mut().poll(cx).is_ready()
        {
            self.end = None;
            if !self.parcel.kind().client_streams() {
                return Poll::Ready(Ok(Sent::Enough));
            }
            self.half_close();
        }
        while !self.over {
            if let Some(pause) = &mut self.pause {
                ready!(pause.as_mut().poll(cx));
                self.pause = None;
            }
            if self.index > 0 && self.batch.is_empty() && !ready!(self.poll_room(cx)) {
                self.over = true;
                break;
            }
            match self.next()? {
                Some((message, last)) => self.send(message, last, messages),
                None => self.half_close(),
            }
        }
        Poll::Ready(Ok(Sent::All))
    }

    /// The next message, and whether it is known to be the last.
    fn next(&mut self) -> Result<Option<(Bytes, bool)>, Status> {
        if self.parcel.kind().client_streams() {
            return self.parcel.next(self.index);
        }
        Ok(Some((self.parcel.only()?, true)))
    }

    /// Waits until the server takes more. Whether it does at all.
    fn poll_room(&mut self, cx: &mut Context<'_>) -> Poll<bool> {
        // A message may be larger than what there is room for: what counts is that they do not pile up.
        self.stream.reserve_capacity(1);
        while self.stream.capacity() == 0 {
            match ready!(self.stream.poll_capacity(cx)) {
                Some(Ok(_)) => {}
                Some(Err(_)) | None => return Poll::Ready(false),
            }
        }
        Poll::Ready(true)
    }

    fn send(&mut self, message: Bytes, last: bool, messages: &mut Messages) {
        self.index += 1;
        messages.sent += 1;
        let interval = self.parcel.stream().interval;
        let together = interval.is_zero() && message.len() < TOGETHER && !(last && self.batch.is_empty());
        if together {
            self.batch.extend_from_slice(&message);
            if last || self.batch.len() >= TOGETHER {
                self.flush(last);
            }
            return;
        }
        if !self.batch.is_empty() {
            self.flush(false);
        }
        self.frame(message, last);
        if !last && !interval.is_zero() {
            self.pause = Some(Box::pin(sleep(interval)));
        }
    }

    fn flush(&mut self, last: bool) {
        let batch = self.batch.split().freeze();
        self.frame(batch, last);
    }

    fn frame(&mut self, content: Bytes, last: bool) {
        let (content, left) = Upload::new(content);
        self.left = left;
        // When the server wants nothing more, the answer will say why.
        let refused = self.stream.send_data(content, last).is_err();
        self.over |= last || refused;
    }

    fn half_close(&mut self) {
        if !self.over {
            self.flush(true);
        }
    }

    /// The call is over. What the server has not taken by now is never sent.
    fn stop(&mut self) {
        if self.over && self.left.get() > 0 {
            self.stream.send_reset(Reason::CANCEL);
        }
    }
}
