//! [`Repo`]: the git objects, branches and pull requests of a repository of the loopback GitHub.

use std::collections::BTreeMap;
use std::hash::{DefaultHasher, Hash, Hasher};

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use serde_json::{Value, json};

use super::Answer;

/// Path to mode and content.
type Files = BTreeMap<String, (String, String)>;

#[derive(Debug, Clone)]
struct Commit {
    tree: String,
    parents: Vec<String>,
    message: String,
}

/// A pull request.
#[derive(Debug, Clone)]
pub(crate) struct Pull {
    /// Its number.
    pub(crate) number: u64,
    /// `open` or `closed`.
    pub(crate) state: &'static str,
    /// Whether it was merged.
    pub(crate) merged: bool,
    /// Its title.
    pub(crate) title: String,
    /// Its text.
    pub(crate) body: String,
    /// Branch it comes from.
    pub(crate) head: String,
    /// Branch it goes to.
    pub(crate) base: String,
}

/// A repository with a branch `main`.
#[derive(Debug)]
pub(super) struct Repo {
    name: &'static str,
    branches: BTreeMap<String, String>,
    commits: BTreeMap<String, Commit>,
    trees: BTreeMap<String, Files>,
    blobs: BTreeMap<String, String>,
    pulls: Vec<Pull>,
    next: u64,
    /// For so many requests a pushed branch is not known where pull requests are made.
    pub(super) late: usize,
}

fn sha(of: impl Hash) -> String {
    let mut hasher = DefaultHasher::new();
    of.hash(&mut hasher);
    format!("{0:016x}{0:016x}{0:08x}", hasher.finish())[..40].to_owned()
}

fn said(status: u16, value: &Value) -> Answer {
    Answer::status(status).body(value.to_string())
}

fn refused(status: u16, message: &str) -> Answer {
    said(status, &json!({ "message": message }))
}

impl Repo {
    pub(super) fn new(name: &'static str) -> Self {
        let mut repo = Self {
            name,
            branches: BTreeMap::new(),
            commits: BTreeMap::new(),
            trees: BTreeMap::new(),
            blobs: BTreeMap::new(),
            pulls: Vec::new(),
            next: 20,
            late: 0,
        };
        let tree = repo.keep(Files::new());
        let first = repo.commit(&tree, Vec::new(), "Begin");
        repo.branches.insert("main".to_owned(), first);
        repo
    }

    /// Somebody pushes a file to a branch, which is made of `main` if it is not there.
    pub(super) fn push(&mut self, branch: &str, path: &str, mode: &str, content: &str) {
        let from = self
            .branches
            .get(branch)
            .unwrap_or(&self.branches["main"])
            .clone();
        let mut files = self.trees[&self.commits[&from].tree].clone();
        files.insert(path.to_owned(), (mode.to_owned(), content.to_owned()));
        let tree = self.keep(files);
        let commit = self.commit(&tree, vec![from], "Somebody's work");
        self.branches.insert(branch.to_owned(), commit);
    }

    /// Somebody amends the last commit of a branch, with a file more.
    pub(super) fn amend(&mut self, branch: &str, path: &str, content: &str) {
        let last = self.commits[&self.branches[branch]].clone();
        let mut files = self.trees[&last.tree].clone();
        files.insert(path.to_owned(), ("100644".to_owned(), content.to_owned()));
        let tree = self.keep(files);
        let commit = self.commit(&tree, last.parents, &last.message);
        self.branches.insert(branch.to_owned(), commit);
    }

    /// Merges a pull request as one commit; its branch stays.
    pub(super) fn merge(&mut self, number: u64) {
        let pull = self
            .pulls
            .iter_mut()
            .find(|pull| pull.number == number)
            .expect("a pull request");
        (pull.state, pull.merged) = ("closed", true);
        let (head, base) = (pull.head.clone(), pull.base.clone());
        let tree = self.commits[&self.branches[&head]].tree.clone();
        let parent = self.branches[&base].clone();
        let commit = self.commit(&tree, vec![parent], "Merge");
        self.branches.insert(base, commit);
    }

    pub(super) fn close(&mut self, number: u64) {
        let pull = self.pulls.iter_mut().find(|pull| pull.number == number);
        pull.expect("a pull request").state = "closed";
    }

    pub(super) fn delete(&mut self, branch: &str) {
        self.branches.remove(branch);
    }

    pub(super) fn pulls(&self) -> Vec<Pull> {
        self.pulls.clone()
    }

    pub(super) fn branches(&self) -> Vec<String> {
        self.branches.keys().cloned().collect()
    }

