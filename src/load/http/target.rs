//! [`HttpTarget`]: one kind of request as a target of the driver.

use std::cell::RefCell;
use std::sync::Arc;

use http::Method;
use tokio::time::Instant;

use super::answer::{Memory, Note, Reader};
use super::codec::Asked;
use super::connect;
use super::fast::{Bench, Broken, Connection, Done};
use super::prepared::Prepared;

use super::redirects::{Follower, Links, Opened};
use crate::load::random::Random;
use crate::load::{Answer, ConnectTimes, Failed, Sample, Target};

/// Sends one kind of request, on one worker.
#[derive(Debug)]
pub(super) struct HttpTarget {
    prepared: Arc<Prepared>,
    asked: Asked,
    /// Follows redirects, when they are to be followed.
    follower: Option<Follower>,
    bench: Bench<Note>,
    memory: Memory,
    random: RefCell<Random>,
}

/// The connection of a lane.
#[derive(Debug)]
pub(super) enum HttpConn {
    /// One request after the other on one stream.
    Fast(Box<Connection>),
    /// By a library, wherever redirects lead.
    Following(Box<Links>),
}

impl HttpTarget {
    pub(super) fn new(prepared: &Arc<Prepared>) -> Self {
        let follows = prepared.spec.max_redirects > 0;
        Self {
            asked: if prepared.spec.method == Method::HEAD {
                Asked::Head
            } else {
                Asked::Other
            },
            follower: follows.then(|| Follower::new(Arc::clone(prepared))),
            bench: Bench::new(),
            memory: Memory::default(),
            random: RefCell::new(Random::new()),
            prepared: Arc::clone(prepared),
        }
    }

    async fn open(&self) -> Result<(Connection, ConnectTimes), Failed> {
        let connect::Opened { stream, times } =
            connect::open(&self.prepared.route, &self.prepared.tls).await?;
        Ok((Connection::new(stream), times))
    }

    /// Sends a request and takes in its answer. It is sent a second time on a new connection when the server closed a kept
    /// one before the first byte of the answer, and it can do no harm: the server cannot have taken it, or taking it twice
    /// is as good as once (RFC 9110, section 9.2.2).
    async fn send_fast(
        &self,
        conn: &mut Connection,
        n: u64,
        opened: &mut Opened,
    ) -> Result<(Answer, bool), Failed> {
        match self.exchange(conn, n).await {
            Err(broken) if broken.stale && (!broken.written || self.prepared.spec.method.is_idempotent()) => {
                let (another, times) = self.open().await?;
                *conn = another;
                opened.connects.push(times);
                opened.reconnects += 1;
                self.exchange(conn, n).await.map_err(|broken| broken.failed)
            }
            outcome => outcome.map_err(|broken| broken.failed),
        }
    }

    async fn exchange(&self, conn: &mut Connection, n: u64) -> Result<(Answer, bool), Broken> {
        let mut scratch = std::mem::take(&mut conn.scratch);
        let mut reader = Reader::new(&self.prepared, &self.memory);
        let request = self
            .prepared
            .rendering
            .bytes(n, &mut self.random.borrow_mut(), &mut scratch);
        let outcome = conn.exchange(request, self.asked, &self.bench, &mut reader).await;
        conn.scratch = scratch;
        let Done {
            end,
            first_byte,
            last_byte,
        } = outcome?;
        let (failure, wall) = reader.finish();
        let answer = Answer {
            status: Some(end.status),
            first_byte,
            end: last_byte,
            bytes: end.body_bytes,
            failure,
            wall,
        };
        Ok((answer, end.reusable))
    }
}

impl Target for HttpTarget {
    type Conn = HttpConn;

    async fn connect(&self, _: u32) -> Result<(HttpConn, ConnectTimes), Failed> {
        if self.follower.is_some() {
            let (main, times) = connect::link(&self.prepared.route, &self.prepared.tls).await?;
            let links = Links { main, other: None };
            return Ok((HttpConn::Following(Box::new(links)), times));
        }
        let (conn, times) = self.open().await?;
        Ok((HttpConn::Fast(Box::new(conn)), times))
    }

    async fn send(&self, conn: &mut HttpConn, n: u64, _: Instant) -> Sample {
        let mut opened = Opened::default();
        let (result, reusable) = match conn {
            HttpConn::Fast(conn) => match self.send_fast(conn, n, &mut opened).await {
                Ok((answer, reusable)) => (Ok(answer), reusable),
                Err(failed) => (Err(failed), false),
            },
            HttpConn::Following(links) => {
                let follower = self.follower.as_ref().expect("such connections are for it");
                let result = follower.follow(links, n, &self.random, &mut opened).await;
                // A connection that the server closes after its answer is replaced by the next request.
                let reusable = result.is_ok();
                (result, reusable)
            }
        };
        Sample {
            result,
            reusable,
            connects: opened.connects,
            reconnects: opened.reconnects,
        }
    }

    async fn broken(&self, conn: &mut HttpConn) {
        match conn {
            HttpConn::Fast(conn) => conn.broken(&self.bench).await,
            // The library finds out before it writes.
            HttpConn::Following(_) => std::future::pending().await,
        }
    }
}
