//! [`converse`]: what a server sends through the client's side of a connection, for tests and fuzzers outside of this
//! crate.

use std::collections::BTreeMap;
use std::task::{Context, Poll, Waker};

use bytes::Bytes;
use http::{Method, Request};
use tokio::time::Instant;

use super::super::frame::{HEAD, Head, PAYLOAD, PREFACE, flag, kind, number};
use super::super::hpack::HeadId;
use super::super::settings::CONNECTION_WINDOW;
use super::{BACKLOG, Connection, Event, Key, signed};

/// Bytes of the body of a request that has one: more than fits into the first window.
const BODY: usize = 100_000;
/// More bytes than the head of a request has.
const REQUEST: usize = 200;

/// What the client does before it hears the next piece.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Act {
    /// Nothing.
    Listen,
    /// Asks with GET.
    Get,
    /// Asks with HEAD.
    Head,
    /// Asks with POST and a long body.
    Post,
    /// Loses interest in the request that is under way for longest.
    GiveUp,
    /// Takes what came on all requests.
    Take,
    /// Writes so many bytes, if there are as many.
    Write(usize),
}

/// What came on one request.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Reply {
    /// Status of the answer, if that came.
    pub status: Option<u16>,
    /// As much of the body as came.
    pub body: Vec<u8>,
    /// Whether the answer is complete; if not, why it will never be, or that more may come.
    pub end: Option<Result<(), String>>,
}

/// What became of a conversation.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Conversation {
    /// How the server broke the rules of the connection.
    pub violation: Option<String>,
    /// What came on each request, in the order in which they were made.
    pub replies: Vec<Reply>,
    /// What the client wrote.
    pub written: Vec<u8>,
    /// Promises that the client did not keep; they are mistakes in iter8.
    pub broken: Vec<&'static str>,
}

/// A conversation under way.
struct Talk {
    connection: Connection,
    /// Requests under way, and the place of their replies.
    open: Vec<(Key, usize)>,
    heard: usize,
    told: Conversation,
}

/// Feeds a connection what a server sends, in pieces, and does something before each.
pub fn converse<'a>(pieces: impl IntoIterator<Item = (&'a [u8], Vec<Act>)>) -> Conversation {
    let mut talk = Talk {
        connection: Connection::new(),
        open: Vec::new(),
        heard: 0,
        told: Conversation::default(),
    };
    for (piece, acts) in pieces {
        acts.into_iter().for_each(|act| talk.act(act));
        talk.heard += piece.len();
        if let Err(reason) = talk.connection.receive(piece, Instant::now()) {
            talk.told.violation = Some(reason.to_string());
            break;
        }
        talk.check();
    }
    talk.end()
}

impl Talk {
    fn act(&mut self, act: Act) {
        match act {
            Act::Listen => {}
            Act::Get => self.ask(Method::GET, 0),
            Act::Head => self.ask(Method::HEAD, 0),
            Act::Post => self.ask(Method::POST, BODY),
            Act::GiveUp if self.open.is_empty() => {}
            Act::GiveUp => {
                let (key, _) = self.open.remove(0);
                self.connection.close(key);
            }
            Act::Take => {
                for (key, place) in &self.open {
                    take(&mut self.connection, *key, &mut self.told.replies[*place]);
                }
            }
            Act::Write(most) => self.write(most),
        }
    }

    fn ask(&mut self, method: Method, body: usize) {
        let mut head = Request::new(());
        *head.method_mut() = method;
        if let Some(key) = self.connection.open(&head, HeadId::new(), body == 0) {
            self.open.push((key, self.told.replies.len()));
            self.told.replies.push(Reply::default());
            if body > 0 {
                self.connection.send(key, &Bytes::from(vec![b'x'; body]), true);
            }
        }
    }

    fn write(&mut self, mut most: usize) {
        while most > 0 {
            let output = self.connection.output();
            let taken = output.len().min(most);
            self.told.written.extend_from_slice(&output[..taken]);
            if taken == 0 {
                return;
            }
            self.connection.wrote(taken);
            most -= taken;
        }
    }

