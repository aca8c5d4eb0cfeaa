//! [`Encoder`]: the heads of our requests as header blocks.
//!
//! # Why
//! A load sends the same head again and again. The first time its fields go into the dynamic table of the server, as long
//! as there is room; from then on the head is a few bytes of indexes, which are kept and only copied. Nothing is ever
//! driven out of the table, so what varies from request to request cannot undo that: a field whose name is in the table
//! with another value is written out, and so are secrets, which nobody may keep (RFC 7541, section 7.1.3).

use std::sync::atomic::{AtomicU64, Ordering};

use http::header::{AUTHORIZATION, COOKIE, PROXY_AUTHORIZATION};
use http::{HeaderName, HeaderValue, Request};

use super::TABLE;
use super::fixed::{self, ENTRIES, Known};
use super::table::{Field, cost};

/// Names a head that never changes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(in crate::load) struct HeadId(u64);

impl HeadId {
    /// That of a new head.
    pub(in crate::load) fn new() -> Self {
        static LAST: AtomicU64 = AtomicU64::new(0);
        Self(LAST.fetch_add(1, Ordering::Relaxed))
    }
}

/// Encodes the heads of one connection.
#[derive(Debug)]
pub(in super::super) struct Encoder {
    /// What is in the server's table, the oldest first.
    fields: Vec<Field>,
    size: usize,
    most: usize,
    /// The table has to be told of another size.
    resized: bool,
    /// The last head and its block, if that stays as it is.
    known: Option<(HeadId, Vec<u8>)>,
}

impl Encoder {
    pub(in super::super) fn new() -> Self {
        Self {
            fields: Vec::new(),
            size: 0,
            most: TABLE,
            resized: false,
            known: None,
        }
    }

    /// Takes in how large a table the server keeps. More than [`TABLE`] is never used.
    pub(in super::super) fn allow(&mut self, size: usize) {
        let size = size.min(TABLE);
        if size != self.most {
            self.most = size;
            self.resized = true;
            self.size = 0;
            self.fields.clear();
            self.known = None;
        }
    }

    /// Appends the block of a head.
    pub(in super::super) fn encode(&mut self, head: &Request<()>, id: HeadId, out: &mut Vec<u8>) {
        if let Some((known, block)) = &self.known
            && *known == id
        {
            return out.extend_from_slice(block);
        }
        let before = (out.len(), self.fields.len());
        let stays = !self.resized;
        if std::mem::take(&mut self.resized) {
            // At first to nothing, which empties it.
            integer(out, 0x20, 5, 0);
            integer(out, 0x20, 5, self.most);
        }
        let uri = head.uri();
        let path = uri.path_and_query().map_or("/", http::uri::PathAndQuery::as_str);
        self.field(":method", head.method().as_str().as_bytes(), false, out);
        self.field(
            ":scheme",
            uri.scheme_str().unwrap_or("http").as_bytes(),
            false,
            out,
        );
        if let Some(authority) = uri.authority() {
            self.field(":authority", authority.as_str().as_bytes(), false, out);
        }
        self.field(":path", path.as_bytes(), false, out);
        for (name, value) in head.headers() {
            self.field(name.as_str(), value.as_bytes(), is_secret(name, value), out);
        }
        if before.1 < self.fields.len() {
            // Indexes count from the newest field, so that they have changed.
            self.known = None;
        } else if stays {
            let mut block = self.known.take().map_or_else(Vec::new, |(_, block)| block);
            block.clear();
            block.extend_from_slice(&out[before.0..]);
            self.known = Some((id, block));
        }
    }

    fn field(&mut self, name: &str, value: &[u8], secret: bool, out: &mut Vec<u8>) {
        let fixed = fixed::look_up(name.as_bytes(), value);
        if let Known::Field(index) = fixed {
            return integer(out, 0x80, 7, index);
        }
        let indexed = |place: usize| ENTRIES.len() + self.fields.len() - place;
        let mut named = None;
        for (place, field) in self.fields.iter().enumerate() {
            if *field.name != *name.as_bytes() {
                continue;
            }
            if *field.value == *value {
                return integer(out, 0x80, 7, indexed(place));
            }
            named = Some(indexed(place));
        }
        let cost = cost(name.as_bytes(), value);
        let keep = !secret && named.is_none() && self.size + cost <= self.most;
        let (kind, prefix) = match (secret, keep) {
            (true, _) => (0x10, 4),
            (false, true) => (0x40, 6),
            (false, false) => (0, 4),
        };
        let of_name = match fixed {
            Known::Field(index) | Known::Name(index) => index,
            Known::Nothing => named.unwrap_or(0),
        };
        integer(out, kind, prefix, of_name);
        if of_name == 0 {
            text(out, name.as_bytes());
        }
        text(out, value);
        if keep {
            self.size += cost;
            self.fields.push(Field {
                name: name.as_bytes().into(),
                value: value.into(),
            });
        }
    }
}

/// Whether no table may keep a field.
fn is_secret(name: &HeaderName, value: &HeaderValue) -> bool {
    value.is_sensitive() || [AUTHORIZATION, PROXY_AUTHORIZATION, COOKIE].contains(name)
}

/// Appends an integer behind the higher bits of a byte (RFC 7541, section 5.1).
fn integer(out: &mut Vec<u8>, kind: u8, prefix: u32, value: usize) {
    let mask = (1_usize << prefix) - 1;
    if value < mask {
        return out.push(kind | low(value));
    }
    out.push(kind | low(mask));
    let mut rest = value - mask;
    while rest >= 0x80 {
        out.push(0x80 | low(rest & 0x7f));
        rest >>= 7;
    }
    out.push(low(rest));
}

/// The lowest eight bits.
fn low(value: usize) -> u8 {
    value.to_le_bytes()[0]
}

fn text(out: &mut Vec<u8>, text: &[u8]) {
    integer(out, 0, 7, text.len());
    out.extend_from_slice(text);
}
