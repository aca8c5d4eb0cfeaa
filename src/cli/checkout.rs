//! [`refusals`]: what a run on `pull_request_target` must not use, because the pull request could have written it.
//!
//! Such a run has the secrets and the token of the base repository. An experiment of the pull request could send them
//! anywhere, and a script could do anything; so files count as the base's only where their checkout proves it.

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};

use crate::diagnostic::Diagnostic;
use crate::platform::Env;
use crate::platform::github::Event;
use crate::spec::{Node, Value};
use crate::tasks::Pipeline;

/// The event with a token that can write, and with a pull request of anybody.
const EVENT: &str = "pull_request_target";
const SAFER: &str = "run it on `pull_request` or `deployment_status`, or give `url` and `slos` as inputs";
/// Bytes of a file of git that are read.
const LIMIT: u64 = 16 << 20;

/// What stands against running this; nothing on other events.
pub(super) fn refusals(
    env: &Env,
    event: &Event,
    file: Option<&Path>,
    root: &Node,
    pipeline: &Pipeline,
) -> Vec<Diagnostic> {
    if env.get("GITHUB_EVENT_NAME") != Some(EVENT) {
        return Vec::new();
    }
    let mut found = Vec::new();
    if pipeline.steps.iter().any(|step| step.name == "run") {
        let message = format!(
            "a `run` task is not allowed on `{EVENT}`: its script could be the pull request's, with this job's secrets"
        );
        found.push(Diagnostic::error(message).hint(SAFER));
    }
    let base: BTreeSet<&str> = [env.get("GITHUB_SHA"), event.base.as_deref()]
        .into_iter()
        .flatten()
        .collect();
    let mut files: Vec<PathBuf> = file.map(Path::to_owned).into_iter().collect();
    named(root, &mut files);
    for file in files {
        let why = match head_of(&file) {
            Some(head) if base.contains(head.as_str()) => continue,
            Some(head) => format!(
                "is of the commit {}, which is not the base branch's",
                short(&head)
            ),
            None => "is in no checkout, so that nobody can tell whose it is".to_owned(),
        };
        let message = format!(
            "{} {why}: on `{EVENT}` no file of the pull request is used",
            file.display()
        );
        let hint = format!("check out without `ref:`; or {SAFER}");
        found.push(Diagnostic::error(message).hint(hint));
    }
    found
}

/// The files that an experiment names, whatever for.
fn named(node: &Node, files: &mut Vec<PathBuf>) {
    match &node.value {
        Value::String(text) | Value::Text(text) => {
            let path = Path::new(text.trim());
            if !text.trim().is_empty() && path.is_file() && !files.iter().any(|known| known == path) {
                files.push(path.to_owned());
            }
        }
        Value::List(items) => items.iter().for_each(|item| named(item, files)),
        Value::Map(entries) => entries.iter().for_each(|(_, value)| named(value, files)),
        Value::Null | Value::Bool(_) | Value::Int(_) | Value::Float(_) => {}
    }
}

/// The commit that is checked out where a file is.
fn head_of(file: &Path) -> Option<String> {
    let real = std::fs::canonicalize(file).ok()?;
    let git = real
        .ancestors()
        .skip(1)
        .map(|folder| folder.join(".git"))
        .find(|git| git.exists())?;
    let git = if git.is_file() {
        // A worktree of its own, or a submodule.
        let folder = git.parent()?.to_owned();
        folder.join(read(&git)?.trim().strip_prefix("gitdir:")?.trim())
    } else {
        git
    };
    let head = read(&git.join("HEAD"))?;
    let Some(reference) = head.trim().strip_prefix("ref:") else {
        return sha(head.trim());
    };
    let reference = reference.trim();
    let common = read(&git.join("commondir")).map_or_else(|| git.clone(), |path| git.join(path.trim()));
    let loose = [&git, &common]
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
