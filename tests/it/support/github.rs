//! [`GitHub`]: GitHub's API on loopback, with comments and statuses that stay, permissions, limits and faults.
//!
//! Every request must be one that GitHub's own description of the API allows.

use std::sync::{Arc, Mutex, MutexGuard};
use std::time::Duration;

use http::HeaderMap;
use serde_json::{Value, json};

use super::deployments::Deployments;
use super::git::{Pull, Repo};
use super::{Answer, App, Certificate, Seen, Server};

/// The job's token.
pub(crate) const TOKEN: &str = "ghs_0123456789abcdefABCDEF";
/// The token of `ann`.
pub(crate) const PERSON: &str = "ghp_0123456789abcdefABCDEF";
/// Head of pull request 7.
pub(crate) const HEAD: &str = "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa";
/// The merge commit that the runner checks out for it.
pub(crate) const MERGE: &str = "ffffffffffffffffffffffffffffffffffffffff";
/// As whom the job's token writes.
const BOT: &str = "github-actions[bot]";
const BASE: &str = "/api/v3";
const REPOSITORY: &str = "/repos/acme/shop/";

/// What goes wrong with a request.
#[derive(Debug, Clone)]
pub(crate) enum Fault {
    /// Nothing is done, and this is the answer.
    Before(Answer),
    /// It is done, and this is the answer all the same.
    After(Answer),
    /// It is done, and answered after a while.
    Slow(Duration),
    /// The comment that it is about is deleted first.
    Vanish,
    /// Somebody pushes to this branch first; then it is done, or this is the answer.
    Pushed(&'static str, Option<Answer>),
}

/// A comment.
#[derive(Debug, Clone)]
pub(crate) struct Comment {
    /// Grows with time.
    pub(crate) id: u64,
    /// Who wrote it.
    pub(crate) login: String,
    /// Its text.
    pub(crate) body: String,
}

struct Rule {
    method: &'static str,
    path: &'static str,
    times: usize,
    fault: Fault,
}

struct State {
    comments: Vec<Comment>,
    statuses: Vec<(String, Value)>,
    deployments: Deployments,
    rules: Vec<Rule>,
    violations: Vec<String>,
    /// Where the branch of pull request 7 is.
    head_repository: &'static str,
    head: String,
    longest: usize,
    next: u64,
    /// The repository of the run, and one that its own token cannot see.
    shop: Repo,
    deploy: Repo,
    /// Who asks.
    login: &'static str,
}

impl State {
    fn add(&mut self, login: &str, body: impl Into<String>) -> u64 {
        self.next += 1;
        self.comments.push(Comment {
            id: self.next,
            login: login.to_owned(),
            body: body.into(),
        });
        self.next
    }
}

/// GitHub with the repository `acme/shop` and its pull request 7.
pub(crate) struct GitHub {
    server: Server,
    state: Arc<Mutex<State>>,
}

impl GitHub {
    /// Where nothing is written yet.
    pub(crate) fn new() -> Self {
        Self::start(|handler| Server::new(handler))
    }

    /// The same over TLS.
    pub(crate) fn tls(certificate: &Certificate) -> Self {
        Self::start(|handler| Server::tls(certificate, handler))
    }

    fn start(serve: impl FnOnce(Box<dyn Fn(&Seen) -> Answer + Send + Sync>) -> Server) -> Self {
        let state = Arc::new(Mutex::new(State {
            comments: Vec::new(),
            statuses: Vec::new(),
            deployments: Deployments::default(),
            rules: Vec::new(),
            violations: Vec::new(),
            head_repository: "mallory/shop",
            head: HEAD.to_owned(),
            longest: 65_536,
            next: 1000,
            shop: Repo::new("acme/shop"),
            deploy: Repo::new("acme/deploy"),
            login: BOT,
        }));
        let serving = Arc::clone(&state);
        let server = serve(Box::new(move |seen| {
            answer(&mut serving.lock().expect("no panic in the server"), seen)
        }));
        Self { server, state }
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().expect("no panic in the server")
    }

