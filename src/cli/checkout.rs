//! [`refusals`]: what a run with the secrets of the base must not use, because a pull request could have written it.
//!
//! On `pull_request_target`, and on `issue_comment` and `workflow_run` about a pull request, a job has the secrets and the
//! token of the base repository. An experiment of the pull request could send them anywhere, and a script could do
//! anything; so a file is used only where its checkout is of the base and it is as git put it there: in the index, with
//! its size and time. What a step of the same job wrote on purpose to look so is beyond this.

use std::collections::BTreeSet;
use std::fs::Metadata;
use std::os::unix::fs::MetadataExt as _;
use std::path::{Path, PathBuf};

use super::index::{Entry, entry};
use crate::diagnostic::Diagnostic;
use crate::platform::Env;
use crate::platform::github::Event;
use crate::tasks::Pipeline;

const SAFER: &str = "run it on `pull_request` or `deployment_status`, or give `url` and `slos` as inputs";
/// Bytes of a file of git that are read.
const LIMIT: u64 = 64 << 20;

/// What stands against running this; nothing on other events. `paths` are those that the experiment names.
pub(super) fn refusals(
    env: &Env,
    event: &Event,
    file: Option<&Path>,
    paths: &[PathBuf],
    pipeline: &Pipeline,
) -> Vec<Diagnostic> {
    let name = env.get("GITHUB_EVENT_NAME").unwrap_or_default();
    let applies = match name {
        "pull_request_target" => true,
        "issue_comment" | "workflow_run" => !event.is_of_no_pull_request,
        _ => false,
    };
    if !applies {
        return Vec::new();
    }
    let mut found = Vec::new();
    if pipeline.steps.iter().any(|step| step.name == "run") {
        let message = format!(
            "a `run` task is not allowed on `{name}`: its script could be the pull request's, with this job's secrets"
        );
        found.push(Diagnostic::error(message).hint(SAFER));
    }
    let base: BTreeSet<&str> = [env.get("GITHUB_SHA"), event.base.as_deref()]
        .into_iter()
        .flatten()
        .collect();
    let files: BTreeSet<&Path> = file
        .into_iter()
        .chain(paths.iter().map(PathBuf::as_path))
        .collect();
    for file in files {
        let Err(why) = of_base(file, &base) else { continue };
        let message = format!(
            "{} {why}: on `{name}` no file of the pull request is used",
            file.display()
        );
        let hint = format!("check out without `ref:`; or {SAFER}");
        found.push(Diagnostic::error(message).hint(hint));
    }
    found
}

/// Whether a file is the base's, or why not.
fn of_base(file: &Path, base: &BTreeSet<&str>) -> Result<(), String> {
    let cannot = |error: std::io::Error| format!("cannot be read: {error}");
    let real = std::fs::canonicalize(file).map_err(cannot)?;
    let metadata = std::fs::metadata(&real).map_err(cannot)?;
    if metadata.is_dir() {
        return Err("is a folder, of which nobody can tell whose files are in it".to_owned());
    }
    let nobody = "is in no checkout, so that nobody can tell whose it is";
    let checkout = Checkout::of(&real).ok_or(nobody)?;
    let head = checkout.head().ok_or(nobody)?;
    if !base.contains(head.as_str()) {
        return Err(format!(
            "is of the commit {}, which is not the base branch's",
            short(&head)
        ));
    }
    let text = std::fs::read_to_string(&real).unwrap_or_default();
    let is_proto = real.extension().is_some_and(|extension| extension == "proto");
    let imports = |statement: &str| statement.contains("import") && !statement.contains("\"google/protobuf/");
    if is_proto && text.split(';').any(imports) {
        return Err("may import others, of which nobody can tell whose they are".to_owned());
    }
    match checkout.entry(&real) {
        Some(entry) if is_as_checked_out(entry, &metadata) => Ok(()),
        Some(_) => Err("was changed after the checkout".to_owned()),
        None => Err("is not a file of the checkout it is in".to_owned()),
    }
}

/// As git itself tells at first sight.
fn is_as_checked_out(entry: Entry, file: &Metadata) -> bool {
    // The index has the lower half of each.
    u64::from(entry.size) == file.len() & u64::from(u32::MAX)
        && i64::from(entry.seconds) == file.mtime() & i64::from(u32::MAX)
}

/// A working tree and its folder of git.
struct Checkout {
    top: PathBuf,
    git: PathBuf,
}

impl Checkout {
    /// The one that a file is in, by its path without links.
    fn of(real: &Path) -> Option<Self> {
        let top = real
            .ancestors()
            .skip(1)
            .find(|folder| folder.join(".git").exists())?;
        let mut git = top.join(".git");
        if git.is_file() {
            // A worktree of its own, or a submodule.
            git = top.join(read(&git)?.trim().strip_prefix("gitdir:")?.trim());
        }
        Some(Self {
            top: top.to_owned(),
            git,
        })
    }

