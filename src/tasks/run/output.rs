//! [`Output`]: what a script and all it started write, shown line by line. No line takes more than [`LONGEST`] bytes.

use std::collections::VecDeque;
use std::sync::{Arc, Mutex, PoisonError};

use tokio::io::{AsyncBufReadExt as _, AsyncRead, BufReader};

use crate::secret::Mask;
use crate::tasks::{Event, RunContext};

/// Bytes of a line that are shown; the rest is dropped.
pub(super) const LONGEST: usize = 16 << 10;
/// Stands for the rest.
const CUT: &str = " … (cut)";
/// Lines kept for the report.
const KEPT: usize = 5;
/// Characters kept of a line.
const WIDTH: usize = 300;

/// Where lines go. It holds no [`RunContext`]: pipes are read for as long as somebody writes, the context ends before.
pub(super) struct Output {
    mask: Mask,
    events: Arc<dyn Fn(Event) + Send + Sync>,
    tail: Mutex<VecDeque<String>>,
}

impl Output {
    pub(super) fn new(context: &RunContext) -> Self {
        Self {
            mask: context.mask.clone(),
            events: Arc::clone(&context.events),
            tail: Mutex::default(),
        }
    }

    /// The last lines so far.
    pub(super) fn tail(&self) -> Vec<String> {
        let tail = self.tail.lock().unwrap_or_else(PoisonError::into_inner);
        tail.iter().cloned().collect()
    }

    /// Shows everything that comes out of a pipe, until nobody holds its other end.
    pub(super) async fn show(self: Arc<Self>, pipe: impl AsyncRead + Unpin) {
        let mut reader = BufReader::new(pipe);
        let mut line = Line::default();
        while let Ok(chunk @ [_, ..]) = reader.fill_buf().await {
            let newline = chunk.iter().position(|byte| *byte == b'\n');
            line.push(&chunk[..newline.unwrap_or(chunk.len())]);
            let used = newline.map_or(chunk.len(), |at| at + 1);
            reader.consume(used);
            if newline.is_some() {
                self.line(&std::mem::take(&mut line));
            }
        }
        if !line.bytes.is_empty() {
            self.line(&line);
        }
    }

    fn line(&self, line: &Line) {
        let text = line.text(&self.mask);
        let mut tail = self.tail.lock().unwrap_or_else(PoisonError::into_inner);
        if tail.len() == KEPT {
            tail.pop_front();
        }
        tail.push_back(text.chars().take(WIDTH).collect());
        drop(tail);
        (self.events)(Event::Foreign(text));
    }
}

/// The beginning of a line.
#[derive(Default)]
struct Line {
    bytes: Vec<u8>,
    cut: bool,
}

impl Line {
    fn push(&mut self, bytes: &[u8]) {
        let room = LONGEST - self.bytes.len();
        self.bytes.extend_from_slice(&bytes[..room.min(bytes.len())]);
        self.cut |= bytes.len() > room;
    }

    /// The line without secrets.
    fn text(&self, mask: &Mask) -> String {
        let text = String::from_utf8_lossy(&self.bytes);
        if !self.cut {
            return mask.apply(text.trim_end_matches('\r'));
        }
        format!("{}{CUT}", mask.apply(text.trim_end_matches('\u{fffd}')))
    }
}
