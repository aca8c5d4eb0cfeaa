//! [`Reader`]: takes in one answer of the fast path and says what it is worth.

use std::cell::RefCell;
use std::ops::ControlFlow;
use std::rc::Rc;

use http::header::{CONTENT_ENCODING, CONTENT_TYPE};
use http::{HeaderMap, HeaderName, HeaderValue, StatusCode};
use httparse::Header;

use super::codec::{Head, Sink};
use super::gzip::Decoded;
use super::judge::{Judge, describe};
use super::prepared::Prepared;
use super::search::Search;
use crate::load::Failed;
use crate::net::wall;

/// What is known of an answer from its head, found out once for all answers with the same head.
#[derive(Debug)]
pub(super) struct Note {
    failure: Option<Failed>,
    /// Where a wall may stand.
    suspect: Option<Rc<Suspect>>,
    /// How the body is encoded, if it is and will be looked at.
    encoded: Option<Rc<HeaderMap>>,
}

/// A head behind which the application may not be.
#[derive(Debug)]
struct Suspect {
    status: StatusCode,
    headers: HeaderMap,
    reads_body: bool,
}

/// What a worker remembers of one kind of answer.
#[derive(Debug, Default)]
pub(super) struct Memory {
    /// The last page that was looked at, and the wall that it was.
    page: RefCell<Option<(Rc<Suspect>, Vec<u8>, Option<String>)>>,
    /// A buffer for the beginning of a body.
    spare: RefCell<Vec<u8>>,
}

/// Takes in one answer.
pub(super) struct Reader<'a> {
    prepared: &'a Prepared,
    memory: &'a Memory,
    failure: Option<Failed>,
    suspect: Option<Rc<Suspect>>,
    decoded: Option<Decoded>,
    looks: Looks<'a>,
}

/// Whoever looks at a body.
struct Looks<'a> {
    /// Bytes of its beginning that are still wanted.
    wanted: usize,
    beginning: Vec<u8>,
    search: Option<Search<'a>>,
}

impl Looks<'_> {
    fn at(&mut self, piece: &[u8]) -> ControlFlow<()> {
        let more = self.wanted.min(piece.len());
        self.beginning.extend_from_slice(&piece[..more]);
        self.wanted -= more;
        if let Some(search) = &mut self.search {
            search.feed(piece);
        }
        let seen_enough = self.wanted == 0 && self.search.as_ref().is_none_or(Search::found);
        if seen_enough {
            ControlFlow::Break(())
        } else {
            ControlFlow::Continue(())
        }
    }
}

impl<'a> Reader<'a> {
    pub(super) fn new(prepared: &'a Prepared, memory: &'a Memory) -> Self {
        Self {
            prepared,
            memory,
            failure: None,
            suspect: None,
            decoded: None,
            looks: Looks {
                wanted: 0,
                beginning: Vec::new(),
                search: prepared.judge.needle.as_ref().map(Search::new),
            },
        }
    }

    /// What is wrong with the body does not hide what is wrong with the head.
    fn fail(&mut self, failed: Failed) {
        self.failure.get_or_insert(failed);
        self.decoded = None;
    }

    fn judge(&self) -> &'a Judge {
        &self.prepared.judge
    }

    /// Why the complete answer counts as an error, and what answered in place of the application.
    pub(super) fn finish(mut self) -> (Option<Failed>, Option<String>) {
        let ended = self.decoded.take().map(Decoded::finish);
        let missing = self.looks.search.as_ref().is_some_and(|search| !search.found());
        let failure = self.failure.take();
        let failure = failure.or_else(|| ended.and_then(Result::err));
        let failure = failure.or_else(|| missing.then(|| self.judge().not_found()));
        (failure, self.wall())
    }

    fn wall(&mut self) -> Option<String> {
        let suspect = self.suspect.take()?;
        let beginning = std::mem::take(&mut self.looks.beginning);
        let mut page = self.memory.page.borrow_mut();
        if let Some((known, body, wall)) = &*page
            && Rc::ptr_eq(known, &suspect)
            && *body == beginning
        {
            self.memory.keep(beginning);
            return wall.clone();
        }
        let url = &self.prepared.spec.url;
        let wall = self
            .judge()
            .wall(url, suspect.status, &suspect.headers, &beginning);
        let wall = wall.as_ref().map(describe);
        if let Some((_, old, _)) = page.replace((suspect, beginning, wall.clone())) {
            self.memory.keep(old);
        }
        wall
    }
}

impl Memory {
    fn keep(&self, mut buffer: Vec<u8>) {
        buffer.clear();
        *self.spare.borrow_mut() = buffer;
    }
}

impl Sink for Reader<'_> {
    type Note = Note;

    fn note(&mut self, status: u16, headers: &[Header]) -> Note {
        let values = |name: &HeaderName| {
            let name = name.as_str().to_owned();
            headers
                .iter()
                .filter(move |header| header.name.eq_ignore_ascii_case(&name))
                .map(|header| header.value)
        };
        let suspect = suspect(status, headers).map(Rc::new);
        let looked_at =
            self.looks.search.is_some() || suspect.as_ref().is_some_and(|suspect| suspect.reads_body);
        let encoded = looked_at && values(&CONTENT_ENCODING).next().is_some();
        Note {
            failure: self.judge().head(status, values),
            suspect,
            encoded: encoded.then(|| Rc::new(map(headers))),
        }
    }

    fn head(&mut self, _: &Head, note: &Note) {
        self.failure.clone_from(&note.failure);
        self.suspect.clone_from(&note.suspect);
        if note.suspect.as_ref().is_some_and(|suspect| suspect.reads_body) {
            self.looks.beginning = self.memory.spare.take();
            self.looks.wanted = wall::PREFIX;
        }
        if let Some(encoded) = &note.encoded {
            match Decoded::new(encoded) {
                Ok(decoded) => self.decoded = Some(decoded),
                Err(failed) => self.fail(failed),
            }
        }
    }

    fn body(&mut self, piece: &[u8]) {
        let looks = &mut self.looks;
        match &mut self.decoded {
            None => {
                // Nothing is saved by not looking.
                let _ = looks.at(piece);
            }
            Some(decoded) => {
                if let Err(failed) = decoded.feed(piece, |plain| looks.at(plain)) {
                    self.fail(failed);
                }
            }
        }
    }
}

/// What a wall would be recognised by; `None` when the answer is the application's own for certain.
fn suspect(status: u16, headers: &[Header]) -> Option<Suspect> {
    let is = |header: &Header, name: &str| header.name.eq_ignore_ascii_case(name);
    let tells = |header: &Header| is(header, CONTENT_TYPE.as_str()) || is(header, wall::CHALLENGE);
    if (200..300).contains(&status) && !headers.iter().any(tells) {
        return None;
    }
    let status = StatusCode::from_u16(status).ok()?;
    let map = map(headers);
    let reads_body = wall::reads_body(status, &map);
    let possible = reads_body || !status.is_success() || map.contains_key(wall::CHALLENGE);
    possible.then_some(Suspect {
        status,
        headers: map,
        reads_body,
    })
}

fn map(headers: &[Header]) -> HeaderMap {
    let mut map = HeaderMap::new();
    for header in headers {
        let value = HeaderValue::from_bytes(header.value);
        if let (Ok(name), Ok(value)) = (header.name.parse::<HeaderName>(), value) {
            map.append(name, value);
        }
    }
    map
}
