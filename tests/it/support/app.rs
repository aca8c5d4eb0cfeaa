//! [`App`]: the program in a folder and an environment of its own; [`Output`]: what it left behind.

use std::io::Read;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::Arc;
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

use iter8::platform::Env;
use rustix::process::{Pid, Signal, kill_process};
use serde_json::Value;
use tempfile::TempDir;

use super::turn::Turn;

/// No command of these tests takes longer; one that does hangs.
const LIMIT: Duration = Duration::from_secs(40);

/// The program, ready to be run. Of the tests' own environment it sees only where programs are: no CI, no proxy.
pub(crate) struct App {
    folder: TempDir,
    variables: Vec<(String, String)>,
}

impl App {
    /// In an empty folder.
    pub(crate) fn new() -> Self {
        Self {
            folder: TempDir::new().expect("a temporary folder"),
            variables: Vec::new(),
        }
    }

    /// With an experiment.
    pub(crate) fn with(experiment: &str) -> Self {
        Self::new().file("experiment.yaml", experiment)
    }

    /// With a variable.
    pub(crate) fn env(mut self, name: &str, value: impl Into<String>) -> Self {
        self.variables.push((name.to_owned(), value.into()));
        self
    }

    /// With a file; folders in its name are made.
    pub(crate) fn file(self, name: &str, content: impl AsRef<[u8]>) -> Self {
        let path = self.path(name);
        let parent = path.parent().expect("a file is in a folder");
        std::fs::create_dir_all(parent).expect("a folder");
        std::fs::write(path, content).expect("a file");
        self
    }

    /// A path in the folder.
    pub(crate) fn path(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    /// A file in the folder.
    pub(crate) fn read(&self, name: &str) -> String {
        let path = self.path(name);
        std::fs::read_to_string(&path).unwrap_or_else(|error| panic!("{}: {error}", path.display()))
    }

    /// The stored result.
    pub(crate) fn result(&self) -> Value {
        serde_json::from_str(&self.read("iter8-results/result.json")).expect("result.json is JSON")
    }

    /// Runs a command to its end.
    pub(crate) fn run(&self, args: &[&str]) -> Output {
        self.start(args).finish()
    }

    /// The same for a load of some seconds, while no other test runs the program: it says of itself when others took the
    /// processor from it, which is right, and not what is tested.
    pub(crate) fn run_undisturbed(&self, args: &[&str]) -> Output {
        let alone = Turn::alone();
        let mut command = Command::new(program());
        self.spawn(command.args(args), Stdio::piped(), alone).finish()
    }

    /// Starts a command.
    pub(crate) fn start(&self, args: &[&str]) -> Running {
        self.start_into(args, Stdio::piped())
    }

    /// Starts a command whose stdout goes elsewhere.
    pub(crate) fn start_into(&self, args: &[&str], stdout: Stdio) -> Running {
        self.spawn(Command::new(program()).args(args), stdout, Turn::beside_others())
    }

    /// Runs a script of a CI system's job, which finds the program as `iter8`, and `docker run IMAGE …` as the same: of
    /// Docker's own arguments none may be unknown.
    pub(crate) fn shell(&self, script: &str) -> Output {
        let programs = self.path(".programs");
        std::fs::create_dir_all(&programs).expect("a folder");
        let link = programs.join("iter8");
        if !link.exists() {
            std::os::unix::fs::symlink(program(), &link).expect("a link");
            let docker = programs.join("docker");
            std::fs::write(&docker, include_str!("docker.sh")).expect("a file");
            std::fs::set_permissions(&docker, PermissionsExt::from_mode(0o755)).expect("a mode");
        }
        let path = Env::of_process().get("PATH").unwrap_or_default().to_owned();
        let path = format!("{}:{path}", programs.display());
        let mut command = Command::new("/bin/sh");
        command.args(["-e", "-c", &format!("PATH='{path}'\n{script}")]);
        self.spawn(&mut command, Stdio::piped(), Turn::beside_others())
            .finish()
    }

    /// Runs a command that can write no more than a few kilobytes to a file, as on a full disk.
    pub(crate) fn run_without_room(&self, args: &[&str]) -> Output {
        let script = "ulimit -f 8; trap '' XFSZ; exec \"$0\" \"$@\"";
        let mut command = Command::new("sh");
        command.args(["-c", script]).arg(program()).args(args);
        self.spawn(&mut command, Stdio::piped(), Turn::beside_others())
            .finish()
    }

    /// Runs a command that can open no more than so many files, as where the system allows no more.
    pub(crate) fn run_with_files(&self, files: u32, args: &[&str]) -> Output {
        let script = format!("ulimit -Hn {files}; exec \"$0\" \"$@\"");
        let mut command = Command::new("bash");
        command.args(["-c", &script]).arg(program()).args(args);
        self.spawn(&mut command, Stdio::piped(), Turn::beside_others())
            .finish()
    }

    fn spawn(&self, command: &mut Command, stdout: Stdio, turn: impl Into<Arc<Turn>>) -> Running {
        command
            .current_dir(self.folder.path())
            .env_clear()
            .envs(self.variables.iter().map(|(name, value)| (name, value)))
            .stdin(Stdio::null())
            .stdout(stdout)
            .stderr(Stdio::piped());
        if let Some(path) = Env::of_process().get("PATH") {
            command.env("PATH", path);
        }
        let mut child = command.spawn().expect("the program starts");
        Running {
            stdout: child.stdout.take().map(collect),
            stderr: child.stderr.take().map(collect),
            child,
            started: Instant::now(),
            _turn: turn.into(),
            args: format!("{:?}", command.get_args().collect::<Vec<_>>()),
        }
    }
}

/// Programs that are to run at the same time, while no other test runs one.
pub(crate) struct Together(Arc<Turn>);

impl Together {
    /// As soon as nobody else runs the program.
    pub(crate) fn alone() -> Self {
        Self(Arc::new(Turn::alone()))
    }

