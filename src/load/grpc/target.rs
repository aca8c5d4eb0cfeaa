//! [`GrpcTarget`]: one method of one server as a target of the driver.

use std::future::poll_fn;
use std::sync::Arc;
use std::time::Duration;

use tokio::time::Instant;

use super::halt::Halt;
use super::outbox::{Outbox, Parcel};
use super::prepared::Prepared;
use super::reader::{Reader, Undone};
use super::spec::{CallKind, CallNumber};
use super::status::of_class;
use super::stream;
use crate::grpc::code::Code;
use crate::load::h2::{Session, Sessions, is_sent_again};
use crate::load::{Answer, ConnectTimes, Failed, Messages, Sample, Seat, Target, Way};
use crate::metrics::FailureClass;
use crate::net::connect;

/// Calls one method, on one worker.
#[derive(Debug)]
pub(super) struct GrpcTarget {
    prepared: Arc<Prepared>,
    outbox: Outbox,
    sessions: Sessions,
}

/// The connection of a lane.
#[derive(Debug)]
pub(super) struct GrpcConn {
    seat: Seat,
    session: Session,
    messages: Messages,
}

impl GrpcConn {
    /// Of a lane.
    pub(super) fn new(seat: Seat, session: Session) -> Self {
        Self {
            seat,
            session,
            messages: Messages::default(),
        }
    }
}

impl GrpcTarget {
    /// Without a connection; a call that cannot be made ends all by `halt`.
    pub(super) fn new(prepared: &Arc<Prepared>, halt: Halt) -> Self {
        Self {
            outbox: prepared.outbox(halt),
            sessions: Sessions::new(prepared.limits),
            prepared: Arc::clone(prepared),
        }
    }

    /// The session of a lane; with times, if it was opened for it.
    async fn session(&self, seat: Seat) -> Result<(Session, Option<ConnectTimes>), Failed> {
        let open = async || Ok(connect::open(&self.prepared.route, &self.prepared.tls).await?);
        self.sessions.get(seat.connection, open).await
    }

    /// Makes a call. What the server surely did not process is sent again, on another session if this one is over.
    async fn call(
        &self,
        conn: &mut GrpcConn,
        call: CallNumber,
        sent: Instant,
        way: &mut Way,
    ) -> Result<Answer, Failed> {
        let mut parcel = match self.outbox.parcel(call) {
            Ok(parcel) => parcel,
            Err(status) => {
                way.unmade = true;
                return Err(Undone::refused(&status).failed);
            }
        };
        let mut tries = 0;
        loop {
            conn.messages = Messages::default();
            let GrpcConn {
                session, messages, ..
            } = &mut *conn;
            let undone = match self.exchange(session, &mut parcel, sent, messages, way).await {
                Ok(answer) => return Ok(answer),
                Err(undone) => undone,
            };
            way.unmade = parcel.unmade;
            tries += 1;
            if !(undone.unsent && is_sent_again(undone.farewell, tries)) {
                return Err(undone.failed);
            }
            let (another, times) = Box::pin(self.session(conn.seat)).await?;
            conn.session = another;
            way.reconnects += u32::from(times.is_some());
            way.connects.extend(times);
        }
    }

    /// One try. When it is dropped, only this stream is reset.
    async fn exchange(
        &self,
        session: &Session,
        parcel: &mut Parcel<'_>,
        sent: Instant,
        messages: &mut Messages,
        way: &mut Way,
    ) -> Result<Answer, Undone> {
        let reading = &self.prepared.reading;
        if parcel.kind() != CallKind::Unary {
            // Boxed, for it is much larger.
            let streaming = stream::exchange(parcel, reading, session, sent, messages, way);
            return Box::pin(streaming).await;
        }
        let message = parcel.only().map_err(|status| Undone::refused(&status))?;
        let (head, id) = parcel.known_head();
        let mut begun = session.begin(&head, id, false, way).await?;
        begun.send(&message, true);
        messages.sent = 1;
        let mut reader = Reader::new(reading, sent);
        poll_fn(|cx| reader.poll(&mut begun, cx, messages)).await
    }
}

/// The server knows the deadline too, and may end the call an instant before our own timer does.
fn in_time(result: Result<Answer, Failed>, sent: Instant, timeout: Duration) -> Result<Answer, Failed> {
    let by_deadline = match &result {
        Ok(answer) => answer.status == Some(Code::DEADLINE_EXCEEDED.0),
        Err(failed) => failed.class == FailureClass::Reset,
    };
    if by_deadline && sent.elapsed() >= timeout {
        return Err(Failed::new(
            FailureClass::Timeout,
            format!("no complete answer within {timeout:?}"),
        ));
    }
    result
}

impl Target for GrpcTarget {
    type Conn = GrpcConn;

    async fn connect(&self, seat: Seat) -> Result<(GrpcConn, Option<ConnectTimes>), Failed> {
        let (session, times) = self.session(seat).await?;
        Ok((GrpcConn::new(seat, session), times))
    }

    async fn send(&self, conn: &mut GrpcConn, n: u64, sent: Instant, way: &mut Way) -> Sample {
        let call = CallNumber {
            n,
            lane: conn.seat.lane,
        };
        let result = self.call(conn, call, sent, way).await;
        let result = in_time(result, sent, self.prepared.timeout);
        Sample {
            result,
            // A stream that failed says nothing against the others.
            reusable: conn.session.is_usable(),
        }
    }

    async fn broken(&self, conn: &mut GrpcConn) -> Option<Failed> {
        conn.session.broken().await;
        None
    }

    fn status_of(class: FailureClass) -> Option<u16> {
        Some(of_class(class).0)
    }

    fn messages(conn: &mut GrpcConn) -> Option<&mut Messages> {
        Some(&mut conn.messages)
    }
}
