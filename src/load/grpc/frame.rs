//! Length-prefixed messages: [`framed`] makes them, [`Frames`] counts them without looking into them
//! (<https://github.com/grpc/grpc/blob/master/doc/PROTOCOL-HTTP2.md>).

use std::io::Write as _;

use bytes::{Buf as _, BufMut as _, Bytes, BytesMut};
use flate2::Compression;
use flate2::write::GzEncoder;

use super::status::Status;
use crate::grpc::code::Code;

/// A flag, and the length of the message.
const PREFIX: usize = 5;

/// A message as it goes over the wire.
pub(super) fn framed(message: &[u8], compressed: bool, max: usize) -> Result<Bytes, Status> {
    let zipped = compressed.then(|| gzip(message));
    let message = zipped.as_deref().unwrap_or(message);
    let length = u32::try_from(message.len()).ok().filter(|_| message.len() <= max);
    let Some(length) = length else {
        let max = max.min(u32::MAX as usize);
        let text = format!(
            "the message to send has {} bytes, at most {max} may be sent",
            message.len()
        );
        return Err(Status::new(Code::RESOURCE_EXHAUSTED, text));
    };
    let mut frame = BytesMut::with_capacity(PREFIX + message.len());
    frame.put_u8(u8::from(compressed));
    frame.put_u32(length);
    frame.put_slice(message);
    Ok(frame.freeze())
}

fn gzip(message: &[u8]) -> Vec<u8> {
    let mut encoder = GzEncoder::new(Vec::new(), Compression::default());
    // Neither fails on memory.
    let _ = encoder.write_all(message);
    encoder.finish().unwrap_or_default()
}

/// How the messages of an answer may be compressed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Encoding {
    /// Not at all.
    Identity,
    /// In a way that we know.
    Gzip,
    /// In a way that we do not know.
    Other(String),
}

impl Encoding {
    /// What `grpc-encoding` says.
    pub(super) fn of(value: Option<&http::HeaderValue>) -> Self {
        match value.map(http::HeaderValue::as_bytes) {
            None | Some(b"identity") => Self::Identity,
            Some(b"gzip") => Self::Gzip,
            Some(other) => Self::Other(String::from_utf8_lossy(other).into_owned()),
        }
    }

    fn refuses(&self) -> Option<Status> {
        let text = match self {
            Self::Gzip => return None,
            Self::Identity => "a message is compressed, but there is no grpc-encoding".to_owned(),
            Self::Other(other) => format!("a message is compressed by `{other}`, which is not known"),
        };
        Some(Status::new(Code::INTERNAL, text))
    }
}

/// The messages of an answer, as far as they have come.
#[derive(Debug)]
pub(super) struct Frames {
    encoding: Encoding,
    max: usize,
    prefix: [u8; PREFIX],
    /// Bytes of the prefix that have come.
    known: usize,
    /// Bytes of the message that have not come.
    left: usize,
}

impl Frames {
    /// Of an answer whose messages have at most `max` bytes each.
    pub(super) fn new(encoding: Encoding, max: usize) -> Self {
        Self {
            encoding,
            max,
            prefix: [0; PREFIX],
            known: 0,
            left: 0,
        }
    }

    /// Takes in a part of the answer, and says how many messages were complete with it.
    pub(super) fn feed(&mut self, mut chunk: &[u8]) -> Result<u64, Status> {
        let mut complete = 0;
        while !chunk.is_empty() || self.is_complete() {
            if self.known < PREFIX {
                let taken = chunk.len().min(PREFIX - self.known);
                self.prefix[self.known..self.known + taken].copy_from_slice(&chunk[..taken]);
                chunk.advance(taken);
                self.known += taken;
                if self.known == PREFIX {
                    self.left = self.length()?;
                }
                continue;
            }
            let taken = chunk.len().min(self.left);
            chunk.advance(taken);
            self.left -= taken;
            if self.left == 0 {
                complete += 1;
                self.known = 0;
            }
        }
        Ok(complete)
    }

    /// A message has come to its last byte and is not counted.
    fn is_complete(&self) -> bool {
        self.known == PREFIX && self.left == 0
    }

    /// Whether the answer ends in the middle of a message.
    pub(super) fn is_cut_off(&self) -> bool {
        self.known > 0
    }

    fn length(&self) -> Result<usize, Status> {
        let [flag, length @ ..] = self.prefix;
        match flag {
            0 => {}
            1 => {
                if let Some(refused) = self.encoding.refuses() {
                    return Err(refused);
                }
            }
            _ => {
                let text = format!("a message begins with the flag {flag}: that is not gRPC");
                return Err(Status::new(Code::INTERNAL, text));
            }
        }
        let length = u32::from_be_bytes(length) as usize;
        if length > self.max {
            let text = format!("a message has {length} bytes, at most {} are received", self.max);
            return Err(Status::new(Code::RESOURCE_EXHAUSTED, text));
        }
        Ok(length)
    }
}

#[cfg(test)]
mod tests {
    use std::io::Read as _;

    use super::*;

    fn frames() -> Frames {
        Frames::new(Encoding::Identity, 100)
    }

    #[test]
    fn messages_are_counted_however_they_are_cut() {
        let stream: Vec<u8> = [b"hello".as_slice(), b"", b"x"]
            .iter()
            .flat_map(|message| framed(message, false, usize::MAX).expect("small"))
            .collect();
        for size in 1..=stream.len() {
            let mut frames = frames();
            let complete: u64 = stream
                .chunks(size)
                .map(|chunk| frames.feed(chunk).expect("messages"))
                .sum();
            assert_eq!(complete, 3, "in chunks of {size}");
            assert!(!frames.is_cut_off());
        }
        let mut frames = frames();
        assert_eq!(frames.feed(&stream[..stream.len() - 1]), Ok(2));
        assert!(frames.is_cut_off());
    }

    #[test]
    fn limits_hold_in_both_directions() {
        let refused = framed(&[0; 11], false, 10).expect_err("too large");
        assert_eq!(refused.code, Code::RESOURCE_EXHAUSTED);
        assert!(framed(&[0; 10], false, 10).is_ok());
        let refused = frames().feed(&[0, 0, 0, 0, 101]).expect_err("too large");
        assert_eq!(refused.code, Code::RESOURCE_EXHAUSTED);
        assert_eq!(
            refused.message,
            "a message has 101 bytes, at most 100 are received"
        );
        assert_eq!(frames().feed(&[0, 0, 0, 0, 100]), Ok(0));
    }

    #[test]
    fn what_is_compressed_must_say_how() {
        let compressed = framed(b"aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa", true, 100).expect("small");
        let count = |encoding| Frames::new(encoding, 100).feed(&compressed);
        assert_eq!(count(Encoding::Gzip), Ok(1));
        for encoding in [Encoding::Identity, Encoding::Other("snappy".to_owned())] {
            let refused = count(encoding).expect_err("not known");
            assert_eq!(refused.code, Code::INTERNAL);
        }
        let mut text = String::new();
        flate2::read::GzDecoder::new(&compressed[PREFIX..])
            .read_to_string(&mut text)
            .expect("gzip");
        assert_eq!(text.len(), 40);
        assert!(text.chars().all(|character| character == 'a'));
    }

    #[test]
    fn html_is_no_message() {
        let refused = frames().feed(b"<html>").expect_err("not gRPC");
        assert_eq!(refused.code, Code::INTERNAL);
        assert!(refused.message.contains("flag 60"), "{}", refused.message);
    }
}
