//! Servers and clients that others wrote, where `tests/servers/build.sh` has put them: [`Known`] and [`Started`].

use std::net::{TcpListener, TcpStream};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use iter8::platform::Env;

use super::super::external::missing;

/// The folder of what was built.
pub(crate) struct Known {
    cache: PathBuf,
}

impl Known {
    /// Where it is; if it is not there, the test says so in one line and is done.
    pub(crate) fn here() -> Option<Self> {
        Self::made(
            "go.stamp",
            "the gRPC servers of others are not built (tests/servers/build.sh)",
        )
    }

    /// The same with Python's library.
    pub(crate) fn with_python() -> Option<Self> {
        Self::made(
            "python.stamp",
            "Python's gRPC is not installed (tests/servers/build.sh)",
        )
    }

    fn made(stamp: &str, about: &str) -> Option<Self> {
        let env = Env::of_process();
        let cache = env.get("ITER8_CI_CACHE").map(PathBuf::from);
        let cache = cache.or_else(|| Some(Path::new(env.get("HOME")?).join(".cache").join("iter8-ci")));
        let known = cache.map(|cache| Self { cache });
        let known = known.filter(|known| known.path(stamp).is_file());
        if known.is_none() {
            missing(about);
        }
        known
    }

    /// A file or program.
    pub(crate) fn path(&self, name: &str) -> PathBuf {
        self.cache.join("servers").join(name)
    }

    /// The text of a `.proto` file.
    pub(crate) fn proto(&self, name: &str) -> String {
        let path = self.path("proto").join(name);
        std::fs::read_to_string(&path).unwrap_or_else(|error| panic!("{}: {error}", path.display()))
    }

    /// Starts a server with these arguments, in which `PORT` is its port, and waits until it listens.
    pub(crate) fn start(&self, program: &str, args: &[&str]) -> Started {
        Started::new(Command::new(self.path(program)), args)
    }

    /// Starts the server of Python with these files.
    pub(crate) fn python(&self, protos: &[&Path]) -> Started {
        let mut command = Command::new(self.cache.join("venv/bin/python"));
        command.arg(Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/servers/server.py"));
        let protos: Vec<&str> = protos
            .iter()
            .map(|path| path.to_str().expect("a path in UTF-8"))
            .collect();
        Started::new(command, &[&["PORT"], protos.as_slice()].concat())
    }

    /// Runs a client to its end: whether it succeeded, and what it printed.
    pub(crate) fn run(&self, program: &str, args: &[&str]) -> (bool, String) {
        let output = Command::new(self.path(program))
            .args(args)
            .stdin(Stdio::null())
            .output()
            .expect("the program starts");
        let text = [output.stdout, output.stderr].concat();
        (
            output.status.success(),
            String::from_utf8(text).expect("output is UTF-8"),
        )
    }
}

/// A port that nobody listens on.
pub(crate) fn free_port() -> u16 {
    let listener = TcpListener::bind(("127.0.0.1", 0)).expect("a free port");
    listener.local_addr().expect("an address").port()
}

/// A server that runs; it is ended with the value.
pub(crate) struct Started {
    child: Child,
    port: u16,
}

impl Started {
    fn new(mut command: Command, args: &[&str]) -> Self {
        let port = free_port();
        command
            .args(args.iter().map(|arg| arg.replace("PORT", &port.to_string())))
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .stderr(Stdio::null());
        let mut started = Self {
            child: command.spawn().expect("the server starts"),
            port,
        };
        let since = Instant::now();
        while TcpStream::connect(("127.0.0.1", port)).is_err() {
            let ended = started.child.try_wait().expect("a child can be waited for");
            assert_eq!(ended, None, "the server has ended: {command:?}");
            assert!(
                since.elapsed() < Duration::from_secs(30),
                "does not listen: {command:?}"
            );
            std::thread::sleep(Duration::from_millis(20));
        }
        started
    }

    /// `127.0.0.1:PORT`.
    pub(crate) fn host(&self) -> String {
        format!("127.0.0.1:{}", self.port)
    }
}

impl Drop for Started {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}
