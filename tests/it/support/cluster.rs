//! [`Cluster`]: a Kubernetes cluster of the tests' own, with the real API server and controllers.

use std::io::{BufRead as _, BufReader, Write as _};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::OnceLock;
use std::time::{Duration, Instant};

use iter8::platform::Env;
use serde_json::Value;

use super::app::program;
use super::external::{find, missing};
use super::{App, Output};

/// The image of experiments that name none.
const IMAGE: &str = concat!("ghcr.io/iter8-tools/iter8-action:", env!("CARGO_PKG_VERSION"));

static CLUSTER: OnceLock<Option<Cluster>> = OnceLock::new();

/// The cluster of this process, started when it is first asked for; it ends with the process, which holds its stdin open.
pub(crate) fn cluster() -> Option<&'static Cluster> {
    CLUSTER.get_or_init(Cluster::start).as_ref()
}

/// A cluster.
pub(crate) struct Cluster {
    folder: PathBuf,
    kubectl: PathBuf,
    _keeper: Child,
}

impl Cluster {
    fn start() -> Option<Self> {
        let env = Env::of_process();
        let cache = env.get("ITER8_CI_CACHE").map_or_else(
            || Path::new(env.get("HOME").unwrap_or("/")).join(".cache/iter8-ci"),
            PathBuf::from,
        );
        let tools = cache.join("k8s");
        if !tools.join("bin/complete").is_file() || !tools.join("definitions.yaml").is_file() {
            missing("there is no Kubernetes to test against: tests/kubernetes/build.sh makes it");
            return None;
        }
        find("etcd")?;
        let folder = tempfile::tempdir().expect("a folder").keep();
        let mut keeper =
            Command::new(Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/kubernetes/cluster.py"))
                .arg(&folder)
                .arg(format!("iter8={}", program().display()))
                .arg(format!("{IMAGE}={}", program().display()))
                .arg("host=/bin/sh")
                .env("ITER8_CI_CACHE", &cache)
                .stdin(Stdio::piped())
                .stdout(Stdio::piped())
                .spawn()
                .expect("Python starts");
        let mut answer = String::new();
        let stdout = keeper.stdout.take().expect("its stdout");
        BufReader::new(stdout).read_line(&mut answer).expect("its answer");
        assert_eq!(answer.trim(), "ready", "the cluster does not start");
        Some(Self {
            folder,
            kubectl: tools.join("bin/kubectl"),
            _keeper: keeper,
        })
    }

    /// The kubeconfig, with the contexts `admin` and `guest`.
    pub(crate) fn kubeconfig(&self) -> PathBuf {
        self.folder.join("kubeconfig")
    }

    /// The folder of `kubectl`.
    pub(crate) fn programs(&self) -> &Path {
        self.kubectl.parent().expect("a program is in a folder")
    }

    /// Its content.
    pub(crate) fn config(&self) -> Value {
        let text = std::fs::read_to_string(self.kubeconfig()).expect("a kubeconfig");
        serde_json::from_str(&text).expect("JSON")
    }

    /// Address of the API server.
    pub(crate) fn server(&self) -> String {
        self.config()["clusters"][0]["cluster"]["server"]
            .as_str()
            .expect("a server")
            .to_owned()
    }

    /// The token of the guest.
    pub(crate) fn token(&self) -> String {
        self.config()["users"][1]["user"]["token"]
            .as_str()
            .expect("a token")
            .to_owned()
    }

    /// The authority of the API server's certificate.
    pub(crate) fn authority(&self) -> PathBuf {
        self.folder.join("tls/apiserver.crt")
    }

    /// The program with an experiment, and this cluster in its environment.
    pub(crate) fn app(&self, experiment: &str) -> App {
        App::with(experiment).env("KUBECONFIG", self.kubeconfig().display().to_string())
    }

    /// Runs `kubectl` with a text on its stdin; fails unless it succeeds.
    pub(crate) fn kubectl(&self, args: &[&str], stdin: &str) -> String {
        let (success, stdout, stderr) = self.try_kubectl(args, stdin);
        assert!(success, "kubectl {args:?}: {stderr}\n{stdin}");
        stdout
    }

    /// Runs `kubectl`: whether it succeeds, and what it says.
    pub(crate) fn try_kubectl(&self, args: &[&str], stdin: &str) -> (bool, String, String) {
        let mut child = self
            .command(args)
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
            .expect("kubectl starts");
        let mut pipe = child.stdin.take().expect("its stdin");
        pipe.write_all(stdin.as_bytes()).expect("kubectl reads");
        drop(pipe);
        let output = child.wait_with_output().expect("kubectl ends");
        let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
        (
            output.status.success(),
            text(&output.stdout),
            text(&output.stderr),
        )
    }

    /// `kubectl`, to be started.
    pub(crate) fn command(&self, args: &[&str]) -> Command {
        let mut command = Command::new(&self.kubectl);
        command.arg("--kubeconfig").arg(self.kubeconfig()).args(args);
        command
    }

    /// A new namespace.
    pub(crate) fn namespace(&'static self, name: &str) -> Namespace {
        self.kubectl(&["create", "namespace", name], "");
        self.within(name)
    }

    /// A namespace that somebody else makes.
    pub(crate) fn within(&'static self, name: &str) -> Namespace {
        Namespace {
            cluster: self,
            name: name.to_owned(),
        }
    }
}

/// A namespace of one test.
pub(crate) struct Namespace {
    pub(crate) cluster: &'static Cluster,
    pub(crate) name: String,
}

impl Namespace {
    /// Runs `kubectl` here.
    pub(crate) fn kubectl(&self, args: &[&str], stdin: &str) -> String {
        let args: Vec<&str> = ["-n", &self.name]
            .into_iter()
            .chain(args.iter().copied())
            .collect();
        self.cluster.kubectl(&args, stdin)
    }

