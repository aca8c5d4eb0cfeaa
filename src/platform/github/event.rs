//! [`Event`]: what the payload of the triggering event says of commit, pull request and deployed URL.
//!
//! Payloads may be written by anybody (`repository_dispatch`, titles, branch names); nothing in them is believed
//! without a look at its form, and nothing in them is an error.

use std::fmt;
use std::io::Read as _;
use std::path::PathBuf;

use serde_json::Value;
use url::Url;

use super::server;
use crate::platform::Env;

/// Bytes; GitHub's own limit is 25 MB.
const LIMIT: u64 = 32 * 1024 * 1024;

/// What an event says.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Event {
    /// Head commit of the pull request, of the workflow run or of the deployment.
    pub head: Option<String>,
    /// Number of the pull request.
    pub pull_request: Option<u64>,
    /// Whether a fork's pull request started the run, whose token can only read then.
    pub of_a_fork: bool,
    /// The URL that was deployed, if the deployment succeeded.
    pub target_url: Option<String>,
    /// Why a deployment event gave no URL.
    pub lack: Option<Lack>,
    /// Whether the event tells of the state of one deployment.
    pub is_of_deployment: bool,
    /// The environment of that deployment; any text.
    pub environment: Option<String>,
    /// Whether a comment or another run that started this one is known to be about no pull request.
    pub is_of_no_pull_request: bool,
    /// Tip of the branch that the pull request is to be merged into.
    pub base: Option<String>,
}

/// Why the event of a deployment has no URL to test.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Lack {
    /// It is not ready yet, in the platform's word; another event will follow.
    NotYet(String),
    /// It will never be ready, in the platform's word.
    Failed(String),
    /// It succeeded and does not say where.
    NoUrl,
}

impl fmt::Display for Lack {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::NotYet(state) => write!(f, "the deployment is not ready yet: it is {state:?}"),
            Self::Failed(state) => write!(f, "the deployment did not succeed: it is {state:?}"),
            Self::NoUrl => f.write_str(
                "the deployment has no usable URL: no environment_url, no client_payload.url, and no target_url but that of a log",
            ),
        }
    }
}

impl Lack {
    /// Whether a deployment was tried and went wrong, and not merely gave way to another one.
    pub(super) fn is_failure(&self) -> bool {
        matches!(self, Self::Failed(state) if matches!(state.as_str(), "failure" | "failed" | "error"))
    }

    /// What the state of a deployment means; `None` for one that succeeded.
    pub(super) fn of_state(state: &str) -> Option<Self> {
        let word = || state.chars().take(40).collect();
        match state {
            "success" | "ready" | "promoted" => None,
            "failure" | "failed" | "error" | "canceled" | "ignored" | "skipped" | "inactive" => {
                Some(Self::Failed(word()))
            }
            _ => Some(Self::NotYet(word())),
        }
    }
}

/// An event file that cannot be read.
#[derive(Debug, thiserror::Error)]
pub enum EventError {
    /// No such file, or not readable.
    #[error("cannot read the event file {}: {source}", path.display())]
    Read {
        /// The file.
        path: PathBuf,
        /// Why.
        source: std::io::Error,
    },
    /// Not JSON.
    #[error("the event file {} is not JSON: {source}", path.display())]
    Json {
        /// The file.
        path: PathBuf,
        /// Why.
        source: serde_json::Error,
    },
}

impl Event {
    /// Reads the file that `GITHUB_EVENT_PATH` names; no variable, no event.
    pub fn of(env: &Env) -> Result<Self, EventError> {
        let name = env.get("GITHUB_EVENT_NAME").unwrap_or_default();
        let mut event = match payload(env)? {
            Some(payload) => Self::from_payload(name, &payload, server(env)),
            None => Self::default(),
        };
        // Dependabot's runs get the token of a fork's.
        let dependabot = env.get("GITHUB_ACTOR") == Some("dependabot[bot]");
        event.of_a_fork |= dependabot && is_read_only(name);
        Ok(event)
    }

