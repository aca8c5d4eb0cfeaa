//! [`GitLab`]: GitLab's API on loopback, with notes that stay, roles, quick actions, limits and faults.
//!
//! Every request must be one that GitLab's manual of the API has.

use std::sync::{Arc, Mutex, MutexGuard};

use serde_json::{Value, json};

use super::{Answer, App, Certificate, Fault, Seen, Server};

/// A project access token with the scope `api`.
pub(crate) const PROJECT_TOKEN: &str = "glpat-0123456789abcdefABCDEF";
/// The same of a maintainer, who may change everybody's notes.
pub(crate) const MAINTAINER: &str = "glpat-maintainer-0123456789";
/// A token that may only read.
pub(crate) const READER: &str = "glpat-reader-0123456789abc";
/// Head of merge request 7.
pub(crate) const TIP: &str = "abababababababababababababababababababab";
/// As whom the project's token writes.
const BOT: &str = "project_5_bot_0a1b2c";
const BASE: &str = "/gitlab/api/v4/";
const REQUEST: &str = "projects/5/merge_requests/7";
/// What a project's path is in a path.
const ENCODED: &str = "projects/acme%2Fshop/merge_requests/7";

/// A note.
#[derive(Debug, Clone)]
pub(crate) struct Note {
    /// Grows with time.
    pub(crate) id: u64,
    /// Who wrote it.
    pub(crate) username: String,
    /// Its text.
    pub(crate) body: String,
    system: bool,
}

struct Rule {
    method: &'static str,
    path: &'static str,
    times: usize,
    fault: Fault,
}

struct State {
    notes: Vec<Note>,
    actions: Vec<String>,
    rules: Vec<Rule>,
    violations: Vec<String>,
    head: String,
    longest: usize,
    next: u64,
}

impl State {
    fn add(&mut self, username: &str, body: &str, system: bool) -> u64 {
        self.next += 1;
        self.notes.push(Note {
            id: self.next,
            username: username.to_owned(),
            body: body.to_owned(),
            system,
        });
        self.next
    }
}

/// GitLab with the project `acme/shop`, number 5, and its merge request 7.
pub(crate) struct GitLab {
    server: Server,
    state: Arc<Mutex<State>>,
}

impl GitLab {
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
            notes: Vec::new(),
            actions: Vec::new(),
            rules: Vec::new(),
            violations: Vec::new(),
            head: TIP.to_owned(),
            longest: 1_000_000,
            next: 300,
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

    /// Characters that a note may have.
    pub(crate) fn longest(&self, characters: usize) {
        self.state().longest = characters;
    }

    /// Somebody pushed.
    pub(crate) fn push(&self, commit: &str) {
        commit.clone_into(&mut self.state().head);
    }

    /// Somebody writes a note.
    pub(crate) fn write(&self, username: &str, body: &str) -> u64 {
        self.state().add(username, body, false)
    }

    /// GitLab itself notes that something happened, in the name of the project's token.
    pub(crate) fn system_note(&self, body: &str) {
        self.state().add(BOT, body, true);
    }

    /// All notes that people and programs wrote.
    pub(crate) fn notes(&self) -> Vec<Note> {
        let state = self.state();
        state.notes.iter().filter(|note| !note.system).cloned().collect()
    }

    /// The only note of the project's token.
    #[track_caller]
    pub(crate) fn note(&self) -> Note {
        let own: Vec<Note> = self
            .notes()
            .into_iter()
            .filter(|one| one.username == BOT)
            .collect();
        assert_eq!(own.len(), 1, "{own:#?}");
        own.into_iter().next().expect("one")
    }

    /// What GitLab did because a line of a note told it to.
    pub(crate) fn actions(&self) -> Vec<String> {
        self.state().actions.clone()
    }

    /// How many requests of a method had this text in their path.
    pub(crate) fn count(&self, method: &str, path: &str) -> usize {
        let fits = |seen: &&Seen| seen.method == method && seen.path.contains(path);
        self.server.seen().iter().filter(fits).count()
    }

    /// Fails if a request was none that GitLab has.
    #[track_caller]
    pub(crate) fn was_asked_well(&self) {
        let violations = self.state().violations.clone();
        assert!(violations.is_empty(), "{violations:#?}");
    }

    /// A job of a merge request's pipeline, which asks this GitLab.
    pub(crate) fn job(&self, app: App) -> App {
        self.branch_job(app)
            .env("CI_MERGE_REQUEST_IID", "7")
            .env("CI_MERGE_REQUEST_PROJECT_ID", "5")
            .env("CI_MERGE_REQUEST_PROJECT_URL", "https://gitlab.example/acme/shop")
            .env("CI_MERGE_REQUEST_SOURCE_PROJECT_ID", "5")
    }

    /// A job of a branch's pipeline.
    pub(crate) fn branch_job(&self, app: App) -> App {
        app.env("GITLAB_CI", "true")
            .env("CI", "true")
            .env("CI_API_V4_URL", self.server.url(BASE.trim_end_matches('/')))
            .env("CI_PROJECT_ID", "5")
            .env("CI_PROJECT_PATH", "acme/shop")
            .env("CI_PROJECT_URL", "https://gitlab.example/acme/shop")
            .env("CI_COMMIT_SHA", TIP)
            .env("CI_PIPELINE_ID", "100")
            .env("CI_JOB_ID", "1000")
            .env("CI_JOB_NAME", "slo: [preview]")
            .env("CI_JOB_TOKEN", "glcbt-0123456789abcdef")
            .env("ITER8_GITLAB_TOKEN", PROJECT_TOKEN)
    }
}

fn said(status: u16, value: &Value) -> Answer {
    Answer::status(status)
        .header("content-type", "application/json")
        .body(value.to_string())
}