    fn promise(&mut self, kept: bool, what: &'static str) {
        if !kept && !self.told.broken.contains(&what) {
            self.told.broken.push(what);
        }
    }

    fn check(&mut self) {
        let connection = &mut self.connection;
        let held = connection.held.len() <= HEAD + PAYLOAD;
        let asked = REQUEST * self.told.replies.len();
        let queued = connection.output.backlog() <= 2 * BACKLOG + 2 * self.heard + asked;
        let unread: usize = connection
            .streams
            .all()
            .map(|(_, stream)| stream.body.len())
            .sum();
        let coming = connection.run.as_ref().map_or(0, |run| run.left);
        let owed = i64::from(connection.taken) + signed(unread + coming);
        let windows = connection.receive_window + owed == i64::from(CONNECTION_WINDOW);
        self.promise(held, "no more than a frame is held");
        self.promise(queued, "answers are no longer than what they answer");
        self.promise(unread <= self.heard, "nothing is made up");
        self.promise(windows, "every byte of the window is given back");
    }

    fn end(mut self) -> Conversation {
        self.act(Act::Take);
        while !self.open.is_empty() {
            self.act(Act::GiveUp);
        }
        if self.told.violation.is_none() {
            self.check();
        }
        self.write(usize::MAX);
        let idle = self.connection.busy() == 0 && !self.connection.has_output();
        self.promise(idle, "nothing is left of requests that are over");
        let lawful = self.told.violation.is_some() || is_lawful(&self.told.written);
        self.promise(lawful, "the client keeps the rules");
        self.told
    }
}

/// Takes what came on a request.
fn take(connection: &mut Connection, key: Key, reply: &mut Reply) {
    let mut cx = Context::from_waker(Waker::noop());
    while reply.end.is_none()
        && let Poll::Ready(event) = connection.poll_event(key, &mut cx)
    {
        match event {
            Event::Head(head, _) => reply.status = head.status.map(|status| status.as_u16()),
            Event::Data(data) => {
                reply.body.extend_from_slice(&data);
                connection.give_back(key, data);
            }
            Event::End(_) => reply.end = Some(Ok(())),
            Event::Fault(fault) => reply.end = Some(Err(format!("{fault:?}"))),
        }
    }
}

/// Whether a client may write this (RFC 9113, sections 5.1 and 6).
fn is_lawful(written: &[u8]) -> bool {
    let Some(mut rest) = written.strip_prefix(PREFACE) else {
        return false;
    };
    // Streams, and whether we may send on them.
    let mut streams: BTreeMap<u32, Option<bool>> = BTreeMap::new();
    while let Some(head) = Head::read(rest) {
        let Some((frame, after)) = rest.split_at_checked(HEAD + head.length) else {
            return false;
        };
        let payload = &frame[HEAD..];
        rest = after;
        let known = streams.get(&head.stream).copied().flatten();
        let newest = streams.last_key_value().map_or(0, |(newest, _)| *newest);
        let allowed = match head.kind {
            kind::HEADERS => head.stream % 2 == 1 && head.stream > newest && head.has(flag::END_HEADERS),
            kind::DATA => known == Some(true),
            kind::RST_STREAM => known.is_some() && payload.len() == 4,
            kind::WINDOW_UPDATE => (head.stream == 0 || known.is_some()) && number(payload, 0) > 0,
            kind::SETTINGS | kind::PING | kind::GOAWAY => head.stream == 0,
            _ => false,
        };
        if !allowed {
            return false;
        }
        match head.kind {
            kind::HEADERS | kind::DATA => {
                streams.insert(head.stream, Some(!head.has(flag::END_STREAM)));
            }
            kind::RST_STREAM => {
                streams.insert(head.stream, None);
            }
            _ => {}
        }
    }
    rest.is_empty()
}