    /// The commit that a run is about: never a merge commit, nor the head of the default branch for something else.
    pub fn commit(&self, env: &Env) -> Option<String> {
        let name = env.get("GITHUB_EVENT_NAME").unwrap_or_default();
        // For these events GITHUB_SHA is one of them.
        let elsewhere = name.starts_with("pull_request")
            || matches!(name, "issue_comment" | "workflow_run" | "merge_group");
        let sha = env.get("GITHUB_SHA").filter(|_| !elsewhere);
        self.head.clone().or_else(|| sha.map(str::to_owned))
    }

    /// What the payload of the event `name` of the GitHub at `server` says.
    pub fn from_payload(name: &str, payload: &Value, server: &str) -> Self {
        let sha = |pointer: &str| {
            payload
                .pointer(pointer)
                .and_then(Value::as_str)
                .filter(|sha| is_sha(sha))
        };
        let number = |pointer: &str| payload.pointer(pointer).and_then(Value::as_u64);
        let mut event = Self::default();
        let head = match name {
            "deployment_status" | "deployment" => {
                event.is_of_deployment = name == "deployment_status";
                event.environment = text(payload, "/deployment/environment").map(str::to_owned);
                event.deployed(payload, server);
                sha("/deployment/sha")
            }
            "repository_dispatch" => {
                event.dispatched(payload);
                sha("/client_payload/git/sha").filter(|_| event.is_of_deployment)
            }
            "workflow_run" => {
                event.pull_request = pull_requests(payload).first().copied();
                event.is_of_no_pull_request = text(payload, "/workflow_run/event")
                    .is_some_and(|name| !name.starts_with("pull_request"));
                sha("/workflow_run/head_sha")
            }
            "merge_group" => {
                event.pull_request = text(payload, "/merge_group/head_ref").and_then(queued_pull_request);
                sha("/merge_group/head_sha")
            }
            "issue_comment" => {
                let pull_request = payload
                    .pointer("/issue/pull_request")
                    .is_some_and(Value::is_object);
                event.pull_request = number("/issue/number").filter(|_| pull_request);
                event.is_of_no_pull_request = payload["issue"].is_object() && !pull_request;
                None
            }
            _ => {
                event.of_a_fork = is_read_only(name) && is_of_a_fork(payload);
                event.base = sha("/pull_request/base/sha").map(str::to_owned);
                event.pull_request = number("/pull_request/number")
                    .or_else(|| number("/number").filter(|_| name.starts_with("pull_request")));
                sha("/pull_request/head/sha")
            }
        };
        event.head = head.map(str::to_owned);
        event
    }

    fn deployed(&mut self, payload: &Value, server: &str) {
        let state = text(payload, "/deployment_status/state").unwrap_or("unknown");
        self.lack = Lack::of_state(state);
        if self.lack.is_some() {
            return;
        }
        let of = |name: &str| text(payload, &format!("/deployment_status/{name}"));
        self.target_url = preview_url(of("environment_url"), of("target_url"), of("log_url"), server);
        if self.target_url.is_none() {
            self.lack = Some(Lack::NoUrl);
        }
    }

    /// Vercel's events: <https://github.com/vercel/repository-dispatch>.
    fn dispatched(&mut self, payload: &Value) {
        let Some(state) =
            text(payload, "/action").and_then(|action| action.strip_prefix("vercel.deployment."))
        else {
            return;
        };
        self.is_of_deployment = true;
        self.environment = text(payload, "/client_payload/environment").map(str::to_owned);
        self.lack = Lack::of_state(state);
        if self.lack.is_some() {
            return;
        }
        self.target_url = text(payload, "/client_payload/url").and_then(|url| {
            // Vercel's API names hosts without a scheme.
            if url.contains("://") {
                web_url(url)
            } else {
                web_url(&format!("https://{url}"))
            }
        });
        if self.target_url.is_none() {
            self.lack = Some(Lack::NoUrl);
        }
    }
}

