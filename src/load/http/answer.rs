//! [`Reader`]: takes in one answer of the fast path and says what it is worth. [`Memory`]: which pages are looked at.

use std::borrow::Cow;
use std::cell::{Cell, RefCell};
use std::rc::Rc;

use http::header::{CONTENT_ENCODING, CONTENT_TYPE};
use http::{HeaderMap, HeaderName, HeaderValue, StatusCode, Uri};
use httparse::Header;

use super::codec::{Head, Sink};
use super::judge::Judge;
use super::look::Look;
use super::prepared::Prepared;
use crate::load::{Aside, Failed};
use crate::net::wall;

/// So many pages in a row that were the application's own end the looking at each.
const FIRST: u32 = 64;
/// From then on one in so many is looked at, until one is a wall. No power of two: servers that take turns are often so
/// many, and it would always be the same one that is looked at.
const EVERY: u32 = 17;

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
    /// Whether it depends on the URL that was requested what the answer is.
    by_url: bool,
}

/// A page that was looked at.
#[derive(Debug)]
struct Page {
    head: Rc<Suspect>,
    beginning: Vec<u8>,
    /// What was requested, where it matters.
    target: Vec<u8>,
    aside: Option<Aside>,
}

/// What a worker remembers of one kind of answer.
#[derive(Debug, Default)]
pub(super) struct Memory {
    /// The last page that was looked at.
    page: RefCell<Option<Page>>,
    /// A buffer for the beginning of a body.
    spare: RefCell<Vec<u8>>,
    /// Pages in a row that were no walls.
    clean: Cell<u32>,
    /// Pages since then.
    passed: Cell<u32>,
}

/// Takes in one answer.
pub(super) struct Reader<'a> {
    prepared: &'a Prepared,
    memory: &'a Memory,
    /// The head of the request.
    asked: &'a [u8],
    failure: Option<Failed>,
    suspect: Option<Rc<Suspect>>,
    look: Option<Look<'a>>,
}

impl<'a> Reader<'a> {
    /// Of the answer to the request whose head begins like this.
    pub(super) fn new(prepared: &'a Prepared, memory: &'a Memory, asked: &'a [u8]) -> Self {
        Self {
            prepared,
            memory,
            asked,
            failure: None,
            suspect: None,
            look: None,
        }
    }

    fn judge(&self) -> &'a Judge {
        &self.prepared.judge
    }

    /// Why the complete answer counts as an error, and what it is instead of what was asked for.
    pub(super) fn finish(mut self) -> (Option<Failed>, Option<Aside>) {
        let seen = self.look.take().map(Look::finish);
        let Some(mut seen) = seen else {
            return (self.failure.take(), None);
        };
        let failure = self.failure.take().or_else(|| seen.failed.take());
        let failure = failure.or_else(|| (!seen.found).then(|| self.judge().not_found()));
        (failure, self.aside(seen.beginning))
    }

    fn aside(&mut self, beginning: Vec<u8>) -> Option<Aside> {
        let suspect = self.suspect.take()?;
        let aside = self.recognise(suspect, beginning);
        self.memory.looked(aside.is_some());
        aside
    }

    /// What stands in the request line, where it is not always the same.
    fn target(&self) -> &'a [u8] {
        if self.prepared.rendering.has_one_target() {
            return &[];
        }
        let mut words = self.asked.split(|byte| *byte == b' ');
        words.nth(1).unwrap_or_default()
    }

    fn recognise(&self, suspect: Rc<Suspect>, beginning: Vec<u8>) -> Option<Aside> {
        let mut page = self.memory.page.borrow_mut();
        let target = if suspect.by_url { self.target() } else { &[] };
        if let Some(known) = &*page
            && Rc::ptr_eq(&known.head, &suspect)
            && known.beginning == beginning
            && known.target == target
        {
            self.memory.keep(beginning);
            return known.aside.clone();
        }
        let url = match Uri::try_from(target) {
            Ok(target) => self.prepared.requested(&target),
            Err(_) => Cow::Borrowed(&self.prepared.spec.url),
        };
        let judge = self.judge();
        let aside = judge.aside(&url, suspect.status, &suspect.headers, &beginning);
        let known = Page {
            head: suspect,
            beginning,
            target: target.to_vec(),
            aside: aside.clone(),
        };
        if let Some(old) = page.replace(known) {
            self.memory.keep(old.beginning);
        }
        aside
    }
}

impl Memory {
    /// Whether a page is looked at. A success that is a wall takes the place of all others, or of many: to look at some
    /// of them finds it, and to look at each would cost more than the request.
    pub(super) fn is_due(&self, status: StatusCode) -> bool {
        if !status.is_success() || self.clean.get() < FIRST {
            return true;
        }
        self.passed.set(self.passed.get().wrapping_add(1));
        self.passed.get().is_multiple_of(EVERY)
    }

    /// A page was looked at.
    pub(super) fn looked(&self, found: bool) {
        self.clean.set(if found {
            0
        } else {
            self.clean.get().saturating_add(1)
        });
    }

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
            self.judge().needle.is_some() || suspect.as_ref().is_some_and(|suspect| suspect.reads_body);
        let encoded = looked_at && values(&CONTENT_ENCODING).next().is_some();
        Note {
            failure: self.judge().head(status, values),
            suspect,
            encoded: encoded.then(|| Rc::new(map(headers))),
        }
    }

    fn head(&mut self, _: &Head, note: &Note) {
        self.failure.clone_from(&note.failure);
        let memory = self.memory;
        let due = |suspect: &&Rc<Suspect>| memory.is_due(suspect.status);
        self.suspect = note.suspect.as_ref().filter(due).cloned();
        let needle = self.judge().needle.as_ref();
        if needle.is_none() && self.suspect.is_none() {
            return;
        }
        let mut look = Look::new(needle);
        if self.suspect.as_ref().is_some_and(|suspect| suspect.reads_body) {
            look.want_beginning(self.memory.spare.take());
        }
        if let Some(headers) = &note.encoded {
            look.decode(headers);
        }
        self.look = Some(look);
    }

    fn body(&mut self, piece: &[u8]) {
        if let Some(look) = &mut self.look {
            look.feed(piece);
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
    // Redirects are relative to the URL, and a page for logging in is no wall where it was asked for.
    let by_url = status.is_redirection()
        || (reads_body && (status.is_success() || matches!(status.as_u16(), 401 | 403)));
    wall::is_possible(status, &map).then_some(Suspect {
        status,
        headers: map,
        reads_body,
        by_url,
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