    /// The next `times` requests of a method whose path has this text go wrong.
    pub(crate) fn fault(&self, method: &'static str, path: &'static str, times: usize, fault: Fault) {
        self.state().rules.push(Rule {
            method,
            path,
            times,
            fault,
        });
    }

    /// Nothing goes wrong any more.
    pub(crate) fn heal(&self) {
        self.state().rules.clear();
    }

    /// Characters that a comment may have.
    pub(crate) fn longest(&self, characters: usize) {
        self.state().longest = characters;
    }

    /// A commit is deployed; each look at it tells the next of these states and URLs.
    pub(crate) fn deploy(&self, sha: &str, environment: &str, statuses: &[(&str, &str)]) {
        self.state().deployments.add(sha, environment, statuses);
    }

    /// A pull request of which GitHub tells only whoever names its branch, `owner:branch`.
    /// The branch of pull request 7 is in the repository itself.
    pub(crate) fn of_the_repository(&self) {
        self.state().head_repository = "acme/shop";
    }

    pub(crate) fn fork(&self, branch: &str, number: u64, head: &str) {
        self.state().deployments.fork(branch, number, head);
    }

    /// Somebody pushed.
    pub(crate) fn push(&self, commit: &str) {
        commit.clone_into(&mut self.state().head);
    }

    /// A file is pushed to a branch of the repository, which is made if it is not there.
    pub(crate) fn file(&self, branch: &str, path: &str, content: &str) {
        self.state().shop.push(branch, path, "100644", content);
    }

    /// The same with a mode.
    pub(crate) fn file_of_mode(&self, path: &str, mode: &str, content: &str) {
        self.state().shop.push("main", path, mode, content);
    }

    /// The same in `acme/deploy`, which the job's own token cannot see.
    pub(crate) fn file_elsewhere(&self, path: &str, content: &str) {
        self.state().deploy.push("main", path, "100644", content);
    }

    /// Mode and content of a file at a branch.
    pub(crate) fn content(&self, branch: &str, path: &str) -> Option<(String, String)> {
        self.state().shop.file(branch, path)
    }

    /// The same in `acme/deploy`.
    pub(crate) fn content_elsewhere(&self, branch: &str, path: &str) -> Option<String> {
        self.state().deploy.file(branch, path).map(|(_, content)| content)
    }

    /// All branches.
    pub(crate) fn branches(&self) -> Vec<String> {
        self.state().shop.branches()
    }

    /// Message and parents of the last commit of a branch.
    pub(crate) fn last(&self, branch: &str) -> (String, Vec<String>) {
        self.state().shop.last(branch)
    }

    /// The commit of a branch.
    pub(crate) fn tip(&self, branch: &str) -> Option<String> {
        self.state().shop.tip(branch)
    }

    /// All pull requests that were opened.
    pub(crate) fn pulls(&self) -> Vec<Pull> {
        self.state().shop.pulls()
    }

    /// The same in `acme/deploy`.
    pub(crate) fn pulls_elsewhere(&self) -> Vec<Pull> {
        self.state().deploy.pulls()
    }

    /// Somebody closes a pull request, and deletes its branch.
    pub(crate) fn close(&self, number: u64, branch: &str) {
        let mut state = self.state();
        state.shop.close(number);
        state.shop.delete(branch);
    }

    /// Somebody amends the last commit of a branch, with a file more; its message stays.
    pub(crate) fn amend(&self, branch: &str, path: &str, content: &str) {
        self.state().shop.amend(branch, path, content);
    }

    /// Somebody merges a pull request.
    pub(crate) fn merge(&self, number: u64) {
        self.state().shop.merge(number);
    }

    /// For so many requests a pushed branch is not known everywhere.
    pub(crate) fn late(&self, requests: usize) {
        self.state().shop.late = requests;
    }

    /// Somebody writes a comment.
    pub(crate) fn write(&self, login: &str, body: &str) -> u64 {
        self.state().add(login, body)
    }