/// The payload in the file that `GITHUB_EVENT_PATH` names.
pub(super) fn payload(env: &Env) -> Result<Option<Value>, EventError> {
    let Some(path) = env.get("GITHUB_EVENT_PATH").map(PathBuf::from) else {
        return Ok(None);
    };
    let mut text = Vec::new();
    let read = std::fs::File::open(&path).and_then(|file| file.take(LIMIT).read_to_end(&mut text));
    if let Err(source) = read {
        return Err(EventError::Read { path, source });
    }
    let payload = serde_json::from_slice(&text);
    payload
        .map(Some)
        .map_err(|source| EventError::Json { path, source })
}

/// Whether the token of a run for somebody else's pull request can only read.
fn is_read_only(name: &str) -> bool {
    name.starts_with("pull_request") && name != "pull_request_target"
}

/// Whether head and base are of different repositories. A fork that was deleted is `null`.
fn is_of_a_fork(payload: &Value) -> bool {
    let Some(head) = payload.pointer("/pull_request/head/repo") else {
        return false;
    };
    let names = (
        head["full_name"].as_str(),
        text(payload, "/pull_request/base/repo/full_name"),
    );
    match names {
        (Some(head), Some(base)) => !head.eq_ignore_ascii_case(base),
        _ => head.is_null() || head["fork"].as_bool() == Some(true),
    }
}

pub(super) fn text<'a>(payload: &'a Value, pointer: &str) -> Option<&'a str> {
    payload
        .pointer(pointer)
        .and_then(Value::as_str)
        .filter(|text| !text.is_empty())
}

pub(super) fn is_sha(text: &str) -> bool {
    matches!(text.len(), 40 | 64) && text.chars().all(|c| c.is_ascii_hexdigit())
}

/// An address with `http` or `https` and a host, as text without white space around it.
pub(super) fn web_url(text: &str) -> Option<String> {
    let text = text.trim();
    let url = Url::parse(text).ok()?;
    let hidden = text.chars().any(|c| c.is_control() || c.is_whitespace());
    (matches!(url.scheme(), "http" | "https") && url.has_host() && !hidden).then(|| text.to_owned())
}

/// Where a deployment is. `target_url` is the old name of `log_url`, and each is set with the other: what leads to a log,
/// or to GitHub itself, is no preview.
pub(super) fn preview_url(
    environment_url: Option<&str>,
    target_url: Option<&str>,
    log_url: Option<&str>,
    server: &str,
) -> Option<String> {
    let origin = |text: &str| Url::parse(text).ok().map(|url| url.origin());
    let is_log = |target: &str| {
        log_url.is_some_and(|log| log.trim() == target)
            || [server, "https://github.com"]
                .iter()
                .any(|github| origin(github) == origin(target))
    };
    let old = || target_url.and_then(web_url).filter(|target| !is_log(target));
    environment_url.and_then(web_url).or_else(old)
}

/// The pull requests into this repository whose head is the commit of a `workflow_run`. GitHub also names those of other
/// repositories with a branch of this name, and those that have moved on.
pub(super) fn pull_requests(payload: &Value) -> Vec<u64> {
    let run = &payload["workflow_run"];
    let (own, head) = (payload["repository"]["id"].as_u64(), text(run, "/head_sha"));
    let all = run["pull_requests"].as_array().into_iter().flatten();
    all.filter(|one| own.is_some() && one["base"]["repo"]["id"].as_u64() == own)
        .filter(|one| head.is_some() && text(one, "/head/sha") == head)
        .filter_map(|one| one["number"].as_u64())
        .collect()
}