    /// The manifests of a Job that sends a load into the void, from an image, with 1 for their revision.
    pub(crate) fn manifests(&self, image: &str) -> String {
        let image = format!("iter8Image={image}");
        let values = [
            "tasks={http}",
            "runner=job",
            "http.url=http://127.0.0.1:9/",
            &image,
        ];
        let set = values.iter().flat_map(|value| ["--set", value]);
        let words: Vec<&str> = ["k", "launch", "--dry", "-n", &self.name]
            .into_iter()
            .chain(set)
            .collect();
        let output = App::new().run(&words);
        output.exits(0);
        output.stdout.replace(&revision(&output.stdout), "1")
    }

    /// Creates or changes objects.
    pub(crate) fn apply(&self, objects: &str) {
        self.kubectl(&["apply", "-f", "-"], objects);
    }

    /// What the API has of an object.
    pub(crate) fn get(&self, object: &str) -> Value {
        let text = self.kubectl(&["get", object, "-o", "json"], "");
        serde_json::from_str(&text).expect("JSON")
    }

    /// Runs an experiment here, with more flags.
    pub(crate) fn run(&self, experiment: &str, flags: &[&str]) -> (App, Output) {
        let app = self.cluster.app(experiment);
        let args: Vec<&str> = ["run", "-n", &self.name]
            .into_iter()
            .chain(flags.iter().copied())
            .collect();
        let output = app.run(&args);
        (app, output)
    }

    /// Says in place of its controller how an object is.
    pub(crate) fn set_status(&self, object: &str, status: &str) {
        let patch = format!("{{\"status\": {status}}}");
        self.kubectl(
            &[
                "patch",
                object,
                "--subresource=status",
                "--type=merge",
                "-p",
                &patch,
            ],
            "",
        );
    }

    /// Runs an experiment whose one task waits, with more flags.
    pub(crate) fn wait_for(&self, with: &str, flags: &[&str]) -> Output {
        let app = self.cluster.app(&waiting(with));
        let args: Vec<&str> = ["run", "-n", &self.name]
            .into_iter()
            .chain(flags.iter().copied())
            .collect();
        app.run(&args)
    }

    /// Asks again and again until something holds.
    pub(crate) fn until(&self, what: &str, mut holds: impl FnMut(&Self) -> bool) {
        let deadline = Instant::now() + Duration::from_mins(1);
        while !holds(self) {
            assert!(Instant::now() < deadline, "{}: never {what}", self.name);
            std::thread::sleep(Duration::from_millis(200));
        }
    }
}

/// The revision of manifests: the time at which they were written.
pub(crate) fn revision(manifests: &str) -> String {
    let (_, rest) = manifests
        .split_once("iter8.tools/revision: ")
        .expect("a revision");
    let digits = rest.trim_start_matches(['"', '\'']).chars();
    digits.take_while(char::is_ascii_digit).collect()
}

/// An experiment whose one task waits.
pub(crate) fn waiting(with: &str) -> String {
    format!("spec:\n- task: ready\n  with: {{{with}}}\n")
}
