//! [`replay`]: a recorded answer through the decoder, for tests and fuzzers outside of this crate.

use httparse::Header;

use super::super::failure::is_farewell;
use super::{Asked, Decoder, End, Fed, Framing, Head, HeadMemo, Progress, Sink, Violation};

/// What the decoder made of an answer.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Replayed {
    /// The answer, or why it is none.
    pub verdict: Result<Answer, Violation>,
    /// The statuses of the heads that were handed out: one or none.
    pub heads: Vec<u16>,
    /// The body, as far as it was read.
    pub body: Vec<u8>,
    /// Promises that the decoder did not keep; they are mistakes in iter8.
    pub broken: Vec<&'static str>,
}

/// A complete answer.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Answer {
    /// Status code.
    pub status: u16,
    /// Bytes of the body.
    pub body_bytes: u64,
    /// Whether another request could have been sent.
    pub reusable: bool,
    /// Whether its end is the end of the connection.
    pub until_close: bool,
    /// Interim answers before it.
    pub interim: u8,
    /// What followed it on a connection that the server keeps.
    pub behind: Behind,
}

/// What a server sends when nothing was asked for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Behind {
    /// Nothing.
    Nothing,
    /// That it closes the connection.
    Farewell,
    /// What is a failure.
    Unasked,
}

/// What workers share, from one replay to the next.
#[derive(Debug, Default)]
pub struct Memory(HeadMemo<Vec<String>>);

#[derive(Default)]
struct Record {
    heads: Vec<u16>,
    body: Vec<u8>,
    broken: Vec<&'static str>,
    until_close: bool,
}

impl Sink for Record {
    type Note = Vec<String>;

    fn note(&mut self, _: u16, headers: &[Header]) -> Vec<String> {
        headers.iter().map(|header| header.name.to_owned()).collect()
    }

    fn head(&mut self, head: &Head, _: &Vec<String>) {
        self.heads.push(head.status);
        self.until_close = head.framing == Framing::UntilClose;
    }

    fn body(&mut self, piece: &[u8]) {
        if piece.is_empty() {
            self.broken.push("an empty piece of a body");
        }
        self.body.extend_from_slice(piece);
    }
}

/// Most bytes of an answer that a decoder may keep.
const MOST_HELD: usize = super::MAX_HEAD;

/// Feeds the pieces of a connection on which one request was sent, then closes it. `bodiless`: the request was HEAD.
pub fn replay<'a>(
    pieces: impl IntoIterator<Item = &'a [u8]>,
    bodiless: bool,
    memory: &mut Memory,
) -> Replayed {
    let mut decoder = Decoder::new();
    let mut record = Record::default();
    decoder.begin(if bodiless { Asked::Head } else { Asked::Other });
    let mut end: Option<Result<End, Violation>> = None;
    let mut behind = Vec::new();
    for piece in pieces.into_iter().filter(|piece| !piece.is_empty()) {
        match &mut end {
            // A driver would find these bytes on an idle connection.
            Some(Ok(end)) if end.reusable || end.excess => {
                (end.reusable, end.excess) = (false, true);
                behind.extend_from_slice(piece);
            }
            Some(_) => break,
            None => end = feed(&mut decoder, piece, memory, &mut record, &mut behind),
        }
        if decoder.held() > MOST_HELD {
            record.broken.push("more is kept than a head may have");
        }
    }
    let verdict = end.unwrap_or_else(|| decoder.finish()).map(|end| Answer {
        status: end.status,
        body_bytes: end.body_bytes,
        reusable: end.reusable,
        until_close: record.until_close,
        interim: end.interim,
        behind: match end.excess {
            false => Behind::Nothing,
            true if is_farewell(&behind) => Behind::Farewell,
            true => Behind::Unasked,
        },
    });
    if let Ok(answer) = &verdict {
        if answer.body_bytes != record.body.len() as u64 {
            record
                .broken
                .push("the pieces of the body are not as long as the body");
        }
        if record.heads != [answer.status] {
            record.broken.push("another head than that of the answer");
        }
    }
    Replayed {
        verdict,
        heads: record.heads,
        body: record.body,
        broken: record.broken,
    }
}

fn feed(
    decoder: &mut Decoder,
    piece: &[u8],
    memory: &mut Memory,
    record: &mut Record,
    behind: &mut Vec<u8>,
) -> Option<Result<End, Violation>> {
    match decoder.feed(piece, &mut memory.0, record) {
        Err(violation) => Some(Err(violation)),
        Ok(Fed { consumed, progress }) => {
            if consumed > piece.len() {
                record.broken.push("more is consumed than was fed");
            }
            match progress {
                Progress::NeedMore => {
                    if consumed < piece.len() {
                        record.broken.push("more is needed while there is more");
                    }
                    None
                }
                Progress::Complete(end) => {
                    if end.reusable && consumed < piece.len() {
                        record.broken.push("reusable although more came");
                    }
                    if end.excess {
                        behind.extend_from_slice(&piece[consumed..]);
                    }
                    Some(Ok(end))
                }
            }
        }
    }
}
