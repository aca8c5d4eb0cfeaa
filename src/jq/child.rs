//! The child process: reads expressions and answers from stdin, writes what they make of them to stdout.
//!
//! A question is a line of JSON, [`Question`], followed by as many bytes as it says; an answer is a line of JSON.

use std::io::{self, BufRead as _, Read as _, Write as _};

use rustix::process::{Resource, Rlimit, setrlimit};
use serde::{Deserialize, Serialize};

use super::engine::evaluate;

/// Memory that a child may map, in bytes: an answer of 8 MB takes less than a third of it.
const MEMORY: u64 = 512 << 20;
/// Seconds of the processor that a child may use, all its expressions together; it is replaced before.
const PROCESSOR: u64 = 60;

/// What is asked of a child.
#[derive(Debug, Serialize, Deserialize)]
pub(super) struct Question {
    pub(super) program: String,
    /// Bytes of JSON that follow.
    pub(super) length: usize,
}

/// Serves a parent until it closes its end. To be called by a process of its own, whose memory it limits.
pub fn serve() -> io::Result<()> {
    let limit = |most: u64| Rlimit {
        current: Some(most),
        maximum: Some(most),
    };
    setrlimit(Resource::As, limit(MEMORY))?;
    setrlimit(Resource::Cpu, limit(PROCESSOR))?;
    // What it leaves behind after an overflow helps nobody.
    setrlimit(Resource::Core, limit(0))?;
    let (mut questions, mut answers) = (io::stdin().lock(), io::stdout().lock());
    let mut line = String::new();
    loop {
        line.clear();
        if questions.read_line(&mut line)? == 0 {
            return Ok(());
        }
        let question: Question = serde_json::from_str(&line).map_err(io::Error::other)?;
        let mut answer = vec![0; question.length];
        questions.read_exact(&mut answer)?;
        let reading = evaluate(&question.program, &answer);
        serde_json::to_writer(&mut answers, &reading).map_err(io::Error::other)?;
        answers.write_all(b"\n")?;
        answers.flush()?;
    }
}
