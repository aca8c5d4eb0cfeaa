//! One request and its answer on one stream of a [`Session`].

use std::future::poll_fn;
use std::rc::Rc;
use std::task::{Context, Poll, ready};

use http::StatusCode;

use super::super::answer::Memory;
use super::super::exchange::{Broken, Headers, Incoming};
use super::super::look::{Look, Wanted};
use super::super::search::Needle;
use super::request::Prepared;
use crate::load::Way;
use crate::load::h2::{self as http2, Begun, Block, Event, Session};

impl From<http2::Broken> for Broken {
    fn from(broken: http2::Broken) -> Self {
        Self {
            failed: broken.failed,
            unsent: broken.unsent,
        }
    }
}

/// An answer, as far as it has come.
struct Answer<'a> {
    memory: &'a Memory,
    head: Option<Rc<Block>>,
    look: Look<'a>,
    bytes: u64,
    suspect: bool,
}

impl Session {
    /// Sends a request as soon as the server has a stream for it, and reads its answer. When it is dropped before that,
    /// only this stream is reset. What of the body the server has not taken when it has answered is never sent.
    pub(in super::super) async fn exchange(
        &self,
        request: &Prepared,
        needle: Option<&Needle>,
        memory: &Memory,
        way: &mut Way,
    ) -> Result<Incoming, Broken> {
        let body = &request.body;
        let queued = self.begin(&request.head, request.id, body.is_empty(), way);
        let mut begun = queued.await?;
        if !body.is_empty() {
            begun.send(body, true);
        }
        let mut answer = Answer {
            memory,
            head: None,
            look: Look::new(needle),
            bytes: 0,
            suspect: false,
        };
        poll_fn(|cx| answer.poll(&mut begun, cx)).await?;
        let (first_byte, end) = begun.times();
        let head = answer.head.unwrap_or_default();
        Ok(Incoming {
            status: head.status.unwrap_or(StatusCode::OK),
            headers: Headers::Shared(head),
            first_byte,
            end,
            bytes: answer.bytes,
            seen: answer.look.finish(),
            suspect: answer.suspect,
            unasked: None,
        })
    }
}

impl Answer<'_> {
    /// Takes in what has come. Trailers end an answer; nothing in them is of interest.
    fn poll(&mut self, begun: &mut Begun<'_>, cx: &mut Context<'_>) -> Poll<Result<(), http2::Broken>> {
        loop {
            match ready!(begun.poll(cx))? {
                Event::Head(head, _) => {
                    let wanted = head.note(|head| Wanted::of(head.status.unwrap_or_default(), &head.fields));
                    if let Some(wanted) = wanted {
                        self.suspect = wanted.suspect && self.memory.is_due(head.status.unwrap_or_default());
                        self.look.begin(*wanted, self.suspect, &head.fields);
                    }
                    self.head = Some(head);
                }
                Event::Data(chunk) => {
                    self.bytes += chunk.len() as u64;
                    self.look.feed(&chunk);
                    begun.give_back(chunk);
                }
                Event::End(_) => return Poll::Ready(Ok(())),
            }
        }
    }
}
