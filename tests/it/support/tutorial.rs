//! [`Tutorial`]: a page of the documentation whose commands are run one after the other, and print what the page says.

use std::path::Path;
use std::sync::LazyLock;

use regex::Regex;

use super::{App, BUSY, Cluster, plain};

const ROOT: &str = env!("CARGO_MANIFEST_DIR");
/// Where the page says that files of this repository are.
const FILES: &str = "https://raw.githubusercontent.com/iter8-tools/iter8-action/v1.0.0";
/// What stands for lines that are not shown.
const MORE: &str = "…";

/// A page.
pub(crate) struct Tutorial {
    app: App,
    steps: Vec<(String, String)>,
    path: String,
    /// Addresses of the page, and those of the tests.
    addresses: Vec<(String, String)>,
}

impl Tutorial {
    /// The page of a name, whose addresses are others here.
    pub(crate) fn new(cluster: &Cluster, name: &str, addresses: &[(&str, &str)]) -> Self {
        let page = format!("{ROOT}/docs/tutorials/{name}.md");
        let text = std::fs::read_to_string(page).expect("the page");
        let config = std::fs::read(cluster.kubeconfig()).expect("a kubeconfig");
        let app = App::new().file("kubeconfig", config);
        let examples = Path::new(ROOT).join("examples");
        std::os::unix::fs::symlink(examples, app.path("examples")).expect("a link");
        let kubeconfig = app.path("kubeconfig").display().to_string();
        let own = |(there, here): &(&str, &str)| ((*there).to_owned(), (*here).to_owned());
        Self {
            app: app.env("KUBECONFIG", kubeconfig),
            steps: steps(&text),
            path: cluster.programs().display().to_string(),
            addresses: addresses.iter().map(own).collect(),
        }
    }

    /// What a server on loopback answers in place of the addresses under which the page has files of this repository.
    pub(crate) fn file(path: &str) -> Option<Vec<u8>> {
        std::fs::read(format!("{ROOT}/{}", path.strip_prefix("/files/")?)).ok()
    }

    /// The addresses of such a server.
    pub(crate) fn files(server: &str) -> (&'static str, String) {
        (FILES, format!("{server}/files"))
    }

    /// Runs all commands; after each of them somebody may do what others do in a cluster.
    pub(crate) fn play(&self, mut then: impl FnMut(&str)) {
        assert!(!self.steps.is_empty(), "the page has no commands");
        let mut launched: Option<String> = None;
        for (command, said) in &self.steps {
            let here = self
                .addresses
                .iter()
                .fold(command.clone(), |text, (there, here)| {
                    text.replace(there.as_str(), here)
                });
            let path = &self.path;
            let script = |command: &str| format!("PATH=\"$PATH:{path}\"\nexec 2>&1\n{command}");
            // What a busy machine measured is measured again: a run changes nothing then, and a Job is launched anew.
            let mut output = self.app.shell(&script(&here));
            for _ in 0..4 {
                if !output.has(BUSY) && !output.has("is not met") {
                    break;
                }
                // What launches by itself is the first launch again.
                let by_itself = ["iter8 run", "k launch"].iter().any(|own| here.contains(own));
                if let Some(launch) = launched.as_deref().filter(|_| !by_itself) {
                    self.app.shell(&script(launch)).exits(0);
                }
                output = self.app.shell(&script(&here));
            }
            if here.contains("k launch") {
                launched = Some(here.clone());
            }
            output.exits(0);
            let printed = self
                .addresses
                .iter()
                .fold(output.stdout.clone(), |text, (there, here)| {
                    text.replace(here.as_str(), there)
                });
            compare(command, said, &printed);
            then(command);
        }
    }
}

/// The blocks with commands, each with what it prints.
fn steps(page: &str) -> Vec<(String, String)> {
    let mut steps: Vec<(String, String)> = Vec::new();
    for block in page.split("\n```").skip(1).step_by(2) {
        let (kind, text) = block.split_once('\n').unwrap_or((block, ""));
        match (kind, steps.last_mut()) {
            ("sh", _) => steps.push((text.to_owned(), String::new())),
            ("text", Some((_, said))) => text.clone_into(said),
            other => panic!("the page has a block {other:?}"),
        }
    }
    steps
}

/// Everything that the page shows must have been printed, in its order; but for the words of a part, which a table breaks by
/// how wide its numbers are.
fn compare(command: &str, said: &str, printed: &str) {
    let printed = without_measures(printed);
    let words: Vec<&str> = printed.split(' ').collect();
    let mut rest = words.as_slice();
    for part in said.split(MORE) {
        let part = without_measures(part);
        let wanted = sorted(&part.split_whitespace().collect::<Vec<_>>());
        if wanted.is_empty() {
            continue;
        }
        let mut places = rest.windows(wanted.len());
        let Some(at) = places.position(|place| sorted(place) == wanted) else {
            panic!("`{command}` does not print\n{part}\nbut\n{}", rest.join(" "));
        };
        rest = &rest[at + wanted.len()..];
    }
}

fn sorted<'a>(words: &[&'a str]) -> Vec<&'a str> {
    let mut words = words.to_vec();
    words.sort_unstable();
    words
}

/// Text without what is another at each run: measured numbers, times and random names.
fn without_measures(text: &str) -> String {
    static KINDS: LazyLock<[(Regex, &str); 6]> = LazyLock::new(|| {
        let regex = |text| Regex::new(text).expect("an expression");
        [
            (regex(r"\d{4}-\d\d-\d\dT[\d:.]+Z"), "TIME"),
            (regex(r"\d+(\.\d+)? (µs|ms|s|min)\b"), "SPAN"),
            (regex(r"\d+(\.\d+)? %"), "SHARE"),
            (regex(r"\d+\.\d+"), "NUMBER"),
            (regex(r"\d{6,}"), "ID"),
            (regex(r"(SPAN|NUMBER|\d+) – (SPAN|SHARE)"), "RANGE"),
        ]
    });
    let kinds = KINDS.iter();
    kinds.fold(plain(text), |text, (regex, name)| {
        regex.replace_all(&text, *name).into_owned()
    })
}