    /// All comments.
    pub(crate) fn comments(&self) -> Vec<Comment> {
        self.state().comments.clone()
    }

    /// The only comment of the token.
    #[track_caller]
    pub(crate) fn comment(&self) -> Comment {
        let own: Vec<Comment> = self
            .comments()
            .into_iter()
            .filter(|one| one.login == BOT)
            .collect();
        assert_eq!(own.len(), 1, "{own:#?}");
        own.into_iter().next().expect("one")
    }

    /// Commits and statuses, in the order in which they were set.
    pub(crate) fn statuses(&self) -> Vec<(String, Value)> {
        self.state().statuses.clone()
    }

    /// How many requests of a method had this text in their path.
    pub(crate) fn count(&self, method: &str, path: &str) -> usize {
        let fits = |seen: &&Seen| seen.method == method && seen.path.contains(path);
        self.server.seen().iter().filter(fits).count()
    }

    /// Fails if a request was none that GitHub allows.
    #[track_caller]
    pub(crate) fn was_asked_well(&self) {
        let violations = self.state().violations.clone();
        assert!(violations.is_empty(), "{violations:#?}");
    }

    /// A step of a job for pull request 7, which asks this GitHub.
    pub(crate) fn step(&self, app: App) -> App {
        let event = json!({
            "number": 7,
            "pull_request": {
                "number": 7,
                "head": { "sha": self.state().head, "repo": { "full_name": "acme/shop" } },
                "base": { "repo": { "full_name": "acme/shop" } },
            },
        });
        self.step_of(app, "pull_request", &event)
    }

