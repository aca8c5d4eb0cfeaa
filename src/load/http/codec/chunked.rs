//! [`Chunked`]: where we are in a body of chunks (RFC 9112, section 7.1).

use super::{MAX_CHUNK_LINE, Sink, Violation};

/// A state machine over pieces of input. Data is skipped by its size; only the lines between are looked at.
#[derive(Debug, Clone, Copy)]
pub(super) struct Chunked {
    at: Place,
    /// Bytes of the line so far.
    line: u16,
    /// The size, while it is read; then what is left of the data.
    left: u64,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Place {
    Size,
    MoreSize,
    Padding,
    Extension,
    LineFeed,
    Data,
    DataReturn,
    DataFeed,
}

/// What a piece of input brought.
pub(super) struct Passed {
    /// Bytes that belong to the chunks.
    pub(super) taken: usize,
    /// Bytes of data among them.
    pub(super) data: u64,
    /// Whether they end with the line of the last chunk, so that the trailer section follows.
    pub(super) last: bool,
}

impl Chunked {
    pub(super) fn new() -> Self {
        Self {
            at: Place::Size,
            line: 0,
            left: 0,
        }
    }

    /// Reads on; stops after the line of the last chunk.
    pub(super) fn feed(&mut self, input: &[u8], sink: &mut impl Sink) -> Result<Passed, Violation> {
        let mut passed = Passed {
            taken: 0,
            data: 0,
            last: false,
        };
        while !passed.last
            && let Some((first, _)) = input[passed.taken..].split_first()
        {
            let rest = &input[passed.taken..];
            match self.at {
                Place::Data => {
                    let size = usize::try_from(self.left).unwrap_or(usize::MAX).min(rest.len());
                    sink.body(&rest[..size]);
                    passed.taken += size;
                    passed.data += size as u64;
                    self.left -= size as u64;
                    if self.left == 0 {
                        self.at = Place::DataReturn;
                    }
                }
                Place::DataReturn | Place::DataFeed => {
                    self.at = match (self.at, first) {
                        (Place::DataReturn, b'\r') => Place::DataFeed,
                        (Place::DataFeed, b'\n') => Place::Size,
                        _ => return Err(Violation::ChunkEnd),
                    };
                    passed.taken += 1;
                }
                Place::Extension => passed.taken += self.skip_extension(rest)?,
                Place::Size | Place::MoreSize | Place::Padding | Place::LineFeed => {
                    passed.last = self.read_size(*first)?;
                    passed.taken += 1;
                }
            }
        }
        Ok(passed)
    }

    /// One byte of a line outside of its extensions; true after the line of the last chunk.
    fn read_size(&mut self, byte: u8) -> Result<bool, Violation> {
        self.lengthen(1)?;
        self.at = match (self.at, byte) {
            (Place::LineFeed, b'\n') => {
                self.line = 0;
                if self.left == 0 {
                    self.at = Place::Size;
                    return Ok(true);
                }
                Place::Data
            }
            (Place::MoreSize | Place::Padding, b'\r') => Place::LineFeed,
            (Place::MoreSize | Place::Padding, b';') => Place::Extension,
            // Old servers pad the size with spaces.
            (Place::MoreSize | Place::Padding, b' ' | b'\t') => Place::Padding,
            (Place::Size | Place::MoreSize, digit) => {
                let digit = char::from(digit).to_digit(16).ok_or(Violation::ChunkSize)?;
                let size = self.left.checked_mul(16).ok_or(Violation::ChunkSize)?;
                self.left = size | u64::from(digit);
                Place::MoreSize
            }
            _ => return Err(Violation::ChunkSize),
        };
        Ok(false)
    }

    /// RFC 9112, section 7.1.1: what is not understood is ignored; a line feed of its own ends nothing.
    fn skip_extension(&mut self, rest: &[u8]) -> Result<usize, Violation> {
        let end = rest.iter().position(|byte| matches!(byte, b'\r' | b'\n'));
        let size = end.unwrap_or(rest.len());
        self.lengthen(size)?;
        match end.map(|end| rest[end]) {
            Some(b'\r') => {
                self.lengthen(1)?;
                self.at = Place::LineFeed;
                Ok(size + 1)
            }
            Some(_) => Err(Violation::ChunkSize),
            None => Ok(size),
        }
    }

    fn lengthen(&mut self, bytes: usize) -> Result<(), Violation> {
        let line = usize::from(self.line) + bytes;
        self.line = u16::try_from(line)
            .ok()
            .filter(|line| *line <= MAX_CHUNK_LINE)
            .ok_or(Violation::ChunkLine)?;
        Ok(())
    }
}
