//! HPACK, the compression of header blocks (RFC 7541): a [`Decoder`] for what the server sends, an [`Encoder`] for what we
//! send. Strings are decoded with and without Huffman's code, and encoded without: nearly all that is sent is an index.

mod decoder;
mod encoder;
mod fixed;
mod huffman;
pub(crate) mod replay;
mod table;

pub(super) use decoder::Decoder;
pub(super) use encoder::Encoder;
pub(in crate::load) use encoder::HeadId;
pub(super) use table::Field;

/// Bytes of a dynamic table unless its reader says otherwise, as RFC 7541, section 4.1 counts them.
pub(super) const TABLE: usize = 4096;

/// A header block that cannot be decoded: all that follows on its connection cannot be, either.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Malformed;

#[cfg(test)]
mod tests;
