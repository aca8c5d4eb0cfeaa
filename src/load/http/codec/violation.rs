//! [`Violation`]: what makes the bytes of a server no answer.

/// Why what came back is no complete, valid answer. No text of the server is in it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum Violation {
    /// A status line or a header line that is none (RFC 9112, sections 4 and 5); obs-fold and a bare CR are refused.
    #[error("malformed head: {0}")]
    Syntax(httparse::Error),
    /// A status code below 100 (RFC 9110, section 15).
    #[error("malformed head: invalid response status")]
    Status,
    /// The head is larger than 256 KiB.
    #[error("the header of the answer is too large")]
    HeadTooLarge,
    /// A Content-Length that is no number, too large a number, or two different ones (RFC 9112, section 6.3, item 5).
    #[error("invalid content-length")]
    Length,
    /// Both Transfer-Encoding and Content-Length (RFC 9112, section 6.3, item 3).
    #[error("both content-length and transfer-encoding")]
    LengthAndCoding,
    /// Transfer-Encoding in an answer of HTTP/1.0 (RFC 9112, section 6.1).
    #[error("transfer-encoding in HTTP/1.0")]
    OldCoding,
    /// 101 without having been asked to change the protocol (RFC 9110, section 15.2.2).
    #[error("the server changes the protocol without being asked to")]
    Upgraded,
    /// More interim answers (1xx) than anybody needs.
    #[error("too many interim answers")]
    TooManyInterim,
    /// A chunk size that is no hexadecimal number, or too large a one (RFC 9112, section 7.1).
    #[error("invalid chunk size")]
    ChunkSize,
    /// The size and extensions of a chunk are longer than 16 KiB (RFC 9112, section 7.1.1).
    #[error("too long a chunk extension")]
    ChunkLine,
    /// A chunk that is longer than its size (RFC 9112, section 7.1).
    #[error("a chunk does not end where its size says")]
    ChunkEnd,
    /// A trailer line that is none (RFC 9112, section 7.1.2).
    #[error("invalid trailer")]
    Trailer,
    /// The trailers are larger than 16 KiB.
    #[error("the trailers are too large")]
    TrailersTooLarge,
    /// Bytes while no request was under way.
    #[error("bytes that nobody asked for")]
    Unasked,
    /// The connection ended first.
    #[error("the connection was closed before the answer was complete")]
    Incomplete,
}