    /// Mode and content of a file at a branch.
    pub(super) fn file(&self, branch: &str, path: &str) -> Option<(String, String)> {
        let commit = self.commits.get(self.branches.get(branch)?)?;
        self.trees[&commit.tree].get(path).cloned()
    }

    /// Message and number of parents of the last commit of a branch.
    pub(super) fn last(&self, branch: &str) -> (String, Vec<String>) {
        let commit = &self.commits[&self.branches[branch]];
        (commit.message.clone(), commit.parents.clone())
    }

    /// The commit of a branch.
    pub(super) fn tip(&self, branch: &str) -> Option<String> {
        self.branches.get(branch).cloned()
    }

    fn keep(&mut self, files: Files) -> String {
        let sha = sha(&files);
        self.trees.insert(sha.clone(), files);
        sha
    }

    fn commit(&mut self, tree: &str, parents: Vec<String>, message: &str) -> String {
        let sha = sha((tree, &parents, message, self.commits.len()));
        let (tree, message) = (tree.to_owned(), message.to_owned());
        self.commits.insert(
            sha.clone(),
            Commit {
                tree,
                parents,
                message,
            },
        );
        sha
    }

    /// What a request below the repository gives; none if it is about something else.
    pub(super) fn answer(&mut self, method: &str, path: &str, query: &str, body: &Value) -> Option<Answer> {
        let text = |name: &str| body[name].as_str().unwrap_or_default().to_owned();
        let branch = |path: &str| path.strip_prefix("heads/").map(str::to_owned);
        Some(match (method, path.split_once('/').unwrap_or((path, ""))) {
            ("GET", ("", "")) => said(200, &json!({ "full_name": self.name, "default_branch": "main" })),
            ("GET", ("pulls", "")) => self.listed(query),
            ("POST", ("pulls", "")) => self.open(&text("head"), &text("base"), &text("title"), &text("body")),
            ("PATCH", ("pulls", number)) => {
                let pull = self
                    .pulls
                    .iter_mut()
                    .find(|pull| pull.number.to_string() == number)?;
                pull.title = text("title");
                pull.body = text("body");
                let pull = pull.clone();
                said(200, &self.shown(&pull))
            }
            (_, ("git", rest)) => match (method, rest.split_once('/').unwrap_or((rest, ""))) {
                ("GET", ("ref", name)) => match self.branches.get(&branch(name)?) {
                    Some(sha) => said(
                        200,
                        &json!({ "ref": format!("refs/{name}"), "object": { "sha": sha } }),
                    ),
                    None => refused(404, "Not Found"),
                },
                ("GET", ("commits", sha)) => match self.commits.get(sha) {
                    Some(commit) => said(
                        200,
                        &json!({ "sha": sha, "tree": { "sha": commit.tree }, "message": commit.message }),
                    ),
                    None => refused(404, "Not Found"),
                },
                ("GET", ("trees", sha)) => self.tree(sha),
                ("GET", ("blobs", sha)) => match self.blobs.get(sha) {
                    Some(content) => {
                        let encoded = STANDARD.encode(content);
                        let lines: Vec<&str> = encoded
                            .as_bytes()
                            .chunks(60)
                            .map(|line| str::from_utf8(line).expect("ASCII"))
                            .collect();
                        said(
                            200,
                            &json!({ "sha": sha, "encoding": "base64", "content": format!("{}\n", lines.join("\n")) }),
                        )
                    }
                    None => refused(404, "Not Found"),
                },
                ("POST", ("trees", "")) => self.plant(body),
                ("POST", ("commits", "")) => {
                    let parents = body["parents"].as_array().expect("parents");
                    let parents = parents
                        .iter()
                        .map(|sha| sha.as_str().expect("a commit").to_owned())
                        .collect();
                    let sha = self.commit(&text("tree"), parents, &text("message"));
                    said(201, &json!({ "sha": sha }))
                }
                ("POST", ("refs", "")) => {
                    let name = text("ref");
                    let name = branch(name.strip_prefix("refs/").expect("a full name")).expect("a branch");
                    if self.branches.contains_key(&name) {
                        return Some(refused(422, "Reference already exists"));
                    }
                    self.branches.insert(name, text("sha"));
                    said(201, &json!({ "object": { "sha": text("sha") } }))
                }
                ("PATCH", ("refs", name)) => {
                    let name = branch(name)?;
                    if !self.branches.contains_key(&name) {
                        return Some(refused(422, "Reference does not exist"));
                    }
                    assert_eq!(body["force"], true, "not above what is there");
                    self.branches.insert(name, text("sha"));
                    said(200, &json!({ "object": { "sha": text("sha") } }))
                }
                ("DELETE", ("refs", name)) => match self.branches.remove(&branch(name)?) {
                    Some(_) => Answer::status(204),
                    None => refused(422, "Reference does not exist"),
                },
                _ => return None,
            },
            _ => return None,
        })
    }