    /// The commit that is checked out.
    fn head(&self) -> Option<String> {
        let git = &self.git;
        let head = read(&git.join("HEAD"))?;
        let Some(reference) = head.trim().strip_prefix("ref:") else {
            return sha(head.trim());
        };
        let reference = reference.trim();
        let common = read(&git.join("commondir")).map_or_else(|| git.clone(), |path| git.join(path.trim()));
        let loose = [git, &common]
            .into_iter()
            .find_map(|folder| read(&folder.join(reference)));
        if let Some(loose) = loose {
            return sha(loose.trim());
        }
        let packed = read(&common.join("packed-refs"))?;
        packed.lines().find_map(|line| {
            let (commit, name) = line.split_once(' ')?;
            (name == reference).then(|| sha(commit))?
        })
    }

    /// What git knows of a file of it.
    fn entry(&self, real: &Path) -> Option<Entry> {
        let path = real.strip_prefix(&self.top).ok()?;
        let index = crate::spec::read_file(&self.git.join("index"), LIMIT).ok()?;
        entry(&index, path.as_os_str().as_encoded_bytes())
    }
}

fn read(path: &Path) -> Option<String> {
    String::from_utf8(crate::spec::read_file(path, LIMIT).ok()?).ok()
}

fn sha(text: &str) -> Option<String> {
    let valid = matches!(text.len(), 40 | 64) && text.chars().all(|c| c.is_ascii_hexdigit());
    valid.then(|| text.to_ascii_lowercase())
}

fn short(commit: &str) -> &str {
    commit.get(..7).unwrap_or(commit)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn head_of(file: &Path) -> Option<String> {
        Checkout::of(&std::fs::canonicalize(file).ok()?)?.head()
    }

    /// A folder with these files.
    fn folder(files: &[(&str, &str)]) -> tempfile::TempDir {
        let folder = tempfile::tempdir().expect("a folder");
        for (name, text) in files {
            let path = folder.path().join(name);
            std::fs::create_dir_all(path.parent().expect("a parent")).expect("folders");
            std::fs::write(path, text).expect("a file");
        }
        folder
    }

    #[test]
    fn the_commit_of_a_checkout_is_found_however_it_is_stored() {
        let (a, b) = ("a".repeat(40), "b".repeat(40));
        let detached = folder(&[(".git/HEAD", &format!("{a}\n")), ("sub/x.yaml", "")]);
        assert_eq!(head_of(&detached.path().join("sub/x.yaml")), Some(a.clone()));
        let loose = folder(&[
            (".git/HEAD", "ref: refs/heads/main\n"),
            (".git/refs/heads/main", &a),
            (".git/packed-refs", &format!("# pack-refs\n{b} refs/heads/main\n")),
            ("x", ""),
        ]);
        assert_eq!(head_of(&loose.path().join("x")), Some(a));
        let packed = folder(&[
            (".git/HEAD", "ref: refs/heads/main\n"),
            (".git/packed-refs", &format!("# pack-refs\n{b} refs/heads/main\n")),
            ("x", ""),
        ]);
        assert_eq!(head_of(&packed.path().join("x")), Some(b.clone()));
        let worktree = folder(&[
            ("tree/.git", "gitdir: ../main/.git/worktrees/tree\n"),
            ("main/.git/worktrees/tree/HEAD", "ref: refs/heads/topic\n"),
            ("main/.git/worktrees/tree/commondir", "../..\n"),
            ("main/.git/refs/heads/topic", &b),
            ("tree/x", ""),
        ]);
        assert_eq!(head_of(&worktree.path().join("tree/x")), Some(b));
    }

    #[test]
    fn what_cannot_be_told_is_not_guessed() {
        let none = folder(&[("x", "")]);
        assert_eq!(head_of(&none.path().join("x")), None);
        for head in ["", "ref: refs/heads/none", "abc", "ref:"] {
            let odd = folder(&[(".git/HEAD", head), ("x", "")]);
            assert_eq!(head_of(&odd.path().join("x")), None, "{head:?}");
        }
    }

    #[test]
    fn a_link_out_of_the_checkout_is_where_it_leads() {
        let base = folder(&[(".git/HEAD", &"a".repeat(40))]);
        let head = folder(&[(".git/HEAD", &"b".repeat(40)), ("x", "")]);
        let link = base.path().join("x");
        std::os::unix::fs::symlink(head.path().join("x"), &link).expect("a link");
        assert_eq!(head_of(&link), Some("b".repeat(40)));
    }
}
