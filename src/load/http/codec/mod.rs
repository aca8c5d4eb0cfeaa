//! Reads the answers of an HTTP/1.1 connection out of the bytes that arrive on it, without a socket of its own.
//!
//! A [`Decoder`] per connection is told what is [`Asked`] and fed what is read, however it is cut into pieces; what it
//! finds goes to a [`Sink`], and the pieces of a body are parts of the input. Workers keep a [`HeadMemo`]: servers repeat
//! their head but for `Date`, once a second, so that most heads are recognised by a comparison of bytes and not parsed.
//!
//! Nothing is allocated but for a head or a trailer section that is cut in two, and whatever a peer sends, what is kept
//! of it is bounded ([`MAX_HEAD`], [`MAX_HEADERS`], [`MAX_INTERIM`], [`MAX_CHUNK_LINE`], [`MAX_TRAILERS`]).

mod chunked;
mod decoder;
mod head;
mod memo;
pub(crate) mod replay;
mod violation;

#[cfg(test)]
mod tests;

pub(in crate::load) use self::decoder::{Asked, Decoder, End, Fed, Progress, Sink};
pub(in crate::load) use self::head::{Framing, Head};
pub(in crate::load) use self::memo::HeadMemo;
pub use self::violation::Violation;

/// Most bytes of a head, of the empty lines before it too.
const MAX_HEAD: usize = 256 << 10;
/// Most header lines of a head, and of a trailer section.
const MAX_HEADERS: usize = 100;
/// Most interim answers before a final one.
const MAX_INTERIM: u8 = 16;
/// Most bytes of the line that begins a chunk: its size, padding and extensions.
const MAX_CHUNK_LINE: u16 = 16 << 10;
/// Most bytes of a trailer section.
const MAX_TRAILERS: usize = 16 << 10;
