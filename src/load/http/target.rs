//! [`HttpTarget`]: one kind of request as a target of the driver, by whatever HTTP the server speaks.

use std::cell::{Cell, RefCell};
use std::sync::Arc;
use std::time::Duration;

use http::Method;
use tokio::time::Instant;

use super::answer::{Memory, Note, Reader};
use super::codec::Asked;
use super::exchange;
use super::fast::{Bench, Broken, Connection, Done};
use super::link;
use super::prepared::Prepared;
use super::redirects::{Follower, Links};
use super::sessions::{Session, Sessions};
use crate::load::h2::{is_farewell, is_sent_again};
use crate::load::health::target_part;
use crate::load::random::Random;
use crate::load::{Answer, ConnectTimes, Failed, Sample, Seat, Target, Way};
use crate::net::connect::{self, Opened};

/// How much longer than a round trip a server may take to close a connection without reading what was sent there.
const SLACK: Duration = Duration::from_millis(10);
/// The same of a connection that ends in order: the server may have read it all.
const SLACK_IN_ORDER: Duration = Duration::from_millis(1);

/// Sends one kind of request, on one worker.
#[derive(Debug)]
pub(super) struct HttpTarget {
    prepared: Arc<Prepared>,
    asked: Asked,
    /// Whether each request asks for its connection to be closed.
    closes: bool,
    /// Follows redirects, when they are to be followed.
    follower: Option<Follower>,
    bench: Bench<Note>,
    memory: Memory,
    sessions: Sessions,
    random: RefCell<Random>,
    /// The shortest time in which a connection was opened: about what a message there and back takes.
    round_trip: Cell<Option<Duration>>,
}

/// The connection of a lane.
#[derive(Debug)]
pub(super) enum HttpConn {
    /// HTTP/1.1: one request after the other on one stream.
    Fast(Box<Connection>),
    /// HTTP/2: one of the streams of the connection of a number.
    Session(u32, Session),
    /// By a library, wherever redirects lead.
    Following(Box<Links>),
}

impl HttpTarget {
    /// A target that nothing is connected to yet.
    pub(super) fn new(prepared: &Arc<Prepared>) -> Self {
        let follows = prepared.spec.max_redirects > 0;
        Self {
            asked: if prepared.spec.method == Method::HEAD {
                Asked::Head
            } else {
                Asked::Other
            },
            closes: prepared.rendering.closes(),
            follower: follows.then(|| Follower::new(Arc::clone(prepared))),
            bench: Bench::new(),
            memory: Memory::default(),
            sessions: Sessions::new(),
            random: RefCell::new(Random::new()),
            round_trip: Cell::new(None),
            prepared: Arc::clone(prepared),
        }
    }

    async fn open(&self) -> Result<Opened, Failed> {
        let opened = connect::open(&self.prepared.route, &self.prepared.tls).await?;
        let took = opened.times.connect;
        let shortest = self.round_trip.get().map_or(took, |known| known.min(took));
        self.round_trip.set(Some(shortest));
        Ok(opened)
    }

    /// Whether a server whose end of a connection was seen now can have closed it before it knew of what was sent there at
    /// `sent`. One that worked on a request and then dropped it takes longer. Where our thread was busy or waited for a
    /// processor meanwhile, the end may have been there long before; by then the server's system has refused what was sent,
    /// and the connection counts as reset.
    fn crossed(&self, broken: &Broken, sent: Instant) -> bool {
        let took = sent.elapsed();
        let server = target_part(took).unwrap_or(took);
        let round_trip = self.round_trip.get().unwrap_or_default();
        server
            <= if broken.reset {
                round_trip + SLACK
            } else {
                round_trip * 2 + SLACK_IN_ORDER
            }
    }

    /// The session of a connection; with times, if it was opened now.
    async fn session(&self, number: u32) -> Result<(Session, Option<ConnectTimes>), Failed> {
        self.sessions.get(number, async || self.open().await).await
    }

    /// Sends a request and takes in its answer. It is sent a second time on a new connection when the server had closed a
    /// kept one, as far as that can be told, and it can do no harm: the server cannot have taken it, or it closed within a
    /// round trip and taking it twice is as good as once (RFC 9110, section 9.2.2).
    async fn send_fast(
        &self,
        conn: &mut Connection,
        n: u64,
        sent: Instant,
        way: &mut Way,
    ) -> Result<(Answer, bool), Failed> {
        let repeatable = self.prepared.spec.method.is_idempotent();
        // What cannot be repeated is not even written to a connection that the server has closed meanwhile.
        if repeatable || !conn.is_over() {
            match self.exchange(conn, n).await {
                Err(broken)
                    if broken.stale && (!broken.written || repeatable && self.crossed(&broken, sent)) => {}
                outcome => return outcome.map_err(|broken| broken.failed),
            }
        }
        let another = Box::pin(self.open()).await?;
        *conn = Connection::new(another.stream);
        way.connects.push(another.times);
        way.reconnects += 1;
        self.exchange(conn, n).await.map_err(|broken| broken.failed)
    }

    async fn exchange(&self, conn: &mut Connection, n: u64) -> Result<(Answer, bool), Broken> {
        let mut scratch = std::mem::take(&mut conn.scratch);
        let rendering = &self.prepared.rendering;
        let request = rendering.bytes(n, &mut self.random.borrow_mut(), &mut scratch);
        let mut reader = Reader::new(&self.prepared, &self.memory, request[0]);
        let outcome = conn.exchange(request, self.asked, &self.bench, &mut reader).await;
        let outcome = outcome.map(|done| (done, reader.finish()));
        conn.scratch = scratch;
        let (done, (failure, aside)) = outcome?;
        let Done {
            end,
            first_byte,
            last_byte,
            unasked,
        } = done;
        let answer = Answer {
            status: Some(end.status),
            first_byte,
            end: last_byte,
            bytes: end.body_bytes,
            failure: unasked.map(|unasked| *unasked).or(failure),
            aside,
        };
        Ok((answer, end.reusable && !self.closes))
    }