fn refused(status: u16, message: &str) -> Answer {
    said(status, &json!({ "message": message }))
}

fn answer(state: &mut State, seen: &Seen) -> Answer {
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
                .notes
                .retain(|one| !seen.path.ends_with(&format!("/{}", one.id)));
            work(state, seen)
        }
        Some(Fault::Pushed(..)) | None => work(state, seen),
    }
}

/// What GitLab does.
fn work(state: &mut State, seen: &Seen) -> Answer {
    let username = match seen.header("private-token") {
        PROJECT_TOKEN => BOT,
        MAINTAINER => "ann",
        READER => "reader",
        _ => return refused(401, "401 Unauthorized"),
    };
    let (path, query) = seen.path.split_once('?').unwrap_or((&seen.path, ""));
    let Some(path) = path.strip_prefix(BASE) else {
        state.violations.push(format!("{} {path}", seen.method));
        return refused(404, "404 Not Found");
    };
    if username == "reader" && seen.method != "GET" {
        let scope = "The request requires higher privileges than provided by the access token.";
        return said(
            403,
            &json!({ "error": "insufficient_scope", "error_description": scope, "scope": "api" }),
        );
    }
    if path == "user" {
        return said(200, &json!({ "id": 9, "username": username, "name": username }));
    }
    let rest = [REQUEST, ENCODED].iter().find_map(|base| path.strip_prefix(base));
    let Some(rest) = rest else {
        return refused(404, "404 Project Not Found");
    };
    match (seen.method.as_str(), rest.trim_start_matches('/').split_once('/')) {
        ("GET", None) if rest.is_empty() => said(200, &json!({ "iid": 7, "sha": state.head })),
        ("GET", None) if rest == "/notes" => listed(state, query),
        ("POST", None) if rest == "/notes" => with_room(state, seen, |state, text| {
            let id = state.add(username, text, false);
            note(state, id, 201)
        }),
        (method, Some(("notes", id))) => one(state, method, id.parse().expect("a number"), username, seen),
        _ => {
            state.violations.push(format!("{} {path}", seen.method));
            refused(404, "404 Not Found")
        }
    }
}

fn one(state: &mut State, method: &str, id: u64, username: &str, seen: &Seen) -> Answer {
    let Some(known) = state.notes.iter().find(|one| one.id == id) else {
        return refused(404, "404 Not found");
    };
    let may = known.username == username || username == "ann";
    match method {
        "GET" => note(state, id, 200),
        "PUT" | "DELETE" if !may => refused(403, "403 Forbidden"),
        "PUT" => with_room(state, seen, |state, text| {
            let known = state.notes.iter_mut().find(|one| one.id == id);
            text.clone_into(&mut known.expect("it is there").body);
            note(state, id, 200)
        }),
        "DELETE" => {
            state.notes.retain(|one| one.id != id);
            Answer::status(204).body("")
        }
        other => {
            state.violations.push(format!("{other} of a note"));
            refused(405, "405 Not Allowed")
        }
    }
}

/// Takes a text of a note as GitLab does: lines that begin with a slash are obeyed, and gone.
fn with_room(state: &mut State, seen: &Seen, write: impl FnOnce(&mut State, &str) -> Answer) -> Answer {
    if seen.header("content-type") != "application/json" {
        state.violations.push("a body that is no JSON".to_owned());
    }
    let body: Value = serde_json::from_slice(&seen.body).expect("JSON");
    let fields: Vec<&String> = body.as_object().expect("an object").keys().collect();
    if fields != ["body"] {
        state.violations.push(format!("fields {fields:?}"));
    }
    let text = body["body"].as_str().expect("a text");
    if text.chars().count() > state.longest {
        let words = format!("is too long (maximum is {} characters)", state.longest);
        return said(400, &json!({ "message": { "note": [words] } }));
    }
    let (actions, lines): (Vec<&str>, Vec<&str>) = text.lines().partition(|line| line.starts_with('/'));
    state.actions.extend(actions.into_iter().map(str::to_owned));
    write(state, &lines.join("\n"))
}

fn shown(note: &Note) -> Value {
    json!({
        "id": note.id,
        "body": note.body,
        "author": { "id": 9, "username": note.username, "name": note.username, "state": "active" },
        "system": note.system,
        "noteable_type": "MergeRequest",
        "noteable_iid": 7,
        "project_id": 5,
    })
}

fn note(state: &State, id: u64, status: u16) -> Answer {
    let found = state.notes.iter().find(|one| one.id == id);
    said(status, &shown(found.expect("it is there")))
}

fn listed(state: &mut State, query: &str) -> Answer {
    let mut found = (20, 1, false);
    for (key, value) in url::form_urlencoded::parse(query.as_bytes()) {
        match (key.as_ref(), value.as_ref()) {
            ("per_page", number) => found.0 = number.parse::<usize>().expect("a number").min(100),
            ("page", number) => found.1 = number.parse::<usize>().expect("a number"),
            ("sort", "asc") => found.2 = true,
            ("sort", "desc") | ("order_by", "created_at" | "updated_at") => {}
            _ => state.violations.push(format!("{key}={value}")),
        }
    }
    let (size, page, ascending) = found;
    let mut all: Vec<&Note> = state.notes.iter().collect();
    if !ascending {
        all.reverse();
    }
    let shown: Vec<Value> = all
        .iter()
        .skip((page - 1) * size)
        .take(size)
        .map(|one| shown(one))
        .collect();
    let next = if all.len() > page * size {
        (page + 1).to_string()
    } else {
        String::new()
    };
    said(200, &json!(shown)).header("x-next-page", next)
}