    /// A step of a job that another event started.
    pub(crate) fn step_of(&self, app: App, name: &str, event: &Value) -> App {
        let app = app.file("runner/event.json", event.to_string());
        let path = app.path("runner/event.json").display().to_string();
        app.env("GITHUB_API_URL", self.server.url(BASE))
            .env("GITHUB_GRAPHQL_URL", self.server.url("/api/graphql"))
            .env("GITHUB_SERVER_URL", "https://ghe.example")
            .env("GITHUB_REPOSITORY", "acme/shop")
            .env("GITHUB_SHA", MERGE)
            .env("GITHUB_RUN_ID", "100")
            .env("GITHUB_RUN_ATTEMPT", "1")
            .env("GITHUB_WORKFLOW", "preview")
            .env("GITHUB_JOB", "slo")
            .env("GITHUB_EVENT_NAME", name)
            .env("GITHUB_EVENT_PATH", path)
            .env("INPUT_TOKEN", TOKEN)
    }
}

fn refused(status: u16, message: &str) -> Answer {
    Answer::status(status).body(json!({ "message": message }).to_string())
}

fn said(status: u16, value: &Value) -> Answer {
    Answer::status(status)
        .header("content-type", "application/json; charset=utf-8")
        .body(value.to_string())
}

fn answer(state: &mut State, seen: &Seen) -> Answer {
    state.login = match seen.header("authorization").strip_prefix("Bearer ") {
        Some(TOKEN) => BOT,
        Some(PERSON) => "ann",
        _ => return refused(401, "Bad credentials"),
    };
    let fault = state
        .rules
        .iter_mut()
        .find(|rule| rule.times > 0 && rule.method == seen.method && seen.path.contains(rule.path));
    let fault = fault.map(|rule| {
        rule.times -= 1;
        rule.fault.clone()
    });
    match fault {
        Some(Fault::Before(answer)) => answer,
        Some(Fault::After(answer)) => {
            work(state, seen);
            answer
        }
        Some(Fault::Slow(delay)) => work(state, seen).after(delay),
        Some(Fault::Vanish) => {
            state
                .comments
                .retain(|one| !seen.path.ends_with(&one.id.to_string()));
            work(state, seen)
        }
        Some(Fault::Pushed(branch, answer)) => {
            state.shop.push(branch, "fix.txt", "100644", "somebody's work");
            answer.unwrap_or_else(|| work(state, seen))
        }
        None => work(state, seen),
    }
}

/// What GitHub does.
fn work(state: &mut State, seen: &Seen) -> Answer {
    let (path, query) = seen.path.split_once('?').unwrap_or((&seen.path, ""));
    let body: Value = serde_json::from_slice(&seen.body).unwrap_or_default();
    if path == "/api/graphql" {
        return said(200, &json!({ "data": { "viewer": { "login": state.login } } }));
    }
    let Some(path) = path.strip_prefix(BASE) else {
        state.violations.push(format!("{} {path}", seen.method));
        return refused(404, "Not Found");
    };
    if path == "/user" {
        // An app is no user.
        return match state.login {
            BOT => refused(403, "Resource not accessible by integration"),
            login => said(200, &json!({ "login": login, "type": "User" })),
        };
    }
    if let Err(why) = allowed(&seen.method, path, query, &seen.body, &seen.headers) {
        state.violations.push(format!("{} {path}: {why}", seen.method));
        return refused(422, "Validation Failed");
    }
    let below = |repo: &str| {
        let rest = path.strip_prefix(repo)?;
        (rest.is_empty() || rest.starts_with('/')).then(|| rest.trim_start_matches('/').to_owned())
    };
    if let Some(rest) = below("/repos/acme/deploy") {
        let found = (state.login != BOT).then(|| state.deploy.answer(&seen.method, &rest, query, &body));
        return found.flatten().unwrap_or_else(|| refused(404, "Not Found"));
    }
    if seen.method == "GET"
        && below("/repos/acme/shop").as_deref() == Some("pulls")
        && let Some(forks) = state.deployments.answer(&["pulls"], query)
    {
        return said(200, &forks);
    }
    if let Some(rest) = below("/repos/acme/shop")
        && let Some(answer) = state.shop.answer(&seen.method, &rest, query, &body)
    {
        return answer;
    }
    let Some(path) = path.strip_prefix(REPOSITORY) else {
        return refused(404, "Not Found");
    };
    let parts: Vec<&str> = path.split('/').collect();
    match (seen.method.as_str(), parts.as_slice()) {
        ("GET", ["issues", "7", "comments"]) => listed(state, query),
        ("POST", ["issues", "7", "comments"]) => with_room(state, &body, |state, text| {
            let id = state.add(state.login, text);
            comment(state, id, 201)
        }),
        (method, ["issues", "comments", id]) => {
            let id = id.parse().expect("a number");
            one(state, method, id, &body)
        }
        ("GET", parts @ ["deployments", ..]) => match state.deployments.answer(parts, query) {
            Some(value) => said(200, &value),
            None => refused(404, "Not Found"),
        },
        ("GET", ["pulls", "7"]) => said(200, &pull_request(state)),
        ("GET", ["commits", sha, "pulls"]) => {
            // One was closed; one has the commit somewhere below its head.
            let closed = json!({ "number": 5, "state": "closed", "head": { "sha": sha } });
            let above = json!({ "number": 6, "state": "open", "head": { "sha": MERGE } });
            let ours = Some(pull_request(state)).filter(|_| *sha == state.head);
            let all: Vec<Value> = [closed, above].into_iter().chain(ours).collect();
            said(200, &json!(all))
        }
        ("POST", ["statuses", sha]) => {
            state.statuses.push(((*sha).to_owned(), body.clone()));
            said(201, &body)
        }
        _ => refused(404, "Not Found"),
    }
}

fn pull_request(state: &State) -> Value {
    let head = json!({ "sha": state.head, "ref": "topic", "repo": { "full_name": state.head_repository } });
    json!({ "number": 7, "state": "open", "head": head })
}

fn one(state: &mut State, method: &str, id: u64, body: &Value) -> Answer {
    if !state.comments.iter().any(|one| one.id == id) {
        return refused(404, "Not Found");
    }
    match method {
        "PATCH" => with_room(state, body, |state, text| {
            let known = state.comments.iter_mut().find(|one| one.id == id);
            text.clone_into(&mut known.expect("it is there").body);
            comment(state, id, 200)
        }),
        "DELETE" => {
            state.comments.retain(|one| one.id != id);
            Answer::status(204).body("")
        }
        _ => comment(state, id, 200),
    }
}

fn with_room(state: &mut State, body: &Value, write: impl FnOnce(&mut State, &str) -> Answer) -> Answer {
    let text = body["body"].as_str().expect("a text");
    if text.chars().count() > state.longest {
        let message = format!("Body is too long (maximum is {} characters)", state.longest);
        return refused(422, &message);
    }
    write(state, text)
}

fn shown(comment: &Comment) -> Value {
    let kind = if comment.login.ends_with("[bot]") {
        "Bot"
    } else {
        "User"
    };
    json!({
        "id": comment.id,
        "body": comment.body,
        "user": { "login": comment.login, "type": kind },
        "html_url": format!("https://ghe.example/acme/shop/pull/7#issuecomment-{}", comment.id),
    })
}

fn comment(state: &State, id: u64, status: u16) -> Answer {
    let found = state.comments.iter().find(|one| one.id == id);
    said(status, &shown(found.expect("it is there")))
}

fn listed(state: &State, query: &str) -> Answer {
    let number = |name: &str, default: usize| {
        let value = url::form_urlencoded::parse(query.as_bytes())
            .find(|(key, _)| key == name)
            .map(|(_, value)| value.parse().expect("a number"));
        value.unwrap_or(default)
    };
    let (size, page) = (number("per_page", 30).min(100), number("page", 1));
    let all: Vec<Value> = state
        .comments
        .iter()
        .skip((page - 1) * size)
        .take(size)
        .map(shown)
        .collect();
    let more = state.comments.len() > page * size;
    let answer = said(200, &json!(all));
    if more {
        let next = format!("<https://ghe.example/?page={}>; rel=\"next\"", page + 1);
        answer.header("link", next)
    } else {
        answer.header("link", "<https://ghe.example/?page=1>; rel=\"first\"")
    }
}

/// Whether GitHub's description has such a request.
fn allowed(method: &str, path: &str, query: &str, body: &[u8], headers: &HeaderMap) -> Result<(), String> {
    let described: Value =
        serde_json::from_str(include_str!("../../schemas/github-rest.json")).expect("the description");
    let operation = described["operations"]
        .as_array()
        .expect("operations")
        .iter()
        .find(|one| one["method"] == method && fits(one["path"].as_str().expect("a path"), path))
        .ok_or("GitHub has no such call")?;
    for (key, value) in url::form_urlencoded::parse(query.as_bytes()) {
        let schema = operation["query"]
            .get(key.as_ref())
            .ok_or(format!("no parameter {key}"))?;
        let number = value.parse::<u64>().is_ok();
        if schema["type"] == "integer" && !number {
            return Err(format!("{key} is {value}"));
        }
    }
    if headers.get("user-agent").is_none() {
        return Err("GitHub refuses what says not who it is".to_owned());
    }
    if operation["body"].is_null() {
        return if body.is_empty() {
            Ok(())
        } else {
            Err("a body".to_owned())
        };
    }
    let body: Value = serde_json::from_slice(body).map_err(|error| error.to_string())?;
    jsonschema::validate(&operation["body"], &body).map_err(|error| error.to_string())
}

/// Whether a path is one of a template such as `/repos/{owner}/{repo}`.
fn fits(template: &str, path: &str) -> bool {
    let (template, path): (Vec<&str>, Vec<&str>) = (template.split('/').collect(), path.split('/').collect());
    // The name of a branch has slashes.
    let whole =
        template.len() == path.len() || template.last() == Some(&"{ref}") && path.len() > template.len();
    whole
        && template
            .iter()
            .zip(path)
            .all(|(wanted, part)| wanted.starts_with('{') && !part.is_empty() || *wanted == part)
}