    /// Starts a command.
    pub(crate) fn start(&self, app: &App, args: &[&str]) -> Running {
        let mut command = Command::new(program());
        app.spawn(command.args(args), Stdio::piped(), Arc::clone(&self.0))
    }
}

/// The program that cargo built, or the one that `ITER8_BINARY` names (a release, an image's).
pub(super) fn program() -> PathBuf {
    let other = Env::of_process().get("ITER8_BINARY").map(PathBuf::from);
    other.unwrap_or_else(|| Path::new(env!("CARGO_BIN_EXE_iter8")).to_owned())
}

fn collect(mut pipe: impl Read + Send + 'static) -> JoinHandle<String> {
    std::thread::spawn(move || {
        let mut bytes = Vec::new();
        pipe.read_to_end(&mut bytes).expect("a pipe can be read");
        String::from_utf8(bytes).expect("output is UTF-8")
    })
}

/// A command that was started.
pub(crate) struct Running {
    child: Child,
    stdout: Option<JoinHandle<String>>,
    stderr: Option<JoinHandle<String>>,
    started: Instant,
    args: String,
    _turn: Arc<Turn>,
}

impl Running {
    /// Sends a signal.
    pub(crate) fn signal(&self, signal: Signal) {
        let id = i32::try_from(self.child.id()).ok().and_then(Pid::from_raw);
        kill_process(id.expect("an id"), signal).expect("the program still runs");
    }

    /// Waits for the end; kills what does not come to one.
    pub(crate) fn finish(mut self) -> Output {
        let status = loop {
            if let Some(status) = self.child.try_wait().expect("a child can be waited for") {
                break status;
            }
            if self.started.elapsed() > LIMIT {
                self.child.kill().expect("a child can be killed");
                panic!("`iter8 {}` does not end", self.args);
            }
            std::thread::sleep(Duration::from_millis(5));
        };
        let text = |reader: Option<JoinHandle<String>>| {
            reader
                .map(|reader| reader.join().expect("a reader"))
                .unwrap_or_default()
        };
        Output {
            code: status.code(),
            stdout: text(self.stdout),
            stderr: text(self.stderr),
            args: self.args,
        }
    }
}

/// What a command left behind.
#[derive(Debug)]
pub(crate) struct Output {
    /// Its exit code; none if a signal killed it.
    pub(crate) code: Option<i32>,
    /// Data.
    pub(crate) stdout: String,
    /// Talk.
    pub(crate) stderr: String,
    args: String,
}

impl Output {
    /// Fails unless the code is this one.
    #[track_caller]
    pub(crate) fn exits(&self, code: i32) -> &Self {
        assert_eq!(self.code, Some(code), "{self}");
        self
    }

    /// Fails unless stdout or stderr has this text, however its lines are broken.
    #[track_caller]
    pub(crate) fn says(&self, text: &str) -> &Self {
        assert!(self.has(text), "not said: {text}\n{self}");
        self
    }

    /// Fails unless stdout or stderr has each of these texts.
    #[track_caller]
    pub(crate) fn says_all(&self, texts: &[&str]) {
        for text in texts {
            self.says(text);
        }
    }

    /// Whether stdout or stderr has this text, however its lines are broken.
    pub(crate) fn has(&self, text: &str) -> bool {
        plain(&self.stdout).contains(&plain(text)) || plain(&self.stderr).contains(&plain(text))
    }
}

impl std::fmt::Display for Output {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(
            f,
            "`iter8 {}` ended with {:?}\n--- stdout\n{}\n--- stderr\n{}",
            self.args, self.code, self.stdout, self.stderr
        )
    }
}

/// Text as a reader sees it: however its lines are broken, and with every space alike.
pub(crate) fn plain(text: &str) -> String {
    text.split_whitespace().collect::<Vec<_>>().join(" ")
}
