//! [`HeadMemo`]: the last head that a worker saw, so that the same bytes are not parsed again.

use std::mem;

use super::Sink;
use super::Violation;
use super::head::{Said, parse};
use crate::load::bytes::begins_with;

/// The last final head that any connection of a worker got, and what its [`Sink`] noted on it.
#[derive(Debug)]
pub(in crate::load) struct HeadMemo<N> {
    /// Byte for byte, with the empty line at its end; empty as long as there is no `known`.
    bytes: Vec<u8>,
    known: Option<(Said, N)>,
    /// A buffer for the next head that is cut in two.
    spare: Vec<u8>,
}

impl<N> Default for HeadMemo<N> {
    fn default() -> Self {
        Self {
            bytes: Vec::new(),
            known: None,
            spare: Vec::new(),
        }
    }
}

/// What stands at the beginning of some bytes.
pub(super) enum Seen<'a, N> {
    /// No complete head.
    Partial,
    /// An interim one with this status and length.
    Interim(u16, usize),
    /// A final one of this length.
    Final(usize, Said, &'a N),
}

impl<N> HeadMemo<N> {
    /// Recognises or parses the head that `bytes` begin with; the sink makes its note of a new one.
    pub(super) fn look<S: Sink<Note = N>>(
        &mut self,
        bytes: &[u8],
        sink: &mut S,
    ) -> Result<Seen<'_, N>, Violation> {
        if self.known.is_none() || !begins_with(bytes, &self.bytes) {
            let parsed = parse(bytes, |length, said, headers| {
                let note = (!said.is_interim()).then(|| sink.note(said.status, headers));
                (length, said, note)
            })?;
            match parsed {
                None => return Ok(Seen::Partial),
                Some((length, said, None)) => return Ok(Seen::Interim(said.status, length)),
                Some((length, said, Some(note))) => {
                    self.bytes.clear();
                    self.bytes.extend_from_slice(&bytes[..length]);
                    self.known = Some((said, note));
                }
            }
        }
        Ok(match &self.known {
            Some((said, note)) => Seen::Final(self.bytes.len(), *said, note),
            None => Seen::Partial,
        })
    }

    /// An empty buffer, with the room that another one had.
    pub(super) fn lend(&mut self) -> Vec<u8> {
        mem::take(&mut self.spare)
    }

    /// Takes a buffer back.
    pub(super) fn recycle(&mut self, mut buffer: Vec<u8>) {
        if buffer.capacity() > self.spare.capacity() {
            buffer.clear();
            self.spare = buffer;
        }
    }
}
