//! [`Lines`]: an answer of an API server that goes on, line by line: the events of a watch, the log of a container.

use std::time::Duration;

use http::Request;
use http_body_util::BodyExt as _;
use kube::client::Body;
use kube::core::Status;
use tokio::time::timeout;

use super::client::{Asked, Cluster};
use super::error::ClusterError;
use super::foreign;
use crate::net::cause;

/// Bytes that are read of an answer that refuses.
const LARGEST_REFUSAL: usize = 64 << 10;

/// An answer that goes on. Dropping it ends it.
pub struct Lines {
    server: String,
    body: Body,
    /// What was received and not given yet.
    buffer: Vec<u8>,
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
            .body(Body::empty())
            .map_err(|cause| ClusterError::Settings(format!("{path} cannot be asked for: {cause}")))?;
        let server = self.server().to_owned();
        let begun = async {
            let answer = self.client().send(request).await;
            let answer = answer.map_err(|error| self.explain_error(error, asked))?;
            let status = answer.status();
            let mut lines = Lines {
                server: server.clone(),
                body: answer.into_body(),
                buffer: Vec::new(),
                searched: 0,
                ended: false,
                most,
            };
            if status.is_success() {
                return Ok(lines);
            }
            lines.most = LARGEST_REFUSAL;
            let text = lines.next().await?.unwrap_or_default();
            let text = String::from_utf8_lossy(&text);
            let said = serde_json::from_str(&text);
            let said = said.unwrap_or_else(|_| Status::failure(&text, "").with_code(status.as_u16()));
            Err(self.explain_status(&said, asked))
        };
        match timeout(patience, begun).await {
            Ok(begun) => begun,
            Err(_elapsed) => Err(ClusterError::TimedOut {
                server,
                after: patience,
            }),
        }
    }
}

impl Lines {
    /// The next line, without its end; nothing once the answer is over. Whoever stops waiting loses nothing.
    pub async fn next(&mut self) -> Result<Option<Vec<u8>>, ClusterError> {
        loop {
            if let Some(line) = self.take() {
                return Ok(Some(line));
            }
            if self.ended {
                return Ok(None);
            }
            match self.body.frame().await {
                Some(Ok(frame)) => {
                    if let Ok(bytes) = frame.into_data() {
                        self.buffer.extend_from_slice(&bytes);
                    }
                }
                Some(Err(error)) => {
                    return Err(ClusterError::Unreachable {
                        server: self.server.clone(),
                        reason: foreign(&cause::root(&error)),
                    });
                }
                None => self.ended = true,
            }
        }
    }

    fn take(&mut self) -> Option<Vec<u8>> {
        let unseen = &self.buffer[self.searched..];
        let end = unseen.iter().position(|byte| *byte == b'\n');
        let (line, used) = match end.map(|at| self.searched + at) {
            Some(at) if at <= self.most => (at, at + 1),
            _ if self.buffer.len() > self.most => (self.most, self.most),
            // The last line may have no end.
            _ if self.ended && !self.buffer.is_empty() => (self.buffer.len(), self.buffer.len()),
            _ => {
                self.searched = self.buffer.len();
                return None;
            }
        };
        self.searched = 0;
        let rest = self.buffer.split_off(used);
        let mut taken = std::mem::replace(&mut self.buffer, rest);
        taken.truncate(line);
        Some(taken)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    async fn lines(text: &str, most: usize) -> Vec<String> {
        let mut lines = Lines {
            server: "s".into(),
            body: Body::from(text.as_bytes().to_vec()),
            buffer: Vec::new(),
            searched: 0,
            ended: false,
            most,
        };
        let mut all = Vec::new();
        while let Some(line) = lines.next().await.expect("a line") {
            all.push(String::from_utf8(line).expect("text"));
        }
        all
    }

    #[tokio::test]
    async fn lines_end_where_they_end_and_the_last_one_with_the_answer() {
        assert_eq!(lines("a\n\nbc\n", 9).await, ["a", "", "bc"]);
        assert_eq!(lines("a\nb", 9).await, ["a", "b"]);
        assert!(lines("", 9).await.is_empty());
    }

    #[tokio::test]
    async fn a_line_that_is_too_long_comes_in_parts() {
        assert_eq!(lines("abcdefg\nh\n", 3).await, ["abc", "def", "g", "h"]);
        assert_eq!(lines("abc\nabcd", 3).await, ["abc", "abc", "d"]);
    }
}
