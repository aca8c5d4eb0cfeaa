//! [`Reader`]: asks a child process, and starts another one when an expression killed it.

use std::io;
use std::path::{Path, PathBuf};
use std::process::Stdio;
use std::time::Duration;

use tokio::io::{AsyncBufReadExt as _, AsyncWriteExt as _, BufReader};
use tokio::process::{Child, ChildStdin, ChildStdout, Command};
use tokio::time::{Instant, timeout};

use super::child::Question;
use super::{Reading, check};

/// The hidden command of this program that is a child.
const COMMAND: &str = "jq-child";
/// Time for one expression.
const PATIENCE: Duration = Duration::from_secs(5);
/// Age at which a child is replaced, before all its expressions together have used what it may of the processor.
const LIFE: Duration = Duration::from_secs(50);

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
    life: Duration,
}

#[derive(Debug)]
struct Running {
    child: Child,
    questions: ChildStdin,
    answers: BufReader<ChildStdout>,
    began: Instant,
}

impl Reader {
    /// A reader whose children are `program`, which is this one. Nothing is started yet.
    pub fn new(program: &Path) -> Self {
        Self {
            program: program.to_owned(),
            running: None,
            patience: PATIENCE,
            life: LIFE,
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
                self.running = Some(running).filter(|running| running.began.elapsed() < self.life);
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
        began: Instant::now(),
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

#[cfg(test)]
mod tests {
    use std::os::unix::fs::PermissionsExt as _;

    use super::*;

    /// A child that answers with its own id.
    const CHILD: &str = "#!/bin/sh\nwhile read -r line; do echo \"{\\\"value\\\":$$}\"; done\n";

    async fn id(reader: &mut Reader) -> Reading {
        loop {
            match reader.read(".", b"").await {
                // Another test starts a process while this one's file is still open in it.
                Err(JqError::Start(error)) if error.kind() == io::ErrorKind::ExecutableFileBusy => {
                    tokio::time::sleep(Duration::from_millis(20)).await;
                }
                read => return read.expect("a child"),
            }
        }
    }

    #[tokio::test]
    async fn a_child_serves_many_questions_and_is_replaced_before_it_has_used_up_its_time() {
        let folder = tempfile::tempdir().expect("a folder");
        let program = folder.path().join("child");
        std::fs::write(&program, CHILD).expect("a file");
        std::fs::set_permissions(&program, std::fs::Permissions::from_mode(0o755)).expect("a program");
        let mut reader = Reader::new(&program);
        let first = id(&mut reader).await;
        assert!(matches!(first, Reading::Value(_)), "{first:?}");
        assert_eq!(id(&mut reader).await, first);
        reader.life = Duration::ZERO;
        assert_eq!(id(&mut reader).await, first);
        assert_ne!(id(&mut reader).await, first);
    }
}
