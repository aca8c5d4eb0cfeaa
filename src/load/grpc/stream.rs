//! [`exchange`]: one call on which one side streams, or both. Sending and receiving go on at the same time.

use std::future::poll_fn;
use std::pin::Pin;
use std::task::{Context, Poll, ready};
use std::time::Duration;

use bytes::{Bytes, BytesMut};
use tokio::time::{Instant, Sleep, sleep};

use super::outbox::Parcel;
use super::reader::{Reader, Reading, Undone};
use super::status::Status;
use crate::load::h2::{Begun, Session};
use crate::load::{Answer, Messages, Way};

/// Bytes of small messages that go into one frame, where they need not wait for each other: some servers take many small
/// frames for an attack.
const TOGETHER: usize = 8 << 10;

/// A timer that can be waited for anywhere.
type Timer = Pin<Box<Sleep>>;

/// Makes a call.
pub(super) async fn exchange(
    parcel: &mut Parcel<'_>,
    reading: &Reading,
    session: &Session,
    sent: Instant,
    messages: &mut Messages,
    way: &mut Way,
) -> Result<Answer, Undone> {
    let (head, id) = parcel.known_head();
    let mut begun = session.begin(&head, id, false, way).await?;
    let mut sender = Sender::new(parcel);
    let mut reader = Reader::new(reading, sent);
    poll_fn(|cx| {
        match sender.poll(&mut begun, cx, messages) {
            Poll::Ready(Ok(Sent::Enough)) => return Poll::Ready(reader.timed_out()),
            Poll::Ready(Err(status)) => return Poll::Ready(Err(Undone::refused(&status))),
            Poll::Ready(Ok(Sent::All)) | Poll::Pending => {}
        }
        reader.poll(&mut begun, cx, messages)
    })
    .await
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
    /// Of the next message.
    index: usize,
    /// Until the next message.
    pause: Option<Timer>,
    /// Until the client sends no more.
    end: Option<Timer>,
    over: bool,
    /// Messages that wait for others to go with them; empty between two polls.
    batch: BytesMut,
}

impl<'a, 'b> Sender<'a, 'b> {
    fn new(parcel: &'a mut Parcel<'b>) -> Self {
        let timer = |after: Duration| Box::pin(sleep(after));
        Self {
            end: parcel.stream().call_duration.map(timer),
            parcel,
            index: 0,
            pause: None,
            over: false,
            batch: BytesMut::new(),
        }
    }

    /// Sends what is to be sent by now and what the server has room for.
    fn poll(
        &mut self,
        begun: &mut Begun<'_>,
        cx: &mut Context<'_>,
        messages: &mut Messages,
    ) -> Poll<Result<Sent, Status>> {
        if let Some(end) = &mut self.end
            && end.as_mut().poll(cx).is_ready()
        {
            self.end = None;
            if !self.parcel.kind().client_streams() {
                return Poll::Ready(Ok(Sent::Enough));
            }
            self.half_close(begun);
        }
        while !self.over {
            if let Some(pause) = &mut self.pause {
                ready!(pause.as_mut().poll(cx));
                self.pause = None;
            }
            if self.index > 0 && self.batch.is_empty() && !ready!(begun.poll_room(cx)) {
                self.over = true;
                break;
            }
            match self.next()? {
                Some((message, last)) => self.send(begun, &message, last, messages),
                None => self.half_close(begun),
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

    fn send(&mut self, begun: &mut Begun<'_>, message: &Bytes, last: bool, messages: &mut Messages) {
        self.index += 1;
        messages.sent += 1;
        let interval = self.parcel.stream().interval;
        let together = interval.is_zero() && message.len() < TOGETHER && !(last && self.batch.is_empty());
        if together {
            self.batch.extend_from_slice(message);
            if last || self.batch.len() >= TOGETHER {
                self.flush(begun, last);
            }
            return;
        }
        if !self.batch.is_empty() {
            self.flush(begun, false);
        }
        self.frame(begun, message, last);
        if !last && !interval.is_zero() {
            self.pause = Some(Box::pin(sleep(interval)));
        }
    }

    fn flush(&mut self, begun: &mut Begun<'_>, last: bool) {
        let batch = self.batch.split().freeze();
        self.frame(begun, &batch, last);
    }

    fn frame(&mut self, begun: &mut Begun<'_>, content: &Bytes, last: bool) {
        begun.send(content, last);
        self.over |= last;
    }

    fn half_close(&mut self, begun: &mut Begun<'_>) {
        if !self.over {
            self.flush(begun, true);
        }
    }
}