    /// Opens a connection for the lanes of a number, for whatever HTTP the server speaks on it.
    async fn open_conn(&self, number: u32) -> Result<(HttpConn, Option<ConnectTimes>), Failed> {
        if self.prepared.spec.http_version.multiplexes() {
            let (session, times) = self.session(number).await?;
            return Ok((HttpConn::Session(number, session), times));
        }
        let Opened { stream, times } = self.open().await?;
        let conn = if times.http2 {
            HttpConn::Session(number, Sessions::greet(stream).await?)
        } else {
            HttpConn::Fast(Box::new(Connection::new(stream)))
        };
        Ok((conn, Some(times)))
    }

    /// Sends a request on a stream of a session. What the server surely did not process is sent again, on another
    /// connection if this session is over: where the server may choose, that one may speak another HTTP.
    async fn send_on_session(
        &self,
        conn: &mut HttpConn,
        n: u64,
        sent: Instant,
        way: &mut Way,
    ) -> Result<(Answer, bool), Failed> {
        let mut tries = 0;
        loop {
            let (number, session) = match conn {
                HttpConn::Session(number, session) => (*number, session),
                HttpConn::Fast(conn) => return self.send_fast(conn, n, sent, way).await,
                HttpConn::Following(_) => unreachable!("a session is not replaced by one of those"),
            };
            let broken = match self.exchange_on(session, n, way).await {
                Ok(answer) => return Ok((answer, session.is_usable())),
                Err(broken) => broken,
            };
            tries += 1;
            if !(broken.unsent && is_sent_again(is_farewell(&broken.failed), tries)) {
                return Err(broken.failed);
            }
            if !session.is_usable() {
                let (another, times) = Box::pin(self.open_conn(number)).await?;
                *conn = another;
                way.reconnects += u32::from(times.is_some());
                way.connects.extend(times);
            }
        }
    }

    async fn exchange_on(
        &self,
        session: &Session,
        n: u64,
        way: &mut Way,
    ) -> Result<Answer, exchange::Broken> {
        let judge = &self.prepared.judge;
        let request = self.sessions.request(&self.prepared, n, &self.random);
        let request = request.map_err(|failed| exchange::Broken {
            failed,
            unsent: false,
        })?;
        let exchange = session.exchange(request.as_ref(), judge.needle.as_ref(), &self.memory, way);
        let mut incoming = exchange.await?;
        let aside = if incoming.suspect {
            let url = self.prepared.requested(request.uri());
            let seen = &incoming.seen.beginning;
            let aside = judge.aside(&url, incoming.status, &incoming.headers, seen);
            self.memory.looked(aside.is_some());
            aside
        } else {
            None
        };
        Ok(Answer {
            status: Some(incoming.status.as_u16()),
            first_byte: incoming.first_byte,
            end: incoming.end,
            bytes: incoming.bytes,
            failure: judge.answer(&mut incoming),
            aside,
        })
    }
}

impl HttpConn {
    fn is_usable_session(&self) -> bool {
        matches!(self, Self::Session(_, session) if session.is_usable())
    }
}

/// The answer, and whether the connection can take another request; where there is no answer, what is to be said of it.
fn kept(result: Result<(Answer, bool), Failed>, failed: bool) -> (Result<Answer, Failed>, bool) {
    match result {
        Ok((answer, reusable)) => (Ok(answer), reusable),
        Err(error) => (Err(error), failed),
    }
}

impl Target for HttpTarget {
    type Conn = HttpConn;

    async fn connect(&self, seat: Seat) -> Result<(HttpConn, Option<ConnectTimes>), Failed> {
        if self.follower.is_some() {
            let (main, times) = link::open(&self.prepared.route, &self.prepared.tls).await?;
            let links = Links { main, other: None };
            return Ok((HttpConn::Following(Box::new(links)), Some(times)));
        }
        self.open_conn(seat.connection).await
    }

    async fn send(&self, conn: &mut HttpConn, n: u64, sent: Instant, way: &mut Way) -> Sample {
        let (result, reusable) = match conn {
            HttpConn::Fast(conn) => kept(self.send_fast(conn, n, sent, way).await, false),
            HttpConn::Session(..) => {
                let result = Box::pin(self.send_on_session(conn, n, sent, way)).await;
                // A stream that failed says nothing against the others.
                kept(result, conn.is_usable_session())
            }
            HttpConn::Following(links) => {
                let follower = self.follower.as_ref().expect("such connections are for it");
                let result = Box::pin(follower.follow(links, n, &self.random, way)).await;
                // A connection that the server closes after its answer is replaced by the next request.
                let reusable = result.is_ok();
                (result, reusable)
            }
        };
        Sample { result, reusable }
    }

    async fn broken(&self, conn: &mut HttpConn) -> Option<Failed> {
        match conn {
            HttpConn::Fast(conn) => conn.broken(&self.bench).await,
            HttpConn::Session(_, session) => {
                session.broken().await;
                None
            }
            // The library finds out before it writes.
            HttpConn::Following(_) => std::future::pending().await,
        }
    }
}
