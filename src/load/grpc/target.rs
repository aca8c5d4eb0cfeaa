//! [`GrpcTarget`]: one method of one server as a target of the driver.

use std::future::poll_fn;
use std::sync::Arc;

use h2::Reason;
use tokio::time::Instant;

use super::outbox::Outbox;
use super::prepared::Prepared;
use super::reader::{Reader, Undone};
use super::spec::{CallKind, CallNumber};
use super::status::of_class;
use super::stream;
use crate::load::h2::{Begun, Session, Sessions, Upload, is_sent_again};
use crate::load::{Answer, ConnectTimes, Failed, Messages, Sample, Target};
use crate::metrics::FailureClass;
use crate::net::connect::{self, Opened};

/// Calls one method, on one worker.
#[derive(Debug)]
pub(super) struct GrpcTarget {
    prepared: Arc<Prepared>,
    outbox: Outbox,
    sessions: Sessions,
    /// The number of the worker.
    worker: u32,
    /// How many connections its lanes share.
    connections: u32,
}

/// The connection of a lane.
#[derive(Debug)]
pub(super) struct GrpcConn {
    lane: u32,
    session: Session,
    messages: Messages,
}

impl GrpcConn {
    /// Of a lane.
    pub(super) fn new(lane: u32, session: Session) -> Self {
        Self {
            lane,
            session,
            messages: Messages::default(),
        }
    }
}

/// What happened on the way to an answer.
#[derive(Debug, Default)]
struct Way {
    connects: Vec<ConnectTimes>,
    reconnects: u32,
    waited: bool,
}

impl GrpcTarget {
    /// The lanes of the worker share so many connections: lane `l` calls on connection `l` modulo their number.
    pub(super) fn new(prepared: &Arc<Prepared>, connections: u32) -> Self {
        Self {
            outbox: prepared.outbox(),
            sessions: Sessions::new(prepared.limits),
            worker: prepared.worker(),
            connections: connections.max(1),
            prepared: Arc::clone(prepared),
        }
    }

    /// The session of a lane; with times, if it was opened for it.
    async fn session(&self, lane: u32) -> Result<(Session, Option<ConnectTimes>), Failed> {
        let open = async || self.open().await;
        self.sessions.get(lane % self.connections, open).await
    }

    async fn open(&self) -> Result<Opened, Failed> {
        let route = &self.prepared.route;
        let opened = connect::open(route, &self.prepared.tls).await?;
        if route.origin.https && !opened.http2 {
            let example =
                "the server did not agree to HTTP/2 (`h2`) in the TLS handshake, and gRPC needs it (ALPN)";
            return Err(Failed::new(FailureClass::Tls, example));
        }
        Ok(opened)
    }

    /// Makes a call. What the server surely did not process is sent again, on another session if this one is over.
    async fn call(
        &self,
        conn: &mut GrpcConn,
        call: CallNumber,
        sent: Instant,
        way: &mut Way,
    ) -> Result<Answer, Failed> {
        let mut tries = 0;
        loop {
            conn.messages = Messages::default();
            let GrpcConn {
                session, messages, ..
            } = &mut *conn;
            let undone = match self.exchange(session, call, sent, messages, way).await {
                Ok(answer) => return Ok(answer),
                Err(undone) => undone,
            };
            tries += 1;
            if !(undone.unsent && is_sent_again(undone.farewell, tries)) {
                return Err(undone.failed);
            }
            let (another, times) = Box::pin(self.session(conn.lane)).await?;
            conn.session = another;
            way.reconnects += u32::from(times.is_some());
            way.connects.extend(times);
        }
    }

    /// One try. When it is dropped, only this stream is reset.
    async fn exchange(
        &self,
        session: &Session,
        call: CallNumber,
        sent: Instant,
        messages: &mut Messages,
        way: &mut Way,
    ) -> Result<Answer, Undone> {
        let refused = |status| Undone::refused(&status);
        let head = self.outbox.head(call).map_err(refused)?;
        let reading = &self.prepared.reading;
        if self.outbox.kind() != CallKind::Unary {
            // Boxed, for it is much larger.
            let streaming = stream::exchange(&self.outbox, reading, session, head, (call, sent), messages);
            let (answer, waited) = Box::pin(streaming).await?;
            way.waited = waited;
            return Ok(answer);
        }
        let message = self.outbox.only(call).map_err(refused)?;
        let Begun {
            turn,
            answer,
            mut stream,
            written,
        } = session.begin(|| head, false).await?;
        way.waited = turn.waited;
        let shared = session.shared();
        let (message, left) = Upload::new(message);
        if let Err(error) = stream.send_data(message, true) {
            return Err(crate::load::h2::Broken::new(&error, shared, false).into());
        }
        messages.sent = 1;
        let mut reader = Reader::new(reading, shared, answer, (written, sent));
        let outcome = poll_fn(|cx| reader.poll(cx, messages)).await;
        if left.get() > 0 {
            stream.send_reset(Reason::CANCEL);
        }
        outcome
    }
}

impl Target for GrpcTarget {
    type Conn = GrpcConn;

    async fn connect(&self, lane: u32) -> Result<(GrpcConn, Option<ConnectTimes>), Failed> {
        let (session, times) = self.session(lane).await?;
        Ok((GrpcConn::new(lane, session), times))
    }

    async fn send(&self, conn: &mut GrpcConn, n: u64, sent: Instant) -> Sample {
        let call = CallNumber {
            n,
            worker: self.worker,
            lane: conn.lane,
        };
        let mut way = Way::default();
        let result = self.call(conn, call, sent, &mut way).await;
        Sample {
            result,
            // A stream that failed says nothing against the others.
            reusable: conn.session.is_usable(),
            connects: way.connects,
            waited: way.waited,
            reconnects: way.reconnects,
        }
    }

    async fn broken(&self, conn: &mut GrpcConn) {
        conn.session.broken().await;
    }

    fn status_of(class: FailureClass) -> Option<u16> {
        Some(of_class(class).0)
    }

    fn messages(conn: &mut GrpcConn) -> Option<&mut Messages> {
        Some(&mut conn.messages)
    }
}
