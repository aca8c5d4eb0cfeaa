//! [`Look`]: whoever looks at the body of an answer, piece by piece: for the text that is expected in it, and for the
//! beginning, by which a wall is recognised.

use std::ops::ControlFlow;

use http::header::CONTENT_ENCODING;
use http::{HeaderMap, StatusCode};

use super::gzip::Decoded;
use super::search::{Needle, Search};
use crate::load::Failed;
use crate::net::wall;

/// A look at one body.
pub(super) struct Look<'a> {
    /// Bytes of the beginning that are still wanted.
    wanted: usize,
    beginning: Vec<u8>,
    search: Option<Search<'a>>,
    decoded: Option<Decoded>,
    failed: Option<Failed>,
}

/// What was seen.
#[derive(Debug)]
pub(super) struct Seen {
    /// The beginning, up to [`wall::PREFIX`], when it was wanted.
    pub(super) beginning: Vec<u8>,
    /// Whether the text that was looked for is in the body.
    pub(super) found: bool,
    /// Why the text could not be looked for.
    pub(super) failed: Option<Failed>,
}

/// What a head says of looking at its body.
#[derive(Debug, Clone, Copy)]
pub(super) struct Wanted {
    /// Whether a wall may stand at its beginning.
    beginning: bool,
    /// Whether it is encoded.
    decoded: bool,
    /// Whether a wall may have sent it at all.
    pub(super) suspect: bool,
}

impl Wanted {
    /// For the body behind a head.
    pub(super) fn of(status: StatusCode, headers: &HeaderMap) -> Self {
        Self {
            beginning: wall::reads_body(status, headers),
            decoded: headers.contains_key(CONTENT_ENCODING),
            suspect: wall::is_possible(status, headers),
        }
    }
}

impl<'a> Look<'a> {
    /// For a text, if one is expected.
    pub(super) fn new(needle: Option<&'a Needle>) -> Self {
        Self {
            wanted: 0,
            beginning: Vec::new(),
            search: needle.map(Search::new),
            decoded: None,
            failed: None,
        }
    }

    /// Whether a text is looked for.
    pub(super) fn searches(&self) -> bool {
        self.search.is_some()
    }

    /// The beginning is wanted, too; it goes into `buffer`, which is empty.
    pub(super) fn want_beginning(&mut self, buffer: Vec<u8>) {
        self.beginning = buffer;
        self.wanted = wall::PREFIX;
    }

    /// The body is encoded as its head says.
    pub(super) fn decode(&mut self, headers: &HeaderMap) {
        match Decoded::new(headers) {
            Ok(decoded) => self.decoded = Some(decoded),
            Err(failed) => self.failed = Some(failed),
        }
    }

    /// Prepares for the body of an answer with this head, in which a wall is looked for or not.
    pub(super) fn begin(&mut self, wanted: Wanted, for_walls: bool, headers: &HeaderMap) {
        let beginning = wanted.beginning && for_walls;
        if beginning {
            self.want_beginning(Vec::new());
        }
        if (beginning || self.searches()) && wanted.decoded {
            self.decode(headers);
        }
    }

    /// Takes the next piece.
    pub(super) fn feed(&mut self, piece: &[u8]) {
        let Self {
            wanted,
            beginning,
            search,
            decoded,
            failed,
        } = self;
        let mut look = |plain: &[u8]| {
            let more = (*wanted).min(plain.len());
            beginning.extend_from_slice(&plain[..more]);
            *wanted -= more;
            if let Some(search) = search {
                search.feed(plain);
            }
            if *wanted == 0 && search.as_ref().is_none_or(Search::found) {
                ControlFlow::Break(())
            } else {
                ControlFlow::Continue(())
            }
        };
        match decoded {
            _ if failed.is_some() => {}
            None => {
                // Nothing is saved by not looking any more.
                let _ = look(piece);
            }
            Some(decoded) => *failed = decoded.feed(piece, look).err(),
        }
    }

    /// The body has ended.
    pub(super) fn finish(self) -> Seen {
        let ended = self
            .decoded
            .filter(|_| self.failed.is_none())
            .map(Decoded::finish);
        Seen {
            beginning: self.beginning,
            // A wall is looked for without being asked, so that nothing is wrong with a body in which it cannot be.
            failed: self
                .failed
                .or_else(|| ended.and_then(Result::err))
                .filter(|_| self.search.is_some()),
            found: self.search.is_none_or(|search| search.found()),
        }
    }
}
