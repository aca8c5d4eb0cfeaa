//! [`Lines`]: an answer of an API server that goes on, line by line: the events of a watch, the log of a container.

use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use http::Request;
use tokio::time::timeout;

use super::client::{Asked, Cluster};
use super::error::ClusterError;
use super::status::Status;
use super::transport::{Answer, Transport};

/// Bytes that are read of an answer that refuses.
const LARGEST_REFUSAL: usize = 64 << 10;

/// An answer that goes on. Dropping it ends it.
pub struct Lines {
    transport: Arc<Transport>,
    answer: Answer,
    buffer: Buffer,
}

/// What was received and not given yet.
#[derive(Default)]
struct Buffer {
    bytes: Vec<u8>,
    /// So much of it has no end of a line.
    searched: usize,
    ended: bool,
    most: usize,
}

impl Cluster {
    /// Asks for an answer that goes on, which begins within `patience`. A line of more than `most` bytes comes in parts.
    pub(super) async fn stream(
        &self,
        path: &str,
        asked: Asked<'_>,
        patience: Duration,
        most: usize,
    ) -> Result<Lines, ClusterError> {
        let request = Request::get(path)
            .body(Bytes::new())
            .map_err(|cause| ClusterError::Settings(format!("{path} cannot be asked for: {cause}")))?;
        let begun = async {
            let answer = self.transport().send(request).await?;
            let status = answer.status;
            let is_given = status.is_success();
            let mut lines = Lines {
                transport: Arc::clone(self.transport()),
                answer,
                buffer: Buffer {
                    most: if is_given { most } else { LARGEST_REFUSAL },
                    ..Buffer::default()
                },
            };
            if is_given {
                return Ok(lines);
            }
            let text = lines.next().await?.unwrap_or_default();
            Err(self.explain_status(&Status::of(status, &text), asked))
        };
        match timeout(patience, Box::pin(begun)).await {
            Ok(begun) => begun,
            Err(_elapsed) => Err(ClusterError::TimedOut {
                server: self.server().to_owned(),
                after: patience,
            }),
        }
    }
}

impl Lines {
    /// The next line, without its end; nothing once the answer is over. Whoever stops waiting loses nothing.
    pub async fn next(&mut self) -> Result<Option<Vec<u8>>, ClusterError> {
        loop {
            if let Some(line) = self.buffer.take() {
                return Ok(Some(line));
            }
            if self.buffer.ended {
                return Ok(None);
            }
            match self.answer.next().await {
                Some(Ok(bytes)) => self.buffer.bytes.extend_from_slice(&bytes),
                Some(Err(error)) => return Err(self.transport.broken(&error)),
                None => self.buffer.ended = true,
            }
        }
    }
}

impl Buffer {
    /// A line, if there is a whole one or it is too long.
    fn take(&mut self) -> Option<Vec<u8>> {
        let unseen = &self.bytes[self.searched..];
        let end = unseen.iter().position(|byte| *byte == b'\n');
        let (line, used) = match end.map(|at| self.searched + at) {
            Some(at) if at <= self.most => (at, at + 1),
            _ if self.bytes.len() > self.most => (self.most, self.most),
            // The last line may have no end.
            _ if self.ended && !self.bytes.is_empty() => (self.bytes.len(), self.bytes.len()),
            _ => {
                self.searched = self.bytes.len();
                return None;
            }
        };
        self.searched = 0;
        let rest = self.bytes.split_off(used);
        let mut taken = std::mem::replace(&mut self.bytes, rest);
        taken.truncate(line);
        Some(taken)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The lines of a text that comes in pieces of so many bytes.
    fn lines(text: &str, piece: usize, most: usize) -> Vec<String> {
        let mut buffer = Buffer {
            most,
            ..Buffer::default()
        };
        let mut all = Vec::new();
        let mut take = |buffer: &mut Buffer| {
            while let Some(line) = buffer.take() {
                all.push(String::from_utf8(line).expect("text"));
            }
        };
        for bytes in text.as_bytes().chunks(piece) {
            buffer.bytes.extend_from_slice(bytes);
            take(&mut buffer);
        }
        buffer.ended = true;
        take(&mut buffer);
        all
    }

    #[test]
    fn lines_end_where_they_end_and_the_last_one_with_the_answer() {
        for piece in [1, 2, 9] {
            assert_eq!(lines("a\n\nbc\n", piece, 9), ["a", "", "bc"]);
            assert_eq!(lines("a\nb", piece, 9), ["a", "b"]);
            assert!(lines("", piece, 9).is_empty());
        }
    }

    #[test]
    fn a_line_that_is_too_long_comes_in_parts() {
        for piece in [1, 2, 99] {
            assert_eq!(lines("abcdefg\nh\n", piece, 3), ["abc", "def", "g", "h"]);
            assert_eq!(lines("abc\nabcd", piece, 3), ["abc", "abc", "d"]);
        }
    }
}