    fn tree(&mut self, sha: &str) -> Answer {
        let Some(files) = self.trees.get(sha).cloned() else {
            return refused(404, "Not Found");
        };
        let mut folders: BTreeMap<String, Files> = BTreeMap::new();
        let mut entries = Vec::new();
        for (path, (mode, content)) in files {
            if let Some((folder, rest)) = path.split_once('/') {
                folders
                    .entry(folder.to_owned())
                    .or_default()
                    .insert(rest.to_owned(), (mode, content));
            } else {
                let blob = self::sha(&content);
                self.blobs.insert(blob.clone(), content);
                entries.push(json!({ "path": path, "mode": mode, "type": "blob", "sha": blob }));
            }
        }
        for (name, files) in folders {
            let sha = self.keep(files);
            entries.push(json!({ "path": name, "mode": "040000", "type": "tree", "sha": sha }));
        }
        said(200, &json!({ "sha": sha, "tree": entries, "truncated": false }))
    }

    fn plant(&mut self, body: &Value) -> Answer {
        let base = body["base_tree"]
            .as_str()
            .expect("without it all other files are deleted");
        let Some(mut files) = self.trees.get(base).cloned() else {
            return refused(422, "base_tree is not a valid tree oid");
        };
        for entry in body["tree"].as_array().expect("entries") {
            let text = |name: &str| entry[name].as_str().expect(name).to_owned();
            files.insert(text("path"), (text("mode"), text("content")));
        }
        let sha = self.keep(files);
        said(201, &json!({ "sha": sha }))
    }

    fn open(&mut self, head: &str, base: &str, title: &str, body: &str) -> Answer {
        let invalid = |error: Value| said(422, &json!({ "message": "Validation Failed", "errors": [error] }));
        let (Some(tip), Some(under)) = (self.branches.get(head), self.branches.get(base)) else {
            return invalid(json!({ "resource": "PullRequest", "field": "head", "code": "invalid" }));
        };
        if self.late > 0 {
            self.late -= 1;
            return invalid(json!({ "resource": "PullRequest", "field": "head", "code": "invalid" }));
        }
        if self.commits[tip].tree == self.commits[under].tree {
            return invalid(json!({ "message": format!("No commits between {base} and {head}") }));
        }
        let same = |pull: &&Pull| pull.state == "open" && pull.head == head && pull.base == base;
        if self.pulls.iter().any(|pull| same(&pull)) {
            let owner = self.name.split('/').next().expect("an owner");
            return invalid(
                json!({ "message": format!("A pull request already exists for {owner}:{head}.") }),
            );
        }
        self.next += 1;
        let pull = Pull {
            number: self.next,
            state: "open",
            merged: false,
            title: title.to_owned(),
            body: body.to_owned(),
            head: head.to_owned(),
            base: base.to_owned(),
        };
        self.pulls.push(pull.clone());
        said(201, &self.shown(&pull))
    }

    fn shown(&self, pull: &Pull) -> Value {
        json!({
            "number": pull.number,
            "state": pull.state,
            "title": pull.title,
            "body": pull.body,
            "html_url": format!("https://ghe.example/{}/pull/{}", self.name, pull.number),
            "merged_at": pull.merged.then_some("2026-01-01T00:00:00Z"),
            "head": { "ref": pull.head, "sha": self.branches.get(&pull.head), "repo": { "full_name": self.name } },
            "base": { "ref": pull.base },
        })
    }

    fn listed(&self, query: &str) -> Answer {
        let given: BTreeMap<String, String> = url::form_urlencoded::parse(query.as_bytes())
            .into_owned()
            .collect();
        let owner = self.name.split('/').next().expect("an owner");
        let fits = |pull: &&Pull| {
            let state = given.get("state").map_or("open", String::as_str);
            (state == "all" || state == pull.state)
                && given
                    .get("head")
                    .is_none_or(|head| *head == format!("{owner}:{}", pull.head))
                && given.get("base").is_none_or(|base| *base == pull.base)
        };
        // A fork's branch of the same name.
        let stranger = json!({
            "number": 3, "state": "open", "title": "x", "body": null, "html_url": "https://ghe.example/x",
            "head": { "ref": given.get("head").and_then(|head| head.split_once(':')).map_or("x", |head| head.1),
                      "sha": "0", "repo": { "full_name": "mallory/shop" } },
            "base": { "ref": "main" },
        });
        let all = self.pulls.iter().rev().filter(fits).map(|pull| self.shown(pull));
        said(200, &json!(all.chain([stranger]).collect::<Vec<_>>()))
    }
}