/// The number in `refs/heads/gh-readonly-queue/main/pr-42-<sha>`.
fn queued_pull_request(head: &str) -> Option<u64> {
    head.rsplit_once("/pr-")?.1.split('-').next()?.parse().ok()
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    const SHA: &str = "0123456789abcdef0123456789abcdef01234567";

    fn read(name: &str, payload: &Value) -> Event {
        Event::from_payload(name, payload, "https://ghe.example")
    }

    fn deployment(status: &Value) -> Event {
        read(
            "deployment_status",
            &json!({ "deployment": { "sha": SHA }, "deployment_status": status }),
        )
    }

    #[test]
    fn a_pull_request_is_its_head_not_its_merge() {
        let payload =
            json!({ "number": 7, "pull_request": { "number": 7, "head": { "sha": SHA, "repo": null } } });
        let event = read("pull_request", &payload);
        assert_eq!(event.head, Some(SHA.into()));
        assert_eq!(event.pull_request, Some(7));
    }

    #[test]
    fn a_fork_is_told_by_the_names_of_its_repositories() {
        let of = |name: &str, head: &Value| {
            let base = json!({ "repo": { "full_name": "acme/shop" } });
            let payload = json!({ "number": 7, "pull_request": { "head": { "repo": head }, "base": base } });
            read(name, &payload).of_a_fork
        };
        let fork = json!({ "full_name": "mallory/shop", "fork": true });
        let own = json!({ "full_name": "Acme/Shop", "fork": true });
        assert!(of("pull_request", &fork) && of("pull_request_review", &fork));
        assert!(of("pull_request", &Value::Null), "a deleted fork");
        assert!(!of("pull_request", &own), "a repository that is itself a fork");
        assert!(!of("pull_request_target", &fork), "its token can write");
    }

    #[test]
    fn only_a_successful_deployment_gives_its_url() {
        let event =
            deployment(&json!({ "state": "success", "environment_url": "https://pr-7.example.com/x" }));
        assert_eq!(event.target_url.as_deref(), Some("https://pr-7.example.com/x"));
        assert_eq!(event.head, Some(SHA.into()));
        for state in ["pending", "queued", "waiting", "in_progress", "a new word"] {
            let event = deployment(&json!({ "state": state, "environment_url": "https://a" }));
            assert_eq!(
                (event.target_url, event.lack),
                (None, Some(Lack::NotYet(state.into())))
            );
        }
        for state in ["failure", "error", "inactive"] {
            let event = deployment(&json!({ "state": state, "environment_url": "https://a" }));
            assert_eq!(
                (event.target_url, event.lack),
                (None, Some(Lack::Failed(state.into())))
            );
        }
    }

    #[test]
    fn the_target_url_stands_in_for_an_empty_environment_url() {
        for empty in [
            json!(null),
            json!(""),
            json!("ftp://x"),
            json!(3),
            json!("javascript:alert(1)"),
        ] {
            let status = json!({ "state": "success", "environment_url": empty, "target_url": "http://b" });
            assert_eq!(deployment(&status).target_url.as_deref(), Some("http://b"));
        }
        assert_eq!(deployment(&json!({ "state": "success" })).lack, Some(Lack::NoUrl));
    }

    #[test]
    fn a_log_is_no_preview() {
        for (target, log) in [
            ("https://ci.example/job/1", "https://ci.example/job/1"),
            ("https://github.com/acme/shop/actions/runs/1/job/2", ""),
            ("https://ghe.example/acme/shop/actions/runs/1/job/2", ""),
        ] {
            let status =
                json!({ "state": "success", "environment_url": "", "target_url": target, "log_url": log });
            assert_eq!(deployment(&status).lack, Some(Lack::NoUrl), "{target}");
        }
    }

    #[test]
    fn a_url_with_line_breaks_is_refused() {
        let status = json!({ "state": "success", "environment_url": "https://a\n::error::x" });
        assert_eq!(deployment(&status).target_url, None);
    }

    #[test]
    fn vercel_names_its_deployment() {
        let of = |action: &str, url: &str| {
            let payload =
                json!({ "action": action, "client_payload": { "url": url, "git": { "sha": SHA } } });
            read("repository_dispatch", &payload)
        };
        let event = of("vercel.deployment.success", "shop-abc.vercel.app");
        assert_eq!(event.target_url.as_deref(), Some("https://shop-abc.vercel.app"));
        assert_eq!(event.head, Some(SHA.into()));
        for (state, lack) in [
            ("error", Lack::Failed("error".into())),
            ("canceled", Lack::Failed("canceled".into())),
            ("pending", Lack::NotYet("pending".into())),
        ] {
            let event = of(&format!("vercel.deployment.{state}"), "https://a");
            assert_eq!((event.target_url, event.lack), (None, Some(lack)));
            assert_eq!(event.head, Some(SHA.into()));
        }
        assert_eq!(
            of("vercel.deployment.ready", "javascript:x").lack,
            Some(Lack::NoUrl)
        );
        assert_eq!(of("deploy", "https://a"), Event::default());
    }

    #[test]
    fn other_events_tell_their_pull_request() {
        let of = |number: u64, repository: u64, head: &str| json!({ "number": number, "head": { "sha": head }, "base": { "repo": { "id": repository } } });
        let (elsewhere, older) = (of(1, 2, SHA), of(2, 1, &"b".repeat(40)));
        let run = |all: Value| json!({ "repository": { "id": 1 }, "workflow_run": { "head_sha": SHA, "pull_requests": all } });
        let found = |all: Value| read("workflow_run", &run(all)).pull_request;
        assert_eq!(found(json!([elsewhere, older, of(3, 1, SHA)])), Some(3));
        assert_eq!(found(json!([elsewhere, older, { "number": 4 }])), None);
        let queue = json!({ "merge_group": { "head_ref": format!("refs/heads/gh-readonly-queue/main/pr-12-{SHA}") } });
        assert_eq!(read("merge_group", &queue).pull_request, Some(12));
        let comment = |issue: Value| read("issue_comment", &json!({ "issue": issue })).pull_request;
        assert_eq!(comment(json!({ "number": 5, "pull_request": {} })), Some(5));
        assert_eq!(comment(json!({ "number": 5 })), None);
    }

    #[test]
    fn hostile_payloads_say_nothing() {
        for payload in [
            json!(null),
            json!([]),
            json!("x"),
            json!({ "number": -1, "pull_request": [1] }),
            json!({ "number": "7", "pull_request": { "number": 1.5, "head": { "sha": "$(id)" } } }),
        ] {
            for name in [
                "pull_request",
                "workflow_run",
                "merge_group",
                "issue_comment",
                "push",
                "",
            ] {
                assert_eq!(read(name, &payload), Event::default(), "{name} {payload}");
            }
        }
    }

    #[test]
    fn a_run_of_dependabot_has_the_token_of_a_fork() {
        let file = tempfile::NamedTempFile::new().unwrap();
        std::fs::write(file.path(), "{}").unwrap();
        let of = |name: &str, actor: &str| {
            let path = file.path().display().to_string();
            let variables = [
                ("GITHUB_EVENT_PATH", path.as_str()),
                ("GITHUB_EVENT_NAME", name),
                ("GITHUB_ACTOR", actor),
            ];
            Event::of(&variables.into_iter().collect()).unwrap().of_a_fork
        };
        assert!(of("pull_request", "dependabot[bot]"));
        assert!(!of("pull_request", "ann") && !of("pull_request_target", "dependabot[bot]"));
        assert!(!of("push", "dependabot[bot]"));
    }

    #[test]
    fn a_file_that_is_too_deep_or_no_json_is_an_error() {
        let file = tempfile::NamedTempFile::new().unwrap();
        let env = Env::from_iter([("GITHUB_EVENT_PATH", file.path().display().to_string())]);
        for text in ["", "{", &"[".repeat(100_000)] {
            std::fs::write(file.path(), text).unwrap();
            assert!(matches!(Event::of(&env), Err(EventError::Json { .. })));
        }
    }
}
