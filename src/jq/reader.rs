//! [`Reader`]: asks a child process, and starts another one when an expression killed it.

use std::io;
use std::path::{Path, PathBuf};
use std::process::Stdio;
use std::time::Duration;

use tokio::io::{AsyncBufReadExt as _, AsyncWriteExt as _, BufReader};
use tokio::process::{Child, ChildStdin, ChildStdout, Command};
use tokio::time::timeout;

use super::child::Question;
use super::{Reading, check};

/// The hidden command of this program that is a child.
const COMMAND: &str = "jq-child";
/// Time for one expression.
const PATIENCE: Duration = Duration::from_secs(5);
/// Questions to one child: all of them together take less of the processor than it may use, however long each takes.
const QUESTIONS: u32 = 10;

/// Why no expression can be evaluated at all.
#[derive(Debug, thiserror::Error)]
pub enum JqError {
    /// There is no child process.
    #[error("cannot start the process that evaluates jq expressions")]
    Start(#[source] io::Error),
}

/// Evaluates expressions, one at a time.
#[derive(Debug)]
pub struct Reader {
    program: PathBuf,
    running: Option<Running>,
    patience: Duration,
}

#[derive(Debug)]
struct Running {
    child: Child,
    questions: ChildStdin,
    answers: BufReader<ChildStdout>,
    /// Questions that it has answered.
    answered: u32,
}

impl Reader {
    /// A reader whose children are `program`, which is this one. Nothing is started yet.
    pub fn new(program: &Path) -> Self {
        Self {
            program: program.to_owned(),
            running: None,
            patience: PATIENCE,
        }
    }

    /// What an expression makes of an answer. A child that it kills is replaced at the next question.
    pub async fn read(&mut self, program: &str, answer: &[u8]) -> Result<Reading, JqError> {
        if let Err(why) = check(program) {
            return Ok(Reading::Fault(why));
        }
        let mut running = match self.running.take() {
            Some(running) => running,
            None => start(&self.program).map_err(JqError::Start)?,
        };
        let read = match timeout(self.patience, running.ask(program, answer)).await {
            Ok(Ok(Some(reading))) => {
                running.answered += 1;
                self.running = Some(running).filter(|running| running.answered < QUESTIONS);
                return Ok(reading);
            }
            Ok(Ok(None) | Err(_)) => {
                Reading::Fault("it took too much memory or nested too deep, and was ended".to_owned())
            }
            Err(_) => Reading::Fault(format!("it took more than {:?}, and was ended", self.patience)),
        };
        // A child that is gone already cannot be killed, which is as well.
        let _ = running.child.kill().await;
        Ok(read)
    }
}

fn start(program: &Path) -> io::Result<Running> {
    let mut child = Command::new(program)
        .arg(COMMAND)
        .env_clear()
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::null())
        .kill_on_drop(true)
        .spawn()?;
    let (Some(questions), Some(answers)) = (child.stdin.take(), child.stdout.take()) else {
        return Err(io::Error::other("it has no pipes"));
    };
    Ok(Running {
        child,
        questions,
        answers: BufReader::new(answers),
        answered: 0,
    })
}

impl Running {
    /// The answer of the child; `None` when it ended instead.
    async fn ask(&mut self, program: &str, answer: &[u8]) -> io::Result<Option<Reading>> {
        let question = Question {
            program: program.to_owned(),
            length: answer.len(),
        };
        let mut line = serde_json::to_vec(&question)?;
        line.push(b'\n');
        self.questions.write_all(&line).await?;
        self.questions.write_all(answer).await?;
        self.questions.flush().await?;
        let mut text = String::new();
        self.answers.read_line(&mut text).await?;
        Ok(serde_json::from_str(&text).ok())
    }
}
