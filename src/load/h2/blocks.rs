//! [`Blocks`]: the heads and trailers of answers, from their header blocks. What is the same byte for byte as one of the
//! last is not decoded again.

use std::any::Any;
use std::cell::OnceCell;
use std::fmt;
use std::rc::Rc;

use http::header::{CONNECTION, CONTENT_LENGTH, TE, TRANSFER_ENCODING, UPGRADE};
use http::{HeaderMap, HeaderName, HeaderValue, StatusCode};

use super::hpack::{Decoder, Field};
use super::reason::Reason;
use super::settings::HEADER_LIST;
use crate::load::bytes::begins_with;

/// Blocks that are known at a time: heads and trailers of a few kinds of answers.
const KNOWN: usize = 8;
/// Bytes of the longest one that is.
const SMALL: usize = 4 << 10;
/// What a field counts beside its name and value.
const OVERHEAD: usize = 32;

/// The head of an answer, or its trailers.
#[derive(Default)]
pub(in crate::load) struct Block {
    /// None in trailers.
    pub(in crate::load) status: Option<StatusCode>,
    /// Without the status.
    pub(in crate::load) fields: HeaderMap,
    /// Bytes of the body.
    pub(super) length: Option<u64>,
    /// It is none of an answer (RFC 9113, section 8.1.1), or too large.
    pub(super) malformed: bool,
    note: OnceCell<Box<dyn Any>>,
}

impl Block {
    /// What whoever reads answers notes on it, once for all answers that have it. It is always of the same type.
    pub(in crate::load) fn note<T: 'static>(&self, make: impl FnOnce(&Self) -> T) -> Option<&T> {
        self.note.get_or_init(|| Box::new(make(self))).downcast_ref()
    }
}

impl fmt::Debug for Block {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Block")
            .field("status", &self.status)
            .field("fields", &self.fields)
            .field("malformed", &self.malformed)
            .finish_non_exhaustive()
    }
}

/// A block that was decoded.
#[derive(Debug)]
struct Known {
    bytes: Vec<u8>,
    /// The version of the dynamic table, if it refers to that.
    version: Option<u64>,
    inserted: Vec<Rc<Field>>,
    block: Rc<Block>,
}

/// Decodes the blocks of one connection.
#[derive(Debug)]
pub(super) struct Blocks {
    decoder: Decoder,
    known: Vec<Known>,
    /// The one that is forgotten next.
    oldest: usize,
}

impl Blocks {
    pub(super) fn new() -> Self {
        Self {
            decoder: Decoder::new(),
            known: Vec::new(),
            oldest: 0,
        }
    }

    /// Decodes the next block. An error is one of the connection.
    pub(super) fn read(&mut self, bytes: &[u8]) -> Result<Rc<Block>, Reason> {
        let version = self.decoder.version();
        let mut known = self.known.iter();
        let known = known.find(|known| {
            known.version.is_none_or(|needed| needed == version)
                && known.bytes.len() == bytes.len()
                && begins_with(bytes, &known.bytes)
        });
        if let Some(known) = known {
            self.decoder.repeat(&known.inserted);
            return Ok(Rc::clone(&known.block));
        }
        let mut reading = Reading::default();
        let effects = self
            .decoder
            .decode(bytes, |name, value| reading.take(name, value));
        let effects = effects.map_err(|_malformed| Reason::COMPRESSION_ERROR)?;
        let block = Rc::new(reading.block);
        // One that refers to the table and changes it never means the same again.
        let once = effects.resized || effects.refers && !effects.inserted.is_empty();
        if !once && bytes.len() <= SMALL {
            self.keep(Known {
                bytes: bytes.to_vec(),
                version: effects.refers.then_some(version),
                inserted: effects.inserted,
                block: Rc::clone(&block),
            });
        }
        Ok(block)
    }

    fn keep(&mut self, known: Known) {
        if self.known.len() < KNOWN {
            return self.known.push(known);
        }
        self.known[self.oldest] = known;
        self.oldest = (self.oldest + 1) % KNOWN;
    }
}

/// A block as far as it was read.
#[derive(Default)]
struct Reading {
    block: Block,
    size: usize,
}

impl Reading {
    fn take(&mut self, name: &[u8], value: &[u8]) {
        self.size += name.len() + value.len() + OVERHEAD;
        // What is too large is decoded to its end, because of the table, and not kept.
        if self.size > HEADER_LIST as usize {
            self.block.malformed = true;
            return;
        }
        let block = &mut self.block;
        if name.starts_with(b":") {
            let status = StatusCode::from_bytes(value).ok();
            let wrong = name != b":status" || block.status.is_some() || !block.fields.is_empty();
            block.malformed |= wrong || status.is_none();
            block.status = status;
            return;
        }
        match (HeaderName::from_lowercase(name), HeaderValue::from_bytes(value)) {
            (Ok(name), Ok(value)) => {
                block.malformed |= is_of_the_connection(&name, &value);
                if name == CONTENT_LENGTH {
                    let length = length(&value);
                    block.malformed |=
                        length.is_none() || block.length.is_some_and(|known| length != Some(known));
                    block.length = length;
                }
                block.malformed |= block.fields.try_append(name, value).is_err();
            }
            // It has bytes that it cannot have.
            _ => block.malformed = true,
        }
    }
}

fn length(value: &HeaderValue) -> Option<u64> {
    let digits = value.as_bytes();
    let all = !digits.is_empty() && digits.iter().all(u8::is_ascii_digit);
    all.then(|| value.to_str().ok()?.parse().ok()).flatten()
}

/// Fields that HTTP/2 does not have (RFC 9113, section 8.2.2).
fn is_of_the_connection(name: &HeaderName, value: &HeaderValue) -> bool {
    [CONNECTION, TRANSFER_ENCODING, UPGRADE].contains(name)
        || ["keep-alive", "proxy-connection"].contains(&name.as_str())
        || *name == TE && value != "trailers"
}
